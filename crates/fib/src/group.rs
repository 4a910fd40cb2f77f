//! Sets of BGP next hops, shared by the routes that use them.
//!
//! Thousands of routes have a few next hops between them. Each distinct set is one group, resolved
//! once; a link event resolves groups again, never single routes.

use std::collections::HashMap;
use std::sync::Arc;

use wire::NextHop;

use crate::Hop;
use crate::reason::FailReason;
use crate::resolve::{Affects, Topology};

/// Names a group. Reused after its last route left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupId(u32);

#[derive(Debug)]
struct Group {
    next_hops: Arc<[NextHop]>,
    users: u32,
    /// The hops that resolve now, sorted; or why none does.
    hops: Result<Arc<[Hop]>, FailReason>,
    /// A member does not resolve now.
    partial: bool,
}

/// Every group in use.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    slots: Vec<Option<Group>>,
    free: Vec<u32>,
    by_members: HashMap<Arc<[NextHop]>, u32>,
}

impl Groups {
    /// The group of these next hops (order and repetition do not matter), with one more user.
    pub(crate) fn acquire(&mut self, mut next_hops: Vec<NextHop>, topology: &Topology) -> GroupId {
        next_hops.sort_unstable();
        next_hops.dedup();
        if let Some(&id) = self.by_members.get(next_hops.as_slice()) {
            self.group_mut(id).users += 1;
            return GroupId(id);
        }
        let next_hops: Arc<[NextHop]> = next_hops.into();
        let (hops, partial) = resolve_all(&next_hops, topology);
        let group = Group {
            next_hops: Arc::clone(&next_hops),
            users: 1,
            hops,
            partial,
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id as usize] = Some(group);
                id
            }
            None => {
                self.slots.push(Some(group));
                u32::try_from(self.slots.len() - 1).expect("invariant: fewer than 2^32 groups")
            }
        };
        self.by_members.insert(next_hops, id);
        GroupId(id)
    }

    /// One user less; the last one frees the group.
    pub(crate) fn release(&mut self, id: GroupId) {
        let group = self.group_mut(id.0);
        group.users -= 1;
        if group.users == 0 {
            let next_hops = Arc::clone(&group.next_hops);
            self.by_members.remove(&next_hops);
            self.slots[id.0 as usize] = None;
            self.free.push(id.0);
        }
    }

    pub(crate) fn hops(&self, id: GroupId) -> &Result<Arc<[Hop]>, FailReason> {
        &self.group(id.0).hops
    }

    pub(crate) fn next_hops(&self, id: GroupId) -> &[NextHop] {
        &self.group(id.0).next_hops
    }

    /// Resolves again what the change can concern. Returns, by slot, which groups lead elsewhere
    /// (or nowhere for another reason) than before; empty if none does.
    pub(crate) fn resolve_again(&mut self, affects: Affects, topology: &Topology) -> Changed {
        let mut changed = Changed::default();
        if affects == Affects::Nothing {
            return changed;
        }
        for (slot, group) in self.slots.iter_mut().enumerate() {
            let Some(group) = group else { continue };
            if !group.concerned(affects) {
                continue;
            }
            let (hops, partial) = resolve_all(&group.next_hops, topology);
            group.partial = partial;
            if hops != group.hops {
                group.hops = hops;
                changed.mark(slot);
            }
        }
        changed
    }

    fn group(&self, id: u32) -> &Group {
        self.slots[id as usize]
            .as_ref()
            .expect("invariant: a group in use is there")
    }

    fn group_mut(&mut self, id: u32) -> &mut Group {
        self.slots[id as usize]
            .as_mut()
            .expect("invariant: a group in use is there")
    }
}

impl Group {
    fn concerned(&self, affects: Affects) -> bool {
        match affects {
            Affects::Nothing => false,
            Affects::Everything => true,
            Affects::Prefix(prefix) => self.next_hops.iter().any(|n| prefix.contains(&n.addr())),
            Affects::Link { index, came } => {
                (came && self.partial)
                    || match &self.hops {
                        Ok(hops) => hops.iter().any(|hop| hop.link == index),
                        // Down or not on-link: the reason may change too.
                        Err(_) => true,
                    }
            }
        }
    }
}

/// The groups that changed, by slot.
#[derive(Debug, Default)]
pub(crate) struct Changed(Vec<bool>);

impl Changed {
    fn mark(&mut self, slot: usize) {
        if self.0.len() <= slot {
            self.0.resize(slot + 1, false);
        }
        self.0[slot] = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, id: GroupId) -> bool {
        self.0.get(id.0 as usize).copied().unwrap_or(false)
    }
}

/// The hops of all members that resolve; the first member's reason if none does.
fn resolve_all(
    next_hops: &[NextHop],
    topology: &Topology,
) -> (Result<Arc<[Hop]>, FailReason>, bool) {
    let mut hops = Vec::with_capacity(next_hops.len());
    let mut reason = None;
    for next_hop in next_hops {
        match topology.resolve(*next_hop) {
            Ok(hop) => hops.push(hop),
            Err(why) => {
                reason.get_or_insert(why);
            }
        }
    }
    let partial = reason.is_some();
    if hops.is_empty() {
        return (Err(reason.unwrap_or(FailReason::NoNextHop)), partial);
    }
    hops.sort_unstable();
    hops.dedup();
    (Ok(hops.into()), partial)
}
