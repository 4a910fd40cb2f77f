//! The load tool: many simulated reflector clients, one block each.
//!
//! All connect, then all announce, then all must have learned all others' blocks. Measured are the
//! time from the first announcement to the last block learned, and what the daemon used for it.
//! The clients are one thread that waits on all sockets at once, so that a small machine is left
//! to the daemon.

mod client;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipnet::Ipv4Net;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use self::client::Client;
use crate::daemon::{Daemon, Kind, Spec};
use crate::lab::{Lab, Namespace, ProcessUse};
use crate::speaker::open_stream;
use crate::{LabError, Result};

const AS: u32 = 64512;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 255, 1);
const LIMIT: Duration = Duration::from_secs(120);

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// From the first connection to the last session that was up.
    pub connecting: Duration,
    /// From the first announcement to the last block learned.
    pub learning: Duration,
    /// What the daemon used in `learning`.
    pub cpu: Duration,
    /// Resident memory of the daemon before anybody connected, in KiB.
    pub idle_kib: u64,
    /// Its largest resident memory, in KiB.
    pub peak_kib: u64,
}

/// Runs `count` clients against a daemon of this kind.
///
/// # Errors
/// When a session is refused, or not everything is learned within two minutes.
pub fn run(kind: Kind, count: usize) -> Result<Outcome> {
    let lab = Lab::new("load")?;
    let namespace = lab.namespace("load")?;
    // The whole network is local on `lo`: every client has an address of its own.
    namespace.ip_batch("addr add 10.9.0.0/16 dev lo\n")?;
    let mut spec = Spec::new(AS, 1).reflecting();
    spec.v4 = SERVER;
    spec.cluster_id = Some(SERVER);
    spec.dynamic = Some("10.9.0.0/16".parse().map_err(|_| LabError::new("prefix"))?);
    let mut daemon = kind.daemon(&namespace, spec);
    daemon.start()?;
    let idle = usage(&mut *daemon)?;
    let started = Instant::now();
    let mut clients = connect(&namespace, count)?;
    drive(&mut clients, "sessions", Client::is_up)?;
    let connecting = started.elapsed();
    let before = usage(&mut *daemon)?;
    let started = Instant::now();
    clients.iter_mut().try_for_each(Client::announce)?;
    drive(&mut clients, "blocks", |client| {
        client.learned() + 1 >= count
    })?;
    let learning = started.elapsed();
    let after = usage(&mut *daemon)?;
    Ok(Outcome {
        connecting,
        learning,
        cpu: after.cpu.saturating_sub(before.cpu),
        idle_kib: idle.resident_kib,
        peak_kib: after.peak_kib,
    })
}

fn usage(daemon: &mut dyn Daemon) -> Result<ProcessUse> {
    daemon
        .process()
        .ok_or_else(|| LabError::new("the daemon is not running"))?
        .usage()
}

fn connect(namespace: &Namespace, count: usize) -> Result<Vec<Client>> {
    namespace.within(move || {
        let one = |index: usize| {
            let address = client_address(index)?;
            let stream = open_stream(IpAddr::V4(address), SocketAddr::new(SERVER.into(), 179))?;
            Client::new(stream, address, AS, index, count)
        };
        (0..count).map(one).collect()
    })
}

/// Reads what comes on any connection until `done` holds for every client.
fn drive(clients: &mut [Client], what: &str, done: impl Fn(&Client) -> bool) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let waiting = clients.iter().filter(|client| !done(client)).count();
        if waiting == 0 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(LabError::new(format!(
                "{waiting} clients still wait for {what}"
            )));
        }
        let mut set: Vec<PollFd<'_>> = clients
            .iter()
            .map(|client| PollFd::new(client.as_fd(), PollFlags::POLLIN))
            .collect();
        poll(&mut set, PollTimeout::from(1000u16))?;
        let ready: Vec<bool> = set.iter().map(|one| one.any().unwrap_or(false)).collect();
        for (client, _) in clients.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            client.read()?;
        }
    }
}

fn client_address(index: usize) -> Result<Ipv4Addr> {
    let number = u16::try_from(index + 1).map_err(|_| LabError::new("too many clients"))?;
    let [high, low] = number.to_be_bytes();
    Ok(Ipv4Addr::new(10, 9, high, low))
}

/// The block of client `index`: 10.100.0.0/24 and those that follow it.
fn block(index: usize) -> Result<Ipv4Net> {
    let first = u32::from(Ipv4Addr::new(10, 100, 0, 0));
    let offset = u32::try_from(index).map_err(|_| LabError::new("too many clients"))? << 8;
    Ipv4Net::new(Ipv4Addr::from(first + offset), 24).map_err(|e| LabError::new(e.to_string()))
}

/// The client whose block this is.
fn owner(block: &Ipv4Net) -> usize {
    let first = u32::from(Ipv4Addr::new(10, 100, 0, 0));
    (u32::from(block.addr()).wrapping_sub(first) >> 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_again() {
        for index in [0, 1, 255, 256, 4999] {
            assert_eq!(owner(&block(index).unwrap()), index);
        }
    }
}
