//! Our OPEN waits for the peer's (RFC 4271 8.1.1, DelayOpen).

use super::*;

fn delayed(settings: Settings) -> Settings {
    Settings {
        delay_open: Some(30),
        ..settings
    }
}

const OPEN: u8 = MessageType::Open as u8;
const KEEPALIVE: u8 = MessageType::Keepalive as u8;

#[test]
fn the_open_of_the_peer_is_answered_at_once() {
    for (settings, side) in [
        (delayed(settings()), Side::Outgoing),
        (delayed(passive()), Side::Incoming),
    ] {
        let mut rig = Rig::enabled(settings);
        let outputs = match side {
            Side::Outgoing => rig.connected(),
            Side::Incoming => rig.accepted(),
        };
        assert_eq!(sent_to(&outputs, side), Vec::<u8>::new());
        assert_eq!(rig.state(), State::Active);
        rig.seconds(29);
        let outputs = rig.frame(side, &peer_open(LOWER_ID, 90));
        assert_eq!(sent_to(&outputs, side), [OPEN, KEEPALIVE]);
        assert_eq!(rig.state(), State::OpenConfirm);
        rig.frame(side, &wire::keepalive());
        assert_eq!(rig.state(), State::Established);
    }
}

#[test]
fn ours_is_sent_when_it_has_waited_long_enough() {
    let mut rig = Rig::enabled(delayed(settings()));
    rig.connected();
    let outputs = rig.seconds(30);
    assert_eq!(sent_to(&outputs, Side::Outgoing), [OPEN]);
    assert_eq!(rig.state(), State::OpenSent);
    let outputs = rig.frame(Side::Outgoing, &peer_open(LOWER_ID, 90));
    assert_eq!(sent_to(&outputs, Side::Outgoing), [KEEPALIVE]);
}

#[test]
fn nothing_else_may_come_first() {
    let mut rig = Rig::enabled(delayed(settings()));
    rig.connected();
    let outputs = rig.frame(Side::Outgoing, &update());
    let said = notification_to(&outputs, Side::Outgoing).unwrap();
    assert_eq!(said, (5, 0, vec![MessageType::Update as u8]));
    assert_eq!(rig.state(), State::Idle);
}

#[test]
fn a_peer_that_goes_meanwhile_is_tried_again() {
    let mut rig = Rig::enabled(delayed(settings()));
    rig.connected();
    rig.closed(Side::Outgoing, crate::CloseCause::Eof);
    assert_eq!(rig.state(), State::Active);
    assert!(rig.seconds(7).contains(&Output::Connect));
}

#[test]
fn two_that_wait_for_each_other_meet() {
    // Both connections are open and wait; the peer's OPEN comes on its own one, then ours is answered.
    let mut rig = Rig::enabled(delayed(settings()));
    rig.accepted();
    rig.connected();
    rig.frame(Side::Incoming, &peer_open(HIGHER_ID, 90));
    rig.frame(Side::Incoming, &wire::keepalive());
    assert_eq!(rig.state(), State::Established);
    // The one with the higher identifier keeps its own.
    let mut rig = Rig::enabled(delayed(settings()));
    rig.accepted();
    rig.connected();
    rig.frame(Side::Incoming, &peer_open(LOWER_ID, 90));
    rig.frame(Side::Outgoing, &peer_open(LOWER_ID, 90));
    rig.frame(Side::Outgoing, &wire::keepalive());
    assert_eq!(rig.state(), State::Established);
    assert_eq!(rig.ups, 1);
}
