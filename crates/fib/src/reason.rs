//! Why a route is not as desired: facts, and their text for an operator.

use std::fmt;
use std::net::IpAddr;

use crate::route::RouteError;

/// Why a desired route is not in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailReason {
    /// The next hop lies on no link of this host.
    NotOnLink(IpAddr),
    /// The next hop is an address of this host.
    OwnAddress(IpAddr),
    /// The next hop's link is down.
    LinkDown {
        /// The next hop.
        next_hop: IpAddr,
        /// Name of the link.
        link: Box<str>,
    },
    /// A link-local next hop: the link is not known.
    LinkLocal(IpAddr),
    /// An IPv6 route cannot have this IPv4 next hop.
    FamilyMismatch(IpAddr),
    /// The route came without a next hop.
    NoNextHop,
    /// An IPv6 prefix that is connected here: the learned route would beat the connected one (metric
    /// 256) and make every next hop of that subnet unreachable.
    Connected {
        /// Name of the link.
        link: Box<str>,
    },
    /// A route of another program stands at the same prefix, metric and table.
    Conflict {
        /// That route's protocol number.
        protocol: u8,
        /// The metric of both.
        metric: u32,
    },
    /// Another program removes it again and again.
    Removed {
        /// How often in a row.
        times: u32,
    },
    /// The kernel refused it.
    Refused(RouteError),
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FailReason::NotOnLink(next_hop) => write!(
                f,
                "next hop {next_hop} is not on-link and there is no tunnel"
            ),
            FailReason::OwnAddress(next_hop) => {
                write!(f, "next hop {next_hop} is an address of this node")
            }
            FailReason::LinkDown { next_hop, link } => {
                write!(f, "next hop {next_hop} is behind {link}, which is down")
            }
            FailReason::LinkLocal(next_hop) => write!(
                f,
                "next hop {next_hop} is link-local and its interface is not known"
            ),
            FailReason::FamilyMismatch(next_hop) => {
                write!(f, "an IPv6 route cannot use the IPv4 next hop {next_hop}")
            }
            FailReason::Connected { link } => {
                write!(f, "the prefix is connected on {link}: that route is kept")
            }
            FailReason::NoNextHop => f.write_str("the route has no next hop"),
            FailReason::Conflict { protocol, metric } => write!(
                f,
                "a route of another program (protocol {protocol}) stands at the same prefix and \
                 metric {metric}; it is left alone: remove it, or configure another kernel metric"
            ),
            FailReason::Removed { times } => write!(
                f,
                "another program removed it {times} times; find out which, or give it another metric"
            ),
            FailReason::Refused(error) => write!(f, "the kernel refused it: {error}"),
        }
    }
}
