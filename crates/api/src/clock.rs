//! From the speaker's monotonic time to the time of day.

use std::time::{Duration, Instant, SystemTime};

use prost_types::Timestamp;
use proto::v1;
use speaker::Drain;

/// A wall clock that is off by more than this was set.
const SET: Duration = Duration::from_secs(1);

/// Remembers how the two clocks stood to each other, so that one moment keeps one time in all
/// answers as long as nobody sets the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    monotonic: Instant,
    wall: SystemTime,
}

/// Both clocks at the moment of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    now: Instant,
    wall: SystemTime,
}

impl Clock {
    /// Reads both clocks.
    pub(crate) fn new() -> Clock {
        Clock {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Both clocks at `now`.
    pub(crate) fn at(&self, now: Instant) -> Wall {
        self.of(now, SystemTime::now())
    }

    fn of(&self, now: Instant, measured: SystemTime) -> Wall {
        let expected = self.wall + now.saturating_duration_since(self.monotonic);
        let off = match measured.duration_since(expected) {
            Ok(off) => off,
            Err(error) => error.duration(),
        };
        Wall {
            now,
            wall: if off > SET { measured } else { expected },
        }
    }
}

impl Wall {
    /// The moment of the answer.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// A moment as time of day, to the millisecond.
    pub(crate) fn timestamp(&self, at: Instant) -> Timestamp {
        let wall = match at.checked_duration_since(self.now) {
            Some(ahead) => self.wall + ahead,
            None => self.wall - self.now.duration_since(at),
        };
        let mut timestamp = Timestamp::from(wall);
        timestamp.nanos -= timestamp.nanos % 1_000_000;
        timestamp
    }

    /// That something is drained.
    pub(crate) fn drain(&self, drain: &Drain) -> v1::Drain {
        v1::Drain {
            since: Some(self.timestamp(drain.since)),
            reason: drain.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_its_time_until_the_clock_is_set() {
        let clock = Clock::new();
        let at = clock.monotonic + Duration::from_secs(5);
        let second = Duration::from_secs(1);
        let jitter = Duration::from_millis(300);
        let early = clock.of(at + second, clock.wall + 6 * second);
        let late = clock.of(at + 9 * second, clock.wall + 14 * second + jitter);
        assert_eq!(early.timestamp(at), late.timestamp(at));
        let set = clock.of(at + 9 * second, clock.wall + 1000 * second);
        assert_eq!(
            set.timestamp(at),
            clock.of(at, clock.wall + 991 * second).timestamp(at)
        );
        assert!(set.timestamp(at).seconds > late.timestamp(at).seconds + 900);
    }

    #[test]
    fn the_future_is_after_now() {
        let clock = Clock::new();
        let wall = clock.at(clock.monotonic);
        let retry = wall.timestamp(clock.monotonic + Duration::from_secs(30));
        assert_eq!(retry.seconds - wall.timestamp(clock.monotonic).seconds, 30);
    }
}
