//! The TCP connections the speaker knows of: whose they are, the octets of a frame that has not
//! arrived whole, and the messages that wait to be sent ahead of any route.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use rib::PeerId;
use session::Side;

use crate::effect::ConnId;

/// One connection, pending or open.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) peer: PeerId,
    pub(crate) side: Side,
    /// Octets of a frame not yet whole; empty while the peer is quiet, so an idle one holds nothing.
    pub(crate) partial: Vec<u8>,
    /// The most octets of a message on it (RFC 8654).
    pub(crate) max_len: usize,
    /// OPEN, KEEPALIVE, NOTIFICATION, ROUTE-REFRESH: whole messages, no two of them equal, which
    /// is what bounds them when the peer never reads.
    pub(crate) control: VecDeque<Bytes>,
}

impl Conn {
    /// Queues a message; false if the same one waits already, for saying it twice at once tells
    /// the peer nothing.
    pub(crate) fn say(&mut self, message: Bytes) -> bool {
        let news = !self.control.contains(&message);
        if news {
            self.control.push_back(message);
        }
        news
    }
}

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Conns {
    map: HashMap<ConnId, Conn>,
    next: u64,
}

impl Conns {
    pub(crate) fn open(&mut self, peer: PeerId, side: Side) -> ConnId {
        self.next += 1;
        let id = ConnId(self.next);
        self.map.insert(
            id,
            Conn {
                peer,
                side,
                partial: Vec::new(),
                max_len: wire::MAX_LEN,
                control: VecDeque::new(),
            },
        );
        id
    }

    pub(crate) fn get(&self, id: ConnId) -> Option<&Conn> {
        self.map.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.map.get_mut(&id)
    }

    pub(crate) fn remove(&mut self, id: ConnId) -> Option<Conn> {
        self.map.remove(&id)
    }
}
