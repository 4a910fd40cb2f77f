//! Two sessions back to back over a network with delays, in virtual time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::ErrorKind;

use proptest::prelude::*;
use wire::next_frame;

use super::*;
use crate::CloseCause;

const ALICE: usize = 0;
const BOB: usize = 1;

/// What travels over a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Parcel {
    Syn,
    SynAck,
    /// The listening program comes round to accept; what was sent to it waits until then.
    Accept,
    Bytes(Vec<u8>),
    Fin,
    Reset,
}

/// Time, order of sending, connection, receiver, what.
type Delivery = (Instant, u64, usize, usize, Parcel);

#[derive(Default)]
struct Node {
    session: Option<Session>,
    /// The connection of each side: outgoing, incoming.
    open: [Option<usize>; 2],
    dialing: Option<usize>,
    ups: Vec<Negotiated>,
    downs: Vec<Down>,
    received: u64,
}

impl Node {
    fn side_of(&self, connection: usize) -> Option<Side> {
        [Side::Outgoing, Side::Incoming]
            .into_iter()
            .find(|side| self.open[*side as usize] == Some(connection))
    }

    fn is_up(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|s| s.state() == State::Established)
    }
}

/// Two nodes, and what is under way between them.
struct Net {
    now: Instant,
    nodes: [Node; 2],
    flying: BinaryHeap<Reverse<Delivery>>,
    sent: u64,
    /// Delays of a connection in milliseconds, toward Alice and toward Bob.
    delays: Vec<[u64; 2]>,
    /// How long a connection waits to be accepted, in milliseconds.
    lags: Vec<u64>,
    random: Jitter,
    slowest: u64,
    /// Nothing is delivered, nobody is told.
    cut: bool,
    last_arrival: BTreeMap<(usize, usize), Instant>,
}

fn node_settings(node: usize, ids: [Ipv4Addr; 2]) -> Settings {
    let asn = [LOCAL_AS, REMOTE_AS];
    Settings {
        local_as: asn[node],
        remote_as: RemoteAs::Exactly(asn[1 - node]),
        router_id: ids[node],
        seed: 1000 + node as u64,
        ..settings()
    }
}

impl Net {
    fn new(seed: u64, slowest: u64) -> Net {
        Net {
            now: Instant::now_for_tests(),
            nodes: [Node::default(), Node::default()],
            flying: BinaryHeap::new(),
            sent: 0,
            delays: Vec::new(),
            lags: Vec::new(),
            random: Jitter::new(seed),
            slowest,
            cut: false,
            last_arrival: BTreeMap::new(),
        }
    }

    fn start(&mut self, node: usize, settings: Settings) {
        self.nodes[node] = Node {
            session: Some(Session::new(settings)),
            ..Node::default()
        };
        self.give(node, Input::Enable, None);
    }

    /// The process dies and its host says nothing.
    fn kill(&mut self, node: usize) {
        self.nodes[node] = Node::default();
    }

    /// Milliseconds, anything up to the slowest.
    fn delay(&mut self) -> u64 {
        let draw = self.random.around(Duration::from_secs(1)).as_millis() - 750;
        u64::try_from(draw).unwrap() * self.slowest / 500
    }

    /// In order on each connection and direction.
    fn ship(&mut self, connection: usize, to: usize, parcel: Parcel) {
        let delay = Duration::from_millis(self.delays[connection][to]);
        let earliest = self.last_arrival.get(&(connection, to)).copied();
        let at = (self.now + delay).max(earliest.unwrap_or(self.now));
        self.last_arrival.insert((connection, to), at);
        self.sent += 1;
        self.flying
            .push(Reverse((at, self.sent, connection, to, parcel)));
    }

    fn give(&mut self, node: usize, input: Input<'_>, accepted: Option<usize>) {
        let now = self.now;
        let Some(session) = &mut self.nodes[node].session else {
            return;
        };
        let _ = session.handle(now, input);
        while let Some(output) = self.nodes[node].session.as_mut().and_then(Session::poll) {
            self.obey(node, output, accepted);
        }
    }

    fn obey(&mut self, node: usize, output: Output, accepted: Option<usize>) {
        let other = 1 - node;
        match output {
            Output::Connect => {
                let delays = [self.delay(), self.delay()];
                self.delays.push(delays);
                let lag = self.delay();
                self.lags.push(lag);
                let connection = self.delays.len() - 1;
                self.nodes[node].dialing = Some(connection);
                self.ship(connection, other, Parcel::Syn);
            }
            Output::Abort => {
                let connection = self.nodes[node].dialing.take().unwrap();
                self.ship(connection, other, Parcel::Fin);
            }
            Output::Adopt => self.nodes[node].open[Side::Incoming as usize] = accepted,
            Output::Refuse { notification } => {
                if let Some(notification) = notification {
                    let bytes = notification.encode().to_vec();
                    self.ship(accepted.unwrap(), other, Parcel::Bytes(bytes));
                }
                self.ship(accepted.unwrap(), other, Parcel::Fin);
            }
            Output::Send { side, bytes } => {
                let connection = self.nodes[node].open[side as usize].unwrap();
                self.ship(connection, other, Parcel::Bytes(bytes.to_vec()));
            }
            Output::Close { side } => {
                let connection = self.nodes[node].open[side as usize].take().unwrap();
                self.ship(connection, other, Parcel::Fin);
            }
            Output::Up(terms) => self.nodes[node].ups.push(*terms),
            Output::Down(down) => self.nodes[node].downs.push(down),
            Output::Failed(_)
            | Output::Refresh { .. }
            | Output::RefreshBegins { .. }
            | Output::RefreshEnds { .. } => {}
        }
    }

    fn deliver(&mut self, connection: usize, to: usize, parcel: Parcel) {
        let (local, remote) = ends();
        let node = &mut self.nodes[to];
        node.received += 1;
        match parcel {
            Parcel::Syn if node.session.is_none() => self.ship(connection, 1 - to, Parcel::Reset),
            Parcel::Syn => {
                self.ship(connection, 1 - to, Parcel::SynAck);
                self.delays[connection][to] += self.lags[connection];
                self.ship(connection, to, Parcel::Accept);
                self.delays[connection][to] -= self.lags[connection];
            }
            Parcel::Accept => {
                self.give(to, Input::Accepted { local, remote }, Some(connection));
            }
            Parcel::SynAck if node.dialing == Some(connection) => {
                node.dialing = None;
                node.open[Side::Outgoing as usize] = Some(connection);
                self.give(to, Input::Connected { local, remote }, None);
            }
            Parcel::SynAck => {}
            Parcel::Bytes(bytes) => match node.side_of(connection) {
                Some(side) => {
                    let (frame, _) = next_frame(&bytes, wire::MAX_LEN).unwrap().unwrap();
                    self.give(to, Input::Frame { side, frame }, None);
                }
                None => self.ship(connection, 1 - to, Parcel::Reset),
            },
            Parcel::Fin | Parcel::Reset => {
                if node.dialing == Some(connection) {
                    node.dialing = None;
                    self.give(to, Input::ConnectFailed(ErrorKind::ConnectionRefused), None);
                } else if let Some(side) = node.side_of(connection) {
                    node.open[side as usize] = None;
                    let cause = match parcel {
                        Parcel::Reset => CloseCause::Error(ErrorKind::ConnectionReset),
                        _ => CloseCause::Eof,
                    };
                    self.give(to, Input::Closed { side, cause }, None);
                }
            }
        }
    }

    fn deadline(&self, node: usize) -> Option<Instant> {
        self.nodes[node]
            .session
            .as_ref()
            .and_then(Session::next_deadline)
    }

    /// Runs until `done`, at most so long. The clock jumps from event to event. True if it was done in time.
    fn run(&mut self, most: Duration, done: impl Fn(&Net) -> bool) -> bool {
        let end = self.now + most;
        while !done(self) {
            let delivery = self.flying.peek().map(|Reverse(next)| next.0);
            let timers = crate::timer::earlier(self.deadline(ALICE), self.deadline(BOB));
            let Some(next) = crate::timer::earlier(delivery, timers).filter(|next| *next <= end)
            else {
                self.now = end;
                return done(self);
            };
            self.now = self.now.max(next);
            if delivery.is_some_and(|at| at <= self.now) {
                let Reverse((_, _, connection, to, parcel)) = self.flying.pop().unwrap();
                if !self.cut {
                    self.deliver(connection, to, parcel);
                }
                continue;
            }
            for node in [ALICE, BOB] {
                if self.deadline(node).is_some_and(|at| at <= self.now) {
                    self.give(node, Input::Timer, None);
                }
            }
        }
        true
    }

    fn both_up(&self) -> bool {
        self.nodes.iter().all(Node::is_up)
    }

    fn pass(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds), |_| false);
    }

    fn check_one_connection(&self) {
        let [alice, bob] = &self.nodes;
        let side = alice.ups.last().unwrap().side;
        assert_eq!(bob.ups.last().unwrap().side, side.other());
        assert_eq!(alice.open[side as usize], bob.open[side.other() as usize]);
        assert!(alice.open[side as usize].is_some());
        assert_eq!(alice.open[side.other() as usize], None);
        assert_eq!(bob.open[side as usize], None);
    }
}

const IDS: [[Ipv4Addr; 2]; 3] = [
    [LOWER_ID, HIGHER_ID],
    [HIGHER_ID, LOWER_ID],
    [LOCAL_ID, LOCAL_ID],
];

#[test]
fn crossing_connects_leave_one_connection() {
    let mut collisions = 0;
    for (ids, seed) in IDS
        .into_iter()
        .flat_map(|ids| (0..30).map(move |seed| (ids, seed)))
    {
        let mut net = Net::new(seed, 20);
        net.start(ALICE, node_settings(ALICE, ids));
        net.start(BOB, node_settings(BOB, ids));
        assert!(net.run(Duration::from_secs(1), Net::both_up));
        net.pass(600);
        net.check_one_connection();
        for node in &net.nodes {
            assert_eq!(node.ups.len(), 1);
            collisions += node.session.as_ref().unwrap().counters().collisions;
        }
    }
    assert!(collisions > 50, "the connects did not cross: {collisions}");
}

#[test]
fn two_that_wait_for_each_others_open_meet_however_they_connect() {
    for (ids, seed) in IDS
        .into_iter()
        .flat_map(|ids| (0..30).map(move |seed| (ids, seed)))
    {
        for delays in [
            [Some(3), Some(3)],
            [Some(3), None],
            [None, Some(9)],
            [Some(2), Some(9)],
        ] {
            let mut net = Net::new(seed, 20);
            for node in [ALICE, BOB] {
                let settings = Settings {
                    delay_open: delays[node],
                    ..node_settings(node, ids)
                };
                net.start(node, settings);
            }
            let is_met = net.run(Duration::from_secs(10), Net::both_up);
            assert!(is_met, "{ids:?} {seed} {delays:?}");
            net.pass(600);
            net.check_one_connection();
            assert!(net.nodes.iter().all(|node| node.ups.len() == 1));
        }
    }
}

#[test]
fn one_side_passive() {
    for ids in IDS {
        let mut net = Net::new(3, 50);
        let passive = Settings {
            passive: true,
            ..node_settings(BOB, ids)
        };
        net.start(BOB, passive);
        net.start(ALICE, node_settings(ALICE, ids));
        assert!(net.run(Duration::from_secs(1), Net::both_up));
        assert_eq!(net.nodes[ALICE].ups[0].side, Side::Outgoing);
    }
}

#[test]
fn a_late_peer_is_found_within_ten_seconds() {
    let mut net = Net::new(1, 10);
    net.start(ALICE, node_settings(ALICE, IDS[0]));
    net.pass(1000);
    net.start(
        BOB,
        Settings {
            passive: true,
            ..node_settings(BOB, IDS[0])
        },
    );
    assert!(net.run(Duration::from_secs(10), Net::both_up));
}

#[test]
fn a_cut_line_expires_both_hold_timers_and_heals() {
    let mut net = Net::new(1, 10);
    net.start(ALICE, node_settings(ALICE, IDS[0]));
    net.start(BOB, node_settings(BOB, IDS[0]));
    assert!(net.run(Duration::from_secs(1), Net::both_up));
    net.pass(100);
    net.cut = true;
    net.pass(91);
    for node in &net.nodes {
        assert_eq!(node.downs[0].reason, DownReason::HoldTimerExpired);
    }
    net.cut = false;
    assert!(net.run(Duration::from_secs(10), Net::both_up));
    net.check_one_connection();
}

/// The peer's process is killed, its host tells nobody, and it comes back: it need not wait for our hold timer.
#[test]
fn a_peer_that_died_silently_is_back_within_ten_seconds() {
    for (ids, passive) in [
        (IDS[0], false),
        (IDS[1], false),
        (IDS[0], true),
        (IDS[1], true),
    ] {
        let mut net = Net::new(1, 10);
        let alice = Settings {
            passive,
            ..node_settings(ALICE, ids)
        };
        net.start(ALICE, alice);
        net.start(BOB, node_settings(BOB, ids));
        assert!(net.run(Duration::from_secs(10), Net::both_up));
        net.pass(40);
        net.kill(BOB);
        net.cut = true;
        net.pass(2);
        net.cut = false;
        net.flying.clear();
        assert!(net.nodes[ALICE].is_up());
        net.start(BOB, node_settings(BOB, ids));
        assert!(
            net.run(Duration::from_secs(10), Net::both_up),
            "{ids:?} {passive}"
        );
        net.check_one_connection();
    }
}

#[test]
fn a_peer_that_is_not_configured_right_stays_down_quietly() {
    let mut net = Net::new(1, 10);
    net.start(ALICE, node_settings(ALICE, IDS[0]));
    let wrong = Settings {
        remote_as: RemoteAs::Exactly(Asn(65000)),
        ..node_settings(BOB, IDS[0])
    };
    net.start(BOB, wrong);
    net.pass(3600);
    assert!(net.nodes.iter().all(|node| node.ups.is_empty()));
    // About one attempt a minute from each side, not one a second.
    assert!(
        net.delays.len() < 400,
        "{} attempts in an hour",
        net.delays.len()
    );
    let error = net.nodes[ALICE]
        .session
        .as_ref()
        .unwrap()
        .last_error()
        .unwrap();
    assert!(error.at + Duration::from_secs(180) > net.now);
}

#[test]
fn hold_time_zero_stays_up_in_silence() {
    let mut net = Net::new(1, 10);
    net.start(
        ALICE,
        Settings {
            hold_time: 0,
            ..node_settings(ALICE, IDS[0])
        },
    );
    net.start(BOB, node_settings(BOB, IDS[0]));
    assert!(net.run(Duration::from_secs(1), Net::both_up));
    net.pass(1);
    let received = net.nodes[ALICE].received;
    net.pass(100_000);
    assert_eq!(net.nodes[ALICE].received, received);
    assert!(net.both_up());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// However the connects cross, as long as a handshake takes less than the connect retry time: one connection survives
    /// the first time, and stays.
    #[test]
    fn a_collision_costs_no_session(
        seed: u64,
        slowest in 2u64..1_000,
        later in 0u64..4_000,
        ids in 0usize..3,
        seeds: [u64; 2],
    ) {
        let mut net = Net::new(seed, slowest);
        let [alice, bob] = [ALICE, BOB].map(|node| Settings {
            seed: seeds[node],
            ..node_settings(node, IDS[ids])
        });
        net.start(ALICE, alice);
        net.run(Duration::from_millis(later), |_| false);
        net.start(BOB, bob);
        prop_assert!(net.run(Duration::from_secs(60), Net::both_up));
        net.pass(300);
        prop_assert!(net.both_up());
        net.check_one_connection();
        for node in &net.nodes {
            prop_assert_eq!(node.ups.len(), 1);
            prop_assert!(node.downs.is_empty());
        }
    }

    /// Lines that come and go: both ends agree whenever the line has been good for a while.
    #[test]
    fn heals_after_any_cuts(seed: u64, cuts in prop::collection::vec(1u64..200, 1..6), ids in 0usize..3) {
        let mut net = Net::new(seed, 2_500);
        net.start(ALICE, node_settings(ALICE, IDS[ids]));
        net.start(BOB, node_settings(BOB, IDS[ids]));
        for seconds in cuts {
            net.pass(seconds);
            net.cut = !net.cut;
        }
        net.cut = false;
        // A connection of which only one end knows goes at the latest with its hold timer.
        net.pass(400);
        prop_assert!(net.both_up());
        net.check_one_connection();
    }
}
