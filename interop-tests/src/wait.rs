//! Waiting for an event with a deadline.
//!
//! The daemons of the other makers have no event stream in common, so an event is found by
//! asking again, first quickly, then less often; no step of a lab ever sleeps for a fixed time.

use std::thread;
use std::time::{Duration, Instant};

use crate::{LabError, Result};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(150);

/// Asks `probe` until it answers `Ok`, at most for `limit`.
///
/// # Errors
/// When the time is over: what was waited for, for how long, and what `probe` saw last.
pub fn wait_for<T>(limit: Duration, what: &str, mut probe: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    loop {
        match probe() {
            Ok(value) => return Ok(value),
            Err(seen) if Instant::now() >= deadline => {
                let seconds = limit.as_secs_f32();
                return Err(LabError::new(format!(
                    "waited {seconds:.0} s for {what}; last seen: {seen}"
                )));
            }
            Err(_) => {
                thread::sleep(pause);
                pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Asks `holds` until it is true, at most for `limit`.
///
/// # Errors
/// As [`wait_for`].
pub fn wait_until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    wait_for(limit, what, || {
        holds().then_some(()).ok_or_else(|| LabError::new("not so"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_good_answer_ends_the_wait() {
        let mut asked = 0;
        let got = wait_for(Duration::from_secs(5), "the third answer", || {
            asked += 1;
            if asked == 3 {
                Ok(asked)
            } else {
                Err(LabError::new("not yet"))
            }
        });
        assert_eq!(got.unwrap(), 3);
    }

    #[test]
    fn the_last_observation_is_in_the_error() {
        let mut asked = 0;
        let error = wait_for::<()>(Duration::ZERO, "rain", || {
            asked += 1;
            Err(LabError::new(format!("sun {asked}")))
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "waited 0 s for rain; last seen: sun 1");
    }
}
