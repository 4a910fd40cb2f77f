//! What the change of each key about one session costs.

use super::{Cost, or_none};
use crate::model::{Peer, SessionSettings};

/// Every key about the session: its name, its cost and its value as text.
pub(super) fn rows(peer: &Peer) -> [(&'static str, Cost, String); 3] {
    let SessionSettings {
        cluster_id,
        client_to_client,
        delay_open,
    } = peer.session;
    [
        // What the peer announced has been passed on with it.
        ("cluster-id", Cost::Reset, or_none(cluster_id.as_ref())),
        (
            "client-to-client",
            Cost::Reset,
            client_to_client.to_string(),
        ),
        ("delay-open", Cost::Live, or_none(delay_open.as_ref())),
    ]
}
