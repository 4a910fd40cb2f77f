//! What the kernel tells without being asked, and the dump.

use std::time::{Duration, Instant};

use wire::{Family, Prefix};

use crate::entry::{Desired, RouteKey, Standing};
use crate::reason::FailReason;
use crate::resolve::Affects;
use crate::{Address, Dump, Fib, KernelEvent, Link, Route, RouteChange};

/// After a link or address event the kernel is read once, this much later: it drops and brings back
/// routes of its own without telling, and such events come in swarms.
const SETTLE: Duration = Duration::from_secs(1);
/// A route that others remove oftener than this within [`REPAIR_MEMORY`] is put back with a back-off
/// only.
const REPAIRS_AT_ONCE: u32 = 3;
const REPAIR_MEMORY: Duration = Duration::from_secs(60);
/// Bound of the memory of repairs.
const REPAIRS_KEPT: usize = 4096;

impl Fib {
    pub(crate) fn kernel_event(&mut self, now: Instant, event: KernelEvent) {
        match event {
            KernelEvent::Link(link) => self.link_changed(now, link),
            KernelEvent::LinkGone(index) => {
                let affects = self.topology.remove_link(index);
                self.want_dump(now + SETTLE);
                self.lost_through(index);
                self.resolve_again(affects);
            }
            KernelEvent::Address { address, added } => self.address_changed(now, address, added),
            KernelEvent::Route(change) => self.route_changed(now, change),
            KernelEvent::Dump(dump) => self.read_dump(now, *dump),
            KernelEvent::Results(results) => self.results(now, results),
            KernelEvent::Overrun => {
                self.synced = false;
                self.disturb();
                self.want_dump(now);
            }
            KernelEvent::Failed(text) => {
                self.fault = Some(text);
                if self.dump.asked_at.take().is_some() {
                    self.synced = false;
                    self.busy_until = Some(now + SETTLE);
                }
            }
        }
    }

    fn link_changed(&mut self, now: Instant, link: Link) {
        let index = link.index;
        let was_up = self.topology.is_up(index);
        let goes_down = was_up && !link.up;
        let usable = link.usable();
        let affects = self.topology.set_link(link);
        if goes_down {
            self.lost_through(index);
        }
        if affects != Affects::Nothing {
            self.want_dump(now + SETTLE);
            let subnets: Vec<Prefix> = self.topology.subnets(index).collect();
            for subnet in subnets {
                self.enqueue(self.own_key(subnet, self.config.owner.metric));
            }
            if usable {
                self.retry_failed();
            }
        }
        self.resolve_again(affects);
    }

    fn address_changed(&mut self, now: Instant, address: Address, added: bool) {
        let affects = if added {
            self.topology.add_address(address)
        } else {
            self.topology.remove_address(address)
        };
        if affects == Affects::Nothing {
            return;
        }
        self.want_dump(now + SETTLE);
        if let Some(subnet) = address.subnet {
            self.enqueue(self.own_key(subnet, self.config.owner.metric));
        }
        if added {
            self.retry_failed();
        } else if address.local.is_ipv4() && self.topology.last_v4_address_gone(address.link) {
            self.topology.flush_foreign(address.link);
            self.lost_through(address.link);
        }
        self.resolve_again(affects);
    }

    /// The kernel may have dropped what led through the link, without a word (IPv4 routes at
    /// admin-down and at the loss of the last IPv4 address).
    fn lost_through(&mut self, index: u32) {
        self.disturb();
        let mut lost = Vec::new();
        for (key, entry) in &mut self.entries {
            if let Standing::Present { kind, .. } = &entry.standing
                && kind.hops().iter().any(|hop| hop.link == index)
            {
                entry.standing.doubt();
                lost.push(*key);
            }
        }
        for key in lost {
            self.enqueue(key);
        }
    }

    /// What is in flight may have happened before or after the event.
    fn disturb(&mut self) {
        for op in self.in_flight.values() {
            if let Some(entry) = self.entries.get_mut(&op.key) {
                entry.disturbed = true;
            }
        }
    }

    /// A link or an address came: what was refused may go now.
    fn retry_failed(&mut self) {
        let waiting: Vec<RouteKey> = self.retries.iter().map(|(_, key)| *key).collect();
        self.retries.clear();
        for key in waiting {
            if let Some(failure) = self.entries.get_mut(&key).and_then(|e| e.failure.as_mut()) {
                failure.retry_at = None;
                failure.attempts = 0;
            }
            self.enqueue(key);
        }
    }

    fn resolve_again(&mut self, affects: Affects) {
        let changed = self.groups.resolve_again(affects, &self.topology);
        if changed.is_empty() {
            return;
        }
        let concerned: Vec<RouteKey> = self
            .entries
            .iter()
            .filter(|(_, entry)| matches!(entry.desired, Desired::Group(group) if changed.contains(group)))
            .map(|(key, _)| *key)
            .collect();
        for key in concerned {
            self.forgive(key);
            self.enqueue(key);
        }
    }

    fn route_changed(&mut self, now: Instant, change: RouteChange) {
        let Route {
            prefix,
            table,
            metric,
            protocol,
            ..
        } = change.route;
        let key = RouteKey {
            prefix,
            table,
            metric,
        };
        if self.is_ours(protocol, metric, table) {
            self.own_route_changed(now, key, change);
            return;
        }
        if self.could_be_ours(&key) {
            self.note_foreign(key, protocol, change.removed);
            if let Some(entry) = self.entries.get_mut(&key) {
                // A foreign REPLACE takes our route with no other notice.
                entry.standing.doubt();
                entry.disturbed = entry.in_flight;
                self.want_dump(now + SETTLE);
                self.enqueue(key);
            }
        }
        let affects = if change.removed {
            self.topology.remove_route(&change.route)
        } else {
            self.topology.add_route(&change.route)
        };
        self.resolve_again(affects);
    }

    /// True if we may want to write at this key.
    fn could_be_ours(&self, key: &RouteKey) -> bool {
        let owner = &self.config.owner;
        owner.owns(owner.protocol, key.metric, key.table)
    }

    fn note_foreign(&mut self, key: RouteKey, protocol: u8, removed: bool) {
        let list = self.foreign.entry(key).or_default();
        list.retain(|p| *p != protocol);
        if !removed {
            list.push(protocol);
        }
        if list.is_empty() {
            self.foreign.remove(&key);
        }
    }

    /// Somebody changed a route of ours, or the kernel did.
    fn own_route_changed(&mut self, now: Instant, key: RouteKey, change: RouteChange) {
        let swept = self.swept[Family::of(&key.prefix).index()] || self.removing;
        let entry = self.entry_for_kernel(key);
        if entry.in_flight {
            entry.disturbed = true;
            return;
        }
        let protocol = change.route.protocol;
        if change.removed {
            let was_there = matches!(entry.standing, Standing::Present { .. });
            let wanted = entry.desired != Desired::Nothing;
            entry.standing = Standing::Gone { protocol };
            entry.stale = false;
            if was_there && wanted {
                self.repair(now, key);
            }
        } else {
            entry.standing = Standing::Present {
                protocol,
                kind: change.route.kind,
            };
            entry.stale = entry.desired == Desired::Nothing && !swept;
        }
        self.enqueue(key);
    }

    /// Puts a removed route back at once the first few times, then slower and slower.
    fn repair(&mut self, now: Instant, key: RouteKey) {
        if self.repairs.len() >= REPAIRS_KEPT {
            self.repairs
                .retain(|_, (_, last)| now.duration_since(*last) < REPAIR_MEMORY);
        }
        let (times, last) = self.repairs.get(&key).copied().unwrap_or((0, now));
        let times = if now.duration_since(last) < REPAIR_MEMORY {
            times + 1
        } else {
            1
        };
        if self.repairs.len() < REPAIRS_KEPT || self.repairs.contains_key(&key) {
            self.repairs.insert(key, (times, now));
        }
        if times > REPAIRS_AT_ONCE {
            self.fail_as(
                now,
                key,
                FailReason::Removed { times },
                times - REPAIRS_AT_ONCE,
            );
        }
    }

    fn read_dump(&mut self, now: Instant, dump: Dump) {
        let Dump {
            links,
            addresses,
            routes,
        } = dump;
        self.dump.asked_at = None;
        self.fault = None;
        self.synced = true;
        self.resync_at = Some(now + self.config.resync);
        self.repairs
            .retain(|_, (_, last)| now.duration_since(*last) < REPAIR_MEMORY);
        if std::mem::take(&mut self.dump.again) {
            self.want_dump(now + SETTLE);
        }
        self.topology.clear();
        for link in links {
            self.topology.set_link(link);
        }
        for address in addresses {
            self.topology.add_address(address);
        }
        self.foreign.clear();
        // What the dump does not show may have been written while it was read: doubt, not absence.
        for entry in self.entries.values_mut().filter(|entry| !entry.in_flight) {
            if entry.stale {
                entry.standing = Standing::Absent;
                entry.stale = false;
            }
            entry.standing.doubt();
        }
        for route in routes {
            self.read_route(route);
        }
        self.resolve_again(Affects::Everything);
        let keys: Vec<RouteKey> = self.entries.keys().copied().collect();
        for key in keys {
            self.enqueue(key);
        }
    }

    fn read_route(&mut self, route: Route) {
        let key = RouteKey {
            prefix: route.prefix,
            table: route.table,
            metric: route.metric,
        };
        if !self.is_ours(route.protocol, route.metric, route.table) {
            if self.could_be_ours(&key) {
                self.note_foreign(key, route.protocol, false);
            }
            self.topology.add_route(&route);
            return;
        }
        let swept = self.swept[Family::of(&key.prefix).index()] || self.removing;
        let entry = self.entry_for_kernel(key);
        if entry.in_flight {
            return;
        }
        // What was being deleted when the doubt came is not adopted again.
        let unclaimed = entry.desired == Desired::Nothing && entry.standing == Standing::Absent;
        entry.stale = unclaimed && !swept;
        entry.standing = Standing::Present {
            protocol: route.protocol,
            kind: route.kind,
        };
    }
}
