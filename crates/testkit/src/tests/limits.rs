//! Peers that bring, or would be sent, more routes than they may.

use std::net::IpAddr;
use std::time::Duration;

use config::Role;
use session::{DownReason, IdleReason};
use speaker::{ApiRoute, Event, LimitFact, ResetKind};
use wire::{Family, Notification, Prefix};

use super::network::{MINUTE, TO_REFLECTOR, addresses, block, config, has, node};
use super::peers::{since, up};
use crate::{Net, NodeId, PeerEnd, PeerHandle, PeerScript};

const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// The file of a reflector with a client, which has these keys, and another one.
fn text(keys: &str) -> String {
    format!(
        "as: 64512\nrouter-id: 10.0.0.250\npeers:\n\
         - {{address: 10.0.0.1, as: internal, route-reflector-client: true, {keys}}}\n\
         - {{address: 10.0.0.2, as: internal, route-reflector-client: true}}\n"
    )
}

/// A reflector, the client that is limited, and another one; all up.
fn limited(keys: &str) -> (Net, NodeId, [NodeId; 2]) {
    let mut net = Net::new(65_536);
    let rr = net.add(config(Role::Reflector, &text(keys)), &addresses(250));
    let ids = [1, 2].map(|host| node(&mut net, host, TO_REFLECTOR));
    assert!(net.run_until(MINUTE, |net| up(net, rr) == 2 && has(net, ids[1], block(1))));
    (net, rr, ids)
}

fn extra(n: u8) -> Prefix {
    format!("100.64.{n}.0/24").parse().unwrap()
}

fn announce(net: &mut Net, id: NodeId, numbers: std::ops::RangeInclusive<u8>) {
    for n in numbers {
        let mut attrs = wire::AttrBuilder::new();
        attrs.set_origin(wire::Origin::Igp).set_as_path(&[]);
        let route = ApiRoute {
            owner: "test".into(),
            next_hop: None,
            attrs: attrs.finish(),
        };
        net.ask(id, |speaker, _| speaker.announce(extra(n), route))
            .unwrap();
    }
}

fn withdraw(net: &mut Net, id: NodeId, numbers: std::ops::RangeInclusive<u8>) {
    for n in numbers {
        net.ask(id, |speaker, _| speaker.withdraw(extra(n), "test"))
            .unwrap();
    }
}

fn facts(net: &Net, id: NodeId) -> Vec<(LimitFact, u32)> {
    let facts = net.events(id).iter().filter_map(|event| match event {
        Event::PrefixLimit { limit, .. } => Some((limit.fact, limit.count)),
        _ => None,
    });
    facts.collect()
}

fn ends(net: &Net, id: NodeId) -> Vec<DownReason> {
    let ends = net.events(id).iter().filter_map(|event| match event {
        Event::SessionDown { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    ends.collect()
}

fn accepted(net: &Net, id: NodeId) -> u32 {
    let speaker = net.speaker(id);
    let peer = speaker.find_peer("10.0.0.1").unwrap();
    speaker.rib().path_counts(peer)[0].accepted
}

fn idle_reason(net: &Net, id: NodeId) -> Option<IdleReason> {
    let speaker = net.speaker(id);
    let peer = speaker.find_peer("10.0.0.1").unwrap();
    speaker.peer(peer).unwrap().session().idle_reason()
}

#[test]
fn a_peer_that_brings_too_much_is_told_of_first_and_shut_then() {
    let (mut net, rr, ids) = limited("max-prefix: {ipv4: 4, restart: 120}");
    announce(&mut net, ids[0], 1..=2);
    net.run_for(Duration::from_secs(1));
    assert_eq!(facts(&net, rr), [(LimitFact::Near, 3)]);
    announce(&mut net, ids[0], 3..=3);
    net.run_for(Duration::from_secs(1));
    assert!(
        has(&net, ids[1], extra(3)),
        "the limit itself may be reached"
    );
    let others = since(&net, rr, IpAddr::from([10, 0, 0, 2]));
    announce(&mut net, ids[0], 4..=4);
    net.run_for(Duration::from_secs(1));
    assert_eq!(facts(&net, rr)[1..], [(LimitFact::Shut, 5)]);
    let cease = Notification::max_prefixes(Family::Ipv4Unicast.afi_safi(), 4);
    assert_eq!(ends(&net, rr), [DownReason::Shed(cease.clone())]);
    // The one that restarts gracefully is told that it is for good.
    let told = DownReason::NotificationReceived(cease.into_hard_reset());
    assert_eq!(ends(&net, ids[0]), [told]);
    assert!(!has(&net, ids[1], block(1)), "nothing is kept of it");
    net.run_for(Duration::from_secs(117));
    assert_eq!(up(&net, rr), 1, "whatever it tries");
    withdraw(&mut net, ids[0], 1..=4);
    assert!(net.run_until(MINUTE, |net| has(net, ids[1], block(1))));
    assert_eq!(since(&net, rr, IpAddr::from([10, 0, 0, 2])), others);
}

#[test]
fn a_peer_that_is_shut_for_good_comes_back_by_a_reset_or_by_a_higher_limit() {
    for by_reset in [true, false] {
        let (mut net, rr, ids) = limited("max-prefix: {ipv4: 4, restart: 0}");
        announce(&mut net, ids[0], 1..=4);
        assert!(net.run_until(MINUTE, |net| up(net, rr) == 1));
        net.run_for(MINUTE * 60);
        assert_eq!(idle_reason(&net, rr), Some(IdleReason::Shut));
        if by_reset {
            withdraw(&mut net, ids[0], 1..=1);
            let peer = net.speaker(rr).find_peer("10.0.0.1").unwrap();
            net.ask(rr, |speaker, now| {
                speaker.reset_peer(now, peer, ResetKind::Hard)
            })
            .unwrap();
        } else {
            let new = config(Role::Reflector, &text("max-prefix: {ipv4: 5, restart: 0}"));
            net.ask(rr, |speaker, now| speaker.reload(now, new));
        }
        assert!(net.run_until(MINUTE * 2, |net| has(net, ids[1], extra(4))));
        assert_eq!(up(&net, rr), 2);
    }
}

#[test]
fn a_lower_limit_holds_at_once() {
    let (mut net, rr, ids) = limited("max-prefix: {ipv4: 9}");
    announce(&mut net, ids[0], 1..=4);
    assert!(net.run_until(MINUTE, |net| has(net, ids[1], extra(4))));
    for (keys, ups) in [("max-prefix: {ipv4: 5}", 2), ("max-prefix: {ipv4: 4}", 1)] {
        let new = config(Role::Reflector, &text(keys));
        net.ask(rr, |speaker, now| speaker.reload(now, new));
        net.run_for(Duration::from_secs(1));
        assert_eq!(up(&net, rr), ups, "{keys}");
    }
}

#[test]
fn beyond_a_limit_that_only_warns_everything_is_taken_and_told_once() {
    let (mut net, rr, ids) = limited("max-prefix: {ipv4: 4, warn: 0, action: warn}");
    announce(&mut net, ids[0], 1..=9);
    assert!(net.run_until(MINUTE, |net| has(net, ids[1], extra(9))));
    let told = facts(&net, rr);
    assert!(matches!(told[..], [(LimitFact::Over, 5..=10)]), "{told:?}");
    assert_eq!(up(&net, rr), 2);
}

#[test]
fn beyond_a_limit_that_blocks_nothing_is_taken_until_there_is_room() {
    let block_at = |most: u8| format!("max-prefix: {{ipv4: {most}, action: block}}");
    let (mut net, rr, ids) = limited(&block_at(4));
    announce(&mut net, ids[0], 1..=6);
    net.run_for(Duration::from_secs(1));
    let before = since(&net, rr, ONE);
    assert_eq!(accepted(&net, rr), 4);
    assert!(has(&net, ids[1], extra(3)) && !has(&net, ids[1], extra(4)));
    assert_eq!(facts(&net, rr).last(), Some(&(LimitFact::Blocked, 4)));
    // One goes, and one that is asked for again takes its place.
    withdraw(&mut net, ids[0], 1..=1);
    net.run_for(Duration::from_secs(1));
    assert_eq!(accepted(&net, rr), 3);
    let peer = net.speaker(rr).find_peer("10.0.0.1").unwrap();
    net.ask(rr, |speaker, now| {
        speaker.reset_peer(now, peer, ResetKind::SoftIn)
    })
    .unwrap();
    net.run_for(Duration::from_secs(1));
    assert_eq!(accepted(&net, rr), 4);
    // A higher limit asks by itself.
    let new = config(Role::Reflector, &text(&block_at(9)));
    net.ask(rr, |speaker, now| speaker.reload(now, new));
    net.run_for(Duration::from_secs(1));
    assert_eq!(accepted(&net, rr), 6);
    assert!((2..=6).all(|n| has(&net, ids[1], extra(n))));
    assert_eq!(since(&net, rr, ONE), before);
    assert_eq!(net.speaker(rr).rib().refused_counts(peer), [0, 0]);
}

#[test]
fn each_family_and_each_step_is_told_at_once() {
    let (mut net, rr, ids) = limited("max-prefix: {ipv4: 4, ipv6: 2, warn: 50, action: block}");
    // The blocks of the client itself, one of each family: half of what there may be of IPv6.
    assert_eq!(facts(&net, rr), [(LimitFact::Near, 1)]);
    announce(&mut net, ids[0], 1..=1);
    net.run_for(Duration::from_secs(1));
    announce(&mut net, ids[0], 2..=4);
    net.run_for(Duration::from_secs(1));
    announce(&mut net, ids[0], 5..=5);
    net.run_for(Duration::from_secs(1));
    let told = facts(&net, rr);
    let wanted = [
        (LimitFact::Near, 1),
        (LimitFact::Near, 2),
        (LimitFact::Blocked, 4),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_dynamic_peer_may_bring_so_many_and_no_more() {
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, route-reflector-client: true}\n";
    let mut net = Net::new(65_536);
    let rr = net.add(config(Role::Reflector, text), &addresses(250));
    let id = node(&mut net, 1, TO_REFLECTOR);
    assert!(net.run_until(MINUTE, |net| up(net, rr) == 1));
    let bulk = |net: &mut Net, range: std::ops::Range<u32>| {
        for n in range {
            let prefix = format!("100.{}.{}.0/24", 64 + n / 256, n % 256);
            let route = ApiRoute {
                owner: "test".into(),
                next_hop: None,
                attrs: rib::default_local_attrs(),
            };
            net.ask(id, |speaker, _| {
                speaker.announce(prefix.parse().unwrap(), route)
            })
            .unwrap();
        }
        net.run_for(Duration::from_secs(5));
    };
    bulk(&mut net, 0..4095);
    assert_eq!(accepted(&net, rr), 4096);
    bulk(&mut net, 4095..4096);
    assert_eq!(up(&net, rr), 0);
    net.run_for(MINUTE * 4);
    assert_eq!(up(&net, rr), 0);
    assert_eq!(net.speaker(rr).peers().count(), 1, "it is remembered");
    net.run_for(MINUTE * 2);
    assert_eq!(ends(&net, rr).len(), 2, "it had another try");
}

/// A scripted client of a reflector that keeps from it what exceeds `most` routes.
fn scripted(net: &mut Net, most: &str) -> (NodeId, PeerHandle) {
    let text = format!(
        "as: 64512\nrouter-id: 10.0.0.250\npeers:\n\
         - {{address: 10.0.0.7, as: internal, route-reflector-client: true, passive: true, add-path: {{send: off}}, {most}}}\n\
         - {{address: 10.0.0.1, as: internal, route-reflector-client: true}}\n"
    );
    let rr = net.add(config(Role::Reflector, &text), &addresses(250));
    let peer = net.add_peer(PeerScript {
        address: [10, 0, 0, 7].into(),
        asn: 64_512,
        router_id: [10, 0, 0, 7].into(),
        hold_time: 0,
        takes_paths: false,
        sends_paths: false,
    });
    (rr, peer)
}

#[test]
fn more_than_a_peer_may_be_sent_is_never_sent() {
    let mut net = Net::new(65_536);
    let (rr, peer) = scripted(
        &mut net,
        "max-prefix-out: {ipv4: 3}, max-prefix: {restart: 60}",
    );
    let id = node(&mut net, 1, TO_REFLECTOR);
    assert!(net.run_until(MINUTE, |net| up(net, rr) == 1));
    let to = IpAddr::from([10, 0, 0, 250]);
    net.connect(peer, to);
    announce(&mut net, id, 1..=2);
    net.run_for(Duration::from_secs(1));
    let v4 = |net: &Net| {
        let held = net.peer(peer).table().keys();
        held.filter(|(prefix, _)| prefix.addr().is_ipv4()).count()
    };
    assert_eq!(v4(&net), 3);
    announce(&mut net, id, 3..=3);
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.peer(peer).ended(), [PeerEnd::Told(6, 2)]);
    assert_eq!(facts(&net, rr), [(LimitFact::ShutOut, 4)]);
    let DownReason::Shed(said) = &ends(&net, rr)[0] else {
        panic!("{:?}", ends(&net, rr));
    };
    let text = said.shutdown_text().unwrap();
    assert!(
        text.contains("more to send than 3 of ipv4-unicast"),
        "{text}"
    );
    // Who comes back is not sent a part of it either.
    net.run_for(MINUTE);
    let before = net.peer(peer).routes();
    net.connect(peer, to);
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.peer(peer).ended().len(), 2);
    assert_eq!(net.peer(peer).routes(), before);
    withdraw(&mut net, id, 1..=1);
    net.run_for(MINUTE * 2);
    net.connect(peer, to);
    net.run_for(Duration::from_secs(1));
    assert_eq!(v4(&net), 3);
}
