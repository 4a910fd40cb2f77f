//! Framing: finds messages in a stream of octets and checks their headers.
//!
//! A hand loop without allocation. Owns the 19 octet header in both directions; never looks into a body.
//!
//! RFC 4271 4.1 and 6.1, RFC 8654.

use bytes::{BufMut, BytesMut};

/// Octets of the header of each message: marker 16, length 2, type 1.
pub const HEADER_LEN: usize = 19;
/// The longest message that every peer takes (RFC 4271 4.1).
pub const MAX_LEN: usize = 4096;
/// The longest message when both sides have the extended message capability (RFC 8654 3).
pub const MAX_EXTENDED_LEN: usize = 65535;

/// Message types (RFC 4271 4.1, RFC 2918 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageType {
    /// OPEN.
    Open = 1,
    /// UPDATE.
    Update = 2,
    /// NOTIFICATION.
    Notification = 3,
    /// KEEPALIVE.
    Keepalive = 4,
    /// ROUTE-REFRESH.
    RouteRefresh = 5,
}

/// Appends a header for a body of `body_len` octets.
///
/// # Panics
/// If header and body are over 65,535 octets: the length field cannot say so. Encoders bound their messages before.
pub fn put_header(out: &mut BytesMut, kind: MessageType, body_len: usize) {
    let length = u16::try_from(HEADER_LEN + body_len)
        .expect("invariant: a message has at most 65,535 octets");
    out.put_bytes(0xff, 16);
    out.put_u16(length);
    out.put_u8(kind as u8);
}
