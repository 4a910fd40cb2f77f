//! Why a route was refused. Owns the list of reasons and their text for an operator.

use std::fmt;

/// Why policy refused a route. One octet, so that it can be kept beside a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// eBGP session without `import` (RFC 8212 section 3).
    NoImportPolicy,
    /// eBGP session without `export` (RFC 8212 section 3).
    NoExportPolicy,
    /// `import: none`.
    ImportNone,
    /// `export: none`.
    ExportNone,
    /// No prefix set of the policy holds the prefix.
    NotInSet,
    /// Exactly one of the blocks that this node announces itself.
    OwnBlock,
    /// 0.0.0.0/0 or ::/0, and no prefix set names it exactly.
    DefaultRoute,
    /// Inside a range that is never routed: loopback, link-local, multicast, reserved.
    Martian,
    /// `import: all` with `pools`, and the prefix lies outside all of them.
    OutsidePools,
    /// `export: local`, and the route was learned from a peer.
    NotLocal,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Reason; 10] = [
        Reason::NoImportPolicy,
        Reason::NoExportPolicy,
        Reason::ImportNone,
        Reason::ExportNone,
        Reason::NotInSet,
        Reason::OwnBlock,
        Reason::DefaultRoute,
        Reason::Martian,
        Reason::OutsidePools,
        Reason::NotLocal,
    ];

    /// A stable word for JSON and counters.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Reason::NoImportPolicy => "no-import-policy",
            Reason::NoExportPolicy => "no-export-policy",
            Reason::ImportNone => "import-none",
            Reason::ExportNone => "export-none",
            Reason::NotInSet => "not-in-set",
            Reason::OwnBlock => "own-block",
            Reason::DefaultRoute => "default-route",
            Reason::Martian => "martian",
            Reason::OutsidePools => "outside-pools",
            Reason::NotLocal => "not-local",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::NoImportPolicy => {
                "this eBGP session has no import policy, so nothing is accepted (RFC 8212); set `import`"
            }
            Reason::NoExportPolicy => {
                "this eBGP session has no export policy, so nothing is sent (RFC 8212); set `export`"
            }
            Reason::ImportNone => "the peer is configured with `import: none`",
            Reason::ExportNone => "the peer is configured with `export: none`",
            Reason::NotInSet => "no prefix set of the peer's policy holds this prefix",
            Reason::OwnBlock => "this is one of our own blocks",
            Reason::DefaultRoute => {
                "a default route is only accepted if an import prefix set names it exactly"
            }
            Reason::Martian => {
                "the prefix is a martian: loopback, link-local, multicast or reserved (RFC 6890)"
            }
            Reason::OutsidePools => {
                "the prefix lies outside `pools`, which bound `import: all`"
            }
            Reason::NotLocal => {
                "the peer is configured with `export: local` and this route was learned from a peer"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_list_and_words_are_unique() {
        for (number, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, number);
        }
        let words: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.word()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
    }

    #[test]
    fn the_missing_policies_cite_their_rfc() {
        assert!(Reason::NoImportPolicy.to_string().contains("RFC 8212"));
        assert!(Reason::NoExportPolicy.to_string().contains("RFC 8212"));
    }
}
