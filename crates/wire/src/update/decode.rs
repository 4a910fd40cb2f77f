//! Decoding an UPDATE: RFC 4271 sections 4.3 and 6.3 as revised by RFC 7606.
//!
//! The way of a message: the three fields are cut apart; the two NLRI fields of IPv4 are checked; the attributes are
//! located and duplicates dropped; MP_REACH and MP_UNREACH are read, so that all NLRI are known; every other attribute
//! is checked against its registry row and copied into the canonical bytes; at the end the harshest remedy is applied
//! to the whole message (RFC 7606 section 3 h).

use bytes::Bytes;

use super::message::{Fields, Message, MpReachRoutes, MpUnreachRoutes};
use super::mp::{self, NextHopFault};
use super::{DecodeContext, NlriBlock, Update};
use crate::attr::{AttrView, Attribute, Raw, SegmentKind, Sender, canonical, code, flag};
use crate::{AfiSafi, Family, Fault, FaultKind, NextHop, Remedy, Section};

/// Buffers that decoding fills and the next decoding empties. One for each reader is enough.
#[derive(Debug, Default)]
pub struct DecodeScratch {
    attrs: Vec<u8>,
    path: canonical::PathScratch,
    raws: Vec<Raw>,
    faults: Vec<Fault>,
}

impl DecodeScratch {
    /// Empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Decodes the body of an UPDATE, which is what follows the 19 octets of the header.
///
/// # Errors
/// The fault that ends the session; its remedy is [`Remedy::ResetSession`]. Every softer fault is applied to the
/// update and listed in it.
pub fn decode_update<'a>(
    body: &'a [u8],
    context: &DecodeContext,
    scratch: &'a mut DecodeScratch,
) -> Result<Update<'a>, Fault> {
    let DecodeScratch {
        attrs,
        path,
        raws,
        faults,
    } = scratch;
    attrs.clear();
    raws.clear();
    faults.clear();
    let fields = Fields::split(body)?;
    let withdrawn = Fields::classic(fields.withdrawn, Section::WithdrawnRoutes, context)?;
    let nlri = Fields::classic(fields.nlri, Section::Nlri, context)?;

    let mut decoder = Decoder {
        field: fields.attributes,
        context,
        raws,
        seen: CodeSet::default(),
        faults,
    };
    decoder.locate()?;
    let unreach = decoder.mp_unreach()?;
    let reach = decoder.mp_reach()?;
    let any_reach = !fields.nlri.is_empty() || reach.has_nlri;
    decoder.ignore_classic(&fields);
    let next_hop = decoder.attributes(attrs, path, &fields)?;
    let classic = nlri.map(|block| (block, next_hop));
    if classic.is_some() || reach.routes.is_some() {
        decoder.mandatory(classic.is_some());
        decoder.as_sets(attrs);
    }

    let whole = Message {
        ipv4: context.families.contains(Family::Ipv4Unicast),
        fields,
        withdrawn,
        unreach,
        classic,
        reach: reach.routes,
    };
    match worst(faults) {
        // Without reachable NLRI it is not sure that all NLRI were found (RFC 7606 section 5.2).
        Some(at) if !any_reach => Err(Fault {
            remedy: Remedy::ResetSession,
            ..faults.swap_remove(at)
        }),
        Some(_) => Ok(whole.treat_as_withdraw(faults)),
        None => Ok(whole.accept(raws, attrs, faults)),
    }
}

/// The first fault that spoils the whole message.
fn worst(faults: &[Fault]) -> Option<usize> {
    faults
        .iter()
        .position(|fault| fault.remedy > Remedy::DiscardAttribute)
}

/// The attributes of one message and what was found out about them.
struct Decoder<'a, 's> {
    field: &'a [u8],
    context: &'s DecodeContext,
    raws: &'s mut Vec<Raw>,
    /// The codes of `raws`.
    seen: CodeSet,
    faults: &'s mut Vec<Fault>,
}

impl<'a> Decoder<'a, '_> {
    fn fault(&mut self, kind: FaultKind, remedy: Remedy, data: &[u8]) {
        let data = Bytes::copy_from_slice(data);
        self.faults
            .push(Fault::new(Section::Attributes, kind, remedy, data));
    }

    fn find(&self, code: u8) -> Option<Raw> {
        if !self.seen.contains(code) {
            return None;
        }
        self.raws.iter().copied().find(|raw| raw.code == code)
    }

    /// Finds every attribute, drops what comes twice, and leaves `raws` sorted by type code.
    fn locate(&mut self) -> Result<(), Fault> {
        let mut repeated = CodeSet::default();
        let mut at = 0;
        while at < self.field.len() {
            let Some(raw) = Raw::locate(self.field, at) else {
                self.overrun(at)?;
                break;
            };
            at = raw.end();
            if self.seen.insert(raw.code) {
                self.raws.push(raw);
                continue;
            }
            // RFC 7606 section 3 g: two runs of NLRI end the session, else the first occurrence counts.
            let kind = FaultKind::DuplicateAttribute { code: raw.code };
            if holds_nlri(raw.code) {
                return Err(Fault::reset(Section::Attributes, kind, Bytes::new()));
            }
            // One fault for each code, so that a message of nothing else does not make thousands.
            if repeated.insert(raw.code) {
                self.fault(kind, Remedy::DiscardAttribute, &[]);
            }
        }
        if !self.raws.is_sorted_by_key(|raw| raw.code) {
            self.raws.sort_unstable_by_key(|raw| raw.code);
        }
        Ok(())
    }

    /// The last attribute runs over the end of the field, or its header does (RFC 7606 section 4). If it is one that
    /// holds NLRI these are lost, and the routes cannot be withdrawn (section 3 j).
    fn overrun(&mut self, at: usize) -> Result<(), Fault> {
        let kind = FaultKind::MalformedAttributeList;
        if self.field.get(at + 1).is_some_and(|code| holds_nlri(*code)) {
            return Err(Fault::reset(Section::Attributes, kind, Bytes::new()));
        }
        self.fault(kind, Remedy::TreatAsWithdraw, &[]);
        Ok(())
    }

    /// An attribute that holds NLRI, after the checks of its row; any fault in it ends the session.
    fn holder_of_nlri(&self, code: u8) -> Result<Option<Raw>, Fault> {
        let (Some(raw), Some(row)) = (self.find(code), Attribute::of(code)) else {
            return Ok(None);
        };
        match row.judge(raw.flags, raw.value(self.field), self.context.four_octet_as) {
            Ok(()) => Ok(Some(raw)),
            Err((kind, _)) => Err(self.incorrect(&raw, kind)),
        }
    }

    /// We reset and do not disable the family: RFC 7606 section 7.11 leaves the choice.
    fn incorrect(&self, raw: &Raw, kind: FaultKind) -> Fault {
        Fault::reset(
            Section::Attributes,
            kind,
            Bytes::copy_from_slice(raw.whole(self.field)),
        )
    }

    fn block(&self, raw: &Raw, family: Family, nlri: &'a [u8]) -> Result<NlriBlock<'a>, Fault> {
        NlriBlock::parse(nlri, family, self.context.add_path.contains(family))
            .ok_or_else(|| self.incorrect(raw, FaultKind::OptionalAttribute { code: raw.code }))
    }

    /// The family, if we take routes of it. Others are ignored: the peer should not have sent them, but it may have
    /// its reasons to believe otherwise, and nothing of ours depends on them.
    fn negotiated(&mut self, raw: &Raw, family: AfiSafi) -> Option<Family> {
        let known =
            Family::from_afi_safi(family).filter(|known| self.context.families.contains(*known));
        if known.is_none() {
            let kind = FaultKind::UnexpectedFamily {
                afi: family.afi,
                safi: family.safi,
            };
            self.fault(kind, Remedy::DiscardAttribute, raw.whole(self.field));
        }
        known
    }

    fn mp_unreach(&mut self) -> Result<MpUnreachRoutes<'a>, Fault> {
        let code = code::MP_UNREACH_NLRI;
        let Some(raw) = self.holder_of_nlri(code)? else {
            return Ok(None);
        };
        let Some((family, nlri)) = mp::mp_unreach(raw.value(self.field)) else {
            return Err(self.incorrect(&raw, FaultKind::AttributeLength { code }));
        };
        match self.negotiated(&raw, family) {
            Some(family) => self.block(&raw, family, nlri).map(Some),
            None => Ok(None),
        }
    }

    fn mp_reach(&mut self) -> Result<MpReachRoutes<'a>, Fault> {
        let code = code::MP_REACH_NLRI;
        let Some(raw) = self.holder_of_nlri(code)? else {
            return Ok(MpReachRoutes::default());
        };
        let Some(parts) = mp::mp_reach(raw.value(self.field)) else {
            return Err(self.incorrect(&raw, FaultKind::OptionalAttribute { code }));
        };
        let has_nlri = !parts.nlri.is_empty();
        let Some(family) = self.negotiated(&raw, parts.family) else {
            return Ok(MpReachRoutes {
                has_nlri,
                routes: None,
            });
        };
        let extended = self.context.extended_next_hop.contains(family);
        let next_hop = match mp::next_hop(parts.next_hop, family, extended) {
            Ok(next_hop) => Some(next_hop),
            Err(NextHopFault::Length) => {
                return Err(self.incorrect(&raw, FaultKind::OptionalAttribute { code }));
            }
            Err(NextHopFault::Address) => None,
        };
        let block = self.block(&raw, family, parts.nlri)?;
        if next_hop.is_none() {
            self.fault(
                FaultKind::InvalidNextHop,
                Remedy::TreatAsWithdraw,
                raw.whole(self.field),
            );
        }
        let routes = has_nlri.then_some((block, next_hop));
        Ok(MpReachRoutes { has_nlri, routes })
    }

    /// IPv4 routes in the classic fields though IPv4 was not agreed on are ignored like those in MP attributes.
    fn ignore_classic(&mut self, fields: &Fields<'_>) {
        let AfiSafi { afi, safi } = Family::Ipv4Unicast.afi_safi();
        let kind = FaultKind::UnexpectedFamily { afi, safi };
        if self.context.families.contains(Family::Ipv4Unicast) {
            return;
        }
        for (section, octets) in [
            (Section::WithdrawnRoutes, fields.withdrawn),
            (Section::Nlri, fields.nlri),
        ] {
            if !octets.is_empty() {
                self.faults.push(Fault::new(
                    section,
                    kind,
                    Remedy::DiscardAttribute,
                    Bytes::new(),
                ));
            }
        }
    }

    /// Checks every attribute but the two that hold NLRI and writes the canonical bytes. The answer is NEXT_HOP.
    fn attributes(
        &mut self,
        attrs: &mut Vec<u8>,
        path: &mut canonical::PathScratch,
        fields: &Fields<'_>,
    ) -> Result<Option<NextHop>, Fault> {
        let mut next_hop = None;
        // It says nothing about routes in MP_REACH_NLRI and is then ignored, whatever it is (RFC 4760 section 3).
        let ignore_next_hop = fields.nlri.is_empty() && self.seen.contains(code::MP_REACH_NLRI);
        let as4 = canonical::As4::find(self.raws, self.field, self.context.four_octet_as);
        for at in 0..self.raws.len() {
            let raw = self.raws[at];
            let value = raw.value(self.field);
            let Some(row) = Attribute::of(raw.code) else {
                self.unrecognised(&raw, attrs)?;
                continue;
            };
            if holds_nlri(raw.code)
                || (raw.code == code::NEXT_HOP && ignore_next_hop)
                || self.discard(row, &raw)
            {
                continue;
            }
            let verdict = row
                .judge(raw.flags, value, self.context.four_octet_as)
                .and_then(|()| {
                    let written =
                        canonical::write_attribute(attrs, row, raw.flags, value, &as4, path);
                    written.map_err(|kind| (kind, row.remedy))
                });
            match verdict {
                Ok(()) if raw.code == code::NEXT_HOP => {
                    next_hop = <[u8; 4]>::try_from(value)
                        .ok()
                        .map(|octets| NextHop::V4(octets.into()));
                }
                Ok(()) => {}
                Err((kind, remedy)) => {
                    let data = if has_no_data(kind) {
                        &[]
                    } else {
                        raw.whole(self.field)
                    };
                    self.fault(kind, remedy, data);
                }
            }
        }
        Ok(next_hop)
    }

    /// Discards, unread, an attribute that this peer must not send.
    fn discard(&mut self, row: &Attribute, raw: &Raw) -> bool {
        let kind = match row.sender {
            Sender::Internal if !self.context.internal => {
                FaultKind::NotFromExternal { code: row.code }
            }
            Sender::TwoOctet if self.context.four_octet_as => {
                FaultKind::OptionalAttribute { code: row.code }
            }
            Sender::Any | Sender::Internal | Sender::TwoOctet => return false,
        };
        self.fault(kind, Remedy::DiscardAttribute, raw.whole(self.field));
        true
    }

    /// RFC 4271 section 5: transitive ones are kept and marked, others dropped; a well-known one that we do not
    /// recognise ends the session (section 6.3, which RFC 7606 leaves as it is).
    fn unrecognised(&mut self, raw: &Raw, attrs: &mut Vec<u8>) -> Result<(), Fault> {
        if raw.flags & flag::OPTIONAL == 0 {
            return Err(self.incorrect(raw, FaultKind::UnrecognizedWellKnown { code: raw.code }));
        }
        if raw.flags & flag::TRANSITIVE != 0 {
            canonical::write(
                attrs,
                raw.flags | flag::PARTIAL,
                raw.code,
                raw.value(self.field),
            );
        }
        Ok(())
    }

    /// RFC 9774 section 3: treat-as-withdraw, where the receiver wants that. Looked for in the path that has been merged
    /// with AS4_PATH, so that neither can hide a set.
    fn as_sets(&mut self, attrs: &[u8]) {
        if self.context.as_sets {
            return;
        }
        let path = AttrView::new(attrs).as_path();
        let has_set = path
            .segments()
            .any(|segment| matches!(segment.kind, SegmentKind::Set | SegmentKind::ConfedSet));
        if has_set {
            self.fault(FaultKind::AsSet, Remedy::TreatAsWithdraw, &[]);
        }
    }

    /// Reachable routes need ORIGIN and AS_PATH, and NEXT_HOP if they stand in the NLRI field (RFC 7606 section 3 d,
    /// RFC 4760 section 3).
    fn mandatory(&mut self, classic: bool) {
        let needed = [
            (code::ORIGIN, true),
            (code::AS_PATH, true),
            (code::NEXT_HOP, classic),
        ];
        for (code, needed) in needed {
            if needed && !self.seen.contains(code) {
                self.fault(
                    FaultKind::MissingWellKnown { code },
                    Remedy::TreatAsWithdraw,
                    &[code],
                );
            }
        }
    }
}

/// A set of type codes.
#[derive(Debug, Default)]
struct CodeSet([u64; 4]);

impl CodeSet {
    /// Adds a code; false if it was there.
    fn insert(&mut self, code: u8) -> bool {
        let bit = 1 << (code % 64);
        let word = &mut self.0[usize::from(code / 64)];
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    const fn contains(&self, code: u8) -> bool {
        self.0[(code / 64) as usize] & (1 << (code % 64)) != 0
    }
}

/// True for the two attributes whose loss is the loss of routes.
fn holds_nlri(code: u8) -> bool {
    matches!(code, code::MP_REACH_NLRI | code::MP_UNREACH_NLRI)
}

/// A malformed AS_PATH has no data in its NOTIFICATION, all others have the attribute (RFC 4271 section 6.3).
fn has_no_data(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::MalformedAsPath {
            code: code::AS_PATH
        } | FaultKind::AsZero {
            code: code::AS_PATH
        }
    )
}
