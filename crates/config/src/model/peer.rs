//! Peers, and ranges of peers that are not known beforehand.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use policy::{ExportMode, ImportMode};
use wire::{Asn, Families, Prefix};

use super::as_path::PathSettings;
use super::limits::PrefixLimits;
use super::session::SessionSettings;
use crate::fault::Location;

/// Which AS the peer must be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemoteAs {
    /// This one.
    Exactly(Asn),
    /// Our own.
    Internal,
    /// Any but our own.
    External,
}

impl fmt::Display for RemoteAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteAs::Exactly(asn) => asn.fmt(f),
            RemoteAs::Internal => f.write_str("internal"),
            RemoteAs::External => f.write_str("external"),
        }
    }
}

/// A hold time that may be proposed: off, or at least 3 seconds (RFC 4271 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HoldTime(Option<NonZeroU16>);

impl HoldTime {
    /// 90 seconds (RFC 4271 section 10).
    pub const DEFAULT: HoldTime = HoldTime(NonZeroU16::new(90));
    /// No hold timer and no keepalives.
    pub const OFF: HoldTime = HoldTime(None);

    /// A hold time of so many seconds; `None` for 1 and 2, which no speaker may use.
    #[must_use]
    pub fn new(seconds: u16) -> Option<HoldTime> {
        (!matches!(seconds, 1 | 2)).then(|| HoldTime(NonZeroU16::new(seconds)))
    }

    /// The value of the OPEN message: seconds, 0 for off.
    #[must_use]
    pub fn seconds(self) -> u16 {
        self.0.map_or(0, NonZeroU16::get)
    }
}

/// Which next hop is sent to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NextHopRule {
    /// As RFC 4271 section 5.1.3 has it: kept on iBGP, self or third party on eBGP.
    Auto,
    /// Always our own address.
    SelfAlways,
    /// Never changed.
    Unchanged,
}

impl fmt::Display for NextHopRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NextHopRule::Auto => "auto",
            NextHopRule::SelfAlways => "self",
            NextHopRule::Unchanged => "unchanged",
        })
    }
}

/// How many paths of a prefix a peer is sent that takes path identifiers (RFC 7911).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathLimit {
    /// We do not offer to send several.
    Off,
    /// The best ones, so many at most.
    Best(NonZeroU8),
    /// All, which is 255 at most.
    All,
}

impl PathLimit {
    /// The number at most; `None`: not offered.
    #[must_use]
    pub fn most(self) -> Option<NonZeroU8> {
        match self {
            PathLimit::Off => None,
            PathLimit::Best(most) => Some(most),
            PathLimit::All => Some(NonZeroU8::MAX),
        }
    }
}

impl fmt::Display for PathLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathLimit::Off => f.write_str("off"),
            PathLimit::Best(most) => most.fmt(f),
            PathLimit::All => f.write_str("all"),
        }
    }
}

/// What becomes of routes whose AS_PATH has an AS_SET, which nobody should send any more (RFC 9774 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AsSets {
    /// They are taken like others.
    Accept,
    /// They are withdrawn.
    Withdraw,
}

impl fmt::Display for AsSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AsSets::Accept => "accept",
            AsSets::Withdraw => "withdraw",
        })
    }
}

/// What the community BLACKHOLE does with a route of the peer (RFC 7999 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blackhole {
    /// Nothing: it is a route like any other.
    Ignore,
    /// Packets to it are dropped, and it does not leave our AS.
    Accept,
}

impl fmt::Display for Blackhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Blackhole::Ignore => "ignore",
            Blackhole::Accept => "accept",
        })
    }
}

/// How restarts of either end are borne (RFC 4724).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestart {
    /// It is offered, with its extension to NOTIFICATIONs (RFC 8538).
    pub enabled: bool,
    /// Seconds that the peer is asked to keep our routes for while we are away; 1 to 4095.
    pub restart_time: u16,
    /// Seconds that routes of the peer are kept for after it has come back, while it announces them anew.
    pub stale_time: u16,
}

impl Default for GracefulRestart {
    fn default() -> Self {
        GracefulRestart {
            enabled: true,
            restart_time: 120,
            stale_time: 180,
        }
    }
}

/// How long routes outlive a speaker that does not come back in its restart time (RFC 9494).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongLived {
    /// It is offered. Never without graceful restart.
    pub enabled: bool,
    /// Seconds that the peer is asked to keep our routes for, beyond our restart time; 24 bits.
    pub stale_time: u32,
    /// Seconds that routes of the peer are kept for at most, whatever it asks for.
    pub max_stale_time: u32,
    /// The peer is told of routes that are kept for long though it does not know what that means, as what to take last
    /// (section 4.6). Only on iBGP.
    pub partial_deployment: bool,
}

/// One peer with everything that is set for it, groups and defaults applied. Two peers are equal
/// if they are set the same, wherever that is written.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Name for people; the address if none is given. Unique.
    pub name: String,
    /// Address of the other end. Unique.
    pub address: IpAddr,
    /// TCP port of the other end.
    pub port: u16,
    /// AS of the other end.
    pub remote_as: RemoteAs,
    /// Our AS on this session.
    pub local_as: Asn,
    /// Address of our end; `None`: as the kernel chooses.
    pub local_address: Option<IpAddr>,
    /// Wait for the other end to connect.
    pub passive: bool,
    /// False: configured, but kept down.
    pub enabled: bool,
    /// Address families offered; never empty.
    pub families: Families,
    /// Hold time proposed.
    pub hold_time: HoldTime,
    /// Keepalive interval in seconds; `None`: a third of the negotiated hold time.
    pub keepalive: Option<NonZeroU16>,
    /// Seconds that the peer may read nothing of what is sent until the session ends (RFC 9687), 0 for off; `None`: 480, or
    /// twice the negotiated hold time if that is more.
    pub send_hold: Option<u16>,
    /// Time between attempts to connect, before jitter.
    pub connect_retry: Duration,
    /// First wait in Idle after a failure; doubles with each further one.
    pub idle_hold: Duration,
    /// Longest wait in Idle; never less than `idle_hold`.
    pub idle_hold_max: Duration,
    /// What is accepted.
    pub import: ImportMode,
    /// What is sent.
    pub export: ExportMode,
    /// The peer is a client of this reflector (RFC 4456). Only on iBGP.
    pub route_reflector_client: bool,
    /// Next hop sent.
    pub next_hop: NextHopRule,
    /// Next hop sent for IPv6 routes where ours would otherwise be looked up.
    pub next_hop_v6: Option<Ipv6Addr>,
    /// IP time to live of what we send: 1 on eBGP unless `multihop`, 64 on iBGP.
    pub ttl: u8,
    /// The peer is at most so many hops away, and what comes from farther is dropped (RFC 5082); `None`: not checked.
    pub ttl_security: Option<NonZeroU8>,
    /// The session runs over this network device alone, a link or a VRF.
    pub bind_device: Option<Box<str>>,
    /// The file whose first line is the password of the session (TCP MD5, RFC 2385).
    pub password_file: Option<Arc<Path>>,
    /// Messages of up to 65,535 octets are offered (RFC 8654).
    pub extended_messages: bool,
    /// Paths of a prefix that are taken under identifiers of their own (RFC 7911).
    pub add_path_receive: PathLimit,
    /// IPv4 routes with an IPv6 next hop are offered (RFC 8950).
    pub extended_next_hop: bool,
    /// What becomes of routes with an AS_SET (RFC 9774).
    pub as_sets: AsSets,
    /// What we are to the peer, on eBGP (RFC 9234).
    pub role: Option<wire::Role>,
    /// A peer that does not say its role is refused (RFC 9234).
    pub role_strict: bool,
    /// Paths of a prefix that are sent (RFC 7911).
    pub add_path_send: PathLimit,
    /// Routes that it tells with GRACEFUL_SHUTDOWN are the least preferred (RFC 8326). Of meaning on eBGP only.
    pub graceful_shutdown: bool,
    /// What its BLACKHOLE communities do (RFC 7999).
    pub blackhole: Blackhole,
    /// Graceful restart (RFC 4724).
    pub graceful: GracefulRestart,
    /// How many routes it may bring and be sent.
    pub limits: PrefixLimits,
    /// What is done to AS_PATH.
    pub path: PathSettings,
    /// What is particular about the session.
    pub session: SessionSettings,
    /// Long-lived graceful restart (RFC 9494).
    pub long_lived: LongLived,
    /// Name of the group that the settings were taken from.
    pub group: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Where the peer is defined. Not part of equality.
    pub location: Location,
}

impl Peer {
    /// IP time to live of what we send: as much as there is where the other end may judge by it how far we are.
    #[must_use]
    pub fn sent_ttl(&self) -> u8 {
        self.ttl_security.map_or(self.ttl, |_| u8::MAX)
    }

    /// The least IP time to live with which the peer's packets arrive, if that is checked (RFC 5082 section 3).
    #[must_use]
    pub fn least_ttl(&self) -> Option<u8> {
        self.ttl_security.map(|hops| u8::MAX - (hops.get() - 1))
    }

    /// Whether the session is iBGP.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        match self.remote_as {
            RemoteAs::Exactly(asn) => asn == self.local_as,
            RemoteAs::Internal => true,
            RemoteAs::External => false,
        }
    }
}

impl fmt::Display for Peer {
    /// `NAME (ADDRESS)`, or the address alone where that is the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name == self.address.to_string() {
            return f.write_str(&self.name);
        }
        write!(f, "{} ({})", self.name, self.address)
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Peer) -> bool {
        // Opened completely, so that a new field must be decided upon here.
        let Peer {
            name,
            address,
            port,
            remote_as,
            local_as,
            local_address,
            passive,
            enabled,
            families,
            hold_time,
            keepalive,
            send_hold,
            connect_retry,
            idle_hold,
            idle_hold_max,
            import,
            export,
            route_reflector_client,
            next_hop,
            next_hop_v6,
            ttl,
            ttl_security,
            bind_device,
            password_file,
            extended_messages,
            add_path_receive,
            extended_next_hop,
            as_sets,
            role,
            role_strict,
            add_path_send,
            graceful_shutdown,
            blackhole,
            graceful,
            limits,
            path,
            session,
            long_lived,
            group,
            description,
            location: _,
        } = self;
        *name == other.name
            && *address == other.address
            && *port == other.port
            && *remote_as == other.remote_as
            && *local_as == other.local_as
            && *local_address == other.local_address
            && *passive == other.passive
            && *enabled == other.enabled
            && *families == other.families
            && *hold_time == other.hold_time
            && *keepalive == other.keepalive
            && *send_hold == other.send_hold
            && *connect_retry == other.connect_retry
            && *idle_hold == other.idle_hold
            && *idle_hold_max == other.idle_hold_max
            && *import == other.import
            && *export == other.export
            && *route_reflector_client == other.route_reflector_client
            && *next_hop == other.next_hop
            && *next_hop_v6 == other.next_hop_v6
            && *ttl == other.ttl
            && *ttl_security == other.ttl_security
            && *bind_device == other.bind_device
            && *password_file == other.password_file
            && *extended_messages == other.extended_messages
            && *add_path_receive == other.add_path_receive
            && *extended_next_hop == other.extended_next_hop
            && *as_sets == other.as_sets
            && *role == other.role
            && *role_strict == other.role_strict
            && *add_path_send == other.add_path_send
            && *graceful_shutdown == other.graceful_shutdown
            && *blackhole == other.blackhole
            && *graceful == other.graceful
            && *limits == other.limits
            && *path == other.path
            && *session == other.session
            && *long_lived == other.long_lived
            && *group == other.group
            && *description == other.description
    }
}

impl Eq for Peer {}

/// A range of addresses from which peers may connect without being named one by one.
#[derive(Clone, Debug)]
pub struct DynamicRange {
    /// The addresses.
    pub prefix: Prefix,
    /// Most peers of this range at a time.
    pub limit: u32,
    /// What a peer of the range is made from: see [`DynamicRange::peer_for`].
    pub(crate) template: Peer,
}

impl DynamicRange {
    /// The settings of the peer that connects from this address. It is passive: we never connect
    /// to it.
    #[must_use]
    pub fn peer_for(&self, address: IpAddr) -> Peer {
        Peer {
            name: address.to_string(),
            address,
            ..self.template.clone()
        }
    }

    /// The settings that all peers of the range share; name and address are the range's.
    #[must_use]
    pub fn template(&self) -> &Peer {
        &self.template
    }

    /// Where the range is defined.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.template.location
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_times_of_one_and_two_seconds_cannot_be_built() {
        assert_eq!(HoldTime::new(0), Some(HoldTime::OFF));
        assert_eq!(HoldTime::new(1), None);
        assert_eq!(HoldTime::new(2), None);
        assert_eq!(HoldTime::new(3).map(HoldTime::seconds), Some(3));
        assert_eq!(HoldTime::DEFAULT.seconds(), 90);
    }
}
