use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

use policy::{ExportMode, ImportMode};
use proptest::prelude::*;
use wire::{Asn, Families};

use super::*;

mod as_path;
mod faults;
mod limits;
mod request;
mod session;

fn env(name: &str) -> Option<String> {
    match name {
        "AS" => Some("64512".to_owned()),
        "NODE" => Some("node-1".to_owned()),
        "BLOCKS" => Some("10.244.1.0/24, fd00:244:1::/64".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn load(text: &str, role: Role) -> Config {
    match parse(text, "x.yaml", role, &env) {
        Ok(config) => config,
        Err(faults) => panic!(
            "{}",
            faults.iter().map(|f| format!("{f}\n")).collect::<String>()
        ),
    }
}

fn node(text: &str) -> Config {
    load(text, Role::Node)
}

#[test]
fn an_as_number_is_enough() {
    let config = node("as: 64512\n");
    assert_eq!(config.local_as, Asn(64512));
    let listen = config.listen.unwrap();
    assert_eq!(listen.port, 179);
    assert_eq!(
        listen.addresses,
        ["0.0.0.0".parse::<IpAddr>().unwrap(), "::".parse().unwrap()]
    );
    let kernel = config.kernel.unwrap();
    assert_eq!(
        (kernel.protocol, kernel.metric, kernel.table),
        (155, 48, 254)
    );
    assert_eq!(
        (kernel.blackhole_metric, kernel.on_stop),
        (1_048_576, OnStop::Keep)
    );
    assert!(kernel.ecmp && !kernel.resolve_via_default && config.multipath_relax);
    assert_eq!(config.api.socket.to_str(), Some("/run/bgpd/bgpd.sock"));
    assert_eq!(
        config.log,
        Log {
            level: LogLevel::Info,
            format: LogFormat::Auto
        }
    );
    assert_eq!(
        config.limits,
        Limits {
            export_log: 16 << 20,
            tombstones: 1_000_000,
            routes: 4 << 30
        }
    );
    let reflector = load("as: 1.10\n", Role::Reflector);
    assert_eq!(reflector.local_as, Asn(65546));
    assert_eq!(
        reflector.api.socket.to_str(),
        Some("/run/reflector/reflector.sock")
    );
    assert_eq!(reflector.kernel, None);
}

#[test]
fn a_peer_gets_the_documented_defaults() {
    let config = node("as: 64512\npeers:\n- address: 10.0.0.2\n  as: internal\n");
    let peer = &config.peers[0];
    assert_eq!(peer.name, "10.0.0.2");
    assert_eq!(
        (
            peer.port,
            peer.ttl,
            peer.hold_time.seconds(),
            peer.keepalive
        ),
        (179, 64, 90, None)
    );
    assert_eq!(peer.connect_retry, Duration::from_secs(5));
    assert_eq!(
        (peer.idle_hold, peer.idle_hold_max),
        (Duration::from_secs(1), Duration::from_secs(60))
    );
    assert_eq!(
        (peer.families, peer.next_hop),
        (Families::ALL, NextHopRule::Auto)
    );
    assert!(peer.enabled && !peer.passive && !peer.route_reflector_client);
    assert!(peer.extended_messages && !peer.extended_next_hop);
    assert_eq!(peer.add_path_receive, PathLimit::Off);
    assert_eq!(peer.as_sets, AsSets::Accept);
    assert_eq!(peer.graceful, GracefulRestart::default());
    assert_eq!(peer.location.short(), "x.yaml:3");
}

#[test]
fn a_distance_is_in_hops_and_a_peer_may_differ_from_its_group() {
    let text = "as: 64512\ngroups: {near: {ttl-security: true}, far: {multihop: 5}}\npeers:\n\
                - {address: 10.0.0.2, as: internal}\n- {address: 10.0.0.3, as: external, group: near}\n\
                - {address: 10.0.0.4, as: external, group: near, ttl-security: 254}\n\
                - {address: 10.0.0.5, as: external, group: near, ttl-security: false, multihop: 2}\n\
                - {address: 10.0.0.6, as: internal, group: far, ttl-security: 2, multihop: false}\n\
                dynamic-peers: [{prefix: 10.1.0.0/16, as: external, group: near}]\n";
    let config = node(text);
    let peers = config.peers.iter();
    let distances: Vec<_> = peers
        .map(|peer| (peer.sent_ttl(), peer.least_ttl()))
        .collect();
    assert_eq!(
        distances,
        [
            (64, None),
            (255, Some(255)),
            (255, Some(2)),
            (2, None),
            (255, Some(254))
        ]
    );
    assert_eq!(config.dynamic[0].template().least_ttl(), Some(255));
}

#[test]
fn a_reflector_offers_its_clients_all_paths_and_nobody_else_does() {
    let text = "as: 64512\ngroups: {few: {add-path: {send: 4}}}\npeers:\n- {address: 10.0.0.2, as: internal}\n\
                - {address: 10.0.0.3, as: internal, route-reflector-client: true}\n\
                - {address: 10.0.0.4, as: internal, group: few}\n\
                - {address: 10.0.0.5, as: internal, group: few, route-reflector-client: true, add-path: {send: off}}\n\
                - {address: 10.0.0.6, as: external, add-path: {send: all}}\n";
    let limits = |config: Config| -> Vec<_> {
        let peers = config.peers.into_iter();
        peers.map(|peer| peer.add_path_send.to_string()).collect()
    };
    assert_eq!(limits(node(text)), ["off", "off", "4", "off", "all"]);
    assert_eq!(
        limits(load(text, Role::Reflector)),
        ["off", "all", "4", "off", "all"]
    );
}

#[test]
fn a_role_is_of_the_peer_or_its_group() {
    let text = "as: 64512\ngroups: {up: {role: customer, role-strict: true}}\npeers:\n\
                - {address: 10.0.0.2, as: 65001, group: up}\n\
                - {address: 10.0.0.3, as: 65002, group: up, role: rs-client, role-strict: false}\n\
                - {address: 10.0.0.4, as: 65003}\n";
    let config = node(text);
    let roles = config
        .peers
        .iter()
        .map(|peer| (peer.role, peer.role_strict));
    assert_eq!(
        roles.collect::<Vec<_>>(),
        [
            (Some(wire::Role::Customer), true),
            (Some(wire::Role::RouteServerClient), false),
            (None, false)
        ]
    );
}

#[test]
fn policy_defaults_follow_role_and_peer_type() {
    let text = "as: 64512\npeers:\n- {address: 10.0.0.2, as: internal}\n- {address: 10.0.0.3, as: 64512}\n\
                - {address: 10.0.0.4, as: external}\n- {address: 10.0.0.5, as: 64513, export: all}\n";
    let modes = |config: Config| -> Vec<_> {
        config
            .peers
            .into_iter()
            .map(|peer| (peer.import, peer.export))
            .collect()
    };
    let unset = (ImportMode::Unset, ExportMode::Unset);
    let half = (ImportMode::Unset, ExportMode::All);
    let ibgp = (ImportMode::All, ExportMode::Local);
    assert_eq!(
        modes(node(text)),
        [ibgp.clone(), ibgp, unset.clone(), half.clone()]
    );
    let ibgp = (ImportMode::All, ExportMode::All);
    assert_eq!(
        modes(load(text, Role::Reflector)),
        [ibgp.clone(), ibgp, unset, half]
    );
}

#[test]
fn guards_follow_the_role() {
    let guards = node("as: 1\nadvertise: {blocks: [10.1.0.0/24]}\npools: [10.0.0.0/8]\n").guards();
    assert_eq!(
        (
            guards.own_blocks.len(),
            guards.pools.len(),
            guards.accept_default
        ),
        (1, 1, false)
    );
    assert!(load("as: 1\n", Role::Reflector).guards().accept_default);
}

#[test]
fn groups_give_what_the_peer_does_not_say() {
    let config = node(
        "as: 64512\nprefix-sets: {a: [10.0.0.0/8 le 24]}\n\
         groups:\n  g: {as: internal, hold-time: 30, import: [a], multihop: true, idle-hold: 90}\n\
         peers:\n- {address: 10.0.0.2, group: g}\n- {address: 10.0.0.3, group: g, as: 64513, hold-time: 9, multihop: 3}\n",
    );
    let (a, b) = (&config.peers[0], &config.peers[1]);
    assert_eq!(
        (a.hold_time.seconds(), a.ttl, a.remote_as),
        (30, 255, RemoteAs::Internal)
    );
    assert_eq!(
        (b.hold_time.seconds(), b.ttl, b.remote_as),
        (9, 3, RemoteAs::Exactly(Asn(64513)))
    );
    assert_eq!(a.import, b.import);
    assert_eq!(a.group.as_deref(), Some("g"));
    assert_eq!(
        a.idle_hold_max,
        Duration::from_secs(90),
        "never less than idle-hold"
    );
}

#[test]
fn variables_are_expanded_in_values_only() {
    let config = node(
        "as: ${AS}\nname: \"${NODE}\"\nadvertise: {blocks: \"${BLOCKS}\"}\npools: [10.0.0.0/8, \"${EMPTY}\"]\n\
         peers:\n- {address: 10.0.0.2, as: \"${AS}\", description: \"$${AS} ${MISSING:-none: [x]} ${NODE}\"}\n",
    );
    assert_eq!(
        (config.local_as, config.name.as_deref()),
        (Asn(64512), Some("node-1"))
    );
    assert_eq!(config.blocks.len(), 2);
    assert_eq!(config.pools.len(), 1, "an empty entry is none");
    assert_eq!(
        config.peers[0].description.as_deref(),
        Some("${AS} none: [x] node-1")
    );
}

#[test]
fn every_key_is_read() {
    let config = node(
        "name: n\nhostname: n.example.com\nas: 64512\nrouter-id: 10.0.0.1\ncluster-id: 10.0.0.9\n\
         listen: {addresses: [10.0.0.1, fd00::1], port: 1790}\n\
         kernel: {enabled: true, protocol: 200, metric: 7, table: 100, blackhole-metric: 4000, on-stop: remove, resolve-via-default: true, ecmp: false}\n\
         peers:\n- {name: a, address: fd00::2, as: 64512, port: 1179, local-address: fd00::1, passive: true, enabled: false, description: d, families: [ipv6-unicast], hold-time: 0, connect-retry: 1, idle-hold: 2, idle-hold-max: 3, import: none, export: none, route-reflector-client: true, next-hop: unchanged, next-hop-v6: fd00::9, multihop: false, extended-messages: false, extended-next-hop: true, as-sets: withdraw, add-path: {send: 3, receive: all}, graceful-restart: {enabled: false, restart-time: 60, stale-time: 30}, long-lived-graceful-restart: {enabled: false, stale-time: 7, max-stale-time: 9, partial-deployment: true}}\n\
         dynamic-peers:\n- {prefix: 10.9.0.0/16, as: external, limit: 3}\n- {prefix: 10.8.0.0/16, as: external}\n\
         multipath: {relax: false}\napi: {socket: /tmp/x}\nlog: {level: debug, format: json}\nlimits: {export-log: 1MiB, tombstones: 1000, routes: 2MiB}\n",
    );
    assert_eq!(config.cluster_id, Some([10, 0, 0, 9].into()));
    assert_eq!(config.hostname, Hostname::Named("n.example.com".into()));
    let kernel = config.kernel.unwrap();
    assert_eq!(
        (kernel.protocol, kernel.metric, kernel.table),
        (200, 7, 100)
    );
    assert_eq!(
        (kernel.blackhole_metric, kernel.on_stop),
        (4000, OnStop::Remove)
    );
    assert!(kernel.resolve_via_default && !kernel.ecmp);
    let peer = &config.peers[0];
    assert_eq!(
        (peer.port, peer.ttl, peer.hold_time),
        (1179, 1, HoldTime::OFF)
    );
    assert!(peer.passive && !peer.enabled && peer.route_reflector_client);
    assert!(!peer.extended_messages && peer.extended_next_hop);
    assert_eq!(peer.add_path_receive, PathLimit::All);
    assert_eq!(peer.as_sets, AsSets::Withdraw);
    assert_eq!(
        peer.add_path_send,
        PathLimit::Best(NonZeroU8::new(3).unwrap())
    );
    assert_eq!(
        peer.graceful,
        GracefulRestart {
            enabled: false,
            restart_time: 60,
            stale_time: 30
        }
    );
    assert_eq!(
        peer.long_lived,
        LongLived {
            enabled: false,
            stale_time: 7,
            max_stale_time: 9,
            partial_deployment: true
        }
    );
    assert_eq!(peer.families.iter().count(), 1);
    assert_eq!(peer.next_hop, NextHopRule::Unchanged);
    assert_eq!(peer.next_hop_v6, "fd00::9".parse().ok());
    assert_eq!(
        (&peer.import, &peer.export),
        (&ImportMode::None, &ExportMode::None)
    );
    assert_eq!(
        config
            .dynamic
            .iter()
            .map(|range| range.limit)
            .collect::<Vec<_>>(),
        [3, 5000]
    );
    assert_eq!(
        config.limits,
        Limits {
            export_log: 1 << 20,
            tombstones: 1000,
            routes: 2 << 20
        }
    );
    assert!(!config.multipath_relax);
    assert_eq!(
        (config.log.level, config.log.format),
        (LogLevel::Debug, LogFormat::Json)
    );
    let off = node("as: 1\nlisten: off\nhostname: off\nkernel: {enabled: false}\n");
    assert_eq!((off.listen, off.kernel), (None, None));
    assert_eq!(off.hostname, Hostname::Off);
    assert_eq!(node("as: 1\n").hostname, Hostname::OfSpeaker);
}

#[test]
fn empty_sections_are_as_good_as_none() {
    let config = node(
        "as: 1\npeers:\ngroups:\nprefix-sets:\nkernel:\nadvertise:\nlisten:\nlog: {}\npools: []\n",
    );
    assert!(config.peers.is_empty() && config.kernel.is_some() && config.listen.is_some());
}

#[test]
fn a_range_finds_its_addresses() {
    let config = node("as: 1\ndynamic-peers:\n- {prefix: 10.1.0.0/16, as: internal}\n");
    let range = config.range_of("10.1.2.3".parse().unwrap()).unwrap();
    let peer = range.peer_for("10.1.2.3".parse().unwrap());
    assert!(peer.passive && peer.is_internal());
    assert_eq!(
        (peer.to_string().as_str(), peer.address),
        ("10.1.2.3", "10.1.2.3".parse().unwrap())
    );
    assert!(config.range_of("10.2.2.3".parse().unwrap()).is_none());
    assert_eq!(range.location().short(), "x.yaml:3");
}

#[test]
fn costly_yaml_is_refused_and_quickly() {
    let faults = |pools: &str| {
        parse(
            &format!("as: 1\npools: {pools}"),
            "x.yaml",
            Role::Node,
            &env,
        )
        .unwrap_err()
    };
    let nested = format!("{}{}", "[".repeat(20), "]".repeat(20));
    assert_eq!(faults(&nested)[0].message, "nested too deeply");
    assert_eq!(
        faults(&"[".repeat(500_000))[0].message,
        "this is not YAML: recursion limit exceeded"
    );
    let long = "# comment\n".repeat(MAX_SIZE / 10 + 1);
    let faults = parse(&long, "x.yaml", Role::Node, &env).unwrap_err();
    assert_eq!(faults[0].message, "the file has 1048580 octets");
    let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
    let faults = parse(laughs, "x.yaml", Role::Node, &env).unwrap_err();
    assert_eq!(
        faults
            .iter()
            .filter(|fault| fault.message.contains("alias"))
            .count(),
        4
    );
    assert_eq!(
        faults
            .iter()
            .filter(|fault| fault.message.contains("anchor"))
            .count(),
        3
    );
}

const SEED: &str = "name: ${NODE}\nas: 64512\nlisten: {addresses: [10.0.0.1, \"::\"], port: 179}\n\
    pools: [10.0.0.0/8]\nprefix-sets:\n  a: [10.0.0.0/8 ge 9 le 24]\ngroups:\n  g:\n    hold-time: 30\n    import: [a]\n\
    peers:\n  - name: x\n    address: 10.0.0.2\n    as: internal\n    group: g\n    families: [ipv4-unicast]\n\
    dynamic-peers:\n  - {prefix: 10.9.0.0/16, group: g, as: 5}\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is done to a good text, the answer is a model or faults that point into the text.
    #[test]
    fn a_damaged_text_is_answered(edits in proptest::collection::vec((0..SEED.len(), 0usize..3, any::<u8>()), 1..6)) {
        let mut bytes = SEED.as_bytes().to_vec();
        for (at, kind, octet) in edits {
            if bytes.is_empty() { break }
            let at = at % bytes.len();
            match kind {
                0 => bytes[at] = b"\n :-[]{}\"'&*!|>%@`#,0aZ$"[usize::from(octet) % 24],
                1 => { bytes.remove(at); }
                _ => bytes.truncate(at + 1),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for role in [Role::Node, Role::Reflector] {
            let Err(faults) = parse(&text, "x.yaml", role, &env) else { continue };
            prop_assert!(!faults.is_empty());
            for fault in faults {
                let Location::File { line, column, .. } = fault.location else { panic!("{fault}") };
                let lines = text.lines().count().max(1) + 1;
                prop_assert!(line >= 1 && column >= 1 && line as usize <= lines, "{fault}");
            }
        }
    }
}

#[test]
fn a_process_that_is_told_to_stop_restarts_or_drains() {
    let farewell = |lines: &str| node(&format!("as: 64512\n{lines}")).farewell;
    assert_eq!(farewell(""), Farewell::Restart);
    assert_eq!(farewell("on-stop: restart"), Farewell::Restart);
    let drain = |seconds| Farewell::Drain(Duration::from_secs(seconds));
    assert_eq!(farewell("on-stop: drain"), drain(10));
    assert_eq!(farewell("on-stop: drain\ndrain-time: 0"), drain(0));
    let removes = "on-stop: drain\nkernel: {on-stop: remove}";
    assert_eq!(farewell(removes), drain(10));
}

#[test]
fn blackholes_are_accepted_from_whom_the_file_says_alone() {
    let config = node(
        "as: 64512\ngroups: {g: {blackhole: accept}}\npeers:\n- {address: 10.0.0.2, as: 64513}\n\
         - {address: 10.0.0.3, as: 64513, group: g}\n- {address: 10.0.0.4, as: 64513, group: g, blackhole: ignore}\n",
    );
    let rules: Vec<Blackhole> = config.peers.iter().map(|peer| peer.blackhole).collect();
    assert_eq!(
        rules,
        [Blackhole::Ignore, Blackhole::Accept, Blackhole::Ignore]
    );
}

#[test]
fn inside_the_as_routes_are_kept_for_long_and_a_reflector_asks_for_that() {
    let peers = "as: 64512\npeers:\n- {address: 10.0.0.2, as: internal}\n- {address: 10.0.0.3, as: 64513}\n";
    for (role, day) in [(Role::Node, 0), (Role::Reflector, 86_400)] {
        let config = parse(peers, "x.yaml", role, &|_| None).unwrap();
        let long = |peer: usize| config.peers[peer].long_lived;
        assert_eq!([long(0).enabled, long(1).enabled], [true, false]);
        assert_eq!((long(0).stale_time, long(0).max_stale_time), (day, 86_400));
        assert!(!long(0).partial_deployment);
    }
}
