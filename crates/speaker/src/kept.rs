//! What is kept of peers that went and may be about to come back.
//!
//! A peer that went in a way that may be a restart has its routes kept: until it has announced them anew, which its
//! End-of-RIB says, and no longer than its restart time without a session, or `stale-time` with one (RFC 4724 section 4.2).
//! A peer that asked for it has them kept for long behind that, as what to take last (RFC 9494 section 4.2).
//!
//! One that goes again before its End-of-RIB keeps what is left of the session before only where both ends agreed on the
//! rules of RFC 8538, or where that is kept for long already; RFC 4724 alone has it dropped.

use std::time::{Duration, Instant};

use rib::PeerId;
use session::{Down, Negotiated};
use wire::{Families, Family};

use crate::Speaker;
use crate::event::{Event, KeptEnd, KeptFact};

/// Routes of a peer that is away are kept no longer than this, whatever restart time it asks for.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// What is kept of a peer that went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The families whose routes are kept.
    pub families: Families,
    /// Those of them whose routes are kept for long: they are the least preferred (RFC 9494).
    pub long: Families,
    /// While the peer is away: when routes that are not kept for long yet go, or are from then on. Once it is back: when
    /// all go.
    until: Instant,
    /// When the first of the sessions ended that they came by.
    since: Instant,
    /// For how long the peer asked, by [`Family::index`].
    times: [Duration; 2],
    /// When those that are kept for long go, by [`Family::index`].
    long_until: [Instant; 2],
}

impl Kept {
    /// Until when routes are kept that are not kept for long, if there are such.
    pub fn until(&self) -> Option<Instant> {
        (self.families != self.long).then_some(self.until)
    }

    /// Until when routes are kept for long, at most, if there are such.
    pub fn long_until(&self) -> Option<Instant> {
        let long = self.long.iter();
        long.map(|family| self.long_until[family.index()]).max()
    }

    /// When something of it is over.
    pub(crate) fn next_deadline(&self, is_up: bool) -> Instant {
        if is_up {
            return self.until;
        }
        let long = self.long.iter();
        let long = long.map(|family| self.long_until[family.index()]);
        self.until()
            .into_iter()
            .chain(long)
            .min()
            .unwrap_or(self.until)
    }

    /// The families of which it stays though the peer went once more, for a reason after which routes of `agreed` are kept.
    fn outlives(&self, now: Instant, agreed: Families, stale_time: Option<Duration>) -> Families {
        let outlives = |family: &Family| match self.long.contains(*family) {
            true => now < self.long_until[family.index()],
            false => stale_time.is_some_and(|time| now < self.since + time),
        };
        let both = self.families & agreed;
        both.iter().filter(outlives).collect()
    }
}

impl Speaker {
    /// The session of a peer went down: its routes go, or are kept if it may be a restart.
    pub(crate) fn part(&mut self, now: Instant, id: PeerId, negotiated: &Negotiated, down: &Down) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let graceful = negotiated.graceful;
        let time = graceful.map_or(0, |peer| peer.restart_time);
        let time = Duration::from_secs(time.into()).min(KEPT_FOR);
        let most = peer.config.long_lived.max_stale_time;
        let times = negotiated.long_lived.map_or([0; 2], |peer| peer.stale_time);
        let times = times.map(|time| Duration::from_secs(time.min(most).into()));
        let agreed = match peer.wanted() {
            true => negotiated.kept_after(&down.reason),
            false => Families::EMPTY,
        };
        let restarts = match time.is_zero() {
            true => Families::EMPTY,
            false => graceful.map_or(Families::EMPTY, |peer| peer.families),
        };
        let stale_time = Duration::from_secs(peer.config.graceful.stale_time.into());
        let stale_time = negotiated.is_hard_reset_needed().then_some(stale_time);
        let old = peer.kept.take();
        let older = old.map_or(Families::EMPTY, |old| old.outlives(now, agreed, stale_time));
        let counts = self.rib.path_counts(id);
        let new = agreed.iter().filter(|family| {
            let is_asked = restarts.contains(*family) || !times[family.index()].is_zero();
            is_asked && counts[family.index()].received > 0
        });
        let new: Families = new.collect();
        let families = new | older;
        let long = old.map_or(Families::EMPTY, |old| old.long & families);
        peer.kept = (!families.is_empty()).then(|| Kept {
            families,
            long,
            until: now + time,
            since: old
                .filter(|_| !older.is_empty())
                .map_or(now, |old| old.since),
            times,
            long_until: old.map_or([now; 2], |old| old.long_until),
        });
        if peer.kept.is_some() {
            self.events.push(Event::Kept {
                peer: peer.config.name.clone(),
                fact: KeptFact::Begin { families, time },
            });
        }
        self.rib.leave(id);
        self.rib.source_down_keeping(id, new, older);
        // What was kept for long stays so, and what came since has no time of its own (RFC 9494 section 4.2).
        self.rib.age_kept(id, long);
        self.keep_for_long(now, id, families - long - restarts);
    }

    /// Routes of these families are kept for long from now on, in which the peer asked for it; others go.
    fn keep_for_long(&mut self, now: Instant, id: PeerId, families: Families) {
        if families.is_empty() {
            return;
        }
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let Some(kept) = &mut peer.kept else {
            return;
        };
        let (mut long, mut gone) = (Families::EMPTY, Families::EMPTY);
        for family in families.iter() {
            let time = kept.times[family.index()];
            if time.is_zero() {
                gone.insert(family);
                continue;
            }
            long.insert(family);
            kept.long.insert(family);
            kept.long_until[family.index()] = now + time;
            self.events.push(Event::Kept {
                peer: peer.config.name.clone(),
                fact: KeptFact::Long { family, time },
            });
        }
        self.rib.age_kept(id, long);
        self.drop_kept(id, gone, KeptEnd::NotBack);
        self.touch(id);
    }

    /// A peer of which routes are kept is back. Those of families in which it did not forward on go at once; it has some
    /// time to announce the others anew (RFC 4724 section 4.2, RFC 9494 section 4.2).
    pub(crate) fn welcome(&mut self, now: Instant, id: PeerId, negotiated: &Negotiated) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let Some(kept) = &mut peer.kept else {
            return;
        };
        let nothing = Families::EMPTY;
        let forwarding = negotiated.graceful.map_or(nothing, |peer| peer.forwarding);
        let long = negotiated
            .long_lived
            .map_or(nothing, |peer| peer.forwarding);
        let stale_time = Duration::from_secs(peer.config.graceful.stale_time.into());
        kept.until = now + stale_time;
        let has_kept = |family: &Family| match kept.long.contains(*family) {
            true => long.contains(*family),
            false => forwarding.contains(*family),
        };
        let lost = kept.families.iter().filter(|family| !has_kept(family));
        let lost: Families = lost.collect();
        self.drop_kept(id, lost, KeptEnd::NotForwarded);
    }

    /// What is kept of a peer goes, in these families.
    pub(crate) fn drop_kept(&mut self, id: PeerId, families: Families, why: KeptEnd) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let Some(kept) = &mut peer.kept else {
            return;
        };
        for family in families.iter().filter(|one| kept.families.contains(*one)) {
            let left = self.rib.kept_counts(id)[family.index()].received;
            if left > 0 {
                self.events.push(Event::Kept {
                    peer: peer.config.name.clone(),
                    fact: KeptFact::End {
                        family,
                        routes: left,
                        why,
                    },
                });
            }
        }
        for family in families.iter() {
            kept.families.remove(family);
            kept.long.remove(family);
        }
        if kept.families.is_empty() {
            peer.kept = None;
        }
        self.rib.drop_kept(id, families);
        self.touch(id);
    }

    /// We do not read at present, so who is back may not have been heard.
    pub(crate) fn forgive_absence(&mut self, until: Instant, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if let Some(kept) = &mut peer.kept {
            kept.until = kept.until.max(until);
            kept.long_until = kept.long_until.map(|at| at.max(until));
        }
        let refresh = peer.link.as_mut().and_then(|link| link.refresh.as_mut());
        if let Some(refresh) = refresh {
            refresh.until = refresh.until.max(until);
        }
    }

    /// What is kept of a peer goes if its time is over, or is kept for long from now on.
    pub(crate) fn expire_kept(&mut self, now: Instant, id: PeerId) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let Some(kept) = peer.kept else {
            return;
        };
        if peer.link.is_some() {
            if kept.until <= now {
                self.drop_kept(id, Families::ALL, KeptEnd::NoEndOfRib);
            }
            return;
        }
        let long = kept.long.iter();
        let over = long.filter(|family| kept.long_until[family.index()] <= now);
        let over: Families = over.collect();
        if !over.is_empty() {
            self.drop_kept(id, over, KeptEnd::LongOver);
        }
        if kept.until <= now {
            self.keep_for_long(now, id, kept.families - kept.long);
        }
    }
}
