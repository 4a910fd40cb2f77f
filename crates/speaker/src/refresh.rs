//! Refreshes that have a beginning and an end (RFC 7313): of our routes to a peer, and of a peer's to us.

use std::time::{Duration, Instant};

use rib::PeerId;
use wire::{Families, Family};

use crate::Speaker;
use crate::event::Event;

/// What a peer announces anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refresh {
    pub(crate) families: Families,
    /// What it has not announced until then goes, whatever happens.
    pub(crate) until: Instant,
}

impl Speaker {
    /// Sends a peer our routes of a family again, between the marks that both agreed on.
    pub(crate) fn send_again(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let is_marked = |link: &crate::peer::Link| link.negotiated.enhanced_refresh;
        if !peer.link.as_ref().is_some_and(is_marked) {
            return self.rib.refresh(id, family);
        }
        if self.rib.refresh_with_end(id, family) {
            peer.session.begin_refresh(family);
        }
    }

    /// A peer begins to announce a family anew. What it has goes if it has not announced it again when it says that this was
    /// all, or after `stale-time`, as after a restart. Before the End-of-RIB of a peer that restarts gracefully this is
    /// ignored: what it kept from before is still on its way (RFC 7313 section 4).
    pub(crate) fn refresh_begins(&mut self, now: Instant, id: PeerId, family: Family) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let stale_time = Duration::from_secs(peer.config.graceful.stale_time.into());
        let Some(link) = peer.link.as_mut() else {
            return;
        };
        if link.negotiated.graceful.is_some() && !link.end_of_rib.contains(family) {
            return;
        }
        let refresh = link.refresh.get_or_insert(Refresh {
            families: Families::EMPTY,
            until: now,
        });
        refresh.families.insert(family);
        refresh.until = now + stale_time;
        self.rib.begin_refresh(id, family);
    }

    /// A peer has announced a family anew.
    pub(crate) fn refresh_ends(&mut self, id: PeerId, family: Family) {
        let peer = self.peers.get_mut(id);
        let Some(link) = peer.and_then(|peer| peer.link.as_mut()) else {
            return;
        };
        let Some(refresh) = &mut link.refresh else {
            return;
        };
        refresh.families.remove(family);
        if refresh.families.is_empty() {
            link.refresh = None;
        }
        // Nothing, if it had not begun.
        self.rib.end_refresh(id, family);
    }

    /// A peer that does not say that this was all has had its time.
    pub(crate) fn expire_refresh(&mut self, now: Instant, id: PeerId) {
        let peer = self.peers.get(id);
        let Some(peer) = peer else { return };
        let refresh = peer.link.as_ref().and_then(|link| link.refresh);
        let Some(refresh) = refresh.filter(|refresh| refresh.until <= now) else {
            return;
        };
        let name = peer.config.name.clone();
        for family in refresh.families.iter() {
            let peer = name.clone();
            self.events.push(Event::RefreshNotEnded { peer, family });
            self.refresh_ends(id, family);
        }
    }
}
