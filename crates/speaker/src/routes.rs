//! Routes of our own: the configured blocks, and what the API announces. An API route belongs to
//! its owner and lives until withdrawn or the process ends.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use rib::{Cluster, PeerId, SourceInfo, SourceKind};
use wire::{AttrView, Family, NextHop, Nlri, Prefix};

use crate::Speaker;

/// API routes held at most; beyond it, announcing is refused.
const MAX_API_ROUTES: usize = 262_144;

/// A route announced through the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRoute {
    /// Who announced it; only the same owner may change or withdraw it.
    pub owner: String,
    /// The next hop to give; `None` is this speaker's own address on each session.
    pub next_hop: Option<NextHop>,
    /// Canonical path attributes.
    pub attrs: Vec<u8>,
}

/// Why an API route was not taken or withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// Another owner announced this prefix.
    Owned {
        /// Who.
        owner: String,
    },
    /// The prefix is one of `advertise.blocks`.
    Configured,
    /// No route of this prefix was announced through the API.
    NotFound,
    /// The limit of API routes is reached.
    TooMany,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::Owned { owner } => {
                write!(f, "owner {owner:?} announced this prefix; withdraw it under that owner first")
            }
            RouteError::Configured => {
                f.write_str("this prefix is one of `advertise.blocks`; change it in the configuration and reload")
            }
            RouteError::NotFound => {
                f.write_str("nothing was announced through the API for this prefix; see `bgpctl route list`")
            }
            RouteError::TooMany => write!(f, "{MAX_API_ROUTES} routes are announced through the API already; withdraw some"),
        }
    }
}

impl std::error::Error for RouteError {}

/// What the API announced, by prefix.
pub(crate) type ApiRoutes = BTreeMap<Prefix, ApiRoute>;

impl Speaker {
    pub(crate) fn init_local_routes(&mut self) {
        for (id, kind) in [
            (PeerId::LOCAL, SourceKind::Local),
            (PeerId::API, SourceKind::Api),
        ] {
            self.rib.source_up(
                id,
                SourceInfo {
                    kind,
                    remote_as: self.identity.local_as,
                    local_as: self.identity.local_as,
                    router_id: self.identity.router_id,
                    address: IpAddr::V4(self.identity.router_id),
                    own_addresses: Vec::new(),
                    role: None,
                    paths: None,
                    own_as_allowed: 0,
                    cluster: Cluster::own(self.identity.cluster_id),
                    is_meshed: false,
                    enforce_first_as: false,
                },
            );
        }
        for block in self.config.blocks.clone() {
            self.announce_block(block);
        }
    }

    pub(crate) fn announce_block(&mut self, block: Prefix) {
        self.announce_own(PeerId::LOCAL, block, None, &rib::default_local_attrs());
    }

    pub(crate) fn withdraw_block(&mut self, block: Prefix) {
        self.rib.withdraw(
            PeerId::LOCAL,
            Nlri {
                prefix: block,
                path_id: 0,
            },
        );
    }

    fn announce_own(
        &mut self,
        source: PeerId,
        prefix: Prefix,
        next_hop: Option<NextHop>,
        attrs: &[u8],
    ) {
        let next_hop = next_hop.unwrap_or_else(|| rib::own_route_next_hop(Family::of(&prefix)));
        let id = self.rib.intern(AttrView::new(attrs));
        self.rib
            .announce(source, Nlri { prefix, path_id: 0 }, id, next_hop, Ok(()));
        self.rib.release(id);
    }

    /// Announces a route for an owner, or changes what that owner announced before.
    ///
    /// # Errors
    /// See [`RouteError`].
    pub fn announce(&mut self, prefix: Prefix, route: ApiRoute) -> Result<(), RouteError> {
        if self.config.blocks.contains(&prefix) {
            return Err(RouteError::Configured);
        }
        match self.api_routes.get(&prefix) {
            Some(held) if held.owner != route.owner => {
                return Err(RouteError::Owned {
                    owner: held.owner.clone(),
                });
            }
            Some(held) if *held == route => return Ok(()),
            Some(_) => {}
            None if self.api_routes.len() >= MAX_API_ROUTES => return Err(RouteError::TooMany),
            None => {}
        }
        self.announce_own(PeerId::API, prefix, route.next_hop, &route.attrs);
        self.api_routes.insert(prefix, route);
        Ok(())
    }

    /// Withdraws what `owner` announced.
    ///
    /// # Errors
    /// See [`RouteError`].
    pub fn withdraw(&mut self, prefix: Prefix, owner: &str) -> Result<(), RouteError> {
        match self.api_routes.get(&prefix) {
            None => return Err(RouteError::NotFound),
            Some(held) if held.owner != owner => {
                return Err(RouteError::Owned {
                    owner: held.owner.clone(),
                });
            }
            Some(_) => {}
        }
        self.api_routes.remove(&prefix);
        self.rib.withdraw(PeerId::API, Nlri { prefix, path_id: 0 });
        Ok(())
    }

    /// What the API announced for a prefix.
    pub fn api_route(&self, prefix: &Prefix) -> Option<&ApiRoute> {
        self.api_routes.get(prefix)
    }
}
