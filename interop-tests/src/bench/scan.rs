//! A light reader of BGP messages: it looks at what the bench counts and at nothing else.
//!
//! Owns: framing, the three parts of an UPDATE, and iterators over prefixes and attributes, all
//! as views of the octets that came (RFC 4271 sections 4.1 and 4.3, RFC 4760 sections 3 and 4).
//! Never does: allocate, or judge what it does not have to read.

use crate::{LabError, Result};

pub(super) const HEADER: usize = 19;

/// The length and the type of the message at the head of `octets`; `None` if it is not whole.
pub(super) fn head(octets: &[u8]) -> Result<Option<(usize, u8)>> {
    let Some(header) = octets.first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    if header[0] != 0xff || header[15] != 0xff || length < HEADER {
        return Err(LabError::new(format!("not a BGP header: {header:02x?}")));
    }
    Ok((octets.len() >= length).then_some((length, header[18])))
}

/// The three parts of an UPDATE.
pub(super) struct Update<'a> {
    pub(super) withdrawn: &'a [u8],
    pub(super) attributes: &'a [u8],
    pub(super) announced: &'a [u8],
}

impl<'a> Update<'a> {
    /// Splits the body of an UPDATE.
    pub(super) fn split(body: &'a [u8]) -> Result<Update<'a>> {
        let (withdrawn, rest) = counted(body)?;
        let (attributes, announced) = counted(rest)?;
        Ok(Update {
            withdrawn,
            attributes,
            announced,
        })
    }
}

fn counted(octets: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk::<2>().ok_or_else(cut)?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or_else(cut)
}

fn cut() -> LabError {
    LabError::new("an UPDATE that is cut short")
}

/// One path attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub(super) code: u8,
    pub(super) value: &'a [u8],
}

/// The attributes of an UPDATE, in their order.
pub(super) struct Attributes<'a>(pub(super) &'a [u8]);

impl<'a> Attributes<'a> {
    /// The value of the attribute of this type.
    pub(super) fn find(octets: &'a [u8], code: u8) -> Option<&'a [u8]> {
        Attributes(octets)
            .find(|one| one.code == code)
            .map(|one| one.value)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let [flags, code, first, rest @ ..] = self.0 else {
            return None;
        };
        let (length, rest) = if flags & 0x10 == 0 {
            (usize::from(*first), rest)
        } else {
            let (second, rest) = rest.split_first()?;
            (usize::from(u16::from_be_bytes([*first, *second])), rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Attribute { code: *code, value })
    }
}

/// Prefixes as they are written: a length, then as many octets as it needs.
pub(super) struct Prefixes<'a>(pub(super) &'a [u8]);

impl Iterator for Prefixes<'_> {
    /// The length in bits, and the first eight octets of the address.
    type Item = (u8, u64);

    fn next(&mut self) -> Option<(u8, u64)> {
        let (bits, rest) = self.0.split_first()?;
        let count = usize::from(bits.div_ceil(8));
        let (octets, rest) = rest.split_at_checked(count)?;
        self.0 = rest;
        let mut address = [0; 8];
        let kept = octets.len().min(8);
        address[..kept].copy_from_slice(&octets[..kept]);
        Some((*bits, u64::from_be_bytes(address)))
    }
}

/// The prefixes of MP_REACH_NLRI (RFC 4760 section 3) with its AFI and next hop.
pub(super) fn mp_reach(value: &[u8]) -> Result<(u16, &[u8], &[u8])> {
    let [afi_high, afi_low, _safi, length, rest @ ..] = value else {
        return Err(cut());
    };
    let (next_hop, rest) = rest
        .split_at_checked(usize::from(*length))
        .ok_or_else(cut)?;
    let (_reserved, nlri) = rest.split_first().ok_or_else(cut)?;
    Ok((u16::from_be_bytes([*afi_high, *afi_low]), next_hop, nlri))
}

/// The prefixes of MP_UNREACH_NLRI (RFC 4760 section 4) with its AFI.
pub(super) fn mp_unreach(value: &[u8]) -> Result<(u16, &[u8])> {
    let [afi_high, afi_low, _safi, nlri @ ..] = value else {
        return Err(cut());
    };
    Ok((u16::from_be_bytes([*afi_high, *afi_low]), nlri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speaker::{AttributeSet, keepalive, update_v4};

    #[test]
    fn an_update_is_taken_apart() {
        let prefixes = [
            "10.1.2.0/24".parse().unwrap(),
            "20.0.0.0/8".parse().unwrap(),
        ];
        let set = AttributeSet::mandatory(&[65001], [10, 0, 0, 1].into()).with(0xc0, 8, &[7; 300]);
        let octets = update_v4(&set, &prefixes);
        assert_eq!(head(&octets).unwrap(), Some((octets.len(), 2)));
        let update = Update::split(&octets[HEADER..]).unwrap();
        let read: Vec<_> = Prefixes(update.announced).collect();
        assert_eq!(read, [(24, 0x0a01_0200 << 32), (8, 0x1400_0000 << 32)]);
        let next_hop = Attributes::find(update.attributes, 3).unwrap();
        assert_eq!(next_hop, [10, 0, 0, 1]);
        assert_eq!(Attributes::find(update.attributes, 8).unwrap().len(), 300);
    }

    #[test]
    fn half_a_message_is_not_one() {
        assert_eq!(head(&keepalive()[..18]).unwrap(), None);
        assert!(head(&[0; 19]).is_err());
    }
}
