//! GoBGP with its defaults; clients of a reflector are dynamic neighbours.

use std::fmt::Write as _;

use super::{Layout, PEERS, Peers, SERVER};
use crate::daemon::GOBGPD;

pub(super) fn command(config: &str) -> Vec<String> {
    let words = [
        GOBGPD,
        "-f",
        config,
        "--api-hosts",
        "127.0.0.1:50051",
        "--pprof-disable",
        "--log-level",
        "error",
    ];
    words.map(str::to_owned).to_vec()
}

pub(super) fn render(layout: &Layout) -> String {
    let mut text = format!(
        "[global.config]\nas = {}\nrouter-id = \"{SERVER}\"\nport = 179\nlocal-address-list = [\"{SERVER}\"]\n",
        layout.asn
    );
    match &layout.peers {
        Peers::Clients => {
            let _ = write!(
                text,
                "[[peer-groups]]\n[peer-groups.config]\npeer-group-name = \"clients\"\npeer-as = {asn}\n\
                 [peer-groups.route-reflector.config]\nroute-reflector-client = true\n\
                 route-reflector-cluster-id = \"{SERVER}\"\n{}\
                 [[dynamic-neighbors]]\n[dynamic-neighbors.config]\nprefix = \"{PEERS}\"\npeer-group = \"clients\"\n",
                families("peer-groups", layout.dual),
                asn = layout.asn,
            );
        }
        Peers::Reflectors(reflectors) => {
            for address in reflectors {
                let _ = write!(
                    text,
                    "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{address}\"\npeer-as = {}\n\
                     [neighbors.transport.config]\npassive-mode = true\n{}",
                    layout.asn,
                    families("neighbors", layout.dual),
                );
            }
        }
        Peers::External(peers) => {
            for (address, asn) in peers {
                let _ = write!(
                    text,
                    "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{address}\"\npeer-as = {asn}\n\
                     [neighbors.transport.config]\npassive-mode = true\n\
                     [neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 255\n{}",
                    families("neighbors", layout.dual),
                );
            }
        }
    }
    text
}

fn families(of: &str, dual: bool) -> String {
    let names: &[&str] = match dual {
        true => &["ipv4-unicast", "ipv6-unicast"],
        false => &["ipv4-unicast"],
    };
    let one = |name: &&str| {
        format!("[[{of}.afi-safis]]\n[{of}.afi-safis.config]\nafi-safi-name = \"{name}\"\n")
    };
    names.iter().map(one).collect()
}
