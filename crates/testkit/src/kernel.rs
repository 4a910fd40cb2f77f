//! A kernel that is two tables: it takes what it is given and remembers it.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use fib::{Action, Address, Busy, Dump, KernelCommand, KernelEvent, KernelPort, Link, Route};
use wire::Prefix;

/// Interface index of the one interface a node has.
const LINK: u32 = 2;

/// The routes one node's kernel holds, and the reports it owes.
#[derive(Debug, Default)]
pub struct FakeKernel {
    routes: BTreeMap<(Prefix, u32), Route>,
    addresses: Vec<(IpAddr, Prefix)>,
    reports: VecDeque<KernelEvent>,
    writes: usize,
    no_carrier: bool,
}

impl FakeKernel {
    /// A kernel with one interface that has these addresses, each with its subnet.
    pub fn with_addresses(addresses: Vec<(IpAddr, Prefix)>) -> Self {
        FakeKernel {
            addresses,
            ..FakeKernel::default()
        }
    }

    /// What it holds for a prefix, whatever the metric.
    pub fn routes(&self, prefix: Prefix) -> impl Iterator<Item = &Route> {
        self.routes
            .values()
            .filter(move |route| route.prefix == prefix)
    }

    /// Routes held.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Operations carried out since the start.
    pub fn writes(&self) -> usize {
        self.writes
    }

    /// Takes the next report.
    pub(crate) fn report(&mut self) -> Option<KernelEvent> {
        self.reports.pop_front()
    }

    /// Takes a route nobody asked for.
    pub(crate) fn leave(&mut self, route: Route) {
        self.routes.insert((route.prefix, route.metric), route);
    }

    /// The address as it would be told of.
    pub(crate) fn change_address(&mut self, address: (IpAddr, Prefix), added: bool) -> Address {
        self.addresses.retain(|(local, _)| *local != address.0);
        if added {
            self.addresses.push(address);
        }
        on_link(address)
    }

    /// The interface as it would be told of.
    pub(crate) fn change_carrier(&mut self, carrier: bool) -> Link {
        self.no_carrier = !carrier;
        self.link()
    }

    fn link(&self) -> Link {
        Link {
            index: LINK,
            name: "eth0".into(),
            up: true,
            carrier: !self.no_carrier,
        }
    }

    fn dump(&self) -> Dump {
        Dump {
            links: vec![self.link()],
            addresses: self.addresses.iter().copied().map(on_link).collect(),
            routes: self.routes.values().cloned().collect(),
        }
    }
}

fn on_link((local, subnet): (IpAddr, Prefix)) -> Address {
    Address {
        link: LINK,
        local,
        subnet: Some(subnet),
    }
}

impl KernelPort for FakeKernel {
    fn send(&mut self, command: KernelCommand) -> Result<(), Busy> {
        match command {
            KernelCommand::Dump => {
                let dump = Box::new(self.dump());
                self.reports.push_back(KernelEvent::Dump(dump));
            }
            KernelCommand::Apply(operations) => {
                let mut results = Vec::new();
                for operation in operations {
                    self.writes += 1;
                    let key = (operation.route.prefix, operation.route.metric);
                    match operation.action {
                        Action::Create | Action::Replace => {
                            self.routes.insert(key, operation.route)
                        }
                        Action::Delete => self.routes.remove(&key),
                    };
                    results.push((operation.id, Ok(())));
                }
                self.reports.push_back(KernelEvent::Results(results));
            }
        }
        Ok(())
    }
}
