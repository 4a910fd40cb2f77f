//! One peer: group, defaults, and the checks that look at more than one key.
//!
//! The same for peers of the file, of a dynamic range and of an API request.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use policy::{ExportMode, ImportMode};
use wire::{Asn, Families, Family};

use super::fields::Sets;
use super::{as_path, limits, session};
use crate::fault::{Faults, Location};
use crate::model::{
    AsSets, Blackhole, Fields, GracefulRestart, Group, Groups, HoldTime, LongLived, NextHopRule,
    PathLimit, Peer, RemoteAs, Role,
};
use crate::raw::RawPeer;
use crate::suggest;

/// IP time to live toward an iBGP peer: what the kernel uses by default.
const IBGP_TTL: u8 = 64;
/// Toward an eBGP peer: it must be on the same link.
const EBGP_TTL: u8 = 1;

/// Seconds.
const DAY: u32 = 86_400;

/// What a peer's checks look at besides the peer.
pub(super) struct Context<'a> {
    pub(super) role: Role,
    /// `None`: missing or faulty, and reported.
    pub(super) local_as: Option<Asn>,
    pub(super) router_id: Option<Ipv4Addr>,
    /// Specific addresses that we listen on; `None`: not listening.
    pub(super) listen: Option<Vec<IpAddr>>,
    pub(super) sets: &'a Sets,
    pub(super) groups: &'a Groups,
}

/// Who the peer is.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) address: IpAddr,
    /// Set for the template of a dynamic range.
    pub(super) dynamic: bool,
}

impl Context<'_> {
    /// The peer, or `None` after noting why there is none. Faults that leave a value to go on with
    /// are noted too: whoever calls looks at `faults`, not only at the answer.
    pub(super) fn peer(
        &self,
        faults: &mut Faults,
        raw: &RawPeer,
        identity: Option<Identity>,
    ) -> Option<Peer> {
        let own = Fields::read(faults, raw, self.sets);
        let group = self.group(faults, raw);
        let fields = match &group {
            Some((_, group)) => own.or(&group.fields),
            None => own,
        };
        self.check_remote_as(faults, raw, &fields, group.is_some());
        let identity = identity?;
        let internal = self.is_internal(&fields);
        self.check_addresses(faults, raw, &fields, &identity);
        check_timers(faults, &raw.at, &fields);
        check_distance(faults, &raw.at, &fields);
        check_reflection(faults, &raw.at, &fields, internal);
        check_leaving(faults, &raw.at, &fields, internal);
        limits::check(faults, &raw.at, &fields, identity.dynamic);
        as_path::check(faults, &raw.at, &fields, self.local_as, internal);
        session::check(faults, &raw.at, &fields);
        check_role(faults, &raw.at, &fields, internal);
        check_long_lived(faults, &raw.at, &fields, internal);
        self.check_reachable(faults, raw, &fields, &identity);
        let group = group.map(|(name, _)| name);
        self.build(raw, &fields, identity, internal?, group)
    }

    fn build(
        &self,
        raw: &RawPeer,
        fields: &Fields,
        identity: Identity,
        internal: bool,
        group: Option<String>,
    ) -> Option<Peer> {
        let (import, export) = self.default_policy(internal);
        let idle_hold = fields.idle_hold.value_or(Duration::from_secs(1));
        let route_reflector_client = fields.route_reflector_client.value_or(false);
        Some(Peer {
            name: identity.name,
            address: identity.address,
            port: fields.port.value_or(179),
            remote_as: fields.remote_as.value()?,
            local_as: self.own_as(fields)?,
            local_address: fields.local_address.value(),
            passive: identity.dynamic || fields.passive.value_or(false),
            enabled: fields.enabled.value_or(true),
            families: fields.families.value_or(Families::ALL),
            hold_time: fields.hold_time.value_or(HoldTime::DEFAULT),
            keepalive: fields.keepalive.value_or(None),
            send_hold: fields.send_hold.value(),
            connect_retry: fields.connect_retry.value_or(Duration::from_secs(5)),
            idle_hold,
            idle_hold_max: fields
                .idle_hold_max
                .value_or(Duration::from_secs(60).max(idle_hold)),
            import: fields.import.value_or(import),
            export: fields.export.value_or(export),
            route_reflector_client,
            next_hop: fields.next_hop.value_or(NextHopRule::Auto),
            next_hop_v6: fields.next_hop_v6.value(),
            ttl: fields
                .multihop
                .value_or(if internal { IBGP_TTL } else { EBGP_TTL }),
            ttl_security: fields.ttl_security.value_or(None),
            bind_device: fields.bind_device.value(),
            password_file: fields.password_file.value(),
            extended_messages: fields.extended_messages.value_or(true),
            add_path_receive: fields.add_path_receive.value_or(PathLimit::Off),
            extended_next_hop: fields.extended_next_hop.value_or(false),
            as_sets: fields.as_sets.value_or(AsSets::Accept),
            role: fields.role.value(),
            role_strict: fields.role_strict.value_or(false),
            add_path_send: fields
                .add_path_send
                .value_or(self.default_paths(route_reflector_client)),
            graceful_shutdown: fields.graceful_shutdown.value_or(true),
            blackhole: fields.blackhole.value_or(Blackhole::Ignore),
            graceful: graceful_restart(fields),
            limits: limits::limits(fields, identity.dynamic),
            path: as_path::settings(fields),
            session: session::settings(fields),
            long_lived: self.long_lived(fields, internal),
            group,
            description: fields.description.value(),
            location: raw.at.clone(),
        })
    }

    /// What a peer takes and is sent where nothing is said. On eBGP nothing (RFC 8212).
    fn default_policy(&self, internal: bool) -> (ImportMode, ExportMode) {
        match (self.role, internal) {
            (_, false) => (ImportMode::Unset, ExportMode::Unset),
            (Role::Node, true) => (ImportMode::All, ExportMode::Local),
            (Role::Reflector, true) => (ImportMode::All, ExportMode::All),
        }
    }

    /// How many paths a peer is offered where nothing is said. A reflector that hid all but one path from its clients
    /// would take from them what they share traffic over, anycast above all.
    fn default_paths(&self, is_client: bool) -> PathLimit {
        match (self.role, is_client) {
            (Role::Reflector, true) => PathLimit::All,
            (Role::Reflector, false) | (Role::Node, _) => PathLimit::Off,
        }
    }

    /// A reflector asks its AS to keep what it has told for a day; a node asks for nothing of the kind, for its routes die
    /// with it, and keeps what it is asked to.
    fn long_lived(&self, fields: &Fields, internal: bool) -> LongLived {
        let stale_time = match self.role {
            Role::Reflector => DAY,
            Role::Node => 0,
        };
        let graceful = fields.graceful_enabled.value_or(true);
        LongLived {
            enabled: graceful && fields.long_lived_enabled.value_or(internal),
            stale_time: fields.long_lived_stale_time.value_or(stale_time),
            max_stale_time: fields.long_lived_max_stale_time.value_or(DAY),
            partial_deployment: fields.long_lived_partial.value_or(false),
        }
    }

    fn group(&self, faults: &mut Faults, raw: &RawPeer) -> Option<(String, &Group)> {
        let name = raw.group.as_ref().filter(|name| !name.refused)?;
        if let Some(group) = self.groups.get(&name.text) {
            return Some((name.text.clone(), group));
        }
        let remedy = suggest::remedy(&name.text, self.groups.keys().map(String::as_str), || {
            "define it under groups".to_owned()
        });
        faults.add(
            &name.at,
            format!("there is no group \"{}\"", name.text),
            remedy,
        );
        None
    }

    fn check_remote_as(&self, faults: &mut Faults, raw: &RawPeer, fields: &Fields, grouped: bool) {
        // With a group that does not exist, nobody knows whether `as` is missing.
        if fields.remote_as.is_absent() && (raw.group.is_none() || grouped) {
            let remedy = match (self.local_as, grouped) {
                (_, true) => {
                    "write as: NUMBER, internal or external here or in the group".to_owned()
                }
                (Some(local), false) => {
                    format!("write as: NUMBER, internal (for iBGP in AS {local}) or external")
                }
                (None, false) => "write as: NUMBER, internal or external".to_owned(),
            };
            faults.add(&raw.at, "the peer has no \"as\"", remedy);
        }
    }

    fn is_internal(&self, fields: &Fields) -> Option<bool> {
        Some(match fields.remote_as.get()? {
            RemoteAs::Internal => true,
            RemoteAs::External => false,
            RemoteAs::Exactly(asn) => *asn == self.own_as(fields)?,
        })
    }

    /// Our AS on the session.
    fn own_as(&self, fields: &Fields) -> Option<Asn> {
        let local = fields.path.local_as.value_or(None);
        local.or(self.local_as)
    }

    fn check_addresses(
        &self,
        faults: &mut Faults,
        raw: &RawPeer,
        fields: &Fields,
        identity: &Identity,
    ) {
        let address = identity.address;
        if let Some(local) = fields.local_address.get()
            && local.is_ipv4() != address.is_ipv4()
        {
            faults.add(
                fields.local_address.at(&raw.at),
                format!("local-address {local} and peer {address} are of different families"),
                "use one family for both ends of the session; it can carry routes of both",
            );
        }
        let ours = fields.local_address.get() == Some(&address)
            || self.router_id.map(IpAddr::V4) == Some(address)
            || self
                .listen
                .as_ref()
                .is_some_and(|listen| listen.contains(&address));
        if ours && !identity.dynamic {
            let at = raw.address.as_ref().map_or(&raw.at, |text| &text.at);
            faults.add(
                at,
                format!("{address} is our own address"),
                "remove this peer",
            );
        }
        let v6 = fields
            .families
            .value_or(Families::ALL)
            .contains(Family::Ipv6Unicast);
        if raw.next_hop_v6.is_some() && fields.next_hop_v6.get().is_some() && !v6 {
            faults.add(
                fields.next_hop_v6.at(&raw.at),
                "next-hop-v6 has no use without ipv6-unicast",
                "add ipv6-unicast to families, or remove it",
            );
        }
    }

    fn check_reachable(
        &self,
        faults: &mut Faults,
        raw: &RawPeer,
        fields: &Fields,
        identity: &Identity,
    ) {
        let passive = identity.dynamic || fields.passive.value_or(false);
        if passive && self.listen.is_none() {
            let what = if identity.dynamic {
                "dynamic peers connect to us"
            } else {
                "the peer is passive"
            };
            faults.add(
                fields.passive.at(&raw.at),
                format!("{what}, but listening is off, so no session can come up"),
                "remove \"listen: off\"",
            );
        }
    }
}

fn graceful_restart(fields: &Fields) -> GracefulRestart {
    let default = GracefulRestart::default();
    GracefulRestart {
        enabled: fields.graceful_enabled.value_or(default.enabled),
        restart_time: fields.restart_time.value_or(default.restart_time),
        stale_time: fields.stale_time.value_or(default.stale_time),
    }
}

fn check_timers(faults: &mut Faults, at: &Location, fields: &Fields) {
    if let Some(keepalive) = fields.keepalive.get().copied().flatten() {
        let hold = fields.hold_time.value_or(HoldTime::DEFAULT).seconds();
        let at = fields.keepalive.at(at);
        if hold == 0 {
            faults.add(
                at,
                "keepalive has no use with hold-time 0",
                "remove it (RFC 4271 section 4.4)",
            );
        } else if keepalive.get() >= hold {
            let remedy = format!("write at most {}, a third of it", (hold / 3).max(1));
            faults.add(
                at,
                format!("keepalive {keepalive} must be less than hold-time {hold}"),
                remedy,
            );
        }
    }
    if let (Some(first), Some(max)) = (fields.idle_hold.get(), fields.idle_hold_max.get())
        && first > max
    {
        let message = format!(
            "idle-hold-max {} is less than idle-hold {}",
            max.as_secs(),
            first.as_secs()
        );
        faults.add(fields.idle_hold_max.at(at), message, "write a larger one");
    }
}

/// RFC 5082 takes a distance for granted: both ends send with the greatest TTL, which `multihop` would set to another.
fn check_distance(faults: &mut Faults, at: &Location, fields: &Fields) {
    let checked = fields.ttl_security.get().copied().flatten();
    let hops = fields.multihop.get().filter(|hops| **hops > 1);
    if let (Some(_), Some(hops)) = (checked, hops) {
        let most = (*hops).min(u8::MAX - 1);
        let remedy = format!(
            "write ttl-security: {most} for a peer that is up to {most} hops away, and multihop: false or none"
        );
        let message = "ttl-security and multihop exclude each other";
        faults.add(fields.ttl_security.at(at), message, remedy);
    }
}

/// RFC 9234 section 4: roles are between ASes.
fn check_role(faults: &mut Faults, at: &Location, fields: &Fields, internal: Option<bool>) {
    if internal == Some(true) && fields.role.get().is_some() {
        let message = "only an eBGP peer has a role (RFC 9234)";
        faults.add(fields.role.at(at), message, "remove it");
    }
    if fields.role.is_absent() && fields.role_strict.value_or(false) {
        let remedy = "write what we are to the peer, such as role: customer, or remove it";
        faults.add(
            fields.role_strict.at(at),
            "role-strict needs a role",
            remedy,
        );
    }
}

fn check_reflection(faults: &mut Faults, at: &Location, fields: &Fields, internal: Option<bool>) {
    if internal == Some(false) && fields.route_reflector_client.value_or(false) {
        faults.add(
            fields.route_reflector_client.at(at),
            "only an iBGP peer can be a route-reflector-client (RFC 4456)",
            "write as: internal, or remove it",
        );
    }
}

/// A peer in our AS says with LOCAL_PREF how much its routes are worth; only one in another AS needs the community.
fn check_leaving(faults: &mut Faults, at: &Location, fields: &Fields, internal: Option<bool>) {
    if internal == Some(true) && fields.graceful_shutdown.value_or(false) {
        faults.add(
            fields.graceful_shutdown.at(at),
            "graceful-shutdown is of an eBGP peer: inside our AS LOCAL_PREF says it (RFC 8326)",
            "remove it",
        );
    }
}

/// The one goes with the other (RFC 9494 section 4.1), and who does not know what is kept for long may be told of it only
/// inside our AS (section 4.6).
fn check_long_lived(faults: &mut Faults, at: &Location, fields: &Fields, internal: Option<bool>) {
    let is_off = fields.graceful_enabled.get() == Some(&false);
    if is_off && fields.long_lived_enabled.value_or(false) {
        faults.add(
            fields.long_lived_enabled.at(at),
            "long-lived-graceful-restart needs graceful-restart, which is off (RFC 9494 4.1)",
            "write graceful-restart: {enabled: true}, or remove it",
        );
    }
    if internal == Some(false) && fields.long_lived_partial.value_or(false) {
        faults.add(
            fields.long_lived_partial.at(at),
            "partial-deployment is only for iBGP peers (RFC 9494 4.6)",
            "remove it",
        );
    }
}
