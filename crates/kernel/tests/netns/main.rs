//! Real kernels, real routes: `fib` and `kernel` together in network namespaces of their own.
//! Needs root; without it every test says that it was skipped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod drift;
mod foreign;
mod lab;
mod process;
mod writes;
