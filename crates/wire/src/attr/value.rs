//! The checks of attribute values, one per registry row, written with `nom`.
//!
//! A check reads a whole value and answers with what is wrong with it. It never decides what to do about that: the
//! remedy stands in the registry row. RFC 4271 section 6.3, RFC 6793 section 6, RFC 7606 section 7, RFC 7607.

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::{all_consuming, map_opt, rest, verify};
use nom::multi::many1_count;
use nom::number::complete::{be_u8, be_u16, be_u32};
use std::net::Ipv4Addr;

use super::{Origin, SegmentKind, code};
use crate::FaultKind;

/// What a check has to know about the sender and the attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckContext {
    /// Type code of the attribute that the value is of.
    pub(crate) code: u8,
    /// True if both sides have the four-octet AS capability (RFC 6793).
    pub(crate) four_octet_as: bool,
}

/// A check of one attribute's value.
pub(crate) type Check = fn(&[u8], CheckContext) -> Result<(), FaultKind>;

/// True if `parser` reads `value` to its end.
fn reads<'a, T>(
    value: &'a [u8],
    parser: impl Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> bool {
    all_consuming(parser).parse(value).is_ok()
}

fn wrong_length(context: CheckContext) -> FaultKind {
    FaultKind::AttributeLength { code: context.code }
}

/// One octet of 0, 1 or 2 (RFC 7606 section 7.1).
pub(crate) fn origin(value: &[u8], context: CheckContext) -> Result<(), FaultKind> {
    let &[octet] = value else {
        return Err(wrong_length(context));
    };
    match reads(value, map_opt(be_u8, Origin::from_code)) {
        true => Ok(()),
        false => Err(FaultKind::InvalidOrigin { value: octet }),
    }
}

/// A host address: not of 0/8, 127/8, 224/4 or 240/4 (RFC 4271 section 6.3, RFC 7606 section 7.3).
pub(crate) fn next_hop(value: &[u8], context: CheckContext) -> Result<(), FaultKind> {
    if value.len() != 4 {
        return Err(wrong_length(context));
    }
    match reads(
        value,
        verify(be_u32, |bits| is_host_v4(Ipv4Addr::from_bits(*bits))),
    ) {
        true => Ok(()),
        false => Err(FaultKind::InvalidNextHop),
    }
}

/// True if the address can be that of one host.
pub(crate) fn is_host_v4(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first != 0 && first != 127 && first < 224
}

/// Exactly four octets.
pub(crate) fn four_octets(value: &[u8], context: CheckContext) -> Result<(), FaultKind> {
    match reads(value, be_u32) {
        true => Ok(()),
        false => Err(wrong_length(context)),
    }
}

/// No octet at all (RFC 7606 section 7.6).
pub(crate) fn empty(value: &[u8], context: CheckContext) -> Result<(), FaultKind> {
    match value.is_empty() {
        true => Ok(()),
        false => Err(wrong_length(context)),
    }
}

/// One or more entries of `N` octets; none at all is a fault (RFC 7606 section 4, last paragraph).
pub(crate) fn list_of<const N: usize>(
    value: &[u8],
    context: CheckContext,
) -> Result<(), FaultKind> {
    match reads(value, many1_count(take(N))) {
        true => Ok(()),
        false => Err(wrong_length(context)),
    }
}

/// `N` octets or more, whose content is read elsewhere (RFC 7606 section 5.3).
pub(crate) fn at_least<const N: usize>(
    value: &[u8],
    context: CheckContext,
) -> Result<(), FaultKind> {
    match reads(value, (take(N), rest)) {
        true => Ok(()),
        false => Err(wrong_length(context)),
    }
}

/// The AS number in the width of the session, then an address (RFC 7606 section 7.7, RFC 7607 section 2).
pub(crate) fn aggregator(value: &[u8], context: CheckContext) -> Result<(), FaultKind> {
    let number = asn(context.four_octet_as);
    let Ok((_, (number, _))) = all_consuming((number, take(4usize))).parse(value) else {
        return Err(wrong_length(context));
    };
    match number {
        0 => Err(FaultKind::AsZero { code: context.code }),
        _ => Ok(()),
    }
}

/// Eight octets with an AS number that is not 0 (RFC 6793 section 6, RFC 7607 section 2).
pub(crate) fn as4_aggregator(value: &[u8], context: CheckContext) -> Result<(), FaultKind> {
    aggregator(
        value,
        CheckContext {
            four_octet_as: true,
            ..context
        },
    )
}

/// Segments of a kind we know, none empty, none over the end, no AS 0, and none of a confederation: we are in none,
/// so no neighbour shares one with us (RFC 7606 section 7.2, RFC 5065 section 5, RFC 7607 section 2).
pub(crate) fn as_path(value: &[u8], context: CheckContext) -> Result<(), FaultKind> {
    match path(value, context.four_octet_as) {
        None => Err(FaultKind::MalformedAsPath { code: context.code }),
        Some(Seen { zero: true, .. }) => Err(FaultKind::AsZero { code: context.code }),
        Some(Seen {
            confederation: true,
            ..
        }) => Err(FaultKind::MalformedAsPath { code: context.code }),
        Some(Seen {
            zero: false,
            confederation: false,
        }) => Ok(()),
    }
}

/// As [`as_path`] but always in four octets and never empty. Confederation segments are no fault here: they are left
/// out when the paths are merged (RFC 6793 section 6).
pub(crate) fn as4_path(value: &[u8], context: CheckContext) -> Result<(), FaultKind> {
    match path(value, true) {
        Some(Seen { zero: false, .. }) if !value.is_empty() => Ok(()),
        Some(Seen { zero: true, .. }) => Err(FaultKind::AsZero { code: context.code }),
        Some(Seen { zero: false, .. }) | None => Err(FaultKind::MalformedAsPath {
            code: code::AS4_PATH,
        }),
    }
}

/// What a path that can be read has in it.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    zero: bool,
    confederation: bool,
}

/// Reads a path to its end without storing it.
fn path(mut value: &[u8], wide: bool) -> Option<Seen> {
    let mut all = Seen::default();
    while !value.is_empty() {
        let (rest, seen) = segment(wide).parse(value).ok()?;
        all.zero |= seen.zero;
        all.confederation |= seen.confederation;
        value = rest;
    }
    Some(all)
}

fn segment<'a>(
    wide: bool,
) -> impl Parser<&'a [u8], Output = Seen, Error = nom::error::Error<&'a [u8]>> {
    move |input: &'a [u8]| {
        let (input, kind) = map_opt(be_u8, SegmentKind::from_code).parse(input)?;
        let (mut input, count) = verify(be_u8, |count| *count != 0).parse(input)?;
        let mut seen = Seen {
            zero: false,
            confederation: kind.is_confederation(),
        };
        for _ in 0..count {
            let (rest, number) = asn(wide).parse(input)?;
            seen.zero |= number == 0;
            input = rest;
        }
        Ok((input, seen))
    }
}

/// An AS number of two or four octets.
fn asn<'a>(wide: bool) -> impl Parser<&'a [u8], Output = u32, Error = nom::error::Error<&'a [u8]>> {
    move |input: &'a [u8]| match wide {
        true => be_u32(input),
        false => be_u16(input).map(|(rest, number)| (rest, u32::from(number))),
    }
}
