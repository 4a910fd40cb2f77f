//! Our own `reflector`, or `bgpd` where a node is the case, as they are built for users.

use std::fmt::Write as _;

use super::{Layout, PEERS, Peers, SERVER};
use crate::daemon::{bgpd_binary, reflector_binary};
use crate::lab::Namespace;

pub(super) fn command(layout: &Layout, config: &str) -> Vec<String> {
    let program = match layout.peers {
        Peers::Reflectors(_) => bgpd_binary(),
        Peers::External(_) | Peers::Clients => reflector_binary(),
    };
    vec![program, "--config".into(), config.into()]
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
        Peers::Reflectors(reflectors) => {
            text.push_str("peers:\n");
            for address in reflectors {
                let _ = write!(
                    text,
                    "  - address: {address}\n    as: internal\n    passive: true\n    families: {families}\n"
                );
            }
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
