use proptest::prelude::*;
use wire::AfiSafi;

use super::*;
use crate::settings::RemoteAs;

fn settings() -> Settings {
    Settings {
        local_as: Asn(64512),
        remote_as: RemoteAs::Exactly(Asn(64513)),
        router_id: Ipv4Addr::new(10, 0, 0, 1),
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
        seed: 1,
    }
}

fn open(asn: u32, capabilities: Vec<Capability>) -> Open {
    Open::new(Asn(asn), 180, Ipv4Addr::new(10, 0, 0, 2), capabilities)
}

fn agree(settings: &Settings, open: Open) -> Result<Negotiated, Fault> {
    let end = SocketAddr::from(([10, 0, 0, 1], 179));
    negotiate(settings, Side::Incoming, (end, end), open)
}

fn multiprotocol(family: Family) -> Capability {
    Capability::Multiprotocol(family.afi_safi())
}

#[test]
fn we_offer_only_what_is_in_place() {
    let ours = our_open(&settings());
    assert_eq!(
        ours.capabilities,
        [
            multiprotocol(Family::Ipv4Unicast),
            multiprotocol(Family::Ipv6Unicast),
            Capability::RouteRefresh,
            Capability::EnhancedRouteRefresh,
            Capability::FourOctetAs(Asn(64512)),
        ]
    );
}

/// RFC 7911 4: identifiers go in a direction only where one side offered to send and the other to receive.
#[test]
fn several_paths_are_sent_where_we_offer_and_the_peer_takes_them() {
    let offers = Settings {
        add_path_send: true,
        graceful: None,
        ..settings()
    };
    let both = [Family::Ipv4Unicast, Family::Ipv6Unicast];
    let sent = both.map(|family| (family.afi_safi(), AddPathMode::Send));
    let ours = our_open(&offers);
    assert_eq!(
        ours.capabilities.last(),
        Some(&Capability::AddPath(sent.to_vec()))
    );
    let [v4, v6] = both;
    let only = Families::only;
    let (receive, send) = (AddPathMode::Receive, AddPathMode::Send);
    let cases: [(&[(Family, AddPathMode)], Families); 7] = [
        (&[], Families::EMPTY),
        (&[(v4, receive)], only(v4)),
        (&[(v4, AddPathMode::Both), (v6, receive)], Families::ALL),
        (&[(v4, send), (v6, receive)], only(v6)),
        (&[(v4, receive), (v4, receive)], only(v4)),
        (&[(v4, send), (v4, receive), (v6, receive)], only(v6)),
        (&[(v4, receive), (v4, send)], Families::EMPTY),
    ];
    for (theirs, agreed) in cases {
        let theirs = theirs.iter();
        let entries = theirs.map(|(family, mode)| (family.afi_safi(), *mode));
        let add_path = Capability::AddPath(entries.collect());
        let capabilities = || vec![multiprotocol(v4), multiprotocol(v6), add_path.clone()];
        let terms = agree(&offers, open(64513, capabilities())).unwrap();
        assert_eq!(terms.add_path_send, agreed, "{add_path}");
        let terms = agree(&settings(), open(64513, capabilities())).unwrap();
        assert_eq!(terms.add_path_send, Families::EMPTY);
    }
    // Not in a family that is not in use at all.
    let entries = both.map(|family| (family.afi_safi(), receive));
    let capabilities = vec![multiprotocol(v4), Capability::AddPath(entries.to_vec())];
    let terms = agree(&offers, open(64513, capabilities)).unwrap();
    assert_eq!(terms.add_path_send, only(v4));
}

#[test]
fn several_paths_are_taken_where_we_offer_and_the_peer_sends_them() {
    let [v4, v6] = [Family::Ipv4Unicast, Family::Ipv6Unicast];
    let (receive, send, both) = (AddPathMode::Receive, AddPathMode::Send, AddPathMode::Both);
    for (takes, sends, mode) in [
        (true, false, receive),
        (false, true, send),
        (true, true, both),
    ] {
        let offers = Settings {
            add_path_receive: takes,
            add_path_send: sends,
            ..settings()
        };
        let entries = [v4, v6].map(|family| (family.afi_safi(), mode));
        let ours = our_open(&offers).capabilities;
        assert!(ours.contains(&Capability::AddPath(entries.to_vec())));
        let theirs = [(v4, send), (v6, receive)];
        let theirs = theirs.map(|(family, mode)| (family.afi_safi(), mode));
        let theirs = vec![
            multiprotocol(v4),
            multiprotocol(v6),
            Capability::AddPath(theirs.to_vec()),
        ];
        let terms = agree(&offers, open(64513, theirs)).unwrap();
        let only = |is_agreed, family| match is_agreed {
            true => Families::only(family),
            false => Families::EMPTY,
        };
        assert_eq!(terms.add_path_receive, only(takes, v4));
        assert_eq!(terms.add_path_send, only(sends, v6));
    }
}

#[test]
fn names_are_told_for_people() {
    for (name, host, domain) in [
        ("node-1", "node-1", ""),
        ("node-1.example.com", "node-1", "example.com"),
    ] {
        let settings = Settings {
            hostname: Some(name.into()),
            ..settings()
        };
        let fqdn = Capability::Fqdn {
            host: host.into(),
            domain: domain.into(),
        };
        assert_eq!(our_open(&settings).capabilities.last(), Some(&fqdn));
        let terms = agree(&settings, open(64513, vec![fqdn])).unwrap();
        assert_eq!(terms.peer_name().as_deref(), Some(name));
    }
    let terms = agree(&settings(), open(64513, vec![])).unwrap();
    assert_eq!(terms.peer_name(), None);
}

/// RFC 8950 4: per family, and only where both say so.
#[test]
fn ipv4_goes_over_ipv6_where_both_offer_it() {
    let [v4, v6] = [Family::Ipv4Unicast, Family::Ipv6Unicast].map(Family::afi_safi);
    let offers = Settings {
        extended_next_hop: true,
        ..settings()
    };
    let offer = Capability::ExtendedNextHop(vec![(v4, 2)]);
    assert!(our_open(&offers).capabilities.contains(&offer));
    let only_v6 = Settings {
        families: Families::only(Family::Ipv6Unicast),
        ..offers.clone()
    };
    assert!(!our_open(&only_v6).capabilities.contains(&offer));
    let multicast = AfiSafi { afi: 1, safi: 2 };
    let v4_only = Families::only(Family::Ipv4Unicast);
    for (settings, entries, agreed) in [
        (&offers, vec![(multicast, 2), (v4, 2)], v4_only),
        (&offers, vec![(v4, 1), (multicast, 2)], Families::EMPTY),
        (&offers, vec![], Families::EMPTY),
        (&only_v6, vec![(v4, 2)], Families::EMPTY),
        (&settings(), vec![(v4, 2)], Families::EMPTY),
    ] {
        let capabilities = vec![
            Capability::Multiprotocol(v4),
            Capability::Multiprotocol(v6),
            Capability::ExtendedNextHop(entries),
        ];
        let terms = agree(settings, open(64513, capabilities)).unwrap();
        assert_eq!(terms.extended_next_hop, agreed);
    }
}

/// RFC 9234 4.2.
#[test]
fn roles_go_in_pairs() {
    let role = |role| vec![Capability::Role(role)];
    let unknown = Capability::Unknown {
        code: capability_code::ROLE,
        data: Bytes::from_static(&[9]),
    };
    let pairs = [
        (Role::Provider, Role::Customer),
        (Role::RouteServer, Role::RouteServerClient),
        (Role::RouteServerClient, Role::RouteServer),
        (Role::Customer, Role::Provider),
        (Role::Peer, Role::Peer),
    ];
    for (ours, theirs) in pairs {
        let lenient = Settings {
            role: Some(ours),
            ..settings()
        };
        let strict = Settings {
            role_strict: true,
            ..lenient.clone()
        };
        assert!(
            our_open(&strict)
                .capabilities
                .contains(&Capability::Role(ours))
        );
        for (_, said) in pairs {
            let open = || open(64513, role(said));
            let found = [agree(&strict, open()), agree(&lenient, open())];
            assert!(found.iter().all(|found| found.is_ok() == (said == theirs)));
            assert!(agree(&settings(), open()).is_ok(), "we say none");
        }
        for (said, fits_strict, fits) in [
            (vec![], false, true),
            ([role(theirs), role(theirs)].concat(), true, true),
            (
                [role(theirs), role(ours)].concat(),
                ours == theirs,
                ours == theirs,
            ),
            (vec![unknown.clone()], false, false),
        ] {
            let ask = |settings| agree(settings, open(64513, said.clone()));
            assert_eq!(
                (ask(&strict).is_ok(), ask(&lenient).is_ok()),
                (fits_strict, fits)
            );
        }
        let fault = agree(&strict, open(64513, vec![])).unwrap_err();
        assert_eq!(fault.notification().subcode, 11);
        let inside = Settings {
            remote_as: RemoteAs::Internal,
            ..strict
        };
        assert!(agree(&inside, open(64512, vec![])).is_ok());
    }
}

/// RFC 8654 4: only once both have said so.
#[test]
fn long_messages_go_where_both_offer_them() {
    let offers = Settings {
        extended_messages: true,
        ..settings()
    };
    let offered = our_open(&offers).capabilities;
    assert!(offered.contains(&Capability::ExtendedMessage));
    for (settings, theirs, max_len) in [
        (&offers, vec![Capability::ExtendedMessage], MAX_EXTENDED_LEN),
        (&offers, vec![], MAX_LEN),
        (&settings(), vec![Capability::ExtendedMessage], MAX_LEN),
    ] {
        let terms = agree(settings, open(64513, theirs)).unwrap();
        assert_eq!(terms.max_len(), max_len);
    }
}

#[test]
fn the_wrong_as_is_refused() {
    let cases = [
        (RemoteAs::Exactly(Asn(64513)), 64514),
        (RemoteAs::External, 64512),
        (RemoteAs::Internal, 64513),
    ];
    for (remote_as, asn) in cases {
        let settings = Settings {
            remote_as,
            ..settings()
        };
        let fault = agree(&settings, open(asn, vec![])).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadPeerAs { asn });
        assert_eq!(fault.notification().subcode, 2);
    }
    for (remote_as, asn, internal) in [
        (RemoteAs::Exactly(Asn(64513)), 64513, false),
        (RemoteAs::External, 64513, false),
        (RemoteAs::Internal, 64512, true),
    ] {
        let settings = Settings {
            remote_as,
            ..settings()
        };
        assert_eq!(
            agree(&settings, open(asn, vec![])).unwrap().internal,
            internal
        );
    }
}

#[test]
fn our_router_id_is_ours_inside_our_as_only() {
    let mut same = open(64512, vec![]);
    same.router_id = settings().router_id;
    let internal = Settings {
        remote_as: RemoteAs::Internal,
        ..settings()
    };
    assert_eq!(
        agree(&internal, same.clone()).unwrap_err().kind,
        FaultKind::BadRouterId
    );
    same.asn = Asn(64513);
    assert!(agree(&settings(), same).is_ok());
}

#[test]
fn plain_peers_have_ipv4_unicast() {
    let terms = agree(&settings(), open(64513, vec![])).unwrap();
    assert_eq!(terms.families, Families::only(Family::Ipv4Unicast));
    assert!(!terms.four_octet_as && !terms.route_refresh);
}

#[test]
fn families_are_what_both_have() {
    let list = vec![
        multiprotocol(Family::Ipv6Unicast),
        Capability::Multiprotocol(AfiSafi { afi: 1, safi: 128 }),
        Capability::RouteRefresh,
        Capability::FourOctetAs(Asn(64513)),
    ];
    let terms = agree(&settings(), open(64513, list)).unwrap();
    assert_eq!(terms.families, Families::only(Family::Ipv6Unicast));
    assert!(terms.four_octet_as && terms.route_refresh);
}

#[test]
fn no_family_in_common_names_what_we_miss() {
    let settings = Settings {
        families: Families::only(Family::Ipv6Unicast),
        ..settings()
    };
    for list in [vec![], vec![multiprotocol(Family::Ipv4Unicast)]] {
        let fault = agree(&settings, open(64513, list)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::MissingCapability { code: 1 });
        assert_eq!(
            (fault.notification().code, fault.notification().subcode),
            (2, 7)
        );
        assert_eq!(&fault.data[..], [1, 4, 0, 2, 0, 1]);
    }
}

#[test]
fn hold_time_is_the_smaller_and_zero_turns_it_off() {
    let cases = [
        (90, 180, None, 90, 30),
        (180, 90, None, 90, 30),
        (90, 3, None, 3, 1),
        (90, 4, Some(10), 4, 1),
        (90, 180, Some(10), 90, 10),
        (90, 180, Some(60), 90, 30),
        (0, 180, None, 0, 0),
        (90, 0, Some(10), 0, 0),
    ];
    for (ours, theirs, configured, hold_time, keepalive) in cases {
        let settings = Settings {
            hold_time: ours,
            keepalive: configured,
            ..settings()
        };
        let mut open = open(64513, vec![]);
        open.hold_time = theirs;
        let terms = agree(&settings, open).unwrap();
        assert_eq!((terms.hold_time, terms.keepalive), (hold_time, keepalive));
    }
}

proptest! {
    #[test]
    fn three_keepalives_fit_into_a_hold_time(hold in 3u16.., configured in proptest::option::of(any::<u16>())) {
        let every = keepalive(hold, configured);
        prop_assert!(every >= 1);
        prop_assert!(u32::from(every) * 3 <= u32::from(hold));
    }
}
