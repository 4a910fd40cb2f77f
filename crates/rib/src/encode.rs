//! From destinations to messages: what a pull and the snapshot walk have in common.
//!
//! The routes of a batch are sorted by attributes, source and next hop; each run of equal ones is transformed and
//! encoded once, and its NLRI are packed into as few messages as hold them. So a message has one source, one
//! ORIGINATOR_ID and one next hop, which are its tags. Withdrawals carry none of these and pack across sources.
//!
//! Engine rules 1, 2, 3, and what 10 and 12 have in common with them.

use std::net::IpAddr;

use wire::{AttrView, Family, NextHop, Nlri, WireAttrs};

use crate::group::{Group, Last};
use crate::ids::{AttrId, ExportSettings, NextHopId, SourceInfo};
use crate::log::{Kind, Log, Tags};
use crate::pool::{AttrPool, NextHopPool};
use crate::source::Sources;
use crate::table::Table;
use crate::transform::{self, Edit};
use crate::versions::VersionList;

/// The tables that routes are read from.
#[derive(Clone, Copy)]
pub(crate) struct Routes<'a> {
    pub(crate) table: &'a Table,
    pub(crate) sources: &'a Sources,
    pub(crate) attrs: &'a AttrPool,
    pub(crate) next_hops: &'a NextHopPool,
}

/// A best path that is to be put into messages, in sorting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    family: Family,
    attrs: AttrId,
    source: u32,
    next_hop: NextHopId,
    dest: u32,
}

impl Item {
    fn is_like(&self, other: &Item) -> bool {
        let run = |item: &Item| (item.family, item.attrs, item.source, item.next_hop);
        run(self) == run(other)
    }
}

/// Buffers that are used again for each batch.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    items: Vec<Item>,
    gone: Vec<u32>,
    nlri: Vec<Nlri>,
    dests: Vec<u32>,
    bytes: Vec<u8>,
}

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Into the log: what was last told is compared and remembered.
    Log,
    /// Into the snapshot: the log knows better, nothing is withdrawn or remembered.
    Snapshot,
    /// For one detached member: nobody knows what it has, so everything that it may not have is withdrawn.
    Alone,
}

/// Attributes as they go out.
struct Built {
    of: (AttrId, Edit, NextHop),
    attrs: WireAttrs,
}

/// One batch in the making.
pub(crate) struct Encoder<'a> {
    routes: Routes<'a>,
    group: &'a mut Group,
    scratch: &'a mut Scratch,
    target: Target,
    /// Something was replaced or withdrawn that the log had announced.
    takes_back: bool,
}

/// Pulls up to `budget` changes into the log: one batch (engine rule 1). Gives how many there were.
pub(crate) fn pull(
    group: &mut Group,
    versions: &mut VersionList,
    routes: Routes<'_>,
    scratch: &mut Scratch,
    budget: usize,
) -> usize {
    let start_version = group.cursor.version();
    let families = group.settings.families;
    let taken = versions.pull(&mut group.cursor, budget, |dest| {
        if families.contains(routes.table.family(dest)) {
            scratch.take(routes, dest);
        }
    });
    log(group, routes, scratch, start_version);
    // What a member that came back does not know was pulled before the head, or has just been (engine rule 11).
    group.is_unsure &= versions.is_pending(&group.cursor);
    taken
}

/// Encodes the batch into the log.
fn log(group: &mut Group, routes: Routes<'_>, scratch: &mut Scratch, start_version: u64) {
    group.log.begin(start_version);
    let mut encoder = Encoder {
        routes,
        group,
        scratch,
        target: Target::Log,
        takes_back: false,
    };
    encoder.announce();
    encoder.withdraw();
    let takes_back = encoder.takes_back;
    group.log.end();
    if takes_back {
        group.drop_image();
    }
}

/// Encodes the destinations in these slots into the log once more, under settings that have changed (engine rule 12).
///
/// Pending destinations are left out: their pull follows the new settings anyway.
pub(crate) fn rewalk(
    group: &mut Group,
    versions: &VersionList,
    routes: Routes<'_>,
    scratch: &mut Scratch,
    slots: std::ops::Range<u32>,
) {
    let pulled = group.cursor.version();
    for slot in slots {
        let known = versions.is_linked(slot) && versions.version(slot) <= pulled;
        if known && group.settings.families.contains(routes.table.family(slot)) {
            scratch.take(routes, slot);
        }
    }
    log(group, routes, scratch, pulled);
}

/// What a detached member is told in one go, as destinations of its own pull.
pub(crate) struct Private<'a> {
    pub(crate) routes: Routes<'a>,
    pub(crate) scratch: &'a mut Scratch,
}

impl Private<'_> {
    /// Takes a destination into the batch.
    pub(crate) fn take(&mut self, group: &Group, dest: u32) {
        let family = self.routes.table.family(dest);
        if group.settings.families.contains(family) {
            self.scratch.take(self.routes, dest);
        }
    }

    /// Encodes the batch into the group's private log: as the group's settings say, and a withdrawal for everything
    /// that is not there or not let out (engine rule 10).
    pub(crate) fn encode(self, group: &mut Group) {
        group.private.begin(0);
        let mut encoder = Encoder {
            routes: self.routes,
            group,
            scratch: self.scratch,
            target: Target::Alone,
            takes_back: false,
        };
        encoder.announce();
        encoder.withdraw();
        group.private.end();
    }
}

/// Encodes what the group last told about the destinations in these slots into its snapshot stream.
///
/// Pending destinations are left out (engine rule 6): the log will bring them.
pub(crate) fn snapshot(
    group: &mut Group,
    versions: &VersionList,
    routes: Routes<'_>,
    scratch: &mut Scratch,
    slots: std::ops::Range<u32>,
) {
    let pulled = group.cursor.version();
    for slot in slots {
        let known = versions.is_linked(slot) && versions.version(slot) <= pulled;
        if known && group.walk_families.contains(routes.table.family(slot)) {
            scratch.take(routes, slot);
        }
    }
    group.snapshot.begin(pulled);
    let mut encoder = Encoder {
        routes,
        group,
        scratch,
        target: Target::Snapshot,
        takes_back: false,
    };
    encoder.announce();
    encoder.scratch.gone.clear();
    group.snapshot.end();
}

impl Scratch {
    /// Takes a destination into the batch.
    fn take(&mut self, routes: Routes<'_>, dest: u32) {
        match routes.table.best(dest) {
            Some((_, path)) => self.items.push(Item {
                family: routes.table.family(dest),
                attrs: path.attrs,
                source: path.source,
                next_hop: path.next_hop,
                dest,
            }),
            None => self.gone.push(dest),
        }
    }
}

impl Encoder<'_> {
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
        for run in items.chunk_by(Item::is_like) {
            self.run(run, &mut built);
        }
        items.clear();
        self.scratch.items = items;
    }

    /// Encodes the routes of one source with the same attributes and next hop.
    fn run(&mut self, run: &[Item], built: &mut Option<Built>) {
        let routes = self.routes;
        let Some(first) = run.first() else { return };
        let source = routes.sources.get(first.source);
        let key = routes.attrs.key(first.attrs);
        let to = &self.group.settings;
        let learned = routes.next_hops.get(first.next_hop);
        let Ok(outgoing) = transform::outgoing(first.family, key, &learned, &source.info, to)
        else {
            self.scratch.gone.extend(run.iter().map(|item| item.dest));
            return;
        };
        let tags = Tags {
            source: source.peer,
            originator: outgoing.originator,
            next_hop: outgoing.next_hop.addr(),
        };
        let last = if is_excluded_alone(&tags, &source.info, to) {
            Last::source(source.peer)
        } else {
            Last::multi(source.peer)
        };
        self.admit(run, &source.info);
        if self.scratch.nlri.is_empty() {
            return;
        }
        let wanted = (first.attrs, outgoing.edit, outgoing.next_hop);
        if built.as_ref().is_none_or(|built| built.of != wanted) {
            *built = Some(self.build(wanted));
        }
        if let Some(built) = built {
            self.pack(&built.attrs, first.family, last, tags);
        }
    }

    /// Transforms and encodes a set of attributes, once for all runs that send it.
    fn build(&mut self, of: (AttrId, Edit, NextHop)) -> Built {
        let (attrs, edit, next_hop) = of;
        let to = &self.group.settings;
        let bytes = &mut self.scratch.bytes;
        bytes.clear();
        let view = self.routes.attrs.view(attrs);
        let clusters = self.routes.sources.clusters();
        transform::transform(view, edit, to, clusters, bytes);
        Built {
            of,
            attrs: WireAttrs::new(AttrView::new(bytes), next_hop, &to.encode),
        }
    }

    /// Asks export policy for each route of a run.
    fn admit(&mut self, run: &[Item], source: &SourceInfo) {
        let routes = self.routes;
        let origin = if source.kind.is_local() {
            policy::Origin::Local
        } else {
            policy::Origin::Learned
        };
        let scratch = &mut *self.scratch;
        scratch.nlri.clear();
        scratch.dests.clear();
        for item in run {
            let prefix = routes.table.prefix(item.dest);
            let attrs = routes.attrs.view(item.attrs);
            let verdict = self.group.settings.export.evaluate(&prefix, attrs, origin);
            if verdict.is_ok() {
                scratch.nlri.push(Nlri { prefix, path_id: 0 });
                scratch.dests.push(item.dest);
            } else {
                scratch.gone.push(item.dest);
            }
        }
    }

    /// Packs the routes that policy let through into as few messages as hold them.
    fn pack(&mut self, attrs: &WireAttrs, family: Family, last: Last, tags: Tags) {
        let encode = self.group.settings.encode;
        let nlri = std::mem::take(&mut self.scratch.nlri);
        let mut rest = nlri.iter().copied().peekable();
        let mut done = 0;
        while rest.peek().is_some() {
            let room = attrs.room(family, nlri.len() - done, &encode);
            let buffer = self.log().buffer(room);
            let start = buffer.len();
            let packed = wire::encode_announce(buffer, attrs, family, &mut rest, &encode);
            let Ok(count) = packed else {
                // Whoever had it before must not keep it: a withdrawal takes its place.
                self.group.counters.too_large += u64::from(self.target == Target::Log);
                self.scratch.gone.push(self.scratch.dests[done]);
                rest.next();
                done += 1;
                continue;
            };
            let kind = self.remember(done..done + count, family, last);
            let len = self.log().push(start, kind, family, tags);
            self.group.counters.announced += counted(self.target, count);
            self.count(len);
            done += count;
        }
        self.scratch.nlri = nlri;
    }

    /// Notes what the routes of a message are now, and says what the message is for who must not have them.
    fn remember(&mut self, routes: std::ops::Range<usize>, family: Family, last: Last) -> Kind {
        match self.target {
            Target::Log => {}
            Target::Snapshot => return Kind::Announce,
            Target::Alone => return Kind::Replace,
        }
        let mut replaces = self.group.is_unsure;
        self.takes_back |= replaces;
        for dest in &self.scratch.dests[routes] {
            let before = self.group.last(*dest);
            self.takes_back |= before.is_some();
            replaces |= !before.is_covered_by(last);
            self.group.set_last(*dest, family, last);
        }
        if replaces {
            Kind::Replace
        } else {
            Kind::Announce
        }
    }

    /// Encodes the withdrawals of the batch, of what was ever announced.
    fn withdraw(&mut self) {
        let encode = self.group.settings.encode;
        for family in self.group.settings.families.iter() {
            self.collect_gone(family);
            let nlri = std::mem::take(&mut self.scratch.nlri);
            let mut rest = nlri.iter().copied().peekable();
            while rest.peek().is_some() {
                let buffer = self.log().buffer(wire::MAX_LEN);
                let start = buffer.len();
                let count = wire::encode_withdraw(buffer, family, &mut rest, &encode);
                let len = self.log().push(start, Kind::Withdraw, family, Tags::NONE);
                self.group.counters.withdrawn += counted(self.target, count);
                self.count(len);
            }
            self.scratch.nlri = nlri;
        }
        self.scratch.gone.clear();
    }

    fn collect_gone(&mut self, family: Family) {
        let table = self.routes.table;
        let scratch = &mut *self.scratch;
        scratch.nlri.clear();
        for dest in &scratch.gone {
            if table.family(*dest) != family {
                continue;
            }
            let may_be_known = match self.target {
                Target::Alone => true,
                Target::Log | Target::Snapshot => {
                    self.group.is_unsure || self.group.last(*dest).is_some()
                }
            };
            if may_be_known {
                let prefix = table.prefix(*dest);
                scratch.nlri.push(Nlri { prefix, path_id: 0 });
                if self.target == Target::Log {
                    self.group.set_last(*dest, family, Last::NONE);
                    self.takes_back = true;
                }
            }
        }
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

/// Routes of messages that the whole group is sent.
fn counted(target: Target, count: usize) -> u64 {
    if target == Target::Alone {
        0
    } else {
        count as u64
    }
}

/// True if nobody but its source may not have the route: its ORIGINATOR_ID and next hop are the source's or ours.
fn is_excluded_alone(tags: &Tags, source: &SourceInfo, to: &ExportSettings) -> bool {
    let ours = to.local_v4.map(IpAddr::V4) == Some(tags.next_hop)
        || to.local_v6.map(IpAddr::V6) == Some(tags.next_hop);
    (ours || tags.next_hop == source.address)
        && tags.originator.is_none_or(|id| id == source.router_id)
}
