//! The null daemon: sessions, framing and forwarding, and nothing else. What any BGP daemon pays at
//! least for the same octets on the same machine.
//!
//! Every UPDATE goes into one log as it came, and from there to every session, its sender
//! included; a session that joins later is sent the log from its beginning. With a `source`, only
//! what that peer says is forwarded, and not to itself, and nothing is kept that everybody has;
//! the other peers' octets are read, framed and dropped, as a table would keep them.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, SockAddr, Socket, Type};

use super::scan;
use crate::speaker::{self, OPEN, UPDATE};
use crate::{LabError, Result};

const LISTENER: u64 = u64::MAX;
const SCRATCH: usize = 256 * 1024;
/// More than so much unsent: nobody is read until it is sent.
const LOG_LIMIT: usize = 4 * 1024 * 1024;
/// Sent octets are dropped from the log when they are this many.
const LOG_TRIM: usize = 1024 * 1024;

/// Serves until it is killed.
///
/// # Errors
/// When it cannot listen, or the epoll set fails.
fn run(server: Ipv4Addr, asn: u32, source: Option<Ipv4Addr>) -> Result<()> {
    super::raise_file_limit()?;
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.set_reuse_address(true)?;
    listener.set_nonblocking(true)?;
    let address = SocketAddr::new(server.into(), 179);
    listener.bind(&SockAddr::from(address))?;
    listener.listen(4096)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut null = Null {
        epoll,
        listener,
        open: speaker::open(asn, 240, server),
        source,
        sessions: Vec::new(),
        log: Vec::new(),
        scratch: vec![0; SCRATCH],
        behind: false,
    };
    loop {
        null.turn()?;
    }
}

struct Null {
    epoll: Epoll,
    listener: Socket,
    open: Vec<u8>,
    source: Option<Ipv4Addr>,
    sessions: Vec<Option<Session>>,
    log: Vec<u8>,
    scratch: Vec<u8>,
    /// Whether reading waits for writing.
    behind: bool,
}

struct Session {
    socket: Socket,
    /// Where in the log it is; `None` before OPEN was heard and for the source.
    cursor: Option<usize>,
    is_source: bool,
    counts: bool,
    partial: Vec<u8>,
    /// What its last UPDATE announced, to be withdrawn when it goes.
    announced: Vec<u8>,
    waits_to_write: bool,
}

impl Null {
    fn turn(&mut self) -> Result<()> {
        let mut events = [EpollEvent::empty(); 1024];
        let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        for event in &events[..count] {
            if event.data() == LISTENER {
                self.accept()?;
            } else if !self.behind && event.events().intersects(!EpollFlags::EPOLLOUT) {
                self.read(event.data() as usize)?;
            }
        }
        self.forward()
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let (socket, address) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            socket.set_nonblocking(true)?;
            socket.set_tcp_nodelay(true)?;
            (&socket).write_all(&self.open)?;
            let peer = address.as_socket().map(|peer| peer.ip());
            let is_source = self.source.is_some() && self.source.map(IpAddr::V4) == peer;
            let key = self.sessions.len() as u64;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, key);
            self.epoll.add(&socket, event)?;
            self.sessions.push(Some(Session {
                socket,
                cursor: None,
                is_source,
                counts: is_source || self.source.is_none(),
                partial: Vec::new(),
                announced: Vec::new(),
                waits_to_write: false,
            }));
        }
    }

    fn read(&mut self, key: usize) -> Result<()> {
        let Some(session) = self.sessions.get_mut(key).and_then(Option::as_mut) else {
            return Ok(());
        };
        let kept = session.partial.len();
        self.scratch[..kept].copy_from_slice(&session.partial);
        let length = match (&session.socket).read(&mut self.scratch[kept..]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Ok(0) | Err(_) => return self.end(key),
            Ok(count) => kept + count,
        };
        let mut at = 0;
        while let Some((size, kind)) = scan::head(&self.scratch[at..length])? {
            let message = &self.scratch[at..at + size];
            match kind {
                UPDATE if session.counts => {
                    self.log.extend_from_slice(message);
                    if !session.is_source {
                        let update = scan::Update::split(&message[scan::HEADER..])?;
                        session.announced.clear();
                        session.announced.extend_from_slice(update.announced);
                    }
                }
                // Whoever has our KEEPALIVE may announce, and must miss nothing from then on.
                OPEN => {
                    (&session.socket).write_all(&speaker::keepalive())?;
                    let first = self.source.map_or(0, |_| self.log.len());
                    session.cursor = (!session.is_source).then_some(first);
                }
                _ => {}
            }
            at += size;
        }
        session.partial.clear();
        session.partial.extend_from_slice(&self.scratch[at..length]);
        Ok(())
    }

    /// A session is gone. Without a table only the peer's last UPDATE can be taken back, which is
    /// enough for the case where a client of one block goes.
    fn end(&mut self, key: usize) -> Result<()> {
        if let Some(session) = self.sessions[key].take() {
            self.epoll.delete(session.socket.as_fd())?;
            if !session.announced.is_empty() {
                let octets = speaker::withdrawal(&session.announced);
                self.log.extend_from_slice(&octets);
            }
        }
        Ok(())
    }

    /// Writes what every session has not had yet.
    fn forward(&mut self) -> Result<()> {
        let length = self.log.len();
        let mut slowest = length;
        for (key, session) in self.sessions.iter_mut().enumerate() {
            let Some(session) = session else { continue };
            let Some(cursor) = session.cursor.as_mut() else {
                continue;
            };
            if *cursor == length && !session.waits_to_write {
                continue;
            }
            match (&session.socket).write(&self.log[*cursor..]) {
                Ok(count) => *cursor += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Its reader learns why and ends it.
                Err(_) => *cursor = length,
            }
            slowest = slowest.min(*cursor);
            let waits = *cursor < length;
            if waits != session.waits_to_write {
                let mut flags = EpollFlags::EPOLLIN;
                flags.set(EpollFlags::EPOLLOUT, waits);
                let mut event = EpollEvent::new(flags, key as u64);
                self.epoll.modify(&session.socket, &mut event)?;
                session.waits_to_write = waits;
            }
        }
        self.behind = length - slowest > LOG_LIMIT;
        if self.source.is_some() && (slowest == length || slowest > LOG_TRIM) {
            self.log.drain(..slowest);
            let cursors = self.sessions.iter_mut().flatten();
            for cursor in cursors.filter_map(|session| session.cursor.as_mut()) {
                *cursor -= slowest;
            }
        }
        Ok(())
    }
}

/// The null daemon as a command line: its address, its AS, and its source if it has one.
///
/// # Errors
/// When the arguments are not these, or as `run`.
pub fn main(arguments: &[String]) -> Result<()> {
    let wrong = || LabError::new("null-daemon takes ADDRESS AS [SOURCE]");
    let [server, asn, rest @ ..] = arguments else {
        return Err(wrong());
    };
    let source = rest.first().map(|source| source.parse()).transpose();
    run(
        server.parse().map_err(|_| wrong())?,
        asn.parse().map_err(|_| wrong())?,
        source.map_err(|_| wrong())?,
    )
}
