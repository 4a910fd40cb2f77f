//! Encoding UPDATE messages (RFC 4271 section 4.3, RFC 4760, RFC 6793 section 4.2.2, RFC 7606 section 5.1, RFC 8950).
//!
//! A message carries routes of one family, either reachable or withdrawn. IPv4 routes with an IPv4 next hop use the
//! classic fields; all others use MP_REACH_NLRI, which comes first of the attributes (RFC 7606 section 5.1); the rest
//! is in ascending order of type.

use std::fmt;
use std::iter::Peekable;

use bytes::{BufMut, Bytes, BytesMut};

use super::block::{encoded_len, put};
use super::{EncodeContext, NlriBlock};
use crate::attr::{AsPathView, AttrView, as4_path, canonical, code, flag, narrow};
use crate::{
    AfiSafi, Asn, Family, HEADER_LEN, MAX_EXTENDED_LEN, MAX_LEN, MessageType, NextHop, Nlri,
    put_header,
};

/// Octets of the two length fields.
const LENGTHS: usize = 4;
/// Flags, code and two octets of length.
const MP_HEADER: usize = 4;
/// Octets of a path identifier (RFC 7911 section 3).
const PATH_ID: usize = 4;

/// Why no message can be made for a route; it is to be withdrawn instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The attributes leave no room for one route in a message of the size that the receiver takes.
    TooLarge,
    /// The family cannot have this next hop: IPv6 routes with one of IPv4, or IPv4 routes with one of IPv6 to a
    /// receiver without that capability (RFC 8950).
    NextHop,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EncodeError::TooLarge => "the attributes are too long for a message to this peer",
            EncodeError::NextHop => {
                "this peer cannot take a next hop of the other address family (RFC 8950)"
            }
        })
    }
}

impl std::error::Error for EncodeError {}

/// A set of attributes as one kind of receiver gets them, to be written into any number of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAttrs {
    next_hop: NextHop,
    /// The next hop of IPv6 as MP_REACH_NLRI has it, and how many octets of it count: 16 or 32.
    mp_next_hop: ([u8; 32], usize),
    /// In ascending order; with NEXT_HOP in its place if the next hop is of IPv4.
    octets: Vec<u8>,
}

impl WireAttrs {
    /// Encodes canonical attributes for receivers of this kind. To one of two-octet numbers go AS_TRANS, and AS4_PATH
    /// and AS4_AGGREGATOR where a number did not fit (RFC 6793 section 4.2.2).
    #[must_use]
    pub fn new(attrs: AttrView<'_>, next_hop: NextHop, context: &EncodeContext) -> Self {
        let mut encoder = AttrEncoder {
            octets: Vec::with_capacity(attrs.bytes().len() + 8),
            late: Vec::new(),
        };
        let mut next_hop_due = match next_hop {
            NextHop::V4(address) => Some(address.octets()),
            NextHop::V6 { .. } => None,
        };
        for (flags, code, value) in attrs.iter() {
            if code > code::NEXT_HOP
                && let Some(address) = next_hop_due.take()
            {
                encoder.put(
                    canonical::flags_of(code::NEXT_HOP),
                    code::NEXT_HOP,
                    &address,
                );
            }
            encoder.attribute(flags, code, value, context.four_octet_as);
        }
        if let Some(address) = next_hop_due {
            encoder.put(
                canonical::flags_of(code::NEXT_HOP),
                code::NEXT_HOP,
                &address,
            );
        }
        encoder.flush_late(u8::MAX);
        let mut octets = encoder.octets;
        if attrs.bytes().len() > MAX_EXTENDED_LEN {
            // Larger than any message: a value may have been cut (see `AttrBuilder`), so keep it from fitting.
            octets.resize(octets.len().max(MAX_EXTENDED_LEN), 0);
        }
        WireAttrs {
            next_hop,
            mp_next_hop: mp_octets(next_hop),
            octets,
        }
    }

    /// The next hop for MP_REACH_NLRI; none where the classic fields are to be used.
    fn mp_next_hop(
        &self,
        family: Family,
        context: &EncodeContext,
    ) -> Result<Option<&[u8]>, EncodeError> {
        let (octets, len) = &self.mp_next_hop;
        match (family, self.next_hop) {
            (Family::Ipv4Unicast, NextHop::V4(_)) => Ok(None),
            (Family::Ipv6Unicast, NextHop::V4(_)) => Err(EncodeError::NextHop),
            (Family::Ipv4Unicast, NextHop::V6 { .. })
                if !context.extended_next_hop.contains(family) =>
            {
                Err(EncodeError::NextHop)
            }
            (Family::Ipv4Unicast | Family::Ipv6Unicast, NextHop::V6 { .. }) => {
                Ok(Some(&octets[..*len]))
            }
        }
    }

    /// The next hop that goes with the attributes.
    #[must_use]
    pub const fn next_hop(&self) -> NextHop {
        self.next_hop
    }

    /// How many octets a message with these attributes may have that is to hold so many routes: enough to write it in one
    /// go, and no more than the receiver takes.
    #[must_use]
    pub fn room(&self, family: Family, routes: usize, context: &EncodeContext) -> usize {
        let fixed = HEADER_LEN + LENGTHS + MP_HEADER + 5 + self.mp_next_hop.1 + self.octets.len();
        let longest = usize::from(family.max_prefix_len()) / 8 + 1 + PATH_ID;
        let wanted = fixed.saturating_add(routes.saturating_mul(longest));
        wanted.min(message_limit(fixed, context))
    }

    /// Octets of the encoded attributes, without MP_REACH_NLRI.
    #[must_use]
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// True if there is no attribute at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }
}

/// RFC 2545 section 3: the global address, and the link-local one behind it if there is one.
fn mp_octets(next_hop: NextHop) -> ([u8; 32], usize) {
    let mut octets = [0; 32];
    let NextHop::V6 { global, link_local } = next_hop else {
        return (octets, 0);
    };
    octets[..16].copy_from_slice(&global.octets());
    let Some(link_local) = link_local else {
        return (octets, 16);
    };
    octets[16..].copy_from_slice(&link_local.octets());
    (octets, 32)
}

/// Writes attributes in ascending order, the AS4 pair at its place behind the attributes that it comes from.
struct AttrEncoder {
    octets: Vec<u8>,
    /// Attributes that are due before the next one of a higher code.
    late: Vec<(u8, Vec<u8>)>,
}

impl AttrEncoder {
    fn put(&mut self, flags: u8, code: u8, value: &[u8]) {
        self.flush_late(code);
        canonical::write(&mut self.octets, flags, code, value);
    }

    fn flush_late(&mut self, before: u8) {
        let octets = &mut self.octets;
        self.late.retain(|(code, value)| {
            let due = *code < before;
            if due {
                canonical::write(octets, canonical::flags_of(*code), *code, value);
            }
            !due
        });
    }

    fn attribute(&mut self, flags: u8, code: u8, value: &[u8], four_octet_as: bool) {
        match code {
            code::AS_PATH if !four_octet_as => {
                let path = AsPathView::new(value);
                let mut two_octet = Vec::with_capacity(value.len() / 2 + 2);
                if narrow(path, &mut two_octet) {
                    let mut as4 = Vec::with_capacity(value.len());
                    as4_path(path, &mut as4);
                    self.late.push((code::AS4_PATH, as4));
                }
                self.put(flags, code, &two_octet);
            }
            code::AGGREGATOR if !four_octet_as && value.len() == 8 => {
                let asn = Asn(u32::from_be_bytes([value[0], value[1], value[2], value[3]]));
                let [high, low] = asn.two_octet().to_be_bytes();
                if asn.0 > u32::from(u16::MAX) {
                    self.late.push((code::AS4_AGGREGATOR, value.to_vec()));
                }
                self.put(
                    flags,
                    code,
                    &[high, low, value[4], value[5], value[6], value[7]],
                );
            }
            _ => self.put(flags, code, value),
        }
    }
}

/// The most octets that a message has of which `fixed` are no routes.
///
/// A receiver of extended messages (RFC 8654) is sent long ones only where the attributes leave little room in a short one:
/// who receives a message works on all its routes in one go, and others wait meanwhile.
fn message_limit(fixed: usize, context: &EncodeContext) -> usize {
    let most = context.max_len.min(MAX_EXTENDED_LEN);
    match fixed > MAX_LEN / 2 {
        true => most,
        false => most.min(MAX_LEN),
    }
}

/// Appends ONE message that announces as many of the routes as it has room for, and answers how many. The caller goes
/// on until the iterator is empty. All routes must be of `family`.
///
/// # Errors
/// See [`EncodeError`]; nothing was appended and no route was taken then.
pub fn encode_announce<I: Iterator<Item = Nlri>>(
    out: &mut BytesMut,
    attrs: &WireAttrs,
    family: Family,
    nlri: &mut Peekable<I>,
    context: &EncodeContext,
) -> Result<usize, EncodeError> {
    let add_path = context.add_path.contains(family);
    let mp_next_hop = attrs.mp_next_hop(family, context)?;
    // AFI, SAFI, length of the next hop, the reserved octet.
    let mp_len = mp_next_hop.map_or(0, |next_hop| MP_HEADER + 5 + next_hop.len());
    let fixed = HEADER_LEN + LENGTHS + mp_len + attrs.octets.len();
    let room = message_limit(fixed, context).saturating_sub(fixed);
    match nlri.peek() {
        Some(first) if encoded_len(first, add_path) > room => return Err(EncodeError::TooLarge),
        Some(_) => {}
        None => return Ok(0),
    }

    let start = out.len();
    put_header(out, MessageType::Update, LENGTHS);
    out.put_bytes(0, LENGTHS);
    let count = match mp_next_hop {
        None => {
            out.put_slice(&attrs.octets);
            close_attributes(out, start);
            fill(out, nlri, add_path, room)
        }
        Some(next_hop) => {
            put_mp_header(out, code::MP_REACH_NLRI, family);
            out.put_u8(u8::try_from(next_hop.len()).expect("invariant: 16 or 32 octets"));
            out.put_slice(next_hop);
            out.put_u8(0);
            let count = fill(out, nlri, add_path, room);
            close_mp(out, start);
            out.put_slice(&attrs.octets);
            close_attributes(out, start);
            count
        }
    };
    set_u16(out, start + 16, out.len() - start);
    Ok(count)
}

/// Appends ONE message that withdraws as many of the routes as it has room for, and answers how many; 0 if there are
/// none, and nothing is appended then. All routes must be of `family`.
pub fn encode_withdraw<I: Iterator<Item = Nlri>>(
    out: &mut BytesMut,
    family: Family,
    nlri: &mut Peekable<I>,
    context: &EncodeContext,
) -> usize {
    let add_path = context.add_path.contains(family);
    let mp_len = match family {
        Family::Ipv4Unicast => 0,
        Family::Ipv6Unicast => MP_HEADER + 3,
    };
    let fixed = HEADER_LEN + LENGTHS + mp_len;
    let room = message_limit(fixed, context).saturating_sub(fixed);
    if nlri
        .peek()
        .is_none_or(|first| encoded_len(first, add_path) > room)
    {
        return 0;
    }
    let start = out.len();
    put_header(out, MessageType::Update, LENGTHS);
    let count = match family {
        Family::Ipv4Unicast => {
            out.put_u16(0);
            let count = fill(out, nlri, add_path, room);
            set_u16(out, start + HEADER_LEN, out.len() - start - HEADER_LEN - 2);
            out.put_u16(0);
            count
        }
        Family::Ipv6Unicast => {
            out.put_bytes(0, LENGTHS);
            put_mp_header(out, code::MP_UNREACH_NLRI, family);
            let count = fill(out, nlri, add_path, room);
            close_mp(out, start);
            close_attributes(out, start);
            count
        }
    };
    set_u16(out, start + 16, out.len() - start);
    count
}

/// The message that ends the initial table of a family (RFC 4724 section 2).
#[must_use]
pub fn end_of_rib(family: Family) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER_LEN + LENGTHS + 6);
    match family {
        Family::Ipv4Unicast => {
            put_header(&mut out, MessageType::Update, LENGTHS);
            out.put_bytes(0, LENGTHS);
        }
        Family::Ipv6Unicast => {
            let AfiSafi { afi, safi } = family.afi_safi();
            put_header(&mut out, MessageType::Update, LENGTHS + 6);
            out.put_u16(0);
            out.put_u16(6);
            out.put_slice(&[
                canonical::flags_of(code::MP_UNREACH_NLRI),
                code::MP_UNREACH_NLRI,
                3,
            ]);
            out.put_u16(afi);
            out.put_u8(safi);
        }
    }
    out.freeze()
}

/// Appends routes until there is no room or none is left, and answers how many.
fn fill<I: Iterator<Item = Nlri>>(
    out: &mut BytesMut,
    nlri: &mut Peekable<I>,
    add_path: bool,
    mut room: usize,
) -> usize {
    let mut count = 0;
    while let Some(one) = nlri.next_if(|one| encoded_len(one, add_path) <= room) {
        room -= encoded_len(&one, add_path);
        count += 1;
        put(out, &one, add_path);
    }
    count
}

/// The head of an attribute that is to be closed by [`close_mp`], always with two octets of length.
fn put_mp_header(out: &mut BytesMut, code: u8, family: Family) {
    let AfiSafi { afi, safi } = family.afi_safi();
    out.put_slice(&[
        canonical::flags_of(code) | flag::EXTENDED_LENGTH,
        code,
        0,
        0,
    ]);
    out.put_u16(afi);
    out.put_u8(safi);
}

/// Sets the length of the MP attribute, which is the first of the message and ends where `out` does.
fn close_mp(out: &mut BytesMut, start: usize) {
    let attribute = start + HEADER_LEN + LENGTHS;
    set_u16(out, attribute + 2, out.len() - attribute - MP_HEADER);
}

/// Sets the length of the attributes field, which ends where `out` does; no withdrawn routes are before it.
fn close_attributes(out: &mut BytesMut, start: usize) {
    let field = start + HEADER_LEN + LENGTHS;
    set_u16(out, field - 2, out.len() - field);
}

fn set_u16(out: &mut BytesMut, at: usize, value: usize) {
    let value = u16::try_from(value).expect("invariant: a message has at most 65,535 octets");
    out[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// The family of the routes in a message of our own making, announced or withdrawn, End-of-RIB too; none if the
/// message is no such UPDATE. Looks at a few octets only.
#[must_use]
pub fn family_of_message(message: &[u8]) -> Option<Family> {
    Some(OwnMessage::read(message)?.family)
}

/// The routes that a message of our own making announces or withdraws; `add_path` as it was when encoding. Empty if
/// the message is no such UPDATE or is of another family.
#[must_use]
pub fn nlri_of_message(message: &[u8], family: Family, add_path: bool) -> NlriBlock<'_> {
    OwnMessage::read(message)
        .filter(|own| own.family == family)
        .and_then(|own| NlriBlock::parse(own.nlri, family, add_path))
        .unwrap_or(NlriBlock::empty(family))
}

/// The one run of NLRI in a message that this module encoded.
struct OwnMessage<'a> {
    family: Family,
    nlri: &'a [u8],
}

impl<'a> OwnMessage<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        if *message.get(HEADER_LEN - 1)? != MessageType::Update as u8 {
            return None;
        }
        let (len, rest) = message[HEADER_LEN..].split_first_chunk::<2>()?;
        let (withdrawn, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        let (attributes, nlri) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let first = AttrView::new(attributes).iter().next();
        match first {
            Some((_, code::MP_REACH_NLRI, value)) => {
                let parts = super::mp::mp_reach(value)?;
                Some(OwnMessage {
                    family: Family::from_afi_safi(parts.family)?,
                    nlri: parts.nlri,
                })
            }
            Some((_, code::MP_UNREACH_NLRI, value)) => {
                let (family, nlri) = super::mp::mp_unreach(value)?;
                Some(OwnMessage {
                    family: Family::from_afi_safi(family)?,
                    nlri,
                })
            }
            _ => {
                let nlri = if nlri.is_empty() { withdrawn } else { nlri };
                Some(OwnMessage {
                    family: Family::Ipv4Unicast,
                    nlri,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
