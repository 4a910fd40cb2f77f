//! What went wrong in a lab, as one line of text for whoever reads a test's output.

use std::fmt;

/// A lab step that failed: a command that exited non-zero, a file that could not be written, or
/// an event that did not come before its deadline.
pub struct LabError(String);

/// The result of a lab step.
pub type Result<T, E = LabError> = std::result::Result<T, E>;

impl LabError {
    /// An error that reads as `text`.
    pub fn new(text: impl Into<String>) -> Self {
        LabError(text.into())
    }

    /// The same error, with what was being done put before it.
    #[must_use]
    pub fn during(self, what: impl fmt::Display) -> Self {
        LabError(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// A failed test prints the Debug form; quotes and escapes would only make it harder to read.
impl fmt::Debug for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LabError {}

impl From<std::io::Error> for LabError {
    fn from(error: std::io::Error) -> Self {
        LabError(error.to_string())
    }
}

impl From<serde_json::Error> for LabError {
    fn from(error: serde_json::Error) -> Self {
        LabError(format!("not the JSON that was expected: {error}"))
    }
}

impl From<nix::errno::Errno> for LabError {
    fn from(error: nix::errno::Errno) -> Self {
        LabError(error.to_string())
    }
}
