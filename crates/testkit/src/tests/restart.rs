//! Routes that a former run left: when they go, and that nothing spins while they wait.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use config::Role;
use fib::{Hop, MAIN_TABLE, Route, RouteKind};
use speaker::Event;

use super::network::{
    MINUTE, TO_REFLECTOR, addresses, block, cluster, config, has, node, node_text, reflector, whole,
};
use super::peers::up;
use crate::Net;

fn left_over(host: u8) -> Route {
    let hop = Hop {
        gateway: Some(IpAddr::from([10, 0, 0, host])),
        link: 2,
        weight: 1,
        onlink: false,
    };
    Route {
        prefix: block(host),
        table: MAIN_TABLE,
        metric: 48,
        protocol: 155,
        kind: RouteKind::Unicast(Arc::new([hop])),
    }
}

const TO_ONE: &str = "  - {address: 10.0.0.1, as: internal}\n";

#[test]
fn what_nobody_announces_any_more_goes_when_all_peers_have_sent_their_tables() {
    let mut net = Net::new(65_536);
    let one = node(&mut net, 1, TO_REFLECTOR);
    net.leave_route(one, left_over(7));
    net.run_for(MINUTE * 10);
    assert!(has(&net, one, block(7)), "no peer was ever up");
    reflector(&mut net, 250);
    assert!(net.run_until(Duration::from_secs(10), |net| !has(net, one, block(7))));
}

#[test]
fn a_peer_that_is_away_holds_the_sweep_to_the_deadline_and_no_longer() {
    let mut net = Net::new(65_536);
    reflector(&mut net, 250);
    let away = format!("{TO_REFLECTOR}  - {{address: 10.0.0.251, as: internal}}\n");
    let one = node(&mut net, 1, &away);
    net.leave_route(one, left_over(7));
    net.run_for(Duration::from_secs(170));
    assert!(has(&net, one, block(7)));
    assert!(net.run_until(Duration::from_secs(15), |net| !has(net, one, block(7))));
}

#[test]
fn peers_of_a_range_are_waited_for_though_nobody_knows_them() {
    let mut net = Net::new(65_536);
    let range = node_text(1, "").replace(
        "peers:\n",
        "dynamic-peers: [{prefix: 10.0.0.0/24, as: internal}]\n",
    );
    let one = net.add(config(Role::Node, &range), &addresses(1));
    for host in [2, 3, 7] {
        net.leave_route(one, left_over(host));
    }
    let two = node(&mut net, 2, TO_ONE);
    assert!(net.run_until(MINUTE, |net| up(net, two) == 1));
    net.run_for(Duration::from_secs(20));
    assert!(
        has(&net, one, block(3)),
        "who has not come yet may still come"
    );
    let three = node(&mut net, 3, TO_ONE);
    assert!(net.run_until(MINUTE, |net| up(net, three) == 1));
    net.run_for(MINUTE * 4);
    assert!(has(&net, one, block(2)) && has(&net, one, block(3)));
    assert!(!has(&net, one, block(7)), "the deadline has passed");
    assert!(
        net.events(one)
            .iter()
            .any(|event| matches!(event, Event::Swept { .. })),
        "and it is told"
    );
}

#[test]
fn a_stop_during_the_wait_leaves_no_deadline_in_the_past() {
    for remove in [false, true] {
        let mut net = Net::new(65_536);
        reflector(&mut net, 250);
        let away = format!("{TO_REFLECTOR}  - {{address: 10.0.0.251, as: internal}}\n");
        let one = node(&mut net, 1, &away);
        assert!(net.run_until(MINUTE, |net| up(net, one) == 1));
        net.ask(one, |speaker, now| speaker.stop(now, remove));
        net.run_for(Duration::ZERO);
        let now = net.now();
        net.ask(one, |speaker, _| speaker.run(now));
        let next = net.speaker(one).next_deadline();
        assert!(next.is_none_or(|at| at > now), "remove: {remove}");
    }
}

#[test]
fn a_restarted_node_keeps_forwarding() {
    let (mut net, _, ids) = cluster(65_536, 3);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let reborn = node(&mut net, 9, TO_REFLECTOR);
    for host in 1..=3 {
        net.leave_route(reborn, left_over(host));
    }
    for _ in 0..100 {
        net.run_for(Duration::from_millis(100));
        assert!((1..=3).all(|host| has(&net, reborn, block(host))));
    }
}
