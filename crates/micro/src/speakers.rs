//! Cases that drive a whole speaker: octets in, octets out.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use bytes::BytesMut;
use speaker::ConnId;
use wire::{Asn, AttrBuilder, Origin, Prefix};

use crate::case::{Measure, Size, measure};
use crate::feed::{self, Set};
use crate::host::{Host, Remote};

/// The fewest octets that say a route: a length, and a prefix of 16 bits.
const LEAST_NLRI: usize = 3;

/// The n-th peer of a kind; `net` is the second octet of its address.
pub(crate) fn remote(net: u8, index: usize, asn: u32) -> Remote {
    let [low, high] = u16::try_from(index + 1).expect("few peers").to_le_bytes();
    Remote {
        address: Ipv4Addr::new(10, net, high, low),
        asn: Asn(asn),
    }
}

/// A feeder has an AS of its own, which begins its paths; receivers may share one.
fn feeders(count: usize) -> Vec<Remote> {
    (65_001..)
        .zip(0..count)
        .map(|(asn, index)| remote(1, index, asn))
        .collect()
}

fn receivers(count: usize) -> Vec<Remote> {
    (0..count).map(|index| remote(2, index, 64_000)).collect()
}

/// Every feeder and every receiver by name; import and export take everything.
pub(crate) fn exchange(peers: &[Remote]) -> String {
    let mut text = String::from("as: 64512\nrouter-id: 10.0.0.250\npeers:\n");
    for Remote { address, asn } in peers {
        writeln!(
            text,
            "  - {{address: {address}, as: {asn}, import: all, export: all, passive: true}}"
        )
        .expect("a text takes everything");
    }
    text
}

/// Full tables from eBGP feeders to eBGP receivers. An operation is a route of a feeder.
pub(crate) fn full_table(size: &Size) -> Measure {
    let (feeders, receivers) = (feeders(size.feeders), receivers(size.receivers));
    let octets: Vec<BytesMut> = feeders
        .iter()
        .map(|feeder| feed::updates(&feed::table(size.prefixes, feeder.asn), feeder.address))
        .collect();
    let mut host = Host::new(&exchange(&[&feeders[..], &receivers].concat()));
    let heard: Vec<ConnId> = receivers.iter().map(|one| host.connect(*one)).collect();
    let said: Vec<(ConnId, &[u8])> = feeders
        .iter()
        .zip(&octets)
        .map(|(feeder, octets)| (host.connect(*feeder), &octets[..]))
        .collect();
    let (measure, ()) = measure(size.prefixes * size.feeders, || host.hear(&said));
    for (receiver, conn) in receivers.iter().zip(heard) {
        assert_eq!(host.advertised(receiver.address), size.prefixes);
        assert!(host.sent(conn) > size.prefixes * LEAST_NLRI);
    }
    measure
}

/// Reflector clients of one block each, all at once, their sessions included. An operation is a block that one of the
/// others gets.
pub(crate) fn cluster(size: &Size) -> Measure {
    let clients: Vec<Remote> = (0..size.clients)
        .map(|index| remote(3, index, 64_512))
        .collect();
    let octets: Vec<BytesMut> = clients.iter().map(block).collect();
    let mut host = Host::new(
        "as: 64512\nrouter-id: 10.0.0.250\ndynamic-peers:\n  - {prefix: 10.3.0.0/16, as: internal, route-reflector-client: true}\n",
    );
    let others = size.clients - 1;
    let (measure, conns) = measure(size.clients * others, || {
        let said: Vec<(ConnId, &[u8])> = clients
            .iter()
            .zip(&octets)
            .map(|(client, octets)| (host.connect(*client), &octets[..]))
            .collect();
        host.hear(&said);
        said
    });
    for (client, (conn, _)) in clients.iter().zip(conns) {
        assert_eq!(host.advertised(client.address), others);
        assert!(host.sent(conn) > others * LEAST_NLRI);
    }
    measure
}

/// What a node announces: one block, itself the next hop.
fn block(client: &Remote) -> BytesMut {
    let [_, _, high, low] = client.address.octets();
    let block = Prefix::new(Ipv4Addr::new(100, high, low, 0).into(), 24);
    let mut attrs = AttrBuilder::new();
    attrs
        .set_origin(Origin::Igp)
        .set_as_path(&[])
        .set_local_pref(100);
    let prefixes = vec![block.expect("a length that IPv4 has")];
    feed::updates(&[Set { attrs, prefixes }], client.address)
}
