//! What a peer is sent.

use std::sync::Arc;

use wire::{AttrView, Prefix};

use crate::reason::Reason;
use crate::set::PrefixSet;

/// Where a route came from, as far as export policy asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// This speaker's own: configured blocks, services, announced by API.
    Local,
    /// Learned from a peer.
    Learned,
}

/// Which routes a peer's configuration lets out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExportMode {
    /// eBGP and nothing said: nothing is sent (RFC 8212 section 3).
    Unset,
    /// This speaker's own routes.
    Local,
    /// Everything.
    All,
    /// Nothing.
    None,
    /// What any of these sets holds, own or learned.
    Sets(Vec<Arc<PrefixSet>>),
}

/// The export policy of a peer. Equal policies let out the same routes, so that equality and hash
/// can choose the export group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Export {
    mode: ExportMode,
}

impl Export {
    /// The policy of this mode.
    #[must_use]
    pub fn new(mode: ExportMode) -> Export {
        Export { mode }
    }

    /// The mode it was made with.
    #[must_use]
    pub fn mode(&self) -> &ExportMode {
        &self.mode
    }

    /// Whether the route may be sent. Allocates nothing.
    ///
    /// # Errors
    /// The reason for which it may not.
    pub fn evaluate(
        &self,
        prefix: &Prefix,
        _attrs: AttrView<'_>,
        origin: Origin,
    ) -> Result<(), Reason> {
        match (&self.mode, origin) {
            (ExportMode::Unset, _) => Err(Reason::NoExportPolicy),
            (ExportMode::None, _) => Err(Reason::ExportNone),
            (ExportMode::All, _) | (ExportMode::Local, Origin::Local) => Ok(()),
            (ExportMode::Local, Origin::Learned) => Err(Reason::NotLocal),
            (ExportMode::Sets(sets), _) => {
                let held = sets.iter().any(|set| set.contains(prefix).is_some());
                if held { Ok(()) } else { Err(Reason::NotInSet) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn sets(rules: &[&str]) -> ExportMode {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        ExportMode::Sets(vec![Arc::new(PrefixSet::new("s", rules))])
    }

    #[test]
    fn each_mode_lets_out_what_it_says() {
        let ask = |mode: ExportMode, origin| {
            let prefix = "10.244.1.0/24".parse().unwrap();
            Export::new(mode).evaluate(&prefix, AttrView::new(&[]), origin)
        };
        assert_eq!(
            ask(ExportMode::Unset, Origin::Local),
            Err(Reason::NoExportPolicy)
        );
        assert_eq!(
            ask(ExportMode::None, Origin::Local),
            Err(Reason::ExportNone)
        );
        assert_eq!(ask(ExportMode::Local, Origin::Local), Ok(()));
        assert_eq!(
            ask(ExportMode::Local, Origin::Learned),
            Err(Reason::NotLocal)
        );
        assert_eq!(ask(ExportMode::All, Origin::Learned), Ok(()));
        assert_eq!(ask(sets(&["10.244.0.0/16 le 24"]), Origin::Learned), Ok(()));
        assert_eq!(
            ask(sets(&["10.244.0.0/16"]), Origin::Local),
            Err(Reason::NotInSet)
        );
        assert_eq!(ask(sets(&["0.0.0.0/0 le 32"]), Origin::Local), Ok(()));
    }

    #[test]
    fn equal_policies_are_one_group_key() {
        let mut groups = HashSet::new();
        groups.insert(Export::new(sets(&["10.0.0.0/8", "11.0.0.0/8"])));
        assert!(!groups.insert(Export::new(sets(&["11.0.0.0/8", "10.0.0.0/8"]))));
        assert!(groups.insert(Export::new(sets(&["11.0.0.0/8"]))));
        assert!(groups.insert(Export::new(ExportMode::All)));
    }
}
