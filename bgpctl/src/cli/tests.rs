use clap::{CommandFactory as _, Parser as _};
use proto::v1;
use proto::v1::peer_config::RemoteAs;
use proto::v1::{export_policy, import_policy};

use super::peer::PeerVerb;
use super::route::RouteVerb;
use super::{Cli, Command, KernelVerb};

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
}

fn peer(line: &str) -> PeerVerb {
    match parse(line).unwrap() {
        Command::Peer(args) => args.verb.unwrap(),
        other => panic!("{line}: {other:?}"),
    }
}

fn list_request(line: &str) -> v1::ListRoutesRequest {
    match parse(line).unwrap() {
        Command::Route(args) => match args.verb.unwrap() {
            RouteVerb::List(list) => list.request(),
            other => panic!("{line}: {other:?}"),
        },
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_arguments_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn unique_prefixes_and_aliases_abbreviate() {
    assert!(matches!(parse("bgpctl st"), Ok(Command::Status)));
    assert!(matches!(peer("bgpctl p l"), PeerVerb::List(_)));
    assert!(matches!(peer("bgpctl neighbor g x"), PeerVerb::Get { .. }));
    assert!(matches!(peer("bgpctl nei del x"), PeerVerb::Delete { .. }));
    assert_eq!(
        list_request("bgpctl rib li --best").view(),
        v1::RouteView::Best
    );
    assert_eq!(
        list_request("bgpctl ro l --best").view(),
        v1::RouteView::Best
    );
    // `e` could be nothing else, `d` could be delete or disable.
    assert!(matches!(peer("bgpctl p e x"), PeerVerb::Enable { .. }));
    assert!(parse("bgpctl p d x").is_err());
}

#[test]
fn a_noun_alone_lists() {
    assert!(matches!(parse("bgpctl peer"), Ok(Command::Peer(args)) if args.verb.is_none()));
    assert!(matches!(parse("bgpctl kernel"), Ok(Command::Kernel(args)) if args.verb.is_none()));
}

#[test]
fn an_address_asks_for_the_longest_match_and_a_prefix_for_itself() {
    let address = list_request("bgpctl route list 10.0.0.1");
    assert_eq!(address.prefix_match(), v1::PrefixMatch::Longest);
    let prefix = list_request("bgpctl route list 10.0.0.0/8 --in tor-a -4");
    assert_eq!(prefix.prefix_match(), v1::PrefixMatch::Exact);
    assert_eq!(prefix.view(), v1::RouteView::In);
    assert_eq!(prefix.peer.as_deref(), Some("tor-a"));
    assert_eq!(prefix.family(), v1::Family::Ipv4Unicast);
    let longer = list_request("bgpctl route list 10.0.0.0/8 --longer --out 10.0.0.2");
    assert_eq!(longer.prefix_match(), v1::PrefixMatch::Longer);
    assert_eq!(longer.view(), v1::RouteView::Out);
    for wrong in [
        "bgpctl route list --best --in a",
        "bgpctl route list --in a --out b",
        "bgpctl route list -4 -6",
        "bgpctl route list --longer",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_setting_of_a_peer_has_a_flag() {
    let line = "bgpctl peer add 10.0.0.1 --as 65001 --name tor-a --group tors --port 1179 \
        --local-address 10.0.0.2 --passive --enabled=false --description text \
        --families ipv4-unicast,ipv6 --hold-time 30s --keepalive 10 --send-hold 4m --connect-retry 2s \
        --idle-hold 500ms --idle-hold-max 1m --import all --export pods,services \
        --route-reflector-client --next-hop self --next-hop-v6 fd00::2 --multihop 2 \
        --extended-messages=false --add-path-receive all --extended-next-hop --as-sets withdraw --role customer --role-strict --add-path-send 4 --graceful-restart=false --restart-time 60s --stale-time 5m \
        --ttl-security=2 --bind-device eth0 --password-file /run/md5 --graceful-shutdown=false \
        --max-prefix-ipv4 100 --max-prefix-ipv6 0 --max-prefix-warn 50 --max-prefix-action block \
        --max-prefix-restart 10m --max-prefix-out-ipv4 7 --max-prefix-out-ipv6 8 \
        --allow-own-as 2 --as-override --remove-private-as replace --local-as 1.10 \
        --local-as-no-prepend --local-as-replace-as=false --enforce-first-as=false \
        --route-server-client --cluster-id 10.0.0.9 --client-to-client=false --delay-open 10s \
        --blackhole accept --long-lived-graceful-restart --long-lived-stale-time 24h \
        --long-lived-max-stale-time 1h --partial-deployment";
    let PeerVerb::Add(add) = peer(line) else {
        panic!("not add");
    };
    let seconds = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let names = ["pods", "services"].map(str::to_owned).to_vec();
    // Written out without `..`: a new setting does not compile until it has a flag.
    let wanted = v1::PeerConfig {
        name: Some("tor-a".into()),
        address: "10.0.0.1".into(),
        group: Some("tors".into()),
        remote_as: Some(RemoteAs::AsNumber(65001)),
        port: Some(1179),
        local_address: Some("10.0.0.2".into()),
        passive: Some(true),
        enabled: Some(false),
        description: Some("text".into()),
        families: vec![
            v1::Family::Ipv4Unicast.into(),
            v1::Family::Ipv6Unicast.into(),
        ],
        hold_time: seconds(30, 0),
        keepalive: seconds(10, 0),
        connect_retry: seconds(2, 0),
        idle_hold: seconds(0, 500_000_000),
        idle_hold_max: seconds(60, 0),
        import_policy: Some(v1::ImportPolicy {
            rule: Some(import_policy::Rule::Mode(v1::ImportMode::All.into())),
        }),
        export_policy: Some(v1::ExportPolicy {
            rule: Some(export_policy::Rule::PrefixSets(v1::PrefixSets { names })),
        }),
        route_reflector_client: Some(true),
        next_hop: Some(v1::NextHopRule::Self_.into()),
        next_hop_v6: Some("fd00::2".into()),
        multihop: Some(2),
        send_hold: seconds(240, 0),
        extended_messages: Some(false),
        add_path_receive: Some("all".into()),
        extended_next_hop: Some(true),
        as_sets: Some("withdraw".into()),
        role: Some("customer".into()),
        role_strict: Some(true),
        add_path_send: Some("4".into()),
        graceful_restart: Some(false),
        restart_time: seconds(60, 0),
        stale_time: seconds(300, 0),
        ttl_security: Some(2),
        bind_device: Some("eth0".into()),
        password_file: Some("/run/md5".into()),
        graceful_shutdown: Some(false),
        max_prefix: Some(v1::MaxPrefix {
            ipv4: Some(100),
            ipv6: Some(0),
            warn: Some(50),
            action: Some(v1::LimitAction::Block.into()),
            restart: seconds(600, 0),
        }),
        max_prefix_out: Some(v1::MaxPrefixOut {
            ipv4: Some(7),
            ipv6: Some(8),
        }),
        allow_own_as: Some(2),
        as_override: Some(true),
        remove_private_as: Some(v1::PrivateAs::Replace.into()),
        local_as: Some(v1::LocalAs {
            as_number: 65_546,
            no_prepend: Some(true),
            replace_as: Some(false),
        }),
        enforce_first_as: Some(false),
        route_server_client: Some(true),
        cluster_id: Some("10.0.0.9".into()),
        client_to_client: Some(false),
        delay_open: seconds(10, 0),
        blackhole: Some(v1::BlackholeRule::Accept.into()),
        long_lived_graceful_restart: Some(true),
        long_lived_stale_time: seconds(86_400, 0),
        long_lived_max_stale_time: seconds(3600, 0),
        partial_deployment: Some(true),
    };
    assert_eq!(add.into_config(), wanted);
}

#[test]
fn what_is_not_given_is_absent() {
    let PeerVerb::Add(add) = peer("bgpctl peer add fd00::1 --as internal") else {
        panic!("not add");
    };
    let wanted = v1::PeerConfig {
        address: "fd00::1".into(),
        remote_as: Some(RemoteAs::AsKind(v1::PeerAs::Internal.into())),
        ..v1::PeerConfig::default()
    };
    assert_eq!(add.into_config(), wanted);
}

#[test]
fn as_numbers_are_read_plain_and_dotted() {
    for (text, number) in [("4200000000", 4_200_000_000), ("1.10", 65_546)] {
        let PeerVerb::Add(add) = peer(&format!("bgpctl peer add 10.0.0.1 --as {text}")) else {
            panic!("not add");
        };
        assert_eq!(add.remote_as, Some(RemoteAs::AsNumber(number)));
    }
    assert!(parse("bgpctl peer add 10.0.0.1 --as 4294967296").is_err());
    assert!(parse("bgpctl peer add 10.0.0.1 --as 1.65536").is_err());
}

#[test]
fn a_reset_is_hard_unless_soft() {
    let kind = |line| match peer(line) {
        PeerVerb::Reset(args) => args.kind(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind("bgpctl peer reset a"), v1::ResetKind::Hard);
    assert_eq!(kind("bgpctl peer reset a --soft"), v1::ResetKind::Soft);
    assert_eq!(kind("bgpctl peer reset a --soft=in"), v1::ResetKind::SoftIn);
    assert_eq!(
        kind("bgpctl peer reset --soft=out a"),
        v1::ResetKind::SoftOut
    );
}

#[test]
fn options_may_follow_the_verb() {
    let line = "bgpctl kernel list --state failed -6 -o json --socket /tmp/x.sock";
    let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
    assert_eq!(cli.output, crate::output::Format::Json);
    let Command::Kernel(args) = cli.command else {
        panic!("not kernel");
    };
    assert!(matches!(args.verb, Some(KernelVerb::List(list)) if list.family.ipv6));
}
