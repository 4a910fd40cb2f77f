//! An export group: the receivers that are sent the same octets, and what the group last told them.
//!
//! A group owns its place in the version list, what it last put into its log for each destination, the log itself, and
//! the snapshot stream for members that have just joined. Nothing in it is per member but a cursor in each log.
//! Encoding is in `encode`, delivery in `delivery`, the snapshot walk in `snapshot`.
//!
//! What was last put into the log for a destination is kept in four octets ([`Last`]): the source, and whether the set
//! of receivers that may not have the route is more than that source. It answers one question: may an excluded
//! receiver still have the route in an older form?

use wire::{Families, Family};

use crate::arena::Beside;
use crate::ids::{ExportSettings, PeerId};
use crate::log::Log;
use crate::multi::Told;
use crate::versions::{Cursor, VersionList};

/// What was last put into the log for a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Last(u32);

impl Last {
    /// Nothing, or a withdrawal.
    pub(crate) const NONE: Last = Last(u32::MAX);
    const MULTI: u32 = 1 << 31;

    /// A route that only its source may not have.
    pub(crate) fn source(peer: PeerId) -> Last {
        Last(peer.0)
    }

    /// A route that others than its source may not have either.
    pub(crate) fn multi(peer: PeerId) -> Last {
        Last(peer.0 | Self::MULTI)
    }

    /// True if some receiver may have a route.
    pub(crate) fn is_some(self) -> bool {
        self != Last::NONE
    }

    /// True if those who may not have `new` cannot have what was sent before: nothing was, or exactly they were left
    /// out then. A route with several excluded receivers is never taken for equal to another.
    pub(crate) fn is_covered_by(self, new: Last) -> bool {
        self == Last::NONE || (self == new && self.0 & Self::MULTI == 0)
    }

    fn peer(self) -> Option<PeerId> {
        self.is_some().then_some(PeerId(self.0 & !Self::MULTI))
    }
}

/// Place of the cyclic walk over the slots of the table: laps and the next slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct WalkPlace {
    pub(crate) lap: u64,
    pub(crate) slot: u32,
}

impl WalkPlace {
    /// The same slot a lap later: the end of a walk that begins here.
    pub(crate) fn lap_later(self) -> WalkPlace {
        WalkPlace {
            lap: self.lap + 1,
            slot: self.slot,
        }
    }
}

/// All that a member with an empty table needs, encoded once for everybody who joins: a snapshot, from the pin of the
/// snapshot stream on, and the log from where the snapshot was begun, which is pinned, too.
///
/// The image of a new group is its whole log. An image lives as long as the log behind its beginning only added
/// routes: so nobody is told of what is no more, and nothing in it is flagged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    /// Where the walk that makes the snapshot ends.
    pub(crate) end: WalkPlace,
    /// The message behind the last one of the snapshot, once the walk has come to its end.
    pub(crate) stop: Option<u64>,
}

/// What a group has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupCounters {
    /// Octets encoded, for the log and for snapshots. Independent of the number of members.
    pub bytes_encoded: u64,
    /// Messages encoded, for the log and for snapshots.
    pub messages_encoded: u64,
    /// Routes announced in those messages.
    pub announced: u64,
    /// Routes withdrawn in those messages.
    pub withdrawn: u64,
    /// Routes that did not fit into the largest message and were withdrawn instead.
    pub too_large: u64,
    /// Octets encoded for single members that had been detached.
    pub private_bytes: u64,
    /// Times that a member was detached because it read too slowly.
    pub detached: u64,
}

impl GroupCounters {
    /// Adds what another group has done.
    pub(crate) fn add(&mut self, other: &GroupCounters) {
        let GroupCounters {
            bytes_encoded,
            messages_encoded,
            announced,
            withdrawn,
            too_large,
            private_bytes,
            detached,
        } = *other;
        self.bytes_encoded += bytes_encoded;
        self.messages_encoded += messages_encoded;
        self.announced += announced;
        self.withdrawn += withdrawn;
        self.too_large += too_large;
        self.private_bytes += private_bytes;
        self.detached += detached;
    }
}

#[derive(Debug)]
pub(crate) struct Group {
    /// What shapes the octets: receivers with equal settings share the group.
    pub(crate) settings: ExportSettings,
    /// Place in the version list: everything before it was pulled into the log.
    pub(crate) cursor: Cursor,
    last: Beside<Last>,
    /// What was told of each path, in a group that is told of several: then this is in place of `last`.
    pub(crate) told: Option<Told>,
    pub(crate) log: Log,
    pub(crate) members: Vec<PeerId>,
    /// Messages of the snapshot walk, read by members that are in it.
    pub(crate) snapshot: Log,
    pub(crate) walk: WalkPlace,
    /// What members that join begin with, if there is something.
    pub(crate) image: Option<Image>,
    /// Families that somebody in the walk wants.
    pub(crate) walk_families: Families,
    /// Members whose walk has not ended.
    pub(crate) syncing: Vec<PeerId>,
    /// Members whose End-of-RIB waits for a pull.
    pub(crate) awaiting: Vec<PeerId>,
    /// Members that read by themselves, because they were too slow.
    pub(crate) alone: Vec<PeerId>,
    /// Messages of a private pull, on the way to the one who pulls.
    pub(crate) private: Log,
    /// A member came back that may have read what the group has not pulled, or may not have read what it has: until
    /// the next pull has reached the head of the version list, everything is told as if it replaced something (engine
    /// rule 11).
    pub(crate) is_unsure: bool,
    /// The walk that tells everything once more because settings have changed: its next slot (engine rule 12).
    pub(crate) rewalk: Option<u32>,
    /// That walk tells paths too that are told in the same form as before: the settings changed the octets of that form.
    pub(crate) resends: bool,
    /// The message behind the last one of the latest such walk.
    pub(crate) rewalk_end: u64,
    /// Who may keep routes of ours from before is not sent End-of-RIB for now.
    pub(crate) holds_end_of_rib: bool,
    pub(crate) counters: GroupCounters,
    advertised: [u32; 2],
    /// Of those, how many came from each peer, which is not sent them back.
    own: Vec<[u32; 2]>,
}

impl Group {
    pub(crate) fn new(settings: ExportSettings, versions: &mut VersionList) -> Group {
        let has_ids = !settings.encode.add_path.is_empty();
        let told = has_ids.then(Told::new);
        let mut group = Group {
            settings,
            cursor: versions.cursor(),
            last: Beside::new(Last::NONE),
            told,
            log: Log::default(),
            members: Vec::new(),
            snapshot: Log::default(),
            walk: WalkPlace::default(),
            image: None,
            walk_families: Families::EMPTY,
            syncing: Vec::new(),
            awaiting: Vec::new(),
            alone: Vec::new(),
            private: Log::default(),
            is_unsure: false,
            rewalk: None,
            resends: false,
            rewalk_end: 0,
            holds_end_of_rib: false,
            counters: GroupCounters::default(),
            advertised: [0; 2],
            own: Vec::new(),
        };
        // Nothing was pulled, so the log that is to come is all there is, and its snapshot is empty (engine rule 8).
        group.log.pin();
        group.image = Some(Image {
            end: group.walk,
            stop: Some(group.snapshot.tail()),
        });
        group
    }

    /// What a member that joins now begins with: what others have begun with, or else a walk that begins here.
    pub(crate) fn begin_image(&mut self) -> Image {
        if let Some(image) = self.image {
            return image;
        }
        self.log.pin();
        self.snapshot.pin();
        let image = Image {
            end: self.walk.lap_later(),
            stop: None,
        };
        *self.image.insert(image)
    }

    /// Members that join from now on begin with another image. Those that read this one go on.
    pub(crate) fn drop_image(&mut self) {
        self.image = None;
        self.log.unpin();
        self.snapshot.unpin();
    }

    /// Drops the image if it keeps more than `limit` octets of either log.
    pub(crate) fn limit_image(&mut self, limit: usize) {
        let size = |log: &Log| log.kept() + log.retained();
        if self.image.is_some() && size(&self.log).max(size(&self.snapshot)) > limit {
            self.drop_image();
        }
    }

    /// Notes where the walk stands: an image may be whole now, or have nobody left who wants it made.
    pub(crate) fn note_walk(&mut self) {
        if let Some(image) = &mut self.image
            && image.stop.is_none()
            && image.end <= self.walk
        {
            image.stop = Some(self.snapshot.tail());
        }
        if !self.syncing.is_empty() {
            return;
        }
        self.walk_families = Families::EMPTY;
        if self.image.is_some_and(|image| image.stop.is_none()) {
            self.drop_image();
        }
    }

    /// Tombstones up to this version may go as far as this group and those who read its log are concerned (engine rule
    /// 5). Detached members are asked for by themselves.
    pub(crate) fn floor(&self) -> u64 {
        let pulled = self.cursor.version();
        let oldest = self.log.oldest_version().unwrap_or(pulled).min(pulled);
        self.floor_of(oldest)
    }

    /// Tombstones up to this version may go as far as somebody is concerned who was told what was pulled up to `version`.
    pub(crate) fn floor_of(&self, version: u64) -> u64 {
        version.max(self.cursor.base())
    }

    /// True if members that read by themselves can be served: what the group is to tell is known up to its version.
    pub(crate) fn serves_alone(&self) -> bool {
        self.rewalk.is_none() && self.cursor.version() >= self.cursor.base()
    }

    /// What was last put into the log for a destination.
    pub(crate) fn last(&self, dest: u32) -> Last {
        self.last.get(dest)
    }

    /// Remembers what is put into the log for a destination.
    pub(crate) fn set_last(&mut self, dest: u32, family: Family, new: Last) {
        let old = self.last.set(dest, new);
        if old.peer() == new.peer() {
            return;
        }
        if let Some(peer) = old.peer() {
            self.advertised[family.index()] -= 1;
            self.own[peer.index()][family.index()] -= 1;
        }
        if let Some(peer) = new.peer() {
            if self.own.len() <= peer.index() {
                self.own.resize(peer.index() + 1, [0; 2]);
            }
            self.advertised[family.index()] += 1;
            self.own[peer.index()][family.index()] += 1;
        }
    }

    /// Routes of a family that a member has been sent or will be: all but its own.
    pub(crate) fn advertised_to(&self, peer: PeerId, family: Family) -> u32 {
        if let Some(told) = &self.told {
            return told.told_to(peer, family);
        }
        let own = self.own.get(peer.index()).copied().unwrap_or_default();
        self.advertised[family.index()] - own[family.index()]
    }

    /// Octets of what it remembers of destinations.
    pub(crate) fn memory(&self) -> usize {
        self.last.bytes() + self.told.as_ref().map_or(0, Told::bytes)
    }

    /// Octets that stand in the log and the snapshot for members that are still to come.
    pub(crate) fn kept(&self) -> usize {
        self.log.kept() + self.snapshot.kept()
    }

    /// Octets that stand in the log and the snapshot for slow members.
    pub(crate) fn retained(&self) -> usize {
        self.log.retained() + self.snapshot.retained()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_with_several_excluded_receivers_is_never_equal() {
        let (a, b) = (PeerId(2), PeerId(3));
        assert!(Last::NONE.is_covered_by(Last::source(a)));
        assert!(Last::NONE.is_covered_by(Last::multi(a)));
        assert!(Last::source(a).is_covered_by(Last::source(a)));
        assert!(!Last::source(a).is_covered_by(Last::source(b)));
        assert!(!Last::source(a).is_covered_by(Last::multi(a)));
        assert!(!Last::multi(a).is_covered_by(Last::multi(a)));
        assert!(!Last::multi(a).is_covered_by(Last::source(a)));
    }

    #[test]
    fn last_takes_four_octets_a_destination() {
        assert_eq!(size_of::<Last>(), 4);
    }
}
