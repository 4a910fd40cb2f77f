//! Autonomous system numbers (RFC 4271, RFC 6793) and their text forms (RFC 5396).

use std::fmt;
use std::str::FromStr;

/// A four-octet autonomous system number (RFC 6793).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Asn(pub u32);

impl Asn {
    /// AS_TRANS, which stands for a number above 65535 where only two octets fit (RFC 6793 section 9).
    pub const TRANS: Asn = Asn(23456);

    /// The number as two octets, or AS_TRANS where it does not fit (RFC 6793 section 4.2.2).
    #[must_use]
    pub fn two_octet(self) -> u16 {
        u16::try_from(self.0).unwrap_or(23456)
    }

    /// True for 0, 65535 and 4294967295, which no AS may use (RFC 7607, RFC 7300).
    #[must_use]
    pub fn is_reserved(self) -> bool {
        matches!(self.0, 0 | 65535 | u32::MAX)
    }

    /// True for the numbers set aside for private use (RFC 6996 section 5).
    #[must_use]
    pub fn is_private(self) -> bool {
        matches!(self.0, 64512..=65534 | 4_200_000_000..=4_294_967_294)
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<u32> for Asn {
    fn from(number: u32) -> Self {
        Asn(number)
    }
}

impl From<u16> for Asn {
    fn from(number: u16) -> Self {
        Asn(u32::from(number))
    }
}

/// The text is not an AS number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseAsnError;

impl fmt::Display for ParseAsnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an AS number: write 0 to 4294967295, or HIGH.LOW with both up to 65535")
    }
}

impl std::error::Error for ParseAsnError {}

impl FromStr for Asn {
    type Err = ParseAsnError;

    /// Reads asplain ("64512") and asdot+ ("1.10"), RFC 5396 section 2.
    fn from_str(text: &str) -> Result<Self, ParseAsnError> {
        if let Some((high, low)) = text.split_once('.') {
            let high: u16 = digits(high)?;
            let low: u16 = digits(low)?;
            return Ok(Asn(u32::from(high) << 16 | u32::from(low)));
        }
        digits(text).map(Asn)
    }
}

/// Decimal digits only: the standard parser would also take a leading `+`.
pub(crate) fn digits<T: FromStr>(text: &str) -> Result<T, ParseAsnError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseAsnError);
    }
    text.parse().map_err(|_| ParseAsnError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_asplain_and_asdot() {
        assert_eq!("64512".parse(), Ok(Asn(64512)));
        assert_eq!("4294967295".parse(), Ok(Asn(u32::MAX)));
        assert_eq!("1.10".parse(), Ok(Asn(65546)));
        assert_eq!("0.65535".parse(), Ok(Asn(65535)));
    }

    #[test]
    fn refuses_what_is_not_a_number() {
        for text in [
            "",
            "+1",
            "-1",
            "4294967296",
            "1.65536",
            "65536.1",
            "1.",
            ".1",
            "1.2.3",
            " 1",
            "AS1",
        ] {
            assert_eq!(text.parse::<Asn>(), Err(ParseAsnError), "{text:?}");
        }
    }

    #[test]
    fn two_octets_or_as_trans() {
        assert_eq!(Asn(65535).two_octet(), 65535);
        assert_eq!(Asn(65536).two_octet(), 23456);
        assert_eq!(Asn::TRANS.two_octet(), 23456);
    }

    #[test]
    fn reserved_and_private_ranges() {
        assert!(Asn(0).is_reserved() && Asn(65535).is_reserved() && !Asn(23456).is_reserved());
        assert!(Asn(64512).is_private() && Asn(65534).is_private() && !Asn(64511).is_private());
        assert!(Asn(4_200_000_000).is_private() && !Asn(u32::MAX).is_private());
    }

    #[test]
    fn display_is_asplain() {
        assert_eq!(Asn(4_200_000_001).to_string(), "4200000001");
        assert_eq!(format!("{:>6}", Asn(64512)), " 64512");
    }
}
