//! The configuration as the program understands it: values that cannot be wrong.
//!
//! Owns the types; never reads text (that is `raw` and `resolve`) and never decides what a change
//! does (that is `diff`).

mod as_path;
mod group;
mod limits;
mod peer;
mod session;
mod settings;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use policy::{Guards, PrefixSet};
use wire::{Asn, Prefix};

pub(crate) use as_path::PathFields;
pub use as_path::{LocalAs, PathSettings, PrivateAs};
pub(crate) use group::{Fields, Group, Groups, Slot};
pub(crate) use limits::LimitFields;
pub use limits::{LimitAction, Most, PrefixLimits};
pub use peer::{
    AsSets, Blackhole, DynamicRange, GracefulRestart, HoldTime, LongLived, NextHopRule, PathLimit,
    Peer, RemoteAs,
};
pub(crate) use session::SessionFields;
pub use session::SessionSettings;
pub use settings::{
    Api, Farewell, Hostname, Kernel, Limits, Listen, Log, LogFormat, LogLevel, OnStop,
    RT_TABLE_MAIN,
};

/// Which program the configuration is for. Defaults differ, and a reflector has no kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `bgpd`: a node that announces its blocks and writes kernel routes.
    Node,
    /// `reflector`: a route reflector (RFC 4456) without a kernel.
    Reflector,
}

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The program it is for.
    pub role: Role,
    /// The node's name, for logs and for a router id when nothing better is known.
    pub name: Option<String>,
    /// The name that peers are told, for people.
    pub hostname: Hostname,
    /// Our AS number (RFC 6793).
    pub local_as: Asn,
    /// BGP Identifier (RFC 6286), never 0. `None`: to be chosen at run time.
    pub router_id: Option<Ipv4Addr>,
    /// Cluster id of a reflector (RFC 4456 section 7). `None`: the router id.
    pub cluster_id: Option<Ipv4Addr>,
    /// Where to listen; `None`: not at all.
    pub listen: Option<Listen>,
    /// Blocks that this node announces. Empty for a reflector.
    pub blocks: Vec<Prefix>,
    /// Ranges that bound `import: all`; empty: no bound.
    pub pools: Vec<Prefix>,
    /// The prefix sets by name.
    pub prefix_sets: BTreeMap<String, Arc<PrefixSet>>,
    /// How to write kernel routes; `None`: not at all.
    pub kernel: Option<Kernel>,
    /// The static peers, in the order of the file. Addresses and names are unique.
    pub peers: Vec<Peer>,
    /// Ranges from which unknown peers may connect. They do not overlap.
    pub dynamic: Vec<DynamicRange>,
    /// What the process does when it is told to stop.
    pub farewell: Farewell,
    /// Paths of different neighbouring AS may share a multipath route.
    pub multipath_relax: bool,
    /// The gRPC API.
    pub api: Api,
    /// Logging.
    pub log: Log,
    /// Bounds on memory.
    pub limits: Limits,
    /// The groups, kept so that peers added by the API can name one.
    pub(crate) groups: Groups,
}

impl Config {
    /// What every import is checked against.
    #[must_use]
    pub fn guards(&self) -> Guards {
        Guards {
            own_blocks: self.blocks.clone(),
            pools: self.pools.clone(),
            // The refusal of default routes protects a node; each client of a reflector decides
            // for itself.
            accept_default: self.role == Role::Reflector,
        }
    }

    /// The static peer with this address.
    #[must_use]
    pub fn peer(&self, address: IpAddr) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.address == address)
    }

    /// The dynamic range that holds this address.
    #[must_use]
    pub fn range_of(&self, address: IpAddr) -> Option<&DynamicRange> {
        self.dynamic
            .iter()
            .find(|range| range.prefix.contains(&address))
    }

    /// Names of the groups.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }
}
