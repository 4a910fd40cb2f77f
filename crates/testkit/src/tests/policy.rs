//! What passes between speakers: eBGP with prefix sets, next hops, loops, refreshes, owners.

use std::net::IpAddr;
use std::time::Duration;

use config::Role;
use fib::RouteKind;
use speaker::{ApiRoute, ResetKind, RouteError};
use wire::{AttrBuilder, Origin, Prefix};

use super::network::{
    MINUTE, TO_REFLECTOR, addresses, block, block6, cluster, config, has, node, whole,
};
use super::peers::{since, up};
use crate::{Net, NodeId};

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// The gateways of a node's route to a prefix.
fn gateways(net: &Net, id: NodeId, prefix: Prefix) -> Vec<IpAddr> {
    let routes = net.kernel(id).routes(prefix);
    let hops = routes.flat_map(|route| match &route.kind {
        RouteKind::Unicast(hops) => hops.iter().filter_map(|hop| hop.gateway).collect(),
        RouteKind::Blackhole | RouteKind::Other(_) => Vec::new(),
    });
    hops.collect()
}

const TOR: &str = "as: 65000
advertise: {blocks: [192.168.0.0/24, 192.168.9.0/24, \"fd99::/64\"]}
prefix-sets:
  pods: [\"10.244.0.0/16 le 24\", \"fd00:244::/32 le 64\"]
peers:
  - {address: 10.0.0.1, as: 64512, import: [pods], export: local}
";

fn beside_a_tor(peer: &str) -> (Net, NodeId, NodeId) {
    let mut net = Net::new(65_536);
    let tor = net.add(config(Role::Node, TOR), &addresses(200));
    let text = format!(
        "as: 64512
advertise: {{blocks: [10.244.1.0/24, 172.20.0.0/24, \"fd00:244:1::/64\"]}}
prefix-sets:
  outside: [192.168.0.0/24, \"fd99::/64\"]
peers:
  - {{address: 10.0.0.200, as: 65000, import: [outside], {peer}}}
"
    );
    let one = net.add(config(Role::Node, &text), &addresses(1));
    assert!(net.run_until(MINUTE, |net| has(net, one, prefix("192.168.0.0/24"))));
    net.run_for(Duration::from_secs(1));
    (net, one, tor)
}

#[test]
fn prefix_sets_hold_both_ways_between_a_node_and_a_switch() {
    let (net, one, tor) = beside_a_tor("export: local");
    assert_eq!(
        gateways(&net, one, prefix("192.168.0.0/24")),
        [IpAddr::from([10, 0, 0, 200])]
    );
    assert_eq!(
        gateways(&net, one, prefix("fd99::/64")),
        ["fd00::200".parse::<IpAddr>().unwrap()]
    );
    assert!(
        !has(&net, one, prefix("192.168.9.0/24")),
        "not in the set of the node"
    );
    assert_eq!(gateways(&net, tor, block(1)), [IpAddr::from([10, 0, 0, 1])]);
    assert_eq!(
        gateways(&net, tor, block6(1)),
        ["fd00::1".parse::<IpAddr>().unwrap()]
    );
    assert!(
        !has(&net, tor, prefix("172.20.0.0/24")),
        "not in the set of the switch"
    );
    let best = net.speaker(tor).rib().best(&block(1)).unwrap();
    assert_eq!(best.attrs.as_path().to_string(), "64512");
}

#[test]
fn a_next_hop_of_the_configuration_is_the_one_sent() {
    let (net, _, tor) = beside_a_tor("export: local, next-hop-v6: \"fd00::77\"");
    assert_eq!(
        gateways(&net, tor, block6(1)),
        ["fd00::77".parse::<IpAddr>().unwrap()]
    );
    assert_eq!(gateways(&net, tor, block(1)), [IpAddr::from([10, 0, 0, 1])]);
}

#[test]
fn a_session_over_ipv6_carries_both_families() {
    let mut net = Net::new(7);
    let peer = |other: u8| format!("  - {{address: \"fd00::{other}\", as: internal}}\n");
    let one = node(&mut net, 1, &peer(2));
    let two = node(&mut net, 2, &peer(1));
    assert!(net.run_until(MINUTE, |net| {
        [(one, 2), (two, 1)]
            .into_iter()
            .all(|(id, other)| has(net, id, block(other)) && has(net, id, block6(other)))
    }));
    assert_eq!(gateways(&net, one, block(2)), [IpAddr::from([10, 0, 0, 2])]);
    assert_eq!(
        gateways(&net, one, block6(2)),
        ["fd00::2".parse::<IpAddr>().unwrap()]
    );
}

#[test]
fn one_end_may_be_passive_or_listen_nowhere_but_not_both() {
    for (first, second, works) in [
        ("", ", passive: true", true),
        (", passive: true", "", true),
        (", passive: true", ", passive: true", false),
    ] {
        let mut net = Net::new(65_536);
        let one = node(
            &mut net,
            1,
            &format!("  - {{address: 10.0.0.2, as: internal{first}}}\n"),
        );
        node(
            &mut net,
            2,
            &format!("  - {{address: 10.0.0.1, as: internal{second}}}\n"),
        );
        net.run_for(MINUTE);
        assert_eq!(up(&net, one) == 1, works, "{first} {second}");
    }
    let mut net = Net::new(65_536);
    let deaf = "listen: off\nas: 64512\npeers:\n  - {address: 10.0.0.2, as: internal}\n";
    let one = net.add(config(Role::Node, deaf), &addresses(1));
    node(&mut net, 2, "  - {address: 10.0.0.1, as: internal}\n");
    assert!(net.run_until(MINUTE, |net| up(net, one) == 1));
}

#[test]
fn connects_that_cross_leave_one_session_in_any_chunking() {
    for chunk in [1, 2, 19, 23, 4096] {
        let mut net = Net::new(chunk);
        let ids: Vec<NodeId> = (1..=4)
            .map(|host| {
                let others = (1..=4).filter(|other| *other != host);
                let peers: String = others
                    .map(|other| format!("  - {{address: 10.0.0.{other}, as: internal}}\n"))
                    .collect();
                node(&mut net, host, &peers)
            })
            .collect();
        assert!(
            net.run_until(Duration::from_secs(10), |net| whole(net, &ids)),
            "chunk {chunk}"
        );
        net.run_for(MINUTE);
        for id in &ids {
            assert!(
                net.speaker(*id)
                    .peers()
                    .all(|peer| peer.session().flaps() == 0)
            );
        }
    }
}

#[test]
fn a_looped_replacement_takes_its_predecessor_with_it() {
    let mut net = Net::new(65_536);
    let text = |own: u32, other: &str, asn: u32| {
        format!(
            "as: {own}\nadvertise: {{blocks: [10.244.{}.0/24]}}\npeers:\n  - {{address: {other}, as: {asn}, import: all, export: local}}\n",
            own % 100
        )
    };
    let one = net.add(
        config(Role::Node, &text(64512, "10.0.0.2", 64513)),
        &addresses(1),
    );
    let two = net.add(
        config(Role::Node, &text(64513, "10.0.0.1", 64512)),
        &addresses(2),
    );
    let announce = |net: &mut Net, path: &[wire::Asn]| {
        let mut attrs = AttrBuilder::new();
        attrs.set_origin(Origin::Igp).set_as_path(path);
        let route = ApiRoute {
            owner: "test".into(),
            next_hop: None,
            attrs: attrs.finish(),
        };
        net.ask(two, |speaker, _| {
            speaker.announce(prefix("10.99.0.0/24"), route)
        })
        .unwrap();
    };
    announce(&mut net, &[]);
    let there = |net: &Net| has(net, one, prefix("10.99.0.0/24"));
    assert!(net.run_until(MINUTE, there));
    announce(&mut net, &[wire::Asn(64512)]);
    assert!(
        net.run_until(MINUTE, |net| !there(net)),
        "refused, and not kept as it was"
    );
    let peer = net.speaker(one).peers().next().unwrap();
    assert_eq!(peer.counters().paths_refused, 1);
    announce(&mut net, &[]);
    assert!(net.run_until(MINUTE, there));
}

#[test]
fn a_refresh_brings_everything_again_and_disturbs_nobody() {
    let (mut net, rr, ids) = cluster(65_536, 3);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let address = IpAddr::from([10, 0, 0, 250]);
    let before: Vec<_> = ids.iter().map(|id| since(&net, *id, address)).collect();
    let delivered = net.speaker(rr).rib().stats().delivered_bytes;
    let writes = net.kernel(ids[0]).writes();
    let peer = net.speaker(ids[0]).find_peer("10.0.0.250").unwrap();
    net.ask(ids[0], |speaker, now| {
        speaker.reset_peer(now, peer, ResetKind::SoftIn)
    })
    .unwrap();
    net.run_for(Duration::from_secs(5));
    assert!(net.speaker(rr).rib().stats().delivered_bytes > delivered);
    assert_eq!(
        net.kernel(ids[0]).writes(),
        writes,
        "the same routes: nothing to write"
    );
    let after: Vec<_> = ids.iter().map(|id| since(&net, *id, address)).collect();
    assert_eq!(before, after);
    assert!(whole(&net, &ids));
}

#[test]
fn a_route_of_the_api_belongs_to_its_owner() {
    let (mut net, _, ids) = cluster(65_536, 2);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let service = prefix("10.96.0.10/32");
    let route = |owner: &str| ApiRoute {
        owner: owner.into(),
        next_hop: None,
        attrs: rib_attrs(),
    };
    let announce = |net: &mut Net, at: Prefix, owner: &str| {
        net.ask(ids[0], |speaker, _| speaker.announce(at, route(owner)))
    };
    assert_eq!(announce(&mut net, service, "lb"), Ok(()));
    assert_eq!(announce(&mut net, service, "lb"), Ok(()), "the same again");
    let owned = Err(RouteError::Owned { owner: "lb".into() });
    assert_eq!(announce(&mut net, service, "other"), owned);
    assert_eq!(
        announce(&mut net, block(1), "lb"),
        Err(RouteError::Configured)
    );
    assert!(net.run_until(MINUTE, |net| has(net, ids[1], service)));
    assert!(
        !has(&net, ids[0], service),
        "nothing is written for a route of our own"
    );
    let withdraw =
        |net: &mut Net, owner: &str| net.ask(ids[0], |speaker, _| speaker.withdraw(service, owner));
    assert_eq!(withdraw(&mut net, "other"), owned);
    assert_eq!(withdraw(&mut net, "lb"), Ok(()));
    assert_eq!(withdraw(&mut net, "lb"), Err(RouteError::NotFound));
    assert!(net.run_until(MINUTE, |net| !has(net, ids[1], service)));
    let lone = node(&mut net, 3, TO_REFLECTOR);
    assert!(net.run_until(MINUTE, |net| has(net, lone, block(1))));
    assert!(!has(&net, lone, service));
}

fn rib_attrs() -> Vec<u8> {
    let mut attrs = AttrBuilder::new();
    attrs.set_origin(Origin::Igp).set_as_path(&[]);
    attrs.finish()
}
