//! Speakers that find each other, exchange routes and fill kernels.

use std::net::IpAddr;
use std::time::Duration;

use config::{Config, Role};
use speaker::Event;
use wire::{Family, Prefix};

use crate::{Net, NodeId};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn config(role: Role, text: &str) -> Config {
    config::parse(text, "test.yaml", role, &|_| None).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

pub(super) fn addresses(host: u8) -> [(IpAddr, Prefix); 2] {
    [
        (
            IpAddr::from([10, 0, 0, host]),
            "10.0.0.0/24".parse().unwrap(),
        ),
        (
            format!("fd00::{host}").parse().unwrap(),
            "fd00::/64".parse().unwrap(),
        ),
    ]
}

pub(super) fn node_text(host: u8, peers: &str) -> String {
    format!(
        "as: 64512\nadvertise: {{blocks: [10.244.{host}.0/24, \"fd00:244:{host}::/64\"]}}\npeers:\n{peers}"
    )
}

pub(super) fn node(net: &mut Net, host: u8, peers: &str) -> NodeId {
    net.add(
        config(Role::Node, &node_text(host, peers)),
        &addresses(host),
    )
}

/// A reflector whose clients lose nothing by a restart of either side, as long as it is no longer than the restart time.
pub(super) fn graceful_reflector(net: &mut Net, host: u8) -> NodeId {
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, route-reflector-client: true, long-lived-graceful-restart: {enabled: false}}\n";
    net.add(config(Role::Reflector, text), &addresses(host))
}

/// A reflector without graceful restart, so that what goes is gone at once, and without a limit of routes.
pub(super) fn reflector(net: &mut Net, host: u8) -> NodeId {
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, route-reflector-client: true, graceful-restart: {enabled: false}, max-prefix: {ipv4: off, ipv6: off}}\n";
    net.add(config(Role::Reflector, text), &addresses(host))
}

pub(super) const TO_REFLECTOR: &str = "  - {address: 10.0.0.250, as: internal}\n";

pub(super) fn block(host: u8) -> Prefix {
    format!("10.244.{host}.0/24").parse().unwrap()
}

pub(super) fn block6(host: u8) -> Prefix {
    format!("fd00:244:{host}::/64").parse().unwrap()
}

pub(super) fn has(net: &Net, id: NodeId, prefix: Prefix) -> bool {
    net.kernel(id).routes(prefix).next().is_some()
}

pub(super) fn cluster(chunk: usize, nodes: u8) -> (Net, NodeId, Vec<NodeId>) {
    let mut net = Net::new(chunk);
    let rr = reflector(&mut net, 250);
    let ids = (1..=nodes)
        .map(|host| node(&mut net, host, TO_REFLECTOR))
        .collect();
    (net, rr, ids)
}

/// As [`cluster`], but nobody loses anything by a restart.
pub(super) fn graceful_cluster(nodes: u8) -> (Net, NodeId, Vec<NodeId>) {
    let mut net = Net::new(65_536);
    let rr = graceful_reflector(&mut net, 250);
    let ids = (1..=nodes)
        .map(|host| node(&mut net, host, TO_REFLECTOR))
        .collect();
    (net, rr, ids)
}

pub(super) fn whole(net: &Net, ids: &[NodeId]) -> bool {
    (1u8..).zip(ids).all(|(host, _)| {
        ids.iter()
            .all(|id| has(net, *id, block(host)) && has(net, *id, block6(host)))
    })
}

#[test]
fn nodes_behind_a_reflector_learn_all_blocks_in_both_families() {
    for chunk in [1, 7, 65_536] {
        let (mut net, _, ids) = cluster(chunk, 4);
        assert!(
            net.run_until(MINUTE, |net| whole(net, &ids)),
            "chunk {chunk}"
        );
    }
}

#[test]
fn a_lost_node_takes_its_routes_with_it() {
    let (mut net, _, ids) = cluster(4096, 3);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    net.unplug(ids[2]);
    assert!(net.run_until(MINUTE, |net| !has(net, ids[0], block(3))
        && !has(net, ids[1], block6(3))));
    assert!(has(&net, ids[0], block(2)), "others stay");
}

#[test]
fn a_full_mesh_learns_all_blocks() {
    let mut net = Net::new(65_536);
    let ids: Vec<NodeId> = (1..=5)
        .map(|host| {
            let others = (1..=5).filter(|other| *other != host);
            let peers: String = others
                .map(|other| format!("  - {{address: 10.0.0.{other}, as: internal}}\n"))
                .collect();
            node(&mut net, host, &peers)
        })
        .collect();
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
}

#[test]
fn a_reload_adds_and_removes_blocks_and_leaves_sessions_alone() {
    let (mut net, _, ids) = cluster(65_536, 2);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let since = |net: &Net| {
        net.speaker(ids[0])
            .peers()
            .next()
            .and_then(|peer| peer.link())
            .map(|link| link.since)
    };
    let before = since(&net);
    let text = node_text(1, TO_REFLECTOR).replace("10.244.1.0/24", "10.244.9.0/24");
    let changed = config(Role::Node, &text);
    net.ask(ids[0], |speaker, now| speaker.reload(now, changed));
    assert!(net.run_until(MINUTE, |net| has(net, ids[1], block(9))
        && !has(net, ids[1], block(1))));
    assert_eq!(since(&net), before, "the session is the same");
}

#[test]
fn routes_do_not_flow_over_ebgp_without_policy() {
    let mut net = Net::new(65_536);
    let tor = "as: 65000\nadvertise: {blocks: [192.168.0.0/24]}\npeers:\n  - {address: 10.0.0.1, as: 64512}\n";
    let tor = net.add(config(Role::Node, tor), &addresses(200));
    let open = "  - {address: 10.0.0.200, as: 65000}\n";
    let id = node(&mut net, 1, open);
    let up = |net: &Net, id| net.speaker(id).peers().all(|peer| peer.link().is_some());
    assert!(net.run_until(MINUTE, |net| up(net, id) && up(net, tor)));
    net.run_for(Duration::from_secs(10));
    assert!(
        !has(&net, id, "192.168.0.0/24".parse().unwrap()),
        "RFC 8212: nothing accepted"
    );
    assert!(!has(&net, tor, block(1)), "RFC 8212: nothing sent");
}

#[test]
fn a_stop_leaves_the_routes_or_takes_them_all_away() {
    for remove in [false, true] {
        let (mut net, _, ids) = cluster(65_536, 2);
        assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
        let before = net.kernel(ids[0]).len();
        net.ask(ids[0], |speaker, now| speaker.stop(now, remove));
        net.run_for(MINUTE);
        assert_eq!(
            net.kernel(ids[0]).len(),
            if remove { 0 } else { before },
            "remove: {remove}"
        );
        assert!(!has(&net, ids[1], block(1)), "the others hear that it left");
    }
}

#[test]
fn a_family_without_a_next_hop_of_its_own_is_told_of_and_not_announced() {
    let mut net = Net::new(65_536);
    let rr = reflector(&mut net, 250);
    let text = format!("kernel: {{enabled: false}}\n{}", node_text(1, TO_REFLECTOR));
    let id = net.add(config(Role::Node, &text), &addresses(1));
    let learned = |net: &Net, prefix| net.speaker(rr).rib().best(&prefix).is_some();
    assert!(net.run_until(MINUTE, |net| learned(net, block(1))));
    net.run_for(MINUTE);
    assert!(
        !learned(&net, block6(1)),
        "no IPv6 address is known to give as next hop"
    );
    let told = |event: &Event| {
        matches!(
            event,
            Event::NoNextHop {
                family: Family::Ipv6Unicast,
                ..
            }
        )
    };
    assert!(net.events(id).iter().any(told));
}

/// RFC 2545 3: who is on our link is told our link-local address beside the global one.
#[test]
fn a_node_on_the_link_is_told_the_link_local_address_too() {
    let mut net = Net::new(65_536);
    let link_local = |host: u8| -> IpAddr { format!("fe80::{host}").parse().unwrap() };
    let ids = [1, 2].map(|host| {
        let peers = format!("  - {{address: 10.0.0.{}, as: internal}}\n", 3 - host);
        let config = config(Role::Node, &node_text(host, &peers));
        let [v4, v6] = addresses(host);
        let on_link = (link_local(host), "fe80::/64".parse().unwrap());
        net.add(config, &[v4, v6, on_link])
    });
    assert!(net.run_until(MINUTE, |net| has(net, ids[1], block6(1))));
    let rib = net.speaker(ids[1]).rib();
    let next_hop = rib.best(&block6(1)).unwrap().next_hop;
    assert_eq!(next_hop.addr(), addresses(1)[1].0);
    assert_eq!(next_hop.link_local().map(IpAddr::V6), Some(link_local(1)));
    let id = net.speaker(ids[1]).find_peer("10.0.0.1").unwrap();
    assert_eq!(net.speaker(ids[1]).link_name(id), Some("eth0"));
}
