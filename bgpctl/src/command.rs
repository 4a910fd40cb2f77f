//! What each command asks and prints.

mod drain;
mod kernel;
mod peer;
mod route;
mod watch;

use clap::CommandFactory as _;
use clap_complete::generate;
use proto::v1;
use proto::v1::status_service_client::StatusServiceClient;
use serde::Serialize;
use tonic::transport::Channel;

use crate::cli::{Cli, Command};
use crate::client::{self, unary};
use crate::failure::Failure;
use crate::output::Output;
use crate::view::status::StatusView;

/// Runs a command to its end.
pub(crate) async fn run(cli: Cli, output: &mut Output<'_>) -> Result<(), Failure> {
    if let Command::Completion { shell } = cli.command {
        return completion(shell, output);
    }
    let channel = client::connect(&client::socket(cli.socket)).await?;
    match cli.command {
        Command::Status => status(channel, output).await,
        Command::Peer(args) => peer::run(channel, args.verb, output).await,
        Command::Route(args) => route::run(channel, args.verb, output).await,
        Command::Kernel(args) => kernel::run(channel, args.verb, output).await,
        Command::Drain(args) => drain::run(channel, args, output).await,
        Command::Watch(args) => watch::run(channel, &args, output).await,
        Command::Completion { .. } => Ok(()),
    }
}

fn completion(shell: clap_complete::Shell, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "bgpctl", &mut script);
    output.text(&String::from_utf8_lossy(&script))
}

async fn status(channel: Channel, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut client = StatusServiceClient::new(channel);
    let answer = client.get_status(unary(v1::GetStatusRequest {})).await?;
    let view = StatusView::new(answer.into_inner().status.unwrap_or_default());
    output.object(&view, |color| view.text(color))
}

/// What a command did, for programs.
#[derive(Debug, Serialize)]
struct Done<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    result: &'a str,
}

fn done(output: &mut Output<'_>, peer: &str, result: &str) -> Result<(), Failure> {
    done_with(output, Some(peer), result)
}

/// The same of the whole speaker, if no peer is named.
fn done_with(output: &mut Output<'_>, peer: Option<&str>, result: &str) -> Result<(), Failure> {
    let view = Done { peer, result };
    output.object(&view, |_| match peer {
        Some(peer) => format!("peer {} {result}\n", crate::table::printable(peer)),
        None => format!("this speaker {result}\n"),
    })
}
