//! The table of one shard and everything that reads it, as one value.
//!
//! What happens to it is spread over the modules by who asks: `apply` (sources), `export` (receivers), `work` (sliced
//! walks), `consumer` (kernel, watches) and `query` (listings).

use std::collections::VecDeque;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Instant;

use wire::{Asn, AttrView, NextHop};

use crate::arena::Beside;
use crate::check::{self, LocalIdentity};
use crate::decide::PathKey;
use crate::encode::{Routes, Scratch};
use crate::group::{Group, GroupCounters, WalkPlace};
use crate::ids::{AttrId, Cluster, PeerId, RejectReason};
use crate::judge::Judgement;
use crate::member::Member;
use crate::multi::{self, Multi, Told};
use crate::pool::{AttrPool, NextHopPool};
use crate::refresh::Sweep;
use crate::source::Sources;
use crate::table::Table;
use crate::versions::{Cursor, VersionList};

/// What a table is told once.
#[derive(Debug, Clone)]
pub struct RibConfig {
    /// Our BGP Identifier.
    pub router_id: Ipv4Addr,
    /// Our cluster id; the router id where none is configured (RFC 4456 section 7).
    pub cluster_id: Ipv4Addr,
    /// Our AS.
    pub local_as: Asn,
    /// Octets that an export group keeps for members that read slowly, the latest pull not counted. Who needs older ones
    /// is reset.
    pub log_limit: usize,
    /// Withdrawn destinations that are kept for readers that have not seen the withdrawal. Beyond it groups pull though
    /// their members are slow, so that `log_limit` decides, and consumers that are behind are told of a gap.
    pub tombstone_limit: usize,
    /// Octets of routes, see [`Rib::route_octets`]. Beyond it the peer that brought most is reset.
    pub route_limit: usize,
    /// Paths of different neighbouring ASes may share traffic.
    pub multipath_relax: bool,
    /// Keep paths that were rejected, for the listing of what a peer sent.
    pub keep_rejected: bool,
    /// Keys the hashes. Peers must not know it.
    pub seed: u64,
}

/// Why a receiver must be reset, with Cease subcode 8, Out of Resources (RFC 4486).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetReason {
    /// It reads so slowly that what it has not read exceeds the limit of the log, and withdrawals that it would have to
    /// be told of have been forgotten.
    LogLimit,
    /// It reads by itself because it is slow, and more withdrawals wait for it than may.
    TombstoneLimit,
    /// All routes together take more memory than they may, and its own take most.
    RouteLimit {
        /// Octets of its routes.
        octets: u64,
    },
}

impl fmt::Display for ResetReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResetReason::LogLimit => f.write_str(
                "it reads too slowly: it has not read more than `limits.export-log`, and more withdrawn routes in it than `limits.tombstones` allows",
            ),
            ResetReason::TombstoneLimit => f.write_str(
                "it reads too slowly: more withdrawn routes wait for it than `limits.tombstones` allows",
            ),
            ResetReason::RouteLimit { octets } => write!(
                f,
                "the routes exceed `limits.routes`, and its own take most, {} MiB",
                octets.div_ceil(1 << 20)
            ),
        }
    }
}

/// Sizes and counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Destinations in the table, withdrawn ones that wait for readers included.
    pub destinations: usize,
    /// Paths, rejected ones included.
    pub paths: usize,
    /// Withdrawn destinations that wait for readers.
    pub tombstones: usize,
    /// Different attribute sets.
    pub attribute_sets: usize,
    /// Octets of attribute sets, keys and index included.
    pub attribute_bytes: usize,
    /// Octets of destinations, paths, the index, version lists, and what groups remember of destinations.
    pub table_bytes: usize,
    /// Octets of logs that wait for slow members.
    pub log_bytes: usize,
    /// Octets of logs that are kept for members that are still to come.
    pub kept_bytes: usize,
    /// Members of all groups.
    pub members: usize,
    /// Those of them that are too slow for their group's log and read by themselves.
    pub detached: usize,
    /// Number of export groups.
    pub groups: usize,
    /// Sums over all groups that ever were.
    pub totals: GroupCounters,
    /// Octets handed out to writers.
    pub delivered_bytes: u64,
    /// Peers that were reset because they read too slowly or brought too much.
    pub resets: u64,
}

/// A reader of best-path changes: the kernel, a watch.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) cursor: Cursor,
    /// It must be told that withdrawals were lost to it.
    pub(crate) has_gap: bool,
}

/// One shard: tables, export groups and consumers.
///
/// Nothing here blocks or reads a clock. After changes, call [`Rib::flush`], then hand out what [`Rib::poll_ready`]
/// names, and call [`Rib::work`] until it says that nothing is left.
pub struct Rib {
    pub(crate) config: RibConfig,
    /// Cluster ids that we have toward single peers.
    pub(crate) cluster_ids: Vec<Ipv4Addr>,
    pub(crate) attrs: AttrPool,
    pub(crate) next_hops: NextHopPool,
    pub(crate) table: Table,
    pub(crate) sources: Sources,
    /// Changes of the best path, for export groups; for consumers while nobody needs `sets`.
    pub(crate) best: VersionList,
    /// Changes of the best path or of those that share traffic with it. From the first consumer on.
    pub(crate) sets: Option<VersionList>,
    pub(crate) consumers: Vec<Option<Consumer>>,
    /// While a group sends several paths of a destination.
    pub(crate) multi: Option<Box<Multi>>,
    /// What groups told that have ended, to be forgotten in slices.
    pub(crate) leaving: Vec<Told>,
    pub(crate) groups: Vec<Option<Group>>,
    /// By `PeerId`.
    pub(crate) members: Vec<Option<Member>>,
    pub(crate) member_count: usize,
    pub(crate) ready: VecDeque<PeerId>,
    pub(crate) resets: VecDeque<(PeerId, ResetReason)>,
    /// The walk that takes out the paths of peers that went down.
    pub(crate) drain: WalkPlace,
    /// In which refresh of its source a path was announced, while some source announces anew; 0: in none.
    pub(crate) marks: Option<Box<Beside<u8>>>,
    /// The walks that take out what was not announced anew.
    pub(crate) sweeps: Vec<Sweep>,
    /// The next slot of the walk that marks what is kept for long, while it has to look for that.
    pub(crate) age_lap: Option<u32>,
    /// From when on groups may pull again: each full pull moves it on by a tick, and to its own time at least.
    pub(crate) pull_due: Option<Instant>,
    /// A pull was cut into slices and goes on at once.
    pub(crate) is_flushing: bool,
    /// More was read than pulls keep up with.
    pub(crate) is_behind: bool,
    /// More withdrawn destinations may go than were collected in one slice.
    pub(crate) is_collecting: bool,
    /// Who may keep routes of ours from before is not sent End-of-RIB for now.
    pub(crate) holds_end_of_rib: bool,
    /// The group whose turn it is.
    pub(crate) next_group: usize,
    /// Where attributes are written that are not as they came; kept for its room.
    pub(crate) amended: Vec<u8>,
    pub(crate) scratch: Scratch,
    pub(crate) path_scratch: multi::encode::Scratch,
    pub(crate) keys: Vec<PathKey>,
    pub(crate) candidates: Vec<u32>,
    pub(crate) chosen: Vec<usize>,
    /// Counters of groups that are gone.
    pub(crate) past: GroupCounters,
    pub(crate) delivered_bytes: u64,
    pub(crate) reset_count: u64,
    pub(crate) steps: u64,
    pub(crate) judgement: Judgement,
}

impl fmt::Debug for Rib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rib").field("stats", &self.stats()).finish()
    }
}

impl Rib {
    /// An empty table. Sources of local routes come up like any other, with [`Rib::source_up`].
    #[must_use]
    pub fn new(config: RibConfig) -> Rib {
        let (seed, cluster_id) = (config.seed, config.cluster_id);
        Rib {
            config,
            cluster_ids: Vec::new(),
            attrs: AttrPool::new(seed),
            next_hops: NextHopPool::new(seed),
            table: Table::new(seed),
            sources: Sources::new(cluster_id),
            best: VersionList::new(),
            sets: None,
            consumers: Vec::new(),
            multi: None,
            leaving: Vec::new(),
            groups: Vec::new(),
            members: Vec::new(),
            member_count: 0,
            ready: VecDeque::new(),
            resets: VecDeque::new(),
            drain: WalkPlace::default(),
            marks: None,
            sweeps: Vec::new(),
            age_lap: None,
            pull_due: None,
            is_flushing: false,
            is_behind: false,
            is_collecting: false,
            holds_end_of_rib: false,
            next_group: 0,
            amended: Vec::new(),
            scratch: Scratch::default(),
            path_scratch: multi::encode::Scratch::default(),
            keys: Vec::new(),
            candidates: Vec::new(),
            chosen: Vec::new(),
            past: GroupCounters::default(),
            delivered_bytes: 0,
            reset_count: 0,
            steps: 0,
            judgement: Judgement::default(),
        }
    }

    /// What the table was told at its start.
    #[must_use]
    pub fn config(&self) -> &RibConfig {
        &self.config
    }

    /// Decides whether the routes of an UPDATE from this peer may be used; import policy is asked elsewhere.
    ///
    /// # Errors
    /// The first reason that speaks against them: a loop, a wrong first AS, a next hop that cannot be.
    pub fn check(
        &self,
        peer: PeerId,
        attrs: AttrView<'_>,
        next_hop: &NextHop,
    ) -> Result<(), RejectReason> {
        let local = LocalIdentity {
            local_as: self.config.local_as,
            router_id: self.config.router_id,
            cluster_id: self.config.cluster_id,
            cluster_ids: &self.cluster_ids,
        };
        match self.sources.of(peer) {
            Some(source) => check::check(&source.info, &local, attrs, next_hop),
            None => Ok(()),
        }
    }

    /// A cluster id of ours as it is known here, for a source that comes up.
    pub fn cluster(&mut self, id: Ipv4Addr) -> Cluster {
        self.sources.cluster(id)
    }

    /// Cluster ids that we have toward single peers, beside the one of the configuration: a route with any of them has
    /// been reflected by us, or beside us (RFC 4456 section 8).
    pub fn set_cluster_ids(&mut self, ids: Vec<Ipv4Addr>) {
        self.cluster_ids = ids;
    }

    /// The id of these attributes, with one reference: give it back with [`Rib::release`]. One call per UPDATE.
    pub fn intern(&mut self, attrs: AttrView<'_>) -> AttrId {
        self.attrs.intern(attrs)
    }

    /// Gives the reference of [`Rib::intern`] back. Paths that use the attributes keep them.
    pub fn release(&mut self, attrs: AttrId) {
        self.attrs.release(attrs);
    }

    /// Octets that table, attributes and logs take now, in time that depends on the number of groups only.
    #[must_use]
    pub fn memory(&self) -> usize {
        let stats = self.stats();
        stats.table_bytes + stats.attribute_bytes + stats.log_bytes + stats.kept_bytes
    }

    /// Sizes and counters, in time that depends on the number of groups only.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut totals = self.past;
        let groups = || self.groups.iter().flatten();
        for group in groups() {
            totals.add(&group.counters);
        }
        Stats {
            destinations: self.table.len(),
            paths: self.table.path_count(),
            tombstones: self
                .multi
                .iter()
                .map(|multi| multi.versions.tombstones())
                .fold(self.best.tombstones(), usize::max),
            attribute_sets: self.attrs.len(),
            attribute_bytes: self.attrs.bytes_used(),
            table_bytes: self.table.bytes()
                + self.best.bytes()
                + self.sets.as_ref().map_or(0, VersionList::bytes)
                + self.multi.as_ref().map_or(0, |multi| multi.bytes())
                + self.marks.as_ref().map_or(0, |marks| marks.bytes())
                + self.leaving.iter().map(Told::bytes).sum::<usize>()
                + groups().map(Group::memory).sum::<usize>(),
            log_bytes: groups().map(Group::retained).sum(),
            kept_bytes: groups().map(Group::kept).sum(),
            members: self.member_count,
            detached: groups().map(|group| group.alone.len()).sum(),
            groups: groups().count(),
            totals,
            delivered_bytes: self.delivered_bytes,
            resets: self.reset_count,
        }
    }

    /// Steps done so far, as a measure of work that needs no clock: routes announced or withdrawn by sources,
    /// destinations walked over, and changes pulled for groups or for members that read by themselves.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Counters of the export group that a peer is in.
    #[must_use]
    pub fn group_counters(&self, peer: PeerId) -> Option<GroupCounters> {
        let member = self.members.get(peer.index())?.as_ref()?;
        self.groups[member.group as usize]
            .as_ref()
            .map(|group| group.counters)
    }

    pub(crate) fn routes(&self) -> Routes<'_> {
        Routes {
            table: &self.table,
            sources: &self.sources,
            attrs: &self.attrs,
            next_hops: &self.next_hops,
        }
    }
}

#[cfg(test)]
mod random;
