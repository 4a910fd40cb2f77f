//! Speakers that do not come back for long, and what is kept of them all the same (RFC 9494).

use std::time::Duration;

use config::Role;
use speaker::{Event, KeptEnd, KeptFact};
use wire::{Community, Prefix};

use super::network::{
    MINUTE, TO_REFLECTOR, addresses, block, block6, config, has, node, node_text, whole,
};
use super::peers::up;
use crate::{Net, NodeId};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A reflector that wants to be back within 5 s and has its clients keep what it told for so long behind that.
fn reflector(net: &mut Net, stale_time: u32) -> NodeId {
    let text = format!(
        "as: 64512\ndynamic-peers:\n  - {{prefix: 10.0.0.0/24, as: internal, route-reflector-client: true, \
         graceful-restart: {{restart-time: 5}}, long-lived-graceful-restart: {{stale-time: {stale_time}}}}}\n"
    );
    net.add(config(Role::Reflector, &text), &addresses(250))
}

/// Three nodes behind a reflector, everything learned and quiet; the third one offers no long-lived graceful restart.
fn settled(stale_time: u32) -> (Net, NodeId, Vec<NodeId>) {
    let mut net = Net::new(65_536);
    let rr = reflector(&mut net, stale_time);
    let without = TO_REFLECTOR.replace('}', ", long-lived-graceful-restart: {enabled: false}}");
    let peers = [TO_REFLECTOR, TO_REFLECTOR, &without];
    let ids: Vec<NodeId> = (1..)
        .zip(peers)
        .map(|(host, peers)| node(&mut net, host, peers))
        .collect();
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    net.run_for(MINUTE * 2);
    (net, rr, ids)
}

/// The communities of the best path.
fn marks(net: &Net, id: NodeId, prefix: Prefix) -> Vec<Community> {
    let best = net.speaker(id).rib().best(&prefix);
    best.map_or(Vec::new(), |best| best.attrs.communities().collect())
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

fn writes(net: &Net, ids: &[NodeId]) -> usize {
    ids.iter().map(|id| net.kernel(*id).writes()).sum()
}

#[test]
fn a_reflector_that_is_lost_for_a_minute_is_missed_by_no_kernel() {
    let (mut net, rr, ids) = settled(86_400);
    let two = &ids[..2];
    let before = writes(&net, two);
    net.unplug(rr);
    net.run_for(seconds(4));
    assert_eq!(
        marks(&net, ids[0], block(2)),
        [],
        "within the restart time as it was"
    );
    net.run_for(seconds(56));
    for (id, prefix) in [(ids[0], block(2)), (ids[1], block6(1))] {
        assert_eq!(marks(&net, id, prefix), [Community::LLGR_STALE]);
        let speaker = net.speaker(id);
        let kept = speaker.peers().next().unwrap().kept().unwrap();
        assert_eq!((kept.until(), kept.long.len()), (None, 2));
        assert!(kept.long_until().unwrap() > net.now() + seconds(86_000));
    }
    assert!(
        !has(&net, ids[2], block(1)),
        "who did not offer it has nothing kept"
    );
    assert_eq!(kept_ends(&net, ids[2]), [KeptEnd::NotBack; 2]);
    reflector(&mut net, 86_400);
    net.run_for(MINUTE * 5);
    assert!(whole(&net, &ids));
    assert_eq!(writes(&net, two), before, "no kernel was written to");
    assert_eq!(marks(&net, ids[0], block(2)), []);
    assert_eq!(net.speaker(ids[0]).peers().next().unwrap().kept(), None);
    assert_eq!(kept_ends(&net, ids[0]), []);
}

#[test]
fn what_is_kept_for_long_goes_when_its_time_is_over() {
    let (mut net, rr, ids) = settled(30);
    let at = net.elapsed();
    net.unplug(rr);
    assert!(net.run_until(MINUTE * 2, |net| !has(net, ids[0], block(2))));
    let took = (net.elapsed() - at).as_secs();
    assert!((34..=36).contains(&took), "{took} s");
    assert_eq!(kept_ends(&net, ids[0]), [KeptEnd::LongOver; 2]);
    assert_eq!(net.speaker(ids[0]).rib().stats().paths, 2, "its own blocks");
}

#[test]
fn we_bound_what_others_ask_for() {
    let mut net = Net::new(65_536);
    let rr = reflector(&mut net, 86_400);
    let bound = TO_REFLECTOR.replace('}', ", long-lived-graceful-restart: {max-stale-time: 20}}");
    let ids = [node(&mut net, 1, &bound), node(&mut net, 2, TO_REFLECTOR)];
    assert!(net.run_until(MINUTE, |net| whole(net, &ids)));
    net.run_for(MINUTE);
    net.unplug(rr);
    net.run_for(seconds(30));
    assert!(!has(&net, ids[0], block(2)) && has(&net, ids[1], block(1)));
}

#[test]
fn who_comes_back_having_forgotten_what_it_forwarded_is_believed() {
    let (mut net, rr, ids) = settled(86_400);
    net.unplug(rr);
    net.run_for(seconds(30));
    let speaker = net.speaker(ids[0]);
    assert_eq!(
        speaker.peers().next().unwrap().kept().unwrap().long.len(),
        2
    );
    // In its place comes one that does not speak of it at all.
    let text = "as: 64512\ndynamic-peers:\n  - {prefix: 10.0.0.0/24, as: internal, route-reflector-client: true, \
                long-lived-graceful-restart: {enabled: false}}\n";
    net.unplug(ids[1]);
    net.add(config(Role::Reflector, text), &addresses(250));
    assert!(net.run_until(MINUTE, |net| up(net, ids[0]) == 1));
    net.run_for(seconds(1));
    assert!(!has(&net, ids[0], block(2)));
    assert_eq!(kept_ends(&net, ids[0]), [KeptEnd::NotForwarded; 2]);
}

/// A reflector that goes again before it has told all of what is kept of it, `after` its first loss, and what is left of
/// the second node at the first then.
fn lost_twice(after: Duration) -> (Net, Vec<NodeId>, bool) {
    let (mut net, rr, ids) = settled(600);
    net.unplug(rr);
    net.run_for(after);
    assert!(has(&net, ids[0], block(2)));
    net.unplug(ids[1]);
    let rr = reflector(&mut net, 600);
    assert!(net.run_until(MINUTE, |net| up(net, ids[0]) == 1));
    net.run_for(seconds(1));
    assert!(has(&net, ids[0], block(2)), "it has not said End-of-RIB");
    net.unplug(rr);
    net.run_for(Duration::ZERO);
    let is_left = has(&net, ids[0], block(2));
    (net, ids, is_left)
}

#[test]
fn a_second_loss_takes_nothing_that_is_kept_for_long_and_gives_it_no_more_time() {
    let (mut net, ids, is_left) = lost_twice(seconds(300));
    assert!(is_left);
    assert_eq!(marks(&net, ids[0], block(2)), [Community::LLGR_STALE]);
    net.run_for(seconds(280));
    assert!(has(&net, ids[0], block(2)));
    net.run_for(seconds(40));
    assert!(!has(&net, ids[0], block(2)), "605 s after the first loss");
}

#[test]
fn a_second_loss_within_the_restart_time_keeps_what_was_kept_where_both_agreed() {
    let (mut net, ids, is_left) = lost_twice(Duration::ZERO);
    assert!(is_left, "RFC 8538");
    assert_eq!(marks(&net, ids[0], block(2)), []);
    net.run_for(seconds(6));
    assert_eq!(marks(&net, ids[0], block(2)), [Community::LLGR_STALE]);
}

#[test]
fn what_is_kept_for_long_goes_to_those_who_know_it_and_inside_the_as_to_others_that_are_to_have_it()
{
    let mut net = Net::new(65_536);
    let own =
        |keys: &str| format!("  - {{address: 10.0.0.250, as: internal, import: all{keys}}}\n");
    let lost = own(
        ", graceful-restart: {restart-time: 5}, long-lived-graceful-restart: {stale-time: 600}",
    );
    let off = ", long-lived-graceful-restart: {enabled: false}";
    let rr = "as: 64512\npeers:\n\
        - {address: 10.0.0.1, as: internal, passive: true, route-reflector-client: true}\n\
        - {address: 10.0.0.2, as: internal, passive: true, route-reflector-client: true}\n\
        - {address: 10.0.0.3, as: internal, passive: true, route-reflector-client: true}\n\
        - {address: 10.0.0.4, as: internal, passive: true, route-reflector-client: true, long-lived-graceful-restart: {partial-deployment: true}}\n\
        - {address: 10.0.0.5, as: 65005, passive: true, import: none, export: all}\n";
    net.add(config(Role::Reflector, rr), &addresses(250));
    let other = "  - {address: 10.0.0.250, as: 64512, import: all}\n";
    let foreign = node_text(5, other).replace("as: 64512\n", "as: 65005\n");
    let (one, two) = (node(&mut net, 1, &lost), node(&mut net, 2, TO_REFLECTOR));
    let (three, four) = (node(&mut net, 3, &own(off)), node(&mut net, 4, &own(off)));
    let five = net.add(config(Role::Node, &foreign), &addresses(5));
    let all = [two, three, four, five];
    let has_all = |net: &Net| all.iter().all(|id| has(net, *id, block(1)));
    assert!(net.run_until(MINUTE, has_all));
    net.run_for(MINUTE);
    net.unplug(one);
    net.run_for(seconds(4));
    assert!(has_all(&net));
    net.run_for(seconds(4));
    assert_eq!(
        all.map(|id| has(&net, id, block(1))),
        [true, false, true, false]
    );
    assert_eq!(marks(&net, two, block(1)), [Community::LLGR_STALE]);
    let last = [Community::LLGR_STALE, Community::NO_EXPORT];
    assert_eq!(marks(&net, four, block(1)), last);
    let pref = |id| {
        net.speaker(id)
            .rib()
            .best(&block(1))
            .unwrap()
            .attrs
            .local_pref()
    };
    assert_eq!([two, four].map(pref), [Some(100), Some(0)]);
    let text = node_text(1, &lost);
    net.add(config(Role::Node, &text), &addresses(1));
    assert!(net.run_until(MINUTE, has_all), "it is back");
    assert_eq!(marks(&net, two, block(1)), []);
}

#[test]
fn a_network_that_comes_back_costs_no_kernel_a_route() {
    let (mut net, rr, ids) = settled(86_400);
    let two = &ids[..2];
    let before = writes(&net, two);
    for id in &ids {
        net.silence(rr, *id);
        net.silence(*id, rr);
    }
    net.run_for(MINUTE * 5);
    assert_eq!(up(&net, rr), 0);
    assert_eq!(
        net.speaker(rr).rib().stats().paths,
        0,
        "nothing is kept there"
    );
    assert_eq!(marks(&net, ids[0], block(2)), [Community::LLGR_STALE]);
    // One is there at once, and the other one a while later.
    for id in &ids {
        net.hear(rr, *id);
        net.hear(*id, rr);
        net.run_for(seconds(7));
    }
    net.run_for(MINUTE * 5);
    assert!(whole(&net, &ids));
    assert_eq!(writes(&net, two), before, "no kernel was written to");
    assert_eq!(kept_ends(&net, ids[0]), []);
}
