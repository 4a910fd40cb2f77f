//! Import and export policy: model, evaluation, reasons.
//!
//! Owns: prefix rules and sets, the guards that every import passes (our own blocks, the default
//! route, martians, pools), the import and export modes of a peer, and the reason given for each
//! refusal. Evaluation is a pure function of the route: it allocates nothing, locks nothing and
//! logs nothing, because it runs once per received or advertised prefix.
//!
//! Never does: change attributes, remember routes, or read configuration text.
//!
//! Implements RFC 8212 (an eBGP session without policy neither accepts nor sends routes). The
//! special-purpose ranges refused as martians follow RFC 6890, RFC 1112 and RFC 4291.

mod export;
mod guards;
mod import;
mod reason;
mod rule;
mod set;

pub use export::{Export, ExportMode, Origin};
pub use guards::{Guards, is_martian};
pub use import::{Import, ImportMode};
pub use reason::Reason;
pub use rule::{PrefixRule, PrefixRuleError, PrefixTextError, parse_prefix};
pub use set::PrefixSet;
