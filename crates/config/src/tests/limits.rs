//! `max-prefix` and `max-prefix-out`.

use std::num::NonZeroU32;

use wire::Family;

use super::faults::peer;
use super::node;
use crate::diff::{Label, diff};
use crate::{LimitAction, Most, PrefixLimits};

fn most(ipv4: u32, ipv6: u32) -> Most {
    Most::new(NonZeroU32::new(ipv4), NonZeroU32::new(ipv6))
}

#[test]
fn a_configured_peer_has_no_limits_and_a_dynamic_one_has() {
    let config = node(
        "as: 64512\npeers: [{address: 10.0.0.2, as: internal}]\n\
         dynamic-peers:\n- {prefix: 10.1.0.0/16, as: internal}\n\
         - {prefix: 10.2.0.0/16, as: internal, max-prefix: {ipv4: off, ipv6: 7, action: block}}\n",
    );
    assert_eq!(config.peers[0].limits, PrefixLimits::OFF);
    let limits = config.dynamic[0].template().limits;
    assert_eq!(limits.most, most(4096, 4096));
    assert_eq!((limits.action, limits.restart), (LimitAction::Shut, 300));
    let limits = config.dynamic[1].template().limits;
    assert_eq!(
        (limits.most, limits.action),
        (most(0, 7), LimitAction::Block)
    );
}

#[test]
fn limits_of_a_group_are_taken_key_by_key() {
    let config = node(
        "as: 64512\ngroups: {g: {max-prefix: {ipv4: 100, warn: 90%, restart: 0}, max-prefix-out: {ipv6: 5}}}\n\
         peers:\n- {address: 10.0.0.2, as: internal, group: g, max-prefix: {ipv4: 200, action: warn}}\n",
    );
    let limits = config.peers[0].limits;
    let wanted = PrefixLimits {
        most: most(200, 0),
        warn: 90,
        action: LimitAction::Warn,
        restart: 0,
        most_out: most(0, 5),
    };
    assert_eq!(limits, wanted);
    assert_eq!(limits.warns_at(Family::Ipv4Unicast), Some(180));
}

#[test]
fn values_of_limits() {
    for (keys, said) in [
        (
            "max-prefix: {ipv4: 0}",
            "x.yaml:5:22: \"0\" is not a number from 1 to 4294967295; write the most routes of this family, or off",
        ),
        (
            "max-prefix: {ipv4: 5, warn: 101}",
            "x.yaml:5:31: \"101\" is not a part of the limit in percent; write 1 to 100, or 0 for no warning",
        ),
        (
            "max-prefix: {ipv4: 5, action: drop}",
            "x.yaml:5:33: \"drop\" is not a value for this key; write one of: warn, block, shut",
        ),
        (
            "max-prefix: {ipv4: 5, restart: 86401}",
            "x.yaml:5:34: \"86401\" is not a number from 0 to 86400",
        ),
        (
            "max-prefix: {action: warn}",
            "x.yaml:5:24: max-prefix.action has no use without a limit; add max-prefix.ipv4 or max-prefix.ipv6, or remove it",
        ),
        (
            "max-prefix-out: {warn: 7}",
            "x.yaml:5:20: unknown key \"warn\"; known here: ipv4, ipv6",
        ),
        (
            "max-prefix: 7",
            "x.yaml:5:15: expected keys and values here; write \"key: value\" lines",
        ),
    ] {
        peer(&format!("as: internal\n  {keys}"), said);
    }
}

#[test]
fn a_changed_limit_costs_no_session() {
    let with = |keys: &str| {
        node(&format!(
            "as: 64512\npeers: [{{address: 10.0.0.2, as: internal{keys}}}]"
        ))
    };
    for (before, after, label, text) in [
        (
            "",
            ", max-prefix: {ipv4: 7}",
            Label::Live,
            "max-prefix.ipv4 off -> 7",
        ),
        (
            ", max-prefix: {ipv6: 7}",
            ", max-prefix: {ipv6: 7, warn: 50, restart: 0}",
            Label::Live,
            "max-prefix.warn 75 -> 50, max-prefix.restart 300 -> 0",
        ),
        (
            ", max-prefix: {ipv6: 7, action: block}",
            ", max-prefix: {ipv6: 7}",
            Label::SoftRefresh,
            "max-prefix.action block -> shut: routes pass policy again, the session stays",
        ),
        (
            ", max-prefix: {ipv6: 7, action: block}",
            ", max-prefix: {ipv6: 9, action: block}",
            Label::SoftRefresh,
            "max-prefix.ipv6 7 -> 9: routes pass policy again, the session stays",
        ),
        (
            "",
            ", max-prefix-out: {ipv4: 9}",
            Label::Live,
            "max-prefix-out.ipv4 off -> 9",
        ),
    ] {
        let changes = diff(&with(before), &with(after));
        let told: Vec<_> = changes
            .iter()
            .map(|change| (change.label, change.text.as_str()))
            .collect();
        let text = format!("peer 10.0.0.2: {text}");
        assert_eq!(told, [(label, text.as_str())]);
    }
}
