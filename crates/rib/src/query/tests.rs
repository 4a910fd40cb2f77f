use std::collections::BTreeMap;

use wire::{Family, NextHop, Prefix};

use crate::testing::{Bench, address, block, config, plain, prefix};
use crate::*;

fn list(bench: &Bench, listing: Listing, filter: PrefixFilter) -> Vec<Prefix> {
    let query = Query {
        listing,
        family: None,
        prefix: filter,
    };
    let mut rows = Vec::new();
    let mut place = Some(ListPlace::default());
    while let Some(from) = place {
        let mut sink = |view: &PathView<'_>| rows.push(view.prefix);
        place = bench.rib.list(&query, from, 2, &mut sink);
    }
    rows
}

fn nested() -> Bench {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    for text in [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
        "10.2.0.0/16",
        "2001:db8::/32",
        "2001:db8:1::/48",
    ] {
        bench.route(a, prefix(text), &plain(&[65001]));
    }
    bench
}

#[test]
fn a_page_always_goes_on() {
    let bench = nested();
    let query = Query {
        listing: Listing::Best,
        family: None,
        prefix: PrefixFilter::Any,
    };
    let (mut place, mut rows) = (Some(ListPlace::default()), 0);
    for _ in 0..10 {
        let Some(from) = place else { break };
        place = bench.rib.list(&query, from, 0, &mut |_| rows += 1);
    }
    assert_eq!((place, rows), (None, 7));
}

#[test]
fn prefixes_are_found_exactly_inside_around_and_by_longest_match() {
    let bench = nested();
    let best = |filter| {
        let rows = list(&bench, Listing::Best, filter);
        rows.iter().map(Prefix::to_string).collect::<Vec<_>>()
    };
    assert_eq!(best(PrefixFilter::Any).len(), 7);
    let at = prefix("10.1.0.0/16");
    assert_eq!(best(PrefixFilter::Exact(at)), ["10.1.0.0/16"]);
    assert_eq!(
        best(PrefixFilter::Longer(at)),
        ["10.1.0.0/16", "10.1.2.0/24"]
    );
    let around = PrefixFilter::Covering(prefix("10.1.0.0/20"));
    assert_eq!(best(around), ["10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0"]);
    let host = |text| best(PrefixFilter::LongestMatch(prefix(text)));
    assert_eq!(host("10.1.2.3/32"), ["10.1.2.0/24"]);
    assert_eq!(host("11.1.2.3/32"), ["0.0.0.0/0"]);
    assert_eq!(host("2001:db8:1::1/128"), ["2001:db8:1::/48"]);
    assert_eq!(host("2001:db9::1/128"), [""; 0]);
    let inside = PrefixFilter::Longer(prefix("::/0"));
    assert_eq!(best(inside), ["2001:db8::/32", "2001:db8:1::/48"]);
}

#[test]
fn a_longest_match_skips_prefixes_that_have_nothing_to_list() {
    let mut bench = nested();
    let a = PeerId(2);
    let at = prefix("10.1.2.0/24");
    let hop = NextHop::V4(address(a));
    bench.announce_as(a, at, &plain(&[1]), hop, Err(RejectReason::AsLoop));
    let host = PrefixFilter::LongestMatch(prefix("10.1.2.3/32"));
    assert_eq!(list(&bench, Listing::Best, host), [prefix("10.1.0.0/16")]);
    assert_eq!(list(&bench, Listing::In(Some(a)), host), [at]);
    assert_eq!(list(&bench, Listing::In(Some(PeerId(9))), host), []);
}

#[test]
fn paths_tell_which_rung_beat_them_and_why_they_were_refused() {
    let mut bench = Bench::new(config());
    let (a, b) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    let c = bench.up(4, PeerKind::Ebgp);
    bench.route(a, block(1), &plain(&[65001]));
    bench.route(b, block(1), &plain(&[65001, 65002]));
    let hop = NextHop::V4(address(c));
    let refused = Err(RejectReason::OwnNextHop);
    bench.announce_as(c, block(1), &plain(&[]), hop, refused);
    let mut paths = BTreeMap::new();
    for (view, rung) in bench.rib.paths(&block(1)) {
        paths.insert(view.peer, (view.best, view.refusal, rung));
    }
    assert_eq!(paths[&a], (true, None, None));
    assert_eq!(paths[&b], (false, None, Some(Rung::AsPathLength)));
    assert_eq!(paths[&c], (false, refused.err(), None));
    assert_eq!(bench.rib.best(&block(1)).map(|view| view.peer), Some(a));
    assert!(bench.rib.paths(&block(2)).is_empty());
}

#[test]
fn what_stays_is_listed_once_while_the_table_changes_between_pages() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    for n in 0..9000 {
        bench.route(a, block(n), &plain(&[65001]));
    }
    let query = Query {
        listing: Listing::In(Some(a)),
        family: Some(Family::Ipv4Unicast),
        prefix: PrefixFilter::Any,
    };
    let mut times: BTreeMap<Prefix, u32> = BTreeMap::new();
    let mut pages = 0;
    let mut place = Some(ListPlace::default());
    while let Some(from) = place {
        let mut sink = |view: &PathView<'_>| *times.entry(view.prefix).or_default() += 1;
        place = bench.rib.list(&query, from, 1000, &mut sink);
        // Even ones stay, odd ones go and come; new ones come.
        for n in (0..9000).filter(|n| n % 2 == 1 && (n / 2) % 3 == pages % 3) {
            bench.withdraw(a, block(n));
        }
        bench.route(a, block(20_000 + pages), &plain(&[65001]));
        bench.pull();
        pages += 1;
    }
    assert!(pages >= 5);
    for n in (0..9000).step_by(2) {
        assert_eq!(times.get(&block(n)), Some(&1), "{n}");
    }
}

#[test]
fn work_per_page_is_bounded_also_where_nothing_matches() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    for n in 0..10_000 {
        bench.route(a, block(n), &plain(&[65001]));
    }
    let query = Query {
        listing: Listing::Best,
        family: Some(Family::Ipv6Unicast),
        prefix: PrefixFilter::Any,
    };
    let mut rows = 0;
    let place = bench
        .rib
        .list(&query, ListPlace::default(), 10, &mut |_| rows += 1);
    assert!(place.is_some(), "not all slots were looked at");
    assert_eq!(rows, 0);
}
