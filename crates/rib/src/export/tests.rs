use std::time::Duration;

use bytes::Bytes;
use wire::{Community, Family, NextHop, Prefix};

use crate::testing::{Bench, Seen, address, block, config, plain, prefix};
use crate::*;

/// Announced prefixes of the messages, and how many messages there were.
fn announced(seen: &[Seen]) -> (usize, usize) {
    let sizes = seen.iter().filter_map(|seen| match seen {
        Seen::Announce(prefixes) => Some(prefixes.len()),
        Seen::Withdraw(_) | Seen::EndOfRib(_) | Seen::EndOfRefresh(_) => None,
    });
    (sizes.clone().sum(), sizes.count())
}

/// Octets encoded for so many members, with announcements, replacements and withdrawals of 3 sources.
fn encoded(members: u32) -> (u64, Bench) {
    let mut bench = Bench::new(config());
    for n in 0..members {
        bench.up(2 + n, PeerKind::IbgpClient);
    }
    bench.settle();
    for n in 0..600 {
        let from = if n % 3 == 0 {
            PeerId::LOCAL
        } else {
            PeerId(2 + n % 2)
        };
        let hop = NextHop::V4(address(from));
        bench.announce(from, block(n), &plain(&[65001, 1 + n % 7]), hop);
    }
    bench.settle();
    for n in 0..300 {
        if n % 2 == 0 {
            bench.withdraw(PeerId(2 + n % 2), block(n));
        } else {
            bench.route(PeerId(2), block(n), &plain(&[65009]));
        }
    }
    bench.settle();
    (bench.rib.stats().totals.bytes_encoded, bench)
}

#[test]
fn as_many_octets_are_encoded_for_500_members_as_for_2() {
    let (two, few) = encoded(2);
    let (five_hundred, many) = encoded(500);
    assert!(two > 3_000);
    assert_eq!(two, five_hundred);
    let group = many.rib.group_counters(PeerId(400)).unwrap();
    assert_eq!(group.bytes_encoded, five_hundred);
    let (few, many) = (few.rib.stats(), many.rib.stats());
    assert_eq!(few.totals.messages_encoded, many.totals.messages_encoded);
    assert!(
        many.delivered_bytes > 400 * five_hundred,
        "and all of them were written to all"
    );
}

#[test]
fn routes_with_equal_attributes_share_messages_and_withdrawals_pack_across_sources() {
    let mut bench = Bench::new(config());
    let (a, b) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    let c = bench.up(4, PeerKind::IbgpClient);
    bench.settle();
    bench.forget_seen();
    for n in 0..500 {
        bench.route(a, block(n), &plain(&[65001]));
        bench.route(b, block(1000 + n), &plain(&[65001]));
        bench.route(
            a,
            Prefix::new(crate::testing::v6(PeerId(9)).into(), 128 - (n % 9) as u8)
                .unwrap()
                .trunc(),
            &plain(&[65001]),
        );
    }
    bench.settle();
    let (routes, messages) = announced(&bench.seen(c));
    assert_eq!((routes, messages), (1000 + 9, 3));
    for n in 0..500 {
        bench.withdraw(a, block(n));
        bench.withdraw(b, block(1000 + n));
    }
    bench.settle();
    let seen = bench.seen(c);
    assert_eq!(
        seen.len(),
        1,
        "one message withdraws what two peers had announced"
    );
    assert_eq!(bench.holds(c).len(), 9);
}

#[test]
fn end_of_rib_comes_once_for_each_family_and_behind_all_that_was_there() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    bench.pull();
    bench.read_all(a);
    let none: Vec<Seen> = Family::ALL.map(Seen::EndOfRib).into();
    assert_eq!(bench.seen(a), none, "also of an empty table");
    for n in 0..3000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n % 50]));
    }
    bench.settle();
    // A pull is pending while B joins: B hears of it before End-of-RIB, too.
    bench.route(a, block(5000), &plain(&[65001]));
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.settle();
    let seen = bench.seen(b);
    let (routes, _) = announced(&seen);
    assert_eq!(routes, 3001);
    assert_eq!(seen[seen.len() - 2..], none[..]);
    // The first of a group needs no walk, and the same order.
    let c = bench.up(4, PeerKind::Ebgp);
    bench.settle();
    let seen = bench.seen(c);
    assert_eq!(announced(&seen).0, 3001);
    assert_eq!(seen[seen.len() - 2..], none[..]);
    bench.rib.refresh(b, Family::Ipv4Unicast);
    bench.route(a, block(6000), &plain(&[65001]));
    bench.settle();
    for peer in [a, b, c] {
        assert_eq!(bench.peers[&peer].end_of_rib, [1, 1]);
    }
}

#[test]
fn a_refresh_sends_the_whole_family_again_and_nothing_else() {
    let mut bench = Bench::new(config());
    let (a, b) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    let c = bench.up(4, PeerKind::IbgpClient);
    for n in 0..100 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
    }
    bench.route(b, block(200), &plain(&[65001]));
    bench.route(a, prefix("2001:db8:1::/48"), &plain(&[65001]));
    bench.settle();
    bench.forget_seen();
    bench.rib.refresh(b, Family::Ipv4Unicast);
    bench.settle();
    let seen = bench.seen(b);
    assert_eq!(announced(&seen), (100, 100));
    assert_eq!(
        (bench.seen(a), bench.seen(c)),
        (vec![], vec![]),
        "nobody else gets it"
    );
    bench.rib.refresh(b, Family::Ipv6Unicast);
    bench.settle();
    assert_eq!(announced(&bench.seen(b)), (1, 1));
}

#[test]
fn attributes_that_outgrow_the_message_withdraw_the_route() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.route(a, block(1), &plain(&[65001]));
    bench.settle();
    assert_eq!(bench.holds(b), [block(1)]);
    let many: Vec<Community> = (0..1010).map(Community).collect();
    let mut attrs = plain(&[65001]);
    bench.route(a, block(1), attrs.set_communities(&many));
    bench.route(a, block(2), &plain(&[65001]));
    bench.settle();
    assert_eq!(bench.holds(b), [block(2)]);
    assert_eq!(bench.rib.stats().totals.too_large, 1);
    let c = bench.up(4, PeerKind::IbgpClient);
    bench.settle();
    assert_eq!(bench.holds(c), [block(2)], "nor does a snapshot have it");
}

/// RFC 8654: whoever takes long messages gets what others cannot be sent, and goes back to nobody's short ones.
#[test]
fn attributes_that_outgrow_a_short_message_reach_those_who_take_long_ones() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    let short = bench.up(3, PeerKind::IbgpClient);
    let long = PeerId(4);
    bench.rib.source_up(
        long,
        crate::testing::source(long, PeerKind::IbgpClient.into()),
    );
    let mut settings = bench.settings(PeerKind::IbgpClient);
    settings.encode.max_len = wire::MAX_EXTENDED_LEN;
    bench.join_with(long, &settings);
    bench.route(a, block(1), &plain(&[65001]));
    bench.settle();
    let many: Vec<Community> = (0..12_000).map(Community).collect();
    let mut attrs = plain(&[65001]);
    attrs.set_communities(&many);
    for n in 1..=3000 {
        bench.route(a, block(n), &attrs);
    }
    bench.settle();
    assert_eq!(bench.holds(short), []);
    assert_eq!(bench.holds(long).len(), 3000);
    assert!(bench.rib.stats().groups > 1, "they are not sent the same");
    bench.route(a, block(1), &plain(&[65001]));
    bench.withdraw(a, block(2));
    bench.settle();
    assert_eq!(bench.holds(short), [block(1)]);
    assert_eq!(bench.holds(long).len(), 2999);
}

/// One group that always has more to pull leaves its turn to the others.
#[test]
fn groups_take_turns_with_their_pulls() {
    let mut bench = Bench::new(RibConfig {
        log_limit: 64 << 20,
        ..config()
    });
    let a = bench.up(2, PeerKind::IbgpClient);
    let b = bench.up(3, PeerKind::Ebgp);
    bench.settle();
    bench.now += Duration::from_secs(1);
    for round in 0..4 {
        for n in 0..1500 {
            bench.route(PeerId::LOCAL, block(n), &plain(&[1 + round]));
        }
        bench.rib.flush(bench.now);
        bench.read_all(a);
        bench.read_all(b);
    }
    assert!(!bench.holds(a).is_empty());
    assert!(!bench.holds(b).is_empty());
}

#[test]
fn a_group_whose_members_all_read_slowly_is_not_pulled_for() {
    let mut bench = Bench::new(RibConfig {
        log_limit: 2 << 20,
        ..config()
    });
    let a = bench.up(2, PeerKind::IbgpClient);
    let only = bench.up(3, PeerKind::Ebgp);
    bench.settle();
    for n in 0..60_000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
    }
    bench.pull();
    let kept = bench.rib.stats().log_bytes;
    assert!(kept < 900_000, "{kept}");
    bench.settle();
    assert_eq!(bench.rib.poll_reset(), None);
    assert_eq!(bench.holds(only).len(), 60_000);
}

#[test]
fn tombstones_wait_for_slow_members_up_to_their_limit() {
    let mut bench = Bench::new(RibConfig {
        tombstone_limit: 50,
        ..config()
    });
    let (a, slow) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    bench.settle();
    let mut most = 0;
    for n in 0..200 {
        bench.route(a, block(n), &plain(&[65001]));
        bench.pull();
        bench.withdraw(a, block(n));
        bench.pull();
        bench.read_all(a);
        most = most.max(bench.rib.stats().tombstones);
    }
    assert_eq!(most, 50);
    assert_eq!(bench.rib.poll_reset(), None, "the log has it all");
    bench.read_all(slow);
    assert_eq!(bench.holds(slow), []);
    bench.settle();
    let stats = bench.rib.stats();
    assert_eq!((stats.tombstones, stats.destinations), (0, 0));
}

#[test]
fn tombstones_make_a_group_pull_though_all_its_members_are_slow() {
    let mut bench = Bench::new(RibConfig {
        tombstone_limit: 50,
        log_limit: 8 << 20,
        ..config()
    });
    let (a, b) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::Ebgp),
    );
    for n in 0..20_000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
    }
    bench.settle();
    for n in 0..20_000 {
        bench.route(a, block(n), &plain(&[65002, 1 + n]));
    }
    bench.pull();
    for n in 0..20_000 {
        bench.withdraw(a, block(n));
    }
    assert_eq!(bench.rib.stats().tombstones, 20_000);
    bench.pull();
    assert!(bench.rib.stats().tombstones <= 50);
    bench.settle();
    assert_eq!(bench.holds(b), []);
}

#[test]
fn a_slow_joiner_holds_up_nobody_and_keeps_little() {
    let mut bench = Bench::new(RibConfig {
        log_limit: 64 << 20,
        ..config()
    });
    let a = bench.up(2, PeerKind::IbgpClient);
    for n in 0..40_000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
    }
    bench.settle();
    let slow = bench.up(3, PeerKind::IbgpClient);
    let fast = bench.up(4, PeerKind::IbgpClient);
    bench.read(slow, 100);
    for _ in 0..10_000 {
        bench.rib.work(256);
        bench.read_all(fast);
        assert!(bench.rib.stats().log_bytes < 1_300_000);
        if bench.peers[&fast].end_of_rib == [1, 1] {
            break;
        }
    }
    assert_eq!(bench.holds(fast).len(), 40_000);
    bench.settle();
    assert_eq!(bench.holds(slow).len(), 40_000);
    assert_eq!(bench.peers[&slow].end_of_rib, [1, 1]);
}

#[test]
fn two_changes_go_out_at_once_and_a_burst_waits_for_its_tick() {
    let mut bench = Bench::new(config());
    for n in 0..500 {
        bench.up(2 + n, PeerKind::IbgpClient);
    }
    bench.settle();
    assert_eq!(bench.rib.next_flush(), None);
    bench.now += Duration::from_secs(1);
    let now = bench.now;
    bench.route(PeerId(2), block(1), &plain(&[65001]));
    assert!(bench.rib.next_flush().is_some_and(|at| at <= now));
    assert!(!bench.rib.flush(now));
    assert!(bench.rib.readable(PeerId(3)), "at once");
    bench.read_all(PeerId(3));
    bench.withdraw(PeerId(2), block(1));
    assert!(bench.rib.next_flush().is_some_and(|at| at <= now));
    assert!(!bench.rib.flush(now));
    assert!(bench.rib.readable(PeerId(3)), "the second too");
    bench.route(PeerId(2), block(2), &plain(&[65001]));
    let at = bench.rib.next_flush().unwrap();
    assert_eq!(at - now, Duration::from_millis(12), "4 x 500 x 6 us");
    bench.rib.flush(now + Duration::from_millis(11));
    assert_eq!(bench.rib.next_flush(), Some(at));
    bench.rib.flush(at);
    assert_eq!(bench.rib.next_flush(), None);
}

#[test]
fn slices_are_shared_and_cut_between_messages() {
    let mut bench = Bench::new(config());
    let (a, b) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    let c = bench.up(4, PeerKind::IbgpClient);
    bench.settle();
    for n in 0..100 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
    }
    bench.pull();
    assert_eq!(bench.rib.poll_ready(), Some(a));
    assert_eq!(bench.rib.poll_ready(), Some(b));
    let (mut to_b, mut to_c): (Vec<Bytes>, Vec<Bytes>) = (Vec::new(), Vec::new());
    bench.rib.fill(b, &mut to_b, 1 << 20);
    bench.rib.fill(c, &mut to_c, 1 << 20);
    assert_eq!(to_b.len(), 1, "100 messages in one slice");
    assert_eq!(to_b[0].as_ptr(), to_c[0].as_ptr(), "of the same memory");
    bench.rib.fill(a, &mut to_b, 1 << 20);
    assert_eq!(to_b.len(), 1, "nothing goes back to the source");
    for n in 0..100 {
        bench.route(a, block(n), &plain(&[65002, 1 + n]));
    }
    bench.pull();
    while bench.read(b, 500) {}
    assert_eq!(bench.holds(b).len(), 100);
    assert_eq!(bench.rib.poll_ready(), Some(c), "it was not told before");
    assert_eq!(bench.rib.poll_ready(), Some(a));
    assert_eq!(bench.rib.poll_ready(), None);
}

#[test]
fn counts_tell_received_accepted_and_advertised() {
    let mut bench = Bench::new(config());
    let (a, b) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::Ebgp),
    );
    for n in 0..10 {
        bench.route(a, block(n), &plain(&[65001]));
    }
    bench.route(b, prefix("2001:db8:1::/48"), &plain(&[65001]));
    let hop = NextHop::V4(address(a));
    bench.announce_as(a, block(20), &plain(&[1]), hop, Err(RejectReason::AsLoop));
    bench.announce_as(a, block(0), &plain(&[1]), hop, Err(RejectReason::AsLoop));
    bench.settle();
    let of_a = bench.rib.path_counts(a);
    assert_eq!(
        of_a[0],
        PathCounts {
            received: 11,
            accepted: 9
        }
    );
    assert_eq!(
        bench.rib.path_counts(b)[1],
        PathCounts {
            received: 1,
            accepted: 1
        }
    );
    assert_eq!(bench.rib.advertised_counts(a), [0, 1]);
    assert_eq!(bench.rib.advertised_counts(b), [9, 0]);
    bench.down(a);
    bench.settle();
    assert_eq!(bench.rib.path_counts(a), [PathCounts::default(); 2]);
    assert_eq!(bench.rib.advertised_counts(b), [0, 0]);
    assert_eq!(bench.rib.stats().paths, 1);
    assert_eq!(bench.rib.stats().attribute_sets, 1);
}

/// A driver that only looks at `has_work` and `next_flush` behind each `fill` brings everything across.
#[test]
fn reading_is_what_makes_walks_and_pulls_go_on() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    bench.settle();
    for n in 0..20_000 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
    }
    bench.settle();
    let joined = bench.up(3, PeerKind::IbgpClient);
    let first = bench.up(4, PeerKind::Ebgp);
    bench.rib.work(100_000);
    bench.pull();
    assert!(!bench.rib.has_work(), "far enough ahead of who reads");
    assert_eq!(bench.rib.next_flush(), None);
    bench.read_all(joined);
    assert!(bench.rib.has_work());
    bench.read_all(first);
    assert!(bench.rib.next_flush().is_some());
    bench.settle();
    assert_eq!(bench.holds(joined).len(), 20_000);
    assert_eq!(bench.holds(first).len(), 20_000);
}

/// A member that passes over what is not for it frees the tombstones that waited for it, though it is written nothing.
#[test]
fn a_read_that_gives_nothing_lets_tombstones_go() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    bench.settle();
    bench.route(a, block(1), &plain(&[65001]));
    bench.pull();
    bench.route(a, block(2), &plain(&[65001]));
    bench.withdraw(a, block(2));
    bench.pull();
    assert_eq!(bench.rib.stats().tombstones, 1);
    assert!(!bench.read(a, 1 << 16), "its own route, and nothing else");
    assert_eq!(bench.rib.stats().tombstones, 0);
}
