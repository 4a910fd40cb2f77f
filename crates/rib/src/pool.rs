//! Attribute sets and next hops, each kept once behind a small id.
//!
//! An attribute set is its canonical bytes ([`wire::AttrView`]): equal sets have equal bytes, so one look-up per UPDATE
//! finds the id, and all NLRI of the UPDATE share it. What the ladder and the export rules ask for is read from the
//! bytes once and kept beside them ([`AttrKey`]).
//!
//! Ids are counted: whatever remembers an id (a path, a log batch, a memo) holds a reference, and an id is reused only
//! when the last one was released. The pools never decide anything and never change bytes.
//!
//! Peers choose the bytes, so the hash is keyed by a seed that they do not know: they cannot aim at collisions. The
//! seed is an argument, because this crate has no randomness.
//!
//! RFC 4271 section 5 (attributes), 9.1.2.2 (what the key is for).

mod slab;

use std::hash::{Hash, Hasher};
use std::net::Ipv4Addr;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use wire::{Asn, AttrView, Community, NextHop, Origin};

use crate::ids::{AttrId, NextHopId};
use crate::index::Index;
use slab::Slab;

/// The degree of preference of a route that carries none (RFC 4271 9.1.1 leaves it to us; 100 is what everybody uses).
pub const DEFAULT_LOCAL_PREF: u32 = 100;

/// The degree of preference of a route that whoever told it is about to withdraw (RFC 8326 4.1): any other one wins.
pub const LEAST_LOCAL_PREF: u32 = 0;

/// What decision and export ask of an attribute set, read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttrKey {
    /// LOCAL_PREF, or [`DEFAULT_LOCAL_PREF`].
    pub local_pref: u32,
    /// MULTI_EXIT_DISC; 0, the best value, where there is none (RFC 4271 9.1.2.2 c).
    pub med: u32,
    /// The AS that the route came into ours from; 0 where it began in ours.
    pub neighbor_as: Asn,
    /// ORIGINATOR_ID; unspecified where there is none.
    originator: Ipv4Addr,
    /// AS_PATH length, a set counted as one.
    pub as_path_len: u16,
    /// Number of cluster ids in CLUSTER_LIST.
    pub cluster_list_len: u16,
    /// ORIGIN.
    pub origin: Origin,
    flags: u16,
}

impl AttrKey {
    const HAS_MED: u16 = 1 << 0;
    const HAS_LOCAL_PREF: u16 = 1 << 1;
    const NO_EXPORT: u16 = 1 << 2;
    const NO_ADVERTISE: u16 = 1 << 3;
    const NO_EXPORT_SUBCONFED: u16 = 1 << 4;
    const GRACEFUL_SHUTDOWN: u16 = 1 << 5;
    const LLGR_STALE: u16 = 1 << 6;
    const NO_LLGR: u16 = 1 << 7;
    const BLACKHOLE: u16 = 1 << 8;
    const HAS_OTC: u16 = 1 << 9;

    /// Reads the key of an attribute set.
    #[must_use]
    pub fn of(attrs: AttrView<'_>) -> AttrKey {
        let path = attrs.as_path();
        let (med, local_pref) = (attrs.med(), attrs.local_pref());
        let mut flags = 0;
        if med.is_some() {
            flags |= Self::HAS_MED;
        }
        if local_pref.is_some() {
            flags |= Self::HAS_LOCAL_PREF;
        }
        if attrs.otc().is_some() {
            flags |= Self::HAS_OTC;
        }
        for community in attrs.communities() {
            flags |= community_flag(community);
        }
        AttrKey {
            local_pref: local_pref.unwrap_or(DEFAULT_LOCAL_PREF),
            med: med.unwrap_or(0),
            neighbor_as: path.neighbor_as().unwrap_or(Asn(0)),
            originator: attrs.originator_id().unwrap_or(Ipv4Addr::UNSPECIFIED),
            as_path_len: clamp(path.length()),
            cluster_list_len: clamp(attrs.cluster_list_len()),
            origin: attrs.origin(),
            flags,
        }
    }

    /// ORIGINATOR_ID, if the route was reflected (RFC 4456 section 8).
    #[must_use]
    pub fn originator(&self) -> Option<Ipv4Addr> {
        (!self.originator.is_unspecified()).then_some(self.originator)
    }

    /// True if MULTI_EXIT_DISC is there.
    #[must_use]
    pub const fn has_med(&self) -> bool {
        self.flags & Self::HAS_MED != 0
    }

    /// True if LOCAL_PREF is there.
    #[must_use]
    pub const fn has_local_pref(&self) -> bool {
        self.flags & Self::HAS_LOCAL_PREF != 0
    }

    /// True with Only to Customer (RFC 9234).
    #[must_use]
    pub const fn has_otc(&self) -> bool {
        self.flags & Self::HAS_OTC != 0
    }

    /// True with NO_EXPORT (RFC 1997).
    #[must_use]
    pub const fn no_export(&self) -> bool {
        self.flags & Self::NO_EXPORT != 0
    }

    /// True with NO_ADVERTISE (RFC 1997).
    #[must_use]
    pub const fn no_advertise(&self) -> bool {
        self.flags & Self::NO_ADVERTISE != 0
    }

    /// True with NO_EXPORT_SUBCONFED (RFC 1997).
    #[must_use]
    pub const fn no_export_subconfed(&self) -> bool {
        self.flags & Self::NO_EXPORT_SUBCONFED != 0
    }

    /// True with GRACEFUL_SHUTDOWN (RFC 8326).
    #[must_use]
    pub const fn graceful_shutdown(&self) -> bool {
        self.flags & Self::GRACEFUL_SHUTDOWN != 0
    }

    /// True with LLGR_STALE (RFC 9494).
    #[must_use]
    pub const fn llgr_stale(&self) -> bool {
        self.flags & Self::LLGR_STALE != 0
    }

    /// True with NO_LLGR (RFC 9494).
    #[must_use]
    pub const fn no_llgr(&self) -> bool {
        self.flags & Self::NO_LLGR != 0
    }

    /// True with BLACKHOLE (RFC 7999).
    #[must_use]
    pub const fn blackhole(&self) -> bool {
        self.flags & Self::BLACKHOLE != 0
    }
}

fn community_flag(community: Community) -> u16 {
    match community {
        Community::NO_EXPORT => AttrKey::NO_EXPORT,
        Community::NO_ADVERTISE => AttrKey::NO_ADVERTISE,
        Community::NO_EXPORT_SUBCONFED => AttrKey::NO_EXPORT_SUBCONFED,
        Community::GRACEFUL_SHUTDOWN => AttrKey::GRACEFUL_SHUTDOWN,
        Community::LLGR_STALE => AttrKey::LLGR_STALE,
        Community::NO_LLGR => AttrKey::NO_LLGR,
        Community::BLACKHOLE => AttrKey::BLACKHOLE,
        // Any other community is a name between operators: it has no meaning here.
        _ => 0,
    }
}

/// A length that the message size bounds far below 65535.
fn clamp(length: u32) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// The keyed hash of both pools.
struct Seed {
    seed: u64,
    shared: SharedSeed,
}

impl Seed {
    fn new(seed: u64) -> Seed {
        Seed {
            seed,
            shared: SharedSeed::from_u64(seed),
        }
    }

    /// 32 bits are kept beside each value, so that growing the table reads no values.
    fn hash(&self, write: impl FnOnce(&mut FoldHasher<'_>)) -> u32 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        write(&mut hasher);
        (hasher.finish() >> 32) as u32
    }
}

/// A value, its hash and how many remember its id.
struct Counted<T> {
    value: T,
    hash: u32,
    refs: u32,
}

/// Equal values share one id, which lives while it is referred to.
struct Pool<T> {
    index: Index,
    values: Slab<Counted<T>>,
}

impl<T> Pool<T> {
    fn new() -> Self {
        Pool {
            index: Index::new(),
            values: Slab::new(),
        }
    }

    /// The id of the value that `same` accepts, else of what `make` builds; with one more reference.
    fn intern(&mut self, hash: u32, same: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> u32 {
        let values = &self.values;
        if let Some(id) = self.index.find(hash, |id| same(&values.get(id).value)) {
            self.values.get_mut(id).add(1);
            return id;
        }
        let id = self.values.insert(Counted {
            value: make(),
            hash,
            refs: 1,
        });
        self.index.insert(hash, id);
        id
    }

    fn retain(&mut self, id: u32, count: u32) {
        self.values.get_mut(id).add(count);
    }

    /// Takes one reference back; the value, if that was the last one.
    fn release(&mut self, id: u32) -> Option<T> {
        let counted = self.values.get_mut(id);
        counted.refs -= 1;
        if counted.refs > 0 {
            return None;
        }
        self.index.remove(counted.hash, id);
        Some(self.values.remove(id).value)
    }

    fn value(&self, id: u32) -> &T {
        &self.values.get(id).value
    }

    fn bytes(&self) -> usize {
        self.index.bytes() + self.values.bytes()
    }

    /// Octets of one value here, its place in the index included.
    const fn record() -> usize {
        size_of::<Option<Counted<T>>>() + 12
    }

    /// A part of `octets` for each of those who refer to the value.
    fn share(&self, id: u32, octets: usize) -> u64 {
        octets as u64 / u64::from(self.values.get(id).refs.max(1))
    }
}

impl<T> Counted<T> {
    fn add(&mut self, count: u32) {
        let refs = self.refs.checked_add(count);
        self.refs = refs.expect("invariant: memory ends before references do");
    }
}

/// Octets that an allocator takes for itself, about.
const ALLOCATION: usize = 16;

/// An attribute set: its bytes and what was read from them.
struct AttrSet {
    bytes: Box<[u8]>,
    key: AttrKey,
}

/// All attribute sets that are in use, each once.
pub struct AttrPool {
    seed: Seed,
    sets: Pool<AttrSet>,
    /// Octets of all sets' bytes.
    octets: usize,
}

impl AttrPool {
    /// An empty pool. `seed` keys the hash and must not be known to peers.
    #[must_use]
    pub fn new(seed: u64) -> AttrPool {
        AttrPool {
            seed: Seed::new(seed),
            sets: Pool::new(),
            octets: 0,
        }
    }

    /// The id of these attributes, with one reference that the caller gives back with [`AttrPool::release`].
    pub fn intern(&mut self, attrs: AttrView<'_>) -> AttrId {
        let bytes = attrs.bytes();
        let hash = self.seed.hash(|hasher| hasher.write(bytes));
        let octets = &mut self.octets;
        let id = self.sets.intern(
            hash,
            |set| &*set.bytes == bytes,
            || {
                *octets += bytes.len();
                AttrSet {
                    bytes: bytes.into(),
                    key: AttrKey::of(attrs),
                }
            },
        );
        AttrId(id)
    }

    /// Adds a reference.
    pub fn retain(&mut self, id: AttrId) {
        self.sets.retain(id.0, 1);
    }

    /// Adds `count` references at once: one per NLRI of an UPDATE.
    pub fn retain_many(&mut self, id: AttrId, count: u32) {
        self.sets.retain(id.0, count);
    }

    /// Gives one reference back. The last one frees the set, and its id may then name another.
    pub fn release(&mut self, id: AttrId) {
        if let Some(set) = self.sets.release(id.0) {
            self.octets -= set.bytes.len();
        }
    }

    /// The attributes.
    #[must_use]
    pub fn view(&self, id: AttrId) -> AttrView<'_> {
        AttrView::new(&self.sets.value(id.0).bytes)
    }

    /// What the ladder and the export rules ask of them.
    #[must_use]
    pub fn key(&self, id: AttrId) -> &AttrKey {
        &self.sets.value(id.0).key
    }

    /// How many different sets are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.values.len()
    }

    /// True if no set is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of memory in use, without what the allocator adds.
    #[must_use]
    pub fn bytes_used(&self) -> usize {
        self.sets.bytes() + self.octets
    }

    /// Octets of the sets in use, room for others not counted.
    #[must_use]
    pub fn octets_in_use(&self) -> usize {
        self.len() * Self::record() + self.octets
    }

    /// Octets of a set, in equal parts for all who refer to it: the part of one.
    #[must_use]
    pub fn share(&self, id: AttrId) -> u64 {
        let octets = Self::record() + self.view(id).bytes().len();
        self.sets.share(id.0, octets)
    }

    /// Octets of a set without its bytes.
    const fn record() -> usize {
        Pool::<AttrSet>::record() + ALLOCATION
    }
}

/// All next hops that are in use, each once.
pub struct NextHopPool {
    seed: Seed,
    hops: Pool<NextHop>,
}

impl NextHopPool {
    /// An empty pool. `seed` keys the hash and must not be known to peers.
    #[must_use]
    pub fn new(seed: u64) -> NextHopPool {
        NextHopPool {
            seed: Seed::new(seed),
            hops: Pool::new(),
        }
    }

    /// The id of this next hop, with one reference that the caller gives back with [`NextHopPool::release`].
    pub fn intern(&mut self, next_hop: NextHop) -> NextHopId {
        let hash = self.seed.hash(|hasher| next_hop.hash(hasher));
        NextHopId(
            self.hops
                .intern(hash, |other| *other == next_hop, || next_hop),
        )
    }

    /// Adds a reference.
    pub fn retain(&mut self, id: NextHopId) {
        self.hops.retain(id.0, 1);
    }

    /// Adds `count` references at once.
    pub fn retain_many(&mut self, id: NextHopId, count: u32) {
        self.hops.retain(id.0, count);
    }

    /// Gives one reference back. The last one frees the id, which may then name another next hop.
    pub fn release(&mut self, id: NextHopId) {
        self.hops.release(id.0);
    }

    /// The next hop.
    #[must_use]
    pub fn get(&self, id: NextHopId) -> NextHop {
        *self.hops.value(id.0)
    }

    /// How many different next hops are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hops.values.len()
    }

    /// True if no next hop is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of memory in use, without what the allocator adds.
    #[must_use]
    pub fn bytes_used(&self) -> usize {
        self.hops.bytes()
    }

    /// Octets of the next hops in use, room for others not counted.
    #[must_use]
    pub fn octets_in_use(&self) -> usize {
        self.len() * Pool::<NextHop>::record()
    }

    /// Octets of a next hop, in equal parts for all who refer to it: the part of one.
    #[must_use]
    pub fn share(&self, id: NextHopId) -> u64 {
        self.hops.share(id.0, Pool::<NextHop>::record())
    }
}

#[cfg(test)]
mod tests;
