//! What is done to AS_PATH on a session, as arguments.

use clap::{Args, ValueEnum};
use proto::v1;

use super::parse_as_number;

/// What is done to AS_PATH.
#[derive(Debug, Args)]
pub(crate) struct PathArgs {
    /// How often our own AS may stand in its paths before that is a loop
    #[arg(long, value_name = "TIMES")]
    pub(super) allow_own_as: Option<u32>,
    /// Replace its AS by ours in the paths that it is sent
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(super) as_override: Option<bool>,
    /// What to do with private AS numbers in the paths that it is sent
    #[arg(long, value_name = "RULE")]
    remove_private_as: Option<Private>,
    /// The AS that we are on this session, instead of our own (RFC 7705)
    #[arg(long, value_name = "AS", value_parser = number)]
    local_as: Option<u32>,
    /// Leave that AS out of the paths that it sends
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", requires = "local_as")]
    local_as_no_prepend: Option<bool>,
    /// Leave our own AS out of the paths that it is sent
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", requires = "local_as")]
    local_as_replace_as: Option<bool>,
    /// Refuse paths that do not begin with its AS; `=false` for a route server
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(super) enforce_first_as: Option<bool>,
    /// Be a route server to it: send it what others of other AS announce as it is
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(super) route_server_client: Option<bool>,
}

/// What to do with private AS numbers.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Private {
    /// Nothing.
    #[value(name = "false", alias = "keep")]
    Keep,
    /// Take all out.
    All,
    /// Replace each by our own.
    Replace,
}

impl PathArgs {
    /// What is given of private numbers.
    pub(super) fn private(&self) -> Option<i32> {
        self.remove_private_as.map(|rule| match rule {
            Private::Keep => v1::PrivateAs::Keep.into(),
            Private::All => v1::PrivateAs::Remove.into(),
            Private::Replace => v1::PrivateAs::Replace.into(),
        })
    }

    /// What is given of our AS on the session.
    pub(super) fn local_as(&self) -> Option<v1::LocalAs> {
        self.local_as.map(|as_number| v1::LocalAs {
            as_number,
            no_prepend: self.local_as_no_prepend,
            replace_as: self.local_as_replace_as,
        })
    }
}

fn number(text: &str) -> Result<u32, String> {
    parse_as_number(text).ok_or_else(|| format!("`{text}` is not an AS; write 64512 or 1.10"))
}
