//! What is wrong with a configuration, where, and what to write instead.
//!
//! A fault is the operator's: it is shown as one line, and a configuration with any fault changes
//! nothing. All faults of a text are collected before any is shown.

use std::fmt;
use std::sync::Arc;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// In a configuration file.
    File {
        /// The file's path as it was given.
        path: Arc<str>,
        /// Line, counted from 1.
        line: u32,
        /// Column in characters, counted from 1.
        column: u32,
    },
    /// In a request of the API.
    Request {
        /// The field's name, as the configuration spells it.
        field: Arc<str>,
    },
}

impl Location {
    /// The location of a field of an API request.
    #[must_use]
    pub fn field(name: &str) -> Location {
        Location::Request { field: name.into() }
    }

    /// `FILE:LINE`, or the request's field: for "defined in ...; remove it there".
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Location::File { path, line, .. } => format!("{path}:{line}"),
            Location::Request { field } => format!("request field {field}"),
        }
    }

    /// Whether the value came by the API and so ends with the process.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self, Location::Request { .. })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Location::Request { field } => f.write_str(field),
        }
    }
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigFault {
    /// Where it stands.
    pub location: Location,
    /// What is wrong.
    pub message: String,
    /// What to write instead; empty where the message says it already.
    pub remedy: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFault {}

/// A problem without its place yet: what a parser of one value answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) remedy: String,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn at(self, location: &Location) -> ConfigFault {
        ConfigFault {
            location: location.clone(),
            message: self.message,
            remedy: self.remedy,
        }
    }
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<ConfigFault>,
}

impl Faults {
    pub(crate) fn add(
        &mut self,
        location: &Location,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.list.push(Problem::new(message, remedy).at(location));
    }

    /// Takes a value out of a result, or notes its problem.
    pub(crate) fn keep<T>(&mut self, location: &Location, result: Result<T, Problem>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problem) => {
                self.list.push(problem.at(location));
                None
            }
        }
    }

    /// The faults in the order of the file, each once: a fault in a group would otherwise be told
    /// again for each peer of the group.
    pub(crate) fn into_sorted(mut self) -> Vec<ConfigFault> {
        self.list.sort();
        self.list.dedup();
        self.list
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
