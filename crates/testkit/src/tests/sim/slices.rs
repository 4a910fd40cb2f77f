//! Why work is done in slices: a walk over a million destinations takes longer than a hold time, and keepalives must not
//! wait for it. And the same for a storm of updates.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use wire::Prefix;

use super::world::{Plan, World};
use crate::{Costs, Kind, Options, PeerEnd};

/// Hosts from 100.0.0.0 on.
fn host(index: u32) -> Prefix {
    Prefix::new(IpAddr::V4(Ipv4Addr::from(0x6400_0000 + index)), 32).unwrap()
}

fn plan(kinds: &[Kind], step: Duration, is_sliced: bool) -> Plan {
    let mut plan = Plan::of(kinds);
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
