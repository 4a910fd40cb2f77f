//! The attribute registry: one row per path attribute that we recognise.
//!
//! Everything that differs from attribute to attribute stands in its row: flags, the remedy for a malformed value,
//! who may send it, how the value is checked and how it goes into the canonical bytes. The UPDATE decoder, the
//! names in output and the tests' lists all read the rows. Adding an attribute is adding a row and its check.

use super::value::{self, Check, CheckContext};
use super::{code, flag};
use crate::{FaultKind, Remedy};

const WELL_KNOWN: u8 = flag::TRANSITIVE;
const OPTIONAL: u8 = flag::OPTIONAL;
const OPTIONAL_TRANSITIVE: u8 = flag::OPTIONAL | flag::TRANSITIVE;

/// How a value that passed its check goes into the canonical bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As received.
    Verbatim,
    /// A list of four-octet entries, each value once.
    UniqueOf4,
    /// A list of twelve-octet entries, each value once (RFC 8092 section 5).
    UniqueOf12,
    /// AS_PATH: widened to four octets and merged with AS4_PATH (RFC 6793 section 4.2.3).
    AsPath,
    /// AGGREGATOR: widened and merged with AS4_AGGREGATOR.
    Aggregator,
    /// Never in the canonical bytes: next hop, NLRI, and the AS4 pair.
    Apart,
}

/// Whom an attribute may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Any peer.
    Any,
    /// Internal peers; from an external one it is discarded unread (RFC 7606 sections 7.5, 7.9, 7.10).
    Internal,
    /// Speakers of two-octet AS numbers; from any other it is discarded unread (RFC 6793 section 4.1).
    TwoOctet,
}

/// One path attribute.
#[derive(Debug)]
pub struct Attribute {
    /// Type code.
    pub code: u8,
    /// The name as configuration and output spell it.
    pub name: &'static str,
    /// The Optional and Transitive bits that it must have.
    pub flags: u8,
    /// Where its syntax and the handling of its faults are defined.
    pub rfc: &'static str,
    /// What a malformed value leads to (RFC 7606 section 7).
    pub remedy: Remedy,
    pub(crate) sender: Sender,
    pub(crate) check: Check,
    pub(crate) form: Form,
}

impl Attribute {
    /// The row of the attribute with this type code, if we recognise it.
    #[must_use]
    pub fn of(code: u8) -> Option<&'static Attribute> {
        ATTRIBUTES.get(usize::from(ROW_OF[usize::from(code)]))
    }

    /// What a malformed value from this kind of peer leads to.
    #[must_use]
    pub const fn remedy_for(&self, internal: bool) -> Remedy {
        match (self.sender, internal) {
            (Sender::Internal, false) => Remedy::DiscardAttribute,
            (Sender::Internal, true) | (Sender::Any | Sender::TwoOctet, _) => self.remedy,
        }
    }

    /// Checks flags and value; what is wrong comes with its remedy. Only the Optional and Transitive bits count
    /// (RFC 7606 section 3 c).
    pub(crate) fn judge(
        &self,
        flags: u8,
        value: &[u8],
        four_octet_as: bool,
    ) -> Result<(), (FaultKind, Remedy)> {
        let code = self.code;
        if flags & (flag::OPTIONAL | flag::TRANSITIVE) != self.flags {
            return Err((FaultKind::AttributeFlags { code }, self.flags_remedy()));
        }
        (self.check)(
            value,
            CheckContext {
                code,
                four_octet_as,
            },
        )
        .map_err(|kind| (kind, self.remedy))
    }

    /// What wrong Optional or Transitive bits lead to: RFC 7606 section 3 c, and 5.3 for the two that hold NLRI.
    pub(crate) const fn flags_remedy(&self) -> Remedy {
        match self.remedy {
            Remedy::ResetSession => Remedy::ResetSession,
            Remedy::DiscardAttribute | Remedy::TreatAsWithdraw | Remedy::DisableFamily => {
                Remedy::TreatAsWithdraw
            }
        }
    }
}

/// For each type code the place of its row in [`ATTRIBUTES`], or a number that is beyond them.
static ROW_OF: [u8; 256] = {
    let mut places = [u8::MAX; 256];
    let mut at = 0;
    while at < ATTRIBUTES.len() {
        places[ATTRIBUTES[at].code as usize] = at as u8;
        at += 1;
    }
    places
};

/// Every attribute that we recognise, by ascending type code.
pub static ATTRIBUTES: [Attribute; 18] = [
    Attribute {
        code: code::ORIGIN,
        name: "origin",
        flags: WELL_KNOWN,
        rfc: "RFC 4271 5.1.1, RFC 7606 7.1",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Any,
        check: value::origin,
        form: Form::Verbatim,
    },
    Attribute {
        code: code::AS_PATH,
        name: "as-path",
        flags: WELL_KNOWN,
        rfc: "RFC 4271 5.1.2, RFC 5065 5, RFC 6793, RFC 7606 7.2, RFC 7607",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Any,
        check: value::as_path,
        form: Form::AsPath,
    },
    Attribute {
        code: code::NEXT_HOP,
        name: "next-hop",
        flags: WELL_KNOWN,
        rfc: "RFC 4271 5.1.3, RFC 7606 7.3",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Any,
        check: value::next_hop,
        form: Form::Apart,
    },
    Attribute {
        code: code::MED,
        name: "med",
        flags: OPTIONAL,
        rfc: "RFC 4271 5.1.4, RFC 7606 7.4",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Any,
        check: value::four_octets,
        form: Form::Verbatim,
    },
    Attribute {
        code: code::LOCAL_PREF,
        name: "local-pref",
        flags: WELL_KNOWN,
        rfc: "RFC 4271 5.1.5, RFC 7606 7.5",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Internal,
        check: value::four_octets,
        form: Form::Verbatim,
    },
    Attribute {
        code: code::ATOMIC_AGGREGATE,
        name: "atomic-aggregate",
        flags: WELL_KNOWN,
        rfc: "RFC 4271 5.1.6, RFC 7606 7.6",
        remedy: Remedy::DiscardAttribute,
        sender: Sender::Any,
        check: value::empty,
        form: Form::Verbatim,
    },
    Attribute {
        code: code::AGGREGATOR,
        name: "aggregator",
        flags: OPTIONAL_TRANSITIVE,
        rfc: "RFC 4271 5.1.7, RFC 6793, RFC 7606 7.7, RFC 7607",
        remedy: Remedy::DiscardAttribute,
        sender: Sender::Any,
        check: value::aggregator,
        form: Form::Aggregator,
    },
    Attribute {
        code: code::COMMUNITIES,
        name: "communities",
        flags: OPTIONAL_TRANSITIVE,
        rfc: "RFC 1997, RFC 7606 7.8",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Any,
        check: value::list_of::<4>,
        form: Form::UniqueOf4,
    },
    Attribute {
        code: code::ORIGINATOR_ID,
        name: "originator-id",
        flags: OPTIONAL,
        rfc: "RFC 4456 8, RFC 7606 7.9",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Internal,
        check: value::four_octets,
        form: Form::Verbatim,
    },
    Attribute {
        code: code::CLUSTER_LIST,
        name: "cluster-list",
        flags: OPTIONAL,
        rfc: "RFC 4456 8, RFC 7606 7.10",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Internal,
        check: value::list_of::<4>,
        form: Form::Verbatim,
    },
    Attribute {
        code: code::MP_REACH_NLRI,
        name: "mp-reach-nlri",
        flags: OPTIONAL,
        rfc: "RFC 4760 3, RFC 7606 5.3 and 7.11",
        remedy: Remedy::ResetSession,
        sender: Sender::Any,
        check: value::at_least::<5>,
        form: Form::Apart,
    },
    Attribute {
        code: code::MP_UNREACH_NLRI,
        name: "mp-unreach-nlri",
        flags: OPTIONAL,
        rfc: "RFC 4760 4, RFC 7606 5.3 and 7.12",
        remedy: Remedy::ResetSession,
        sender: Sender::Any,
        check: value::at_least::<3>,
        form: Form::Apart,
    },
    Attribute {
        code: code::EXTENDED_COMMUNITIES,
        name: "extended-communities",
        flags: OPTIONAL_TRANSITIVE,
        rfc: "RFC 4360, RFC 7606 7.14",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Any,
        check: value::list_of::<8>,
        form: Form::Verbatim,
    },
    Attribute {
        code: code::AS4_PATH,
        name: "as4-path",
        flags: OPTIONAL_TRANSITIVE,
        rfc: "RFC 6793 3 and 6",
        remedy: Remedy::DiscardAttribute,
        sender: Sender::TwoOctet,
        check: value::as4_path,
        form: Form::Apart,
    },
    Attribute {
        code: code::AS4_AGGREGATOR,
        name: "as4-aggregator",
        flags: OPTIONAL_TRANSITIVE,
        rfc: "RFC 6793 3 and 6",
        remedy: Remedy::DiscardAttribute,
        sender: Sender::TwoOctet,
        check: value::as4_aggregator,
        form: Form::Apart,
    },
    Attribute {
        code: code::IPV6_EXTENDED_COMMUNITIES,
        name: "ipv6-extended-communities",
        flags: OPTIONAL_TRANSITIVE,
        rfc: "RFC 5701, RFC 7606 7.15",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Any,
        check: value::list_of::<20>,
        form: Form::Verbatim,
    },
    Attribute {
        code: code::LARGE_COMMUNITY,
        name: "large-communities",
        flags: OPTIONAL_TRANSITIVE,
        rfc: "RFC 8092 5 and 6",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Any,
        check: value::list_of::<12>,
        form: Form::UniqueOf12,
    },
    Attribute {
        code: code::OTC,
        name: "otc",
        flags: OPTIONAL_TRANSITIVE,
        rfc: "RFC 9234 5",
        remedy: Remedy::TreatAsWithdraw,
        sender: Sender::Any,
        check: value::four_octets,
        form: Form::Verbatim,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_found() {
        assert!(ATTRIBUTES.is_sorted_by(|a, b| a.code < b.code));
        for row in &ATTRIBUTES {
            assert_eq!(
                Attribute::of(row.code).map(|found| found.name),
                Some(row.name)
            );
        }
        assert!(Attribute::of(11).is_none());
    }

    #[test]
    fn only_attributes_with_nlri_reset() {
        for row in &ATTRIBUTES {
            let holds_nlri = matches!(row.code, code::MP_REACH_NLRI | code::MP_UNREACH_NLRI);
            assert_eq!(
                row.remedy == Remedy::ResetSession,
                holds_nlri,
                "{}",
                row.name
            );
            assert_eq!(
                row.flags_remedy() == Remedy::ResetSession,
                holds_nlri,
                "{}",
                row.name
            );
            assert_ne!(row.remedy, Remedy::DisableFamily);
        }
    }

    #[test]
    fn three_attributes_depend_on_the_peer() {
        let differ: Vec<&str> = ATTRIBUTES
            .iter()
            .filter(|row| row.remedy_for(true) != row.remedy_for(false))
            .map(|row| row.name)
            .collect();
        assert_eq!(differ, ["local-pref", "originator-id", "cluster-list"]);
    }
}
