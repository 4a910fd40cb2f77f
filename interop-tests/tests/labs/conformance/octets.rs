//! BGP as octets: what rows send, right or wrong, and what they read back. Written from the RFCs by hand, and never
//! with the product's own codec.

use std::net::{Ipv4Addr, Ipv6Addr};

use interop_tests::{LabError, Result};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Octets that go on the wire as they are.
pub(super) type Octets = Vec<u8>;

pub(super) const OPEN: u8 = 1;
pub(super) const UPDATE: u8 = 2;
pub(super) const NOTIFICATION: u8 = 3;
pub(super) const KEEPALIVE: u8 = 4;
pub(super) const ROUTE_REFRESH: u8 = 5;

pub(super) const ORIGIN: u8 = 1;
pub(super) const AS_PATH: u8 = 2;
pub(super) const NEXT_HOP: u8 = 3;
pub(super) const MED: u8 = 4;
pub(super) const LOCAL_PREF: u8 = 5;
pub(super) const ATOMIC_AGGREGATE: u8 = 6;
pub(super) const AGGREGATOR: u8 = 7;
pub(super) const COMMUNITIES: u8 = 8;
pub(super) const ORIGINATOR_ID: u8 = 9;
pub(super) const CLUSTER_LIST: u8 = 10;
pub(super) const MP_REACH: u8 = 14;
pub(super) const MP_UNREACH: u8 = 15;
pub(super) const EXTENDED_COMMUNITIES: u8 = 16;
pub(super) const AS4_PATH: u8 = 17;
pub(super) const AS4_AGGREGATOR: u8 = 18;
pub(super) const IPV6_EXTENDED_COMMUNITIES: u8 = 25;
pub(super) const LARGE_COMMUNITIES: u8 = 32;

/// Flags of an attribute: well-known, optional, optional and transitive.
pub(super) const WELL_KNOWN: u8 = 0x40;
pub(super) const OPTIONAL: u8 = 0x80;
pub(super) const TRANSITIVE: u8 = 0xc0;
pub(super) const PARTIAL: u8 = 0x20;

pub(super) const AS_SET: u8 = 1;
pub(super) const AS_SEQUENCE: u8 = 2;

pub(super) const AS_TRANS: u16 = 23456;

/// A header with any length and type, and what follows.
pub(super) fn header(length: u16, kind: u8, body: &[u8]) -> Octets {
    let mut octets = vec![0xff; 16];
    octets.extend(length.to_be_bytes());
    octets.push(kind);
    octets.extend(body);
    octets
}

/// A message whose header is right.
pub(super) fn message(kind: u8, body: &[u8]) -> Octets {
    header((19 + body.len()) as u16, kind, body)
}

pub(super) fn keepalive() -> Octets {
    message(KEEPALIVE, &[])
}

/// An attribute whose length is right.
pub(super) fn attr(flags: u8, code: u8, value: &[u8]) -> Octets {
    let mut octets = match u8::try_from(value.len()) {
        Ok(length) if flags & 0x10 == 0 => vec![flags, code, length],
        _ => {
            let [high, low] = (value.len() as u16).to_be_bytes();
            vec![flags | 0x10, code, high, low]
        }
    };
    octets.extend(value);
    octets
}

/// The value of an AS_PATH.
pub(super) fn path(segments: &[(u8, &[u32])], wide: bool) -> Octets {
    let mut octets = Vec::new();
    for (kind, numbers) in segments {
        octets.extend([*kind, numbers.len() as u8]);
        for number in *numbers {
            match wide {
                true => octets.extend(number.to_be_bytes()),
                false => octets.extend((*number as u16).to_be_bytes()),
            }
        }
    }
    octets
}

pub(super) fn sequence(numbers: &[u32]) -> Octets {
    match numbers {
        [] => Vec::new(),
        numbers => path(&[(AS_SEQUENCE, numbers)], true),
    }
}

pub(super) fn prefix4(net: &Ipv4Net) -> Octets {
    let octets = usize::from(net.prefix_len().div_ceil(8));
    let mut out = vec![net.prefix_len()];
    out.extend(&net.addr().octets()[..octets]);
    out
}

pub(super) fn prefix6(net: &Ipv6Net) -> Octets {
    let octets = usize::from(net.prefix_len().div_ceil(8));
    let mut out = vec![net.prefix_len()];
    out.extend(&net.addr().octets()[..octets]);
    out
}

/// An UPDATE of three fields, whatever they hold; both lengths are right.
pub(super) fn update_raw(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Octets {
    let mut body = (withdrawn.len() as u16).to_be_bytes().to_vec();
    body.extend(withdrawn);
    body.extend((attributes.len() as u16).to_be_bytes());
    body.extend(attributes);
    body.extend(nlri);
    message(UPDATE, &body)
}

pub(super) fn update(withdrawn: &[Ipv4Net], attributes: &[Octets], nlri: &[Ipv4Net]) -> Octets {
    let fields = |nets: &[Ipv4Net]| nets.iter().flat_map(prefix4).collect::<Octets>();
    update_raw(&fields(withdrawn), &attributes.concat(), &fields(nlri))
}

pub(super) fn withdraw(nets: &[Ipv4Net]) -> Octets {
    update(nets, &[], &[])
}

/// MP_REACH_NLRI of IPv6 unicast.
pub(super) fn mp_reach6(next_hop: &[u8], nets: &[Ipv6Net]) -> Octets {
    let mut value = vec![0, 2, 1, next_hop.len() as u8];
    value.extend(next_hop);
    value.push(0);
    value.extend(nets.iter().flat_map(prefix6));
    attr(OPTIONAL, MP_REACH, &value)
}

/// MP_UNREACH_NLRI of IPv6 unicast.
pub(super) fn mp_unreach6(nets: &[Ipv6Net]) -> Octets {
    let mut value = vec![0, 2, 1];
    value.extend(nets.iter().flat_map(prefix6));
    attr(OPTIONAL, MP_UNREACH, &value)
}

/// ROUTE-REFRESH (RFC 2918).
pub(super) fn route_refresh(afi: u16, safi: u8) -> Octets {
    let [high, low] = afi.to_be_bytes();
    message(ROUTE_REFRESH, &[high, low, 0, safi])
}

pub(super) fn capability(code: u8, value: &[u8]) -> Octets {
    let mut octets = vec![code, value.len() as u8];
    octets.extend(value);
    octets
}

pub(super) fn multiprotocol(afi: u8) -> Octets {
    capability(1, &[0, afi, 0, 1])
}

pub(super) fn four_octet(asn: u32) -> Octets {
    capability(65, &asn.to_be_bytes())
}

/// An OPEN, field by field.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) version: u8,
    pub(super) asn: u16,
    pub(super) hold: u16,
    pub(super) id: Ipv4Addr,
    pub(super) parameters: Octets,
}

impl Open {
    /// As plain RFC 4271 has it, without optional parameters.
    pub(super) fn plain(asn: u32, id: Ipv4Addr) -> Open {
        Open {
            version: 4,
            asn: u16::try_from(asn).unwrap_or(AS_TRANS),
            hold: 90,
            id,
            parameters: Vec::new(),
        }
    }

    /// With IPv4 and IPv6 unicast and 4-octet AS numbers.
    pub(super) fn usual(asn: u32, id: Ipv4Addr) -> Open {
        Open::plain(asn, id).with(&[multiprotocol(1), multiprotocol(2), four_octet(asn)])
    }

    /// With one more parameter that holds these capabilities.
    pub(super) fn with(mut self, capabilities: &[Octets]) -> Open {
        let all = capabilities.concat();
        self.parameters.extend([2, all.len() as u8]);
        self.parameters.extend(all);
        self
    }

    pub(super) fn body(&self) -> Octets {
        let mut body = vec![self.version];
        body.extend(self.asn.to_be_bytes());
        body.extend(self.hold.to_be_bytes());
        body.extend(self.id.octets());
        body.push(self.parameters.len() as u8);
        body.extend(&self.parameters);
        body
    }

    pub(super) fn encode(&self) -> Octets {
        message(OPEN, &self.body())
    }
}

/// The capabilities of an OPEN's body: code and value.
pub(super) fn capabilities_of(body: &[u8]) -> Vec<(u8, Octets)> {
    let mut found = Vec::new();
    let mut parameters = body.get(10..).unwrap_or_default();
    while let [2, length, rest @ ..] = parameters {
        let (mut inside, behind) = rest.split_at((*length as usize).min(rest.len()));
        while let [code, length, rest @ ..] = inside {
            let (value, next) = rest.split_at((*length as usize).min(rest.len()));
            found.push((*code, value.to_vec()));
            inside = next;
        }
        parameters = behind;
    }
    found
}

/// An attribute as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attr {
    pub(super) flags: u8,
    pub(super) code: u8,
    pub(super) value: Octets,
}

/// A path identifier, or 0, and the prefix that it is of.
pub(super) type Key = (IpNet, u32);

/// What an UPDATE says.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) withdrawn: Vec<Key>,
    pub(super) announced: Vec<Key>,
    pub(super) attributes: Vec<Attr>,
    /// How many of the fields that can hold prefixes do.
    pub(super) fields: usize,
}

fn cut() -> LabError {
    LabError::new("an UPDATE that is cut short")
}

/// Reads the body of an UPDATE. `ids`: each prefix of IPv4, of IPv6, has a path identifier.
pub(super) fn read_update(body: &[u8], ids: [bool; 2]) -> Result<Heard> {
    let (withdrawn, rest) = counted(body)?;
    let (mut field, nlri) = counted(rest)?;
    let mut heard = Heard::default();
    heard.fields += usize::from(!withdrawn.is_empty()) + usize::from(!nlri.is_empty());
    prefixes(withdrawn, false, ids[0], &mut heard.withdrawn)?;
    prefixes(nlri, false, ids[0], &mut heard.announced)?;
    while !field.is_empty() {
        let [flags, code, rest @ ..] = field else {
            return Err(cut());
        };
        let (value, rest) = match (flags & 0x10, rest) {
            (0, [length, rest @ ..]) => rest.split_at_checked(usize::from(*length)),
            (_, [high, low, rest @ ..]) => {
                rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
            }
            (_, _) => None,
        }
        .ok_or_else(cut)?;
        field = rest;
        match (*code, value) {
            (MP_REACH, [0, 2, 1, length, rest @ ..]) => {
                let rest = rest.get(usize::from(*length) + 1..).ok_or_else(cut)?;
                prefixes(rest, true, ids[1], &mut heard.announced)?;
                heard.fields += 1;
            }
            (MP_UNREACH, [0, 2, 1, rest @ ..]) => {
                prefixes(rest, true, ids[1], &mut heard.withdrawn)?;
                heard.fields += 1;
            }
            _ => {}
        }
        heard.attributes.push(Attr {
            flags: *flags,
            code: *code,
            value: value.to_vec(),
        });
    }
    Ok(heard)
}

fn counted(octets: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk::<2>().ok_or_else(cut)?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or_else(cut)
}

fn prefixes(mut octets: &[u8], six: bool, ids: bool, out: &mut Vec<Key>) -> Result<()> {
    while !octets.is_empty() {
        let mut id = 0;
        if ids {
            let (head, rest) = octets.split_first_chunk::<4>().ok_or_else(cut)?;
            (id, octets) = (u32::from_be_bytes(*head), rest);
        }
        let (length, rest) = octets.split_first().ok_or_else(cut)?;
        let (bits, rest) = rest
            .split_at_checked(usize::from(length.div_ceil(8)))
            .ok_or_else(cut)?;
        octets = rest;
        let net = if six {
            let mut address = [0; 16];
            address
                .get_mut(..bits.len())
                .ok_or_else(cut)?
                .copy_from_slice(bits);
            Ipv6Net::new(Ipv6Addr::from(address), *length).map(IpNet::from)
        } else {
            let mut address = [0; 4];
            address
                .get_mut(..bits.len())
                .ok_or_else(cut)?
                .copy_from_slice(bits);
            Ipv4Net::new(Ipv4Addr::from(address), *length).map(IpNet::from)
        };
        out.push((net.map_err(|_| cut())?, id));
    }
    Ok(())
}
