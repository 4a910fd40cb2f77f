//! Reflection by clusters, and by clients that have sessions among themselves (RFC 4456).

use std::net::Ipv4Addr;

use config::Role;

use super::network::{MINUTE, TO_REFLECTOR, addresses, block, config, has, node};
use super::peers::up;
use crate::{Net, NodeId};

const CLIENT: &str = "as: internal, route-reflector-client: true";

/// A reflector of three clients, the first two with these keys, and the clients.
fn reflected(keys: &str) -> (Net, NodeId, [NodeId; 3]) {
    let mut net = Net::new(65_536);
    let text = format!(
        "as: 64512\nrouter-id: 10.0.0.250\npeers:\n\
         - {{address: 10.0.0.1, {CLIENT}, {keys}}}\n\
         - {{address: 10.0.0.2, {CLIENT}, {keys}}}\n\
         - {{address: 10.0.0.3, {CLIENT}}}\n"
    );
    let rr = net.add(config(Role::Reflector, &text), &addresses(250));
    let ids = [1, 2, 3].map(|host| node(&mut net, host, TO_REFLECTOR));
    assert!(net.run_until(MINUTE, |net| up(net, rr) == 3
        && has(net, ids[2], block(1))
        && has(net, ids[0], block(3))));
    net.run_for(std::time::Duration::from_secs(2));
    (net, rr, ids)
}

fn clusters(net: &Net, id: NodeId, host: u8) -> Vec<Ipv4Addr> {
    let best = net.speaker(id).rib().best(&block(host)).unwrap();
    best.attrs.cluster_list().collect()
}

#[test]
fn clients_that_know_each_other_are_not_reflected_to_each_other() {
    let (net, _, ids) = reflected("client-to-client: false");
    assert!(!has(&net, ids[0], block(2)) && !has(&net, ids[1], block(1)));
    assert!(has(&net, ids[2], block(1)) && has(&net, ids[2], block(2)));
    assert!(has(&net, ids[0], block(3)) && has(&net, ids[1], block(3)));
}

#[test]
fn what_a_client_announces_has_its_cluster() {
    let (net, _, ids) = reflected("cluster-id: 10.0.0.9");
    let [own, other] = [[10, 0, 0, 250], [10, 0, 0, 9]].map(Ipv4Addr::from);
    assert_eq!(clusters(&net, ids[2], 1), [other]);
    assert_eq!(clusters(&net, ids[1], 1), [other]);
    assert_eq!(clusters(&net, ids[0], 3), [own]);
}

#[test]
fn what_another_reflector_of_a_cluster_passed_on_is_refused() {
    let mut net = Net::new(65_536);
    let text = |host: u8, other: u8| {
        format!(
            "as: 64512\nrouter-id: 10.0.0.{host}\npeers:\n\
             - {{address: 10.0.0.1, {CLIENT}, cluster-id: 10.0.0.9}}\n\
             - {{address: 10.0.0.{other}, as: internal}}\n"
        )
    };
    let rr = [(250, 251), (251, 250)].map(|(host, other)| {
        let config = config(Role::Reflector, &text(host, other));
        net.add(config, &addresses(host))
    });
    let both = format!("{TO_REFLECTOR}  - {{address: 10.0.0.251, as: internal}}\n");
    node(&mut net, 1, &both);
    assert!(net.run_until(MINUTE, |net| rr.iter().all(|id| up(net, *id) == 2)));
    net.run_for(std::time::Duration::from_secs(2));
    for (id, other) in rr.into_iter().zip(["10.0.0.251", "10.0.0.250"]) {
        let speaker = net.speaker(id);
        let other = speaker.find_peer(other).unwrap();
        let counts = speaker.rib().path_counts(other);
        assert_eq!(counts.map(|counts| counts.accepted), [0, 0]);
        let refused = speaker.peer(other).unwrap().counters().paths_refused;
        assert!(refused > 0, "it came and was a loop");
    }
}
