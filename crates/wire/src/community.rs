//! Communities: standard (RFC 1997), large (RFC 8092) and extended (RFC 4360, 5668, 5701), and their text.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::asn::digits;

/// A standard community (RFC 1997): an AS number in the upper two octets, its own value in the lower two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

impl Community {
    /// Planned shutdown of the sender's path: prefer another (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: Community = Community(0xFFFF_0000);
    /// The route is kept past its restart time by long-lived graceful restart (RFC 9494).
    pub const LLGR_STALE: Community = Community(0xFFFF_0006);
    /// The route must not be kept by long-lived graceful restart (RFC 9494).
    pub const NO_LLGR: Community = Community(0xFFFF_0007);
    /// Traffic to the prefix is to be discarded (RFC 7999).
    pub const BLACKHOLE: Community = Community(0xFFFF_029A);
    /// Not to be sent outside the confederation, or the AS where there is none (RFC 1997).
    pub const NO_EXPORT: Community = Community(0xFFFF_FF01);
    /// Not to be sent to any peer (RFC 1997).
    pub const NO_ADVERTISE: Community = Community(0xFFFF_FF02);
    /// Not to be sent to any external peer, members of the confederation included (RFC 1997).
    pub const NO_EXPORT_SUBCONFED: Community = Community(0xFFFF_FF03);
    /// Not to be sent to a bilateral peer (RFC 3765).
    pub const NO_PEER: Community = Community(0xFFFF_FF04);

    const NAMES: [(Community, &'static str); 8] = [
        (Community::GRACEFUL_SHUTDOWN, "graceful-shutdown"),
        (Community::LLGR_STALE, "llgr-stale"),
        (Community::NO_LLGR, "no-llgr"),
        (Community::BLACKHOLE, "blackhole"),
        (Community::NO_EXPORT, "no-export"),
        (Community::NO_ADVERTISE, "no-advertise"),
        (Community::NO_EXPORT_SUBCONFED, "no-export-subconfed"),
        (Community::NO_PEER, "no-peer"),
    ];

    /// The community `asn:value`.
    #[must_use]
    pub const fn new(asn: u16, value: u16) -> Community {
        Community((asn as u32) << 16 | value as u32)
    }

    /// The registered name, if it has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES
            .iter()
            .find(|(community, _)| *community == self)
            .map(|(_, name)| *name)
    }
}

impl fmt::Display for Community {
    /// The registered name, else `asn:value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xFFFF),
        }
    }
}

/// The text is not a community of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseCommunityError {
    expected: &'static str,
}

impl fmt::Display for ParseCommunityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }
}

impl std::error::Error for ParseCommunityError {}

impl FromStr for Community {
    type Err = ParseCommunityError;

    /// Reads a registered name ("no-export"; case and `_` do not matter) or `asn:value`.
    fn from_str(text: &str) -> Result<Self, ParseCommunityError> {
        let error = ParseCommunityError {
            expected: "not a community: write ASN:VALUE with both up to 65535, or a name such as no-export",
        };
        let name = text.replace('_', "-");
        if let Some((community, _)) = Self::NAMES
            .iter()
            .find(|(_, n)| name.eq_ignore_ascii_case(n))
        {
            return Ok(*community);
        }
        let (asn, value) = text.split_once(':').ok_or_else(|| error.clone())?;
        let number = |text| digits::<u16>(text).map_err(|_| error.clone());
        Ok(Community::new(number(asn)?, number(value)?))
    }
}

/// A large community (RFC 8092): three numbers of four octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// The AS that gives the other two their meaning.
    pub global: u32,
    /// First operator-defined number.
    pub local1: u32,
    /// Second operator-defined number.
    pub local2: u32,
}

impl LargeCommunity {
    /// Reads the twelve octets of the wire form.
    #[must_use]
    pub fn from_octets(octets: [u8; 12]) -> Self {
        let word = |at: usize| {
            u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
        };
        LargeCommunity {
            global: word(0),
            local1: word(4),
            local2: word(8),
        }
    }

    /// The twelve octets of the wire form.
    #[must_use]
    pub fn octets(&self) -> [u8; 12] {
        let mut octets = [0; 12];
        octets[..4].copy_from_slice(&self.global.to_be_bytes());
        octets[4..8].copy_from_slice(&self.local1.to_be_bytes());
        octets[8..].copy_from_slice(&self.local2.to_be_bytes());
        octets
    }
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.global, self.local1, self.local2)
    }
}

impl FromStr for LargeCommunity {
    type Err = ParseCommunityError;

    fn from_str(text: &str) -> Result<Self, ParseCommunityError> {
        let error = ParseCommunityError {
            expected: "not a large community: write GLOBAL:LOCAL1:LOCAL2, each up to 4294967295",
        };
        let mut parts = text.split(':').map(digits::<u32>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(global)), Some(Ok(local1)), Some(Ok(local2)), None) => Ok(LargeCommunity {
                global,
                local1,
                local2,
            }),
            _ => Err(error),
        }
    }
}

/// An extended community: the eight-octet form (RFC 4360) or the twenty-octet IPv6 one (RFC 5701).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtendedCommunity {
    /// Type, subtype and six octets of value (RFC 4360 section 2).
    Octets([u8; 8]),
    /// Type, subtype, an IPv6 address and a two-octet local number (RFC 5701 section 2).
    Ipv6([u8; 20]),
}

impl fmt::Display for ExtendedCommunity {
    /// `rt:65000:1`, `ro:192.0.2.1:1` where type and subtype say so, else the octets in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExtendedCommunity::Octets(octets) => {
                let [kind, subtype, a, b, c, d, e, g] = *octets;
                let Some(name) = subtype_name(subtype) else {
                    return hexadecimal(f, octets);
                };
                match kind & !NON_TRANSITIVE {
                    TWO_OCTET_AS => {
                        let value = u32::from_be_bytes([c, d, e, g]);
                        write!(f, "{name}:{}:{value}", u16::from_be_bytes([a, b]))
                    }
                    IPV4_ADDRESS => {
                        let address = Ipv4Addr::new(a, b, c, d);
                        write!(f, "{name}:{address}:{}", u16::from_be_bytes([e, g]))
                    }
                    FOUR_OCTET_AS => {
                        let asn = u32::from_be_bytes([a, b, c, d]);
                        write!(f, "{name}:{asn}:{}", u16::from_be_bytes([e, g]))
                    }
                    _ => hexadecimal(f, octets),
                }
            }
            ExtendedCommunity::Ipv6(octets) => {
                let mut address = [0; 16];
                address.copy_from_slice(&octets[2..18]);
                match (octets[0] & !NON_TRANSITIVE, subtype_name(octets[1])) {
                    (0, Some(name)) => {
                        let local = u16::from_be_bytes([octets[18], octets[19]]);
                        write!(f, "{name}:[{}]:{local}", Ipv6Addr::from(address))
                    }
                    _ => hexadecimal(f, octets),
                }
            }
        }
    }
}

/// The T bit of the type octet (RFC 4360 section 2).
const NON_TRANSITIVE: u8 = 0x40;
const TWO_OCTET_AS: u8 = 0x00;
const IPV4_ADDRESS: u8 = 0x01;
/// RFC 5668.
const FOUR_OCTET_AS: u8 = 0x02;

/// Route target and route origin (RFC 4360 sections 4 and 5).
fn subtype_name(subtype: u8) -> Option<&'static str> {
    match subtype {
        0x02 => Some("rt"),
        0x03 => Some("ro"),
        _ => None,
    }
}

fn hexadecimal(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    f.write_str("0x")?;
    octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_communities_go_by_name() {
        for (community, name) in Community::NAMES {
            assert_eq!(community.to_string(), name);
            assert_eq!(name.parse(), Ok(community));
        }
        assert_eq!("NO_EXPORT".parse(), Ok(Community::NO_EXPORT));
        assert_eq!(Community::new(64512, 1).to_string(), "64512:1");
        assert_eq!("64512:1".parse(), Ok(Community(0xFC00_0001)));
        for text in ["", "1", "65536:1", "1:65536", "1:2:3", "1:+2", "noexport"] {
            assert!(text.parse::<Community>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn large_communities_are_three_numbers() {
        let large: LargeCommunity = "4294967295:1:2".parse().unwrap();
        assert_eq!(
            large,
            LargeCommunity {
                global: u32::MAX,
                local1: 1,
                local2: 2
            }
        );
        assert_eq!(large.to_string(), "4294967295:1:2");
        assert_eq!(LargeCommunity::from_octets(large.octets()), large);
        for text in ["1:2", "1:2:3:4", "1:2:4294967296", "1::2"] {
            assert!(text.parse::<LargeCommunity>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn extended_communities_by_type_and_subtype() {
        let show = |octets| ExtendedCommunity::Octets(octets).to_string();
        assert_eq!(show([0x00, 2, 0xFD, 0xE8, 0, 0, 0, 1]), "rt:65000:1");
        assert_eq!(show([0x41, 3, 192, 0, 2, 1, 0, 9]), "ro:192.0.2.1:9");
        assert_eq!(show([0x02, 2, 0, 1, 0, 0, 0, 9]), "rt:65536:9");
        assert_eq!(show([0x43, 0, 0, 0, 0, 0, 0, 1]), "0x4300000000000001");
        let mut octets = [0; 20];
        octets[1] = 2;
        octets[2..4].copy_from_slice(&[0x20, 0x01]);
        octets[19] = 5;
        assert_eq!(ExtendedCommunity::Ipv6(octets).to_string(), "rt:[2001::]:5");
    }
}
