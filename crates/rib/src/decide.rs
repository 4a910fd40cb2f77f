//! Which of several paths to one destination is best.
//!
//! There is one ladder, [`compare`], with a name for every rung; the table, multipath and `explain` all use it. Paths
//! that may not be used at all (refused, next hop unresolved) never come here. Nothing here keeps state or allocates
//! for the usual number of paths.
//!
//! **MED** is compared between paths of the same neighbouring AS only, so pairwise comparison over several
//! neighbouring ASes is not transitive and no tournament over all paths gives an answer that is independent of their order.
//! [`choose`] therefore finds the best path of each neighbouring AS with the MED rung on, then compares those with the
//! rung off; that is what RFC 4271 9.1.2.2 c) describes as elimination. A missing MED counts as 0, the best value, so
//! that no rung is ever skipped. Who keeps a best path up to date without looking at all paths again asks
//! [`challenge`], which says when only a rescan with [`choose`] can tell.
//!
//! Not "oldest path first": the answer depends on the paths alone, so that all speakers agree and a restart changes
//! nothing.
//!
//! RFC 4271 9.1.1 and 9.1.2.2, RFC 9494 4.4 (LLGR_STALE), RFC 4456 9 (ORIGINATOR_ID, CLUSTER_LIST length), RFC 5065 5.3 and 4271 9.1.2.2 a)
//! (AS_PATH length, which arrives here counted).

use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use wire::{Asn, Origin};

use crate::ids::{PeerId, SourceInfo, SourceKind};
use crate::pool::AttrKey;

/// A step of the ladder: what told the better path from the other. Later steps are asked only if all earlier ones tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// There was no other path.
    OnlyPath,
    /// One that nobody keeps for long before one that somebody does (RFC 9494 4.4).
    LongStale,
    /// The higher weight, a private value that policy gives. Never on the wire.
    Weight,
    /// Our own block before an API route before a learned one: what this node is, it knows best.
    Local,
    /// The higher LOCAL_PREF, 100 where there is none (RFC 4271 9.1.1).
    LocalPref,
    /// The shorter AS_PATH (RFC 4271 9.1.2.2 a).
    AsPathLength,
    /// The lower ORIGIN: IGP, EGP, INCOMPLETE (RFC 4271 9.1.2.2 b).
    Origin,
    /// The lower MED among paths of one neighbouring AS (RFC 4271 9.1.2.2 c).
    Med,
    /// eBGP before iBGP (RFC 4271 9.1.2.2 d).
    External,
    /// The lower cost to the next hop (RFC 4271 9.1.2.2 e). Paths tied through here are equal for multipath.
    IgpCost,
    /// The lower ORIGINATOR_ID, or BGP Identifier where there is none (RFC 4271 9.1.2.2 f, RFC 4456 9).
    RouterId,
    /// The shorter CLUSTER_LIST (RFC 4456 9).
    ClusterListLength,
    /// The lower peer address (RFC 4271 9.1.2.2 g).
    PeerAddress,
    /// The lower path identifier (RFC 7911), then the lower slot. Two paths never tie here.
    PathId,
}

impl Rung {
    /// The rungs on which two paths can differ, in the order they are asked.
    pub const LADDER: [Rung; 13] = [
        Rung::LongStale,
        Rung::Weight,
        Rung::Local,
        Rung::LocalPref,
        Rung::AsPathLength,
        Rung::Origin,
        Rung::Med,
        Rung::External,
        Rung::IgpCost,
        Rung::RouterId,
        Rung::ClusterListLength,
        Rung::PeerAddress,
        Rung::PathId,
    ];

    /// A stable word for JSON and counters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Rung::OnlyPath => "only-path",
            Rung::LongStale => "long-stale",
            Rung::Weight => "weight",
            Rung::Local => "local",
            Rung::LocalPref => "local-pref",
            Rung::AsPathLength => "as-path-length",
            Rung::Origin => "origin",
            Rung::Med => "med",
            Rung::External => "external",
            Rung::IgpCost => "igp-cost",
            Rung::RouterId => "router-id",
            Rung::ClusterListLength => "cluster-list-length",
            Rung::PeerAddress => "peer-address",
            Rung::PathId => "path-id",
        }
    }
}

impl fmt::Display for Rung {
    /// Why the winner won, for an operator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rung::OnlyPath => "it is the only path",
            Rung::LongStale => {
                "not kept of a speaker that went long ago, without LLGR_STALE (RFC 9494 4.4)"
            }
            Rung::Weight => "higher weight",
            Rung::Local => "our own route before a learned one",
            Rung::LocalPref => "higher LOCAL_PREF (RFC 4271 9.1.1)",
            Rung::AsPathLength => "shorter AS_PATH (RFC 4271 9.1.2.2 a)",
            Rung::Origin => "lower ORIGIN (RFC 4271 9.1.2.2 b)",
            Rung::Med => "lower MED from the same neighbouring AS (RFC 4271 9.1.2.2 c)",
            Rung::External => "eBGP before iBGP (RFC 4271 9.1.2.2 d)",
            Rung::IgpCost => "lower cost to the next hop (RFC 4271 9.1.2.2 e)",
            Rung::RouterId => "lower router id or ORIGINATOR_ID (RFC 4271 9.1.2.2 f, RFC 4456 9)",
            Rung::ClusterListLength => "shorter CLUSTER_LIST (RFC 4456 9)",
            Rung::PeerAddress => "lower peer address (RFC 4271 9.1.2.2 g)",
            Rung::PathId => "lower path identifier (RFC 7911)",
        })
    }
}

/// What the ladder looks at, gathered from a path's attributes, its source and its next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathKey {
    /// It is kept of a speaker that went long ago: with LLGR_STALE.
    pub long_stale: bool,
    /// Private preference; higher wins. 0 until policy gives one.
    pub weight: u32,
    /// 0 for our own blocks, 1 for API routes, 2 for learned ones.
    pub local: u8,
    /// LOCAL_PREF; higher wins.
    pub local_pref: u32,
    /// AS_PATH length, sets counted as one.
    pub as_path_len: u16,
    /// ORIGIN; lower wins: IGP, EGP, INCOMPLETE.
    pub origin: Origin,
    /// The neighbouring AS, 0 where the route began in our own AS: whose MED it is.
    pub neighbor_as: Asn,
    /// MED, 0 where there is none.
    pub med: u32,
    /// 0 for eBGP, 1 for iBGP; alike for local routes, which an earlier rung tells apart.
    pub internal: bool,
    /// Cost to the next hop; 0 where nobody knows one.
    pub igp_cost: u32,
    /// ORIGINATOR_ID, or the BGP Identifier of the peer.
    pub router_id: Ipv4Addr,
    /// Number of cluster ids in CLUSTER_LIST.
    pub cluster_list_len: u16,
    /// The peer's address.
    pub peer_address: IpAddr,
    /// The path identifier; 0 without ADD-PATH.
    pub path_id: u32,
    /// The source's slot, so that even two sources at one address never tie.
    pub peer: PeerId,
}

impl PathKey {
    /// Gathers the key of a path. `igp_cost` is the cost to its next hop.
    #[must_use]
    pub fn new(
        attrs: &AttrKey,
        peer: PeerId,
        source: &SourceInfo,
        path_id: u32,
        igp_cost: u32,
    ) -> PathKey {
        let (local, internal) = match source.kind {
            SourceKind::Local => (0, false),
            SourceKind::Api => (1, false),
            SourceKind::Ebgp => (2, false),
            SourceKind::IbgpClient | SourceKind::IbgpNonClient => (2, true),
        };
        PathKey {
            long_stale: attrs.llgr_stale(),
            weight: 0,
            local,
            local_pref: attrs.local_pref,
            as_path_len: attrs.as_path_len,
            origin: attrs.origin,
            neighbor_as: attrs.neighbor_as,
            med: attrs.med,
            internal,
            igp_cost,
            router_id: attrs.originator().unwrap_or(source.router_id),
            cluster_list_len: attrs.cluster_list_len,
            peer_address: source.address,
            path_id,
            peer,
        }
    }

    /// True if MED may be compared between the two (RFC 4271 9.1.2.2 c).
    fn same_neighbor(&self, other: &PathKey) -> bool {
        self.neighbor_as == other.neighbor_as
    }
}

/// A rung's answer: go on if it ties.
fn ask(rung: Rung, order: Ordering) -> Result<(), (Ordering, Rung)> {
    match order {
        Ordering::Equal => Ok(()),
        Ordering::Less | Ordering::Greater => Err((order, rung)),
    }
}

/// The rungs before MED.
fn upper(a: &PathKey, b: &PathKey) -> Result<(), (Ordering, Rung)> {
    if a.long_stale != b.long_stale {
        return Err((a.long_stale.cmp(&b.long_stale), Rung::LongStale));
    }
    ask(Rung::Weight, b.weight.cmp(&a.weight))?;
    ask(Rung::Local, a.local.cmp(&b.local))?;
    ask(Rung::LocalPref, b.local_pref.cmp(&a.local_pref))?;
    ask(Rung::AsPathLength, a.as_path_len.cmp(&b.as_path_len))?;
    ask(Rung::Origin, a.origin.cmp(&b.origin))
}

/// The rungs after MED.
fn lower(a: &PathKey, b: &PathKey) -> Result<(), (Ordering, Rung)> {
    ask(Rung::External, a.internal.cmp(&b.internal))?;
    ask(Rung::IgpCost, a.igp_cost.cmp(&b.igp_cost))?;
    ask(Rung::RouterId, a.router_id.cmp(&b.router_id))?;
    let clusters = a.cluster_list_len.cmp(&b.cluster_list_len);
    ask(Rung::ClusterListLength, clusters)?;
    ask(Rung::PeerAddress, a.peer_address.cmp(&b.peer_address))?;
    ask(Rung::PathId, (a.path_id, a.peer).cmp(&(b.path_id, b.peer)))
}

/// The whole ladder, with the MED rung on or off.
fn ladder(a: &PathKey, b: &PathKey, med: bool) -> (Ordering, Rung) {
    let climb = || {
        upper(a, b)?;
        if med {
            ask(Rung::Med, a.med.cmp(&b.med))?;
        }
        lower(a, b)
    };
    match climb() {
        Ok(()) => (Ordering::Equal, Rung::PathId),
        Err(decided) => decided,
    }
}

/// Compares two paths: `Less` if `a` is better, so that sorting puts the best first, and the rung that decided.
///
/// MED is asked only if both have one neighbouring AS. Right for two paths; over more than two, see the module's head.
#[must_use]
pub fn compare(a: &PathKey, b: &PathKey) -> (Ordering, Rung) {
    ladder(a, b, a.same_neighbor(b))
}

/// True if no rung up to and with `last` tells the two apart.
#[must_use]
pub fn tied_through(a: &PathKey, b: &PathKey, last: Rung) -> bool {
    let (order, rung) = compare(a, b);
    order == Ordering::Equal || rung > last
}

/// A path that leads a tournament, and the last rung that was needed to leave it alone.
#[derive(Clone, Copy)]
struct Leader {
    index: usize,
    key: PathKey,
    rung: Rung,
}

impl Leader {
    fn new(index: usize, key: PathKey) -> Leader {
        Leader {
            index,
            key,
            rung: Rung::OnlyPath,
        }
    }

    /// One match. A ladder is an order by first difference: who beats the leader at a rung beats all whom the leader
    /// beat at that rung or before, so the last rung needed is the new one; otherwise it is the later of both.
    fn meet(&mut self, other: Leader, med: bool) {
        let (order, rung) = ladder(&self.key, &other.key, med);
        if order == Ordering::Greater {
            *self = Leader {
                rung: rung.max(other.rung),
                ..other
            };
        } else {
            self.rung = self.rung.max(rung);
        }
    }
}

/// The index of the best path and the last rung that was needed to leave it alone; `None` without paths.
///
/// Independent of the order of the paths. Walks the iterator once, and a second time where MEDs differ.
#[must_use]
pub fn choose<I>(paths: I) -> Option<(usize, Rung)>
where
    I: IntoIterator<Item = PathKey>,
    I::IntoIter: Clone,
{
    let paths = paths.into_iter();
    let mut all = paths.clone().enumerate();
    let (index, first) = all.next()?;
    let mut leader = Leader::new(index, first);
    // Among those that tie with the leader up to MED: one value everywhere means that the rung decides nothing.
    let mut one_med = true;
    for (index, key) in all {
        let before = leader.key;
        leader.meet(Leader::new(index, key), false);
        match upper(&key, &before) {
            Ok(()) => one_med &= key.med == before.med,
            Err((Ordering::Less, _)) => one_med = true,
            Err((Ordering::Greater | Ordering::Equal, _)) => {}
        }
    }
    if one_med {
        return Some((leader.index, leader.rung));
    }
    let top = leader.key;
    let mut winners = Winners::default();
    for (index, key) in paths.enumerate() {
        if upper(&key, &top).is_ok() {
            winners.enter(Leader::new(index, key));
        }
    }
    winners.best()
}

/// How many neighbouring ASes are kept without allocation.
const INLINE_NEIGHBORS: usize = 8;

/// The best path of each neighbouring AS.
#[derive(Default)]
struct Winners {
    few: [Option<Leader>; INLINE_NEIGHBORS],
    /// All that did not find room, in order of arrival: sorted at the end, so that many ASes do not cost a square.
    many: Vec<Leader>,
}

impl Winners {
    fn enter(&mut self, path: Leader) {
        for slot in &mut self.few {
            match slot {
                Some(leader) if leader.key.same_neighbor(&path.key) => {
                    leader.meet(path, true);
                    return;
                }
                Some(_) => {}
                None => {
                    *slot = Some(path);
                    return;
                }
            }
        }
        self.many.push(path);
    }

    fn best(mut self) -> Option<(usize, Rung)> {
        self.many.sort_unstable_by_key(|path| path.key.neighbor_as);
        let many = self.many.chunk_by(|a, b| a.key.same_neighbor(&b.key));
        let many = many.filter_map(|group| final_of(group.iter().copied(), true));
        let last = final_of(self.few.into_iter().flatten().chain(many), false)?;
        Some((last.index, last.rung))
    }
}

/// Plays all against all, with the MED rung on or off.
fn final_of(mut paths: impl Iterator<Item = Leader>, med: bool) -> Option<Leader> {
    let mut leader = paths.next()?;
    for path in paths {
        leader.meet(path, med);
    }
    Some(leader)
}

/// What a new path does to the best one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// The best path stays.
    Keeps,
    /// The new path is the best one.
    Takes,
    /// MED of a third path may decide: call [`choose`] over all of them.
    Rescan,
}

/// Compares a path that was added with the path that was best until now.
#[must_use]
pub fn challenge(new: &PathKey, best: &PathKey) -> Challenge {
    let same = new.same_neighbor(best);
    let (order, rung) = ladder(new, best, same);
    match order {
        // In one AS the best one still leads it. From another AS only a path that beats the best one could change it.
        Ordering::Greater | Ordering::Equal => Challenge::Keeps,
        // It won before MED is asked: so it does against all whom the best one beat.
        Ordering::Less if rung < Rung::Med => Challenge::Takes,
        // In one AS and not by MED: it also beats the leaders of the other ASes, for whom MED is not asked.
        Ordering::Less if same && rung != Rung::Med => Challenge::Takes,
        // From another AS: only a path of its own AS with a lower MED could stop it, and none is lower than 0.
        Ordering::Less if !same && new.med == 0 => Challenge::Takes,
        Ordering::Less => Challenge::Rescan,
    }
}

/// Writes the indices of all paths that may share traffic with `best`, ascending and with the best one's own.
///
/// They tie with it through [`Rung::IgpCost`], and no path of their own neighbouring AS beats them by MED. With
/// `relax`, paths of other neighbouring ASes count too; without it, only those of the best path's.
pub fn multipath<I>(paths: I, best: &PathKey, relax: bool, out: &mut Vec<usize>)
where
    I: IntoIterator<Item = PathKey>,
    I::IntoIter: Clone,
{
    out.clear();
    let paths = paths.into_iter();
    let tied = |key: &PathKey| {
        (relax || key.same_neighbor(best)) && tied_through(key, best, Rung::IgpCost)
    };
    let beaten = lowest_meds(paths.clone(), best);
    for (index, key) in paths.enumerate() {
        if tied(&key) && !beaten(&key) {
            out.push(index);
        }
    }
}

/// A test whether another path of the same neighbouring AS has a lower MED. Allocates only if MEDs differ.
fn lowest_meds<I>(paths: I, best: &PathKey) -> impl Fn(&PathKey) -> bool + use<I>
where
    I: Iterator<Item = PathKey> + Clone,
{
    let best = *best;
    let tied = paths.filter(move |key| upper(key, &best).is_ok());
    let mut lowest: Vec<(Asn, u32)> = Vec::new();
    if tied.clone().any(|key| key.med != best.med) {
        lowest.extend(tied.map(|key| (key.neighbor_as, key.med)));
        lowest.sort_unstable();
        lowest.dedup_by_key(|(asn, _)| *asn);
    }
    move |key| {
        lowest
            .binary_search_by_key(&key.neighbor_as, |(asn, _)| *asn)
            .is_ok_and(|at| lowest[at].1 < key.med)
    }
}

#[cfg(test)]
mod tests;
