//! What the change of each limit costs.

use std::num::NonZeroU32;

use wire::Family;

use super::Cost;
use crate::model::{LimitAction, Most, Peer, PrefixLimits};

/// Every key of the limits: its name, its cost and its value as text.
pub(super) fn rows(peer: &Peer) -> [(&'static str, Cost, String); 7] {
    let PrefixLimits {
        most,
        warn,
        action,
        restart,
        most_out,
    } = peer.limits;
    // What was refused may be let in, and the other way round.
    let cost = match action {
        LimitAction::Block => Cost::Import,
        LimitAction::Warn | LimitAction::Shut => Cost::Live,
    };
    let number = |most: &Most, family| text(most.of(family));
    let [v4, v6] = [Family::Ipv4Unicast, Family::Ipv6Unicast];
    [
        ("max-prefix.ipv4", cost, number(&most, v4)),
        ("max-prefix.ipv6", cost, number(&most, v6)),
        ("max-prefix.warn", Cost::Live, warn.to_string()),
        ("max-prefix.action", cost, action.to_string()),
        ("max-prefix.restart", Cost::Live, restart.to_string()),
        ("max-prefix-out.ipv4", Cost::Live, number(&most_out, v4)),
        ("max-prefix-out.ipv6", Cost::Live, number(&most_out, v6)),
    ]
}

fn text(most: Option<NonZeroU32>) -> String {
    most.map_or_else(|| "off".to_owned(), |most| most.to_string())
}
