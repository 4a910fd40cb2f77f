//! Leaving on purpose: peers are told to prefer others before anything ends (RFC 8326).
//!
//! What a drained speaker tells, it tells with GRACEFUL_SHUTDOWN and, inside its AS, with the least LOCAL_PREF: who has
//! another path takes it, and who has none keeps ours. One peer alone can be left, too; then its own routes are the
//! least preferred here as well, so that traffic goes neither way. Nothing of it outlives the process.

use std::time::Instant;

use config::Blackhole;
use rib::{Amends, PeerId};

use crate::Speaker;
use crate::event::Event;
use crate::lifecycle::PeerError;
use crate::peer::Peer;

/// That something is drained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Since when.
    pub since: Instant,
    /// What the operator said about it; may be empty.
    pub reason: String,
}

impl Drain {
    fn new(since: Instant, reason: &str) -> Drain {
        Drain {
            since,
            reason: reason.to_owned(),
        }
    }

    /// Begins, or goes on with another reason.
    fn begin(this: &mut Option<Drain>, now: Instant, reason: &str) -> bool {
        match this {
            Some(drain) => {
                reason.clone_into(&mut drain.reason);
                false
            }
            None => {
                *this = Some(Drain::new(now, reason));
                true
            }
        }
    }
}

/// What is honoured of the communities that a peer sends.
pub(crate) fn amends(peer: &Peer, is_external: bool) -> Amends {
    Amends {
        graceful_shutdown: is_external && peer.config.graceful_shutdown,
        leaving: peer.drain.is_some(),
        blackhole: peer.config.blackhole == Blackhole::Accept,
        prepended: peer.config.path.prepended(),
    }
}

impl Speaker {
    /// That the speaker is drained, if it is.
    pub fn drained(&self) -> Option<&Drain> {
        self.drain.as_ref()
    }

    /// Tells all peers to prefer others, until [`Speaker::undrain`] or the end of the process. Sessions stay.
    pub fn drain(&mut self, now: Instant, reason: &str) {
        if Drain::begin(&mut self.drain, now, reason) {
            self.events.push(Event::Drained {
                peer: None,
                reason: Some(reason.to_owned()),
            });
            self.retell_all(now);
        }
    }

    /// Takes [`Speaker::drain`] back. Peers that are drained by themselves stay so.
    pub fn undrain(&mut self, now: Instant) {
        if self.drain.take().is_some() {
            self.events.push(Event::Drained {
                peer: None,
                reason: None,
            });
            self.retell_all(now);
        }
    }

    fn retell_all(&mut self, now: Instant) {
        for id in self.peers.ids() {
            self.retell(id);
        }
        self.readvertise(now);
    }

    fn retell(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.is_retold = true;
        }
        self.touch(id);
    }

    /// Tells one peer to prefer others, and prefers others to it. Its routes are asked for again, if it can be asked (RFC
    /// 2918); else those that it has told already stay as they are.
    ///
    /// # Errors
    /// [`PeerError::NotFound`].
    pub fn drain_peer(&mut self, now: Instant, id: PeerId, reason: &str) -> Result<(), PeerError> {
        let peer = self.peers.get_mut(id).ok_or(PeerError::NotFound)?;
        if Drain::begin(&mut peer.drain, now, reason) {
            self.peer_drained(now, id, Some(reason));
        } else {
            self.touch(id);
        }
        Ok(())
    }

    /// Takes [`Speaker::drain_peer`] back.
    ///
    /// # Errors
    /// [`PeerError::NotFound`].
    pub fn undrain_peer(&mut self, now: Instant, id: PeerId) -> Result<(), PeerError> {
        let peer = self.peers.get_mut(id).ok_or(PeerError::NotFound)?;
        if peer.drain.take().is_some() {
            self.peer_drained(now, id, None);
        }
        Ok(())
    }

    /// A peer is drained from now on, or no longer.
    fn peer_drained(&mut self, now: Instant, id: PeerId, reason: Option<&str>) {
        if let Some(peer) = self.peers.get(id) {
            self.events.push(Event::Drained {
                peer: Some(peer.config.name.clone()),
                reason: reason.map(str::to_owned),
            });
        }
        self.retell(id);
        self.readvertise(now);
        // Who is not up, or cannot be asked, tells its routes anew when it comes back.
        let _ = self.request_refresh(now, id);
    }

    /// Whether a peer is to be told that we leave it.
    pub(crate) fn leaves(&self, peer: &Peer) -> bool {
        self.drain.is_some() || peer.drain.is_some()
    }
}
