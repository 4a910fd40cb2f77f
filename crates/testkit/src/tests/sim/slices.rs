//! Why work is done in slices: a walk over a million destinations takes longer than a hold time, and keepalives must not
//! wait for it. And the same for a storm of updates.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use wire::Prefix;

use super::world::{Plan, World};
use crate::octets;
use crate::{Costs, Kind, Options, PeerEnd};

/// Hosts from 100.0.0.0 on.
fn host(index: u32) -> Prefix {
    Prefix::new(IpAddr::V4(Ipv4Addr::from(0x6400_0000 + index)), 32).unwrap()
}

fn plan(kinds: &[Kind], step: Duration, is_sliced: bool) -> Plan {
    let mut plan = Plan::of(kinds);
    // Nobody is to go for what it has not read.
    plan.tombstones = 10_000_000;
    plan.options = Options {
        seed: 5,
        latency: [Duration::from_micros(100); 2],
        window: 200_000,
        costs: Costs {
            step,
            kilo_octet: Duration::from_micros(5),
        },
        is_sliced,
        ..Options::default()
    };
    plan
}

/// How the sessions ended, when one feeder leaves a table of so many routes behind and others only listen.
fn ends_of_a_walk(routes: u32, step: Duration, is_sliced: bool) -> Vec<PeerEnd> {
    let mut world = World::new(plan(&[Kind::Client; 4], step, is_sliced));
    let feeder = world.peers[0];
    world.all_up();
    // The table is put there in slices in either case, so that only the walk makes the difference.
    for from in (0..routes).step_by(5000) {
        let prefixes: Vec<Prefix> = (from..routes.min(from + 5000)).map(host).collect();
        let route = world.plain(feeder, false);
        world.announce(feeder, &prefixes, &route);
        world.run_for(Duration::from_secs(1));
    }
    world.rest();
    let before = world.net.worked(world.rr);
    world.hang_up(feeder);
    world.run_for(Duration::from_secs(120));
    let worked = world.net.worked(world.rr) - before;
    assert!(
        worked > Duration::from_secs(9),
        "the walk takes longer than the hold time: {worked:?}"
    );
    let peers = world.peers.iter().filter(|peer| **peer != feeder);
    peers
        .flat_map(|peer| world.net.peer(*peer).ended().to_vec())
        .collect()
}

fn walk(routes: u32, step: Duration) {
    assert_eq!(ends_of_a_walk(routes, step, true), []);
    let ended = ends_of_a_walk(routes, step, false);
    assert!(
        ended.contains(&PeerEnd::HoldTimerExpired),
        "work in one piece was noticed by nobody: {ended:?}"
    );
}

/// The machine is slow, so that a smaller table shows it, too.
#[test]
fn a_walk_in_slices_lets_keepalives_through_and_one_in_one_piece_does_not() {
    walk(120_000, Duration::from_micros(100));
}

#[test]
#[ignore = "long: a million routes; scripts/test-long runs it"]
fn so_it_is_with_a_million_routes() {
    walk(1_000_000, Duration::from_micros(12));
}

/// A storm of so many updates from two peers, while three others listen. How the sessions ended, how long the reflector
/// worked, and for how long.
fn storm(updates: u32, step: Duration) -> (Vec<PeerEnd>, Duration, Duration) {
    const PREFIXES: u32 = 20_000;
    let kinds = [
        Kind::Client,
        Kind::Ebgp,
        Kind::Client,
        Kind::NonClient,
        Kind::Ebgp,
    ];
    let mut world = World::new(plan(&kinds, step, true));
    world.all_up();
    let (one, other) = (world.peers[0], world.peers[1]);
    let prefixes: Vec<Prefix> = (0..PREFIXES).map(host).collect();
    let (start, before) = (world.net.elapsed(), world.net.worked(world.rr));
    let mut left = updates;
    let mut blocks = prefixes.chunks(1000).cycle();
    while left > 0 {
        for from in [one, other] {
            // They say more as soon as the reflector takes it: it never comes to rest.
            while world.net.unsaid(from) < 100_000 && left > 0 {
                let block = blocks.next().unwrap_or_default();
                if world.dice.one_in(4) {
                    world.net.say(from, octets::withdraw(block, None));
                } else {
                    let route = world.plain(from, false);
                    world.net.say(from, octets::announce(block, None, &route));
                }
                left = left.saturating_sub(1000);
            }
        }
        world.run_for(Duration::from_millis(100));
    }
    // What each says last is what the oracle has to know.
    for from in [one, other] {
        world.withdraw(from, &prefixes);
        let route = world.plain(from, false);
        world.announce(from, &prefixes[..5000], &route);
    }
    world.rest();
    let worked = world.net.worked(world.rr) - before;
    let took = world.net.elapsed() - start;
    world.check();
    let peers = world.peers.iter();
    let ended = peers.flat_map(|peer| world.net.peer(*peer).ended().to_vec());
    (ended.collect(), worked, took)
}

fn a_storm(updates: u32, step: Duration) {
    let (ended, worked, took) = storm(updates, step);
    assert_eq!(ended, []);
    assert!(
        worked > Duration::from_secs(30),
        "several hold times: {worked:?}"
    );
    assert!(
        worked.as_secs_f64() > took.as_secs_f64() * 0.8,
        "it was at work nearly all the time: {worked:?} of {took:?}"
    );
}

#[test]
fn no_hold_timer_expires_in_a_storm_of_updates() {
    a_storm(300_000, Duration::from_micros(100));
}

#[test]
#[ignore = "long: ten million updates; scripts/test-long runs it"]
fn no_hold_timer_expires_in_a_storm_of_ten_million_updates() {
    a_storm(10_000_000, Duration::from_micros(6));
}
