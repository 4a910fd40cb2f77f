//! FRR's bgpd alone: no zebra (`-Z`), no kernel (`-n`), and none of its waiting.

use std::fmt::Write as _;

use super::{Layout, PEERS, Peers, SERVER};
use crate::daemon::FRR_BGPD;
use crate::lab::Namespace;

pub(super) fn command(namespace: &Namespace, config: &str) -> Vec<String> {
    let dir = namespace.dir().to_string_lossy().into_owned();
    let pid = format!("{dir}/frr.pid");
    // -S: it stays the user it is, so that it can read its files.
    let words = [
        FRR_BGPD,
        "-Z",
        "-n",
        "-S",
        "-f",
        config,
        "-i",
        &pid,
        "-p",
        "179",
        "-P",
        "0",
        "-A",
        "127.0.0.1",
        "--vty_socket",
        &dir,
        "--log",
        "stdout",
    ];
    words.map(str::to_owned).to_vec()
}

pub(super) fn render(layout: &Layout) -> String {
    let mut text = format!(
        "log stdout errors\nrouter bgp {asn}\n bgp router-id {SERVER}\n bgp cluster-id {SERVER}\n \
         no bgp default ipv4-unicast\n no bgp ebgp-requires-policy\n bgp bestpath compare-routerid\n \
         bgp graceful-restart-disable\n coalesce-time 0\n neighbor ALL peer-group\n \
         neighbor ALL passive\n neighbor ALL advertisement-interval 0\n",
        asn = layout.asn
    );
    let mut client = "";
    match &layout.peers {
        Peers::Clients => {
            client = "  neighbor ALL route-reflector-client\n";
            let _ = write!(
                text,
                " neighbor ALL remote-as internal\n bgp listen limit 5000\n \
                 bgp listen range {PEERS} peer-group ALL\n"
            );
        }
        Peers::Reflectors(reflectors) => {
            text.push_str(" neighbor ALL remote-as internal\n");
            for address in reflectors {
                let _ = writeln!(text, " neighbor {address} peer-group ALL");
            }
        }
        Peers::External(peers) => {
            text.push_str(" neighbor ALL ebgp-multihop 255\n");
            for (address, asn) in peers {
                let _ = write!(
                    text,
                    " neighbor {address} remote-as {asn}\n neighbor {address} peer-group ALL\n"
                );
            }
        }
    }
    for family in families(layout.dual) {
        let _ = write!(
            text,
            " address-family {family} unicast\n  neighbor ALL activate\n{client} exit-address-family\n"
        );
    }
    text.push_str("exit\n");
    text
}

fn families(dual: bool) -> &'static [&'static str] {
    if dual { &["ipv4", "ipv6"] } else { &["ipv4"] }
}
