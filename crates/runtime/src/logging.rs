//! Log lines to standard error: text on a terminal, JSON elsewhere, unless configured.

use std::io::IsTerminal;

use config::{Log, LogFormat, LogLevel};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Overrides the configured level where it is set and understood.
const OVERRIDE: &str = "RUST_LOG";

/// Starts logging; later calls change nothing. `RUST_LOG` overrides the configured level: a level,
/// or levels by the beginning of a module's path (`warn,speaker=debug`).
pub fn init(log: &Log) {
    let filter = filter(log.level, std::env::var(OVERRIDE).ok().as_deref());
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
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
        let lines = builder.with_ansi(terminal).finish();
        lines.with(filter).try_init()
    } else {
        let lines = builder.json().flatten_event(true).finish();
        lines.with(filter).try_init()
    };
}

/// What is let through. A wrong override is as none: a daemon must start in spite of it.
fn filter(level: LogLevel, instead: Option<&str>) -> Targets {
    let of = |text: &str| text.parse::<Targets>().ok();
    let instead = instead.filter(|text| !text.is_empty()).and_then(of);
    instead.unwrap_or_else(|| of(level.as_str()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debug_of(instead: Option<&str>) -> [bool; 2] {
        let filter = filter(LogLevel::Info, instead);
        ["speaker", "h2"].map(|target| filter.would_enable(target, &tracing::Level::DEBUG))
    }

    #[test]
    fn the_environment_overrides_the_level() {
        assert_eq!(debug_of(None), [false, false]);
        assert_eq!(debug_of(Some("debug")), [true, true]);
        assert_eq!(debug_of(Some("warn,speaker=debug")), [true, false]);
        let off = filter(LogLevel::Info, Some("off"));
        assert!(!off.would_enable("speaker", &tracing::Level::ERROR));
        for useless in ["", "speaker=loud"] {
            let left = filter(LogLevel::Info, Some(useless));
            assert_eq!(left.default_level(), Some(LevelFilter::INFO), "{useless}");
        }
    }
}
