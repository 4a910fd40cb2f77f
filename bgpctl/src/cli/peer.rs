//! `bgpctl peer`: the arguments, and the settings that they make.

mod as_path;
mod limits;

use clap::{Args, Subcommand, ValueEnum};
use proto::v1;
use proto::v1::peer_config::RemoteAs;
use proto::v1::{export_policy, import_policy};

use self::as_path::PathArgs;
use self::limits::LimitArgs;
use crate::time::parse_duration;

/// `bgpctl peer`.
#[derive(Debug, Args)]
pub(crate) struct PeerArgs {
    /// What to do. Default: list
    #[command(subcommand)]
    pub(crate) verb: Option<PeerVerb>,
}

/// What can be done with peers.
#[derive(Debug, Subcommand)]
pub(crate) enum PeerVerb {
    /// List peers
    List(PeerListArgs),
    /// Show everything about one peer
    #[command(visible_alias = "show")]
    Get {
        /// Its name or address
        peer: String,
    },
    /// Make a peer. It is not saved: it lives until deleted or bgpd ends
    Add(Box<PeerAddArgs>),
    /// Delete a peer that was made by `add`, with all its routes
    #[command(visible_alias = "remove")]
    Delete {
        /// Its name or address
        peer: String,
    },
    /// Let a disabled peer run
    Enable {
        /// Its name or address
        peer: String,
    },
    /// Hold a peer down until it is enabled
    Disable {
        /// Its name or address
        peer: String,
        /// Why: shown here, and sent to the peer
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Start a session anew, or with --soft only its routes
    Reset(PeerResetArgs),
}

/// `bgpctl peer list`.
#[derive(Debug, Default, Args)]
pub(crate) struct PeerListArgs {
    /// Only peers in this state
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<State>,
    /// Only peers of this group
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// Then print what changes, until interrupted
    #[arg(short, long, conflicts_with_all = ["state", "group"])]
    pub(crate) watch: bool,
}

/// A state of RFC 4271 section 8.2.2.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    /// Idle.
    Idle,
    /// Connect.
    Connect,
    /// Active.
    Active,
    /// OpenSent.
    #[value(alias = "opensent")]
    OpenSent,
    /// OpenConfirm.
    #[value(alias = "openconfirm")]
    OpenConfirm,
    /// Established.
    Established,
}

impl From<State> for v1::SessionState {
    fn from(state: State) -> v1::SessionState {
        match state {
            State::Idle => v1::SessionState::Idle,
            State::Connect => v1::SessionState::Connect,
            State::Active => v1::SessionState::Active,
            State::OpenSent => v1::SessionState::OpenSent,
            State::OpenConfirm => v1::SessionState::OpenConfirm,
            State::Established => v1::SessionState::Established,
        }
    }
}

/// `bgpctl peer reset`.
#[derive(Debug, Args)]
pub(crate) struct PeerResetArgs {
    /// Its name or address
    pub(crate) peer: String,
    /// Keep the session; ask for its routes (in), send ours again (out), or both
    #[arg(long, value_name = "DIRECTION", num_args = 0..=1, require_equals = true,
          default_missing_value = "both")]
    pub(crate) soft: Option<Soft>,
}

/// The direction of a soft reset.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Soft {
    /// The peer's routes.
    In,
    /// Our routes.
    Out,
    /// Both.
    Both,
}

impl PeerResetArgs {
    /// How much to start anew.
    pub(crate) fn kind(&self) -> v1::ResetKind {
        match self.soft {
            None => v1::ResetKind::Hard,
            Some(Soft::In) => v1::ResetKind::SoftIn,
            Some(Soft::Out) => v1::ResetKind::SoftOut,
            Some(Soft::Both) => v1::ResetKind::Soft,
        }
    }
}

/// `bgpctl peer add`: every setting of a configured peer. What is not given is the
/// group's, else the default; the daemon judges all of them.
#[derive(Debug, Args)]
pub(crate) struct PeerAddArgs {
    /// Its address
    pub(crate) address: String,
    /// Its AS: a number, `internal` or `external`
    #[arg(long = "as", value_name = "AS", value_parser = parse_as)]
    pub(crate) remote_as: Option<RemoteAs>,
    /// A name of your choice. Default: the address
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The group whose settings it shares
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// The TCP port to connect to
    #[arg(long)]
    pub(crate) port: Option<u32>,
    /// The address of ours that the session uses
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) local_address: Option<String>,
    /// Wait for its connection, never make one
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) passive: Option<bool>,
    /// Let it run; `--enabled=false` holds it down
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) enabled: Option<bool>,
    /// Free text
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// The families to offer, separated by commas
    #[arg(long, value_name = "FAMILY", value_delimiter = ',')]
    pub(crate) families: Vec<Family>,
    /// The hold time to offer, such as 90s; 0: off
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) hold_time: Option<prost_types::Duration>,
    /// The longest time between two KEEPALIVEs
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) keepalive: Option<prost_types::Duration>,
    /// How long it may read nothing of what it is sent; 0: for ever
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) send_hold: Option<prost_types::Duration>,
    /// The time between two attempts to connect
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) connect_retry: Option<prost_types::Duration>,
    /// The time in Idle after a first failure; doubles with each further one
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) idle_hold: Option<prost_types::Duration>,
    /// The longest time in Idle
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) idle_hold_max: Option<prost_types::Duration>,
    /// Which of its routes to take: `all`, `none`, or prefix sets separated by commas
    #[arg(long, value_name = "RULE", value_parser = parse_import)]
    pub(crate) import: Option<v1::ImportPolicy>,
    /// Which routes to send it: `local`, `all`, `none`, or prefix sets separated by commas
    #[arg(long, value_name = "RULE", value_parser = parse_export)]
    pub(crate) export: Option<v1::ExportPolicy>,
    /// Whether it is our client for reflection
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) route_reflector_client: Option<bool>,
    /// The next hop of what it is sent
    #[arg(long, value_name = "RULE")]
    pub(crate) next_hop: Option<NextHop>,
    /// Our IPv6 next hop where the session runs over IPv4
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) next_hop_v6: Option<String>,
    /// The TTL of packets to an eBGP peer that is not on-link
    #[arg(long, value_name = "TTL")]
    pub(crate) multihop: Option<u32>,
    /// Offer messages of up to 65535 octets
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) extended_messages: Option<bool>,
    /// How many paths of a prefix to take from it: `all`, `off`, or a number
    #[arg(long, value_name = "PATHS")]
    pub(crate) add_path_receive: Option<String>,
    /// Offer IPv4 routes with an IPv6 next hop
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) extended_next_hop: Option<bool>,
    /// What becomes of its routes with an AS_SET: `accept`, or `withdraw`
    #[arg(long, value_name = "RULE")]
    pub(crate) as_sets: Option<String>,
    /// What we are to it: `provider`, `rs`, `rs-client`, `customer` or `peer` (RFC 9234)
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// Refuse it if it does not say its role
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) role_strict: Option<bool>,
    /// How many paths of a prefix to send it: `all`, `off`, or a number
    #[arg(long, value_name = "PATHS")]
    pub(crate) add_path_send: Option<String>,
    /// Offer graceful restart
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) graceful_restart: Option<bool>,
    /// How long it is to keep our routes while we are away, such as 120s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) restart_time: Option<prost_types::Duration>,
    /// How long its routes are kept after it has come back
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) stale_time: Option<prost_types::Duration>,
    /// Take nothing that comes from farther than so many hops (RFC 5082)
    #[arg(long, value_name = "HOPS", num_args = 0..=1, require_equals = true,
          default_missing_value = "1")]
    pub(crate) ttl_security: Option<u32>,
    /// The network device that the session runs over
    #[arg(long, value_name = "NAME")]
    pub(crate) bind_device: Option<String>,
    /// The file on the daemon's host whose first line is the password (TCP MD5)
    #[arg(long, value_name = "PATH")]
    pub(crate) password_file: Option<String>,
    /// Prefer its routes with GRACEFUL_SHUTDOWN least (RFC 8326)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) graceful_shutdown: Option<bool>,
    /// Our cluster id toward it, a client of ours
    #[arg(long, value_name = "ID")]
    pub(crate) cluster_id: Option<String>,
    /// Reflect to it what other clients of its cluster announce
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) client_to_client: Option<bool>,
    /// How long to wait for its OPEN before sending ours
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) delay_open: Option<prost_types::Duration>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) path: PathArgs,
    /// What its BLACKHOLE communities do (RFC 7999)
    #[arg(long, value_name = "RULE")]
    pub(crate) blackhole: Option<Blackhole>,
    /// Offer long-lived graceful restart (RFC 9494)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) long_lived_graceful_restart: Option<bool>,
    /// How long it is to keep our routes once the restart time is over, such as 24h
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) long_lived_stale_time: Option<prost_types::Duration>,
    /// How long its routes are kept at most, whatever it asks for
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) long_lived_max_stale_time: Option<prost_types::Duration>,
    /// Send it what is kept for long though it does not know the means, to be taken last
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) partial_deployment: Option<bool>,
}

/// What the community BLACKHOLE does.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Blackhole {
    /// Nothing.
    Ignore,
    /// Packets are dropped.
    Accept,
}

/// An address family.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Family {
    /// IPv4 unicast.
    #[value(name = "ipv4-unicast", alias = "ipv4")]
    Ipv4Unicast,
    /// IPv6 unicast.
    #[value(name = "ipv6-unicast", alias = "ipv6")]
    Ipv6Unicast,
}

/// A next-hop rule.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum NextHop {
    /// As RFC 4271 says.
    Auto,
    /// Always ourselves.
    #[value(name = "self")]
    Ourselves,
    /// Never changed.
    Unchanged,
}

impl PeerAddArgs {
    /// The settings that the arguments make.
    pub(crate) fn into_config(self) -> v1::PeerConfig {
        let families = self.families.iter().map(|family| match family {
            Family::Ipv4Unicast => v1::Family::Ipv4Unicast.into(),
            Family::Ipv6Unicast => v1::Family::Ipv6Unicast.into(),
        });
        let next_hop = self.next_hop.map(|rule| match rule {
            NextHop::Auto => v1::NextHopRule::Auto.into(),
            NextHop::Ourselves => v1::NextHopRule::Self_.into(),
            NextHop::Unchanged => v1::NextHopRule::Unchanged.into(),
        });
        v1::PeerConfig {
            name: self.name,
            address: self.address,
            group: self.group,
            remote_as: self.remote_as,
            port: self.port,
            local_address: self.local_address,
            passive: self.passive,
            enabled: self.enabled,
            description: self.description,
            families: families.collect(),
            hold_time: self.hold_time,
            keepalive: self.keepalive,
            connect_retry: self.connect_retry,
            idle_hold: self.idle_hold,
            idle_hold_max: self.idle_hold_max,
            import_policy: self.import,
            export_policy: self.export,
            route_reflector_client: self.route_reflector_client,
            next_hop,
            next_hop_v6: self.next_hop_v6,
            multihop: self.multihop,
            send_hold: self.send_hold,
            extended_messages: self.extended_messages,
            add_path_receive: self.add_path_receive,
            extended_next_hop: self.extended_next_hop,
            as_sets: self.as_sets,
            role: self.role,
            role_strict: self.role_strict,
            add_path_send: self.add_path_send,
            graceful_restart: self.graceful_restart,
            restart_time: self.restart_time,
            stale_time: self.stale_time,
            ttl_security: self.ttl_security,
            bind_device: self.bind_device,
            password_file: self.password_file,
            graceful_shutdown: self.graceful_shutdown,
            max_prefix: self.limits.max_prefix(),
            max_prefix_out: self.limits.max_prefix_out(),
            allow_own_as: self.path.allow_own_as,
            as_override: self.path.as_override,
            remove_private_as: self.path.private(),
            local_as: self.path.local_as(),
            enforce_first_as: self.path.enforce_first_as,
            route_server_client: self.path.route_server_client,
            cluster_id: self.cluster_id,
            client_to_client: self.client_to_client,
            delay_open: self.delay_open,
            blackhole: self.blackhole.map(|rule| match rule {
                Blackhole::Ignore => v1::BlackholeRule::Ignore.into(),
                Blackhole::Accept => v1::BlackholeRule::Accept.into(),
            }),
            long_lived_graceful_restart: self.long_lived_graceful_restart,
            long_lived_stale_time: self.long_lived_stale_time,
            long_lived_max_stale_time: self.long_lived_max_stale_time,
            partial_deployment: self.partial_deployment,
        }
    }
}

fn parse_as(text: &str) -> Result<RemoteAs, String> {
    match text {
        "internal" => Ok(RemoteAs::AsKind(v1::PeerAs::Internal.into())),
        "external" => Ok(RemoteAs::AsKind(v1::PeerAs::External.into())),
        _ => parse_as_number(text)
            .map(RemoteAs::AsNumber)
            .ok_or_else(|| {
                format!("`{text}` is not an AS; write 64512, 1.10, internal or external")
            }),
    }
}

/// An AS number, plain or as `HIGH.LOW` (RFC 5396).
fn parse_as_number(text: &str) -> Option<u32> {
    match text.split_once('.') {
        None => text.parse().ok(),
        Some((high, low)) => {
            let (high, low): (u16, u16) = (high.parse().ok()?, low.parse().ok()?);
            Some(u32::from(high) << 16 | u32::from(low))
        }
    }
}

fn parse_import(text: &str) -> Result<v1::ImportPolicy, String> {
    use import_policy::Rule;
    let rule = match text {
        "all" => Rule::Mode(v1::ImportMode::All.into()),
        "none" => Rule::Mode(v1::ImportMode::None.into()),
        _ => Rule::PrefixSets(prefix_sets(text)?),
    };
    Ok(v1::ImportPolicy { rule: Some(rule) })
}

fn parse_export(text: &str) -> Result<v1::ExportPolicy, String> {
    use export_policy::Rule;
    let rule = match text {
        "local" => Rule::Mode(v1::ExportMode::Local.into()),
        "all" => Rule::Mode(v1::ExportMode::All.into()),
        "none" => Rule::Mode(v1::ExportMode::None.into()),
        _ => Rule::PrefixSets(prefix_sets(text)?),
    };
    Ok(v1::ExportPolicy { rule: Some(rule) })
}

fn prefix_sets(text: &str) -> Result<v1::PrefixSets, String> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(format!("`{text}` has an empty name; write SET or SET,SET"));
    }
    Ok(v1::PrefixSets { names })
}
