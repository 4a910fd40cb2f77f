//! The settings that peers share by naming a group, as far as they are given.
//!
//! Part of the model, because a peer that the API adds can name a group of the file. Owns what is
//! given and what is not; never reads text and knows no defaults.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use policy::{ExportMode, ImportMode};
use wire::Families;

use super::as_path::PathFields;
use super::limits::LimitFields;
use super::peer::{AsSets, Blackhole, HoldTime, NextHopRule, PathLimit, RemoteAs};
use super::session::SessionFields;
use crate::fault::Location;

/// The groups by name.
pub(crate) type Groups = BTreeMap<String, Group>;

/// Settings that peers share by naming them.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) fields: Fields,
}

/// What a key gives.
#[derive(Clone, Debug)]
pub(crate) enum Slot<T> {
    /// The key is not there.
    Absent,
    /// It is there and wrong; the fault is noted.
    Bad,
    /// Its value, and where it stands.
    Set(T, Location),
}

impl<T: Clone> Slot<T> {
    /// This one, or the other's if the key is not here.
    pub(super) fn or(&self, other: &Slot<T>) -> Slot<T> {
        if let Slot::Absent = self {
            other.clone()
        } else {
            self.clone()
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        match self {
            Slot::Set(value, _) => Some(value),
            Slot::Absent | Slot::Bad => None,
        }
    }

    pub(crate) fn value(&self) -> Option<T> {
        self.get().cloned()
    }

    /// The value, or the default where there is none. A bad one gets it too: the configuration is
    /// refused anyway, and the other checks can go on.
    pub(crate) fn value_or(&self, default: T) -> T {
        self.value().unwrap_or(default)
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Slot::Absent)
    }

    /// Where it stands, or the given place.
    pub(crate) fn at<'a>(&'a self, otherwise: &'a Location) -> &'a Location {
        match self {
            Slot::Set(_, at) => at,
            Slot::Absent | Slot::Bad => otherwise,
        }
    }
}

/// The settings that a group can share.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) remote_as: Slot<RemoteAs>,
    pub(crate) port: Slot<u16>,
    pub(crate) local_address: Slot<IpAddr>,
    pub(crate) passive: Slot<bool>,
    pub(crate) enabled: Slot<bool>,
    pub(crate) description: Slot<String>,
    pub(crate) families: Slot<Families>,
    pub(crate) hold_time: Slot<HoldTime>,
    pub(crate) keepalive: Slot<Option<NonZeroU16>>,
    pub(crate) send_hold: Slot<u16>,
    pub(crate) connect_retry: Slot<Duration>,
    pub(crate) idle_hold: Slot<Duration>,
    pub(crate) idle_hold_max: Slot<Duration>,
    pub(crate) import: Slot<ImportMode>,
    pub(crate) export: Slot<ExportMode>,
    pub(crate) route_reflector_client: Slot<bool>,
    pub(crate) next_hop: Slot<NextHopRule>,
    pub(crate) next_hop_v6: Slot<Ipv6Addr>,
    pub(crate) multihop: Slot<u8>,
    pub(crate) ttl_security: Slot<Option<NonZeroU8>>,
    pub(crate) bind_device: Slot<Box<str>>,
    pub(crate) password_file: Slot<Arc<Path>>,
    pub(crate) extended_messages: Slot<bool>,
    pub(crate) add_path_receive: Slot<PathLimit>,
    pub(crate) extended_next_hop: Slot<bool>,
    pub(crate) as_sets: Slot<AsSets>,
    pub(crate) role: Slot<wire::Role>,
    pub(crate) role_strict: Slot<bool>,
    pub(crate) add_path_send: Slot<PathLimit>,
    pub(crate) graceful_shutdown: Slot<bool>,
    pub(crate) blackhole: Slot<Blackhole>,
    pub(crate) graceful_enabled: Slot<bool>,
    pub(crate) restart_time: Slot<u16>,
    pub(crate) stale_time: Slot<u16>,
    pub(crate) limits: LimitFields,
    pub(crate) path: PathFields,
    pub(crate) session: SessionFields,
    pub(crate) long_lived_enabled: Slot<bool>,
    pub(crate) long_lived_stale_time: Slot<u32>,
    pub(crate) long_lived_max_stale_time: Slot<u32>,
    pub(crate) long_lived_partial: Slot<bool>,
}

impl Fields {
    /// These settings, and the group's where a key is not here.
    pub(crate) fn or(&self, group: &Fields) -> Fields {
        Fields {
            remote_as: self.remote_as.or(&group.remote_as),
            port: self.port.or(&group.port),
            local_address: self.local_address.or(&group.local_address),
            passive: self.passive.or(&group.passive),
            enabled: self.enabled.or(&group.enabled),
            description: self.description.or(&group.description),
            families: self.families.or(&group.families),
            hold_time: self.hold_time.or(&group.hold_time),
            keepalive: self.keepalive.or(&group.keepalive),
            send_hold: self.send_hold.or(&group.send_hold),
            connect_retry: self.connect_retry.or(&group.connect_retry),
            idle_hold: self.idle_hold.or(&group.idle_hold),
            idle_hold_max: self.idle_hold_max.or(&group.idle_hold_max),
            import: self.import.or(&group.import),
            export: self.export.or(&group.export),
            route_reflector_client: self
                .route_reflector_client
                .or(&group.route_reflector_client),
            next_hop: self.next_hop.or(&group.next_hop),
            next_hop_v6: self.next_hop_v6.or(&group.next_hop_v6),
            multihop: self.multihop.or(&group.multihop),
            ttl_security: self.ttl_security.or(&group.ttl_security),
            bind_device: self.bind_device.or(&group.bind_device),
            password_file: self.password_file.or(&group.password_file),
            extended_messages: self.extended_messages.or(&group.extended_messages),
            add_path_receive: self.add_path_receive.or(&group.add_path_receive),
            extended_next_hop: self.extended_next_hop.or(&group.extended_next_hop),
            as_sets: self.as_sets.or(&group.as_sets),
            role: self.role.or(&group.role),
            role_strict: self.role_strict.or(&group.role_strict),
            add_path_send: self.add_path_send.or(&group.add_path_send),
            graceful_shutdown: self.graceful_shutdown.or(&group.graceful_shutdown),
            blackhole: self.blackhole.or(&group.blackhole),
            graceful_enabled: self.graceful_enabled.or(&group.graceful_enabled),
            restart_time: self.restart_time.or(&group.restart_time),
            stale_time: self.stale_time.or(&group.stale_time),
            limits: self.limits.or(&group.limits),
            path: self.path.or(&group.path),
            session: self.session.or(&group.session),
            long_lived_enabled: self.long_lived_enabled.or(&group.long_lived_enabled),
            long_lived_stale_time: self.long_lived_stale_time.or(&group.long_lived_stale_time),
            long_lived_max_stale_time: self
                .long_lived_max_stale_time
                .or(&group.long_lived_max_stale_time),
            long_lived_partial: self.long_lived_partial.or(&group.long_lived_partial),
        }
    }
}
