//! What a peer's routes must pass before they take part in the decision.

use std::sync::Arc;

use wire::{AttrView, Prefix};

use crate::guards::{Guards, is_martian};
use crate::reason::Reason;
use crate::set::PrefixSet;

/// Which routes a peer's configuration lets in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ImportMode {
    /// eBGP and nothing said: nothing is accepted (RFC 8212 section 3).
    Unset,
    /// Everything that the guards let through, inside the pools if there are any.
    All,
    /// Nothing.
    None,
    /// What any of these sets holds, also outside the pools.
    Sets(Vec<Arc<PrefixSet>>),
}

/// The import policy of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    mode: ImportMode,
    guards: Arc<Guards>,
}

impl Import {
    /// The policy of this mode behind these guards.
    #[must_use]
    pub fn new(mode: ImportMode, guards: Arc<Guards>) -> Import {
        Import { mode, guards }
    }

    /// The mode it was made with.
    #[must_use]
    pub fn mode(&self) -> &ImportMode {
        &self.mode
    }

    /// Whether the route may take part in the decision. Allocates nothing.
    ///
    /// # Errors
    /// The reason for which it may not.
    pub fn evaluate(&self, prefix: &Prefix, _attrs: AttrView<'_>) -> Result<(), Reason> {
        match &self.mode {
            ImportMode::Unset => return Err(Reason::NoImportPolicy),
            ImportMode::None => return Err(Reason::ImportNone),
            ImportMode::All | ImportMode::Sets(_) => {}
        }
        if is_martian(prefix) {
            return Err(Reason::Martian);
        }
        if self.guards.is_own_block(prefix) {
            return Err(Reason::OwnBlock);
        }
        match &self.mode {
            ImportMode::Sets(sets) => self.evaluate_sets(sets, prefix),
            ImportMode::All | ImportMode::Unset | ImportMode::None => self.evaluate_all(prefix),
        }
    }

    fn evaluate_all(&self, prefix: &Prefix) -> Result<(), Reason> {
        if prefix.prefix_len() == 0 {
            // Whether a default route is wanted is not a question of pools.
            return if self.guards.accept_default {
                Ok(())
            } else {
                Err(Reason::DefaultRoute)
            };
        }
        if self.guards.in_pools(prefix) {
            Ok(())
        } else {
            Err(Reason::OutsidePools)
        }
    }

    fn evaluate_sets(&self, sets: &[Arc<PrefixSet>], prefix: &Prefix) -> Result<(), Reason> {
        if prefix.prefix_len() == 0 && !self.guards.accept_default {
            let named = sets.iter().any(|set| set.names(prefix));
            return if named {
                Ok(())
            } else {
                Err(Reason::DefaultRoute)
            };
        }
        let held = sets.iter().any(|set| set.contains(prefix).is_some());
        if held { Ok(()) } else { Err(Reason::NotInSet) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards() -> Arc<Guards> {
        Arc::new(Guards {
            own_blocks: vec![
                "10.244.1.0/24".parse().unwrap(),
                "fd00:244:1::/64".parse().unwrap(),
            ],
            pools: Vec::new(),
            accept_default: false,
        })
    }

    fn with_pools() -> Arc<Guards> {
        let pools = vec![
            "10.244.0.0/16".parse().unwrap(),
            "fd00:244::/48".parse().unwrap(),
        ];
        Arc::new(Guards {
            pools,
            ..(*guards()).clone()
        })
    }

    fn sets(rules: &[&str]) -> ImportMode {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        ImportMode::Sets(vec![
            Arc::new(PrefixSet::new("empty", Vec::new())),
            Arc::new(PrefixSet::new("s", rules)),
        ])
    }

    fn ask(mode: &ImportMode, guards: Arc<Guards>, prefix: &str) -> Result<(), Reason> {
        let import = Import::new(mode.clone(), guards);
        import.evaluate(&prefix.parse().unwrap(), AttrView::new(&[]))
    }

    #[test]
    fn without_policy_or_with_none_nothing_is_accepted() {
        assert_eq!(
            ask(&ImportMode::Unset, guards(), "10.1.0.0/16"),
            Err(Reason::NoImportPolicy)
        );
        assert_eq!(
            ask(&ImportMode::None, guards(), "10.1.0.0/16"),
            Err(Reason::ImportNone)
        );
    }

    #[test]
    fn all_refuses_exactly_own_blocks_default_and_martians() {
        for (prefix, expected) in [
            ("10.244.1.0/24", Err(Reason::OwnBlock)),
            ("fd00:244:1::/64", Err(Reason::OwnBlock)),
            ("10.244.1.7/32", Ok(())),
            ("10.244.0.0/16", Ok(())),
            ("fd00:244:1::5/128", Ok(())),
            ("0.0.0.0/0", Err(Reason::DefaultRoute)),
            ("::/0", Err(Reason::DefaultRoute)),
            ("127.0.0.0/8", Err(Reason::Martian)),
            ("fe80::/64", Err(Reason::Martian)),
            ("192.168.0.0/16", Ok(())),
            ("2001:db8::/32", Ok(())),
        ] {
            assert_eq!(
                ask(&ImportMode::All, guards(), prefix),
                expected,
                "{prefix}"
            );
        }
    }

    #[test]
    fn pools_bind_all_and_nothing_else() {
        for (prefix, expected) in [
            ("10.244.7.0/24", Ok(())),
            ("10.244.0.0/16", Ok(())),
            ("10.0.0.0/8", Err(Reason::OutsidePools)),
            ("10.245.0.0/24", Err(Reason::OutsidePools)),
            ("fd00:244:0:7::/64", Ok(())),
            ("fd00:245::/64", Err(Reason::OutsidePools)),
            ("0.0.0.0/0", Err(Reason::DefaultRoute)),
        ] {
            assert_eq!(
                ask(&ImportMode::All, with_pools(), prefix),
                expected,
                "{prefix}"
            );
        }
        let written = sets(&["192.168.0.0/16 le 24"]);
        assert_eq!(ask(&written, with_pools(), "192.168.3.0/24"), Ok(()));
        assert_eq!(
            ask(&written, with_pools(), "10.244.7.0/24"),
            Err(Reason::NotInSet)
        );
    }

    #[test]
    fn a_set_must_name_the_default_route_exactly() {
        assert_eq!(
            ask(&sets(&["0.0.0.0/0"]), with_pools(), "0.0.0.0/0"),
            Ok(())
        );
        assert_eq!(ask(&sets(&["::/0"]), guards(), "::/0"), Ok(()));
        let wide = sets(&["0.0.0.0/0 le 32", "::/0"]);
        assert_eq!(ask(&wide, guards(), "0.0.0.0/0"), Err(Reason::DefaultRoute));
        assert_eq!(ask(&wide, guards(), "10.9.0.0/16"), Ok(()));
        assert_eq!(
            ask(&sets(&["::/0"]), guards(), "0.0.0.0/0"),
            Err(Reason::DefaultRoute)
        );
    }

    #[test]
    fn sets_do_not_lift_own_blocks_and_martians() {
        let wide = sets(&["0.0.0.0/0 le 32"]);
        assert_eq!(ask(&wide, guards(), "10.244.1.0/24"), Err(Reason::OwnBlock));
        assert_eq!(ask(&wide, guards(), "224.0.0.0/8"), Err(Reason::Martian));
    }

    #[test]
    fn a_reflector_takes_default_routes_as_its_policy_says() {
        let reflector = || {
            Arc::new(Guards {
                accept_default: true,
                ..Guards::default()
            })
        };
        assert_eq!(ask(&ImportMode::All, reflector(), "0.0.0.0/0"), Ok(()));
        assert_eq!(
            ask(&sets(&["0.0.0.0/0 le 32"]), reflector(), "0.0.0.0/0"),
            Ok(())
        );
        assert_eq!(
            ask(&sets(&["10.0.0.0/8"]), reflector(), "0.0.0.0/0"),
            Err(Reason::NotInSet)
        );
        assert_eq!(
            ask(&ImportMode::All, reflector(), "127.0.0.0/8"),
            Err(Reason::Martian)
        );
    }
}
