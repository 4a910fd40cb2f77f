//! A watch: snapshot, marker, changes, and a gap for who stopped reading.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use speaker::{ApiRoute, WatchChange, WatchFilter, WatchId, WatchProgress};
use wire::{AttrBuilder, Origin, Prefix};

use super::network::{TO_REFLECTOR, config, node_text};
use crate::{Net, NodeId};

const ROUTES: WatchFilter = WatchFilter {
    peers: false,
    routes: true,
};
const PEERS: WatchFilter = WatchFilter {
    peers: true,
    routes: false,
};

/// What a client knows after what it read, and how it got there.
#[derive(Default)]
struct Client {
    table: BTreeMap<Prefix, String>,
    peers: BTreeMap<String, bool>,
    last: u64,
    gaps: usize,
    markers: usize,
}

impl Client {
    fn read(&mut self, net: &mut Net, id: NodeId, watch: WatchId) {
        let mut more = true;
        while more {
            more = net.ask(id, |speaker, _| {
                speaker.watch_poll(watch, 500, &mut |sequence, change| {
                    assert_eq!(sequence, self.last + 1, "sequence numbers are consecutive");
                    self.last = sequence;
                    self.take(change);
                })
            }) == WatchProgress::More;
        }
    }

    fn take(&mut self, change: WatchChange<'_>) {
        match change {
            WatchChange::Gap { missed } => {
                assert!(missed > 0);
                self.gaps += 1;
                self.table.clear();
            }
            WatchChange::SnapshotEnd => self.markers += 1,
            WatchChange::Route(prefix, view) => {
                self.table
                    .insert(prefix, view.best().unwrap().next_hop.to_string());
            }
            WatchChange::RouteRemoved(prefix) => {
                self.table.remove(&prefix);
            }
            WatchChange::Peer(peer) => {
                self.peers
                    .insert(peer.config().name.clone(), peer.link().is_some());
            }
            WatchChange::PeerRemoved { name, .. } => {
                self.peers.remove(name);
            }
        }
    }
}

fn lone_node(net: &mut Net) -> NodeId {
    net.add(config(config::Role::Node, &node_text(1, TO_REFLECTOR)), &[])
}

fn prefix(index: u32) -> Prefix {
    let octets = (0x0a00_0000 | index).to_be_bytes();
    format!("{}.{}.{}.{}/32", octets[0], octets[1], octets[2], octets[3])
        .parse()
        .unwrap()
}

fn announce(net: &mut Net, id: NodeId, index: u32, host: u8) {
    let next_hop = std::net::Ipv4Addr::new(192, 0, 2, host);
    let mut attrs = AttrBuilder::new();
    attrs.set_origin(Origin::Igp).set_as_path(&[]);
    let route = ApiRoute {
        owner: "test".into(),
        next_hop: Some(wire::NextHop::V4(next_hop)),
        attrs: attrs.finish(),
    };
    net.ask(id, |speaker, _| speaker.announce(prefix(index), route))
        .unwrap();
}

fn table(net: &Net, id: NodeId, indexes: std::ops::Range<u32>) -> BTreeMap<Prefix, String> {
    let rib = net.speaker(id).rib();
    let best = |prefix| {
        rib.best(&prefix)
            .map(|path| (prefix, path.next_hop.to_string()))
    };
    let mut table: BTreeMap<_, _> = indexes.filter_map(|index| best(prefix(index))).collect();
    table.extend(
        net.speaker(id)
            .config()
            .blocks
            .iter()
            .filter_map(|block| best(*block)),
    );
    table
}

#[test]
fn a_watch_is_told_and_called_when_there_is_news() {
    let mut net = Net::new(4096);
    let id = lone_node(&mut net);
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let notify = Arc::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let watch = net
        .ask(id, |speaker, _| speaker.watch_open(ROUTES, notify))
        .unwrap();
    let mut client = Client::default();
    client.read(&mut net, id, watch);
    assert_eq!(
        (client.markers, client.table.len()),
        (1, 2),
        "the snapshot holds the node's own blocks"
    );
    net.run_for(Duration::from_millis(10));
    assert_eq!(
        calls.load(Ordering::Relaxed),
        0,
        "nothing happened, nobody is called"
    );
    announce(&mut net, id, 1, 1);
    net.run_for(Duration::from_millis(10));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    client.read(&mut net, id, watch);
    assert_eq!(client.table, table(&net, id, 0..10));
    assert_eq!((client.markers, client.gaps), (1, 0));
}

#[test]
fn who_stops_reading_gets_one_gap_and_a_whole_table() {
    let mut net = Net::new(4096);
    let id = lone_node(&mut net);
    let watch = net
        .ask(id, |speaker, _| speaker.watch_open(ROUTES, Arc::new(|| {})))
        .unwrap();
    let mut client = Client::default();
    client.read(&mut net, id, watch);
    for change in 0..100_000 {
        announce(&mut net, id, change % 20_000, (change / 20_000) as u8);
    }
    net.ask(id, |speaker, _| speaker.withdraw(prefix(7), "test"))
        .unwrap();
    client.read(&mut net, id, watch);
    assert_eq!((client.gaps, client.markers), (1, 2));
    assert_eq!(
        client.table.len(),
        20_001,
        "20,000 routes less one, and two blocks"
    );
    assert_eq!(client.table, table(&net, id, 0..20_000));
}

#[test]
fn peers_are_watched_through_their_life() {
    let mut net = Net::new(4096);
    let id = lone_node(&mut net);
    let watch = net
        .ask(id, |speaker, _| speaker.watch_open(PEERS, Arc::new(|| {})))
        .unwrap();
    let mut client = Client::default();
    client.read(&mut net, id, watch);
    assert_eq!(client.peers.keys().collect::<Vec<_>>(), ["10.0.0.250"]);
    let other = net.speaker(id).config().peers[0].clone();
    let added = config::Peer {
        address: "10.0.0.9".parse().unwrap(),
        name: "nine".into(),
        ..other
    };
    let peer = net
        .ask(id, |speaker, now| speaker.add_peer(now, added))
        .unwrap();
    client.read(&mut net, id, watch);
    assert_eq!(client.peers.len(), 2);
    net.ask(id, |speaker, now| speaker.delete_peer(now, peer))
        .unwrap();
    client.read(&mut net, id, watch);
    assert_eq!((client.peers.len(), client.gaps, client.markers), (1, 0, 1));
}

#[test]
fn a_peer_that_goes_while_the_snapshot_is_read_is_told_of() {
    let mut net = Net::new(4096);
    let id = lone_node(&mut net);
    for index in 0..100 {
        announce(&mut net, id, index, 1);
    }
    let other = net.speaker(id).config().peers[0].clone();
    let added = config::Peer {
        address: "10.0.0.9".parse().unwrap(),
        name: "nine".into(),
        ..other
    };
    let peer = net
        .ask(id, |speaker, now| speaker.add_peer(now, added))
        .unwrap();
    let both = WatchFilter {
        peers: true,
        routes: true,
    };
    let watch = net
        .ask(id, |speaker, _| speaker.watch_open(both, Arc::new(|| {})))
        .unwrap();
    let mut client = Client::default();
    let progress = net.ask(id, |speaker, _| {
        speaker.watch_poll(watch, 10, &mut |sequence, change| {
            client.last = sequence;
            client.take(change);
        })
    });
    assert_eq!(progress, WatchProgress::More);
    assert_eq!(client.peers.len(), 2);
    net.ask(id, |speaker, now| speaker.delete_peer(now, peer))
        .unwrap();
    client.read(&mut net, id, watch);
    assert_eq!((client.peers.len(), client.markers), (1, 1));
}
