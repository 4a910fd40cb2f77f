//! Reading MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 sections 3 and 4, RFC 2545 section 3, RFC 8950).

use std::net::{Ipv4Addr, Ipv6Addr};

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::{flat_map, rest};
use nom::number::complete::{be_u8, be_u16};

use crate::attr::is_host_v4;
use crate::{AfiSafi, Family, NextHop};

/// MP_REACH_NLRI, its parts found but not yet read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MpReach<'a> {
    pub(super) family: AfiSafi,
    pub(super) next_hop: &'a [u8],
    pub(super) nlri: &'a [u8],
}

/// Finds the parts of MP_REACH_NLRI. None if the length of the next hop runs over the end. The reserved octet is
/// ignored, whatever its value (RFC 4760 section 3).
pub(super) fn mp_reach(value: &[u8]) -> Option<MpReach<'_>> {
    let mut parts = (
        afi_safi,
        flat_map(be_u8::<_, nom::error::Error<&[u8]>>, take),
        be_u8,
        rest,
    );
    let (_, (family, next_hop, _reserved, nlri)) = parts.parse(value).ok()?;
    Some(MpReach {
        family,
        next_hop,
        nlri,
    })
}

/// The family and the NLRI of MP_UNREACH_NLRI.
pub(super) fn mp_unreach(value: &[u8]) -> Option<(AfiSafi, &[u8])> {
    let (nlri, family) = afi_safi(value).ok()?;
    Some((family, nlri))
}

fn afi_safi(input: &[u8]) -> nom::IResult<&[u8], AfiSafi> {
    (be_u16, be_u8)
        .map(|(afi, safi)| AfiSafi { afi, safi })
        .parse(input)
}

/// Why a next hop in MP_REACH_NLRI cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextHopFault {
    /// Its length is none that the family can have, so where the NLRI begin is in doubt (RFC 7606 section 7.11).
    Length,
    /// It is not the address of a host.
    Address,
}

/// Reads the next hop of a family: 4 octets for IPv4; 16 or 32 for IPv6, and for IPv4 where `extended` says that
/// both sides have that capability (RFC 8950 section 4).
pub(super) fn next_hop(
    octets: &[u8],
    family: Family,
    extended: bool,
) -> Result<NextHop, NextHopFault> {
    let v6 = match family {
        Family::Ipv4Unicast => extended,
        Family::Ipv6Unicast => true,
    };
    if let (Family::Ipv4Unicast, Ok(v4)) = (family, <[u8; 4]>::try_from(octets)) {
        let address = Ipv4Addr::from(v4);
        return if is_host_v4(address) {
            Ok(address.into())
        } else {
            Err(NextHopFault::Address)
        };
    }
    match (v6, octets.split_first_chunk::<16>()) {
        (true, Some((global, []))) => ipv6(Ipv6Addr::from(*global), None),
        (true, Some((global, second))) => {
            let second = <[u8; 16]>::try_from(second).map_err(|_| NextHopFault::Length)?;
            ipv6(Ipv6Addr::from(*global), Some(Ipv6Addr::from(second)))
        }
        (false, _) | (true, None) => Err(NextHopFault::Length),
    }
}

/// A second address that is not link-local is left out; some speakers fill the long form with anything. Others have
/// only a link-local address and put `::` before it.
fn ipv6(global: Ipv6Addr, second: Option<Ipv6Addr>) -> Result<NextHop, NextHopFault> {
    let link_local = second.filter(Ipv6Addr::is_unicast_link_local);
    let global = match link_local {
        Some(link_local) if global.is_unspecified() => link_local,
        Some(_) | None => global,
    };
    match global.is_unspecified() || global.is_loopback() || global.is_multicast() {
        true => Err(NextHopFault::Address),
        false => Ok(NextHop::V6 { global, link_local }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(addresses: &[&str]) -> Vec<u8> {
        addresses
            .iter()
            .flat_map(|text| text.parse::<Ipv6Addr>().unwrap().octets())
            .collect()
    }

    fn v6(global: &str, link_local: Option<&str>) -> Result<NextHop, NextHopFault> {
        let link_local = link_local.map(|text| text.parse().unwrap());
        Ok(NextHop::V6 {
            global: global.parse().unwrap(),
            link_local,
        })
    }

    #[test]
    fn ipv6_next_hops() {
        let read = |addresses: &[&str]| next_hop(&octets(addresses), Family::Ipv6Unicast, false);
        assert_eq!(read(&["2001:db8::1"]), v6("2001:db8::1", None));
        assert_eq!(
            read(&["2001:db8::1", "fe80::1"]),
            v6("2001:db8::1", Some("fe80::1"))
        );
        assert_eq!(read(&["2001:db8::1", "::"]), v6("2001:db8::1", None));
        assert_eq!(read(&["::", "fe80::1"]), v6("fe80::1", Some("fe80::1")));
        assert_eq!(read(&["fe80::1"]), v6("fe80::1", None));
        for bad in ["::", "::1", "ff02::1"] {
            assert_eq!(read(&[bad]), Err(NextHopFault::Address), "{bad}");
        }
        assert_eq!(read(&[]), Err(NextHopFault::Length));
        assert_eq!(
            read(&["2001:db8::1", "fe80::1", "fe80::1"]),
            Err(NextHopFault::Length)
        );
        assert_eq!(
            next_hop(&[10, 0, 0, 1], Family::Ipv6Unicast, true),
            Err(NextHopFault::Length)
        );
    }

    #[test]
    fn ipv4_next_hops() {
        let read = |octets: &[u8], extended| next_hop(octets, Family::Ipv4Unicast, extended);
        assert_eq!(
            read(&[10, 0, 0, 1], false),
            Ok(NextHop::V4([10, 0, 0, 1].into()))
        );
        assert_eq!(read(&[224, 0, 0, 1], false), Err(NextHopFault::Address));
        assert_eq!(
            read(&octets(&["2001:db8::1"]), false),
            Err(NextHopFault::Length)
        );
        assert_eq!(
            read(&octets(&["2001:db8::1"]), true),
            v6("2001:db8::1", None)
        );
        assert_eq!(read(&[10, 0, 0], true), Err(NextHopFault::Length));
    }

    #[test]
    fn parts_of_the_attributes() {
        let value = [0, 1, 1, 4, 10, 0, 0, 1, 99, 8, 10];
        let parts = mp_reach(&value).unwrap();
        assert_eq!(
            (parts.family.to_string().as_str(), parts.next_hop),
            ("ipv4-unicast", &[10, 0, 0, 1][..])
        );
        assert_eq!(parts.nlri, [8, 10]);
        assert_eq!(mp_reach(&[0, 1, 1, 4, 10, 0, 0, 1]), None);
        assert_eq!(
            mp_unreach(&[0, 2, 1, 0]).map(|(_, nlri)| nlri),
            Some(&[0][..])
        );
        assert_eq!(mp_unreach(&[0, 2]), None);
    }
}
