//! A named list of prefix rules that answers in a few binary searches.
//!
//! Rules are kept sorted by family, length and address. A look-up goes through the distinct rule
//! lengths that are not longer than the asked prefix, longest first, and searches the rules of that
//! length for the asked address cut to it: with thousands of /24s that is one search.

use std::hash::{Hash, Hasher};
use std::ops::Range;

use wire::{Family, Prefix};

use crate::rule::PrefixRule;

/// A named set of prefix rules. Two sets are equal if they have the same name and rules, in
/// whatever order these were written.
#[derive(Clone, Debug)]
pub struct PrefixSet {
    name: String,
    rules: Vec<PrefixRule>,
    levels: [Vec<Level>; 2],
}

/// The rules of one family whose prefixes have one length.
#[derive(Clone, Debug)]
struct Level {
    len: u8,
    rules: Range<usize>,
}

impl PrefixSet {
    /// A set of these rules. Order and repetitions do not matter.
    #[must_use]
    pub fn new(name: impl Into<String>, mut rules: Vec<PrefixRule>) -> PrefixSet {
        rules.sort_unstable_by_key(|rule| (sort_key(&rule.prefix), rule.ge, rule.le));
        rules.dedup();
        let mut levels = [Vec::new(), Vec::new()];
        for (at, rule) in rules.iter().enumerate() {
            let levels: &mut Vec<Level> = &mut levels[Family::of(&rule.prefix).index()];
            match levels.last_mut() {
                Some(level) if level.len == rule.prefix.prefix_len() => level.rules.end = at + 1,
                _ => levels.push(Level {
                    len: rule.prefix.prefix_len(),
                    rules: at..at + 1,
                }),
            }
        }
        PrefixSet {
            name: name.into(),
            rules,
            levels,
        }
    }

    /// The name under which the configuration knows the set.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules, sorted by family, length and address, each once.
    #[must_use]
    pub fn rules(&self) -> &[PrefixRule] {
        &self.rules
    }

    /// The rule with the longest prefix that takes this prefix, if any does.
    #[must_use]
    pub fn contains(&self, prefix: &Prefix) -> Option<&PrefixRule> {
        let (len, bits) = (prefix.prefix_len(), left_bits(prefix));
        let levels = &self.levels[Family::of(prefix).index()];
        for level in levels.iter().rev().skip_while(|level| level.len > len) {
            let rules = &self.rules[level.rules.clone()];
            let wanted = bits & mask(level.len);
            let first = rules.partition_point(|rule| left_bits(&rule.prefix) < wanted);
            let same = rules[first..]
                .iter()
                .take_while(|rule| left_bits(&rule.prefix) == wanted);
            for rule in same {
                if (rule.ge..=rule.le).contains(&len) {
                    return Some(rule);
                }
            }
        }
        None
    }

    /// Whether a rule is exactly this prefix, not a range that happens to cover it.
    #[must_use]
    pub fn names(&self, prefix: &Prefix) -> bool {
        let first = self
            .rules
            .partition_point(|rule| sort_key(&rule.prefix) < sort_key(prefix));
        self.rules[first..]
            .iter()
            .take_while(|rule| rule.prefix == *prefix)
            .any(PrefixRule::is_exact)
    }
}

impl PartialEq for PrefixSet {
    fn eq(&self, other: &PrefixSet) -> bool {
        // `levels` follows from `rules`.
        self.name == other.name && self.rules == other.rules
    }
}

impl Eq for PrefixSet {}

impl Hash for PrefixSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.rules.hash(state);
    }
}

/// The address as 128 bits from the left, so that both families share one mask.
fn left_bits(prefix: &Prefix) -> u128 {
    match prefix {
        Prefix::V4(net) => u128::from(net.addr().to_bits()) << 96,
        Prefix::V6(net) => net.addr().to_bits(),
    }
}

fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0)
}

fn sort_key(prefix: &Prefix) -> (usize, u8, u128) {
    (
        Family::of(prefix).index(),
        prefix.prefix_len(),
        left_bits(prefix),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use wire::{Ipv4Net, Ipv6Net};

    fn set(texts: &[&str]) -> PrefixSet {
        PrefixSet::new("s", texts.iter().map(|t| t.parse().unwrap()).collect())
    }

    fn p(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_rule_answers() {
        let s = set(&["10.0.0.0/8 le 32", "10.1.0.0/16 ge 24", "10.1.0.0/16"]);
        assert_eq!(
            s.contains(&p("10.1.2.0/24")).unwrap().to_string(),
            "10.1.0.0/16 ge 24"
        );
        assert_eq!(
            s.contains(&p("10.1.0.0/16")).unwrap().to_string(),
            "10.1.0.0/16"
        );
        assert_eq!(
            s.contains(&p("10.1.0.0/17")).unwrap().to_string(),
            "10.0.0.0/8 le 32"
        );
        assert_eq!(s.contains(&p("11.0.0.0/8")), None);
        assert_eq!(s.contains(&p("a00::/8")), None, "families do not mix");
    }

    #[test]
    fn only_an_exact_rule_names_a_prefix() {
        assert!(set(&["0.0.0.0/0"]).names(&p("0.0.0.0/0")));
        assert!(!set(&["0.0.0.0/0 le 32"]).names(&p("0.0.0.0/0")));
        assert!(set(&["::/0 le 32", "::/0"]).names(&p("::/0")));
        assert!(!set(&["0.0.0.0/0"]).names(&p("::/0")));
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let a = set(&["10.0.0.0/8", "fd00::/8 le 64", "10.0.0.0/8"]);
        assert_eq!(a, set(&["fd00::/8 le 64", "10.0.0.0/8"]));
        assert_ne!(a, set(&["fd00::/8 le 64"]));
        assert_eq!(a.rules().len(), 2);
    }

    /// Few distinct addresses and every length, so that rules and prefixes meet often.
    fn tight_prefix() -> impl Strategy<Value = Prefix> {
        let v4 = (0u32..4, 0u8..=32).prop_map(|(high, len)| {
            Prefix::V4(Ipv4Net::new(Ipv4Addr::from_bits(high << 30 | high), len).unwrap())
        });
        let v6 = (0u128..4, 0u8..=128).prop_map(|(high, len)| {
            Prefix::V6(Ipv6Net::new(Ipv6Addr::from_bits(high << 126 | high), len).unwrap())
        });
        prop_oneof![v4, v6].prop_map(|prefix| prefix.trunc())
    }

    fn tight_rule() -> impl Strategy<Value = PrefixRule> {
        (tight_prefix(), any::<u8>(), any::<u8>()).prop_map(|(prefix, a, b)| {
            let (len, max) = (prefix.prefix_len(), prefix.max_prefix_len());
            let ge = len + a % (max - len + 1);
            PrefixRule {
                prefix,
                ge,
                le: ge + b % (max - ge + 1),
            }
        })
    }

    #[test]
    fn agrees_with_trying_every_rule() {
        use std::cell::Cell;
        let (hits, misses) = (Cell::new(0), Cell::new(0));
        let cases = (
            proptest::collection::vec(tight_rule(), 0..20),
            tight_prefix(),
        );
        proptest!(ProptestConfig::with_cases(5_000), |((rules, prefix) in cases)| {
            let naive = rules.iter().filter(|rule| rule.matches(&prefix));
            let longest = naive.map(|rule| rule.prefix.prefix_len()).max();
            let set = PrefixSet::new("s", rules.clone());
            let found = set.contains(&prefix);
            prop_assert_eq!(found.map(|rule| rule.prefix.prefix_len()), longest);
            prop_assert!(found.is_none_or(|rule| rule.matches(&prefix)));
            let named = rules.contains(&PrefixRule::exactly(prefix));
            prop_assert_eq!(set.names(&prefix), named);
            let counter = if found.is_some() { &hits } else { &misses };
            counter.set(counter.get() + 1);
        });
        // However many cases there were.
        let few = (hits.get() + misses.get()) / 20;
        assert!(
            hits.get() > few && misses.get() > few,
            "{hits:?} hits, {misses:?} misses"
        );
    }
}
