//! A deterministic network for tests: real speakers, virtual time, byte pipes for TCP and a table
//! for each kernel. Nothing sleeps; the clock jumps to the next deadline when nobody has work.

mod kernel;
mod net;
#[cfg(test)]
mod tests;

pub use crate::kernel::FakeKernel;
pub use crate::net::{Net, NodeId};
