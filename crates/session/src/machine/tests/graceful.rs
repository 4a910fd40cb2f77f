//! Graceful restart: what is offered, which ends keep routes, and a peer that returns before we noticed (RFC 4724, 8538).

use wire::{ErrorCode, GracefulRestart, GracefulRestartFamily, LlgrFamily};

use super::*;
use crate::settings::{Graceful, LongLived};
use crate::{CloseCause, Hold, Unfit};

const V4: Families = Families::only(Family::Ipv4Unicast);

fn graceful() -> Settings {
    Settings {
        graceful: Some(Graceful {
            restart_time: 120,
            restarting: true,
            forwarding: V4,
        }),
        ..settings()
    }
}

fn offer(notification: bool) -> GracefulRestart {
    GracefulRestart {
        restarting: false,
        notification,
        restart_time: 300,
        families: vec![GracefulRestartFamily {
            family: Family::Ipv4Unicast.afi_safi(),
            forwarding: true,
        }],
    }
}

/// Up with a peer that offers this.
fn up(settings: Settings, offer: Option<GracefulRestart>) -> Rig {
    let mut rig = Rig::enabled(settings);
    rig.connected();
    let mut open = Open::decode(&peer_open(LOWER_ID, 90)[19..]).unwrap();
    let mut capabilities = open.capabilities.to_vec();
    capabilities.extend(offer.map(Capability::GracefulRestart));
    open = Open::new(open.asn, open.hold_time, open.router_id, capabilities);
    rig.frame(Side::Outgoing, &open.encode());
    rig.frame(Side::Outgoing, &wire::keepalive());
    assert!(rig.up);
    rig
}

/// The session lives on for so many seconds.
fn live_on(rig: &mut Rig, seconds: u64) {
    rig.seconds(seconds);
    rig.frame(Side::Outgoing, &wire::keepalive());
    assert!(rig.up);
}

fn kept(rig: &Rig, reason: &DownReason) -> Families {
    rig.session.negotiated().unwrap().kept_after(reason)
}

#[test]
fn we_offer_what_we_are_told_to() {
    let rig = up(graceful(), Some(offer(true)));
    let terms = rig.session.negotiated().unwrap();
    let sent = terms.sent.capabilities.iter().find_map(|one| match one {
        Capability::GracefulRestart(sent) => Some(sent.clone()),
        _ => None,
    });
    let sent = sent.expect("it is offered");
    assert!(sent.restarting && sent.notification);
    assert_eq!(sent.restart_time, 120);
    let forwarding: Vec<bool> = sent.families.iter().map(|one| one.forwarding).collect();
    assert_eq!(forwarding, [true, false]);
    let peer = terms.graceful.expect("both offer it");
    let graceful = rig.session.settings().graceful.unwrap();
    assert!(!graceful.restarting, "it is not said again");
    assert_eq!(
        graceful.forwarding,
        Families::ALL,
        "a lost session is no restart"
    );
    assert_eq!((peer.restart_time, peer.families), (300, V4));
    assert!(!peer.restarting && peer.notification);
}

/// Up with a peer that offers this of long-lived graceful restart, beside graceful restart or without it.
fn up_for_long(settings: Settings, entries: &[(Family, bool, u32)], is_graceful: bool) -> Rig {
    let mut rig = Rig::enabled(settings);
    rig.connected();
    let open = Open::decode(&peer_open(LOWER_ID, 90)[19..]).unwrap();
    let mut capabilities = open.capabilities.to_vec();
    if is_graceful {
        capabilities.push(Capability::GracefulRestart(offer(true)));
    }
    let entries = entries.iter().map(|(family, forwarding, time)| LlgrFamily {
        family: family.afi_safi(),
        forwarding: *forwarding,
        stale_time: *time,
    });
    capabilities.push(Capability::LongLivedGracefulRestart(entries.collect()));
    let open = Open::new(open.asn, open.hold_time, open.router_id, capabilities);
    rig.frame(Side::Outgoing, &open.encode());
    rig.frame(Side::Outgoing, &wire::keepalive());
    assert!(rig.up);
    rig
}

fn long_lived() -> Settings {
    Settings {
        long_lived: Some(LongLived {
            stale_time: 7200,
            forwarding: V4,
        }),
        ..graceful()
    }
}

#[test]
fn long_lived_graceful_restart_is_offered_and_read_beside_the_other() {
    let entries = [
        (Family::Ipv4Unicast, true, 60),
        (Family::Ipv6Unicast, false, 0),
    ];
    let rig = up_for_long(long_lived(), &entries, true);
    let terms = rig.session.negotiated().unwrap();
    let sent = terms.sent.capabilities.iter().find_map(|one| match one {
        Capability::LongLivedGracefulRestart(sent) => Some(sent.clone()),
        _ => None,
    });
    let sent = sent.expect("it is offered");
    let sent: Vec<_> = sent
        .iter()
        .map(|one| (one.forwarding, one.stale_time))
        .collect();
    assert_eq!(sent, [(true, 7200), (false, 7200)]);
    let peer = terms.long_lived.expect("both offer it");
    assert_eq!((peer.stale_time, peer.forwarding), ([60, 0], V4));
    assert_eq!(peer.families(), V4);
    assert!(terms.takes_stale);
    let long = rig.session.settings().long_lived.unwrap();
    assert_eq!(
        long.forwarding,
        Families::ALL,
        "a lost session is no restart"
    );
}

#[test]
fn long_lived_graceful_restart_is_nothing_by_itself() {
    let entries = [(Family::Ipv4Unicast, true, 60)];
    let alone = up_for_long(long_lived(), &entries, false);
    let terms = alone.session.negotiated().unwrap();
    assert!(terms.long_lived.is_none() && !terms.takes_stale);
    // Who does not want it still tells what it keeps to those who do.
    let rig = up_for_long(graceful(), &entries, true);
    let terms = rig.session.negotiated().unwrap();
    assert!(terms.long_lived.is_none() && terms.takes_stale);
    let is_offered = |one: &Capability| matches!(one, Capability::LongLivedGracefulRestart(_));
    assert!(!terms.sent.capabilities.iter().any(is_offered));
    let without = Settings {
        graceful: None,
        ..long_lived()
    };
    let rig = up_for_long(without, &entries, true);
    let terms = rig.session.negotiated().unwrap();
    assert!(!terms.sent.capabilities.iter().any(is_offered));
    assert!(terms.long_lived.is_none());
}

#[test]
fn a_family_that_is_only_kept_for_long_is_kept() {
    let entries = [
        (Family::Ipv6Unicast, true, 60),
        (Family::Ipv4Unicast, true, 0),
    ];
    let rig = up_for_long(long_lived(), &entries, true);
    assert_eq!(kept(&rig, &DownReason::TcpClosed), Families::ALL);
    assert_eq!(kept(&rig, &DownReason::LinkDown), Families::EMPTY);
}

#[test]
fn what_one_side_does_not_offer_is_not_used() {
    for (settings, offer) in [(settings(), Some(offer(true))), (graceful(), None)] {
        let rig = up(settings, offer);
        assert!(rig.session.negotiated().unwrap().graceful.is_none());
        assert!(kept(&rig, &DownReason::TcpClosed).is_empty());
    }
}

#[test]
fn routes_are_kept_after_ends_that_may_be_a_restart() {
    let cease = Notification::cease(CeaseSubcode::AdminReset, "");
    let hard = cease.clone().into_hard_reset();
    let fault = Fault::reset(
        wire::Section::StateMachine,
        wire::FaultKind::UnexpectedInEstablished,
        Bytes::new(),
    );
    for notification in [true, false] {
        let rig = up(graceful(), Some(offer(notification)));
        let only_with_n = if notification { V4 } else { Families::EMPTY };
        for (reason, wanted) in [
            (DownReason::TcpClosed, V4),
            (
                DownReason::TcpError(std::io::ErrorKind::ConnectionReset),
                V4,
            ),
            (DownReason::Returned, V4),
            (DownReason::HoldTimerExpired, only_with_n),
            (DownReason::NotificationReceived(cease.clone()), only_with_n),
            (DownReason::NotificationSent(cease.clone()), only_with_n),
            (DownReason::Fault(fault.clone()), only_with_n),
            (
                DownReason::NotificationReceived(hard.clone()),
                Families::EMPTY,
            ),
            (DownReason::NotificationSent(hard.clone()), Families::EMPTY),
            (DownReason::Shed(cease.clone()), Families::EMPTY),
            (
                DownReason::Unfit(Unfit::TooFar {
                    ttl: 64,
                    least: 255,
                }),
                Families::EMPTY,
            ),
            (DownReason::SendHoldTimerExpired, Families::EMPTY),
            (DownReason::LinkDown, Families::EMPTY),
            (DownReason::AddressGone, Families::EMPTY),
            (DownReason::Disabled, Families::EMPTY),
            (DownReason::Deleted, Families::EMPTY),
        ] {
            assert_eq!(kept(&rig, &reason), wanted, "{reason:?}, N {notification}");
        }
    }
}

#[test]
fn a_peer_that_returns_before_we_noticed_is_taken_at_its_word() {
    let mut rig = up(graceful(), Some(offer(true)));
    live_on(&mut rig, 10);
    let outputs = rig.accepted();
    assert_eq!(rig.downs[0].reason, DownReason::Returned);
    assert_eq!(sent_to(&outputs, Side::Outgoing), [0; 0], "no NOTIFICATION");
    assert!(outputs.contains(&Output::Close {
        side: Side::Outgoing
    }));
    assert!(outputs.contains(&Output::Adopt));
    assert_eq!(rig.state(), State::OpenSent);
    rig.frame(Side::Incoming, &peer_open(LOWER_ID, 90));
    rig.frame(Side::Incoming, &wire::keepalive());
    assert!(rig.up);
}

#[test]
fn the_connection_that_is_up_stays_where_nothing_speaks_for_a_restart() {
    let helper = GracefulRestart {
        families: Vec::new(),
        ..offer(true)
    };
    for (settings, offer, seconds) in [
        (settings(), Some(offer(true)), 10),
        // It keeps nothing over a restart of its own: BIRD and FRR unless told otherwise.
        (graceful(), Some(helper), 10),
        (graceful(), None, 10),
        // It has only begun: a peer must not be able to begin again and again without a pause.
        (graceful(), Some(offer(true)), 9),
    ] {
        let mut rig = up(settings, offer);
        live_on(&mut rig, seconds);
        let outputs = rig.accepted();
        assert!(rig.up && rig.downs.is_empty());
        let is_refused = |output: &Output| matches!(output, Output::Refuse { .. });
        assert!(outputs.iter().any(is_refused), "{outputs:?}");
    }
}

#[test]
fn who_is_not_the_peer_takes_no_place() {
    let mut rig = up(graceful(), Some(offer(true)));
    let unfit = Unfit::TooFar {
        ttl: 64,
        least: 255,
    };
    let outputs = rig.give(Input::Unfit(unfit.clone()));
    assert!(rig.up && rig.downs.is_empty());
    assert!(
        matches!(outputs.as_slice(), [Output::Failed(error)] if error.reason == DownReason::Unfit(unfit))
    );
    assert_eq!(rig.session.counters().refused, 1);
}

#[test]
fn an_end_for_good_is_a_hard_reset_where_a_plain_one_would_keep_routes() {
    for (notification, code) in [(true, (6, 9)), (false, (6, 2))] {
        let mut rig = up(graceful(), Some(offer(notification)));
        let outputs = rig.give(Input::Disable {
            notification: shutdown(),
        });
        let (major, minor, data) = notification_to(&outputs, Side::Outgoing).unwrap();
        assert_eq!((major, minor), code);
        if notification {
            assert_eq!(data[..2], [6, 2], "what it would have been");
        }
    }
    let mut rig = up(graceful(), Some(offer(true)));
    let outputs = rig.give(Input::Shed {
        notification: Notification::cease(CeaseSubcode::OutOfResources, ""),
        hold: Hold::Longest,
    });
    let (major, minor, data) = notification_to(&outputs, Side::Outgoing).unwrap();
    assert_eq!((major, minor, &data[..2]), (6, 9, &[6, 8][..]));
    // A reset that lets the peer come back is none.
    let mut rig = up(graceful(), Some(offer(true)));
    let outputs = rig.give(Input::Reset {
        notification: Notification::cease(CeaseSubcode::OtherConfigChange, ""),
    });
    let said = notification_to(&outputs, Side::Outgoing).unwrap();
    assert_eq!((said.0, said.1), (6, 6));
}

#[test]
fn before_a_restart_each_peer_is_told_what_it_understands() {
    let farewell = |offer| {
        let mut rig = up(graceful(), offer);
        let outputs = rig.give(Input::Restart {
            notification: shutdown(),
        });
        assert_eq!(rig.downs[0].reason, DownReason::Disabled);
        assert!(outputs.contains(&Output::Close {
            side: Side::Outgoing
        }));
        assert!(rig.session.idle_reason().is_some());
        notification_to(&outputs, Side::Outgoing).map(|said| (said.0, said.1))
    };
    assert_eq!(farewell(None), Some((6, 2)));
    assert_eq!(farewell(Some(offer(false))), None);
    assert_eq!(farewell(Some(offer(true))), Some((6, 4)));
}

#[test]
fn hold_time_and_lost_connections_are_told_by_their_reason() {
    let mut rig = up(graceful(), Some(offer(true)));
    let outputs = rig.seconds(91);
    assert_eq!(rig.downs[0].reason, DownReason::HoldTimerExpired);
    let said = notification_to(&outputs, Side::Outgoing).unwrap();
    assert_eq!(said.0, ErrorCode::HoldTimerExpired as u8);
    let mut rig = up(graceful(), Some(offer(true)));
    rig.closed(Side::Outgoing, CloseCause::Eof);
    assert_eq!(rig.downs[0].reason, DownReason::TcpClosed);
}
