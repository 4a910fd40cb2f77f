//! One peer as a value: what it holds, what can be asked of it, and the steps that all phases share.
//!
//! Never takes an input: that is `machine`, above the phases.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wire::{MAX_LEN, MessageType, Notification};

use crate::connection::{Connection, Dial};
use crate::counters::Counters;
use crate::event::Output;
use crate::negotiate::{Negotiated, keepalive};
use crate::phase::{Idle, Phase};
use crate::reason::{DownReason, LastError};
use crate::settings::Settings;
use crate::side::Side;
use crate::state::State;
use crate::timer::{BackOff, Jitter};

/// Keepalives come at most once a second (RFC 4271 4.4).
pub(crate) const KEEPALIVE_GAP: Duration = Duration::from_secs(1);

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
    /// It brought too much and waits for an operator to reset it.
    Shut,
}

/// One peer. See the crate's documentation.
#[derive(Debug)]
pub struct Session {
    pub(crate) settings: Settings,
    pub(crate) phase: Phase,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) jitter: Jitter,
    pub(crate) back_off: BackOff,
    pub(crate) counters: Counters,
    pub(crate) flaps: u64,
    /// The last time that it was up was too short to count as a good session.
    pub(crate) is_flapping: bool,
    pub(crate) last_down: Option<Instant>,
    pub(crate) last_error: Option<LastError>,
}

impl Session {
    /// A session that is Idle until [`crate::Input::Enable`].
    pub fn new(settings: Settings) -> Session {
        Session {
            phase: Phase::Idle(Idle::Disabled),
            outputs: VecDeque::new(),
            jitter: Jitter::new(settings.seed),
            back_off: BackOff::new(settings.idle_hold, settings.idle_hold_max),
            counters: Counters::default(),
            flaps: 0,
            is_flapping: false,
            last_down: None,
            last_error: None,
            settings,
        }
    }

    /// The next thing to do, in order. None: nothing more until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`crate::Input::Timer`] is wanted. None: no timer is armed.
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Idle(Idle::Disabled | Idle::Shut) => None,
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
            Phase::Idle(Idle::Shut) => Some(IdleReason::Shut),
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

    /// The most octets of a message on the connection of this side, header included: more than usual once both have sent an
    /// OPEN that says so (RFC 8654 section 4).
    pub fn max_len(&self, side: Side) -> usize {
        let terms = match &self.phase {
            Phase::Idle(_) => None,
            Phase::Opening(opening) => opening.connection(side).and_then(Connection::terms),
            Phase::Established(established) => {
                Some(&*established.terms).filter(|terms| terms.side == side)
            }
        };
        terms.map_or(MAX_LEN, Negotiated::max_len)
    }

    /// Since when it is Established.
    pub fn established_since(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Established(established) => Some(established.since),
            Phase::Idle(_) | Phase::Opening(_) => None,
        }
    }

    /// True while it waits in Idle because it was up for a moment only, or because its peer brought more than there is
    /// room for. The peer must not get around this by becoming another session.
    pub fn is_damped(&self) -> bool {
        let is_held = matches!(self.phase, Phase::Idle(Idle::Hold { .. }));
        is_held && self.is_flapping || self.is_shed()
    }

    /// True while it waits in Idle because it brought too much.
    pub fn is_shed(&self) -> bool {
        let last = self.last_error.as_ref().map(|error| &error.reason);
        matches!(self.phase, Phase::Idle(Idle::Hold { .. } | Idle::Shut))
            && matches!(last, Some(DownReason::Shed(_)))
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
    /// next attempt and the next OPEN follow them. One that is no longer passive connects at once. How often we send
    /// KEEPALIVEs is ours to choose (RFC 4271 4.4), from the next one on.
    pub fn reconfigure(&mut self, now: Instant, settings: Settings) {
        if (settings.idle_hold, settings.idle_hold_max)
            != (self.settings.idle_hold, self.settings.idle_hold_max)
        {
            self.back_off = BackOff::new(settings.idle_hold, settings.idle_hold_max);
        }
        self.settings = settings;
        if self.flaps > 0 || matches!(self.phase, Phase::Established(_)) {
            self.forget_restart();
        }
        match &mut self.phase {
            Phase::Idle(_) => {}
            Phase::Opening(opening) => opening.turn(now, self.settings.passive),
            Phase::Established(established) => {
                let terms = &mut established.terms;
                let before = terms.keepalive;
                terms.keepalive = keepalive(terms.hold_time, self.settings.keepalive);
                if terms.keepalive != before {
                    let interval = terms.keepalive_interval();
                    established.keepalive_at =
                        interval.map(|time| now + self.jitter.within(time).max(KEEPALIVE_GAP));
                }
            }
        }
    }

    /// That we have restarted is said until the peer knows it. Whatever ends a session from then on ends no forwarding.
    pub(crate) fn forget_restart(&mut self) {
        let families = self.settings.families;
        if let Some(graceful) = &mut self.settings.graceful {
            graceful.restarting = false;
            graceful.forwarding = families;
        }
        if let Some(long) = &mut self.settings.long_lived {
            long.forwarding = self.settings.families;
        }
    }

    // What all phases share.

    /// Waits before the next attempt, longer each time (DampPeerOscillations).
    pub(crate) fn hold_idle(&mut self, now: Instant) {
        let hold = self.back_off.after_failure();
        let wait = self.jitter.within(hold);
        self.phase = Phase::Idle(Idle::Hold {
            listen_at: now + wait.min(self.settings.idle_hold),
            until: now + wait,
        });
    }

    pub(crate) fn refuse(&mut self, notification: Option<Notification>) {
        self.counters.refused += 1;
        self.outputs.push_back(Output::Refuse { notification });
    }

    /// True if there is a connection of this side whose inputs count.
    pub(crate) fn is_open(&self, side: Side) -> bool {
        match &self.phase {
            Phase::Idle(_) => false,
            Phase::Opening(opening) => opening.connection(side).is_some(),
            Phase::Established(established) => established.terms.side == side,
        }
    }

    pub(crate) fn retry_at(&mut self, now: Instant) -> Instant {
        now + self.jitter.around(self.settings.connect_retry)
    }

    /// When the next keepalive is due at this interval; None: never. Not sooner than in a second, whatever chance says (RFC
    /// 4271 4.4).
    pub(crate) fn keepalive_at(
        &mut self,
        now: Instant,
        interval: Option<Duration>,
    ) -> Option<Instant> {
        interval.map(|interval| now + self.jitter.within(interval).max(KEEPALIVE_GAP))
    }

    pub(crate) fn send(&mut self, side: Side, kind: MessageType, bytes: Bytes) {
        self.counters.sent[kind.index()] += 1;
        self.outputs.push_back(Output::Send { side, bytes });
    }

    pub(crate) fn send_keepalive(&mut self, side: Side) {
        self.send(side, MessageType::Keepalive, wire::keepalive());
    }

    /// The one place where a NOTIFICATION is sent: a close follows at once, and the caller has taken the connection out.
    /// `max_len`: the most octets that the peer takes of it.
    pub(crate) fn send_last(&mut self, side: Side, notification: &Notification, max_len: usize) {
        self.send(
            side,
            MessageType::Notification,
            notification.encode_within(max_len),
        );
        self.outputs.push_back(Output::Close { side });
    }

    /// Ends the connection that a failure was found on: tells the peer if it is for us to tell.
    /// `max_len`: the most octets that the peer takes of a message.
    pub(crate) fn close_for(&mut self, side: Side, reason: &DownReason, max_len: usize) {
        match reason {
            DownReason::Fault(_)
            | DownReason::HoldTimerExpired
            | DownReason::NotificationSent(_)
            | DownReason::Shed(_) => {
                if let Some(notification) = reason.notification() {
                    self.send_last(side, &notification, max_len);
                }
            }
            DownReason::SendHoldTimerExpired
            | DownReason::NotificationReceived(_)
            | DownReason::Disabled
            | DownReason::Deleted
            | DownReason::Returned
            | DownReason::ConnectFailed(_)
            | DownReason::Unfit(_) => self.outputs.push_back(Output::Close { side }),
            // The connection is gone already.
            DownReason::TcpClosed
            | DownReason::TcpError(_)
            | DownReason::LinkDown
            | DownReason::AddressGone => {}
        }
    }

    pub(crate) fn note_error(
        &mut self,
        now: Instant,
        state: State,
        reason: DownReason,
    ) -> LastError {
        let error = LastError {
            at: now,
            direction: reason.direction(),
            state,
            reason,
        };
        self.counters.errors += 1;
        self.last_error = Some(error.clone());
        error
    }
}
