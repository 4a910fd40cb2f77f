//! NOTIFICATION messages: error codes, subcodes, their data and their text.
//!
//! Owns the names of every NOTIFICATION that we send or show, the shutdown communication and the hard reset envelope;
//! the code points are in `error_code`. It never decides when to send one: faults map to codes in `fault`, the session
//! sends.
//!
//! RFC 4271 4.5 and 6, RFC 4486, RFC 6608, RFC 7313 5, RFC 8538 3, RFC 9003, RFC 9234 5, RFC 9384, RFC 9687.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error_code::{CeaseSubcode, ErrorCode};
use crate::family::AfiSafi;
use crate::fault::Fault;
use crate::fault_kind::{FaultKind, Section};
use crate::frame::{MAX_EXTENDED_LEN, MAX_LEN, MessageType, put_header};

/// The most octets of text in a shutdown communication (RFC 9003 2).
pub const MAX_SHUTDOWN_TEXT: usize = 255;

/// A NOTIFICATION message (RFC 4271 4.5), sent or received. Codes that we do not know are kept as they came.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Notification {
    /// Error code.
    pub code: u8,
    /// Error subcode; 0 where the code has none ("Unspecific").
    pub subcode: u8,
    /// The data field; its meaning depends on code and subcode.
    pub data: Bytes,
}

impl Notification {
    /// A NOTIFICATION of this code and subcode without data.
    pub fn new(code: ErrorCode, subcode: u8) -> Notification {
        Notification {
            code: code as u8,
            subcode,
            data: Bytes::new(),
        }
    }

    /// A Cease. `text` becomes the shutdown communication of an Administrative Shutdown or Reset (RFC 9003), cut to
    /// 255 octets at a character border; with any other subcode there is no place for it and it is left out.
    pub fn cease(subcode: CeaseSubcode, text: &str) -> Notification {
        let mut data = BytesMut::new();
        match subcode {
            CeaseSubcode::AdminShutdown | CeaseSubcode::AdminReset if !text.is_empty() => {
                let mut end = text.len().min(MAX_SHUTDOWN_TEXT);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                data.put_u8(u8::try_from(end).expect("invariant: cut to 255 octets above"));
                data.put_slice(&text.as_bytes()[..end]);
            }
            CeaseSubcode::MaxPrefixes
            | CeaseSubcode::AdminShutdown
            | CeaseSubcode::PeerDeconfigured
            | CeaseSubcode::AdminReset
            | CeaseSubcode::ConnectionRejected
            | CeaseSubcode::OtherConfigChange
            | CeaseSubcode::CollisionResolution
            | CeaseSubcode::OutOfResources
            | CeaseSubcode::HardReset
            | CeaseSubcode::BfdDown => {}
        }
        Notification {
            code: ErrorCode::Cease as u8,
            subcode: subcode as u8,
            data: data.freeze(),
        }
    }

    /// A Cease/Maximum Number of Prefixes Reached: more than `most` routes of this family came (RFC 4486 4).
    pub fn max_prefixes(family: AfiSafi, most: u32) -> Notification {
        let mut data = BytesMut::with_capacity(7);
        data.put_u16(family.afi);
        data.put_u8(family.safi);
        data.put_u32(most);
        Notification {
            data: data.freeze(),
            ..Notification::new(ErrorCode::Cease, CeaseSubcode::MaxPrefixes as u8)
        }
    }

    /// The family and the most routes of it that a Cease/Maximum Number of Prefixes Reached tells, if it does: the data
    /// is optional (RFC 4486 4).
    pub fn prefix_limit(&self) -> Option<(AfiSafi, u32)> {
        if self.cease_subcode() != Some(CeaseSubcode::MaxPrefixes) {
            return None;
        }
        let &[a, b, safi, ref most @ ..] = &self.data[..] else {
            return None;
        };
        let afi = u16::from_be_bytes([a, b]);
        let most = u32::from_be_bytes(most.try_into().ok()?);
        Some((AfiSafi { afi, safi }, most))
    }

    /// This NOTIFICATION wrapped in a Cease/Hard Reset (RFC 8538 3.1): the receiver shall not keep our routes.
    pub fn into_hard_reset(self) -> Notification {
        let mut data = BytesMut::with_capacity(2 + self.data.len());
        data.put_u8(self.code);
        data.put_u8(self.subcode);
        data.put_slice(&self.data);
        Notification {
            code: ErrorCode::Cease as u8,
            subcode: CeaseSubcode::HardReset as u8,
            data: data.freeze(),
        }
    }

    /// What a Cease/Hard Reset holds inside (RFC 8538 3.1); None for every other NOTIFICATION and for an envelope
    /// too short to hold a code and a subcode.
    pub fn hard_reset_reason(&self) -> Option<Notification> {
        if self.cease_subcode() != Some(CeaseSubcode::HardReset) {
            return None;
        }
        let &[code, subcode, ..] = &self.data[..] else {
            return None;
        };
        Some(Notification {
            code,
            subcode,
            data: self.data.slice(2..),
        })
    }

    /// The subcode of a Cease, if this is a Cease of a subcode that we know.
    pub fn cease_subcode(&self) -> Option<CeaseSubcode> {
        match ErrorCode::from_u8(self.code) {
            Some(ErrorCode::Cease) => CeaseSubcode::from_u8(self.subcode),
            Some(_) | None => None,
        }
    }

    /// The text of the shutdown communication (RFC 9003), if there is one. Looks into a hard reset too. Control
    /// characters are replaced, since the text ends up in logs and on terminals (RFC 9003 4); octets that are not
    /// UTF-8 are replaced by U+FFFD.
    pub fn shutdown_text(&self) -> Option<String> {
        match self.cease_subcode()? {
            CeaseSubcode::AdminShutdown | CeaseSubcode::AdminReset => {}
            CeaseSubcode::HardReset => {
                let inner = self.hard_reset_reason()?;
                // One level only: an envelope in an envelope is not a thing, and must not recurse at a peer's will.
                return match inner.cease_subcode()? {
                    CeaseSubcode::HardReset => None,
                    _ => inner.shutdown_text(),
                };
            }
            CeaseSubcode::MaxPrefixes
            | CeaseSubcode::PeerDeconfigured
            | CeaseSubcode::ConnectionRejected
            | CeaseSubcode::OtherConfigChange
            | CeaseSubcode::CollisionResolution
            | CeaseSubcode::OutOfResources
            | CeaseSubcode::BfdDown => return None,
        }
        let (&length, rest) = self.data.split_first()?;
        let text = rest.get(..usize::from(length))?;
        if text.is_empty() {
            return None;
        }
        let shown = String::from_utf8_lossy(text);
        Some(
            shown
                .chars()
                .map(|c| if unprintable(c) { ' ' } else { c })
                .collect(),
        )
    }

    /// Reads the body of a NOTIFICATION message (without the header).
    ///
    /// # Errors
    /// A body of under two octets. Nothing may be sent in answer to a bad NOTIFICATION (RFC 4271 6.4): log and close.
    pub fn decode(body: &[u8]) -> Result<Notification, Fault> {
        let &[code, subcode, ref data @ ..] = body else {
            let length = u16::try_from(crate::frame::HEADER_LEN + body.len()).unwrap_or(u16::MAX);
            let kind = FaultKind::BadMessageLength { length };
            return Err(Fault::reset(
                Section::Notification,
                kind,
                Bytes::copy_from_slice(&length.to_be_bytes()),
            ));
        };
        Ok(Notification {
            code,
            subcode,
            data: Bytes::copy_from_slice(data),
        })
    }

    /// The whole message with its header. Data that would make it longer than 4,096 octets is cut (RFC 4271 4.1: the
    /// peer may not take more).
    pub fn encode(&self) -> Bytes {
        self.encode_within(MAX_LEN)
    }

    /// As [`Notification::encode`], for a peer that takes messages of up to `max_len` octets (RFC 8654 4): [`MAX_LEN`] or
    /// [`crate::MAX_EXTENDED_LEN`].
    pub fn encode_within(&self, max_len: usize) -> Bytes {
        let room = max_len.min(MAX_EXTENDED_LEN) - crate::frame::HEADER_LEN - 2;
        let data = &self.data[..self.data.len().min(room)];
        let mut out = BytesMut::with_capacity(crate::frame::HEADER_LEN + 2 + data.len());
        put_header(&mut out, MessageType::Notification, 2 + data.len());
        out.put_u8(self.code);
        out.put_u8(self.subcode);
        out.put_slice(data);
        out.freeze()
    }

    /// The name of the subcode as the RFCs have it; None for an unknown one and for "Unspecific" (0).
    pub fn subcode_name(&self) -> Option<&'static str> {
        let name = match (ErrorCode::from_u8(self.code)?, self.subcode) {
            (ErrorCode::MessageHeader, 1) => "Connection Not Synchronized",
            (ErrorCode::MessageHeader, 2) => "Bad Message Length",
            (ErrorCode::MessageHeader, 3) => "Bad Message Type",
            (ErrorCode::Open, 1) => "Unsupported Version Number",
            (ErrorCode::Open, 2) => "Bad Peer AS",
            (ErrorCode::Open, 3) => "Bad BGP Identifier",
            (ErrorCode::Open, 4) => "Unsupported Optional Parameter",
            (ErrorCode::Open, 5) => "Authentication Failure (deprecated)",
            (ErrorCode::Open, 6) => "Unacceptable Hold Time",
            (ErrorCode::Open, 7) => "Unsupported Capability",
            (ErrorCode::Open, 11) => "Role Mismatch",
            (ErrorCode::Update, 1) => "Malformed Attribute List",
            (ErrorCode::Update, 2) => "Unrecognized Well-known Attribute",
            (ErrorCode::Update, 3) => "Missing Well-known Attribute",
            (ErrorCode::Update, 4) => "Attribute Flags Error",
            (ErrorCode::Update, 5) => "Attribute Length Error",
            (ErrorCode::Update, 6) => "Invalid ORIGIN Attribute",
            (ErrorCode::Update, 7) => "AS Routing Loop (deprecated)",
            (ErrorCode::Update, 8) => "Invalid NEXT_HOP Attribute",
            (ErrorCode::Update, 9) => "Optional Attribute Error",
            (ErrorCode::Update, 10) => "Invalid Network Field",
            (ErrorCode::Update, 11) => "Malformed AS_PATH",
            (ErrorCode::FiniteStateMachine, 1) => "Unexpected Message in OpenSent",
            (ErrorCode::FiniteStateMachine, 2) => "Unexpected Message in OpenConfirm",
            (ErrorCode::FiniteStateMachine, 3) => "Unexpected Message in Established",
            (ErrorCode::Cease, subcode) => CeaseSubcode::from_u8(subcode)?.name(),
            (ErrorCode::RouteRefresh, 1) => "Invalid Message Length",
            (
                ErrorCode::MessageHeader
                | ErrorCode::Open
                | ErrorCode::Update
                | ErrorCode::HoldTimerExpired
                | ErrorCode::FiniteStateMachine
                | ErrorCode::RouteRefresh
                | ErrorCode::SendHoldTimerExpired,
                _,
            ) => return None,
        };
        Some(name)
    }
}

impl Fault {
    /// The NOTIFICATION that tells the peer about this fault.
    pub fn notification(&self) -> Notification {
        let (code, subcode) = self.kind.code();
        Notification {
            code: code as u8,
            subcode,
            data: self.data.clone(),
        }
    }
}

/// Control characters, and those that break lines or turn the writing direction.
fn unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// "OPEN Message Error/Bad Peer AS (2/2)", with the shutdown communication or the limit of prefixes where there is one.
impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ErrorCode::from_u8(self.code) {
            Some(code) => f.write_str(code.name())?,
            None => f.write_str("unknown error")?,
        }
        if let Some(name) = self.subcode_name() {
            write!(f, "/{name}")?;
        }
        write!(f, " ({}/{})", self.code, self.subcode)?;
        if let Some(inner) = self.hard_reset_reason()
            && inner.cease_subcode() != Some(CeaseSubcode::HardReset)
        {
            return write!(f, ": {inner}");
        }
        if let Some((family, most)) = self.prefix_limit() {
            return write!(f, ": at most {most} of {family}");
        }
        match self.shutdown_text() {
            Some(text) => write!(f, ": \"{text}\""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
