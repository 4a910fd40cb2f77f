//! Our own `reflector`, as it is built for users.

use std::fmt::Write as _;

use super::{Layout, PEERS, Peers, SERVER};
use crate::daemon::reflector_binary;
use crate::lab::Namespace;

pub(super) fn command(config: &str) -> Vec<String> {
    vec![reflector_binary(), "--config".into(), config.into()]
}

pub(super) fn render(namespace: &Namespace, layout: &Layout) -> String {
    let families = match layout.dual {
        true => "[ipv4-unicast, ipv6-unicast]",
        false => "[ipv4-unicast]",
    };
    let socket = namespace.dir().join("api.sock");
    let mut text = format!(
        "as: {}\nrouter-id: {SERVER}\napi:\n  socket: {}\n",
        layout.asn,
        socket.display()
    );
    match &layout.peers {
        Peers::Clients => {
            let _ = write!(
                text,
                "dynamic-peers:\n  - prefix: {PEERS}\n    as: internal\n    limit: 10000\n    \
                 route-reflector-client: true\n    families: {families}\n"
            );
        }
        Peers::External(peers) => {
            text.push_str("peers:\n");
            for (address, asn) in peers {
                let _ = write!(
                    text,
                    "  - address: {address}\n    as: {asn}\n    passive: true\n    import: all\n    \
                     export: all\n    families: {families}\n"
                );
            }
        }
    }
    text
}
