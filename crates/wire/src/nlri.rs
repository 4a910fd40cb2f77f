//! One entry of Network Layer Reachability Information (RFC 4271 section 4.3, RFC 7911 section 3).

use std::fmt;

use crate::{Family, Prefix};

/// A prefix, and the path identifier that tells several paths to it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nlri {
    /// The destination; host bits are zero.
    pub prefix: Prefix,
    /// The path identifier (RFC 7911); 0 where ADD-PATH is not in use.
    pub path_id: u32,
}

impl Nlri {
    /// The unicast family of the prefix.
    #[must_use]
    pub const fn family(&self) -> Family {
        Family::of(&self.prefix)
    }
}

impl From<Prefix> for Nlri {
    /// The prefix without a path identifier, host bits cleared.
    fn from(prefix: Prefix) -> Self {
        Nlri {
            prefix: prefix.trunc(),
            path_id: 0,
        }
    }
}

impl fmt::Display for Nlri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path_id {
            0 => fmt::Display::fmt(&self.prefix, f),
            id => write!(f, "{} path {id}", self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_are_cleared_and_ids_are_shown() {
        let nlri = Nlri::from("10.1.2.3/16".parse::<Prefix>().unwrap());
        assert_eq!(nlri.to_string(), "10.1.0.0/16");
        assert_eq!(nlri.family(), Family::Ipv4Unicast);
        assert_eq!(
            Nlri { path_id: 7, ..nlri }.to_string(),
            "10.1.0.0/16 path 7"
        );
    }
}
