//! One simulated client.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use crate::speaker::{self, AttributeSet, Message};
use crate::{LabError, Result};

/// A reflector client that announces one block and counts the others'.
pub(super) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    address: Ipv4Addr,
    index: usize,
    keepalives: u32,
    has: Vec<bool>,
    learned: usize,
}

impl Client {
    /// Takes a fresh connection and sends OPEN.
    pub(super) fn new(
        mut stream: TcpStream,
        address: Ipv4Addr,
        asn: u32,
        index: usize,
        count: usize,
    ) -> Result<Client> {
        stream.write_all(&speaker::open(asn, 180, address))?;
        stream.set_nonblocking(true)?;
        let (has, buffer) = (vec![false; count], Vec::new());
        Ok(Client {
            stream,
            buffer,
            address,
            index,
            keepalives: 0,
            has,
            learned: 0,
        })
    }

    /// Whether the daemon has accepted our OPEN.
    pub(super) fn is_up(&self) -> bool {
        self.keepalives > 0
    }

    /// How many blocks of others it has.
    pub(super) fn learned(&self) -> usize {
        self.learned
    }

    /// Announces its block.
    pub(super) fn announce(&mut self) -> Result<()> {
        let attributes = AttributeSet::mandatory(&[], self.address).local_pref();
        let update = speaker::update_v4(&attributes, &[super::block(self.index)?]);
        Ok(self.stream.write_all(&update)?)
    }

    /// Reads what is there and acts on every whole message.
    pub(super) fn read(&mut self) -> Result<()> {
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Err(LabError::new(format!("client {} was closed", self.index))),
            Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => {
                return Err(LabError::from(error).during(format!("client {}", self.index)));
            }
        }
        let mut used = 0;
        while let Some((message, length)) = speaker::frame(&self.buffer[used..])? {
            used += length;
            self.act(&message)?;
        }
        self.buffer.drain(..used);
        Ok(())
    }

    fn act(&mut self, message: &Message) -> Result<()> {
        if let Some(notification) = message.notification() {
            return Err(LabError::new(format!(
                "client {} was told {notification:?}",
                self.index
            )));
        }
        match message.kind {
            speaker::OPEN => self.stream.write_all(&speaker::keepalive())?,
            speaker::KEEPALIVE => self.keepalives += 1,
            speaker::UPDATE => self.learn(&message.body)?,
            other => return Err(LabError::new(format!("a message of type {other}"))),
        }
        Ok(())
    }

    fn learn(&mut self, body: &[u8]) -> Result<()> {
        let update = speaker::read_update(body)?;
        for (blocks, present) in [(&update.withdrawn, false), (&update.announced, true)] {
            for block in blocks {
                let had = self.has.get_mut(super::owner(block));
                let had = had.ok_or_else(|| LabError::new(format!("nobody's block {block}")))?;
                self.learned -= usize::from(*had);
                self.learned += usize::from(present);
                *had = present;
            }
        }
        Ok(())
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
