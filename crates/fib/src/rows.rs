//! What is shown: one row per route, and counts.

use std::ops::Bound;
use std::time::Instant;

use wire::Prefix;

use crate::entry::{Desired, Entry, RouteKey, Standing};
use crate::reason::FailReason;
use crate::{Fib, Hop, RouteKind, Target};

/// Where a route stands between desired and installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteState {
    /// Waiting to be written, or for the kernel's answer.
    Pending,
    /// In the kernel as desired.
    Installed,
    /// Not in the kernel, or not as desired.
    Failed {
        /// Why.
        reason: FailReason,
        /// Since when.
        since: Instant,
        /// When it is tried again; none: at the next event that may change the answer.
        retry_at: Option<Instant>,
    },
    /// Left by a former run and not claimed since; deleted by the sweep.
    Stale,
}

/// One route in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRow {
    /// Destination, table and metric.
    pub key: RouteKey,
    /// What is desired; none for a stale or going route.
    pub target: Option<Target>,
    /// Where it stands.
    pub state: RouteState,
    /// The hops in the kernel; of a route that is not there, those that it would have.
    pub hops: Vec<Hop>,
}

/// How many routes are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Routes that should be in the kernel.
    pub desired: usize,
    /// Of these: there as desired.
    pub installed: usize,
    /// Of these: on the way.
    pub pending: usize,
    /// Of these: failed.
    pub failed: usize,
    /// Left by a former run, waiting for the sweep (not in `desired`).
    pub stale: usize,
}

impl Fib {
    /// A page of routes in the order of their keys, from the one behind `after` on, at most `limit`.
    #[must_use]
    pub fn routes(&self, after: Option<RouteKey>, limit: usize) -> Vec<RouteRow> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.entries
            .range((from, Bound::Unbounded))
            .take(limit)
            .map(|(key, entry)| self.row(key, entry))
            .collect()
    }

    /// The desired route of a prefix, if there is one.
    #[must_use]
    pub fn route(&self, prefix: &Prefix) -> Option<RouteRow> {
        let owner = &self.config.owner;
        [owner.metric, owner.blackhole_metric]
            .into_iter()
            .find_map(|metric| {
                let key = self.own_key(*prefix, metric);
                let entry = self
                    .entries
                    .get(&key)
                    .filter(|entry| entry.desired != Desired::Nothing)?;
                Some(self.row(&key, entry))
            })
    }

    /// How many routes are in which state. Looks at every one.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for entry in self.entries.values() {
            if entry.desired == Desired::Nothing {
                counts.stale += usize::from(entry.stale);
                continue;
            }
            counts.desired += 1;
            match self.state(entry) {
                RouteState::Installed => counts.installed += 1,
                RouteState::Failed { .. } => counts.failed += 1,
                RouteState::Pending | RouteState::Stale => counts.pending += 1,
            }
        }
        counts
    }

    fn row(&self, key: &RouteKey, entry: &Entry) -> RouteRow {
        let target = match entry.desired {
            Desired::Nothing => None,
            Desired::Blackhole if key.metric == self.config.owner.metric => Some(Target::Discard),
            Desired::Blackhole => Some(Target::Blackhole),
            Desired::Group(group) => Some(Target::Unicast(self.groups.next_hops(group).to_vec())),
        };
        let hops = match (&entry.standing, entry.desired) {
            (Standing::Present { kind, .. }, _) => kind.hops().to_vec(),
            (_, Desired::Group(group)) => self
                .groups
                .hops(group)
                .as_ref()
                .map(|hops| hops.to_vec())
                .unwrap_or_default(),
            (_, Desired::Nothing | Desired::Blackhole) => Vec::new(),
        };
        RouteRow {
            key: *key,
            target,
            state: self.state(entry),
            hops,
        }
    }

    fn state(&self, entry: &Entry) -> RouteState {
        if let Some(failure) = &entry.failure {
            return RouteState::Failed {
                reason: failure.reason.clone(),
                since: failure.since,
                retry_at: failure.retry_at,
            };
        }
        if entry.stale {
            return RouteState::Stale;
        }
        let as_desired = match (&entry.standing, entry.desired) {
            (Standing::Present { kind, .. }, Desired::Group(group)) => {
                let wanted = |hop: &Hop| Hop {
                    onlink: hop.onlink || entry.onlink,
                    ..*hop
                };
                let hops = self.groups.hops(group).as_ref();
                hops.is_ok_and(|hops| kind.hops().iter().copied().eq(hops.iter().map(wanted)))
            }
            (Standing::Present { kind, .. }, Desired::Blackhole) => *kind == RouteKind::Blackhole,
            (Standing::Present { .. }, Desired::Nothing)
            | (Standing::Absent | Standing::Unknown { .. } | Standing::Gone { .. }, _) => false,
        };
        if as_desired && !entry.in_flight {
            RouteState::Installed
        } else {
            RouteState::Pending
        }
    }
}
