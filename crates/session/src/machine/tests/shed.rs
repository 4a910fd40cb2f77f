//! A session whose peer brought too much lets nobody in for a while.

use super::*;
use crate::event::Hold;

fn too_many() -> Notification {
    Notification::max_prefixes(Family::Ipv4Unicast.afi_safi(), 7)
}

fn shed(settings: Settings, hold: Hold) -> Rig {
    let mut rig = Rig::established(settings, 90);
    let outputs = rig.give(Input::Shed {
        notification: too_many(),
        hold,
    });
    let side = match rig.session.settings().passive {
        true => Side::Incoming,
        false => Side::Outgoing,
    };
    let said = notification_to(&outputs, side).unwrap();
    assert_eq!(said, (6, 1, vec![0, 1, 1, 0, 0, 0, 7]));
    assert_eq!(rig.downs[0].reason, DownReason::Shed(too_many()));
    assert!(rig.session.is_shed());
    rig
}

#[test]
fn nobody_is_let_in_before_the_time_is_over() {
    let time = Duration::from_secs(300);
    let mut rig = shed(settings(), Hold::For(time));
    assert_eq!(rig.session.next_deadline(), Some(rig.now + time));
    assert_eq!(rig.seconds(299), []);
    let refused = Output::Refuse { notification: None };
    assert_eq!(rig.accepted(), [refused]);
    assert_eq!(rig.seconds(1), [Output::Connect]);
    assert!(!rig.session.is_shed());
}

#[test]
fn nobody_is_let_in_before_an_operator_says_so() {
    let mut rig = shed(passive(), Hold::UntilReset);
    assert_eq!(rig.session.next_deadline(), None);
    assert_eq!(rig.session.idle_reason(), Some(IdleReason::Shut));
    rig.seconds(100_000);
    rig.give(Input::Enable);
    let refused = Output::Refuse { notification: None };
    assert_eq!(rig.accepted(), [refused]);
    assert!(rig.session.is_damped());
    rig.give(Input::Reset {
        notification: shutdown(),
    });
    assert_eq!(rig.accepted()[0], Output::Adopt);
    let mut rig = shed(settings(), Hold::UntilReset);
    rig.give(Input::Disable {
        notification: shutdown(),
    });
    assert_eq!(rig.give(Input::Enable), [Output::Connect]);
}
