//! The frame of an UPDATE: its three fields before decoding, and the answer after it.
//!
//! RFC 4271 section 4.3, RFC 4724 section 2, RFC 7606 sections 2, 3 and 5.3. Attributes are none of its business.

use bytes::Bytes;

use super::{DecodeContext, NlriBlock, Reach, Unreach, Update};
use crate::attr::{AttrView, Raw, code};
use crate::{Family, Fault, FaultKind, NextHop, Section};

/// The three fields of the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) withdrawn: &'a [u8],
    pub(super) attributes: &'a [u8],
    pub(super) nlri: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Cuts the body by its two lengths; where they do not fit in there is nothing to go by (RFC 7606 section 3 b).
    pub(super) fn split(body: &'a [u8]) -> Result<Self, Fault> {
        let parts = || {
            let (len, rest) = body.split_first_chunk::<2>()?;
            let (withdrawn, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
            let (len, rest) = rest.split_first_chunk::<2>()?;
            let (attributes, nlri) =
                rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
            Some(Fields {
                withdrawn,
                attributes,
                nlri,
            })
        };
        parts().ok_or_else(|| {
            Fault::reset(
                Section::Attributes,
                FaultKind::MalformedAttributeList,
                Bytes::new(),
            )
        })
    }

    /// Checks one of the two IPv4 fields. None if it is empty or if IPv4 is not in use; a prefix that cannot be read
    /// ends the session, since the routes cannot even be withdrawn (RFC 7606 sections 3 i, 3 j and 5.3).
    pub(super) fn classic(
        octets: &'a [u8],
        section: Section,
        context: &DecodeContext,
    ) -> Result<Option<NlriBlock<'a>>, Fault> {
        let family = Family::Ipv4Unicast;
        if octets.is_empty() || !context.families.contains(family) {
            return Ok(None);
        }
        match NlriBlock::parse(octets, family, context.add_path.contains(family)) {
            Some(block) => Ok(Some(block)),
            None => Err(Fault::reset(
                section,
                FaultKind::InvalidNetworkField,
                Bytes::new(),
            )),
        }
    }
}

/// Routes, and their next hop where it could be used.
pub(super) type Routes<'a> = (NlriBlock<'a>, Option<NextHop>);

/// What MP_REACH_NLRI held.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MpReachRoutes<'a> {
    /// True if it held any NLRI, also of a family that we do not take.
    pub(super) has_nlri: bool,
    /// The routes, if there are any of a family that we take.
    pub(super) routes: Option<Routes<'a>>,
}

/// What MP_UNREACH_NLRI held: a block for a family that we take, maybe an empty one.
pub(super) type MpUnreachRoutes<'a> = Option<NlriBlock<'a>>;

/// A message whose every field was read.
pub(super) struct Message<'a> {
    /// True if IPv4 was agreed on.
    pub(super) ipv4: bool,
    pub(super) fields: Fields<'a>,
    pub(super) withdrawn: Option<NlriBlock<'a>>,
    pub(super) unreach: MpUnreachRoutes<'a>,
    pub(super) classic: Option<Routes<'a>>,
    pub(super) reach: Option<Routes<'a>>,
}

impl<'a> Message<'a> {
    pub(super) fn accept(self, raws: &[Raw], attrs: &'a [u8], faults: &'a [Fault]) -> Update<'a> {
        let reach = [reachable(self.reach), reachable(self.classic)];
        let attrs = if reach.iter().any(Option::is_some) {
            attrs
        } else {
            &[]
        };
        Update {
            reach,
            unreach: [
                unreachable(self.withdrawn),
                unreachable(self.unreach),
                None,
                None,
            ],
            attrs: AttrView::new(attrs),
            end_of_rib: self.end_of_rib(raws),
            faults,
        }
    }

    /// RFC 7606 section 2: what the message would have made reachable is withdrawn instead.
    pub(super) fn treat_as_withdraw(self, faults: &'a [Fault]) -> Update<'a> {
        let turned = |routes: Option<Routes<'a>>| unreachable(routes.map(|(block, _)| block));
        Update {
            reach: [None, None],
            unreach: [
                unreachable(self.withdrawn),
                unreachable(self.unreach),
                turned(self.reach),
                turned(self.classic),
            ],
            attrs: AttrView::default(),
            end_of_rib: None,
            faults,
        }
    }

    /// RFC 4724 section 2: an empty message for IPv4, or one with nothing but an empty MP_UNREACH_NLRI.
    fn end_of_rib(&self, raws: &[Raw]) -> Option<Family> {
        if !self.fields.withdrawn.is_empty() || !self.fields.nlri.is_empty() {
            return None;
        }
        match (raws, self.unreach) {
            ([], _) => self.ipv4.then_some(Family::Ipv4Unicast),
            ([only], Some(block)) if only.code == code::MP_UNREACH_NLRI && block.is_empty() => {
                Some(block.family())
            }
            _ => None,
        }
    }
}

fn reachable(routes: Option<Routes<'_>>) -> Option<Reach<'_>> {
    let (nlri, next_hop) = routes?;
    Some(Reach {
        family: nlri.family(),
        next_hop: next_hop?,
        nlri,
    })
}

fn unreachable(block: Option<NlriBlock<'_>>) -> Option<Unreach<'_>> {
    let nlri = block.filter(|block| !block.is_empty())?;
    Some(Unreach {
        family: nlri.family(),
        nlri,
    })
}
