//! Leaving on purpose (RFC 8326).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use config::Role;
use rib::{Listing, PrefixFilter, Query};
use wire::{Community, Prefix};

use super::network::{MINUTE, addresses, block, config, has};
use crate::{Net, NodeId};

/// LOCAL_PREF, communities and source of the paths to a prefix, the best one first.
fn paths(net: &Net, id: NodeId, prefix: Prefix) -> Vec<(IpAddr, Option<u32>, Vec<Community>)> {
    let paths = net.speaker(id).rib().paths(&prefix).into_iter();
    let told = paths.map(|(view, _)| {
        let communities = view.attrs.communities().collect();
        (view.source.address, view.attrs.local_pref(), communities)
    });
    told.collect()
}

fn from(host: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, host).into()
}

/// Two nodes of an AS that announce the same prefix to a third one, in the same AS or in another.
fn two_and_one(is_internal: bool, keys: &str) -> (Net, [NodeId; 3]) {
    let mut net = Net::new(65_536);
    let asn = if is_internal { 64512 } else { 65001 };
    let mut add = |host: u8, text: &str| net.add(config(Role::Node, text), &addresses(host));
    let blocks = "advertise: {blocks: [10.244.9.0/24]}\n";
    let two = [1, 2].map(|host| {
        let peer =
            format!("peers: [{{address: 10.0.0.3, as: {asn}, import: all, export: local}}]\n");
        add(host, &format!("as: 64512\n{blocks}{peer}"))
    });
    let peers: String = [1, 2]
        .map(|host| {
            format!("  - {{address: 10.0.0.{host}, as: 64512, import: all, export: all{keys}}}\n")
        })
        .concat();
    let three = add(
        3,
        &format!("as: {asn}\nadvertise: {{blocks: [10.244.3.0/24]}}\npeers:\n{peers}"),
    );
    let [one, two] = two;
    let is_settled =
        move |net: &Net| paths(net, three, block(9)).len() == 2 && has(net, one, block(3));
    assert!(net.run_until(MINUTE, is_settled));
    (net, [one, two, three])
}

#[test]
fn who_is_drained_is_preferred_by_nobody_and_loses_no_session() {
    for is_internal in [true, false] {
        let (mut net, [one, _, three]) = two_and_one(is_internal, "");
        assert_eq!(
            paths(&net, three, block(9))[0].0,
            from(1),
            "the lower address"
        );
        net.ask(one, |speaker, now| speaker.drain(now, "new kernel"));
        let moved = |net: &Net| paths(net, three, block(9))[0].0 == from(2);
        assert!(net.run_until(MINUTE, moved));
        let told = (from(1), Some(0), vec![Community::GRACEFUL_SHUTDOWN]);
        assert_eq!(paths(&net, three, block(9))[1], told);
        let back = |net: &Net| paths(net, three, block(9))[0].0 == from(1);
        net.run_for(MINUTE);
        assert!(!back(&net));
        net.ask(one, |speaker, now| speaker.undrain(now));
        assert!(net.run_until(MINUTE, back));
        let flaps: u64 = net
            .speaker(three)
            .peers()
            .map(|peer| peer.session().flaps())
            .sum();
        assert_eq!(flaps, 0);
    }
}

#[test]
fn a_peer_may_be_told_to_be_believed_no_more_than_others() {
    let (mut net, [one, _, three]) = two_and_one(false, ", graceful-shutdown: false");
    net.ask(one, |speaker, now| speaker.drain(now, ""));
    net.run_for(MINUTE);
    let leaving = vec![Community::GRACEFUL_SHUTDOWN];
    assert_eq!(paths(&net, three, block(9))[0], (from(1), None, leaving));
    // Without a reset, its routes are asked for again.
    let changed = net.speaker(three).config().clone();
    let mut changed = changed;
    for peer in &mut changed.peers {
        peer.graceful_shutdown = true;
    }
    net.ask(three, |speaker, now| speaker.reload(now, changed));
    let moved = |net: &Net| paths(net, three, block(9))[0].0 == from(2);
    assert!(net.run_until(MINUTE, moved));
    assert!(
        net.speaker(three)
            .peers()
            .all(|peer| peer.session().flaps() == 0)
    );
}

#[test]
fn one_session_is_left_in_both_directions() {
    let (mut net, [one, two, three]) = two_and_one(false, "");
    let peer = net.speaker(three).find_peer("10.0.0.1").unwrap();
    net.ask(three, |speaker, now| speaker.drain_peer(now, peer, "ToR 1"))
        .unwrap();
    let leaving = vec![Community::GRACEFUL_SHUTDOWN];
    let is_left = |net: &Net| {
        paths(net, three, block(9))[0].0 == from(2) && paths(net, one, block(3))[0].1 == Some(0)
    };
    assert!(net.run_until(MINUTE, is_left));
    assert_eq!(
        paths(&net, three, block(9))[1],
        (from(1), Some(0), leaving.clone())
    );
    assert_eq!(paths(&net, one, block(3)), [(from(3), Some(0), leaving)]);
    assert_eq!(paths(&net, two, block(3)), [(from(3), None, vec![])]);
    net.ask(three, |speaker, now| speaker.undrain_peer(now, peer))
        .unwrap();
    let is_back = |net: &Net| {
        paths(net, three, block(9))[0] == (from(1), None, vec![])
            && paths(net, one, block(3)) == [(from(3), None, vec![])]
    };
    assert!(net.run_until(MINUTE, is_back));
}

#[test]
fn who_comes_up_while_we_leave_is_told_so() {
    let (mut net, [one, _, three]) = two_and_one(false, "");
    net.ask(one, |speaker, now| speaker.drain(now, ""));
    let peer = net.speaker(one).find_peer("10.0.0.3").unwrap();
    net.ask(one, |speaker, now| {
        speaker.reset_peer(now, peer, speaker::ResetKind::Hard)
    })
    .unwrap();
    net.run_for(Duration::from_secs(1));
    assert!(net.run_until(MINUTE, |net| paths(net, three, block(9)).len() == 2));
    assert_eq!(paths(&net, three, block(9))[1].1, Some(0));
    let query = Query {
        listing: Listing::Out(peer),
        family: None,
        prefix: PrefixFilter::Exact(block(9)),
    };
    let mut said = Vec::new();
    net.speaker(one)
        .rib()
        .list(&query, rib::ListPlace::default(), 9, &mut |view| {
            said.extend(view.attrs.communities());
        });
    assert_eq!(said, [Community::GRACEFUL_SHUTDOWN], "listed as it is sent");
}
