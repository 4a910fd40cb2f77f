//! The demo: a small cluster, as a user would have it, on one machine.
//!
//! ```text
//!   pod 1a, 1b      pod 2a, 2b      pod 3a, 3b
//!       |               |               |
//!     node1           node2           node3        AS 64512   10.244.N.0/24  fd00:244:N::/64
//!       |               |               |
//!   ----+-------+-------+-------+-------+----      10.0.0.0/24  fd00::/64
//!               |               |
//!           reflector        switch                AS 64512, AS 64600
//!                               |
//!                             host                 10.99.0.2  fd00:99::2
//! ```
//!
//! Each node peers with the reflector (iBGP), from which it learns the other nodes' Pods, and with
//! the switch (eBGP), from which it takes a default route and nothing else.

mod network;
mod probe;
mod show;

pub use network::{Cast, Network};
pub use probe::Report;
