//! One peer as it is written, in the file or in a request.

use super::as_path::RawPath;
use super::limits::RawLimits;
use super::session::RawSession;
use crate::fault::Location;
use crate::section::{Reader, Section, Text, WordOrList};

/// A peer's keys with their text. `None`: the key is not there, and the group or the default
/// answers.
///
/// A request of the API fills it with [`Text::field`], so that its values are checked exactly as
/// those of the file:
/// ```
/// use config::{RawPeer, Text};
/// let mut peer = RawPeer::request();
/// peer.address = Some(Text::field("address", "10.0.0.9"));
/// peer.hold_time = Some(Text::field("hold-time", 30));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPeer {
    /// Where the peer starts; missing keys are reported there.
    pub at: Location,
    /// `name`.
    pub name: Option<Text>,
    /// `address`.
    pub address: Option<Text>,
    /// `group`.
    pub group: Option<Text>,
    /// `as`.
    pub remote_as: Option<Text>,
    /// `port`.
    pub port: Option<Text>,
    /// `local-address`.
    pub local_address: Option<Text>,
    /// `passive`.
    pub passive: Option<Text>,
    /// `enabled`.
    pub enabled: Option<Text>,
    /// `description`.
    pub description: Option<Text>,
    /// `families`.
    pub families: Option<Vec<Text>>,
    /// `hold-time`, seconds.
    pub hold_time: Option<Text>,
    /// `keepalive`, seconds.
    pub keepalive: Option<Text>,
    /// `send-hold`, seconds.
    pub send_hold: Option<Text>,
    /// `connect-retry`, seconds.
    pub connect_retry: Option<Text>,
    /// `idle-hold`, seconds.
    pub idle_hold: Option<Text>,
    /// `idle-hold-max`, seconds.
    pub idle_hold_max: Option<Text>,
    /// `import`.
    pub import: Option<WordOrList>,
    /// `export`.
    pub export: Option<WordOrList>,
    /// `route-reflector-client`.
    pub route_reflector_client: Option<Text>,
    /// `next-hop`.
    pub next_hop: Option<Text>,
    /// `next-hop-v6`.
    pub next_hop_v6: Option<Text>,
    /// `multihop`.
    pub multihop: Option<Text>,
    /// `ttl-security`.
    pub ttl_security: Option<Text>,
    /// `bind-device`.
    pub bind_device: Option<Text>,
    /// `password-file`.
    pub password_file: Option<Text>,
    /// `extended-messages`.
    pub extended_messages: Option<Text>,
    /// `add-path.receive`.
    pub add_path_receive: Option<Text>,
    /// `extended-next-hop`.
    pub extended_next_hop: Option<Text>,
    /// `as-sets`.
    pub as_sets: Option<Text>,
    /// `role`.
    pub role: Option<Text>,
    /// `role-strict`.
    pub role_strict: Option<Text>,
    /// `add-path.send`.
    pub add_path_send: Option<Text>,
    /// `graceful-shutdown`.
    pub graceful_shutdown: Option<Text>,
    /// `blackhole`.
    pub blackhole: Option<Text>,
    /// `graceful-restart.enabled`.
    pub graceful_enabled: Option<Text>,
    /// `graceful-restart.restart-time`, seconds.
    pub graceful_restart_time: Option<Text>,
    /// `graceful-restart.stale-time`, seconds.
    pub graceful_stale_time: Option<Text>,
    /// `max-prefix` and `max-prefix-out`.
    pub limits: RawLimits,
    /// `allow-own-as`, `as-override`, `remove-private-as` and `local-as`.
    pub path: RawPath,
    /// `cluster-id`, `client-to-client` and `delay-open`.
    pub session: RawSession,
    /// `long-lived-graceful-restart.enabled`.
    pub long_lived_enabled: Option<Text>,
    /// `long-lived-graceful-restart.stale-time`, seconds.
    pub long_lived_stale_time: Option<Text>,
    /// `long-lived-graceful-restart.max-stale-time`, seconds.
    pub long_lived_max_stale_time: Option<Text>,
    /// `long-lived-graceful-restart.partial-deployment`.
    pub long_lived_partial: Option<Text>,
}

impl RawPeer {
    /// A peer of an API request, nothing set yet.
    #[must_use]
    pub fn request() -> RawPeer {
        RawPeer::empty(Location::field("peer"))
    }

    pub(crate) fn empty(at: Location) -> RawPeer {
        RawPeer {
            at,
            name: None,
            address: None,
            group: None,
            remote_as: None,
            port: None,
            local_address: None,
            passive: None,
            enabled: None,
            description: None,
            families: None,
            hold_time: None,
            keepalive: None,
            send_hold: None,
            connect_retry: None,
            idle_hold: None,
            idle_hold_max: None,
            import: None,
            export: None,
            route_reflector_client: None,
            next_hop: None,
            next_hop_v6: None,
            multihop: None,
            ttl_security: None,
            bind_device: None,
            password_file: None,
            extended_messages: None,
            add_path_receive: None,
            extended_next_hop: None,
            as_sets: None,
            role: None,
            role_strict: None,
            add_path_send: None,
            graceful_shutdown: None,
            blackhole: None,
            graceful_enabled: None,
            graceful_restart_time: None,
            graceful_stale_time: None,
            limits: RawLimits::default(),
            path: RawPath::default(),
            session: RawSession::default(),
            long_lived_enabled: None,
            long_lived_stale_time: None,
            long_lived_max_stale_time: None,
            long_lived_partial: None,
        }
    }

    /// Reads the keys that a group, a peer and a range may all have.
    pub(crate) fn read_settings(reader: &mut Reader<'_>, section: &mut Section) -> RawPeer {
        let graceful = graceful_restart(reader, section);
        let [add_path_receive, add_path_send] = add_path(reader, section);
        RawPeer {
            remote_as: reader.text(section, "as"),
            port: reader.text(section, "port"),
            local_address: reader.text(section, "local-address"),
            passive: reader.text(section, "passive"),
            enabled: reader.text(section, "enabled"),
            description: reader.text(section, "description"),
            families: reader.texts(section, "families"),
            hold_time: reader.text(section, "hold-time"),
            keepalive: reader.text(section, "keepalive"),
            send_hold: reader.text(section, "send-hold"),
            connect_retry: reader.text(section, "connect-retry"),
            idle_hold: reader.text(section, "idle-hold"),
            idle_hold_max: reader.text(section, "idle-hold-max"),
            import: reader.word_or_list(section, "import"),
            export: reader.word_or_list(section, "export"),
            route_reflector_client: reader.text(section, "route-reflector-client"),
            next_hop: reader.text(section, "next-hop"),
            next_hop_v6: reader.text(section, "next-hop-v6"),
            multihop: reader.text(section, "multihop"),
            ttl_security: reader.text(section, "ttl-security"),
            bind_device: reader.text(section, "bind-device"),
            password_file: reader.text(section, "password-file"),
            extended_messages: reader.text(section, "extended-messages"),
            extended_next_hop: reader.text(section, "extended-next-hop"),
            as_sets: reader.text(section, "as-sets"),
            role: reader.text(section, "role"),
            role_strict: reader.text(section, "role-strict"),
            add_path_receive,
            add_path_send,
            graceful_shutdown: reader.text(section, "graceful-shutdown"),
            limits: RawLimits::read(reader, section),
            path: RawPath::read(reader, section),
            session: RawSession::read(reader, section),
            blackhole: reader.text(section, "blackhole"),
            ..graceful
        }
    }
}

/// `receive` and `send`.
fn add_path(reader: &mut Reader<'_>, section: &mut Section) -> [Option<Text>; 2] {
    let Some(mut add_path) = reader.sub(section, "add-path") else {
        return [None, None];
    };
    let both = ["receive", "send"].map(|key| reader.text(&mut add_path, key));
    reader.close(add_path);
    both
}

/// A peer of which only graceful restart, the long-lived one too, is read.
fn graceful_restart(reader: &mut Reader<'_>, section: &mut Section) -> RawPeer {
    let mut raw = RawPeer::empty(section.at.clone());
    if let Some(mut graceful) = reader.sub(section, "graceful-restart") {
        raw.graceful_enabled = reader.text(&mut graceful, "enabled");
        raw.graceful_restart_time = reader.text(&mut graceful, "restart-time");
        raw.graceful_stale_time = reader.text(&mut graceful, "stale-time");
        reader.close(graceful);
    }
    if let Some(mut long) = reader.sub(section, "long-lived-graceful-restart") {
        raw.long_lived_enabled = reader.text(&mut long, "enabled");
        raw.long_lived_stale_time = reader.text(&mut long, "stale-time");
        raw.long_lived_max_stale_time = reader.text(&mut long, "max-stale-time");
        raw.long_lived_partial = reader.text(&mut long, "partial-deployment");
        reader.close(long);
    }
    raw
}
