//! The sections of the configuration that are not about peers.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Which name peers are told of us, by the FQDN capability.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hostname {
    /// That of the speaker.
    #[default]
    OfSpeaker,
    /// None.
    Off,
    /// This one.
    Named(Box<str>),
}

/// Where to wait for connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Addresses; the unspecified ones mean all of their family. Never empty.
    pub addresses: Vec<IpAddr>,
    /// TCP port, not 0.
    pub port: u16,
}

/// Number of the main routing table in Linux.
pub const RT_TABLE_MAIN: u32 = 254;

/// How kernel routes are written and recognised as ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `rtm_protocol` of our routes; none that another program is known to use.
    pub protocol: u8,
    /// Metric (priority) of learned routes, not 0.
    pub metric: u32,
    /// Routing table.
    pub table: u32,
    /// Metric of the blackholes that stand for our own blocks; worse than 1024, so that the
    /// connected route of a bridge wins.
    pub blackhole_metric: u32,
    /// What becomes of our routes when the program stops.
    pub on_stop: OnStop,
    /// A next hop may be resolved through a default route.
    pub resolve_via_default: bool,
    /// Paths that are equally good become one multipath route.
    pub ecmp: bool,
}

/// What becomes of kernel routes when the program stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStop {
    /// They stay, so that Pods keep their connections.
    Keep,
    /// They are removed.
    Remove,
}

/// What the process does when it is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It ends at once and is about to return: routes stay, here and with peers that can keep them (RFC 4724).
    Restart,
    /// It leaves: peers are told to prefer others (RFC 8326), and after this time sessions end and routes go.
    Drain(Duration),
}

/// The gRPC API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Path of the Unix socket; absolute.
    pub socket: PathBuf,
}

/// Logging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Least severe level that is written.
    pub level: LogLevel,
    /// Form of the lines.
    pub format: LogFormat,
}

/// Severity of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// Failures and what may become one.
    Warn,
    /// Also what an operator wants to know.
    Info,
    /// Also what a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word in the configuration, which is also `tracing`'s.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}

/// Bounds on memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Encoded messages that wait for the slowest member of an export group, in octets a group.
    pub export_log: usize,
    /// Withdrawn destinations that are remembered until every consumer has passed them.
    pub tombstones: usize,
    /// Routes of all peers, their attributes included, in octets.
    pub routes: usize,
}
