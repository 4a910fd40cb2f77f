//! The limits of a peer's routes: from a request to the keys of the file, and back.

use std::num::NonZeroU32;

use config::{LimitAction, PrefixLimits, RawLimits};
use proto::v1;
use wire::Family;

use super::{seconds, text, whole};

/// A request as the text that the file would hold.
pub(super) fn raw(most: Option<&v1::MaxPrefix>, out: Option<&v1::MaxPrefixOut>) -> RawLimits {
    let mut raw = RawLimits::default();
    if let Some(v1::MaxPrefix {
        ipv4,
        ipv6,
        warn,
        action,
        restart,
    }) = most
    {
        raw.ipv4 = text("max-prefix.ipv4", ipv4.map(number));
        raw.ipv6 = text("max-prefix.ipv6", ipv6.map(number));
        raw.warn = text("max-prefix.warn", warn.as_ref());
        raw.action = text("max-prefix.action", action.map(word));
        raw.restart = text("max-prefix.restart", restart.as_ref().map(seconds));
    }
    if let Some(v1::MaxPrefixOut { ipv4, ipv6 }) = out {
        raw.out_ipv4 = text("max-prefix-out.ipv4", ipv4.map(number));
        raw.out_ipv6 = text("max-prefix-out.ipv6", ipv6.map(number));
    }
    raw
}

fn number(most: u32) -> String {
    match most {
        0 => "off".into(),
        most => most.to_string(),
    }
}

fn word(action: i32) -> &'static str {
    match v1::LimitAction::try_from(action) {
        Ok(v1::LimitAction::Warn) => "warn",
        Ok(v1::LimitAction::Block) => "block",
        Ok(v1::LimitAction::Shut) => "shut",
        Ok(v1::LimitAction::Unspecified) | Err(_) => "unspecified",
    }
}

/// The limits, with every default filled in; none where nothing is limited.
pub(super) fn messages(limits: &PrefixLimits) -> (Option<v1::MaxPrefix>, Option<v1::MaxPrefixOut>) {
    let PrefixLimits {
        most,
        warn,
        action,
        restart,
        most_out,
    } = limits;
    let number = |most: Option<NonZeroU32>| Some(most.map_or(0, NonZeroU32::get));
    let action = match action {
        LimitAction::Warn => v1::LimitAction::Warn,
        LimitAction::Block => v1::LimitAction::Block,
        LimitAction::Shut => v1::LimitAction::Shut,
    };
    let [v4, v6] = [Family::Ipv4Unicast, Family::Ipv6Unicast];
    let is_limited = !most.families().is_empty();
    let is_limited_out = !most_out.families().is_empty();
    let max_prefix = v1::MaxPrefix {
        ipv4: number(most.of(v4)),
        ipv6: number(most.of(v6)),
        warn: Some((*warn).into()).filter(|_| is_limited),
        action: Some(action.into()).filter(|_| is_limited),
        restart: Some(whole(*restart)),
    };
    let max_prefix_out = v1::MaxPrefixOut {
        ipv4: number(most_out.of(v4)),
        ipv6: number(most_out.of(v6)),
    };
    (
        Some(max_prefix).filter(|_| is_limited || is_limited_out),
        Some(max_prefix_out).filter(|_| is_limited_out),
    )
}
