//! What receivers ask for: joining a group, reading from it, and the pulls that feed it.
//!
//! A group pulls what changed into its log at once when there is little to do, and at a tick under load, so that a
//! burst is packed into few messages and each member is written to a few times only. A second change right behind one,
//! as when a route moves, does not wait either: a pull is paid for by the tick before it as well as by the one behind.
//! A group does not pull at all while every member of it is far behind: what waits in the version list costs nothing
//! and compresses by itself.
//!
//! Engine rules 1, 6 and 8.

use std::time::{Duration, Instant};

use bytes::Bytes;
use wire::Family;

use crate::encode;
use crate::group::Group;
use crate::ids::{ExportSettings, PeerId, ReceiverIdentity};
use crate::member::{EndOfRib, Member, Output, Reads, Wake};
use crate::multi::list_of;
use crate::rib::{ResetReason, Rib};

/// Changes pulled by one call of [`Rib::flush`]: about 200 microseconds.
const PULL: usize = 1024;
/// Changes that a group may be behind before reading waits for it.
const BEHIND: u64 = 64 * 1024;
/// Octets of log that are made ahead while no member has read everything.
const LOG_AHEAD: usize = 256 * 1024;
/// About what it costs to write to one member.
const SEND_COST: Duration = Duration::from_micros(6);
/// Part of the time that sends may take under load: one in so many.
const SEND_SHARE: u32 = 4;
/// The longest that a change waits for others.
const LONGEST_TICK: Duration = Duration::from_millis(100);

/// True if more may be written into a group's log: somebody has read it all, or not much of it waits.
pub(crate) fn is_log_wanted(group: &Group) -> bool {
    group.log.has_reader_at_tail() || group.log.retained() < LOG_AHEAD
}

impl Rib {
    /// A peer becomes a receiver, with an empty table: it will be sent all that its group sends, then End-of-RIB for
    /// each of its families, then every change. If it is a receiver already, it leaves first.
    ///
    /// Peers with equal settings share one group: what they are sent is encoded once.
    pub fn join(&mut self, peer: PeerId, settings: ExportSettings, identity: ReceiverIdentity) {
        self.leave(peer);
        let index = self.group_of(settings);
        let limit = self.image_limit();
        let Some(group) = &mut self.groups[index] else {
            return;
        };
        let latest = match &self.multi {
            Some(multi) if group.told.is_some() => multi.whole_version(),
            Some(_) | None => self.best.latest(),
        };
        group.limit_image(limit);
        let number = u32::try_from(index).expect("few groups");
        let mut member = Member::join(peer, identity, number, group, latest);
        if member.is_readable(group) {
            member.wake = Wake::Queued;
            self.ready.push_back(peer);
        }
        if self.members.len() <= peer.index() {
            self.members.resize_with(peer.index() + 1, || None);
        }
        self.members[peer.index()] = Some(member);
        self.member_count += 1;
    }

    /// The group with these settings, new if there is none.
    pub(crate) fn group_of(&mut self, settings: ExportSettings) -> usize {
        let same = |group: &Option<Group>| {
            group
                .as_ref()
                .is_some_and(|group| group.settings == settings)
        };
        if let Some(index) = self.groups.iter().position(same) {
            return index;
        }
        let free = self.groups.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.groups.push(None);
            self.groups.len() - 1
        });
        let versions = if settings.encode.add_path.is_empty() {
            &mut self.best
        } else {
            self.begin_multi()
        };
        let mut group = Group::new(settings, versions);
        group.holds_end_of_rib = self.holds_end_of_rib;
        self.groups[index] = Some(group);
        index
    }

    /// While true, members that may keep routes of ours from before are sent all routes but no End-of-RIB: more is still to
    /// come, and they must not take for gone what only has not come yet (RFC 4724 section 4.1).
    pub fn hold_end_of_rib(&mut self, holds: bool) {
        self.holds_end_of_rib = holds;
        for index in 0..self.groups.len() {
            if let Some(mut group) = self.groups[index].take() {
                group.holds_end_of_rib = holds;
                self.announce_readable(&group);
                self.groups[index] = Some(group);
            }
        }
    }

    /// A group ends if it has no member: who comes next finds a new group, whose pull is the snapshot (rule 8).
    pub(crate) fn end_if_empty(&mut self, index: usize) {
        let slot = &mut self.groups[index];
        let Some(group) = slot.take_if(|group| group.members.is_empty()) else {
            return;
        };
        self.past.add(&group.counters);
        list_of(&mut self.best, &mut self.multi, &group).drop_cursor(&group.cursor);
        if let Some(told) = group.told {
            self.end_told(told);
        }
    }

    /// A peer stops being a receiver. Nothing happens if it is none.
    pub fn leave(&mut self, peer: PeerId) {
        let Some(member) = self.members.get_mut(peer.index()).and_then(Option::take) else {
            return;
        };
        self.member_count -= 1;
        if member.wake == Wake::Queued {
            self.ready.retain(|other| *other != peer);
        }
        let index = member.group as usize;
        let Some(group) = &mut self.groups[index] else {
            return;
        };
        if let Some(cursor) = member.leave(peer, group) {
            list_of(&mut self.best, &mut self.multi, group).drop_cursor(&cursor);
        }
        self.end_if_empty(index);
    }

    /// The peer asks for all routes of a family again (RFC 2918).
    ///
    /// It is what a join does: a walk over what the group last sent, while changes go on to come by the log. What the
    /// walk says was true when its message was made, and is written before the log can say something newer; what the
    /// peer must not have was withdrawn by the log when it became so. Hence the walk needs no withdrawals.
    pub fn refresh(&mut self, peer: PeerId, family: Family) {
        if let Some((member, group)) = self.receiver_of(peer, family) {
            member.start_walk(peer, group, wire::Families::only(family));
        }
    }

    /// As [`Rib::refresh`], for a peer that is told where it begins and ends (RFC 7313): true if it is to be told that it
    /// begins, before anything else is handed out. Its end comes behind the last route. False while the first table has not
    /// come to its end.
    #[must_use]
    pub fn refresh_with_end(&mut self, peer: PeerId, family: Family) -> bool {
        let found = self.receiver_of(peer, family);
        found.is_some_and(|(member, group)| member.start_refresh(peer, group, family))
    }

    /// A receiver of this family, and its group.
    fn receiver_of(&mut self, peer: PeerId, family: Family) -> Option<(&mut Member, &mut Group)> {
        let member = self.members.get_mut(peer.index())?.as_mut()?;
        let group = self.groups[member.group as usize].as_mut()?;
        let has_family = group.settings.families.contains(family);
        has_family.then_some((member, group))
    }

    /// The time that a full pull pays for: four times what it takes to write to all members, at most 100 ms.
    fn tick(&self) -> Duration {
        let members = u32::try_from(self.member_count).unwrap_or(u32::MAX);
        SEND_COST
            .checked_mul(members.saturating_mul(SEND_SHARE))
            .map_or(LONGEST_TICK, |tick| tick.min(LONGEST_TICK))
    }

    fn is_pullable(&self, group: &Group) -> bool {
        let versions = self.versions_of(group);
        versions.is_pending(&group.cursor)
            && (is_log_wanted(group)
                || self.has_too_many_tombstones(versions)
                // What it told holds attributes that nobody announces any more.
                || group.told.is_some() && self.is_over_limit())
    }

    /// True if a group that can pull is so far behind that reading has to wait for it. Who announces and withdraws faster
    /// than groups pull would otherwise grow the list of changes without bound, and hold up what others announce.
    fn falls_behind(&self) -> bool {
        let mut groups = self.groups.iter().flatten();
        groups.any(|group| {
            let versions = self.versions_of(group);
            let behind = versions.latest() - group.cursor.version();
            (behind > BEHIND || self.has_too_many_tombstones(versions)) && self.is_pullable(group)
        })
    }

    fn is_pull_wanted(&self) -> bool {
        let mut groups = self.groups.iter().flatten();
        groups.any(|group| self.is_pullable(group))
    }

    /// When [`Rib::flush`] has something to do next; `None` while there is nothing to pull. May be in the past. Ask
    /// again after changes and after [`Rib::fill`], and flush once after changes before asking.
    #[must_use]
    pub fn next_flush(&self) -> Option<Instant> {
        let due = self.pull_due?;
        let due = match self.is_behind {
            // No later than the last pull.
            true => due.checked_sub(self.tick()).unwrap_or(due),
            false => due,
        };
        self.is_pull_wanted().then_some(due)
    }

    /// Pulls a slice of what changed into the logs of the groups, if it is time to. True: call again at once.
    ///
    /// There is one full pull for each tick under load, of up to 100 ms. Two go at once when there was nothing to do: one
    /// tick may be owed.
    pub fn flush(&mut self, now: Instant) -> bool {
        let more = self.flush_slice(now);
        self.is_behind = self.falls_behind();
        more || self.is_behind
    }

    fn flush_slice(&mut self, now: Instant) -> bool {
        let due = self.pull_due.is_none_or(|due| now >= due) || self.is_behind;
        if !(due || self.is_flushing) || !self.is_pull_wanted() {
            self.pull_due.get_or_insert(now);
            self.is_flushing &= self.is_pull_wanted();
            return self.is_flushing;
        }
        let mut budget = PULL;
        for _ in 0..self.groups.len() {
            let index = self.next_group % self.groups.len();
            budget = budget.saturating_sub(self.pull_group(index, budget));
            self.next_group = index + 1;
            if budget == 0 {
                break;
            }
        }
        self.collect_tombstones();
        self.is_flushing = self.is_pull_wanted();
        if !self.is_flushing {
            let tick = self.tick();
            self.pull_due = Some(self.pull_due.map_or(now, |due| now.max(due + tick)));
        }
        self.is_flushing
    }

    /// Pulls up to `budget` changes into the log of one group. Gives how many there were.
    fn pull_group(&mut self, index: usize, budget: usize) -> usize {
        let Some(mut group) = self.groups[index].take() else {
            return 0;
        };
        let mut taken = 0;
        if self.is_pullable(&group) {
            taken = match self.batch_for(&group) {
                Some(mut batch) => batch.pull(&mut group, budget),
                None => self.pull_best(&mut group, budget),
            };
            group.limit_image(self.image_limit());
            self.reached_version(&mut group);
            self.announce_readable(&group);
        }
        self.groups[index] = Some(group);
        self.limit_log(index);
        self.steps += taken as u64;
        taken
    }

    fn pull_best(&mut self, group: &mut Group, budget: usize) -> usize {
        let routes = encode::Routes {
            table: &self.table,
            sources: &self.sources,
            attrs: &self.attrs,
            next_hops: &self.next_hops,
        };
        let scratch = &mut self.scratch;
        encode::pull(group, &mut self.best, routes, scratch, budget)
    }

    /// Members whose End-of-RIB waited for this pull get it behind what the pull wrote.
    pub(crate) fn reached_version(&mut self, group: &mut Group) {
        let pulled = group.cursor.version();
        let tail = group.log.tail();
        let members = &mut self.members;
        group.awaiting.retain(|peer| {
            let Some(member) = &mut members[peer.index()] else {
                return false;
            };
            match member.end_of_rib {
                EndOfRib::AwaitsPull { version } if version > pulled => true,
                EndOfRib::AwaitsPull { .. } => {
                    member.end_of_rib = EndOfRib::At(tail);
                    false
                }
                EndOfRib::AtWalkEnd | EndOfRib::At(_) | EndOfRib::AtReturn | EndOfRib::Sent => {
                    false
                }
            }
        });
    }

    /// True if [`Rib::fill`] has something for the peer.
    #[must_use]
    pub fn readable(&self, peer: PeerId) -> bool {
        let member = self.members.get(peer.index()).and_then(Option::as_ref);
        member.is_some_and(|member| {
            let group = self.groups[member.group as usize].as_ref();
            group.is_some_and(|group| member.is_readable(group))
        })
    }

    /// Hands out messages for a peer as slices of shared octets, cut between messages: about `max_bytes`, at least one
    /// message if there is one. What was handed out counts as sent.
    ///
    /// True: there is more, go on. [`Rib::poll_ready`] tells of what comes once there was no more. Reading is what lets a
    /// snapshot walk and a group that waits for its members go on: ask [`Rib::has_work`] and [`Rib::next_flush`] again
    /// behind it.
    pub fn fill(&mut self, peer: PeerId, slices: &mut Vec<Bytes>, max_bytes: usize) -> bool {
        let Some(member) = self.members.get_mut(peer.index()).and_then(Option::as_mut) else {
            return false;
        };
        let Some(group) = &mut self.groups[member.group as usize] else {
            return false;
        };
        let mut out = Output {
            slices,
            size: 0,
            max: max_bytes,
        };
        match member.reads {
            Reads::Attached(_) => member.fill(peer, group, &mut out),
            Reads::Alone(_) => self.fill_alone(peer, &mut out),
        }
        let is_dry = out.size == 0;
        self.delivered_bytes += out.size as u64;
        let more = self.note_read(peer);
        if is_dry {
            // It may have passed over what is not for it, and nobody is asked to work behind a read that gave nothing.
            self.collect_passed();
        }
        more
    }

    /// Notes that a member's writer got all that there is, if that is so; true if it is not.
    fn note_read(&mut self, peer: PeerId) -> bool {
        let Some(member) = &mut self.members[peer.index()] else {
            return false;
        };
        let Some(group) = &self.groups[member.group as usize] else {
            return false;
        };
        let more = member.is_readable(group);
        if member.wake == Wake::Told && !more {
            member.wake = Wake::Idle;
        }
        more
    }

    /// The next peer that has something to read, after it had read everything. It is named once: whoever writes to it
    /// goes on with [`Rib::fill`] until there is no more.
    pub fn poll_ready(&mut self) -> Option<PeerId> {
        while let Some(peer) = self.ready.pop_front() {
            let readable = self.readable(peer);
            let member = self.members.get_mut(peer.index());
            if let Some(member) = member.and_then(Option::as_mut) {
                member.wake = if readable { Wake::Told } else { Wake::Idle };
            }
            if readable {
                return Some(peer);
            }
        }
        None
    }

    /// True if [`Rib::poll_ready`] may have somebody to name.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next peer that must be reset with Cease, Out of Resources. It has left its group already.
    pub fn poll_reset(&mut self) -> Option<(PeerId, ResetReason)> {
        self.resets.pop_front()
    }
}

#[cfg(test)]
mod counterexamples;
#[cfg(test)]
mod storms;
#[cfg(test)]
mod tests;
