//! What goes out on a connection: messages taken from the speaker, and how far the socket took them.
//!
//! The pump writes what has just become ready, one write for each connection, and the task of a connection what is left
//! over: waking a task for every short message costs half as much again as writing it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Instant;

use bytes::{Buf, Bytes};
use speaker::{ConnId, Sending, Speaker};
use tokio::net::TcpStream;

use crate::core::Core;

/// Octets taken from the export log at once.
const FILL: usize = 64 * 1024;
/// Slices given to one write.
const SLICES: usize = 64;

/// An open connection, as far as it is written to.
pub(crate) struct Outlet {
    pub(crate) stream: TcpStream,
    pending: RefCell<Pending>,
    /// The peer takes nothing any more. What it said before it went, a NOTIFICATION mostly, tells
    /// more than a broken pipe, so what is there is read to its end.
    is_deaf: Cell<bool>,
}

impl Outlet {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Outlet {
            stream,
            pending: RefCell::default(),
            is_deaf: Cell::new(false),
        }
    }

    /// Takes messages from the speaker if none is left of those taken before; true if there is something to write.
    pub(crate) fn refill(&self, core: &Core, conn: ConnId) -> bool {
        if self.is_deaf.get() {
            return false;
        }
        let mut pending = self.pending.borrow_mut();
        if pending.is_empty() {
            let mut speaker = core.speaker.borrow_mut();
            // What was read makes room in the log: walks and pulls that waited for it go on. Or it only passed over
            // what the peer knows, and has to come again.
            if pending.refill(&mut speaker, conn) || speaker.has_ready() {
                core.wake();
            }
        }
        !pending.is_empty()
    }

    /// Writes once; how many octets the socket took.
    pub(crate) fn write(&self, core: &Core, conn: ConnId) -> usize {
        let mut pending = self.pending.borrow_mut();
        let before = pending.octets;
        match pending.write(&self.stream) {
            Ok(written) => tell(core, conn, &mut pending, written),
            Err(_) => self.is_deaf.set(true),
        }
        before - pending.octets
    }

    /// Writes once what there is; how many octets that were, and whether it was all. What is left is for the task of the
    /// connection to write. `taken` is empty, and is so again.
    pub(crate) fn send(&self, core: &Core, conn: ConnId, taken: &mut Vec<Bytes>) -> (usize, bool) {
        let mut pending = self.pending.borrow_mut();
        if self.is_deaf.get() || !pending.is_empty() {
            // Nobody needs to, or the task waits for the socket already.
            return (0, true);
        }
        let more = {
            let mut speaker = core.speaker.borrow_mut();
            let more = speaker.fill(Instant::now(), conn, taken, FILL);
            if !taken.is_empty() || speaker.has_ready() {
                core.wake();
            }
            more
        };
        if taken.is_empty() {
            return (0, !more);
        }
        let written = match write(&self.stream, taken.iter()) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                self.is_deaf.set(true);
                taken.clear();
                return (0, true);
            }
        };
        let mut sent = written;
        pending.extend(taken.drain(..).filter_map(|mut message| {
            let gone = sent.min(message.len());
            sent -= gone;
            message.advance(gone);
            (!message.is_empty()).then_some(message)
        }));
        tell(core, conn, &mut pending, written);
        (written, !more && pending.is_empty())
    }

    /// Nothing is written any more.
    pub(crate) fn give_up(&self) -> usize {
        self.is_deaf.set(true);
        0
    }

    /// What is left to say, `last` behind all.
    pub(crate) fn close(&self, last: Vec<Bytes>) -> Pending {
        let mut pending = self.pending.take();
        pending.extend(last);
        pending
    }
}

/// Tells the speaker how sending goes, once something had to wait. So many octets were taken just now.
fn tell(core: &Core, conn: ConnId, pending: &mut Pending, written: usize) {
    let sending = match written {
        _ if pending.is_empty() => Sending::All,
        0 => Sending::Nothing,
        _ => Sending::Some,
    };
    let waits = sending != Sending::All;
    if waits || pending.is_late {
        pending.is_late = waits;
        core.with(|speaker, now| speaker.on_sending(now, conn, sending));
    }
}

/// Writes once, without waiting; how many octets the socket took.
fn write<'a>(
    stream: &TcpStream,
    messages: impl ExactSizeIterator<Item = &'a Bytes>,
) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let count = messages.len().min(SLICES);
    for (slice, message) in slices.iter_mut().zip(messages) {
        *slice = IoSlice::new(message);
    }
    match &slices[..count] {
        // Cheaper for the system, and the usual case.
        [one] => stream.try_write(one),
        many => stream.try_write_vectored(many),
    }
}

/// Messages taken from the speaker and not yet taken by the socket.
#[derive(Default)]
pub(crate) struct Pending {
    queue: VecDeque<Bytes>,
    taken: Vec<Bytes>,
    /// Octets in the queue.
    octets: usize,
    /// The speaker knows that something waits here for the socket to take it.
    is_late: bool,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn extend(&mut self, messages: impl IntoIterator<Item = Bytes>) {
        for message in messages {
            self.octets += message.len();
            self.queue.push_back(message);
        }
    }

    /// Takes what there is to send; false if there is nothing.
    fn refill(&mut self, speaker: &mut Speaker, conn: ConnId) -> bool {
        speaker.fill(Instant::now(), conn, &mut self.taken, FILL);
        self.octets += self.taken.iter().map(Bytes::len).sum::<usize>();
        self.queue.extend(self.taken.drain(..));
        if self.queue.is_empty() {
            // An idle peer holds no buffer.
            (self.queue, self.taken) = Default::default();
        }
        !self.queue.is_empty()
    }

    /// Writes once, without waiting; how many octets the socket took.
    pub(crate) fn write(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let written = match write(stream, self.queue.iter()) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        self.advance(written);
        Ok(written)
    }

    fn advance(&mut self, mut length: usize) {
        self.octets -= length;
        while let Some(first) = self.queue.front_mut() {
            if length < first.len() {
                first.advance(length);
                return;
            }
            length -= first.len();
            self.queue.pop_front();
        }
    }
}
