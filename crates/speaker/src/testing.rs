//! A start of time for tests.

use std::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "tests need one instant to count from"
)]
pub(crate) fn start() -> Instant {
    Instant::now()
}
