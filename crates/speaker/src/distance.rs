//! Peers of another AS that are on no link of this node.
//!
//! Without `multihop` what such a peer is sent has a time to live of 1 and gets no farther than the first router: it is
//! held down, and says why, instead of failing without an end. Where no kernel is known, nobody can tell, and the attempts
//! fail. A session that is up proves that it is near enough.

use std::time::Instant;

use crate::Speaker;
use crate::event::Event;
use crate::peer::{Peer, PeerSource};

impl Speaker {
    /// Why a peer with these settings would be out of reach, if it is.
    pub(crate) fn distance(&self, config: &config::Peer, source: &PeerSource) -> Option<Box<str>> {
        let kernel = self.kernel.as_ref().filter(|kernel| kernel.is_known())?;
        let is_single_hop = match config.ttl_security {
            Some(hops) => hops.get() == 1,
            None => config.ttl == 1,
        };
        let is_asked = is_single_hop && !config.is_internal() && !config.address.is_loopback();
        // Whoever is there already has found the way.
        let is_named = !matches!(source, PeerSource::Dynamic { .. });
        let is_far = is_asked && is_named && !kernel.fib().is_on_link(config.address);
        is_far.then(|| {
            let address = config.address;
            format!(
                "{address} is on no subnet of this node; set `multihop` if there is a router between"
            )
            .into()
        })
    }

    /// Looks at the distance of all peers again, because what is on our links has changed.
    pub(crate) fn measure(&mut self, now: Instant) {
        for id in self.peers.ids() {
            let Some(peer) = self.peers.get(id).filter(|peer| peer.link.is_none()) else {
                continue;
            };
            let far = self.distance(&peer.config, &peer.source);
            let Some(peer) = self.peers.get_mut(id) else {
                continue;
            };
            if peer.far == far {
                continue;
            }
            let lack = far.as_deref().map(str::to_owned);
            peer.far = far;
            self.events.push(Event::Readiness {
                peer: peer.config.name.clone(),
                lack: lack.clone(),
            });
            match lack {
                Some(_) => self.hold_down(now, id),
                None => self.enable_if_wanted(now, id),
            }
            self.touch(id);
        }
    }

    /// Whether somebody is held down for its distance.
    pub(crate) fn has_far_peers(&self) -> bool {
        self.peers.iter().any(|peer| peer.far.is_some())
    }
}

impl Peer {
    /// What is not there that it needs, such as a device, or a link that it is on; it is held down until it is.
    pub fn lack(&self) -> Option<&str> {
        self.readiness.lack().or(self.far.as_deref())
    }
}
