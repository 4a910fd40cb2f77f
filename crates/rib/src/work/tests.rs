use crate::testing::{Bench, block, config, plain, source};
use crate::*;

/// A peer goes down and comes back while the walk is in the middle: what it announced now stays, all else goes.
#[test]
fn a_peer_that_returns_during_the_walk_loses_nothing_new() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    let b = bench.up(3, PeerKind::IbgpClient);
    for n in 0..100 {
        bench.route(a, block(n), &plain(&[65001]));
    }
    bench.settle();
    bench.rib.source_down(a);
    assert!(bench.rib.work(30), "30 of 100");
    bench.rib.source_up(a, source(a, SourceKind::IbgpClient));
    // Some that the walk has passed, and some that it has not; with the same attributes and with others.
    for n in (0..100).step_by(10) {
        let path = if n % 20 == 0 { 65001 } else { 65009 };
        bench.route(a, block(n), &plain(&[path]));
    }
    assert!(bench.rib.work(30));
    // And down and up once more.
    bench.rib.source_down(a);
    bench.rib.work(10);
    bench.rib.source_up(a, source(a, SourceKind::IbgpClient));
    for n in (0..100).step_by(5) {
        bench.route(a, block(n), &plain(&[65001]));
    }
    while bench.rib.work(7) {}
    bench.settle();
    let expected: Vec<_> = (0..100).step_by(5).map(block).collect();
    assert_eq!(bench.holds(b), expected);
    assert_eq!(bench.rib.path_counts(a)[0].received, 20);
    assert!(!bench.rib.work(1), "forgets what all have read");
    let stats = bench.rib.stats();
    assert_eq!((stats.paths, stats.destinations), (20, 20));
}

#[test]
fn a_walk_is_cut_into_slices_and_takes_one_lap() {
    let mut bench = Bench::new(config());
    let peers: Vec<PeerId> = (2..6).map(|n| bench.up(n, PeerKind::IbgpClient)).collect();
    for n in 0..400 {
        bench.route(peers[n as usize % 4], block(n), &plain(&[65001]));
    }
    bench.settle();
    for peer in &peers[..3] {
        bench.down(*peer);
    }
    let mut slices = 1;
    while bench.rib.work(50) {
        slices += 1;
    }
    assert!(slices <= 9, "three peers share one lap of 400: {slices}");
    assert_eq!(bench.rib.stats().paths, 100);
    assert!(!bench.rib.has_work());
}

#[test]
fn a_withdrawal_for_a_path_that_still_waits_for_the_walk_is_not_needed() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    bench.route(a, block(1), &plain(&[65001]));
    bench.rib.source_down(a);
    bench.withdraw(a, block(1));
    bench.rib.source_up(a, source(a, SourceKind::IbgpClient));
    bench.withdraw(a, block(1));
    assert!(bench.rib.best(&block(1)).is_none(), "touched is pruned");
    assert_eq!(bench.rib.stats().paths, 0);
}

#[test]
fn the_loss_of_a_small_peer_costs_what_it_had() {
    let mut bench = Bench::new(config());
    let (big, small) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    for n in 0..20_000 {
        bench.route(big, block(n), &plain(&[65001]));
    }
    for n in [7, 9_000, 19_999, 30_000] {
        bench.route(small, block(n), &plain(&[]));
    }
    // It comes and goes many times; what it has stays little.
    for n in 0..1000 {
        bench.route(small, block(n), &plain(&[]));
        bench.withdraw(small, block(n));
    }
    bench.settle();
    let before = bench.rib.steps();
    bench.rib.source_down(small);
    while bench.rib.work(1024) {}
    assert_eq!(bench.rib.stats().paths, 20_000);
    let steps = bench.rib.steps() - before;
    assert!(steps <= 4, "{steps} steps to take out 3 paths");
    // One that has much is looked for, also after it had little.
    for n in 0..200 {
        bench.withdraw(big, block(n));
    }
    for n in 200..20_000 {
        bench.withdraw(big, block(n));
    }
    for n in 0..100 {
        bench.route(big, block(n), &plain(&[65001]));
    }
    bench.rib.source_down(big);
    while bench.rib.work(1024) {}
    assert_eq!(bench.rib.stats().paths, 0);
    assert!(!bench.rib.has_work());
}
