//! Many real speakers at once.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use config::Role;

use crate::tests::network::config;
use crate::{Costs, Net, NodeId, Options};

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
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/8, as: internal, route-reflector-client: true}\n";
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
