//! One prefix rule: a prefix and the range of lengths it takes. Owns the text form
//! `PREFIX [ge N] [le N]`, and the strict reading of prefixes (host bits must be zero).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use wire::Prefix;

/// A prefix with a range of lengths: it matches what lies inside `prefix` and is between `ge` and
/// `le` bits long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PrefixRule {
    /// The covering prefix, host bits zero.
    pub prefix: Prefix,
    /// Shortest length that matches, in bits; never less than the prefix's own.
    pub ge: u8,
    /// Longest length that matches, in bits; never less than `ge`.
    pub le: u8,
}

impl PrefixRule {
    /// The rule that matches this prefix and nothing else. Host bits are cut off.
    #[must_use]
    pub fn exactly(prefix: Prefix) -> PrefixRule {
        let len = prefix.prefix_len();
        PrefixRule {
            prefix: prefix.trunc(),
            ge: len,
            le: len,
        }
    }

    /// Whether the rule takes this prefix.
    #[must_use]
    pub fn matches(&self, prefix: &Prefix) -> bool {
        (self.ge..=self.le).contains(&prefix.prefix_len()) && self.prefix.contains(prefix)
    }

    /// Whether the rule names its own prefix and no other.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.ge == self.prefix.prefix_len() && self.le == self.ge
    }
}

impl fmt::Display for PrefixRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.prefix.prefix_len();
        write!(f, "{}", self.prefix)?;
        if self.ge > len {
            write!(f, " ge {}", self.ge)?;
        }
        if self.le > len && (self.le < self.prefix.max_prefix_len() || self.ge == len) {
            write!(f, " le {}", self.le)?;
        }
        Ok(())
    }
}

impl FromStr for PrefixRule {
    type Err = PrefixRuleError;

    /// Reads `10.0.0.0/8`, `10.0.0.0/8 ge 24`, `10.0.0.0/8 le 24` or `10.0.0.0/8 ge 16 le 24`.
    /// `ge` alone runs to the full length of an address, `le` alone starts at the prefix's own.
    fn from_str(text: &str) -> Result<PrefixRule, PrefixRuleError> {
        let mut words = text.split_whitespace();
        let prefix =
            parse_prefix(words.next().unwrap_or_default()).map_err(PrefixRuleError::Prefix)?;
        let (len, max) = (prefix.prefix_len(), prefix.max_prefix_len());
        let (mut ge, mut le) = (None, None);
        while let Some(word) = words.next() {
            let bound = match word {
                "ge" if ge.is_none() && le.is_none() => &mut ge,
                "le" if le.is_none() => &mut le,
                _ => return Err(PrefixRuleError::Word(word.to_owned())),
            };
            let number = words.next().unwrap_or_default();
            *bound = Some(number.parse::<u8>().map_err(|_| PrefixRuleError::Length {
                text: number.to_owned(),
                max,
            })?);
        }
        let low = ge.unwrap_or(len);
        let high = match (ge, le) {
            (_, Some(le)) => le,
            (Some(_), None) => max,
            (None, None) => len,
        };
        if low < len || high < low || high > max {
            return Err(PrefixRuleError::Range {
                len,
                ge: low,
                le: high,
                max,
            });
        }
        Ok(PrefixRule {
            prefix,
            ge: low,
            le: high,
        })
    }
}

/// Reads a prefix `ADDRESS/LENGTH` whose host bits are zero.
///
/// # Errors
/// [`PrefixTextError`] says what is wrong and, where host bits are set, what was probably meant.
pub fn parse_prefix(text: &str) -> Result<Prefix, PrefixTextError> {
    let Ok(prefix) = text.parse::<Prefix>() else {
        return Err(match text.parse::<IpAddr>() {
            Ok(address) => PrefixTextError::NoLength(Prefix::from(address)),
            Err(_) => PrefixTextError::NotAPrefix(text.to_owned()),
        });
    };
    if prefix != prefix.trunc() {
        return Err(PrefixTextError::HostBits(prefix));
    }
    Ok(prefix)
}

/// Why a text is not a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixTextError {
    /// Not of the form `ADDRESS/LENGTH`.
    NotAPrefix(String),
    /// An address without a length; the value is the prefix of that one address.
    NoLength(Prefix),
    /// The prefix as written, with bits set beyond its length.
    HostBits(Prefix),
}

impl fmt::Display for PrefixTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrefixTextError::NotAPrefix(text) => {
                write!(
                    f,
                    "\"{text}\" is not a prefix; write ADDRESS/LENGTH, such as 10.244.1.0/24"
                )
            }
            PrefixTextError::NoLength(host) => {
                write!(
                    f,
                    "the prefix has no length; write {host} for this one address"
                )
            }
            PrefixTextError::HostBits(prefix) => {
                write!(f, "{prefix} has host bits set; write {}", prefix.trunc())
            }
        }
    }
}

impl std::error::Error for PrefixTextError {}

/// Why a text is not a prefix rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixRuleError {
    /// The prefix itself cannot be read.
    Prefix(PrefixTextError),
    /// A word where `ge N` or `le N` was expected (`ge` first, each at most once).
    Word(String),
    /// The number after `ge` or `le` is none.
    Length {
        /// What stands there.
        text: String,
        /// Bits of an address of this family.
        max: u8,
    },
    /// The lengths do not lie `length <= ge <= le <= max`.
    Range {
        /// The prefix's own length.
        len: u8,
        /// Lower bound as read.
        ge: u8,
        /// Upper bound as read.
        le: u8,
        /// Bits of an address of this family.
        max: u8,
    },
}

impl fmt::Display for PrefixRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrefixRuleError::Prefix(error) => error.fmt(f),
            PrefixRuleError::Word(word) => {
                write!(
                    f,
                    "\"{word}\" is not understood here; write PREFIX [ge LENGTH] [le LENGTH]"
                )
            }
            PrefixRuleError::Length { text, max } => {
                write!(
                    f,
                    "\"{text}\" is not a prefix length; write a number from 0 to {max}"
                )
            }
            PrefixRuleError::Range { len, ge, le, max } => write!(
                f,
                "no prefix can match: the lengths must be in order, {len} (the prefix) <= ge {ge} <= le {le} <= {max}"
            ),
        }
    }
}

impl std::error::Error for PrefixRuleError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> PrefixRule {
        text.parse().unwrap()
    }

    #[test]
    fn reads_every_form() {
        for (text, ge, le) in [
            ("10.0.0.0/8", 8, 8),
            ("10.0.0.0/8 ge 24", 24, 32),
            ("10.0.0.0/8 le 24", 8, 24),
            ("10.0.0.0/8 ge 16 le 24", 16, 24),
            ("0.0.0.0/0", 0, 0),
            ("0.0.0.0/0 le 32", 0, 32),
            ("fd00::/8 ge 64", 64, 128),
        ] {
            assert_eq!((rule(text).ge, rule(text).le), (ge, le), "{text}");
            assert_eq!(
                rule(&rule(text).to_string()),
                rule(text),
                "{text} printed and read again"
            );
        }
    }

    #[test]
    fn says_what_to_write_instead() {
        for (text, said) in [
            (
                "10.1.2.3/24",
                "10.1.2.3/24 has host bits set; write 10.1.2.0/24",
            ),
            (
                "10.1.2.3",
                "the prefix has no length; write 10.1.2.3/32 for this one address",
            ),
            (
                "ten",
                "\"ten\" is not a prefix; write ADDRESS/LENGTH, such as 10.244.1.0/24",
            ),
            (
                "",
                "\"\" is not a prefix; write ADDRESS/LENGTH, such as 10.244.1.0/24",
            ),
            (
                "10.0.0.0/8 up 24",
                "\"up\" is not understood here; write PREFIX [ge LENGTH] [le LENGTH]",
            ),
            (
                "10.0.0.0/8 le 24 ge 16",
                "\"ge\" is not understood here; write PREFIX [ge LENGTH] [le LENGTH]",
            ),
            (
                "10.0.0.0/8 ge",
                "\"\" is not a prefix length; write a number from 0 to 32",
            ),
            (
                "10.0.0.0/8 ge 33",
                "no prefix can match: the lengths must be in order, 8 (the prefix) <= ge 33 <= le 32 <= 32",
            ),
            (
                "10.0.0.0/8 ge 7",
                "no prefix can match: the lengths must be in order, 8 (the prefix) <= ge 7 <= le 32 <= 32",
            ),
        ] {
            assert_eq!(text.parse::<PrefixRule>().unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn matches_inside_and_in_range_only() {
        let r = rule("10.0.0.0/8 ge 16 le 24");
        for (prefix, expected) in [
            ("10.0.0.0/8", false),
            ("10.1.0.0/16", true),
            ("10.1.2.0/24", true),
            ("10.1.2.0/25", false),
            ("11.1.0.0/16", false),
            ("fd00::/16", false),
        ] {
            assert_eq!(r.matches(&prefix.parse().unwrap()), expected, "{prefix}");
        }
    }
}
