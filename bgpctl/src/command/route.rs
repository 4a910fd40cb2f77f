//! `bgpctl route`.

use proto::v1;
use proto::v1::route_control_service_client::RouteControlServiceClient;
use proto::v1::route_service_client::RouteServiceClient;
use serde::Serialize;
use tonic::transport::Channel;

use super::watch;
use crate::cli::route::{AnnounceArgs, RouteListArgs, RouteVerb, WithdrawArgs};
use crate::client::unary;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::route::RouteView;

/// Runs a verb; none: list.
pub(crate) async fn run(
    channel: Channel,
    verb: Option<RouteVerb>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    match verb.unwrap_or(RouteVerb::List(RouteListArgs::default())) {
        RouteVerb::List(args) if args.watch => watch::routes(channel, &args, output).await,
        RouteVerb::List(args) => list(channel, args.request(), output).await,
        RouteVerb::Announce(args) => announce(channel, args, output).await,
        RouteVerb::Withdraw(args) => withdraw(channel, args, output).await,
    }
}

/// Routes that are held to be sorted by prefix; a longer list is printed as it comes.
const SORTED: usize = 100_000;

async fn list(
    channel: Channel,
    request: v1::ListRoutesRequest,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut client = RouteServiceClient::new(channel);
    let mut stream = client.list_routes(request).await?.into_inner();
    let mut list = output.list();
    let mut held = Vec::new();
    while let Some(page) = stream.message().await? {
        held.extend(page.routes.into_iter().map(RouteView::new));
        if held.len() > SORTED {
            list.page(&held)?;
            held.clear();
        }
    }
    held.sort_by_cached_key(RouteView::order);
    list.page(&held)?;
    list.finish()
}

#[derive(Debug, Serialize)]
struct Announced {
    added: u32,
    replaced: u32,
}

async fn announce(
    channel: Channel,
    args: AnnounceArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut client = RouteControlServiceClient::new(channel);
    let answer = client.announce(unary(args.into_request())).await?;
    let v1::AnnounceResponse { added, replaced } = answer.into_inner();
    output.object(&Announced { added, replaced }, |_| {
        format!("{added} announced, {replaced} replaced; not saved: they end with the process\n")
    })
}

#[derive(Debug, Serialize)]
struct Withdrawn {
    withdrawn: u32,
}

async fn withdraw(
    channel: Channel,
    args: WithdrawArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut client = RouteControlServiceClient::new(channel);
    let request = v1::WithdrawRequest {
        owner: args.owner.owner,
        prefixes: args.prefixes,
        all: args.all,
    };
    let answer = client.withdraw(unary(request)).await?;
    let v1::WithdrawResponse { withdrawn } = answer.into_inner();
    output.object(&Withdrawn { withdrawn }, |_| {
        format!("{withdrawn} withdrawn\n")
    })
}
