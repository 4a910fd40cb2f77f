//! Restarts of either end, and what is kept meanwhile (RFC 4724, RFC 8538).

use std::sync::Arc;
use std::time::Duration;

use fib::{Hop, MAIN_TABLE, Route, RouteKind};
use session::DownReason;
use speaker::{Bound, Event, KeptEnd, KeptFact, ResetKind};

use super::network::{
    MINUTE, TO_REFLECTOR, addresses, block, block6, config, graceful_cluster, graceful_reflector,
    has, node, node_text, whole,
};
use super::peers::up;
use crate::{Net, NodeId};

/// What a former run of a node left in its kernel: the blocks of these others.
fn leave_routes(net: &mut Net, id: NodeId, hosts: &[u8]) {
    for host in hosts {
        let [(v4, _), (v6, _)] = addresses(*host);
        for (prefix, gateway) in [(block(*host), v4), (block6(*host), v6)] {
            let hop = Hop {
                gateway: Some(gateway),
                link: 2,
                weight: 1,
                onlink: false,
            };
            let route = Route {
                prefix,
                table: MAIN_TABLE,
                metric: 48,
                protocol: 155,
                kind: RouteKind::Unicast(Arc::new([hop])),
            };
            net.leave_route(id, route);
        }
    }
}

/// Time passes, and everybody has everything all the while.
fn whole_for(net: &mut Net, ids: &[NodeId], time: Duration) {
    let end = net.elapsed() + time;
    while net.elapsed() < end {
        net.run_for(Duration::from_millis(100));
        assert!(whole(net, ids), "after {:?}", net.elapsed());
    }
}

fn kept_ends(net: &Net, id: NodeId) -> Vec<KeptEnd> {
    let ends = net.events(id).iter().filter_map(|event| match event {
        Event::Kept {
            fact: KeptFact::End { why, .. },
            ..
        } => Some(*why),
        _ => None,
    });
    ends.collect()
}

/// Three nodes behind a reflector, everything learned and quiet.
fn settled() -> (Net, NodeId, Vec<NodeId>) {
    let (mut net, rr, ids) = graceful_cluster(3);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    net.run_for(MINUTE * 2);
    (net, rr, ids)
}

fn writes(net: &Net, ids: &[NodeId]) -> usize {
    ids.iter().map(|id| net.kernel(*id).writes()).sum()
}

#[test]
fn a_reflector_that_returns_empty_takes_nothing_away() {
    let (mut net, rr, ids) = settled();
    let before = writes(&net, &ids);
    net.unplug(rr);
    whole_for(&mut net, &ids, Duration::from_secs(20));
    let rr = graceful_reflector(&mut net, 250);
    whole_for(&mut net, &ids, MINUTE * 5);
    assert_eq!(up(&net, rr), 3);
    assert_eq!(writes(&net, &ids), before, "no kernel was written to");
    let speaker = net.speaker(ids[0]);
    let peer = speaker.peers().next().unwrap();
    assert_eq!(peer.kept(), None);
    assert_eq!(
        speaker
            .rib()
            .kept_counts(peer.id())
            .map(|kept| kept.received),
        [0, 0]
    );
}

#[test]
fn a_node_that_returns_is_missed_by_nobody() {
    let (mut net, rr, mut ids) = settled();
    let before = writes(&net, &ids[..2]);
    let updates = net.speaker(rr).rib().stats().totals.bytes_encoded;
    net.unplug(ids[2]);
    whole_for(&mut net, &ids, Duration::from_secs(20));
    let reborn = node(&mut net, 3, TO_REFLECTOR);
    leave_routes(&mut net, reborn, &[1, 2]);
    assert!(net.run_until(MINUTE, |net| up(net, reborn) == 1));
    ids[2] = reborn;
    whole_for(&mut net, &ids, MINUTE * 5);
    assert_eq!(
        writes(&net, &ids[..2]),
        before,
        "no other kernel was written to"
    );
    // The one that returned was sent all; the others heard nothing.
    let again = net.speaker(rr).rib().stats().totals.bytes_encoded - updates;
    assert!(again < updates, "{again} octets after {updates}");
    assert_eq!(kept_ends(&net, rr), []);
}

#[test]
fn a_node_that_lost_its_routes_says_so() {
    let (mut net, rr, ids) = settled();
    net.unplug(ids[2]);
    net.run_for(Duration::from_secs(5));
    let reborn = node(&mut net, 3, TO_REFLECTOR);
    assert!(net.run_until(MINUTE, |net| up(net, reborn) == 1));
    assert_eq!(kept_ends(&net, rr), [KeptEnd::NotForwarded; 2]);
}

#[test]
fn who_does_not_return_is_forgotten_after_its_restart_time() {
    let (mut net, rr, ids) = settled();
    let at = net.elapsed();
    net.unplug(ids[2]);
    assert!(net.run_until(MINUTE * 4, |net| !has(net, ids[0], block(3))
        && !has(net, ids[1], block6(3))));
    let took = (net.elapsed() - at).as_secs();
    assert!((119..=121).contains(&took), "{took} s");
    assert_eq!(kept_ends(&net, rr), [KeptEnd::NotBack; 2]);
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.speaker(rr).peers().count(), 2, "and its record too");
}

#[test]
fn what_a_peer_does_not_announce_again_goes_with_its_end_of_rib() {
    let (mut net, rr, ids) = settled();
    net.unplug(ids[2]);
    net.run_for(Duration::from_secs(5));
    let text = node_text(3, TO_REFLECTOR).replace("10.244.3.0/24, ", "");
    let reborn = net.add(config(config::Role::Node, &text), &addresses(3));
    leave_routes(&mut net, reborn, &[1, 2]);
    assert!(has(&net, ids[0], block(3)));
    assert!(net.run_until(MINUTE, |net| !has(net, ids[0], block(3))));
    assert_eq!(up(&net, reborn), 1);
    net.run_for(MINUTE);
    assert!(has(&net, ids[0], block6(3)));
    assert_eq!(kept_ends(&net, rr), [KeptEnd::NotAnnounced]);
}

#[test]
fn the_end_of_the_hold_time_may_be_a_restart_too() {
    let (mut net, rr, ids) = settled();
    for (from, to) in [(ids[2], rr), (rr, ids[2])] {
        net.silence(from, to);
    }
    whole_for(&mut net, &ids, Duration::from_secs(100));
    let down = net.events(rr).iter().find_map(|event| match event {
        Event::SessionDown { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(down, Some(DownReason::HoldTimerExpired));
    for (from, to) in [(ids[2], rr), (rr, ids[2])] {
        net.hear(from, to);
    }
    whole_for(&mut net, &ids, MINUTE * 4);
    assert_eq!(up(&net, rr), 3);
}

#[test]
fn a_stop_to_start_again_keeps_routes_and_a_stop_for_good_takes_them() {
    for remove in [false, true] {
        let (mut net, rr, ids) = settled();
        net.ask(ids[2], |speaker, now| speaker.stop(now, remove));
        net.run_for(Duration::from_secs(5));
        assert_eq!(up(&net, rr), 2);
        assert_eq!(has(&net, ids[0], block(3)), !remove, "remove: {remove}");
    }
}

#[test]
fn what_an_operator_ends_is_not_kept() {
    let (mut net, rr, ids) = settled();
    let peer = |net: &Net| net.speaker(rr).find_peer("10.0.0.3").unwrap();
    let id = peer(&net);
    net.ask(rr, |speaker, now| {
        speaker.reset_peer(now, id, ResetKind::Hard)
    })
    .unwrap();
    net.run_for(Duration::from_millis(50));
    assert!(
        !has(&net, ids[0], block(3)),
        "a hard reset begins with nothing"
    );
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let id = peer(&net);
    net.ask(rr, |speaker, now| {
        speaker.disable_peer(now, id, "maintenance")
    })
    .unwrap();
    net.run_for(Duration::from_millis(50));
    assert!(!has(&net, ids[0], block(3)));
    assert!(
        !has(&net, ids[2], block(1)),
        "nor does the other side keep any"
    );
}

/// Three nodes behind a reflector that went, which the first is to reach over a device.
fn bound_and_left() -> (Net, Vec<NodeId>, Duration) {
    let mut net = Net::new(65_536);
    let rr = graceful_reflector(&mut net, 250);
    let bound = TO_REFLECTOR.replace('}', ", bind-device: eth0}");
    let peers = [&bound, TO_REFLECTOR, TO_REFLECTOR];
    let nodes = (1..).zip(peers);
    let ids: Vec<NodeId> = nodes
        .map(|(host, peers)| node(&mut net, host, peers))
        .collect();
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    net.unplug(rr);
    net.run_for(Duration::from_secs(5));
    (net, ids, Duration::from_secs(110))
}

#[test]
fn a_peer_that_is_held_down_has_its_time() {
    let (mut net, ids, soon) = bound_and_left();
    let reflector = Bound::Peer([10, 0, 0, 250].into());
    let lack = "there is no network device eth0".to_owned();
    net.ask(ids[0], |speaker, now| {
        speaker.on_bound(now, reflector, Err(lack));
    });
    net.run_for(soon);
    assert!(has(&net, ids[0], block(2)) && has(&net, ids[0], block6(3)));
    net.run_for(Duration::from_secs(10));
    assert!(!has(&net, ids[0], block(2)) && !has(&net, ids[0], block6(3)));
    assert_eq!(kept_ends(&net, ids[0]), [KeptEnd::NotBack; 2]);
}

#[test]
fn a_peer_that_is_held_down_and_removed_loses_what_was_kept() {
    let (mut net, ids, _) = bound_and_left();
    let reflector = Bound::Peer([10, 0, 0, 250].into());
    net.ask(ids[0], |speaker, now| {
        speaker.on_bound(now, reflector, Err("there is none".to_owned()));
    });
    let alone = node_text(1, "").replace("peers:\n", "");
    let alone = config(config::Role::Node, &alone);
    assert!(has(&net, ids[0], block(2)));
    net.ask(ids[0], |speaker, now| speaker.reload(now, alone));
    net.run_for(Duration::from_millis(50));
    assert!(!has(&net, ids[0], block(2)) && !has(&net, ids[0], block6(3)));
    assert_eq!(kept_ends(&net, ids[0]), [KeptEnd::NotWanted; 2]);
}

#[test]
fn a_disabled_peer_that_was_gone_already_loses_what_was_kept() {
    let (mut net, rr, ids) = settled();
    net.unplug(ids[2]);
    net.run_for(Duration::from_secs(5));
    assert!(has(&net, ids[0], block(3)));
    let id = net.speaker(rr).find_peer("10.0.0.3").unwrap();
    net.ask(rr, |speaker, now| speaker.disable_peer(now, id, ""))
        .unwrap();
    net.run_for(Duration::from_millis(50));
    assert!(!has(&net, ids[0], block(3)));
    assert_eq!(kept_ends(&net, rr), [KeptEnd::NotWanted; 2]);
}

#[test]
fn a_lost_connection_is_no_restart_also_for_a_node_that_began_with_nothing() {
    let (mut net, rr, ids) = settled();
    let before = writes(&net, &ids);
    net.sever(rr, ids[2]);
    net.run_for(Duration::ZERO);
    assert_eq!(up(&net, rr), 2);
    whole_for(&mut net, &ids, MINUTE * 4);
    assert_eq!(up(&net, rr), 3);
    assert_eq!(kept_ends(&net, rr), []);
    assert_eq!(writes(&net, &ids), before);
}

#[test]
fn nothing_is_kept_of_a_peer_that_had_nothing() {
    let mut net = Net::new(65_536);
    let rr = graceful_reflector(&mut net, 250);
    let text = "as: 64512\npeers:\n  - {address: 10.0.0.250, as: internal}\n";
    let empty = net.add(config(config::Role::Node, text), &addresses(1));
    assert!(net.run_until(MINUTE, |net| up(net, empty) == 1));
    net.unplug(empty);
    net.run_for(Duration::from_secs(1));
    assert_eq!(
        net.speaker(rr).peers().count(),
        0,
        "it holds no place of the range"
    );
}

#[test]
fn a_new_policy_is_not_kept_from_routes_of_a_peer_that_is_away() {
    let mut net = Net::new(65_536);
    let text = |import: &str| {
        format!(
            "as: 64512\npeers:\n  - {{address: 10.0.0.1, as: internal, passive: true, import: {import}}}\n"
        )
    };
    let rr = net.add(
        config(config::Role::Reflector, &text("all")),
        &addresses(250),
    );
    let one = node(&mut net, 1, TO_REFLECTOR);
    let knows = |net: &Net| net.speaker(rr).rib().best(&block(1)).is_some();
    assert!(net.run_until(MINUTE, knows));
    net.unplug(one);
    net.run_for(Duration::from_secs(5));
    assert!(knows(&net));
    let changed = config(config::Role::Reflector, &text("none"));
    net.ask(rr, |speaker, now| speaker.reload(now, changed));
    net.run_for(Duration::ZERO);
    assert!(!knows(&net));
}

#[test]
fn end_of_rib_of_a_reflector_comes_with_the_whole_table_or_after_a_minute() {
    let (mut net, rr, ids) = settled();
    net.unplug(rr);
    // One of the three does not come back with the reflector.
    net.unplug(ids[2]);
    net.run_for(Duration::from_secs(5));
    graceful_reflector(&mut net, 250);
    let at = net.elapsed();
    assert!(net.run_until(MINUTE * 2, |net| !has(net, ids[0], block(3))));
    let took = (net.elapsed() - at).as_secs();
    assert!((10..=25).contains(&took), "quiet for ten seconds: {took} s");
    assert!(has(&net, ids[0], block(2)) && has(&net, ids[1], block(1)));
}

/// As above, but the reflector knows whom it had: when it says End-of-RIB, if the second of three comes back after so long
/// and the third does not.
fn end_of_rib_after(late: Duration, remembered: &[u8]) -> (Net, NodeId, u64) {
    let (mut net, rr, ids) = settled();
    let had: Vec<_> = net.speaker(rr).clients().collect();
    assert_eq!(had.len(), 3);
    net.unplug(rr);
    net.unplug(ids[1]);
    net.unplug(ids[2]);
    net.run_for(Duration::from_secs(1));
    let rr = graceful_reflector(&mut net, 250);
    let known = remembered.iter().map(|host| addresses(*host)[0].0);
    let known = known.collect();
    net.ask(rr, |speaker, _| speaker.await_clients(known));
    assert!(net.run_until(MINUTE, |net| up(net, rr) == 1));
    let at = net.elapsed();
    net.run_for(late);
    node(&mut net, 2, TO_REFLECTOR);
    let said = |net: &Net| {
        let peers = net.speaker(ids[0]).peers();
        let mut links = peers.filter_map(|peer| peer.link());
        links.any(|link| link.end_of_rib.len() == 2)
    };
    assert!(net.run_until(MINUTE * 2, said));
    let took = (net.elapsed() - at).as_secs();
    (net, rr, took)
}

#[test]
fn end_of_rib_waits_by_name_for_the_clients_that_a_reflector_had() {
    let (net, rr, took) = end_of_rib_after(Duration::from_secs(30), &[1, 2]);
    assert!((30..=45).contains(&took), "{took} s");
    let clients: Vec<_> = net.speaker(rr).clients().collect();
    assert_eq!(clients.len(), 2, "nobody is remembered that did not come");
    let (_, _, took) = end_of_rib_after(Duration::from_secs(1), &[1, 2]);
    assert!(took < 10, "no longer than needed: {took} s");
    let (_, _, took) = end_of_rib_after(Duration::from_secs(1), &[1, 2, 3]);
    assert!((58..=61).contains(&took), "a minute at most: {took} s");
}
