//! Settings of receivers that change while their sessions stay: export policy, next hop.
//!
//! When all members of a group change alike, the group stays and tells everything once more, in slices: what the new
//! settings deny is withdrawn, for the group remembers what it told. Otherwise the member moves to the group of its new
//! settings; no log says what it has, so it is detached, pulls everything by itself and joins the log there.
//!
//! Engine rules 12 and 13.

use crate::encode;
use crate::export::is_log_wanted;
use crate::group::Group;
use crate::ids::{ExportSettings, PeerId};
use crate::member::{Reads, Wake};
use crate::rib::{ResetReason, Rib};

/// Slots that one batch of a rewalk goes over.
const CHUNK: u32 = 512;

impl Rib {
    /// What a receiver is sent now; none if the peer is no receiver.
    #[must_use]
    pub fn settings(&self, peer: PeerId) -> Option<&ExportSettings> {
        let member = self.members.get(peer.index())?.as_ref()?;
        Some(&self.groups[member.group as usize].as_ref()?.settings)
    }

    /// Receivers get other settings, and are told what that changes, withdrawals included. Who is no receiver, or has
    /// these settings already, is passed over.
    ///
    /// What the two sides agreed on stays as it is: families and encoding must be the same as before.
    pub fn change(&mut self, changes: &[(PeerId, ExportSettings)]) {
        for index in self.whole_groups(changes) {
            let settings = changes
                .iter()
                .find(|(peer, _)| self.group_index(*peer) == Some(index));
            let Some((_, settings)) = settings else {
                continue;
            };
            let mut others = self.groups.iter().flatten();
            if others.all(|group| group.settings != *settings) {
                self.change_group(index, settings);
            }
        }
        for (peer, settings) in changes {
            let present = self.settings(*peer);
            if present.is_some_and(|present| present != settings) {
                self.change_member(*peer, settings);
            }
        }
    }

    fn group_index(&self, peer: PeerId) -> Option<usize> {
        let member = self.members.get(peer.index())?.as_ref()?;
        Some(member.group as usize)
    }

    /// The groups whose members all get the same settings.
    fn whole_groups(&self, changes: &[(PeerId, ExportSettings)]) -> Vec<usize> {
        let mut found: Vec<Option<(&ExportSettings, usize)>> = vec![None; self.groups.len()];
        for (peer, settings) in changes {
            let Some(index) = self.group_index(*peer) else {
                continue;
            };
            match &mut found[index] {
                Some((first, count)) if *first == settings => *count += 1,
                Some(_) => {}
                none => *none = Some((settings, 1)),
            }
        }
        let members = |index: usize| self.groups[index].as_ref().map(|group| group.members.len());
        let whole = found.into_iter().enumerate().filter(|(index, found)| {
            found.is_some_and(|(_, count)| members(*index) == Some(count))
        });
        whole.map(|(index, _)| index).collect()
    }

    /// All members of a group get the same new settings.
    fn change_group(&mut self, index: usize, settings: &ExportSettings) {
        let Some(group) = &mut self.groups[index] else {
            return;
        };
        debug_assert_eq!(group.settings.families, settings.families);
        debug_assert_eq!(group.settings.encode, settings.encode);
        let old = std::mem::replace(&mut group.settings, settings.clone());
        group.resends |= old.kind != settings.kind
            || old.local_as != settings.local_as
            || old.path_rules != settings.path_rules
            || old.route_server != settings.route_server
            || old.cluster_id != settings.cluster_id
            || old.drained != settings.drained
            || old.stale != settings.stale;
        group.drop_image();
        group.rewalk = Some(0);
        for peer in &group.alone {
            let member = self.members[peer.index()].as_mut();
            if let Some(Reads::Alone(alone)) = member.map(|member| &mut member.reads) {
                alone.begin_again();
            }
        }
    }

    /// A member gets settings that the rest of its group has not.
    fn change_member(&mut self, peer: PeerId, settings: &ExportSettings) {
        if !self.detach(peer) {
            // A withdrawal that it has not read stands in the log of its group and nowhere else.
            self.reset(peer, ResetReason::LogLimit);
            return;
        }
        let to = self.group_of(settings.clone());
        let Some(mut member) = self.members.get_mut(peer.index()).and_then(Option::take) else {
            return;
        };
        let from = std::mem::replace(&mut member.group, u32::try_from(to).expect("few groups"));
        if let Some(group) = &mut self.groups[from as usize] {
            group.forget(peer);
            self.end_if_empty(from as usize);
        }
        if let Reads::Alone(alone) = &mut member.reads {
            alone.begin_again();
        }
        if let Some(group) = &mut self.groups[to] {
            group.members.push(peer);
            group.alone.push(peer);
            if member.wake == Wake::Idle && member.is_readable(group) {
                member.wake = Wake::Queued;
                self.ready.push_back(peer);
            }
        }
        self.members[peer.index()] = Some(member);
    }

    /// A slice of the walk that tells what new settings change.
    pub(crate) fn rewalk_group(&mut self, index: usize, budget: &mut u32) {
        let Some(mut group) = self.groups[index].take() else {
            return;
        };
        while let Some(from) = group
            .rewalk
            .filter(|_| *budget > 0 && group.is_rewalk_wanted())
        {
            let slots = self.table.slots();
            // The table may have become shorter meanwhile.
            let to = slots.min(from.saturating_add(CHUNK.min(*budget))).max(from);
            let (to, used) = match self.batch_for(&group) {
                Some(mut batch) => batch.rewalk(&mut group, from..to),
                None => {
                    let routes = encode::Routes {
                        table: &self.table,
                        sources: &self.sources,
                        attrs: &self.attrs,
                        next_hops: &self.next_hops,
                    };
                    encode::rewalk(&mut group, &self.best, routes, &mut self.scratch, from..to);
                    (to, 0)
                }
            };
            let used = u32::try_from(used).unwrap_or(u32::MAX).max(to - from);
            *budget -= used.clamp(1, *budget);
            group.rewalk = (to < slots).then_some(to);
            if group.rewalk.is_none() {
                group.rewalk_end = group.log.tail();
                group.resends = false;
            }
            self.announce_readable(&group);
        }
        self.groups[index] = Some(group);
        self.limit_log(index);
    }
}

impl Group {
    /// True if the walk that tells what new settings change should go on. Members that read by themselves wait for it, so
    /// those that do not read at all must not hold it up.
    pub(crate) fn is_rewalk_wanted(&self) -> bool {
        self.rewalk.is_some() && (is_log_wanted(self) || !self.alone.is_empty())
    }

    /// A member is no longer one of this group.
    fn forget(&mut self, peer: PeerId) {
        self.members.retain(|other| *other != peer);
        self.alone.retain(|other| *other != peer);
    }
}

#[cfg(test)]
mod tests;
