//! Facts worth telling: built once, rendered as log line, counted, and seen by tests.
//! The queue is bounded; when nobody drains it the oldest facts go, and their number is kept.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use session::DownReason;
use wire::{Families, Family};

use crate::malformed::FaultyUpdate;

use crate::limits::LimitReached;

/// How loud a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Part of normal work.
    Info,
    /// Somebody should look at it.
    Warning,
}

/// What becomes of the routes of a peer that went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptFact {
    /// They are kept, for it may be about to come back.
    Begin {
        /// Of these families.
        families: Families,
        /// For so long, unless it is back by then.
        time: Duration,
    },
    /// They are kept for long from now on, as what to take last (RFC 9494).
    Long {
        /// Of this family.
        family: Family,
        /// For so long, unless it is back by then.
        time: Duration,
    },
    /// They go.
    End {
        /// Of this family.
        family: Family,
        /// How many.
        routes: u32,
        /// Why.
        why: KeptEnd,
    },
}

impl fmt::Display for KeptFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeptFact::Begin { families, time } => write!(
                f,
                "it may be restarting, so its {} routes are kept for {} s",
                names(*families, " and "),
                time.as_secs()
            ),
            KeptFact::Long { family, time } => write!(
                f,
                "it is not back, so its {family} routes are used as a last resort for {} s more",
                time.as_secs()
            ),
            KeptFact::End {
                family,
                routes,
                why,
            } => write!(f, "{routes} {family} routes that were kept of it go: {why}"),
        }
    }
}

/// Why routes that were kept of a peer go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptEnd {
    /// It did not come back within its restart time.
    NotBack,
    /// It did not come back within the time for which it asked to have them kept for long (RFC 9494).
    LongOver,
    /// It is back, and says that it did not forward on, or does not speak the family any more.
    NotForwarded,
    /// It is back and has announced all that it has: not these.
    NotAnnounced,
    /// It is back, and has not said within the stale time that it has announced all.
    NoEndOfRib,
    /// It was disabled, reset, taken out of the configuration, or is to be judged anew while it is away.
    NotWanted,
}

impl fmt::Display for KeptEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeptEnd::NotBack => "it is not back within its restart time",
            KeptEnd::LongOver => "it is not back within its long-lived stale time",
            KeptEnd::NotForwarded => "it came back without having forwarded on",
            KeptEnd::NotAnnounced => "it came back without them",
            KeptEnd::NoEndOfRib => "it came back and sent no End-of-RIB within `stale-time`",
            KeptEnd::NotWanted => "the peer was changed, reset, disabled or removed",
        })
    }
}

/// Something that happened in the speaker.
#[derive(Clone, Debug)]
pub enum Event {
    /// A session reached Established.
    SessionUp {
        /// The peer's name.
        peer: String,
        /// Its address.
        address: IpAddr,
        /// Families in use.
        families: Families,
        /// Hold time agreed, in seconds; 0 is off.
        hold_time: u16,
    },
    /// A session left Established.
    SessionDown {
        /// The peer's name.
        peer: String,
        /// Its address.
        address: IpAddr,
        /// Why.
        reason: DownReason,
        /// How long it had been Established.
        uptime: Duration,
    },
    /// A peer is reset because it takes more than there is; that its session goes down is told besides.
    OutOfResources {
        /// The peer's name.
        peer: String,
        /// Which limit, and what it did.
        reason: rib::ResetReason,
    },
    /// A peer came to one of its limits of routes; that its session goes down for it is told besides.
    PrefixLimit {
        /// The peer's name.
        peer: String,
        /// Which limit, and what becomes of it.
        limit: LimitReached,
    },
    /// A session did not come up.
    AttemptFailed {
        /// The peer's name.
        peer: String,
        /// Its address.
        address: IpAddr,
        /// Why.
        reason: DownReason,
        /// Attempts since the line before, this one included.
        count: u64,
    },
    /// UPDATE messages of this peer had faults.
    UpdateFault {
        /// The peer's name.
        peer: String,
        /// The newest one, with what was done about it.
        update: FaultyUpdate,
        /// Faults since the line before, this one included.
        count: u64,
    },
    /// Routes of this peer were refused by a check of the path itself.
    PathRefused {
        /// The peer's name.
        peer: String,
        /// Why the newest was refused.
        reason: rib::RejectReason,
        /// Refusals since the line before, this one included.
        count: u64,
    },
    /// A connection from an address that is no peer and in no dynamic range.
    UnknownPeer {
        /// The address.
        address: IpAddr,
        /// Connections since the line before, this one included.
        count: u64,
    },
    /// The limit of a dynamic range refused a peer.
    DynamicLimit {
        /// The address.
        address: IpAddr,
        /// The configured limit.
        limit: u32,
    },
    /// A peer now exists.
    PeerAdded {
        /// The peer's name.
        peer: String,
    },
    /// A peer no longer exists.
    PeerRemoved {
        /// The peer's name.
        peer: String,
    },
    /// End-of-RIB arrived (RFC 4724 section 2).
    EndOfRib {
        /// The peer's name.
        peer: String,
        /// For this family.
        family: Family,
    },
    /// A peer began to announce a family anew and has not said that this was all (RFC 7313): what it has not announced goes.
    RefreshNotEnded {
        /// The peer's name.
        peer: String,
        /// The family.
        family: Family,
    },
    /// Routes of a peer that went are kept, or go after all (RFC 4724).
    Kept {
        /// The peer's name.
        peer: String,
        /// What of them.
        fact: KeptFact,
    },
    /// We are about to leave, or no longer (RFC 8326).
    Drained {
        /// The peer that we leave; `None`: all.
        peer: Option<String>,
        /// What was said about it, if it begins; may be empty.
        reason: Option<String>,
    },
    /// A family is not announced because there is no next hop of it to give.
    NoNextHop {
        /// The peer's name.
        peer: String,
        /// The family.
        family: Family,
    },
    /// A peer, or a dynamic range, is held down because something that it needs is not there; or it is there now.
    Readiness {
        /// The peer's name, or the range.
        peer: String,
        /// What is not there, and why.
        lack: Option<String>,
    },
    /// Routes a former run left in the kernel are no longer waited for.
    Swept {
        /// The family.
        family: Family,
        /// Why now.
        because: &'static str,
    },
    /// The kernel side could not do its work.
    Kernel {
        /// What failed and what to do.
        text: String,
    },
    /// More routes than before are not in the kernel.
    KernelLacks {
        /// How many now.
        failed: usize,
        /// One of them, with the reason.
        example: String,
    },
    /// Facts older than those that follow were dropped, because nobody took them in time.
    Lost {
        /// How many.
        count: u64,
    },
    /// No route is missing in the kernel any more.
    KernelWhole,
    /// A new configuration is in effect.
    Reloaded {
        /// One line per change.
        changes: Vec<String>,
    },
}

impl Event {
    /// How loud this fact is.
    pub fn severity(&self) -> Severity {
        match self {
            Event::SessionUp { .. }
            | Event::PeerAdded { .. }
            | Event::PeerRemoved { .. }
            | Event::Readiness { lack: None, .. }
            | Event::EndOfRib { .. }
            | Event::Kept { .. }
            | Event::Drained { .. }
            | Event::Swept { .. }
            | Event::KernelWhole
            | Event::Reloaded { .. } => Severity::Info,
            Event::SessionDown { .. }
            | Event::OutOfResources { .. }
            | Event::PrefixLimit { .. }
            | Event::AttemptFailed { .. }
            | Event::UpdateFault { .. }
            | Event::PathRefused { .. }
            | Event::UnknownPeer { .. }
            | Event::DynamicLimit { .. }
            | Event::Readiness { lack: Some(_), .. }
            | Event::NoNextHop { .. }
            | Event::RefreshNotEnded { .. }
            | Event::KernelLacks { .. }
            | Event::Lost { .. }
            | Event::Kernel { .. } => Severity::Warning,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::SessionUp {
                peer,
                address,
                families,
                hold_time,
            } => {
                let families = names(*families, " ");
                write!(
                    f,
                    "peer {peer} ({address}) is up: hold time {hold_time} s, families {families}"
                )
            }
            Event::SessionDown {
                peer,
                address,
                reason,
                uptime,
            } => {
                let seconds = uptime.as_secs();
                write!(
                    f,
                    "peer {peer} ({address}) went down after {seconds} s: {reason}"
                )
            }
            Event::OutOfResources { peer, reason } => {
                write!(f, "peer {peer} is reset: {reason}")
            }
            Event::PrefixLimit { peer, limit } => write!(f, "peer {peer} has {limit}"),
            Event::AttemptFailed {
                peer,
                address,
                reason,
                count,
            } => write!(
                f,
                "peer {peer} ({address}) does not come up: {reason} ({count} attempts since the last such line)"
            ),
            Event::UpdateFault {
                peer,
                update,
                count,
            } => write!(
                f,
                "peer {peer} sent a faulty UPDATE: {update} ({count} since the last such line)"
            ),
            Event::PathRefused {
                peer,
                reason,
                count,
            } => write!(
                f,
                "peer {peer}: path refused: {reason} ({count} since the last such line)"
            ),
            Event::UnknownPeer { address, count } => write!(
                f,
                "refused a connection from {address}: no peer and no dynamic range has this address; \
                 add it under `peers` or `dynamic-peers` ({count} such connections since the last such line)"
            ),
            Event::DynamicLimit { address, limit } => write!(
                f,
                "refused {address}: its dynamic range is at its limit of {limit} peers; raise `limit`"
            ),
            Event::PeerAdded { peer } => write!(f, "peer {peer} added"),
            Event::PeerRemoved { peer } => write!(f, "peer {peer} removed"),
            Event::EndOfRib { peer, family } => {
                write!(f, "peer {peer} sent its whole table of {family}")
            }
            Event::RefreshNotEnded { peer, family } => write!(
                f,
                "peer {peer} began to send {family} anew and has not said that it sent all: what it has not sent again goes"
            ),
            Event::Kept { peer, fact } => write!(f, "peer {peer}: {fact}"),
            Event::Drained { peer, reason } => drained(f, peer.as_deref(), reason.as_deref()),
            Event::NoNextHop { peer, family } => write!(
                f,
                "peer {peer}: {family} is not announced: this node has no address of that family on the \
                 session's interface; set `next-hop-v6` or give the interface an address"
            ),
            Event::Swept { family, because } => write!(
                f,
                "kernel routes of {family} left by a former run are swept: {because}"
            ),
            Event::Readiness { peer, lack } => readiness(f, peer, lack.as_deref()),
            Event::Kernel { text } => write!(f, "kernel: {text}"),
            Event::KernelLacks { failed, example } => write!(
                f,
                "the kernel lacks {failed} of our routes ({example}); see bgpctl kernel list --state failed"
            ),
            Event::Lost { count } => write!(
                f,
                "{count} lines were dropped here: too much happened at once"
            ),
            Event::KernelWhole => f.write_str("the kernel lacks none of our routes any more"),
            Event::Reloaded { changes } => reloaded(f, changes),
        }
    }
}

fn names(families: Families, between: &str) -> String {
    let names: Vec<&str> = families.iter().map(Family::name).collect();
    names.join(between)
}

fn drained(f: &mut fmt::Formatter<'_>, peer: Option<&str>, reason: Option<&str>) -> fmt::Result {
    match peer {
        Some(peer) => write!(f, "peer {peer} is ")?,
        None => f.write_str("this speaker is ")?,
    }
    match reason {
        None => f.write_str("no longer drained"),
        Some("") => f.write_str("drained: peers are told to prefer others"),
        Some(reason) => write!(f, "drained ({reason}): peers are told to prefer others"),
    }
}

fn reloaded(f: &mut fmt::Formatter<'_>, changes: &[String]) -> fmt::Result {
    let changes = match changes {
        [] => "no change",
        _ => &changes.join("; "),
    };
    write!(f, "configuration reloaded: {changes}")
}

fn readiness(f: &mut fmt::Formatter<'_>, peer: &str, lack: Option<&str>) -> fmt::Result {
    match lack {
        Some(lack) => write!(f, "peer {peer} is held down: {lack}; it is tried again"),
        None => write!(f, "peer {peer} is no longer held down"),
    }
}

/// Facts kept until drained.
const KEPT: usize = 1024;

/// A bounded queue of facts.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    lost: u64,
}

impl Events {
    pub(crate) fn push(&mut self, event: Event) {
        if self.queue.len() == KEPT {
            self.queue.pop_front();
            self.lost += 1;
        }
        self.queue.push_back(event);
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        match std::mem::take(&mut self.lost) {
            0 => self.queue.pop_front(),
            count => Some(Event::Lost { count }),
        }
    }
}

/// Lets one line in ten seconds through and counts what it held back.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    last: Option<std::time::Instant>,
    held: u64,
}

/// The least time between two lines of one kind.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Limiter {
    /// Counts one occurrence; the number to report, if a line is due.
    pub(crate) fn hit(&mut self, now: std::time::Instant) -> Option<u64> {
        self.held += 1;
        let due = self
            .last
            .is_none_or(|last| now.duration_since(last) >= LINE_EVERY);
        due.then(|| {
            self.last = Some(now);
            std::mem::take(&mut self.held)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limiter_reports_once_and_counts_the_rest() {
        let (start, mut limiter) = (crate::testing::start(), Limiter::default());
        assert_eq!(limiter.hit(start), Some(1));
        assert_eq!((0..5).filter_map(|_| limiter.hit(start)).count(), 0);
        assert_eq!(limiter.hit(start + LINE_EVERY), Some(6));
    }

    #[test]
    fn the_oldest_events_go_first_and_are_counted() {
        let mut events = Events::default();
        for index in 0..KEPT + 3 {
            events.push(Event::PeerAdded {
                peer: index.to_string(),
            });
        }
        assert!(matches!(events.pop(), Some(Event::Lost { count: 3 })));
        assert!(matches!(events.pop(), Some(Event::PeerAdded { peer }) if peer == "3"));
    }
}
