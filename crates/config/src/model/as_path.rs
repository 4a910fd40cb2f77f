//! What is done to AS_PATH on a session, and under which number we are on it.

use std::fmt;

use wire::Asn;

use super::group::Slot;

/// What becomes of private AS numbers (RFC 6996) in what a peer of another AS is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrivateAs {
    /// They stay.
    Keep,
    /// All go.
    Remove,
    /// Each becomes our own number.
    Replace,
}

impl PrivateAs {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, PrivateAs); 3] = [
        ("false", PrivateAs::Keep),
        ("all", PrivateAs::Remove),
        ("replace", PrivateAs::Replace),
    ];
}

impl fmt::Display for PrivateAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PrivateAs::Keep => "false",
            PrivateAs::Remove => "all",
            PrivateAs::Replace => "replace",
        })
    }
}

/// That we are another AS than our own on a session (RFC 7705).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalAs {
    /// That one.
    pub asn: Asn,
    /// It is not put in front of what the peer sends (RFC 7705 section 3.1).
    pub no_prepend: bool,
    /// Our own does not stand in what the peer is sent (RFC 7705 section 3.2).
    pub replace_as: bool,
}

/// What is done to AS_PATH on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PathSettings {
    /// How often our own AS may stand in a path before it is a loop.
    pub allow_own_as: u8,
    /// The peer's number becomes ours in what it is sent.
    pub as_override: bool,
    /// Private numbers in what it is sent.
    pub remove_private_as: PrivateAs,
    /// We are another AS on this session.
    pub local_as: Option<LocalAs>,
    /// The peer's paths must begin with its AS (RFC 4271 section 6.3); those of a route server do not.
    pub enforce_first_as: bool,
    /// We are a route server to the peer: it is sent what others of other AS announce as it is (RFC 7947).
    pub route_server_client: bool,
}

impl PathSettings {
    /// Nothing out of the ordinary.
    pub const PLAIN: PathSettings = PathSettings {
        allow_own_as: 0,
        as_override: false,
        remove_private_as: PrivateAs::Keep,
        local_as: None,
        enforce_first_as: true,
        route_server_client: false,
    };

    /// The number that is put in front of what the peer sends.
    #[must_use]
    pub fn prepended(&self) -> Option<Asn> {
        let local = self.local_as.filter(|local| !local.no_prepend);
        local.map(|local| local.asn)
    }
}

/// The settings as far as they are given; see [`PathSettings`].
#[derive(Clone, Debug)]
pub(crate) struct PathFields {
    pub(crate) allow_own_as: Slot<u8>,
    pub(crate) as_override: Slot<bool>,
    pub(crate) remove_private_as: Slot<PrivateAs>,
    /// `None`: our own, whatever the group says.
    pub(crate) local_as: Slot<Option<Asn>>,
    pub(crate) no_prepend: Slot<bool>,
    pub(crate) replace_as: Slot<bool>,
    pub(crate) enforce_first_as: Slot<bool>,
    pub(crate) route_server_client: Slot<bool>,
}

impl PathFields {
    /// These, and the group's where a key is not here.
    pub(super) fn or(&self, group: &PathFields) -> PathFields {
        PathFields {
            allow_own_as: self.allow_own_as.or(&group.allow_own_as),
            as_override: self.as_override.or(&group.as_override),
            remove_private_as: self.remove_private_as.or(&group.remove_private_as),
            local_as: self.local_as.or(&group.local_as),
            no_prepend: self.no_prepend.or(&group.no_prepend),
            replace_as: self.replace_as.or(&group.replace_as),
            enforce_first_as: self.enforce_first_as.or(&group.enforce_first_as),
            route_server_client: self.route_server_client.or(&group.route_server_client),
        }
    }
}
