//! The configuration as it is written: every value still text, with its place.
//!
//! Mirrors the file key by key and knows nothing of what values mean. It dies inside `resolve`.
//! [`RawPeer`] is public, because a peer added by the API goes the same way as one of the file.

mod as_path;
mod limits;
mod peer;
mod session;

use crate::fault::Location;
use crate::section::{Reader, Section, Text};
use crate::tree::{Node, Value};

pub use as_path::RawPath;
pub use limits::RawLimits;
pub use peer::RawPeer;
pub use session::RawSession;

/// The whole file.
pub(crate) struct RawConfig {
    /// Start of the file, where missing keys are reported.
    pub(crate) at: Location,
    pub(crate) name: Option<Text>,
    pub(crate) hostname: Option<Text>,
    pub(crate) local_as: Option<Text>,
    pub(crate) router_id: Option<Text>,
    pub(crate) cluster_id: Option<Text>,
    pub(crate) listen: RawListen,
    pub(crate) advertise: Option<RawAdvertise>,
    pub(crate) pools: Vec<Text>,
    pub(crate) prefix_sets: Vec<(Text, Vec<Text>)>,
    pub(crate) kernel: Option<RawKernel>,
    pub(crate) groups: Vec<(Text, RawPeer)>,
    pub(crate) peers: Vec<RawPeer>,
    pub(crate) dynamic: Vec<RawRange>,
    pub(crate) stop: RawStop,
    pub(crate) process: RawProcess,
}

pub(crate) enum RawListen {
    /// Nothing written, or a value whose fault is noted.
    Default,
    /// A word; only `off` is one.
    Word(Text),
    Section {
        addresses: Option<Vec<Text>>,
        port: Option<Text>,
        at: Location,
    },
}

pub(crate) struct RawAdvertise {
    pub(crate) at: Location,
    pub(crate) blocks: Vec<Text>,
}

pub(crate) struct RawKernel {
    pub(crate) at: Location,
    pub(crate) enabled: Option<Text>,
    pub(crate) protocol: Option<Text>,
    pub(crate) metric: Option<Text>,
    pub(crate) table: Option<Text>,
    pub(crate) blackhole_metric: Option<Text>,
    pub(crate) on_stop: Option<Text>,
    pub(crate) resolve_via_default: Option<Text>,
    pub(crate) ecmp: Option<Text>,
}

/// A range of dynamic peers.
pub(crate) struct RawRange {
    pub(crate) prefix: Option<Text>,
    pub(crate) limit: Option<Text>,
    pub(crate) peer: RawPeer,
}

/// What the process does when it is told to stop.
pub(crate) struct RawStop {
    pub(crate) on_stop: Option<Text>,
    pub(crate) drain_time: Option<Text>,
}

/// Settings of the process rather than of BGP.
#[derive(Default)]
pub(crate) struct RawProcess {
    pub(crate) relax: Option<Text>,
    pub(crate) socket: Option<Text>,
    pub(crate) level: Option<Text>,
    pub(crate) format: Option<Text>,
    pub(crate) export_log: Option<Text>,
    pub(crate) tombstones: Option<Text>,
    pub(crate) route_limit: Option<Text>,
}

impl RawConfig {
    pub(crate) fn read(reader: &mut Reader<'_>, root: Node) -> Option<RawConfig> {
        let at = root.at.clone();
        let mut top = reader.open("top", root)?;
        let raw = RawConfig {
            at,
            name: reader.text(&mut top, "name"),
            hostname: reader.text(&mut top, "hostname"),
            local_as: reader.text(&mut top, "as"),
            router_id: reader.text(&mut top, "router-id"),
            cluster_id: reader.text(&mut top, "cluster-id"),
            listen: RawListen::read(reader, &mut top),
            advertise: RawAdvertise::read(reader, &mut top),
            pools: reader.texts(&mut top, "pools").unwrap_or_default(),
            prefix_sets: prefix_sets(reader, &mut top),
            kernel: RawKernel::read(reader, &mut top),
            groups: groups(reader, &mut top),
            peers: peers(reader, &mut top),
            dynamic: ranges(reader, &mut top),
            stop: RawStop {
                on_stop: reader.text(&mut top, "on-stop"),
                drain_time: reader.text(&mut top, "drain-time"),
            },
            process: RawProcess::read(reader, &mut top),
        };
        reader.close(top);
        Some(raw)
    }
}

impl RawListen {
    fn read(reader: &mut Reader<'_>, top: &mut Section) -> RawListen {
        let Some(node) = top.take_node("listen") else {
            return RawListen::Default;
        };
        if let Value::Text(_) = node.value {
            return RawListen::Word(reader.scalar("\"listen\"", node));
        }
        let Some(mut section) = reader.open("listen", node) else {
            return RawListen::Default;
        };
        let listen = RawListen::Section {
            addresses: reader.texts(&mut section, "addresses"),
            port: reader.text(&mut section, "port"),
            at: section.at.clone(),
        };
        reader.close(section);
        listen
    }
}

impl RawAdvertise {
    fn read(reader: &mut Reader<'_>, top: &mut Section) -> Option<RawAdvertise> {
        let mut section = reader.sub(top, "advertise")?;
        let advertise = RawAdvertise {
            at: section.at.clone(),
            blocks: reader.texts(&mut section, "blocks").unwrap_or_default(),
        };
        reader.close(section);
        Some(advertise)
    }
}

impl RawKernel {
    fn read(reader: &mut Reader<'_>, top: &mut Section) -> Option<RawKernel> {
        let mut section = reader.sub(top, "kernel")?;
        let kernel = RawKernel {
            at: section.at.clone(),
            enabled: reader.text(&mut section, "enabled"),
            protocol: reader.text(&mut section, "protocol"),
            metric: reader.text(&mut section, "metric"),
            table: reader.text(&mut section, "table"),
            blackhole_metric: reader.text(&mut section, "blackhole-metric"),
            on_stop: reader.text(&mut section, "on-stop"),
            resolve_via_default: reader.text(&mut section, "resolve-via-default"),
            ecmp: reader.text(&mut section, "ecmp"),
        };
        reader.close(section);
        Some(kernel)
    }
}

impl RawProcess {
    fn read(reader: &mut Reader<'_>, top: &mut Section) -> RawProcess {
        let mut process = RawProcess::default();
        if let Some(mut section) = reader.sub(top, "multipath") {
            process.relax = reader.text(&mut section, "relax");
            reader.close(section);
        }
        if let Some(mut section) = reader.sub(top, "api") {
            process.socket = reader.text(&mut section, "socket");
            reader.close(section);
        }
        if let Some(mut section) = reader.sub(top, "log") {
            process.level = reader.text(&mut section, "level");
            process.format = reader.text(&mut section, "format");
            reader.close(section);
        }
        if let Some(mut section) = reader.sub(top, "limits") {
            process.export_log = reader.text(&mut section, "export-log");
            process.tombstones = reader.text(&mut section, "tombstones");
            process.route_limit = reader.text(&mut section, "routes");
            reader.close(section);
        }
        process
    }
}

fn prefix_sets(reader: &mut Reader<'_>, top: &mut Section) -> Vec<(Text, Vec<Text>)> {
    let named = reader.named(top, "prefix-sets");
    let mut sets = Vec::with_capacity(named.len());
    for (name, node) in named {
        let rules = reader.scalars(&name.text, node);
        sets.push((name, rules));
    }
    sets
}

fn groups(reader: &mut Reader<'_>, top: &mut Section) -> Vec<(Text, RawPeer)> {
    let mut groups = Vec::new();
    for (name, node) in reader.named(top, "groups") {
        let Some(mut section) = reader.open("peer", node) else {
            continue;
        };
        section.at = name.at.clone();
        for key in ["name", "address", "group"] {
            let message = format!("\"{key}\" belongs to one peer, not to a group");
            reader.refuse(&mut section, key, message, "remove it");
        }
        let peer = RawPeer::read_settings(reader, &mut section);
        reader.close(section);
        groups.push((name, peer));
    }
    groups
}

fn peers(reader: &mut Reader<'_>, top: &mut Section) -> Vec<RawPeer> {
    let mut peers = Vec::new();
    for node in reader.list(top, "peers") {
        let Some(mut section) = reader.open("peer", node) else {
            continue;
        };
        let (name, address) = (
            reader.text(&mut section, "name"),
            reader.text(&mut section, "address"),
        );
        let group = reader.text(&mut section, "group");
        let settings = RawPeer::read_settings(reader, &mut section);
        reader.close(section);
        peers.push(RawPeer {
            name,
            address,
            group,
            ..settings
        });
    }
    peers
}

fn ranges(reader: &mut Reader<'_>, top: &mut Section) -> Vec<RawRange> {
    let mut ranges = Vec::new();
    for node in reader.list(top, "dynamic-peers") {
        let Some(mut section) = reader.open("peer", node) else {
            continue;
        };
        let prefix = reader.text(&mut section, "prefix");
        let limit = reader.text(&mut section, "limit");
        let group = reader.text(&mut section, "group");
        for key in ["name", "address", "port", "passive", "connect-retry"] {
            let message = format!("\"{key}\" means nothing for dynamic peers: they connect to us");
            reader.refuse(&mut section, key, message, "remove it");
        }
        let settings = RawPeer::read_settings(reader, &mut section);
        reader.close(section);
        ranges.push(RawRange {
            prefix,
            limit,
            peer: RawPeer { group, ..settings },
        });
    }
    ranges
}
