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
    let owner = args.owner.owner;
    let request = v1::WithdrawRequest {
        owner: owner.clone(),
        prefixes: args.prefixes.clone(),
        all: args.all,
    };
    let answer = client.withdraw(unary(request)).await?;
    let v1::WithdrawResponse { withdrawn } = answer.into_inner();
    let asked = u32::try_from(args.prefixes.len()).unwrap_or(u32::MAX);
    if !args.all && withdrawn == 0 {
        return Err(Failure::Argument(not_announced(&args.prefixes, &owner)));
    }
    output.object(&Withdrawn { withdrawn }, |_| {
        let rest = match asked.saturating_sub(withdrawn) {
            0 => String::new(),
            rest => format!("; {rest} of the {asked} had not been announced by owner {owner:?}"),
        };
        format!("{withdrawn} withdrawn{rest}\n")
    })
}

/// Why nothing was withdrawn. A learned route is not ours to withdraw, and goes with its peer.
fn not_announced(prefixes: &[String], owner: &str) -> String {
    let (what, example) = match prefixes {
        [] => ("no prefix".to_owned(), ""),
        [one] => (one.clone(), one.as_str()),
        [first, ..] => (
            format!("none of the {} prefixes", prefixes.len()),
            first.as_str(),
        ),
    };
    let was = if prefixes.len() == 1 {
        "was not"
    } else {
        "was"
    };
    format!(
        "nothing withdrawn: {what} {was} announced by owner {owner:?}; \
         see whose it is with bgpctl route list {example}"
    )
}

#[cfg(test)]
mod tests {
    use super::not_announced;

    #[test]
    fn nothing_withdrawn_says_why_and_where_to_look() {
        let one = ["10.7.0.0/24".to_owned()];
        assert_eq!(
            not_announced(&one, "lb"),
            "nothing withdrawn: 10.7.0.0/24 was not announced by owner \"lb\"; \
             see whose it is with bgpctl route list 10.7.0.0/24"
        );
        let two = ["10.7.0.0/24".to_owned(), "10.8.0.0/24".to_owned()];
        assert!(not_announced(&two, "lb").contains(": none of the 2 prefixes was announced"),);
    }
}
