//! Members that are too slow for their group's log and read by themselves.
//!
//! A member that holds more of the log than may be held is **detached**: it lets go of the log and remembers a version.
//! While it is stuck it costs nothing. When its writer comes back for more, it pulls what changed since that version
//! from the version list, in slices and at its own speed; what changed often meanwhile is told once. When it has caught
//! up with its group it goes back to the log.
//!
//! Nobody remembers what such a member has, so a private pull withdraws whatever it may not have, and tombstones stay
//! for it from the version on that it was detached at. They have a limit: beyond it the detached member that is
//! furthest behind is reset.
//!
//! Engine rules 5, 9, 10 and 11.

use crate::encode::{Private, Routes};
use crate::group::Group;
use crate::ids::PeerId;
use crate::member::{Alone, Member, Output, Reads, Wake};
use crate::multi::list_of;
use crate::rib::{ResetReason, Rib};
use crate::versions::Cursor;

/// Destinations that a member is told of in one go.
const SLICE: usize = 256;
/// Steps in the version list that one go may take, those that are skipped included.
const STEPS: usize = 4096;

impl Rib {
    /// Members that hold more of a group's log than its limit let go of it. Who has only the latest batch to read is
    /// spared: it had read everything before that was made, and cannot have read it yet.
    pub(crate) fn limit_log(&mut self, index: usize) {
        let limit = self.config.log_limit;
        let is_too_long = |group: &Group| group.log.retained() > limit && group.log.is_behind();
        while self.groups[index].as_ref().is_some_and(is_too_long) {
            if self.detach_oldest(index) == 0 {
                break;
            }
        }
    }

    /// Detaches the members that read the oldest batch of a group's log. One that would miss a withdrawal, because too
    /// many have been since, is reset. Gives how many there were.
    fn detach_oldest(&mut self, index: usize) -> usize {
        let Some(group) = &self.groups[index] else {
            return 0;
        };
        let is_oldest = |peer: &PeerId| {
            let member = self.members[peer.index()].as_ref();
            member.is_some_and(|member| match &member.reads {
                Reads::Attached(attached) => group.log.is_oldest(attached.place),
                Reads::Alone(_) => false,
            })
        };
        let oldest: Vec<PeerId> = group.members.iter().copied().filter(is_oldest).collect();
        for peer in &oldest {
            if !self.detach(*peer) {
                self.reset(*peer, ResetReason::LogLimit);
            }
        }
        oldest.len()
    }

    /// Lets a member read by itself from now on. False, and nothing happens, if that would cost it a withdrawal.
    pub(crate) fn detach(&mut self, peer: PeerId) -> bool {
        let Some(mut member) = self.members.get_mut(peer.index()).and_then(Option::take) else {
            return false;
        };
        let mut is_complete = false;
        if let Some(group) = &mut self.groups[member.group as usize] {
            let versions = list_of(&mut self.best, &mut self.multi, group);
            is_complete = versions.is_complete_from(member.hold(group));
            if is_complete && matches!(member.reads, Reads::Attached(_)) {
                member.detach(peer, group);
                group.counters.detached += 1;
            }
            if member.wake == Wake::Idle && member.is_readable(group) {
                member.wake = Wake::Queued;
                self.ready.push_back(peer);
            }
        }
        self.members[peer.index()] = Some(member);
        is_complete
    }

    /// A member leaves because it cannot be served.
    pub(crate) fn reset(&mut self, peer: PeerId, reason: ResetReason) {
        self.leave(peer);
        self.resets.push_back((peer, reason));
        self.reset_count += 1;
    }

    /// Resets the detached member that keeps most tombstones, of the groups that are told of several paths or of the
    /// others. True if there was one.
    pub(crate) fn reset_furthest_behind(&mut self, is_multi: bool) -> bool {
        let groups = self.groups.iter().flatten();
        let groups = groups.filter(|group| group.told.is_some() == is_multi);
        let alone = groups.flat_map(|group| &group.alone);
        let holds = alone.filter_map(|peer| Some((alone_of(&self.members, *peer)?.hold, *peer)));
        let Some((_, peer)) = holds.min() else {
            return false;
        };
        self.reset(peer, ResetReason::TombstoneLimit);
        true
    }

    /// Tombstones up to this version may go as far as detached members are concerned.
    pub(crate) fn floor_of_alone(&self, group: &Group) -> u64 {
        let alone = group.alone.iter();
        let holds = alone.filter_map(|peer| Some(alone_of(&self.members, *peer)?.hold));
        holds.min().unwrap_or(u64::MAX)
    }

    /// Hands out what a detached member is to be told next, and takes it back to the log when that was all.
    pub(crate) fn fill_alone(&mut self, peer: PeerId, out: &mut Output<'_>) {
        let Some(mut member) = self.members.get_mut(peer.index()).and_then(Option::take) else {
            return;
        };
        let index = member.group as usize;
        if let Some(mut group) = self.groups[index].take() {
            if group.serves_alone() {
                self.pull_alone(peer, &mut member, &mut group, out);
            }
            self.groups[index] = Some(group);
        }
        let is_alone = matches!(member.reads, Reads::Alone(_));
        if is_alone && out.size == 0 && member.wake == Wake::Told {
            // Nothing to write yet, and more to look through: its writer must be told to come again.
            member.wake = Wake::Queued;
            self.ready.push_back(peer);
        }
        self.members[peer.index()] = Some(member);
    }

    fn pull_alone(
        &mut self,
        peer: PeerId,
        member: &mut Member,
        group: &mut Group,
        out: &mut Output<'_>,
    ) {
        let Reads::Alone(alone) = &mut member.reads else {
            return;
        };
        let place = group.private.enter();
        let is_done = self.pull_slice(alone, group);
        member.fill_private(peer, group, place, out);
        if !is_done {
            return;
        }
        // What is pending now may have been told to it by the log that it did not read (rule 11).
        let versions = list_of(&mut self.best, &mut self.multi, group);
        group.is_unsure |= versions.is_pending(&group.cursor);
        if let Some(cursor) = member.attach(peer, group) {
            versions.drop_cursor(&cursor);
        }
        let latest = versions.latest();
        member.await_refresh(peer, group, latest);
        let multi = self.multi.as_ref().filter(|_| group.told.is_some());
        if let Some(multi) = multi.filter(|multi| multi.is_filling()) {
            member.await_version(peer, group, multi.whole_version());
        }
        if group.alone.is_empty() {
            group.private = crate::log::Log::default();
        }
        member.fill(peer, group, out);
    }

    /// Encodes a slice of what a member is behind. True if that was all.
    fn pull_slice(&mut self, alone: &mut Alone, group: &mut Group) -> bool {
        if let Some(old) = alone
            .cursor
            .take_if(|cursor| cursor.version() != alone.pull)
        {
            list_of(&mut self.best, &mut self.multi, group).drop_cursor(&old);
        }
        let versions = list_of(&mut self.best, &mut self.multi, group);
        let cursor = alone
            .cursor
            .get_or_insert_with(|| versions.cursor_behind(alone.pull));
        let until = group.cursor.version();
        if let Some(mut batch) = self.batch_for(group) {
            let mut steps = STEPS;
            batch.private(group, SLICE, |versions| {
                let change = versions.next_until(cursor, until, &mut steps)?;
                Some(change.dest)
            });
            self.steps += (STEPS - steps) as u64;
        } else {
            self.pull_best_alone(cursor, group);
        }
        alone.pull = cursor.version();
        alone.hold = alone.hold.max(alone.pull);
        alone.pull >= until
    }

    fn pull_best_alone(&mut self, cursor: &mut Cursor, group: &mut Group) {
        let until = group.cursor.version();
        let mut batch = Private {
            routes: Routes {
                table: &self.table,
                sources: &self.sources,
                attrs: &self.attrs,
                next_hops: &self.next_hops,
            },
            scratch: &mut self.scratch,
        };
        let (mut taken, mut steps) = (0, STEPS);
        while taken < SLICE {
            let Some(change) = self.best.next_until(cursor, until, &mut steps) else {
                break;
            };
            batch.take(group, change.dest);
            taken += 1;
        }
        batch.encode(group);
        self.steps += (STEPS - steps) as u64;
    }
}

fn alone_of(members: &[Option<Member>], peer: PeerId) -> Option<&Alone> {
    match &members.get(peer.index())?.as_ref()?.reads {
        Reads::Attached(_) => None,
        Reads::Alone(alone) => Some(alone),
    }
}

#[cfg(test)]
mod tests;
