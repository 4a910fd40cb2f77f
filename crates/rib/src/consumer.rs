//! Consumers of the table: the kernel, watches. Each has a place in a version list and pulls when it likes.
//!
//! A consumer sees the latest state of each destination that changed, not every change. Who falls so far behind that
//! withdrawn destinations can no longer be kept for it is told of a gap and then given the whole table again.

use wire::Prefix;

use crate::decide;
use crate::encode::Routes;
use crate::query::PathView;
use crate::rib::{Consumer, Rib};

/// Names a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConsumerId(u32);

/// What a call of [`Rib::consume`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumed {
    /// There is more: call again.
    More,
    /// All changes were given.
    Done,
    /// Withdrawals were lost. Forget what you know: the next calls give every destination that there is, and what
    /// they do not give before the first [`Consumed::Done`] is gone.
    Gap,
}

/// A destination as a consumer sees it.
#[derive(Clone, Copy)]
pub struct DestView<'a> {
    routes: Routes<'a>,
    dest: u32,
    /// Paths that share traffic, the best first.
    shared: &'a [u32],
}

impl std::fmt::Debug for DestView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.multipath()).finish()
    }
}

impl<'a> DestView<'a> {
    /// The best path; none: the destination is gone.
    #[must_use]
    pub fn best(&self) -> Option<PathView<'a>> {
        self.multipath().next()
    }

    /// The best path and those that may share traffic with it, each with a next hop of its own. Without a best path, none.
    pub fn multipath(&self) -> impl Iterator<Item = PathView<'a>> + use<'a> {
        let (routes, dest) = (self.routes, self.dest);
        let views = self.shared.iter().enumerate();
        views.map(move |(at, index)| {
            let mut view = routes.view(dest, routes.table.path(*index));
            view.best = at == 0;
            view.multipath = true;
            view
        })
    }
}

impl Rib {
    /// A new consumer, which begins with every destination that there is.
    pub fn consumer_add(&mut self) -> ConsumerId {
        let sets = self.sets.get_or_insert_with(|| self.best.copy_live());
        let consumer = Consumer {
            cursor: sets.cursor(),
            has_gap: false,
        };
        let free = self.consumers.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.consumers.push(None);
            self.consumers.len() - 1
        });
        self.consumers[index] = Some(consumer);
        ConsumerId(u32::try_from(index).expect("few consumers"))
    }

    /// Ends a consumer.
    pub fn consumer_remove(&mut self, id: ConsumerId) {
        let consumer = self.consumers.get_mut(id.0 as usize).and_then(Option::take);
        if let (Some(consumer), Some(sets)) = (consumer, &mut self.sets) {
            sets.drop_cursor(&consumer.cursor);
        }
    }

    /// Makes a consumer begin again with every destination that there is.
    pub fn consumer_restart(&mut self, id: ConsumerId) {
        let consumer = self.consumers.get_mut(id.0 as usize);
        let consumer = consumer.and_then(Option::as_mut);
        if let (Some(consumer), Some(sets)) = (consumer, &mut self.sets) {
            consumer.has_gap = false;
            sets.restart(&mut consumer.cursor);
        }
    }

    /// The version of the latest change that consumers are told of. Only ever grows, by one for each change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.sets.as_ref().unwrap_or(&self.best).latest()
    }

    /// The version up to which a consumer has been given all changes.
    #[must_use]
    pub fn consumer_version(&self, id: ConsumerId) -> u64 {
        let consumer = self.consumers.get(id.0 as usize);
        consumer
            .and_then(Option::as_ref)
            .map_or(0, |consumer| consumer.cursor.version())
    }

    /// Gives up to `max` destinations that changed since the last call, each with its version, in the order of their
    /// versions, as they are now.
    pub fn consume(
        &mut self,
        id: ConsumerId,
        max: usize,
        sink: &mut dyn FnMut(Prefix, u64, &DestView<'_>),
    ) -> Consumed {
        let Rib {
            sets: Some(sets),
            consumers,
            table,
            sources,
            attrs,
            next_hops,
            candidates,
            chosen,
            ..
        } = self
        else {
            return Consumed::Done;
        };
        let Some(consumer) = consumers.get_mut(id.0 as usize).and_then(Option::as_mut) else {
            return Consumed::Done;
        };
        if std::mem::take(&mut consumer.has_gap) {
            return Consumed::Gap;
        }
        let routes = Routes {
            table,
            sources,
            attrs,
            next_hops,
        };
        let relax = self.config.multipath_relax;
        for _ in 0..max {
            let Some(change) = sets.next(&mut consumer.cursor) else {
                break;
            };
            routes.shared(change.dest, relax, chosen, candidates);
            let view = DestView {
                routes,
                dest: change.dest,
                shared: candidates,
            };
            sink(table.prefix(change.dest), change.version, &view);
        }
        let is_pending = sets.is_pending(&consumer.cursor);
        self.collect_tombstones();
        if is_pending {
            Consumed::More
        } else {
            Consumed::Done
        }
    }
}

impl Routes<'_> {
    /// The paths that share traffic, the best first, each with a next hop of its own; none without a best path.
    pub(crate) fn shared(
        &self,
        dest: u32,
        relax: bool,
        chosen: &mut Vec<usize>,
        out: &mut Vec<u32>,
    ) {
        out.clear();
        let Some((first, best)) = self.table.best(dest) else {
            return;
        };
        out.push(first);
        let key = self.path_key(best);
        let eligible = || {
            let paths = self.table.paths(dest);
            paths.filter(|(_, path)| path.refusal.is_none())
        };
        if eligible().nth(1).is_none() {
            return;
        }
        let keys = eligible().map(|(_, path)| self.path_key(path));
        decide::multipath(keys, &key, relax, chosen);
        for (at, (index, path)) in eligible().enumerate() {
            let is_new = |other: &u32| self.table.path(*other).next_hop != path.next_hop;
            if chosen.binary_search(&at).is_ok() && out.iter().all(is_new) {
                out.push(index);
            }
        }
    }
}

#[cfg(test)]
mod tests;
