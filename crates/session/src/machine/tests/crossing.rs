//! Connection collision detection (RFC 4271 6.8), one end of it at a time.

use super::*;
use crate::CloseCause;
use Side::{Incoming, Outgoing};

const KEEPALIVE: u8 = 4;

fn open_of(id: Ipv4Addr) -> Bytes {
    peer_open(id, 90)
}

/// Both connections open, our OPEN sent on both.
fn crossed() -> Rig {
    let mut rig = Rig::enabled(settings());
    rig.connected();
    rig.accepted();
    rig
}

const COLLISION: Option<(u8, u8, Vec<u8>)> = Some((6, 7, Vec::new()));

#[test]
fn higher_peer_wins_with_its_connection_in_either_order() {
    // Its OPEN comes on its own connection first: ours goes at once.
    let mut rig = crossed();
    let outputs = rig.frame(Incoming, &open_of(HIGHER_ID));
    assert_eq!(notification_to(&outputs, Outgoing), COLLISION);
    rig.frame(Incoming, &wire::keepalive());
    assert_eq!(rig.session.negotiated().unwrap().side, Incoming);
    // On ours first: both go on until its own has got as far.
    let mut rig = crossed();
    let outputs = rig.frame(Outgoing, &open_of(HIGHER_ID));
    assert_eq!(sent_to(&outputs, Outgoing), [KEEPALIVE]);
    let outputs = rig.frame(Incoming, &open_of(HIGHER_ID));
    assert_eq!(notification_to(&outputs, Outgoing), COLLISION);
    rig.frame(Incoming, &wire::keepalive());
    assert_eq!(rig.session.negotiated().unwrap().side, Incoming);
    assert_eq!(rig.ups, 1);
}

#[test]
fn lower_peer_loses_its_connection_in_either_order() {
    let mut rig = crossed();
    let outputs = rig.frame(Outgoing, &open_of(LOWER_ID));
    assert_eq!(notification_to(&outputs, Incoming), COLLISION);
    assert_eq!(sent_to(&outputs, Outgoing), [KEEPALIVE]);
    // On its own connection first: that one is not confirmed as long as ours lives.
    let mut rig = crossed();
    assert_eq!(rig.frame(Incoming, &open_of(LOWER_ID)), []);
    assert_eq!(rig.state(), State::OpenConfirm);
    let outputs = rig.frame(Outgoing, &open_of(LOWER_ID));
    assert_eq!(notification_to(&outputs, Incoming), COLLISION);
    rig.frame(Outgoing, &wire::keepalive());
    assert_eq!(rig.session.negotiated().unwrap().side, Outgoing);
    assert_eq!(rig.session.last_error(), None);
    assert_eq!(rig.session.counters().collisions, 1);
}

#[test]
fn the_waiting_connection_goes_on_when_ours_dies() {
    let mut rig = crossed();
    rig.frame(Incoming, &open_of(LOWER_ID));
    assert_eq!(rig.frame(Incoming, &wire::keepalive()), []);
    let outputs = rig.closed(Outgoing, CloseCause::Eof);
    assert_eq!(sent_to(&outputs, Incoming), [KEEPALIVE]);
    assert!(matches!(outputs.last(), Some(Output::Up(_))));
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn the_waiting_connection_goes_on_when_ours_is_never_answered() {
    let mut rig = crossed();
    rig.frame(Incoming, &open_of(LOWER_ID));
    let outputs = rig.seconds(7);
    assert_eq!(notification_to(&outputs, Outgoing), COLLISION);
    assert_eq!(sent_to(&outputs, Incoming), [KEEPALIVE]);
    rig.frame(Incoming, &wire::keepalive());
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn a_pending_connect_ends_when_the_peers_connection_is_confirmed() {
    let mut rig = Rig::enabled(settings());
    rig.accepted();
    let outputs = rig.frame(Incoming, &open_of(HIGHER_ID));
    assert_eq!(outputs[0], Output::Abort);
    // Nor is a new one begun while it is about to be Established.
    assert!(!rig.seconds(60).contains(&Output::Connect));
}

#[test]
fn a_pending_connect_that_would_win_is_given_half_a_second() {
    let pending = || {
        let mut rig = Rig::enabled(settings());
        rig.accepted();
        assert_eq!(rig.frame(Incoming, &open_of(LOWER_ID)), []);
        rig
    };
    // It does not come.
    let mut rig = pending();
    let outputs = rig.sleep(Duration::from_millis(500));
    assert_eq!(outputs[0], Output::Abort);
    assert_eq!(sent_to(&outputs, Incoming), [KEEPALIVE]);
    // It fails.
    let mut rig = pending();
    let outputs = rig.give(Input::ConnectFailed(std::io::ErrorKind::ConnectionRefused));
    assert_eq!(sent_to(&outputs, Incoming), [KEEPALIVE]);
    // It comes, and has longer then.
    let mut rig = pending();
    rig.connected();
    assert_eq!(rig.seconds(3), []);
    let outputs = rig.frame(Outgoing, &open_of(LOWER_ID));
    assert_eq!(notification_to(&outputs, Incoming), COLLISION);
    rig.frame(Outgoing, &wire::keepalive());
    assert_eq!(rig.session.negotiated().unwrap().side, Outgoing);
}

#[test]
fn established_wins_over_a_connection_in_open_sent() {
    let mut rig = crossed();
    rig.frame(Outgoing, &open_of(HIGHER_ID));
    let outputs = rig.frame(Outgoing, &wire::keepalive());
    assert_eq!(notification_to(&outputs, Incoming), COLLISION);
    assert_eq!(rig.session.negotiated().unwrap().side, Outgoing);
}

#[test]
fn established_refuses_another_connection_and_probes_its_own() {
    let mut rig = Rig::established(settings(), 90);
    rig.seconds(5);
    let outputs = rig.accepted();
    let notification = Some(Notification::cease(CeaseSubcode::CollisionResolution, ""));
    assert_eq!(outputs[0], Output::Refuse { notification });
    assert_eq!(sent_to(&outputs, Outgoing), [KEEPALIVE]);
    // But not faster than once a second.
    assert_eq!(sent_to(&rig.accepted(), Outgoing), []);
    rig.seconds(1);
    assert_eq!(sent_to(&rig.accepted(), Outgoing), [KEEPALIVE]);
    assert_eq!(rig.session.counters().refused, 3);
}

#[test]
fn a_second_connection_of_the_peer_replaces_its_first() {
    let mut rig = Rig::enabled(passive());
    rig.accepted();
    let outputs = rig.accepted();
    assert_eq!(notification_to(&outputs, Incoming), COLLISION);
    assert_eq!(outputs[2], Output::Adopt);
    rig.frame(Incoming, &open_of(LOWER_ID));
    rig.frame(Incoming, &wire::keepalive());
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn an_error_on_one_connection_leaves_the_other() {
    let mut rig = crossed();
    let outputs = rig.frame(Incoming, &update());
    assert_eq!(notification_to(&outputs, Incoming), Some((5, 1, vec![2])));
    assert_eq!(rig.state(), State::OpenSent);
    rig.frame(Outgoing, &open_of(LOWER_ID));
    rig.frame(Outgoing, &wire::keepalive());
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn a_peer_that_closes_the_loser_itself_did_nothing_wrong() {
    let mut rig = crossed();
    rig.frame(Incoming, &open_of(LOWER_ID));
    let collision = Notification::cease(CeaseSubcode::CollisionResolution, "");
    let outputs = rig.frame(Incoming, &collision.encode());
    assert_eq!(outputs, [Output::Close { side: Incoming }]);
    rig.frame(Outgoing, &open_of(LOWER_ID));
    rig.frame(Outgoing, &wire::keepalive());
    assert_eq!(rig.state(), State::Established);
    assert_eq!(rig.session.last_error(), None);
}

#[test]
fn a_loser_that_the_peer_closes_while_we_connect_is_no_error_either() {
    let mut rig = Rig::enabled(settings());
    rig.accepted();
    rig.frame(Incoming, &open_of(LOWER_ID));
    let collision = Notification::cease(CeaseSubcode::CollisionResolution, "");
    rig.frame(Incoming, &collision.encode());
    assert_eq!(rig.state(), State::Connect);
    assert_eq!(rig.session.last_error(), None);
    rig.connected();
    rig.frame(Outgoing, &open_of(LOWER_ID));
    rig.frame(Outgoing, &wire::keepalive());
    assert_eq!(rig.state(), State::Established);
}

/// One session must stay small: a reflector has thousands.
#[test]
fn a_session_is_a_few_hundred_octets() {
    assert!(size_of::<Session>() <= 1024, "{}", size_of::<Session>());
}
