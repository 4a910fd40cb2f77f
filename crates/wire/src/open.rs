//! OPEN messages.
//!
//! Reads and writes the fixed part and the optional parameters, and checks what can be checked without knowing who the
//! peer should be. Whether it is the right AS and not ourselves is for the session to see.
//!
//! RFC 4271 4.2 and 6.2, RFC 5492 4, RFC 6286 2.1, RFC 6793 4.1, RFC 7607 2, RFC 9072.

use std::net::Ipv4Addr;

use bytes::{BufMut, Bytes, BytesMut};
use nom::combinator::{all_consuming, rest};
use nom::multi::{length_data, many0};
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};

use crate::asn::Asn;
use crate::capability::{Capability, CapabilityFault, decode_capabilities};
use crate::fault::Fault;
use crate::fault_kind::{FaultKind, Section};
use crate::frame::{HEADER_LEN, MAX_LEN, MessageType, put_header};

/// The version that we speak.
const VERSION: u8 = 4;
/// Octets of the fixed part, the one octet of the parameters' length included.
const FIXED_LEN: usize = 10;
/// Type of the capabilities parameter (RFC 5492 4).
const CAPABILITIES: u8 = 2;
/// Type and length that announce the extended form of the parameters (RFC 9072 2).
const EXTENDED: u8 = 255;
/// Octets of type and length of one parameter in the extended form.
const EXTENDED_PARAMETER_HEAD: usize = 3;

/// An OPEN message (RFC 4271 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The speaker's AS: from the 4-octet AS capability if there is one, else from the fixed part.
    pub asn: Asn,
    /// The field "My Autonomous System" as it stands in the fixed part; AS_TRANS for an AS over 65,535.
    pub my_as_field: u16,
    /// Proposed hold time in seconds; 0 or at least 3.
    pub hold_time: u16,
    /// BGP Identifier, not 0.
    pub router_id: Ipv4Addr,
    /// All capabilities in the order of the message, equal ones once.
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// An OPEN of our own. The 4-octet AS capability is for the caller to add.
    pub fn new(
        asn: Asn,
        hold_time: u16,
        router_id: Ipv4Addr,
        capabilities: Vec<Capability>,
    ) -> Open {
        // RFC 6793 4.2.1: AS_TRANS stands in the field that is too narrow.
        let trans = u16::try_from(Asn::TRANS.0).expect("invariant: AS_TRANS is 23456");
        let my_as_field = u16::try_from(asn.0).unwrap_or(trans);
        Open {
            asn,
            my_as_field,
            hold_time,
            router_id,
            capabilities,
        }
    }

    /// Reads the body of an OPEN (without the header).
    ///
    /// # Errors
    /// What RFC 4271 6.2 names, in its order, with the data that the NOTIFICATION must have; AS 0 (RFC 7607), BGP
    /// Identifier 0 (RFC 6286 2.1).
    pub fn decode(body: &[u8]) -> Result<Open, Fault> {
        // The version decides how the rest is laid out, so it comes first. The data is the one version that we speak, in
        // two octets.
        match body.first() {
            Some(&VERSION) => {}
            Some(&version) => {
                let kind = FaultKind::UnsupportedVersion { version };
                let data = Bytes::from_static(&[0, VERSION]);
                return Err(Fault::reset(Section::Open, kind, data));
            }
            None => return Err(malformed()),
        }
        let (_, (_, my_as_field, hold_time, router_id, parameters)) =
            fixed_part(body).map_err(|_| malformed())?;
        let capabilities = decode_parameters(parameters)?;
        let announced = capabilities.iter().find_map(|capability| match capability {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        });
        let asn = announced.unwrap_or(Asn(u32::from(my_as_field)));
        // RFC 7607 2: AS 0; RFC 6793 9: AS_TRANS is nobody's own number.
        if my_as_field == 0 || asn == Asn(0) || asn == Asn::TRANS {
            return Err(refused(FaultKind::BadPeerAs { asn: asn.0 }));
        }
        if router_id == 0 {
            return Err(refused(FaultKind::BadRouterId));
        }
        if matches!(hold_time, 1 | 2) {
            return Err(refused(FaultKind::UnacceptableHoldTime {
                seconds: hold_time,
            }));
        }
        Ok(Open {
            asn,
            my_as_field,
            hold_time,
            router_id: Ipv4Addr::from_bits(router_id),
            capabilities,
        })
    }

    /// The whole message with its header. Takes the extended form of the parameters (RFC 9072) only if they need it.
    /// Capabilities that do not fit into 4,096 octets are left out, the last first.
    pub fn encode(&self) -> Bytes {
        let room = MAX_LEN - HEADER_LEN - FIXED_LEN - 3 - EXTENDED_PARAMETER_HEAD;
        let mut value = BytesMut::new();
        for capability in &self.capabilities {
            let before = value.len();
            capability.encode(&mut value);
            if value.len() > room {
                value.truncate(before);
                break;
            }
        }
        let mut parameters = BytesMut::new();
        put_parameters(&mut parameters, &value);
        let mut out = BytesMut::with_capacity(HEADER_LEN + FIXED_LEN - 1 + parameters.len());
        put_header(
            &mut out,
            MessageType::Open,
            FIXED_LEN - 1 + parameters.len(),
        );
        out.put_u8(VERSION);
        out.put_u16(self.my_as_field);
        out.put_u16(self.hold_time);
        out.put_slice(&self.router_id.octets());
        out.put_slice(&parameters);
        out.freeze()
    }
}

/// The length of the parameters and the parameters: one of capabilities, or none.
fn put_parameters(out: &mut BytesMut, capabilities: &[u8]) {
    let length = capabilities.len();
    if length == 0 {
        out.put_u8(0);
    } else if let Ok(total) = u8::try_from(length + 2) {
        out.put_slice(&[total, CAPABILITIES, total - 2]);
        out.put_slice(capabilities);
    } else {
        let length = u16::try_from(length).expect("invariant: bounded by the size of a message");
        out.put_slice(&[EXTENDED, EXTENDED]);
        out.put_u16(length + EXTENDED_PARAMETER_HEAD as u16);
        out.put_u8(CAPABILITIES);
        out.put_u16(length);
        out.put_slice(capabilities);
    }
}

/// Lengths that do not fit together have subcode 0 (RFC 4271 6.2, the last but one paragraph).
fn malformed() -> Fault {
    refused(FaultKind::MalformedOpen)
}

fn refused(kind: FaultKind) -> Fault {
    Fault::reset(Section::Open, kind, Bytes::new())
}

/// Version, AS, hold time, BGP Identifier, and the parameters with their length before them.
type FixedPart<'a> = (u8, u16, u16, u32, &'a [u8]);

fn fixed_part(input: &[u8]) -> IResult<&[u8], FixedPart<'_>> {
    (be_u8, be_u16, be_u16, be_u32, rest).parse(input)
}

fn decode_parameters(input: &[u8]) -> Result<Vec<Capability>, Fault> {
    let (_, list) = parameters(input).map_err(|_| malformed())?;
    let mut capabilities = Vec::new();
    for (kind, value) in list {
        if kind != CAPABILITIES {
            return Err(refused(FaultKind::UnsupportedOptionalParameter { kind }));
        }
        decode_capabilities(value, &mut capabilities).map_err(|fault| match fault {
            CapabilityFault::Truncated => malformed(),
            CapabilityFault::Malformed(code) => Fault::reset(
                Section::Capability,
                FaultKind::MalformedCapability { code },
                Bytes::new(),
            ),
        })?;
    }
    Ok(capabilities)
}

type Parameters<'a> = Vec<(u8, &'a [u8])>;

/// Both forms. In the extended one the first length is ignored, as long as it is not 0 (RFC 9072 2).
fn parameters(input: &[u8]) -> IResult<&[u8], Parameters<'_>> {
    if let &[first, EXTENDED, ref input @ ..] = input
        && first != 0
    {
        let (_, list) = all_consuming(length_data(be_u16)).parse(input)?;
        all_consuming(many0((be_u8, length_data(be_u16)))).parse(list)
    } else {
        let (_, list) = all_consuming(length_data(be_u8)).parse(input)?;
        all_consuming(many0((be_u8, length_data(be_u8)))).parse(list)
    }
}

#[cfg(test)]
mod tests;
