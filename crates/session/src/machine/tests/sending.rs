//! The send hold timer (RFC 9687).

use super::*;
use crate::Direction;
use crate::event::Sending;

const SEND_HOLD: Duration = Duration::from_secs(480);

/// Lets the peer, who keeps its side of the bargain, live on for `time`; what we send in it.
fn live(rig: &mut Rig, time: Duration) -> Vec<Output> {
    let (end, mut outputs) = (rig.now + time, Vec::new());
    while rig.now < end && rig.up {
        outputs.extend(rig.sleep(Duration::from_secs(1).min(end - rig.now)));
        if rig.up {
            rig.frame(Side::Outgoing, &wire::keepalive());
        }
    }
    outputs
}

fn stuck(settings: Settings, hold_time: u16) -> Rig {
    let mut rig = Rig::established(settings, hold_time);
    rig.session.sending(rig.now, Sending::Nothing);
    rig
}

#[test]
fn a_peer_that_reads_nothing_is_given_up_without_a_word() {
    let mut rig = stuck(settings(), 90);
    live(&mut rig, SEND_HOLD - Duration::from_millis(1));
    assert!(rig.up, "too early");
    let outputs = live(&mut rig, Duration::from_millis(1));
    assert_eq!(rig.downs[0].reason, DownReason::SendHoldTimerExpired);
    assert!(outputs.contains(&Output::Close {
        side: Side::Outgoing
    }));
    let said = |output: &Output| matches!(output, Output::Send { bytes, .. } if bytes[18] == 3);
    assert!(!outputs.iter().any(said), "nothing can be sent");
    let error = rig.session.last_error().unwrap();
    assert_eq!(error.direction, Direction::Local);
    assert!(rig.session.idle_reason().is_some());
}

#[test]
fn whatever_is_taken_begins_it_anew_and_all_ends_it() {
    let mut rig = stuck(settings(), 90);
    live(&mut rig, SEND_HOLD - Duration::from_secs(1));
    rig.session.sending(rig.now, Sending::Some);
    live(&mut rig, SEND_HOLD - Duration::from_secs(1));
    // To be told again that nothing is taken is no news.
    rig.session.sending(rig.now, Sending::Nothing);
    assert!(rig.up);
    rig.session.sending(rig.now, Sending::All);
    live(&mut rig, SEND_HOLD * 3);
    assert!(rig.up);
    rig.session.sending(rig.now, Sending::Some);
    live(&mut rig, SEND_HOLD);
    assert!(!rig.up);
}

#[test]
fn its_length_is_as_configured_or_follows_the_hold_time() {
    for (send_hold, hold_time, wanted) in [
        (None, 90, Some(480)),
        (None, 300, Some(600)),
        (Some(7), 90, Some(7)),
        (Some(0), 90, None),
        (Some(7), 0, None),
        (None, 0, None),
    ] {
        let mut rig = stuck(
            Settings {
                send_hold,
                hold_time: 300,
                ..settings()
            },
            hold_time,
        );
        let from = rig.now;
        live(&mut rig, SEND_HOLD * 2);
        let lasted = (!rig.up).then(|| (rig.now - from).as_secs());
        assert_eq!(lasted, wanted, "{send_hold:?}, hold time {hold_time}");
    }
}

#[test]
fn it_ends_with_the_session() {
    let mut rig = stuck(settings(), 90);
    live(&mut rig, SEND_HOLD - Duration::from_secs(1));
    let notification = Notification::cease(CeaseSubcode::AdminReset, "");
    rig.give(Input::Reset { notification });
    rig.session.sending(rig.now, Sending::Nothing);
    rig.seconds(2);
    rig.connected();
    rig.frame(Side::Outgoing, &peer_open(LOWER_ID, 90));
    rig.frame(Side::Outgoing, &wire::keepalive());
    live(&mut rig, SEND_HOLD * 2);
    assert!(rig.up);
}
