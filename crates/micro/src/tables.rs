//! Cases of the crate `rib`: attributes to ids, routes to the table, paths to the best one, changes to messages.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rib::{
    AttrKey, AttrPool, ExportSettings, NextHopRule, PathKey, PeerId, PeerKind, ReceiverIdentity,
    Rib, RibConfig, SourceInfo, SourceKind,
};
use wire::{Asn, Families, NextHop, Nlri};

use crate::case::{Measure, Size, measure};
use crate::feed::{self, Dice, ENCODE, Set};

const OUR_AS: Asn = Asn(64_512);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 250);
/// A receiver; sources have the numbers from 0.
const RECEIVER: PeerId = PeerId(1_000);
/// Paths of a destination of which one is chosen.
const PATHS: usize = 4;

fn asn(feeder: usize) -> Asn {
    Asn(65_001 + u32::try_from(feeder).expect("few feeders"))
}

fn peer(feeder: usize) -> PeerId {
    PeerId(u32::try_from(feeder).expect("few feeders"))
}

fn address(peer: PeerId) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 1, 0, 1)) + peer.0)
}

fn source(feeder: usize) -> SourceInfo {
    let address = address(peer(feeder));
    SourceInfo {
        kind: SourceKind::Ebgp,
        remote_as: asn(feeder),
        local_as: OUR_AS,
        router_id: address,
        address: IpAddr::V4(address),
        own_addresses: vec![IpAddr::V4(OURS)],
        role: None,
        paths: None,
        own_as_allowed: 0,
        cluster: rib::Cluster::own(OURS),
        is_meshed: false,
        enforce_first_as: true,
    }
}

fn empty() -> Rib {
    Rib::new(RibConfig {
        router_id: OURS,
        cluster_id: OURS,
        local_as: OUR_AS,
        log_limit: 16 << 20,
        tombstone_limit: 1_000_000,
        route_limit: usize::MAX,
        multipath_relax: true,
        keep_rejected: false,
        seed: 7,
    })
}

/// A receiver in another AS that gets everything.
fn join(rib: &mut Rib) {
    let address = address(RECEIVER);
    let settings = ExportSettings {
        families: Families::ALL,
        kind: PeerKind::Ebgp,
        local_as: OUR_AS,
        path_rules: rib::PathRules::default(),
        route_server: false,
        is_meshed: false,
        cluster_id: OURS,
        next_hop: NextHopRule::Auto,
        role: None,
        local_v4: Some(OURS),
        local_v6: None,
        link_local: None,
        export: Arc::new(policy::Export::new(policy::ExportMode::All)),
        paths: NonZeroU8::MIN,
        drained: false,
        stale: rib::StaleRule::Sent,
        encode: ENCODE,
    };
    let identity = ReceiverIdentity {
        address: IpAddr::V4(address),
        router_id: address,
        own_addresses: Vec::new(),
        keeps_routes: false,
    };
    rib.join(RECEIVER, settings, identity);
}

/// All feeders announce all that they have, one behind the other.
fn announce(rib: &mut Rib, tables: &[Vec<Set>]) {
    for (feeder, table) in tables.iter().enumerate() {
        let peer = peer(feeder);
        let next_hop = NextHop::V4(address(peer));
        for Set { attrs, prefixes } in table {
            let verdict = rib.check(peer, attrs.view(), &next_hop);
            let attrs = rib.intern(attrs.view());
            let routes = prefixes.iter().copied().map(Nlri::from);
            rib.announce_all(peer, attrs, next_hop, routes, |_| verdict);
            rib.release(attrs);
        }
    }
}

/// Feeders that are up, and what they have to say.
fn ready(size: &Size) -> (Rib, Vec<Vec<Set>>) {
    let mut rib = empty();
    for feeder in 0..size.feeders {
        rib.source_up(peer(feeder), source(feeder));
    }
    let tables = (0..size.feeders).map(|feeder| feed::table(size.prefixes, asn(feeder)));
    (rib, tables.collect())
}

/// An operation is a set that is looked up: each once when it is new and once when it is known.
pub(crate) fn intern(size: &Size) -> Measure {
    let table = feed::table(size.prefixes, asn(0));
    let mut pool = AttrPool::new(7);
    let (measure, known) = measure(2 * table.len(), || {
        let look_up = |set: &Set| pool.intern(set.attrs.view());
        let ids: Vec<_> = table.iter().chain(&table).map(look_up).collect();
        let known = pool.len();
        for id in ids {
            pool.release(id);
        }
        known
    });
    assert_eq!((known, pool.len()), (table.len(), 0));
    measure
}

/// An operation is a route that a feeder announces.
pub(crate) fn insert(size: &Size) -> Measure {
    let (mut rib, tables) = ready(size);
    let operations = size.prefixes * size.feeders;
    let (measure, ()) = measure(operations, || announce(&mut rib, &tables));
    let stats = rib.stats();
    assert_eq!(
        (stats.destinations, stats.paths),
        (size.prefixes, operations)
    );
    measure
}

/// An operation is a choice between the paths of as many feeders.
pub(crate) fn decide(size: &Size) -> Measure {
    let keys = |feeder| {
        let source = source(feeder);
        let key = move |set: &Set| {
            let attrs = AttrKey::of(set.attrs.view());
            PathKey::new(&attrs, peer(feeder), &source, 0, 0)
        };
        let table = feed::table(size.prefixes, asn(feeder));
        table.iter().map(key).collect::<Vec<_>>()
    };
    let keys: Vec<Vec<PathKey>> = (0..PATHS).map(keys).collect();
    let mut dice = Dice(7);
    let destinations: Vec<[PathKey; PATHS]> = (0..size.prefixes)
        .map(|_| std::array::from_fn(|feeder| keys[feeder][dice.below(keys[feeder].len())]))
        .collect();
    let (measure, wins) = measure(destinations.len(), || {
        let mut wins = [0; PATHS];
        for paths in &destinations {
            let (best, _) = rib::choose(paths.iter().copied()).expect("there are paths");
            wins[best] += 1;
        }
        wins
    });
    assert!(
        wins.iter().all(|wins| *wins > size.prefixes / 20),
        "{wins:?}"
    );
    measure
}

/// An operation is a changed route that is pulled, encoded and handed to its one receiver.
pub(crate) fn encode(size: &Size) -> Measure {
    let (mut rib, tables) = ready(size);
    join(&mut rib);
    announce(&mut rib, &tables);
    let now = Instant::now();
    let (measure, ()) = measure(size.prefixes, || {
        let mut slices = Vec::new();
        // The first call is for what comes later; another one is a tick too early.
        for later in 0.. {
            let more = rib.flush(now + Duration::from_secs(later));
            rib.fill(RECEIVER, &mut slices, usize::MAX);
            let got = !slices.is_empty();
            slices.clear();
            if !more && !got && rib.next_flush().is_none() {
                break;
            }
        }
    });
    let [v4, _] = rib.advertised_counts(RECEIVER);
    assert_eq!(v4 as usize, size.prefixes);
    assert!(!rib.readable(RECEIVER));
    measure
}

/// An operation is a path of the first feeder, which goes down.
pub(crate) fn leave(size: &Size) -> Measure {
    let (mut rib, tables) = ready(size);
    announce(&mut rib, &tables);
    let (measure, ()) = measure(size.prefixes, || {
        rib.source_down(peer(0));
        while rib.work(1_024) {}
    });
    assert_eq!(rib.stats().paths, size.prefixes * (size.feeders - 1));
    measure
}
