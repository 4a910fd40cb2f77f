//! Reads what is particular about a session.

use std::num::NonZeroU16;

use super::values;
use crate::fault::{Faults, Location};
use crate::model::{Fields, SessionFields, SessionSettings, Slot};
use crate::raw::RawSession;

/// Longest time to wait for an OPEN: the large hold time of RFC 4271 section 8.2.2.
const MAX_DELAY: u16 = 240;

impl SessionFields {
    pub(super) fn read(faults: &mut Faults, raw: &RawSession) -> SessionFields {
        // Opened completely, so that a new key must be decided upon here.
        let RawSession {
            cluster_id,
            client_to_client,
            delay_open,
        } = raw;
        SessionFields {
            cluster_id: Slot::read(faults, cluster_id.as_ref(), values::identifier),
            client_to_client: Slot::read(faults, client_to_client.as_ref(), values::boolean),
            delay_open: Slot::read(faults, delay_open.as_ref(), |text| {
                values::small(text, 0..=MAX_DELAY).map(NonZeroU16::new)
            }),
        }
    }
}

/// What is particular about the session of a peer.
pub(super) fn settings(fields: &Fields) -> SessionSettings {
    let (given, plain) = (&fields.session, SessionSettings::PLAIN);
    SessionSettings {
        cluster_id: given.cluster_id.value(),
        client_to_client: given.client_to_client.value_or(plain.client_to_client),
        delay_open: given.delay_open.value_or(plain.delay_open),
    }
}

/// What is for clients alone.
pub(super) fn check(faults: &mut Faults, at: &Location, fields: &Fields) {
    if fields.route_reflector_client.value_or(false) {
        return;
    }
    let given = &fields.session;
    let for_clients = [
        (
            given.cluster_id.get().is_some(),
            "cluster-id",
            given.cluster_id.at(at),
        ),
        (
            !given.client_to_client.value_or(true),
            "client-to-client",
            given.client_to_client.at(at),
        ),
    ];
    for (is_set, key, at) in for_clients {
        if is_set {
            faults.add(
                at,
                format!("{key} of a peer is for clients (RFC 4456)"),
                "add route-reflector-client: true, or remove it",
            );
        }
    }
}
