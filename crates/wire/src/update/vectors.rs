//! Runs `vectors.txt`, one directed message for each rule, and `captured.txt`, what other daemons really send.

use std::collections::HashMap;

use super::properties::check;
use super::{DecodeContext, DecodeScratch, Update, decode_update};
use crate::attr::{ATTRIBUTES, Sender, flag};
use crate::{Families, Family, Fault, NextHop, NlriBlock, Remedy};

const VECTORS: [&str; 2] = [include_str!("vectors.txt"), include_str!("captured.txt")];

/// One block of the file.
#[derive(Default)]
struct Vector {
    title: String,
    body: Vec<u8>,
    peer: String,
    canonical: Option<Vec<u8>>,
    expected: Vec<String>,
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    assert!(
        digits.len().is_multiple_of(2),
        "odd number of digits: {text}"
    );
    (0..digits.len())
        .step_by(2)
        .map(|at| {
            u8::from_str_radix(&digits[at..at + 2], 16)
                .unwrap_or_else(|_| panic!("not hexadecimal: {text}"))
        })
        .collect()
}

fn expand(text: &str, names: &HashMap<String, String>) -> String {
    let words = text
        .split_whitespace()
        .map(|word| match word.strip_prefix('$') {
            Some(name) => names
                .get(name)
                .unwrap_or_else(|| panic!("no name {name}"))
                .as_str(),
            None => word,
        });
    words.collect::<Vec<_>>().join(" ")
}

fn vectors() -> Vec<Vector> {
    let mut names = HashMap::new();
    let mut vectors = Vec::new();
    for block in VECTORS.iter().flat_map(|file| file.split("\n\n")) {
        let mut vector = Vector::default();
        let mut fields = [Vec::new(), Vec::new(), Vec::new()];
        for line in block
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            if let Some((name, value)) = line
                .strip_prefix("let ")
                .and_then(|line| line.split_once(" = "))
            {
                let value = expand(value, &names);
                names.insert(name.to_owned(), value);
                continue;
            }
            let (key, value) = line
                .split_once(": ")
                .unwrap_or_else(|| panic!("no key: {line}"));
            let value = expand(value, &names);
            match key {
                "title" => vector.title = value,
                "peer" => vector.peer = value,
                "withdrawn" => fields[0] = hex(&value),
                "attrs" => fields[1] = hex(&value),
                "nlri" => fields[2] = hex(&value),
                "body" => vector.body = hex(&value),
                "canonical" => vector.canonical = Some(hex(&value)),
                "reach" | "unreach" | "eor" | "set" | "fault" | "reset" => {
                    vector.expected.push(format!("{key}: {value}"));
                }
                _ => panic!("unknown key: {line}"),
            }
        }
        if vector.title.is_empty() {
            continue;
        }
        if vector.body.is_empty() {
            for field in &fields[..2] {
                vector
                    .body
                    .extend(u16::try_from(field.len()).unwrap().to_be_bytes());
                vector.body.extend(field);
            }
            vector.body.extend(&fields[2]);
        }
        vectors.push(vector);
    }
    vectors
}

fn context(peer: &str) -> DecodeContext {
    let mut context = DecodeContext {
        internal: false,
        four_octet_as: true,
        families: Families::ALL,
        add_path: Families::EMPTY,
        extended_next_hop: Families::EMPTY,
        as_sets: true,
    };
    for word in peer.split_whitespace() {
        match word {
            "internal" => context.internal = true,
            "external" => context.internal = false,
            "two-octet" => context.four_octet_as = false,
            "no-v4" => context.families.remove(Family::Ipv4Unicast),
            "no-v6" => context.families.remove(Family::Ipv6Unicast),
            "add-path" => context.add_path = Families::ALL,
            "no-sets" => context.as_sets = false,
            "extended-next-hop" => context.extended_next_hop.insert(Family::Ipv4Unicast),
            _ => panic!("unknown word: {word}"),
        }
    }
    context
}

fn routes(block: NlriBlock<'_>) -> String {
    block
        .iter()
        .map(|nlri| nlri.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

fn next_hop(next_hop: NextHop) -> String {
    match next_hop.link_local() {
        Some(link_local) => format!("{next_hop} {link_local}"),
        None => next_hop.to_string(),
    }
}

fn notification(fault: &Fault) -> String {
    let notification = fault.notification();
    let data: String = notification
        .data
        .iter()
        .map(|octet| format!(" {octet:02x}"))
        .collect();
    format!("{}/{}{data}", notification.code, notification.subcode)
}

fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::DiscardAttribute => "discard",
        Remedy::TreatAsWithdraw => "withdraw",
        Remedy::DisableFamily => "disable",
        Remedy::ResetSession => "reset",
    }
}

fn shown(result: &Result<Update<'_>, Fault>) -> Vec<String> {
    let update = match result {
        Ok(update) => update,
        Err(fault) => return vec![format!("{}: {}", remedy(fault.remedy), notification(fault))],
    };
    let mut lines = Vec::new();
    for reach in update.reach.iter().flatten() {
        assert!(reach.nlri.iter().all(|nlri| nlri.family() == reach.family));
        lines.push(format!(
            "reach: {} via {}",
            routes(reach.nlri),
            next_hop(reach.next_hop)
        ));
    }
    for unreach in update.unreach.iter().flatten() {
        assert!(
            unreach
                .nlri
                .iter()
                .all(|nlri| nlri.family() == unreach.family)
        );
        lines.push(format!("unreach: {}", routes(unreach.nlri)));
    }
    lines.extend(update.end_of_rib.map(|family| format!("eor: {family}")));
    if !update.attrs.bytes().is_empty() {
        lines.push(format!("set: {}", update.attrs));
    }
    for fault in update.faults {
        lines.push(format!(
            "fault: {} {}",
            remedy(fault.remedy),
            notification(fault)
        ));
    }
    lines
}

#[test]
fn every_rule_has_its_vector() {
    let vectors = vectors();
    assert!(
        vectors.len() > 120,
        "only {} vectors were read",
        vectors.len()
    );
    // One scratch for all: what is left in it from one message must not show in the next.
    let mut scratch = DecodeScratch::new();
    for vector in &vectors {
        let result = decode_update(&vector.body, &context(&vector.peer), &mut scratch);
        assert_eq!(shown(&result), vector.expected, "{}", vector.title);
        if let (Some(canonical), Ok(update)) = (&vector.canonical, &result) {
            assert_eq!(update.attrs.bytes(), canonical, "{}", vector.title);
        }
    }
}

#[test]
fn every_vector_cut_anywhere_is_read_or_refused() {
    let mut scratch = DecodeScratch::new();
    for vector in vectors() {
        let context = context(&vector.peer);
        for len in 0..vector.body.len() {
            if let Err(fault) = decode_update(&vector.body[..len], &context, &mut scratch) {
                assert_eq!(fault.remedy, Remedy::ResetSession, "{}", vector.title);
            }
        }
    }
}

/// One octet changed at every place, read as from every kind of peer.
#[test]
fn every_vector_changed_anywhere_is_read_or_refused() {
    let mut scratch = DecodeScratch::new();
    for vector in vectors() {
        let peer = context(&vector.peer);
        let contexts = [
            peer,
            DecodeContext {
                internal: !peer.internal,
                four_octet_as: !peer.four_octet_as,
                ..peer
            },
        ];
        let mut body = vector.body;
        for at in 0..body.len() {
            let right = body[at];
            for wrong in [0, u8::MAX, right ^ 1, right ^ 0x80, right.wrapping_sub(1)] {
                body[at] = wrong;
                for context in &contexts {
                    check(&body, context, &mut scratch).unwrap();
                }
            }
            body[at] = right;
        }
    }
}

/// The body of an UPDATE with these attributes and one route.
fn body(attributes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    [&[0, 0][..], &len, attributes, &[8, 10]].concat()
}

fn long(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[flags | 0x10, code][..], &len, value].concat()
}

#[test]
fn a_path_that_widens_beyond_any_message_is_withdrawn() {
    // 120 full segments of two-octet numbers: 61,440 octets, and 122,640 once they are of four octets.
    let segment = [&[2, 255][..], &[0xFC; 510]].concat();
    let path = segment.repeat(120);
    let rest = hex("40 01 01 00 40 03 04 0a 00 00 01");
    let body = body(&[long(0x40, 2, &path), rest].concat());
    let mut scratch = DecodeScratch::new();
    let lines = shown(&decode_update(
        &body,
        &context("internal two-octet"),
        &mut scratch,
    ));
    assert_eq!(lines, ["unreach: 10.0.0.0/8", "fault: withdraw 3/11"]);
    // Half of them fit.
    let path = segment.repeat(60);
    let rest = hex("40 01 01 00 40 03 04 0a 00 00 01");
    let body = self::body(&[long(0x40, 2, &path), rest].concat());
    let update = decode_update(&body, &context("internal two-octet"), &mut scratch).unwrap();
    assert_eq!(update.attrs.as_path().length(), 60 * 255);
}

#[test]
fn a_hostile_message_makes_few_faults_and_little_work() {
    let route = hex("40 01 01 00 40 02 06 02 01 00 00 fc 00 40 03 04 0a 00 00 01");
    let mut scratch = DecodeScratch::new();
    // Nothing but repeated attributes: a fault for each code, not for each repetition.
    let repeated: Vec<u8> = (0..20_000u32)
        .flat_map(|i| [0xC0, 64 + (i % 3) as u8, 0])
        .collect();
    let message = body(&[&route[..], &repeated].concat());
    let update = decode_update(&message, &context("internal"), &mut scratch).unwrap();
    assert_eq!((update.faults.len(), update.attrs.iter().count()), (3, 5));
    // A list so long that comparing all its pairs would take a second; each value twice.
    let values: Vec<u8> = (0..15_000u32).flat_map(|i| (i / 2).to_be_bytes()).collect();
    let message = body(&[route, long(0xC0, 8, &values)].concat());
    let update = decode_update(&message, &context("internal"), &mut scratch).unwrap();
    assert_eq!(update.attrs.communities().count(), 7_500);
}

/// A message with one route and, among attributes that are right for this peer, this one in place of its like.
fn with(flags: u8, code: u8, value: &[u8], context: &DecodeContext) -> Vec<u8> {
    let path = match context.four_octet_as {
        true => "40 02 06 02 01 00 00 fc 00",
        false => "40 02 04 02 01 fc 00",
    };
    let mut right = vec![(1, "40 01 01 00"), (2, path), (3, "40 03 04 0a 00 00 01")];
    if context.internal {
        right.push((5, "40 05 04 00 00 00 64"));
    }
    right.retain(|(at, _)| *at != code);
    let mut attributes: Vec<u8> = right.iter().flat_map(|(_, text)| hex(text)).collect();
    attributes.extend([flags, code, u8::try_from(value.len()).unwrap()]);
    attributes.extend(value);
    body(&attributes)
}

/// The remedy that a message led to: that of its fault in this attribute, or none.
fn remedy_of(result: Result<Update<'_>, Fault>) -> Option<Remedy> {
    match result {
        Err(fault) => Some(fault.remedy),
        Ok(update) => {
            let remedy = update.faults.iter().map(|fault| fault.remedy).max();
            let withdrawn = update.reach.iter().flatten().next().is_none();
            assert_eq!(withdrawn, remedy == Some(Remedy::TreatAsWithdraw));
            remedy
        }
    }
}

/// A new row is tested as soon as it is there.
#[test]
fn every_row_of_the_registry_is_obeyed() {
    let mut scratch = DecodeScratch::new();
    for row in &ATTRIBUTES {
        for peer in [
            "internal",
            "external",
            "internal two-octet",
            "external two-octet",
        ] {
            let context = context(peer);
            let mut lead_to = |flags, value: &[u8]| {
                let message = with(flags, row.code, value, &context);
                remedy_of(decode_update(&message, &context, &mut scratch))
            };
            let unread = match row.sender {
                Sender::Any => false,
                Sender::Internal => !context.internal,
                Sender::TwoOctet => context.four_octet_as,
            };
            let expected = |remedy| {
                if unread {
                    Some(Remedy::DiscardAttribute)
                } else {
                    Some(remedy)
                }
            };
            let at = format!("{} from {peer}", row.name);
            // One octet of 9 is no value of any of them.
            assert_eq!(
                lead_to(row.flags, &[9]),
                expected(row.remedy_for(context.internal)),
                "value of {at}"
            );
            for wrong in [
                flag::OPTIONAL,
                flag::TRANSITIVE,
                flag::OPTIONAL | flag::TRANSITIVE,
            ] {
                let flags = row.flags ^ wrong;
                assert_eq!(
                    lead_to(flags, &[9]),
                    expected(row.flags_remedy()),
                    "flags {flags:#x} of {at}"
                );
            }
        }
    }
}
