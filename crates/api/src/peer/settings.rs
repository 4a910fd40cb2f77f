//! A peer's settings: from a request through the validation of the configuration file, and back.

mod as_path;
mod limits;

use std::fmt::Display;

use config::{
    Blackhole, Config, Location, NextHopRule, Peer, RawPeer, RawSession, RemoteAs, Text, WordOrList,
};
use policy::{ExportMode, ImportMode, PrefixSet};
use proto::v1;
use proto::v1::peer_config::RemoteAs as RemoteAsField;
use proto::v1::{export_policy, import_policy};
use tonic::Status;
use wire::Family;

use crate::fault::Violations;

/// TTL of iBGP and of eBGP where nothing is configured.
const DEFAULT_TTL: [u8; 2] = [64, 1];

/// The peer that a request describes, checked as if it stood in the file.
pub(super) fn resolve(request: &v1::PeerConfig, config: &Config) -> Result<Peer, Status> {
    config::resolve_peer(&raw(request), config).map_err(|faults| {
        let refused = Violations::from(faults).into_result("the peer");
        refused
            .err()
            .unwrap_or_else(|| Status::internal("a peer was refused without a fault"))
    })
}

/// A request as the text that the file would hold: the keys and their checks are `config`'s.
fn raw(request: &v1::PeerConfig) -> RawPeer {
    // Opened completely, so that a new setting must be decided upon here.
    let v1::PeerConfig {
        name,
        address,
        group,
        remote_as,
        port,
        local_address,
        passive,
        enabled,
        description,
        families,
        hold_time,
        keepalive,
        connect_retry,
        idle_hold,
        idle_hold_max,
        import_policy,
        export_policy,
        route_reflector_client,
        next_hop,
        next_hop_v6,
        multihop,
        send_hold,
        extended_messages: _,
        add_path_receive: _,
        extended_next_hop: _,
        as_sets: _,
        role: _,
        role_strict: _,
        add_path_send: _,
        graceful_restart: _,
        restart_time: _,
        stale_time: _,
        ttl_security,
        bind_device,
        password_file,
        graceful_shutdown,
        max_prefix,
        max_prefix_out,
        allow_own_as,
        as_override,
        remove_private_as,
        local_as,
        enforce_first_as,
        route_server_client,
        cluster_id,
        client_to_client,
        delay_open,
        blackhole,
        long_lived_graceful_restart: _,
        long_lived_stale_time: _,
        long_lived_max_stale_time: _,
        partial_deployment: _,
    } = request;
    RawPeer {
        name: text("name", name.as_ref()),
        address: text(
            "address",
            Some(address).filter(|address| !address.is_empty()),
        ),
        group: text("group", group.as_ref()),
        remote_as: text("as", remote_as.as_ref().map(remote_as_text)),
        port: text("port", port.as_ref()),
        local_address: text("local-address", local_address.as_ref()),
        passive: text("passive", passive.as_ref()),
        enabled: text("enabled", enabled.as_ref()),
        description: text("description", description.as_ref()),
        families: families_text(families),
        hold_time: text("hold-time", hold_time.as_ref().map(seconds)),
        keepalive: text("keepalive", keepalive.as_ref().map(seconds)),
        send_hold: text("send-hold", send_hold.as_ref().map(seconds)),
        connect_retry: text("connect-retry", connect_retry.as_ref().map(seconds)),
        idle_hold: text("idle-hold", idle_hold.as_ref().map(seconds)),
        idle_hold_max: text("idle-hold-max", idle_hold_max.as_ref().map(seconds)),
        import: import_policy.as_ref().and_then(import_text),
        export: export_policy.as_ref().and_then(export_text),
        route_reflector_client: text("route-reflector-client", route_reflector_client.as_ref()),
        next_hop: text("next-hop", next_hop.map(next_hop_text)),
        next_hop_v6: text("next-hop-v6", next_hop_v6.as_ref()),
        multihop: text("multihop", multihop.as_ref()),
        ttl_security: text("ttl-security", ttl_security.as_ref()),
        bind_device: text("bind-device", bind_device.as_ref()),
        password_file: text("password-file", password_file.as_ref()),
        graceful_shutdown: text("graceful-shutdown", graceful_shutdown.as_ref()),
        limits: limits::raw(max_prefix.as_ref(), max_prefix_out.as_ref()),
        session: RawSession {
            cluster_id: text("cluster-id", cluster_id.as_ref()),
            client_to_client: text("client-to-client", client_to_client.as_ref()),
            delay_open: text("delay-open", delay_open.as_ref().map(seconds)),
        },
        path: as_path::raw(
            *allow_own_as,
            *as_override,
            *remove_private_as,
            local_as.as_ref(),
            [*enforce_first_as, *route_server_client],
        ),
        blackhole: text("blackhole", blackhole.map(blackhole_text)),
        ..offers(request)
    }
}

/// What capabilities offer, of a request.
fn offers(request: &v1::PeerConfig) -> RawPeer {
    let lasts = |of: &Option<prost_types::Duration>| of.as_ref().map(seconds);
    let long = |word: &str| format!("long-lived-graceful-restart.{word}");
    RawPeer {
        extended_messages: text("extended-messages", request.extended_messages.as_ref()),
        add_path_receive: text("add-path.receive", request.add_path_receive.as_ref()),
        extended_next_hop: text("extended-next-hop", request.extended_next_hop.as_ref()),
        as_sets: text("as-sets", request.as_sets.as_ref()),
        role: text("role", request.role.as_ref()),
        role_strict: text("role-strict", request.role_strict.as_ref()),
        add_path_send: text("add-path.send", request.add_path_send.as_ref()),
        graceful_enabled: text(
            "graceful-restart.enabled",
            request.graceful_restart.as_ref(),
        ),
        graceful_restart_time: text(
            "graceful-restart.restart-time",
            lasts(&request.restart_time),
        ),
        graceful_stale_time: text("graceful-restart.stale-time", lasts(&request.stale_time)),
        long_lived_enabled: text(&long("enabled"), request.long_lived_graceful_restart),
        long_lived_stale_time: text(&long("stale-time"), lasts(&request.long_lived_stale_time)),
        long_lived_max_stale_time: text(
            &long("max-stale-time"),
            lasts(&request.long_lived_max_stale_time),
        ),
        long_lived_partial: text(&long("partial-deployment"), request.partial_deployment),
        ..RawPeer::request()
    }
}

fn text(key: &str, value: Option<impl Display>) -> Option<Text> {
    value.map(|value| Text::field(key, value))
}

fn remote_as_text(remote_as: &RemoteAsField) -> String {
    match remote_as {
        RemoteAsField::AsNumber(number) => number.to_string(),
        RemoteAsField::AsKind(kind) => match v1::PeerAs::try_from(*kind) {
            Ok(v1::PeerAs::Internal) => "internal".into(),
            Ok(v1::PeerAs::External) => "external".into(),
            Ok(v1::PeerAs::Unspecified) | Err(_) => "unspecified".into(),
        },
    }
}

fn families_text(families: &[i32]) -> Option<Vec<Text>> {
    if families.is_empty() {
        return None;
    }
    let texts = families
        .iter()
        .map(|family| match v1::Family::try_from(*family) {
            Ok(v1::Family::Ipv4Unicast) => Text::field("families", Family::Ipv4Unicast),
            Ok(v1::Family::Ipv6Unicast) => Text::field("families", Family::Ipv6Unicast),
            Ok(v1::Family::Unspecified) | Err(_) => Text::field("families", "unspecified"),
        });
    Some(texts.collect())
}

/// Seconds as a decimal number, so that a fraction is seen and refused where whole ones are wanted.
fn seconds(of: &prost_types::Duration) -> String {
    match of.nanos {
        0 => of.seconds.to_string(),
        nanos => {
            let fraction = format!("{}.{:09}", of.seconds, nanos.unsigned_abs());
            fraction.trim_end_matches('0').to_owned()
        }
    }
}

fn sets(key: &str, sets: &v1::PrefixSets) -> WordOrList {
    let names = sets.names.iter().map(|name| Text::field(key, name));
    WordOrList::List(names.collect(), Location::field(key))
}

fn import_text(policy: &v1::ImportPolicy) -> Option<WordOrList> {
    use import_policy::Rule;
    let word = match policy.rule.as_ref()? {
        Rule::PrefixSets(names) => return Some(sets("import", names)),
        Rule::Mode(mode) => match v1::ImportMode::try_from(*mode) {
            Ok(v1::ImportMode::All) => "all",
            Ok(v1::ImportMode::None) => "none",
            Ok(v1::ImportMode::Unspecified) | Err(_) => "unspecified",
        },
    };
    Some(WordOrList::Word(Text::field("import", word)))
}

fn export_text(policy: &v1::ExportPolicy) -> Option<WordOrList> {
    use export_policy::Rule;
    let word = match policy.rule.as_ref()? {
        Rule::PrefixSets(names) => return Some(sets("export", names)),
        Rule::Mode(mode) => match v1::ExportMode::try_from(*mode) {
            Ok(v1::ExportMode::Local) => "local",
            Ok(v1::ExportMode::All) => "all",
            Ok(v1::ExportMode::None) => "none",
            Ok(v1::ExportMode::Unspecified) | Err(_) => "unspecified",
        },
    };
    Some(WordOrList::Word(Text::field("export", word)))
}

fn next_hop_text(rule: i32) -> &'static str {
    match v1::NextHopRule::try_from(rule) {
        Ok(v1::NextHopRule::Auto) => "auto",
        Ok(v1::NextHopRule::Self_) => "self",
        Ok(v1::NextHopRule::Unchanged) => "unchanged",
        Ok(v1::NextHopRule::Unspecified) | Err(_) => "unspecified",
    }
}

fn blackhole_text(rule: i32) -> &'static str {
    match v1::BlackholeRule::try_from(rule) {
        Ok(v1::BlackholeRule::Ignore) => "ignore",
        Ok(v1::BlackholeRule::Accept) => "accept",
        Ok(v1::BlackholeRule::Unspecified) | Err(_) => "unspecified",
    }
}

fn blackhole(rule: Blackhole) -> v1::BlackholeRule {
    match rule {
        Blackhole::Ignore => v1::BlackholeRule::Ignore,
        Blackhole::Accept => v1::BlackholeRule::Accept,
    }
}

/// A peer's settings, with every default filled in.
pub(super) fn message(peer: &Peer) -> v1::PeerConfig {
    let length = |of: std::time::Duration| prost_types::Duration::try_from(of).unwrap_or_default();
    let remote_as = match peer.remote_as {
        RemoteAs::Exactly(asn) => RemoteAsField::AsNumber(asn.0),
        RemoteAs::Internal => RemoteAsField::AsKind(v1::PeerAs::Internal.into()),
        RemoteAs::External => RemoteAsField::AsKind(v1::PeerAs::External.into()),
    };
    let next_hop = match peer.next_hop {
        NextHopRule::Auto => v1::NextHopRule::Auto,
        NextHopRule::SelfAlways => v1::NextHopRule::Self_,
        NextHopRule::Unchanged => v1::NextHopRule::Unchanged,
    };
    let (max_prefix, max_prefix_out) = limits::messages(&peer.limits);
    let default_ttl = DEFAULT_TTL[usize::from(!peer.is_internal())];
    v1::PeerConfig {
        name: Some(peer.name.clone()),
        address: peer.address.to_string(),
        group: peer.group.clone(),
        remote_as: Some(remote_as),
        port: Some(peer.port.into()),
        local_address: peer.local_address.map(|address| address.to_string()),
        passive: Some(peer.passive),
        enabled: Some(peer.enabled),
        description: peer.description.clone(),
        families: peer.families.iter().map(|f| family(f).into()).collect(),
        hold_time: Some(whole(peer.hold_time.seconds())),
        keepalive: peer.keepalive.map(|seconds| whole(seconds.get())),
        connect_retry: Some(length(peer.connect_retry)),
        idle_hold: Some(length(peer.idle_hold)),
        idle_hold_max: Some(length(peer.idle_hold_max)),
        import_policy: import(&peer.import),
        export_policy: export(&peer.export),
        route_reflector_client: Some(peer.route_reflector_client),
        next_hop: Some(next_hop.into()),
        next_hop_v6: peer.next_hop_v6.map(|address| address.to_string()),
        multihop: Some(peer.ttl)
            .filter(|ttl| *ttl != default_ttl)
            .map(u32::from),
        send_hold: peer.send_hold.map(whole),
        extended_messages: Some(peer.extended_messages),
        add_path_receive: Some(peer.add_path_receive.to_string()),
        extended_next_hop: Some(peer.extended_next_hop),
        as_sets: Some(peer.as_sets.to_string()),
        role: peer.role.map(|role| role.to_string()),
        role_strict: Some(peer.role_strict),
        add_path_send: Some(peer.add_path_send.to_string()),
        graceful_restart: Some(peer.graceful.enabled),
        restart_time: Some(whole(peer.graceful.restart_time)),
        stale_time: Some(whole(peer.graceful.stale_time)),
        ttl_security: peer.ttl_security.map(|hops| hops.get().into()),
        bind_device: peer.bind_device.as_deref().map(str::to_owned),
        password_file: peer
            .password_file
            .as_deref()
            .map(|path| path.display().to_string()),
        graceful_shutdown: (!peer.is_internal()).then_some(peer.graceful_shutdown),
        max_prefix,
        max_prefix_out,
        allow_own_as: Some(peer.path.allow_own_as.into()),
        as_override: Some(peer.path.as_override),
        remove_private_as: Some(as_path::private(&peer.path).into()),
        local_as: as_path::local(&peer.path),
        enforce_first_as: Some(peer.path.enforce_first_as),
        route_server_client: Some(peer.path.route_server_client),
        cluster_id: peer.session.cluster_id.map(|id| id.to_string()),
        client_to_client: Some(peer.session.client_to_client),
        delay_open: peer.session.delay_open.map(|seconds| whole(seconds.get())),
        blackhole: Some(blackhole(peer.blackhole).into()),
        long_lived_graceful_restart: Some(peer.long_lived.enabled),
        long_lived_stale_time: Some(whole(peer.long_lived.stale_time)),
        long_lived_max_stale_time: Some(whole(peer.long_lived.max_stale_time)),
        partial_deployment: Some(peer.long_lived.partial_deployment),
    }
}

/// Whole seconds in the API's form.
fn whole(seconds: impl Into<i64>) -> prost_types::Duration {
    prost_types::Duration {
        seconds: seconds.into(),
        nanos: 0,
    }
}

/// A family in the API's words.
pub(crate) fn family(family: Family) -> v1::Family {
    match family {
        Family::Ipv4Unicast => v1::Family::Ipv4Unicast,
        Family::Ipv6Unicast => v1::Family::Ipv6Unicast,
    }
}

fn names(sets: &[std::sync::Arc<PrefixSet>]) -> v1::PrefixSets {
    v1::PrefixSets {
        names: sets.iter().map(|set| set.name().to_owned()).collect(),
    }
}

fn import(mode: &ImportMode) -> Option<v1::ImportPolicy> {
    use import_policy::Rule;
    let rule = match mode {
        ImportMode::Unset => return None,
        ImportMode::All => Rule::Mode(v1::ImportMode::All.into()),
        ImportMode::None => Rule::Mode(v1::ImportMode::None.into()),
        ImportMode::Sets(sets) => Rule::PrefixSets(names(sets)),
    };
    Some(v1::ImportPolicy { rule: Some(rule) })
}

fn export(mode: &ExportMode) -> Option<v1::ExportPolicy> {
    use export_policy::Rule;
    let rule = match mode {
        ExportMode::Unset => return None,
        ExportMode::Local => Rule::Mode(v1::ExportMode::Local.into()),
        ExportMode::All => Rule::Mode(v1::ExportMode::All.into()),
        ExportMode::None => Rule::Mode(v1::ExportMode::None.into()),
        ExportMode::Sets(sets) => Rule::PrefixSets(names(sets)),
    };
    Some(v1::ExportPolicy { rule: Some(rule) })
}
