//! Peers by the API, disabled, enabled, reset, and from dynamic ranges.

use std::net::IpAddr;
use std::time::Duration;

use config::Role;
use speaker::{Event, PeerError, ResetKind};

use super::network::{
    MINUTE, TO_REFLECTOR, addresses, block, cluster, config, has, node, reflector, whole,
};
use crate::{Net, NodeId};

pub(super) fn up(net: &Net, id: NodeId) -> usize {
    net.speaker(id)
        .peers()
        .filter(|peer| peer.link().is_some())
        .count()
}

pub(super) fn since(net: &Net, id: NodeId, address: IpAddr) -> Option<std::time::Instant> {
    let peer = net
        .speaker(id)
        .peers()
        .find(|peer| peer.config().address == address)?;
    peer.link().map(|link| link.since)
}

#[test]
fn a_peer_added_at_run_time_brings_its_routes_and_takes_them_away_again() {
    let (mut net, _, ids) = cluster(65_536, 2);
    let lone = node(&mut net, 7, "  - {address: 10.0.0.1, as: internal}\n");
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let reflector_session = since(&net, ids[0], IpAddr::from([10, 0, 0, 250]));
    let template = net.speaker(ids[0]).config().peers[0].clone();
    let added = config::Peer {
        address: IpAddr::from([10, 0, 0, 7]),
        name: "seven".into(),
        ..template
    };
    let again = added.clone();
    let peer = net
        .ask(ids[0], |speaker, now| speaker.add_peer(now, added))
        .unwrap();
    assert_eq!(
        net.ask(ids[0], |speaker, now| speaker.add_peer(now, again.clone())),
        Ok(peer),
        "the same again"
    );
    let other = config::Peer {
        passive: true,
        ..again
    };
    let refused = net.ask(ids[0], |speaker, now| speaker.add_peer(now, other));
    assert_eq!(
        refused,
        Err(PeerError::Exists {
            name: "seven".into()
        })
    );
    assert!(net.run_until(MINUTE, |net| has(net, ids[0], block(7))
        && has(net, lone, block(1))));
    assert!(
        !has(&net, ids[1], block(7)),
        "an iBGP route is not sent on to a non-client (RFC 4456 6)"
    );
    net.ask(ids[0], |speaker, now| speaker.delete_peer(now, peer))
        .unwrap();
    assert!(net.run_until(MINUTE, |net| !has(net, ids[0], block(7))));
    assert_eq!(
        since(&net, ids[0], IpAddr::from([10, 0, 0, 250])),
        reflector_session,
        "others are not disturbed"
    );
}

#[test]
fn a_peer_of_the_file_cannot_be_deleted() {
    let (mut net, _, ids) = cluster(65_536, 1);
    let peer = net.speaker(ids[0]).find_peer("10.0.0.250").unwrap();
    let refused = net
        .ask(ids[0], |speaker, now| speaker.delete_peer(now, peer))
        .unwrap_err();
    assert!(matches!(refused, PeerError::InFile { .. }));
    assert!(
        refused.to_string().contains("test.yaml:4"),
        "names file and line: {refused}"
    );
}

#[test]
fn a_disabled_peer_stays_down_until_enabled() {
    let (mut net, _, ids) = cluster(65_536, 2);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let peer = net.speaker(ids[0]).find_peer("10.0.0.250").unwrap();
    net.ask(ids[0], |speaker, now| {
        speaker.disable_peer(now, peer, "maintenance")
    })
    .unwrap();
    net.run_for(MINUTE * 3);
    assert_eq!(up(&net, ids[0]), 0);
    assert!(!has(&net, ids[1], block(1)));
    net.ask(ids[0], |speaker, now| speaker.enable_peer(now, peer))
        .unwrap();
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
}

#[test]
fn resets_hard_and_soft() {
    let (mut net, rr, ids) = cluster(65_536, 2);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let to_reflector = IpAddr::from([10, 0, 0, 250]);
    let before = since(&net, ids[0], to_reflector);
    let peer = net.speaker(ids[0]).find_peer("10.0.0.250").unwrap();
    for kind in [ResetKind::SoftIn, ResetKind::SoftOut] {
        net.ask(ids[0], |speaker, now| speaker.reset_peer(now, peer, kind))
            .unwrap();
        net.run_for(Duration::from_secs(5));
        assert!(whole(&net, &ids));
        assert_eq!(
            since(&net, ids[0], to_reflector),
            before,
            "{kind:?} keeps the session"
        );
    }
    assert_eq!(up(&net, rr), 2);
    net.ask(ids[0], |speaker, now| {
        speaker.reset_peer(now, peer, ResetKind::Hard)
    })
    .unwrap();
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)
        && since(net, ids[0], to_reflector) > before));
}

/// RFC 7313: between two of ours a refresh has an end, behind which nothing is left that was not sent again.
#[test]
fn refreshes_are_begun_and_ended_by_both_sides() {
    let (mut net, rr, ids) = cluster(65_536, 2);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let to_reflector = net.speaker(ids[0]).find_peer("10.0.0.250").unwrap();
    let to_node = net.speaker(rr).find_peer("10.0.0.1").unwrap();
    let refreshes = |net: &Net| {
        let peer = net.speaker(ids[0]).peer(to_reflector).unwrap();
        let counters = peer.session().counters();
        counters.received(wire::MessageType::RouteRefresh)
    };
    assert_eq!(refreshes(&net), 0);
    net.ask(rr, |speaker, now| {
        speaker.reset_peer(now, to_node, ResetKind::SoftOut)
    })
    .unwrap();
    net.run_for(Duration::from_secs(5));
    assert_eq!(refreshes(&net), 4, "a beginning and an end of each family");
    assert!(whole(&net, &ids));
    let session = net.speaker(ids[0]).peer(to_reflector).unwrap();
    assert!(session.session().last_error().is_none());
    // No deadline is left that would end what has ended.
    net.run_for(MINUTE * 5);
    let cut = |event: &Event| matches!(event, Event::RefreshNotEnded { .. });
    assert!(whole(&net, &ids) && !net.events(ids[0]).iter().any(cut));
}

#[test]
fn dynamic_peers_come_and_go_and_have_a_limit() {
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, route-reflector-client: true, limit: 2, graceful-restart: {enabled: false}}\n";
    let mut net = Net::new(65_536);
    let rr = net.add(config(Role::Reflector, text), &addresses(250));
    let ids: Vec<NodeId> = (1..=3)
        .map(|host| node(&mut net, host, TO_REFLECTOR))
        .collect();
    net.run_for(MINUTE);
    assert_eq!(up(&net, rr), 2);
    assert!(
        net.events(rr)
            .iter()
            .any(|event| matches!(event, Event::DynamicLimit { limit: 2, .. }))
    );
    net.unplug(ids[0]);
    assert!(net.run_until(MINUTE * 2, |net| up(net, rr) == 2
        && has(net, ids[2], block(2))));
    assert_eq!(
        net.speaker(rr).peers().count(),
        2,
        "the lost one is forgotten"
    );
}

#[test]
fn a_stranger_is_refused_and_counted() {
    let mut net = Net::new(65_536);
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.9.0.0/24, as: internal}\n";
    let rr = net.add(config(Role::Reflector, text), &addresses(250));
    let stranger = node(&mut net, 1, TO_REFLECTOR);
    net.run_for(MINUTE);
    assert_eq!(up(&net, stranger), 0);
    assert!(net.speaker(rr).refused_connections() > 2);
    let lines = net
        .events(rr)
        .iter()
        .filter(|event| matches!(event, Event::UnknownPeer { .. }))
        .count();
    assert!(
        (1..=7).contains(&lines),
        "one line in ten seconds, not one per attempt: {lines}"
    );
}

#[test]
fn a_restarted_reflector_is_found_again() {
    let mut net = Net::new(65_536);
    let rr = reflector(&mut net, 250);
    let ids: Vec<NodeId> = (1..=2)
        .map(|host| node(&mut net, host, TO_REFLECTOR))
        .collect();
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    net.unplug(rr);
    assert!(net.run_until(MINUTE * 3, |net| !has(net, ids[0], block(2))));
    let second = reflector(&mut net, 250);
    assert!(net.run_until(MINUTE * 3, |net| whole(net, &ids) && up(net, second) == 2));
}

#[test]
fn a_dynamic_peer_that_is_disabled_stays_away_until_enabled() {
    let (mut net, rr, ids) = cluster(65_536, 2);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let peer = net.speaker(rr).find_peer("10.0.0.1").unwrap();
    net.ask(rr, |speaker, now| {
        speaker.disable_peer(now, peer, "misbehaves")
    })
    .unwrap();
    net.run_for(MINUTE * 5);
    assert_eq!((up(&net, ids[0]), up(&net, ids[1])), (0, 1));
    let peer = net.speaker(rr).find_peer("10.0.0.1").unwrap();
    let shown = net.speaker(rr).peer(peer).unwrap();
    assert_eq!(shown.disabled_reason(), Some("misbehaves"));
    net.ask(rr, |speaker, now| speaker.enable_peer(now, peer))
        .unwrap();
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
}

#[test]
fn a_dynamic_peer_gives_way_to_one_that_is_named() {
    let mut net = Net::new(65_536);
    let range = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, limit: 1}\n";
    let rr = net.add(config(Role::Reflector, range), &addresses(250));
    let one = node(&mut net, 1, TO_REFLECTOR);
    assert!(net.run_until(MINUTE, |net| up(net, rr) == 1));
    let dynamic = net.speaker(rr).peers().next().unwrap().config().clone();
    let named = config::Peer {
        name: "one".into(),
        ..dynamic
    };
    let peer = net.ask(rr, |speaker, now| speaker.add_peer(now, named));
    let two = node(&mut net, 2, TO_REFLECTOR);
    assert!(net.run_until(MINUTE, |net| up(net, one) + up(net, two) == 2));
    net.ask(rr, |speaker, now| speaker.delete_peer(now, peer.unwrap()))
        .unwrap();
}
