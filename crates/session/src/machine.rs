//! The state machine of one peer (RFC 4271 section 8), both connections of a collision in one value.
//!
//! Here: the value, its start and stop, and what can be asked of it. `opening` has the way from the first attempt to
//! connect up to OpenConfirm, `established` the rest.
//!
//! Where we differ from RFC 4271 8.2.2, on purpose: a failed attempt to connect leads to Active and not to Idle, so that
//! a returning peer is found at the next connect retry; in an idle hold that has doubled, the peer's own connections are
//! taken again after the first idle hold time, so that two peers that back off do not miss each other for minutes.

mod established;
mod opening;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wire::{CeaseSubcode, Family, Frame, MessageType, Notification, RouteRefresh};

use crate::connection::Dial;
use crate::counters::Counters;
use crate::event::{FrameUse, Input, Output, Side};
use crate::negotiate::Negotiated;
use crate::reason::{DownReason, LastError};
use crate::settings::Settings;
use crate::timer::{BackOff, Jitter, due};
use established::Established;
use opening::Opening;

/// The states of RFC 4271 8.2.2, for display. With two connections it is the state of the one that is further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Not trying; [`Session::idle_reason`] says why.
    Idle,
    /// A connection is being opened.
    Connect,
    /// Waiting for the peer to connect, or for the time to try again.
    Active,
    /// Our OPEN is sent.
    OpenSent,
    /// The peer's OPEN is taken.
    OpenConfirm,
    /// Routes flow.
    Established,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Idle => "Idle",
            State::Connect => "Connect",
            State::Active => "Active",
            State::OpenSent => "OpenSent",
            State::OpenConfirm => "OpenConfirm",
            State::Established => "Established",
        })
    }
}

/// Why a session is Idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleReason {
    /// It is not enabled.
    Disabled,
    /// It failed and waits until this time.
    Hold {
        /// When we try again.
        until: Instant,
    },
}

#[derive(Debug)]
enum Idle {
    Disabled,
    Hold {
        /// From here on the peer's connections are taken.
        listen_at: Instant,
        until: Instant,
    },
}

#[derive(Debug)]
enum Phase {
    Idle(Idle),
    Opening(Opening),
    Established(Established),
}

/// One peer. See the crate's documentation.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    phase: Phase,
    outputs: VecDeque<Output>,
    jitter: Jitter,
    back_off: BackOff,
    counters: Counters,
    flaps: u64,
    last_down: Option<Instant>,
    last_error: Option<LastError>,
}

impl Session {
    /// A session that is Idle until [`Input::Enable`].
    pub fn new(settings: Settings) -> Session {
        Session {
            phase: Phase::Idle(Idle::Disabled),
            outputs: VecDeque::new(),
            jitter: Jitter::new(settings.seed),
            back_off: BackOff::new(settings.idle_hold, settings.idle_hold_max),
            counters: Counters::default(),
            flaps: 0,
            last_down: None,
            last_error: None,
            settings,
        }
    }

    /// Takes in what happened. Never fails. After it, [`Session::poll`] is called until it returns None: that is what
    /// keeps the queue of outputs short.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) -> FrameUse {
        match input {
            Input::Enable => self.enable(now),
            Input::Disable { notification } => self.disable(now, &notification),
            Input::Reset { notification } => self.reset(now, notification),
            Input::Connected { local, remote } => self.connected(now, local, remote),
            Input::ConnectFailed(kind) => self.connect_failed(now, kind),
            Input::Accepted { local, remote } => self.accepted(now, local, remote),
            Input::Frame { side, frame } => return self.frame(now, side, frame),
            Input::Fault { side, fault } => self.fail(now, side, DownReason::Fault(fault)),
            Input::Closed { side, cause } => self.fail(now, side, cause.into()),
            Input::Timer => self.timer(now),
        }
        FrameUse::Handled
    }

    /// The next thing to do, in order. None: nothing more until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timer`] is wanted. None: no timer is armed.
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Idle(Idle::Disabled) => None,
            Phase::Idle(Idle::Hold { until, .. }) => Some(*until),
            Phase::Opening(opening) => opening.next_deadline(),
            Phase::Established(established) => established.next_deadline(),
        }
    }

    /// The state, for display.
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::Idle(_) => State::Idle,
            Phase::Opening(opening) => opening.state(),
            Phase::Established(_) => State::Established,
        }
    }

    /// Why it is Idle; None in every other state.
    pub fn idle_reason(&self) -> Option<IdleReason> {
        match &self.phase {
            Phase::Idle(Idle::Disabled) => Some(IdleReason::Disabled),
            Phase::Idle(Idle::Hold { until, .. }) => Some(IdleReason::Hold { until: *until }),
            Phase::Opening(_) | Phase::Established(_) => None,
        }
    }

    /// The terms of the session while it is Established.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        match &self.phase {
            Phase::Established(established) => Some(&established.terms),
            Phase::Idle(_) | Phase::Opening(_) => None,
        }
    }

    /// Since when it is Established.
    pub fn established_since(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Established(established) => Some(established.since),
            Phase::Idle(_) | Phase::Opening(_) => None,
        }
    }

    /// True while a connection is open or being opened. A dynamic peer without one can be dropped.
    pub fn has_connection(&self) -> bool {
        match &self.phase {
            Phase::Idle(_) => false,
            Phase::Opening(opening) => {
                opening.incoming.is_some()
                    || matches!(opening.dial, Dial::Pending { .. } | Dial::Up(_))
            }
            Phase::Established(_) => true,
        }
    }

    /// The last thing that went wrong, kept also while the session is up again.
    pub fn last_error(&self) -> Option<&LastError> {
        self.last_error.as_ref()
    }

    /// Messages in and out, and oddities.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// When it last left Established.
    pub fn last_down(&self) -> Option<Instant> {
        self.last_down
    }

    /// How often the session left Established.
    pub fn flaps(&self) -> u64 {
        self.flaps
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes other settings. A session that is up keeps what it negotiated, and a timer that runs keeps its end: the
    /// next attempt and the next OPEN follow them. One that is no longer passive connects at once.
    pub fn reconfigure(&mut self, now: Instant, settings: Settings) {
        if (settings.idle_hold, settings.idle_hold_max)
            != (self.settings.idle_hold, self.settings.idle_hold_max)
        {
            self.back_off = BackOff::new(settings.idle_hold, settings.idle_hold_max);
        }
        self.settings = settings;
        if let Phase::Opening(opening) = &mut self.phase {
            opening.turn(now, self.settings.passive);
        }
    }

    /// The owner has sent `count` UPDATEs. They count as keepalives too (RFC 4271 4.4, 8.2.2 event 27).
    pub fn sent_updates(&mut self, now: Instant, count: u64) {
        self.counters.sent[MessageType::Update.index()] += count;
        if let Phase::Established(established) = &mut self.phase {
            established.keepalive_at = established
                .terms
                .keepalive_interval()
                .map(|interval| now + self.jitter.within(interval));
        }
    }

    /// Asks the peer for all routes of this family again (RFC 2918). False if the session is not Established, or the
    /// peer does not take the request.
    pub fn request_refresh(&mut self, family: Family) -> bool {
        let Phase::Established(established) = &self.phase else {
            return false;
        };
        let terms = &established.terms;
        if !terms.route_refresh || !terms.families.contains(family) {
            return false;
        }
        let side = terms.side;
        let request = RouteRefresh {
            family: family.afi_safi(),
            subtype: RouteRefresh::REQUEST,
        };
        self.send(side, MessageType::RouteRefresh, request.encode());
        true
    }

    // Start and stop.

    fn enable(&mut self, now: Instant) {
        match self.phase {
            Phase::Idle(Idle::Disabled) => {
                self.back_off.reset();
                self.start(now);
            }
            Phase::Idle(Idle::Hold { .. }) | Phase::Opening(_) | Phase::Established(_) => {}
        }
    }

    /// ManualStart, or the end of the idle hold (RFC 4271 8.2.2, Idle).
    fn start(&mut self, now: Instant) {
        let dial = if self.settings.passive {
            Dial::Off
        } else {
            self.outputs.push_back(Output::Connect);
            Dial::Pending {
                until: self.retry_at(now),
            }
        };
        self.phase = Phase::Opening(Opening {
            dial,
            incoming: None,
        });
    }

    fn disable(&mut self, now: Instant, notification: &Notification) {
        let reason = if notification.cease_subcode() == Some(CeaseSubcode::PeerDeconfigured) {
            DownReason::Deleted
        } else {
            DownReason::Disabled
        };
        match self.phase {
            Phase::Idle(_) => {}
            Phase::Opening(_) => self.close_all(now, notification),
            Phase::Established(_) => self.leave(now, Some(notification), reason),
        }
        self.phase = Phase::Idle(Idle::Disabled);
    }

    fn reset(&mut self, now: Instant, notification: Notification) {
        self.back_off.reset();
        match self.phase {
            Phase::Idle(Idle::Disabled) => {}
            Phase::Idle(Idle::Hold { .. }) => self.start(now),
            Phase::Opening(_) => {
                self.close_all(now, &notification);
                self.start(now);
            }
            Phase::Established(_) => self.go_down(now, DownReason::NotificationSent(notification)),
        }
    }

    /// Waits before the next attempt, longer each time (DampPeerOscillations).
    fn hold_idle(&mut self, now: Instant) {
        let hold = self.back_off.after_failure();
        let wait = self.jitter.within(hold);
        self.phase = Phase::Idle(Idle::Hold {
            listen_at: now + wait.min(self.settings.idle_hold),
            until: now + wait,
        });
    }

    // What all phases share.

    fn frame(&mut self, now: Instant, side: Side, frame: Frame<'_>) -> FrameUse {
        if !self.is_open(side) {
            return FrameUse::Handled;
        }
        self.counters.received[frame.kind.index()] += 1;
        match self.phase {
            Phase::Idle(_) => FrameUse::Handled,
            Phase::Opening(_) => {
                self.opening_frame(now, side, frame);
                FrameUse::Handled
            }
            Phase::Established(_) => self.established_frame(now, frame),
        }
    }

    /// A connection ends because of an error.
    fn fail(&mut self, now: Instant, side: Side, reason: DownReason) {
        if !self.is_open(side) {
            return;
        }
        match self.phase {
            Phase::Idle(_) => {}
            Phase::Opening(_) => self.fail_opening(now, side, reason),
            Phase::Established(_) => self.go_down(now, reason),
        }
    }

    fn timer(&mut self, now: Instant) {
        match &self.phase {
            Phase::Idle(Idle::Disabled) => {}
            Phase::Idle(Idle::Hold { until, .. }) => {
                if due(Some(*until), now) {
                    self.start(now);
                }
            }
            Phase::Opening(_) => self.opening_timer(now),
            Phase::Established(_) => self.established_timer(now),
        }
    }

    /// True if there is a connection of this side whose inputs count.
    fn is_open(&self, side: Side) -> bool {
        match &self.phase {
            Phase::Idle(_) => false,
            Phase::Opening(opening) => opening.connection(side).is_some(),
            Phase::Established(established) => established.terms.side == side,
        }
    }

    fn retry_at(&mut self, now: Instant) -> Instant {
        now + self.jitter.around(self.settings.connect_retry)
    }

    /// When the next keepalive is due at this interval; None: never.
    fn keepalive_at(&mut self, now: Instant, interval: Option<Duration>) -> Option<Instant> {
        interval.map(|interval| now + self.jitter.within(interval))
    }

    fn send(&mut self, side: Side, kind: MessageType, bytes: Bytes) {
        self.counters.sent[kind.index()] += 1;
        self.outputs.push_back(Output::Send { side, bytes });
    }

    fn send_keepalive(&mut self, side: Side) {
        self.send(side, MessageType::Keepalive, wire::keepalive());
    }

    /// The one place where a NOTIFICATION is sent: a close follows at once, and the caller has taken the connection out.
    fn send_last(&mut self, side: Side, notification: &Notification) {
        self.send(side, MessageType::Notification, notification.encode());
        self.outputs.push_back(Output::Close { side });
    }

    /// Ends the connection that a failure was found on: tells the peer if it is for us to tell.
    fn close_for(&mut self, side: Side, reason: &DownReason) {
        match reason {
            DownReason::Fault(_)
            | DownReason::HoldTimerExpired
            | DownReason::NotificationSent(_) => {
                if let Some(notification) = reason.notification() {
                    self.send_last(side, &notification);
                }
            }
            DownReason::NotificationReceived(_)
            | DownReason::Disabled
            | DownReason::Deleted
            | DownReason::ConnectFailed(_) => self.outputs.push_back(Output::Close { side }),
            // The connection is gone already.
            DownReason::TcpClosed
            | DownReason::TcpError(_)
            | DownReason::LinkDown
            | DownReason::AddressGone => {}
        }
    }

    fn note_error(&mut self, now: Instant, state: State, reason: DownReason) -> LastError {
        let error = LastError {
            at: now,
            direction: reason.direction(),
            state,
            reason,
        };
        self.last_error = Some(error.clone());
        error
    }
}

#[cfg(test)]
mod tests;
