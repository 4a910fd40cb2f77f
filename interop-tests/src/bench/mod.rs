//! The benchmark: BGP daemons of several makers under the same load, measured side by side.
//!
//! Owns: the load (many simulated peers in one thread, `net`), what is right for each receiver
//! (`book`), the routes of the cases (`table`, `blocks`), the daemons with their settings
//! (`subject`) and the floor that all are compared with (`null`).
//!
//! Never does: time anything before the sessions are up (unless connecting is the case), or call a
//! receiver complete that has only counted: each knows for every prefix which route it has, and
//! the attributes of one UPDATE in 61 are compared octet for octet.

mod blocks;
mod book;
mod case;
mod cluster;
mod fulltable;
mod kernel;
mod latency;
mod net;
mod node;
mod null;
mod peer;
mod report;
mod results;
mod scan;
mod series;
mod stage;
mod subject;
mod svg;
mod table;
mod trouble;
mod workload;

pub use case::Case;
pub use cluster::Cluster;
pub use fulltable::FullTable;
pub use node::Node;
pub use null::main as null_daemon;
pub use report::{tables, write as write_report};
pub use results::{Ending, Results};
pub use series::Series;
pub use subject::{MAKERS, Maker};
pub use trouble::{Churn, Loss, Slow};

use std::collections::BTreeMap;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Result;

/// What a run measured: figures by name. The unit is the end of the name: `_s` seconds, `_ms`
/// milliseconds, `_us` microseconds, `_mb` MiB; without one it is a number of things.
pub type Figures = BTreeMap<String, f64>;

/// As many files as this process may have: thousands of sockets are open at a time.
fn raise_file_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
