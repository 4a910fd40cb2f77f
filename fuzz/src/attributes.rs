//! Each attribute: an input is what the session agreed on, a place, flags, a type code and a value, whatever they are.

use wire::{DecodeScratch, Remedy, decode_update};

use crate::updates::{attr, body, check, context};

const PREFIX: [u8; 4] = [24, 60, 0, 1];

/// One attribute among good ones, at one of three places: the same is done about it at each of them, and its route is
/// never lost without a withdrawal.
pub(crate) fn attribute(input: &[u8]) {
    let &[bits, flags, code, ref value @ ..] = input else {
        return;
    };
    let value = &value[..value.len().min(3000)];
    let context = context(bits & 0x0b);
    let one = attr(flags & !0x10, code, value);
    let mut scratch = DecodeScratch::new();
    let mut seen = None;
    for place in 0..3 {
        let mut all: Vec<Vec<u8>> = mandatory(context.four_octet_as);
        all.retain(|good| good[1] != code);
        all.insert(place.min(all.len()), one.clone());
        let body = body(&[], &all.concat(), &PREFIX);
        check(&body, &context, &mut scratch);
        let answer = match decode_update(&body, &context, &mut scratch) {
            Err(fault) => (Remedy::ResetSession, 0, 0, fault.to_string()),
            Ok(update) => {
                let come = update
                    .reach
                    .iter()
                    .flatten()
                    .map(|reach| reach.nlri.len())
                    .sum::<usize>();
                let gone = update
                    .unreach
                    .iter()
                    .flatten()
                    .map(|gone| gone.nlri.len())
                    .sum::<usize>();
                // Its one route of the NLRI field is one or the other; MP attributes may bring more.
                assert!(come + gone >= 1, "a route was lost");
                let worst = update.faults.iter().map(|fault| fault.remedy).max();
                let worst = worst.unwrap_or(Remedy::DiscardAttribute);
                (worst, come, gone, String::new())
            }
        };
        let before = seen.get_or_insert_with(|| answer.clone());
        assert_eq!(*before, answer, "another answer at place {place}");
    }
}

/// The mandatory ones, in the width of the session.
fn mandatory(four_octet_as: bool) -> Vec<Vec<u8>> {
    let path: &[u8] = match four_octet_as {
        true => &[2, 1, 0, 0, 0xfd, 0xe9],
        false => &[2, 1, 0xfd, 0xe9],
    };
    vec![
        attr(0x40, 1, &[0]),
        attr(0x40, 2, path),
        attr(0x40, 3, &[10, 0, 0, 2]),
    ]
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let values: [(u8, u8, &[u8]); 21] = [
        (0x40, 1, &[1]),
        (0x40, 2, &[2, 1, 0, 0, 0, 9, 1, 1, 0, 0, 0, 8]),
        (0x40, 2, &[]),
        (0x40, 3, &[10, 0, 0, 9]),
        (0x80, 4, &[0, 0, 0, 5]),
        (0x40, 5, &[0, 0, 0, 100]),
        (0x40, 6, &[]),
        (0xc0, 7, &[0, 0, 0xfd, 0xe9, 10, 0, 0, 1]),
        (0xc0, 8, &[0xfd, 0xe9, 0, 1, 0xfd, 0xe9, 0, 1]),
        (0x80, 9, &[10, 0, 0, 9]),
        (0x80, 10, &[1, 1, 1, 1]),
        (0x80, 14, &[0, 1, 1, 4, 10, 0, 0, 2, 0, 24, 60, 0, 2]),
        (
            0x80,
            14,
            &[
                0, 2, 1, 16, 0x2a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 16, 0x2a, 0,
            ],
        ),
        (0x80, 15, &[0, 2, 1, 16, 0x2a, 0]),
        (0xc0, 16, &[0, 2, 0xfd, 0xe9, 0, 0, 0, 1]),
        (0xc0, 17, &[2, 1, 0, 1, 0x11, 0x70]),
        (0xc0, 18, &[0, 1, 0x11, 0x70, 10, 0, 0, 1]),
        (0xc0, 25, &[7; 20]),
        (0xc0, 32, &[3; 12]),
        (0xc0, 35, &[0, 0, 0xfd, 0xe9]),
        (0xc0, 99, &[1, 2, 3]),
    ];
    let mut seeds = Vec::new();
    for bits in [2, 3, 0, 0x0b] {
        for (flags, code, value) in values {
            seeds.push([&[bits, flags, code][..], value].concat());
        }
    }
    seeds
}
