//! Cases of the crate `wire`: octets to frames, frames to routes.

use wire::{Asn, DecodeContext, DecodeScratch, Families, Family, Frame};

use crate::case::{Measure, Size, measure};
use crate::feed;

/// What a session with one of our feeders agreed on.
const DECODE: DecodeContext = DecodeContext {
    internal: false,
    four_octet_as: true,
    families: Families::ALL,
    add_path: Families::EMPTY,
    extended_next_hop: Families::EMPTY,
    as_sets: true,
};

fn octets(size: &Size) -> Vec<u8> {
    let table = feed::table(size.prefixes, Asn(65_001));
    feed::updates(&table, [10, 1, 0, 1].into()).to_vec()
}

fn frames(octets: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let frame = wire::next_frame(rest, wire::MAX_LEN).expect("a good header");
        let (frame, length) = frame?;
        rest = &rest[length..];
        Some(frame)
    })
}

/// An operation is a message that is cut off.
pub(crate) fn frame(size: &Size) -> Measure {
    let octets = octets(size);
    let messages = frames(&octets).count();
    let (measure, cut) = measure(messages, || {
        frames(&octets).map(|frame| frame.body.len()).sum::<usize>()
    });
    assert_eq!(cut + messages * wire::HEADER_LEN, octets.len());
    measure
}

/// An operation is a route that is decoded and looked at.
pub(crate) fn parse(size: &Size) -> Measure {
    let octets = octets(size);
    let bodies: Vec<&[u8]> = frames(&octets).map(|frame| frame.body).collect();
    let mut scratch = DecodeScratch::new();
    let (measure, (routes, ends)) = measure(size.prefixes, || {
        let (mut routes, mut ends) = (0, 0);
        for body in bodies {
            let update = wire::decode_update(body, &DECODE, &mut scratch).expect("an UPDATE");
            ends += usize::from(update.end_of_rib == Some(Family::Ipv4Unicast));
            for reach in update.reach.iter().flatten() {
                let lengths = reach.nlri.iter().map(|nlri| nlri.prefix.prefix_len());
                routes += lengths.filter(|length| *length > 0).count();
            }
        }
        (routes, ends)
    });
    assert_eq!((routes, ends), (size.prefixes, 1));
    measure
}
