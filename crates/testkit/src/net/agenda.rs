//! What is to come, in order of time; what falls on one time comes in the order it was noted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::NodeId;
use super::pipe::PipeId;
use crate::peer::PeerHandle;

/// Something that happens at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A node has something to do.
    Node(NodeId),
    /// A scripted peer has.
    Peer(PeerHandle),
    /// Something arrives at the end of this side of a pipe.
    Arrival(PipeId, usize),
    /// A connection is asked for.
    Knock(usize),
}

/// The agenda.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<(Instant, u64, Due)>>,
    count: u64,
}

impl Agenda {
    pub(super) fn note(&mut self, at: Instant, due: Due) {
        self.count += 1;
        self.heap.push(Reverse((at, self.count, due)));
    }

    /// The time of the next entry.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// The next entry, if it is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Due> {
        self.next().filter(|at| *at <= now)?;
        self.heap.pop().map(|Reverse((_, _, due))| due)
    }
}
