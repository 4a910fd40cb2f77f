//! A driver for tests that checks, at every step, what must always hold.

mod crossing;
mod delayed;
mod graceful;
mod marks;
mod pair;
mod random;
mod sending;
mod shed;
mod transitions;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use wire::{Asn, Capability, Families, Family, Fault, MessageType, Open, RouteRefresh, next_frame};

use super::*;
use crate::connection::{Connection, ConnectionPhase};
use crate::negotiate::Negotiated;
use crate::reason::Down;
use crate::session::IdleReason;
use crate::settings::{RemoteAs, Settings};
use crate::state::State;
use crate::timer::Jitter;

const LOCAL_AS: Asn = Asn(64512);
const REMOTE_AS: Asn = Asn(64513);
const LOCAL_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const LOWER_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const HIGHER_ID: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

fn settings() -> Settings {
    Settings {
        local_as: LOCAL_AS,
        remote_as: RemoteAs::Exactly(REMOTE_AS),
        router_id: LOCAL_ID,
        hostname: None,
        hold_time: 90,
        keepalive: None,
        connect_retry: Duration::from_secs(5),
        idle_hold: Duration::from_secs(1),
        idle_hold_max: Duration::from_secs(60),
        send_hold: None,
        delay_open: None,
        passive: false,
        families: Families::ALL,
        role: None,
        role_strict: false,
        extended_messages: false,
        extended_next_hop: false,
        add_path_receive: false,
        add_path_send: false,
        graceful: None,
        long_lived: None,
        seed: 42,
    }
}

fn passive() -> Settings {
    Settings {
        passive: true,
        ..settings()
    }
}

fn ends() -> (SocketAddr, SocketAddr) {
    (
        SocketAddr::from((LOCAL_ID, 179)),
        SocketAddr::from((LOWER_ID, 40000)),
    )
}

/// The OPEN of a peer with this identifier and hold time, whole.
fn peer_open(id: Ipv4Addr, hold_time: u16) -> Bytes {
    let mut capabilities: Vec<Capability> = Family::ALL
        .iter()
        .map(|family| Capability::Multiprotocol(family.afi_safi()))
        .collect();
    capabilities.push(Capability::RouteRefresh);
    capabilities.push(Capability::FourOctetAs(REMOTE_AS));
    Open::new(REMOTE_AS, hold_time, id, capabilities).encode()
}

fn update() -> Bytes {
    let mut message = vec![0xff; 16];
    message.extend([0, 23, 2, 0, 0, 0, 0]);
    Bytes::from(message)
}

fn shutdown() -> Notification {
    Notification::cease(CeaseSubcode::AdminShutdown, "bye")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialed {
    No,
    Pending,
    Open,
}

/// One session, a model of its driver, and the time.
struct Rig {
    session: Session,
    now: Instant,
    dialed: Dialed,
    incoming: bool,
    offered: bool,
    up: bool,
    ups: usize,
    downs: Vec<Down>,
}

impl Rig {
    fn new(settings: Settings) -> Rig {
        Rig {
            session: Session::new(settings),
            now: Instant::now_for_tests(),
            dialed: Dialed::No,
            incoming: false,
            offered: false,
            up: false,
            ups: 0,
            downs: Vec::new(),
        }
    }

    /// Enabled, and the first attempt to connect under way.
    fn enabled(settings: Settings) -> Rig {
        let mut rig = Rig::new(settings);
        rig.give(Input::Enable);
        rig
    }

    fn is_open(&self, side: Side) -> bool {
        match side {
            Side::Outgoing => self.dialed == Dialed::Open,
            Side::Incoming => self.incoming,
        }
    }

    fn set_closed(&mut self, side: Side) {
        match side {
            Side::Outgoing if self.dialed == Dialed::Open => self.dialed = Dialed::No,
            Side::Outgoing => {}
            Side::Incoming => self.incoming = false,
        }
    }

    fn give(&mut self, input: Input<'_>) -> Vec<Output> {
        self.give_frame(input).1
    }

    fn give_frame(&mut self, input: Input<'_>) -> (FrameUse, Vec<Output>) {
        match &input {
            Input::Connected { .. } => {
                assert_eq!(self.dialed, Dialed::Pending, "a driver invents nothing");
                self.dialed = Dialed::Open;
            }
            Input::ConnectFailed(_) => {
                assert_eq!(self.dialed, Dialed::Pending, "a driver invents nothing");
                self.dialed = Dialed::No;
            }
            Input::Accepted { .. } => self.offered = true,
            Input::Closed { side, .. } => self.set_closed(*side),
            _ => {}
        }
        let used = self.session.handle(self.now, input);
        let mut outputs = Vec::new();
        let mut must_close = None;
        while let Some(output) = self.session.poll() {
            self.check(&output, &mut must_close);
            outputs.push(output);
        }
        assert_eq!(must_close, None, "a NOTIFICATION without a close");
        if let Some(Output::Failed(error)) = outputs.last() {
            assert_eq!(Some(error), self.session.last_error());
        }
        assert!(!self.offered, "an accepted connection without an answer");
        assert!(outputs.len() <= 12, "{outputs:?}");
        self.check_state();
        (used, outputs)
    }

    /// What the driver would do, and whether it can.
    fn check(&mut self, output: &Output, must_close: &mut Option<Side>) {
        if let Some(side) = *must_close {
            assert_eq!(*output, Output::Close { side }, "after a NOTIFICATION");
        }
        match output {
            Output::Connect => {
                assert_eq!(self.dialed, Dialed::No);
                self.dialed = Dialed::Pending;
            }
            Output::Abort => {
                assert_eq!(self.dialed, Dialed::Pending);
                self.dialed = Dialed::No;
            }
            Output::Adopt => {
                assert!(self.offered && !self.incoming);
                self.offered = false;
                self.incoming = true;
            }
            Output::Refuse { .. } => {
                assert!(self.offered);
                self.offered = false;
            }
            Output::Send { side, bytes } => {
                assert!(self.is_open(*side), "{output:?}");
                if bytes[18] == MessageType::Notification as u8 {
                    *must_close = Some(*side);
                }
            }
            Output::Close { side } => {
                assert!(self.is_open(*side), "{output:?}");
                self.set_closed(*side);
                *must_close = None;
            }
            Output::Up(terms) => {
                assert!(!self.up, "up twice");
                assert!(self.is_open(terms.side));
                self.up = true;
                self.ups += 1;
            }
            Output::Down(down) => {
                assert!(self.up, "down twice");
                self.up = false;
                self.downs.push(down.clone());
            }
            Output::Failed(error) => {
                assert!(error.state < State::Established);
            }
            Output::Refresh { .. } | Output::RefreshBegins { .. } | Output::RefreshEnds { .. } => {
                assert!(self.up)
            }
        }
    }

    /// What must hold between any two inputs.
    fn check_state(&self) {
        let session = &self.session;
        assert_eq!(self.up, session.state() == State::Established);
        assert_eq!(self.up, session.negotiated().is_some());
        assert_eq!(
            session.has_connection(),
            self.incoming || self.dialed != Dialed::No
        );
        assert_eq!(session.flaps(), self.downs.len() as u64);
        assert_eq!(session.last_down().is_some(), !self.downs.is_empty());
        match &session.phase {
            Phase::Idle(_) => {
                assert!(!self.incoming && self.dialed == Dialed::No);
                assert!(session.idle_reason().is_some());
            }
            Phase::Opening(opening) => {
                let up = matches!(opening.dial, Dial::Up(_));
                assert_eq!(up, self.dialed == Dialed::Open);
                assert_eq!(
                    matches!(opening.dial, Dial::Pending { .. }),
                    self.dialed == Dialed::Pending
                );
                assert_eq!(opening.incoming.is_some(), self.incoming);
                for side in [Side::Outgoing, Side::Incoming] {
                    if let Some(connection) = opening.connection(side) {
                        check_hold(connection);
                        let colliding =
                            matches!(connection.phase, ConnectionPhase::Colliding { .. });
                        assert!(
                            !colliding || (side == Side::Incoming && self.dialed != Dialed::No)
                        );
                    }
                }
            }
            Phase::Established(established) => {
                assert_ne!(self.incoming, self.dialed == Dialed::Open, "one survives");
                assert_ne!(self.dialed, Dialed::Pending);
                let terms = &established.terms;
                assert_eq!(established.hold_at.is_some(), terms.hold_time != 0);
                assert_eq!(established.keepalive_at.is_some(), terms.hold_time != 0);
            }
        }
    }

    fn frame(&mut self, side: Side, message: &[u8]) -> Vec<Output> {
        let (frame, used) = next_frame(message, wire::MAX_LEN).unwrap().unwrap();
        assert_eq!(used, message.len());
        self.give(Input::Frame { side, frame })
    }

    fn connected(&mut self) -> Vec<Output> {
        let (local, remote) = ends();
        self.give(Input::Connected { local, remote })
    }

    fn accepted(&mut self) -> Vec<Output> {
        let (local, remote) = ends();
        self.give(Input::Accepted { local, remote })
    }

    fn closed(&mut self, side: Side, cause: crate::CloseCause) -> Vec<Output> {
        self.give(Input::Closed { side, cause })
    }

    fn fault(&mut self, side: Side, fault: Fault) -> Vec<Output> {
        self.give(Input::Fault { side, fault })
    }

    /// Time passes, timers go off as they are due.
    fn sleep(&mut self, time: Duration) -> Vec<Output> {
        let end = self.now + time;
        let mut outputs = Vec::new();
        while let Some(deadline) = self.session.next_deadline()
            && deadline <= end
        {
            self.now = self.now.max(deadline);
            outputs.extend(self.give(Input::Timer));
            if let Some(next) = self.session.next_deadline() {
                assert!(next > self.now, "a deadline that never passes");
            }
        }
        self.now = end;
        outputs
    }

    fn seconds(&mut self, seconds: u64) -> Vec<Output> {
        self.sleep(Duration::from_secs(seconds))
    }

    fn state(&self) -> State {
        self.session.state()
    }

    /// Established over a connection of our own, with a peer of this identifier and hold time.
    fn established(settings: Settings, hold_time: u16) -> Rig {
        let mut rig = Rig::enabled(settings);
        let side = if rig.session.settings().passive {
            rig.accepted();
            Side::Incoming
        } else {
            rig.connected();
            Side::Outgoing
        };
        rig.frame(side, &peer_open(LOWER_ID, hold_time));
        rig.frame(side, &wire::keepalive());
        assert_eq!(rig.state(), State::Established);
        rig
    }
}

/// The hold timer is armed from OpenSent on, unless a hold time of 0 was agreed.
fn check_hold(connection: &Connection) {
    match &connection.phase {
        ConnectionPhase::Delayed { .. } => assert_eq!(connection.hold_at, None),
        ConnectionPhase::OpenSent => assert!(connection.hold_at.is_some()),
        ConnectionPhase::Colliding { terms, .. } => {
            assert_eq!(connection.hold_at.is_some(), terms.hold_time != 0);
        }
        ConnectionPhase::OpenConfirm {
            terms,
            keepalive_at,
        } => {
            assert_eq!(connection.hold_at.is_some(), terms.hold_time != 0);
            assert_eq!(keepalive_at.is_some(), terms.hold_time != 0);
        }
    }
}

/// Tests need a first instant from somewhere; what it is does not matter.
trait FirstInstant {
    fn now_for_tests() -> Instant;
}

impl FirstInstant for Instant {
    #[expect(clippy::disallowed_methods, reason = "only where the clock starts")]
    fn now_for_tests() -> Instant {
        Instant::now()
    }
}

/// The NOTIFICATION that is sent to this side, if one is.
fn notification_to(outputs: &[Output], to: Side) -> Option<(u8, u8, Vec<u8>)> {
    outputs.iter().find_map(|output| match output {
        Output::Send { side, bytes } if *side == to && bytes[18] == 3 => {
            Some((bytes[19], bytes[20], bytes[21..].to_vec()))
        }
        _ => None,
    })
}

/// Types of the messages that are sent to this side.
fn sent_to(outputs: &[Output], to: Side) -> Vec<u8> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Send { side, bytes } if *side == to => Some(bytes[18]),
            _ => None,
        })
        .collect()
}
