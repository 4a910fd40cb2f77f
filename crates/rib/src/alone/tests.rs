//! Slow members: what they cost, what they are told when they come back, and when they are reset.

use crate::testing::{Bench, Seen, block, config, plain};
use crate::*;

fn small(log_limit: usize, tombstone_limit: usize) -> Bench {
    Bench::new(RibConfig {
        log_limit,
        tombstone_limit,
        ..config()
    })
}

/// A source, a member that never reads, and one that does.
fn three(bench: &mut Bench) -> [PeerId; 3] {
    let peers = [2, 3, 4].map(|n| bench.up(n, PeerKind::IbgpClient));
    bench.settle();
    peers
}

#[test]
fn who_falls_off_the_log_is_detached_and_nobody_else() {
    let mut bench = small(20_000, 100_000);
    let [a, slow, fast] = three(&mut bench);
    for n in 0..1000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
        bench.pull();
        bench.read_all(fast);
        bench.read_all(a);
        assert!(bench.rib.stats().log_bytes < 21_000);
    }
    let stats = bench.rib.stats();
    assert_eq!((stats.detached, stats.members, stats.resets), (1, 3, 0));
    assert_eq!(bench.holds(fast).len(), 1000);
    assert_eq!(bench.rib.poll_reset(), None);
    bench.settle();
    assert_eq!(bench.holds(slow), bench.holds(fast));
    assert_eq!(bench.rib.stats().detached, 0, "it went back to the log");
    bench.forget_seen();
    bench.route(a, block(5000), &plain(&[65001]));
    bench.settle();
    assert_eq!(bench.seen(slow), [Seen::Announce(vec![block(5000)])]);
    assert_eq!(bench.rib.stats().totals.detached, 1);
}

/// A burst may make more in one pull than the log may hold. Who had read everything before it is not slow.
#[test]
fn nobody_is_detached_for_a_pull_that_nobody_could_have_read_yet() {
    let mut bench = small(20_000, 100_000);
    let [a, slow, b] = three(&mut bench);
    bench.route(a, block(5000), &plain(&[65001]));
    bench.pull();
    bench.read_all(a);
    bench.read_all(b);
    for n in 0..1000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
    }
    bench.pull();
    assert!(bench.rib.stats().log_bytes > 40_000);
    assert_eq!(bench.rib.stats().detached, 1, "{slow:?}");
    bench.settle();
    assert_eq!(bench.holds(b).len(), 1001);
    assert_eq!(bench.holds(slow).len(), 1001);
}

/// What changed a hundred times while a member was stuck is told to it once, in few octets, and costs others nothing.
#[test]
fn a_stuck_member_is_told_the_latest_state_once() {
    let mut bench = small(4_000, 100_000);
    let [a, slow, fast] = three(&mut bench);
    for round in 0..100 {
        for n in 0..20 {
            bench.route(a, block(n), &plain(&[65001, round + 1]));
        }
        bench.pull();
        bench.read_all(fast);
        bench.read_all(a);
    }
    assert_eq!(bench.rib.stats().detached, 1);
    bench.forget_seen();
    let before = bench.rib.stats().totals;
    bench.settle();
    let told: usize = bench.seen(slow).iter().map(announced).sum();
    assert_eq!(told, 20);
    let after = bench.rib.stats().totals;
    assert_eq!(after.bytes_encoded, before.bytes_encoded);
    assert!(after.private_bytes > before.private_bytes);
    assert_eq!(bench.holds(slow), bench.holds(fast));
}

fn announced(seen: &Seen) -> usize {
    match seen {
        Seen::Announce(prefixes) => prefixes.len(),
        Seen::Withdraw(_) | Seen::EndOfRib(_) | Seen::EndOfRefresh(_) => 0,
    }
}

/// One that never reads beside one that announces ever new prefixes: the withdrawn ones wait for it up to their limit,
/// then it is reset, and only it.
#[test]
fn a_member_for_which_too_many_withdrawals_wait_is_reset() {
    let mut bench = small(4_000, 100);
    let [a, slow, fast] = three(&mut bench);
    let mut reset = Vec::new();
    for n in 0..1000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
        bench.pull();
        bench.read_all(fast);
        bench.withdraw(a, block(n));
        bench.pull();
        bench.read_all(fast);
        bench.read_all(a);
        reset.extend(std::iter::from_fn(|| bench.rib.poll_reset()));
        let stats = bench.rib.stats();
        assert!(stats.tombstones <= 101, "{stats:?}");
        assert!(stats.log_bytes < 5_000, "{stats:?}");
        assert!(stats.destinations <= 102, "{stats:?}");
    }
    assert_eq!(reset, [(slow, ResetReason::TombstoneLimit)]);
    assert_eq!(bench.rib.stats().members, 2);
    assert_eq!(bench.holds(fast), []);
}

/// A member that is still in the log when more withdrawals were forgotten than may wait cannot be detached any more.
#[test]
fn a_member_that_would_miss_a_withdrawal_is_reset_and_not_detached() {
    let mut bench = small(100_000, 10);
    let [a, slow, fast] = three(&mut bench);
    for n in 0..400 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
        bench.pull();
        bench.withdraw(a, block(n));
        bench.pull();
        bench.read_all(fast);
        bench.read_all(a);
        // They are in the log that it reads, and do not wait for it besides.
        let stats = bench.rib.stats();
        assert!(stats.tombstones <= 11, "{stats:?}");
    }
    assert_eq!(bench.rib.stats().detached, 0);
    let mut resets = Vec::new();
    for n in 0..2000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
        bench.pull();
        bench.read_all(fast);
        bench.read_all(a);
        resets.extend(std::iter::from_fn(|| bench.rib.poll_reset()));
    }
    assert_eq!(resets, [(slow, ResetReason::LogLimit)]);
}

/// The End-of-RIB of a member that is detached in its first walk comes behind the whole table, and once.
#[test]
fn end_of_rib_of_a_detached_member_comes_behind_the_whole_table() {
    let mut bench = small(2_000, 100_000);
    let [a, _, fast] = three(&mut bench);
    for n in 0..3000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n % 7]));
    }
    bench.settle();
    let late = bench.up(5, PeerKind::IbgpClient);
    bench.rib.work(10);
    bench.read(late, 100);
    for n in 3000..3200 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
        bench.pull();
        bench.read_all(fast);
    }
    assert!(bench.rib.stats().detached >= 1);
    assert_eq!(bench.peers[&late].end_of_rib, [0, 0]);
    while bench.peers[&late].end_of_rib == [0, 0] {
        assert!(bench.read(late, 1 << 16));
        if bench.peers[&late].end_of_rib == [0, 0] {
            bench.rib.work(100);
        }
    }
    assert_eq!(bench.holds(late).len(), 3200);
    bench.settle();
    assert_eq!(bench.peers[&late].end_of_rib, [1, 1]);
}

/// All members are stuck: nothing is encoded into a log that nobody reads, and the first to come back gets it all.
#[test]
fn a_group_whose_members_are_all_detached_serves_each_when_it_comes() {
    let mut bench = small(2_000, 100_000);
    let [a, one, two] = three(&mut bench);
    for peer in [a, one, two] {
        assert!(bench.rib.detach(peer));
    }
    for n in 0..2000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
        bench.pull();
    }
    assert!(bench.rib.stats().log_bytes < 5_000);
    bench.settle();
    assert_eq!(bench.holds(one).len(), 2000);
    assert_eq!(bench.holds(one), bench.holds(two));
    assert_eq!(bench.holds(a), []);
}
