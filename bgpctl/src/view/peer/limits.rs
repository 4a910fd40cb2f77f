//! How many routes a peer may bring and be sent.

use proto::v1;
use serde::Serialize;

use crate::view::{family, lasting, word};

/// A limit of the routes that are accepted of a peer.
#[derive(Debug, Serialize)]
pub(crate) struct MaxPrefixView {
    ipv4: Option<u32>,
    ipv6: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warn: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restart: Option<String>,
}

/// A limit of the routes that a peer is sent.
#[derive(Debug, Serialize)]
pub(crate) struct MaxPrefixOutView {
    ipv4: Option<u32>,
    ipv6: Option<u32>,
}

/// A limit and what there is of it.
#[derive(Debug, Serialize)]
pub(crate) struct PrefixLimitView {
    family: String,
    out: bool,
    count: u64,
    limit: u64,
    refused: u64,
}

/// 0 is no limit.
fn limited(most: Option<u32>) -> Option<u32> {
    most.filter(|most| *most != 0)
}

fn numbers(ipv4: Option<u32>, ipv6: Option<u32>) -> Vec<String> {
    let named = [(ipv4, "IPv4"), (ipv6, "IPv6")];
    let named = named.into_iter();
    named
        .filter_map(|(most, name)| Some(format!("{} {name}", most?)))
        .collect()
}

impl MaxPrefixView {
    pub(super) fn new(limit: v1::MaxPrefix) -> MaxPrefixView {
        MaxPrefixView {
            ipv4: limited(limit.ipv4),
            ipv6: limited(limit.ipv6),
            warn: limit.warn,
            action: limit
                .action
                .map(|_| word(limit.action().as_str_name(), "LIMIT_ACTION_")),
            restart: limit.restart.as_ref().map(lasting),
        }
    }

    /// "100 IPv4, from 75% on warned, then shut for 300s".
    pub(super) fn text(&self) -> Option<String> {
        let mut parts = numbers(self.ipv4, self.ipv6);
        if parts.is_empty() {
            return None;
        }
        if let Some(warn) = self.warn.filter(|warn| *warn > 0) {
            parts.push(format!("told from {warn}% on"));
        }
        let action = self.action.as_deref().unwrap_or_default();
        parts.push(match (action, self.restart.as_deref()) {
            ("shut", Some("0s")) => "then shut until reset".to_owned(),
            ("shut", Some(restart)) => format!("then shut for {restart}"),
            (action, _) => format!("then {action}"),
        });
        Some(parts.join(", "))
    }
}

impl MaxPrefixOutView {
    pub(super) fn new(limit: v1::MaxPrefixOut) -> MaxPrefixOutView {
        MaxPrefixOutView {
            ipv4: limited(limit.ipv4),
            ipv6: limited(limit.ipv6),
        }
    }

    /// "100 IPv4, 7 IPv6".
    pub(super) fn text(&self) -> Option<String> {
        let parts = numbers(self.ipv4, self.ipv6);
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl PrefixLimitView {
    pub(super) fn new(limit: v1::PrefixLimit) -> PrefixLimitView {
        PrefixLimitView {
            family: family(limit.family()),
            out: limit.out,
            count: limit.count,
            limit: limit.limit,
            refused: limit.refused,
        }
    }

    /// "75 / 100 ipv4-unicast accepted, 3 refused".
    pub(super) fn text(&self) -> String {
        let what = if self.out { "advertised" } else { "accepted" };
        let refused = match self.refused {
            0 => String::new(),
            refused => format!(", {refused} refused"),
        };
        format!(
            "{} / {} {} {what}{refused}",
            self.count, self.limit, self.family
        )
    }
}
