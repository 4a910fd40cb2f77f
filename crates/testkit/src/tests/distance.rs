//! Peers of another AS, near and far.

use std::net::IpAddr;
use std::time::Duration;

use config::Role;

use super::network::{MINUTE, addresses, config};
use super::peers::up;
use crate::{Net, NodeId};

const FAR: &str = "10.9.9.9";

/// A node of AS 64512 with a peer of another AS, which has these keys.
fn with_peer(net: &mut Net, address: &str, keys: &str) -> NodeId {
    let text = format!(
        "as: 64512\nrouter-id: 10.0.0.1\npeers:\n\
         - {{address: {address}, as: 64513, import: all, export: all, {keys}}}\n"
    );
    net.add(config(Role::Node, &text), &addresses(1))
}

fn lack(net: &Net, id: NodeId) -> Option<String> {
    let peer = net.speaker(id).peers().next()?;
    peer.lack().map(str::to_owned)
}

/// How often the node tried to connect and could not.
fn failures(net: &Net, id: NodeId) -> u64 {
    let peer = net.speaker(id).peers().next().unwrap();
    peer.session().counters().connect_failures
}

#[test]
fn one_that_is_on_no_link_is_held_down_until_it_is() {
    let mut net = Net::new(65_536);
    let id = with_peer(&mut net, FAR, "connect-retry: 1");
    net.run_for(MINUTE);
    let reason = lack(&net, id).unwrap();
    assert!(
        reason.contains("10.9.9.9 is on no subnet of this node; set `multihop`"),
        "{reason}"
    );
    assert_eq!(failures(&net, id), 0);
    let address: IpAddr = "10.9.9.1".parse().unwrap();
    net.change_address(id, (address, "10.9.9.0/24".parse().unwrap()), true);
    net.run_for(MINUTE);
    assert_eq!(lack(&net, id), None);
    assert!(failures(&net, id) > 0, "it is tried");
    net.change_address(id, (address, "10.9.9.0/24".parse().unwrap()), false);
    net.run_for(Duration::from_secs(1));
    assert!(lack(&net, id).is_some());
}

#[test]
fn who_may_be_far_is_tried() {
    for keys in ["multihop: 3", "ttl-security: 3"] {
        let mut net = Net::new(65_536);
        let id = with_peer(&mut net, FAR, &format!("{keys}, connect-retry: 1"));
        net.run_for(MINUTE);
        assert_eq!(
            (lack(&net, id), failures(&net, id) > 0),
            (None, true),
            "{keys}"
        );
    }
    let mut net = Net::new(65_536);
    let id = with_peer(&mut net, FAR, "ttl-security: true");
    net.run_for(MINUTE);
    assert!(lack(&net, id).is_some(), "one hop is one link");
}

#[test]
fn a_reload_lets_it_go() {
    let mut net = Net::new(65_536);
    let id = with_peer(&mut net, FAR, "connect-retry: 1");
    net.run_for(MINUTE);
    let text = "as: 64512\nrouter-id: 10.0.0.1\npeers:\n\
                - {address: 10.9.9.9, as: 64513, import: all, export: all, multihop: true, connect-retry: 1}\n";
    let new = config(Role::Node, text);
    net.ask(id, |speaker, now| speaker.reload(now, new));
    net.run_for(MINUTE);
    assert_eq!((lack(&net, id), failures(&net, id) > 0), (None, true));
}

#[test]
fn one_on_the_link_is_no_matter() {
    let mut net = Net::new(65_536);
    let id = with_peer(&mut net, "10.0.0.2", "passive: false");
    let other = "as: 64513\nrouter-id: 10.0.0.2\npeers:\n\
                 - {address: 10.0.0.1, as: 64512, import: all, export: all}\n";
    net.add(config(Role::Node, other), &addresses(2));
    assert!(net.run_until(MINUTE, |net| up(net, id) == 1));
    assert_eq!(lack(&net, id), None);
}
