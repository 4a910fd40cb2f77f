//! The kernel as one more consumer of the table: what is best becomes what is desired, and the
//! plan in `fib` does the rest.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use config::Blackhole;
use fib::{Fib, FibConfig, FibInput, KernelEvent, KernelPort, Owner, RouteState, Target};
use rib::{Consumed, ConsumerId, DestView, PathView, PeerId, Rib};
use wire::{Community, Families, Prefix};

use crate::Speaker;
use crate::event::Event;
use crate::peer::{Peer, Peers};
use crate::restart::Restart;

/// Changed destinations moved from the table to the plan in one step.
const STEP: usize = 256;

/// The table's consumer, and the plan.
#[derive(Debug)]
pub(crate) struct KernelSide {
    fib: Fib,
    consumer: ConsumerId,
    ecmp: bool,
    dumped: bool,
    failures: Failures,
}

/// Routes that failed, told in the log when their number grows and when none is left.
#[derive(Debug, Default)]
struct Failures {
    told: usize,
    /// When to count again; set by whatever may change the number.
    look_at: Option<Instant>,
}

/// Failures are counted at most this often: it looks at every route.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// Routes looked at for an example of a failure.
const EXAMPLES: usize = 4096;

impl Failures {
    /// Something happened that may have changed the number.
    fn touch(&mut self, now: Instant) {
        self.look_at.get_or_insert(now + COUNT_EVERY);
    }

    /// The line to tell, if it is time to look and there is one.
    fn look(&mut self, now: Instant, fib: &Fib) -> Option<Event> {
        self.look_at.take_if(|at| *at <= now)?;
        let failed = fib.counts().failed;
        let before = std::mem::replace(&mut self.told, failed);
        if failed <= before {
            return (failed == 0 && before > 0).then_some(Event::KernelWhole);
        }
        let rows = fib.routes(None, EXAMPLES);
        let example = rows.iter().find_map(|row| match &row.state {
            RouteState::Failed { reason, .. } => Some(format!("{}: {reason}", row.key.prefix)),
            RouteState::Pending | RouteState::Installed | RouteState::Stale => None,
        });
        let example = example.unwrap_or_default();
        Some(Event::KernelLacks { failed, example })
    }
}

impl KernelSide {
    pub(crate) fn fib(&self) -> &Fib {
        &self.fib
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let look_at = self.failures.look_at;
        [self.fib.next_deadline(), look_at]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn drive(&mut self, now: Instant, port: &mut dyn KernelPort) {
        self.fib.drive(now, port);
    }

    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        !self.dumped || self.fib.local_addresses().any(|own| own.local == address)
    }

    /// Whether the kernel's first dump has arrived.
    pub(crate) fn is_known(&self) -> bool {
        self.dumped
    }

    /// Whether the interface that holds `local` can send; true of an address it does not know.
    pub(crate) fn has_usable_link(&self, local: IpAddr) -> bool {
        self.fib.link_of(local).is_none_or(fib::Link::usable)
    }

    fn holds_address(&self, link: u32) -> bool {
        self.fib.local_addresses().any(|own| own.link == link)
    }

    /// Whether `remote` is reached directly, on the subnet of the address `local`.
    pub(crate) fn is_on_link(&self, local: IpAddr, remote: IpAddr) -> bool {
        let mut own = self.fib.local_addresses().filter(|own| own.local == local);
        own.any(|own| own.subnet.is_some_and(|subnet| subnet.contains(&remote)))
    }

    /// All addresses of this node.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.fib.local_addresses().map(|own| own.local).collect()
    }

    /// Moves changes of the table into the plan; true while there are more.
    fn consume(&mut self, now: Instant, rib: &mut Rib, peers: &Peers) -> bool {
        let KernelSide {
            fib,
            consumer,
            ecmp,
            ..
        } = self;
        let consumed = rib.consume(*consumer, STEP, &mut |prefix, _version, destination| {
            let target = target(prefix, destination, *ecmp, peers);
            fib.handle(now, FibInput::Set(prefix, target));
        });
        match consumed {
            Consumed::More => true,
            Consumed::Done => false,
            Consumed::Gap => {
                // The table forgot withdrawals we had not seen: what it no longer has goes, and
                // the cursor starts over with what it has.
                let rows = fib.routes(None, usize::MAX);
                let gone: Vec<Prefix> = rows
                    .iter()
                    .map(|row| row.key.prefix)
                    .filter(|prefix| rib.best(prefix).is_none())
                    .collect();
                for prefix in gone {
                    fib.handle(now, FibInput::Set(prefix, None));
                }
                true
            }
        }
    }
}

/// What the kernel should have for a destination: a blackhole for a block of our own, so that
/// unused addresses do not loop; nothing for what the API announced; nowhere to go for what a peer
/// wants dropped and may (RFC 7999); the next hops of the best paths otherwise.
fn target(prefix: Prefix, destination: &DestView<'_>, ecmp: bool, peers: &Peers) -> Option<Target> {
    let best = destination.best()?;
    match best.peer {
        PeerId::LOCAL => Some(Target::Blackhole),
        PeerId::API => None,
        // Not over the address of a peer: its session would end, and nobody could take the route back.
        _ if is_dropped(&best, peers) => {
            let cuts_off = |peer: &Peer| prefix.contains(&peer.config().address);
            (!peers.iter().any(cuts_off)).then_some(Target::Discard)
        }
        _ if ecmp => {
            let paths = destination.multipath();
            let paths = paths.filter(|path| !is_dropped(path, peers));
            Some(Target::Unicast(paths.map(|path| path.next_hop).collect()))
        }
        _ => Some(Target::Unicast(vec![best.next_hop])),
    }
}

fn is_dropped(path: &PathView<'_>, peers: &Peers) -> bool {
    let peer = peers.get(path.peer);
    peer.is_some_and(|peer| peer.config.blackhole == Blackhole::Accept)
        && path
            .attrs
            .communities()
            .any(|one| one == Community::BLACKHOLE)
}

impl Speaker {
    pub(crate) fn init_kernel(&mut self) {
        let Some(settings) = &self.config.kernel else {
            return;
        };
        let consumer = self.rib.consumer_add();
        let owner = Owner {
            protocol: settings.protocol,
            metric: settings.metric,
            table: settings.table,
            blackhole_metric: settings.blackhole_metric,
        };
        let resolve_via_default = settings.resolve_via_default;
        // Nodes that started together must not read their kernels together.
        let resync = Duration::from_millis(60_000 + self.clock.seed % 30_000);
        let fib = Fib::new(FibConfig {
            owner,
            resolve_via_default,
            resync,
            ..FibConfig::default()
        });
        self.kernel = Some(KernelSide {
            fib,
            consumer,
            ecmp: settings.ecmp,
            dumped: false,
            failures: Failures::default(),
        });
        self.restart = Restart::new(Families::ALL);
    }

    /// Something the kernel port reports.
    pub fn on_kernel(&mut self, now: Instant, event: KernelEvent) {
        let Some(kernel) = &mut self.kernel else {
            return;
        };
        let is_route = matches!(event, KernelEvent::Route(_));
        let addresses = match &event {
            KernelEvent::Address { .. } | KernelEvent::Dump(_) | KernelEvent::LinkGone(_) => true,
            // The links of Pods come and go all the time and hold none of our addresses.
            KernelEvent::Link(link) => kernel.holds_address(link.index),
            KernelEvent::Route(_)
            | KernelEvent::Results(_)
            | KernelEvent::Overrun
            | KernelEvent::Failed(_) => false,
        };
        kernel.dumped |= matches!(event, KernelEvent::Dump(_));
        if let KernelEvent::Failed(text) = &event {
            self.events.push(Event::Kernel { text: text.clone() });
        }
        kernel.failures.touch(now);
        kernel.fib.handle(now, FibInput::Event(event));
        let is_known = kernel.dumped;
        if addresses && is_known {
            self.addresses_changed(now);
        }
        if self.clock.running && is_known && (addresses || is_route && self.has_far_peers()) {
            self.measure(now);
        }
    }

    /// Whether the kernel's first dump has arrived; true without a kernel.
    pub fn kernel_ready(&self) -> bool {
        self.kernel.as_ref().is_none_or(|kernel| kernel.dumped)
    }

    /// Takes every route of ours out of the kernel and wants none any more.
    pub(crate) fn remove_kernel_routes(&mut self, now: Instant) {
        if let Some(kernel) = &mut self.kernel {
            self.rib.consumer_remove(kernel.consumer);
            kernel.fib.handle(now, FibInput::RemoveAll);
            self.restart = Restart::new(Families::EMPTY);
        }
    }

    /// From now on the kernel is left as it is.
    pub(crate) fn leave_kernel(&mut self) {
        if let Some(kernel) = self.kernel.take() {
            self.rib.consumer_remove(kernel.consumer);
            // Nothing is left that could sweep, so nothing may wait for it.
            self.restart = Restart::new(Families::EMPTY);
        }
    }

    /// What routes are to the kernel may have changed though the routes have not: all are looked at again.
    pub(crate) fn reconsider_kernel(&mut self, now: Instant) {
        if let Some(kernel) = &mut self.kernel {
            // Withdrawals that it has not heard of would be lost to it.
            while kernel.consume(now, &mut self.rib, &self.peers) {}
            self.rib.consumer_restart(kernel.consumer);
        }
    }

    pub(crate) fn run_kernel(&mut self, now: Instant) -> bool {
        let Some(kernel) = &mut self.kernel else {
            return false;
        };
        let more = kernel.consume(now, &mut self.rib, &self.peers);
        if let Some(event) = kernel.failures.look(now, &kernel.fib) {
            self.events.push(event);
        }
        if !more {
            if !self.restart.is_due(now) {
                return false;
            }
            let peers: Vec<_> = self.peers.iter().collect();
            let ranges = self.config.dynamic.iter();
            let unknown = ranges.fold(Families::EMPTY, |all, range| {
                all | range.template().families
            });
            let left = kernel.fib.counts().stale > 0;
            for (family, because) in self.restart.due(now, &peers, unknown) {
                kernel.fib.handle(now, FibInput::Sweep(family));
                if left {
                    self.events.push(Event::Swept { family, because });
                }
            }
        }
        more
    }

    /// The name of the link that a peer's session runs over, while it is up and the link is known.
    pub fn link_name(&self, id: PeerId) -> Option<&str> {
        let link = self.peers.get(id)?.link.as_ref()?;
        let local = link.negotiated.local.ip().to_canonical();
        Some(&self.kernel.as_ref()?.fib.link_of(local)?.name)
    }

    /// The kernel's view of one prefix, for flags in route listings.
    pub fn kernel_route(&self, prefix: &Prefix) -> Option<fib::RouteRow> {
        self.kernel.as_ref()?.fib.route(prefix)
    }
}
