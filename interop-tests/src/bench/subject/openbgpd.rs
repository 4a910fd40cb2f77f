//! OpenBGPD: three processes, no kernel.

use std::fmt::Write as _;

use super::{Layout, PEERS, Peers, SERVER};
use crate::lab::Namespace;

/// Also called `bgpd`, as FRR's and our own: never without its directory.
pub(super) const PROGRAM: &str = "/usr/sbin/bgpd";

/// Its unprivileged processes want a directory below `/run` that only a running system has; here
/// it is made where nobody else sees it.
const IN_ITS_RUN: &str = "mount -t tmpfs none /run && mkdir /run/openbgpd && exec \"$@\"";

pub(super) fn command(config: &str) -> Vec<String> {
    let around = ["unshare", "--mount", "--propagation", "private"];
    let shell = ["sh", "-c", IN_ITS_RUN, "sh"];
    let words = around.into_iter().chain(shell);
    let words = words.chain([PROGRAM, "-d", "-f", config]);
    words.map(str::to_owned).collect()
}

pub(super) fn render(namespace: &Namespace, layout: &Layout) -> String {
    let socket = namespace.dir().join("openbgpd.sock");
    let mut text = format!(
        "AS {}\nrouter-id {SERVER}\nsocket \"{}\"\nlisten on {SERVER}\nfib-update no\n\
         nexthop qualify via default\n",
        layout.asn,
        socket.display()
    );
    let families = match layout.dual {
        true => "announce IPv4 unicast\n  announce IPv6 unicast",
        false => "announce IPv4 unicast\n  announce IPv6 none",
    };
    match &layout.peers {
        Peers::Clients => {
            let _ = write!(
                text,
                "neighbor {PEERS} {{\n  remote-as {}\n  passive\n  route-reflector {SERVER}\n  {families}\n}}\n",
                layout.asn
            );
        }
        Peers::Reflectors(reflectors) => {
            for address in reflectors {
                let _ = write!(
                    text,
                    "neighbor {address} {{\n  remote-as {}\n  passive\n  {families}\n}}\n",
                    layout.asn
                );
            }
        }
        Peers::External(peers) => {
            for (address, asn) in peers {
                let _ = write!(
                    text,
                    "neighbor {address} {{\n  remote-as {asn}\n  passive\n  multihop 64\n  {families}\n}}\n"
                );
            }
        }
    }
    text.push_str("allow from any\nallow to any\n");
    text
}
