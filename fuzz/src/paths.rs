//! AS_PATH and AS4_PATH of a 2-octet speaker, against a merge that is written here anew (RFC 6793 section 4.2.3).

use wire::{DecodeScratch, decode_update};

use crate::updates::{attr, body, context};

/// Segments: kind and numbers.
type Path = Vec<(u8, Vec<u32>)>;

/// Reads a path of numbers of `width` octets. None if it is malformed.
fn read(mut octets: &[u8], width: usize) -> Option<Path> {
    let mut path = Path::new();
    while let [kind, count, rest @ ..] = octets {
        if !(1..=4).contains(kind) || *count == 0 {
            return None;
        }
        let (numbers, after) = rest.split_at_checked(usize::from(*count) * width)?;
        let number = |octets: &[u8]| {
            octets
                .iter()
                .fold(0, |sum, octet| sum << 8 | u32::from(*octet))
        };
        path.push((*kind, numbers.chunks(width).map(number).collect()));
        octets = after;
    }
    octets.is_empty().then_some(path)
}

fn has_zero(path: &Path) -> bool {
    path.iter().any(|(_, numbers)| numbers.contains(&0))
}

/// A set counts one, segments of a confederation count nothing.
fn length(path: &Path) -> usize {
    let counts = path.iter().map(|(kind, numbers)| match kind {
        1 => 1,
        2 => numbers.len(),
        _ => 0,
    });
    counts.sum()
}

fn merged(narrow: &Path, as4: &Path) -> Path {
    let as4: Path = as4.iter().filter(|(kind, _)| *kind < 3).cloned().collect();
    let Some(mut lead) = length(narrow).checked_sub(length(&as4)) else {
        return narrow.clone();
    };
    let mut path = Path::new();
    for (kind, numbers) in narrow {
        if lead == 0 {
            break;
        }
        let take = match kind {
            1 => numbers.len(),
            _ => numbers.len().min(lead),
        };
        path.push((*kind, numbers[..take].to_vec()));
        lead -= if *kind == 1 { 1 } else { take };
    }
    path.extend(as4);
    path
}

/// Sequences side by side are one path, however they are cut into segments.
fn joined(path: &Path) -> Path {
    let mut all = Path::new();
    for (kind, numbers) in path {
        match all.last_mut() {
            Some((2, before)) if *kind == 2 => before.extend(numbers),
            _ => all.push((*kind, numbers.clone())),
        }
    }
    all
}

/// An input: the length of AS_PATH, AS_PATH, AS4_PATH.
pub(crate) fn merge(input: &[u8]) {
    let Some((&length, rest)) = input.split_first() else {
        return;
    };
    let (old, as4) = rest.split_at(usize::from(length).min(rest.len()));
    let as4 = &as4[..as4.len().min(1500)];
    let all = [
        attr(0x40, 1, &[0]),
        attr(0x40, 2, old),
        attr(0x40, 3, &[10, 0, 0, 2]),
        attr(0xc0, 17, as4),
    ];
    let octets = body(&[], &all.concat(), &[8, 10]);
    let mut scratch = DecodeScratch::new();
    let update = decode_update(&octets, &context(1), &mut scratch);
    let update = update.unwrap_or_else(|fault| panic!("a path ends a session: {fault}"));
    let is_taken = update.reach.iter().flatten().next().is_some();
    let narrow =
        read(old, 2).filter(|path| !has_zero(path) && path.iter().all(|(kind, _)| *kind < 3));
    let Some(narrow) = narrow else {
        return assert!(!is_taken, "taken: {old:02x?}");
    };
    assert!(is_taken, "not taken: {old:02x?}");
    let wide = read(as4, 4).filter(|path| !path.is_empty() && !has_zero(path));
    let wanted = match wide {
        Some(as4) => merged(&narrow, &as4),
        None => narrow,
    };
    let value = update.attrs.iter().find(|(_, code, _)| *code == 2);
    let found = value.and_then(|(_, _, value)| read(value, 4));
    assert_eq!(
        found.map(|path| joined(&path)),
        Some(joined(&wanted)),
        "{old:02x?} {as4:02x?}"
    );
    assert!(
        update.attrs.iter().all(|(_, code, _)| code != 17),
        "AS4_PATH goes on"
    );
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let case = |old: &[u8], as4: &[u8]| [&[old.len() as u8][..], old, as4].concat();
    vec![
        case(&[2, 1, 0xfd, 0xe9], &[]),
        case(&[2, 2, 0xfd, 0xe9, 0x5b, 0xa0], &[2, 1, 0, 1, 0x11, 0x70]),
        case(
            &[2, 1, 0x5b, 0xa0],
            &[2, 2, 0, 1, 0x11, 0x70, 0, 1, 0x11, 0x71],
        ),
        case(
            &[2, 1, 0, 7, 1, 2, 0, 8, 0x5b, 0xa0],
            &[1, 2, 0, 0, 0, 8, 0, 1, 0x11, 0x70],
        ),
        case(
            &[1, 1, 0, 7, 2, 2, 0, 8, 0, 9],
            &[2, 2, 0, 1, 0, 0, 0, 1, 0, 1],
        ),
        case(
            &[2, 2, 0, 7, 0x5b, 0xa0],
            &[3, 1, 0, 0, 0, 9, 2, 1, 0, 1, 0, 0],
        ),
        case(&[2, 1, 0, 7, 2, 1, 0, 8], &[2, 1, 0, 1, 0, 0]),
        case(&[], &[]),
    ]
}
