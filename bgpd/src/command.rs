//! The arguments of `bgpd`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// BGP speaker for the nodes of a container cluster.
#[derive(Parser)]
#[command(name = "bgpd", version)]
pub(crate) struct Arguments {
    /// The configuration file.
    #[arg(
        short,
        long,
        env = "BGPD_CONFIG",
        default_value = "/etc/bgpd/bgpd.yaml",
        global = true
    )]
    pub(crate) config: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Validate a configuration and print every fault in it.
    Check {
        /// The file; `--config` if not given.
        file: Option<PathBuf>,
    },
    /// Remove all kernel routes that are ours, for a node that no longer runs bgpd.
    Cleanup,
}
