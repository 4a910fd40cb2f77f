//! From the speaker's refusals to gRPC codes: one place for each type.

use config::{ConfigFault, Location};
use speaker::{PeerError, RouteError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A refused request about a peer.
pub(crate) fn of_peer(error: &PeerError) -> Status {
    let code = match error {
        PeerError::NotFound => Code::NotFound,
        PeerError::Exists { .. } => Code::AlreadyExists,
        PeerError::InFile { .. }
        | PeerError::Dynamic { .. }
        | PeerError::NotEstablished { .. }
        | PeerError::NoRouteRefresh { .. } => Code::FailedPrecondition,
    };
    Status::new(code, error.to_string())
}

/// A refused request about one of the routes of this API.
pub(crate) fn of_route(prefix: &wire::Prefix, error: &RouteError, withdraw: bool) -> Status {
    let code = match error {
        // To announce is to create, to withdraw is to act on what is there.
        RouteError::Owned { .. } if withdraw => Code::FailedPrecondition,
        RouteError::Owned { .. } => Code::AlreadyExists,
        RouteError::Configured => Code::FailedPrecondition,
        RouteError::NotFound => Code::NotFound,
        RouteError::TooMany => Code::ResourceExhausted,
    };
    Status::new(code, format!("{prefix}: {error}"))
}

/// Everything that is wrong with a request, by field.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    list: Vec<(String, String)>,
}

impl Violations {
    /// Notes a fault of a field.
    pub(crate) fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.list.push((field.into(), description.into()));
    }

    /// Takes a value out of a result, or notes the fault.
    pub(crate) fn keep<T>(&mut self, field: String, value: Result<T, String>) -> Option<T> {
        value.map_err(|fault| self.add(field, fault)).ok()
    }

    /// INVALID_ARGUMENT with all faults, if there are any.
    pub(crate) fn into_result(self, what: &str) -> Result<(), Status> {
        if self.list.is_empty() {
            return Ok(());
        }
        let mut details = ErrorDetails::new();
        let count = self.list.len();
        for (field, description) in self.list {
            details.add_bad_request_violation(field, description);
        }
        let text = match count {
            1 => format!("{what} has a fault:"),
            count => format!("{what} has {count} faults:"),
        };
        Err(Status::with_error_details(
            Code::InvalidArgument,
            text,
            details,
        ))
    }
}

impl From<Vec<ConfigFault>> for Violations {
    fn from(faults: Vec<ConfigFault>) -> Violations {
        let list = faults.into_iter().map(|fault| {
            let field = match &fault.location {
                Location::Request { field } => field.to_string(),
                // A group's own fault; the file was refused with it, so this is not reached.
                Location::File { .. } => fault.location.short(),
            };
            let description = match fault.remedy.as_str() {
                "" => fault.message,
                remedy => format!("{}; {remedy}", fault.message),
            };
            (field, description)
        });
        Violations {
            list: list.collect(),
        }
    }
}
