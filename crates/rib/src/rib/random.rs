//! Random operations on a table with peers of all kinds, and at each rest every receiver, consumer and listing compared
//! with an oracle that computes from scratch.

mod reached;
mod refreshes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use wire::{AttrView, Community, Families, Family, Nlri, Prefix};

use crate::testing::oracle::{Known, Oracle, To, Words};
use crate::testing::{Bench, address, block, config, prefix, router_id, source, v6};
use crate::*;

mod kept;

/// A small generator of numbers, so that a seed names a run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(limit)).unwrap()
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(u32::try_from(from.len()).unwrap()) as usize]
    }
}

/// What happened in a run, so that it can be seen that the runs reach all that they should.
#[derive(Debug, Default)]
struct Reached {
    resets: usize,
    detached: u64,
    gaps: usize,
    rests: usize,
    withdrawals_in_place: usize,
    refreshes: usize,
    changes: usize,
    /// Destinations that a peer held several paths of, and paths with an identifier above the number of paths.
    several: usize,
    holes: usize,
    /// Peers that joined when there was something for them already.
    images: usize,
    /// Routes that were announced again by a peer that came back, and routes that it did not announce again.
    confirmed: usize,
    dropped: usize,
    /// Destinations of which a source had several paths, and paths that were one too many.
    of_one_source: usize,
    beyond: usize,
    /// Paths that were not announced anew, and refreshes that receivers were told the end of.
    outdated: usize,
    marked: usize,
    /// Routes that were marked because they were kept for long.
    aged: usize,
}

/// A path: its source, prefix and identifier.
type At = (PeerId, Prefix, u32);

struct Run {
    bench: Bench,
    dice: Dice,
    oracle: Oracle,
    up: BTreeMap<PeerId, To>,
    consumer: ConsumerId,
    mirror: BTreeMap<Prefix, Words>,
    /// Since a gap: what was heard.
    heard: Option<BTreeSet<Prefix>>,
    /// How many blocks there are: with few, most announcements replace one; with many, most are new, and what was
    /// encoded for one member serves others that join.
    blocks: u32,
    local_only: Arc<policy::Export>,
    /// Families with ADD-PATH in this run, for the peers that have it; none in some runs.
    add_path: Families,
    /// Routes that were announced in a former session of a peer, and not since.
    kept: BTreeSet<At>,
    /// What sources have announced since they began to announce a family anew.
    anew: BTreeMap<(PeerId, Family), BTreeSet<At>>,
    /// How often each peer was lost since nothing older was kept of it.
    losses: BTreeMap<PeerId, u32>,
    /// Whose path an identifier stands for at this rest.
    ids: BTreeMap<(Prefix, u32), PeerId>,
    reached: Reached,
}

const STALE_RULES: [StaleRule; 3] = [StaleRule::Sent, StaleRule::Withheld, StaleRule::LastResort];

const PEERS: u32 = 8;
/// The identifiers that peers with several paths of a prefix use: from 0 on, so many.
const IDS: u32 = 4;

/// How many paths of a prefix a peer may have.
fn paths_of(peer: PeerId) -> u8 {
    match peer.0 {
        3 => 255,
        4 => 2,
        7 => 3,
        _ => 1,
    }
}

fn kind_of(peer: PeerId) -> PeerKind {
    match peer.0 % 4 {
        0 | 1 => PeerKind::IbgpClient,
        2 => PeerKind::IbgpNonClient,
        _ => PeerKind::Ebgp,
    }
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut dice = Dice(seed);
        let mut bench = Bench::new(RibConfig {
            keep_rejected: dice.one_in(2),
            tombstone_limit: if dice.one_in(4) { 3 } else { 1000 },
            log_limit: if dice.one_in(4) { 1500 } else { 1 << 20 },
            seed,
            ..config()
        });
        let mut oracle = Oracle::default();
        for (peer, kind) in [
            (PeerId::LOCAL, SourceKind::Local),
            (PeerId::API, SourceKind::Api),
        ] {
            oracle.sources.insert(peer, source(peer, kind));
        }
        let consumer = bench.rib.consumer_add();
        let has_many = dice.one_in(2);
        let add_path = dice.pick(&[
            Families::EMPTY,
            Families::ALL,
            [Family::Ipv4Unicast].into_iter().collect(),
        ]);
        Run {
            bench,
            dice,
            oracle,
            up: BTreeMap::new(),
            consumer,
            mirror: BTreeMap::new(),
            heard: None,
            blocks: if has_many { 60 } else { 6 },
            local_only: Arc::new(policy::Export::new(policy::ExportMode::Local)),
            add_path,
            kept: BTreeSet::new(),
            anew: BTreeMap::new(),
            losses: BTreeMap::new(),
            ids: BTreeMap::new(),
            reached: Reached::default(),
        }
    }

    fn some_peer(&mut self) -> PeerId {
        PeerId(2 + self.dice.below(PEERS))
    }

    fn some_prefix(&mut self) -> Prefix {
        match self.dice.below(8) {
            0..6 => block(self.dice.below(self.blocks)),
            6 => prefix("2001:db8:1::/48"),
            _ => prefix("2001:db8:2::/64"),
        }
    }

    fn up(&mut self, peer: PeerId) {
        self.reached.images += usize::from(self.bench.rib.stats().kept_bytes > 0);
        let kind = kind_of(peer);
        let to = To {
            id: peer,
            kind,
            rule: match peer.0 {
                4 => NextHopRule::SelfAlways,
                7 => NextHopRule::Unchanged,
                _ => NextHopRule::Auto,
            },
            local_only: peer.0 == 5,
            most: self.most(peer),
            drained: self.dice.one_in(8),
            stale: self.dice.pick(&STALE_RULES),
        };
        self.oracle.sources.insert(peer, source(peer, kind.into()));
        let settings = self.settings(&to);
        self.bench
            .source_of_paths(peer, kind.into(), paths_of(peer));
        self.bench.join_with(peer, &settings);
        self.up.insert(peer, to);
    }

    /// Half of the peers have ADD-PATH, some for a few paths only.
    fn most(&mut self, peer: PeerId) -> usize {
        match (self.add_path.is_empty(), peer.0) {
            (false, 2 | 6 | 7) => 255,
            (false, 3 | 9) => 1 + self.dice.below(3) as usize,
            (_, _) => 1,
        }
    }

    fn settings(&self, to: &To) -> ExportSettings {
        let mut settings = self.bench.settings(to.kind);
        settings.next_hop = to.rule;
        settings.drained = to.drained;
        settings.stale = to.stale;
        settings.paths = NonZeroU8::new(u8::try_from(to.most).unwrap()).unwrap();
        if matches!(to.id.0, 2 | 3 | 6 | 7 | 9) {
            settings.encode.add_path = self.add_path;
        }
        if to.local_only {
            settings.export = Arc::clone(&self.local_only);
        }
        settings
    }

    /// Another export policy and next hop for one peer, or for all of its kind.
    fn change(&mut self) {
        let peer = self.some_peer();
        let Some(to) = self.up.get(&peer).copied() else {
            return;
        };
        let rules = [
            NextHopRule::Auto,
            NextHopRule::SelfAlways,
            NextHopRule::Unchanged,
        ];
        let (rule, local_only) = (self.dice.pick(&rules), self.dice.one_in(2));
        let stale = self.dice.pick(&STALE_RULES);
        let (drained, all) = (self.dice.one_in(3), self.dice.one_in(2));
        let mut changes = Vec::new();
        for other in self.up.values().copied().collect::<Vec<_>>() {
            if other.id == peer || all && other.kind == to.kind {
                let new = To {
                    rule,
                    local_only,
                    most: self.most(other.id),
                    drained,
                    stale,
                    ..other
                };
                changes.push((new, self.settings(&new)));
            }
        }
        for (new, _) in &changes {
            self.up.insert(new.id, *new);
        }
        let changes: Vec<_> = changes
            .into_iter()
            .map(|(new, settings)| (new.id, settings))
            .collect();
        self.bench.rib.change(&changes);
        self.reached.changes += 1;
    }

    fn down(&mut self, peer: PeerId) {
        self.anew.retain(|(from, _), _| *from != peer);
        self.bench.down(peer);
        self.up.remove(&peer);
        self.oracle.routes.retain(|(from, ..), _| *from != peer);
        self.kept.retain(|(from, ..)| *from != peer);
        self.losses.remove(&peer);
    }

    fn some_words(&mut self, from: PeerId, prefix: &Prefix) -> Words {
        let internal = from >= PeerId::FIRST_PEER && kind_of(from).is_internal();
        let length = self.dice.below(3);
        let mut path: Vec<u32> = (0..length).map(|_| 65001 + self.dice.below(3)).collect();
        if from >= PeerId::FIRST_PEER && !internal {
            path.insert(0, 65000 + from.0);
        }
        let hop_peer = if self.dice.one_in(3) {
            self.some_peer()
        } else {
            from
        };
        let local = from < PeerId::FIRST_PEER;
        let next_hop = match Family::of(prefix) {
            Family::Ipv4Unicast if local && !self.dice.one_in(4) => Ipv4Addr::UNSPECIFIED.into(),
            Family::Ipv4Unicast => IpAddr::V4(address(hop_peer)),
            Family::Ipv6Unicast => IpAddr::V6(v6(hop_peer)),
        };
        let reflected = internal && self.dice.one_in(3);
        let mut communities = Vec::new();
        if self.dice.one_in(8) {
            communities.push(Community::NO_EXPORT.0);
        }
        if self.dice.one_in(16) {
            communities.push(Community::NO_ADVERTISE.0);
        }
        if self.dice.one_in(12) {
            communities.push(Community::NO_LLGR.0);
        }
        if from >= PeerId::FIRST_PEER && self.dice.one_in(12) {
            communities.push(Community::LLGR_STALE.0);
        }
        Words {
            origin: u8::try_from(self.dice.below(2)).unwrap(),
            path,
            med: self.dice.one_in(2).then(|| self.dice.below(2)),
            local_pref: (internal && self.dice.one_in(3)).then(|| 99 + self.dice.below(3)),
            originator: reflected.then(|| router_id(self.some_peer())),
            clusters: if reflected {
                vec![Ipv4Addr::new(9, 9, 9, 9); 1 + self.dice.below(2) as usize]
            } else {
                Vec::new()
            },
            communities,
            next_hop,
        }
    }

    fn announce(&mut self) {
        let sources: Vec<PeerId> = [PeerId::LOCAL, PeerId::API]
            .into_iter()
            .filter(|_| self.dice.one_in(4))
            .chain(self.up.keys().copied())
            .collect();
        if sources.is_empty() {
            return;
        }
        let from = self.dice.pick(&sources);
        let prefix = self.some_prefix();
        let words = self.some_words(from, &prefix);
        let refused = from >= PeerId::FIRST_PEER && self.dice.one_in(8);
        let verdict = if refused {
            Err(RejectReason::AsLoop)
        } else {
            Ok(())
        };
        let attrs = words.attrs();
        let path_id = match paths_of(from) {
            1 => 0,
            _ => self.dice.below(IDS),
        };
        let at = (from, prefix, path_id);
        let is_beyond = self.is_beyond(at, refused);
        let nlri = Nlri { prefix, path_id };
        let beyond = self
            .bench
            .announce_path(from, nlri, &attrs, words.next_hop.into(), verdict);
        assert_eq!(beyond, usize::from(is_beyond), "{at:?}");
        self.reached.beyond += beyond;
        self.reached.confirmed += usize::from(self.kept.remove(&at));
        if is_beyond {
            self.oracle.routes.remove(&at);
        } else {
            self.oracle.routes.insert(at, Known { words, refused });
        }
        if let Some(announced) = self.anew.get_mut(&(from, Family::of(&prefix))) {
            announced.insert(at);
        }
    }

    /// Whether a path that is announced is one more than its source may have.
    fn is_beyond(&self, at: At, refused: bool) -> bool {
        let keeps = self.bench.rib.config().keep_rejected;
        let (from, prefix, path_id) = at;
        let own = (0..IDS).filter(|id| {
            let at = (from, prefix, *id);
            let known = self.oracle.routes.get(&at);
            known.is_some_and(|known| keeps || !known.refused) && !self.kept.contains(&at)
        });
        let own: Vec<u32> = own.collect();
        let is_kept = keeps || !refused;
        is_kept && !own.contains(&path_id) && own.len() >= usize::from(paths_of(from))
    }

    fn withdraw(&mut self) {
        let announced = self.oracle.routes.keys().copied();
        let announced: Vec<At> = announced
            .filter(|(from, ..)| *from < PeerId::FIRST_PEER || self.up.contains_key(from))
            .collect();
        if announced.is_empty() {
            return;
        }
        let at = self.dice.pick(&announced);
        let (from, prefix, path_id) = at;
        self.bench.rib.withdraw(from, Nlri { prefix, path_id });
        self.oracle.routes.remove(&at);
        self.kept.remove(&at);
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..40 => self.announce(),
            40..60 if self.blocks > 6 && !self.dice.one_in(4) => self.announce(),
            40..60 => self.withdraw(),
            60..68 => {
                let peer = self.some_peer();
                if self.up.contains_key(&peer) {
                    match self.dice.below(4) {
                        0 => self.down(peer),
                        1 => self.lose(peer),
                        _ => {}
                    }
                } else {
                    self.up(peer);
                }
            }
            68..78 => {
                let peer = self.some_peer();
                let most = 1 + self.dice.below(400) as usize;
                self.bench.read(peer, most);
            }
            78..88 => {
                self.bench.now += Duration::from_micros(u64::from(self.dice.below(400)));
                let now = self.bench.now;
                self.bench.rib.flush(now);
            }
            88..90 => {
                let budget = 1 + self.dice.below(5) as usize;
                self.bench.rib.work(budget);
            }
            90 => {
                let peer = self.some_peer();
                self.age_kept(peer);
            }
            91 => {
                let peer = self.some_peer();
                self.drop_kept(peer);
            }
            92 => self.change(),
            93 => {
                let peer = self.some_peer();
                self.bench.rib.detach(peer);
                self.announce_anew();
            }
            94 => {
                self.refresh();
                self.announce_anew();
            }
            _ => {
                let most = 1 + self.dice.below(3) as usize;
                self.consume(most);
            }
        }
        self.reset();
    }

    /// Peers that read too slowly are reset. True if there were any.
    fn reset(&mut self) -> bool {
        let before = self.reached.resets;
        while let Some((peer, _)) = self.bench.rib.poll_reset() {
            self.reached.resets += 1;
            if self.up.contains_key(&peer) {
                self.down(peer);
            }
        }
        self.reached.resets > before
    }

    fn consume(&mut self, most: usize) -> Consumed {
        let (mirror, heard) = (&mut self.mirror, &mut self.heard);
        let consumed = self
            .bench
            .rib
            .consume(self.consumer, most, &mut |prefix, _, dest| {
                match dest.best() {
                    Some(best) => mirror.insert(prefix, Words::read(best.attrs, &best.next_hop)),
                    None => mirror.remove(&prefix),
                };
                if let Some(heard) = heard {
                    heard.insert(prefix);
                }
            });
        match consumed {
            Consumed::Gap => {
                self.reached.gaps += 1;
                self.heard = Some(BTreeSet::new());
            }
            Consumed::Done => {
                if let Some(heard) = self.heard.take() {
                    self.mirror.retain(|prefix, _| heard.contains(prefix));
                }
            }
            Consumed::More => {}
        }
        consumed
    }

    /// Everything comes to rest, and all is as the oracle says.
    fn rest(&mut self) {
        self.bench.settle();
        while self.reset() {
            self.bench.settle();
        }
        while self.consume(100) != Consumed::Done {}
        self.ids.clear();
        for (peer, to) in &self.up.clone() {
            let far = &self.bench.peers[peer];
            let held = far.table.iter().map(|(prefix, held)| {
                let attrs = AttrView::new(&held.attrs);
                (*prefix, Words::read(attrs, &held.next_hop))
            });
            let held: BTreeMap<Prefix, Words> = held.collect();
            let mut expected = self.oracle.table(to);
            expected.retain(|prefix, _| !far.add_path.contains(Family::of(prefix)));
            assert_eq!(held, expected, "{to:?}");
            assert_eq!(far.end_of_rib, [1, 1], "{to:?}");
            let paths = self.paths(to);
            self.listing_out(to, &held, &paths);
        }
        self.tables();
        let stats = self.bench.rib.stats();
        assert_eq!(
            (stats.tombstones, stats.log_bytes, stats.detached),
            (0, 0, 0)
        );
        assert_eq!(stats.members, self.up.len());
        self.reached.rests += 1;
    }

    /// What a peer holds with path identifiers, which is what it should.
    fn paths(&mut self, to: &To) -> BTreeMap<(Prefix, u32), Words> {
        let far = &self.bench.peers[&to.id];
        let paths = far.paths.iter().map(|(at, held)| {
            let attrs = AttrView::new(&held.attrs);
            (*at, Words::read(attrs, &held.next_hop))
        });
        let paths: BTreeMap<(Prefix, u32), Words> = paths.collect();
        let mut prefixes = self.oracle.prefixes();
        prefixes.extend(paths.keys().map(|(prefix, _)| *prefix));
        for prefix in prefixes {
            if far.add_path.contains(Family::of(&prefix)) {
                let held = paths.iter().filter(|((of, _), _)| *of == prefix);
                let mut held: Vec<Words> = held.map(|(_, words)| words.clone()).collect();
                held.sort();
                assert_eq!(held, self.oracle.expected_paths(to, &prefix), "{to:?}");
                let ids = paths.keys().filter(|(of, _)| *of == prefix);
                let highest = ids.map(|(_, id)| *id as usize).max();
                self.reached.several += usize::from(held.len() > 1);
                self.reached.holes += usize::from(highest > Some(held.len()));
            }
        }
        paths
    }

    /// The listing of what a peer is sent is what it was sent, and an identifier stands for one path for everybody.
    fn listing_out(
        &mut self,
        to: &To,
        held: &BTreeMap<Prefix, Words>,
        paths: &BTreeMap<(Prefix, u32), Words>,
    ) {
        let mut listed = BTreeMap::new();
        let mut ids = std::mem::take(&mut self.ids);
        self.list(Listing::Out(to.id), &mut |view| {
            if view.path_id != 0 {
                let of = *ids.entry((view.prefix, view.path_id)).or_insert(view.peer);
                assert_eq!(of, view.peer, "{} under {}", view.prefix, view.path_id);
            }
            let words = Words::read(view.attrs, &view.next_hop);
            listed.insert((view.prefix, view.path_id), words);
        });
        self.ids = ids;
        let held = held
            .iter()
            .map(|(prefix, words)| ((*prefix, 0), words.clone()));
        let paths = paths.iter().map(|(at, words)| (*at, words.clone()));
        let held: BTreeMap<(Prefix, u32), Words> = held.chain(paths).collect();
        assert_eq!(listed, held, "{to:?}");
        let counts = self.bench.rib.advertised_counts(to.id);
        let most = usize::try_from(counts[0] + counts[1]).unwrap();
        assert!(most >= held.len());
    }

    fn list(&self, listing: Listing, sink: &mut RowSink<'_>) {
        let query = Query {
            listing,
            family: None,
            prefix: PrefixFilter::Any,
        };
        let mut place = Some(ListPlace::default());
        while let Some(from) = place {
            place = self.bench.rib.list(&query, from, 3, sink);
        }
    }

    /// Best paths, all paths, what the consumer holds, and that nothing else is kept.
    fn tables(&mut self) {
        let mut best = BTreeMap::new();
        for prefix in self.oracle.prefixes() {
            if let Some((from, words)) = self.oracle.best(&prefix) {
                best.insert(prefix, words.clone());
                let view = self.bench.rib.best(&prefix);
                assert_eq!(view.map(|view| (view.peer, view.path_id)), Some(from));
            }
        }
        assert_eq!(self.mirror, best);
        let mut listed = BTreeMap::new();
        self.list(Listing::Best, &mut |view| {
            listed.insert(view.prefix, Words::read(view.attrs, &view.next_hop));
        });
        assert_eq!(listed, best);
        let keeps = self.bench.rib.config().keep_rejected;
        let known = || {
            self.oracle
                .routes
                .iter()
                .filter(|(_, known)| keeps || !known.refused)
        };
        let mut paths = BTreeMap::new();
        self.list(Listing::In(None), &mut |view| {
            let words = Words::read(view.attrs, &view.next_hop);
            let at = (view.peer, view.prefix, view.path_id);
            paths.insert(at, (words, view.refusal.is_some()));
        });
        let expected = known().map(|(at, known)| (*at, (known.words.clone(), known.refused)));
        assert_eq!(paths, expected.collect());
        let stats = self.bench.rib.stats();
        let sets: BTreeSet<Vec<u8>> = known()
            .map(|(_, known)| known.words.attrs().finish())
            .collect();
        assert_eq!(stats.attribute_sets, sets.len());
        assert_eq!(stats.paths, known().count());
        let prefixes: BTreeSet<Prefix> = known().map(|((_, prefix, _), _)| *prefix).collect();
        assert_eq!(stats.destinations, prefixes.len());
        let places: BTreeSet<_> = known()
            .map(|((from, prefix, _), _)| (from, prefix))
            .collect();
        self.reached.of_one_source += known().count() - places.len();
    }
}

fn run(seed: u64, steps: usize, reached: &mut Reached) {
    let mut run = Run::new(seed);
    for step in 1..=steps {
        run.step();
        if step % 60 == 0 {
            run.rest();
        }
    }
    run.rest();
    reached.resets += run.reached.resets;
    reached.detached += run.bench.rib.stats().totals.detached;
    reached.gaps += run.reached.gaps;
    reached.rests += run.reached.rests;
    reached.refreshes += run.reached.refreshes;
    reached.changes += run.reached.changes;
    reached.aged += run.reached.aged;
    reached.images += run.reached.images;
    reached.several += run.reached.several;
    reached.holes += run.reached.holes;
    reached.confirmed += run.reached.confirmed;
    reached.dropped += run.reached.dropped;
    reached.of_one_source += run.reached.of_one_source;
    reached.beyond += run.reached.beyond;
    reached.outdated += run.reached.outdated;
    reached.marked += run.reached.marked;
    reached.withdrawals_in_place += usize::from(run.bench.rib.stats().totals.withdrawn > 0);
}

#[test]
fn at_rest_everybody_holds_what_an_oracle_says() {
    let mut reached = Reached::default();
    // More by hand: RIB_SEEDS=10000 cargo test -p rib random.
    let seeds = std::env::var("RIB_SEEDS").map_or(400, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(seed, 300, &mut reached);
        }));
        assert!(outcome.is_ok(), "seed {seed}");
    }
    reached.check();
}
