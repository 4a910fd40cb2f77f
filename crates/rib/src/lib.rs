//! Attributes, tables, best path, reflection, export groups.

mod ids;

pub use ids::{AttrId, NextHopId, PeerId};
pub use ids::{ExportSettings, NextHopRule, ReceiverIdentity};
pub use ids::{PeerKind, RejectReason, SourceInfo, SourceKind};

mod decide;
mod pool;

pub use decide::{Challenge, PathKey, Rung};
pub use decide::{challenge, choose, compare, departure, multipath, tied_through, upholds};
pub use pool::{AttrKey, AttrPool, DEFAULT_LOCAL_PREF, NextHopPool};

mod check;
mod transform;

pub use check::{LocalIdentity, check};
pub use transform::{DenyReason, Edit, Outgoing};
pub use transform::{default_local_attrs, own_route_next_hop};
pub use transform::{deliverable, edit, gate, next_hop, outgoing, transform};
