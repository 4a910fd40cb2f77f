//! How many routes a peer may bring and be sent, as arguments.

use clap::{Args, ValueEnum};
use proto::v1;

use crate::time::parse_duration;

/// The limits of a peer's routes.
#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// How many IPv4 routes of it to accept at most; 0: as many as there are
    #[arg(long, value_name = "ROUTES")]
    max_prefix_ipv4: Option<u32>,
    /// How many IPv6 routes of it to accept at most; 0: as many as there are
    #[arg(long, value_name = "ROUTES")]
    max_prefix_ipv6: Option<u32>,
    /// The part of that from which on to tell, in percent; 0: never
    #[arg(long, value_name = "PERCENT")]
    max_prefix_warn: Option<u32>,
    /// What to do beyond it
    #[arg(long, value_name = "ACTION")]
    max_prefix_action: Option<Action>,
    /// How long to keep it out after that; 0: until it is reset
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    max_prefix_restart: Option<prost_types::Duration>,
    /// How many IPv4 routes to send it at most; beyond, the session ends
    #[arg(long, value_name = "ROUTES")]
    max_prefix_out_ipv4: Option<u32>,
    /// How many IPv6 routes to send it at most; beyond, the session ends
    #[arg(long, value_name = "ROUTES")]
    max_prefix_out_ipv6: Option<u32>,
}

/// What to do with a peer that brings too much.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Only tell.
    Warn,
    /// Take nothing more.
    Block,
    /// End the session.
    Shut,
}

impl LimitArgs {
    /// What is given of the limit inbound.
    pub(super) fn max_prefix(&self) -> Option<v1::MaxPrefix> {
        let limit = v1::MaxPrefix {
            ipv4: self.max_prefix_ipv4,
            ipv6: self.max_prefix_ipv6,
            warn: self.max_prefix_warn,
            action: self.max_prefix_action.map(|action| match action {
                Action::Warn => v1::LimitAction::Warn.into(),
                Action::Block => v1::LimitAction::Block.into(),
                Action::Shut => v1::LimitAction::Shut.into(),
            }),
            restart: self.max_prefix_restart,
        };
        Some(limit).filter(|limit| *limit != v1::MaxPrefix::default())
    }

    /// What is given of the limit outbound.
    pub(super) fn max_prefix_out(&self) -> Option<v1::MaxPrefixOut> {
        let limit = v1::MaxPrefixOut {
            ipv4: self.max_prefix_out_ipv4,
            ipv6: self.max_prefix_out_ipv6,
        };
        Some(limit).filter(|limit| *limit != v1::MaxPrefixOut::default())
    }
}
