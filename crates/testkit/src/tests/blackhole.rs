//! Routes that are announced to have packets dropped (RFC 7999).

use config::Role;
use fib::RouteKind;
use speaker::ApiRoute;
use wire::{AttrBuilder, Community, Origin, Prefix};

use super::network::{MINUTE, addresses, config};
use crate::{Net, NodeId};

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// An upstream that wants packets dropped, a node beside it with these keys, and another node of its AS and of a third.
fn scene(keys: &str) -> (Net, [NodeId; 4]) {
    let mut net = Net::new(65_536);
    let node_text = node_text(keys);
    let texts = [
        "as: 65000\npeers: [{address: 10.0.0.2, as: 64512, import: none, export: all}]\n"
            .to_owned(),
        node_text,
        "as: 64512\npeers: [{address: 10.0.0.2, as: 64512}]\n".to_owned(),
        "as: 65004\npeers: [{address: 10.0.0.2, as: 64512, import: all, export: none}]\n"
            .to_owned(),
    ];
    let mut hosts = 1..;
    let ids = texts.map(|text| {
        let host = hosts.next().unwrap();
        net.add(config(Role::Node, &text), &addresses(host))
    });
    for (text, communities) in [
        ("10.9.0.7/32", vec![Community::BLACKHOLE]),
        ("10.9.0.0/24", vec![]),
        ("10.8.0.7/32", vec![Community::BLACKHOLE]),
        ("10.0.0.3/32", vec![Community::BLACKHOLE]),
    ] {
        let mut attrs = AttrBuilder::new();
        attrs.set_origin(Origin::Igp).set_as_path(&[]);
        if !communities.is_empty() {
            attrs.set_communities(&communities);
        }
        let route = ApiRoute {
            owner: "ddos".into(),
            next_hop: None,
            attrs: attrs.finish(),
        };
        net.ask(ids[0], |speaker, _| speaker.announce(prefix(text), route))
            .unwrap();
    }
    let last = ids[3];
    let is_known = move |net: &Net| {
        net.speaker(last)
            .rib()
            .best(&prefix("10.9.0.0/24"))
            .is_some()
    };
    assert!(net.run_until(MINUTE, is_known));
    net.run_for(MINUTE);
    (net, ids)
}

fn node_text(keys: &str) -> String {
    format!(
        "as: 64512\nprefix-sets: {{theirs: [\"10.9.0.0/24 le 32\", \"10.0.0.0/24 le 32\"]}}\npeers:\n\
         - {{address: 10.0.0.1, as: 65000, import: [theirs], export: none{keys}}}\n\
         - {{address: 10.0.0.3, as: 64512, export: all}}\n\
         - {{address: 10.0.0.4, as: 65004, import: none, export: all}}\n"
    )
}

/// What a node's kernel does with packets to a prefix: drop them, or not; and with which metric the route stands there.
fn drops(net: &Net, id: NodeId, text: &str) -> Vec<(bool, u32)> {
    let routes = net.kernel(id).routes(prefix(text));
    routes
        .map(|route| (route.kind == RouteKind::Blackhole, route.metric))
        .collect()
}

fn is_known(net: &Net, id: NodeId, text: &str) -> bool {
    net.speaker(id).rib().best(&prefix(text)).is_some()
}

#[test]
fn packets_are_dropped_where_that_is_accepted_and_nothing_leaves_the_as() {
    let (net, [_, node, inside, outside]) = scene(", blackhole: accept");
    assert_eq!(drops(&net, node, "10.9.0.7/32"), [(true, 48)]);
    assert_eq!(drops(&net, node, "10.9.0.0/24"), [(false, 48)]);
    assert_eq!(
        drops(&net, node, "10.8.0.7/32"),
        [],
        "import does not take it"
    );
    assert!(is_known(&net, inside, "10.9.0.7/32"));
    assert!(!is_known(&net, outside, "10.9.0.7/32"));
    assert!(is_known(&net, outside, "10.9.0.0/24"));
}

#[test]
fn elsewhere_it_is_a_route_like_any_other_and_either_way_it_can_be_turned() {
    let (mut net, [_, node, _, outside]) = scene("");
    assert_eq!(drops(&net, node, "10.9.0.7/32"), [(false, 48)]);
    assert!(is_known(&net, outside, "10.9.0.7/32"));
    for (keys, is_dropped) in [
        (", blackhole: accept", true),
        (", blackhole: ignore", false),
    ] {
        let changed = config(Role::Node, &node_text(keys));
        net.ask(node, |speaker, now| speaker.reload(now, changed));
        net.run_for(MINUTE);
        assert_eq!(drops(&net, node, "10.9.0.7/32"), [(is_dropped, 48)]);
        assert_eq!(is_known(&net, outside, "10.9.0.7/32"), !is_dropped);
        let flaps = net.speaker(node).peers().map(|peer| peer.session().flaps());
        assert_eq!(flaps.sum::<u64>(), 0);
    }
}

#[test]
fn a_route_that_changes_nothing_on_the_wire_is_dropped_all_the_same() {
    let (mut net, [upstream, node, _, _]) = scene("");
    let mut attrs = AttrBuilder::new();
    attrs.set_origin(Origin::Igp).set_as_path(&[]);
    // With NO_EXPORT nothing has to be added, so the route itself stays as it is.
    attrs.set_communities(&[Community::BLACKHOLE, Community::NO_EXPORT]);
    let route = ApiRoute {
        owner: "ddos".into(),
        next_hop: None,
        attrs: attrs.finish(),
    };
    net.ask(upstream, |speaker, _| {
        speaker.announce(prefix("10.9.0.8/32"), route)
    })
    .unwrap();
    net.run_for(MINUTE);
    assert_eq!(drops(&net, node, "10.9.0.8/32"), [(false, 48)]);
    let changed = config(Role::Node, &node_text(", blackhole: accept"));
    net.ask(node, |speaker, now| speaker.reload(now, changed));
    net.run_for(MINUTE);
    assert_eq!(drops(&net, node, "10.9.0.8/32"), [(true, 48)]);
}

#[test]
fn nobody_has_packets_to_a_peer_of_ours_dropped() {
    let (net, [_, node, inside, _]) = scene(", blackhole: accept");
    assert!(is_known(&net, node, "10.0.0.3/32"));
    assert_eq!(drops(&net, node, "10.0.0.3/32"), []);
    assert!(is_known(&net, inside, "10.9.0.7/32"), "its session lives");
}
