//! Properties that take a certain course of events, over many seeds.

use std::rc::Rc;
use std::time::Duration;

use rib::Stats;
use speaker::Event;
use wire::Prefix;

use super::seeds;
use super::storm::{prefix, watch_bounds};
use super::world::{Plan, World};
use crate::octets::{OPTIONAL, PathName, TRANSITIVE, code};
use crate::{Costs, Dice, Kind, Options, PeerHandle, Table};

fn stats(world: &World) -> Stats {
    world.net.speaker(world.rr).rib().stats()
}

/// A network in which everything takes a while.
pub(super) fn slow(seed: u64, step: Duration) -> Options {
    Options {
        seed,
        chunk: 65_536,
        is_shuffled: true,
        latency: [100, 2000].map(Duration::from_micros),
        window: 64 * 1024,
        costs: Costs {
            step,
            kilo_octet: Duration::from_micros(5),
        },
        is_sliced: true,
    }
}

/// Announces these prefixes, so many with each set of attributes; the sets are of this size about.
pub(super) fn fill(
    world: &mut World,
    from: PeerHandle,
    range: std::ops::Range<u32>,
    each: usize,
    size: usize,
) {
    let prefixes: Vec<Prefix> = range.map(|index| prefix(index, false)).collect();
    for some in prefixes.chunks(each) {
        let mut route = world.plain(from, false);
        if size > 0 {
            let octet = u8::try_from(world.number % 251).unwrap();
            route.set(OPTIONAL | TRANSITIVE, 243, vec![octet; size]);
        }
        world.announce(from, some, &route);
    }
}

#[test]
fn a_route_that_turns_onto_its_receiver_leaves_it() {
    seeds("a_route_that_turns", &[], 20, |seed| {
        let mut dice = Dice::new(seed);
        let kinds = [Kind::Client, Kind::Client, Kind::NonClient, Kind::Client];
        let mut plan = Plan::of(&kinds);
        plan.options = slow(seed, Duration::from_micros(1));
        let mut world = World::new(plan);
        world.all_up();
        let (from, onto) = (world.peers[0], world.peers[1 + dice.index(3)]);
        let target = world.oracle.party(onto).script.clone();
        let (here, beside) = (prefix(1, false), prefix(2, false));
        let mut route = world.plain(from, false);
        world.announce(from, &[here, beside], &route);
        world.rest();
        assert!(world.net.peer(onto).holds(here).next().is_some());
        let is_stalled = dice.one_in(2);
        if is_stalled {
            world.net.stall(onto);
        }
        // Once the other way, from where it came, and back again, before anybody has read anything.
        for turn in 0..1 + dice.below(3) {
            route = world.plain(from, false);
            if turn % 2 == 0 && dice.one_in(2) {
                let id = target.router_id.octets();
                route.set(OPTIONAL, code::ORIGINATOR_ID, id.into());
            } else if turn % 2 == 0 {
                route.next_hop = target.address.into();
            }
            world.announce(from, &[here], &route);
            world.run_for(Duration::from_millis(dice.below(200)));
        }
        world.net.resume(onto);
        world.rest();
        world.check();
        let turned = route.next_hop == target.address
            || route.number(code::ORIGINATOR_ID) == Some(target.router_id.into());
        let holds = |prefix| world.net.peer(onto).holds(prefix).next().is_some();
        assert_eq!(holds(here), !turned);
        assert!(holds(beside), "its neighbour stays");
    });
}

/// What is encoded in a run of these operations, when so many clients listen.
fn encoded(seed: u64, listeners: usize) -> Stats {
    let mut plan = Plan::of(&vec![Kind::Client; listeners + 1]);
    plan.options.seed = seed;
    let mut world = World::new(plan);
    world.all_up();
    world.rest();
    let feeder = world.peers[0];
    let mut dice = Dice::new(seed);
    for _ in 0..30 {
        let first = u32::try_from(dice.below(500)).unwrap();
        let count = u32::try_from(1 + dice.below(300)).unwrap();
        if dice.one_in(3) {
            let gone: Vec<Prefix> = (first..first + count)
                .map(|index| prefix(index, false))
                .collect();
            world.withdraw(feeder, &gone);
        } else {
            fill(&mut world, feeder, first..first + count, 300, 0);
        }
        world.run_for(Duration::from_secs(1));
    }
    world.check();
    stats(&world)
}

#[test]
fn what_is_encoded_does_not_depend_on_how_many_listen() {
    seeds("what_is_encoded", &[], 5, |seed| {
        let few = encoded(seed, 1);
        assert!(few.totals.announced > 1000, "{few:?}");
        for listeners in [2, 40] {
            let many = encoded(seed, listeners);
            assert_eq!(many.totals, few.totals);
            // The feeder is in the group, too, and is sent the withdrawals alone.
            let times = u64::try_from(listeners).unwrap();
            assert!(many.delivered_bytes > few.delivered_bytes / 2 * times);
        }
    });
}

/// When each of the first listeners had the whole table, if so many others never read.
fn times_to_the_table(seed: u64, listeners: usize, stalled: usize) -> Vec<Duration> {
    const ROUTES: u32 = 30_000;
    let mut plan = Plan::of(&vec![Kind::Client; 1 + listeners + stalled]);
    plan.options = slow(seed, Duration::from_micros(2));
    plan.options.is_shuffled = false;
    plan.options.latency = [Duration::from_micros(100); 2];
    plan.hold_time = 90;
    let mut world = World::new(plan);
    watch_bounds(&mut world);
    world.all_up();
    let (healthy, deaf) = world.peers[1..].split_at(listeners);
    for peer in deaf {
        world.net.stall(*peer);
    }
    let mut left = healthy.to_vec();
    let feeder = world.peers[0];
    let start = world.net.elapsed();
    fill(&mut world, feeder, 0..ROUTES, 50, 3000);
    let mut times = Vec::new();
    let all = world.net.run_until(Duration::from_secs(60), |net| {
        left.retain(|peer| {
            let is_whole = net.peer(*peer).table().len() == ROUTES as usize;
            if is_whole {
                times.push(net.elapsed() - start);
            }
            !is_whole
        });
        left.is_empty()
    });
    assert!(all, "{:?}", stats(&world));
    assert_eq!(stats(&world).detached, stalled);
    times
}

#[test]
fn those_who_do_not_read_delay_nobody() {
    seeds("those_who_do_not_read", &[], 2, |seed| {
        let alone = times_to_the_table(seed, 4, 0);
        let among = times_to_the_table(seed, 4, 12);
        for (alone, among) in alone.iter().zip(&among) {
            assert!(
                among.as_secs_f64() < alone.as_secs_f64() * 1.1,
                "{among:?} among others that do not read, {alone:?} without"
            );
        }
    });
}

/// The routes of a table, to compare: who announced them and in what form.
fn marks(table: &Table) -> Vec<(PathName, Option<(u32, u32)>)> {
    let routes = table.iter();
    routes.map(|(name, route)| (*name, route.mark())).collect()
}

#[test]
fn who_was_slow_and_who_comes_new_hold_the_same() {
    seeds("who_was_slow", &[], 12, |seed| {
        let mut dice = Dice::new(seed);
        let mut plan = Plan::of(&[Kind::Client; 5]);
        plan.options = slow(seed, Duration::from_micros(2));
        plan.takes_paths = if dice.one_in(2) { u64::MAX } else { 0 };
        plan.tombstones = 100_000;
        plan.hold_time = 90;
        let mut world = World::new(plan);
        watch_bounds(&mut world);
        let [one, other, steady, slow, late] = world.peers[..] else {
            panic!("five peers");
        };
        for peer in [one, other, steady] {
            world.up(peer);
        }
        let is_there_first = dice.one_in(2);
        if is_there_first {
            world.up(slow);
        }
        fill(&mut world, one, 0..3000, 8, 3000);
        fill(&mut world, other, 1000..3500, 8, 3000);
        world.run_for(Duration::from_millis(dice.below(300)));
        if !is_there_first {
            // It stops in the middle of its first table.
            world.rest();
            world.up(slow);
            world.run_for(Duration::from_millis(dice.below(20)));
        }
        world.net.stall(slow);
        // It misses new routes, others gone, and others that change hands; more than the log holds.
        for from in [one, other] {
            let first = u32::try_from(dice.below(2000)).unwrap();
            let gone: Vec<Prefix> = (first..first + 1200)
                .map(|index| prefix(index, false))
                .collect();
            world.withdraw(from, &gone);
            let first = u32::try_from(dice.below(4000)).unwrap();
            fill(&mut world, from, first..first + 1500, 5, 3500);
            world.run_for(Duration::from_millis(dice.below(3000)));
        }
        // This alone is more than the log holds, whatever became of the rest.
        fill(&mut world, other, 5500..5900, 1, 3500);
        world.run_for(Duration::from_secs(5));
        assert!(stats(&world).totals.detached > 0, "{:?}", stats(&world));
        world.net.resume(slow);
        world.run_for(Duration::from_millis(dice.below(100)));
        // And something happens while it catches up.
        fill(&mut world, one, 5000..5300, 10, 0);
        world.rest();
        world.up(late);
        world.rest();
        world.check();
        assert!(world.net.peer(slow).ended().is_empty(), "nobody was reset");
        let fresh = marks(world.net.peer(late).table());
        assert!(fresh.len() > 1000);
        assert_eq!(marks(world.net.peer(slow).table()), fresh);
        assert_eq!(marks(world.net.peer(steady).table()), fresh);
    });
}

#[test]
fn routes_that_change_hands_while_a_slow_peer_returns_end_in_the_right_ones() {
    seeds("routes_that_change_hands", &[], 24, |seed| {
        let mut dice = Dice::new(seed);
        let mut plan = Plan::of(&[Kind::Client; 4]);
        plan.options = slow(seed, Duration::from_micros(dice.pick(&[1, 20, 100])));
        plan.options.window = dice.pick(&[30_000, 100_000, 200_000]);
        plan.takes_paths = if dice.one_in(2) { u64::MAX } else { 0 };
        plan.hold_time = 90;
        let mut world = World::new(plan);
        world.all_up();
        let [feeder, one, other, slow] = world.peers[..] else {
            panic!("four peers");
        };
        for cycle in 0..3 {
            world.net.stall(slow);
            fill(&mut world, feeder, 0..400, 1, 3500);
            let detached = |world: &World| stats(world).detached > 0;
            for _ in 0..100 {
                if !detached(&world) {
                    world.run_for(Duration::from_millis(50));
                }
            }
            assert!(detached(&world) || cycle > 0, "{:?}", stats(&world));
            let back = dice.below(50);
            for step in 0..4000 {
                if step == back {
                    world.net.resume(slow);
                }
                if step > back + 20 && !detached(&world) {
                    break;
                }
                // The slow one is one of those whose routes change hands.
                let by = dice.pick(&[one, other, slow, slow]);
                let at = prefix(1000 + u32::try_from(dice.below(3)).unwrap(), false);
                if dice.one_in(2) {
                    world.withdraw(by, &[at]);
                } else {
                    let mut route = world.plain(by, false);
                    let preference = 99 + u32::try_from(dice.below(3)).unwrap();
                    route.set(
                        TRANSITIVE,
                        code::LOCAL_PREF,
                        preference.to_be_bytes().into(),
                    );
                    world.announce(by, &[at], &route);
                }
                let most = dice.pick(&[100, 500, 2000]);
                world.run_for(Duration::from_micros(dice.below(most)));
            }
            world.rest();
            world.check();
        }
    });
}

#[test]
fn the_end_of_the_table_is_told_once_and_behind_all_of_it() {
    seeds("the_end_of_the_table", &[], 12, |seed| {
        let mut dice = Dice::new(seed);
        let kinds = [Kind::Client, Kind::NonClient, Kind::Ebgp];
        let joins: Vec<Kind> = (0..4).map(|_| dice.pick(&kinds)).collect();
        let mut plan = Plan::of(&[&[Kind::Client, Kind::Ebgp], &joins[..]].concat());
        plan.options = slow(seed, Duration::from_micros(20));
        plan.takes_paths = dice.roll() & dice.roll();
        let mut world = World::new(plan);
        let (feeder, restless) = (world.peers[0], world.peers[1]);
        world.up(feeder);
        world.up(restless);
        let routes = 500 + u32::try_from(dice.below(4000)).unwrap();
        fill(&mut world, feeder, 0..routes, 30, 0);
        let v6: Vec<Prefix> = (0..100).map(|index| prefix(index, true)).collect();
        let route = world.plain(feeder, true);
        world.announce(feeder, &v6, &route);
        world.rest();
        for joins in world.peers.clone().split_off(2) {
            // Others change meanwhile; what does not must all be there at the end.
            fill(&mut world, restless, 10_000..10_200, 7, 0);
            world.up(joins);
            let gone: Vec<Prefix> = (10_000..10_100).map(|index| prefix(index, false)).collect();
            world.withdraw(restless, &gone);
            world.run_for(Duration::from_millis(dice.below(50)));
        }
        world.rest();
        world.check();
        for joined in &world.peers[2..] {
            let peer = world.net.peer(*joined);
            for is_v6 in [false, true] {
                let held = peer.at_end_of_rib(is_v6).expect("End-of-RIB came");
                let stable = world.oracle.table(*joined);
                let fed = world.oracle.party(feeder).script.mark(0);
                let mut count = 0;
                for (prefix, paths) in stable {
                    let is_fed = paths[0].mark().is_some_and(|(from, _)| from == fed);
                    if matches!(prefix, Prefix::V6(_)) != is_v6 || !is_fed {
                        continue;
                    }
                    let mut there = held.range((prefix, 0)..=(prefix, u32::MAX));
                    let there = there.next().map(|(_, route)| Rc::as_ref(route));
                    assert_eq!(there, Some(&paths[0]), "at the end of the table");
                    count += 1;
                }
                assert!(count >= 100);
            }
        }
    });
}

#[test]
fn a_peer_that_returns_while_its_old_routes_go_keeps_the_new_ones() {
    seeds("a_peer_that_returns", &[46], 4, |seed| {
        let mut dice = Dice::new(seed);
        let mut plan = Plan::of(&[Kind::Client, Kind::Ebgp, Kind::Client]);
        // Its routes take many seconds to go, and it is back after one or two.
        plan.options = slow(seed, Duration::from_millis(1));
        plan.takes_paths = dice.roll();
        plan.hold_time = 30;
        // Beyond the limit nobody is read, so that it could not return.
        plan.tombstones = 100_000;
        let mut world = World::new(plan);
        world.all_up();
        let (leaves, stays) = (world.peers[0], world.peers[1]);
        fill(&mut world, leaves, 0..12_000, 100, 0);
        fill(&mut world, stays, 6000..7000, 100, 0);
        world.rest();
        if dice.one_in(2) {
            world.cut(leaves);
        } else {
            world.hang_up(leaves);
        }
        world.run_for(Duration::from_millis(1));
        world.up(leaves);
        let rib = world.net.speaker(world.rr).rib();
        assert!(rib.has_work(), "its old routes are still there");
        for _ in 0..5 {
            let first = u32::try_from(dice.below(12_000)).unwrap();
            fill(&mut world, leaves, first..first + 800, 100, 0);
            world.run_for(Duration::from_millis(dice.below(900)));
        }
        if dice.one_in(2) {
            // And once more, before it has ended.
            world.cut(leaves);
            world.up(leaves);
            fill(&mut world, leaves, 3000..3800, 100, 0);
        }
        world.rest();
        world.check();
        assert!(world.oracle.said(leaves).len() >= 800);
        world.leave();
    });
}

#[test]
fn who_is_not_read_is_not_given_up() {
    seeds("who_is_not_read_is_not_given_up", &[], 2, |seed| {
        let mut plan = Plan::of(&[Kind::Client, Kind::Ebgp, Kind::Client, Kind::NonClient]);
        plan.options = slow(seed, Duration::from_millis(1));
        plan.takes_paths = seed % 2;
        plan.hold_time = 30;
        let mut world = World::new(plan);
        world.all_up();
        let leaves = world.peers[0];
        fill(&mut world, leaves, 0..12_000, 100, 0);
        world.rest();
        // More withdrawals than may wait: for longer than the hold time nothing is read until they are passed on.
        world.cut(leaves);
        let mut deaf = Duration::ZERO;
        for _ in 0..60 {
            world.run_for(Duration::from_secs(1));
            deaf += Duration::from_secs(world.net.speaker(world.rr).is_full().into());
        }
        assert!(deaf > Duration::from_secs(20), "{deaf:?}");
        for stays in &world.peers[1..] {
            assert!(world.net.peer(*stays).is_established());
        }
        let downs = world.net.events(world.rr).iter();
        let downs = downs.filter(|event| matches!(event, Event::SessionDown { .. }));
        assert_eq!(downs.count(), 1, "the one that left");
    });
}

#[test]
fn a_peer_that_never_reads_and_one_that_never_repeats_itself_fill_nothing() {
    seeds("a_peer_that_never_reads", &[], 3, |seed| {
        let mut plan = Plan::of(&[Kind::Client; 4]);
        plan.options = slow(seed, Duration::from_micros(1));
        // The deaf one reads what others read, too, or is alone with what it takes: then nothing is made for it.
        plan.takes_paths = [0, u64::MAX, 0b10][usize::try_from(seed % 3).unwrap()];
        let is_alone = seed % 3 == 2;
        plan.hold_time = 90;
        let mut world = World::new(plan);
        watch_bounds(&mut world);
        world.all_up();
        let (restless, deaf) = (world.peers[0], world.peers[1]);
        world.net.stall(deaf);
        for round in 0..30 {
            let range = round * 700..(round + 1) * 700;
            fill(&mut world, restless, range.clone(), 7, 2000);
            world.run_for(Duration::from_millis(300));
            let gone: Vec<Prefix> = range.map(|index| prefix(index, false)).collect();
            world.withdraw(restless, &gone);
            world.run_for(Duration::from_millis(300));
        }
        let stats = stats(&world);
        assert!(is_alone || stats.resets > 0, "it had to go: {stats:?}");
        assert!(is_alone || stats.tombstones == 0, "and with it what waited");
        let events = world.net.events(world.rr).len();
        assert!(events < 100, "{events} lines");
        world.net.resume(deaf);
        world.rest();
        world.check();
        world.leave();
    });
}
