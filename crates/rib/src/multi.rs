//! ADD-PATH: what only groups need that send several paths of a destination (RFC 7911).
//!
//! While there is such a group, the table has a second version list, which moves on any change of a path that may be
//! used: so groups that are told of the best path alone are not bothered, and without such a group nobody pays.
//!
//! A path that is sent gets a **path identifier**, the least that no other path of its destination has, and keeps it
//! until it goes; a path that replaces one inherits its identifier. Identifiers are the same for all groups. The
//! highest that a destination ever gave is remembered until every reader has passed its tombstone: who is not known to
//! have something can be told to drop all of them.
//!
//! What a group told is kept in [`Told`]; `encode` compares it with what is chosen now and encodes the difference.
//!
//! RFC 7911 sections 3 and 5. Engine rules 13 and 14.

pub(crate) mod encode;
pub(crate) mod query;
mod told;

use wire::Family;

use crate::arena::Beside;
use crate::decide::{self, PathKey};
use crate::encode::Routes;
use crate::group::Group;
use crate::member::EndOfRib;
use crate::rib::Rib;
use crate::table::Table;
use crate::versions::VersionList;
use encode::Batch;

pub(crate) use told::{Said, Told};

/// What the table keeps for groups that send several paths.
#[derive(Debug)]
pub(crate) struct Multi {
    /// Changes of any path that may be used.
    pub(crate) versions: VersionList,
    /// Identifiers of paths that were sent; 0: none.
    ids: Beside<u32>,
    /// For each destination the highest identifier that it ever gave.
    high: Beside<u32>,
    /// While destinations are put into the list that were there before it: the next slot.
    fill: Option<u32>,
    /// A path that may be used came or went, and its destination has not moved in the list yet.
    is_touched: bool,
    /// Which identifiers are taken, for a short while.
    taken: Vec<bool>,
}

impl Multi {
    fn new() -> Multi {
        Multi {
            versions: VersionList::new(),
            fill: Some(0),
            ids: Beside::new(0),
            high: Beside::new(0),
            is_touched: false,
            taken: Vec::new(),
        }
    }

    /// The version that a member that joins now has to be told of for its first table to be whole.
    pub(crate) fn whole_version(&self) -> u64 {
        match self.fill {
            Some(_) => u64::MAX,
            None => self.versions.latest(),
        }
    }

    /// Destinations that were there before the list are still being put into it.
    pub(crate) fn is_filling(&self) -> bool {
        self.fill.is_some()
    }

    /// Octets of memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.versions.bytes() + self.ids.bytes() + self.high.bytes()
    }

    /// The identifier that a path is sent with; 0: it was never sent.
    pub(crate) fn id(&self, path: u32) -> u32 {
        self.ids.get(path)
    }

    /// The highest identifier that a destination ever gave to a path.
    pub(crate) fn high(&self, dest: u32) -> u32 {
        self.high.get(dest)
    }

    /// A path came that may be used; `id`: of the path that it replaces, or 0.
    pub(crate) fn path_came(&mut self, path: u32, id: u32) {
        self.is_touched = true;
        self.ids.set(path, id);
    }

    /// A path went. Gives the identifier that it had.
    pub(crate) fn path_went(&mut self, path: u32, was_usable: bool) -> u32 {
        self.is_touched |= was_usable;
        self.ids.set(path, 0)
    }

    /// A path that may be used has other attributes now, and the identifier that it had.
    pub(crate) fn path_changed(&mut self) {
        self.is_touched = true;
    }

    /// Moves a destination in the list if its paths have changed.
    pub(crate) fn settle(&mut self, dest: u32, is_live: bool) {
        if std::mem::take(&mut self.is_touched) {
            self.versions.touch(dest, is_live);
        }
    }

    /// A destination is gone, and its slot may be used for another one.
    pub(crate) fn dest_went(&mut self, dest: u32) {
        self.high.set(dest, 0);
    }

    /// Gives identifiers to those of these paths that have none.
    fn identify(&mut self, table: &Table, dest: u32, paths: &[u32]) {
        if paths.iter().all(|path| self.ids.get(*path) != 0) {
            return;
        }
        // One of those up to here is free for each of them.
        let most = self.high.get(dest) as usize + paths.len();
        self.taken.clear();
        self.taken.resize(most + 1, false);
        for (path, _) in table.paths(dest) {
            self.taken[self.ids.get(path) as usize] = true;
        }
        let mut id = 0;
        for path in paths {
            if self.ids.get(*path) != 0 {
                continue;
            }
            id += 1;
            while self.taken[id] {
                id += 1;
            }
            let id = u32::try_from(id).expect("fewer paths than 2^32");
            self.ids.set(*path, id);
            if id > self.high.get(dest) {
                self.high.set(dest, id);
            }
        }
    }
}

/// Buffers for the choice of paths.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    keys: Vec<PathKey>,
    rest: Vec<u32>,
    ranked: Vec<(PathKey, u32)>,
    /// The chosen paths.
    pub(crate) paths: Vec<u32>,
}

impl Choice {
    /// Chooses the `most` best of the paths that may be used: the best of all, the best of the others, and so on. Which
    /// ones depends on nothing but the paths. Gives how many paths it looked at.
    pub(crate) fn choose(&mut self, routes: Routes<'_>, dest: u32, most: usize) -> usize {
        self.paths.clear();
        if most == 1 {
            self.paths
                .extend(routes.table.best(dest).map(|(path, _)| path));
            return 1;
        }
        let paths = routes.table.paths(dest);
        let usable = paths.filter(|(_, path)| path.refusal.is_none());
        self.paths.extend(usable.map(|(path, _)| path));
        let usable = self.paths.len();
        if usable <= most {
            return usable;
        }
        std::mem::swap(&mut self.paths, &mut self.rest);
        self.paths.clear();
        self.keys.clear();
        for path in &self.rest {
            self.keys.push(routes.path_key(routes.table.path(*path)));
        }
        let first = self.keys.first().map(|key| key.med);
        if self.keys.iter().all(|key| Some(key.med) == first) {
            self.rank(most);
            return usable;
        }
        // Which of two paths is better may depend on a third one, so that the best has to be looked for each time.
        let looked = usable * most;
        while self.paths.len() < most
            && let Some((best, _)) = decide::choose(self.keys.iter().copied())
        {
            self.keys.swap_remove(best);
            self.paths.push(self.rest.swap_remove(best));
        }
        self.rest.clear();
        looked
    }

    /// With one MED the ladder is an order, and the best are found in one go.
    fn rank(&mut self, most: usize) {
        let better = |a: &(PathKey, u32), b: &(PathKey, u32)| decide::compare(&a.0, &b.0).0;
        self.ranked.clear();
        self.ranked
            .extend(self.keys.drain(..).zip(self.rest.drain(..)));
        self.ranked.select_nth_unstable_by(most, better);
        self.ranked.truncate(most);
        self.ranked.sort_unstable_by(better);
        self.paths.extend(self.ranked.iter().map(|(_, path)| *path));
    }
}

/// How many paths of a destination a group is told of.
pub(crate) fn most_paths(group: &Group, family: Family) -> usize {
    if group.settings.encode.add_path.contains(family) {
        usize::from(group.settings.paths.get())
    } else {
        1
    }
}

/// The version list that a group reads.
pub(crate) fn list_of<'a>(
    best: &'a mut VersionList,
    multi: &'a mut Option<Box<Multi>>,
    group: &Group,
) -> &'a mut VersionList {
    match multi {
        Some(multi) if group.told.is_some() => &mut multi.versions,
        Some(_) | None => best,
    }
}

impl Rib {
    /// The version list that a group reads.
    pub(crate) fn versions_of(&self, group: &Group) -> &VersionList {
        match &self.multi {
            Some(multi) if group.told.is_some() => &multi.versions,
            Some(_) | None => &self.best,
        }
    }

    /// Keeps from now on what groups need that send several paths.
    pub(crate) fn begin_multi(&mut self) -> &mut VersionList {
        let multi = self.multi.get_or_insert_with(|| Box::new(Multi::new()));
        &mut multi.versions
    }

    /// A slice of putting into the list what was there before it. To its readers these are changes like any other, but
    /// End-of-RIB waits for the last of them.
    pub(crate) fn fill_multi(&mut self, budget: &mut u32) {
        let Some(multi) = &mut self.multi else { return };
        let Some(from) = multi.fill.filter(|_| *budget > 0) else {
            return;
        };
        let slots = self.table.slots();
        let to = slots.min(from.saturating_add(*budget)).max(from);
        *budget -= (to - from).min(*budget);
        for dest in from..to {
            let is_live = self.table.is_used(dest) && self.table.is_live(dest);
            if is_live && !multi.versions.is_linked(dest) {
                multi.versions.touch(dest, true);
            }
        }
        multi.fill = (to < slots).then_some(to);
        let whole = multi.whole_version();
        if multi.is_filling() {
            return;
        }
        for index in 0..self.groups.len() {
            let is_multi = |group: &mut Group| group.told.is_some();
            let Some(mut group) = self.groups[index].take_if(is_multi) else {
                continue;
            };
            for peer in &group.awaiting {
                if let Some(member) = &mut self.members[peer.index()]
                    && let EndOfRib::AwaitsPull { version } = &mut member.end_of_rib
                {
                    *version = whole.min(*version);
                }
            }
            self.reached_version(&mut group);
            self.announce_readable(&group);
            self.groups[index] = Some(group);
        }
    }

    /// The tables to make a batch from for a group that is told of several paths; none for another.
    pub(crate) fn batch_for(&mut self, group: &Group) -> Option<Batch<'_>> {
        let multi = self.multi.as_mut().filter(|_| group.told.is_some())?;
        Some(Batch {
            table: &self.table,
            sources: &self.sources,
            attrs: &mut self.attrs,
            next_hops: &mut self.next_hops,
            multi,
            scratch: &mut self.path_scratch,
        })
    }

    /// What a group that has ended told is forgotten in slices, and with the last such group what it needs.
    pub(crate) fn end_told(&mut self, told: Told) {
        self.leaving.push(told);
        if self
            .groups
            .iter()
            .flatten()
            .any(|group| group.told.is_some())
        {
            return;
        }
        let Some(mut multi) = self.multi.take() else {
            return;
        };
        while let Some(dest) = multi.versions.collect(u64::MAX) {
            self.forget(dest);
        }
    }

    /// A slice of forgetting what ended groups told.
    pub(crate) fn drain_told(&mut self, budget: &mut u32) {
        while let Some(told) = self.leaving.last_mut() {
            told.drain(budget, &mut self.attrs, &mut self.next_hops);
            if !told.is_drained() {
                break;
            }
            self.leaving.pop();
        }
    }
}

#[cfg(test)]
mod tests;
