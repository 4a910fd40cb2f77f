//! The kernel's routes as they should be, against what stands there.
//!
//! This crate owns the desired routes (what the best paths and the local blocks ask for), what it
//! knows to be in the kernel, and the difference: batches of [`RouteOp`] that a [`KernelPort`]
//! carries out. It resolves BGP next hops against links, addresses and the on-link routes of
//! other programs (RFC 4271 section 5.1.3: a next hop must be resolvable; never through a route of
//! our own). It never opens a socket, never reads a clock, and never writes over or deletes a route
//! whose (protocol, metric, table) is not ours.
//!
//! Everything goes through one value, [`Fib`]: `handle` what happened, `poll` what to do,
//! `next_deadline` when to call again.

mod entry;
mod events;
mod fib;
mod group;
mod plan;
mod port;
mod reason;
mod resolve;
mod results;
mod route;
mod rows;
#[cfg(test)]
mod tests;

pub use entry::RouteKey;
pub use fib::{Fib, FibConfig, FibInput};
pub use port::{Address, Busy, Dump, KernelCommand, KernelEvent, KernelPort, Link, RouteChange};
pub use reason::FailReason;
pub use route::{Action, Hop, MAIN_TABLE, Owner, Route, RouteError, RouteKind, RouteOp, Target};
pub use rows::{Counts, RouteRow, RouteState};
