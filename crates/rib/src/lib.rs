//! Attributes, tables, best path, reflection, export groups.

mod ids;

pub use ids::{AttrId, NextHopId, PeerId};
pub use ids::{ExportSettings, NextHopRule, ReceiverIdentity};
pub use ids::{PeerKind, RejectReason, SourceInfo, SourceKind};
