//! A reflector, scripted peers of every kind, and the oracle that hears all that they say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use config::Role;
use wire::Prefix;

use crate::octets::{self, Attr, OPTIONAL, PARTIAL, Route, TRANSITIVE, code};
use crate::tests::network::config;
use crate::{Dice, Kind, Net, NodeId, Options, Oracle, Party, PeerHandle, PeerScript};

pub(super) const OUR_AS: u32 = 64512;
pub(super) const ROUTER_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 250);
pub(super) const OUR_V6: &str = "2001:db8:ffff::1";

/// What is fixed of a world.
pub(super) struct Plan {
    pub(super) kinds: Vec<Kind>,
    /// Which of them take several paths of a prefix, as the bits of a number.
    pub(super) takes_paths: u64,
    /// Which of them say several.
    pub(super) sends_paths: u64,
    /// Of each peer, in seconds.
    pub(super) hold_time: u16,
    pub(super) tombstones: usize,
    pub(super) role: Role,
    /// A node writes kernel routes.
    pub(super) has_kernel: bool,
    pub(super) options: Options,
}

/// Octets of log that a group keeps: the least that can be configured.
pub(super) const LOG_LIMIT: usize = 1 << 20;

impl Plan {
    /// A quiet world of these peers.
    pub(super) fn of(kinds: &[Kind]) -> Plan {
        Plan {
            kinds: kinds.to_vec(),
            takes_paths: 0,
            sends_paths: 0,
            hold_time: 9,
            tombstones: 1000,
            role: Role::Reflector,
            has_kernel: false,
            options: Options::default(),
        }
    }

    fn text(&self, parties: &[Party]) -> String {
        let mut text = format!(
            "as: {OUR_AS}\nrouter-id: {ROUTER_ID}\nlimits: {{export-log: 1MiB, tombstones: {}}}\npeers:\n",
            self.tombstones
        );
        if self.role == Role::Node && !self.has_kernel {
            text.insert_str(0, "kernel: {enabled: false}\n");
        }
        for party in parties {
            let what = match party.kind {
                Kind::Ebgp => format!("as: {}, import: all", party.script.asn),
                Kind::Client => "as: internal, route-reflector-client: true".into(),
                Kind::NonClient => "as: internal".into(),
            };
            let export = if party.is_told { "all" } else { "none" };
            let paths = match party.paths {
                0 => "off".into(),
                255 => "all".into(),
                some => some.to_string(),
            };
            let taken = if party.script.sends_paths {
                "all"
            } else {
                "off"
            };
            let hop = if party.next_hop_self { "self" } else { "auto" };
            writeln!(
                text,
                "  - {{address: {}, {what}, export: {export}, next-hop: {hop}, next-hop-v6: \"{OUR_V6}\", passive: true, add-path: {{send: {paths}, receive: {taken}}}, hold-time: {}}}",
                party.script.address, self.hold_time
            )
            .unwrap();
        }
        text
    }
}

/// Everything of one run.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) net: Net,
    pub(super) rr: NodeId,
    pub(super) oracle: Oracle,
    pub(super) peers: Vec<PeerHandle>,
    pub(super) dice: Dice,
    /// Numbers the forms of routes.
    pub(super) number: u32,
    /// How many sessions of each peer had ended when the oracle was last told.
    ended: BTreeMap<PeerHandle, usize>,
    /// Sessions that the test ended itself.
    pub(super) cut: usize,
}

/// The n-th peer: its address and router id are alike in no octet that could be mixed up.
fn script(plan: &Plan, index: usize) -> PeerScript {
    let number = u32::try_from(index).unwrap() + 1;
    let asn = match plan.kinds[index] {
        Kind::Ebgp => 65000 + number % 3,
        Kind::Client | Kind::NonClient => OUR_AS,
    };
    PeerScript {
        address: Ipv4Addr::from(0x0a00_0100 + number),
        asn,
        // Higher addresses have lower ids, so that the two rungs disagree.
        router_id: Ipv4Addr::from(0x0101_ffff - number),
        hold_time: plan.hold_time,
        takes_paths: plan.takes_paths >> index & 1 == 1,
        sends_paths: plan.sends_paths >> index & 1 == 1,
    }
}

impl World {
    pub(super) fn new(plan: Plan) -> World {
        let mut net = Net::with(plan.options.clone());
        let mut oracle = Oracle::new(OUR_AS, ROUTER_ID, ROUTER_ID, OUR_V6.parse().unwrap());
        let mut peers = Vec::new();
        let mut parties = Vec::new();
        for (index, kind) in plan.kinds.iter().copied().enumerate() {
            let script = script(&plan, index);
            let peer = net.add_peer(script.clone());
            let party = Party {
                kind,
                paths: if script.takes_paths { 255 } else { 0 },
                script,
                is_told: true,
                next_hop_self: false,
            };
            oracle.add(peer, party.clone());
            peers.push(peer);
            parties.push(party);
        }
        let text = plan.text(&parties);
        let own = (IpAddr::V4(ROUTER_ID), "10.0.0.0/16".parse().unwrap());
        let rr = net.add(config(plan.role, &text), &[own]);
        World {
            dice: Dice::new(plan.options.seed ^ 0xabcd),
            plan,
            net,
            rr,
            oracle,
            peers,
            number: 0,
            ended: BTreeMap::new(),
            cut: 0,
        }
    }

    /// Has a peer connect, if it is not connected, and waits until it is.
    pub(super) fn up(&mut self, peer: PeerHandle) {
        if self.net.peer(peer).is_established() {
            return;
        }
        self.net.connect(peer, ROUTER_ID.into());
        // A reflector holds off a peer that came and went too often.
        for _ in 0..1000 {
            let is_up = move |net: &Net| net.peer(peer).is_established();
            if self.net.run_until(Duration::from_millis(1500), is_up) {
                return self.settle_ends();
            }
            if !self.net.peer(peer).is_connected() {
                self.net.connect(peer, ROUTER_ID.into());
            }
        }
        panic!("{peer:?} does not come up: {:#?}", self.net.events(self.rr));
    }

    pub(super) fn all_up(&mut self) {
        for peer in self.peers.clone() {
            self.up(peer);
        }
    }

    /// The connection of a peer breaks.
    pub(super) fn cut(&mut self, peer: PeerHandle) {
        self.cut += usize::from(self.net.peer(peer).is_established());
        self.net.cut(peer);
        self.settle_ends();
    }

    /// A peer closes.
    pub(super) fn hang_up(&mut self, peer: PeerHandle) {
        self.cut += usize::from(self.net.peer(peer).is_established());
        self.net.hang_up(peer);
        self.settle_ends();
    }

    /// Tells the oracle of sessions that ended.
    pub(super) fn settle_ends(&mut self) {
        for peer in &self.peers {
            let ended = self.net.peer(*peer).ended().len();
            if self.ended.insert(*peer, ended).unwrap_or(0) != ended {
                self.oracle.down(*peer);
            }
        }
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        self.net.run_for(time);
        self.settle_ends();
    }

    /// Runs until nothing moves any more.
    pub(super) fn rest(&mut self) {
        let is_quiet = self.net.run_until(Duration::from_secs(600), Net::is_quiet);
        let stats = self.net.speaker(self.rr).rib().stats();
        assert!(is_quiet, "it does not come to rest: {stats:?}");
        self.settle_ends();
    }

    /// A peer announces one route for some prefixes of one family, under one of its identifiers if it sends any. Nothing
    /// happens unless it is up.
    pub(super) fn announce(&mut self, peer: PeerHandle, prefixes: &[Prefix], route: &Route) {
        if !self.net.peer(peer).is_established() {
            return;
        }
        let mut route = route.clone();
        let id = self.some_id(peer);
        if let (Some(id), Some((_, number))) = (id, route.mark()) {
            let mark = self.oracle.party(peer).script.mark(id);
            let mark = [mark, number].map(u32::to_be_bytes).concat();
            route.set(OPTIONAL | TRANSITIVE, code::MARK, mark);
        }
        self.net.say(peer, octets::announce(prefixes, id, &route));
        for prefix in prefixes {
            let id = id.unwrap_or(0);
            self.oracle.announce(peer, id, *prefix, route.clone());
        }
    }

    /// A peer withdraws some prefixes of one family, those under one of its identifiers if it sends any.
    pub(super) fn withdraw(&mut self, peer: PeerHandle, prefixes: &[Prefix]) {
        if !self.net.peer(peer).is_established() {
            return;
        }
        let id = self.some_id(peer);
        self.net.say(peer, octets::withdraw(prefixes, id));
        for prefix in prefixes {
            self.oracle.withdraw(peer, id.unwrap_or(0), *prefix);
        }
    }

    fn some_id(&mut self, peer: PeerHandle) -> Option<u32> {
        let sends = self.oracle.party(peer).script.sends_paths;
        sends.then(|| self.dice.pick(&[0, 1, 7]))
    }

    /// Other settings for a peer, by a reload.
    pub(super) fn change(
        &mut self,
        peer: PeerHandle,
        is_told: bool,
        next_hop_self: bool,
        paths: usize,
    ) {
        let mut party = self.oracle.party(peer).clone();
        (party.is_told, party.next_hop_self) = (is_told, next_hop_self);
        if party.script.takes_paths {
            party.paths = paths;
        }
        self.oracle.add(peer, party);
        self.reload();
    }

    /// Other settings for all peers, by one reload.
    pub(super) fn change_all(&mut self, is_told: bool, next_hop_self: bool) {
        for peer in &self.peers {
            let mut party = self.oracle.party(*peer).clone();
            (party.is_told, party.next_hop_self) = (is_told, next_hop_self);
            self.oracle.add(*peer, party);
        }
        self.reload();
    }

    /// The reflector says that it is about to leave, or that it stays after all.
    pub(super) fn turn_drain(&mut self) {
        let is_drained = !self.oracle.is_drained;
        self.oracle.is_drained = is_drained;
        self.net.ask(self.rr, |speaker, now| match is_drained {
            true => speaker.drain(now, "a storm"),
            false => speaker.undrain(now),
        });
    }

    fn reload(&mut self) {
        let parties = self
            .peers
            .iter()
            .map(|peer| self.oracle.party(*peer).clone());
        let text = self.plan.text(&parties.collect::<Vec<_>>());
        let changed = config(self.plan.role, &text);
        self.net
            .ask(self.rr, |speaker, now| speaker.reload(now, changed));
    }

    /// A plain route of a peer, with a mark of its own.
    pub(super) fn plain(&mut self, peer: PeerHandle, is_v6: bool) -> Route {
        let party = self.oracle.party(peer);
        let path = match party.kind {
            Kind::Ebgp => sequence(&[party.script.asn]),
            Kind::Client | Kind::NonClient => Vec::new(),
        };
        let mut route = Route {
            attrs: Vec::new(),
            next_hop: if is_v6 {
                IpAddr::V6(party.script.address_v6())
            } else {
                IpAddr::V4(party.script.address)
            },
        };
        route.set(TRANSITIVE, code::ORIGIN, vec![0]);
        route.set(TRANSITIVE, code::AS_PATH, path);
        self.number += 1;
        let mark = [party.script.mark(0), self.number].map(u32::to_be_bytes);
        route.set(OPTIONAL | TRANSITIVE, code::MARK, mark.concat());
        route
    }

    /// Any route that a peer may say, and some that it should not.
    pub(super) fn any(&mut self, peer: PeerHandle, is_v6: bool) -> Route {
        let mut route = self.plain(peer, is_v6);
        let kind = self.oracle.party(peer).kind;
        let other = self.dice.pick(&self.peers);
        let other = self.oracle.party(other).script.clone();
        let dice = &mut self.dice;
        mix(dice, &mut route);
        if dice.one_in(3) && kind.is_internal() {
            route.set(
                OPTIONAL,
                code::ORIGINATOR_ID,
                other.router_id.octets().into(),
            );
            let clusters = vec![9; 4 + 4 * dice.index(2)];
            route.set(OPTIONAL, code::CLUSTER_LIST, clusters);
        }
        if dice.one_in(40) {
            route.set(OPTIONAL, code::CLUSTER_LIST, ROUTER_ID.octets().into());
        }
        if !is_v6 && dice.one_in(4) {
            route.next_hop = IpAddr::V4(other.address);
        }
        if !is_v6 && dice.one_in(40) {
            route.next_hop = IpAddr::V4(ROUTER_ID);
        }
        route
    }

    /// Every peer that is up holds what the oracle says; and a path has one identifier, whoever it is told to.
    pub(super) fn check(&self) {
        let mut identifiers = BTreeMap::new();
        for peer in &self.peers {
            let held = self.net.peer(*peer);
            if !held.is_established() {
                continue;
            }
            let party = self.oracle.party(*peer);
            let expected = self.oracle.table(*peer);
            let mut found: BTreeMap<Prefix, Vec<Route>> = BTreeMap::new();
            for ((prefix, id), route) in held.table() {
                found.entry(*prefix).or_default().push(Route::clone(route));
                if party.script.takes_paths {
                    let known = identifiers.entry((*prefix, route.mark())).or_insert(*id);
                    assert_eq!(known, id, "{prefix} of {party:?}");
                }
            }
            for paths in found.values_mut() {
                paths.sort_by_key(Route::mark);
            }
            for prefix in expected.keys().chain(found.keys()) {
                assert_eq!(
                    found.get(prefix),
                    expected.get(prefix),
                    "{prefix} of {party:?}: held on the left, to be held on the right"
                );
            }
            assert_eq!(held.ends_of_rib(), [1, 1], "{party:?}");
        }
        let stats = self.net.speaker(self.rr).rib().stats();
        let waits = (stats.log_bytes, stats.detached, stats.tombstones);
        assert_eq!(waits, (0, 0, 0), "{stats:?}");
    }

    /// Everybody leaves, and nothing is left.
    pub(super) fn leave(&mut self) {
        for peer in self.peers.clone() {
            self.net.resume(peer);
            self.hang_up(peer);
        }
        self.rest();
        let stats = self.net.speaker(self.rr).rib().stats();
        let left = [
            stats.destinations,
            stats.paths,
            stats.attribute_sets,
            stats.tombstones,
            stats.members,
            stats.groups,
            stats.log_bytes + stats.kept_bytes,
        ];
        assert_eq!(left, [0; 7], "{stats:?}");
    }
}

/// An AS_PATH of one sequence.
pub(super) fn sequence(numbers: &[u32]) -> Vec<u8> {
    if numbers.is_empty() {
        return Vec::new();
    }
    let mut value = vec![2, u8::try_from(numbers.len()).unwrap()];
    value.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    value
}

/// Attributes of few values each, so that routes often tie up to the last rung, and some that nobody knows.
fn mix(dice: &mut Dice, route: &mut Route) {
    route.set(TRANSITIVE, code::ORIGIN, vec![u8::from(dice.one_in(3))]);
    let mut numbers: Vec<u32> = match route.get(code::AS_PATH) {
        Some([_, _, rest @ ..]) => rest
            .chunks(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
            .collect(),
        Some(_) | None => Vec::new(),
    };
    numbers.extend((0..dice.below(3)).map(|_| 65001 + u32::try_from(dice.below(3)).unwrap()));
    if dice.one_in(40) {
        numbers.push(OUR_AS);
    }
    if dice.one_in(40) {
        numbers.insert(0, 65009);
    }
    let mut path = sequence(&numbers);
    if dice.one_in(6) {
        path.extend([1, 2, 0, 0, 0, 7, 0, 0, 0, 8]);
    }
    route.set(TRANSITIVE, code::AS_PATH, path);
    let number =
        |dice: &mut Dice, base: u8| vec![0, 0, 0, base + u8::try_from(dice.below(3)).unwrap()];
    if dice.one_in(2) {
        let med = number(dice, 0);
        route.set(OPTIONAL, code::MED, med);
    }
    if dice.one_in(3) {
        let local_pref = number(dice, 99);
        route.set(TRANSITIVE, code::LOCAL_PREF, local_pref);
    }
    let communities = match dice.below(16) {
        0 => Some(0xffff_ff01_u32),
        1 => Some(0xffff_ff02),
        2..5 => Some(0xfc00_0001),
        5 => Some(0xffff_0000),
        6 => Some(0xffff_0006),
        _ => None,
    };
    if let Some(community) = communities {
        let value = [0xfc00_0007, community].map(u32::to_be_bytes).concat();
        route.set(OPTIONAL | TRANSITIVE, code::COMMUNITIES, value);
    }
    for (flags, at, length) in [
        (TRANSITIVE, 6, 0),
        (OPTIONAL | TRANSITIVE, 7, 8),
        (OPTIONAL | TRANSITIVE | PARTIAL, 16, 16),
        (OPTIONAL | TRANSITIVE, 32, 24),
        (OPTIONAL | TRANSITIVE, 239, 5),
        (OPTIONAL | TRANSITIVE | PARTIAL, 240, 300),
        (OPTIONAL, 242, 3),
    ] {
        if dice.one_in(6) {
            // No octet is one that makes a community non-transitive, and no two parts are alike.
            let value = (1..=length)
                .map(|octet: u16| u8::try_from(octet % 61).unwrap())
                .collect();
            route.attrs.push(Attr {
                flags,
                code: at,
                value,
            });
        }
    }
    route.attrs.sort_by_key(|attr| attr.code);
}
