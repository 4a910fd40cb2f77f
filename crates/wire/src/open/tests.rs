use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::capability::{
    AddPathMode, GracefulRestart, GracefulRestartFamily, LlgrFamily, Role, capability_code,
};
use crate::family::{AfiSafi, Family};

const ID: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A body of the fixed part and these parameters, their length not yet before them.
fn body(version: u8, asn: u16, hold: u16, id: u32, parameters: &[u8]) -> Vec<u8> {
    let mut out = vec![version];
    out.extend(asn.to_be_bytes());
    out.extend(hold.to_be_bytes());
    out.extend(id.to_be_bytes());
    out.push(parameters.len() as u8);
    out.extend(parameters);
    out
}

fn good(parameters: &[u8]) -> Vec<u8> {
    body(4, 64512, 90, ID.to_bits(), parameters)
}

fn capabilities(list: &[u8]) -> Result<Vec<Capability>, Fault> {
    let mut parameters = vec![2, list.len() as u8];
    parameters.extend(list);
    Open::decode(&good(&parameters)).map(|open| open.capabilities)
}

fn kind(body: &[u8]) -> FaultKind {
    Open::decode(body).unwrap_err().kind
}

/// What another daemon really sent, taken from the wire.
fn vector(hex: &str) -> Open {
    let hex = hex.trim();
    let octets: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let (frame, used) = crate::frame::next_frame(&octets, MAX_LEN).unwrap().unwrap();
    assert_eq!(used, octets.len());
    Open::decode(frame.body).unwrap()
}

fn texts(open: &Open) -> Vec<String> {
    open.capabilities.iter().map(ToString::to_string).collect()
}

#[test]
fn reads_an_open_of_bird() {
    let open = vector(include_str!("vectors/bird-2.0.12.hex"));
    assert_eq!((open.asn, open.my_as_field), (Asn(4_200_000_001), 23456));
    assert_eq!(
        (open.hold_time, open.router_id.to_string().as_str()),
        (240, "10.99.0.1")
    );
    let expected = [
        "multiprotocol ipv4-unicast",
        "multiprotocol ipv6-unicast",
        "route-refresh",
        "extended-next-hop ipv4-unicast/afi-2",
        "extended-message",
        "role customer",
        "graceful-restart 120 s ipv4-unicast ipv6-unicast",
        "4-octet-as 4200000001",
        "add-path ipv4-unicast/both ipv6-unicast/both",
        "enhanced-route-refresh",
        "long-lived-graceful-restart ipv4-unicast 3600 s ipv6-unicast 3600 s",
        "fqdn vm",
    ];
    assert_eq!(texts(&open), expected);
}

#[test]
fn reads_an_open_of_frr() {
    let open = vector(include_str!("vectors/frr-8.4.4.hex"));
    assert_eq!((open.asn, open.hold_time), (Asn(65003), 180));
    let expected = [
        "multiprotocol ipv4-unicast",
        "multiprotocol ipv6-unicast",
        "capability-128 (0 octets)",
        "route-refresh",
        "enhanced-route-refresh",
        "4-octet-as 65003",
        "extended-message",
        "role customer",
        "add-path ipv4-unicast/receive ipv6-unicast/receive",
        "fqdn leaf-1",
        "graceful-restart 120 s R N",
        "long-lived-graceful-restart ipv4-unicast(F) 0 s ipv6-unicast(F) 0 s",
    ];
    assert_eq!(texts(&open), expected);
}

#[test]
fn reads_an_open_of_gobgp() {
    let open = vector(include_str!("vectors/gobgp-3.10.0.hex"));
    assert_eq!((open.asn, open.hold_time), (Asn(65001), 90));
    let expected = [
        "route-refresh",
        "fqdn vm",
        "multiprotocol ipv4-unicast",
        "multiprotocol afi-25-safi-70",
        "4-octet-as 65001",
        "graceful-restart 90 s N",
        "long-lived-graceful-restart",
        "extended-next-hop ipv4-unicast/afi-2 afi-25-safi-70/afi-2",
        "add-path ipv4-unicast/both",
    ];
    assert_eq!(texts(&open), expected);
}

#[test]
fn wide_as_stands_as_as_trans() {
    let wide = Asn(4_200_000_000);
    let open = Open::new(wide, 90, ID, vec![Capability::FourOctetAs(wide)]);
    assert_eq!(open.my_as_field, 23456);
    assert_eq!(Open::decode(&open.encode()[19..]), Ok(open));
}

#[test]
fn wrong_version_names_ours_in_two_octets() {
    for version in [0, 3, 5] {
        let fault = Open::decode(&body(version, 64512, 90, 1, &[])).unwrap_err();
        assert_eq!(fault.kind, FaultKind::UnsupportedVersion { version });
        assert_eq!(&fault.data[..], [0, 4]);
    }
}

#[test]
fn as_zero_and_as_trans_are_nobody() {
    assert_eq!(
        kind(&body(4, 0, 90, 1, &[])),
        FaultKind::BadPeerAs { asn: 0 }
    );
    assert_eq!(
        kind(&good(&[2, 6, 65, 4, 0, 0, 0, 0])),
        FaultKind::BadPeerAs { asn: 0 }
    );
    assert_eq!(
        kind(&body(4, 23456, 90, 1, &[])),
        FaultKind::BadPeerAs { asn: 23456 }
    );
}

#[test]
fn router_id_zero_and_short_hold_times() {
    assert_eq!(kind(&body(4, 1, 90, 0, &[])), FaultKind::BadRouterId);
    for seconds in [1, 2] {
        let found = kind(&body(4, 1, seconds, 1, &[]));
        assert_eq!(found, FaultKind::UnacceptableHoldTime { seconds });
    }
    for seconds in [0, 3, 65535] {
        assert_eq!(
            Open::decode(&body(4, 1, seconds, 1, &[]))
                .unwrap()
                .hold_time,
            seconds
        );
    }
}

#[test]
fn other_parameters_are_unsupported() {
    for bad in [1, 3, 254] {
        assert_eq!(
            kind(&good(&[bad, 1, 0])),
            FaultKind::UnsupportedOptionalParameter { kind: bad }
        );
    }
}

#[test]
fn lengths_must_fit() {
    let mut long = good(&[2, 2, 2, 0]);
    long[9] = 3;
    let mut short = good(&[2, 2, 2, 0]);
    short[9] = 5;
    let cases = [
        long,
        short,
        good(&[2]),
        good(&[2, 5, 2, 0]),
        good(&[2, 2, 2, 1]),
    ];
    for bytes in cases {
        assert_eq!(kind(&bytes), FaultKind::MalformedOpen, "{bytes:?}");
    }
    assert_eq!(
        Open::decode(&good(&[2, 5, 2, 0]))
            .unwrap_err()
            .notification()
            .subcode,
        0
    );
}

#[test]
fn several_parameters_and_instances_count_once() {
    let open = Open::decode(&good(&[
        2, 6, 1, 4, 0, 1, 0, 1, 2, 2, 2, 0, 2, 8, 2, 0, 1, 4, 0, 2, 0, 1,
    ]))
    .unwrap();
    assert_eq!(
        open.capabilities,
        [
            Capability::Multiprotocol(Family::Ipv4Unicast.afi_safi()),
            Capability::RouteRefresh,
            Capability::Multiprotocol(Family::Ipv6Unicast.afi_safi()),
        ]
    );
}

#[test]
fn capabilities_that_change_how_routes_are_read_must_be_whole() {
    for (code, list) in [
        (1, &[1, 3, 0, 1, 0][..]),
        (65, &[65, 2, 0xfc, 0]),
        (65, &[65, 0]),
    ] {
        let fault = capabilities(list).unwrap_err();
        assert_eq!(fault.kind, FaultKind::MalformedCapability { code });
        assert_eq!(
            (fault.notification().code, fault.notification().subcode),
            (2, 0)
        );
    }
}

#[test]
fn other_malformed_capabilities_are_kept_and_not_used() {
    let cases: [&[u8]; 9] = [
        &[2, 1, 0],
        &[5, 5, 0, 1, 0, 1, 0],
        &[5, 6, 0, 1, 1, 1, 0, 2],
        &[6, 1, 0],
        &[9, 1, 5],
        &[9, 2, 0, 0],
        &[64, 1, 0],
        &[69, 4, 0, 1, 1, 4],
        &[73, 3, 9, b'a', 0],
    ];
    for list in cases {
        assert_eq!(
            capabilities(list).unwrap(),
            [Capability::Unknown {
                code: list[0],
                data: Bytes::copy_from_slice(&list[2..])
            }]
        );
    }
}

#[test]
fn names_with_control_characters_are_not_shown() {
    let found = capabilities(&[73, 4, 2, 0x1b, b'[', 0]).unwrap();
    assert_eq!(found[0].code(), capability_code::FQDN);
    assert!(matches!(found[0], Capability::Unknown { .. }));
}

#[test]
fn extended_parameters_are_read_whatever_the_first_length_is() {
    for first in [1, 4, 255] {
        let mut bytes = good(&[]);
        bytes.pop();
        bytes.extend([first, 255, 0, 5, 2, 0, 2, 2, 0]);
        assert_eq!(
            Open::decode(&bytes).unwrap().capabilities,
            [Capability::RouteRefresh]
        );
    }
    // A length of 0 has no parameter after it, so what follows is too much.
    let mut bytes = good(&[]);
    bytes.extend([255, 0, 5, 2, 0, 2, 2, 0]);
    assert_eq!(kind(&bytes), FaultKind::MalformedOpen);
}

#[test]
fn the_extended_form_is_written_only_when_needed() {
    let unknown = |octets: usize| Capability::Unknown {
        code: 128,
        data: Bytes::from(vec![7; octets]),
    };
    let short = Open::new(Asn(1), 90, ID, vec![unknown(251)]);
    assert_eq!(short.encode()[28..31], [255, 2, 253]);
    let edge = Open::new(Asn(1), 90, ID, vec![unknown(252)]);
    assert_eq!(edge.encode()[28..33], [255, 255, 1, 1, 2]);
    assert_eq!(Open::decode(&short.encode()[19..]), Ok(short));
    assert_eq!(Open::decode(&edge.encode()[19..]), Ok(edge));
}

#[test]
fn an_open_never_grows_over_a_message() {
    let many: Vec<Capability> = (0..40u8)
        .map(|n| Capability::Unknown {
            code: 100 + n,
            data: Bytes::from(vec![n; 200]),
        })
        .collect();
    let message = Open::new(Asn(1), 90, ID, many.clone()).encode();
    assert!(message.len() <= MAX_LEN);
    let read = Open::decode(&message[19..]).unwrap().capabilities;
    assert_eq!(read[..], many[..read.len()]);
    assert_eq!(read.len(), 20);
}

fn family() -> impl Strategy<Value = AfiSafi> {
    (0u16..4, 0u8..4).prop_map(|(afi, safi)| AfiSafi { afi, safi })
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        Just(Role::Provider),
        Just(Role::RouteServer),
        Just(Role::RouteServerClient),
        Just(Role::Customer),
        Just(Role::Peer)
    ]
}

fn mode() -> impl Strategy<Value = AddPathMode> {
    prop_oneof![
        Just(AddPathMode::Receive),
        Just(AddPathMode::Send),
        Just(AddPathMode::Both)
    ]
}

fn graceful_restart() -> impl Strategy<Value = GracefulRestart> {
    let entry = (family(), any::<bool>())
        .prop_map(|(family, forwarding)| GracefulRestartFamily { family, forwarding });
    (any::<bool>(), any::<bool>(), 0u16..4096, vec(entry, 0..4)).prop_map(
        |(restarting, notification, restart_time, families)| GracefulRestart {
            restarting,
            notification,
            restart_time,
            families,
        },
    )
}

fn capability() -> impl Strategy<Value = Capability> {
    let llgr =
        (family(), any::<bool>(), 0u32..1 << 24).prop_map(|(family, forwarding, stale_time)| {
            LlgrFamily {
                family,
                forwarding,
                stale_time,
            }
        });
    prop_oneof![
        family().prop_map(Capability::Multiprotocol),
        Just(Capability::RouteRefresh),
        vec((family(), any::<u16>()), 0..4).prop_map(Capability::ExtendedNextHop),
        Just(Capability::ExtendedMessage),
        role().prop_map(Capability::Role),
        graceful_restart().prop_map(Capability::GracefulRestart),
        vec((family(), mode()), 0..4).prop_map(Capability::AddPath),
        Just(Capability::EnhancedRouteRefresh),
        vec(llgr, 0..4).prop_map(Capability::LongLivedGracefulRestart),
        ("[a-z0-9é-]{0,20}", "[a-z.]{0,20}")
            .prop_map(|(host, domain)| Capability::Fqdn { host, domain }),
        (100u8.., vec(any::<u8>(), 0..255)).prop_map(|(code, data)| Capability::Unknown {
            code,
            data: Bytes::from(data)
        }),
    ]
}

prop_compose! {
    fn open()(
        asn in prop_oneof![1u32..23456, 23457u32..65536, 65536u32..],
        hold_time in prop_oneof![Just(0u16), 3u16..],
        id in 1u32..,
        list in vec(capability(), 0..12),
        announce: bool,
    ) -> Open {
        let mut capabilities: Vec<Capability> = Vec::new();
        for capability in list {
            if !capabilities.contains(&capability) {
                capabilities.push(capability);
            }
        }
        if announce || asn > 65535 {
            capabilities.push(Capability::FourOctetAs(Asn(asn)));
        }
        Open::new(Asn(asn), hold_time, Ipv4Addr::from_bits(id), capabilities)
    }
}

proptest! {
    #[test]
    fn round_trips(open in open()) {
        prop_assert_eq!(Open::decode(&open.encode()[19..]), Ok(open));
    }

    #[test]
    fn never_panics_and_faults_reset(bytes in vec(any::<u8>(), 0..200), whole: bool) {
        let bytes = if whole { good(&bytes) } else { bytes };
        if let Err(fault) = Open::decode(&bytes) {
            prop_assert_eq!(fault.notification().code, 2);
            prop_assert_eq!(fault.remedy, crate::Remedy::ResetSession);
        }
    }

    #[test]
    fn a_cut_open_is_a_fault(open in open(), cut in 0usize..400) {
        let message = open.encode();
        let cut = 19 + cut.min(message.len() - 20);
        prop_assert!(Open::decode(&message[19..cut]).is_err());
    }
}
