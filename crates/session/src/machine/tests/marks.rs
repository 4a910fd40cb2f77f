//! Where refreshes begin and end (RFC 7313), and long messages (RFC 8654).

use super::*;

const V4: Family = Family::Ipv4Unicast;

/// A session with a peer that offers these, too.
fn established(settings: Settings, more: &[Capability]) -> Rig {
    let mut rig = Rig::enabled(settings);
    rig.connected();
    let capabilities = Family::ALL.iter();
    let capabilities = capabilities.map(|family| Capability::Multiprotocol(family.afi_safi()));
    let capabilities = capabilities.chain(more.iter().cloned()).collect();
    let open = Open::new(REMOTE_AS, 90, LOWER_ID, capabilities);
    rig.frame(Side::Outgoing, &open.encode());
    rig.frame(Side::Outgoing, &wire::keepalive());
    assert_eq!(rig.session.state(), State::Established);
    rig
}

fn mark(family: Family, subtype: u8) -> Bytes {
    let family = family.afi_safi();
    wire::RouteRefresh { family, subtype }.encode()
}

#[test]
fn marks_are_passed_on_where_both_offer_them() {
    let (begin, end) = (wire::RouteRefresh::BEGIN, wire::RouteRefresh::END);
    let mut rig = established(settings(), &[Capability::EnhancedRouteRefresh]);
    assert_eq!(
        rig.frame(Side::Outgoing, &mark(V4, begin)),
        [Output::RefreshBegins { family: V4 }]
    );
    assert_eq!(
        rig.frame(Side::Outgoing, &mark(V4, end)),
        [Output::RefreshEnds { family: V4 }]
    );
    assert_eq!(rig.frame(Side::Outgoing, &mark(V4, 7)), []);
    rig.session.begin_refresh(V4);
    let side = Side::Outgoing;
    let bytes = mark(V4, begin);
    assert_eq!(rig.session.poll(), Some(Output::Send { side, bytes }));
    let mut rig = established(settings(), &[]);
    for subtype in [begin, end] {
        assert_eq!(rig.frame(Side::Outgoing, &mark(V4, subtype)), []);
    }
    assert_eq!(rig.session.counters().refresh_ignored, 2);
    rig.session.begin_refresh(V4);
    assert_eq!(rig.session.poll(), None);
}

/// RFC 8654 4: from the peer's OPEN on, and never for a NOTIFICATION to who has not said so.
#[test]
fn messages_are_long_once_both_have_said_so() {
    let offers = Settings {
        extended_messages: true,
        ..settings()
    };
    let long = Fault::reset(
        wire::Section::Attributes,
        wire::FaultKind::OptionalAttribute { code: 14 },
        Bytes::from(vec![7; 9000]),
    );
    for (settings, theirs, max_len) in [
        (offers.clone(), true, wire::MAX_EXTENDED_LEN),
        (offers, false, wire::MAX_LEN),
        (settings(), true, wire::MAX_LEN),
    ] {
        let theirs = theirs.then_some(Capability::ExtendedMessage);
        let mut rig = established(settings, theirs.as_slice());
        assert_eq!(rig.session.max_len(Side::Outgoing), max_len);
        assert_eq!(rig.session.max_len(Side::Incoming), wire::MAX_LEN);
        let outputs = rig.fault(Side::Outgoing, long.clone());
        let sent = outputs.iter().find_map(|output| match output {
            Output::Send { bytes, .. } => Some(bytes.len()),
            _ => None,
        });
        assert_eq!(sent, Some(max_len.min(21 + 9000)));
    }
}
