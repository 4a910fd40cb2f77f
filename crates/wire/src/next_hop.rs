//! The next hop of a route, in every form that the wire has for it (RFC 4271 5.1.3, RFC 2545, RFC 8950).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that packets to a route's destinations are handed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHop {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, and the link-local address that came with it (RFC 2545 section 3).
    V6 {
        /// The global address; a link-local one only where the sender gave nothing else.
        global: Ipv6Addr,
        /// The link-local address, present in the 32-octet form only.
        link_local: Option<Ipv6Addr>,
    },
}

impl NextHop {
    /// The IPv4 address, or the global IPv6 address.
    #[must_use]
    pub const fn addr(&self) -> IpAddr {
        match self {
            NextHop::V4(address) => IpAddr::V4(*address),
            NextHop::V6 { global, .. } => IpAddr::V6(*global),
        }
    }

    /// The link-local address that came beside a global one.
    #[must_use]
    pub const fn link_local(&self) -> Option<Ipv6Addr> {
        match self {
            NextHop::V4(_) => None,
            NextHop::V6 { link_local, .. } => *link_local,
        }
    }
}

impl From<IpAddr> for NextHop {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => address.into(),
        }
    }
}

impl From<Ipv4Addr> for NextHop {
    fn from(address: Ipv4Addr) -> Self {
        NextHop::V4(address)
    }
}

impl From<Ipv6Addr> for NextHop {
    fn from(global: Ipv6Addr) -> Self {
        NextHop::V6 {
            global,
            link_local: None,
        }
    }
}

impl fmt::Display for NextHop {
    /// The address alone: `10.0.0.1`, `2001:db8::1`. The link-local address is for the detail view.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.addr(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_global_address() {
        let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let link_local: Ipv6Addr = "fe80::1".parse().unwrap();
        let both = NextHop::V6 {
            global,
            link_local: Some(link_local),
        };
        assert_eq!(both.to_string(), "2001:db8::1");
        assert_eq!(both.addr(), IpAddr::V6(global));
        assert_eq!(both.link_local(), Some(link_local));
        assert_ne!(both, NextHop::from(global));
        assert_eq!(
            NextHop::from(IpAddr::from([10, 0, 0, 1])),
            NextHop::V4([10, 0, 0, 1].into())
        );
        assert_eq!(NextHop::V4([10, 0, 0, 1].into()).link_local(), None);
    }
}
