//! The settings of a peer.

use proto::v1;
use proto::v1::peer_config::RemoteAs;
use proto::v1::{export_policy, import_policy};
use serde::Serialize;

use super::limits::{MaxPrefixOutView, MaxPrefixView};
use crate::view::{family, lasting, some, word};

/// Settings, under the names and with the words of the API.
#[derive(Debug, Serialize)]
pub(crate) struct ConfigView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub(crate) remote_as: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) local_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) passive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) families: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hold_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keepalive: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) send_hold: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connect_retry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idle_hold: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idle_hold_max: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) import: Option<PolicyView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) export: Option<PolicyView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route_reflector_client: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_hop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_hop_v6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) multihop: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extended_messages: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) add_path_receive: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extended_next_hop: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) as_sets: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role_strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) add_path_send: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) graceful_restart: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restart_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stale_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl_security: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bind_device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) graceful_shutdown: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_prefix: Option<MaxPrefixView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_prefix_out: Option<MaxPrefixOutView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow_own_as: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) as_override: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remove_private_as: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) local_as: Option<LocalAsView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enforce_first_as: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route_server_client: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cluster_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_to_client: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay_open: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blackhole: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) long_lived_graceful_restart: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) long_lived_stale_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) long_lived_max_stale_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partial_deployment: Option<bool>,
}

/// The AS that we are on the session, if it is not our own.
#[derive(Debug, Serialize)]
pub(crate) struct LocalAsView {
    #[serde(rename = "as")]
    number: u32,
    no_prepend: bool,
    replace_as: bool,
}

impl LocalAsView {
    fn new(local: v1::LocalAs) -> LocalAsView {
        LocalAsView {
            number: local.as_number,
            no_prepend: local.no_prepend.unwrap_or_default(),
            replace_as: local.replace_as.unwrap_or_default(),
        }
    }

    /// "65010, not prepended, replaces our own".
    pub(crate) fn text(&self) -> String {
        let mut text = self.number.to_string();
        if self.no_prepend {
            text.push_str(", not put into what it sends");
        }
        if self.replace_as {
            text.push_str(", in place of our own");
        }
        text
    }
}

/// A rule: one word, or the names of prefix sets.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum PolicyView {
    /// `all`, `none` or `local`.
    Word(String),
    /// Prefix sets.
    Sets(Vec<String>),
}

impl PolicyView {
    /// The rule for people.
    pub(crate) fn text(&self) -> String {
        match self {
            PolicyView::Word(word) => word.clone(),
            PolicyView::Sets(names) => names.join(", "),
        }
    }
}

fn import(policy: v1::ImportPolicy) -> Option<PolicyView> {
    Some(match policy.rule? {
        import_policy::Rule::Mode(mode) => {
            let mode = v1::ImportMode::try_from(mode).unwrap_or_default();
            PolicyView::Word(word(mode.as_str_name(), "IMPORT_MODE_"))
        }
        import_policy::Rule::PrefixSets(sets) => PolicyView::Sets(sets.names),
    })
}

fn export(policy: v1::ExportPolicy) -> Option<PolicyView> {
    Some(match policy.rule? {
        export_policy::Rule::Mode(mode) => {
            let mode = v1::ExportMode::try_from(mode).unwrap_or_default();
            PolicyView::Word(word(mode.as_str_name(), "EXPORT_MODE_"))
        }
        export_policy::Rule::PrefixSets(sets) => PolicyView::Sets(sets.names),
    })
}

fn remote_as(remote_as: &RemoteAs) -> String {
    match remote_as {
        RemoteAs::AsNumber(number) => number.to_string(),
        RemoteAs::AsKind(kind) => {
            let kind = v1::PeerAs::try_from(*kind).unwrap_or_default();
            word(kind.as_str_name(), "PEER_AS_")
        }
    }
}

impl ConfigView {
    /// The view of settings.
    pub(crate) fn new(config: v1::PeerConfig) -> ConfigView {
        let families = config.families().map(family).collect();
        let next_hop = config
            .next_hop
            .map(|_| word(config.next_hop().as_str_name(), "NEXT_HOP_RULE_"));
        let blackhole = config
            .blackhole
            .map(|_| word(config.blackhole().as_str_name(), "BLACKHOLE_RULE_"));
        let time = |time: Option<prost_types::Duration>| time.as_ref().map(lasting);
        let remove_private_as = config
            .remove_private_as
            .map(|_| word(config.remove_private_as().as_str_name(), "PRIVATE_AS_"));
        ConfigView {
            name: config.name,
            address: config.address,
            group: config.group.and_then(some),
            remote_as: config.remote_as.as_ref().map(remote_as),
            port: config.port,
            local_address: config.local_address,
            passive: config.passive,
            enabled: config.enabled,
            description: config.description.and_then(some),
            families,
            hold_time: time(config.hold_time),
            keepalive: time(config.keepalive),
            send_hold: time(config.send_hold),
            connect_retry: time(config.connect_retry),
            idle_hold: time(config.idle_hold),
            idle_hold_max: time(config.idle_hold_max),
            import: config.import_policy.and_then(import),
            export: config.export_policy.and_then(export),
            route_reflector_client: config.route_reflector_client,
            next_hop,
            next_hop_v6: config.next_hop_v6,
            multihop: config.multihop,
            extended_messages: config.extended_messages,
            add_path_receive: config.add_path_receive,
            extended_next_hop: config.extended_next_hop,
            as_sets: config.as_sets,
            role: config.role,
            role_strict: config.role_strict,
            add_path_send: config.add_path_send,
            graceful_restart: config.graceful_restart,
            restart_time: time(config.restart_time),
            stale_time: time(config.stale_time),
            ttl_security: config.ttl_security,
            bind_device: config.bind_device,
            password_file: config.password_file,
            graceful_shutdown: config.graceful_shutdown,
            max_prefix: config.max_prefix.map(MaxPrefixView::new),
            max_prefix_out: config.max_prefix_out.map(MaxPrefixOutView::new),
            allow_own_as: config.allow_own_as,
            as_override: config.as_override,
            remove_private_as,
            local_as: config.local_as.map(LocalAsView::new),
            enforce_first_as: config.enforce_first_as,
            route_server_client: config.route_server_client,
            cluster_id: config.cluster_id,
            client_to_client: config.client_to_client,
            delay_open: time(config.delay_open),
            blackhole,
            long_lived_graceful_restart: config.long_lived_graceful_restart,
            long_lived_stale_time: time(config.long_lived_stale_time),
            long_lived_max_stale_time: time(config.long_lived_max_stale_time),
            partial_deployment: config.partial_deployment,
        }
    }
}
