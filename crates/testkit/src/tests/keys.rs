//! What the change of each key of a peer costs, tried on a session that is up.

use std::net::IpAddr;
use std::time::Duration;

use config::{Label, Role};

use super::network::{MINUTE, addresses, config};
use super::peers::{since, up};
use crate::{Net, NodeId};

const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

/// A key: of which kind of peer it is, the keys before and after, and what that costs.
struct Key(&'static str, Kind, &'static str, &'static str, Label);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of another AS.
    External,
    /// Of our own.
    Internal,
    /// A client of ours.
    Client,
}

use Kind::{Client, External, Internal};
use Label::{Live, Readvertise, SessionReset, SoftRefresh};

/// Every key that a peer can have, but for those that say which peer it is.
const KEYS: &[Key] = &[
    Key("as", External, "as: 64513", "as: external", SessionReset),
    Key("name", Internal, "", "name: other", Live),
    Key("group", Internal, "", "group: g", Live),
    Key("port", Internal, "", "port: 1790", Live),
    Key(
        "local-address",
        Internal,
        "",
        "local-address: 10.0.0.1",
        SessionReset,
    ),
    Key("passive", Internal, "", "passive: true", Live),
    Key("enabled", Internal, "", "enabled: false", SessionReset),
    Key("description", Internal, "", "description: text", Live),
    Key(
        "families",
        Internal,
        "",
        "families: [ipv4-unicast]",
        SessionReset,
    ),
    Key("hold-time", Internal, "", "hold-time: 30", SessionReset),
    Key("keepalive", Internal, "", "keepalive: 5", Live),
    Key("send-hold", Internal, "", "send-hold: 60", Live),
    Key("connect-retry", Internal, "", "connect-retry: 9", Live),
    Key("idle-hold", Internal, "", "idle-hold: 3", Live),
    Key("idle-hold-max", Internal, "", "idle-hold-max: 30", Live),
    Key("import", Internal, "", "import: none", SoftRefresh),
    Key("export", Internal, "", "export: none", Readvertise),
    Key(
        "route-reflector-client",
        Internal,
        "",
        "route-reflector-client: true",
        SessionReset,
    ),
    Key("next-hop", External, "", "next-hop: unchanged", Readvertise),
    Key(
        "next-hop-v6",
        Internal,
        "",
        "next-hop-v6: \"fd00::77\"",
        Readvertise,
    ),
    Key("multihop", External, "", "multihop: 3", SessionReset),
    Key(
        "ttl-security",
        External,
        "",
        "ttl-security: true",
        SessionReset,
    ),
    Key(
        "bind-device",
        Internal,
        "",
        "bind-device: eth7",
        SessionReset,
    ),
    Key(
        "password-file",
        Internal,
        "",
        "password-file: /run/md5",
        Live,
    ),
    Key(
        "add-path",
        Internal,
        "",
        "add-path: {send: 4}",
        SessionReset,
    ),
    Key(
        "add-path",
        Internal,
        "add-path: {send: 4}",
        "add-path: {send: all}",
        Readvertise,
    ),
    Key(
        "graceful-restart",
        Internal,
        "",
        "graceful-restart: {enabled: false}",
        SessionReset,
    ),
    Key(
        "graceful-restart",
        Internal,
        "",
        "graceful-restart: {restart-time: 60}",
        SessionReset,
    ),
    Key(
        "graceful-restart",
        Internal,
        "",
        "graceful-restart: {stale-time: 60}",
        Live,
    ),
    Key("max-prefix", Internal, "", "max-prefix: {ipv4: 100}", Live),
    Key(
        "graceful-shutdown",
        External,
        "",
        "graceful-shutdown: false",
        SoftRefresh,
    ),
    Key(
        "max-prefix",
        Internal,
        "",
        "max-prefix: {ipv4: 100, action: block}",
        SoftRefresh,
    ),
    Key(
        "max-prefix",
        Internal,
        "max-prefix: {ipv4: 9}",
        "max-prefix: {ipv4: 9, warn: 50, restart: 9}",
        Live,
    ),
    Key(
        "max-prefix-out",
        Internal,
        "",
        "max-prefix-out: {ipv6: 100}",
        Live,
    ),
    Key("allow-own-as", Internal, "", "allow-own-as: 1", SoftRefresh),
    Key(
        "as-override",
        External,
        "",
        "as-override: true",
        Readvertise,
    ),
    Key(
        "remove-private-as",
        External,
        "",
        "remove-private-as: all",
        Readvertise,
    ),
    Key(
        "local-as",
        External,
        "",
        "local-as: {as: 65010}",
        SessionReset,
    ),
    Key(
        "local-as",
        External,
        "local-as: {as: 65010}",
        "local-as: {as: 65010, no-prepend: true}",
        SoftRefresh,
    ),
    Key(
        "local-as",
        External,
        "local-as: {as: 65010}",
        "local-as: {as: 65010, replace-as: true}",
        Readvertise,
    ),
    Key(
        "enforce-first-as",
        External,
        "",
        "enforce-first-as: false",
        SoftRefresh,
    ),
    Key(
        "route-server-client",
        External,
        "",
        "route-server-client: true",
        Readvertise,
    ),
    Key(
        "cluster-id",
        Client,
        "",
        "cluster-id: 10.0.0.9",
        SessionReset,
    ),
    Key(
        "client-to-client",
        Client,
        "",
        "client-to-client: false",
        SessionReset,
    ),
    Key(
        "add-path",
        Internal,
        "",
        "add-path: {receive: 4}",
        SessionReset,
    ),
    Key(
        "extended-messages",
        Internal,
        "",
        "extended-messages: false",
        SessionReset,
    ),
    Key(
        "extended-next-hop",
        Internal,
        "",
        "extended-next-hop: true",
        SessionReset,
    ),
    Key("as-sets", External, "", "as-sets: withdraw", SoftRefresh),
    Key("role", External, "", "role: customer", SessionReset),
    Key(
        "role-strict",
        External,
        "role: customer",
        "role: customer, role-strict: true",
        SessionReset,
    ),
    Key("delay-open", Internal, "", "delay-open: 5", Live),
    Key("blackhole", External, "", "blackhole: accept", SoftRefresh),
    Key(
        "long-lived-graceful-restart",
        Internal,
        "",
        "long-lived-graceful-restart: {enabled: false}",
        SessionReset,
    ),
    Key(
        "long-lived-graceful-restart",
        Internal,
        "",
        "long-lived-graceful-restart: {stale-time: 60}",
        SessionReset,
    ),
    Key(
        "long-lived-graceful-restart",
        Internal,
        "",
        "long-lived-graceful-restart: {max-stale-time: 60}",
        Live,
    ),
    Key(
        "long-lived-graceful-restart",
        Internal,
        "",
        "long-lived-graceful-restart: {partial-deployment: true}",
        Readvertise,
    ),
];

fn text(kind: Kind, keys: &str) -> String {
    let asn = match kind {
        _ if keys.starts_with("as:") => "",
        External => "as: 64513,",
        Internal => "as: internal,",
        Client => "as: internal, route-reflector-client: true,",
    };
    let policy = |key: &str| match keys.starts_with(key) {
        true => String::new(),
        false => format!("{key} all,"),
    };
    let (import, export) = (policy("import:"), policy("export:"));
    format!(
        "as: 64512\nrouter-id: 10.0.0.1\ngroups: {{g: {{description: shared}}}}\n\
         advertise: {{blocks: [10.244.1.0/24]}}\npeers:\n\
         - {{address: 10.0.0.2, {import} {export} {asn} {keys}}}\n"
    )
}

/// A speaker with one peer, and that peer.
fn pair(kind: Kind, keys: &str) -> (Net, NodeId) {
    let mut net = Net::new(65_536);
    let id = net.add(config(Role::Node, &text(kind, keys)), &addresses(1));
    let (own, us) = match kind {
        External => (64_513, "external"),
        Internal | Client => (64_512, "internal"),
    };
    let role = match keys.contains("role:") {
        true => "role: provider,",
        false => "",
    };
    let other = format!(
        "as: {own}\nrouter-id: 10.0.0.2\nadvertise: {{blocks: [10.244.2.0/24]}}\npeers:\n\
         - {{address: 10.0.0.1, as: {us}, {role} import: all, export: all}}\n"
    );
    net.add(config(Role::Node, &other), &addresses(2));
    assert!(net.run_until(MINUTE, |net| up(net, id) == 1), "{keys}");
    net.run_for(Duration::from_secs(15));
    (net, id)
}

#[test]
fn each_key_costs_what_is_said_of_it() {
    for Key(name, kind, before, after, label) in KEYS {
        let (mut net, id) = pair(*kind, before);
        let then = since(&net, id, OTHER);
        let tuple = |net: &Net| {
            let peer = net.speaker(id).peers().next()?;
            let terms = peer.session().negotiated()?;
            Some((terms.local, terms.remote))
        };
        let ends = tuple(&net);
        let new = config(Role::Node, &text(*kind, after));
        let changes = config::diff(net.speaker(id).config(), &new);
        let labels: Vec<Label> = changes.iter().map(|change| change.label).collect();
        assert_eq!(labels, [*label], "{name}: {after}: {changes:?}");
        net.ask(id, |speaker, now| speaker.reload(now, new));
        let stays = *label != SessionReset;
        if !stays {
            assert_eq!(up(&net, id), 0, "{after}: it is reset at once");
        }
        net.run_for(MINUTE);
        let is_wanted = !after.contains("enabled: false") || after.contains("graceful");
        assert_eq!(up(&net, id), usize::from(is_wanted), "{after}");
        assert_eq!(since(&net, id, OTHER) == then, stays, "{after}");
        assert_eq!(tuple(&net) == ends, stays, "{after}");
    }
}

#[test]
fn no_key_of_a_peer_is_left_out() {
    let fault = config::parse("as: 1\npeers: [{zzz: 1}]", "x", Role::Node, &|_| None);
    let fault = fault.expect_err("an unknown key is a fault");
    let fault = fault.iter().map(ToString::to_string);
    let fault = fault.collect::<Vec<_>>().join("\n");
    let (_, known) = fault.split_once("known here: ").expect("it lists them");
    let known = known.lines().next().unwrap_or_default();
    for key in known.split(", ").filter(|key| *key != "address") {
        assert!(KEYS.iter().any(|Key(name, ..)| *name == key), "{key}");
    }
}
