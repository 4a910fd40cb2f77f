//! Work that is cut into slices: taking out the paths of peers that went down, the snapshot walks of members that
//! join or refresh, and collecting tombstones.
//!
//! Each walk goes over the slots of the table in laps. Slots never move, so a walk may stop anywhere and go on later;
//! destinations that come meanwhile need no walk, for whatever reads them learns of them by the version list.
//!
//! Engine rules 5 (tombstones), 6 and 7 (joins). The walk that follows changed settings is in `change`.

use std::hint::black_box;

use crate::encode;
use crate::group::{Group, WalkPlace};
use crate::ids::PeerId;
use crate::member::{Attached, Member, Reads, Wake};
use crate::rib::Rib;
use crate::table::AT_ONCE;
use crate::versions::VersionList;

/// Octets of snapshot that are made ahead of the fastest member in the walk.
const SNAPSHOT_AHEAD: usize = 64 * 1024;
/// Octets of snapshot that are kept for slow members; who is further behind begins its lap again.
const SNAPSHOT_KEPT: usize = 1024 * 1024;
/// Octets of snapshot, and of the log behind it, that are kept for members that join later.
const IMAGE: usize = 768 * 1024;
/// Slots that one batch of a snapshot walk goes over.
const CHUNK: u32 = 1024;
/// Slots that the walk of the leaving looks at together.
const NEAR: u32 = AT_ONCE as u32;
/// Tombstones collected at once.
const COLLECT: usize = 1024;

impl Rib {
    /// Does a slice of what is to be done: about `budget` destinations. True while there is more.
    ///
    /// 200 to 1000 destinations keep a slice under about 200 microseconds. Call it when there is nothing to read, also
    /// after [`Rib::fill`]: a member that has read its snapshot makes the walk go on.
    pub fn work(&mut self, budget: usize) -> bool {
        let all = u32::try_from(budget).unwrap_or(u32::MAX).max(1);
        let mut budget = all;
        self.drain_sources(&mut budget);
        self.age_sources(&mut budget);
        self.drain_told(&mut budget);
        self.sweep(&mut budget);
        self.judge(&mut budget);
        self.fill_multi(&mut budget);
        for index in 0..self.groups.len() {
            if budget == 0 {
                break;
            }
            self.rewalk_group(index, &mut budget);
            self.walk_group(index, &mut budget);
        }
        self.steps += u64::from(all - budget);
        self.collect_tombstones();
        self.has_work()
    }

    /// True if [`Rib::work`] has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        let has_walk = |group: &Group| group.is_walk_wanted() || group.is_rewalk_wanted();
        self.sources.any_draining()
            || self.sources.any_aging()
            || !self.leaving.is_empty()
            || !self.sweeps.is_empty()
            || self.multi.as_ref().is_some_and(|multi| multi.is_filling())
            || self.is_judging()
            || self.is_collecting
            || self.groups.iter().flatten().any(has_walk)
    }

    /// Takes out the paths of peers that went down: those of a peer that had few are known, so that the loss of one of
    /// very many costs no walk. For the others a lap finds them all, for no new ones come.
    fn drain_sources(&mut self, budget: &mut u32) {
        while *budget > 0 {
            let dest = match self.sources.known_path() {
                Some(dest) => dest,
                None if self.sources.any_unknown() => self.next_to_drain(),
                None => return,
            };
            *budget -= 1;
            if !self.table.is_used(dest) {
                continue;
            }
            let before = self.before(dest);
            if self.prune(dest) > 0 {
                self.settle(dest, before);
            }
        }
    }

    /// The next slot of the walk.
    fn next_to_drain(&mut self) -> u32 {
        if self.drain.slot >= self.table.slots() {
            self.drain.slot = 0;
        }
        let slot = self.drain.slot;
        self.drain.slot += 1;
        if slot.is_multiple_of(NEAR) {
            let mut near = 0;
            let end = self.table.slots().min(slot + NEAR);
            self.table.touch_paths(slot..end, |attrs| {
                near ^= self.attrs.key(attrs).local_pref;
            });
            black_box(near);
        }
        slot
    }

    /// A slice of the snapshot walk of a group.
    fn walk_group(&mut self, index: usize, budget: &mut u32) {
        let Some(mut group) = self.groups[index].take() else {
            return;
        };
        let mut moved = false;
        while *budget > 0 && group.is_walk_wanted() {
            moved = true;
            self.restart_slow_walks(&mut group);
            let slots = self.table.slots();
            let from = group.walk.slot;
            let ends = group.walk_ends(&self.members);
            let until = ends.unwrap_or(slots).min(slots);
            let to = until.min(from.saturating_add(CHUNK.min(*budget))).max(from);
            let (to, used) = match self.batch_for(&group) {
                Some(mut batch) => batch.snapshot(&mut group, from..to),
                None => {
                    let routes = encode::Routes {
                        table: &self.table,
                        sources: &self.sources,
                        attrs: &self.attrs,
                        next_hops: &self.next_hops,
                    };
                    encode::snapshot(&mut group, &self.best, routes, &mut self.scratch, from..to);
                    (to, 0)
                }
            };
            let used = u32::try_from(used).unwrap_or(u32::MAX).max(to - from);
            *budget -= used.min(*budget);
            group.walk.slot = to;
            if to >= slots && ends.is_none_or(|end| end > to) {
                group.walk = WalkPlace {
                    lap: group.walk.lap + 1,
                    slot: 0,
                };
            }
            self.end_walks(&mut group);
            group.limit_image(self.image_limit());
        }
        if moved {
            self.announce_readable(&group);
        }
        self.groups[index] = Some(group);
    }

    /// Octets of each log that are kept for members that are still to come.
    pub(crate) fn image_limit(&self) -> usize {
        IMAGE.min(self.config.log_limit / 2)
    }

    /// Ends the walk of members that the group's walk has come round to.
    fn end_walks(&mut self, group: &mut Group) {
        let tail = group.snapshot.tail();
        let latest = self.versions_of(group).latest();
        let mut at = 0;
        while at < group.syncing.len() {
            let peer = group.syncing[at];
            let member = self.members[peer.index()].as_mut();
            let ended = member.is_none_or(|member| {
                let Reads::Attached(attached) = &mut member.reads else {
                    return true;
                };
                let sync = attached.sync.as_mut();
                let sync = sync.filter(|sync| sync.end <= group.walk);
                let ended = sync.map(|sync| sync.stop = Some(tail)).is_some();
                if ended {
                    member.await_refresh(peer, group, latest);
                    member.end_walk(group);
                }
                ended
            });
            if ended {
                group.syncing.swap_remove(at);
                self.wake(peer, group);
            } else {
                at += 1;
            }
        }
        group.note_walk();
    }

    /// Who is too far behind in the snapshot drops what it has not read and walks another lap: it must not keep more,
    /// and must not hold up those who read faster.
    fn restart_slow_walks(&mut self, group: &mut Group) {
        while group.snapshot.retained() > SNAPSHOT_KEPT && group.snapshot.has_reader_at_tail() {
            let mut moved = false;
            for index in 0..group.members.len() {
                let peer = group.members[index];
                let Some(member) = &mut self.members[peer.index()] else {
                    continue;
                };
                let Reads::Attached(Attached {
                    sync: Some(sync), ..
                }) = &mut member.reads
                else {
                    continue;
                };
                if group.snapshot.is_oldest(sync.place) {
                    let tail = group.snapshot.tail();
                    group.snapshot.advance(&mut sync.place, tail);
                    let families = sync.families;
                    member.start_walk(peer, group, families);
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
    }

    /// Queues the members of a group that have something to read.
    pub(crate) fn announce_readable(&mut self, group: &Group) {
        for peer in &group.members {
            self.wake(*peer, group);
        }
    }

    /// Queues a member if it has something to read and its writer does not know.
    pub(crate) fn wake(&mut self, peer: PeerId, group: &Group) {
        if let Some(member) = &mut self.members[peer.index()]
            && member.wake == Wake::Idle
            && member.is_readable(group)
        {
            member.wake = Wake::Queued;
            self.ready.push_back(peer);
        }
    }

    /// Forgets withdrawn destinations that every reader has passed (engine rule 5), and keeps to their limit: beyond it
    /// groups pull though their members are slow, nothing waits for members that have the withdrawal in their log, the
    /// detached members that are furthest behind are reset, and consumers that are behind are told of a gap.
    pub(crate) fn collect_tombstones(&mut self) {
        self.collect_passed();
        self.collect_of_consumers(COLLECT);
        for is_multi in [false, true] {
            while self.are_groups_too_slow(is_multi) {
                self.collect_of_groups(is_multi, usize::MAX, |group| group.cursor.floor());
                if !self.are_groups_too_slow(is_multi) || !self.reset_furthest_behind(is_multi) {
                    break;
                }
            }
        }
        while self.is_consumer_too_slow() {
            self.collect_of_consumers(usize::MAX);
        }
    }

    /// Forgets withdrawn destinations that all groups, their members and those that read by themselves have passed.
    pub(crate) fn collect_passed(&mut self) {
        self.is_collecting = false;
        for is_multi in [false, true] {
            self.collect_of_groups(is_multi, COLLECT, Group::floor);
        }
    }

    /// True if more withdrawn destinations wait for the readers of this list than may.
    pub(crate) fn has_too_many_tombstones(&self, versions: &VersionList) -> bool {
        versions.tombstones() > self.config.tombstone_limit
    }

    /// The version list of the groups that are told of several paths, or of the others.
    fn versions_for(&mut self, is_multi: bool) -> Option<&mut VersionList> {
        if is_multi {
            self.multi.as_mut().map(|multi| &mut multi.versions)
        } else {
            Some(&mut self.best)
        }
    }

    fn are_groups_too_slow(&mut self, is_multi: bool) -> bool {
        let limit = self.config.tombstone_limit;
        let versions = self.versions_for(is_multi);
        versions.is_some_and(|versions| versions.tombstones() > limit)
    }

    fn collect_of_groups(&mut self, is_multi: bool, most: usize, floor: impl Fn(&Group) -> u64) {
        let versions = self.versions_for(is_multi);
        if versions.is_none_or(|versions| versions.tombstones() == 0) {
            return;
        }
        let groups = self.groups.iter().flatten();
        let groups = groups.filter(|group| group.told.is_some() == is_multi);
        let floor = groups
            .map(|group| floor(group).min(self.floor_of_alone(group)))
            .min();
        for _ in 0..most {
            let versions = self.versions_for(is_multi);
            let Some(dest) = versions.and_then(|list| list.collect(floor.unwrap_or(u64::MAX)))
            else {
                return;
            };
            self.forget(dest);
        }
        // There may be more, and nothing else has to happen for them to go.
        self.is_collecting = true;
    }

    fn collect_of_consumers(&mut self, most: usize) {
        let consumers = self.consumers.iter().flatten();
        let floor = consumers.map(|consumer| consumer.cursor.floor()).min();
        for _ in 0..most {
            let Some(sets) = &mut self.sets else { break };
            let Some(dest) = sets.collect(floor.unwrap_or(u64::MAX)) else {
                break;
            };
            self.forget(dest);
        }
    }

    /// Gives the consumer that is furthest behind a gap, if too many withdrawn destinations wait for it.
    fn is_consumer_too_slow(&mut self) -> bool {
        let limit = self.config.tombstone_limit;
        let sets = self.sets.as_mut().filter(|sets| sets.tombstones() > limit);
        let consumers = self.consumers.iter_mut().flatten();
        let slowest = consumers.min_by_key(|consumer| consumer.cursor.floor());
        let (Some(sets), Some(slowest)) = (sets, slowest) else {
            return false;
        };
        slowest.has_gap = true;
        sets.restart(&mut slowest.cursor);
        true
    }
}

impl Group {
    /// True if the snapshot walk should go on: somebody waits for more of it.
    pub(crate) fn is_walk_wanted(&self) -> bool {
        !self.syncing.is_empty()
            && self.rewalk.is_none()
            && (self.snapshot.has_reader_at_tail() || self.snapshot.retained() < SNAPSHOT_AHEAD)
    }

    /// The slot at which the next walk ends, if one ends in this lap.
    fn walk_ends(&self, members: &[Option<Member>]) -> Option<u32> {
        let syncs = self
            .syncing
            .iter()
            .filter_map(|peer| members[peer.index()].as_ref()?.sync());
        let ends = syncs.map(|sync| sync.end);
        let here = ends.filter(|end| end.lap == self.walk.lap);
        here.map(|end| end.slot).min()
    }
}

#[cfg(test)]
mod tests;
