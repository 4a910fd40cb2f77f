//! From the first attempt to connect up to Established (RFC 4271 8.2.2: Connect, Active, OpenSent, OpenConfirm; 6.8).

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wire::{CeaseSubcode, FaultKind, Frame, MAX_LEN, MessageType, Notification, Open};

use crate::collision;
use crate::connection::{Connection, ConnectionPhase, Dial};
use crate::event::Output;
use crate::negotiate::{Negotiated, negotiate, our_open};
use crate::phase::{Established, Idle, Opening, Phase, unexpected};
use crate::reason::{DownReason, Unfit};
use crate::session::Session;
use crate::side::Side;
use crate::state::State;
use crate::timer::{OPEN_HOLD, due};

/// How long a connection of the peer waits for one that we are just opening, if that one would win a collision. Longer
/// than a handshake inside a data centre takes; not long where the peer cannot be reached from our side.
const CONNECT_PATIENCE: Duration = Duration::from_millis(500);

impl Session {
    fn opening_mut(&mut self) -> Option<&mut Opening> {
        match &mut self.phase {
            Phase::Opening(opening) => Some(opening),
            Phase::Idle(_) | Phase::Established(_) => None,
        }
    }

    fn take(&mut self, now: Instant, side: Side) -> Option<Connection> {
        let retry_at = self.retry_at(now);
        self.opening_mut()?.take(side, retry_at)
    }

    // Connections come.

    pub(super) fn connected(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) {
        let patience = self.retry_at(now);
        let connection = self.begin(now, local, remote);
        match &mut self.phase {
            Phase::Opening(opening) if matches!(opening.dial, Dial::Pending { .. }) => {
                opening.dial = Dial::Up(connection);
                if let Some(incoming) = &mut opening.incoming
                    && let ConnectionPhase::Colliding { until, .. } = &mut incoming.phase
                {
                    *until = patience;
                }
                self.open_unless_delayed(Side::Outgoing);
            }
            // Not asked for, or given up just now: nobody may use it.
            Phase::Idle(_) | Phase::Opening(_) | Phase::Established(_) => {
                if !self.is_open(Side::Outgoing) {
                    self.outputs.push_back(Output::Close {
                        side: Side::Outgoing,
                    });
                }
            }
        }
    }

    pub(super) fn connect_failed(&mut self, now: Instant, kind: io::ErrorKind) {
        let until = self.retry_at(now);
        let Some(opening) = self.opening_mut() else {
            return;
        };
        if matches!(opening.dial, Dial::Pending { .. }) {
            opening.dial = Dial::Waiting { until };
            self.note_connect_failure(now, kind);
            self.settle(now, true);
        }
    }

    fn note_connect_failure(&mut self, now: Instant, kind: io::ErrorKind) {
        self.counters.connect_failures += 1;
        let error = self.note_error(now, State::Connect, DownReason::ConnectFailed(kind));
        self.outputs.push_back(Output::Failed(error));
    }

    /// A connection of the peer's that was closed before it could be offered changes nothing.
    pub(super) fn unfit(&mut self, now: Instant, unfit: Unfit) {
        if let Phase::Idle(Idle::Disabled) = self.phase {
            return;
        }
        self.counters.refused += 1;
        // Why it is kept out must not be forgotten over who knocks meanwhile.
        if self.is_shed() {
            return;
        }
        // It came no further than that, whatever another connection came to.
        let error = self.note_error(now, State::Active, DownReason::Unfit(unfit));
        self.outputs.push_back(Output::Failed(error));
    }

    pub(super) fn accepted(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) {
        match &self.phase {
            Phase::Idle(Idle::Hold { listen_at, until }) if *listen_at <= now => {
                let dial = if self.settings.passive {
                    Dial::Off
                } else {
                    Dial::Waiting { until: *until }
                };
                self.phase = Phase::Opening(Opening {
                    dial,
                    incoming: None,
                });
            }
            // Without a NOTIFICATION: many peers would take that as a reason to back off for long.
            Phase::Idle(_) => return self.refuse(None),
            Phase::Established(_) => {
                if !self.accepted_in_established(now) {
                    return;
                }
            }
            Phase::Opening(_) => {}
        }
        // A peer opens a second connection only when its first one is dead to it.
        self.close_collided(now, Side::Incoming);
        let connection = self.begin(now, local, remote);
        if let Some(opening) = self.opening_mut() {
            opening.incoming = Some(connection);
            self.outputs.push_back(Output::Adopt);
            self.open_unless_delayed(Side::Incoming);
        }
    }

    /// A connection that has just been opened.
    fn begin(&self, now: Instant, local: SocketAddr, remote: SocketAddr) -> Connection {
        let (phase, hold_at) = match self.settings.delay_open {
            None => (ConnectionPhase::OpenSent, Some(now + OPEN_HOLD)),
            Some(seconds) => {
                let until = now + Duration::from_secs(seconds.into());
                (ConnectionPhase::Delayed { until }, None)
            }
        };
        Connection {
            local,
            remote,
            phase,
            hold_at,
        }
    }

    fn open_unless_delayed(&mut self, side: Side) {
        if self.settings.delay_open.is_none() {
            self.send_open(side);
        }
    }

    /// Our OPEN has waited long enough, or for what it waited for (RFC 4271 8.2.2, events 12 and 20).
    fn end_delay(&mut self, now: Instant, side: Side) {
        if let Some(connection) = self.opening_mut().and_then(|o| o.connection_mut(side)) {
            connection.phase = ConnectionPhase::OpenSent;
            connection.hold_at = Some(now + OPEN_HOLD);
            self.send_open(side);
        }
    }

    fn send_open(&mut self, side: Side) {
        let open = our_open(&self.settings).encode();
        self.send(side, MessageType::Open, open);
    }

    // Messages come.

    pub(super) fn opening_frame(&mut self, now: Instant, side: Side, frame: Frame<'_>) {
        let Some(connection) = self.opening_mut().and_then(|o| o.connection_mut(side)) else {
            return;
        };
        let ends = (connection.local, connection.remote);
        match (frame.kind, &mut connection.phase) {
            // RFC 4271 6.4: a NOTIFICATION is never answered, not even a bad one.
            (MessageType::Notification, _) => {
                let reason = match Notification::decode(frame.body) {
                    Ok(notification) => DownReason::NotificationReceived(notification),
                    Err(_) => DownReason::TcpClosed,
                };
                self.fail_opening(now, side, reason);
            }
            (MessageType::Open, ConnectionPhase::Delayed { .. }) => {
                self.end_delay(now, side);
                self.open_received(now, side, ends, frame.body);
            }
            (
                MessageType::Keepalive | MessageType::Update | MessageType::RouteRefresh,
                ConnectionPhase::Delayed { .. },
            ) => {
                let fault = unexpected(FaultKind::UnexpectedBeforeOpen, frame.kind);
                self.fail_opening(now, side, DownReason::Fault(fault));
            }
            (MessageType::Open, ConnectionPhase::OpenSent) => {
                self.open_received(now, side, ends, frame.body);
            }
            (
                MessageType::Keepalive,
                ConnectionPhase::Colliding {
                    confirmed, terms, ..
                },
            ) => {
                *confirmed = true;
                connection.hold_at = terms.hold().map(|hold| now + hold);
            }
            (MessageType::Keepalive, ConnectionPhase::OpenConfirm { .. }) => {
                self.establish(now, side);
            }
            (
                MessageType::Keepalive | MessageType::Update | MessageType::RouteRefresh,
                ConnectionPhase::OpenSent,
            ) => {
                let fault = unexpected(FaultKind::UnexpectedInOpenSent, frame.kind);
                self.fail_opening(now, side, DownReason::Fault(fault));
            }
            (
                MessageType::Open | MessageType::Update | MessageType::RouteRefresh,
                ConnectionPhase::Colliding { .. } | ConnectionPhase::OpenConfirm { .. },
            ) => {
                let fault = unexpected(FaultKind::UnexpectedInOpenConfirm, frame.kind);
                self.fail_opening(now, side, DownReason::Fault(fault));
            }
        }
    }

    fn open_received(
        &mut self,
        now: Instant,
        side: Side,
        ends: (SocketAddr, SocketAddr),
        body: &[u8],
    ) {
        let terms =
            match Open::decode(body).and_then(|open| negotiate(&self.settings, side, ends, open)) {
                Ok(terms) => Box::new(terms),
                Err(fault) => return self.fail_opening(now, side, DownReason::Fault(fault)),
            };
        let other = self
            .opening_mut()
            .and_then(|o| o.connection(side.other()))
            .map(Connection::state);
        let winner = collision::winner(
            (self.settings.router_id, self.settings.local_as),
            (terms.remote_router_id, terms.remote_as),
        );
        let pending = self
            .opening_mut()
            .is_some_and(|o| matches!(o.dial, Dial::Pending { .. }));
        match (other, winner == side) {
            // The peer may have our connection already, and prefer it to this one, before we know that it is open.
            (None, false) if pending && side == Side::Incoming => {
                self.wait_for_outgoing(now, now + CONNECT_PATIENCE, terms);
            }
            (None, _) => self.confirm(now, side, terms),
            (Some(_), true) => {
                self.close_collided(now, side.other());
                self.confirm(now, side, terms);
            }
            // We opened the one that wins and are committed to it, so this one waits for its fate.
            (Some(State::OpenSent | State::Active), false) if side == Side::Incoming => {
                let until = self.retry_at(now);
                self.wait_for_outgoing(now, until, terms);
            }
            // The peer opened the one that wins, but may give it up before it sends an OPEN there: both go on.
            (Some(State::OpenSent | State::Active), false) => self.confirm(now, side, terms),
            (Some(_), false) => {
                self.close_collided(now, side);
                self.settle(now, true);
            }
        }
    }

    /// Keeps the incoming connection without confirming it; see [`ConnectionPhase::Colliding`].
    fn wait_for_outgoing(&mut self, now: Instant, until: Instant, terms: Box<Negotiated>) {
        if let Some(connection) = self.opening_mut().and_then(|o| o.incoming.as_mut()) {
            connection.hold_at = terms.hold().map(|hold| now + hold);
            connection.phase = ConnectionPhase::Colliding {
                terms,
                until,
                confirmed: false,
            };
        }
    }

    /// The peer's OPEN is accepted: OpenSent to OpenConfirm (RFC 4271 8.2.2, event 19).
    fn confirm(&mut self, now: Instant, side: Side, terms: Box<Negotiated>) {
        if side == Side::Incoming {
            self.abort_dial(now);
        }
        self.send_keepalive(side);
        let keepalive_at = self.keepalive_at(now, terms.keepalive_interval());
        if let Some(connection) = self.opening_mut().and_then(|o| o.connection_mut(side)) {
            connection.hold_at = terms.hold().map(|hold| now + hold);
            connection.phase = ConnectionPhase::OpenConfirm {
                terms,
                keepalive_at,
            };
        }
    }

    /// The peer's KEEPALIVE came: OpenConfirm to Established (event 26). Whatever else was going on ends.
    fn establish(&mut self, now: Instant, side: Side) {
        self.close_collided(now, side.other());
        self.abort_dial(now);
        let Some(connection) = self.take(now, side) else {
            return;
        };
        match connection.phase {
            ConnectionPhase::OpenConfirm {
                terms,
                keepalive_at,
            } => {
                self.outputs.push_back(Output::Up(terms.clone()));
                self.forget_restart();
                self.phase = Phase::Established(Established {
                    since: now,
                    hold_at: terms.hold().map(|hold| now + hold),
                    keepalive_at,
                    keepalive_sent: now,
                    send_hold_at: None,
                    terms,
                });
            }
            ConnectionPhase::Delayed { .. }
            | ConnectionPhase::OpenSent
            | ConnectionPhase::Colliding { .. } => {}
        }
    }

    fn abort_dial(&mut self, now: Instant) {
        let until = self.retry_at(now);
        if let Some(opening) = self.opening_mut()
            && matches!(opening.dial, Dial::Pending { .. })
        {
            opening.dial = Dial::Waiting { until };
            self.outputs.push_back(Output::Abort);
        }
    }

    // Connections go.

    /// Closes the connection that lost a collision, if there is one.
    fn close_collided(&mut self, now: Instant, side: Side) {
        if self.take(now, side).is_some() {
            self.counters.collisions += 1;
            let notification = Notification::cease(CeaseSubcode::CollisionResolution, "");
            self.send_last(side, &notification, MAX_LEN);
        }
    }

    /// Closes all there is, for a stop.
    pub(super) fn close_all(&mut self, now: Instant, notification: &Notification) {
        self.abort_dial(now);
        for side in [Side::Outgoing, Side::Incoming] {
            if self.take(now, side).is_some() {
                self.send_last(side, notification, MAX_LEN);
            }
        }
    }

    pub(super) fn fail_opening(&mut self, now: Instant, side: Side, reason: DownReason) {
        let Some(connection) = self.take(now, side) else {
            return;
        };
        let state = connection.state();
        let max_len = connection.terms().map_or(MAX_LEN, Negotiated::max_len);
        self.close_for(side, &reason, max_len);
        let gentle = match &reason {
            // RFC 4271 8.2.2, OpenSent, event 18: back to Active.
            DownReason::TcpClosed | DownReason::TcpError(_) => state <= State::OpenSent,
            // The peer found a collision and closed this one; nobody did anything wrong.
            DownReason::NotificationReceived(notification) => {
                notification.cease_subcode() == Some(CeaseSubcode::CollisionResolution)
            }
            DownReason::HoldTimerExpired
            | DownReason::SendHoldTimerExpired
            | DownReason::NotificationSent(_)
            | DownReason::Shed(_)
            | DownReason::Fault(_)
            | DownReason::ConnectFailed(_)
            | DownReason::Returned
            | DownReason::Unfit(_)
            | DownReason::LinkDown
            | DownReason::AddressGone
            | DownReason::Disabled
            | DownReason::Deleted => false,
        };
        let told = matches!(reason, DownReason::NotificationReceived(_));
        if gentle && (self.is_open(side.other()) || told && self.has_connection()) {
            // How peers resolve a collision, with or without a word. There is no error to show.
            self.counters.collisions += 1;
            return self.settle(now, gentle);
        }
        let error = self.note_error(now, state, reason);
        self.outputs.push_back(Output::Failed(error));
        self.settle(now, gentle);
    }

    /// After a connection went: the other one goes on; with none left a real failure leads to Idle.
    fn settle(&mut self, now: Instant, gentle: bool) {
        let Some(opening) = self.opening_mut() else {
            return;
        };
        match (&opening.dial, &opening.incoming) {
            (Dial::Up(_) | Dial::Pending { .. }, _) => {}
            (Dial::Off | Dial::Waiting { .. }, Some(_)) => self.release(now),
            (Dial::Off | Dial::Waiting { .. }, None) if gentle => {}
            (Dial::Off | Dial::Waiting { .. }, None) => self.hold_idle(now),
        }
    }

    /// The outgoing connection is gone, so an incoming one that waited for it goes on.
    fn release(&mut self, now: Instant) {
        let Some(connection) = self.opening_mut().and_then(|o| o.incoming.as_mut()) else {
            return;
        };
        match std::mem::replace(&mut connection.phase, ConnectionPhase::OpenSent) {
            ConnectionPhase::Colliding {
                terms, confirmed, ..
            } => {
                self.confirm(now, Side::Incoming, terms);
                if confirmed {
                    self.establish(now, Side::Incoming);
                }
            }
            phase @ (ConnectionPhase::Delayed { .. }
            | ConnectionPhase::OpenSent
            | ConnectionPhase::OpenConfirm { .. }) => {
                connection.phase = phase;
            }
        }
    }

    // Time passes.

    pub(super) fn opening_timer(&mut self, now: Instant) {
        for side in [Side::Outgoing, Side::Incoming] {
            self.connection_timer(now, side);
        }
        self.dial_timer(now);
    }

    fn connection_timer(&mut self, now: Instant, side: Side) {
        let Some(connection) = self.opening_mut().and_then(|o| o.connection(side)) else {
            return;
        };
        if due(connection.hold_at, now) {
            return self.fail_opening(now, side, DownReason::HoldTimerExpired);
        }
        match &connection.phase {
            ConnectionPhase::OpenSent => {}
            ConnectionPhase::Delayed { until } => {
                if due(Some(*until), now) {
                    self.end_delay(now, side);
                }
            }
            ConnectionPhase::Colliding { until, .. } => {
                if due(Some(*until), now) {
                    self.close_collided(now, Side::Outgoing);
                    self.abort_dial(now);
                    self.settle(now, true);
                }
            }
            ConnectionPhase::OpenConfirm {
                terms,
                keepalive_at,
            } => {
                if due(*keepalive_at, now) {
                    let interval = terms.keepalive_interval();
                    self.send_keepalive(side);
                    let next = self.keepalive_at(now, interval);
                    self.set_keepalive(side, next);
                }
            }
        }
    }

    fn set_keepalive(&mut self, side: Side, next: Option<Instant>) {
        if let Some(connection) = self.opening_mut().and_then(|o| o.connection_mut(side))
            && let ConnectionPhase::OpenConfirm { keepalive_at, .. } = &mut connection.phase
        {
            *keepalive_at = next;
        }
    }

    fn dial_timer(&mut self, now: Instant) {
        let next = self.retry_at(now);
        let passive = self.settings.passive;
        let Some(opening) = self.opening_mut() else {
            return;
        };
        let incoming = opening.incoming.as_ref().map(Connection::state);
        match opening.dial {
            // It has become passive since the last attempt.
            Dial::Waiting { .. } if passive => opening.dial = Dial::Off,
            Dial::Waiting { until } if until <= now => {
                // While the peer's connection is about to be Established, ours would only collide with it.
                if incoming == Some(State::OpenConfirm) {
                    opening.dial = Dial::Waiting { until: next };
                } else {
                    opening.dial = Dial::Pending { until: next };
                    self.outputs.push_back(Output::Connect);
                }
            }
            Dial::Pending { until } if until <= now => {
                opening.dial = Dial::Pending { until: next };
                self.outputs.push_back(Output::Abort);
                self.note_connect_failure(now, io::ErrorKind::TimedOut);
                self.outputs.push_back(Output::Connect);
            }
            Dial::Off | Dial::Waiting { .. } | Dial::Pending { .. } | Dial::Up(_) => {}
        }
    }
}
