//! Log lines to standard error: text on a terminal, JSON elsewhere, unless configured.

use std::io::IsTerminal;

use config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Starts logging; later calls change nothing. `RUST_LOG` overrides the configured level.
pub fn init(log: &Log) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(log.level.as_str()));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let terminal = std::io::stderr().is_terminal();
    let text = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    // A second call fails because logging already runs, which is what the caller wants.
    let _ = if text {
        builder.with_ansi(terminal).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}
