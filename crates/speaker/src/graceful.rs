//! Graceful restart: our own coming back. What is kept of peers is in `kept`.
//!
//! We say that we have restarted in the first OPEN to each peer, for a while after the start, and that we forwarded
//! on if that is so: a node knows by the routes that a former run left in its kernel; who forwards nothing has nothing to
//! lose. Selection is not deferred: a route is passed on at once. What a reflector holds back is its End-of-RIB, until those
//! have spoken of whom its table is made, for who keeps its former routes drops them at that word.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use fib::RouteState;
use session::{Graceful, LongLived};
use wire::{Families, Family};

use crate::Speaker;
use crate::peer::{Peer, PeerSource};
use crate::restart::is_done;

/// OPENs say for so long that we have restarted.
const RESTARTED_FOR: Duration = Duration::from_secs(180);
/// End-of-RIB is held back no longer than this after the first session came up.
const HELD_FOR: Duration = Duration::from_secs(60);
/// Where anybody may connect, everybody is taken to have come when nothing new was heard for this long.
const QUIET_FOR: Duration = Duration::from_secs(10);
/// How often the conditions that depend on time alone are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
    /// Clients of dynamic ranges that a former run had and that have not told all yet; none if that is not known.
    awaited: Option<Vec<IpAddr>>,
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

    /// What we offer of long-lived graceful restart to a peer with these settings (RFC 9494 section 3.1).
    pub(crate) fn long_lived_offer(&self, config: &config::Peer) -> Option<LongLived> {
        let long = config.long_lived;
        long.enabled.then(|| LongLived {
            stale_time: long.stale_time,
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
        let awaited = self.comeback.awaited.take();
        self.comeback = Comeback {
            awaited,
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

    /// The last session of a reflector went down, and more than one peer may be about to return, as when the network is
    /// back: what they kept of each other goes at our End-of-RIB, so that it waits for all of them as after a start.
    pub(crate) fn be_alone(&mut self) {
        let is_reflector = self.config.role == config::Role::Reflector;
        let is_watching = is_reflector && self.clock.running && !self.comeback.holds;
        if !is_watching || self.peers.iter().any(|peer| peer.link.is_some()) {
            return;
        }
        let kept = self.peers.iter().filter(|peer| peer.kept.is_some());
        if kept.count() < 2 {
            return;
        }
        let comeback = &mut self.comeback;
        comeback.holds = true;
        (comeback.first_up, comeback.news, comeback.next_look) = (None, None, None);
        comeback.awaited = None;
        self.rib.hold_end_of_rib(true);
    }

    /// Clients of dynamic ranges that were up when a former run ended: End-of-RIB waits for them, as for peers that the
    /// configuration names. To be said before [`Speaker::start`].
    pub fn await_clients(&mut self, clients: Vec<IpAddr>) {
        self.comeback.awaited = (!clients.is_empty()).then_some(clients);
    }

    /// The clients of dynamic ranges that a later run should wait for: those that are up or may be about to return, and
    /// those that this run waits for itself.
    pub fn clients(&self) -> impl Iterator<Item = IpAddr> {
        let is_client = |peer: &&Peer| {
            let is_there = peer.link.is_some() || peer.kept.is_some();
            is_there && matches!(peer.source, PeerSource::Dynamic { .. })
        };
        let clients = self.peers.iter().filter(is_client);
        let awaited = self.comeback.awaited.iter().flatten();
        let awaited = awaited
            .copied()
            .filter(|_| self.comeback.holds || !self.clock.running);
        clients.map(|peer| peer.config.address).chain(awaited)
    }

    /// True if all clients that a former run had have told all that they have. Those that no range covers any more, or that
    /// an operator holds down, are not waited for.
    fn have_clients_spoken(&mut self, now: Instant) -> bool {
        while let Some(address) = self.comeback.awaited.as_ref().and_then(|all| all.last()) {
            let peer = self.peers.by_address(*address);
            let has_spoken = match peer.and_then(|id| self.peers.get(id)) {
                Some(peer) => has_spoken(peer, now) && (peer.link.is_some() || !peer.wanted()),
                None => self.config.range_of(*address).is_none(),
            };
            if !has_spoken {
                return false;
            }
            if let Some(awaited) = &mut self.comeback.awaited {
                awaited.pop();
            }
        }
        true
    }

    /// True if End-of-RIB may be said: those have spoken of whom the table is made, or it is too late to wait for them.
    fn is_complete(&mut self, now: Instant) -> bool {
        let comeback = &self.comeback;
        let (Some(first_up), Some(news)) = (comeback.first_up, comeback.news) else {
            return false;
        };
        if now.duration_since(first_up) >= HELD_FOR {
            return true;
        }
        // Who is known to come is waited for by name; whoever else may come, by the clock.
        let is_named = self.config.dynamic.is_empty() || self.comeback.awaited.is_some();
        let is_quiet = is_named || now.duration_since(news) >= QUIET_FOR;
        is_quiet
            && self.have_clients_spoken(now)
            && self.peers.iter().all(|peer| has_spoken(peer, now))
    }
}

/// True if a peer's table is complete, or nobody waits for it.
fn has_spoken(peer: &Peer, now: Instant) -> bool {
    let is_awaited = peer.wanted() && (peer.source == PeerSource::File || peer.link.is_some());
    let mut families = peer.config.families.iter();
    !is_awaited || families.all(|family| is_done(peer, family, now))
}
