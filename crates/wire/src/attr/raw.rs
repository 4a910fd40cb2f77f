//! Finding attributes in the field they were received in.

use super::flag;

/// Where one attribute stands in the attributes field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw {
    /// Flags as received.
    pub(crate) flags: u8,
    /// Type code.
    pub(crate) code: u8,
    start: usize,
    value: usize,
    end: usize,
}

impl Raw {
    /// The attribute that begins at `start`, if it ends within the field.
    pub(crate) fn locate(field: &[u8], start: usize) -> Option<Raw> {
        let (flags, code, value, len) = match *field.get(start..)? {
            [flags, code, high, low, ..] if flags & flag::EXTENDED_LENGTH != 0 => (
                flags,
                code,
                start + 4,
                usize::from(u16::from_be_bytes([high, low])),
            ),
            [flags, code, len, ..] if flags & flag::EXTENDED_LENGTH == 0 => {
                (flags, code, start + 3, usize::from(len))
            }
            _ => return None,
        };
        let end = value + len;
        (end <= field.len()).then_some(Raw {
            flags,
            code,
            start,
            value,
            end,
        })
    }

    /// Where the next attribute begins.
    pub(crate) const fn end(&self) -> usize {
        self.end
    }

    /// The value. `field` is the one that the attribute was located in.
    pub(crate) fn value<'a>(&self, field: &'a [u8]) -> &'a [u8] {
        &field[self.value..self.end]
    }

    /// The attribute as received, which most NOTIFICATIONs give back (RFC 4271 section 6.3).
    pub(crate) fn whole<'a>(&self, field: &'a [u8]) -> &'a [u8] {
        &field[self.start..self.end]
    }
}
