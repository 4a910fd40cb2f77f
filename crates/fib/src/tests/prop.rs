//! Whatever happens, in whatever order it is heard of: at rest the kernel has exactly the desired
//! routes that can be, and every foreign route is as its owner left it.

use proptest::prelude::*;
use wire::{NextHop, Prefix};

use super::fake::{Lab, prefix};
use crate::{FibInput, Hop, KernelEvent, Route, RouteError, RouteKind, Target};

const PREFIXES: [&str; 4] = ["10.10.0.0/24", "10.11.0.0/24", "fd10::/64", "fd11::/64"];
const GATEWAYS_4: [&str; 4] = ["10.0.0.2", "10.0.0.3", "10.2.0.2", "172.16.0.1"];
const GATEWAYS_6: [&str; 4] = ["fd00::2", "fd00::3", "fd02::2", "fd99::1"];
const ADDRESSES: [&str; 4] = ["10.0.0.1", "10.2.0.1", "fd00::1", "fd02::1"];

#[derive(Debug, Clone)]
enum Step {
    Set(usize, Vec<usize>),
    Blackhole(usize),
    Unset(usize),
    Up(u32, bool),
    Carrier(u32, bool),
    Address(usize, bool),
    ForeignAdd(usize),
    ForeignReplace(usize),
    ForeignRemove(usize),
    OursRemoved(usize),
    Overrun,
    Deliver,
    Command,
    Answer,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..4_usize, prop::collection::vec(0..4_usize, 1..4)).prop_map(|(p, g)| Step::Set(p, g)),
        1 => (0..4_usize).prop_map(Step::Blackhole),
        2 => (0..4_usize).prop_map(Step::Unset),
        2 => (1..3_u32, any::<bool>()).prop_map(|(l, up)| Step::Up(l, up)),
        2 => (1..3_u32, any::<bool>()).prop_map(|(l, up)| Step::Carrier(l, up)),
        2 => (0..4_usize, any::<bool>()).prop_map(|(a, there)| Step::Address(a, there)),
        1 => (0..4_usize).prop_map(Step::ForeignAdd),
        1 => (0..4_usize).prop_map(Step::ForeignReplace),
        2 => (0..4_usize).prop_map(Step::ForeignRemove),
        1 => (0..4_usize).prop_map(Step::OursRemoved),
        1 => Just(Step::Overrun),
        5 => Just(Step::Deliver),
        5 => Just(Step::Command),
        4 => Just(Step::Answer),
        2 => (0..40_000_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

struct World {
    lab: Lab,
    desired: [Option<Target>; 4],
    /// Answers that are on the way.
    answers: Vec<(u64, Result<(), RouteError>)>,
    start: Vec<crate::Address>,
}

fn theirs(p: usize) -> Route {
    let gateway = if p < 2 { "10.0.0.9" } else { "fd00::9" };
    super::foreign(PREFIXES[p], gateway, 1, 48)
}

impl World {
    fn new() -> Self {
        let lab = Lab::new();
        let start = lab.kernel.addresses.clone();
        World {
            lab,
            desired: [const { None }; 4],
            answers: Vec::new(),
            start,
        }
    }

    fn set(&mut self, p: usize, target: Option<Target>) {
        self.desired[p].clone_from(&target);
        self.lab.set(PREFIXES[p], target);
    }

    fn stands(&self, route: &Route) -> bool {
        self.lab
            .kernel
            .routes
            .values()
            .flatten()
            .any(|r| r == route)
    }

    fn at_key(&self, route: &Route) -> usize {
        let same = |r: &&Route| r.prefix == route.prefix && r.metric == route.metric;
        self.lab
            .kernel
            .routes
            .values()
            .flatten()
            .filter(same)
            .count()
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Set(p, gateways) => {
                let texts = if p < 2 { GATEWAYS_4 } else { GATEWAYS_6 };
                let hops = gateways.iter().map(|g| match texts[*g].parse().unwrap() {
                    std::net::IpAddr::V4(v4) => NextHop::V4(v4),
                    std::net::IpAddr::V6(global) => NextHop::V6 {
                        global,
                        link_local: None,
                    },
                });
                self.set(p, Some(Target::Unicast(hops.collect())));
            }
            Step::Blackhole(p) => self.set(p, Some(Target::Blackhole)),
            Step::Unset(p) => self.set(p, None),
            Step::Up(link, up) => self.lab.kernel.set_up(link, up),
            Step::Carrier(link, up) => self.lab.kernel.set_carrier(link, up),
            Step::Address(a, true) => self.lab.kernel.add_address(self.start_address(a)),
            Step::Address(a, false) => {
                if self.lab.kernel.addresses.contains(&self.start_address(a)) {
                    self.lab.kernel.remove_address(ADDRESSES[a]);
                }
            }
            Step::ForeignAdd(_) | Step::ForeignReplace(_) | Step::ForeignRemove(_) => {
                self.foreign(&step)
            }
            Step::OursRemoved(p) => self.lab.kernel.remove_ours(PREFIXES[p]),
            Step::Overrun => {
                self.lab.kernel.events.clear();
                self.lab.handle(FibInput::Event(KernelEvent::Overrun));
            }
            Step::Deliver => self.lab.deliver(),
            Step::Command => self.answers.extend(self.lab.command().unwrap_or_default()),
            Step::Answer => self.answer(),
            Step::Wait(ms) => self.lab.now += std::time::Duration::from_millis(ms),
        }
    }

    /// Between a foreign change at our key and our hearing of it, a write of ours can hit it; no
    /// program can help that (only the `Create` form is safe), so here it is heard at once.
    fn foreign(&mut self, step: &Step) {
        match step {
            Step::ForeignAdd(p) if self.at_key(&theirs(*p)) == 0 => {
                self.lab.kernel.add_foreign(theirs(*p))
            }
            Step::ForeignReplace(p) if !self.stands(&theirs(*p)) => {
                self.lab.kernel.replace_by_foreign(theirs(*p))
            }
            Step::ForeignRemove(p) => self.lab.kernel.remove_foreign(&theirs(*p)),
            _ => {}
        }
        self.lab.deliver();
    }

    fn start_address(&self, a: usize) -> crate::Address {
        *self
            .start
            .iter()
            .find(|x| x.local == ADDRESSES[a].parse::<std::net::IpAddr>().unwrap())
            .unwrap()
    }

    fn answer(&mut self) {
        let answers = std::mem::take(&mut self.answers);
        self.lab
            .handle(FibInput::Event(KernelEvent::Results(answers)));
    }

    /// The hops that a target should have now, by a naive look at the kernel.
    fn expected(&self, p: usize) -> Option<RouteKind> {
        let next_hops = match self.desired[p].as_ref()? {
            Target::Blackhole | Target::Discard => return Some(RouteKind::Blackhole),
            Target::Unicast(next_hops) => next_hops,
        };
        let kernel = &self.lab.kernel;
        let mut hops: Vec<Hop> = next_hops
            .iter()
            .filter_map(|n| {
                let covers = |a: &&crate::Address| {
                    a.subnet.unwrap().contains(&n.addr()) && kernel.links[&a.link].usable()
                };
                let address = kernel.addresses.iter().find(covers)?;
                Some(Hop {
                    gateway: Some(n.addr()),
                    link: address.link,
                    weight: 1,
                    onlink: false,
                })
            })
            .collect();
        hops.sort_unstable();
        hops.dedup();
        (!hops.is_empty()).then(|| RouteKind::Unicast(hops.into()))
    }

    fn ours(&self, prefix: Prefix) -> Vec<RouteKind> {
        let ours = |r: &&Route| r.prefix == prefix && r.protocol == 155;
        self.lab
            .kernel
            .routes
            .values()
            .flatten()
            .filter(ours)
            .map(|r| r.kind.clone())
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn at_rest_the_kernel_is_as_desired(steps in steps()) {
        let mut world = World::new();
        let mut foreign = [false; 4];
        for step in steps {
            world.run(step.clone());
            for (p, there) in foreign.iter_mut().enumerate() {
                let stands = world.stands(&theirs(p));
                match step {
                    Step::ForeignAdd(q) | Step::ForeignReplace(q) | Step::ForeignRemove(q) if q == p => *there = stands,
                    // The kernel itself drops routes with the link or the last address.
                    Step::Up(..) | Step::Address(..) => *there = stands,
                    _ => prop_assert_eq!(*there, stands, "{} by {:?}", PREFIXES[p], step),
                }
            }
        }
        world.answer();
        world.lab.advance(std::time::Duration::from_secs(200));
        for (p, there) in foreign.into_iter().enumerate() {
            prop_assert_eq!(there, world.stands(&theirs(p)), "{}", PREFIXES[p]);
            let prefix = prefix(PREFIXES[p]);
            let expected: Vec<RouteKind> = world.expected(p).into_iter().collect();
            let blocked = there && world.desired[p] != Some(Target::Blackhole);
            if !blocked {
                prop_assert_eq!(world.ours(prefix), expected, "{}", PREFIXES[p]);
            } else {
                prop_assert!(world.ours(prefix).is_empty());
            }
        }
        prop_assert!(world.lab.fib.idle());
    }
}
