//! Where paths come from: one slot for each time that a peer was up.
//!
//! A peer that goes down leaves its slot draining: a sliced walk takes its paths out, and the slot is used again only
//! when the last one went. A peer that returns meanwhile gets a new slot, which is its generation: nothing that it
//! announces now can be mistaken for something that the walk is after.
//!
//! Where a peer may be about to return (RFC 4724), its slot is stale for a while: the paths stay as they are until the
//! peer has announced them again or somebody says that they go, family by family. A peer that goes again meanwhile may
//! leave several stale slots. What is kept for long (RFC 9494) is aged: a walk marks its paths.

use std::net::Ipv4Addr;
use std::num::NonZeroU32;

use wire::{Families, Family};

use crate::ids::{Cluster, PeerId, SourceInfo};

/// No slot.
const NIL: u32 = u32::MAX;

/// Paths of a source that are remembered one by one, so that nothing is looked for when it goes down.
const FEW: usize = 64;

/// Paths of one peer and one family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathCounts {
    /// All paths that are kept, rejected ones included.
    pub received: u32,
    /// Those that may be used.
    pub accepted: u32,
}

/// Stale slots of one peer at most: who goes again and again without having announced all of what is kept of it loses the
/// oldest of that.
const MOST_STALE: usize = 4;

/// The slots of a peer's former sessions while some of their paths are kept, the latest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Formers([u32; MOST_STALE]);

impl Formers {
    const NONE: Formers = Formers([NIL; MOST_STALE]);

    pub(crate) fn iter(self) -> impl Iterator<Item = u32> {
        self.0.into_iter().take_while(|slot| *slot != NIL)
    }

    fn remove(&mut self, slot: u32) {
        if let Some(at) = self.0.iter().position(|other| *other == slot) {
            self.0[at..].rotate_left(1);
            self.0[MOST_STALE - 1] = NIL;
        }
    }

    fn push(&mut self, slot: u32) {
        debug_assert_eq!(self.0[MOST_STALE - 1], NIL, "there is room");
        self.0.rotate_right(1);
        self.0[0] = slot;
    }
}

/// A peer, as long as it is up or has paths left in the table.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) peer: PeerId,
    pub(crate) info: SourceInfo,
    pub(crate) counts: [PathCounts; 2],
    /// The destinations of its paths while they are few: since it had none it never had more than `FEW`.
    few: Option<Vec<u32>>,
    /// The families whose paths are being taken out; none while the peer is up.
    going: Families,
    /// The families whose paths are being marked (RFC 9494).
    aging: Families,
    /// The families that the peer is announcing anew, until what it did not is taken out (RFC 7313).
    refreshing: Families,
    /// Counts these refreshes, by [`Family::index`]; never 0 while there is one.
    refreshes: [u8; 2],
    /// How many of its paths are accepted at most, if that is limited.
    most: Option<Box<Limit>>,
}

/// A limit of accepted paths, by [`Family::index`].
#[derive(Debug)]
struct Limit {
    most: [Option<NonZeroU32>; 2],
    /// Announcements that were refused for it.
    refused: [u32; 2],
}

impl Source {
    fn is_empty(&self) -> bool {
        self.counts.iter().all(|counts| counts.received == 0)
    }

    /// True if paths of this family are being taken out.
    pub(crate) fn goes(&self, family: Family) -> bool {
        self.going.contains(family)
    }

    /// True if paths are left that are to be taken out.
    fn is_draining(&self) -> bool {
        let mut going = self.going.iter();
        going.any(|family| self.counts[family.index()].received > 0)
    }

    /// True if paths of this family are being marked.
    pub(crate) fn ages(&self, family: Family) -> bool {
        self.aging.contains(family)
    }

    /// True if its destinations are known, and all of them are to be taken out.
    fn is_known(&self) -> bool {
        self.going == Families::ALL && self.few.is_some()
    }

    /// True if its accepted paths are limited.
    pub(crate) fn is_limited(&self) -> bool {
        self.most.is_some()
    }

    /// True if no more of its paths are to be accepted.
    pub(crate) fn is_at_limit(&self, family: Family) -> bool {
        let index = family.index();
        let most = self.most.as_ref().and_then(|limit| limit.most[index]);
        most.is_some_and(|most| self.counts[index].accepted >= most.get())
    }

    /// Announcements that were refused because of the limit.
    pub(crate) fn refused(&self) -> [u32; 2] {
        self.most.as_ref().map_or([0; 2], |limit| limit.refused)
    }

    fn note_in(&mut self, dest: u32) {
        if let Some(few) = &mut self.few {
            if few.len() < FEW {
                few.push(dest);
            } else {
                self.few = None;
            }
        }
    }

    fn note_out(&mut self, dest: u32) {
        if let Some(few) = &mut self.few
            && let Some(at) = few.iter().rposition(|other| *other == dest)
        {
            few.swap_remove(at);
        } else if self.is_empty() {
            self.few = Some(Vec::new());
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Sources {
    slots: Vec<Option<Source>>,
    free: Vec<u32>,
    /// Slot of the peer's present session, by `PeerId`.
    by_peer: Vec<u32>,
    /// By `PeerId`; its end may be missing.
    stale: Vec<Formers>,
    stale_count: usize,
    draining: usize,
    /// Slots whose paths are being marked, and how many of their destinations are still to be looked at, where those are
    /// known; those of the others have to be looked for.
    aging: Vec<(u32, usize)>,
    /// Those of the draining slots whose destinations are known.
    known: Vec<u32>,
    /// Cluster ids that we have or had, by their number less one. What is remembered of routes names them by it.
    clusters: Vec<Ipv4Addr>,
}

impl Sources {
    /// None yet, of a speaker with this cluster id.
    pub(crate) fn new(cluster_id: Ipv4Addr) -> Sources {
        Sources {
            clusters: vec![cluster_id],
            ..Sources::default()
        }
    }

    /// A cluster id with its number. Beyond 255 of them the one of the configuration stands in.
    pub(crate) fn cluster(&mut self, id: Ipv4Addr) -> Cluster {
        let known = self.clusters.iter().position(|known| *known == id);
        let at = known.unwrap_or_else(|| {
            self.clusters.push(id);
            self.clusters.len() - 1
        });
        match u8::try_from(at + 1) {
            Ok(number) => Cluster { id, number },
            Err(_) => {
                self.clusters.truncate(usize::from(u8::MAX));
                Cluster::own(self.clusters[0])
            }
        }
    }

    /// Cluster ids by their number less one.
    pub(crate) fn clusters(&self) -> &[Ipv4Addr] {
        &self.clusters
    }

    /// Slot of a peer that is up.
    pub(crate) fn slot(&self, peer: PeerId) -> Option<u32> {
        let slot = self.by_peer.get(peer.index()).copied()?;
        (slot != NIL).then_some(slot)
    }

    /// The source in a slot that some path or peer uses.
    pub(crate) fn get(&self, slot: u32) -> &Source {
        self.slots[slot as usize]
            .as_ref()
            .expect("a slot lives as long as its paths")
    }

    /// The source of a peer that is up.
    pub(crate) fn of(&self, peer: PeerId) -> Option<&Source> {
        self.slot(peer).map(|slot| self.get(slot))
    }

    /// True if paths of this slot and family are being taken out.
    pub(crate) fn goes(&self, slot: u32, family: Family) -> bool {
        self.get(slot).goes(family)
    }

    /// The slots of former sessions of the peer in this slot, a peer that is up, of which paths are kept.
    pub(crate) fn formers(&self, slot: u32) -> Formers {
        match self.stale_count {
            0 => Formers::NONE,
            _ => self.stale_slots(self.get(slot).peer),
        }
    }

    /// The slots whose paths are kept for a peer that went.
    fn stale_slots(&self, peer: PeerId) -> Formers {
        let slots = self.stale.get(peer.index()).copied();
        slots.unwrap_or(Formers::NONE)
    }

    /// What is kept of a peer that went.
    pub(crate) fn kept(&self, peer: PeerId) -> impl Iterator<Item = &Source> {
        self.stale_slots(peer).iter().map(|slot| self.get(slot))
    }

    /// True if the paths of this slot are kept for a peer that went, or has come back since.
    pub(crate) fn is_stale(&self, slot: u32) -> bool {
        self.stale_count > 0 && self.is_stale_of(self.get(slot).peer, slot)
    }

    fn is_stale_of(&self, peer: PeerId, slot: u32) -> bool {
        self.stale_slots(peer).iter().any(|stale| stale == slot)
    }

    /// True if some slot has paths to be taken out.
    pub(crate) fn any_draining(&self) -> bool {
        self.draining != 0
    }

    /// A destination where a draining source is known to have a path.
    pub(crate) fn known_path(&mut self) -> Option<u32> {
        let slot = *self.known.last()?;
        self.get(slot).few.as_ref()?.last().copied()
    }

    /// True if some draining slot has paths that have to be looked for.
    pub(crate) fn any_unknown(&self) -> bool {
        self.draining > self.known.len()
    }

    /// A peer came up. It must be down.
    pub(crate) fn up(&mut self, peer: PeerId, info: SourceInfo) {
        let source = Source {
            peer,
            info,
            counts: <[PathCounts; 2]>::default(),
            few: Some(Vec::new()),
            going: Families::EMPTY,
            most: None,
            refreshing: Families::EMPTY,
            refreshes: [0; 2],
            aging: Families::EMPTY,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("few sources")
        });
        self.slots[slot as usize] = Some(source);
        if self.by_peer.len() <= peer.index() {
            self.by_peer.resize(peer.index() + 1, NIL);
        }
        self.by_peer[peer.index()] = slot;
    }

    /// What is known of a peer that is up changes.
    pub(crate) fn change(&mut self, peer: PeerId, info: SourceInfo) {
        let Some(slot) = self.slot(peer) else { return };
        if let Some(source) = &mut self.slots[slot as usize] {
            debug_assert!(source.info.is_same_speaker(&info), "it is another one");
            source.info = info;
        }
    }

    /// Limits the accepted paths of a peer that is up, from now on. Nothing counts as refused any more.
    pub(crate) fn limit(&mut self, peer: PeerId, most: [Option<NonZeroU32>; 2]) {
        let Some(slot) = self.slot(peer) else { return };
        if let Some(source) = &mut self.slots[slot as usize] {
            let is_limited = most.iter().any(Option::is_some);
            source.most = is_limited.then(|| {
                Box::new(Limit {
                    most,
                    refused: [0; 2],
                })
            });
        }
    }

    /// Counts an announcement that is refused because of the limit.
    pub(crate) fn note_refused(&mut self, slot: u32, family: Family) {
        let source = self.slots[slot as usize].as_mut();
        if let Some(limit) = source.and_then(|source| source.most.as_mut()) {
            let refused = &mut limit.refused[family.index()];
            *refused = refused.saturating_add(1);
        }
    }

    /// A peer that is up announces a family anew. What it has of it is marked with another number from now on.
    pub(crate) fn begin_refresh(&mut self, peer: PeerId, family: Family) {
        let slot = self.slot(peer);
        if let Some(source) = slot.and_then(|slot| self.slots[slot as usize].as_mut()) {
            source.refreshing.insert(family);
            let number = &mut source.refreshes[family.index()];
            *number = number.checked_add(1).unwrap_or(1);
        }
    }

    /// What was not announced anew has been taken out, or is not going to be.
    pub(crate) fn end_refresh(&mut self, peer: PeerId, family: Family) {
        let slot = self.slot(peer);
        if let Some(source) = slot.and_then(|slot| self.slots[slot as usize].as_mut()) {
            source.refreshing.remove(family);
        }
    }

    /// The number of the refresh that is under way of a slot's family; 0: none is.
    pub(crate) fn refresh_of(&self, slot: u32, family: Family) -> u8 {
        let source = self.get(slot);
        match source.refreshing.contains(family) {
            true => source.refreshes[family.index()],
            false => 0,
        }
    }

    /// True while somebody announces anew.
    pub(crate) fn any_refreshing(&self) -> bool {
        let mut sources = self.slots.iter().flatten();
        sources.any(|source| !source.refreshing.is_empty())
    }

    /// The destinations of a slot's paths, if they are few.
    pub(crate) fn few(&self, slot: u32) -> Option<&[u32]> {
        self.get(slot).few.as_deref()
    }

    /// A peer went down: its paths are to be taken out, but for those of the families `kept`, and of `older` those that
    /// were kept of it before.
    pub(crate) fn down(&mut self, peer: PeerId, kept: Families, older: Families) {
        self.drop_kept(peer, Families::ALL - older);
        let Some(slot) = self.slot(peer) else { return };
        self.by_peer[peer.index()] = NIL;
        if self.get(slot).is_empty() {
            return self.release(slot);
        }
        if self.stale.len() <= peer.index() {
            self.stale.resize(peer.index() + 1, Formers::NONE);
        }
        if let Some(oldest) = self.stale_slots(peer).iter().nth(MOST_STALE - 1) {
            self.drop_slot(peer, oldest, Families::ALL);
        }
        self.stale[peer.index()].push(slot);
        self.stale_count += 1;
        self.drop_slot(peer, slot, Families::ALL - kept);
    }

    /// What is kept of these families of a peer that went is to be taken out.
    pub(crate) fn drop_kept(&mut self, peer: PeerId, families: Families) {
        for slot in self.stale_slots(peer).iter() {
            self.drop_slot(peer, slot, families);
        }
    }

    /// The same of one of its slots.
    fn drop_slot(&mut self, peer: PeerId, slot: u32, families: Families) {
        let Some(source) = &mut self.slots[slot as usize] else {
            return;
        };
        let was_draining = source.is_draining();
        source.going = source.going | families;
        let is_draining = source.is_draining();
        if source.is_known() && is_draining {
            self.known.push(slot);
        }
        self.draining += usize::from(is_draining);
        self.draining -= usize::from(was_draining);
        if source.going == Families::ALL {
            self.forget_stale(peer, slot);
            if !is_draining {
                self.release(slot);
            }
        }
    }

    fn forget_stale(&mut self, peer: PeerId, slot: u32) {
        self.stale[peer.index()].remove(slot);
        self.stale_count -= 1;
    }

    /// What is kept of these families of a peer that went is to be marked. True if some of it has to be looked for.
    pub(crate) fn age(&mut self, peer: PeerId, families: Families) -> bool {
        let mut is_unknown = false;
        for slot in self.stale_slots(peer).iter() {
            let Some(source) = &mut self.slots[slot as usize] else {
                continue;
            };
            source.aging = source.aging | families;
            let known = source.few.as_ref().map(Vec::len);
            is_unknown |= known.is_none();
            self.aging.retain(|(other, _)| *other != slot);
            self.aging.push((slot, known.unwrap_or(usize::MAX)));
        }
        is_unknown
    }

    /// A destination that may have a path to be marked, of those that are known.
    pub(crate) fn next_to_age(&mut self) -> Option<u32> {
        loop {
            let known = |(_, left): &(u32, usize)| *left != usize::MAX;
            let at = self.aging.iter().rposition(known)?;
            let (slot, left) = &mut self.aging[at];
            let slots = &self.slots;
            let few = slots[*slot as usize]
                .as_ref()
                .and_then(|one| one.few.as_ref());
            // Marking may take paths out: then those behind have moved up, and have been looked at.
            *left = (*left).min(few.map_or(0, Vec::len));
            if let (Some(few), Some(next)) = (few, left.checked_sub(1)) {
                *left = next;
                return few.get(next).copied();
            }
            let slot = *slot;
            self.aging.swap_remove(at);
            self.end_aging(slot);
        }
    }

    /// True if paths have to be looked for to be marked.
    pub(crate) fn any_unknown_aging(&self) -> bool {
        self.aging.iter().any(|(_, left)| *left == usize::MAX)
    }

    /// True if paths are to be marked.
    pub(crate) fn any_aging(&self) -> bool {
        !self.aging.is_empty()
    }

    /// All destinations have been looked at.
    pub(crate) fn end_unknown_aging(&mut self) {
        while let Some(at) = self.aging.iter().position(|(_, left)| *left == usize::MAX) {
            let (slot, _) = self.aging.swap_remove(at);
            self.end_aging(slot);
        }
    }

    fn end_aging(&mut self, slot: u32) {
        if let Some(source) = &mut self.slots[slot as usize] {
            source.aging = Families::EMPTY;
        }
    }

    fn release(&mut self, slot: u32) {
        self.aging.retain(|(other, _)| *other != slot);
        self.slots[slot as usize] = None;
        self.free.push(slot);
    }

    /// Counts a path in.
    pub(crate) fn count_in(&mut self, slot: u32, dest: u32, family: Family, accepted: bool) {
        if let Some(source) = &mut self.slots[slot as usize] {
            source.note_in(dest);
            let counts = &mut source.counts[family.index()];
            counts.received += 1;
            counts.accepted += u32::from(accepted);
        }
    }

    /// Counts a path out; the slot of a peer that is not up is used again when its last path went.
    pub(crate) fn count_out(&mut self, slot: u32, dest: u32, family: Family, accepted: bool) {
        let Some(source) = &mut self.slots[slot as usize] else {
            return;
        };
        let was_draining = source.is_draining();
        let counts = &mut source.counts[family.index()];
        counts.received -= 1;
        counts.accepted -= u32::from(accepted);
        source.note_out(dest);
        if was_draining && !source.is_draining() {
            self.draining -= 1;
            if let Some(at) = self.known.iter().rposition(|other| *other == slot) {
                self.known.swap_remove(at);
            }
        }
        if source.is_empty() {
            let peer = source.peer;
            if self.is_stale_of(peer, slot) {
                self.forget_stale(peer, slot);
                self.release(slot);
            } else if was_draining {
                self.release(slot);
            }
        }
    }
}
