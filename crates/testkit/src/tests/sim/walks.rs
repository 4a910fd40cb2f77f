//! Walks that run beside changes: who asks for its routes again while some are about to change, and who is too slow for
//! what new settings say. Small tables, so that every step falls between two others for some seed.

use std::time::Duration;

use super::cases::{fill, slow};
use super::seeds;
use super::storm::prefix;
use super::world::{Plan, World};
use crate::octets::{TRANSITIVE, code};
use crate::{Costs, Dice, Kind};

/// A route that is better than others, of a peer's own AS.
fn preferred(world: &mut World, from: crate::PeerHandle) -> crate::octets::Route {
    let mut route = world.plain(from, false);
    route.set(TRANSITIVE, code::LOCAL_PREF, vec![0, 0, 0, 200]);
    route
}

/// A better route comes and goes between two pulls, while the peer that has the other one asks for all routes again. The
/// walk must not say what the group has not pulled: nobody would take it back (engine rule 6).
#[test]
fn a_refresh_tells_nothing_that_is_gone_before_others_hear_of_it() {
    seeds("a_refresh_tells_nothing", &[], 12, |seed| {
        let mut dice = Dice::new(seed);
        // So many members that a pull pays for a few hundred microseconds.
        let mut plan = Plan::of(&[Kind::Client; 16]);
        plan.options = slow(seed, Duration::ZERO);
        plan.options.latency = [Duration::ZERO; 2];
        plan.options.costs = Costs::default();
        let mut world = World::new(plan);
        world.all_up();
        let [asks, better, other] = [0, 1, 2].map(|index| world.peers[index]);
        fill(&mut world, asks, 0..4, 2, 0);
        world.rest();
        for round in 0..40 {
            let mut pause = |world: &mut World, most| {
                world.run_for(Duration::from_micros(dice.below(most)));
            };
            // A pull that was just now is what the next one waits for.
            fill(&mut world, other, 100 + round..101 + round, 1, 0);
            pause(&mut world, 200);
            let prefixes = [prefix(round % 4, false)];
            let route = preferred(&mut world, better);
            world.announce(better, &prefixes, &route);
            pause(&mut world, 60);
            world.net.refresh(asks, false);
            pause(&mut world, 120);
            world.withdraw(better, &prefixes);
            pause(&mut world, 2000);
            if round % 4 == 3 {
                world.rest();
                world.check();
            }
        }
        world.leave();
    });
}

/// All members of a group get other settings at once. One that reads nothing meanwhile lets go of the log while the walk
/// that tells of them goes on, or before it has read what the walk wrote (engine rules 9 and 12).
#[test]
fn who_lets_go_of_the_log_misses_no_new_settings() {
    seeds("who_lets_go_of_the_log", &[], 12, |seed| {
        let mut dice = Dice::new(seed);
        let mut plan = Plan::of(&[Kind::Client; 4]);
        plan.options = slow(seed, Duration::from_micros(dice.pick(&[1, 20])));
        plan.options.window = dice.pick(&[2_000, 20_000]);
        let mut world = World::new(plan);
        world.all_up();
        let [feeder, slow_one] = [0, 1].map(|index| world.peers[index]);
        // Half of them fill the log with what the walk says of them.
        let (count, size) = dice.pick(&[(400, 3500), (200, 0), (2000, 0)]);
        fill(&mut world, feeder, 0..count, 1, size);
        world.rest();
        let before = world.net.speaker(world.rr).rib().stats().totals.detached;
        let mut is_self = false;
        for _ in 0..3 {
            world.net.stall(slow_one);
            is_self = !is_self;
            let is_told = !dice.one_in(4);
            world.change_all(is_told, is_self);
            world.run_for(Duration::from_micros(dice.below(20_000)));
            // What comes now is behind it in the log, and too much for it.
            fill(&mut world, feeder, 5000..5400, 1, 3500);
            world.run_for(Duration::from_millis(dice.below(3000)));
            world.net.resume(slow_one);
            if !is_told {
                world.run_for(Duration::from_millis(dice.below(300)));
                world.change_all(true, is_self);
            }
            world.rest();
            world.check();
        }
        let detached = world.net.speaker(world.rr).rib().stats().totals.detached - before;
        assert!(detached > 0, "it reads too slowly");
        world.leave();
    });
}
