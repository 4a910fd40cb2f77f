//! What is done to AS_PATH, as it is written.

use crate::section::{Reader, Section, Text};

/// The keys about AS_PATH with their text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawPath {
    /// `allow-own-as`.
    pub allow_own_as: Option<Text>,
    /// `as-override`.
    pub as_override: Option<Text>,
    /// `remove-private-as`.
    pub remove_private_as: Option<Text>,
    /// `local-as.as`.
    pub local_as: Option<Text>,
    /// `local-as.no-prepend`.
    pub no_prepend: Option<Text>,
    /// `local-as.replace-as`.
    pub replace_as: Option<Text>,
    /// `enforce-first-as`.
    pub enforce_first_as: Option<Text>,
    /// `route-server-client`.
    pub route_server_client: Option<Text>,
}

impl RawPath {
    pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section) -> RawPath {
        let mut raw = RawPath {
            allow_own_as: reader.text(section, "allow-own-as"),
            as_override: reader.text(section, "as-override"),
            remove_private_as: reader.text(section, "remove-private-as"),
            enforce_first_as: reader.text(section, "enforce-first-as"),
            route_server_client: reader.text(section, "route-server-client"),
            ..RawPath::default()
        };
        if let Some(mut local) = reader.sub(section, "local-as") {
            raw.local_as = reader.text(&mut local, "as");
            raw.no_prepend = reader.text(&mut local, "no-prepend");
            raw.replace_as = reader.text(&mut local, "replace-as");
            reader.close(local);
        }
        raw
    }
}
