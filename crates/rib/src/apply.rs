//! What sources do to the table: paths come, are replaced and go, and the best path of their destination follows.
//!
//! Every change of a destination ends in `settle`: it decides what is best now, and moves the destination to the tail of
//! the version lists whose readers have to know. Paths of a peer that went down are taken out wherever a destination is
//! touched, and elsewhere by the walk in `work`.
//!
//! RFC 4271 section 9.1 (decision process), 3.1 and 9.2 (a route replaces its predecessor).

use std::num::{NonZeroU8, NonZeroU32};

use wire::{Families, Family, NextHop, Nlri, Prefix};

use crate::decide::{self, Challenge, PathKey};
use crate::ids::{AttrId, NextHopId, PeerId, RejectReason, SourceInfo};
use crate::judge::Judgement;
use crate::rib::Rib;
use crate::source::PathCounts;
use crate::table::{AT_ONCE, NIL, Path};

/// A destination before a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    /// Source slot, path identifier, attributes and next hop of the best path.
    best: Option<(u32, u32, AttrId, NextHopId)>,
    /// Whether other paths could share traffic with it. Not looked for while nobody asks.
    has_others: bool,
}

/// What a path is put into the table with, beside its source, attributes and next hop.
#[derive(Debug, Clone, Copy, Default)]
struct Target {
    path_id: u32,
    refusal: Option<RejectReason>,
}

impl Rib {
    /// A source of routes came up: a peer, or our own routes. If it was up already, it is taken down first. What is kept of
    /// its former session goes, path by path, as it announces and withdraws anew.
    pub fn source_up(&mut self, peer: PeerId, info: SourceInfo) {
        if self.sources.slot(peer).is_some() {
            self.source_down(peer);
        }
        self.sources.up(peer, info);
    }

    /// What a source that is up is checked against changes, from the next [`Rib::check`] on. Who it is stays.
    pub fn change_source(&mut self, peer: PeerId, info: SourceInfo) {
        self.sources.change(peer, info);
    }

    /// A source went down: its paths go, in slices of [`Rib::work`], those kept of a former session too. It may come up
    /// again at once.
    pub fn source_down(&mut self, peer: PeerId) {
        self.source_down_keeping(peer, Families::EMPTY, Families::EMPTY);
    }

    /// A source went down that is about to return: its paths of the families `kept` are used on as they are (RFC 4724
    /// section 4.2), until it has announced them anew or until [`Rib::drop_kept`]. Those of other families go. So does what
    /// was kept of sessions before, but for the families `older`.
    pub fn source_down_keeping(&mut self, peer: PeerId, kept: Families, older: Families) {
        self.acquit(peer);
        self.forget_refreshes(peer);
        self.sources.down(peer, kept, older);
    }

    /// What is still kept of a source's former session goes, in these families.
    pub fn drop_kept(&mut self, peer: PeerId, families: Families) {
        let kept = self.kept_counts(peer);
        if families
            .iter()
            .any(|family| kept[family.index()].received > 0)
        {
            // Who has most is counted again behind it.
            self.judgement = Judgement::default();
        }
        self.sources.drop_kept(peer, families);
    }

    /// Limits how many paths of a source that is up are accepted, by [`Family::index`]; further ones are refused, but for
    /// those that replace one (RFC 4271 section 6.7). What is accepted already stays.
    pub fn limit_paths(&mut self, peer: PeerId, most: [Option<NonZeroU32>; 2]) {
        self.sources.limit(peer, most);
    }

    /// How many announcements of a source were refused because of [`Rib::limit_paths`] since it was last called.
    #[must_use]
    pub fn refused_counts(&self, peer: PeerId) -> [u32; 2] {
        self.sources
            .of(peer)
            .map_or([0; 2], crate::source::Source::refused)
    }

    /// How many paths are kept of a source's former session, by [`Family::index`].
    #[must_use]
    pub fn kept_counts(&self, peer: PeerId) -> [PathCounts; 2] {
        let mut counts = <[PathCounts; 2]>::default();
        for source in self.sources.kept(peer) {
            for family in Family::ALL {
                if !source.goes(family) {
                    let (sum, more) = (&mut counts[family.index()], source.counts[family.index()]);
                    sum.received += more.received;
                    sum.accepted += more.accepted;
                }
            }
        }
        counts
    }

    /// A route from a source that is up: [`Rib::announce_all`] of one.
    pub fn announce(
        &mut self,
        peer: PeerId,
        nlri: Nlri,
        attrs: AttrId,
        next_hop: NextHop,
        verdict: Result<(), RejectReason>,
    ) {
        let one = std::iter::once(nlri);
        self.announce_all(peer, attrs, next_hop, one, |_| verdict);
    }

    /// Routes with the same attributes from a source that is up. `attrs` comes from [`Rib::intern`].
    ///
    /// Each replaces what the source announced under the same prefix and path identifier, also if the verdict on it
    /// refuses it: then nothing of the source is left for this prefix but, with `keep_rejected`, a path that is never
    /// used. Nothing happens if the source is not up.
    ///
    /// Gives how many were not taken because the source has as many paths to their prefix already as it may have.
    pub fn announce_all(
        &mut self,
        peer: PeerId,
        attrs: AttrId,
        next_hop: NextHop,
        routes: impl Iterator<Item = Nlri>,
        mut verdict: impl FnMut(&Prefix) -> Result<(), RejectReason>,
    ) -> usize {
        let Some(source) = self.sources.slot(peer) else {
            return 0;
        };
        let most = self.sources.get(source).info.paths;
        let mut refused = 0;
        let next_hop = self.next_hops.intern(next_hop);
        // One by one where it depends on those before whether a path is accepted.
        let is_limited = self.sources.get(source).is_limited();
        let at_once = if is_limited { 1 } else { AT_ONCE };
        let mut routes = routes.fuse().peekable();
        let mut prefixes = [Prefix::default(); AT_ONCE];
        let mut targets = [Target::default(); AT_ONCE];
        let mut dests = [NIL; AT_ONCE];
        while routes.peek().is_some() {
            let mut count = 0;
            for nlri in routes.by_ref() {
                let refusal = verdict(&nlri.prefix).err();
                if refusal.is_some() && !self.config.keep_rejected {
                    self.withdraw_from(source, nlri);
                    continue;
                }
                prefixes[count] = nlri.prefix;
                targets[count] = Target {
                    path_id: nlri.path_id,
                    refusal,
                };
                count += 1;
                if count == at_once {
                    break;
                }
            }
            self.table
                .find_or_insert_all(&prefixes[..count], &mut dests);
            for (dest, mut target) in dests.iter().zip(targets).take(count) {
                if let Some(most) = most
                    && self.is_one_too_many(*dest, source, target.path_id, most)
                {
                    self.withdraw_at(*dest, source, target.path_id);
                    refused += 1;
                    continue;
                }
                if is_limited && target.refusal.is_none() && self.is_beyond(*dest, source, target) {
                    if !self.config.keep_rejected {
                        self.withdraw_at(*dest, source, target.path_id);
                        continue;
                    }
                    target.refusal = Some(RejectReason::MaxPrefix);
                }
                self.place(*dest, source, attrs, next_hop, target);
            }
        }
        self.next_hops.release(next_hop);
        refused
    }

    /// True if one more path of the source to this destination would be more than it may have.
    fn is_one_too_many(&self, dest: u32, source: u32, path_id: u32, most: NonZeroU8) -> bool {
        let paths = self.table.paths(dest);
        let mut own = paths.filter(|(_, path)| path.source == source);
        let known = own.clone().any(|(_, path)| path.path_id == path_id);
        !known && own.nth(usize::from(most.get()) - 1).is_some()
    }

    /// True if a path is one more than may be accepted of its source. One that replaces another takes its place.
    fn is_beyond(&mut self, dest: u32, source: u32, target: Target) -> bool {
        let family = self.table.family(dest);
        if !self.sources.get(source).is_at_limit(family) {
            return false;
        }
        let replaced = self.table.find_path(dest, source, target.path_id);
        let is_beyond = replaced.is_none_or(|(_, path)| self.table.path(path).refusal.is_some());
        if is_beyond {
            self.sources.note_refused(source, family);
        }
        is_beyond
    }

    /// Puts a path into a destination that has been looked up.
    fn place(
        &mut self,
        dest: u32,
        source: u32,
        attrs: AttrId,
        next_hop: NextHopId,
        target: Target,
    ) {
        self.steps += 1;
        self.next_hops.retain(next_hop);
        self.attrs.retain(attrs);
        let path = Path {
            next: NIL,
            source,
            attrs,
            next_hop,
            path_id: target.path_id,
            refusal: target.refusal,
        };
        let is_accepted = path.refusal.is_none();
        let formers = self.sources.formers(source);
        for former in formers.iter() {
            if self.confirm(dest, former, source, path) {
                return;
            }
        }
        let has_path = |source| self.table.find_path(dest, source, path.path_id).is_some();
        let replaces =
            self.sources.any_draining() || has_path(source) || formers.iter().any(has_path);
        let best = self.table.best(dest).map(|(best, _)| best);
        if replaces || best.is_none() && self.table.first(dest) != NIL {
            let before = self.before(dest);
            self.prune(dest);
            let replaced = self.remove(dest, source, path.path_id);
            let mut told = replaced;
            for former in formers.iter() {
                let kept = self.remove(dest, former, path.path_id);
                told = told.or(kept);
            }
            self.add(dest, path, told.unwrap_or(0));
            self.settle(dest, before);
            return;
        }
        let has_others = self.has_others(dest);
        let added = self.add(dest, path, 0);
        let is_new_best = is_accepted && best.is_none_or(|best| self.challenge(dest, best, added));
        self.tell(
            dest,
            is_new_best,
            is_accepted && best.is_some() || has_others,
        );
    }

    /// A path that was kept of a source's former session becomes one of this session, if the source announced the very
    /// same one. Then nobody has to hear of it. True if so.
    fn confirm(&mut self, dest: u32, former: u32, source: u32, path: Path) -> bool {
        let Some((_, at)) = self.table.find_path(dest, former, path.path_id) else {
            return false;
        };
        let kept = self.table.path(at);
        let is_same = (kept.attrs, kept.next_hop, kept.refusal)
            == (path.attrs, path.next_hop, path.refusal)
            && self
                .sources
                .get(former)
                .info
                .is_same_speaker(&self.sources.get(source).info);
        if !is_same {
            return false;
        }
        let family = self.table.family(dest);
        let is_accepted = path.refusal.is_none();
        self.table.set_source(at, source);
        self.mark(at, source, family);
        self.sources.count_in(source, dest, family, is_accepted);
        self.sources.count_out(former, dest, family, is_accepted);
        self.attrs.release(path.attrs);
        self.next_hops.release(path.next_hop);
        true
    }

    /// A source takes a route back. Nothing happens if there is none.
    pub fn withdraw(&mut self, peer: PeerId, nlri: Nlri) {
        if let Some(source) = self.sources.slot(peer) {
            self.withdraw_from(source, nlri);
        }
    }

    fn withdraw_from(&mut self, source: u32, nlri: Nlri) {
        self.steps += 1;
        let Some(dest) = self.table.find(&nlri.prefix) else {
            return;
        };
        self.withdraw_at(dest, source, nlri.path_id);
    }

    fn withdraw_at(&mut self, dest: u32, source: u32, path_id: u32) {
        let before = self.before(dest);
        self.prune(dest);
        for former in self.sources.formers(source).iter() {
            self.remove(dest, former, path_id);
        }
        self.remove(dest, source, path_id);
        self.settle(dest, before);
    }

    /// What a destination is before a change.
    pub(crate) fn before(&self, dest: u32) -> Before {
        let best = self.table.best(dest).map(|(_, path)| signature(path));
        Before {
            best,
            has_others: self.has_others(dest),
        }
    }

    /// Whether other paths could share traffic with the best one. Not looked for while nobody asks.
    fn has_others(&self, dest: u32) -> bool {
        let paths = self.table.paths(dest);
        let mut eligible = paths.filter(|(_, path)| path.refusal.is_none());
        self.sets.is_some() && eligible.nth(1).is_some()
    }

    /// Puts a path behind the best one. `told`: the path identifier that its predecessor was sent with; 0: none.
    fn add(&mut self, dest: u32, path: Path, told: u32) -> u32 {
        let added = self.table.add_path(dest, path);
        let family = self.table.family(dest);
        self.mark(added, path.source, family);
        self.sources
            .count_in(path.source, dest, family, path.refusal.is_none());
        if let (Some(multi), None) = (&mut self.multi, path.refusal) {
            multi.path_came(added, told);
        }
        added
    }

    /// Takes out one path of a source. Gives the path identifier that it was sent with, 0 for none, if it was there.
    fn remove(&mut self, dest: u32, source: u32, path_id: u32) -> Option<u32> {
        let (previous, path) = self.table.find_path(dest, source, path_id)?;
        Some(self.take_out(dest, previous, path))
    }

    /// Takes out the paths of all sources that went down. Gives how many there were.
    pub(crate) fn prune(&mut self, dest: u32) -> usize {
        let mut taken = 0;
        if !self.sources.any_draining() {
            return taken;
        }
        let family = self.table.family(dest);
        let mut previous = NIL;
        let mut at = self.table.first(dest);
        while at != NIL {
            let path = self.table.path(at);
            let next = path.next;
            if self.sources.goes(path.source, family) {
                self.take_out(dest, previous, at);
                taken += 1;
            } else {
                previous = at;
            }
            at = next;
        }
        taken
    }

    /// Takes out a path. Gives the path identifier that it was sent with; 0: none.
    pub(crate) fn take_out(&mut self, dest: u32, previous: u32, path: u32) -> u32 {
        let gone = self.table.remove_path(dest, previous, path);
        self.attrs.release(gone.attrs);
        self.next_hops.release(gone.next_hop);
        let family = self.table.family(dest);
        self.sources
            .count_out(gone.source, dest, family, gone.refusal.is_none());
        let multi = self.multi.as_mut();
        multi.map_or(0, |multi| multi.path_went(path, gone.refusal.is_none()))
    }

    /// Decides what is best after a change, and tells who has to know.
    pub(crate) fn settle(&mut self, dest: u32, before: Before) {
        let others = self.choose(dest) || before.has_others;
        let best = self.table.best(dest).map(|(_, path)| signature(path));
        self.tell(dest, best != before.best, others);
    }

    /// Tells who has to know that something changed, and forgets a destination that is gone. `others`: there are or were
    /// paths that could share traffic with the best one.
    fn tell(&mut self, dest: u32, is_new_best: bool, others: bool) {
        let is_live = self.table.is_live(dest);
        if is_new_best {
            self.best.touch(dest, is_live);
        }
        if let Some(sets) = &mut self.sets
            && (is_new_best || others)
        {
            sets.touch(dest, is_live);
        }
        if let Some(multi) = &mut self.multi {
            multi.settle(dest, is_live);
        }
        if !is_live {
            self.forget(dest);
        }
    }

    /// Puts the best path first when one that may be used was added to others, of which `best` was the best and stands
    /// first. Mostly that takes one comparison. True if another is the best now.
    fn challenge(&mut self, dest: u32, best: u32, added: u32) -> bool {
        let routes = self.routes();
        let new = routes.path_key(self.table.path(added));
        match decide::challenge(&new, &routes.path_key(self.table.path(best))) {
            Challenge::Keeps => {}
            Challenge::Takes => self.table.set_first(dest, added),
            Challenge::Rescan => {
                self.choose(dest);
            }
        }
        self.table.first(dest) != best
    }

    /// Puts the best path first. True if there are other paths that may be used.
    fn choose(&mut self, dest: u32) -> bool {
        if self.table.is_alone(dest) {
            return false;
        }
        self.keys.clear();
        self.candidates.clear();
        for (index, path) in self.table.paths(dest) {
            if path.refusal.is_none() {
                self.candidates.push(index);
            }
        }
        match *self.candidates {
            [] => return false,
            [only] => {
                self.table.set_first(dest, only);
                return false;
            }
            [..] => {}
        }
        for index in &self.candidates {
            let key = self.routes().path_key(self.table.path(*index));
            self.keys.push(key);
        }
        if let Some((winner, _)) = decide::choose(self.keys.iter().copied()) {
            self.table.set_first(dest, self.candidates[winner]);
        }
        true
    }

    /// Forgets a destination that has no paths and that no reader still has to hear of.
    pub(crate) fn forget(&mut self, dest: u32) {
        let sets = self.sets.as_ref().is_some_and(|sets| sets.is_linked(dest));
        let multi = self.multi.as_mut();
        let is_told = multi.is_some_and(|multi| multi.versions.is_linked(dest));
        if self.table.first(dest) == NIL && !sets && !is_told && !self.best.is_linked(dest) {
            self.table.remove(dest);
            if let Some(multi) = &mut self.multi {
                multi.dest_went(dest);
            }
        }
    }
}

fn signature(path: Path) -> (u32, u32, AttrId, NextHopId) {
    (path.source, path.path_id, path.attrs, path.next_hop)
}

impl crate::encode::Routes<'_> {
    /// What the ladder looks at.
    pub(crate) fn path_key(&self, path: Path) -> PathKey {
        let source = self.sources.get(path.source);
        PathKey::new(
            self.attrs.key(path.attrs),
            source.peer,
            &source.info,
            path.path_id,
            0,
        )
    }
}

#[cfg(test)]
mod kept;
#[cfg(test)]
mod limited;
#[cfg(test)]
mod paths;
