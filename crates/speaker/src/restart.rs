//! When the routes that a former run left in the kernel may be swept.
//!
//! While no peer was ever up nothing is swept. A family is swept when every enabled configured
//! peer, and every other one that is up, has sent its whole table since our start, or at a deadline
//! counted from the first session that came up; at that deadline, too, where peers may come from a
//! dynamic range, for who has not come yet is not known. A peer that sends no End-of-RIB (RFC 4724 section 2) counts as done when it has
//! been up for a while and silent.

use std::time::{Duration, Instant};

use wire::{Families, Family};

use crate::peer::{Peer, PeerSource};

/// From the first Established to the sweep, at the latest.
const DEADLINE: Duration = Duration::from_secs(180);
/// A peer without End-of-RIB is done when it has been up this long...
const UP_FOR: Duration = Duration::from_secs(10);
/// ...and sent nothing for this long.
const SILENT_FOR: Duration = Duration::from_secs(5);
/// How often the conditions that depend on time alone are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The state of the sweep.
#[derive(Debug)]
pub(crate) struct Restart {
    pending: Families,
    first_up: Option<Instant>,
    next_look: Option<Instant>,
}

impl Restart {
    /// `families`: those in which a former run may have left routes.
    pub(crate) fn new(families: Families) -> Self {
        Restart {
            pending: families,
            first_up: None,
            next_look: None,
        }
    }

    /// A session came up.
    pub(crate) fn established(&mut self, now: Instant) {
        self.first_up.get_or_insert(now);
        self.next_look = Some(now);
    }

    /// Something changed that may end the wait: look at the next chance.
    pub(crate) fn touch(&mut self) {
        if let (Some(first), false) = (self.first_up, self.pending.is_empty()) {
            self.next_look = Some(first);
        }
    }

    /// When to look again.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.next_look.filter(|_| !self.pending.is_empty())
    }

    /// Whether [`Restart::due`] has anything to look at.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next_deadline().is_some_and(|at| at <= now)
    }

    /// The families to sweep now, each with the reason; each is given once. `unknown`: families of
    /// which peers may still come that are not in the configuration.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        peers: &[&Peer],
        unknown: Families,
    ) -> Vec<(Family, &'static str)> {
        let Some(first_up) = self.first_up else {
            return Vec::new();
        };
        self.next_look = Some(now + LOOK_EVERY);
        let late = now.duration_since(first_up) >= DEADLINE;
        let mut due = Vec::new();
        for family in self.pending.iter() {
            let mut awaited = peers.iter().filter(|peer| awaited(peer, family));
            if !unknown.contains(family) && awaited.all(|peer| is_done(peer, family, now)) {
                due.push((family, "every configured peer has sent its table"));
            } else if late {
                due.push((
                    family,
                    "the deadline of 180 s after the first session has passed",
                ));
            }
        }
        for (family, _) in &due {
            self.pending.remove(*family);
        }
        due
    }
}

/// Whether a peer's table is waited for: enabled, of this family, and of the file or up.
fn awaited(peer: &Peer, family: Family) -> bool {
    let expected = peer.source == PeerSource::File || peer.link().is_some();
    expected && peer.wanted() && peer.config.families.contains(family)
}

/// True if a peer has sent its whole table of a family.
pub(crate) fn is_done(peer: &Peer, family: Family, now: Instant) -> bool {
    let Some(link) = peer.link() else {
        return false;
    };
    !link.negotiated.families.contains(family)
        || link.end_of_rib.contains(family)
        || (now.duration_since(link.since) >= UP_FOR
            && now.duration_since(link.last_update) >= SILENT_FOR)
}
