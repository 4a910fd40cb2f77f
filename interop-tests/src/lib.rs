//! Labs in network namespaces against real BGP daemons.
//!
//! Owns: the namespaces of a lab and the processes in them ([`lab`]), one face for daemons of
//! different makers ([`daemon`]), a scripted speaker that says exactly the octets a test wants
//! ([`speaker`]), the demo's network ([`demo`]) and the benchmark ([`mod@bench`]).
//!
//! Never does: link against the daemon under test (the octets in [`speaker`] are its own), touch
//! the network of the machine it runs on, or leave anything behind: a namespace lives as long as
//! the processes in it, and those die with the process that made them.

pub mod bench;
pub mod daemon;
pub mod demo;
pub mod lab;
pub mod speaker;

mod error;
mod wait;

pub use error::{LabError, Result};
pub use wait::{wait_for, wait_until};
