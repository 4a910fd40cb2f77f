//! Soft resets of a peer that cannot be asked for its routes.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use config::Role;
use speaker::{Admission, ConnId, PeerError, ResetKind};
use wire::Asn;

use super::network::{addresses, config};
use super::peers::up;
use crate::{Net, NodeId};

fn text(import: &str) -> String {
    format!(
        "as: 64512\nrouter-id: 10.0.0.1\nkernel: {{enabled: false}}\nadvertise: {{blocks: [10.244.1.0/24]}}\npeers:\n\
         - {{name: old, address: 10.0.0.2, as: internal, families: [ipv4-unicast], import: {import}, passive: true}}\n"
    )
}

/// A node, and the connection of a peer that offers nothing at all.
fn beside_an_old_peer() -> (Net, NodeId, ConnId) {
    let mut net = Net::new(65_536);
    let id = net.add(config(Role::Node, &text("all")), &addresses(1));
    let [local, remote] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(|ip| SocketAddr::from((ip, 179)));
    let admission = net.ask(id, |speaker, now| speaker.on_accepted(now, local, remote));
    let Admission::Accepted { conn, .. } = admission else {
        panic!("it is a peer");
    };
    let open = wire::Open::new(Asn(64512), 0, [10, 0, 0, 2].into(), Vec::new());
    for message in [open.encode(), wire::keepalive()] {
        net.ask(id, |speaker, now| speaker.on_bytes(now, conn, &message));
    }
    net.run_for(Duration::from_secs(1));
    assert_eq!(up(&net, id), 1);
    (net, id, conn)
}

/// UPDATE messages that wait to be sent.
fn updates(net: &mut Net, id: NodeId, conn: ConnId) -> usize {
    net.run_for(Duration::from_secs(1));
    let mut waiting: Vec<Bytes> = Vec::new();
    net.ask(id, |speaker, now| {
        speaker.fill(now, conn, &mut waiting, 1 << 20)
    });
    waiting.iter().filter(|message| message[18] == 2).count()
}

#[test]
fn who_cannot_be_asked_is_not_and_can_be_told_again() {
    let (mut net, id, conn) = beside_an_old_peer();
    assert!(updates(&mut net, id, conn) > 0, "the first table");
    assert_eq!(updates(&mut net, id, conn), 0);
    let peer = net.speaker(id).find_peer("old").unwrap();
    let mut reset = |kind| net.ask(id, |speaker, now| speaker.reset_peer(now, peer, kind));
    let refused = reset(ResetKind::SoftIn);
    let name = "old".to_owned();
    assert_eq!(refused, Err(PeerError::NoRouteRefresh { name }));
    let said = refused.unwrap_err().to_string();
    for part in [
        "RFC 2918",
        "`keep-received` is not there yet",
        "`bgpctl peer reset old`",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(reset(ResetKind::SoftOut), Ok(()));
    assert_eq!(updates(&mut net, id, conn), 1);
    assert_eq!(up(&net, id), 1, "the session stays");
}

#[test]
fn who_cannot_be_asked_begins_anew_under_another_import() {
    let (mut net, id, _) = beside_an_old_peer();
    let new = config(Role::Node, &text("none"));
    net.ask(id, |speaker, now| speaker.reload(now, new));
    assert_eq!(up(&net, id), 0);
}
