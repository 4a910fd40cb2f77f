//! What happens on the host itself: addresses and links that come and go.

use std::net::IpAddr;
use std::time::Duration;

use config::Role;
use session::DownReason;
use speaker::Event;
use wire::Prefix;

use super::network::{MINUTE, addresses, block, config, has, node, node_text};
use super::peers::{since, up};
use crate::{Net, NodeId};

fn address(host: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, host])
}

fn reasons(net: &Net, id: NodeId) -> Vec<DownReason> {
    let down = net.events(id).iter().filter_map(|event| match event {
        Event::SessionDown { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    down.collect()
}

fn pair() -> (Net, NodeId, NodeId) {
    let mut net = Net::new(65_536);
    let one = node(&mut net, 1, "  - {address: 10.0.0.2, as: internal}\n");
    let two = node(&mut net, 2, "  - {address: 10.0.0.1, as: internal}\n");
    assert!(net.run_until(MINUTE, |net| has(net, one, block(2))
        && has(net, two, block(1))));
    (net, one, two)
}

#[test]
fn a_session_ends_with_its_own_address() {
    let (mut net, one, _) = pair();
    net.change_address(one, addresses(1)[0], false);
    net.run_for(Duration::ZERO);
    assert_eq!(reasons(&net, one), [DownReason::AddressGone]);
}

#[test]
fn a_session_ends_with_its_link() {
    let (mut net, one, _) = pair();
    net.change_carrier(one, false);
    net.run_for(Duration::ZERO);
    assert_eq!(reasons(&net, one), [DownReason::LinkDown]);
    net.change_carrier(one, true);
    assert!(net.run_until(MINUTE, |net| up(net, one) == 1 && has(net, one, block(2))));
}

#[test]
fn an_address_that_the_kernel_never_listed_is_not_missed() {
    let mut net = Net::new(65_536);
    let text = "  - {address: 10.0.0.2, as: internal, local-address: 10.0.0.77}\n";
    let one = node(&mut net, 1, text);
    node(
        &mut net,
        2,
        "  - {address: 10.0.0.77, as: internal, passive: true}\n",
    );
    assert!(net.run_until(MINUTE, |net| up(net, one) == 1));
    let before = since(&net, one, address(2));
    net.run_for(MINUTE * 5);
    assert_eq!(
        since(&net, one, address(2)),
        before,
        "{:?}",
        reasons(&net, one)
    );
}

#[test]
fn a_next_hop_of_a_family_that_is_not_spoken_disturbs_no_session() {
    let mut net = Net::new(65_536);
    let text = |host: u8, other: u8| {
        node_text(
            host,
            &format!(
                "  - {{address: \"fd00::{other}\", as: internal, families: [ipv6-unicast]}}\n"
            ),
        )
    };
    let [v4, v6] = addresses(1);
    let one = net.add(config(Role::Node, &text(1, 2)), &[v6]);
    net.add(config(Role::Node, &text(2, 1)), &addresses(2));
    assert!(net.run_until(MINUTE, |net| up(net, one) == 1));
    let before = since(&net, one, "fd00::2".parse().unwrap());
    net.change_address(one, v4, true);
    net.run_for(MINUTE);
    assert_eq!(since(&net, one, "fd00::2".parse().unwrap()), before);
    assert_eq!(reasons(&net, one), []);
}

#[test]
fn a_next_hop_that_was_missing_is_given_once_it_is_there() {
    let mut net = Net::new(65_536);
    let [v4, v6] = addresses(1);
    let one = net.add(
        config(
            Role::Node,
            &node_text(1, "  - {address: 10.0.0.2, as: internal}\n"),
        ),
        &[v4],
    );
    let two = node(&mut net, 2, "  - {address: 10.0.0.1, as: internal}\n");
    assert!(net.run_until(MINUTE, |net| has(net, two, block(1))));
    let six: Prefix = super::network::block6(1);
    net.run_for(MINUTE);
    assert!(!has(&net, two, six), "no next hop to give");
    assert!(
        net.events(one)
            .iter()
            .any(|event| matches!(event, Event::NoNextHop { .. }))
    );
    net.change_address(one, v6, true);
    assert!(net.run_until(MINUTE, |net| has(net, two, six)));
}
