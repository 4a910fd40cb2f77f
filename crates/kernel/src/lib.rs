//! Linux routing by netlink (rtnetlink(7)): the implementation of [`fib::KernelPort`].
//!
//! Owns two threads and their sockets. The writer carries out batches of route operations and has an
//! answer to each; the monitor tells what changed by somebody else's hand, and reads the
//! whole state when asked. It decides nothing: what is written is `fib`'s plan. It never touches a
//! route that an operation does not name by prefix, table, metric and protocol, and never blocks its
//! caller.
//!
//! Routes go and come through raw sockets in a layout of their own: a batch takes half the time of an
//! asynchronous connection's, and no allocation for each route. Links and addresses are rtnetlink's.
//! All reading is done by the monitor between two notifications, so that what happens meanwhile is
//! told after it.

mod ack;
mod cleanup;
mod dump;
mod event;
mod interfaces;
mod message;
mod monitor;
mod netlink;
mod port;
mod query;
mod socket;
mod sysctl;
#[cfg(test)]
mod testing;
mod writer;

pub use cleanup::{Cleaned, cleanup};
pub use fib::Owner;
pub use port::{Kernel, KernelConfig, KernelError};
pub use query::source_address_for;
pub use sysctl::{SysctlWarning, sysctl_warnings};
pub use wire::Families;
