use wire::{AttrBuilder, Community};

use super::*;
use crate::ids::PeerKind;
use crate::rib::RibConfig;
use crate::testing::{Bench, block, config, plain, prefix};

const SLICE: usize = 64;

fn limited(route_limit: usize) -> Bench {
    Bench::new(RibConfig {
        route_limit,
        ..config()
    })
}

/// Attributes of about 4 KiB that no other number has.
fn bulky(number: u32) -> AttrBuilder {
    let mut attrs = plain(&[65010]);
    let communities: Vec<Community> = (0..1000).map(|n| Community(number * 1000 + n)).collect();
    attrs.set_communities(&communities);
    attrs
}

/// Works slice by slice until nothing is left, and gives the peers that were reset, which go down at once.
fn work(bench: &mut Bench) -> Vec<(PeerId, ResetReason)> {
    let mut gone = Vec::new();
    for _ in 0..100_000 {
        let more = bench.rib.work(SLICE);
        while let Some((peer, reason)) = bench.rib.poll_reset() {
            bench.down(peer);
            gone.push((peer, reason));
        }
        if !more && !bench.rib.has_work() {
            return gone;
        }
    }
    panic!("the work does not end");
}

fn charge(bench: &mut Bench, of: PeerId) -> u64 {
    let charges = bench.rib.charges();
    let own = charges.iter().filter(|(peer, _)| *peer == of);
    own.map(|(_, octets)| octets).sum()
}

#[test]
fn the_charges_add_up_to_the_whole() {
    let mut bench = limited(usize::MAX);
    let peers = [2, 3, 4].map(|n| bench.up(n, PeerKind::IbgpClient));
    for n in 0..3000 {
        let attrs = plain(&[65001 + n % 700]);
        bench.route(peers[0], block(n), &attrs);
        if n % 2 == 0 {
            bench.route(peers[1], block(n), &attrs);
        }
        if n % 10 == 0 {
            bench.route(peers[2], block(n), &bulky(n));
            bench.route(peers[2], prefix(&format!("2001:db8:{n:x}::/48")), &attrs);
        }
    }
    bench.pull();
    let all: u64 = bench.rib.charges().iter().map(|(_, octets)| octets).sum();
    let whole = bench.rib.route_octets() as u64;
    assert!(all <= whole && whole - all < whole / 20, "{all} of {whole}");
    // What is shared is shared in the charges, too; who brings bulk of its own pays for it.
    let own = peers.map(|peer| charge(&mut bench, peer));
    assert!(own[0] > own[1] && own[2] > 300 * 4000, "{own:?}");
}

#[test]
fn what_is_counted_is_about_what_is_allocated() {
    let mut bench = limited(usize::MAX);
    let one = bench.up(2, PeerKind::IbgpClient);
    for n in 0..60_000 {
        bench.route(one, block(n), &plain(&[65001 + n % 10_000]));
    }
    bench.pull();
    let (counted, allocated) = (bench.rib.route_octets(), bench.rib.stats());
    let allocated = allocated.table_bytes + allocated.attribute_bytes;
    let percent = counted * 100 / allocated;
    assert!((70..=130).contains(&percent), "{counted} of {allocated}");
}

#[test]
fn who_brings_most_goes_and_nobody_else() {
    let mut bench = limited(2 << 20);
    let honest = bench.up(2, PeerKind::IbgpClient);
    let hostile = bench.up(3, PeerKind::IbgpClient);
    for n in 0..5000 {
        bench.route(honest, block(n), &plain(&[65001 + n % 50]));
    }
    assert_eq!(work(&mut bench), []);
    let mut announced = 0;
    while !bench.rib.is_full() {
        bench.route(hostile, block(100_000 + announced), &bulky(announced));
        announced += 1;
        assert!(announced < 1000, "a limit is a limit");
    }
    // The walk is sliced, and nothing is decided before it has seen everything.
    assert!(bench.rib.has_work());
    assert!(bench.rib.work(SLICE));
    assert!(bench.rib.poll_reset().is_none());
    let gone = work(&mut bench);
    let [(peer, ResetReason::RouteLimit { octets })] = gone[..] else {
        panic!("{gone:?}");
    };
    assert_eq!(peer, hostile);
    let brought = u64::from(announced) * 4000;
    assert!(octets > brought && octets < brought * 2, "{octets}");
    assert!(!bench.rib.is_full());
    assert_eq!(bench.rib.path_counts(honest)[0].received, 5000);
    assert_eq!(bench.rib.path_counts(hostile)[0].received, 0);
}

#[test]
fn withdrawn_routes_that_wait_for_readers_are_nobodys_fault() {
    let mut bench = limited(2 << 20);
    let (honest, fickle) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    for n in 0..5000 {
        bench.route(honest, block(n), &plain(&[65001]));
    }
    // A consumer that never reads keeps them.
    bench.rib.consumer_add();
    for n in 0..90_000 {
        bench.route(fickle, block(100_000 + n), &plain(&[65002]));
        bench.withdraw(fickle, block(100_000 + n));
    }
    assert!(bench.rib.stats().tombstones > 50_000);
    assert_eq!(work(&mut bench), []);
    assert!(!bench.rib.is_full());
}

#[test]
fn an_accomplice_does_not_hide_behind_who_left() {
    let mut bench = limited(4 << 20);
    let honest = bench.up(2, PeerKind::IbgpClient);
    let pair = [3, 4].map(|n| bench.up(n, PeerKind::IbgpClient));
    for n in 0..10_000 {
        bench.route(honest, block(n), &plain(&[65001]));
    }
    for n in 0..700 {
        for peer in pair {
            bench.route(peer, block(100_000 + n), &bulky(n));
        }
    }
    bench.down(pair[0]);
    assert_eq!(work(&mut bench), []);
    let left = charge(&mut bench, pair[1]);
    assert!(left > 700 * 4000, "{left}");
}

#[test]
fn routes_of_our_own_blame_nobody_and_stop_nothing() {
    let mut bench = limited(1 << 20);
    for n in 0..1000 {
        bench.route(PeerId::API, block(n), &bulky(n));
    }
    assert!(bench.rib.is_full());
    assert_eq!(work(&mut bench), []);
    assert!(!bench.rib.is_full(), "reading goes on");
    assert!(!bench.rib.has_work(), "and nothing spins");
    for n in 0..1000 {
        bench.withdraw(PeerId::API, block(n));
    }
    bench.rib.work(SLICE);
    for n in 0..1000 {
        bench.route(PeerId::API, block(n), &bulky(n));
    }
    assert!(bench.rib.has_work(), "the next time is looked at again");
}

#[test]
fn who_goes_while_it_is_judged_is_acquitted() {
    for is_followed in [false, true] {
        let mut bench = limited(40_000);
        let small = bench.up(2, PeerKind::IbgpClient);
        for n in 0..10 {
            bench.route(small, block(n), &plain(&[65001]));
        }
        let large = bench.up(3, PeerKind::IbgpClient);
        for n in 10..3000 {
            bench.route(large, block(n), &plain(&[65002]));
        }
        // The walk has come past what the small one announced when it goes; its slot is empty or somebody else's.
        bench.rib.work(SLICE);
        bench.down(small);
        bench.rib.work(SLICE);
        if is_followed {
            bench.up(4, PeerKind::IbgpClient);
        }
        let gone: Vec<PeerId> = work(&mut bench).into_iter().map(|(peer, _)| peer).collect();
        assert_eq!(gone, [large]);
    }
}

#[test]
fn a_limit_that_our_own_routes_broke_still_holds_for_peers() {
    let mut bench = limited(100_000);
    for n in 0..3000 {
        bench.route(PeerId::API, block(n), &plain(&[]));
    }
    assert_eq!(work(&mut bench), []);
    assert!(!bench.rib.is_full(), "nothing would come of waiting");
    let peer = bench.up(2, PeerKind::IbgpClient);
    for n in 3000..6000 {
        bench.route(peer, block(n), &plain(&[65001]));
    }
    let gone: Vec<PeerId> = work(&mut bench).into_iter().map(|(peer, _)| peer).collect();
    assert_eq!(gone, [peer]);
}

/// Who announces ever new prefixes and takes them back makes more changes in one read than a pull takes.
#[test]
fn reading_waits_for_pulls() {
    const READ: u32 = 4096;
    let mut bench = limited(usize::MAX);
    let (fickle, honest, listens) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
        bench.up(4, PeerKind::IbgpClient),
    );
    bench.settle();
    let mut next = 0;
    let (mut reads, mut waits) = (0, 0);
    while reads < 60 {
        if bench.rib.is_full() {
            waits += 1;
        } else {
            reads += 1;
            for n in next..next + READ {
                bench.route(fickle, block(n), &plain(&[65001]));
                bench.withdraw(fickle, block(n));
            }
            next += READ;
        }
        bench.rib.flush(bench.now);
        bench.rib.work(SLICE);
        for peer in [honest, listens] {
            bench.read(peer, 1 << 16);
        }
        let tombstones = bench.rib.stats().tombstones;
        assert!(tombstones < 80_000, "{tombstones} after {reads} reads");
    }
    assert!(waits > reads, "{waits} waits for {reads} reads");
    // What an honest peer announces then is there after as many pulls as were behind.
    let wanted = block(1 << 20);
    bench.route(honest, wanted, &plain(&[65002]));
    for _ in 0..80 {
        bench.rib.flush(bench.now);
        bench.read(listens, 1 << 16);
    }
    assert_eq!(bench.holds(listens), [wanted]);
}
