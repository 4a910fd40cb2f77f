//! Raw in, model out: every value checked, every fault told.
//!
//! Owns defaults and cross checks. The steps are in the order in which one needs another: prefix
//! sets, groups, the speaker itself, peers, ranges. A fault never stops the next step.

mod as_path;
mod fields;
mod limits;
mod peer;
mod process;
mod session;
mod values;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use policy::{PrefixRule, PrefixSet, is_martian};
use wire::Prefix;

use crate::fault::{ConfigFault, Faults, Location};
use crate::model::{Config, DynamicRange, Fields, Group, Groups, Listen, Peer, Role, Slot};
use crate::raw::{RawAdvertise, RawConfig, RawPeer, RawRange};
use crate::section::Text;
use fields::Sets;
use peer::{Context, Identity};

/// Dynamic peers of a range at a time, unless `limit` says otherwise.
const DEFAULT_RANGE_LIMIT: u32 = 5_000;

/// The model, or every fault that was found.
pub(crate) fn resolve(
    raw: &RawConfig,
    role: Role,
    mut faults: Faults,
) -> Result<Config, Vec<ConfigFault>> {
    let config = resolve_into(raw, role, &mut faults);
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(faults.into_sorted()),
    }
}

fn resolve_into(raw: &RawConfig, role: Role, faults: &mut Faults) -> Option<Config> {
    let prefix_sets = prefix_sets(faults, &raw.prefix_sets);
    let groups = groups(faults, &raw.groups, &prefix_sets);
    let local_as = Slot::read(faults, raw.local_as.as_ref(), values::asn);
    if local_as.is_absent() {
        faults.add(
            &raw.at,
            "our AS number is missing",
            "write \"as: NUMBER\", such as as: 64512",
        );
    }
    let router_id = Slot::read(faults, raw.router_id.as_ref(), values::identifier).value();
    let listen = process::listen(faults, &raw.listen);
    let (peers, dynamic) = {
        let context = Context {
            role,
            local_as: local_as.value(),
            router_id,
            listen: listen.as_ref().map(own_listen_addresses),
            sets: &prefix_sets,
            groups: &groups,
        };
        (
            peers(faults, &raw.peers, &context),
            ranges(faults, &raw.dynamic, &context),
        )
    };
    for peer in &peers {
        check_signed(faults, peer, &dynamic);
    }
    let config = Config {
        role,
        name: Slot::read(faults, raw.name.as_ref(), values::name).value(),
        hostname: process::hostname(faults, raw.hostname.as_ref()),
        local_as: local_as.value_or(wire::Asn(0)),
        router_id,
        cluster_id: Slot::read(faults, raw.cluster_id.as_ref(), values::identifier).value(),
        listen,
        blocks: blocks(faults, raw.advertise.as_ref(), role),
        pools: pools(faults, &raw.pools),
        kernel: process::kernel(faults, raw.kernel.as_ref(), role),
        prefix_sets,
        peers,
        dynamic,
        farewell: process::farewell(faults, raw),
        multipath_relax: process::multipath_relax(faults, &raw.process, role),
        api: process::api(faults, &raw.process, role),
        log: process::log(faults, &raw.process),
        limits: process::limits(faults, &raw.process),
        groups,
    };
    local_as.get().map(|_| config)
}

/// A peer that the API adds, checked as if it stood in the file.
///
/// Whether a peer of this address exists already is for the caller to say, because the same again
/// ([`Peer`] is compared without its location) is no fault. So are the names of peers that the API
/// added before: `config` holds only those of the file.
///
/// # Errors
/// Every fault of the request at once; locations are [`Location::Request`].
pub fn resolve_peer(raw: &RawPeer, config: &Config) -> Result<Peer, Vec<ConfigFault>> {
    let mut faults = Faults::default();
    let context = Context {
        role: config.role,
        local_as: Some(config.local_as),
        router_id: config.router_id,
        listen: config.listen.as_ref().map(own_listen_addresses),
        sets: &config.prefix_sets,
        groups: &config.groups,
    };
    let identity = identity(&mut faults, raw);
    let peer = context.peer(&mut faults, raw, identity);
    let named = peer.as_ref().and_then(|peer| {
        config
            .peers
            .iter()
            .find(|other| other.name == peer.name && other.address != peer.address)
    });
    if let Some(other) = named {
        let at = raw.name.as_ref().map_or(&raw.at, |name| &name.at);
        let message = format!(
            "the name \"{}\" is taken by {} ({})",
            other.name,
            other.address,
            other.location.short()
        );
        faults.add(at, message, "give another name");
    }
    if let Some(peer) = &peer {
        check_signed(&mut faults, peer, &config.dynamic);
    }
    match peer {
        Some(peer) if faults.is_empty() => Ok(peer),
        _ => Err(faults.into_sorted()),
    }
}

/// The system signs by address, and cannot be told of an address in a signed range that it is not signed.
fn check_signed(faults: &mut Faults, peer: &Peer, ranges: &[DynamicRange]) {
    let mut ranges = ranges.iter();
    let signed = |range: &&DynamicRange| {
        range.template.password_file.is_some() && range.prefix.contains(&peer.address)
    };
    if let (None, Some(range)) = (&peer.password_file, ranges.find(signed)) {
        let message = format!(
            "the peer has no password-file and lies in the dynamic range {} ({}), which has one: the system would drop its packets",
            range.prefix,
            range.location().short()
        );
        let remedy = "give it one too, or take its address out of the range";
        faults.add(&peer.location, message, remedy);
    }
}

/// The addresses that are certainly ours.
fn own_listen_addresses(listen: &Listen) -> Vec<IpAddr> {
    // In labs, daemons on one host listen and peer on loopback addresses with ports of their own.
    listen
        .addresses
        .iter()
        .copied()
        .filter(|a| !a.is_unspecified() && !a.is_loopback())
        .collect()
}

fn prefix_sets(faults: &mut Faults, raw: &[(Text, Vec<Text>)]) -> Sets {
    let mut sets = Sets::new();
    for (name, texts) in raw {
        if matches!(name.text.as_str(), "all" | "none" | "local") {
            let message = format!("\"{}\" cannot be the name of a prefix set", name.text);
            faults.add(
                &name.at,
                message,
                "it is a word of import and export; write another",
            );
        }
        let Some(key) = faults.keep(&name.at, values::name(&name.text)) else {
            continue;
        };
        let rules = texts
            .iter()
            .filter_map(|text| Slot::read(faults, Some(text), rule).value())
            .collect();
        sets.insert(key.clone(), Arc::new(PrefixSet::new(key, rules)));
    }
    sets
}

fn rule(text: &str) -> values::Parsed<PrefixRule> {
    let prefix = text.split_whitespace().next().unwrap_or_default();
    values::prefix(prefix)?;
    text.parse()
        .map_err(|error: policy::PrefixRuleError| crate::fault::Problem::new(error.to_string(), ""))
}

fn groups(faults: &mut Faults, raw: &[(Text, RawPeer)], sets: &Sets) -> Groups {
    let mut groups = Groups::new();
    for (name, peer) in raw {
        let fields = Fields::read(faults, peer, sets);
        if let Some(name) = faults.keep(&name.at, values::name(&name.text)) {
            groups.insert(name, Group { fields });
        }
    }
    groups
}

fn identity(faults: &mut Faults, raw: &RawPeer) -> Option<Identity> {
    let address = Slot::read(faults, raw.address.as_ref(), values::host);
    if address.is_absent() {
        faults.add(
            &raw.at,
            "the peer has no \"address\"",
            "write \"address: ADDRESS\"",
        );
    }
    let name = Slot::read(faults, raw.name.as_ref(), values::name);
    let address = address.value()?;
    if let Some(other) = name.get().and_then(|name| name.parse::<IpAddr>().ok())
        && other != address
    {
        let message = format!("the name {other} is an address, but not this peer's");
        faults.add(name.at(&raw.at), message, "write another name, or none");
    }
    Some(Identity {
        name: name.value_or(address.to_string()),
        address,
        dynamic: false,
    })
}

fn peers(faults: &mut Faults, raw: &[RawPeer], context: &Context<'_>) -> Vec<Peer> {
    let mut peers = Vec::with_capacity(raw.len());
    let mut addresses: HashMap<IpAddr, Location> = HashMap::new();
    let mut names: HashMap<String, Location> = HashMap::new();
    for raw in raw {
        let identity = identity(faults, raw);
        if let Some(identity) = &identity {
            let at = raw.address.as_ref().map_or(&raw.at, |text| &text.at);
            if let Some(first) = addresses.get(&identity.address) {
                let message = format!(
                    "a peer with address {} is defined at {} already",
                    identity.address,
                    first.short()
                );
                faults.add(at, message, "remove one of them");
            } else {
                addresses.insert(identity.address, raw.at.clone());
            }
            let at = raw.name.as_ref().map_or(&raw.at, |text| &text.at);
            // The default name repeats the address, whose repetition has been told.
            if let (Some(first), true) = (names.get(&identity.name), raw.name.is_some()) {
                let message = format!(
                    "a peer with name \"{}\" is defined at {} already",
                    identity.name,
                    first.short()
                );
                faults.add(at, message, "give another name");
            } else {
                names.insert(identity.name.clone(), raw.at.clone());
            }
        }
        peers.extend(context.peer(faults, raw, identity));
    }
    peers
}

fn ranges(faults: &mut Faults, raw: &[RawRange], context: &Context<'_>) -> Vec<DynamicRange> {
    let mut ranges: Vec<DynamicRange> = Vec::new();
    let mut prefixes: Vec<(Prefix, Location)> = Vec::new();
    for raw in raw {
        let prefix = Slot::read(faults, raw.prefix.as_ref(), values::prefix);
        if prefix.is_absent() {
            faults.add(
                &raw.peer.at,
                "the dynamic peers have no \"prefix\"",
                "write \"prefix: ADDRESS/LENGTH\"",
            );
        }
        let limit = Slot::read(faults, raw.limit.as_ref(), |text| {
            values::number(text, 1..=1_000_000)
        });
        let identity = prefix.get().map(|prefix| Identity {
            name: prefix.to_string(),
            address: prefix.addr(),
            dynamic: true,
        });
        let template = context.peer(faults, &raw.peer, identity);
        let Slot::Set(prefix, at) = prefix else {
            continue;
        };
        refuse_overlap(faults, &mut prefixes, prefix, at, "dynamic peers");
        let limit = limit.value_or(DEFAULT_RANGE_LIMIT);
        ranges.extend(template.map(|template| DynamicRange {
            prefix,
            limit,
            template,
        }));
    }
    ranges
}

/// Notes a prefix that is, holds or lies in one seen before.
fn refuse_overlap(
    faults: &mut Faults,
    seen: &mut Vec<(Prefix, Location)>,
    prefix: Prefix,
    at: Location,
    what: &str,
) {
    let overlaps = |other: &Prefix| other.contains(&prefix) || prefix.contains(other);
    if let Some((other, first)) = seen.iter().find(|(other, _)| overlaps(other)) {
        if *other == prefix {
            let message = format!("{prefix} is listed twice (first at {})", first.short());
            faults.add(&at, message, "remove one of them");
        } else {
            let message = format!("{prefix} overlaps {other} of {}", first.short());
            faults.add(
                &at,
                message,
                format!("{what} must not overlap; remove one of them"),
            );
        }
    }
    seen.push((prefix, at));
}

fn blocks(faults: &mut Faults, raw: Option<&RawAdvertise>, role: Role) -> Vec<Prefix> {
    let Some(raw) = raw else { return Vec::new() };
    if role == Role::Reflector {
        faults.add(
            &raw.at,
            "a reflector announces no blocks of its own",
            "remove \"advertise\"",
        );
        return Vec::new();
    }
    let mut seen = Vec::new();
    for text in &raw.blocks {
        let Slot::Set(prefix, at) = Slot::read(faults, Some(text), values::prefix) else {
            continue;
        };
        if prefix.prefix_len() == 0 || is_martian(&prefix) {
            let message = format!("{prefix} cannot be a block of addresses");
            faults.add(&at, message, "write the Pod addresses of this node");
            continue;
        }
        refuse_overlap(faults, &mut seen, prefix, at, "blocks");
    }
    seen.into_iter().map(|(prefix, _)| prefix).collect()
}

fn pools(faults: &mut Faults, raw: &[Text]) -> Vec<Prefix> {
    raw.iter()
        .filter_map(|text| Slot::read(faults, Some(text), values::prefix).value())
        .collect()
}
