//! The state machine of one peer (RFC 4271 section 8), both connections of a collision in one value.
//!
//! Here: what comes in, and start and stop. `opening` has the way from the first attempt to connect up to OpenConfirm,
//! `established` the rest; the value that they change is in `session`, what a phase holds in `phase`.
//!
//! Where we differ from RFC 4271 8.2.2, on purpose: a failed attempt to connect leads to Active and not to Idle, so that
//! a returning peer is found at the next connect retry; in an idle hold that has doubled, the peer's own connections are
//! taken again after the first idle hold time, so that two peers that back off do not miss each other for minutes.

mod established;
mod opening;

use std::time::Instant;

use wire::{CeaseSubcode, Frame, Notification};

use crate::connection::Dial;
use crate::event::{FrameUse, Hold, Input, Output};
use crate::phase::{Idle, Opening, Phase};
use crate::reason::DownReason;
use crate::session::Session;
use crate::side::Side;
use crate::timer::due;

impl Session {
    /// Takes in what happened. Never fails. After it, [`Session::poll`] is called until it returns None: that is what
    /// keeps the queue of outputs short.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) -> FrameUse {
        match input {
            Input::Enable => self.enable(now),
            Input::Disable { notification } => self.disable(now, &notification),
            Input::Restart { notification } => {
                self.leave_for_restart(now, &notification);
                self.disable(now, &notification);
            }
            Input::Reset { notification } => self.reset(now, notification),
            Input::Shed { notification, hold } => self.shed(now, notification, hold),
            Input::Connected { local, remote } => self.connected(now, local, remote),
            Input::ConnectFailed(kind) => self.connect_failed(now, kind),
            Input::Accepted { local, remote } => self.accepted(now, local, remote),
            Input::Unfit(unfit) => self.unfit(now, unfit),
            Input::Frame { side, frame } => return self.frame(now, side, frame),
            Input::Fault { side, fault } => self.fail(now, side, DownReason::Fault(fault)),
            Input::Closed { side, cause } => self.fail(now, side, cause.into()),
            Input::Timer => self.timer(now),
        }
        FrameUse::Handled
    }

    // Start and stop.

    fn enable(&mut self, now: Instant) {
        match self.phase {
            Phase::Idle(Idle::Disabled) => {
                self.back_off.reset();
                self.start(now);
            }
            Phase::Idle(Idle::Hold { .. } | Idle::Shut)
            | Phase::Opening(_)
            | Phase::Established(_) => {}
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
            Phase::Idle(Idle::Hold { .. } | Idle::Shut) => self.start(now),
            Phase::Opening(_) => {
                self.close_all(now, &notification);
                self.start(now);
            }
            Phase::Established(_) => self.go_down(now, DownReason::NotificationSent(notification)),
        }
    }

    /// What the session takes would be taken again at once: it waits, by default as long as after many failures, and so
    /// does the peer.
    fn shed(&mut self, now: Instant, notification: Notification, hold: Hold) {
        let Phase::Established(_) = self.phase else {
            return;
        };
        self.go_down(now, DownReason::Shed(notification));
        let time = match hold {
            Hold::Longest => self.jitter.within(self.settings.idle_hold_max),
            Hold::For(time) => time,
            Hold::UntilReset => {
                self.phase = Phase::Idle(Idle::Shut);
                return;
            }
        };
        let until = now + time;
        self.phase = Phase::Idle(Idle::Hold {
            listen_at: until,
            until,
        });
    }

    // What each phase takes in its own way.

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
            Phase::Idle(Idle::Disabled | Idle::Shut) => {}
            Phase::Idle(Idle::Hold { until, .. }) => {
                if due(Some(*until), now) {
                    self.start(now);
                }
            }
            Phase::Opening(_) => self.opening_timer(now),
            Phase::Established(_) => self.established_timer(now),
        }
    }
}

#[cfg(test)]
mod tests;
