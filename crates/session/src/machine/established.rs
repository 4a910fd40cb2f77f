//! Established (RFC 4271 8.2.2), and the way out of it.

use std::time::{Duration, Instant};

use wire::{
    AfiSafi, CeaseSubcode, Family, FaultKind, Frame, MessageType, Notification, RouteRefresh,
    capability_code,
};

use crate::connection::Dial;
use crate::event::{FrameUse, Output, Sending};
use crate::phase::{Established, Idle, Opening, Phase, unexpected};
use crate::reason::{Down, DownReason};
use crate::session::{KEEPALIVE_GAP, Session};
use crate::state::State;
use crate::timer::{STABLE, due};

/// The send hold time is at least this where none is configured (RFC 9687).
const SEND_HOLD: Duration = Duration::from_secs(480);

impl Session {
    /// The owner has sent `count` UPDATEs. They count as keepalives too (RFC 4271 4.4, 8.2.2 event 27).
    pub fn sent_updates(&mut self, now: Instant, count: u64) {
        self.counters.sent[MessageType::Update.index()] += count;
        let Phase::Established(established) = &self.phase else {
            return;
        };
        let interval = established.terms.keepalive_interval();
        let keepalive_at = self.keepalive_at(now, interval);
        if let Phase::Established(established) = &mut self.phase {
            established.keepalive_at = keepalive_at;
        }
    }

    /// The peer may have spoken and was not read, which is our doing: its hold timer starts anew.
    pub fn forgive_silence(&mut self, now: Instant) {
        self.restart_hold(now);
    }

    /// TCP took all, some or nothing of what waits to be sent to the peer. The send hold timer runs from the last time that
    /// it took something (RFC 9687). A driver that has nothing waiting need not say so again.
    pub fn sending(&mut self, now: Instant, sending: Sending) {
        let configured = self.settings.send_hold;
        let Some(established) = self.established_mut() else {
            return;
        };
        let time = send_hold(configured, established.terms.hold());
        established.send_hold_at = match sending {
            Sending::All => None,
            Sending::Some => time.map(|time| now + time),
            Sending::Nothing => established
                .send_hold_at
                .or_else(|| time.map(|time| now + time)),
        };
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

    /// Tells the peer that all our routes of this family follow once more (BoRR, RFC 7313 section 4). Only where both mark
    /// refreshes; their end is for whoever sends the routes to say.
    pub fn begin_refresh(&mut self, family: Family) {
        let Phase::Established(established) = &self.phase else {
            return;
        };
        if established.terms.enhanced_refresh {
            let side = established.terms.side;
            let begin = RouteRefresh {
                family: family.afi_safi(),
                subtype: RouteRefresh::BEGIN,
            };
            self.send(side, MessageType::RouteRefresh, begin.encode());
        }
    }

    fn established_mut(&mut self) -> Option<&mut Established> {
        match &mut self.phase {
            Phase::Established(established) => Some(established),
            Phase::Idle(_) | Phase::Opening(_) => None,
        }
    }

    pub(super) fn established_frame(&mut self, now: Instant, frame: Frame<'_>) -> FrameUse {
        match frame.kind {
            MessageType::Update => {
                self.restart_hold(now);
                return FrameUse::Update;
            }
            MessageType::Keepalive => self.restart_hold(now),
            MessageType::RouteRefresh => self.refresh_received(now, frame.body),
            MessageType::Notification => {
                let reason = match Notification::decode(frame.body) {
                    Ok(notification) => DownReason::NotificationReceived(notification),
                    Err(_) => DownReason::TcpClosed,
                };
                self.go_down(now, reason);
            }
            MessageType::Open => {
                let fault = unexpected(FaultKind::UnexpectedInEstablished, frame.kind);
                self.go_down(now, DownReason::Fault(fault));
            }
        }
        FrameUse::Handled
    }

    fn restart_hold(&mut self, now: Instant) {
        if let Some(established) = self.established_mut() {
            established.restart_hold(now);
        }
    }

    /// RFC 2918 4: a request for a family that is not in effect is ignored, and so is a mark of RFC 7313 from a peer that does
    /// not offer them, whom its rules on errors do not bind either.
    fn refresh_received(&mut self, now: Instant, body: &[u8]) {
        let Some(established) = self.established_mut() else {
            return;
        };
        let terms = &established.terms;
        let known = |family: AfiSafi| {
            let family = Family::from_afi_safi(family);
            family.filter(|family| terms.families.contains(*family))
        };
        match RouteRefresh::decode(body) {
            Ok(RouteRefresh { family, subtype }) => {
                let output = match (subtype, known(family), terms.enhanced_refresh) {
                    (RouteRefresh::REQUEST, Some(_), _) => Some(Output::Refresh { family }),
                    (RouteRefresh::BEGIN, Some(family), true) => {
                        Some(Output::RefreshBegins { family })
                    }
                    (RouteRefresh::END, Some(family), true) => Some(Output::RefreshEnds { family }),
                    _ => None,
                };
                match output {
                    None => self.counters.refresh_ignored += 1,
                    Some(output) if self.outputs.contains(&output) => {}
                    Some(output) => self.outputs.push_back(output),
                }
            }
            Err(fault) => {
                let marks = terms
                    .received
                    .capabilities
                    .iter()
                    .any(|c| c.code() == capability_code::ENHANCED_ROUTE_REFRESH);
                if fault.kind == FaultKind::RouteRefreshLength && !marks {
                    self.counters.refresh_ignored += 1;
                } else {
                    self.go_down(now, DownReason::Fault(fault));
                }
            }
        }
    }

    /// RFC 4271 6.8: the new connection is closed. But a peer that connects may have lost the one that we think is up;
    /// a KEEPALIVE on it makes the peer's host tell us at once if it is gone. A peer that keeps forwarding over a restart is
    /// taken at its word: the old connection goes without a NOTIFICATION, and true: the new one is to be taken (RFC 4724
    /// 5). But not in a session that has only begun, or somebody could have one after the other without a pause.
    pub(super) fn accepted_in_established(&mut self, now: Instant) -> bool {
        let retry_at = self.retry_at(now);
        let Some(established) = self.established_mut() else {
            return false;
        };
        let may_restart = established.terms.graceful;
        let may_restart = may_restart.is_some_and(|peer| !peer.families.is_empty());
        if may_restart && now >= established.since + STABLE {
            let _ = self.note_error(now, State::Established, DownReason::Returned);
            self.leave(now, None, DownReason::Returned);
            let dial = match self.settings.passive {
                true => Dial::Off,
                false => Dial::Waiting { until: retry_at },
            };
            self.phase = Phase::Opening(Opening {
                dial,
                incoming: None,
            });
            return true;
        }
        self.counters.collisions += 1;
        self.refuse(Some(Notification::cease(
            CeaseSubcode::CollisionResolution,
            "",
        )));
        if let Some(established) = self.established_mut()
            && now >= established.keepalive_sent + KEEPALIVE_GAP
        {
            established.keepalive_sent = now;
            let side = established.terms.side;
            self.send_keepalive(side);
        }
        false
    }

    /// We are about to restart and will be back: the peer is not told that the session ends for good. One that would not
    /// keep our routes is told what it understands.
    pub(super) fn leave_for_restart(&mut self, now: Instant, notification: &Notification) {
        let Some(established) = self.established_mut() else {
            return;
        };
        let farewell = match established.terms.graceful {
            None => Some(notification.clone()),
            Some(peer) if peer.notification => {
                Some(Notification::cease(CeaseSubcode::AdminReset, "restarting"))
            }
            Some(_) => None,
        };
        self.end(now, farewell.as_ref(), DownReason::Disabled);
    }

    pub(super) fn established_timer(&mut self, now: Instant) {
        let Some(established) = self.established_mut() else {
            return;
        };
        if due(established.hold_at, now) {
            return self.go_down(now, DownReason::HoldTimerExpired);
        }
        if due(established.send_hold_at, now) {
            return self.go_down(now, DownReason::SendHoldTimerExpired);
        }
        if due(established.keepalive_at, now) {
            established.keepalive_sent = now;
            let side = established.terms.side;
            let interval = established.terms.keepalive_interval();
            self.send_keepalive(side);
            let next = self.keepalive_at(now, interval);
            if let Some(established) = self.established_mut() {
                established.keepalive_at = next;
            }
        }
    }

    /// The session ends by an error or a reset, and starts over after the idle hold time.
    pub(super) fn go_down(&mut self, now: Instant, reason: DownReason) {
        let _ = self.note_error(now, State::Established, reason.clone());
        self.leave(now, None, reason);
        self.hold_idle(now);
    }

    /// Out of Established to Idle. `notification` is what a stop sends; an error brings its own.
    pub(super) fn leave(
        &mut self,
        now: Instant,
        notification: Option<&Notification>,
        reason: DownReason,
    ) {
        let Some(established) = self.established_mut() else {
            return;
        };
        // What ends for good has to say so, where a NOTIFICATION alone would let the peer keep our routes (RFC 8538).
        let last = match &reason {
            DownReason::Shed(notification) => Some(notification),
            _ => notification,
        };
        let hard = last.filter(|_| established.terms.is_hard_reset_needed());
        let hard = hard.map(|notification| notification.clone().into_hard_reset());
        self.end(now, hard.as_ref().or(notification), reason);
    }

    /// Out of Established to Idle, with these words.
    fn end(&mut self, now: Instant, notification: Option<&Notification>, reason: DownReason) {
        let Some(established) = self.established_mut() else {
            return;
        };
        let side = established.terms.side;
        let max_len = established.terms.max_len();
        let uptime = now.saturating_duration_since(established.since);
        self.phase = Phase::Idle(Idle::Disabled);
        match notification {
            Some(notification) => self.send_last(side, notification, max_len),
            None => self.close_for(side, &reason, max_len),
        }
        self.flaps += 1;
        self.last_down = Some(now);
        self.is_flapping = !self.back_off.was_up(uptime);
        self.outputs
            .push_back(Output::Down(Down { reason, uptime }));
    }
}

/// SendHoldTime. None: the timer is off, as it is without a hold time (RFC 9687).
fn send_hold(configured: Option<u16>, hold: Option<Duration>) -> Option<Duration> {
    let hold = hold?;
    match configured {
        Some(0) => None,
        Some(seconds) => Some(Duration::from_secs(u64::from(seconds))),
        None => Some(SEND_HOLD.max(hold * 2)),
    }
}
