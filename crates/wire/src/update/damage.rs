//! Well-formed messages with one or two things broken on purpose.
//!
//! Random octets seldom get past the first length. Here the message is taken apart, damaged where the rules of
//! RFC 7606 look, and put together again; a count shows that every kind of fault is met.

use std::collections::BTreeMap;

use bytes::BytesMut;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::message::Fields;
use super::properties::{announcement, attributes, check, contexts};
use super::{DecodeContext, DecodeScratch, WireAttrs, decode_update, encode_announce};
use crate::attr::{AttrView, code};
use crate::{Families, Family, FaultKind, HEADER_LEN, NextHop, Nlri, Remedy};

/// An attribute to be put into a message.
type Part = (u8, u8, Vec<u8>);

#[derive(Debug, Clone)]
enum Damage {
    /// Another flag octet.
    Flags(Index, u8),
    /// Another octet somewhere in the value.
    Value(Index, Index, u8),
    /// A value of zeros.
    Zeros(Index),
    /// One octet more or less in the value.
    Length(Index, bool),
    Remove(Index),
    Repeat(Index),
    /// An attribute of this code and flags comes to it.
    Add(u8, u8),
    /// The last octets of the field are lost.
    Cut(Index),
    /// Another octet in the NLRI field.
    Nlri(Index, u8),
    /// Another first octet of the next hop.
    NextHop(u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let small = prop_oneof![0u8..8, any::<u8>()];
    prop_oneof![
        (
            any::<Index>(),
            prop_oneof![Just(0x40), Just(0x80), Just(0xC0)]
        )
            .prop_map(|(at, flags)| Damage::Flags(at, flags)),
        (any::<Index>(), any::<Index>(), small)
            .prop_map(|(at, octet, value)| Damage::Value(at, octet, value)),
        (any::<Index>(), any::<bool>()).prop_map(|(at, more)| Damage::Length(at, more)),
        any::<Index>().prop_map(Damage::Zeros),
        any::<Index>().prop_map(Damage::Remove),
        any::<Index>().prop_map(Damage::Repeat),
        (1u8..40, prop_oneof![Just(0x40), Just(0x80), Just(0xC0)])
            .prop_map(|(code, flags)| Damage::Add(code, flags)),
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), any::<u8>()).prop_map(|(at, value)| Damage::Nlri(at, value)),
        prop_oneof![Just(0), Just(127), 224u8..=255].prop_map(Damage::NextHop),
    ]
}

/// Takes the one message that these routes make apart: attributes and NLRI field.
fn parts(
    attrs: &[u8],
    family: Family,
    next_hop: NextHop,
    routes: Vec<Nlri>,
    four_octet_as: bool,
) -> (Vec<Part>, Vec<u8>) {
    let (encode, _) = contexts(four_octet_as, false);
    let wire = WireAttrs::new(AttrView::new(attrs), next_hop, &encode);
    let mut out = BytesMut::new();
    encode_announce(
        &mut out,
        &wire,
        family,
        &mut routes.into_iter().peekable(),
        &encode,
    )
    .unwrap();
    let fields = Fields::split(&out[HEADER_LEN..]).unwrap();
    let parts = AttrView::new(fields.attributes).iter();
    let parts = parts
        .map(|(flags, code, value)| (flags, code, value.to_vec()))
        .collect();
    (parts, fields.nlri.to_vec())
}

fn apply(damage: &Damage, parts: &mut Vec<Part>, nlri: &mut [u8]) -> Option<Index> {
    let count = parts.len();
    if count == 0 {
        return None;
    }
    match damage {
        Damage::Flags(at, flags) => parts[at.index(count)].0 = *flags,
        Damage::Value(at, octet, to) => {
            let value = &mut parts[at.index(count)].2;
            let len = value.len();
            if len > 0 {
                value[octet.index(len)] = *to;
            }
        }
        Damage::Zeros(at) => {
            let (_, code, value) = &mut parts[at.index(count)];
            // The head of a path's first segment stays, so that its numbers are what is wrong.
            let from = if *code == code::AS_PATH { 2 } else { 0 };
            value
                .get_mut(from..)
                .into_iter()
                .for_each(|value| value.fill(0));
        }
        Damage::Length(at, true) => parts[at.index(count)].2.push(1),
        Damage::Length(at, false) => drop(parts[at.index(count)].2.pop()),
        Damage::Remove(at) => drop(parts.remove(at.index(count))),
        Damage::Repeat(at) => parts.push(parts[at.index(count)].clone()),
        Damage::Add(code, flags) => parts.push((*flags, *code, vec![0, 0, 0, 1])),
        Damage::Cut(at) => return Some(*at),
        Damage::NextHop(to) => {
            for (_, code, value) in parts {
                let at = match *code {
                    code::NEXT_HOP => 0,
                    code::MP_REACH_NLRI => 4,
                    _ => continue,
                };
                value.get_mut(at).into_iter().for_each(|octet| *octet = *to);
            }
        }
        Damage::Nlri(at, to) => {
            let len = nlri.len();
            if len > 0 {
                nlri[at.index(len)] = *to;
            }
        }
    }
    None
}

fn assemble(parts: &[Part], nlri: &[u8], cut: Option<Index>) -> Vec<u8> {
    let mut field = Vec::new();
    for (flags, code, value) in parts {
        crate::attr::canonical::write(&mut field, *flags, *code, value);
    }
    if let Some(cut) = cut {
        field.truncate(cut.index(field.len().max(1)));
    }
    let len = u16::try_from(field.len()).unwrap().to_be_bytes();
    [&[0, 0][..], &len, &field, nlri].concat()
}

prop_compose! {
    fn damaged()(
        attrs in attributes(),
        (family, next_hop, routes) in announcement(4),
        damages in proptest::collection::vec(damage(), 0..3),
        four_octet_as: bool,
    ) -> (Vec<u8>, bool) {
        let (mut parts, mut nlri) = parts(&attrs, family, next_hop, routes, four_octet_as);
        let cut = damages.iter().filter_map(|damage| apply(damage, &mut parts, &mut nlri)).last();
        (assemble(&parts, &nlri, cut), four_octet_as)
    }
}

fn name(kind: FaultKind) -> String {
    let text = format!("{kind:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

#[test]
fn every_kind_of_fault_is_met() {
    const DRAWS: usize = 6_000;
    let mut runner = TestRunner::deterministic();
    let strategy = (damaged(), any::<bool>(), any::<bool>());
    let mut scratch = DecodeScratch::new();
    let mut met: BTreeMap<(String, Remedy), usize> = BTreeMap::new();
    let mut clean = 0;
    for _ in 0..DRAWS {
        let ((body, four_octet_as), internal, ipv6) =
            strategy.new_tree(&mut runner).unwrap().current();
        let (_, decode) = contexts(four_octet_as, false);
        let families = if ipv6 {
            Families::ALL
        } else {
            Families::only(Family::Ipv4Unicast)
        };
        let context = DecodeContext {
            internal,
            families,
            ..decode
        };
        check(&body, &context, &mut scratch).unwrap();
        match decode_update(&body, &context, &mut scratch) {
            Err(fault) => *met.entry((name(fault.kind), fault.remedy)).or_default() += 1,
            Ok(update) => {
                clean += usize::from(update.faults.is_empty());
                for fault in update.faults {
                    *met.entry((name(fault.kind), fault.remedy)).or_default() += 1;
                }
            }
        }
    }
    use Remedy::{DiscardAttribute as Discard, ResetSession as Reset, TreatAsWithdraw as Withdraw};
    let expected: [(&str, &[Remedy]); 14] = [
        ("MalformedAttributeList", &[Withdraw, Reset]),
        ("DuplicateAttribute", &[Discard, Reset]),
        ("UnrecognizedWellKnown", &[Reset]),
        ("MissingWellKnown", &[Withdraw]),
        ("AttributeFlags", &[Withdraw, Reset]),
        ("AttributeLength", &[Discard, Withdraw, Reset]),
        ("InvalidOrigin", &[Withdraw]),
        ("InvalidNextHop", &[Withdraw]),
        ("OptionalAttribute", &[Discard, Reset]),
        ("InvalidNetworkField", &[Reset]),
        ("MalformedAsPath", &[Discard, Withdraw]),
        ("AsZero", &[Discard, Withdraw]),
        ("NotFromExternal", &[Discard]),
        ("UnexpectedFamily", &[Discard]),
    ];
    for (kind, remedies) in expected {
        for remedy in remedies {
            assert!(
                met.contains_key(&(kind.to_owned(), *remedy)),
                "never met {kind} with {remedy:?}: {met:#?}"
            );
        }
    }
    assert!(clean > DRAWS / 20, "only {clean} messages had no fault");
}
