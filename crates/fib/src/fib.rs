//! The value that holds it all: desired routes in, commands for the kernel out.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use wire::{Family, Prefix};

use crate::entry::{Desired, Entry, Failure, InFlight, RouteKey, backoff};
use crate::group::Groups;
use crate::reason::FailReason;
use crate::resolve::Topology;
use crate::{Address, KernelEvent, Link, Owner, Target};

/// Settings of a [`Fib`].
#[derive(Debug, Clone)]
pub struct FibConfig {
    /// The marks of the routes that we write.
    pub owner: Owner,
    /// Marks used by former runs (other metric, protocol or table): their routes are adopted as
    /// stale too, and never written.
    pub former: Vec<Owner>,
    /// A next hop that is on no link is reached through the gateway of the default route.
    pub resolve_via_default: bool,
    /// The kernel is read again and compared this often.
    pub resync: Duration,
}

impl Default for FibConfig {
    fn default() -> Self {
        FibConfig {
            owner: Owner::default(),
            former: Vec::new(),
            resolve_via_default: false,
            resync: Duration::from_secs(75),
        }
    }
}

/// What a [`Fib`] is told.
#[derive(Debug)]
pub enum FibInput {
    /// The route to a prefix should lead to this target, or not be there.
    Set(Prefix, Option<Target>),
    /// Something from the kernel.
    Event(KernelEvent),
    /// The routes of the family that a former run left and nobody claimed can go now.
    Sweep(Family),
    /// Take every route of ours out of the kernel, and accept no new one.
    RemoveAll,
}

/// When the kernel is to be read.
#[derive(Debug, Default)]
pub(crate) struct DumpPlan {
    pub(crate) wanted_at: Option<Instant>,
    pub(crate) asked_at: Option<Instant>,
    /// A dump is being read that began before the last doubt.
    pub(crate) again: bool,
}

/// Desired routes, installed routes, and the way from one to the other.
#[derive(Debug)]
pub struct Fib {
    pub(crate) config: FibConfig,
    pub(crate) topology: Topology,
    pub(crate) groups: Groups,
    pub(crate) entries: BTreeMap<RouteKey, Entry>,
    /// Routes of other programs at keys that we could want: their protocol numbers.
    pub(crate) foreign: HashMap<RouteKey, Vec<u8>>,
    /// Keys to look at; deletions are looked at when no write is left. Each key at most once in both.
    pub(crate) writes: VecDeque<RouteKey>,
    pub(crate) deletes: VecDeque<RouteKey>,
    /// By operation id, so oldest first. At most [`crate::plan::WINDOW`].
    pub(crate) in_flight: BTreeMap<u64, InFlight>,
    pub(crate) next_id: u64,
    pub(crate) retries: BTreeSet<(Instant, RouteKey)>,
    /// Routes that others removed lately: how often, and when last.
    pub(crate) repairs: HashMap<RouteKey, (u32, Instant)>,
    /// A dump was read and nothing was lost since. Nothing is written before.
    pub(crate) synced: bool,
    pub(crate) dump: DumpPlan,
    pub(crate) resync_at: Option<Instant>,
    /// The port was busy; no command before this.
    pub(crate) busy_until: Option<Instant>,
    pub(crate) swept: [bool; 2],
    pub(crate) removing: bool,
    pub(crate) fault: Option<String>,
}

impl Fib {
    /// Knows nothing yet: the first command is to read the kernel.
    #[must_use]
    pub fn new(config: FibConfig) -> Self {
        Fib {
            topology: Topology::new(config.resolve_via_default),
            config,
            groups: Groups::default(),
            entries: BTreeMap::new(),
            foreign: HashMap::new(),
            writes: VecDeque::new(),
            deletes: VecDeque::new(),
            in_flight: BTreeMap::new(),
            next_id: 1,
            retries: BTreeSet::new(),
            repairs: HashMap::new(),
            synced: false,
            dump: DumpPlan::default(),
            resync_at: None,
            busy_until: None,
            swept: [false; 2],
            removing: false,
            fault: None,
        }
    }

    /// Takes in what happened. Never fails; call [`Fib::poll`] after it.
    pub fn handle(&mut self, now: Instant, input: FibInput) {
        match input {
            FibInput::Set(prefix, target) => self.set(prefix, target),
            FibInput::Event(event) => self.kernel_event(now, event),
            FibInput::Sweep(family) => self.sweep(family),
            FibInput::RemoveAll => self.remove_all(),
        }
    }

    fn set(&mut self, prefix: Prefix, target: Option<Target>) {
        let Owner {
            metric,
            blackhole_metric,
            ..
        } = self.config.owner;
        match target {
            Some(target) if !self.removing => {
                let (desired, metric, other) = match target {
                    Target::Unicast(next_hops) => {
                        let group = self.groups.acquire(next_hops, &self.topology);
                        (Desired::Group(group), metric, blackhole_metric)
                    }
                    Target::Blackhole => (Desired::Blackhole, blackhole_metric, metric),
                    Target::Discard => (Desired::Blackhole, metric, blackhole_metric),
                };
                self.desire(self.own_key(prefix, metric), desired);
                if other != metric {
                    self.undesire(self.own_key(prefix, other));
                }
            }
            Some(_) | None => {
                self.undesire(self.own_key(prefix, metric));
                self.undesire(self.own_key(prefix, blackhole_metric));
            }
        }
    }

    fn desire(&mut self, key: RouteKey, desired: Desired) {
        let entry = self.entries.entry(key).or_insert_with(Entry::new);
        let before = std::mem::replace(&mut entry.desired, desired);
        entry.stale = false;
        entry.onlink &= before == desired;
        if before != desired {
            if let Some(at) = entry.forgiven() {
                self.retries.remove(&(at, key));
            }
            if !std::mem::replace(&mut entry.queued, true) {
                self.writes.push_back(key);
            }
        }
        if let Desired::Group(group) = before {
            self.groups.release(group);
        }
    }

    fn undesire(&mut self, key: RouteKey) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        match std::mem::replace(&mut entry.desired, Desired::Nothing) {
            // Stale, or going already.
            Desired::Nothing => return,
            Desired::Group(group) => self.groups.release(group),
            Desired::Blackhole => {}
        }
        self.forgive(key);
        self.enqueue(key);
    }

    fn sweep(&mut self, family: Family) {
        self.swept[family.index()] = true;
        let stale: Vec<RouteKey> = self
            .entries
            .iter()
            .filter(|(key, entry)| entry.stale && Family::of(&key.prefix) == family)
            .map(|(key, _)| *key)
            .collect();
        for key in stale {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.stale = false;
            }
            self.enqueue(key);
        }
    }

    fn remove_all(&mut self) {
        self.removing = true;
        let keys: Vec<RouteKey> = self.entries.keys().copied().collect();
        for key in keys {
            self.undesire(key);
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.stale = false;
            }
            self.enqueue(key);
        }
    }

    pub(crate) fn own_key(&self, prefix: Prefix, metric: u32) -> RouteKey {
        RouteKey {
            prefix,
            table: self.config.owner.table,
            metric,
        }
    }

    /// Puts a key where [`Fib::poll`] looks.
    pub(crate) fn enqueue(&mut self, key: RouteKey) {
        if let Some(entry) = self.entries.get_mut(&key)
            && !entry.queued
        {
            entry.queued = true;
            self.writes.push_back(key);
        }
    }

    /// Records a failure. `retry`: try again after the back-off, longer each time.
    pub(crate) fn fail(&mut self, now: Instant, key: RouteKey, reason: FailReason, retry: bool) {
        let failure = self
            .entries
            .get(&key)
            .and_then(|entry| entry.failure.as_ref());
        let attempts = failure.map_or(0, |failure| failure.attempts);
        self.fail_as(now, key, reason, if retry { attempts + 1 } else { 0 });
    }

    /// Records a failure after so many attempts; with 0 it waits for an event only.
    pub(crate) fn fail_as(
        &mut self,
        now: Instant,
        key: RouteKey,
        reason: FailReason,
        attempts: u32,
    ) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let before = entry.failure.take();
        if let Some(at) = before.as_ref().and_then(|failure| failure.retry_at) {
            self.retries.remove(&(at, key));
        }
        let since = before.map_or(now, |failure| failure.since);
        let retry_at = (attempts > 0).then(|| now + backoff(attempts));
        if let Some(at) = retry_at {
            self.retries.insert((at, key));
        }
        entry.failure = Some(Box::new(Failure {
            reason,
            since,
            attempts,
            retry_at,
        }));
    }

    /// Forgets a failure and its timer.
    pub(crate) fn forgive(&mut self, key: RouteKey) {
        if let Some(at) = self.entries.get_mut(&key).and_then(Entry::forgiven) {
            self.retries.remove(&(at, key));
        }
    }

    /// Asks for a dump at `at`, or earlier if one is due before.
    pub(crate) fn want_dump(&mut self, at: Instant) {
        if self.dump.asked_at.is_some() {
            self.dump.again = true;
            return;
        }
        self.dump.wanted_at = Some(self.dump.wanted_at.map_or(at, |due| due.min(at)));
    }

    /// Drops the record of a key that means nothing any more.
    pub(crate) fn tidy(&mut self, key: RouteKey) {
        if self.entries.get(&key).is_some_and(Entry::is_void) {
            self.forgive(key);
            self.entries.remove(&key);
        }
    }

    /// True if a route with these marks is ours, from now or from a former run.
    pub(crate) fn is_ours(&self, protocol: u8, metric: u32, table: u32) -> bool {
        std::iter::once(&self.config.owner)
            .chain(&self.config.former)
            .any(|owner| owner.owns(protocol, metric, table))
    }

    /// True if nothing waits to be written or deleted and the kernel owes no answer. After
    /// [`FibInput::RemoveAll`] it means that everything is out, or will not go
    /// (see [`Fib::counts`] and [`Fib::routes`]).
    #[must_use]
    pub fn idle(&self) -> bool {
        self.synced
            && self.in_flight.is_empty()
            && self.writes.is_empty()
            && self.deletes.is_empty()
    }

    /// What is wrong with the way to the kernel itself, for an operator.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Every interface known.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.topology.links()
    }

    /// Every address of this host known, by link.
    pub fn local_addresses(&self) -> impl Iterator<Item = &Address> {
        self.topology.addresses()
    }

    /// Whether an address is on a link of this host, usable or not: in the subnet of one of its addresses, or in a route of
    /// somebody else's without a gateway.
    #[must_use]
    pub fn is_on_link(&self, address: IpAddr) -> bool {
        self.topology.is_on_link(address)
    }

    /// The link that holds a local address. A single-hop session from that address cannot live
    /// without it.
    #[must_use]
    pub fn link_of(&self, local: IpAddr) -> Option<&Link> {
        let address = self
            .local_addresses()
            .find(|address| address.local == local)?;
        self.links().find(|link| link.index == address.link)
    }

    /// A global address of the other family on the interface that holds `local`: the IPv6 next hop
    /// of a session over IPv4, and the other way round.
    #[must_use]
    pub fn companion_address(&self, local: IpAddr) -> Option<IpAddr> {
        let link = self
            .local_addresses()
            .find(|address| address.local == local)?
            .link;
        self.local_addresses()
            .filter(|address| address.link == link && address.local.is_ipv4() != local.is_ipv4())
            .map(|address| address.local)
            .find(|address| match address {
                IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_loopback(),
                IpAddr::V6(v6) => !v6.is_unicast_link_local() && !v6.is_loopback(),
            })
    }

    /// The link-local IPv6 address of the interface that holds `local` (RFC 2545 section 3).
    #[must_use]
    pub fn link_local_address(&self, local: IpAddr) -> Option<Ipv6Addr> {
        let mut addresses = self.local_addresses();
        let link = addresses.find(|address| address.local == local)?.link;
        let mut addresses = self.local_addresses();
        addresses.find_map(|address| match address.local {
            IpAddr::V6(v6) if address.link == link && v6.is_unicast_link_local() => Some(v6),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        })
    }

    /// The entry of a key that the kernel has told about.
    pub(crate) fn entry_for_kernel(&mut self, key: RouteKey) -> &mut Entry {
        self.entries.entry(key).or_insert_with(Entry::new)
    }
}
