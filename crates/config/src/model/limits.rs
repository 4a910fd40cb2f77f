//! How many routes a peer may bring and be sent.

use std::fmt;
use std::num::NonZeroU32;

use wire::{Families, Family};

use super::group::Slot;

/// What is done with a peer that brings more than it may (RFC 4271 section 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitAction {
    /// It is told to the operator.
    Warn,
    /// Nothing more is taken from it.
    Block,
    /// The session ends: Cease, Maximum Number of Prefixes Reached (RFC 4486 section 4).
    Shut,
}

impl LimitAction {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, LimitAction); 3] = [
        ("warn", LimitAction::Warn),
        ("block", LimitAction::Block),
        ("shut", LimitAction::Shut),
    ];
}

impl fmt::Display for LimitAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LimitAction::Warn => "warn",
            LimitAction::Block => "block",
            LimitAction::Shut => "shut",
        })
    }
}

/// A number of routes for each family; `None`: as many as there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Most {
    of: [Option<NonZeroU32>; 2],
}

impl Most {
    /// No bound.
    pub const OFF: Most = Most { of: [None; 2] };

    /// The same bound for both families.
    #[must_use]
    pub const fn both(most: NonZeroU32) -> Most {
        Most {
            of: [Some(most); 2],
        }
    }

    /// The bounds of IPv4 and of IPv6.
    #[must_use]
    pub const fn new(ipv4: Option<NonZeroU32>, ipv6: Option<NonZeroU32>) -> Most {
        Most { of: [ipv4, ipv6] }
    }

    /// The bound of a family.
    #[must_use]
    pub fn of(&self, family: Family) -> Option<NonZeroU32> {
        match family {
            Family::Ipv4Unicast => self.of[0],
            Family::Ipv6Unicast => self.of[1],
        }
    }

    /// The families that have a bound.
    #[must_use]
    pub fn families(&self) -> Families {
        let families = Family::ALL.into_iter();
        families
            .filter(|family| self.of(*family).is_some())
            .collect()
    }
}

/// The limits of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLimits {
    /// Routes of it that are accepted at most (RFC 4271 section 6.7).
    pub most: Most,
    /// The part of that from which on it is told to the operator, in percent; 0: never.
    pub warn: u8,
    /// What is done beyond it.
    pub action: LimitAction,
    /// Seconds that a peer is kept out for after it was shut; 0: until an operator resets it.
    pub restart: u32,
    /// Routes that it is sent at most; beyond it the session ends in the same way.
    pub most_out: Most,
}

impl PrefixLimits {
    /// What a dynamic peer may bring of each family where nothing is said.
    pub const DYNAMIC: NonZeroU32 = NonZeroU32::new(4096).unwrap();
    /// No limits.
    pub const OFF: PrefixLimits = PrefixLimits {
        most: Most::OFF,
        warn: 75,
        action: LimitAction::Shut,
        restart: 300,
        most_out: Most::OFF,
    };

    /// The number of routes of a family from which on it is told.
    #[must_use]
    pub fn warns_at(&self, family: Family) -> Option<u32> {
        let most = self.most.of(family)?;
        if self.warn == 0 {
            return None;
        }
        let part = u64::from(most.get()) * u64::from(self.warn);
        u32::try_from(part.div_ceil(100)).ok()
    }
}

/// The limits as far as they are given; see [`PrefixLimits`].
#[derive(Clone, Debug)]
pub(crate) struct LimitFields {
    pub(crate) ipv4: Slot<Option<NonZeroU32>>,
    pub(crate) ipv6: Slot<Option<NonZeroU32>>,
    pub(crate) warn: Slot<u8>,
    pub(crate) action: Slot<LimitAction>,
    pub(crate) restart: Slot<u32>,
    pub(crate) out_ipv4: Slot<Option<NonZeroU32>>,
    pub(crate) out_ipv6: Slot<Option<NonZeroU32>>,
}

impl LimitFields {
    /// These, and the group's where a key is not here.
    pub(super) fn or(&self, group: &LimitFields) -> LimitFields {
        LimitFields {
            ipv4: self.ipv4.or(&group.ipv4),
            ipv6: self.ipv6.or(&group.ipv6),
            warn: self.warn.or(&group.warn),
            action: self.action.or(&group.action),
            restart: self.restart.or(&group.restart),
            out_ipv4: self.out_ipv4.or(&group.out_ipv4),
            out_ipv6: self.out_ipv6.or(&group.out_ipv6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_comes_at_its_part_of_the_limit() {
        let at = |most, warn| {
            let limits = PrefixLimits {
                most: Most::new(NonZeroU32::new(most), None),
                warn,
                ..PrefixLimits::OFF
            };
            assert_eq!(limits.warns_at(Family::Ipv6Unicast), None);
            limits.warns_at(Family::Ipv4Unicast)
        };
        assert_eq!(at(1000, 75), Some(750));
        assert_eq!(at(3, 75), Some(3));
        assert_eq!(at(1, 1), Some(1));
        assert_eq!(at(u32::MAX, 100), Some(u32::MAX));
        assert_eq!(at(1000, 0), None);
    }
}
