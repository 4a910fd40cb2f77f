//! Graceful restart: what is kept of peers that are about to come back, and our own coming back.
//!
//! A peer that went in a way that may be a restart has its routes kept: until it has announced them anew, which its
//! End-of-RIB says, and no longer than its restart time without a session, or `stale-time` with one (RFC 4724 section 4.2).
//!
//! We ourselves say that we have restarted in the first OPEN to each peer, for a while after the start, and that we forwarded
//! on if that is so: a node knows by the routes that a former run left in its kernel; who forwards nothing has nothing to
//! lose. Selection is not deferred: a route is passed on at once. What a reflector holds back is its End-of-RIB, until those
//! have spoken of whom its table is made, for who keeps its former routes drops them at that word.

use std::time::{Duration, Instant};

use fib::RouteState;
use rib::PeerId;
use session::{Down, Graceful, Negotiated};
use wire::{Families, Family};

use crate::Speaker;
use crate::event::{Event, KeptEnd, KeptFact};
use crate::peer::{Peer, PeerSource};
use crate::restart::is_done;

/// OPENs say for so long that we have restarted.
const RESTARTED_FOR: Duration = Duration::from_secs(180);
/// Routes of a peer that is away are kept no longer than this, whatever it asks for.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// End-of-RIB is held back no longer than this after the first session came up.
const HELD_FOR: Duration = Duration::from_secs(60);
/// Where anybody may connect, everybody is taken to have come when nothing new was heard for this long.
const QUIET_FOR: Duration = Duration::from_secs(10);
/// How often the conditions that depend on time alone are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is kept of a peer that went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The families whose routes are kept.
    pub families: Families,
    /// They go at this time, whatever happens.
    pub until: Instant,
}

/// Our own coming back.
#[derive(Debug, Default)]
pub(crate) struct Comeback {
    /// The families in which we forwarded on.
    forwarding: Families,
    /// Since when we are back; OPENs say so for a while.
    since: Option<Instant>,
    /// End-of-RIB is held back.
    holds: bool,
    first_up: Option<Instant>,
    /// When a session came up, or a table was complete.
    news: Option<Instant>,
    next_look: Option<Instant>,
}

impl Comeback {
    /// A session came up, or a peer's table is complete.
    pub(crate) fn hear(&mut self, now: Instant) {
        if self.holds {
            self.first_up.get_or_insert(now);
            self.news = Some(now);
            self.next_look = Some(now);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.next_look.filter(|_| self.holds)
    }
}

impl Speaker {
    /// What we offer of graceful restart to a peer with these settings.
    pub(crate) fn graceful_offer(&self, config: &config::Peer) -> Option<Graceful> {
        let graceful = config.graceful;
        graceful.enabled.then(|| Graceful {
            restart_time: graceful.restart_time,
            restarting: self.comeback.since.is_some(),
            forwarding: self.comeback.forwarding & config.families,
        })
    }

    /// Sessions are about to begin, and what the kernel holds is known.
    pub(crate) fn come_back(&mut self, now: Instant) {
        let forwarding = match &self.kernel {
            None => Families::ALL,
            Some(kernel) => {
                let rows = kernel.fib().routes(None, usize::MAX);
                let rows = rows.iter().filter(|row| row.state == RouteState::Stale);
                rows.map(|row| Family::of(&row.key.prefix)).collect()
            }
        };
        let holds = self.config.role == config::Role::Reflector;
        self.comeback = Comeback {
            forwarding,
            since: (!forwarding.is_empty()).then_some(now),
            holds,
            ..Comeback::default()
        };
        self.rib.hold_end_of_rib(holds);
        for id in self.peers.ids() {
            self.reconfigure(now, id);
        }
    }

    /// What time alone ends of our coming back.
    pub(crate) fn run_comeback(&mut self, now: Instant) {
        let since = self.comeback.since;
        if since.is_some_and(|since| now >= since + RESTARTED_FOR) {
            self.comeback.since = None;
            for id in self.peers.ids() {
                self.reconfigure(now, id);
            }
        }
        if self.comeback.next_deadline().is_some_and(|at| at <= now) {
            self.comeback.next_look = Some(now + LOOK_EVERY);
            if self.is_complete(now) {
                self.comeback.holds = false;
                self.rib.hold_end_of_rib(false);
            }
        }
    }

    /// True if End-of-RIB may be said: those have spoken of whom the table is made, or it is too late to wait for them.
    fn is_complete(&self, now: Instant) -> bool {
        let comeback = &self.comeback;
        let (Some(first_up), Some(news)) = (comeback.first_up, comeback.news) else {
            return false;
        };
        if now.duration_since(first_up) >= HELD_FOR {
            return true;
        }
        let is_open = !self.config.dynamic.is_empty();
        let is_quiet = !is_open || now.duration_since(news) >= QUIET_FOR;
        is_quiet && self.peers.iter().all(|peer| has_spoken(peer, now))
    }

    /// The routes of a session that went down are kept, if it may be a restart; the families.
    pub(crate) fn keep(
        &mut self,
        now: Instant,
        id: PeerId,
        negotiated: &Negotiated,
        down: &Down,
    ) -> Families {
        let Some(peer) = self.peers.get_mut(id) else {
            return Families::EMPTY;
        };
        let time = negotiated.graceful.map_or(0, |peer| peer.restart_time);
        let time = Duration::from_secs(time.into()).min(KEPT_FOR);
        let counts = self.rib.path_counts(id);
        let families = negotiated.kept_after(&down.reason).iter();
        let families = families.filter(|family| counts[family.index()].received > 0);
        let mut families: Families = families.collect();
        if time.is_zero() || !peer.wanted() {
            families = Families::EMPTY;
        }
        peer.kept = (!families.is_empty()).then(|| Kept {
            families,
            until: now + time,
        });
        if peer.kept.is_some() {
            self.events.push(Event::Kept {
                peer: peer.config.name.clone(),
                fact: KeptFact::Begin { families, time },
            });
        }
        families
    }

    /// A peer of which routes are kept is back. Those of families in which it did not forward on go at once; it has some
    /// time to announce the others anew (RFC 4724 section 4.2).
    pub(crate) fn welcome(&mut self, now: Instant, id: PeerId, negotiated: &Negotiated) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let Some(kept) = &mut peer.kept else {
            return;
        };
        let forwarding = negotiated.graceful.map(|peer| peer.forwarding);
        let forwarding = forwarding.unwrap_or(Families::EMPTY);
        let stale_time = Duration::from_secs(peer.config.graceful.stale_time.into());
        kept.until = now + stale_time;
        let lost = kept.families.iter();
        let lost: Families = lost
            .filter(|family| !forwarding.contains(*family))
            .collect();
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
        }
        let refresh = peer.link.as_mut().and_then(|link| link.refresh.as_mut());
        if let Some(refresh) = refresh {
            refresh.until = refresh.until.max(until);
        }
    }

    /// What is kept of a peer goes if its time is over.
    pub(crate) fn expire_kept(&mut self, now: Instant, id: PeerId) {
        let peer = self.peers.get(id);
        let kept = peer.and_then(|peer| peer.kept);
        if kept.is_some_and(|kept| kept.until <= now) {
            let is_up = peer.is_some_and(|peer| peer.link.is_some());
            let why = match is_up {
                true => KeptEnd::NoEndOfRib,
                false => KeptEnd::NotBack,
            };
            self.drop_kept(id, Families::ALL, why);
        }
    }
}

/// True if a peer's table is complete, or nobody waits for it.
fn has_spoken(peer: &Peer, now: Instant) -> bool {
    let is_awaited = peer.wanted() && (peer.source == PeerSource::File || peer.link.is_some());
    let mut families = peer.config.families.iter();
    !is_awaited || families.all(|family| is_done(peer, family, now))
}
