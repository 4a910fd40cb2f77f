//! A deterministic network for tests: real speakers, virtual time, byte pipes for TCP and a table
//! for each kernel. Nothing sleeps; the clock jumps to the next deadline when nobody has work.
//!
//! Beside the speakers stand scripted peers, which say any octets and keep what they are sent, and an oracle that knows
//! what each of them has to hold in the end. Both are written without the code that is tested.

mod dice;
mod kernel;
mod net;
pub mod octets;
mod oracle;
mod peer;
#[cfg(test)]
mod tests;

pub use crate::dice::Dice;
pub use crate::kernel::FakeKernel;
pub use crate::net::{Costs, Net, NodeId, Options};
pub use crate::oracle::{Kind, Oracle, Party};
pub use crate::peer::{Peer, PeerEnd, PeerHandle, PeerScript, Table};
