//! From received attributes to canonical bytes.
//!
//! Owns what changes on the way: shortest lengths, unused and meaningless flag bits cleared, duplicates in lists
//! dropped, AS numbers widened and the AS4 pair merged (RFC 6793 section 4.2.3). Values come here checked.

use super::as_path::AsPathView;
use super::builder;
use super::raw::Raw;
use super::registry::{Attribute, Form};
use super::{as4, code, flag};
use crate::{Asn, FaultKind};

pub(crate) use super::builder::{flags_of, write};

/// Buffers for values that change: an AS path, or a list without its duplicates.
#[derive(Debug, Default)]
pub(crate) struct PathScratch {
    wide: Vec<u8>,
    value: Vec<u8>,
}

/// The AS4 pair of a message, as far as it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct As4<'a> {
    /// True if AS_PATH and AGGREGATOR are in four octets already.
    four_octet_as: bool,
    path: Option<&'a [u8]>,
    aggregator: Option<&'a [u8]>,
}

impl<'a> As4<'a> {
    /// Finds the pair. Neither counts from a speaker of four-octet numbers, nor when malformed; and neither counts
    /// if AGGREGATOR was set by someone after them who did not know them (RFC 6793 sections 4.1, 4.2.3 and 6).
    pub(crate) fn find(raws: &[Raw], field: &'a [u8], four_octet_as: bool) -> Self {
        let valid = |code: u8| {
            let row = Attribute::of(code)?;
            let raw = raws.iter().find(|raw| raw.code == code)?;
            let value = raw.value(field);
            row.judge(raw.flags, value, four_octet_as)
                .is_ok()
                .then_some(value)
        };
        let none = As4 {
            four_octet_as,
            path: None,
            aggregator: None,
        };
        if four_octet_as {
            return none;
        }
        let path = valid(code::AS4_PATH);
        match (valid(code::AGGREGATOR), valid(code::AS4_AGGREGATOR)) {
            (Some(old), Some(_)) if old[..2] != Asn::TRANS.two_octet().to_be_bytes() => none,
            (Some(_), aggregator) => As4 {
                path,
                aggregator,
                ..none
            },
            (None, _) => As4 { path, ..none },
        }
    }
}

/// Appends one attribute that passed its checks.
///
/// # Errors
/// A path that is over 65,535 octets once widened. No message of ours can hold it, nor its neighbours.
pub(crate) fn write_attribute(
    out: &mut Vec<u8>,
    row: &Attribute,
    flags: u8,
    value: &[u8],
    as4: &As4<'_>,
    scratch: &mut PathScratch,
) -> Result<(), FaultKind> {
    let PathScratch {
        wide,
        value: changed,
    } = scratch;
    wide.clear();
    changed.clear();
    let value = match row.form {
        Form::Apart => return Ok(()),
        Form::Verbatim => value,
        Form::UniqueOf4 => unique::<4>(changed, value),
        Form::UniqueOf12 => unique::<12>(changed, value),
        Form::AsPath if as4.four_octet_as => value,
        Form::Aggregator if as4.four_octet_as => value,
        Form::AsPath => {
            as4::widen(value, wide);
            match as4.path {
                Some(path) => {
                    as4::merge(AsPathView::new(wide), AsPathView::new(path), changed);
                    changed
                }
                None => wide,
            }
        }
        Form::Aggregator => {
            // Two octets of AS number, checked before.
            wide.extend([0, 0]);
            wide.extend_from_slice(value);
            as4.aggregator.unwrap_or(wide)
        }
    };
    if value.len() > usize::from(u16::MAX) {
        return Err(FaultKind::MalformedAsPath {
            code: code::AS_PATH,
        });
    }
    write(out, kept_flags(row, flags), row.code, value);
    Ok(())
}

/// The Partial bit means something on optional transitive attributes only, and there it stays once it is set
/// (RFC 4271 section 5).
fn kept_flags(row: &Attribute, flags: u8) -> u8 {
    match row.flags == flag::OPTIONAL | flag::TRANSITIVE {
        true => row.flags | (flags & flag::PARTIAL),
        false => row.flags,
    }
}

fn unique<'a, const N: usize>(out: &'a mut Vec<u8>, value: &[u8]) -> &'a [u8] {
    builder::write_unique::<N>(out, value);
    out
}
