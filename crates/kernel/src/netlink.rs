//! The octets of netlink: messages in a datagram, attributes in a message (netlink(7)).
//!
//! Owns reading them without copying and writing them into one buffer. What a message means is said
//! in [`crate::message`] for routes, and in [`crate::interfaces`] for links and addresses.

use nix::libc;

/// Octets before the body of a message.
const HEADER: usize = 16;
/// Octets before the value of an attribute.
const ATTRIBUTE: usize = 4;
/// NLA_F_NESTED and NLA_F_NET_BYTEORDER stand in the type of an attribute too.
const TYPE: u16 = libc::NLA_TYPE_MASK as u16;

/// `NLM_F_REQUEST`.
pub(crate) const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
/// `NLM_F_ACK`: an answer even to what goes well.
pub(crate) const ACK: u16 = libc::NLM_F_ACK as u16;
/// `NLM_F_DUMP`.
pub(crate) const DUMP: u16 = libc::NLM_F_DUMP as u16;
/// `NLM_F_CREATE`.
pub(crate) const CREATE: u16 = libc::NLM_F_CREATE as u16;
/// `NLM_F_EXCL`.
pub(crate) const EXCLUSIVE: u16 = libc::NLM_F_EXCL as u16;
/// `NLM_F_REPLACE`.
pub(crate) const REPLACE: u16 = libc::NLM_F_REPLACE as u16;

const ERROR: u16 = libc::NLMSG_ERROR as u16;
const DONE: u16 = libc::NLMSG_DONE as u16;

/// A message in a datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) sequence: u32,
    /// Whose request it is about; 0 if the kernel's own.
    pub(crate) port: u32,
    pub(crate) body: &'a [u8],
}

/// What the kernel answers to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// `NLMSG_ERROR`: an errno, 0 for an acknowledgement, and what stands behind it.
    Code(i32, &'a [u8]),
    /// `NLMSG_DONE`: the end of a dump, and an errno, 0 if it is whole.
    Done(i32),
    /// Anything else.
    Content,
}

impl<'a> Message<'a> {
    pub(crate) fn answer(&self) -> Answer<'a> {
        let (code, rest) = match self.body.split_first_chunk() {
            Some((code, rest)) => (i32::from_ne_bytes(*code).saturating_abs(), rest),
            None => (0, self.body),
        };
        match self.kind {
            ERROR => Answer::Code(code, rest),
            DONE => Answer::Done(code),
            _ => Answer::Content,
        }
    }
}

/// The messages of a datagram, up to one that is not whole.
pub(crate) fn messages(mut rest: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = number(rest, 0)? as usize;
        let message = Message {
            kind: short(rest, 4)?,
            sequence: number(rest, 8)?,
            port: number(rest, 12)?,
            body: rest.get(HEADER..length)?,
        };
        rest = rest.get(align(length)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in these octets, up to one that is not whole.
pub(crate) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(short(rest, 0)?);
        let kind = short(rest, 2)? & TYPE;
        let value = rest.get(ATTRIBUTE..length)?;
        rest = rest.get(align(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A 32-bit number of the host's order.
pub(crate) fn number(octets: &[u8], at: usize) -> Option<u32> {
    let four = octets.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*four))
}

/// A 16-bit number of the host's order.
pub(crate) fn short(octets: &[u8], at: usize) -> Option<u16> {
    let two = octets.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*two))
}

/// NLMSG_ALIGN, NLA_ALIGN and RTNH_ALIGN.
pub(crate) const fn align(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// Appends a message; `body` appends what it holds.
pub(crate) fn push(
    out: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    body: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend([0; 4]);
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    // To the kernel, whose port is 0.
    out.extend([0; 4]);
    body(out);
    let length = u32::try_from(out.len() - start).expect("invariant: messages are small");
    out[start..start + 4].copy_from_slice(&length.to_ne_bytes());
}

/// Appends an attribute with this value. Values here are multiples of 4 octets or padded by `nest`.
pub(crate) fn push_attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    nest(out, kind, |out| out.extend(value));
}

/// Appends an attribute; `value` appends its value.
pub(crate) fn nest(out: &mut Vec<u8>, kind: u16, value: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 2]);
    out.extend(kind.to_ne_bytes());
    value(out);
    put_length(out, start);
    out.resize(align(out.len()), 0);
}

/// Writes the octets from `start` to the end as a 16-bit length at `start`.
pub(crate) fn put_length(out: &mut [u8], start: usize) {
    let length = u16::try_from(out.len() - start).expect("invariant: attributes are small");
    out[start..start + 2].copy_from_slice(&length.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Vec<u8> {
        let mut octets = Vec::new();
        push(&mut octets, 24, REQUEST, 7, |out| {
            push_attribute(out, 3, b"eth0\0");
            push_attribute(out, 0x8000 | 4, &[1, 2, 3, 4]);
        });
        push(&mut octets, ERROR, 0, 8, |out| {
            out.extend((-17i32).to_ne_bytes());
            out.extend(b"tail");
        });
        octets
    }

    #[test]
    fn what_is_written_reads_back() {
        let octets = two();
        let read: Vec<Message<'_>> = messages(&octets).collect();
        let heads: Vec<_> = read.iter().map(|m| (m.kind, m.sequence, m.port)).collect();
        assert_eq!(heads, [(24, 7, 0), (ERROR, 8, 0)]);
        let found: Vec<_> = attributes(read[0].body).collect();
        assert_eq!(found, [(3, &b"eth0\0"[..]), (4, &[1, 2, 3, 4][..])]);
        assert_eq!(read[0].answer(), Answer::Content);
        assert_eq!(read[1].answer(), Answer::Code(17, b"tail"));
    }

    #[test]
    fn what_is_cut_off_ends_the_reading() {
        let octets = two();
        let first = number(&octets, 0).unwrap() as usize;
        for length in 0..octets.len() {
            let whole = usize::from(length >= first);
            assert_eq!(messages(&octets[..length]).count(), whole, "{length}");
        }
        for wrong in [[0, 0, 1, 0], [3, 0, 1, 0], [9, 0, 1, 0]] {
            assert_eq!(attributes(&wrong).count(), 0);
        }
    }
}
