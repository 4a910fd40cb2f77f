//! What is done to AS_PATH: from a request to the keys of the file, and back.

use config::{PathSettings, PrivateAs, RawPath};
use proto::v1;

use super::text;

/// A request as the text that the file would hold.
pub(super) fn raw(
    allow_own_as: Option<u32>,
    as_override: Option<bool>,
    remove_private_as: Option<i32>,
    local_as: Option<&v1::LocalAs>,
    [enforce_first_as, route_server_client]: [Option<bool>; 2],
) -> RawPath {
    let mut raw = RawPath {
        allow_own_as: text("allow-own-as", allow_own_as),
        as_override: text("as-override", as_override),
        remove_private_as: text("remove-private-as", remove_private_as.map(word)),
        enforce_first_as: text("enforce-first-as", enforce_first_as),
        route_server_client: text("route-server-client", route_server_client),
        ..RawPath::default()
    };
    if let Some(v1::LocalAs {
        as_number,
        no_prepend,
        replace_as,
    }) = local_as
    {
        raw.local_as = text("local-as.as", Some(as_number));
        raw.no_prepend = text("local-as.no-prepend", no_prepend.as_ref());
        raw.replace_as = text("local-as.replace-as", replace_as.as_ref());
    }
    raw
}

fn word(rule: i32) -> &'static str {
    match v1::PrivateAs::try_from(rule) {
        Ok(v1::PrivateAs::Keep) => "false",
        Ok(v1::PrivateAs::Remove) => "all",
        Ok(v1::PrivateAs::Replace) => "replace",
        Ok(v1::PrivateAs::Unspecified) | Err(_) => "unspecified",
    }
}

/// What becomes of private numbers, in the API's words.
pub(super) fn private(settings: &PathSettings) -> v1::PrivateAs {
    match settings.remove_private_as {
        PrivateAs::Keep => v1::PrivateAs::Keep,
        PrivateAs::Remove => v1::PrivateAs::Remove,
        PrivateAs::Replace => v1::PrivateAs::Replace,
    }
}

/// The AS that we are on the session, if it is not our own.
pub(super) fn local(settings: &PathSettings) -> Option<v1::LocalAs> {
    settings.local_as.map(|local| v1::LocalAs {
        as_number: local.asn.0,
        no_prepend: Some(local.no_prepend),
        replace_as: Some(local.replace_as),
    })
}
