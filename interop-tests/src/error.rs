//! What went wrong in a lab, as one line of text for whoever reads a test's output.

use std::fmt;

/// A lab step that failed: a command that exited non-zero, a file that could not be written, or
/// an event that did not come before its deadline.
pub struct LabError {
    text: String,
    is_late: bool,
}

/// The result of a lab step.
pub type Result<T, E = LabError> = std::result::Result<T, E>;

impl LabError {
    /// An error that reads as `text`.
    pub fn new(text: impl Into<String>) -> Self {
        LabError {
            text: text.into(),
            is_late: false,
        }
    }

    /// An error that reads as `text`: something did not end in the time that it was given.
    pub fn late(text: impl Into<String>) -> Self {
        LabError {
            text: text.into(),
            is_late: true,
        }
    }

    /// Whether something did not end in the time that it was given.
    pub fn is_late(&self) -> bool {
        self.is_late
    }

    /// The same error, with what was being done put before it.
    #[must_use]
    pub fn during(self, what: impl fmt::Display) -> Self {
        LabError {
            text: format!("{what}: {}", self.text),
            is_late: self.is_late,
        }
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// A failed test prints the Debug form; quotes and escapes would only make it harder to read.
impl fmt::Debug for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for LabError {}

impl From<std::io::Error> for LabError {
    fn from(error: std::io::Error) -> Self {
        LabError::new(error.to_string())
    }
}

impl From<serde_json::Error> for LabError {
    fn from(error: serde_json::Error) -> Self {
        LabError::new(format!("not the JSON that was expected: {error}"))
    }
}

impl From<nix::errno::Errno> for LabError {
    fn from(error: nix::errno::Errno) -> Self {
        LabError::new(error.to_string())
    }
}
