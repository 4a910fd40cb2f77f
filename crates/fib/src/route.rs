//! Routes, who owns them, and one operation on one of them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use wire::{NextHop, Prefix};

/// The number of the kernel's main routing table.
pub const MAIN_TABLE: u32 = 254;

/// What marks a kernel route as ours. A route is ours only if protocol, table and one of the two
/// metrics are equal; the protocol number alone proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner {
    /// `rtm_protocol`; two instances in one network namespace need different ones.
    pub protocol: u8,
    /// Metric of learned routes.
    pub metric: u32,
    /// Routing table, 254 is `main`.
    pub table: u32,
    /// Metric of the blackholes of local blocks, not of learned ones. Worse than 1024, so that the connected route that
    /// a bridge CNI has for the same prefix wins.
    pub blackhole_metric: u32,
}

impl Default for Owner {
    fn default() -> Self {
        Owner {
            protocol: 155,
            metric: 48,
            table: MAIN_TABLE,
            blackhole_metric: 1_048_576,
        }
    }
}

impl Owner {
    /// True if a route with these three marks was written by this owner.
    #[must_use]
    pub fn owns(&self, protocol: u8, metric: u32, table: u32) -> bool {
        self.protocol == protocol
            && self.table == table
            && (self.metric == metric || self.blackhole_metric == metric)
    }
}

/// Where a desired route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To these BGP next hops, as they came: not yet resolved. More than one is ECMP.
    Unicast(Vec<NextHop>),
    /// Nowhere: packets are dropped silently (local blocks), unless there is another route.
    Blackhole,
    /// Nowhere, as a learned route: packets are dropped silently, because whoever announced it asks for that (RFC 7999).
    Discard,
}

/// One resolved next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The neighbour to hand packets to; none for a destination on the link itself.
    pub gateway: Option<IpAddr>,
    /// Interface index.
    pub link: u32,
    /// Share of the traffic, 1 to 256.
    pub weight: u16,
    /// The kernel takes the gateway as reachable on the link without looking.
    pub onlink: bool,
}

/// What a kernel route does with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteKind {
    /// Forwards to these hops, sorted.
    Unicast(Arc<[Hop]>),
    /// Drops silently.
    Blackhole,
    /// Any other `rtm_type`, by number. Never written by us.
    Other(u8),
}

impl RouteKind {
    /// The hops, in order; empty unless it forwards.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        match self {
            RouteKind::Unicast(hops) => hops,
            RouteKind::Blackhole | RouteKind::Other(_) => &[],
        }
    }
}

/// A kernel route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Destination.
    pub prefix: Prefix,
    /// Routing table.
    pub table: u32,
    /// `RTA_PRIORITY`. The kernel turns an IPv6 metric of 0 into 1024.
    pub metric: u32,
    /// `rtm_protocol`.
    pub protocol: u8,
    /// What it does.
    pub kind: RouteKind,
}

/// How to bring a route into the kernel or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Create; fails with `EEXIST` if anything stands at the same prefix, metric and table. This is
    /// how a route that we do not know to be ours is never overwritten.
    Create,
    /// Create, or replace our own route with the complete new set of hops. Loses no packet.
    Replace,
    /// Delete the route with this prefix, metric, table and protocol.
    Delete,
}

/// One request to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteOp {
    /// Comes back with the answer.
    pub id: u64,
    /// What to do.
    pub action: Action,
    /// The route to write; for a delete its kind is without meaning.
    pub route: Route,
}

/// Why the kernel refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteError {
    /// The errno, positive; 0 if there was no answer.
    pub errno: i32,
    /// Name of the errno and the kernel's own words (extended acknowledgement), for an operator.
    pub text: Box<str>,
}

impl RouteError {
    /// `EEXIST`: something stands there.
    pub(crate) const EXISTS: i32 = 17;
    /// `ESRCH`: nothing of that kind stands there.
    pub(crate) const NO_SUCH_ROUTE: i32 = 3;
    /// `EINVAL`, `ENETUNREACH`, `EHOSTUNREACH`: what a gateway that is not on the link gives.
    pub(crate) const UNREACHABLE: [i32; 3] = [22, 101, 113];
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for RouteError {}
