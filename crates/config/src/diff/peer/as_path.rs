//! What the change of each key about AS_PATH costs.

use super::Cost;
use crate::model::{PathSettings, Peer};

/// Every key about AS_PATH: its name, its cost and its value as text.
pub(super) fn rows(peer: &Peer) -> [(&'static str, Cost, String); 8] {
    let PathSettings {
        allow_own_as,
        as_override,
        remove_private_as,
        local_as,
        enforce_first_as,
        route_server_client,
    } = peer.path;
    let text = |is_set: Option<bool>| is_set.unwrap_or(false).to_string();
    [
        ("allow-own-as", Cost::Import, allow_own_as.to_string()),
        ("as-override", Cost::Export, as_override.to_string()),
        (
            "remove-private-as",
            Cost::Export,
            remove_private_as.to_string(),
        ),
        // It stands in OPEN.
        (
            "local-as.as",
            Cost::Reset,
            local_as.map_or_else(|| "own".to_owned(), |local| local.asn.to_string()),
        ),
        (
            "local-as.no-prepend",
            Cost::Import,
            text(local_as.map(|local| local.no_prepend)),
        ),
        (
            "local-as.replace-as",
            Cost::Export,
            text(local_as.map(|local| local.replace_as)),
        ),
        (
            "enforce-first-as",
            Cost::Import,
            enforce_first_as.to_string(),
        ),
        (
            "route-server-client",
            Cost::Export,
            route_server_client.to_string(),
        ),
    ]
}
