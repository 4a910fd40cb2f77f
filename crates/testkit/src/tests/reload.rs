//! A reload does what the file says and no more: overrides of the operator stay, peers of the API
//! and of ranges follow.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use config::Role;
use fib::RouteKind;
use speaker::{Effect, Identity, Reloaded, Speaker};

use super::network::{
    MINUTE, TO_REFLECTOR, addresses, block, block6, cluster, config, has, node, node_text, whole,
};
use super::peers::up;
use crate::{Net, NodeId};

const RANGE: &str = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, route-reflector-client: true}\n";

fn reload(net: &mut Net, id: NodeId, role: Role, text: &str) -> Reloaded {
    let changed = config(role, text);
    net.ask(id, |speaker, now| speaker.reload(now, changed))
}

fn forwards(net: &Net, id: NodeId, host: u8) -> bool {
    net.kernel(id)
        .routes(block(host))
        .any(|route| matches!(route.kind, RouteKind::Unicast(_)))
}

fn address(host: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, host])
}

/// A peer as the configuration of `id` would have it, but at another address.
fn api_peer(net: &Net, id: NodeId, host: u8) -> config::Peer {
    config::Peer {
        address: address(host),
        name: address(host).to_string(),
        ..net.speaker(id).config().peers[0].clone()
    }
}

#[test]
fn what_the_operator_disabled_stays_down_when_a_reload_resets_it() {
    let (mut net, _, ids) = cluster(65_536, 1);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let peer = net.speaker(ids[0]).find_peer("10.0.0.250").unwrap();
    net.ask(ids[0], |speaker, now| {
        speaker.disable_peer(now, peer, "maintenance")
    })
    .unwrap();
    let text = node_text(
        1,
        "  - {address: 10.0.0.250, as: internal, hold-time: 30}\n",
    );
    reload(&mut net, ids[0], Role::Node, &text);
    net.run_for(MINUTE);
    let peer = net.speaker(ids[0]).find_peer("10.0.0.250").unwrap();
    let shown = net.speaker(ids[0]).peer(peer).unwrap();
    assert_eq!(up(&net, ids[0]), 0);
    assert_eq!(shown.disabled_reason(), Some("maintenance"));
    net.ask(ids[0], |speaker, now| speaker.enable_peer(now, peer))
        .unwrap();
    assert!(net.run_until(MINUTE, |net| up(net, ids[0]) == 1));
}

#[test]
fn a_dynamic_peer_that_the_file_now_names_is_what_the_file_says() {
    let mut net = Net::new(65_536);
    let range = RANGE.replace("client: true", "client: true, limit: 1");
    let rr = net.add(config(Role::Reflector, &range), &addresses(250));
    let one = node(&mut net, 1, TO_REFLECTOR);
    assert!(net.run_until(MINUTE, |net| {
        net.speaker(rr).rib().best(&block(1)).is_some()
    }));
    let named = format!("{range}peers:\n  - {{address: 10.0.0.1, as: internal, import: none}}\n");
    reload(&mut net, rr, Role::Reflector, &named);
    let two = node(&mut net, 2, TO_REFLECTOR);
    assert!(
        net.run_until(MINUTE, |net| up(net, one) + up(net, two) == 2),
        "its place in the range is free"
    );
    net.run_for(MINUTE);
    assert!(
        net.speaker(rr).rib().best(&block(1)).is_none(),
        "import: none"
    );
}

#[test]
fn a_dynamic_peer_that_the_file_names_as_it_is_keeps_its_session_and_frees_its_place() {
    let mut net = Net::new(65_536);
    let range = RANGE.replace("client: true", "client: true, limit: 1");
    let rr = net.add(config(Role::Reflector, &range), &addresses(250));
    let one = node(&mut net, 1, TO_REFLECTOR);
    assert!(net.run_until(MINUTE, |net| up(net, one) == 1));
    let named = "peers:\n  - {address: 10.0.0.1, as: internal, route-reflector-client: true}\n";
    reload(&mut net, rr, Role::Reflector, &format!("{range}{named}"));
    net.run_for(Duration::ZERO);
    assert_eq!(up(&net, one), 1);
    let two = node(&mut net, 2, TO_REFLECTOR);
    assert!(net.run_until(MINUTE, |net| up(net, two) == 1));
    assert_eq!(up(&net, one), 1);
}

#[test]
fn peers_of_the_api_are_judged_by_changed_blocks_too() {
    let mut net = Net::new(65_536);
    let both = node_text(1, TO_REFLECTOR).replace("blocks: [", "blocks: [10.244.2.0/24, ");
    let one = net.add(config(Role::Node, &both), &addresses(1));
    node(&mut net, 2, "  - {address: 10.0.0.1, as: internal}\n");
    let peer = api_peer(&net, one, 2);
    net.ask(one, |speaker, now| speaker.add_peer(now, peer))
        .unwrap();
    assert!(net.run_until(MINUTE, |net| up(net, one) == 1));
    net.run_for(Duration::from_secs(5));
    assert!(!forwards(&net, one, 2), "it is our own block");
    reload(&mut net, one, Role::Node, &node_text(1, TO_REFLECTOR));
    assert!(
        net.run_until(MINUTE, |net| forwards(net, one, 2)),
        "it no longer is"
    );
}

#[test]
fn a_peer_that_is_no_longer_passive_connects() {
    let mut net = Net::new(65_536);
    let waits = "  - {address: 10.0.0.2, as: internal, passive: true}\n";
    let one = node(&mut net, 1, waits);
    let two = node(
        &mut net,
        2,
        "  - {address: 10.0.0.1, as: internal, passive: true}\n",
    );
    net.run_for(MINUTE);
    assert_eq!(up(&net, two), 0);
    let connects = node_text(1, &waits.replace("true", "false"));
    reload(&mut net, one, Role::Node, &connects);
    assert!(net.run_until(Duration::from_secs(10), |net| up(net, two) == 1));
}

#[test]
fn a_peer_that_became_passive_connects_no_more() {
    let mut net = Net::new(65_536);
    let one = node(&mut net, 1, "  - {address: 10.0.0.2, as: internal}\n");
    net.run_for(MINUTE);
    let passive = node_text(1, "  - {address: 10.0.0.2, as: internal, passive: true}\n");
    reload(&mut net, one, Role::Node, &passive);
    net.run_for(MINUTE);
    let two = node(
        &mut net,
        2,
        "  - {address: 10.0.0.1, as: internal, passive: true}\n",
    );
    net.run_for(MINUTE);
    assert_eq!((up(&net, one), up(&net, two)), (0, 0));
}

#[test]
fn what_needs_a_restart_is_told_until_it_is_done() {
    let (mut net, _, ids) = cluster(65_536, 1);
    let text = format!("router-id: 9.9.9.9\n{}", node_text(1, TO_REFLECTOR));
    for _ in 0..2 {
        let outcome = reload(&mut net, ids[0], Role::Node, &text);
        assert_eq!(outcome.needs_restart.len(), 1, "{outcome:?}");
        let effective = net.speaker(ids[0]).config().router_id;
        assert_eq!(effective, None, "the configuration in effect");
    }
    let back = reload(&mut net, ids[0], Role::Node, &node_text(1, TO_REFLECTOR));
    assert_eq!(back, Reloaded::default());
}

#[test]
fn a_name_that_the_file_takes_leaves_the_peer_of_the_api_its_address() {
    let (mut net, _, ids) = cluster(65_536, 2);
    let mut peer = api_peer(&net, ids[0], 2);
    peer.name = "tor".into();
    let id = net
        .ask(ids[0], |speaker, now| speaker.add_peer(now, peer))
        .unwrap();
    let text = node_text(
        1,
        &format!("{TO_REFLECTOR}  - {{name: tor, address: 10.0.0.99, as: internal}}\n"),
    );
    reload(&mut net, ids[0], Role::Node, &text);
    let speaker = net.speaker(ids[0]);
    assert_eq!(speaker.peer(id).unwrap().config().name, "10.0.0.2");
    let tor = speaker
        .find_peer("tor")
        .and_then(|id| speaker.peer(id))
        .unwrap();
    assert_eq!(tor.config().address, address(99));
}

#[test]
fn a_reload_before_the_start_begins_no_session() {
    let now = Instant::now();
    let first = config(Role::Node, &node_text(1, TO_REFLECTOR));
    let identity = Identity::of(&first, None);
    let mut speaker = Speaker::new(now, first, identity, 1);
    let text = node_text(
        1,
        "  - {address: 10.0.0.250, as: internal, connect-retry: 7}\n",
    );
    speaker.reload(now, config(Role::Node, &text));
    speaker.run(now);
    let dialled = |speaker: &mut Speaker| {
        std::iter::from_fn(|| speaker.poll_effect()).any(|effect| matches!(effect, Effect::Dial(_)))
    };
    assert!(!dialled(&mut speaker));
    speaker.start(now);
    assert!(dialled(&mut speaker));
}

#[test]
fn a_file_takes_over_a_peer_of_the_api_and_gives_it_up_again() {
    let mut net = Net::new(65_536);
    let one = node(&mut net, 1, TO_REFLECTOR);
    let two = node(&mut net, 2, "  - {address: 10.0.0.1, as: internal}\n");
    let peer = api_peer(&net, one, 2);
    net.ask(one, |speaker, now| speaker.add_peer(now, peer))
        .unwrap();
    assert!(net.run_until(MINUTE, |net| has(net, one, block(2))));
    let since = |net: &Net| super::peers::since(net, one, address(2));
    let before = since(&net);
    let same = format!("{TO_REFLECTOR}  - {{address: 10.0.0.2, as: internal}}\n");
    reload(&mut net, one, Role::Node, &node_text(1, &same));
    net.run_for(MINUTE);
    assert_eq!(since(&net), before, "the same settings: the session stays");
    let id = net.speaker(one).find_peer("10.0.0.2").unwrap();
    assert!(
        net.ask(one, |speaker, now| speaker.delete_peer(now, id))
            .is_err()
    );
    let none = same.replace(
        "as: internal}\n  - {address: 10.0.0.2, as: internal",
        "as: internal",
    );
    reload(&mut net, one, Role::Node, &node_text(1, &none));
    assert!(net.run_until(MINUTE, |net| !has(net, one, block(2))));
    assert_eq!(up(&net, two), 0);
}

#[test]
fn another_export_policy_or_next_hop_reaches_the_peer_without_a_reset() {
    let mut net = Net::new(65_536);
    let to = |host: u8, more: &str| format!("  - {{address: 10.0.0.{host}, as: internal{more}}}\n");
    let one = node(&mut net, 1, &(to(2, "") + &to(3, "")));
    let two = node(&mut net, 2, &to(1, ""));
    let three = node(&mut net, 3, &to(1, ""));
    let whole = |net: &Net| has(net, two, block(1)) && has(net, three, block(1));
    assert!(net.run_until(MINUTE, whole));
    net.run_for(Duration::from_secs(5));
    let ups = |net: &Net| [2, 3].map(|host| super::peers::since(net, one, address(host)));
    let before = ups(&net);
    let text = |net: &mut Net, first: &str, second: &str| {
        let peers = to(2, first) + &to(3, second);
        reload(net, one, Role::Node, &node_text(1, &peers))
            .done
            .join("; ")
    };
    // One of the two that share a group.
    let told = text(&mut net, ", export: none", "");
    assert!(told.contains("the session stays"), "{told}");
    assert!(net.run_until(MINUTE, |net| !has(net, two, block(1))));
    assert!(has(&net, three, block(1)));
    // Both, so that they share one again.
    text(&mut net, ", export: none", ", export: none");
    assert!(net.run_until(MINUTE, |net| !has(net, three, block(1))));
    text(&mut net, "", "");
    assert!(net.run_until(MINUTE, whole));
    let hop = |net: &Net| {
        let best = net.speaker(two).rib().best(&block6(1));
        best.map(|path| path.next_hop.addr().to_string())
    };
    assert_eq!(hop(&net).as_deref(), Some("fd00::1"));
    text(&mut net, ", next-hop-v6: fd00::77", "");
    assert!(net.run_until(MINUTE, |net| hop(net).as_deref() == Some("fd00::77")));
    assert_eq!(ups(&net), before, "no session was reset");
}
