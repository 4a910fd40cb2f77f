//! `bgpctl kernel`.

use proto::v1;
use proto::v1::kernel_service_client::KernelServiceClient;
use tonic::transport::Channel;

use super::watch;
use crate::cli::{KernelListArgs, KernelVerb};
use crate::failure::Failure;
use crate::output::Output;
use crate::view::kernel::KernelRouteView;

/// Runs a verb; none: list.
pub(crate) async fn run(
    channel: Channel,
    verb: Option<KernelVerb>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let KernelVerb::List(args) = verb.unwrap_or(KernelVerb::List(KernelListArgs::default()));
    let state = args
        .state
        .map(v1::KernelRouteState::from)
        .unwrap_or_default();
    let request = v1::ListKernelRoutesRequest {
        family: args.family.family().into(),
        state: state.into(),
    };
    let client = KernelServiceClient::new(channel);
    if args.watch {
        watch::kernel(client, request, output).await
    } else {
        list(client, request, output).await
    }
}

async fn list(
    mut client: KernelServiceClient<Channel>,
    request: v1::ListKernelRoutesRequest,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut stream = client.list_kernel_routes(request).await?.into_inner();
    let mut list = output.list();
    while let Some(page) = stream.message().await? {
        let routes = page.routes.into_iter();
        let views: Vec<KernelRouteView> = routes.map(KernelRouteView::new).collect();
        list.page(&views)?;
    }
    list.finish()
}
