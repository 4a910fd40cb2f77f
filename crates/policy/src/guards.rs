//! What import refuses whatever the peer's policy says, and the pools that bound `import: all`.

use std::net::{Ipv4Addr, Ipv6Addr};

use wire::Prefix;

/// What every import is checked against. Shared by all peers of a speaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Guards {
    /// Blocks that this node announces itself. Refused exactly; a more specific route is taken,
    /// because an address of our block may have been lent to another node.
    pub own_blocks: Vec<Prefix>,
    /// Ranges that bound `import: all`. Empty: no bound. Prefix sets are taken as written.
    pub pools: Vec<Prefix>,
    /// Take default routes like any other. A node does not, unless a prefix set names 0.0.0.0/0
    /// or ::/0; a reflector does, because each of its clients decides for itself.
    pub accept_default: bool,
}

impl Guards {
    /// Whether the prefix is, exactly, a block of our own.
    #[must_use]
    pub fn is_own_block(&self, prefix: &Prefix) -> bool {
        self.own_blocks.contains(prefix)
    }

    /// Whether the prefix lies inside a pool, or no pool is configured.
    #[must_use]
    pub fn in_pools(&self, prefix: &Prefix) -> bool {
        self.pools.is_empty() || self.pools.iter().any(|pool| pool.contains(prefix))
    }
}

/// Whether the prefix lies inside a range that is never routed between nodes: 0/8, 127/8,
/// 169.254/16, 224/4, 240/4, ::/128, ::1, ::ffff:0:0/96, fe80::/10, ff00::/8. The default routes
/// and other prefixes that merely cover such a range are none. RFC 1918, RFC 6598, ULA and
/// documentation ranges never are: Pods live there.
#[must_use]
pub fn is_martian(prefix: &Prefix) -> bool {
    match prefix {
        Prefix::V4(net) => is_martian_v4(net.addr(), net.prefix_len()),
        Prefix::V6(net) => is_martian_v6(net.addr(), net.prefix_len()),
    }
}

fn is_martian_v4(address: Ipv4Addr, len: u8) -> bool {
    match address.octets() {
        [0 | 127, ..] => len >= 8,
        [169, 254, ..] => len >= 16,
        // 224/4 and 240/4 side by side: 224/3 holds nothing else.
        [224..=255, ..] => len >= 3,
        _ => false,
    }
}

fn is_martian_v6(address: Ipv6Addr, len: u8) -> bool {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => len == 128,
        [0, 0, 0, 0, 0, 0xffff, _, _] => len >= 96,
        [0xfe80..=0xfebf, ..] => len >= 10,
        [0xff00..=0xffff, ..] => len >= 8,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn martians_are_exactly_the_listed_ranges() {
        for text in [
            "0.0.0.0/8",
            "0.0.0.0/32",
            "0.1.0.0/16",
            "127.0.0.0/8",
            "127.0.0.1/32",
            "169.254.0.0/16",
            "169.254.1.0/24",
            "224.0.0.0/4",
            "224.0.0.0/3",
            "239.1.1.1/32",
            "240.0.0.0/4",
            "255.255.255.255/32",
            "::/128",
            "::1/128",
            "::ffff:0:0/96",
            "::ffff:10.0.0.1/128",
            "fe80::/10",
            "fe80::1/128",
            "febf::/16",
            "ff00::/8",
            "ff02::1/128",
        ] {
            assert!(is_martian(&text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "::/0",
            "::/8",
            "8000::/1",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "192.0.2.0/24",
            "198.18.0.0/15",
            "169.253.0.0/16",
            "169.0.0.0/8",
            "192.0.0.0/2",
            "fc00::/7",
            "fd00::/8",
            "2001:db8::/32",
            "fec0::/10",
            "::/127",
            "::2/128",
            "::fffe:0:0/96",
            "fe00::/8",
            "64:ff9b::/96",
        ] {
            assert!(!is_martian(&text.parse().unwrap()), "{text}");
        }
    }
}
