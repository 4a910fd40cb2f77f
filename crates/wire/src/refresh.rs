//! ROUTE-REFRESH messages (RFC 2918 3, RFC 7313 3 and 5).
//!
//! Reads and writes the message; whether the family was negotiated is for the session to see.

use bytes::{BufMut, Bytes, BytesMut};

use crate::family::AfiSafi;
use crate::fault::Fault;
use crate::fault_kind::{FaultKind, Section};
use crate::frame::{HEADER_LEN, MessageType, put_header};

/// A ROUTE-REFRESH message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteRefresh {
    /// The family whose routes are meant.
    pub family: AfiSafi,
    /// 0: please send again; 1: beginning of a refresh; 2: end of a refresh (RFC 7313 3.2). Others are to be ignored.
    pub subtype: u8,
}

impl RouteRefresh {
    /// Please send all routes of this family again.
    pub const REQUEST: u8 = 0;
    /// Beginning of a route refresh (BoRR).
    pub const BEGIN: u8 = 1;
    /// End of a route refresh (EoRR).
    pub const END: u8 = 2;

    /// Reads the body of a ROUTE-REFRESH (without the header). A request may have more octets than four: they are
    /// the filters of RFC 5291, which we never offer and do not read.
    ///
    /// # Errors
    /// A length that is wrong. For BoRR and EoRR the data is the whole message (RFC 7313 5); a request that is too short
    /// is a bad message length (RFC 4271 6.1).
    pub fn decode(body: &[u8]) -> Result<RouteRefresh, Fault> {
        if let &[high, low, subtype, safi, ref rest @ ..] = body
            && (rest.is_empty() || !matches!(subtype, Self::BEGIN | Self::END))
        {
            let family = AfiSafi {
                afi: u16::from_be_bytes([high, low]),
                safi,
            };
            return Ok(RouteRefresh { family, subtype });
        }
        match body.get(2) {
            Some(&(Self::BEGIN | Self::END)) => {
                let mut message = BytesMut::with_capacity(HEADER_LEN + body.len());
                put_header(&mut message, MessageType::RouteRefresh, body.len());
                message.put_slice(body);
                Err(Fault::reset(
                    Section::RouteRefresh,
                    FaultKind::RouteRefreshLength,
                    message.freeze(),
                ))
            }
            Some(_) | None => {
                let length = u16::try_from(HEADER_LEN + body.len()).unwrap_or(u16::MAX);
                Err(Fault::reset(
                    Section::RouteRefresh,
                    FaultKind::BadMessageLength { length },
                    Bytes::copy_from_slice(&length.to_be_bytes()),
                ))
            }
        }
    }

    /// The whole message with its header.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(HEADER_LEN + 4);
        put_header(&mut out, MessageType::RouteRefresh, 4);
        out.put_u16(self.family.afi);
        out.put_u8(self.subtype);
        out.put_u8(self.family.safi);
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::family::Family;

    #[test]
    fn request_is_23_octets() {
        let request = RouteRefresh {
            family: Family::Ipv6Unicast.afi_safi(),
            subtype: 0,
        };
        let message = request.encode();
        assert_eq!(&message[16..], [0, 23, 5, 0, 2, 0, 1]);
        assert_eq!(RouteRefresh::decode(&message[19..]), Ok(request));
    }

    #[test]
    fn request_with_filters_is_a_request() {
        let found = RouteRefresh::decode(&[0, 1, 0, 1, 1, 64, 0, 0]).unwrap();
        assert_eq!(found.family, Family::Ipv4Unicast.afi_safi());
    }

    #[test]
    fn wrong_length_of_a_marker_has_the_message_as_data() {
        for body in [&[0, 1, 1][..], &[0, 1, 2, 1, 0]] {
            let fault = RouteRefresh::decode(body).unwrap_err();
            assert_eq!(fault.kind, FaultKind::RouteRefreshLength);
            assert_eq!(fault.data.len(), 19 + body.len());
            assert_eq!(&fault.data[19..], body);
        }
    }

    #[test]
    fn short_request_is_a_bad_length() {
        for body in [&[][..], &[0, 1], &[0, 1, 0]] {
            let fault = RouteRefresh::decode(body).unwrap_err();
            assert_eq!(&fault.data[..], [0, 19 + body.len() as u8]);
            assert_eq!(fault.notification().code, 1);
        }
    }

    proptest! {
        #[test]
        fn round_trips(afi: u16, safi: u8, subtype: u8) {
            let message = RouteRefresh { family: AfiSafi { afi, safi }, subtype };
            prop_assert_eq!(RouteRefresh::decode(&message.encode()[19..]), Ok(message));
        }
    }
}
