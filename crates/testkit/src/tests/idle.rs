//! What an idle speaker is woken for: its keepalives, and nothing else. A node compares the kernel's routes with its own
//! now and then; that is left out here.

use std::time::Duration;

use config::Role;
use wire::MessageType;

use super::network::{MINUTE, TO_REFLECTOR, addresses, config, node_text, reflector};
use super::peers::up;
use crate::{Net, NodeId};

fn keepalives(net: &Net, ids: &[NodeId]) -> u64 {
    let peers = ids.iter().flat_map(|id| net.speaker(*id).peers());
    peers
        .map(|peer| peer.session().counters().sent(MessageType::Keepalive))
        .sum()
}

#[test]
fn an_idle_cluster_wakes_for_keepalives_only() {
    let mut net = Net::new(65_536);
    let rr = reflector(&mut net, 250);
    let mut ids = vec![rr];
    for host in 1..=6 {
        let text = format!(
            "kernel: {{enabled: false}}\n{}",
            node_text(host, TO_REFLECTOR)
        );
        ids.push(net.add(config(Role::Node, &text), &addresses(host)));
    }
    assert!(net.run_until(MINUTE, |net| up(net, rr) == 6));
    net.run_for(MINUTE);
    let before = keepalives(&net, &ids);
    let mut awake = 0;
    net.run_until(MINUTE * 60, |_| {
        awake += 1;
        false
    });
    let sent = keepalives(&net, &ids) - before;
    // 6 sessions of two ends each, every 22.5 s to 30 s; and the end of the hour.
    assert!((12 * 120..=12 * 160).contains(&sent), "{sent}");
    assert!(awake <= sent + 2, "{awake} wake-ups for {sent} keepalives");
    let stats = net.speaker(rr).rib().stats();
    assert_eq!((stats.tombstones, stats.log_bytes), (0, 0));
    assert!(net.elapsed() >= Duration::from_secs(3660));
}
