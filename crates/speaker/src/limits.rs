//! Peers that bring, or would be sent, more routes than they may.
//!
//! Counted are the routes that the checks and import let in (RFC 4271 section 6.7: what a speaker "is willing to accept"),
//! after each UPDATE, so that a session that is to end for it does so with the UPDATE that goes beyond. `block` is carried
//! out route by route in the table, which knows what replaces what; here is told what it refused. What a peer would be
//! sent is counted after each pull and before anything of it is written.
//!
//! RFC 4271 6.7, RFC 4486 4.

use std::fmt;
use std::time::{Duration, Instant};

use config::{LimitAction, Most, PrefixLimits};
use rib::PeerId;
use session::{Hold, Input};
use wire::{CeaseSubcode, Families, Family, Notification};

use crate::Speaker;
use crate::event::{Event, KeptEnd, Limiter};
use crate::peer::Peer;

/// What was told of a peer's limits, so that it is told once.
#[derive(Debug, Default)]
pub(crate) struct LimitState {
    near: Families,
    over: Families,
    /// How often each was told, by family and by whether it is about being beyond.
    lines: Vec<(Family, bool, Limiter)>,
}

/// What became of a peer that came to one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitFact {
    /// It is close to it.
    Near,
    /// It is beyond it, which is only told.
    Over,
    /// It is beyond it, and nothing more is taken.
    Blocked,
    /// It was beyond it, and its session was ended.
    Shut,
    /// It would have been sent more than it may be, and its session was ended.
    ShutOut,
}

/// A peer came to one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// Routes of this family.
    pub family: Family,
    /// How many there are.
    pub count: u32,
    /// How many there may be.
    pub most: u32,
    /// What becomes of it.
    pub fact: LimitFact,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LimitReached {
            family,
            count,
            most,
            fact,
        } = self;
        write!(f, "{count} of {most} {family} routes {fact}")
    }
}

impl fmt::Display for LimitFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LimitFact::Near => "and is close to max-prefix",
            LimitFact::Over => "and is beyond max-prefix, which is only told",
            LimitFact::Blocked => "as max-prefix allows; more is refused",
            LimitFact::Shut => "and is shut down for it by max-prefix",
            LimitFact::ShutOut => "to be sent and is shut down for it by max-prefix-out",
        })
    }
}

/// The limit that the table itself carries out.
fn blocks_at(limits: &PrefixLimits) -> Most {
    match limits.action {
        LimitAction::Block => limits.most,
        LimitAction::Warn | LimitAction::Shut => Most::OFF,
    }
}

impl Speaker {
    /// A session came up, or its limits are others now.
    pub(crate) fn set_limits(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        peer.limits = LimitState::default();
        let is_bounded = peer.config.limits.most_out != Most::OFF;
        self.bounded.retain(|other| *other != id);
        if is_bounded {
            self.bounded.push(id);
        }
        self.limit_table(id);
    }

    /// The table refuses what goes beyond a limit from now on, and begins to count what it refuses.
    pub(crate) fn limit_table(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get(id) {
            let blocks = blocks_at(&peer.config.limits);
            let most = Family::ALL.map(|family| blocks.of(family));
            self.rib.limit_paths(id, most);
        }
    }

    /// A peer has other settings. One that was shut for its limits is judged by the new ones.
    pub(crate) fn limits_changed(&mut self, now: Instant, id: PeerId, old: &PrefixLimits) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if peer.config.limits == *old {
            return;
        }
        if peer.link.is_some() {
            self.set_limits(id);
            self.check_limits(now, id);
        } else if peer.is_shut_by_limit() {
            let notification = Notification::cease(CeaseSubcode::AdminReset, "");
            self.tell(now, id, Input::Reset { notification });
        }
    }

    /// Looks at what a peer has brought.
    pub(crate) fn check_limits(&mut self, now: Instant, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let limits = peer.config.limits;
        if limits.most == Most::OFF || peer.link.is_none() {
            return;
        }
        let counts = self.rib.path_counts(id);
        let refused = self.rib.refused_counts(id);
        for family in limits.most.families().iter() {
            let Some(most) = limits.most.of(family) else {
                continue;
            };
            let count = counts[family.index()].accepted;
            let is_near = limits.warns_at(family).is_some_and(|at| count >= at);
            let is_over = match limits.action {
                LimitAction::Block => count >= most.get() && refused[family.index()] > 0,
                LimitAction::Warn | LimitAction::Shut => count > most.get(),
            };
            let fact = match (is_over, limits.action) {
                (false, _) => LimitFact::Near,
                (true, LimitAction::Warn) => LimitFact::Over,
                (true, LimitAction::Block) => LimitFact::Blocked,
                (true, LimitAction::Shut) => LimitFact::Shut,
            };
            if !peer.limits.is_news(now, family, fact, is_near) {
                continue;
            }
            self.events.push(Event::PrefixLimit {
                peer: peer.config.name.clone(),
                limit: LimitReached {
                    family,
                    count,
                    most: most.get(),
                    fact,
                },
            });
            if fact == LimitFact::Shut {
                let notification = Notification::max_prefixes(family.afi_safi(), most.get());
                return self.shut(now, id, notification);
            }
        }
    }

    /// Looks at what peers are about to be sent, before anything of it is.
    pub(crate) fn check_limits_out(&mut self, now: Instant) {
        if self.bounded.is_empty() {
            return;
        }
        for id in self.bounded.clone() {
            let Some(peer) = self.peers.get(id).filter(|peer| peer.link.is_some()) else {
                self.bounded.retain(|other| *other != id);
                continue;
            };
            let limits = peer.config.limits;
            let counts = self.rib.advertised_counts(id);
            let mut families = limits.most_out.families().iter();
            let beyond = families.find_map(|family| {
                let most = limits.most_out.of(family)?.get();
                let count = counts[family.index()];
                (count > most).then_some((family, count, most))
            });
            let Some((family, count, most)) = beyond else {
                continue;
            };
            self.events.push(Event::PrefixLimit {
                peer: peer.config.name.clone(),
                limit: LimitReached {
                    family,
                    count,
                    most,
                    fact: LimitFact::ShutOut,
                },
            });
            // No subcode says that somebody sends too much, but a text can (RFC 9003).
            let text = format!("there is more to send than {most} of {family} (max-prefix-out)");
            let notification = Notification::cease(CeaseSubcode::AdminShutdown, &text);
            self.shut(now, id, notification);
        }
    }

    /// Ends the session of a peer that is beyond a limit, and keeps it out for a while.
    fn shut(&mut self, now: Instant, id: PeerId, notification: Notification) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let hold = match peer.config.limits.restart {
            0 => Hold::UntilReset,
            seconds => Hold::For(Duration::from_secs(seconds.into())),
        };
        self.drop_kept(id, Families::ALL, KeptEnd::NotWanted);
        self.tell(now, id, Input::Shed { notification, hold });
    }
}

impl Peer {
    /// It is kept out because of `max-prefix` or `max-prefix-out`.
    pub fn is_shut_by_limit(&self) -> bool {
        use session::Advice;
        let error = self.session.last_error();
        let advice = error.and_then(|error| error.advice(self.session.settings()));
        let is_limit = matches!(advice, Some(Advice::PrefixLimit | Advice::PrefixLimitOut));
        is_limit && self.session.is_shed()
    }
}

impl LimitState {
    /// Notes how it stands with a family. True if that is to be told: the first time, and not often.
    fn is_news(&mut self, now: Instant, family: Family, fact: LimitFact, is_near: bool) -> bool {
        if fact == LimitFact::Shut {
            return true;
        }
        let was_near = self.near.contains(family);
        let was_over = self.over.contains(family);
        let is_over = fact != LimitFact::Near;
        for (families, is_in) in [
            (&mut self.near, is_near || is_over),
            (&mut self.over, is_over),
        ] {
            match is_in {
                true => families.insert(family),
                false => families.remove(family),
            }
        }
        let is_new = is_over && !was_over || is_near && !was_near;
        is_new && self.is_line_due(now, family, is_over)
    }

    fn is_line_due(&mut self, now: Instant, family: Family, is_over: bool) -> bool {
        let known = self
            .lines
            .iter()
            .position(|(of, over, _)| (*of, *over) == (family, is_over));
        let at = known.unwrap_or_else(|| {
            self.lines.push((family, is_over, Limiter::default()));
            self.lines.len() - 1
        });
        self.lines[at].2.hit(now).is_some()
    }
}
