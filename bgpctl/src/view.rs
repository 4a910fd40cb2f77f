//! What the daemon answers, as objects for JSON and YAML and as text for people.
//!
//! The objects have the names of the API's messages and fields, enums as words and
//! times as RFC 3339. A field that is not known is absent, never zero.

pub(crate) mod kernel;
pub(crate) mod peer;
pub(crate) mod route;
pub(crate) mod status;
pub(crate) mod watch;

use proto::v1;
use serde::Serialize;

use crate::time;

/// The word of an enum value, such as `open-sent` of `SESSION_STATE_OPEN_SENT`.
fn word(name: &str, prefix: &str) -> String {
    let name = name.strip_prefix(prefix).unwrap_or(name);
    name.to_lowercase().replace('_', "-")
}

/// `None` for empty text.
fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn at(time: Option<prost_types::Timestamp>) -> Option<String> {
    time.as_ref().map(time::rfc3339)
}

/// A duration as text, such as `90s`, `1.5s`.
fn lasting(of: &prost_types::Duration) -> String {
    match time::duration(of) {
        std::time::Duration::ZERO => "0s".to_owned(),
        other => format!("{other:?}"),
    }
}

fn family(family: v1::Family) -> String {
    word(family.as_str_name(), "FAMILY_")
}

/// Where a peer was defined.
#[derive(Debug, Serialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub(crate) enum SourceView {
    /// A line of the file.
    File {
        /// The file.
        path: String,
        /// The line.
        line: u32,
    },
    /// A range of the file.
    Dynamic {
        /// The file.
        path: String,
        /// The line.
        line: u32,
    },
    /// The API.
    Api {
        /// Never.
        saved: bool,
    },
}

impl SourceView {
    fn new(source: v1::Source) -> Option<SourceView> {
        use v1::source::Origin;
        Some(match source.origin? {
            Origin::File(place) => SourceView::File {
                path: place.path,
                line: place.line,
            },
            Origin::Dynamic(place) => SourceView::Dynamic {
                path: place.path,
                line: place.line,
            },
            Origin::Api(v1::ApiOrigin {}) => SourceView::Api { saved: false },
        })
    }

    fn short(&self) -> String {
        match self {
            SourceView::File { path, line } => format!("{}:{line}", file_name(path)),
            SourceView::Dynamic { path, line } => format!("range {}:{line}", file_name(path)),
            SourceView::Api { .. } => "not saved".to_owned(),
        }
    }

    fn long(&self) -> String {
        match self {
            SourceView::File { path, line } => format!("{path}:{line}"),
            SourceView::Dynamic { path, line } => format!("range of {path}:{line}"),
            SourceView::Api { .. } => "API, not saved".to_owned(),
        }
    }
}

/// That something is drained.
#[derive(Debug, Serialize)]
pub(crate) struct DrainView {
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl DrainView {
    fn new(drain: v1::Drain) -> DrainView {
        DrainView {
            since: at(drain.since),
            reason: some(drain.reason),
        }
    }

    /// For people.
    fn line(&self) -> String {
        let since = self.since.as_deref().unwrap_or("-");
        match &self.reason {
            Some(reason) => format!("since {since}: {reason}"),
            None => format!("since {since}"),
        }
    }
}

/// A count and its noun, in singular or plural.
fn counted(count: u64, [one, many]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
