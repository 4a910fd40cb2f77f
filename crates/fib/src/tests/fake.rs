//! A kernel that behaves like Linux where Linux is treacherous, and a driver around it.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use wire::Prefix;

use crate::{
    Action, Address, Dump, FailReason, Fib, FibConfig, FibInput, KernelCommand, KernelEvent, Link,
    Route, RouteChange, RouteError, RouteKey, RouteKind, RouteOp, RouteState, Target,
};

pub(super) fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn key_of(route: &Route) -> RouteKey {
    RouteKey {
        prefix: route.prefix,
        table: route.table,
        metric: route.metric,
    }
}

/// Two links, eth1 with 10.0.0.1/24 and fd00::1/64, eth2 with 10.2.0.1/24 and fd02::1/64.
#[derive(Debug)]
pub(super) struct FakeKernel {
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) addresses: Vec<Address>,
    pub(super) routes: BTreeMap<RouteKey, Vec<Route>>,
    /// What the monitor has not delivered yet.
    pub(super) events: VecDeque<KernelEvent>,
    /// Every operation carried out or refused.
    pub(super) log: Vec<Action>,
    /// Writes of this prefix are refused.
    pub(super) refuse: Option<Prefix>,
    /// Gateways are looked up by longest match, also among routes with gateways, as Linux does.
    pub(super) shadowed: bool,
}

impl FakeKernel {
    fn new() -> Self {
        let link = |index: u32| Link {
            index,
            name: format!("eth{index}").into(),
            up: true,
            carrier: true,
        };
        let address = |link: u32, local: &str, subnet: &str| Address {
            link,
            local: local.parse().unwrap(),
            subnet: Some(prefix(subnet)),
        };
        FakeKernel {
            links: [1, 2].map(|index| (index, link(index))).into(),
            addresses: vec![
                address(1, "10.0.0.1", "10.0.0.0/24"),
                address(1, "fd00::1", "fd00::/64"),
                address(2, "10.2.0.1", "10.2.0.0/24"),
                address(2, "fd02::1", "fd02::/64"),
            ],
            routes: BTreeMap::new(),
            events: VecDeque::new(),
            log: Vec::new(),
            refuse: None,
            shadowed: false,
        }
    }

    pub(super) fn put(&mut self, route: Route) {
        self.routes.entry(key_of(&route)).or_default().push(route);
    }

    fn notify(&mut self, route: Route, removed: bool) {
        self.events
            .push_back(KernelEvent::Route(RouteChange { route, removed }));
    }

    pub(super) fn add_foreign(&mut self, route: Route) {
        self.put(route.clone());
        self.notify(route, false);
    }

    pub(super) fn remove_foreign(&mut self, route: &Route) {
        let list = self.routes.entry(key_of(route)).or_default();
        let before = list.len();
        list.retain(|r| r != route);
        if list.len() < before {
            self.notify(route.clone(), true);
        }
    }

    /// `ip route replace`: takes the place of whatever stands first, and says only what is new.
    pub(super) fn replace_by_foreign(&mut self, route: Route) {
        let list = self.routes.entry(key_of(&route)).or_default();
        list.clear();
        list.push(route.clone());
        self.notify(route, false);
    }

    pub(super) fn remove_ours(&mut self, text: &str) {
        let mut gone = Vec::new();
        for list in self.routes.values_mut() {
            list.retain(|r| {
                let goes = r.protocol == 155 && r.prefix == prefix(text);
                if goes {
                    gone.push(r.clone());
                }
                !goes
            });
        }
        for route in gone {
            self.notify(route, true);
        }
    }

    pub(super) fn ours(&self) -> usize {
        self.routes
            .values()
            .flatten()
            .filter(|r| r.protocol == 155)
            .count()
    }

    pub(super) fn set_carrier(&mut self, index: u32, carrier: bool) {
        let link = self.links.get_mut(&index).unwrap();
        link.carrier = carrier;
        self.events.push_back(KernelEvent::Link(link.clone()));
    }

    pub(super) fn set_up(&mut self, index: u32, up: bool) {
        let link = self.links.get_mut(&index).unwrap();
        if link.up == up {
            return;
        }
        link.up = up;
        let event = KernelEvent::Link(link.clone());
        if !up {
            self.drop_through(index, false);
        }
        self.events.push_back(event);
    }

    pub(super) fn remove_address(&mut self, local: &str) -> Address {
        let local: IpAddr = local.parse().unwrap();
        let at = self
            .addresses
            .iter()
            .position(|a| a.local == local)
            .unwrap();
        let address = self.addresses.remove(at);
        if local.is_ipv4() {
            self.drop_through(address.link, true);
        }
        self.events.push_back(KernelEvent::Address {
            address,
            added: false,
        });
        address
    }

    pub(super) fn add_address(&mut self, address: Address) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
            self.events.push_back(KernelEvent::Address {
                address,
                added: true,
            });
        }
    }

    /// IPv4 without a word, IPv6 with one. A multipath route goes when no hop is left on a link that
    /// is up.
    fn drop_through(&mut self, index: u32, only_v4: bool) {
        let mut gone = Vec::new();
        let links = &self.links;
        let alive = |link: u32| link != index && links.get(&link).is_some_and(|l| l.up);
        for list in self.routes.values_mut() {
            list.retain(|route| {
                let hops = route.kind.hops();
                let v6 = matches!(route.prefix, Prefix::V6(_));
                let goes = hops.iter().any(|h| h.link == index)
                    && !hops.iter().any(|h| alive(h.link))
                    && !(v6 && only_v4);
                if goes && v6 {
                    gone.push(route.clone());
                }
                !goes
            });
        }
        for route in gone {
            self.notify(route, true);
        }
    }

    pub(super) fn apply(&mut self, ops: &[RouteOp]) -> Vec<(u64, Result<(), RouteError>)> {
        ops.iter().map(|op| (op.id, self.apply_one(op))).collect()
    }

    fn apply_one(&mut self, op: &RouteOp) -> Result<(), RouteError> {
        self.log.push(op.action);
        let error = |errno: i32, text: &str| {
            Err(RouteError {
                errno,
                text: text.into(),
            })
        };
        if op.action != Action::Delete {
            if self.refuse == Some(op.route.prefix) {
                return error(22, "EINVAL: Nexthop has invalid gateway");
            }
            if !op.route.kind.hops().iter().all(|hop| self.reaches(hop)) {
                return error(101, "ENETUNREACH: Network is unreachable");
            }
        }
        let list = self.routes.entry(key_of(&op.route)).or_default();
        match op.action {
            Action::Create if !list.is_empty() => error(17, "EEXIST: File exists"),
            Action::Create => {
                list.push(op.route.clone());
                Ok(())
            }
            Action::Replace => {
                // Whoever's it is: this is how a foreign route would be lost.
                list.splice(..list.len().min(1), [op.route.clone()]);
                Ok(())
            }
            Action::Delete => match list.iter().position(|r| r.protocol == op.route.protocol) {
                Some(at) => {
                    list.remove(at);
                    Ok(())
                }
                None => error(3, "ESRCH: No such process"),
            },
        }
    }

    fn reaches(&self, hop: &crate::Hop) -> bool {
        let (gateway, link) = (hop.gateway.unwrap(), hop.link);
        let connected = self
            .addresses
            .iter()
            .any(|a| a.link == link && a.subnet.unwrap().contains(&gateway));
        let covers = |r: &&Route| r.prefix.contains(&gateway) && r.prefix.prefix_len() > 24;
        let on_link = |r: &Route| {
            r.kind
                .hops()
                .iter()
                .any(|h| h.gateway.is_none() && h.link == link)
        };
        let mut routes = self.routes.values().flatten().filter(covers);
        let by_route = routes.clone().any(on_link);
        let shadow = self.shadowed && routes.any(|r| !on_link(r));
        self.links[&link].up && (hop.onlink || ((connected || by_route) && !shadow))
    }

    pub(super) fn dump(&self) -> Dump {
        Dump {
            links: self.links.values().cloned().collect(),
            addresses: self.addresses.clone(),
            routes: self.routes.values().flatten().cloned().collect(),
        }
    }
}

/// A [`Fib`], its kernel, and the clock.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) fib: Fib,
    pub(super) kernel: FakeKernel,
    pub(super) now: Instant,
}

impl Lab {
    pub(super) fn new() -> Self {
        Lab::with(FibConfig::default())
    }

    pub(super) fn with(config: FibConfig) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an arbitrary origin of virtual time"
        )]
        let now = Instant::now();
        Lab {
            fib: Fib::new(config),
            kernel: FakeKernel::new(),
            now,
        }
    }

    pub(super) fn handle(&mut self, input: FibInput) {
        self.fib.handle(self.now, input);
    }

    pub(super) fn set(&mut self, text: &str, target: Option<Target>) {
        self.handle(FibInput::Set(prefix(text), target));
    }

    /// Hands over what the monitor has.
    pub(super) fn deliver(&mut self) {
        while let Some(event) = self.kernel.events.pop_front() {
            self.handle(FibInput::Event(event));
        }
    }

    /// Carries out one command; false if there is none.
    pub(super) fn command(&mut self) -> Option<Vec<(u64, Result<(), RouteError>)>> {
        match self.fib.poll(self.now)? {
            KernelCommand::Dump => {
                let dump = self.kernel.dump();
                self.handle(FibInput::Event(KernelEvent::Dump(Box::new(dump))));
                Some(Vec::new())
            }
            KernelCommand::Apply(ops) => {
                assert!(ops.len() <= 100, "a batch too large");
                Some(self.kernel.apply(&ops))
            }
        }
    }

    /// Everything that happens without time going by.
    pub(super) fn step(&mut self) {
        for _ in 0..10_000 {
            self.deliver();
            match self.command() {
                Some(results) => self.handle(FibInput::Event(KernelEvent::Results(results))),
                None if self.kernel.events.is_empty() => return,
                None => {}
            }
        }
        panic!("it never comes to rest: {:?}", self.fib);
    }

    /// Lets time go by, from deadline to deadline.
    pub(super) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        self.step();
        for _ in 0..10_000 {
            match self.fib.next_deadline() {
                Some(at) if at <= end => self.now = self.now.max(at),
                Some(_) | None => {
                    self.now = end;
                    self.step();
                    return;
                }
            }
            self.step();
        }
        panic!("its deadlines never end: {:?}", self.fib.next_deadline());
    }

    /// Until everything that is due soon is done.
    pub(super) fn settle(&mut self) {
        self.advance(Duration::from_secs(3));
    }

    pub(super) fn show(&self, text: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        for route in self
            .kernel
            .routes
            .values()
            .flatten()
            .filter(|r| r.prefix == prefix(text))
        {
            let mut words = Vec::new();
            if route.kind == RouteKind::Blackhole {
                words.push("blackhole".to_owned());
            }
            for hop in route.kind.hops() {
                words.push(format!("via {} dev {}", hop.gateway.unwrap(), hop.link));
                if hop.onlink {
                    words.push("onlink".to_owned());
                }
            }
            words.push(format!("metric {} proto {}", route.metric, route.protocol));
            lines.push(words.join(" "));
        }
        lines.join("\n")
    }

    pub(super) fn state(&self, text: &str) -> Option<RouteState> {
        Some(self.fib.route(&prefix(text))?.state)
    }

    pub(super) fn failure(&self, text: &str) -> Option<FailReason> {
        match self.state(text)? {
            RouteState::Failed { reason, .. } => Some(reason),
            RouteState::Pending | RouteState::Installed | RouteState::Stale => None,
        }
    }
}
