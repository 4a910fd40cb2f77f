//! Watching: a snapshot, a marker, then changes, each with a sequence number. A watch pulls, and
//! what it has not pulled is not queued: the table's version list compresses changes of one
//! destination by itself. A watch too far behind is told so by a gap and gets a new snapshot.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rib::{Consumed, ConsumerId, DestView, Rib};
use wire::Prefix;

use crate::Speaker;
use crate::peer::{Peer, Peers};

/// Changes a watch may be behind before it is given a gap instead.
const LAG: u64 = 65_536;
/// Removed peers remembered for watches that have not heard of them.
const REMEMBERED: usize = 1024;
/// Watches open at the same time.
const MAX_WATCHES: usize = 64;

/// Names one watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId(u64);

/// What a watch is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchFilter {
    /// Peers and their states.
    pub peers: bool,
    /// Best paths.
    pub routes: bool,
}

/// One item of a watch.
#[derive(Debug)]
pub enum WatchChange<'a> {
    /// A peer as it is now.
    Peer(&'a Peer),
    /// A peer that is gone.
    PeerRemoved {
        /// Its name.
        name: &'a str,
        /// Its address.
        address: IpAddr,
    },
    /// A destination and its best paths as they are now.
    Route(Prefix, &'a DestView<'a>),
    /// A destination without any path.
    RouteRemoved(Prefix),
    /// All that existed has been sent; what follows are changes.
    SnapshotEnd,
    /// This watch fell behind; a new snapshot follows.
    Gap {
        /// Changes of routes and peers that were passed over, at least.
        missed: u64,
    },
}

/// What a call of [`Speaker::watch_poll`] achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchProgress {
    /// There is more: call again.
    More,
    /// Nothing more now; the notifier is called when there is.
    Idle,
    /// The watch does not exist.
    Closed,
}

/// Called, from the speaker's thread, when a watch has something to give.
pub type Notifier = Arc<dyn Fn() + Send + Sync>;

struct Watch {
    filter: WatchFilter,
    notify: Notifier,
    /// The notifier is owed a call at the next change.
    idle: bool,
    sequence: u64,
    /// Its place in the table; `None` when it is not about routes.
    consumer: Option<ConsumerId>,
    peers_seen: u64,
    /// Version of the table at which the running snapshot is whole.
    snapshot_to: Option<u64>,
}

/// All watches, and what they need of the past.
#[derive(Default)]
pub(crate) struct Watches {
    watches: BTreeMap<WatchId, Watch>,
    next: u64,
    revision: u64,
    removed: VecDeque<(u64, String, IpAddr)>,
    /// Removals up to this revision are forgotten.
    forgotten: u64,
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watches")
            .field("open", &self.watches.len())
            .field("revision", &self.revision)
            .finish()
    }
}

impl Watches {
    pub(crate) fn next_revision(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    pub(crate) fn peer_removed(&mut self, peer: &Peer) {
        let revision = self.next_revision();
        if self.removed.len() == REMEMBERED {
            self.forgotten = self
                .removed
                .pop_front()
                .map_or(self.forgotten, |(old, ..)| old);
        }
        self.removed
            .push_back((revision, peer.config.name.clone(), peer.config.address));
    }
}

impl Watch {
    /// Versions of the table this watch has not read.
    fn unread(&self, rib: &Rib) -> u64 {
        self.consumer.map_or(0, |consumer| {
            rib.version().saturating_sub(rib.consumer_version(consumer))
        })
    }

    fn behind(&self, rib: &Rib, watches_forgot: u64) -> Option<u64> {
        if self.snapshot_to.is_some() {
            return None;
        }
        let routes = self.unread(rib);
        if routes > LAG {
            return Some(routes);
        }
        (self.filter.peers && self.peers_seen < watches_forgot)
            .then(|| watches_forgot - self.peers_seen)
    }

    fn begin_snapshot(&mut self, rib: &mut Rib) {
        if let Some(consumer) = self.consumer {
            rib.consumer_restart(consumer);
        }
        self.peers_seen = 0;
        self.snapshot_to = Some(rib.version());
    }

    fn has_news(&self, rib: &Rib, revision: u64) -> bool {
        self.unread(rib) > 0 || (self.filter.peers && revision > self.peers_seen)
    }
}

/// Gives items their sequence numbers on the way out.
struct Outlet<'a> {
    sequence: &'a mut u64,
    given: usize,
    sink: &'a mut dyn FnMut(u64, WatchChange<'_>),
}

impl Outlet<'_> {
    fn give(&mut self, change: WatchChange<'_>) {
        *self.sequence += 1;
        self.given += 1;
        (self.sink)(*self.sequence, change);
    }
}

impl Speaker {
    /// Opens a watch; `None` when too many are open. It begins with a snapshot.
    pub fn watch_open(&mut self, filter: WatchFilter, notify: Notifier) -> Option<WatchId> {
        if self.watches.watches.len() >= MAX_WATCHES {
            return None;
        }
        self.watches.next += 1;
        let id = WatchId(self.watches.next);
        let consumer = filter.routes.then(|| self.rib.consumer_add());
        let snapshot_to = Some(self.rib.version());
        let watch = Watch {
            filter,
            notify,
            idle: false,
            sequence: 0,
            consumer,
            peers_seen: 0,
            snapshot_to,
        };
        self.watches.watches.insert(id, watch);
        Some(id)
    }

    /// Ends a watch.
    pub fn watch_close(&mut self, id: WatchId) {
        let closed = self.watches.watches.remove(&id);
        if let Some(consumer) = closed.and_then(|watch| watch.consumer) {
            self.rib.consumer_remove(consumer);
        }
    }

    /// Gives about `max` items to `sink`, each with its sequence number; the numbers of a watch
    /// are consecutive from 1.
    pub fn watch_poll(
        &mut self,
        id: WatchId,
        max: usize,
        sink: &mut dyn FnMut(u64, WatchChange<'_>),
    ) -> WatchProgress {
        let Speaker {
            watches:
                Watches {
                    watches,
                    revision,
                    removed,
                    forgotten,
                    ..
                },
            rib,
            peers,
            ..
        } = self;
        let Some(watch) = watches.get_mut(&id) else {
            return WatchProgress::Closed;
        };
        let mut sequence = watch.sequence;
        let mut outlet = Outlet {
            sequence: &mut sequence,
            given: 0,
            sink,
        };
        if let Some(missed) = watch.behind(rib, *forgotten) {
            outlet.give(WatchChange::Gap { missed });
            watch.begin_snapshot(rib);
        }
        let mut more = false;
        if watch.filter.peers && watch.peers_seen < *revision {
            give_peers(watch, peers, removed, &mut outlet);
            watch.peers_seen = *revision;
        }
        if let Some(consumer) = watch.consumer {
            more = give_routes(
                watch,
                consumer,
                rib,
                max.saturating_sub(outlet.given).max(1),
                &mut outlet,
            );
        }
        let read = watch
            .consumer
            .map_or(u64::MAX, |consumer| rib.consumer_version(consumer));
        let whole = watch.snapshot_to.is_some_and(|to| read >= to);
        if whole {
            watch.snapshot_to = None;
            outlet.give(WatchChange::SnapshotEnd);
        }
        watch.sequence = sequence;
        watch.idle = !more;
        if more {
            WatchProgress::More
        } else {
            WatchProgress::Idle
        }
    }

    /// Calls the notifiers of watches that wait and have something now.
    pub(crate) fn wake_watches(&mut self) {
        let Watches {
            watches, revision, ..
        } = &mut self.watches;
        for watch in watches.values_mut() {
            if watch.idle && watch.has_news(&self.rib, *revision) {
                watch.idle = false;
                (watch.notify)();
            }
        }
    }
}

fn give_peers(
    watch: &Watch,
    peers: &Peers,
    removed: &VecDeque<(u64, String, IpAddr)>,
    outlet: &mut Outlet<'_>,
) {
    // A snapshot of the peers begins with none, so that there is nothing to take back.
    if watch.peers_seen > 0 {
        for (_, name, address) in removed
            .iter()
            .filter(|(revision, ..)| *revision > watch.peers_seen)
        {
            outlet.give(WatchChange::PeerRemoved {
                name,
                address: *address,
            });
        }
    }
    let mut changed: Vec<&Peer> = peers
        .iter()
        .filter(|peer| peer.revision > watch.peers_seen)
        .collect();
    changed.sort_unstable_by_key(|peer| peer.revision);
    for peer in changed {
        outlet.give(WatchChange::Peer(peer));
    }
}

/// True while there are more.
fn give_routes(
    watch: &mut Watch,
    consumer: ConsumerId,
    rib: &mut Rib,
    max: usize,
    outlet: &mut Outlet<'_>,
) -> bool {
    let consumed = rib.consume(consumer, max, &mut |prefix, _version, destination| {
        outlet.give(match destination.best() {
            Some(_) => WatchChange::Route(prefix, destination),
            None => WatchChange::RouteRemoved(prefix),
        });
    });
    match consumed {
        Consumed::More => true,
        Consumed::Done => false,
        Consumed::Gap => {
            outlet.give(WatchChange::Gap { missed: LAG });
            watch.begin_snapshot(rib);
            true
        }
    }
}
