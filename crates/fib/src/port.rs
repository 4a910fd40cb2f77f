//! The seam to the kernel: what is asked of it and what it tells.

use std::fmt;
use std::net::IpAddr;

use wire::Prefix;

use crate::{Route, RouteError, RouteOp};

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Interface name, for display.
    pub name: Box<str>,
    /// Administratively up.
    pub up: bool,
    /// The layer below is up (`IFF_LOWER_UP`).
    pub carrier: bool,
}

impl Link {
    /// True if packets can leave through it.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.up && self.carrier
    }
}

/// An address of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Interface index.
    pub link: u32,
    /// The address itself.
    pub local: IpAddr,
    /// What is on the link because of it; none for an address without a prefix route. On a
    /// point-to-point link this is the other end.
    pub subnet: Option<Prefix>,
}

/// A change of a kernel route that we did not cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    /// The route as it is now, or as it was before it went.
    pub route: Route,
    /// True if it went.
    pub removed: bool,
}

/// What stands in the kernel. Not a snapshot: the kernel changes while it is read, so changes from
/// the start of the reading on are reported after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    /// Every interface.
    pub links: Vec<Link>,
    /// Every address.
    pub addresses: Vec<Address>,
    /// Routes of our tables and of the main table, all owners.
    pub routes: Vec<Route>,
}

/// What the kernel's side tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelEvent {
    /// An interface is new or changed.
    Link(Link),
    /// The interface with this index went.
    LinkGone(u32),
    /// An address came (or changed), or went.
    Address {
        /// Which.
        address: Address,
        /// False if it went.
        added: bool,
    },
    /// A route changed by somebody else's hand.
    Route(RouteChange),
    /// The answer to [`KernelCommand::Dump`].
    Dump(Box<Dump>),
    /// Answers to requests, by their ids.
    Results(Vec<(u64, Result<(), RouteError>)>),
    /// Notifications were lost; what is known may be wrong.
    Overrun,
    /// The port does not work (any more); why, for an operator.
    Failed(String),
}

/// What is asked of the kernel's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelCommand {
    /// Carry these out in this order; every one is answered in a [`KernelEvent::Results`].
    Apply(Vec<RouteOp>),
    /// Tell what stands there.
    Dump,
}

/// The port's queue is full. The command comes back; hand it to the [`crate::Fib`] with
/// [`crate::Fib::refused`], which sends it again later.
#[derive(Debug)]
pub struct Busy(pub KernelCommand);

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the kernel writer's queue is full")
    }
}

impl std::error::Error for Busy {}

/// A way to the kernel.
pub trait KernelPort {
    /// Queues a command. Never blocks.
    ///
    /// # Errors
    /// [`Busy`] with the command if the bounded queue is full.
    fn send(&mut self, command: KernelCommand) -> Result<(), Busy>;
}
