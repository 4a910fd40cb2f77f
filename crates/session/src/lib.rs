//! One BGP peer as a value: its connections, state machine, timers and negotiation.
//!
//! A [`Session`] is told what happens and what time it is ([`Session::handle`]), and says what is to be done
//! ([`Session::poll`]) and when it wants to be told the time again ([`Session::next_deadline`]). It has no socket, no
//! clock and no randomness, and it never reads an UPDATE: that is for its owner.
//!
//! RFC 4271 4.2, 6.2, 6.5-6.8, 8 and 10; RFC 2918, RFC 4760 8, RFC 5492, RFC 6286, RFC 6608, RFC 6793 4.1,
//! RFC 9687.
//!
//! Where to look: `machine` is RFC 4271 section 8, `session` the value that it drives through the phases of `phase`,
//! `negotiate` what two OPENs make together, `collision` section 6.8, `timer` jitter and back-off, `event` and `reason`
//! the facts that go in and out.

mod advice;
mod collision;
mod connection;
mod counters;
mod event;
mod machine;
mod negotiate;
mod phase;
mod reason;
mod session;
mod settings;
mod side;
mod state;
mod timer;

pub use advice::Advice;
pub use counters::Counters;
pub use event::{FrameUse, Hold, Input, Output, Sending};
pub use negotiate::{Negotiated, PeerLongLived, PeerRestart};
pub use reason::{CloseCause, Direction, Down, DownReason, LastError, Unfit};
pub use session::{IdleReason, Session};
pub use settings::{Graceful, LongLived, RemoteAs, Settings};
pub use side::Side;
pub use state::State;
