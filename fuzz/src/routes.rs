//! NLRI and the walk over attributes: the hand loops of `wire` against decoders written here with `nom`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::bytes::complete::take;
use nom::combinator::{cond, flat_map, verify};
use nom::multi::many0;
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};
use wire::{AttrView, Family, NlriBlock};

/// A path identifier, the octets of the address with what is behind the length cleared, and the length.
type Route = (u32, IpAddr, u8);

fn route(family: Family, ids: bool) -> impl FnMut(&[u8]) -> IResult<&[u8], Route> {
    let bits: u8 = match family {
        Family::Ipv4Unicast => 32,
        Family::Ipv6Unicast => 128,
    };
    move |input| {
        let (input, id) = cond(ids, be_u32).parse(input)?;
        let (input, length) = verify(be_u8, |length| *length <= bits).parse(input)?;
        let (input, octets) = take(length.div_ceil(8)).parse(input)?;
        let mut address = [0u8; 16];
        for (at, octet) in octets.iter().enumerate() {
            // What is left of the length in this octet.
            let left = u32::from(length).saturating_sub(8 * at as u32).min(8);
            let mask = 0xff00u32 >> left;
            address[at] = octet & (mask as u8);
        }
        let address = match family {
            Family::Ipv4Unicast => {
                Ipv4Addr::new(address[0], address[1], address[2], address[3]).into()
            }
            Family::Ipv6Unicast => Ipv6Addr::from(address).into(),
        };
        Ok((input, (id.unwrap_or(0), address, length)))
    }
}

fn reference(octets: &[u8], family: Family, ids: bool) -> Option<Vec<Route>> {
    let (rest, routes) = many0(route(family, ids)).parse(octets).ok()?;
    rest.is_empty().then_some(routes)
}

fn compare(octets: &[u8], family: Family, ids: bool) {
    let block = NlriBlock::parse(octets, family, ids);
    let ours = block.map(|block| {
        assert_eq!(block.len(), block.iter().count());
        let routes = block.iter();
        let routes = routes.map(|one| (one.path_id, one.prefix.addr(), one.prefix.prefix_len()));
        routes.collect::<Vec<Route>>()
    });
    assert_eq!(
        ours,
        reference(octets, family, ids),
        "{family:?} {ids} {octets:02x?}"
    );
}

/// NLRI with path identifiers, of both families.
pub(crate) fn path_ids(input: &[u8]) {
    for family in [Family::Ipv4Unicast, Family::Ipv6Unicast] {
        compare(input, family, true);
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![0, 0, 0, 1, 24, 60, 0, 1],
        vec![0, 0, 0, 1, 24, 60, 0, 1, 0xff, 0xff, 0xff, 0xff, 0],
        vec![0, 0, 0, 7, 33, 0x2a, 0, 0, 1, 0xff],
        [&[0, 0, 0, 9, 128][..], &[0x2a; 16]].concat(),
    ]
}

/// NLRI without identifiers, and attributes.
pub(crate) fn differential(input: &[u8]) {
    for family in [Family::Ipv4Unicast, Family::Ipv6Unicast] {
        compare(input, family, false);
    }
    let (_, wanted) = many0(attribute).parse(input).unwrap_or((input, Vec::new()));
    let found = AttrView::new(input).iter();
    let found: Vec<(u8, u8, &[u8])> = found
        .map(|(flags, code, value)| (flags & !0x10, code, value))
        .collect();
    assert_eq!(found, wanted, "{input:02x?}");
}

fn attribute(input: &[u8]) -> IResult<&[u8], (u8, u8, &[u8])> {
    let (input, (flags, code)) = (be_u8, be_u8).parse(input)?;
    let (input, value) = match flags & 0x10 {
        0 => flat_map(be_u8, take).parse(input)?,
        _ => flat_map(be_u16, take).parse(input)?,
    };
    Ok((input, (flags & !0x10, code, value)))
}

pub(crate) fn differential_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![24, 60, 0, 1, 8, 10, 0, 32, 192, 0, 2, 1],
        vec![20, 60, 0, 0xff, 33, 0x2a, 0, 0, 1, 0xff],
        crate::updates::good(),
        vec![0x50, 2, 0, 6, 2, 1, 0, 0, 0, 1, 0xc0, 99, 3, 1, 2, 3],
    ]
}
