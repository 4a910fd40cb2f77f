//! The arguments. Nouns first; unique prefixes of nouns and verbs abbreviate.

pub(crate) mod peer;
pub(crate) mod route;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use proto::v1;

use crate::output::Format;

/// Shows and manages bgpd and reflector.
#[derive(Debug, Parser)]
#[command(
    name = "bgpctl",
    version,
    infer_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// The daemon's socket. Default: /run/bgpd/bgpd.sock, else
    /// /run/reflector/reflector.sock if only that exists
    #[arg(long, global = true, env = "BGPD_SOCKET", value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The form of the output
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "table"
    )]
    pub(crate) output: Format,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say whether all is well, and if not, what to do
    Status,
    /// Peers and their sessions
    #[command(visible_alias = "neighbor")]
    Peer(peer::PeerArgs),
    /// BGP routes
    #[command(visible_alias = "rib")]
    Route(route::RouteArgs),
    /// Our routes in the kernel
    Kernel(KernelArgs),
    /// Tell peers to prefer others, before maintenance; sessions stay up
    Drain(DrainArgs),
    /// Follow what changes
    Watch(WatchArgs),
    /// Print a script that completes arguments in a shell
    Completion {
        /// The shell
        shell: Shell,
    },
}

/// `bgpctl kernel`.
#[derive(Debug, Args)]
pub(crate) struct KernelArgs {
    /// What to do. Default: list
    #[command(subcommand)]
    pub(crate) verb: Option<KernelVerb>,
}

/// What can be done with kernel routes.
#[derive(Debug, Subcommand)]
pub(crate) enum KernelVerb {
    /// List them with their state
    List(KernelListArgs),
}

/// `bgpctl kernel list`.
#[derive(Debug, Default, Args)]
pub(crate) struct KernelListArgs {
    /// Only routes in this state
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<KernelState>,
    /// The families to show
    #[command(flatten)]
    pub(crate) family: FamilyArgs,
    /// Then print what changes, until interrupted
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// How far a kernel route is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KernelState {
    /// On its way to the kernel.
    Pending,
    /// The kernel has taken it.
    Installed,
    /// It could not be installed.
    Failed,
    /// A former run left it.
    Stale,
}

impl From<KernelState> for v1::KernelRouteState {
    fn from(state: KernelState) -> v1::KernelRouteState {
        match state {
            KernelState::Pending => v1::KernelRouteState::Pending,
            KernelState::Installed => v1::KernelRouteState::Installed,
            KernelState::Failed => v1::KernelRouteState::Failed,
            KernelState::Stale => v1::KernelRouteState::Stale,
        }
    }
}

/// Which family to show.
#[derive(Debug, Default, Args)]
pub(crate) struct FamilyArgs {
    /// Only IPv4
    #[arg(short = '4', conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Only IPv6
    #[arg(short = '6')]
    pub(crate) ipv6: bool,
}

impl FamilyArgs {
    /// The family asked for; unspecified: both.
    pub(crate) fn family(&self) -> v1::Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => v1::Family::Ipv4Unicast,
            (_, true) => v1::Family::Ipv6Unicast,
            (false, false) => v1::Family::Unspecified,
        }
    }
}

/// `bgpctl drain`.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// Only the session with this peer, by name or address. Default: all
    pub(crate) peer: Option<String>,
    /// Why: shown in the status, and sent to peers when the daemon then stops
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// Take it back
    #[arg(long, conflicts_with = "reason")]
    pub(crate) off: bool,
}

/// `bgpctl watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// What to follow. Default: everything
    #[arg(value_name = "TOPIC")]
    pub(crate) topics: Vec<Topic>,
    /// The families of routes to follow
    #[command(flatten)]
    pub(crate) family: FamilyArgs,
}

/// What can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Topic {
    /// Peers and their sessions.
    #[value(alias = "peer")]
    Peers,
    /// The best route of each prefix.
    #[value(alias = "route")]
    Routes,
}

#[cfg(test)]
mod tests;
