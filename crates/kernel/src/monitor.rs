//! The thread that listens: notifications of links, addresses and routes, and dumps on request.
//!
//! Dumps are read here, between two notifications, so that what happened while a dump was read is
//! told after it and never before.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use fib::{KernelEvent, RouteChange};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::dump;
use crate::event::OnEvent;
use crate::interfaces;
use crate::message;
use crate::netlink::Message;
use crate::socket::{Received, RouteSocket};

/// RTNLGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE of linux/rtnetlink.h.
const GROUPS: [u32; 5] = [1, 5, 7, 9, 11];
const BUFFER: usize = 16 << 20;
/// Datagrams taken in before what they say is told.
const AT_ONCE: usize = 64;
/// Pause before a broken socket is opened again.
const REOPEN: Duration = Duration::from_secs(1);

pub(crate) struct Monitor {
    socket: RouteSocket,
    /// An octet asks for a dump; the end of the stream ends the thread.
    wake: UnixStream,
    /// Tables of which routes matter.
    tables: Vec<u32>,
    /// The writer's port: route notifications caused by it are ours.
    writer: u32,
    on_event: Arc<OnEvent>,
}

/// Opens a socket that hears from now on. Notifications of routes that `writer` causes are ours.
pub(crate) fn open(writer: u32) -> io::Result<RouteSocket> {
    let socket = RouteSocket::open(BUFFER)?;
    // Without it there is more to read and the same to tell: see `event`.
    let _ = socket.ignore_routes_of(writer);
    for group in GROUPS {
        socket.subscribe(group)?;
    }
    Ok(socket)
}

impl Monitor {
    pub(crate) fn new(
        socket: RouteSocket,
        wake: UnixStream,
        tables: Vec<u32>,
        writer: u32,
        on_event: Arc<OnEvent>,
    ) -> Self {
        Monitor {
            socket,
            wake,
            tables,
            writer,
            on_event,
        }
    }

    /// Runs until the other end of `wake` is dropped.
    pub(crate) fn run(mut self) {
        while let Err(error) = self.watch() {
            (self.on_event)(KernelEvent::Failed(format!(
                "cannot watch the kernel's routes: {error}"
            )));
            if self.pause() {
                return;
            }
            if let Ok(socket) = open(self.writer) {
                self.socket = socket;
                (self.on_event)(KernelEvent::Overrun);
            }
        }
    }

    fn watch(&mut self) -> io::Result<()> {
        loop {
            let mut fds = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let woken = fds[1].any().unwrap_or(false);
            self.listen()?;
            if woken {
                match self.wake.read(&mut [0; 64]) {
                    Ok(0) => return Ok(()),
                    Ok(_) => self.tell_dump(),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Waits before another attempt; true if the thread should end.
    fn pause(&mut self) -> bool {
        let timeout = PollTimeout::try_from(REOPEN).unwrap_or(PollTimeout::MAX);
        match poll(
            &mut [PollFd::new(self.wake.as_fd(), PollFlags::POLLHUP)],
            timeout,
        ) {
            Ok(0) | Err(_) => false,
            Ok(_) => matches!(self.wake.read(&mut [0; 64]), Ok(0)),
        }
    }

    fn tell_dump(&self) {
        (self.on_event)(match dump::read(&self.tables) {
            Ok(dump) => KernelEvent::Dump(Box::new(dump)),
            Err(error) => KernelEvent::Failed(format!("cannot read the kernel's routes: {error}")),
        });
    }

    /// Takes in what is there and tells it.
    fn listen(&mut self) -> io::Result<()> {
        let mut events = Vec::new();
        for _ in 0..AT_ONCE {
            let (writer, tables) = (self.writer, &self.tables);
            match self
                .socket
                .receive(|message| events.extend(event(&message, writer, tables)))?
            {
                Received::Messages => {}
                Received::Nothing => break,
                Received::Lost => {
                    // One error, then silent loss until the queue is empty.
                    while !matches!(self.socket.receive(|_| {})?, Received::Nothing) {}
                    (self.on_event)(KernelEvent::Overrun);
                    return Ok(());
                }
            }
        }
        for event in events {
            (self.on_event)(event);
        }
        Ok(())
    }
}

fn event(message: &Message<'_>, writer: u32, tables: &[u32]) -> Option<KernelEvent> {
    match message.kind {
        libc::RTM_NEWLINK => Some(KernelEvent::Link(interfaces::link_in(message)?)),
        libc::RTM_DELLINK => Some(KernelEvent::LinkGone(interfaces::link_in(message)?.index)),
        kind @ (libc::RTM_NEWADDR | libc::RTM_DELADDR) => Some(KernelEvent::Address {
            address: interfaces::address_in(message)?,
            added: kind == libc::RTM_NEWADDR,
        }),
        // The socket's filter leaves ours out where the kernel takes one.
        kind @ (libc::RTM_NEWROUTE | libc::RTM_DELROUTE) if message.port != writer => {
            let route = message::to_route(message)?;
            let removed = kind == libc::RTM_DELROUTE;
            let watched = tables.contains(&route.table);
            watched.then_some(KernelEvent::Route(RouteChange { route, removed }))
        }
        _ => None,
    }
}
