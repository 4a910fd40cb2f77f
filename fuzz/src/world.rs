//! A whole speaker, in virtual time, among peers that say and do anything.
//!
//! Two targets: `state` leads one connection to a state and lets it say any octets; `machine` takes an input as steps:
//! connections come and go, messages right and wrong, time passes, TCP takes nothing. What must hold: each connection
//! of ours says whole messages, an OPEN first and a NOTIFICATION last; timers do not spin; an honest peer notices
//! nothing, and at the end, whatever happened, a new one gets a session.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use speaker::{Admission, CloseCause, ConnId, Effect, Identity, Sending, Speaker};

use crate::messages::message;
use crate::updates::{attr, body};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const HONEST: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
/// Who may misbehave: an internal peer and an external one that we connect to, too, and two that are dynamic.
const OTHERS: [(Ipv4Addr, u16); 4] = [
    (Ipv4Addr::new(10, 0, 0, 2), 65001),
    (Ipv4Addr::new(10, 0, 0, 3), 65002),
    (Ipv4Addr::new(10, 1, 0, 4), 65001),
    (Ipv4Addr::new(10, 2, 0, 5), 65003),
];

const CONFIG: &str = "
as: 65001
router-id: 10.0.0.1
limits: {routes: 1MiB}
peers:
  - {address: 10.0.0.2, as: internal, route-reflector-client: true}
  - {address: 10.0.0.3, as: 65002, import: all, export: all, hold-time: 9}
dynamic-peers:
  - {prefix: 10.1.0.0/16, as: internal, route-reflector-client: true, limit: 50}
  - {prefix: 10.2.0.0/16, as: external, import: all, export: all, limit: 2}
";

/// One instant for all runs; virtual time counts from it.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Our end of a connection, as the other end sees it.
struct Wire {
    conn: ConnId,
    remote: Ipv4Addr,
    is_open: bool,
    /// TCP takes nothing.
    is_deaf: bool,
    said: Vec<u8>,
}

struct World {
    speaker: Speaker,
    now: Instant,
    wires: Vec<Wire>,
    dialing: Vec<(ConnId, IpAddr)>,
    next_port: u16,
}

impl World {
    fn new() -> World {
        let config = config::parse(CONFIG, "fuzz.yaml", config::Role::Reflector, &|_| None);
        let config = config.unwrap_or_else(|faults| panic!("{faults:?}"));
        let identity = Identity::of(&config, None);
        let now = start();
        let mut world = World {
            speaker: Speaker::new(now, config, identity, 1),
            now,
            wires: Vec::new(),
            dialing: Vec::new(),
            next_port: 20_000,
        };
        world.speaker.start(now);
        world.settle();
        world
    }

    /// Lets the speaker do what is due, and carries out what it asks for.
    fn settle(&mut self) {
        for turn in 0.. {
            assert!(turn < 100_000, "there is always more to do");
            let mut more = self.speaker.run(self.now);
            while let Some(effect) = self.speaker.poll_effect() {
                more = true;
                self.carry_out(effect);
            }
            while self.speaker.poll_event().is_some() {}
            if !more {
                break;
            }
        }
        let next = self.speaker.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "a timer spins");
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Dial(dial) => self.dialing.push((dial.conn, dial.remote.ip())),
            Effect::Bind => {
                for binding in self.speaker.bindings() {
                    self.speaker.on_bound(self.now, binding.of, Ok(()));
                }
            }
            Effect::Writable(conn) => self.drain(conn),
            Effect::Close { conn, last } => {
                self.dialing.retain(|(dialing, _)| *dialing != conn);
                if let Some(wire) = self.wires.iter_mut().find(|wire| wire.conn == conn) {
                    assert!(wire.is_open, "closed twice");
                    wire.is_open = false;
                    last.iter().for_each(|octets| wire.said.extend(octets));
                    check_said(&wire.said, true);
                }
            }
        }
    }

    fn drain(&mut self, conn: ConnId) {
        let Some(wire) = self.wires.iter_mut().find(|wire| wire.conn == conn) else {
            return;
        };
        if wire.is_deaf {
            return self.speaker.on_sending(self.now, conn, Sending::Nothing);
        }
        let mut out = Vec::new();
        let more = self.speaker.fill(self.now, conn, &mut out, 1 << 16);
        out.iter().for_each(|octets| wire.said.extend(octets));
        check_said(&wire.said, false);
        if wire.said.len() > 1 << 18 {
            wire.said.drain(..);
        }
        if more {
            self.drain(conn);
        }
    }

    fn wire(&mut self, conn: ConnId, remote: Ipv4Addr) -> usize {
        self.wires.push(Wire {
            conn,
            remote,
            is_open: true,
            is_deaf: false,
            said: Vec::new(),
        });
        self.wires.len() - 1
    }

    /// A peer connects. Where its connection is, if it was taken.
    fn accept(&mut self, remote: Ipv4Addr) -> Option<usize> {
        self.next_port = self.next_port.wrapping_add(1).max(1024);
        let (local, remote_end) = (
            SocketAddr::from((SERVER, 179)),
            SocketAddr::from((remote, self.next_port)),
        );
        let admission = self.speaker.on_accepted(self.now, local, remote_end);
        let at = match admission {
            Admission::Accepted { conn, .. } => Some(self.wire(conn, remote)),
            Admission::Refused(Some(last)) => {
                check_said(&last, true);
                None
            }
            Admission::Refused(None) => None,
        };
        self.settle();
        at
    }

    /// What we asked for: the connection is open, or refused.
    fn dialed(&mut self, is_refused: bool) {
        let Some((conn, remote)) = self.dialing.pop() else {
            return;
        };
        let IpAddr::V4(address) = remote else { return };
        if is_refused {
            let kind = std::io::ErrorKind::ConnectionRefused;
            self.speaker.on_connect_failed(self.now, conn, kind);
        } else {
            self.wire(conn, address);
            let (local, remote) = (
                SocketAddr::from((SERVER, 40_000)),
                SocketAddr::from((remote, 179)),
            );
            self.speaker.on_connected(self.now, conn, local, remote);
        }
        self.settle();
    }

    fn say(&mut self, at: usize, octets: &[u8]) {
        let Some(wire) = self.wires.get(at).filter(|wire| wire.is_open) else {
            return;
        };
        self.speaker.on_bytes(self.now, wire.conn, octets);
        self.settle();
    }

    fn close(&mut self, at: usize) {
        let Some(wire) = self.wires.get_mut(at).filter(|wire| wire.is_open) else {
            return;
        };
        wire.is_open = false;
        self.speaker.on_closed(self.now, wire.conn, CloseCause::Eof);
        self.settle();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.speaker.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// An Established session of this peer.
    fn establish(&mut self, remote: Ipv4Addr, asn: u16) -> Option<usize> {
        let at = self.accept(remote)?;
        self.say(at, &open(asn, remote));
        self.say(at, &message(4, &[]));
        self.is_established(remote).then_some(at)
    }

    fn is_established(&self, remote: Ipv4Addr) -> bool {
        let mut peers = self.speaker.peers();
        let peer = peers.find(|peer| peer.config().address == IpAddr::from(remote));
        peer.is_some_and(|peer| peer.session().state() == session::State::Established)
    }
}

/// Whole messages, the first an OPEN if it is not the last, a NOTIFICATION only as the last one of a connection.
fn check_said(said: &[u8], is_end: bool) {
    let mut rest = said;
    while !rest.is_empty() {
        let head = rest
            .get(..19)
            .unwrap_or_else(|| panic!("half a header: {rest:02x?}"));
        assert_eq!(head[..16], [0xff; 16]);
        let length = usize::from(u16::from_be_bytes([head[16], head[17]]));
        assert!(
            (19..=4096).contains(&length) && length <= rest.len(),
            "{rest:02x?}"
        );
        rest = &rest[length..];
        let is_last = rest.is_empty();
        assert!(
            head[18] != 3 || (is_end && is_last),
            "a NOTIFICATION is not the end"
        );
    }
}

fn open(asn: u16, id: Ipv4Addr) -> Vec<u8> {
    open_with(asn, id, &[])
}

/// Graceful restart with R and N for both families, ADD-PATH both ways, and a family that nobody knows.
const MORE: &[u8] = &[
    64, 10, 0xc0, 3, 0, 1, 1, 0x80, 0, 2, 1, 0x80, 69, 8, 0, 1, 1, 3, 0, 2, 1, 3, 1, 4, 0x40, 4, 0,
    71,
];

fn open_with(asn: u16, id: Ipv4Addr, more: &[u8]) -> Vec<u8> {
    let [high, low] = asn.to_be_bytes();
    let [a, b, c, d] = id.octets();
    let usual = [
        1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 2, 0, 65, 4, 0, 0, high, low,
    ];
    let capabilities = [&usual[..], more].concat();
    let length = capabilities.len() as u8;
    let mut body = vec![4, high, low, 0, 90, a, b, c, d, length + 2, 2, length];
    body.extend(capabilities);
    message(1, &body)
}

fn announcement(number: u8, asn: u16) -> Vec<u8> {
    let [high, low] = asn.to_be_bytes();
    let path = match asn {
        65001 => vec![],
        _ => vec![2, 1, 0, 0, high, low],
    };
    let attributes = [
        attr(0x40, 1, &[0]),
        attr(0x40, 2, &path),
        attr(0x40, 3, &[10, 9, 9, number]),
    ];
    message(2, &body(&[], &attributes.concat(), &[24, 60, 0, number]))
}

fn announcement_of_ipv6(number: u8, asn: u16) -> Vec<u8> {
    let [high, low] = asn.to_be_bytes();
    let path = match asn {
        65001 => vec![],
        _ => vec![2, 1, 0, 0, high, low],
    };
    let mut reach = vec![0, 2, 1, 16, 0x2a];
    reach.extend([0; 14]);
    reach.extend([number, 0, 64, 0x2a, 0, 0, 0, 0, 0, 0, number]);
    let attributes = [
        attr(0x80, 14, &reach),
        attr(0x40, 1, &[0]),
        attr(0x40, 2, &path),
    ];
    message(2, &body(&[], &attributes.concat(), &[]))
}

/// A message that a peer may say, right in itself.
fn usual(kind: u8, (id, asn): (Ipv4Addr, u16)) -> Vec<u8> {
    match kind % 16 {
        0 | 1 => open(asn, id),
        2..=4 => message(4, &[]),
        5 | 6 => announcement(kind, asn),
        7 => message(2, &body(&[24, 60, 0, kind.wrapping_sub(2)], &[], &[])),
        8 => message(5, &[0, 1, 0, 1]),
        9 => message(3, &[6, 4]),
        10 => message(2, &body(&[], &attr(0x80, 15, &[0, 2, 1]), &[])),
        11 => open_with(asn, id, MORE),
        12 => message(2, &body(&[], &attr(0x40, 1, &[7]), &[24, 60, 0, kind])),
        13 => announcement_of_ipv6(kind, asn),
        14 => message(3, &[6, 9, 6, 2]),
        _ => open(asn, Ipv4Addr::new(10, 200, 0, 9)),
    }
}

/// The honest peer has lost nothing, and a new one is served.
fn ends_well(world: &mut World) {
    assert!(world.is_established(HONEST), "the honest peer was hurt");
    // Whatever was said, whoever holds too much or is held off: it passes.
    world.wait(Duration::from_millis(100));
    let fresh = Ipv4Addr::new(10, 1, 200, 1);
    let at = world.establish(fresh, 65001);
    assert!(at.is_some(), "a new peer gets no session");
}

/// An input: a state, the size of a piece, and a stream.
pub(crate) fn state(input: &[u8]) {
    let &[state, piece, ref stream @ ..] = input else {
        return;
    };
    let mut world = World::new();
    world.establish(HONEST, 65001);
    let who = OTHERS[usize::from(state >> 4) % OTHERS.len()];
    let Some(at) = world.accept(who.0) else {
        return;
    };
    if state & 3 > 0 {
        world.say(at, &open(who.1, who.0));
    }
    if state & 3 > 1 {
        world.say(at, &message(4, &[]));
    }
    if state & 3 > 2 {
        world.say(at, &announcement(5, who.1));
    }
    for octets in stream.chunks(usize::from(piece) * 8 + 1) {
        world.say(at, octets);
    }
    ends_well(&mut world);
}

pub(crate) fn state_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for state in 0..4 {
        for (number, who) in OTHERS.iter().enumerate() {
            let head = [state | (number as u8) << 4, 40];
            for kind in [0, 2, 5, 7, 8, 9, 10, 11, 12, 13, 14] {
                let stream = [usual(kind, *who), usual(5, *who)].concat();
                seeds.push([&head[..], &stream].concat());
            }
        }
    }
    seeds
}

/// An input: steps of three octets.
pub(crate) fn machine(input: &[u8]) {
    let mut world = World::new();
    world.establish(HONEST, 65001);
    for step in input.chunks_exact(3).take(200) {
        let &[what, which, value] = step else { break };
        let who = OTHERS[usize::from(which) % OTHERS.len()];
        // The first connection is the honest peer's.
        let others = world.wires.len().saturating_sub(1);
        let at = 1 + usize::from(which >> 2) % others.max(1);
        let speaks = world.wires.get(at).map(|wire| wire.remote);
        let speaks = OTHERS
            .into_iter()
            .find(|(address, _)| Some(*address) == speaks)
            .unwrap_or(who);
        match what % 16 {
            0 | 1 => drop(world.accept(who.0)),
            2 => world.dialed(false),
            3 => world.dialed(value & 1 != 0),
            4..=7 => world.say(at, &usual(value, speaks)),
            8 => {
                // A usual message, one octet of it changed.
                let mut octets = usual(value, speaks);
                let place = usize::from(which) % octets.len();
                octets[place] ^= value | 1;
                world.say(at, &octets);
            }
            9 => {
                let octets = usual(value, speaks);
                world.say(at, &octets[..usize::from(which) % octets.len()]);
            }
            10 => world.say(at, &[value]),
            11 => world.close(at),
            12 => pass(&mut world, Duration::from_millis(u64::from(value) * 16)),
            13 => pass(&mut world, Duration::from_secs(u64::from(value) / 16)),
            14 => {
                if let Some(wire) = world.wires.get_mut(at) {
                    wire.is_deaf = value & 1 != 0;
                    let conn = wire.conn;
                    if wire.is_open {
                        world.drain(conn);
                        world.settle();
                    }
                }
            }
            _ => {
                let kind = announcement(value, speaks.1);
                world.say(at, &kind);
            }
        }
    }
    ends_well(&mut world);
}

/// Time in which the honest peer says that it is there.
fn pass(world: &mut World, time: Duration) {
    world.wait(time);
    world.say(0, &message(4, &[]));
}

pub(crate) fn machine_seeds() -> Vec<Vec<u8>> {
    // Steps that lead somewhere: in, OPEN, KEEPALIVE, routes, out.
    let up = |which: u8| {
        let conn = which << 2;
        vec![
            [0, which, 0],
            [4, conn, 0],
            [4, conn, 2],
            [15, conn, 9],
            [4, conn, 8],
        ]
    };
    let dial = vec![[2, 0, 0], [4, 0, 0], [4, 0, 2], [15, 0, 3]];
    let both = vec![
        [0, 0, 0],
        [2, 0, 0],
        [4, 0, 15],
        [4, 4, 15],
        [4, 0, 2],
        [4, 4, 2],
    ];
    let slow = vec![
        [0, 2, 0],
        [4, 0, 0],
        [4, 0, 2],
        [14, 0, 1],
        [13, 0, 255],
        [13, 0, 255],
    ];
    let mut seeds: Vec<Vec<[u8; 3]>> = (0..4).map(up).collect();
    // A peer that keeps forwarding over a restart: it goes without a word, and comes back.
    let graceful = vec![
        [0, 0, 0],
        [4, 0, 11],
        [4, 0, 2],
        [15, 0, 9],
        [4, 0, 13],
        [11, 0, 0],
        [13, 0, 32],
        [0, 0, 0],
        [4, 4, 11],
        [4, 4, 2],
        [15, 4, 9],
        [4, 4, 10],
    ];
    seeds.extend([dial, both, slow, graceful]);
    let all: Vec<[u8; 3]> = seeds.concat();
    seeds.push(all);
    seeds.push(vec![
        [0, 0, 0],
        [11, 0, 0],
        [12, 0, 100],
        [0, 0, 0],
        [9, 7, 5],
        [8, 22, 0],
    ]);
    seeds.into_iter().map(|steps| steps.concat()).collect()
}
