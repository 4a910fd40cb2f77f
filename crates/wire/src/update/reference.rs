//! The hand loops against decoders of the same syntax written with `nom`, on valid and on changed octets.

use std::net::{Ipv4Addr, Ipv6Addr};

use nom::bytes::complete::take;
use nom::combinator::{cond, flat_map, verify};
use nom::multi::many0;
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::NlriBlock;
use crate::attr::{AttrView, Raw, flag};
use crate::{Family, Nlri, Prefix};

/// One NLRI (RFC 4271 section 4.3, RFC 7911 section 3).
fn nlri<'a>(family: Family, add_path: bool) -> impl FnMut(&'a [u8]) -> IResult<&'a [u8], Nlri> {
    move |input| {
        let (input, path_id) = cond(add_path, be_u32).parse(input)?;
        let (input, len) = verify(be_u8, |len| *len <= family.max_prefix_len()).parse(input)?;
        let (input, octets) = take(len.div_ceil(8)).parse(input)?;
        let bits = octets.iter().enumerate().fold(0u128, |bits, (at, octet)| {
            bits | u128::from(*octet) << (120 - 8 * at)
        });
        let bits = bits & u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
        let address = match family {
            Family::Ipv4Unicast => Ipv4Addr::from_bits((bits >> 96) as u32).into(),
            Family::Ipv6Unicast => Ipv6Addr::from_bits(bits).into(),
        };
        let prefix = Prefix::new(address, len).unwrap();
        Ok((
            input,
            Nlri {
                prefix,
                path_id: path_id.unwrap_or(0),
            },
        ))
    }
}

fn reference_nlri(octets: &[u8], family: Family, add_path: bool) -> Option<Vec<Nlri>> {
    let (rest, routes) = many0(nlri(family, add_path)).parse(octets).ok()?;
    rest.is_empty().then_some(routes)
}

/// One attribute (RFC 4271 section 4.3): flags, type code, value.
fn attribute(input: &[u8]) -> IResult<&[u8], (u8, u8, &[u8])> {
    let (input, (flags, code)) = (be_u8, be_u8).parse(input)?;
    let (input, value) = match flags & flag::EXTENDED_LENGTH {
        0 => flat_map(be_u8, take).parse(input)?,
        _ => flat_map(be_u16, take).parse(input)?,
    };
    Ok((input, (flags, code, value)))
}

/// Octets of NLRI, right or nearly so: whole prefixes, some octets changed, maybe cut.
fn nlri_octets() -> impl Strategy<Value = Vec<u8>> {
    let one = (0u8..=130, any::<[u8; 17]>(), any::<Option<u32>>());
    (
        vec(one, 0..20),
        vec((any::<Index>(), any::<u8>()), 0..3),
        any::<Option<Index>>(),
    )
        .prop_map(|(entries, changes, cut)| {
            let mut octets = Vec::new();
            for (len, prefix, id) in entries {
                octets.extend(id.map(u32::to_be_bytes).into_iter().flatten());
                octets.push(len);
                octets.extend(&prefix[..usize::from(len.div_ceil(8))]);
            }
            change(&mut octets, &changes, cut);
            octets
        })
}

fn attribute_octets() -> impl Strategy<Value = Vec<u8>> {
    let one = (any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..20));
    (
        vec(one, 0..8),
        vec((any::<Index>(), any::<u8>()), 0..3),
        any::<Option<Index>>(),
    )
        .prop_map(|(entries, changes, cut)| {
            let mut octets = Vec::new();
            for (flags, code, value) in entries {
                octets.extend([flags, code]);
                if flags & flag::EXTENDED_LENGTH != 0 {
                    octets.push(0);
                }
                octets.push(u8::try_from(value.len()).unwrap());
                octets.extend(value);
            }
            change(&mut octets, &changes, cut);
            octets
        })
}

fn change(octets: &mut Vec<u8>, changes: &[(Index, u8)], cut: Option<Index>) {
    if octets.is_empty() {
        return;
    }
    for (at, value) in changes {
        let at = at.index(octets.len());
        octets[at] = *value;
    }
    if let Some(cut) = cut {
        octets.truncate(cut.index(octets.len()));
    }
}

proptest! {
    #[test]
    fn nlri_by_hand_and_by_nom(octets in nlri_octets(), v4: bool, add_path: bool) {
        let family = if v4 { Family::Ipv4Unicast } else { Family::Ipv6Unicast };
        let hand = NlriBlock::parse(&octets, family, add_path);
        let routes = hand.map(|block| block.iter().collect::<Vec<_>>());
        prop_assert_eq!(&routes, &reference_nlri(&octets, family, add_path));
        if let (Some(block), Some(routes)) = (hand, routes) {
            prop_assert_eq!(block.len(), routes.len());
        }
    }

    #[test]
    fn attributes_by_hand_and_by_nom(octets in attribute_octets()) {
        let (_, reference) = many0(attribute).parse(&octets[..]).unwrap();
        let mut at = 0;
        let mut hand = Vec::new();
        while let Some(raw) = Raw::locate(&octets, at).filter(|_| at < octets.len()) {
            at = raw.end();
            hand.push((raw.flags, raw.code, raw.value(&octets)));
        }
        prop_assert_eq!(&hand, &reference);
        let shown = reference.iter().map(|(flags, code, value)| (flags & !flag::EXTENDED_LENGTH, *code, *value));
        prop_assert!(AttrView::new(&octets).iter().eq(shown));
    }
}
