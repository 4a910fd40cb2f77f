//! Events of a watch.

use std::time::SystemTime;

use proto::v1;
use proto::v1::watch_response::Event;
use serde::Serialize;

use super::counted;
use super::kernel::KernelRouteView;
use super::peer::PeerView;
use super::route::RouteView;
use crate::table::printable;
use crate::time;

/// One event. `sequence` is absent where there is no stream.
#[derive(Debug, Serialize)]
pub(crate) struct EventView {
    /// When it came here, RFC 3339.
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(flatten)]
    event: EventKind,
}

/// What happened.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum EventKind {
    /// A peer that is new or has changed.
    Peer {
        /// As it is now.
        peer: Box<PeerView>,
    },
    /// A peer that is gone.
    PeerRemoved {
        /// Its name.
        name: String,
        /// Its address.
        address: String,
    },
    /// A route that is new or has changed.
    Route {
        /// As it is now.
        route: Box<RouteView>,
    },
    /// A prefix without a route.
    RouteRemoved {
        /// The prefix.
        prefix: String,
    },
    /// A kernel route that is new or has changed.
    KernelRoute {
        /// As it is now.
        route: Box<KernelRouteView>,
    },
    /// A kernel route that is gone.
    KernelRouteRemoved {
        /// The prefix.
        prefix: String,
    },
    /// The snapshot is complete.
    SnapshotDone {
        /// Peers in it.
        peers: u64,
        /// Routes in it.
        routes: u64,
    },
    /// Changes were missed.
    Gap {
        /// How many, at least.
        missed: u64,
    },
}

impl EventView {
    /// An event without a stream, found at `now`.
    pub(crate) fn found(event: EventKind, now: SystemTime) -> EventView {
        EventView {
            time: time::rfc3339(&now.into()),
            sequence: None,
            event,
        }
    }

    /// The view of an event that came at `now`. `None`: an event that this version does not know.
    pub(crate) fn new(response: v1::WatchResponse, now: SystemTime) -> Option<EventView> {
        let event = match response.event? {
            Event::Peer(peer) => EventKind::Peer {
                peer: Box::new(PeerView::new(*peer)),
            },
            Event::PeerRemoved(gone) => EventKind::PeerRemoved {
                name: gone.name,
                address: gone.address,
            },
            Event::Route(route) => EventKind::Route {
                route: Box::new(RouteView::new(*route)),
            },
            Event::RouteRemoved(gone) => EventKind::RouteRemoved {
                prefix: gone.prefix,
            },
            Event::SnapshotDone(done) => EventKind::SnapshotDone {
                peers: done.peers,
                routes: done.routes,
            },
            Event::Gap(gap) => EventKind::Gap { missed: gap.missed },
        };
        Some(EventView {
            sequence: Some(response.sequence).filter(|sequence| *sequence != 0),
            ..EventView::found(event, now)
        })
    }

    /// What happened.
    pub(crate) fn event(&self) -> &EventKind {
        &self.event
    }

    /// One line for people, with the time of the day.
    pub(crate) fn line(&self, color: bool) -> String {
        // Of 2023-11-14T22:10:08.123Z: no time zones are known here, so the Z stays.
        let time = self.time.get(11..19).unwrap_or_default();
        format!("{time}Z {}", self.what(color))
    }

    /// The line without its time.
    pub(crate) fn what(&self, color: bool) -> String {
        let what = match &self.event {
            EventKind::Peer { peer } => format!("peer   {}", peer.line(color)),
            EventKind::PeerRemoved { name, address } => {
                format!("peer   {} ({address}) is gone", printable(name))
            }
            EventKind::Route { route } => format!("route  {}", route.line(color)),
            EventKind::RouteRemoved { prefix } => format!("route  {prefix} is gone"),
            EventKind::KernelRoute { route } => format!("kernel {}", route.key().0),
            EventKind::KernelRouteRemoved { prefix } => format!("kernel {prefix} is gone"),
            EventKind::SnapshotDone { peers, routes } => {
                let peers = counted(*peers, ["peer", "peers"]);
                let routes = counted(*routes, ["route", "routes"]);
                format!("-- this was all: {peers}, {routes}; changes follow --")
            }
            EventKind::Gap { missed } => {
                let missed = match missed {
                    1 => "1 change was missed".to_owned(),
                    missed => format!("{missed} changes were missed"),
                };
                format!("-- {missed}; everything follows anew --")
            }
        };
        format!("{what}\n")
    }
}
