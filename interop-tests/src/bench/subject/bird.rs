//! BIRD 2: passive and multihop, with a table of its own in which every next hop is reached.

use std::fmt::Write as _;

use super::{Layout, PEERS, Peers, SERVER};
use crate::lab::Namespace;

pub(super) const PROGRAM: &str = "/usr/sbin/bird";

pub(super) fn command(namespace: &Namespace, config: &str) -> Vec<String> {
    let file = |name: &str| namespace.dir().join(name).to_string_lossy().into_owned();
    let (socket, pid) = (file("bird.ctl"), file("bird.pid"));
    let words = [PROGRAM, "-f", "-c", config, "-s", &socket, "-P", &pid];
    words.map(str::to_owned).to_vec()
}

pub(super) fn render(layout: &Layout) -> String {
    let mut text = format!(
        "log stderr {{ warning, error, fatal, bug }};\nrouter id {SERVER};\nprotocol device {{}}\n\
         ipv4 table igp4;\n"
    );
    if !matches!(layout.peers, Peers::Reflectors(_)) {
        text.push_str("protocol static { ipv4 { table igp4; }; route 10.8.0.0/15 via \"lo\"; }\n");
    }
    let mut channels = "ipv4 { import all; export all; igp table igp4; };".to_owned();
    if layout.dual {
        text.push_str(
            "ipv6 table igp6;\nprotocol static { ipv6 { table igp6; }; route fd09::/16 via \"lo\"; }\n",
        );
        channels.push_str(" ipv6 { import all; export all; igp table igp6; };");
    }
    let asn = layout.asn;
    match &layout.peers {
        Peers::Clients => {
            let _ = writeln!(
                text,
                "protocol bgp {{\n  local {SERVER} as {asn}; neighbor range {PEERS} as {asn}; dynamic name \"client\";\n  \
                 passive on; multihop; rr client; rr cluster id {SERVER};\n  {channels}\n}}"
            );
        }
        Peers::Reflectors(reflectors) => {
            text.push_str(
                "protocol direct { ipv4 { table igp4; }; }\nprotocol kernel { ipv4 { export all; import none; }; }\n",
            );
            for address in reflectors {
                let _ = writeln!(
                    text,
                    "protocol bgp {{\n  local {SERVER} as {asn}; neighbor {address} as {asn}; passive on;\n  \
                     ipv4 {{ import all; export none; gateway recursive; igp table igp4; }};\n}}"
                );
            }
        }
        Peers::External(peers) => {
            for (address, peer) in peers {
                let _ = writeln!(
                    text,
                    "protocol bgp {{\n  local {SERVER} as {asn}; neighbor {address} as {peer}; passive on; multihop;\n  \
                     {channels}\n}}"
                );
            }
        }
    }
    text
}
