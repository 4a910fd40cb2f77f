//! One BGP peer as a value: its connections, state machine, timers and negotiation.
//!
//! A [`Session`] is told what happens and what time it is ([`Session::handle`]), and says what is to be done
//! ([`Session::poll`]) and when it wants to be told the time again ([`Session::next_deadline`]). It has no socket, no
//! clock and no randomness, and it never reads an UPDATE: that is for its owner.
//!
//! RFC 4271 4.2, 6.2, 6.5-6.8, 8 and 10; RFC 2918, RFC 4760 8, RFC 5492, RFC 6286, RFC 6608, RFC 6793 4.1.
//!
//! Where to look: `machine` is RFC 4271 section 8, `negotiate` what two OPENs make together, `collision` section 6.8,
//! `timer` jitter and back-off, `event` and `reason` the facts that go in and out.

mod advice;
mod collision;
mod connection;
mod counters;
mod event;
mod machine;
mod negotiate;
mod reason;
mod settings;
mod timer;

pub use advice::Advice;
pub use counters::Counters;
pub use event::{CloseCause, FrameUse, Input, Output, Side};
pub use machine::{IdleReason, Session, State};
pub use negotiate::Negotiated;
pub use reason::{Direction, Down, DownReason, LastError};
pub use settings::{RemoteAs, Settings};
