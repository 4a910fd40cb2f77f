//! A node at work: one task after the other, each taking its time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use speaker::{CloseCause, ConnId, Effect, Event, Sending, Speaker};

use super::agenda::Due;
use super::pipe::PipeId;
use super::{Knock, Net, NodeId};
use crate::kernel::FakeKernel;

/// Something for a node to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// What is due, and then what the speaker wants done.
    Run,
    /// Read what has arrived at its end, which is this side.
    Read(PipeId, usize),
    /// Write what there is.
    Write(PipeId, usize),
}

/// Looks at a speaker.
type Observer = Box<dyn FnMut(&Speaker)>;

/// A node.
pub(super) struct Node {
    pub(super) speaker: Speaker,
    pub(super) addresses: Vec<IpAddr>,
    /// The port it listens on.
    pub(super) port: Option<u16>,
    pub(super) kernel: Option<FakeKernel>,
    pub(super) events: Vec<Event>,
    pub(super) is_up: bool,
    /// Its ends of pipes.
    pub(super) ends: BTreeMap<ConnId, (PipeId, usize)>,
    /// Connections it waits for.
    pub(super) dialing: BTreeSet<ConnId>,
    pub(super) observer: Option<Observer>,
    pub(super) worked: Duration,
    tasks: VecDeque<Task>,
    is_run_queued: bool,
    /// It is at work until then.
    pub(super) busy: Instant,
    /// The next entry of the agenda for it.
    scheduled: Option<Instant>,
}

/// Octets that are read, or taken to be written, at once.
const AT_ONCE: usize = 64 * 1024;

impl Node {
    pub(super) fn new(
        speaker: Speaker,
        addresses: Vec<IpAddr>,
        port: Option<u16>,
        kernel: Option<FakeKernel>,
        now: Instant,
    ) -> Node {
        Node {
            speaker,
            addresses,
            port,
            kernel,
            events: Vec::new(),
            is_up: true,
            ends: BTreeMap::new(),
            dialing: BTreeSet::new(),
            observer: None,
            worked: Duration::ZERO,
            tasks: VecDeque::new(),
            is_run_queued: false,
            busy: now,
            scheduled: None,
        }
    }

    /// It has nothing to do but for timers.
    pub(super) fn is_idle(&self) -> bool {
        let rib = self.speaker.rib();
        self.tasks.is_empty() && !rib.has_work() && rib.next_flush().is_none()
    }

    fn queue_run(&mut self) {
        if !std::mem::replace(&mut self.is_run_queued, true) {
            self.tasks.push_back(Task::Run);
        }
    }

    /// When it has something to do next.
    fn next(&self, now: Instant) -> Option<Instant> {
        let at = if self.tasks.is_empty() {
            self.speaker.next_deadline()?
        } else {
            now
        };
        Some(at.max(self.busy).max(now))
    }
}

impl Net {
    /// Has a node look what there is to do.
    pub(super) fn kick(&mut self, id: NodeId) {
        self.nodes[id.0].queue_run();
        self.schedule(id);
    }

    /// Notes when a node has something to do next.
    pub(super) fn schedule(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.0];
        let Some(at) = node.next(self.now).filter(|_| node.is_up) else {
            return;
        };
        if node.scheduled.is_none_or(|scheduled| at < scheduled) {
            node.scheduled = Some(at);
            self.agenda.note(at, Due::Node(id));
        }
    }

    pub(super) fn queue_read(&mut self, id: NodeId, pipe: PipeId, side: usize) {
        let Some(end) = self.pipe(pipe).map(|pipe| &mut pipe.sides[side]) else {
            return;
        };
        if !std::mem::replace(&mut end.is_read_queued, true) {
            self.nodes[id.0].tasks.push_back(Task::Read(pipe, side));
            self.schedule(id);
        }
    }

    pub(super) fn queue_write(&mut self, id: NodeId, pipe: PipeId, side: usize) {
        let Some(end) = self.pipe(pipe).map(|pipe| &mut pipe.sides[side]) else {
            return;
        };
        if !std::mem::replace(&mut end.is_write_queued, true) {
            self.nodes[id.0].tasks.push_back(Task::Write(pipe, side));
            self.schedule(id);
        }
    }

    /// A node does the next thing that there is to do.
    pub(super) fn turn(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id.0];
        if node.scheduled.is_some_and(|at| at <= now) {
            node.scheduled = None;
        }
        if !node.is_up || node.next(now).is_none_or(|at| at > now) {
            return self.schedule(id);
        }
        if self.options.is_shuffled && !node.tasks.is_empty() {
            let picked = self.dice.index(node.tasks.len());
            node.tasks.swap(0, picked);
        }
        let before = node.speaker.rib().steps();
        let octets = match node.tasks.pop_front().unwrap_or(Task::Run) {
            Task::Run => {
                self.run(id);
                0
            }
            Task::Read(pipe, side) => self.read(id, pipe, side),
            Task::Write(pipe, side) => self.write(id, pipe, side),
        };
        let costs = self.options.costs;
        let node = &mut self.nodes[id.0];
        let steps = node.speaker.rib().steps() - before;
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        let cost = costs.step * steps + costs.kilo_octet * octets / 1000;
        node.busy = now + cost;
        node.worked += cost;
        if let Some(observer) = &mut node.observer {
            observer(&node.speaker);
        }
        self.schedule(id);
    }

    fn run(&mut self, id: NodeId) {
        self.nodes[id.0].is_run_queued = false;
        while self.run_once(id) {
            if self.options.is_sliced {
                return self.nodes[id.0].queue_run();
            }
        }
    }

    /// True if there is more to do.
    fn run_once(&mut self, id: NodeId) -> bool {
        let now = self.now;
        let node = &mut self.nodes[id.0];
        let mut more = node.speaker.run(now);
        if let Some(kernel) = &mut node.kernel {
            node.speaker.drive_kernel(now, kernel);
            while let Some(report) = kernel.report() {
                node.speaker.on_kernel(now, report);
                more = true;
            }
            if node.speaker.kernel_ready() {
                node.speaker.start(now);
            }
        }
        while let Some(event) = node.speaker.poll_event() {
            node.events.push(event);
        }
        while let Some(effect) = self.nodes[id.0].speaker.poll_effect() {
            more = true;
            match effect {
                Effect::Dial(dial) => {
                    self.nodes[id.0].dialing.insert(dial.conn);
                    self.ask_in(Knock::Node(id, dial));
                }
                Effect::Bind => {
                    let speaker = &mut self.nodes[id.0].speaker;
                    for binding in speaker.bindings() {
                        speaker.on_bound(now, binding.of, Ok(()));
                    }
                }
                Effect::Writable(conn) => {
                    if let Some((pipe, side)) = self.nodes[id.0].ends.get(&conn).copied() {
                        self.queue_write(id, pipe, side);
                    }
                }
                Effect::Close { conn, last } => {
                    self.nodes[id.0].dialing.remove(&conn);
                    if let Some((pipe, side)) = self.nodes[id.0].ends.remove(&conn) {
                        self.close(pipe, side, last);
                    }
                }
            }
        }
        more
    }

    /// Reads a connection. How many octets there were.
    fn read(&mut self, id: NodeId, pipe: PipeId, side: usize) -> usize {
        let (now, chunk, is_shuffled) = (self.now, self.options.chunk, self.options.is_shuffled);
        let mut taken = 0;
        let Some(ends) = self.pipes.get_mut(pipe).and_then(Option::as_mut) else {
            return 0;
        };
        ends.sides[side].is_read_queued = false;
        let super::pipe::End::Node(_, conn) = ends.sides[side].end else {
            return 0;
        };
        if self.nodes[id.0].speaker.is_full() {
            // What is not read waits at its sender, until a step has made room.
            self.nodes[id.0].queue_run();
            self.queue_read(id, pipe, side);
            return 0;
        }
        let flow = &mut ends.sides[1 - side].out;
        let speaker = &mut self.nodes[id.0].speaker;
        while taken < AT_ONCE {
            let most = if is_shuffled {
                1 + self.dice.index(chunk)
            } else {
                chunk
            };
            let Some(piece) = flow.read(most) else { break };
            taken += piece.len();
            speaker.on_bytes(now, conn, &piece);
            if is_shuffled && self.dice.one_in(4) {
                break;
            }
        }
        let (is_readable, is_at_end) = (flow.is_readable(), flow.is_at_end(now));
        self.nodes[id.0].queue_run();
        if is_readable {
            self.queue_read(id, pipe, side);
        } else if is_at_end {
            self.hear_end(pipe, side, CloseCause::Eof);
        }
        if taken > 0 {
            self.room(pipe, 1 - side);
        }
        taken
    }

    /// Writes to a connection. How many octets that were.
    fn write(&mut self, id: NodeId, pipe: PipeId, side: usize) -> usize {
        let now = self.now;
        let Some(ends) = self.pipes.get_mut(pipe).and_then(Option::as_mut) else {
            return 0;
        };
        let end = &mut ends.sides[side];
        end.is_write_queued = false;
        let super::pipe::End::Node(_, conn) = end.end else {
            return 0;
        };
        if !end.is_open {
            return 0;
        }
        if self.is_silent(pipe, side) {
            self.tell_sending(id, conn, pipe, side, Sending::Nothing);
            return 0;
        }
        let Some(end) = self.pipe(pipe).map(|pipe| &mut pipe.sides[side]) else {
            return 0;
        };
        let mut pending = std::mem::take(&mut end.pending);
        let mut is_fresh = false;
        if pending.is_empty() {
            let mut taken = Vec::new();
            let speaker = &mut self.nodes[id.0].speaker;
            speaker.fill(now, conn, &mut taken, AT_ONCE);
            is_fresh = !taken.is_empty() || speaker.has_ready();
            pending.extend(taken);
        }
        let waiting: usize = pending.iter().map(bytes::Bytes::len).sum();
        let left = self.put(pipe, side, pending);
        let sending = match left {
            0 => Sending::All,
            left if left < waiting => Sending::Some,
            _ => Sending::Nothing,
        };
        self.tell_sending(id, conn, pipe, side, sending);
        if is_fresh {
            // What was taken makes room in the log: walks and pulls that waited for it go on.
            self.nodes[id.0].queue_run();
        }
        if left == 0 && waiting > 0 {
            self.queue_write(id, pipe, side);
        }
        waiting - left
    }

    /// Tells a speaker how sending goes, once something had to wait.
    fn tell_sending(
        &mut self,
        id: NodeId,
        conn: ConnId,
        pipe: PipeId,
        side: usize,
        sending: Sending,
    ) {
        let now = self.now;
        let Some(end) = self.pipe(pipe).map(|pipe| &mut pipe.sides[side]) else {
            return;
        };
        let waits = sending != Sending::All;
        if std::mem::replace(&mut end.is_late, waits) || waits {
            self.nodes[id.0].speaker.on_sending(now, conn, sending);
        }
    }
}
