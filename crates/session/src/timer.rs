//! Jitter and back-off.
//!
//! RFC 4271 10 (jitter), 8.1 and 8.2.1.1 (DampPeerOscillations, IdleHoldTime).

use std::time::{Duration, Instant};

/// The hold timer of a connection whose peer has not sent its OPEN: "a large value" (RFC 4271 8.2.2 suggests 4 minutes).
pub(crate) const OPEN_HOLD: Duration = Duration::from_secs(240);

/// A session that was Established for this long was a good one: the next failure counts as the first.
pub(crate) const STABLE: Duration = Duration::from_secs(10);

/// A source of fractions, the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Jitter {
        Jitter(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A time within `low` to `high` thousandths of `base`.
    fn between(&mut self, base: Duration, low: u32, high: u32) -> Duration {
        let span = u64::from(high - low) + 1;
        let part = low + u32::try_from(self.next() % span).expect("invariant: below the span");
        base * part / 1000
    }

    /// Within 25 % of `base` to either side: connect retry.
    pub(crate) fn around(&mut self, base: Duration) -> Duration {
        self.between(base, 750, 1250)
    }

    /// From 75 % of `base` to all of it: RFC 4271 10, so that a keepalive never comes late.
    pub(crate) fn within(&mut self, base: Duration) -> Duration {
        self.between(base, 750, 1000)
    }
}

/// The idle hold time: doubles with each failure.
#[derive(Debug, Clone)]
pub(crate) struct BackOff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl BackOff {
    pub(crate) fn new(first: Duration, most: Duration) -> BackOff {
        BackOff {
            first,
            most: most.max(first),
            next: first,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// The session was Established for this long before it failed. True if that was long enough to begin anew.
    pub(crate) fn was_up(&mut self, uptime: Duration) -> bool {
        let is_stable = uptime >= STABLE;
        if is_stable {
            self.reset();
        }
        is_stable
    }

    /// How long to wait after the failure that just happened.
    pub(crate) fn after_failure(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.most);
        wait
    }
}

/// The earlier of two deadlines.
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

/// True if the deadline is set and reached.
pub(crate) fn due(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn idle_hold_doubles_up_to_the_most() {
        let mut back_off = BackOff::new(Duration::from_secs(1), Duration::from_secs(60));
        let waits: Vec<u64> = (0..9).map(|_| back_off.after_failure().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        back_off.was_up(Duration::from_secs(9));
        assert_eq!(back_off.after_failure().as_secs(), 60);
        back_off.was_up(Duration::from_secs(10));
        assert_eq!(back_off.after_failure().as_secs(), 1);
    }

    proptest! {
        #[test]
        fn jitter_stays_in_its_bounds(seed: u64, ms in 1u64..1_000_000) {
            let mut jitter = Jitter::new(seed);
            let base = Duration::from_millis(ms);
            for _ in 0..20 {
                let around = jitter.around(base);
                prop_assert!(around >= base * 3 / 4 && around <= base * 5 / 4);
                let within = jitter.within(base);
                prop_assert!(within >= base * 3 / 4 && within <= base);
            }
        }

        #[test]
        fn jitter_spreads(seed: u64) {
            let mut jitter = Jitter::new(seed);
            let base = Duration::from_secs(5);
            let draws: Vec<Duration> = (0..100).map(|_| jitter.around(base)).collect();
            prop_assert!(draws.iter().any(|draw| *draw < base * 85 / 100));
            prop_assert!(draws.iter().any(|draw| *draw > base * 115 / 100));
        }
    }
}
