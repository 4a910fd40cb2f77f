//! Address families (RFC 4760) and the small set of them that two speakers agree on.

use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};
use std::str::FromStr;

use crate::Prefix;

/// A pair of Address Family Identifier and Subsequent AFI as it stands on the wire (RFC 4760 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AfiSafi {
    /// Address Family Identifier: 1 is IPv4, 2 is IPv6.
    pub afi: u16,
    /// Subsequent Address Family Identifier: 1 is unicast.
    pub safi: u8,
}

impl fmt::Display for AfiSafi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Family::from_afi_safi(*self) {
            Some(family) => fmt::Display::fmt(&family, f),
            None => f.pad(&format!("afi-{}-safi-{}", self.afi, self.safi)),
        }
    }
}

/// An address family that this speaker carries routes of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// AFI 1, SAFI 1.
    Ipv4Unicast,
    /// AFI 2, SAFI 1.
    Ipv6Unicast,
}

impl Family {
    /// Every family, in the order of [`Family::index`].
    pub const ALL: [Family; 2] = [Family::Ipv4Unicast, Family::Ipv6Unicast];

    /// A dense index from 0, for arrays of one entry per family.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Family::Ipv4Unicast => 0,
            Family::Ipv6Unicast => 1,
        }
    }

    /// The code points on the wire.
    #[must_use]
    pub const fn afi_safi(self) -> AfiSafi {
        match self {
            Family::Ipv4Unicast => AfiSafi { afi: 1, safi: 1 },
            Family::Ipv6Unicast => AfiSafi { afi: 2, safi: 1 },
        }
    }

    /// The family of these code points, if it is one that we carry.
    #[must_use]
    pub fn from_afi_safi(code: AfiSafi) -> Option<Family> {
        Family::ALL
            .into_iter()
            .find(|family| family.afi_safi() == code)
    }

    /// The unicast family that a prefix belongs to.
    #[must_use]
    pub const fn of(prefix: &Prefix) -> Family {
        match prefix {
            Prefix::V4(_) => Family::Ipv4Unicast,
            Prefix::V6(_) => Family::Ipv6Unicast,
        }
    }

    /// The longest prefix length: 32 or 128 bits.
    #[must_use]
    pub const fn max_prefix_len(self) -> u8 {
        match self {
            Family::Ipv4Unicast => 32,
            Family::Ipv6Unicast => 128,
        }
    }

    /// The name used in configuration and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Family::Ipv4Unicast => "ipv4-unicast",
            Family::Ipv6Unicast => "ipv6-unicast",
        }
    }

    const fn bit(self) -> u8 {
        1 << self.index()
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no address family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseFamilyError;

impl fmt::Display for ParseFamilyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address family: write ipv4-unicast or ipv6-unicast")
    }
}

impl std::error::Error for ParseFamilyError {}

impl FromStr for Family {
    type Err = ParseFamilyError;

    fn from_str(text: &str) -> Result<Self, ParseFamilyError> {
        Family::ALL
            .into_iter()
            .find(|family| family.name() == text)
            .ok_or(ParseFamilyError)
    }
}

/// A set of [`Family`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Families(u8);

impl Families {
    /// No family.
    pub const EMPTY: Families = Families(0);
    /// Every family that we carry.
    pub const ALL: Families = Families(0b11);

    /// The set of just one family.
    #[must_use]
    pub const fn only(family: Family) -> Families {
        Families(family.bit())
    }

    /// True if `family` is in the set.
    #[must_use]
    pub const fn contains(self, family: Family) -> bool {
        self.0 & family.bit() != 0
    }

    /// True if nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Number of families in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Adds a family.
    pub fn insert(&mut self, family: Family) {
        self.0 |= family.bit();
    }

    /// Takes a family out.
    pub fn remove(&mut self, family: Family) {
        self.0 &= !family.bit();
    }

    /// The families in the set, in the order of [`Family::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL
            .into_iter()
            .filter(move |family| self.contains(*family))
    }
}

impl BitAnd for Families {
    type Output = Families;
    fn bitand(self, other: Families) -> Families {
        Families(self.0 & other.0)
    }
}

impl BitOr for Families {
    type Output = Families;
    fn bitor(self, other: Families) -> Families {
        Families(self.0 | other.0)
    }
}

impl Sub for Families {
    type Output = Families;
    fn sub(self, other: Families) -> Families {
        Families(self.0 & !other.0)
    }
}

impl FromIterator<Family> for Families {
    fn from_iter<I: IntoIterator<Item = Family>>(families: I) -> Self {
        families
            .into_iter()
            .fold(Families::EMPTY, |set, family| set | Families::only(family))
    }
}

impl From<Family> for Families {
    fn from(family: Family) -> Self {
        Families::only(family)
    }
}

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_code_points_agree_with_all() {
        for (i, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family.index(), i);
            assert_eq!(Family::from_afi_safi(family.afi_safi()), Some(family));
            assert_eq!(family.to_string().parse(), Ok(family));
        }
        assert_eq!(Family::from_afi_safi(AfiSafi { afi: 1, safi: 2 }), None);
        assert_eq!("ipv4".parse::<Family>(), Err(ParseFamilyError));
    }

    #[test]
    fn unknown_code_points_are_shown_as_numbers() {
        assert_eq!(AfiSafi { afi: 25, safi: 70 }.to_string(), "afi-25-safi-70");
        assert_eq!(AfiSafi { afi: 2, safi: 1 }.to_string(), "ipv6-unicast");
    }

    #[test]
    fn family_of_a_prefix() {
        assert_eq!(
            Family::of(&"10.0.0.0/8".parse().unwrap()),
            Family::Ipv4Unicast
        );
        assert_eq!(
            Family::of(&"2001:db8::/32".parse().unwrap()),
            Family::Ipv6Unicast
        );
    }

    #[test]
    fn set_operations() {
        let mut set = Families::default();
        assert!(set.is_empty());
        set.insert(Family::Ipv6Unicast);
        assert!(set.contains(Family::Ipv6Unicast) && !set.contains(Family::Ipv4Unicast));
        assert_eq!(set | Families::only(Family::Ipv4Unicast), Families::ALL);
        assert_eq!(Families::ALL & set, set);
        assert_eq!(Families::ALL - set, Families::only(Family::Ipv4Unicast));
        assert_eq!(Families::ALL.iter().collect::<Families>(), Families::ALL);
        assert_eq!(Families::ALL.len(), Family::ALL.len());
        set.remove(Family::Ipv6Unicast);
        assert_eq!(set, Families::EMPTY);
        assert_eq!(format!("{:?}", Families::ALL), "{Ipv4Unicast, Ipv6Unicast}");
    }
}
