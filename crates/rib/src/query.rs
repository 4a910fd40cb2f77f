//! Listings: what peers sent, what is best, what a peer is sent. All with bounded work per call.
//!
//! A listing goes over the slots of the table in pages. The table may change between two pages: what is there all the
//! time is given exactly once, what comes or goes meanwhile may be given or not. Rows come in the order of slots, which
//! means nothing; who wants them sorted sorts them.

use wire::{AttrView, Family, NextHop, Prefix};

use crate::decide::{self, Rung};
use crate::encode::Routes;
use crate::group::Group;
use crate::ids::{PeerId, RejectReason, SourceInfo};
use crate::member::Member;
use crate::multi::query::Receiver;
use crate::rib::Rib;
use crate::source::PathCounts;
use crate::table::Path;
use crate::transform;

/// Slots looked at by one call of [`Rib::list`].
const SCAN: u32 = 4096;

/// A path as listings and consumers see it.
#[derive(Debug, Clone, Copy)]
pub struct PathView<'a> {
    /// The destination.
    pub prefix: Prefix,
    /// Path identifier as received, in a listing of what a peer is sent as it is sent; 0 without ADD-PATH.
    pub path_id: u32,
    /// Where it came from.
    pub peer: PeerId,
    /// The same, in full.
    pub source: &'a SourceInfo,
    /// Its attributes; in a listing of what a peer is sent, as they are sent.
    pub attrs: AttrView<'a>,
    /// Its next hop; in a listing of what a peer is sent, as it is sent.
    pub next_hop: NextHop,
    /// It is the best path of its destination.
    pub best: bool,
    /// It is the best path or may share traffic with it.
    pub multipath: bool,
    /// Why it may not be used, if it may not.
    pub refusal: Option<RejectReason>,
    /// It is kept until its peer has announced it anew: from a session that ended (RFC 4724), or in a refresh (RFC 7313).
    pub stale: bool,
}

/// Which table is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Every path, rejected ones included; of one peer, if one is named.
    In(Option<PeerId>),
    /// The best path of each destination.
    Best,
    /// What a peer is sent, with attributes and next hop as they are sent.
    Out(PeerId),
}

/// Which destinations are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrefixFilter {
    /// All.
    #[default]
    Any,
    /// Just this one.
    Exact(Prefix),
    /// This one and all inside it.
    Longer(Prefix),
    /// This one and all that it is inside of, longest first.
    Covering(Prefix),
    /// The longest that this one is inside of or equal to, and that has a path to be listed.
    LongestMatch(Prefix),
}

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Which table.
    pub listing: Listing,
    /// One family only.
    pub family: Option<Family>,
    /// Which destinations.
    pub prefix: PrefixFilter,
}

/// Where the next page of a listing begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListPlace(u32);

/// Takes the rows of a listing.
pub type RowSink<'s> = dyn FnMut(&PathView<'_>) + 's;

impl Rib {
    /// Gives a page of a listing: about `limit` rows, at least one, all paths of a destination together. `None`: it was the last page.
    /// A page may have fewer rows than asked for, or none, and still not be the last: work per call is bounded.
    pub fn list(
        &self,
        query: &Query,
        from: ListPlace,
        limit: usize,
        sink: &mut RowSink<'_>,
    ) -> Option<ListPlace> {
        match query.prefix {
            PrefixFilter::Any | PrefixFilter::Longer(_) => {
                // A page without room would be followed by itself for ever.
                self.scan(query, from, limit.max(1), sink)
            }
            PrefixFilter::Exact(prefix) => {
                self.list_one(query, &prefix, sink);
                None
            }
            PrefixFilter::Covering(prefix) => {
                for prefix in covering(prefix) {
                    self.list_one(query, &prefix, sink);
                }
                None
            }
            PrefixFilter::LongestMatch(prefix) => {
                covering(prefix).any(|prefix| self.list_one(query, &prefix, sink) > 0);
                None
            }
        }
    }

    /// A page of a listing that looks at every slot.
    fn scan(
        &self,
        query: &Query,
        from: ListPlace,
        limit: usize,
        sink: &mut RowSink<'_>,
    ) -> Option<ListPlace> {
        let slots = self.table.slots();
        let end = slots.min(from.0.saturating_add(SCAN));
        let mut rows = 0;
        for dest in from.0..end {
            if rows >= limit {
                return Some(ListPlace(dest));
            }
            if self.table.is_used(dest) && self.is_wanted(query, dest) {
                rows += self.rows(query, dest, sink);
            }
        }
        (end < slots).then_some(ListPlace(end))
    }

    fn is_wanted(&self, query: &Query, dest: u32) -> bool {
        let family = self.table.family(dest);
        if query.family.is_some_and(|wanted| wanted != family) {
            return false;
        }
        match query.prefix {
            PrefixFilter::Longer(within) => {
                Family::of(&within) == family && within.contains(&self.table.prefix(dest))
            }
            PrefixFilter::Any
            | PrefixFilter::Exact(_)
            | PrefixFilter::Covering(_)
            | PrefixFilter::LongestMatch(_) => true,
        }
    }

    /// Rows of one destination, if it is there.
    fn list_one(&self, query: &Query, prefix: &Prefix, sink: &mut RowSink<'_>) -> usize {
        match self.table.find(&prefix.trunc()) {
            Some(dest) if self.is_wanted(query, dest) => self.rows(query, dest, sink),
            Some(_) | None => 0,
        }
    }

    /// Gives the rows of one destination, and how many there were.
    fn rows(&self, query: &Query, dest: u32, sink: &mut RowSink<'_>) -> usize {
        match query.listing {
            Listing::In(peer) => self.rows_in(dest, peer, sink),
            Listing::Best => self.best_of(dest).map_or(0, |view| {
                sink(&view);
                1
            }),
            Listing::Out(peer) => self.rows_out(dest, peer, sink),
        }
    }

    fn rows_in(&self, dest: u32, peer: Option<PeerId>, sink: &mut RowSink<'_>) -> usize {
        let routes = self.routes();
        let family = self.table.family(dest);
        let wanted = |path: Path| {
            let is_from = peer.is_none_or(|peer| self.sources.get(path.source).peer == peer);
            is_from && !self.sources.goes(path.source, family)
        };
        if !self.table.paths(dest).any(|(_, path)| wanted(path)) {
            return 0;
        }
        let (mut chosen, mut shared) = (Vec::new(), Vec::new());
        routes.shared(dest, self.config.multipath_relax, &mut chosen, &mut shared);
        let mut rows = 0;
        for (index, path) in self.table.paths(dest).filter(|(_, path)| wanted(*path)) {
            let mut view = routes.view(dest, path);
            view.best = shared.first() == Some(&index);
            view.multipath = shared.contains(&index);
            view.stale |= self.is_outdated(index, path, family);
            sink(&view);
            rows += 1;
        }
        rows
    }

    fn best_of(&self, dest: u32) -> Option<PathView<'_>> {
        let (index, path) = self.table.best(dest)?;
        let mut view = self.routes().view(dest, path);
        view.best = true;
        view.multipath = true;
        view.stale |= self.is_outdated(index, path, self.table.family(dest));
        Some(view)
    }

    fn rows_out(&self, dest: u32, peer: PeerId, sink: &mut RowSink<'_>) -> usize {
        let Some((member, group)) = self.member(peer) else {
            return 0;
        };
        let Some(told) = &group.told else {
            return usize::from(self.row_out(dest, peer, sink).is_some());
        };
        let to = Receiver {
            peer,
            member,
            group,
            told,
        };
        self.rows_told(dest, to, sink)
    }

    /// The route as it is sent to a peer, if it is.
    fn row_out(&self, dest: u32, peer: PeerId, sink: &mut RowSink<'_>) -> Option<()> {
        let (member, group) = self.member(peer)?;
        let family = self.table.family(dest);
        if !group.last(dest).is_some() {
            return None;
        }
        let (_, path) = self.table.best(dest)?;
        let mut view = self.routes().view(dest, path);
        let key = self.attrs.key(path.attrs);
        let to = &group.settings;
        let outgoing = transform::outgoing(family, key, &view.next_hop, view.source, to).ok()?;
        let (originator, next_hop) = (outgoing.originator, outgoing.next_hop);
        transform::deliverable(view.peer, originator, &next_hop, peer, &member.identity).ok()?;
        let origin = if view.source.kind.is_local() {
            policy::Origin::Local
        } else {
            policy::Origin::Learned
        };
        to.export.evaluate(&view.prefix, view.attrs, origin).ok()?;
        let mut bytes = Vec::new();
        let clusters = self.sources.clusters();
        transform::transform(view.attrs, outgoing.edit, to, clusters, &mut bytes);
        view.attrs = AttrView::new(&bytes);
        view.next_hop = next_hop;
        // What it came under is nothing to the receiver.
        view.path_id = 0;
        view.best = true;
        view.multipath = true;
        sink(&view);
        Some(())
    }

    fn member(&self, peer: PeerId) -> Option<(&Member, &Group)> {
        let member = self.members.get(peer.index())?.as_ref()?;
        let group = self.groups.get(member.group as usize)?.as_ref()?;
        Some((member, group))
    }

    /// The best path to a destination.
    #[must_use]
    pub fn best(&self, prefix: &Prefix) -> Option<PathView<'_>> {
        self.best_of(self.table.find(&prefix.trunc())?)
    }

    /// All paths to a destination, rejected ones included, the best first, each with the rung of the ladder on which
    /// the best path beat it.
    #[must_use]
    pub fn paths(&self, prefix: &Prefix) -> Vec<(PathView<'_>, Option<Rung>)> {
        let Some(dest) = self.table.find(&prefix.trunc()) else {
            return Vec::new();
        };
        let routes = self.routes();
        let (mut chosen, mut shared) = (Vec::new(), Vec::new());
        routes.shared(dest, self.config.multipath_relax, &mut chosen, &mut shared);
        let best = self.table.best(dest);
        let best = best.map(|(index, path)| (index, routes.path_key(path)));
        let paths = self.table.paths(dest).map(|(index, path)| {
            let mut view = routes.view(dest, path);
            view.best = best.is_some_and(|(best, _)| best == index);
            view.multipath = shared.contains(&index);
            let beaten = best.filter(|_| !view.best && view.refusal.is_none());
            let rung = beaten.map(|(_, best)| decide::compare(&best, &routes.path_key(path)).1);
            (view, rung)
        });
        paths.collect()
    }

    /// How many paths of a peer are in the table, by [`Family::index`]. All 0 if it is not up.
    #[must_use]
    pub fn path_counts(&self, peer: PeerId) -> [PathCounts; 2] {
        let source = self.sources.of(peer);
        source.map_or(Default::default(), |source| source.counts)
    }

    /// How many routes a peer is sent, by [`Family::index`]. Those that it does not get because it is their originator
    /// or next hop, but not their source, are counted as if it did.
    #[must_use]
    pub fn advertised_counts(&self, peer: PeerId) -> [u32; 2] {
        let member = self.member(peer);
        let count = |family| member.map_or(0, |(_, group)| group.advertised_to(peer, family));
        Family::ALL.map(count)
    }
}

/// A prefix and all that it is inside of, longest first.
fn covering(prefix: Prefix) -> impl Iterator<Item = Prefix> {
    std::iter::successors(Some(prefix.trunc()), |prefix| prefix.supernet())
}

impl<'a> Routes<'a> {
    /// A path for listings; whether it is the best is for the caller to say.
    pub(crate) fn view(&self, dest: u32, path: Path) -> PathView<'a> {
        let source = self.sources.get(path.source);
        PathView {
            prefix: self.table.prefix(dest),
            path_id: path.path_id,
            peer: source.peer,
            source: &source.info,
            attrs: self.attrs.view(path.attrs),
            next_hop: self.next_hops.get(path.next_hop),
            best: false,
            multipath: false,
            refusal: path.refusal,
            stale: self.sources.is_stale(path.source),
        }
    }
}

#[cfg(test)]
mod tests;
