use std::collections::BTreeSet;

use wire::{NextHop, Prefix};

use crate::testing::{Bench, address, block, config, plain};
use crate::*;

/// Applies what a consumer is given.
fn consume(bench: &mut Bench, id: ConsumerId, max: usize, held: &mut BTreeSet<Prefix>) -> Consumed {
    bench.rib.consume(id, max, &mut |prefix, _, dest| {
        if dest.best().is_some() {
            held.insert(prefix);
        } else {
            held.remove(&prefix);
        }
    })
}

#[test]
fn a_consumer_begins_with_everything_and_then_gets_changes() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    for n in 0..10 {
        bench.route(a, block(n), &plain(&[65001]));
    }
    bench.withdraw(a, block(9));
    let snapshot = bench.rib.version();
    let id = bench.rib.consumer_add();
    assert_eq!(bench.rib.version(), snapshot, "versions go on");
    let mut held = BTreeSet::new();
    assert_eq!(consume(&mut bench, id, 4, &mut held), Consumed::More);
    assert!(bench.rib.consumer_version(id) < snapshot);
    assert_eq!(consume(&mut bench, id, 40, &mut held), Consumed::Done);
    assert_eq!(bench.rib.consumer_version(id), snapshot);
    assert_eq!(held.len(), 9);
    bench.withdraw(a, block(0));
    bench.route(a, block(0), &plain(&[65002]));
    bench.withdraw(a, block(1));
    let mut given = Vec::new();
    bench.rib.consume(id, 10, &mut |prefix, _, dest| {
        given.push((prefix, dest.best().is_some()));
    });
    assert_eq!(
        given,
        [(block(0), true), (block(1), false)],
        "the latest only"
    );
    bench.rib.consumer_restart(id);
    held.clear();
    assert_eq!(consume(&mut bench, id, 40, &mut held), Consumed::Done);
    assert_eq!(held.len(), 8);
    bench.rib.consumer_remove(id);
    assert_eq!(consume(&mut bench, id, 40, &mut held), Consumed::Done);
}

#[test]
fn a_slow_consumer_gets_one_gap_and_then_the_table() {
    let mut bench = Bench::new(RibConfig {
        tombstone_limit: 1000,
        ..config()
    });
    let a = bench.up(2, PeerKind::IbgpClient);
    let (slow, fast) = (bench.rib.consumer_add(), bench.rib.consumer_add());
    let (mut held, mut all) = (BTreeSet::new(), BTreeSet::new());
    for n in 0..50_000 {
        bench.route(a, block(n), &plain(&[65001]));
        if n == 500 {
            consume(&mut bench, slow, 100_000, &mut held);
        }
        if n >= 100 {
            bench.withdraw(a, block(n - 100));
        }
        if n % 100 == 0 {
            assert_eq!(consume(&mut bench, fast, 1000, &mut all), Consumed::Done);
            bench.pull();
            bench.read_all(a);
            assert!(bench.rib.table.slots() < 2300, "memory does not grow");
        }
    }
    assert_eq!(held.len(), 101);
    assert_eq!(consume(&mut bench, slow, 1000, &mut held), Consumed::Gap);
    held.clear();
    assert_eq!(consume(&mut bench, slow, 1000, &mut held), Consumed::Done);
    consume(&mut bench, fast, 1000, &mut all);
    assert_eq!(held, all);
    assert_eq!(held.len(), 100);
}

/// The next hops of the best path and those that share traffic with it.
#[test]
fn consumers_are_given_all_paths_that_share_traffic() {
    let mut bench = Bench::new(config());
    let (a, b) = (bench.up(2, PeerKind::Ebgp), bench.up(3, PeerKind::Ebgp));
    let consumer = bench.rib.consumer_add();
    let hops = |bench: &mut Bench| {
        let mut hops: Vec<NextHop> = Vec::new();
        let mut times = 0;
        bench.rib.consume(consumer, 10, &mut |_, _, dest| {
            hops.extend(dest.multipath().map(|path| path.next_hop));
            times += 1;
        });
        (times, hops)
    };
    let (hop_a, hop_b) = (NextHop::V4(address(a)), NextHop::V4(address(b)));
    bench.route(a, block(1), &plain(&[65002]));
    assert_eq!(hops(&mut bench), (1, vec![hop_a]));
    bench.pull();
    let before = bench.rib.stats().totals;
    // The best path stays, so nobody is sent anything; but the kernel has to know.
    bench.route(b, block(1), &plain(&[65003]));
    assert_eq!(hops(&mut bench), (1, vec![hop_a, hop_b]));
    assert_eq!(hops(&mut bench), (0, vec![]));
    bench.pull();
    assert_eq!(bench.rib.stats().totals, before);
    bench.withdraw(a, block(1));
    assert_eq!(hops(&mut bench), (1, vec![hop_b]));
    bench.withdraw(b, block(1));
    assert_eq!(hops(&mut bench), (1, vec![]));
}
