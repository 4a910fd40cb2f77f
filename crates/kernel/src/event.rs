//! How the two threads tell what they hear.
//!
//! Owns the type of the callback; never calls it and never holds an event back.

use fib::KernelEvent;

/// Called with everything that is heard, from both threads.
pub(crate) type OnEvent = dyn Fn(KernelEvent) + Send + Sync;
