//! From destinations with several paths to messages.
//!
//! A pull chooses the paths that a destination is told with, compares them with what was told, path identifier by path
//! identifier, and encodes the difference: an identifier that is told as before costs nothing. Joins, refreshes and
//! members that read by themselves are told what the group told, not what the table says: what is pending they would
//! otherwise learn ahead of the log, which then leaves out what has not changed.
//!
//! As in the encoding of best paths, each run of paths with equal attributes, source and next hop becomes as few
//! messages as hold it, and each message has one source, one ORIGINATOR_ID and one next hop.
//!
//! RFC 7911 sections 3 and 5. Engine rules 1, 2, 3, 10, 12 and 14.

use std::ops::Range;

use wire::{AttrView, Family, Nlri, WireAttrs};

use super::{Choice, Multi, Said, most_paths};
use crate::encode::Routes;
use crate::group::Group;
use crate::ids::{AttrId, NextHopId, PeerId};
use crate::log::{Kind, Log, Tags};
use crate::pool::{AttrPool, NextHopPool};
use crate::source::Sources;
use crate::table::Table;
use crate::transform::{self, Edit};
use crate::versions::VersionList;

/// Paths that one batch of a walk goes over, and a few more: about 200 microseconds.
const BATCH: usize = 1024;

/// A path that is to be put into messages, in sorting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    family: Family,
    attrs: AttrId,
    source: PeerId,
    next_hop: NextHopId,
    edit: Edit,
    dest: u32,
    id: u32,
    /// An excluded receiver may have the path in an older form.
    replaces: bool,
}

impl Item {
    fn new(family: Family, dest: u32, (id, said): (u32, Said), replaces: bool) -> Item {
        let Said {
            attrs,
            edit,
            next_hop,
            source,
        } = said;
        Item {
            family,
            attrs,
            source,
            next_hop,
            edit,
            dest,
            id,
            replaces,
        }
    }

    /// What messages are built from: equal for paths that go into one.
    fn form(&self) -> (Family, AttrId, PeerId, NextHopId, Edit) {
        (
            self.family,
            self.attrs,
            self.source,
            self.next_hop,
            self.edit,
        )
    }
}

/// A path that is to be withdrawn.
#[derive(Debug, Clone, Copy)]
struct Gone {
    family: Family,
    dest: u32,
    id: u32,
}

/// Buffers that are used again for each batch.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    choice: Choice,
    old: Vec<(u32, Said)>,
    new: Vec<(u32, Said)>,
    items: Vec<Item>,
    gone: Vec<Gone>,
    /// Those whose attributes fit into no message.
    too_large: Vec<Gone>,
    nlri: Vec<Nlri>,
    bytes: Vec<u8>,
}

/// The tables that a batch is made from.
pub(crate) struct Batch<'a> {
    pub(crate) table: &'a Table,
    pub(crate) sources: &'a Sources,
    pub(crate) attrs: &'a mut AttrPool,
    pub(crate) next_hops: &'a mut NextHopPool,
    pub(crate) multi: &'a mut Multi,
    pub(crate) scratch: &'a mut Scratch,
}

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Into the log.
    Log,
    /// Into the snapshot, which withdraws nothing: the log does.
    Snapshot,
    /// For one detached member, of whom nobody knows what it has.
    Alone,
}

impl Batch<'_> {
    fn routes(&self) -> Routes<'_> {
        Routes {
            table: self.table,
            sources: self.sources,
            attrs: self.attrs,
            next_hops: self.next_hops,
        }
    }

    /// Pulls changes into the log until there are none or `budget` is used up: one batch (engine rule 1). Gives how much
    /// it used.
    pub(crate) fn pull(&mut self, group: &mut Group, budget: usize) -> usize {
        let start_version = group.cursor.version();
        let mut used = 0;
        let mut takes_back = false;
        while used < budget {
            let Some(change) = self.multi.versions.next(&mut group.cursor) else {
                break;
            };
            used += self.compare(group, change.dest, false, &mut takes_back);
        }
        self.log(group, start_version, takes_back);
        // What a member that came back does not know was pulled before the head, or has just been (engine rule 11).
        group.is_unsure &= self.multi.versions.is_pending(&group.cursor);
        used
    }

    /// Compares destinations in these slots with what was told of them, under settings that have changed (engine rule
    /// 12). Gives the slot to go on with, and how much work it was.
    ///
    /// Pending destinations are told as they are now: their pull will find nothing more to tell.
    pub(crate) fn rewalk(&mut self, group: &mut Group, slots: Range<u32>) -> (u32, usize) {
        let version = group.cursor.version();
        let mut used = 0;
        let mut takes_back = false;
        let mut to = slots.end;
        for slot in slots {
            if used >= BATCH {
                to = slot;
                break;
            }
            if self.multi.versions.is_linked(slot) {
                let resends = group.resends;
                used += self.compare(group, slot, resends, &mut takes_back);
            }
        }
        self.log(group, version, takes_back);
        (to, used)
    }

    /// Encodes what the group told about the destinations in these slots into its snapshot stream. Gives the slot to go
    /// on with, and how much work it was.
    pub(crate) fn snapshot(&mut self, group: &mut Group, slots: Range<u32>) -> (u32, usize) {
        let version = group.cursor.version();
        let mut to = slots.end;
        for slot in slots {
            if self.scratch.items.len() >= BATCH {
                to = slot;
                break;
            }
            let is_there = self.table.is_used(slot);
            if is_there && group.walk_families.contains(self.table.family(slot)) {
                self.repeat(group, slot);
            }
        }
        let used = self.scratch.items.len();
        group.snapshot.begin(version);
        let mut writer = self.writer(group, Target::Snapshot);
        writer.announce();
        writer.scratch.gone.clear();
        group.snapshot.end();
        (to, used)
    }

    /// Encodes a slice of what a detached member is behind into the private log: what the group told, and a withdrawal of
    /// every other path that there may ever have been (engine rule 10). `next` gives the destinations.
    pub(crate) fn private(
        &mut self,
        group: &mut Group,
        budget: usize,
        mut next: impl FnMut(&mut VersionList) -> Option<u32>,
    ) {
        while self.scratch.items.len() + self.scratch.gone.len() < budget
            && let Some(dest) = next(&mut self.multi.versions)
        {
            let family = self.table.family(dest);
            if group.settings.families.contains(family) {
                self.repeat(group, dest);
                let high = self.high(group, family, dest);
                let told = group.told.iter().flat_map(|told| told.of(dest));
                let known = told.map(|(id, _)| id);
                withdraw_others(&mut self.scratch.gone, family, dest, high, known);
            }
        }
        group.private.begin(0);
        let mut writer = self.writer(group, Target::Alone);
        writer.announce();
        writer.withdraw();
        group.private.end();
    }

    /// The highest path identifier that a receiver may know.
    fn high(&self, group: &Group, family: Family, dest: u32) -> u32 {
        if group.settings.encode.add_path.contains(family) {
            self.multi.high(dest)
        } else {
            1
        }
    }

    /// Puts what was told of a destination into the batch.
    fn repeat(&mut self, group: &Group, dest: u32) {
        let family = self.table.family(dest);
        let told = group.told.iter().flat_map(|told| told.of(dest));
        let items = told.map(|line| Item::new(family, dest, line, true));
        self.scratch.items.extend(items);
    }

    /// Puts the difference between what is to be told of a destination and what was told into the batch, and remembers
    /// the former. Gives how many paths it looked at, at least 1.
    fn compare(
        &mut self,
        group: &mut Group,
        dest: u32,
        resends: bool,
        takes_back: &mut bool,
    ) -> usize {
        let family = self.table.family(dest);
        if !group.settings.families.contains(family) {
            return 1;
        }
        let looked = self.choose(group, family, dest);
        let high = self.high(group, family, dest);
        let is_unsure = group.is_unsure;
        let Some(told) = &mut group.told else {
            return 1;
        };
        let Scratch {
            old,
            new,
            items,
            gone,
            ..
        } = &mut *self.scratch;
        old.clear();
        old.extend(told.of(dest));
        let mut before = old.iter().peekable();
        for line in &*new {
            let (id, said) = line;
            while before.next_if(|(other, _)| other < id).is_some() {}
            let before = before.next_if(|(other, _)| other == id);
            if before == Some(line) && !is_unsure && !resends {
                continue;
            }
            let is_covered = before
                .is_none_or(|(_, before)| before.excludes_as(said, self.attrs, self.next_hops));
            *takes_back |= before.is_some();
            items.push(Item::new(family, dest, *line, is_unsure || !is_covered));
        }
        let count = gone.len();
        let known = new.iter().map(|(id, _)| *id);
        if is_unsure {
            withdraw_others(gone, family, dest, high, known);
        } else {
            let is_new = |id: u32| new.binary_search_by_key(&id, |(id, _)| *id).is_ok();
            let lost = old.iter().filter(|(id, _)| !is_new(*id));
            gone.extend(lost.map(|&(id, _)| Gone { family, dest, id }));
        }
        *takes_back |= is_unsure || gone.len() > count;
        if old != new {
            told.replace(dest, family, new);
        }
        for (_, said) in &*old {
            said.release(self.attrs, self.next_hops);
        }
        looked.max(1)
    }

    /// What a destination is to be told with: the chosen paths that may be sent, by rising path identifier. Each holds a
    /// reference to its attributes and next hop. Gives how many paths it looked at.
    fn choose(&mut self, group: &Group, family: Family, dest: u32) -> usize {
        let mut choice = std::mem::take(&mut self.scratch.choice);
        let looked = choice.choose(self.routes(), dest, most_paths(group, family));
        let has_ids = group.settings.encode.add_path.contains(family);
        if has_ids {
            self.multi.identify(self.table, dest, &choice.paths);
        }
        self.scratch.new.clear();
        for index in &choice.paths {
            if let Some(said) = self.say(group, family, dest, *index) {
                let id = if has_ids { self.multi.id(*index) } else { 1 };
                self.scratch.new.push((id, said));
            }
        }
        self.scratch.new.sort_unstable_by_key(|(id, _)| *id);
        self.scratch.choice = choice;
        looked
    }

    /// How a path is told; `None`: it is not.
    fn say(&mut self, group: &Group, family: Family, dest: u32, index: u32) -> Option<Said> {
        let path = self.table.path(index);
        let source = self.sources.get(path.source);
        let key = self.attrs.key(path.attrs);
        let learned = self.next_hops.get(path.next_hop);
        let to = &group.settings;
        let outgoing = transform::outgoing(family, key, &learned, &source.info, to).ok()?;
        let origin = if source.info.kind.is_local() {
            policy::Origin::Local
        } else {
            policy::Origin::Learned
        };
        let attrs = self.attrs.view(path.attrs);
        let prefix = self.table.prefix(dest);
        to.export.evaluate(&prefix, attrs, origin).ok()?;
        self.attrs.retain(path.attrs);
        let next_hop = if outgoing.next_hop == learned {
            self.next_hops.retain(path.next_hop);
            path.next_hop
        } else {
            self.next_hops.intern(outgoing.next_hop)
        };
        Some(Said {
            attrs: path.attrs,
            edit: outgoing.edit,
            next_hop,
            source: source.peer,
        })
    }

    /// Encodes the batch into the log.
    fn log(&mut self, group: &mut Group, start_version: u64, takes_back: bool) {
        group.log.begin(start_version);
        let mut writer = self.writer(group, Target::Log);
        writer.announce();
        writer.withdraw();
        group.log.end();
        if takes_back || !self.scratch.too_large.is_empty() {
            group.drop_image();
        }
        let told = &mut group.told;
        for Gone { family, dest, id } in self.scratch.too_large.drain(..) {
            let said = told.as_mut().and_then(|told| told.remove(dest, family, id));
            if let Some(said) = said {
                said.release(self.attrs, self.next_hops);
            }
        }
    }

    fn writer<'w>(&'w mut self, group: &'w mut Group, target: Target) -> Writer<'w> {
        Writer {
            table: self.table,
            clusters: self.sources.clusters(),
            attrs: self.attrs,
            next_hops: self.next_hops,
            scratch: self.scratch,
            group,
            target,
        }
    }
}

/// Withdraws all identifiers up to `high` that are not known to be in use; those come in rising order.
fn withdraw_others(
    gone: &mut Vec<Gone>,
    family: Family,
    dest: u32,
    high: u32,
    known: impl Iterator<Item = u32>,
) {
    let mut known = known.peekable();
    let others = (1..=high).filter(|id| known.next_if_eq(id).is_none());
    gone.extend(others.map(|id| Gone { family, dest, id }));
}

/// One batch on its way into a log.
struct Writer<'a> {
    table: &'a Table,
    clusters: &'a [std::net::Ipv4Addr],
    attrs: &'a AttrPool,
    next_hops: &'a NextHopPool,
    scratch: &'a mut Scratch,
    group: &'a mut Group,
    target: Target,
}

impl Writer<'_> {
    fn log(&mut self) -> &mut Log {
        match self.target {
            Target::Log => &mut self.group.log,
            Target::Snapshot => &mut self.group.snapshot,
            Target::Alone => &mut self.group.private,
        }
    }

    /// Encodes the announcements of the batch, run by run.
    fn announce(&mut self) {
        let mut items = std::mem::take(&mut self.scratch.items);
        items.sort_unstable();
        let mut built = None;
        for run in items.chunk_by(|one, other| one.form() == other.form()) {
            self.run(run, &mut built);
        }
        items.clear();
        self.scratch.items = items;
    }

    /// Encodes paths of one source with the same attributes and next hop.
    fn run(&mut self, run: &[Item], built: &mut Option<((AttrId, Edit, NextHopId), WireAttrs)>) {
        let Some(first) = run.first() else { return };
        let next_hop = self.next_hops.get(first.next_hop);
        let tags = Tags {
            source: first.source,
            originator: first.edit.originator(self.attrs.key(first.attrs)),
            next_hop: next_hop.addr(),
        };
        let wanted = (first.attrs, first.edit, first.next_hop);
        if built.as_ref().is_none_or(|(of, _)| *of != wanted) {
            let to = &self.group.settings;
            let bytes = &mut self.scratch.bytes;
            bytes.clear();
            transform::transform(
                self.attrs.view(first.attrs),
                first.edit,
                to,
                self.clusters,
                bytes,
            );
            let attrs = WireAttrs::new(AttrView::new(bytes), next_hop, &to.encode);
            *built = Some((wanted, attrs));
        }
        if let Some((_, attrs)) = built {
            self.pack(attrs, run, tags);
        }
    }

    /// Packs paths into as few messages as hold them.
    fn pack(&mut self, attrs: &WireAttrs, run: &[Item], tags: Tags) {
        let encode = self.group.settings.encode;
        let table = self.table;
        let nlri = run.iter().map(|item| Nlri {
            prefix: table.prefix(item.dest),
            path_id: item.id,
        });
        let mut rest = nlri.peekable();
        let mut done = 0;
        while let (Some(item), true) = (run.get(done), rest.peek().is_some()) {
            let room = attrs.room(item.family, run.len() - done, &encode);
            let buffer = self.log().buffer(room);
            let start = buffer.len();
            let packed = wire::encode_announce(buffer, attrs, item.family, &mut rest, &encode);
            let Ok(count) = packed else {
                // Whoever had it before must not keep it: a withdrawal takes its place.
                let Item {
                    family, dest, id, ..
                } = *item;
                let gone = Gone { family, dest, id };
                self.scratch.gone.push(gone);
                if self.target == Target::Log {
                    self.group.counters.too_large += 1;
                    self.scratch.too_large.push(gone);
                }
                rest.next();
                done += 1;
                continue;
            };
            let kind = self.kind(&run[done..done + count]);
            let len = self.log().push(start, kind, item.family, tags);
            if self.target != Target::Alone {
                self.group.counters.announced += count as u64;
            }
            self.count(len);
            done += count;
        }
    }

    /// What a message is for who must not have its paths.
    fn kind(&self, items: &[Item]) -> Kind {
        match self.target {
            Target::Snapshot => Kind::Announce,
            Target::Alone => Kind::Replace,
            Target::Log if items.iter().any(|item| item.replaces) => Kind::Replace,
            Target::Log => Kind::Announce,
        }
    }

    /// Encodes the withdrawals of the batch.
    fn withdraw(&mut self) {
        let encode = self.group.settings.encode;
        for family in self.group.settings.families.iter() {
            let mut nlri = std::mem::take(&mut self.scratch.nlri);
            nlri.clear();
            let gone = self.scratch.gone.iter();
            let gone = gone.filter(|gone| gone.family == family);
            nlri.extend(gone.map(|gone| Nlri {
                prefix: self.table.prefix(gone.dest),
                path_id: gone.id,
            }));
            let mut rest = nlri.iter().copied().peekable();
            while rest.peek().is_some() {
                let buffer = self.log().buffer(wire::MAX_LEN);
                let start = buffer.len();
                let count = wire::encode_withdraw(buffer, family, &mut rest, &encode);
                let len = self.log().push(start, Kind::Withdraw, family, Tags::NONE);
                if self.target != Target::Alone {
                    self.group.counters.withdrawn += count as u64;
                }
                self.count(len);
            }
            self.scratch.nlri = nlri;
        }
        self.scratch.gone.clear();
    }

    fn count(&mut self, len: usize) {
        let counters = &mut self.group.counters;
        if self.target == Target::Alone {
            counters.private_bytes += len as u64;
        } else {
            counters.messages_encoded += 1;
            counters.bytes_encoded += len as u64;
        }
    }
}
