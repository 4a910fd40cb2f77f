//! Reads what is done to AS_PATH on a session.

use wire::Asn;

use super::values::{self, Parsed};
use crate::fault::{Faults, Location, Problem};
use crate::model::{
    Fields, LocalAs, NextHopRule, PathFields, PathSettings, PrivateAs, RemoteAs, Slot,
};
use crate::raw::RawPath;

/// How often our own AS may be allowed to stand in a path.
const MAX_OWN_AS: u32 = 10;

impl PathFields {
    pub(super) fn read(faults: &mut Faults, raw: &RawPath) -> PathFields {
        // Opened completely, so that a new key must be decided upon here.
        let RawPath {
            allow_own_as,
            as_override,
            remove_private_as,
            local_as,
            no_prepend,
            replace_as,
            enforce_first_as,
            route_server_client,
        } = raw;
        PathFields {
            allow_own_as: Slot::read(faults, allow_own_as.as_ref(), count_value),
            as_override: Slot::read(faults, as_override.as_ref(), values::boolean),
            remove_private_as: Slot::read(faults, remove_private_as.as_ref(), |text| {
                values::word(text, &PrivateAs::WORDS)
            }),
            local_as: Slot::read(faults, local_as.as_ref(), local_as_value),
            no_prepend: Slot::read(faults, no_prepend.as_ref(), values::boolean),
            replace_as: Slot::read(faults, replace_as.as_ref(), values::boolean),
            enforce_first_as: Slot::read(faults, enforce_first_as.as_ref(), values::boolean),
            route_server_client: Slot::read(faults, route_server_client.as_ref(), values::boolean),
        }
    }
}

fn count_value(text: &str) -> Parsed<u8> {
    let count = values::number(text, 0..=MAX_OWN_AS);
    let count = count.map_err(|problem| {
        Problem::new(
            problem.message,
            "write how often our own AS may stand in a path",
        )
    })?;
    Ok(u8::try_from(count).unwrap_or(u8::MAX))
}

fn local_as_value(text: &str) -> Parsed<Option<Asn>> {
    match text {
        "own" => Ok(None),
        _ => values::asn(text).map(Some),
    }
}

/// What is done to AS_PATH on the session of a peer.
pub(super) fn settings(fields: &Fields) -> PathSettings {
    let given = &fields.path;
    let plain = PathSettings::PLAIN;
    PathSettings {
        allow_own_as: given.allow_own_as.value_or(plain.allow_own_as),
        as_override: given.as_override.value_or(plain.as_override),
        remove_private_as: given.remove_private_as.value_or(plain.remove_private_as),
        local_as: given.local_as.value_or(None).map(|asn| LocalAs {
            asn,
            no_prepend: given.no_prepend.value_or(false),
            replace_as: given.replace_as.value_or(false),
        }),
        enforce_first_as: given.enforce_first_as.value_or(plain.enforce_first_as),
        route_server_client: given
            .route_server_client
            .value_or(plain.route_server_client),
    }
}

/// What does not go together. `own`: our AS.
pub(super) fn check(
    faults: &mut Faults,
    at: &Location,
    fields: &Fields,
    own: Option<Asn>,
    internal: Option<bool>,
) {
    let given = &fields.path;
    check_local_as(faults, at, fields, own);
    let options = [
        ("no-prepend", &given.no_prepend),
        ("replace-as", &given.replace_as),
    ];
    for (key, slot) in options {
        if slot.get().is_some() && given.local_as.is_absent() {
            faults.add(
                slot.at(at),
                format!("local-as.{key} has no use without local-as.as"),
                "add local-as.as, or remove it",
            );
        }
    }
    check_route_server(faults, at, fields);
    if internal != Some(true) {
        return;
    }
    let removes = given.remove_private_as.value_or(PrivateAs::Keep) != PrivateAs::Keep;
    let external_only = [
        (
            given.as_override.value_or(false),
            "as-override",
            given.as_override.at(at),
        ),
        (removes, "remove-private-as", given.remove_private_as.at(at)),
        (
            given.route_server_client.value_or(false),
            "route-server-client",
            given.route_server_client.at(at),
        ),
        (
            !given.enforce_first_as.value_or(true),
            "enforce-first-as",
            given.enforce_first_as.at(at),
        ),
    ];
    for (is_set, key, at) in external_only {
        if is_set {
            faults.add(
                at,
                format!("{key} is for peers of another AS: inside of one AS_PATH stays as it is"),
                "remove it",
            );
        }
    }
}

/// What a route server passes on it does not touch (RFC 7947 section 2.2).
fn check_route_server(faults: &mut Faults, at: &Location, fields: &Fields) {
    let given = &fields.path;
    if !given.route_server_client.value_or(false) {
        return;
    }
    let removes = given.remove_private_as.value_or(PrivateAs::Keep) != PrivateAs::Keep;
    let next_hop = fields.next_hop.value_or(NextHopRule::Auto);
    let touches = [
        (given.as_override.value_or(false), "as-override"),
        (removes, "remove-private-as"),
        (given.local_as.value_or(None).is_some(), "local-as"),
        (next_hop == NextHopRule::SelfAlways, "next-hop: self"),
    ];
    for (_, key) in touches.into_iter().filter(|(is_set, _)| *is_set) {
        faults.add(
            given.route_server_client.at(at),
            format!("a route-server-client is sent routes as they are, which {key} would change"),
            "remove one of them (RFC 7947 section 2.2)",
        );
    }
}

/// RFC 7705 is about a border: on both sides of the session there is another AS than ours.
fn check_local_as(faults: &mut Faults, at: &Location, fields: &Fields, own: Option<Asn>) {
    let given = &fields.path.local_as;
    let (Some(Some(local)), Some(own)) = (given.get().copied(), own) else {
        return;
    };
    let at = given.at(at);
    if local == own {
        faults.add(at, format!("local-as {local} is our own AS"), "remove it");
        return;
    }
    let theirs = match fields.remote_as.get() {
        Some(RemoteAs::Exactly(theirs)) if *theirs == own => "ours",
        Some(RemoteAs::Exactly(theirs)) if *theirs == local => "the same",
        Some(RemoteAs::Internal) => "ours",
        Some(RemoteAs::Exactly(_) | RemoteAs::External) | None => return,
    };
    faults.add(
        at,
        format!("local-as {local} needs a peer of another AS, and that of this one is {theirs}"),
        "remove it, or correct \"as\" of the peer",
    );
}
