//! The floor: `bench null-daemon`, this tool's own forwarder.

use std::net::Ipv4Addr;

use super::{Layout, Peers, SERVER};

/// This tool itself; it stands beside the other programs also when a test runs it.
pub(super) fn program() -> String {
    crate::daemon::beside_us("bench")
        .to_string_lossy()
        .into_owned()
}

pub(super) fn command(layout: &Layout) -> Vec<String> {
    let mut words = vec![
        program(),
        "null-daemon".into(),
        SERVER.to_string(),
        layout.asn.to_string(),
    ];
    if let Peers::External(peers) = &layout.peers {
        let first: Option<&(Ipv4Addr, u32)> = peers.first();
        words.extend(first.map(|(address, _)| address.to_string()));
    }
    words
}
