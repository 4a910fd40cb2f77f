//! Labs against real daemons. Each test needs root; see `scripts/test`.

#[path = "labs/exchange.rs"]
mod exchange;
