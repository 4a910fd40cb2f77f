//! Each transition of RFC 4271 8.2.2 that applies.

use std::io::ErrorKind;

use wire::{FaultKind, Section};

use super::*;
use crate::{CloseCause, Direction};
use Side::{Incoming, Outgoing};

const OPEN: u8 = 1;
const KEEPALIVE: u8 = 4;

fn open_of(id: Ipv4Addr) -> Bytes {
    peer_open(id, 90)
}

// Idle.

#[test]
fn a_new_session_is_idle_until_enabled() {
    let mut rig = Rig::new(settings());
    assert_eq!(rig.state(), State::Idle);
    assert_eq!(rig.session.idle_reason(), Some(IdleReason::Disabled));
    assert_eq!(rig.session.next_deadline(), None);
    assert_eq!(rig.accepted(), [Output::Refuse { notification: None }]);
    assert_eq!(rig.give(Input::Enable), [Output::Connect]);
    assert_eq!(rig.state(), State::Connect);
    assert_eq!(rig.give(Input::Enable), []);
}

#[test]
fn a_passive_session_waits_in_active() {
    let mut rig = Rig::enabled(passive());
    assert_eq!(rig.state(), State::Active);
    assert_eq!(rig.seconds(3600), []);
    let outputs = rig.accepted();
    assert_eq!(outputs[0], Output::Adopt);
    assert_eq!(sent_to(&outputs, Incoming), [OPEN]);
}

// Connect and Active.

#[test]
fn a_failed_connect_is_tried_again_within_its_jitter() {
    for seed in 0..50 {
        let mut rig = Rig::enabled(Settings { seed, ..settings() });
        rig.give(Input::ConnectFailed(ErrorKind::ConnectionRefused));
        assert_eq!(rig.state(), State::Active);
        let error = rig.session.last_error().unwrap();
        assert_eq!(
            error.reason,
            DownReason::ConnectFailed(ErrorKind::ConnectionRefused)
        );
        assert_eq!(error.direction, Direction::Local);
        let wait = rig.session.next_deadline().unwrap() - rig.now;
        assert!(wait >= Duration::from_millis(3750) && wait <= Duration::from_millis(6250));
        assert_eq!(rig.sleep(wait), [Output::Connect]);
        assert_eq!(rig.state(), State::Connect);
    }
}

#[test]
fn failing_to_connect_never_backs_off() {
    let mut rig = Rig::enabled(settings());
    for _ in 0..50 {
        rig.give(Input::ConnectFailed(ErrorKind::HostUnreachable));
        assert!(rig.seconds(7).contains(&Output::Connect));
    }
    assert_eq!(rig.session.counters().connect_failures, 50);
}

#[test]
fn a_connect_that_hangs_is_begun_anew() {
    let mut rig = Rig::enabled(settings());
    let outputs = rig.seconds(7);
    assert!(matches!(
        outputs[..],
        [Output::Abort, Output::Failed(_), Output::Connect]
    ));
    assert_eq!(rig.state(), State::Connect);
}

#[test]
fn a_connection_of_either_side_gets_our_open() {
    let mut rig = Rig::enabled(settings());
    assert_eq!(sent_to(&rig.connected(), Outgoing), [OPEN]);
    assert_eq!(rig.state(), State::OpenSent);
    assert_eq!(sent_to(&rig.accepted(), Incoming), [OPEN]);
    assert_eq!(rig.session.counters().sent(MessageType::Open), 2);
}

#[test]
fn a_connection_that_was_given_up_is_closed() {
    let mut rig = Rig::enabled(settings());
    rig.give(Input::Disable {
        notification: shutdown(),
    });
    // The driver had it ready before it saw the Abort.
    rig.dialed = Dialed::Open;
    let (local, remote) = ends();
    let _ = rig
        .session
        .handle(rig.now, Input::Connected { local, remote });
    assert_eq!(rig.session.poll(), Some(Output::Close { side: Outgoing }));
}

#[test]
fn stopping_while_connecting_aborts() {
    let mut rig = Rig::enabled(settings());
    assert_eq!(
        rig.give(Input::Disable {
            notification: shutdown()
        }),
        [Output::Abort]
    );
    assert_eq!(rig.session.idle_reason(), Some(IdleReason::Disabled));
    assert_eq!(rig.seconds(600), []);
}

// OpenSent.

#[test]
fn silence_in_open_sent_ends_after_four_minutes() {
    let mut rig = Rig::enabled(passive());
    rig.accepted();
    assert_eq!(rig.seconds(239), []);
    let outputs = rig.seconds(1);
    assert_eq!(notification_to(&outputs, Incoming), Some((4, 0, vec![])));
    assert_eq!(rig.state(), State::Idle);
}

#[test]
fn a_close_in_open_sent_leads_back_to_active() {
    let mut rig = Rig::enabled(settings());
    rig.connected();
    rig.closed(Outgoing, CloseCause::Eof);
    assert_eq!(rig.state(), State::Active);
    let text = rig.session.last_error().unwrap().to_string();
    assert_eq!(text, "it closed the connection without answering our OPEN");
    assert_eq!(rig.seconds(7), [Output::Connect]);
}

#[test]
fn a_good_open_leads_to_open_confirm() {
    let mut rig = Rig::enabled(settings());
    rig.connected();
    let outputs = rig.frame(Outgoing, &open_of(LOWER_ID));
    assert_eq!(sent_to(&outputs, Outgoing), [KEEPALIVE]);
    assert_eq!(rig.state(), State::OpenConfirm);
}

#[test]
fn a_bad_open_is_refused_with_its_notification() {
    let mut wrong_as = open_of(LOWER_ID).to_vec();
    let at = wrong_as.len() - 1;
    wrong_as[at] = 99;
    let mut version = open_of(LOWER_ID).to_vec();
    version[19] = 3;
    let short_hold = peer_open(LOWER_ID, 2).to_vec();
    for (open, expected) in [
        (wrong_as, (2, 2, vec![])),
        (version, (2, 1, vec![0, 4])),
        (short_hold, (2, 6, vec![])),
    ] {
        let mut rig = Rig::enabled(settings());
        rig.connected();
        let outputs = rig.frame(Outgoing, &open);
        assert_eq!(notification_to(&outputs, Outgoing), Some(expected));
        assert_eq!(rig.state(), State::Idle);
        assert_eq!(rig.session.last_error().unwrap().direction, Direction::Sent);
    }
}

#[test]
fn other_messages_in_open_sent_are_an_fsm_error() {
    for (message, kind) in [
        (wire::keepalive(), 4),
        (update(), 2),
        (refresh(Family::Ipv4Unicast.afi_safi(), 0), 5),
    ] {
        let mut rig = Rig::enabled(settings());
        rig.connected();
        let outputs = rig.frame(Outgoing, &message);
        assert_eq!(
            notification_to(&outputs, Outgoing),
            Some((5, 1, vec![kind]))
        );
    }
}

#[test]
fn a_notification_is_never_answered() {
    let mut rig = Rig::enabled(settings());
    rig.connected();
    let refused = Notification {
        code: 2,
        subcode: 2,
        data: Bytes::new(),
    };
    let outputs = rig.frame(Outgoing, &refused.encode());
    assert_eq!(outputs[0], Output::Close { side: Outgoing });
    assert_eq!(sent_to(&outputs, Outgoing), []);
    let error = rig.session.last_error().unwrap();
    assert_eq!(error.direction, Direction::Received);
    assert_eq!(error.state, State::OpenSent);
    assert_eq!(
        error.to_string(),
        "it refused our OPEN: OPEN Message Error/Bad Peer AS (2/2)"
    );
}

#[test]
fn a_broken_header_is_told_in_any_state() {
    let fault = || Fault::reset(Section::Header, FaultKind::NotSynchronized, Bytes::new());
    let mut rig = Rig::enabled(settings());
    rig.connected();
    assert_eq!(
        notification_to(&rig.fault(Outgoing, fault()), Outgoing),
        Some((1, 1, vec![]))
    );
    let mut rig = Rig::established(settings(), 90);
    assert_eq!(
        notification_to(&rig.fault(Outgoing, fault()), Outgoing),
        Some((1, 1, vec![]))
    );
    assert_eq!(rig.downs[0].reason, DownReason::Fault(fault()));
}

// OpenConfirm.

#[test]
fn a_keepalive_makes_it_established() {
    let mut rig = Rig::enabled(settings());
    rig.connected();
    rig.frame(Outgoing, &open_of(LOWER_ID));
    let outputs = rig.frame(Outgoing, &wire::keepalive());
    let [Output::Up(terms)] = &outputs[..] else {
        panic!("{outputs:?}");
    };
    assert_eq!(
        (terms.hold_time, terms.keepalive, terms.side),
        (90, 30, Outgoing)
    );
    assert_eq!(
        (terms.remote_as, terms.remote_router_id),
        (REMOTE_AS, LOWER_ID)
    );
    assert!(!terms.internal && terms.four_octet_as && terms.route_refresh);
    assert_eq!(rig.session.negotiated(), Some(&**terms));
    assert_eq!(rig.session.established_since(), Some(rig.now));
}

#[test]
fn other_messages_in_open_confirm_are_an_fsm_error() {
    for (message, kind) in [
        (open_of(LOWER_ID), 1),
        (update(), 2),
        (refresh(Family::Ipv4Unicast.afi_safi(), 0), 5),
    ] {
        let mut rig = Rig::enabled(settings());
        rig.connected();
        rig.frame(Outgoing, &open_of(LOWER_ID));
        let outputs = rig.frame(Outgoing, &message);
        assert_eq!(
            notification_to(&outputs, Outgoing),
            Some((5, 2, vec![kind]))
        );
        assert_eq!(rig.state(), State::Idle);
    }
}

#[test]
fn the_hold_timer_runs_in_open_confirm_and_keepalives_are_sent() {
    let mut rig = Rig::enabled(settings());
    rig.connected();
    rig.frame(Outgoing, &peer_open(LOWER_ID, 30));
    let outputs = rig.seconds(29);
    let keepalives = sent_to(&outputs, Outgoing);
    assert!(keepalives.len() >= 2 && keepalives.iter().all(|kind| *kind == KEEPALIVE));
    let outputs = rig.seconds(1);
    assert_eq!(notification_to(&outputs, Outgoing), Some((4, 0, vec![])));
    assert_eq!(
        rig.session.last_error().unwrap().reason,
        DownReason::HoldTimerExpired
    );
}

#[test]
fn a_close_in_open_confirm_leads_to_idle() {
    let mut rig = Rig::enabled(settings());
    rig.connected();
    rig.frame(Outgoing, &open_of(LOWER_ID));
    rig.closed(Outgoing, CloseCause::Error(ErrorKind::ConnectionReset));
    assert!(matches!(
        rig.session.idle_reason(),
        Some(IdleReason::Hold { .. })
    ));
}

// Established.

#[test]
fn updates_are_for_the_owner_and_restart_the_hold_timer() {
    let mut rig = Rig::established(settings(), 90);
    for _ in 0..5 {
        rig.seconds(80);
        let message = update();
        let (frame, _) = next_frame(&message, wire::MAX_LEN).unwrap().unwrap();
        let (used, outputs) = rig.give_frame(Input::Frame {
            side: Outgoing,
            frame,
        });
        assert_eq!((used, outputs), (FrameUse::Update, vec![]));
    }
    assert_eq!(rig.session.counters().received(MessageType::Update), 5);
    rig.seconds(90);
    assert_eq!(rig.downs.len(), 1);
}

#[test]
fn silence_expires_the_hold_timer() {
    let mut rig = Rig::established(settings(), 90);
    rig.seconds(60);
    rig.frame(Outgoing, &wire::keepalive());
    rig.seconds(89);
    assert_eq!(rig.state(), State::Established);
    let outputs = rig.seconds(1);
    assert_eq!(notification_to(&outputs, Outgoing), Some((4, 0, vec![])));
    assert_eq!(rig.downs[0].reason, DownReason::HoldTimerExpired);
    assert_eq!(rig.downs[0].uptime, Duration::from_secs(150));
    assert_eq!(rig.session.flaps(), 1);
}

#[test]
fn keepalives_come_in_time_for_any_seed() {
    for seed in 0..50 {
        let mut rig = Rig::established(Settings { seed, ..settings() }, 90);
        let mut last = rig.now;
        for _ in 0..200 {
            rig.frame(Outgoing, &wire::keepalive());
            if !sent_to(&rig.sleep(Duration::from_millis(500)), Outgoing).is_empty() {
                let gap = rig.now - last;
                assert!(gap >= Duration::from_secs(22) && gap <= Duration::from_millis(30_500));
                last = rig.now;
            }
        }
        assert!(rig.now - last <= Duration::from_millis(30_500));
    }
}

#[test]
fn updates_of_ours_count_as_keepalives() {
    let mut rig = Rig::established(settings(), 90);
    for _ in 0..20 {
        rig.seconds(20);
        rig.session.sent_updates(rig.now, 3);
        rig.frame(Outgoing, &wire::keepalive());
    }
    assert_eq!(rig.session.counters().sent(MessageType::Keepalive), 1);
    assert_eq!(rig.session.counters().sent(MessageType::Update), 60);
}

#[test]
fn hold_time_zero_means_no_timers_at_all() {
    let mut rig = Rig::established(settings(), 0);
    assert_eq!(rig.session.next_deadline(), None);
    assert_eq!(rig.seconds(100_000), []);
    rig.session.sent_updates(rig.now, 1);
    assert_eq!(rig.session.next_deadline(), None);
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn the_time_between_keepalives_is_ours_to_change() {
    let mut rig = Rig::established(settings(), 90);
    let other = Settings {
        keepalive: Some(2),
        ..settings()
    };
    rig.session.reconfigure(rig.now, other);
    let sent = |outputs: Vec<Output>| sent_to(&outputs, Side::Outgoing).len();
    assert!((10..=14).contains(&sent(rig.seconds(20))));
    rig.session.reconfigure(rig.now, settings());
    assert!(sent(rig.seconds(20)) <= 1);
    assert_eq!(rig.session.negotiated().unwrap().keepalive, 30);
}

#[test]
fn an_open_in_established_is_an_fsm_error() {
    let mut rig = Rig::established(settings(), 90);
    let outputs = rig.frame(Outgoing, &open_of(LOWER_ID));
    assert_eq!(notification_to(&outputs, Outgoing), Some((5, 3, vec![1])));
    assert_eq!(rig.state(), State::Idle);
}

#[test]
fn a_received_cease_takes_it_down_and_it_comes_back() {
    let mut rig = Rig::established(settings(), 90);
    rig.seconds(20);
    let outputs = rig.frame(Outgoing, &shutdown().encode());
    assert_eq!(outputs[0], Output::Close { side: Outgoing });
    assert_eq!(
        rig.downs[0].reason,
        DownReason::NotificationReceived(shutdown())
    );
    assert_eq!(rig.seconds(1), [Output::Connect]);
}

#[test]
fn losing_the_connection_takes_it_down() {
    for (cause, reason) in [
        (CloseCause::Eof, DownReason::TcpClosed),
        (
            CloseCause::Error(ErrorKind::BrokenPipe),
            DownReason::TcpError(ErrorKind::BrokenPipe),
        ),
        (CloseCause::LinkDown, DownReason::LinkDown),
        (CloseCause::AddressGone, DownReason::AddressGone),
    ] {
        let mut rig = Rig::established(settings(), 90);
        let outputs = rig.closed(Outgoing, cause);
        assert!(matches!(outputs[..], [Output::Down(_)]));
        assert_eq!(rig.downs[0].reason, reason);
    }
}

#[test]
fn disable_says_cease_and_stays_down() {
    let mut rig = Rig::established(settings(), 90);
    let outputs = rig.give(Input::Disable {
        notification: shutdown(),
    });
    let sent = notification_to(&outputs, Outgoing).unwrap();
    assert_eq!((sent.0, sent.1, &sent.2[..]), (6, 2, &b"\x03bye"[..]));
    assert_eq!(rig.downs[0].reason, DownReason::Disabled);
    assert_eq!(rig.session.last_error(), None);
    assert_eq!(rig.seconds(3600), []);
    assert_eq!(rig.accepted(), [Output::Refuse { notification: None }]);
    assert_eq!(rig.give(Input::Enable), [Output::Connect]);
}

#[test]
fn deleting_is_told_apart_from_disabling() {
    let mut rig = Rig::established(settings(), 90);
    let notification = Notification::cease(CeaseSubcode::PeerDeconfigured, "");
    let outputs = rig.give(Input::Disable { notification });
    assert_eq!(notification_to(&outputs, Outgoing), Some((6, 3, vec![])));
    assert_eq!(rig.downs[0].reason, DownReason::Deleted);
}

#[test]
fn disable_tells_both_connections() {
    let mut rig = Rig::enabled(settings());
    rig.connected();
    rig.accepted();
    let outputs = rig.give(Input::Disable {
        notification: shutdown(),
    });
    assert!(notification_to(&outputs, Outgoing).is_some());
    assert!(notification_to(&outputs, Incoming).is_some());
}

#[test]
fn reset_starts_over_at_once() {
    let reset = || Notification::cease(CeaseSubcode::AdminReset, "");
    let mut rig = Rig::established(settings(), 90);
    let outputs = rig.give(Input::Reset {
        notification: reset(),
    });
    assert_eq!(notification_to(&outputs, Outgoing), Some((6, 4, vec![])));
    assert_eq!(rig.downs[0].reason, DownReason::NotificationSent(reset()));
    assert_eq!(
        rig.give(Input::Reset {
            notification: reset()
        }),
        [Output::Connect]
    );
    let outputs = rig.give(Input::Reset {
        notification: reset(),
    });
    assert_eq!(outputs, [Output::Abort, Output::Connect]);
}

// Idle hold.

#[test]
fn repeated_refusals_wait_longer_each_time() {
    let mut rig = Rig::enabled(settings());
    let refused = Notification {
        code: 2,
        subcode: 2,
        data: Bytes::new(),
    }
    .encode();
    let mut waits = Vec::new();
    for _ in 0..8 {
        rig.connected();
        rig.frame(Outgoing, &refused);
        let wait = rig.session.next_deadline().unwrap() - rig.now;
        assert_eq!(rig.sleep(wait), [Output::Connect]);
        waits.push(wait);
    }
    for (wait, full) in waits.into_iter().zip([1, 2, 4, 8, 16, 32, 60, 60]) {
        let full = Duration::from_secs(full);
        assert!(wait <= full && wait >= full * 3 / 4, "{wait:?} of {full:?}");
    }
}

#[test]
fn a_long_idle_hold_still_takes_the_peer_after_a_second() {
    let mut rig = Rig::enabled(settings());
    let refused = Notification {
        code: 6,
        subcode: 5,
        data: Bytes::new(),
    }
    .encode();
    for _ in 0..7 {
        rig.connected();
        rig.frame(Outgoing, &refused);
        if rig.session.counters().received(MessageType::Notification) < 7 {
            rig.seconds(60);
        }
    }
    assert_eq!(rig.accepted(), [Output::Refuse { notification: None }]);
    rig.seconds(1);
    assert_eq!(rig.state(), State::Idle);
    assert_eq!(rig.accepted()[0], Output::Adopt);
    rig.frame(Incoming, &open_of(LOWER_ID));
    rig.frame(Incoming, &wire::keepalive());
    assert_eq!(rig.state(), State::Established);
}

// Route refresh.

fn refresh(family: wire::AfiSafi, subtype: u8) -> Bytes {
    RouteRefresh { family, subtype }.encode()
}

#[test]
fn a_refresh_of_a_family_in_effect_is_passed_on() {
    let mut rig = Rig::established(settings(), 90);
    let family = Family::Ipv6Unicast.afi_safi();
    assert_eq!(
        rig.frame(Outgoing, &refresh(family, 0)),
        [Output::Refresh { family }]
    );
}

#[test]
fn other_refreshes_are_ignored_and_counted() {
    let settings = Settings {
        families: Families::only(Family::Ipv4Unicast),
        ..settings()
    };
    let mut rig = Rig::established(settings, 90);
    let v4 = Family::Ipv4Unicast.afi_safi();
    for message in [
        refresh(Family::Ipv6Unicast.afi_safi(), 0),
        refresh(wire::AfiSafi { afi: 25, safi: 65 }, 0),
        refresh(v4, 1),
        refresh(v4, 2),
        refresh(v4, 77),
    ] {
        assert_eq!(rig.frame(Outgoing, &message), []);
    }
    assert_eq!(rig.session.counters().refresh_ignored, 5);
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn a_short_refresh_is_a_bad_length() {
    let mut rig = Rig::established(settings(), 90);
    let mut message = vec![0xff; 16];
    message.extend([0, 21, 5, 0, 1]);
    let outputs = rig.frame(Outgoing, &message);
    assert_eq!(
        notification_to(&outputs, Outgoing),
        Some((1, 2, vec![0, 21]))
    );
}

#[test]
fn refreshes_wait_in_one_place() {
    let mut rig = Rig::established(settings(), 90);
    let message = refresh(Family::Ipv4Unicast.afi_safi(), 0);
    let (frame, _) = next_frame(&message, wire::MAX_LEN).unwrap().unwrap();
    for _ in 0..1000 {
        let _ = rig.session.handle(
            rig.now,
            Input::Frame {
                side: Outgoing,
                frame,
            },
        );
    }
    assert_eq!(rig.session.outputs.len(), 1);
}

#[test]
fn we_ask_only_peers_that_take_it() {
    let mut rig = Rig::established(settings(), 90);
    assert!(rig.session.request_refresh(Family::Ipv4Unicast));
    assert!(matches!(rig.session.poll(), Some(Output::Send { .. })));
    let mut rig = Rig::enabled(settings());
    assert!(!rig.session.request_refresh(Family::Ipv4Unicast));
    rig.connected();
    let plain = Open::new(REMOTE_AS, 90, LOWER_ID, vec![]).encode();
    rig.frame(Outgoing, &plain);
    rig.frame(Outgoing, &wire::keepalive());
    assert_eq!(rig.state(), State::Established);
    assert!(!rig.session.request_refresh(Family::Ipv4Unicast));
}

// What the operator reads.

#[test]
fn the_last_error_says_what_to_check() {
    let advice = |rig: &Rig| {
        let error = rig.session.last_error().unwrap();
        error
            .advice(rig.session.settings())
            .map(|advice| (advice.to_string(), advice.setting()))
    };
    let mut rig = Rig::enabled(settings());
    rig.give(Input::ConnectFailed(ErrorKind::ConnectionRefused));
    let text = "nothing listens on its address and port".to_owned();
    assert_eq!(advice(&rig), Some((text, Some("address"))));

    let mut rig = Rig::enabled(settings());
    rig.connected();
    rig.frame(
        Outgoing,
        &Notification {
            code: 2,
            subcode: 2,
            data: Bytes::new(),
        }
        .encode(),
    );
    let text = "we sent AS 64512, its configuration wants another".to_owned();
    assert_eq!(advice(&rig), Some((text, Some("local-as"))));

    let mut rig = Rig::enabled(settings());
    rig.connected();
    rig.frame(Outgoing, &Open::new(Asn(7), 90, LOWER_ID, vec![]).encode());
    let text = "it is AS 7, our configuration wants 64513".to_owned();
    assert_eq!(advice(&rig), Some((text, Some("remote-as"))));

    let mut rig = Rig::enabled(settings());
    rig.connected();
    rig.closed(Outgoing, CloseCause::Eof);
    let text = "it is probably not configured to peer with us".to_owned();
    assert_eq!(advice(&rig), Some((text, None)));

    let families = Families::only(Family::Ipv6Unicast);
    let mut rig = Rig::enabled(Settings {
        families,
        ..settings()
    });
    rig.connected();
    rig.frame(
        Outgoing,
        &Open::new(REMOTE_AS, 90, LOWER_ID, vec![]).encode(),
    );
    let text = "no address family in common, we offer ipv6-unicast".to_owned();
    assert_eq!(advice(&rig), Some((text, Some("families"))));
}
