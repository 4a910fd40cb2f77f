//! Peers that connect too often, never read, or fall silent, and what others notice of it: nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use config::Role;
use session::DownReason;
use speaker::{Admission, ApiRoute, CloseCause, ConnId, Event};
use wire::{Asn, Prefix};

use super::network::{
    MINUTE, TO_REFLECTOR, addresses, block, cluster, config, has, node, reflector, whole,
};
use super::peers::{since, up};
use crate::{Net, NodeId, octets};

fn from(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], 50_000))
}

fn down_reasons(net: &Net, id: NodeId) -> Vec<DownReason> {
    let down = net.events(id).iter().filter_map(|event| match event {
        Event::SessionDown { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    down.collect()
}

#[test]
fn connections_that_come_and_go_fill_no_log() {
    let mut net = Net::new(65_536);
    let rr = reflector(&mut net, 250);
    let local = SocketAddr::from(([10, 0, 0, 250], 179));
    for attempt in 0..1000 {
        net.ask(rr, |speaker, now| {
            let remote = from((attempt % 5) as u8 + 1);
            match speaker.on_accepted(now, local, remote) {
                Admission::Accepted { conn, .. } => speaker.on_closed(now, conn, CloseCause::Eof),
                Admission::Refused(_) => panic!("the range holds it"),
            }
        });
        net.run_for(Duration::from_millis(10));
    }
    assert_eq!(net.speaker(rr).peers().count(), 0);
    let lines = net.events(rr).len();
    assert!(
        (1..20).contains(&lines),
        "{lines} lines of 1000 connections"
    );
}

#[test]
fn who_is_beyond_the_limit_is_not_called_unknown() {
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, limit: 1}\n";
    let mut net = Net::new(65_536);
    let rr = net.add(config(Role::Reflector, text), &addresses(250));
    node(&mut net, 1, TO_REFLECTOR);
    node(&mut net, 2, TO_REFLECTOR);
    net.run_for(MINUTE * 5);
    assert!(net.speaker(rr).refused_connections() > 10);
    let unknown = |event: &&Event| matches!(event, Event::UnknownPeer { .. });
    assert_eq!(net.events(rr).iter().filter(unknown).count(), 0);
}

#[test]
fn who_never_reads_piles_up_nothing() {
    let mut net = Net::new(65_536);
    let rr = reflector(&mut net, 250);
    let local = SocketAddr::from(([10, 0, 0, 250], 179));
    let conn = net.ask(rr, |speaker, now| {
        match speaker.on_accepted(now, local, from(1)) {
            Admission::Accepted { conn, .. } => conn,
            Admission::Refused(_) => panic!("the range holds it"),
        }
    });
    let open = wire::Open::new(Asn(64512), 3, [10, 0, 0, 1].into(), Vec::new());
    let say = |net: &mut Net, octets: &Bytes| {
        net.ask(rr, |speaker, now| speaker.on_bytes(now, conn, octets));
        net.run_for(Duration::from_secs(1));
    };
    say(&mut net, &open.encode());
    for _ in 0..3600 {
        say(&mut net, &wire::keepalive());
    }
    assert_eq!(up(&net, rr), 1, "it keeps its side of the bargain");
    let mut waiting = Vec::new();
    net.ask(rr, |speaker, now| {
        speaker.fill(now, conn, &mut waiting, 1 << 20)
    });
    let octets: usize = waiting.iter().map(Bytes::len).sum();
    assert!(
        octets < 4096,
        "{octets} octets wait for a peer that never reads"
    );
}

#[test]
fn a_silent_peer_is_given_up_after_the_hold_time() {
    let (mut net, rr, ids) = cluster(65_536, 3);
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    let others = since(&net, ids[0], IpAddr::from([10, 0, 0, 250]));
    for (from, to) in [(ids[2], rr), (rr, ids[2])] {
        net.silence(from, to);
    }
    let at = net.elapsed();
    assert!(net.run_until(MINUTE * 2, |net| !has(net, ids[0], block(3))));
    let took = net.elapsed() - at;
    assert!((60..=90).contains(&took.as_secs()), "{took:?}");
    assert_eq!(down_reasons(&net, rr), [DownReason::HoldTimerExpired]);
    net.run_for(Duration::from_secs(90) - took);
    assert_eq!(down_reasons(&net, ids[2]), [DownReason::HoldTimerExpired]);
    assert_eq!(since(&net, ids[0], IpAddr::from([10, 0, 0, 250])), others);
    for (from, to) in [(ids[2], rr), (rr, ids[2])] {
        net.hear(from, to);
    }
    assert!(
        net.run_until(Duration::from_secs(10), |net| whole(net, &ids)),
        "it is back within 10 s"
    );
}

#[test]
fn a_peer_that_reads_nothing_for_the_send_hold_time_is_given_up() {
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, route-reflector-client: true, send-hold: 30}\n";
    let mut net = Net::new(65_536);
    let rr = net.add(config(Role::Reflector, text), &addresses(250));
    let (deaf, other) = (
        node(&mut net, 1, TO_REFLECTOR),
        node(&mut net, 2, TO_REFLECTOR),
    );
    assert!(net.run_until(MINUTE, |net| whole(net, &[deaf, other])));
    // It stops reading for 25 s, and again: each time it takes what waits.
    for index in 0..3 {
        net.silence(rr, deaf);
        announce(&mut net, other, index);
        net.run_for(Duration::from_secs(25));
        net.hear(rr, deaf);
        net.run_for(Duration::from_secs(1));
    }
    assert_eq!(down_reasons(&net, rr), []);
    net.silence(rr, deaf);
    announce(&mut net, other, 3);
    let at = net.elapsed();
    assert!(net.run_until(MINUTE, |net| !down_reasons(net, rr).is_empty()));
    assert_eq!(down_reasons(&net, rr), [DownReason::SendHoldTimerExpired]);
    assert_eq!((net.elapsed() - at).as_secs(), 30);
    assert!(net.run_until(MINUTE, |net| !has(net, other, block(1))));
    net.hear(rr, deaf);
    assert!(
        net.run_until(MINUTE * 3, |net| whole(net, &[deaf, other])),
        "it comes back when it reads again"
    );
}

fn announce(net: &mut Net, id: NodeId, index: u32) {
    let octets = (0x6440_0000 | index).to_be_bytes();
    let prefix: Prefix = format!("{}.{}.{}.{}/32", octets[0], octets[1], octets[2], octets[3])
        .parse()
        .unwrap();
    let mut attrs = wire::AttrBuilder::new();
    attrs
        .set_origin(wire::Origin::Igp)
        .set_as_path(&[])
        .set_med(index);
    let route = ApiRoute {
        owner: "test".into(),
        next_hop: None,
        attrs: attrs.finish(),
    };
    net.ask(id, |speaker, _| speaker.announce(prefix, route))
        .unwrap();
}

#[test]
fn who_falls_off_the_log_is_detached_and_told_all_when_it_reads_again() {
    let mut net = Net::new(65_536);
    let text = "limits: {export-log: 1MiB}\nas: 64512\npeers:\n  - {address: 10.0.0.2, as: internal}\n  - {address: 10.0.0.3, as: internal}\n";
    let one = net.add(config(Role::Node, text), &addresses(1));
    let to_one = "  - {address: 10.0.0.1, as: internal, hold-time: 0}\n";
    let (deaf, reads) = (node(&mut net, 2, to_one), node(&mut net, 3, to_one));
    assert!(net.run_until(MINUTE, |net| up(net, one) == 2 && has(net, one, block(3))));
    net.run_for(Duration::from_secs(1));
    let before = since(&net, one, IpAddr::from([10, 0, 0, 3]));
    net.silence(one, deaf);
    for index in 0..40_000 {
        announce(&mut net, one, index);
        if index % 500 == 0 {
            net.run_for(Duration::from_millis(10));
        }
    }
    net.run_for(Duration::from_secs(5));
    let stats = net.speaker(one).rib().stats();
    assert_eq!((stats.detached, stats.resets), (1, 0));
    assert!(stats.log_bytes < 1 << 20, "{stats:?}");
    assert!(net.speaker(reads).rib().stats().destinations >= 40_000);
    net.hear(one, deaf);
    let all = |net: &Net| net.speaker(deaf).rib().stats().destinations >= 40_000;
    assert!(net.run_until(MINUTE, all));
    assert_eq!(net.speaker(one).rib().stats().detached, 0);
    assert_eq!(since(&net, one, IpAddr::from([10, 0, 0, 3])), before);
    assert_eq!(down_reasons(&net, one), []);
}

/// A client of the reflector that is nothing but octets, Established.
fn established(net: &mut Net, rr: NodeId) -> ConnId {
    let local = SocketAddr::from(([10, 0, 0, 250], 179));
    let admitted = net.ask(rr, |speaker, now| speaker.on_accepted(now, local, from(1)));
    let Admission::Accepted { conn, .. } = admitted else {
        panic!("the range holds it");
    };
    let capabilities = vec![wire::Capability::Multiprotocol(
        wire::Family::Ipv4Unicast.afi_safi(),
    )];
    let open = wire::Open::new(Asn(64512), 90, [10, 0, 0, 1].into(), capabilities);
    net.ask(rr, |speaker, now| {
        speaker.on_bytes(now, conn, &open.encode());
        speaker.on_bytes(now, conn, &wire::keepalive());
    });
    conn
}

/// However what a peer says is cut, it is taken in slices of whole messages, each of them once, and a message that was
/// cut is completed by what comes behind it.
#[test]
fn what_was_read_at_once_is_taken_in_slices() {
    let prefixes: Vec<Prefix> = (0..20_000_u32)
        .map(|n| Prefix::new(Ipv4Addr::from(0x6400_0000 + (n << 8)).into(), 24).unwrap())
        .collect();
    let mut route = octets::Route {
        attrs: Vec::new(),
        next_hop: IpAddr::from([10, 0, 0, 1]),
    };
    route.set(octets::TRANSITIVE, octets::code::ORIGIN, vec![0]);
    route.set(octets::TRANSITIVE, octets::code::AS_PATH, Vec::new());
    route.set(
        octets::TRANSITIVE,
        octets::code::LOCAL_PREF,
        vec![0, 0, 0, 100],
    );
    let said = octets::announce(&prefixes, None, &route);
    for read in [50_000, 4096, 1000, 65_536] {
        let mut net = Net::new(65_536);
        let rr = reflector(&mut net, 250);
        let conn = established(&mut net, rr);
        let routes = |net: &Net| net.speaker(rr).rib().stats().destinations;
        let mut most = 0;
        for octets in said.chunks(read) {
            let mut taken = 0;
            while taken < octets.len() {
                let before = routes(&net);
                let rest = &octets[taken..];
                let used = net.ask(rr, |speaker, now| speaker.take_bytes(now, conn, rest));
                assert!(used > 0, "{read}: it goes on");
                taken += used;
                most = most.max(routes(&net) - before);
            }
        }
        assert_eq!(routes(&net), prefixes.len(), "{read}");
        // Half a thousand, and the rest of a message.
        assert!((900..1600).contains(&most), "{read}: {most} at once");
    }
}

#[test]
fn a_repeated_end_of_rib_is_told_once() {
    let mut net = Net::new(65_536);
    let rr = reflector(&mut net, 250);
    let conn = established(&mut net, rr);
    net.ask(rr, |speaker, now| {
        for _ in 0..1000 {
            speaker.on_bytes(now, conn, &wire::end_of_rib(wire::Family::Ipv4Unicast));
        }
    });
    net.run_for(Duration::from_secs(1));
    assert_eq!(up(&net, rr), 1);
    let told = |event: &&Event| matches!(event, Event::EndOfRib { .. });
    assert_eq!(net.events(rr).iter().filter(told).count(), 1);
}

/// A route with about 4 KiB of attributes that no other has.
fn announce_bulk(net: &mut Net, id: NodeId, index: u32) {
    let prefix: Prefix = format!("100.{}.{}.0/24", 64 + index / 256, index % 256)
        .parse()
        .unwrap();
    let communities: Vec<wire::Community> = (0..950)
        .map(|n| wire::Community(index * 1000 + n))
        .collect();
    let mut attrs = wire::AttrBuilder::new();
    attrs
        .set_origin(wire::Origin::Igp)
        .set_as_path(&[])
        .set_communities(&communities);
    let route = ApiRoute {
        owner: "test".into(),
        next_hop: None,
        attrs: attrs.finish(),
    };
    net.ask(id, |speaker, _| speaker.announce(prefix, route))
        .unwrap();
}

#[test]
fn who_brings_more_than_there_is_room_for_is_shut_out_for_a_while_and_nobody_else() {
    for (dynamic, peers) in [
        (
            true,
            "dynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, route-reflector-client: true}\n",
        ),
        (
            false,
            "peers:\n  - {address: 10.0.0.1, as: internal, route-reflector-client: true}\n  - {address: 10.0.0.2, as: internal, route-reflector-client: true}\n  - {address: 10.0.0.3, as: internal, route-reflector-client: true}\n",
        ),
    ] {
        let text = format!("as: 64512\nlimits: {{routes: 1MiB}}\n{peers}");
        let mut net = Net::new(65_536);
        let rr = net.add(config(Role::Reflector, &text), &addresses(250));
        let honest = [
            node(&mut net, 1, TO_REFLECTOR),
            node(&mut net, 2, TO_REFLECTOR),
        ];
        let hostile = node(&mut net, 3, TO_REFLECTOR);
        assert!(net.run_until(MINUTE, |net| whole(net, &honest) && up(net, rr) == 3));
        let sessions =
            |net: &Net| [1, 2].map(|host| since(net, rr, IpAddr::from([10, 0, 0, host])));
        let before = sessions(&net);
        for index in 0..600 {
            announce_bulk(&mut net, hostile, index);
        }
        let is_shed = |net: &Net| matches!(down_reasons(net, rr)[..], [DownReason::Shed(_)]);
        assert!(
            net.run_until(Duration::from_secs(5), is_shed),
            "dynamic {dynamic}"
        );
        let told = net.events(rr).iter().map(ToString::to_string);
        let told: Vec<String> = told.filter(|line| line.contains("limits.routes")).collect();
        let [line] = &told[..] else {
            panic!("{told:?}");
        };
        assert!(line.starts_with("peer 10.0.0.3 is reset: the routes exceed `limits.routes`"));
        // It is kept out for 45 s to 60 s, whatever it tries.
        net.run_for(Duration::from_secs(44));
        assert_eq!(up(&net, rr), 2);
        assert!(net.speaker(rr).rib().route_octets() < 1 << 20);
        assert!(
            net.run_until(MINUTE, |net| down_reasons(net, rr).len() == 2),
            "it tries again"
        );
        net.run_for(MINUTE * 10);
        let lines = net.events(rr).len();
        assert!(lines < 60, "{lines} lines");
        assert_eq!(
            sessions(&net),
            before,
            "dynamic {dynamic}: the others never noticed"
        );
        assert!(whole(&net, &honest));
        // It comes to reason, and is one of them again.
        for index in 0..600 {
            let prefix: Prefix = format!("100.{}.{}.0/24", 64 + index / 256, index % 256)
                .parse()
                .unwrap();
            net.ask(hostile, |speaker, _| speaker.withdraw(prefix, "test"))
                .unwrap();
        }
        assert!(net.run_until(MINUTE * 2, |net| has(net, honest[0], block(3))));
    }
}
