//! Capabilities of an OPEN message (RFC 5492).
//!
//! Owns the code points, the values and the text of each. Never decides what two speakers have in common.
//!
//! What cannot be understood is kept as [`Capability::Unknown`] and so not used (RFC 5492 3): an unknown code, but also
//! a known one with a value that makes no sense. Only the two without which we would read the peer's routes wrongly,
//! multiprotocol and 4-octet AS, are a fault when malformed.
//!
//! RFC 2918, RFC 4724 3, RFC 4760 8, RFC 6793 3, RFC 7313 3.1, RFC 7911 4, RFC 8538 2, RFC 8654 3, RFC 8950 4,
//! RFC 9234 4.1, RFC 9494 3.1, draft-walton-bgp-hostname-capability.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use nom::bytes::complete::take;
use nom::combinator::{all_consuming, map_opt, map_res, verify};
use nom::multi::{length_data, many0};
use nom::number::complete::{be_u8, be_u16, be_u24, be_u32};
use nom::{IResult, Parser};

use crate::asn::Asn;
use crate::family::AfiSafi;

/// Capability codes (the registry of RFC 5492).
pub mod capability_code {
    /// Multiprotocol extensions (RFC 4760).
    pub const MULTIPROTOCOL: u8 = 1;
    /// Route refresh (RFC 2918).
    pub const ROUTE_REFRESH: u8 = 2;
    /// Extended next hop encoding (RFC 8950).
    pub const EXTENDED_NEXT_HOP: u8 = 5;
    /// Extended message (RFC 8654).
    pub const EXTENDED_MESSAGE: u8 = 6;
    /// BGP role (RFC 9234).
    pub const ROLE: u8 = 9;
    /// Graceful restart (RFC 4724).
    pub const GRACEFUL_RESTART: u8 = 64;
    /// 4-octet AS numbers (RFC 6793).
    pub const FOUR_OCTET_AS: u8 = 65;
    /// ADD-PATH (RFC 7911).
    pub const ADD_PATH: u8 = 69;
    /// Enhanced route refresh (RFC 7313).
    pub const ENHANCED_ROUTE_REFRESH: u8 = 70;
    /// Long-lived graceful restart (RFC 9494).
    pub const LONG_LIVED_GRACEFUL_RESTART: u8 = 71;
    /// FQDN (draft-walton-bgp-hostname-capability).
    pub const FQDN: u8 = 73;
}
use capability_code as code;

/// The role of a speaker on an external session (RFC 9234 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Provider of transit.
    Provider = 0,
    /// Route server.
    RouteServer = 1,
    /// Client of a route server.
    RouteServerClient = 2,
    /// Customer of transit.
    Customer = 3,
    /// Lateral peer.
    Peer = 4,
}

impl Role {
    fn from_u8(value: u8) -> Option<Role> {
        Some(match value {
            0 => Role::Provider,
            1 => Role::RouteServer,
            2 => Role::RouteServerClient,
            3 => Role::Customer,
            4 => Role::Peer,
            _ => return None,
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Provider => "provider",
            Role::RouteServer => "rs",
            Role::RouteServerClient => "rs-client",
            Role::Customer => "customer",
            Role::Peer => "peer",
        })
    }
}

/// What a speaker will do with several paths of one prefix (RFC 7911 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AddPathMode {
    /// It can receive them.
    Receive = 1,
    /// It may send them.
    Send = 2,
    /// Both.
    Both = 3,
}

impl AddPathMode {
    fn from_u8(value: u8) -> Option<AddPathMode> {
        Some(match value {
            1 => AddPathMode::Receive,
            2 => AddPathMode::Send,
            3 => AddPathMode::Both,
            _ => return None,
        })
    }
}

/// One family in the graceful restart capability (RFC 4724 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GracefulRestartFamily {
    /// The family.
    pub family: AfiSafi,
    /// F: forwarding state was kept over the restart.
    pub forwarding: bool,
}

/// The graceful restart capability (RFC 4724 3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GracefulRestart {
    /// R: the speaker has just restarted.
    pub restarting: bool,
    /// N: NOTIFICATION and hold timer expiry also keep routes (RFC 8538 2).
    pub notification: bool,
    /// How long the speaker needs to come back, in seconds; 12 bits, 0 to 4,095.
    pub restart_time: u16,
    /// The families for which routes are kept.
    pub families: Vec<GracefulRestartFamily>,
}

/// One family in the long-lived graceful restart capability (RFC 9494 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LlgrFamily {
    /// The family.
    pub family: AfiSafi,
    /// F: forwarding state was kept over the restart.
    pub forwarding: bool,
    /// How long stale routes may be kept, in seconds; 24 bits.
    pub stale_time: u32,
}

/// One capability.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Capability {
    /// The speaker can carry routes of this family (RFC 4760 8).
    Multiprotocol(AfiSafi),
    /// It takes ROUTE-REFRESH messages (RFC 2918).
    RouteRefresh,
    /// Families with the AFI of the next hop that may come with them instead of their own (RFC 8950 4).
    ExtendedNextHop(Vec<(AfiSafi, u16)>),
    /// It takes messages of up to 65,535 octets (RFC 8654).
    ExtendedMessage,
    /// Its role (RFC 9234).
    Role(Role),
    /// Graceful restart (RFC 4724).
    GracefulRestart(GracefulRestart),
    /// It reads and writes 4-octet AS numbers; this is its own (RFC 6793).
    FourOctetAs(Asn),
    /// Several paths per prefix (RFC 7911).
    AddPath(Vec<(AfiSafi, AddPathMode)>),
    /// It marks the begin and the end of a refresh (RFC 7313).
    EnhancedRouteRefresh,
    /// Long-lived graceful restart (RFC 9494).
    LongLivedGracefulRestart(Vec<LlgrFamily>),
    /// Its host and domain name, for people.
    Fqdn {
        /// Host name.
        host: String,
        /// Domain name; may be empty.
        domain: String,
    },
    /// Any other, and known ones whose value makes no sense. Kept for display, never used.
    Unknown {
        /// Capability code.
        code: u8,
        /// Its value, at most 255 octets.
        data: Bytes,
    },
}

impl Capability {
    /// Its code point.
    pub fn code(&self) -> u8 {
        match self {
            Capability::Multiprotocol(_) => code::MULTIPROTOCOL,
            Capability::RouteRefresh => code::ROUTE_REFRESH,
            Capability::ExtendedNextHop(_) => code::EXTENDED_NEXT_HOP,
            Capability::ExtendedMessage => code::EXTENDED_MESSAGE,
            Capability::Role(_) => code::ROLE,
            Capability::GracefulRestart(_) => code::GRACEFUL_RESTART,
            Capability::FourOctetAs(_) => code::FOUR_OCTET_AS,
            Capability::AddPath(_) => code::ADD_PATH,
            Capability::EnhancedRouteRefresh => code::ENHANCED_ROUTE_REFRESH,
            Capability::LongLivedGracefulRestart(_) => code::LONG_LIVED_GRACEFUL_RESTART,
            Capability::Fqdn { .. } => code::FQDN,
            Capability::Unknown { code, .. } => *code,
        }
    }

    /// Appends code, length and value. A list or a name that is too long for the one length octet is cut at the last
    /// entry that fits.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(self.code());
        let at = out.len();
        out.put_u8(0);
        match self {
            Capability::Multiprotocol(family) => {
                out.put_u16(family.afi);
                out.put_u8(0);
                out.put_u8(family.safi);
            }
            Capability::RouteRefresh
            | Capability::ExtendedMessage
            | Capability::EnhancedRouteRefresh => {}
            Capability::ExtendedNextHop(entries) => {
                for (family, next_hop) in entries.iter().take(255 / 6) {
                    out.put_u16(family.afi);
                    out.put_u16(u16::from(family.safi));
                    out.put_u16(*next_hop);
                }
            }
            Capability::Role(role) => out.put_u8(*role as u8),
            Capability::GracefulRestart(restart) => restart.encode(out),
            Capability::FourOctetAs(asn) => out.put_u32(asn.0),
            Capability::AddPath(entries) => {
                for (family, mode) in entries.iter().take(255 / 4) {
                    put_family(out, *family);
                    out.put_u8(*mode as u8);
                }
            }
            Capability::LongLivedGracefulRestart(entries) => {
                for entry in entries.iter().take(255 / 7) {
                    put_family(out, entry.family);
                    out.put_u8(u8::from(entry.forwarding) << 7);
                    out.put_uint(u64::from(entry.stale_time.min(0x00ff_ffff)), 3);
                }
            }
            Capability::Fqdn { host, domain } => {
                let host = cut(host, 253);
                let domain = cut(domain, 253 - host.len());
                for name in [host, domain] {
                    out.put_u8(octets(name.len()));
                    out.put_slice(name.as_bytes());
                }
            }
            Capability::Unknown { data, .. } => out.put_slice(&data[..data.len().min(255)]),
        }
        out[at] = octets(out.len() - at - 1);
    }
}

impl GracefulRestart {
    fn encode(&self, out: &mut BytesMut) {
        let flags = u16::from(self.restarting) << 15 | u16::from(self.notification) << 14;
        out.put_u16(flags | self.restart_time.min(0x0fff));
        for entry in self.families.iter().take((255 - 2) / 4) {
            put_family(out, entry.family);
            out.put_u8(u8::from(entry.forwarding) << 7);
        }
    }
}

fn put_family(out: &mut BytesMut, family: AfiSafi) {
    out.put_u16(family.afi);
    out.put_u8(family.safi);
}

fn octets(length: usize) -> u8 {
    u8::try_from(length).expect("invariant: each value is cut to 255 octets")
}

/// The longest head of `text` of at most `most` octets that ends at a character border.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Why a list of capabilities cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CapabilityFault {
    /// A length runs over the end.
    Truncated,
    /// This capability has a value that it cannot have, and it is one that we cannot do without.
    Malformed(u8),
}

/// Reads the value of one capabilities parameter and appends what is new to `into`: several instances of one code are
/// fine, and the same one again adds nothing (RFC 5492 4).
pub(crate) fn decode_capabilities(
    mut input: &[u8],
    into: &mut Vec<Capability>,
) -> Result<(), CapabilityFault> {
    while !input.is_empty() {
        let (rest, (code, value)) = tlv(input).map_err(|_| CapabilityFault::Truncated)?;
        input = rest;
        let capability = decode_value(code, value)?;
        if !into.contains(&capability) {
            into.push(capability);
        }
    }
    Ok(())
}

fn tlv(input: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    (be_u8, length_data(be_u8)).parse(input)
}

fn decode_value(code: u8, value: &[u8]) -> Result<Capability, CapabilityFault> {
    let read = match code {
        code::MULTIPROTOCOL => {
            let family = whole(multiprotocol, value).ok_or(CapabilityFault::Malformed(code))?;
            Some(Capability::Multiprotocol(family))
        }
        code::FOUR_OCTET_AS => {
            let asn = whole(be_u32, value).ok_or(CapabilityFault::Malformed(code))?;
            Some(Capability::FourOctetAs(Asn(asn)))
        }
        code::ROUTE_REFRESH => value.is_empty().then_some(Capability::RouteRefresh),
        code::EXTENDED_MESSAGE => value.is_empty().then_some(Capability::ExtendedMessage),
        code::ENHANCED_ROUTE_REFRESH => {
            value.is_empty().then_some(Capability::EnhancedRouteRefresh)
        }
        code::EXTENDED_NEXT_HOP => {
            whole(many0(next_hop_entry), value).map(Capability::ExtendedNextHop)
        }
        code::ROLE => whole(map_opt(be_u8, Role::from_u8), value).map(Capability::Role),
        code::GRACEFUL_RESTART => whole(graceful_restart, value).map(Capability::GracefulRestart),
        // An unknown mode makes the whole capability one that is not understood (RFC 7911 4).
        code::ADD_PATH => whole(
            many0((afi_safi, map_opt(be_u8, AddPathMode::from_u8))),
            value,
        )
        .map(Capability::AddPath),
        code::LONG_LIVED_GRACEFUL_RESTART => {
            whole(many0(llgr_family), value).map(Capability::LongLivedGracefulRestart)
        }
        code::FQDN => {
            whole((name, name), value).map(|(host, domain)| Capability::Fqdn { host, domain })
        }
        _ => None,
    };
    Ok(read.unwrap_or_else(|| Capability::Unknown {
        code,
        data: Bytes::copy_from_slice(value),
    }))
}

/// Runs a parser that must eat all of the value.
fn whole<'a, P>(parser: P, value: &'a [u8]) -> Option<P::Output>
where
    P: Parser<&'a [u8], Error = nom::error::Error<&'a [u8]>>,
{
    let (_, read) = all_consuming(parser).parse(value).ok()?;
    Some(read)
}

fn afi_safi(input: &[u8]) -> IResult<&[u8], AfiSafi> {
    (be_u16, be_u8)
        .map(|(afi, safi)| AfiSafi { afi, safi })
        .parse(input)
}

/// AFI, a reserved octet, SAFI (RFC 4760 8).
fn multiprotocol(input: &[u8]) -> IResult<&[u8], AfiSafi> {
    (be_u16, take(1usize), be_u8)
        .map(|(afi, _reserved, safi)| AfiSafi { afi, safi })
        .parse(input)
}

/// AFI, SAFI in two octets, AFI of the next hop (RFC 8950 4).
fn next_hop_entry(input: &[u8]) -> IResult<&[u8], (AfiSafi, u16)> {
    let safi = map_res(be_u16, u8::try_from);
    (be_u16, safi, be_u16)
        .map(|(afi, safi, next_hop)| (AfiSafi { afi, safi }, next_hop))
        .parse(input)
}

fn graceful_restart(input: &[u8]) -> IResult<&[u8], GracefulRestart> {
    let (input, head) = be_u16(input)?;
    let entry = (afi_safi, be_u8).map(|(family, flags)| GracefulRestartFamily {
        family,
        forwarding: flags & 0x80 != 0,
    });
    let (input, families) = many0(entry).parse(input)?;
    let restart = GracefulRestart {
        restarting: head & 0x8000 != 0,
        notification: head & 0x4000 != 0,
        restart_time: head & 0x0fff,
        families,
    };
    Ok((input, restart))
}

fn llgr_family(input: &[u8]) -> IResult<&[u8], LlgrFamily> {
    (afi_safi, be_u8, be_u24)
        .map(|(family, flags, stale_time)| LlgrFamily {
            family,
            forwarding: flags & 0x80 != 0,
            stale_time,
        })
        .parse(input)
}

/// A name with its length before it. Control characters would reach terminals, so such a name is not understood.
fn name(input: &[u8]) -> IResult<&[u8], String> {
    let text = map_res(length_data(be_u8), |octets: &[u8]| {
        std::str::from_utf8(octets).map(str::to_owned)
    });
    verify(text, |text: &str| !text.chars().any(char::is_control)).parse(input)
}

/// Text for the detail view of a peer: "multiprotocol ipv4-unicast".
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Capability::Multiprotocol(family) => write!(f, "multiprotocol {family}"),
            Capability::RouteRefresh => f.write_str("route-refresh"),
            Capability::ExtendedNextHop(entries) => {
                f.write_str("extended-next-hop")?;
                entries
                    .iter()
                    .try_for_each(|(family, afi)| write!(f, " {family}/afi-{afi}"))
            }
            Capability::ExtendedMessage => f.write_str("extended-message"),
            Capability::Role(role) => write!(f, "role {role}"),
            Capability::GracefulRestart(restart) => {
                write!(f, "graceful-restart {} s", restart.restart_time)?;
                if restart.restarting {
                    f.write_str(" R")?;
                }
                if restart.notification {
                    f.write_str(" N")?;
                }
                restart.families.iter().try_for_each(|entry| {
                    let kept = if entry.forwarding { "(F)" } else { "" };
                    write!(f, " {}{kept}", entry.family)
                })
            }
            Capability::FourOctetAs(asn) => write!(f, "4-octet-as {asn}"),
            Capability::AddPath(entries) => {
                f.write_str("add-path")?;
                entries.iter().try_for_each(|(family, mode)| {
                    let mode = match mode {
                        AddPathMode::Receive => "receive",
                        AddPathMode::Send => "send",
                        AddPathMode::Both => "both",
                    };
                    write!(f, " {family}/{mode}")
                })
            }
            Capability::EnhancedRouteRefresh => f.write_str("enhanced-route-refresh"),
            Capability::LongLivedGracefulRestart(entries) => {
                f.write_str("long-lived-graceful-restart")?;
                entries.iter().try_for_each(|entry| {
                    let kept = if entry.forwarding { "(F)" } else { "" };
                    write!(f, " {}{kept} {} s", entry.family, entry.stale_time)
                })
            }
            Capability::Fqdn { host, domain } if domain.is_empty() => write!(f, "fqdn {host}"),
            Capability::Fqdn { host, domain } => write!(f, "fqdn {host}.{domain}"),
            Capability::Unknown { code, data } => {
                write!(f, "capability-{code} ({} octets)", data.len())
            }
        }
    }
}
