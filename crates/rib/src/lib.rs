//! Attributes, tables, best path, reflection, export groups: everything between a decoded UPDATE and the octets that
//! other peers are sent.
//!
//! [`Rib`] is one value. A turn of whoever drives it:
//!
//! 1. [`Rib::source_up`] and [`Rib::join`] when a session comes up; [`Rib::leave`] and [`Rib::source_down`] when it goes.
//! 2. For each UPDATE: [`Rib::check`], [`Rib::intern`], [`Rib::amend`], then [`Rib::withdraw`] and [`Rib::announce`] per NLRI, and
//!    [`Rib::release`].
//! 3. [`Rib::flush`]: export groups pull what changed, each destination once, and encode it once into their log.
//!    [`Rib::next_flush`] says when to come again.
//! 4. For each peer that [`Rib::poll_ready`] names: [`Rib::fill`] and write, until nothing comes. Peers of
//!    [`Rib::poll_reset`] are reset with Cease, Out of Resources (RFC 4486).
//! 5. [`Rib::work`] as long as it says that there is more, one slice at a time: peers that went down, joins, refreshes.
//! 6. Consumers (kernel, watches) pull with [`Rib::consume`] when they like.
//!
//! It never opens a socket, reads a clock, blocks, or resolves a next hop; import policy is evaluated by the caller.
//!
//! RFC 4271 sections 9.1 and 9.2, RFC 4456, RFC 4760, RFC 2918, RFC 4724 section 2 (End-of-RIB), RFC 1997, RFC 7911.

mod age;
mod alone;
mod amend;
mod apply;
mod arena;
mod change;
mod consumer;
mod encode;
mod export;
mod group;
mod index;
mod judge;
mod log;
mod member;
mod multi;
mod query;
mod refresh;
mod rib;
mod role;
mod source;
mod table;
#[cfg(test)]
mod testing;
mod versions;
mod work;

pub use amend::Amends;
pub use consumer::{Consumed, ConsumerId, DestView};
pub use group::GroupCounters;
pub use query::{ListPlace, Listing, PathView, PrefixFilter, Query, RowSink};
pub use rib::{ResetReason, Rib, RibConfig, Stats};
pub use source::PathCounts;

mod ids;

pub use ids::{AttrId, Cluster, NextHopId, PeerId};
pub use ids::{ExportSettings, NextHopRule, ReceiverIdentity, StaleRule};
pub use ids::{PeerKind, RejectReason, SourceInfo, SourceKind};

mod decide;
mod pool;

pub use decide::{Challenge, PathKey, Rung};
pub use decide::{challenge, choose, compare, multipath, tied_through};
pub use pool::{AttrKey, AttrPool, DEFAULT_LOCAL_PREF, LEAST_LOCAL_PREF, NextHopPool};

mod as_path;
mod check;
mod transform;

pub use as_path::{PathRules, PrivateRule};

pub use check::{LocalIdentity, check};
pub use transform::{DenyReason, Edit, Outgoing};
pub use transform::{default_local_attrs, own_route_next_hop};
pub use transform::{deliverable, edit, gate, next_hop, outgoing, transform};
