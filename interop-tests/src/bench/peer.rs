//! One simulated peer: its connection, what it still has to say, and what it knows.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::rc::Rc;

use socket2::{Domain, SockAddr, Socket, Type};

use super::book::Book;
use crate::Result;

/// Written at most at one go, so that every peer gets its turn.
const TURN: usize = 256 * 1024;

/// How far a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not connected, or no more.
    Idle,
    /// The connection is being made.
    Connecting,
    /// OPEN is sent.
    Opening,
    /// The daemon has accepted our OPEN.
    Up,
}

/// What came of reading.
pub(super) enum Got {
    /// So many octets, those that were left over before included.
    Octets(usize),
    /// Nothing more now.
    Nothing,
    /// The daemon has closed the connection.
    End(String),
}

/// One simulated peer.
#[derive(Debug)]
pub(super) struct Peer {
    /// Its address and router id.
    pub(super) address: Ipv4Addr,
    /// Its AS number.
    pub(super) asn: u32,
    /// How far it is.
    pub(super) phase: Phase,
    /// What it has learned, if anybody wants to know.
    pub(super) book: Option<Book>,
    /// Whether it reads what comes.
    pub(super) reads: bool,
    /// The socket's receive buffer; 0: as the system has it.
    pub(super) receive_buffer: usize,
    /// What the epoll set waits for: whether writing is among it.
    pub(super) waits_to_write: bool,
    socket: Option<Socket>,
    partial: Vec<u8>,
    queue: VecDeque<(Rc<[u8]>, usize)>,
}

impl Peer {
    /// A peer that is not connected.
    pub(super) fn new(address: Ipv4Addr, asn: u32, book: Option<Book>) -> Peer {
        Peer {
            address,
            asn,
            phase: Phase::Idle,
            book,
            reads: true,
            receive_buffer: 0,
            waits_to_write: false,
            socket: None,
            partial: Vec::new(),
            queue: VecDeque::new(),
        }
    }

    /// Begins to connect, from its own address.
    pub(super) fn connect(&mut self, server: SocketAddrV4) -> Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if self.receive_buffer > 0 {
            socket.set_recv_buffer_size(self.receive_buffer)?;
        }
        let own = SocketAddrV4::new(self.address, 0);
        socket.bind(&SockAddr::from(SocketAddr::V4(own)))?;
        match socket.connect(&SockAddr::from(SocketAddr::V4(server))) {
            Err(error) if error.raw_os_error() != Some(nix::errno::Errno::EINPROGRESS as i32) => {
                return Err(error.into());
            }
            _ => {}
        }
        self.phase = Phase::Connecting;
        self.socket = Some(socket);
        Ok(())
    }

    /// Closes the connection and forgets what was still to be said.
    pub(super) fn close(&mut self) {
        self.socket = None;
        self.phase = Phase::Idle;
        self.waits_to_write = false;
        self.partial = Vec::new();
        self.queue.clear();
    }

    /// The connection.
    pub(super) fn socket(&self) -> Option<&Socket> {
        self.socket.as_ref()
    }

    /// Whether everything is said.
    pub(super) fn has_said_all(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds octets that are to be said.
    pub(super) fn say(&mut self, octets: Rc<[u8]>) {
        self.queue.push_back((octets, 0));
    }

    /// Writes what the socket takes, but not more than a turn.
    pub(super) fn write(&mut self) -> Result<()> {
        let Some(mut socket) = self.socket.as_ref() else {
            return Ok(());
        };
        let mut left = TURN;
        while let Some((octets, done)) = self.queue.front_mut() {
            let rest = &octets[*done..];
            match socket.write(&rest[..rest.len().min(left)]) {
                Ok(count) => {
                    *done += count;
                    left -= count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // Why it is closed is found when reading.
                Err(_) => {
                    self.queue.clear();
                    return Ok(());
                }
            }
            if *done == octets.len() {
                self.queue.pop_front();
            }
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Reads into `scratch`, behind what is left of the message before.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> Got {
        let Some(mut socket) = self.socket.as_ref() else {
            return Got::Nothing;
        };
        let kept = self.partial.len();
        scratch[..kept].copy_from_slice(&self.partial);
        match socket.read(&mut scratch[kept..]) {
            Ok(0) => Got::End("closed by the daemon".into()),
            Ok(count) => Got::Octets(kept + count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Got::Nothing,
            Err(error) => Got::End(error.to_string()),
        }
    }

    /// Keeps the head of a message that is not whole yet.
    pub(super) fn keep(&mut self, octets: &[u8]) {
        self.partial.clear();
        self.partial.extend_from_slice(octets);
        if octets.is_empty() {
            self.partial.shrink_to(0);
        }
    }
}
