//! Roles between ASes, and the attribute Only to Customer, which keeps a route that went down or across from going up
//! again (RFC 9234 section 5).
//!
//! A role is what we are to a peer. What follows from it is the same whether the peer said its own or not. Checks, export
//! and transformation ask here; nothing is kept here.

use wire::{Asn, AttrBuilder, AttrView, Role};

use crate::ids::{AttrId, PeerId, RejectReason, SourceInfo};
use crate::rib::Rib;

/// RFC 9234 5, on receipt, 1 and 2: from a customer or a client nothing may come that is for customers only; from a lateral
/// peer only what it marked itself.
pub(crate) fn check(source: &SourceInfo, attrs: AttrView<'_>) -> Result<(), RejectReason> {
    let Some(role) = source.role else {
        return Ok(());
    };
    let is_leak = match (role, attrs.otc()) {
        (_, None) => false,
        (Role::Provider | Role::RouteServer, Some(_)) => true,
        (Role::Peer, Some(asn)) => asn != source.remote_as,
        (Role::Customer | Role::RouteServerClient, Some(_)) => false,
    };
    match is_leak {
        true => Err(RejectReason::RouteLeak),
        false => Ok(()),
    }
}

/// RFC 9234 5, on receipt, 3: the AS that marks what comes from a provider, a route server or a lateral peer without a mark.
fn mark_on_receipt(source: &SourceInfo) -> Option<Asn> {
    match source.role? {
        Role::Customer | Role::RouteServerClient | Role::Peer => Some(source.remote_as),
        Role::Provider | Role::RouteServer => None,
    }
}

/// RFC 9234 5, on advertisement, 1: what goes to a customer, a client or a lateral peer has a mark, if it is ours.
pub(crate) fn marks(role: Option<Role>) -> bool {
    matches!(role, Some(Role::Provider | Role::RouteServer | Role::Peer))
}

/// RFC 9234 5, on advertisement, 2: what has a mark does not go to a provider, a lateral peer or a route server.
pub(crate) fn holds_back(role: Option<Role>) -> bool {
    matches!(
        role,
        Some(Role::Customer | Role::RouteServerClient | Role::Peer)
    )
}

impl Rib {
    /// As [`Rib::intern`], for attributes that this peer sent: with the mark that its role asks for (RFC 9234 section 5).
    pub fn intern_from(&mut self, peer: PeerId, attrs: AttrView<'_>) -> AttrId {
        let source = self.sources.of(peer);
        let mark = source.and_then(|source| mark_on_receipt(&source.info));
        match mark.filter(|_| attrs.otc().is_none()) {
            None => self.attrs.intern(attrs),
            Some(asn) => {
                let mut marked = AttrBuilder::from_view(attrs);
                marked.set_otc(asn);
                self.attrs.intern(marked.view())
            }
        }
    }
}

#[cfg(test)]
mod tests;
