//! Many real speakers at once.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use config::Role;
use speaker::Event;

use super::seeds;
use crate::tests::network::config;
use crate::{Costs, Dice, Net, NodeId, Options};

/// A reflector and so many nodes of one block each, none of which writes kernel routes.
fn cluster(nodes: u32, seed: u64) -> (Net, NodeId, Vec<NodeId>) {
    let mut net = Net::with(Options {
        seed,
        is_shuffled: true,
        latency: [50, 2000].map(Duration::from_micros),
        window: 64 * 1024,
        costs: Costs {
            step: Duration::from_micros(1),
            kilo_octet: Duration::from_micros(5),
        },
        ..Options::default()
    });
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/8, as: internal, route-reflector-client: true, graceful-restart: {enabled: false}}\n";
    let own = |host: u32| {
        let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + host));
        [(address, "10.0.0.0/8".parse().unwrap())]
    };
    let rr = net.add(config(Role::Reflector, text), &own(1));
    let ids = (0..nodes).map(|index| {
        let mut text = String::from(
            "as: 64512\nkernel: {enabled: false}\npeers: [{address: 10.0.0.1, as: internal}]\n",
        );
        writeln!(
            text,
            "advertise: {{blocks: [{}/24]}}",
            Ipv4Addr::from(0x6400_0000 + (index << 8))
        )
        .unwrap();
        net.add(config(Role::Node, &text), &own(index + 256))
    });
    let ids = ids.collect();
    (net, rr, ids)
}

fn destinations(net: &Net, id: NodeId) -> usize {
    net.speaker(id).rib().stats().destinations
}

#[test]
fn a_thousand_nodes_learn_each_other_and_forget_who_left() {
    let (mut net, rr, ids) = cluster(1000, 1);
    net.run_for(Duration::from_secs(20));
    for id in &ids {
        assert_eq!(destinations(&net, *id), 1000, "{id:?}");
    }
    let stats = net.speaker(rr).rib().stats();
    assert_eq!((stats.members, stats.groups), (1000, 1), "{stats:?}");
    // Each block is told to all in few messages, and was encoded a few times at most: once, and for those who came later.
    assert!(stats.totals.bytes_encoded < 2_000_000, "{stats:?}");
    for id in &ids[..10] {
        net.unplug(*id);
    }
    net.run_for(Duration::from_secs(5));
    for id in &ids[10..] {
        assert_eq!(destinations(&net, *id), 990, "{id:?}");
    }
}

/// Nodes that all connect to each other, so that connections cross.
fn mesh(nodes: u32, seed: u64) -> (Net, Vec<NodeId>) {
    let mut net = Net::with(Options {
        seed,
        chunk: 20,
        is_shuffled: true,
        latency: [50, 20_000].map(Duration::from_micros),
        window: 4096,
        ..Options::default()
    });
    let address = |index: u32| Ipv4Addr::from(0x0a00_0001 + index);
    let ids = (0..nodes).map(|index| {
        let block = Ipv4Addr::from(0x6400_0000 + (index << 8));
        let mut text = format!(
            "as: 64512\nkernel: {{enabled: false}}\nadvertise: {{blocks: [{block}/24]}}\npeers:\n"
        );
        for other in (0..nodes).filter(|other| *other != index) {
            let other = address(other);
            writeln!(text, "  - {{address: {other}, as: internal, hold-time: 9}}").unwrap();
        }
        let own = (IpAddr::V4(address(index)), "10.0.0.0/8".parse().unwrap());
        net.add(config(Role::Node, &text), &[own])
    });
    let ids = ids.collect();
    (net, ids)
}

#[test]
fn of_connections_that_cross_one_is_left_and_nobody_complains() {
    seeds("of_connections_that_cross", &[], 12, |seed| {
        let (mut net, ids) = mesh(6, seed);
        net.run_for(Duration::from_secs(5));
        for id in &ids {
            let mut peers = net.speaker(*id).peers();
            assert!(peers.all(|peer| peer.link().is_some()), "{id:?}");
            let is_trouble = |event: &&Event| {
                matches!(
                    event,
                    Event::SessionDown { .. } | Event::AttemptFailed { .. }
                )
            };
            let trouble = net.events(*id).iter().find(is_trouble);
            assert!(trouble.is_none(), "{id:?}: {trouble:?}");
        }
        assert_eq!(net.connections(), 15, "one for each two");
    });
}

#[test]
fn a_mesh_that_breaks_everywhere_is_whole_again() {
    seeds("a_mesh_that_breaks", &[], 12, |seed| {
        let (mut net, ids) = mesh(6, seed);
        let mut dice = Dice::new(seed);
        for _ in 0..60 {
            let (one, other) = (dice.pick(&ids), dice.pick(&ids));
            match dice.below(4) {
                _ if one == other => {}
                0 => net.sever(one, other),
                1 => net.silence(one, other),
                _ => net.hear(one, other),
            }
            let most = dice.pick(&[5, 100, 3000, 15_000]);
            net.run_for(Duration::from_millis(dice.below(most)));
        }
        for one in &ids {
            for other in &ids {
                net.hear(*one, *other);
            }
        }
        net.run_for(Duration::from_secs(150));
        for id in &ids {
            assert_eq!(destinations(&net, *id), 6, "{id:?}");
            let mut peers = net.speaker(*id).peers();
            assert!(peers.all(|peer| peer.link().is_some()), "{id:?}");
        }
        assert_eq!(net.connections(), 15, "one for each two");
    });
}
