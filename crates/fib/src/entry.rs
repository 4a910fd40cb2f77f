//! One route's record: what is desired, what stands in the kernel, what is on the way.

use std::time::{Duration, Instant};

use wire::Prefix;

use crate::group::GroupId;
use crate::reason::FailReason;
use crate::{Action, RouteKind};

/// Where a route stands in the kernel. Nothing else can be at the same key and be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// Destination.
    pub prefix: Prefix,
    /// Routing table.
    pub table: u32,
    /// Metric.
    pub metric: u32,
}

/// What should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Desired {
    Nothing,
    Group(GroupId),
    Blackhole,
}

/// What we believe to stand in the kernel at this key and to be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Absent,
    Present {
        protocol: u8,
        kind: RouteKind,
    },
    /// It was ours; what became of it is not known. Writing replaces, deleting may find nothing.
    Unknown {
        protocol: u8,
    },
    /// It was ours and is said to be gone, which may be old news. Writing creates, so that nothing
    /// of another program is hit; deleting may find nothing.
    Gone {
        protocol: u8,
    },
}

impl Standing {
    /// Known to be there becomes believed to be there.
    pub(crate) fn doubt(&mut self) {
        if let Standing::Present { protocol, .. } = *self {
            *self = Standing::Unknown { protocol };
        }
    }
}

/// Why it is not as desired, and when the next attempt is due.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) reason: FailReason,
    pub(crate) since: Instant,
    pub(crate) attempts: u32,
    pub(crate) retry_at: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) desired: Desired,
    pub(crate) standing: Standing,
    /// An operation on this key is with the kernel.
    pub(crate) in_flight: bool,
    /// Something happened to the key (or to everything) while an operation was in flight.
    pub(crate) disturbed: bool,
    /// It is in one of the queues.
    pub(crate) queued: bool,
    /// Left by a former run and not claimed since.
    pub(crate) stale: bool,
    /// The kernel must not look whether the gateways are reachable: a route of our own covers one.
    pub(crate) onlink: bool,
    pub(crate) failure: Option<Box<Failure>>,
}

impl Entry {
    pub(crate) fn new() -> Self {
        Entry {
            desired: Desired::Nothing,
            standing: Standing::Absent,
            in_flight: false,
            disturbed: false,
            queued: false,
            stale: false,
            onlink: false,
            failure: None,
        }
    }

    /// Takes its failure away, and says which attempt was due because of it.
    pub(crate) fn forgiven(&mut self) -> Option<Instant> {
        self.failure.take()?.retry_at
    }

    /// Nothing is known, wanted or pending: the record can go.
    pub(crate) fn is_void(&self) -> bool {
        self.desired == Desired::Nothing
            && self.standing == Standing::Absent
            && !self.in_flight
            && !self.queued
    }
}

/// An operation that the kernel has not answered.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) key: RouteKey,
    pub(crate) action: Action,
    pub(crate) protocol: u8,
    pub(crate) kind: RouteKind,
    pub(crate) sent_at: Instant,
}

/// Time to the next attempt: 1 s doubling to 60 s.
pub(crate) fn backoff(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(6)).min(Duration::from_secs(60))
}
