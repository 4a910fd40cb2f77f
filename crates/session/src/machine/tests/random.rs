//! Any sequence of inputs that a driver can give: the rig's checks hold after each.

use std::cell::Cell;
use std::io::ErrorKind;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use wire::{FaultKind, Section};

use super::*;
use crate::{CloseCause, Hold, Sending};

#[derive(Debug, Clone)]
enum Action {
    Enable,
    Disable,
    Reset,
    Shed(Hold),
    Connected,
    ConnectFailed,
    Accepted,
    Message(Side, Message),
    Fault(Side),
    /// An OPEN of which one octet was changed on the way.
    Damaged(Side, usize, u8),
    Closed(Side),
    /// The next deadline is reached.
    Deadline,
    /// Milliseconds pass; a timer may be late.
    Wait(u64),
    Sending(Sending),
}

#[derive(Debug, Clone, Copy)]
enum Message {
    OpenLower,
    OpenHigher,
    OpenWithoutHold,
    OpenWrongAs,
    Keepalive,
    Update,
    Refresh,
    Collision,
    Shutdown,
}

impl Message {
    fn bytes(self) -> Bytes {
        match self {
            Message::OpenLower => peer_open(LOWER_ID, 90),
            Message::OpenHigher => peer_open(HIGHER_ID, 30),
            Message::OpenWithoutHold => peer_open(LOWER_ID, 0),
            Message::OpenWrongAs => Open::new(Asn(1), 90, LOWER_ID, vec![]).encode(),
            Message::Keepalive => wire::keepalive(),
            Message::Update => update(),
            Message::Refresh => RouteRefresh {
                family: Family::Ipv4Unicast.afi_safi(),
                subtype: 0,
            }
            .encode(),
            Message::Collision => {
                Notification::cease(CeaseSubcode::CollisionResolution, "").encode()
            }
            Message::Shutdown => shutdown().encode(),
        }
    }
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Outgoing), Just(Side::Incoming)]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        6 => Just(Message::OpenLower),
        6 => Just(Message::OpenHigher),
        2 => Just(Message::OpenWithoutHold),
        1 => Just(Message::OpenWrongAs),
        12 => Just(Message::Keepalive),
        2 => Just(Message::Update),
        1 => Just(Message::Refresh),
        1 => Just(Message::Collision),
        1 => Just(Message::Shutdown),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => Just(Action::Enable),
        1 => Just(Action::Disable),
        1 => Just(Action::Reset),
        1 => prop_oneof![
            Just(Hold::Longest),
            Just(Hold::For(Duration::from_secs(7))),
            Just(Hold::UntilReset)
        ]
        .prop_map(Action::Shed),
        8 => Just(Action::Connected),
        1 => Just(Action::ConnectFailed),
        8 => Just(Action::Accepted),
        24 => (side(), message()).prop_map(|(side, message)| Action::Message(side, message)),
        1 => side().prop_map(Action::Fault),
        1 => (side(), 19usize..60, any::<u8>()).prop_map(|(side, at, octet)| Action::Damaged(side, at, octet)),
        2 => side().prop_map(Action::Closed),
        4 => Just(Action::Deadline),
        4 => prop_oneof![0u64..2_000, 2_000u64..300_000].prop_map(Action::Wait),
        2 => prop_oneof![Just(Sending::All), Just(Sending::Some), Just(Sending::Nothing)]
            .prop_map(Action::Sending),
    ]
}

fn apply(rig: &mut Rig, action: Action) {
    match action {
        Action::Enable => drop(rig.give(Input::Enable)),
        Action::Disable => drop(rig.give(Input::Disable {
            notification: shutdown(),
        })),
        Action::Reset => drop(rig.give(Input::Reset {
            notification: Notification::cease(CeaseSubcode::AdminReset, ""),
        })),
        Action::Shed(hold) => drop(rig.give(Input::Shed {
            notification: Notification::cease(CeaseSubcode::OutOfResources, ""),
            hold,
        })),
        Action::Connected if rig.dialed == Dialed::Pending => drop(rig.connected()),
        Action::ConnectFailed if rig.dialed == Dialed::Pending => {
            rig.give(Input::ConnectFailed(ErrorKind::ConnectionRefused));
        }
        Action::Connected | Action::ConnectFailed => {}
        Action::Accepted => drop(rig.accepted()),
        // Also on a side that has no connection: what was in flight when it was closed.
        Action::Message(side, message) => {
            let open = rig.is_open(side);
            let outputs = rig.frame(side, &message.bytes());
            assert!(
                open || outputs.is_empty(),
                "{outputs:?} for a closed connection"
            );
        }
        Action::Fault(side) => {
            let kind = FaultKind::NotSynchronized;
            rig.fault(side, Fault::reset(Section::Header, kind, Bytes::new()));
        }
        Action::Damaged(side, at, octet) => {
            let mut open = peer_open(LOWER_ID, 90).to_vec();
            let at = at.min(open.len() - 1);
            open[at] = octet;
            rig.frame(side, &open);
        }
        Action::Closed(side) => drop(rig.closed(side, CloseCause::Eof)),
        Action::Deadline => {
            if let Some(deadline) = rig.session.next_deadline() {
                rig.now = rig.now.max(deadline);
                rig.give(Input::Timer);
                let next = rig.session.next_deadline();
                assert!(next.is_none_or(|next| next > rig.now), "the timer spins");
            }
        }
        Action::Sending(sending) => rig.session.sending(rig.now, sending),
        Action::Wait(milliseconds) => rig.now += Duration::from_millis(milliseconds),
    }
}

/// Runs one sequence. At its end, from whatever state, a good peer gets a session within a few minutes.
fn run(settings: Settings, actions: Vec<Action>) -> Rig {
    let mut rig = Rig::enabled(settings);
    for action in actions {
        apply(&mut rig, action);
    }
    rig
}

fn recovers(rig: &mut Rig) {
    rig.give(Input::Enable);
    if rig.session.idle_reason() == Some(IdleReason::Shut) {
        rig.give(Input::Reset {
            notification: shutdown(),
        });
    }
    for _ in 0..20 {
        if rig.up {
            return;
        }
        rig.seconds(61);
        rig.accepted();
        if rig.incoming {
            rig.frame(Side::Incoming, &peer_open(HIGHER_ID, 90));
            rig.frame(Side::Incoming, &wire::keepalive());
        }
    }
    panic!("no session: {:?}", rig.session);
}

proptest! {
    #![proptest_config(Config::with_cases(400))]

    #[test]
    fn invariants_hold(actions in vec(action(), 0..200), passive: bool, seed: u64) {
        let mut rig = run(Settings { passive, seed, ..settings() }, actions);
        recovers(&mut rig);
    }

    #[test]
    fn they_hold_while_our_open_waits(
        actions in vec(action(), 0..200),
        passive: bool,
        seed: u64,
        seconds in 1u16..20,
    ) {
        let delay_open = Some(seconds);
        let mut rig = run(Settings { passive, seed, delay_open, ..settings() }, actions);
        recovers(&mut rig);
    }

    #[test]
    fn without_a_hold_time_too(actions in vec(action(), 0..200), passive: bool) {
        let mut rig = run(Settings { passive, hold_time: 0, ..settings() }, actions);
        recovers(&mut rig);
    }
}

/// The generator is narrow enough to reach what matters.
#[test]
fn the_generator_reaches_every_corner() {
    let (ups, downs) = (Cell::new(0), Cell::new(0));
    let (collisions, refused, failures) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let waited = Cell::new(0);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::with_cases(800), rng);
    runner
        .run(&vec(action(), 100..200), |actions| {
            let mut rig = Rig::enabled(settings());
            for action in actions {
                apply(&mut rig, action);
                if let Phase::Opening(opening) = &rig.session.phase
                    && let Some(connection) = &opening.incoming
                    && matches!(connection.phase, ConnectionPhase::Colliding { .. })
                {
                    waited.set(waited.get() + 1);
                }
            }
            ups.set(ups.get() + rig.ups);
            downs.set(downs.get() + rig.downs.len());
            collisions.set(collisions.get() + rig.session.counters().collisions);
            refused.set(refused.get() + rig.session.counters().refused);
            failures.set(failures.get() + rig.session.counters().connect_failures);
            Ok(())
        })
        .unwrap();
    assert!(ups.get() > 100, "{}", ups.get());
    assert!(downs.get() > 100, "{}", downs.get());
    assert!(collisions.get() > 100, "{}", collisions.get());
    assert!(refused.get() > 100, "{}", refused.get());
    assert!(failures.get() > 10, "{}", failures.get());
    assert!(waited.get() > 100, "{}", waited.get());
}
