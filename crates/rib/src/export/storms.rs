//! Many members that join while others announce: what is encoded for it, and that all end with the whole table.

use crate::testing::{Bench, block, config, plain, prefix};
use crate::{PeerId, PeerKind, RibConfig};

/// Each peer joins, and announces its block when it is up; everybody reads all the time.
fn announcing_on_arrival(members: u32) -> Bench {
    let mut bench = Bench::new(config());
    for n in 0..members {
        let peer = bench.up(2 + n, PeerKind::IbgpClient);
        while bench.rib.work(1000) {}
        bench.route(peer, block(n), &plain(&[65001]));
        bench.pull();
        while let Some(ready) = bench.rib.poll_ready() {
            bench.read_all(ready);
        }
    }
    bench.settle();
    bench
}

/// All join, then all announce.
fn announcing_together(members: u32) -> Bench {
    let mut bench = Bench::new(config());
    for n in 0..members {
        bench.up(2 + n, PeerKind::IbgpClient);
    }
    bench.settle();
    for n in 0..members {
        bench.route(PeerId(2 + n), block(n), &plain(&[65001]));
    }
    bench.settle();
    bench
}

#[test]
fn members_that_join_while_others_announce_share_what_is_encoded() {
    let (mixed, together) = (announcing_on_arrival(300), announcing_together(300));
    assert_eq!(
        mixed.rib.stats().totals.bytes_encoded,
        together.rib.stats().totals.bytes_encoded
    );
    for bench in [mixed, together] {
        for n in 0..300 {
            let expected: Vec<_> = (0..300).filter(|other| *other != n).map(block).collect();
            assert_eq!(bench.holds(PeerId(2 + n)), expected);
            assert_eq!(bench.peers[&PeerId(2 + n)].end_of_rib, [1, 1]);
        }
    }
}

/// After a change that takes something back, the first who joins makes a walk, and whoever joins until the next such
/// change has it for nothing; nobody is told of what is no more.
#[test]
fn members_that_join_between_two_changes_share_one_walk() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    for n in 0..50 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
    }
    bench.settle();
    for round in 0..3 {
        bench.withdraw(a, block(round));
        bench.route(a, block(40 + round), &plain(&[65009]));
        bench.settle();
        let before = bench.rib.stats().totals;
        let first = bench.up(100 + round * 100, PeerKind::IbgpClient);
        bench.settle();
        let walked = bench.rib.stats().totals.bytes_encoded - before.bytes_encoded;
        assert!(walked > 1000, "{walked}");
        for n in 1..20 {
            let later = bench.up(100 + round * 100 + n, PeerKind::IbgpClient);
            bench.route(a, block(1000 + round * 100 + n), &plain(&[65001]));
            bench.settle();
            let never = (0..=round).map(block);
            assert!(
                never
                    .clone()
                    .all(|gone| !bench.holds(later).contains(&gone))
            );
            assert_eq!(bench.holds(later), bench.holds(first));
        }
        let all = bench.rib.stats().totals.bytes_encoded - before.bytes_encoded;
        assert!(all < walked + 20 * 70, "{all} against {walked}");
    }
}

/// Who begins a walk and leaves in the middle of it leaves nothing half made behind.
#[test]
fn a_walk_whose_only_member_left_is_begun_anew() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    for n in 0..100 {
        bench.route(a, block(n), &plain(&[65001]));
    }
    bench.route(a, prefix("2001:db8:1::/48"), &plain(&[65001]));
    bench.withdraw(a, block(0));
    bench.settle();
    bench.route(a, block(1), &plain(&[65002]));
    bench.settle();
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.rib.work(30);
    bench.down(b);
    bench.rib.refresh(a, wire::Family::Ipv4Unicast);
    bench.rib.work(30);
    let c = bench.up(4, PeerKind::IbgpClient);
    bench.rib.work(30);
    let d = bench.up(5, PeerKind::IbgpClient);
    bench.down(c);
    bench.settle();
    assert_eq!(bench.holds(d).len(), 100);
    assert_eq!(bench.peers[&d].end_of_rib, [1, 1]);
}

#[test]
fn what_is_kept_for_members_to_come_has_a_limit() {
    let mut bench = Bench::new(RibConfig {
        log_limit: 40_000,
        ..config()
    });
    let a = bench.up(2, PeerKind::IbgpClient);
    let mut most = 0;
    for n in 0..1000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
        bench.pull();
        bench.read_all(a);
        let stats = bench.rib.stats();
        assert_eq!(stats.log_bytes, 0);
        most = most.max(stats.kept_bytes);
    }
    assert!((15_000..=20_000).contains(&most), "{most}");
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.settle();
    assert_eq!(bench.holds(b).len(), 1000);
    assert_eq!(bench.rib.poll_reset(), None);
    assert!(bench.rib.stats().kept_bytes <= 40_000);
}
