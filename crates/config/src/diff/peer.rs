//! What the change of each key of a peer costs.

mod as_path;
mod limits;
mod session;

use std::fmt;

use policy::ImportMode;
use wire::Families;

use super::label::Label;
use crate::model::{LongLived, Peer, RemoteAs};

/// What one key costs, the cheapest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    Live,
    Export,
    Import,
    Reset,
}

/// The keys that changed, and what they cost together.
pub(super) struct Effects {
    keys: Vec<String>,
    costs: Vec<Cost>,
}

impl Effects {
    /// Compares two settings of the same peer.
    pub(super) fn of(old: &Peer, new: &Peer) -> Effects {
        let mut effects = Effects {
            keys: Vec::new(),
            costs: Vec::new(),
        };
        let all = |peer| {
            let rows = rows(peer).into_iter().chain(limits::rows(peer));
            let rows = rows.chain(offers(peer)).chain(as_path::rows(peer));
            rows.chain(session::rows(peer))
        };
        for ((key, old_cost, before), (_, cost, after)) in all(old).zip(all(new)) {
            if before != after {
                effects.keys.push(format!("{key} {before} -> {after}"));
                // Blocking that ends costs what blocking costs; a peer that is switched on costs nothing.
                effects.costs.push(match key {
                    "enabled" => cost,
                    _ => cost.max(old_cost),
                });
            }
        }
        // The capability says only whether there are several paths, not how many.
        let (before, after) = (old.add_path_send, new.add_path_send);
        if before != after {
            let is_offered = [before, after].map(|limit| limit.most().is_some());
            let key = format!("add-path.send {before} -> {after}");
            effects.keys.push(key);
            effects.costs.push(match is_offered {
                [true, true] => Cost::Export,
                [false, _] | [_, false] => Cost::Reset,
            });
        }
        // Both ends have the hold time to change it in.
        effects.flag(
            "password-file",
            Cost::Live,
            old.password_file != new.password_file,
        );
        effects.flag("import", Cost::Import, old.import != new.import);
        effects.flag("export", Cost::Export, old.export != new.export);
        effects.value(
            "graceful-shutdown",
            Cost::Import,
            [old.graceful_shutdown, new.graceful_shutdown],
        );
        effects.long_lived(old.long_lived, new.long_lived);
        effects.value("blackhole", Cost::Import, [old.blackhole, new.blackhole]);
        effects.flag(
            "description",
            Cost::Live,
            old.description != new.description,
        );
        effects
    }

    /// Adds what follows from changed guards: our own blocks bind every import, pools bind `all`.
    pub(super) fn guards(&mut self, peer: &Peer, blocks: bool, pools: bool) {
        let judges = matches!(peer.import, ImportMode::All | ImportMode::Sets(_));
        self.flag("advertise.blocks", Cost::Import, blocks && judges);
        self.flag(
            "pools",
            Cost::Import,
            pools && peer.import == ImportMode::All,
        );
    }

    /// The cost of all together; `None` if nothing changed.
    pub(super) fn label(&self) -> Option<Label> {
        Some(match self.costs.iter().max()? {
            Cost::Reset => Label::SessionReset,
            Cost::Live => Label::Live,
            Cost::Export => Label::Readvertise,
            Cost::Import => Label::SoftRefresh,
        })
    }

    /// The keys that changed, with old and new value where these are short.
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    fn long_lived(&mut self, old: LongLived, new: LongLived) {
        // Opened completely, so that the cost of a new key must be decided upon here.
        let LongLived {
            enabled,
            stale_time,
            max_stale_time,
            partial_deployment,
        } = old;
        let key = |key: &str| format!("long-lived-graceful-restart.{key}");
        self.value(&key("enabled"), Cost::Reset, [enabled, new.enabled]);
        self.value(
            &key("stale-time"),
            Cost::Reset,
            [stale_time, new.stale_time],
        );
        let most = [max_stale_time, new.max_stale_time];
        self.value(&key("max-stale-time"), Cost::Live, most);
        let partial = [partial_deployment, new.partial_deployment];
        self.value(&key("partial-deployment"), Cost::Export, partial);
    }

    fn value<T: PartialEq + fmt::Display>(
        &mut self,
        key: &str,
        cost: Cost,
        [before, after]: [T; 2],
    ) {
        if before != after {
            self.keys.push(format!("{key} {before} -> {after}"));
            self.costs.push(cost);
        }
    }

    fn flag(&mut self, key: &str, cost: Cost, changed: bool) {
        if changed {
            self.keys.push(format!("{key} changed"));
            self.costs.push(cost);
        }
    }
}

/// Every key whose value is short, but for those of [`offers`]: its name, its cost and its value as text.
fn rows(peer: &Peer) -> [(&'static str, Cost, String); 23] {
    // Opened completely, so that the cost of a new key must be decided upon here.
    let Peer {
        name,
        address: _,
        port,
        remote_as: _,
        local_as: _,
        local_address,
        passive,
        enabled,
        families,
        hold_time,
        keepalive,
        send_hold,
        connect_retry,
        idle_hold,
        idle_hold_max,
        import: _,
        export: _,
        route_reflector_client,
        next_hop,
        next_hop_v6,
        ttl,
        ttl_security,
        bind_device,
        password_file: _,
        extended_messages: _,
        add_path_receive: _,
        extended_next_hop: _,
        as_sets: _,
        role: _,
        role_strict: _,
        add_path_send: _,
        graceful_shutdown: _,
        blackhole: _,
        graceful,
        limits: _,
        path: _,
        session: _,
        long_lived: _,
        group,
        description: _,
        location: _,
    } = peer;
    // Nothing to take down when it is switched on.
    let switching = if *enabled { Cost::Live } else { Cost::Reset };
    [
        ("as", Cost::Reset, settled(peer).to_string()),
        ("port", Cost::Live, port.to_string()),
        (
            "local-address",
            Cost::Reset,
            or_none(local_address.as_ref()),
        ),
        ("families", Cost::Reset, names(*families)),
        ("hold-time", Cost::Reset, hold_time.seconds().to_string()),
        ("keepalive", Cost::Live, or_none(keepalive.as_ref())),
        (
            "route-reflector-client",
            Cost::Reset,
            route_reflector_client.to_string(),
        ),
        ("multihop", Cost::Reset, ttl.to_string()),
        (
            "graceful-restart.enabled",
            Cost::Reset,
            graceful.enabled.to_string(),
        ),
        (
            "graceful-restart.restart-time",
            Cost::Reset,
            graceful.restart_time.to_string(),
        ),
        (
            "graceful-restart.stale-time",
            Cost::Live,
            graceful.stale_time.to_string(),
        ),
        ("ttl-security", Cost::Reset, or_false(ttl_security.as_ref())),
        ("bind-device", Cost::Reset, or_none(bind_device.as_ref())),
        ("enabled", switching, enabled.to_string()),
        ("next-hop", Cost::Export, next_hop.to_string()),
        ("next-hop-v6", Cost::Export, or_none(next_hop_v6.as_ref())),
        ("send-hold", Cost::Live, or_none(send_hold.as_ref())),
        ("passive", Cost::Live, passive.to_string()),
        (
            "connect-retry",
            Cost::Live,
            connect_retry.as_secs().to_string(),
        ),
        ("idle-hold", Cost::Live, idle_hold.as_secs().to_string()),
        (
            "idle-hold-max",
            Cost::Live,
            idle_hold_max.as_secs().to_string(),
        ),
        ("name", Cost::Live, name.clone()),
        ("group", Cost::Live, or_none(group.as_ref())),
    ]
}

/// The same of what is offered to the peer and held against it.
fn offers(peer: &Peer) -> [(&'static str, Cost, String); 6] {
    [
        (
            "extended-messages",
            Cost::Reset,
            peer.extended_messages.to_string(),
        ),
        (
            "add-path.receive",
            Cost::Reset,
            peer.add_path_receive.to_string(),
        ),
        (
            "extended-next-hop",
            Cost::Reset,
            peer.extended_next_hop.to_string(),
        ),
        ("as-sets", Cost::Import, peer.as_sets.to_string()),
        ("role", Cost::Reset, or_none(peer.role.as_ref())),
        ("role-strict", Cost::Reset, peer.role_strict.to_string()),
    ]
}

/// The AS as a number where it is known: `internal` is our own.
fn settled(peer: &Peer) -> RemoteAs {
    match peer.remote_as {
        RemoteAs::Internal => RemoteAs::Exactly(peer.local_as),
        other @ (RemoteAs::Exactly(_) | RemoteAs::External) => other,
    }
}

fn names(families: Families) -> String {
    families
        .iter()
        .map(|family| family.name())
        .collect::<Vec<_>>()
        .join("+")
}

fn or_false<T: fmt::Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "false".to_owned(), ToString::to_string)
}

fn or_none<T: fmt::Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}
