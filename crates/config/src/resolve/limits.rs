//! Reads how many routes a peer may bring and be sent.

use std::num::NonZeroU32;

use super::values::{self, Parsed};
use crate::fault::{Faults, Location, Problem};
use crate::model::{Fields, LimitAction, LimitFields, Most, PrefixLimits, Slot};
use crate::raw::RawLimits;
use crate::section::Text;

/// Longest time that a peer is kept out for: a day.
const MAX_RESTART: u32 = 86_400;

impl LimitFields {
    pub(super) fn read(faults: &mut Faults, raw: &RawLimits) -> LimitFields {
        // Opened completely, so that a new key must be decided upon here.
        let RawLimits {
            ipv4,
            ipv6,
            warn,
            action,
            restart,
            out_ipv4,
            out_ipv6,
        } = raw;
        let mut most = |text: &Option<Text>| Slot::read(faults, text.as_ref(), most_value);
        let (ipv4, ipv6) = (most(ipv4), most(ipv6));
        let (out_ipv4, out_ipv6) = (most(out_ipv4), most(out_ipv6));
        LimitFields {
            ipv4,
            ipv6,
            warn: Slot::read(faults, warn.as_ref(), warn_value),
            action: Slot::read(faults, action.as_ref(), |text| {
                values::word(text, &LimitAction::WORDS)
            }),
            restart: Slot::read(faults, restart.as_ref(), |text| {
                values::number(text, 0..=MAX_RESTART)
            }),
            out_ipv4,
            out_ipv6,
        }
    }
}

fn most_value(text: &str) -> Parsed<Option<NonZeroU32>> {
    if text == "off" {
        return Ok(None);
    }
    match values::number(text, 1..=u32::MAX) {
        Ok(most) => Ok(NonZeroU32::new(most)),
        Err(problem) => Err(Problem::new(
            problem.message,
            "write the most routes of this family, or off",
        )),
    }
}

fn warn_value(text: &str) -> Parsed<u8> {
    let percent = values::number(text.trim_end_matches('%').trim_end(), 0..=100);
    let percent = percent.map_err(|_| {
        Problem::new(
            format!("\"{text}\" is not a part of the limit in percent"),
            "write 1 to 100, or 0 for no warning",
        )
    })?;
    Ok(u8::try_from(percent).unwrap_or(100))
}

/// The limits of a peer; a dynamic one, of whom nobody knows who it is, has some of its own.
pub(super) fn limits(fields: &Fields, is_dynamic: bool) -> PrefixLimits {
    let given = &fields.limits;
    let default = PrefixLimits::OFF;
    let most = match is_dynamic {
        true => Some(PrefixLimits::DYNAMIC),
        false => None,
    };
    PrefixLimits {
        most: Most::new(given.ipv4.value_or(most), given.ipv6.value_or(most)),
        warn: given.warn.value_or(default.warn),
        action: given.action.value_or(default.action),
        restart: given.restart.value_or(default.restart),
        most_out: Most::new(given.out_ipv4.value_or(None), given.out_ipv6.value_or(None)),
    }
}

/// What is written and has nothing to be about.
pub(super) fn check(faults: &mut Faults, at: &Location, fields: &Fields, is_dynamic: bool) {
    let given = &fields.limits;
    let is_in = is_dynamic || !(given.ipv4.is_absent() && given.ipv6.is_absent());
    let is_out = !(given.out_ipv4.is_absent() && given.out_ipv6.is_absent());
    let about = [
        ("warn", given.warn.get().is_some(), given.warn.at(at), is_in),
        (
            "action",
            given.action.get().is_some(),
            given.action.at(at),
            is_in,
        ),
        (
            "restart",
            given.restart.get().is_some(),
            given.restart.at(at),
            is_in || is_out,
        ),
    ];
    for (key, is_given, at, is_of_use) in about {
        if is_given && !is_of_use {
            faults.add(
                at,
                format!("max-prefix.{key} has no use without a limit"),
                "add max-prefix.ipv4 or max-prefix.ipv6, or remove it",
            );
        }
    }
}
