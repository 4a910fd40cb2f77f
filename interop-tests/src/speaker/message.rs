//! The messages that tests say and hear (RFC 4271 section 4).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::{LabError, Result};

/// The type octet of OPEN.
pub const OPEN: u8 = 1;
/// The type octet of UPDATE.
pub const UPDATE: u8 = 2;
/// The type octet of NOTIFICATION.
pub const NOTIFICATION: u8 = 3;
/// The type octet of KEEPALIVE.
pub const KEEPALIVE: u8 = 4;

const HEADER: usize = 19;
const AS_TRANS: u16 = 23456;

/// A message as it came: its type and what follows the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The type octet.
    pub kind: u8,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// Whether it is an UPDATE.
    pub fn is_update(&self) -> bool {
        self.kind == UPDATE
    }

    /// The NOTIFICATION, if it is one.
    pub fn notification(&self) -> Option<Notification> {
        match self.body.split_first_chunk::<2>() {
            Some(([code, subcode], data)) if self.kind == NOTIFICATION => Some(Notification {
                code: *code,
                subcode: *subcode,
                data: data.to_vec(),
            }),
            _ => None,
        }
    }
}

/// A NOTIFICATION (RFC 4271 section 4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Error code.
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// Data.
    pub data: Vec<u8>,
}

/// The IPv4 prefixes of an UPDATE.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Withdrawn Routes.
    pub withdrawn: Vec<Ipv4Net>,
    /// Network Layer Reachability Information.
    pub announced: Vec<Ipv4Net>,
}

/// The path attributes of an UPDATE that a test writes, as raw octets.
#[derive(Debug, Clone, Default)]
pub struct AttributeSet(Vec<u8>);

impl AttributeSet {
    /// ORIGIN IGP, this AS_PATH in 4-octet numbers, and this NEXT_HOP.
    pub fn mandatory(as_path: &[u32], next_hop: Ipv4Addr) -> AttributeSet {
        let mut path = Vec::new();
        if !as_path.is_empty() {
            path.extend([2, as_path.len() as u8]);
            as_path
                .iter()
                .for_each(|asn| path.extend(asn.to_be_bytes()));
        }
        AttributeSet::default()
            .with(0x40, 1, &[0])
            .with(0x40, 2, &path)
            .with(0x40, 3, &next_hop.octets())
    }

    /// The same, with LOCAL_PREF 100.
    #[must_use]
    pub fn local_pref(self) -> AttributeSet {
        self.with(0x40, 5, &100u32.to_be_bytes())
    }

    /// The same, with one more attribute, whatever it is.
    #[must_use]
    pub fn with(mut self, flags: u8, code: u8, value: &[u8]) -> AttributeSet {
        match u8::try_from(value.len()) {
            Ok(length) => self.0.extend([flags, code, length]),
            Err(_) => {
                self.0.extend([flags | 0x10, code]);
                self.0.extend((value.len() as u16).to_be_bytes());
            }
        }
        self.0.extend(value);
        self
    }
}

/// The first whole message of `octets` and how many octets it takes; `None` if more are needed.
///
/// # Errors
/// When marker or length are not as RFC 4271 section 4.1 says.
pub fn frame(octets: &[u8]) -> Result<Option<(Message, usize)>> {
    if octets.len() < HEADER {
        return Ok(None);
    }
    let length = usize::from(u16::from_be_bytes([octets[16], octets[17]]));
    if octets[..16] != [0xff; 16] || length < HEADER {
        return Err(LabError::new(format!(
            "not a BGP header: {:02x?}",
            &octets[..HEADER]
        )));
    }
    if octets.len() < length {
        return Ok(None);
    }
    let message = Message {
        kind: octets[18],
        body: octets[HEADER..length].to_vec(),
    };
    Ok(Some((message, length)))
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xff; 16];
    octets.extend(((HEADER + body.len()) as u16).to_be_bytes());
    octets.push(kind);
    octets.extend(body);
    octets
}

/// An OPEN of version 4 for IPv4 and IPv6 unicast with 4-octet AS numbers.
pub fn open(asn: u32, hold_time: u16, router_id: Ipv4Addr) -> Vec<u8> {
    let mut capabilities = vec![1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 65, 4];
    capabilities.extend(asn.to_be_bytes());
    let mut body = vec![4];
    body.extend(u16::try_from(asn).unwrap_or(AS_TRANS).to_be_bytes());
    body.extend(hold_time.to_be_bytes());
    body.extend(router_id.octets());
    body.extend([capabilities.len() as u8 + 2, 2, capabilities.len() as u8]);
    body.extend(capabilities);
    message(OPEN, &body)
}

/// A KEEPALIVE.
pub fn keepalive() -> Vec<u8> {
    message(KEEPALIVE, &[])
}

/// An UPDATE that announces IPv4 prefixes.
pub fn update_v4(attributes: &AttributeSet, prefixes: &[Ipv4Net]) -> Vec<u8> {
    let mut body = vec![0, 0];
    body.extend((attributes.0.len() as u16).to_be_bytes());
    body.extend(&attributes.0);
    prefixes
        .iter()
        .for_each(|prefix| push_prefix(&mut body, prefix));
    message(UPDATE, &body)
}

/// An UPDATE that withdraws IPv4 prefixes.
pub fn withdraw_v4(prefixes: &[Ipv4Net]) -> Vec<u8> {
    let mut withdrawn = Vec::new();
    prefixes
        .iter()
        .for_each(|prefix| push_prefix(&mut withdrawn, prefix));
    withdrawal(&withdrawn)
}

/// An UPDATE that withdraws these IPv4 prefixes, which are encoded already.
pub fn withdrawal(prefixes: &[u8]) -> Vec<u8> {
    let mut body = (prefixes.len() as u16).to_be_bytes().to_vec();
    body.extend(prefixes);
    body.extend([0, 0]);
    message(UPDATE, &body)
}

fn push_prefix(out: &mut Vec<u8>, prefix: &Ipv4Net) {
    let octets = usize::from(prefix.prefix_len().div_ceil(8));
    out.push(prefix.prefix_len());
    out.extend(&prefix.addr().octets()[..octets]);
}

/// The IPv4 prefixes of the body of an UPDATE.
///
/// # Errors
/// When lengths do not fit into one another.
pub fn read_update(body: &[u8]) -> Result<Update> {
    let (withdrawn, rest) = counted(body)?;
    let (_, announced) = counted(rest)?;
    Ok(Update {
        withdrawn: prefixes(withdrawn)?,
        announced: prefixes(announced)?,
    })
}

fn counted(octets: &[u8]) -> Result<(&[u8], &[u8])> {
    let cut = || LabError::new("UPDATE cut short");
    let (length, rest) = octets.split_first_chunk::<2>().ok_or_else(cut)?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or_else(cut)
}

fn prefixes(mut octets: &[u8]) -> Result<Vec<Ipv4Net>> {
    let mut list = Vec::new();
    while let Some((length, rest)) = octets.split_first() {
        let wrong = || LabError::new("prefix cut short");
        let (bits, rest) = rest
            .split_at_checked(usize::from(length.div_ceil(8)))
            .ok_or_else(wrong)?;
        let mut address = [0; 4];
        address
            .get_mut(..bits.len())
            .ok_or_else(wrong)?
            .copy_from_slice(bits);
        list.push(Ipv4Net::new(address.into(), *length).map_err(|_| wrong())?);
        octets = rest;
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_read_back() {
        let prefixes: Vec<Ipv4Net> =
            vec!["10.1.2.0/24".parse().unwrap(), "0.0.0.0/0".parse().unwrap()];
        let attributes = AttributeSet::mandatory(&[65001], Ipv4Addr::new(10, 0, 0, 1));
        let octets = update_v4(&attributes, &prefixes);
        let (message, used) = frame(&octets).unwrap().unwrap();
        assert_eq!(used, octets.len());
        assert_eq!(read_update(&message.body).unwrap().announced, prefixes);
        let (message, _) = frame(&withdraw_v4(&prefixes)).unwrap().unwrap();
        assert_eq!(read_update(&message.body).unwrap().withdrawn, prefixes);
    }

    #[test]
    fn half_a_message_needs_more() {
        let octets = keepalive();
        assert_eq!(frame(&octets[..18]).unwrap(), None);
        assert!(frame(&[0; 19]).is_err());
    }
}
