//! Byte pipes: what TCP does to octets on their way. They arrive later, in other pieces, and only as long as the other
//! end has room; an end that is closed is heard of behind the last octet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use speaker::ConnId;

use super::NodeId;
use crate::peer::PeerHandle;

/// Names a pipe; never used twice.
pub(super) type PipeId = usize;

/// Who holds an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A speaker, which knows it by this name.
    Node(NodeId, ConnId),
    /// A scripted peer.
    Peer(PeerHandle),
}

/// One end of a pipe.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) end: End,
    /// It has not closed.
    pub(super) is_open: bool,
    /// Taken from the speaker and not yet in the pipe.
    pub(super) pending: VecDeque<Bytes>,
    /// Its node has a task for reading or writing queued.
    pub(super) is_read_queued: bool,
    pub(super) is_write_queued: bool,
    /// Its speaker knows that something waits here for room.
    pub(super) is_late: bool,
    /// What it wrote.
    pub(super) out: Flow,
}

impl Side {
    pub(super) fn new(end: End, now: Instant) -> Side {
        Side {
            end,
            is_open: true,
            pending: VecDeque::new(),
            is_read_queued: false,
            is_write_queued: false,
            is_late: false,
            out: Flow {
                flight: VecDeque::new(),
                arrived: VecDeque::new(),
                unread: 0,
                latest: now,
                closes: None,
            },
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) sides: [Side; 2],
}

impl Pipe {
    /// Nothing is in it, and no end waits to be told that the other one closed.
    pub(super) fn is_quiet(&self) -> bool {
        let [near, far] = &self.sides;
        [(near, far), (far, near)].iter().all(|(from, to)| {
            from.pending.is_empty()
                && from.out.unread == 0
                && !(from.out.is_closing() && to.is_open)
        })
    }
}

/// One direction.
#[derive(Debug)]
pub(super) struct Flow {
    /// On their way, with the time at which they arrive.
    flight: VecDeque<(Instant, Bytes)>,
    arrived: VecDeque<Bytes>,
    /// Octets on their way or arrived.
    unread: usize,
    /// When the last of them arrives.
    latest: Instant,
    /// The writer closed; when that arrives.
    closes: Option<Instant>,
}

impl Flow {
    /// Puts octets on their way, as far as the window has room; what does not fit stays. When they arrive, if there
    /// were any.
    pub(super) fn write(
        &mut self,
        pending: &mut VecDeque<Bytes>,
        window: usize,
        now: Instant,
        latency: Duration,
    ) -> Option<Instant> {
        let before = self.unread;
        while let Some(first) = pending.front_mut() {
            let room = window.saturating_sub(self.unread);
            if room == 0 {
                break;
            }
            let piece = if first.len() <= room {
                let whole = std::mem::take(first);
                pending.pop_front();
                whole
            } else {
                first.split_to(room)
            };
            self.unread += piece.len();
            // Octets do not overtake each other.
            self.latest = self.latest.max(now + latency);
            self.flight.push_back((self.latest, piece));
        }
        (self.unread > before).then_some(self.latest)
    }

    /// Notes that the writer closed, behind all that it wrote. When that arrives.
    pub(super) fn close(&mut self, now: Instant, latency: Duration) -> Instant {
        self.latest = self.latest.max(now + latency);
        *self.closes.get_or_insert(self.latest)
    }

    /// The writer has closed.
    pub(super) fn is_closing(&self) -> bool {
        self.closes.is_some()
    }

    /// Takes in what has arrived by now.
    pub(super) fn arrive(&mut self, now: Instant) {
        while self.flight.front().is_some_and(|(at, _)| *at <= now) {
            self.arrived
                .extend(self.flight.pop_front().map(|(_, octets)| octets));
        }
    }

    /// Up to `most` octets of what has arrived.
    pub(super) fn read(&mut self, most: usize) -> Option<Bytes> {
        let first = self.arrived.front_mut()?;
        let piece = if first.len() <= most {
            self.arrived.pop_front()?
        } else {
            first.split_to(most)
        };
        self.unread -= piece.len();
        Some(piece)
    }

    /// Something waits to be read.
    pub(super) fn is_readable(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Everything was read, and then the end was.
    pub(super) fn is_at_end(&self, now: Instant) -> bool {
        self.unread == 0 && self.closes.is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: Duration = Duration::from_millis(5);

    fn flow() -> (Instant, Flow) {
        let now = Instant::now();
        (now, Side::new(End::Peer(PeerHandle(0)), now).out)
    }

    fn queue(texts: &[&'static str]) -> VecDeque<Bytes> {
        texts
            .iter()
            .map(|text| Bytes::from_static(text.as_bytes()))
            .collect()
    }

    #[test]
    fn octets_come_later_in_order_and_no_more_than_there_is_room() {
        let (now, mut flow) = flow();
        let mut pending = queue(&["hello", "world"]);
        let at = flow.write(&mut pending, 7, now, LATENCY).unwrap();
        assert_eq!(at, now + LATENCY);
        assert_eq!(pending, queue(&["rld"]));
        // The way is shorter now, and still nothing overtakes.
        assert_eq!(flow.write(&mut pending, 7, now, Duration::ZERO), None);
        assert_eq!(flow.write(&mut pending, 8, now, Duration::ZERO), Some(at));
        flow.arrive(now);
        assert_eq!(flow.read(100), None);
        flow.arrive(at);
        let read: VecDeque<Bytes> = std::iter::from_fn(|| flow.read(3)).collect();
        assert_eq!(read, queue(&["hel", "lo", "wo", "r"]));
        assert!(flow.write(&mut pending, 7, at, LATENCY).is_some());
        assert_eq!(pending, queue(&[]));
    }

    #[test]
    fn the_end_is_behind_the_last_octet() {
        let (now, mut flow) = flow();
        flow.write(&mut queue(&["bye"]), 100, now, LATENCY);
        let at = flow.close(now, Duration::ZERO);
        assert_eq!(at, now + LATENCY);
        assert!(flow.is_closing());
        flow.arrive(at);
        assert!(!flow.is_at_end(at), "not read yet");
        flow.read(10);
        assert!(flow.is_at_end(at));
    }
}
