//! What a peer is now.

use proto::v1;
use session::{Direction, IdleReason, LastError, State};
use speaker::{Peer, Speaker};
use wire::{AddPathMode, Capability, ErrorCode, Family, MessageType, Notification};

use super::hindrance::hindrances;
use super::malformed;
use super::settings::family;
use crate::clock::Wall;

/// The state of a peer.
pub(super) fn message(speaker: &Speaker, peer: &Peer, wall: &Wall) -> v1::PeerState {
    let session = peer.session();
    let config = peer.config();
    let terms = session.negotiated();
    let counters = session.counters();
    let changed = session.established_since().or(session.last_down());
    let configured = match config.remote_as {
        config::RemoteAs::Exactly(asn) => asn.0,
        config::RemoteAs::Internal => config.local_as.0,
        config::RemoteAs::External => 0,
    };
    v1::PeerState {
        session_state: state(session.state()).into(),
        changed_at: changed.map(|at| wall.timestamp(at)),
        disabled: !peer.wanted(),
        idle_reason: idle_reason(peer, wall),
        connection: terms.map(|terms| v1::Connection {
            local_address: terms.local.ip().to_canonical().to_string(),
            local_port: terms.local.port().into(),
            remote_address: terms.remote.ip().to_canonical().to_string(),
            remote_port: terms.remote.port().into(),
        }),
        remote_as: terms.map_or(configured, |terms| terms.remote_as.0),
        internal: Some(terms.map_or(config.is_internal(), |terms| terms.internal)),
        remote_router_id: terms.map_or(String::new(), |terms| terms.remote_router_id.to_string()),
        capabilities: terms.map(capabilities),
        timers: terms.map(|terms| v1::NegotiatedTimers {
            hold_time: Some(seconds(terms.hold_time)),
            keepalive: Some(seconds(terms.keepalive)),
        }),
        families: families(speaker, peer),
        flaps: session.flaps(),
        sent: Some(messages(|kind| counters.sent(kind))),
        received: Some(messages(|kind| counters.received(kind))),
        last_error: session.last_error().map(|error| last_error(error, wall)),
        warnings: hindrances(speaker, peer)
            .into_iter()
            .map(|hindrance| hindrance.cause)
            .collect(),
        hostname: terms
            .and_then(session::Negotiated::peer_name)
            .unwrap_or_default(),
        last_malformed: malformed::last(peer.malformations(), wall),
        malformed: Some(malformed::counters(peer.malformations())),
        kept_until: kept_until(peer, wall),
        long_kept_until: long_kept_until(peer, wall),
        drain: peer.drained().map(|drain| wall.drain(drain)),
        prefix_limits: prefix_limits(speaker, peer),
    }
}

fn kept_until(peer: &Peer, wall: &Wall) -> Option<prost_types::Timestamp> {
    Some(wall.timestamp(peer.kept()?.until()?))
}

fn long_kept_until(peer: &Peer, wall: &Wall) -> Option<prost_types::Timestamp> {
    Some(wall.timestamp(peer.kept()?.long_until()?))
}

fn state(state: State) -> v1::SessionState {
    match state {
        State::Idle => v1::SessionState::Idle,
        State::Connect => v1::SessionState::Connect,
        State::Active => v1::SessionState::Active,
        State::OpenSent => v1::SessionState::OpenSent,
        State::OpenConfirm => v1::SessionState::OpenConfirm,
        State::Established => v1::SessionState::Established,
    }
}

fn idle_reason(peer: &Peer, wall: &Wall) -> String {
    match (peer.session().idle_reason(), peer.disabled_reason()) {
        (None, _) => String::new(),
        (Some(IdleReason::Hold { until }), _) => {
            let left = until.saturating_duration_since(wall.now()).as_secs() + 1;
            match peer.session().is_shed() {
                true => format!("shut down because of a limit; it is let in again in {left} s"),
                false => format!("the last attempt failed; the next one is in {left} s"),
            }
        }
        (Some(IdleReason::Shut), _) => {
            "shut down because of a limit, until an operator resets it".into()
        }
        (Some(IdleReason::Disabled), Some("")) => "disabled by an operator".into(),
        (Some(IdleReason::Disabled), Some(reason)) => format!("disabled by an operator: {reason}"),
        (Some(IdleReason::Disabled), None) if !peer.config().enabled => {
            format!("disabled in {}", peer.config().location.short())
        }
        (Some(IdleReason::Disabled), None) if peer.lack().is_some() => {
            format!("held down: {}", peer.lack().unwrap_or_default())
        }
        (Some(IdleReason::Disabled), None) => "the daemon is starting or stopping".into(),
    }
}

fn seconds(seconds: u16) -> prost_types::Duration {
    prost_types::Duration {
        seconds: seconds.into(),
        nanos: 0,
    }
}

fn capabilities(terms: &session::Negotiated) -> v1::Capabilities {
    let (sent, received) = (&terms.sent.capabilities, &terms.received.capabilities);
    let in_effect = sent
        .iter()
        .filter(|ours| received.iter().any(|theirs| agree(ours, theirs)));
    v1::Capabilities {
        sent: sent.iter().map(capability).collect(),
        received: received.iter().map(capability).collect(),
        in_effect: in_effect
            .cloned()
            .chain(several_paths(terms))
            .map(|ours| capability(&ours))
            .collect(),
    }
}

/// What is in effect of ADD-PATH: the families in which one side sends and the other receives (RFC 7911 section 4).
fn several_paths(terms: &session::Negotiated) -> Option<Capability> {
    let mode = |family| {
        let receives = terms.add_path_receive.contains(family);
        match (receives, terms.add_path_send.contains(family)) {
            (false, false) => None,
            (true, false) => Some(AddPathMode::Receive),
            (false, true) => Some(AddPathMode::Send),
            (true, true) => Some(AddPathMode::Both),
        }
    };
    let families = terms.families.iter();
    let entries = families.filter_map(|family: Family| Some((family.afi_safi(), mode(family)?)));
    let entries: Vec<_> = entries.collect();
    (!entries.is_empty()).then_some(Capability::AddPath(entries))
}

/// Whether a capability that both sent is in effect: a family must be the same one.
fn agree(ours: &Capability, theirs: &Capability) -> bool {
    match (ours, theirs) {
        (Capability::Multiprotocol(ours), Capability::Multiprotocol(theirs)) => ours == theirs,
        (Capability::ExtendedNextHop(ours), Capability::ExtendedNextHop(theirs)) => {
            ours.iter().any(|entry| theirs.contains(entry))
        }
        // What of it is in effect differs from what was sent: see `several_paths`.
        (Capability::AddPath(_), _) => false,
        (ours, theirs) => ours.code() == theirs.code(),
    }
}

fn capability(capability: &Capability) -> v1::Capability {
    let text = capability.to_string();
    let (name, value) = match (capability, text.split_once(' ')) {
        (Capability::Unknown { .. }, _) => ("unknown", ""),
        (_, Some((name, value))) => (name, value),
        (_, None) => (text.as_str(), ""),
    };
    v1::Capability {
        code: capability.code().into(),
        name: name.into(),
        value: value.into(),
    }
}

fn families(speaker: &Speaker, peer: &Peer) -> Vec<v1::FamilyState> {
    let counts = speaker.rib().path_counts(peer.id());
    let kept = speaker.rib().kept_counts(peer.id());
    let advertised = speaker.rib().advertised_counts(peer.id());
    let negotiated = peer.link().map(|link| link.negotiated.families);
    let families = peer.config().families.iter();
    families
        .map(|this| {
            let index = this.index();
            v1::FamilyState {
                family: family(this).into(),
                negotiated: negotiated.is_some_and(|families| families.contains(this)),
                received: counts[index].received.into(),
                accepted: counts[index].accepted.into(),
                advertised: advertised[index].into(),
                end_of_rib_received: peer.link().map(|link| link.end_of_rib.contains(this)),
                kept: kept[index].received.into(),
            }
        })
        .collect()
}

/// What there is of each limited family.
fn prefix_limits(speaker: &Speaker, peer: &Peer) -> Vec<v1::PrefixLimit> {
    let limits = peer.config().limits;
    let counts = speaker.rib().path_counts(peer.id());
    let refused = speaker.rib().refused_counts(peer.id());
    let advertised = speaker.rib().advertised_counts(peer.id());
    let of =
        |this: Family, out, most: std::num::NonZeroU32, count: u32, refused: u32| v1::PrefixLimit {
            family: family(this).into(),
            out,
            count: count.into(),
            limit: most.get().into(),
            refused: refused.into(),
        };
    let families = peer.config().families;
    let mut found = Vec::new();
    for this in families.iter() {
        let index = this.index();
        if let Some(most) = limits.most.of(this) {
            found.push(of(
                this,
                false,
                most,
                counts[index].accepted,
                refused[index],
            ));
        }
        if let Some(most) = limits.most_out.of(this) {
            found.push(of(this, true, most, advertised[index], 0));
        }
    }
    found
}

fn messages(count: impl Fn(MessageType) -> u64) -> v1::MessageCounters {
    v1::MessageCounters {
        open: count(MessageType::Open),
        update: count(MessageType::Update),
        notification: count(MessageType::Notification),
        keepalive: count(MessageType::Keepalive),
        route_refresh: count(MessageType::RouteRefresh),
    }
}

fn last_error(error: &LastError, wall: &Wall) -> v1::LastError {
    let direction = match error.direction {
        Direction::Sent => v1::ErrorDirection::Sent,
        Direction::Received => v1::ErrorDirection::Received,
        Direction::Local => v1::ErrorDirection::Local,
    };
    v1::LastError {
        direction: direction.into(),
        at: Some(wall.timestamp(error.at)),
        text: error.to_string(),
        notification: error.reason.notification().as_ref().map(notification),
    }
}

fn notification(notification: &Notification) -> v1::Notification {
    let error = match ErrorCode::from_u8(notification.code) {
        None => v1::NotificationCode::Unspecified,
        Some(ErrorCode::MessageHeader) => v1::NotificationCode::MessageHeaderError,
        Some(ErrorCode::Open) => v1::NotificationCode::OpenMessageError,
        Some(ErrorCode::Update) => v1::NotificationCode::UpdateMessageError,
        Some(ErrorCode::HoldTimerExpired) => v1::NotificationCode::HoldTimerExpired,
        Some(ErrorCode::FiniteStateMachine) => v1::NotificationCode::FsmError,
        Some(ErrorCode::Cease) => v1::NotificationCode::Cease,
        Some(ErrorCode::RouteRefresh) => v1::NotificationCode::RouteRefreshMessageError,
        Some(ErrorCode::SendHoldTimerExpired) => v1::NotificationCode::SendHoldTimerExpired,
    };
    v1::Notification {
        error: error.into(),
        code: notification.code.into(),
        subcode: notification.subcode.into(),
        text: notification.to_string(),
        data: notification.data.to_vec(),
        shutdown_message: notification.shutdown_text().unwrap_or_default(),
    }
}
