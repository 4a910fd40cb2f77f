//! Single questions to the kernel's routing.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use nix::libc;

use crate::message;
use crate::socket::{Received, RouteSocket};

const PATIENCE: Duration = Duration::from_secs(2);
const BUFFER: usize = 64 << 10;

/// The source address that the kernel would use toward `destination`; none if there is no route or
/// no answer.
#[must_use]
pub fn source_address_for(destination: IpAddr) -> Option<IpAddr> {
    let mut socket = RouteSocket::open(BUFFER).ok()?;
    let mut octets = Vec::new();
    let sequence = socket.next_sequence();
    message::push_query(&mut octets, destination, sequence);
    socket.send(&octets).ok()?;
    let deadline = Instant::now() + PATIENCE;
    let mut source = None;
    loop {
        if !socket.wait(deadline).ok()? {
            return None;
        }
        let received = socket.receive(|message| {
            if message.kind == libc::RTM_NEWROUTE {
                source = message::source_of(&message);
            }
        });
        match received.ok()? {
            Received::Messages => return source,
            Received::Nothing => {}
            Received::Lost => return None,
        }
    }
}
