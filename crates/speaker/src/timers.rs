//! One deadline per peer, ordered. Cost: a tree step when a deadline changes, nothing per message
//! when it does not.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use rib::PeerId;

/// The deadlines of all peers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Instant, PeerId)>,
    of: HashMap<PeerId, Instant>,
}

impl Timers {
    /// Sets, moves or (with `None`) clears the deadline of a peer.
    pub(crate) fn set(&mut self, peer: PeerId, deadline: Option<Instant>) {
        let before = match deadline {
            Some(at) => self.of.insert(peer, at),
            None => self.of.remove(&peer),
        };
        if before == deadline {
            return;
        }
        if let Some(old) = before {
            self.order.remove(&(old, peer));
        }
        if let Some(new) = deadline {
            self.order.insert((new, peer));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes one peer whose deadline has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<PeerId> {
        let (at, peer) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.order.pop_first();
        self.of.remove(&peer);
        Some(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_come_in_order_and_can_move() {
        let start = crate::testing::start();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set(PeerId(1), Some(at(5)));
        timers.set(PeerId(2), Some(at(3)));
        timers.set(PeerId(1), Some(at(1)));
        timers.set(PeerId(3), Some(at(2)));
        timers.set(PeerId(3), None);
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop_due(at(0)), None);
        assert_eq!(timers.pop_due(at(9)), Some(PeerId(1)));
        assert_eq!(timers.pop_due(at(9)), Some(PeerId(2)));
        assert_eq!(timers.pop_due(at(9)), None);
    }
}
