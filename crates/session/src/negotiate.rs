//! What two OPEN messages make together.
//!
//! RFC 4271 4.2 and 6.2, RFC 4724 3, RFC 4760 8, RFC 5492 3 and 5, RFC 6286 2.2, RFC 6793 4.1, RFC 7313 3, RFC 7911 4, RFC 8538 2, RFC 8654 3, RFC 8950 4, RFC 9234 4,
//! RFC 9494 3.1 and 4.1.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use wire::{
    AddPathMode, Asn, Capability, CeaseSubcode, Families, Family, Fault, FaultKind,
    GracefulRestart, GracefulRestartFamily, LlgrFamily, MAX_EXTENDED_LEN, MAX_LEN, Open, Role,
    Section, capability_code,
};

use crate::reason::DownReason;
use crate::settings::{Graceful, Settings};
use crate::side::Side;

/// The AFI of IPv6.
const IPV6: u16 = Family::Ipv6Unicast.afi_safi().afi;

/// The terms of an Established session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Who opened the connection.
    pub side: Side,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// The peer's AS number.
    pub remote_as: Asn,
    /// The peer's BGP Identifier.
    pub remote_router_id: Ipv4Addr,
    /// The peer is of our own AS.
    pub internal: bool,
    /// The hold time in effect, in seconds; 0: none, and no keepalives.
    pub hold_time: u16,
    /// Seconds between our keepalives; 0: none.
    pub keepalive: u16,
    /// The families that both offer.
    pub families: Families,
    /// AS numbers have four octets in both directions (RFC 6793).
    pub four_octet_as: bool,
    /// The peer takes ROUTE-REFRESH messages (RFC 2918).
    pub route_refresh: bool,
    /// Both take messages of up to 65,535 octets (RFC 8654).
    pub extended_messages: bool,
    /// Both mark where a refresh begins and ends (RFC 7313).
    pub enhanced_refresh: bool,
    /// The families of IPv4 whose next hop may be of IPv6 (RFC 8950).
    pub extended_next_hop: Families,
    /// The families in which the peer sends path identifiers, and so may send several paths of a prefix (RFC 7911).
    pub add_path_receive: Families,
    /// The families in which we send path identifiers, and so may send several paths of a prefix (RFC 7911).
    pub add_path_send: Families,
    /// Graceful restart, if both sides offer it (RFC 4724).
    pub graceful: Option<PeerRestart>,
    /// Long-lived graceful restart, if both sides offer it (RFC 9494).
    pub long_lived: Option<PeerLongLived>,
    /// The peer knows what to do with routes that are kept for long (RFC 9494 section 4.3).
    pub takes_stale: bool,
    /// Our OPEN.
    pub sent: Open,
    /// The peer's OPEN.
    pub received: Open,
}

/// What the peer said of graceful restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerRestart {
    /// Seconds within which it wants to be back after a restart.
    pub restart_time: u16,
    /// It has just restarted (the R bit).
    pub restarting: bool,
    /// Those of the families in effect in which it forwards on while it restarts.
    pub families: Families,
    /// Those of them in which it says that it did so when it last restarted (the F bits).
    pub forwarding: Families,
    /// Both sides keep routes over NOTIFICATIONs and the end of the hold time too (the N bit, RFC 8538 section 2).
    pub notification: bool,
}

/// What the peer said of long-lived graceful restart, of the families in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerLongLived {
    /// Seconds that it wants its routes kept for, by [`Family::index`]; 0 of a family that it does not name.
    pub stale_time: [u32; 2],
    /// The families in which it says that it forwarded on when it last restarted (the F bits).
    pub forwarding: Families,
}

impl PeerLongLived {
    /// The families whose routes it wants kept.
    pub fn families(&self) -> Families {
        let all = Family::ALL.into_iter();
        all.filter(|family| self.stale_time[family.index()] > 0)
            .collect()
    }
}

impl Negotiated {
    /// The families whose routes are kept after the session ended for this reason, until the peer is back (RFC 4724
    /// section 4.2, RFC 8538 section 4).
    pub fn kept_after(&self, reason: &DownReason) -> Families {
        let Some(peer) = self.graceful else {
            return Families::EMPTY;
        };
        let is_kept = match reason {
            DownReason::TcpClosed | DownReason::TcpError(_) | DownReason::Returned => true,
            DownReason::HoldTimerExpired | DownReason::Fault(_) => peer.notification,
            DownReason::NotificationReceived(notification)
            | DownReason::NotificationSent(notification) => {
                peer.notification && notification.cease_subcode() != Some(CeaseSubcode::HardReset)
            }
            // It is not the peer that restarts, or it is not to come back as it was.
            DownReason::SendHoldTimerExpired
            | DownReason::Shed(_)
            | DownReason::ConnectFailed(_)
            | DownReason::Unfit(_)
            | DownReason::LinkDown
            | DownReason::AddressGone
            | DownReason::Disabled
            | DownReason::Deleted => false,
        };
        let long = self.long_lived.map(|peer| peer.families());
        match is_kept {
            true => peer.families | long.unwrap_or(Families::EMPTY),
            false => Families::EMPTY,
        }
    }

    /// Both sides keep routes over NOTIFICATIONs, so that an end for good has to be said by a hard reset (RFC 8538).
    pub fn is_hard_reset_needed(&self) -> bool {
        self.graceful.is_some_and(|peer| peer.notification)
    }

    /// The most octets of a message, header included, in both directions (RFC 8654 section 4).
    pub fn max_len(&self) -> usize {
        match self.extended_messages {
            true => MAX_EXTENDED_LEN,
            false => MAX_LEN,
        }
    }

    /// The name that the peer gives itself, with its domain if it has one. Nothing depends on it.
    pub fn peer_name(&self) -> Option<String> {
        let mut capabilities = self.received.capabilities.iter();
        capabilities.find_map(|capability| match capability {
            Capability::Fqdn { host, domain } if domain.is_empty() => Some(host.clone()),
            Capability::Fqdn { host, domain } => Some(format!("{host}.{domain}")),
            _ => None,
        })
    }

    /// The hold time as a length of time; None: off.
    pub fn hold(&self) -> Option<Duration> {
        (self.hold_time != 0).then(|| Duration::from_secs(u64::from(self.hold_time)))
    }

    /// The keepalive interval as a length of time; None: off.
    pub fn keepalive_interval(&self) -> Option<Duration> {
        (self.keepalive != 0).then(|| Duration::from_secs(u64::from(self.keepalive)))
    }
}

/// The OPEN that we send: only capabilities whose behaviour is in place.
pub(crate) fn our_open(settings: &Settings) -> Open {
    let mut capabilities: Vec<Capability> = settings
        .families
        .iter()
        .map(|family| Capability::Multiprotocol(family.afi_safi()))
        .collect();
    capabilities.push(Capability::RouteRefresh);
    capabilities.push(Capability::EnhancedRouteRefresh);
    capabilities.push(Capability::FourOctetAs(settings.local_as));
    capabilities.extend(settings.role.map(Capability::Role));
    if settings.extended_next_hop && settings.families.contains(Family::Ipv4Unicast) {
        let entry = (Family::Ipv4Unicast.afi_safi(), IPV6);
        capabilities.push(Capability::ExtendedNextHop(vec![entry]));
    }
    if settings.extended_messages {
        capabilities.push(Capability::ExtendedMessage);
    }
    if let Some(mode) = paths_offer(settings) {
        let families = settings.families.iter();
        let entries = families.map(|family| (family.afi_safi(), mode));
        capabilities.push(Capability::AddPath(entries.collect()));
    }
    if let Some(graceful) = &settings.graceful {
        capabilities.push(Capability::GracefulRestart(offer(
            graceful,
            settings.families,
        )));
    }
    if let (Some(long), Some(_)) = (&settings.long_lived, &settings.graceful) {
        let families = settings.families.iter();
        let offer = families.map(|family| LlgrFamily {
            family: family.afi_safi(),
            forwarding: long.forwarding.contains(family),
            stale_time: long.stale_time,
        });
        capabilities.push(Capability::LongLivedGracefulRestart(offer.collect()));
    }
    if let Some(name) = &settings.hostname {
        let (host, domain) = name.split_once('.').unwrap_or((name, ""));
        capabilities.push(Capability::Fqdn {
            host: host.to_owned(),
            domain: domain.to_owned(),
        });
    }
    Open::new(
        settings.local_as,
        settings.hold_time,
        settings.router_id,
        capabilities,
    )
}

/// What we offer of ADD-PATH, the same in each family (RFC 7911 4).
fn paths_offer(settings: &Settings) -> Option<AddPathMode> {
    match (settings.add_path_receive, settings.add_path_send) {
        (false, false) => None,
        (true, false) => Some(AddPathMode::Receive),
        (false, true) => Some(AddPathMode::Send),
        (true, true) => Some(AddPathMode::Both),
    }
}

fn offer(graceful: &Graceful, families: Families) -> GracefulRestart {
    let families = families.iter().map(|family| GracefulRestartFamily {
        family: family.afi_safi(),
        forwarding: graceful.forwarding.contains(family),
    });
    GracefulRestart {
        restarting: graceful.restarting,
        notification: true,
        restart_time: graceful.restart_time,
        families: families.collect(),
    }
}

/// What the peer offers of graceful restart, in the families in effect. Should it send the capability twice, the last one
/// counts (RFC 4724 section 3).
fn peer_restart(open: &Open, in_effect: Families) -> Option<PeerRestart> {
    let offers = open.capabilities.iter();
    let offer = offers.rev().find_map(|capability| match capability {
        Capability::GracefulRestart(offer) => Some(offer),
        _ => None,
    })?;
    let mut families = Families::EMPTY;
    let mut forwarding = Families::EMPTY;
    for entry in &offer.families {
        let Some(family) = Family::from_afi_safi(entry.family) else {
            continue;
        };
        if in_effect.contains(family) {
            families.insert(family);
            if entry.forwarding {
                forwarding.insert(family);
            }
        }
    }
    Some(PeerRestart {
        restart_time: offer.restart_time,
        restarting: offer.restarting,
        families,
        forwarding,
        // We offer it whenever we offer graceful restart.
        notification: offer.notification,
    })
}

/// What the peer offers of long-lived graceful restart, in the families in effect; nothing without graceful restart, which
/// it goes with (RFC 9494 section 4.1). Should it send the capability twice, the last one counts, as with that.
fn peer_long_lived(open: &Open, in_effect: Families) -> Option<PeerLongLived> {
    peer_restart(open, in_effect)?;
    let offers = open.capabilities.iter();
    let offer = offers.rev().find_map(|capability| match capability {
        Capability::LongLivedGracefulRestart(offer) => Some(offer),
        _ => None,
    })?;
    let mut told = PeerLongLived {
        stale_time: [0; 2],
        forwarding: Families::EMPTY,
    };
    for entry in offer {
        let family = Family::from_afi_safi(entry.family);
        let Some(family) = family.filter(|family| in_effect.contains(*family)) else {
            continue;
        };
        told.stale_time[family.index()] = entry.stale_time;
        if entry.forwarding {
            told.forwarding.insert(family);
        }
    }
    Some(told)
}

/// Checks the peer's OPEN against what we expect and works out the terms.
///
/// Faults: wrong AS (2/2), our own BGP Identifier inside our AS (2/3), no family in common (2/7), roles that do not go
/// together (2/11).
pub(crate) fn negotiate(
    settings: &Settings,
    side: Side,
    (local, remote): (SocketAddr, SocketAddr),
    received: Open,
) -> Result<Negotiated, Fault> {
    let internal = received.asn == settings.local_as;
    if !settings.remote_as.accepts(settings.local_as, received.asn) {
        let asn = received.asn.0;
        return Err(refused(FaultKind::BadPeerAs { asn }, Bytes::new()));
    }
    // RFC 6286 2.2: unique inside an AS. It is also what a connection to ourselves looks like.
    if internal && received.router_id == settings.router_id {
        return Err(refused(FaultKind::BadRouterId, Bytes::new()));
    }
    if !internal {
        check_roles(settings, &received)?;
    }
    let families = settings.families & families_of(&received);
    if families.is_empty() {
        let code = capability_code::MULTIPROTOCOL;
        let data = missing_families(settings.families);
        return Err(refused(FaultKind::MissingCapability { code }, data));
    }
    let paths_in = |wanted: bool, theirs: AddPathMode| match wanted {
        true => families & paths_with(&received, theirs),
        false => Families::EMPTY,
    };
    let has = |wanted: &Capability| received.capabilities.contains(wanted);
    let hold_time = settings.hold_time.min(received.hold_time);
    Ok(Negotiated {
        side,
        local,
        remote,
        remote_as: received.asn,
        remote_router_id: received.router_id,
        internal,
        hold_time,
        keepalive: keepalive(hold_time, settings.keepalive),
        families,
        four_octet_as: received
            .capabilities
            .iter()
            .any(|capability| capability.code() == capability_code::FOUR_OCTET_AS),
        route_refresh: has(&Capability::RouteRefresh),
        enhanced_refresh: has(&Capability::EnhancedRouteRefresh),
        extended_messages: settings.extended_messages && has(&Capability::ExtendedMessage),
        extended_next_hop: match settings.extended_next_hop {
            true => families & families_over_ipv6(&received),
            false => Families::EMPTY,
        },
        add_path_receive: paths_in(settings.add_path_receive, AddPathMode::Send),
        add_path_send: paths_in(settings.add_path_send, AddPathMode::Receive),
        graceful: settings
            .graceful
            .and_then(|_| peer_restart(&received, families)),
        long_lived: settings
            .long_lived
            .filter(|_| settings.graceful.is_some())
            .and_then(|_| peer_long_lived(&received, families)),
        takes_stale: peer_long_lived(&received, families).is_some(),
        sent: our_open(settings),
        received,
    })
}

/// RFC 9234 4.2: the two roles are a pair; a peer that says none is taken, unless we are strict.
fn check_roles(settings: &Settings, received: &Open) -> Result<(), Fault> {
    let Some(ours) = settings.role else {
        return Ok(());
    };
    let pair = Capability::Role(match ours {
        Role::Provider => Role::Customer,
        Role::RouteServer => Role::RouteServerClient,
        Role::RouteServerClient => Role::RouteServer,
        Role::Customer => Role::Provider,
        Role::Peer => Role::Peer,
    });
    // Said twice, it must be the same each time. One that we do not know is none that goes with ours.
    let theirs = received.capabilities.iter();
    let mut theirs = theirs.filter(|capability| capability.code() == capability_code::ROLE);
    let is_said = theirs.clone().next().is_some();
    match is_said && theirs.all(|role| *role == pair) || !is_said && !settings.role_strict {
        true => Ok(()),
        false => Err(refused(FaultKind::RoleMismatch, Bytes::new())),
    }
}

fn refused(kind: FaultKind, data: Bytes) -> Fault {
    Fault::reset(Section::Open, kind, data)
}

/// The families that an OPEN offers, among those that we know. Without any multiprotocol capability that is IPv4 unicast
/// (RFC 4760 8: such a peer speaks plain RFC 4271).
fn families_of(open: &Open) -> Families {
    let mut offered = open
        .capabilities
        .iter()
        .filter_map(|capability| match capability {
            Capability::Multiprotocol(family) => Some(*family),
            _ => None,
        })
        .peekable();
    if offered.peek().is_none() {
        return Families::only(Family::Ipv4Unicast);
    }
    offered.filter_map(Family::from_afi_safi).collect()
}

/// The families of which an OPEN says that their next hop may be of IPv6 (RFC 8950 4).
fn families_over_ipv6(open: &Open) -> Families {
    let mut over = Families::EMPTY;
    for capability in &open.capabilities {
        let Capability::ExtendedNextHop(entries) = capability else {
            continue;
        };
        let ipv6 = entries.iter().filter(|(_, afi)| *afi == IPV6);
        for family in ipv6.filter_map(|(of, _)| Family::from_afi_safi(*of)) {
            over.insert(family);
        }
    }
    over
}

/// The families in which the peer offers to send path identifiers, or to receive them (RFC 7911 4). Should it name a family
/// twice, it must say so each time: an identifier that one side does not expect would be read as a prefix.
fn paths_with(open: &Open, wanted: AddPathMode) -> Families {
    let mut offers = Families::EMPTY;
    let mut refuses = Families::EMPTY;
    for capability in &open.capabilities {
        let Capability::AddPath(entries) = capability else {
            continue;
        };
        for (of, mode) in entries {
            let Some(family) = Family::from_afi_safi(*of) else {
                continue;
            };
            match *mode == wanted || *mode == AddPathMode::Both {
                true => offers.insert(family),
                false => refuses.insert(family),
            }
        }
    }
    offers
        .iter()
        .filter(|family| !refuses.contains(*family))
        .collect()
}

/// The capabilities that we miss, as they would stand in an OPEN (RFC 5492 5).
fn missing_families(families: Families) -> Bytes {
    let mut out = BytesMut::new();
    for family in families.iter() {
        Capability::Multiprotocol(family.afi_safi()).encode(&mut out);
    }
    out.freeze()
}

/// A third of the hold time, or what is configured if that is shorter (RFC 4271 4.4); at least 1 s.
pub(crate) fn keepalive(hold_time: u16, configured: Option<u16>) -> u16 {
    if hold_time == 0 {
        return 0;
    }
    let third = hold_time / 3;
    configured
        .map_or(third, |configured| configured.min(third))
        .max(1)
}

#[cfg(test)]
mod tests;
