//! Why a command failed: the cause and the next step, for a person.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::PathBuf;

use tonic::Code;
use tonic_types::StatusExt as _;

use crate::table::printable;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The daemon's socket gives no connection.
    Unreachable { socket: PathBuf, error: io::Error },
    /// The daemon, or the connection to it, refused the request.
    Refused(Box<tonic::Status>),
    /// An argument that only the command can judge.
    Argument(String),
    /// The output could not be written.
    Output(io::Error),
    /// The process could not start its runtime.
    Runtime(io::Error),
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Failure {
        Failure::Refused(Box::new(status))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unreachable { socket, error } => {
                let socket = socket.display();
                write!(f, "cannot reach bgpd at {socket}: {error}; ")?;
                f.write_str(next_step(error.kind()))
            }
            Failure::Refused(status) => refused(f, status),
            Failure::Argument(text) => f.write_str(text),
            Failure::Output(error) => write!(f, "cannot write the output: {error}"),
            Failure::Runtime(error) => write!(f, "cannot start: {error}"),
        }
    }
}

fn next_step(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "is it running? If it listens elsewhere, use --socket PATH",
        io::ErrorKind::ConnectionRefused => {
            "the socket is there but nobody listens: is it running? See its log"
        }
        io::ErrorKind::PermissionDenied => {
            "the socket is for its owner only: run this as root, or as the user that bgpd runs as"
        }
        _ => "is it running? See its log, or use --socket PATH",
    }
}

fn refused(f: &mut fmt::Formatter<'_>, status: &tonic::Status) -> fmt::Result {
    let is_late = matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled);
    if let Some(cause) = innermost(status).filter(|_| !is_late) {
        // Not an answer, but the transport's own fault.
        let cause = printable(&cause).into_owned();
        return write!(
            f,
            "the connection to bgpd broke ({cause}); is it still running? See its log"
        );
    }
    f.write_str(&printable(status.message()))?;
    if let Some(bad) = status.get_details_bad_request() {
        for violation in &bad.field_violations {
            let field = printable(&violation.field);
            let description = printable(&violation.description);
            write!(f, "\n  {field}: {description}")?;
        }
    }
    match status.code() {
        Code::Unimplemented => {
            f.write_str("; this bgpd is older than this bgpctl: use the same version")
        }
        Code::DeadlineExceeded | Code::Cancelled => {
            f.write_str("; bgpd did not answer in time: see its log and its CPU use")
        }
        Code::Unknown | Code::Internal | Code::DataLoss => {
            f.write_str("; this is a fault of bgpd: see its log")
        }
        // The daemon's own words name cause and next step.
        _ => Ok(()),
    }
}

fn innermost(status: &tonic::Status) -> Option<String> {
    let mut error = status.source()?;
    while let Some(source) = error.source() {
        error = source;
    }
    Some(error.to_string())
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    #[test]
    fn a_missing_socket_says_what_to_do() {
        let failure = Failure::Unreachable {
            socket: "/run/bgpd/bgpd.sock".into(),
            error: io::Error::from(io::ErrorKind::NotFound),
        };
        let text = failure.to_string();
        assert!(
            text.starts_with("cannot reach bgpd at /run/bgpd/bgpd.sock: "),
            "{text}"
        );
        assert!(text.ends_with("use --socket PATH"), "{text}");
    }

    #[test]
    fn every_violation_is_printed() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("address", "is not an address; write 10.0.0.1");
        details.add_bad_request_violation("hold_time", "1 s is too short; write 0 or 3s and more");
        let status = tonic::Status::with_error_details(Code::InvalidArgument, "2 faults", details);
        assert_eq!(
            Failure::from(status).to_string(),
            "2 faults\n  address: is not an address; write 10.0.0.1\n  \
             hold_time: 1 s is too short; write 0 or 3s and more"
        );
    }

    #[test]
    fn what_a_peer_wrote_cannot_steer_the_terminal() {
        let status = tonic::Status::not_found("\u{1b}[2Jgone");
        assert_eq!(Failure::from(status).to_string(), "\\u{1b}[2Jgone");
    }

    #[test]
    fn a_broken_connection_is_told_from_a_late_answer() {
        let text = |code, error: io::Error| {
            let mut status = tonic::Status::new(code, "what it says");
            status.set_source(std::sync::Arc::new(error));
            Failure::from(status).to_string()
        };
        let broken = text(Code::Unknown, io::Error::other("reset"));
        assert!(
            broken.starts_with("the connection to bgpd broke (reset); is it"),
            "{broken}"
        );
        let late = text(Code::Cancelled, io::Error::other("late"));
        assert!(
            late.starts_with("what it says; bgpd did not answer in time"),
            "{late}"
        );
    }
}
