//! Peers: the row of the list, and the objects of JSON and YAML. The detail page
//! for people is in `detail`.

mod config;
mod detail;
mod limits;
mod malformed;

use std::time::SystemTime;

use proto::v1;
use serde::Serialize;

use self::config::ConfigView;
use self::limits::PrefixLimitView;
use self::malformed::{MalformedCountersView, MalformedView};
use super::{DrainView, SourceView, at, family, lasting, some, word};
use crate::output::Tabular;
use crate::table::{Cell, Tone, printable};
use crate::time;

/// A peer: what was asked for, and what is.
#[derive(Debug, Serialize)]
pub(crate) struct PeerView {
    config: ConfigView,
    state: StateView,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceView>,
}

#[derive(Debug, Serialize)]
struct StateView {
    session_state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<String>,
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<ConnectionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_as: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_router_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<CapabilitiesView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timers: Option<TimersView>,
    families: Vec<FamilyView>,
    flaps: u64,
    sent: CountersView,
    received: CountersView,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<ErrorView>,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_until: Option<String>,
    malformed: MalformedCountersView,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_malformed: Option<MalformedView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drain: Option<DrainView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prefix_limits: Vec<PrefixLimitView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    long_kept_until: Option<String>,
    #[serde(skip)]
    raw: (v1::SessionState, Option<prost_types::Timestamp>),
}

#[derive(Debug, Serialize)]
struct ConnectionView {
    local_address: String,
    local_port: u32,
    remote_address: String,
    remote_port: u32,
}

#[derive(Debug, Serialize)]
struct CapabilitiesView {
    sent: Vec<CapabilityView>,
    received: Vec<CapabilityView>,
    in_effect: Vec<CapabilityView>,
}

#[derive(Debug, Serialize)]
struct CapabilityView {
    code: u32,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

#[derive(Debug, Serialize)]
struct TimersView {
    hold_time: String,
    keepalive: String,
}

#[derive(Debug, Serialize)]
struct FamilyView {
    family: String,
    negotiated: bool,
    received: u64,
    accepted: u64,
    advertised: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_of_rib_received: Option<bool>,
    kept: u64,
}

#[derive(Debug, Serialize)]
struct CountersView {
    open: u64,
    update: u64,
    notification: u64,
    keepalive: u64,
    route_refresh: u64,
}

#[derive(Debug, Serialize)]
struct ErrorView {
    direction: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<NotificationView>,
    #[serde(skip)]
    raw_at: Option<prost_types::Timestamp>,
}

#[derive(Debug, Serialize)]
struct NotificationView {
    error: String,
    code: u32,
    subcode: u32,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shutdown_message: Option<String>,
}

impl PeerView {
    /// The view of a peer.
    pub(crate) fn new(peer: v1::Peer) -> PeerView {
        PeerView {
            config: ConfigView::new(peer.config.unwrap_or_default()),
            state: StateView::new(peer.state.unwrap_or_default()),
            source: peer.source.and_then(SourceView::new),
        }
    }

    fn name(&self) -> &str {
        self.config.name.as_deref().unwrap_or(&self.config.address)
    }

    fn remote_as(&self) -> String {
        match self.state.remote_as {
            Some(number) => number.to_string(),
            None => self.config.remote_as.clone().unwrap_or_default(),
        }
    }

    fn total(&self, count: impl Fn(&FamilyView) -> u64) -> String {
        self.state
            .families
            .iter()
            .map(count)
            .sum::<u64>()
            .to_string()
    }

    /// What to know about it: of one that is down the error, of one that is up also what keeps
    /// routes from flowing.
    fn note(&self, now: SystemTime) -> String {
        let error = self.state.last_error.as_ref().map(|error| error.line(now));
        let is_up = self.state.raw.0 == v1::SessionState::Established;
        let warnings = self
            .state
            .warnings
            .iter()
            .filter(|_| is_up || error.is_none());
        let notes: Vec<String> = warnings.cloned().chain(error.clone()).collect();
        notes.join("; ")
    }

    /// One line for people.
    pub(crate) fn line(&self, color: bool) -> String {
        let (state, tone) = self.state.shown();
        let text = format!("{} ({})", self.name(), self.config.address);
        let state = tone.paint(&state, color);
        match &self.state.last_error {
            Some(error) if self.state.raw.0 != v1::SessionState::Established => {
                format!(
                    "{} is {state}: {}",
                    printable(&text),
                    printable(&error.text)
                )
            }
            _ => format!("{} is {state}", printable(&text)),
        }
    }
}

impl StateView {
    fn new(state: v1::PeerState) -> StateView {
        let raw = (state.session_state(), state.changed_at);
        let families = state.families.into_iter().map(|state| FamilyView {
            family: family(state.family()),
            negotiated: state.negotiated,
            received: state.received,
            accepted: state.accepted,
            advertised: state.advertised,
            end_of_rib_received: state.end_of_rib_received,
            kept: state.kept,
        });
        StateView {
            session_state: word(raw.0.as_str_name(), "SESSION_STATE_"),
            changed_at: at(state.changed_at),
            disabled: state.disabled,
            idle_reason: some(state.idle_reason),
            connection: state.connection.map(|connection| ConnectionView {
                local_address: connection.local_address,
                local_port: connection.local_port,
                remote_address: connection.remote_address,
                remote_port: connection.remote_port,
            }),
            remote_as: Some(state.remote_as).filter(|number| *number != 0),
            internal: state.internal,
            remote_router_id: some(state.remote_router_id),
            capabilities: state.capabilities.map(|all| CapabilitiesView {
                sent: capabilities(all.sent),
                received: capabilities(all.received),
                in_effect: capabilities(all.in_effect),
            }),
            timers: state.timers.map(|timers| TimersView {
                hold_time: lasting(&timers.hold_time.unwrap_or_default()),
                keepalive: lasting(&timers.keepalive.unwrap_or_default()),
            }),
            families: families.collect(),
            flaps: state.flaps,
            sent: CountersView::new(state.sent.unwrap_or_default()),
            received: CountersView::new(state.received.unwrap_or_default()),
            last_error: state.last_error.map(ErrorView::new),
            warnings: state.warnings,
            hostname: some(state.hostname),
            kept_until: at(state.kept_until),
            malformed: MalformedCountersView::new(state.malformed.unwrap_or_default()),
            last_malformed: state.last_malformed.map(MalformedView::new),
            drain: state.drain.map(DrainView::new),
            prefix_limits: state
                .prefix_limits
                .into_iter()
                .map(PrefixLimitView::new)
                .collect(),
            long_kept_until: at(state.long_kept_until),
            raw,
        }
    }

    /// The state for people, by its RFC 4271 name.
    fn shown(&self) -> (String, Tone) {
        let (name, tone) = match self.raw.0 {
            v1::SessionState::Unspecified => ("unknown", Tone::Plain),
            v1::SessionState::Idle => ("Idle", Tone::Bad),
            v1::SessionState::Connect => ("Connect", Tone::Bad),
            v1::SessionState::Active => ("Active", Tone::Bad),
            v1::SessionState::OpenSent => ("OpenSent", Tone::Warn),
            v1::SessionState::OpenConfirm => ("OpenConfirm", Tone::Warn),
            v1::SessionState::Established => ("Established", Tone::Good),
        };
        if self.disabled {
            return ("Disabled".to_owned(), Tone::Warn);
        }
        (name.to_owned(), tone)
    }
}

fn capabilities(list: Vec<v1::Capability>) -> Vec<CapabilityView> {
    list.into_iter()
        .map(|capability| CapabilityView {
            code: capability.code,
            name: capability.name,
            value: some(capability.value),
        })
        .collect()
}

impl CountersView {
    fn new(counters: v1::MessageCounters) -> CountersView {
        let v1::MessageCounters {
            open,
            update,
            notification,
            keepalive,
            route_refresh,
        } = counters;
        CountersView {
            open,
            update,
            notification,
            keepalive,
            route_refresh,
        }
    }
}

impl ErrorView {
    fn new(error: v1::LastError) -> ErrorView {
        ErrorView {
            direction: word(error.direction().as_str_name(), "ERROR_DIRECTION_"),
            at: at(error.at),
            text: error.text,
            notification: error.notification.map(|notification| NotificationView {
                error: word(notification.error().as_str_name(), "NOTIFICATION_CODE_"),
                code: notification.code,
                subcode: notification.subcode,
                text: notification.text,
                shutdown_message: some(notification.shutdown_message),
            }),
            raw_at: error.at,
        }
    }

    fn line(&self, now: SystemTime) -> String {
        let age = self.raw_at.map(|at| time::short(time::since(&at, now)));
        match age {
            Some(age) => format!("{}, {age} ago", self.text),
            None => self.text.clone(),
        }
    }
}

impl Tabular for PeerView {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["NAME", "ADDRESS", "AS", "STATE", "UP/DOWN"];
        columns.extend(["RECEIVED", "ACCEPTED", "ADVERTISED"]);
        if wide {
            columns.extend([
                "GROUP",
                "LOCAL ADDRESS",
                "ROUTER ID",
                "FLAPS",
                "DESCRIPTION",
            ]);
        }
        columns.extend(["SOURCE", "LAST ERROR"]);
        columns
    }

    fn row(&self, wide: bool, now: SystemTime) -> Vec<Cell> {
        let (state, tone) = self.state.shown();
        let changed = self.state.raw.1;
        let age = changed.map_or("never".to_owned(), |at| time::short(time::since(&at, now)));
        let mut row = vec![
            Cell::new(self.name()),
            Cell::new(&self.config.address),
            Cell::new(self.remote_as()),
            Cell::toned(state, tone),
            Cell::new(age),
            Cell::new(self.total(|family| family.received)),
            Cell::new(self.total(|family| family.accepted)),
            Cell::new(self.total(|family| family.advertised)),
        ];
        let text = |text: &Option<String>| Cell::new(text.as_deref().unwrap_or_default());
        if wide {
            let connection = self.state.connection.as_ref();
            row.extend([
                text(&self.config.group),
                Cell::new(connection.map_or("", |connection| &connection.local_address)),
                text(&self.state.remote_router_id),
                Cell::new(self.state.flaps.to_string()),
                text(&self.config.description),
            ]);
        }
        row.push(Cell::new(
            self.source
                .as_ref()
                .map_or(String::new(), SourceView::short),
        ));
        row.push(Cell::new(self.note(now)));
        row
    }
}
