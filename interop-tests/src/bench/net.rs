//! All simulated peers of a case, driven by one thread that waits on all of them at once.
//!
//! Owns: the epoll set, the sessions (RFC 4271 section 8, the passive half of it left out), the
//! books of the receivers and what is right in them, and the times at which things became right.
//! Never does: allocate, or look a prefix up in a map, per prefix that comes.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::book::{Book, Right};
use super::peer::{Got, Peer, Phase};
use super::scan::{self, Attributes, Prefixes, Update};
use super::workload::Workload;
use crate::speaker::{self, KEEPALIVE, NOTIFICATION, OPEN, UPDATE};
use crate::{LabError, Result};

const HOLD_TIME: u16 = 240;
/// Shorter than a third of every hold time that a daemon may offer.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
/// How many may be on the way at a time where connecting is not what is measured.
const CONNECTING_AT_ONCE: usize = 32;
/// One UPDATE in so many has its attributes compared octet for octet.
const SAMPLE: u64 = 61;
const RETRY_AFTER: Duration = Duration::from_millis(100);
const SCRATCH: usize = 256 * 1024;

/// What was read, for the report.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    /// UPDATE messages.
    pub(super) updates: u64,
    /// Announced prefixes.
    pub(super) announced: u64,
    /// Withdrawn prefixes.
    pub(super) withdrawn: u64,
    /// UPDATE messages whose attributes were compared.
    pub(super) sampled: u64,
}

/// Every time a wrong slot of a receiver became right: the slot, and when.
pub(super) type Listener = Box<dyn FnMut(usize, usize, Instant)>;

/// All peers of a case.
pub(super) struct Net<W> {
    /// What the routes mean.
    pub(super) workload: W,
    /// What is right in each slot.
    pub(super) want: Vec<Right>,
    /// The peers.
    pub(super) peers: Vec<Peer>,
    /// What was read so far.
    pub(super) tally: Tally,
    /// Is told of each slot that became right.
    pub(super) listener: Option<Listener>,
    /// Whether the peers speak of IPv6.
    dual: bool,
    server: SocketAddrV4,
    epoll: Epoll,
    scratch: Vec<u8>,
    up: usize,
    incomplete: usize,
    /// Who connects again, and when.
    retries: Vec<(Instant, usize)>,
    next_keepalive: Instant,
    keepalive: Rc<[u8]>,
}

impl<W: Workload> Net<W> {
    /// No peers yet. The thread that drives it must be in the namespace of the case.
    pub(super) fn new(workload: W, want: Vec<Right>, server: Ipv4Addr, dual: bool) -> Result<Self> {
        Ok(Net {
            workload,
            want,
            peers: Vec::new(),
            tally: Tally::default(),
            listener: None,
            dual,
            server: SocketAddrV4::new(server, 179),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            scratch: vec![0; SCRATCH],
            up: 0,
            incomplete: 0,
            retries: Vec::new(),
            next_keepalive: Instant::now() + KEEPALIVE_EVERY,
            keepalive: speaker::keepalive().into(),
        })
    }

    /// Adds a peer that is not connected yet.
    pub(super) fn add(&mut self, peer: Peer) -> usize {
        let complete = peer.book.as_ref().is_none_or(Book::is_complete);
        self.incomplete += usize::from(!complete);
        self.peers.push(peer);
        self.peers.len() - 1
    }

    /// Whether every receiver that reads has what it should.
    pub(super) fn is_complete(&self) -> bool {
        self.incomplete == 0
    }

    /// Whether everything is said, too.
    pub(super) fn has_said_all(&self) -> bool {
        self.peers.iter().all(Peer::has_said_all)
    }

    /// Who still misses what, for an error.
    pub(super) fn missing(&self) -> String {
        let wrong = self.peers.iter().filter_map(|peer| peer.book.as_ref());
        let slots: usize = wrong.map(Book::wrong).sum();
        format!(
            "{} of {} sessions up, {} receivers miss {slots} routes",
            self.up,
            self.peers.len(),
            self.incomplete
        )
    }

    /// Begins to connect a peer.
    pub(super) fn connect(&mut self, index: usize) -> Result<()> {
        let peer = &mut self.peers[index];
        peer.connect(self.server)?;
        peer.waits_to_write = true;
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT;
        if let Some(socket) = peer.socket() {
            self.epoll
                .add(socket, EpollEvent::new(flags, index as u64))?;
        }
        Ok(())
    }

    /// Connects all, a few at a time, and waits until every session is up.
    pub(super) fn connect_all(&mut self, deadline: Instant) -> Result<()> {
        let mut next = 0;
        while self.up < self.peers.len() {
            while next < self.peers.len() && next < self.up + CONNECTING_AT_ONCE {
                self.connect(next)?;
                next += 1;
            }
            self.turn(Duration::from_millis(100))?;
            self.in_time(deadline)?;
        }
        Ok(())
    }

    /// Drives until `done` holds.
    pub(super) fn drive(&mut self, deadline: Instant, done: impl Fn(&Self) -> bool) -> Result<()> {
        while !done(self) {
            self.turn(Duration::from_millis(100))?;
            self.in_time(deadline)?;
        }
        Ok(())
    }

    /// Fails when the deadline has passed.
    pub(super) fn in_time(&self, deadline: Instant) -> Result<()> {
        match Instant::now() < deadline {
            true => Ok(()),
            false => Err(LabError::late(format!("out of time: {}", self.missing()))),
        }
    }

    /// Closes the connection of a peer, and expects nothing of it any more.
    pub(super) fn close(&mut self, index: usize) -> Result<()> {
        self.disconnect(index)?;
        if let Some(book) = self.peers[index].book.take() {
            self.incomplete -= usize::from(!book.is_complete());
        }
        Ok(())
    }

    fn disconnect(&mut self, index: usize) -> Result<()> {
        let peer = &mut self.peers[index];
        if let Some(socket) = peer.socket() {
            self.epoll.delete(socket)?;
        }
        self.up -= usize::from(peer.phase == Phase::Up);
        peer.close();
        Ok(())
    }

    /// The connection of a peer has ended. One that was not up yet is tried again: a daemon may
    /// listen before it has read whom it knows.
    fn ended(&mut self, index: usize, how: &str) -> Result<()> {
        let peer = &self.peers[index];
        if peer.phase != Phase::Up {
            self.disconnect(index)?;
            self.retries.push((Instant::now() + RETRY_AFTER, index));
            return Ok(());
        }
        let what = format!("the session of {} ended: {how}", peer.address);
        Err(LabError::new(what))
    }

    fn retry(&mut self, now: Instant) -> Result<()> {
        let due = self.retries.iter().filter(|(at, _)| *at <= now);
        let due: Vec<usize> = due.map(|(_, index)| *index).collect();
        self.retries.retain(|(at, _)| *at > now);
        due.into_iter().try_for_each(|index| self.connect(index))
    }

    /// Takes a peer's reading away or gives it back. Nothing is expected of it in between.
    pub(super) fn set_reads(&mut self, index: usize, reads: bool) -> Result<()> {
        let peer = &mut self.peers[index];
        if let Some(book) = peer.book.as_mut().filter(|_| peer.reads != reads) {
            book.recount(&self.want);
            let incomplete = usize::from(!book.is_complete());
            self.incomplete = match reads {
                true => self.incomplete + incomplete,
                false => self.incomplete - incomplete,
            };
        }
        peer.reads = reads;
        self.arm(index)
    }

    /// Adds octets to what a peer says, and writes what can be written.
    pub(super) fn say(&mut self, index: usize, octets: Rc<[u8]>) -> Result<()> {
        self.peers[index].say(octets);
        self.peers[index].write()?;
        self.arm(index)
    }

    /// Something else is right in a slot now.
    pub(super) fn set_right(&mut self, slot: usize, right: Right) {
        let before = std::mem::replace(&mut self.want[slot], right);
        for book in readers(&mut self.peers) {
            let complete = book.is_complete();
            book.change(slot, before, right);
            self.incomplete += usize::from(complete);
            self.incomplete -= usize::from(book.is_complete());
        }
    }

    /// Something else is right in many slots now.
    pub(super) fn set_all_right(&mut self, want: Vec<Right>) {
        self.want = want;
        self.incomplete = 0;
        for book in readers(&mut self.peers) {
            book.recount(&self.want);
            self.incomplete += usize::from(!book.is_complete());
        }
    }

    /// Waits for at most `limit`, and acts on what came.
    pub(super) fn turn(&mut self, limit: Duration) -> Result<()> {
        let mut events = [EpollEvent::empty(); 512];
        let limit = u16::try_from(limit.as_millis()).unwrap_or(u16::MAX);
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(limit)) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        for event in &events[..count] {
            let index = event.data() as usize;
            if event.events().contains(EpollFlags::EPOLLOUT) {
                self.writable(index)?;
            }
            let other = !EpollFlags::EPOLLOUT;
            if event.events().intersects(other) && self.peers[index].phase != Phase::Idle {
                self.readable(index)?;
            }
        }
        if !self.retries.is_empty() {
            self.retry(Instant::now())?;
        }
        if Instant::now() >= self.next_keepalive {
            self.next_keepalive = Instant::now() + KEEPALIVE_EVERY;
            self.keep_alive()?;
        }
        Ok(())
    }

    fn keep_alive(&mut self) -> Result<()> {
        for index in 0..self.peers.len() {
            let peer = &self.peers[index];
            // Whoever has something to say proves to be alive with it.
            if peer.phase == Phase::Up && peer.has_said_all() {
                self.say(index, Rc::clone(&self.keepalive))?;
            }
        }
        Ok(())
    }

    fn writable(&mut self, index: usize) -> Result<()> {
        let peer = &mut self.peers[index];
        if peer.phase == Phase::Connecting {
            let error = peer
                .socket()
                .and_then(|socket| socket.take_error().transpose());
            if let Some(error) = error {
                let how = error.unwrap_or_else(|error| error).to_string();
                return self.ended(index, &how);
            }
            peer.phase = Phase::Opening;
            peer.say(open(peer.asn, peer.address, self.dual).into());
        }
        peer.write()?;
        self.arm(index)
    }

    /// Waits for writing exactly while there is something to write.
    fn arm(&mut self, index: usize) -> Result<()> {
        let peer = &mut self.peers[index];
        let Some(socket) = peer.socket().filter(|_| peer.phase != Phase::Connecting) else {
            return Ok(());
        };
        let writes = !peer.has_said_all();
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, peer.reads);
        flags.set(EpollFlags::EPOLLOUT, writes);
        let mut event = EpollEvent::new(flags, index as u64);
        self.epoll.modify(socket.as_fd(), &mut event)?;
        peer.waits_to_write = writes;
        Ok(())
    }

    fn readable(&mut self, index: usize) -> Result<()> {
        let peer = &mut self.peers[index];
        if !peer.reads {
            return Ok(());
        }
        match peer.read(&mut self.scratch) {
            Got::Nothing => Ok(()),
            Got::Octets(length) => self.digest(index, length),
            Got::End(how) => self.ended(index, &how),
        }
    }

    /// Acts on every whole message of the first `length` octets of the scratch.
    fn digest(&mut self, index: usize, length: usize) -> Result<()> {
        let now = Instant::now();
        let mut at = 0;
        let mut answers = Vec::new();
        let was_complete = self.peers[index]
            .book
            .as_ref()
            .is_none_or(Book::is_complete);
        while let Some((size, kind)) = scan::head(&self.scratch[at..length])? {
            let body = &self.scratch[at + scan::HEADER..at + size];
            match kind {
                UPDATE => {
                    self.tally.updates += 1;
                    if let Some(book) = self.peers[index].book.as_mut() {
                        let mut reading = Reading {
                            workload: &self.workload,
                            want: &self.want,
                            tally: &mut self.tally,
                            listener: &mut self.listener,
                            index,
                            now,
                        };
                        reading.update(book, body)?;
                    }
                }
                KEEPALIVE if self.peers[index].phase == Phase::Opening => {
                    self.peers[index].phase = Phase::Up;
                    self.up += 1;
                }
                OPEN => answers.push(Rc::clone(&self.keepalive)),
                NOTIFICATION if self.peers[index].phase == Phase::Up => {
                    return Err(LabError::new(format!(
                        "{} was sent NOTIFICATION {body:?}",
                        self.peers[index].address
                    )));
                }
                _ => {}
            }
            at += size;
        }
        let peer = &mut self.peers[index];
        peer.keep(&self.scratch[at..length]);
        let is_complete = peer.book.as_ref().is_none_or(Book::is_complete);
        self.incomplete += usize::from(was_complete && !is_complete);
        self.incomplete -= usize::from(!was_complete && is_complete);
        answers
            .into_iter()
            .try_for_each(|octets| self.say(index, octets))
    }
}

/// The books of all peers that read.
fn readers(peers: &mut [Peer]) -> impl Iterator<Item = &mut Book> {
    let readers = peers.iter_mut().filter(|peer| peer.reads);
    readers.filter_map(|peer| peer.book.as_mut())
}

/// Reading one UPDATE into a book.
struct Reading<'a, W> {
    workload: &'a W,
    want: &'a [Right],
    tally: &'a mut Tally,
    listener: &'a mut Option<Listener>,
    index: usize,
    now: Instant,
}

impl<W: Workload> Reading<'_, W> {
    fn update(&mut self, book: &mut Book, body: &[u8]) -> Result<()> {
        let update = Update::split(body)?;
        self.withdraw(book, false, update.withdrawn)?;
        if update.attributes.is_empty() {
            return Ok(());
        }
        if !update.announced.is_empty() {
            self.announce(book, false, update.attributes, update.announced)?;
            return Ok(());
        }
        for attribute in Attributes(update.attributes) {
            match attribute.code {
                14 => {
                    let (afi, _, nlri) = scan::mp_reach(attribute.value)?;
                    self.announce(book, afi == 2, update.attributes, nlri)?;
                }
                15 => {
                    let (afi, nlri) = scan::mp_unreach(attribute.value)?;
                    self.withdraw(book, afi == 2, nlri)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn withdraw(&mut self, book: &mut Book, is_v6: bool, nlri: &[u8]) -> Result<()> {
        for (length, address) in Prefixes(nlri) {
            self.tally.withdrawn += 1;
            let slot = self.slot(is_v6, length, address)?;
            self.note(book, slot, 0);
        }
        Ok(())
    }

    fn announce(
        &mut self,
        book: &mut Book,
        is_v6: bool,
        attributes: &[u8],
        nlri: &[u8],
    ) -> Result<()> {
        let Some(mark) = self.workload.mark(attributes) else {
            return Err(LabError::new(format!(
                "whose attributes? {attributes:02x?}"
            )));
        };
        let mut last = None;
        for (length, address) in Prefixes(nlri) {
            self.tally.announced += 1;
            let slot = self.slot(is_v6, length, address)?;
            self.note(book, slot, mark);
            last = Some(slot);
        }
        match last {
            Some(slot) if self.tally.updates.is_multiple_of(SAMPLE) => {
                self.tally.sampled += 1;
                self.workload.check(attributes, slot, mark)
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn slot(&self, is_v6: bool, length: u8, address: u64) -> Result<usize> {
        self.workload
            .slot(is_v6, length, address)
            .ok_or_else(|| LabError::new(format!("nobody's prefix {address:016x}/{length}")))
    }

    #[inline]
    fn note(&mut self, book: &mut Book, slot: usize, mark: u8) {
        if book.note(slot, mark, self.want[slot])
            && let Some(listener) = self.listener
        {
            listener(self.index, slot, self.now);
        }
    }
}

/// An OPEN for IPv4, and IPv6 if `dual`, with a 4-octet AS number.
fn open(asn: u32, router_id: Ipv4Addr, dual: bool) -> Vec<u8> {
    let mut octets = speaker::open(asn, HOLD_TIME, router_id);
    if !dual {
        // The capability of IPv6 unicast is the second of three; see `speaker::open`.
        octets.drain(37..43);
        let cut = 6;
        octets[17] -= cut;
        octets[28] -= cut;
        octets[30] -= cut;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_without_ipv6_is_whole() {
        let octets = open(65001, Ipv4Addr::new(10, 9, 0, 1), false);
        assert_eq!(scan::head(&octets).unwrap(), Some((octets.len(), OPEN)));
        let capabilities = [1, 4, 0, 1, 0, 1, 65, 4, 0, 0, 0xfd, 0xe9];
        assert_eq!(octets[28..31], [14, 2, 12]);
        assert_eq!(octets[31..], capabilities);
    }
}
