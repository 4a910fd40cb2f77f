//! Framing: finds messages in a stream of octets and checks their headers.
//!
//! A hand loop without allocation, since it runs for every message. Owns the 19 octet header in both directions; never
//! looks into a body. A wrong header is found as soon as its octets are there, so that a peer that sends garbage is told
//! so even if it never sends a whole message.
//!
//! RFC 4271 4.1 and 6.1, RFC 2918 3, RFC 8654.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::fault::Fault;
use crate::fault_kind::{FaultKind, Section};

/// Octets of the header of each message: marker 16, length 2, type 1.
pub const HEADER_LEN: usize = 19;
/// The longest message that every peer takes (RFC 4271 4.1).
pub const MAX_LEN: usize = 4096;
/// The longest message when both sides have the extended message capability (RFC 8654 3).
pub const MAX_EXTENDED_LEN: usize = 65535;

/// Octets of the marker, all ones.
const MARKER_LEN: usize = 16;

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

impl MessageType {
    /// Every type, in the order of [`MessageType::index`].
    pub const ALL: [MessageType; 5] = [
        MessageType::Open,
        MessageType::Update,
        MessageType::Notification,
        MessageType::Keepalive,
        MessageType::RouteRefresh,
    ];

    /// The type with this number, if there is one.
    pub fn from_u8(kind: u8) -> Option<MessageType> {
        Some(match kind {
            1 => MessageType::Open,
            2 => MessageType::Update,
            3 => MessageType::Notification,
            4 => MessageType::Keepalive,
            5 => MessageType::RouteRefresh,
            _ => return None,
        })
    }

    /// A dense index from 0, for arrays of one counter per type.
    pub fn index(self) -> usize {
        usize::from(self as u8 - 1)
    }

    /// The lengths that a message of this type may have, header included, when the connection takes messages of up to
    /// `max_len` octets. OPEN and KEEPALIVE are never extended (RFC 8654 3). A ROUTE-REFRESH of a wrong length has an
    /// error code of its own (RFC 7313 5), so its decoder looks at that.
    fn lengths(self, max_len: usize) -> (usize, usize) {
        match self {
            MessageType::Open => (29, max_len.min(MAX_LEN)),
            MessageType::Update => (23, max_len),
            MessageType::Notification => (21, max_len),
            MessageType::Keepalive => (HEADER_LEN, HEADER_LEN),
            MessageType::RouteRefresh => (HEADER_LEN, max_len),
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MessageType::Open => "OPEN",
            MessageType::Update => "UPDATE",
            MessageType::Notification => "NOTIFICATION",
            MessageType::Keepalive => "KEEPALIVE",
            MessageType::RouteRefresh => "ROUTE-REFRESH",
        })
    }
}

/// One message whose header is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its type.
    pub kind: MessageType,
    /// What follows the header.
    pub body: &'a [u8],
}

/// Takes the first message of `buf`, with the number of octets that it has, header included. None: the octets so far
/// are right, but there are more to come. `max_len` is [`MAX_LEN`], or [`MAX_EXTENDED_LEN`] once both sides have the
/// extended message capability.
///
/// # Errors
/// A header that breaks RFC 4271 6.1, with the data that its NOTIFICATION must have. The stream cannot be read on.
pub fn next_frame(buf: &[u8], max_len: usize) -> Result<Option<(Frame<'_>, usize)>, Fault> {
    let marker = &buf[..buf.len().min(MARKER_LEN)];
    if marker.iter().any(|&octet| octet != 0xff) {
        return Err(Fault::reset(
            Section::Header,
            FaultKind::NotSynchronized,
            Bytes::new(),
        ));
    }
    let Some(&[high, low]) = buf.get(MARKER_LEN..MARKER_LEN + 2) else {
        return Ok(None);
    };
    let field = u16::from_be_bytes([high, low]);
    let length = usize::from(field);
    if length < HEADER_LEN || length > max_len {
        return Err(bad_length(field));
    }
    let Some(&kind) = buf.get(MARKER_LEN + 2) else {
        return Ok(None);
    };
    let Some(kind) = MessageType::from_u8(kind) else {
        return Err(Fault::reset(
            Section::Header,
            FaultKind::BadMessageType { kind },
            Bytes::copy_from_slice(&[kind]),
        ));
    };
    let (shortest, longest) = kind.lengths(max_len);
    if length < shortest || length > longest {
        return Err(bad_length(field));
    }
    Ok(buf
        .get(HEADER_LEN..length)
        .map(|body| (Frame { kind, body }, length)))
}

/// The data is the length field as it came (RFC 4271 6.1).
fn bad_length(length: u16) -> Fault {
    Fault::reset(
        Section::Header,
        FaultKind::BadMessageLength { length },
        Bytes::copy_from_slice(&length.to_be_bytes()),
    )
}

/// Appends a header for a body of `body_len` octets.
///
/// # Panics
/// If header and body are over 65,535 octets: the length field cannot say so. Encoders bound their messages before.
pub fn put_header(out: &mut BytesMut, kind: MessageType, body_len: usize) {
    let length = u16::try_from(HEADER_LEN + body_len)
        .expect("invariant: a message has at most 65,535 octets");
    out.put_bytes(0xff, MARKER_LEN);
    out.put_u16(length);
    out.put_u8(kind as u8);
}

/// A whole KEEPALIVE message (RFC 4271 4.4). Allocates nothing.
pub fn keepalive() -> Bytes {
    const KEEPALIVE: [u8; HEADER_LEN] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0, 19, 4,
    ];
    Bytes::from_static(&KEEPALIVE)
}

#[cfg(test)]
mod tests;
