//! `bgpctl peer`.

use proto::v1;
use proto::v1::peer_control_service_client::PeerControlServiceClient;
use proto::v1::peer_service_client::PeerServiceClient;
use tonic::transport::Channel;

use super::{done, watch};
use crate::cli::peer::{PeerListArgs, PeerResetArgs, PeerVerb};
use crate::client::unary;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::peer::PeerView;

/// Runs a verb; none: list.
pub(crate) async fn run(
    channel: Channel,
    verb: Option<PeerVerb>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let verb = verb.unwrap_or(PeerVerb::List(PeerListArgs::default()));
    let mut control = PeerControlServiceClient::new(channel.clone());
    match verb {
        PeerVerb::List(args) if args.watch => watch::peers(channel, output).await,
        PeerVerb::List(args) => list(channel, args, output).await,
        PeerVerb::Get { peer } => get(channel, peer, output).await,
        PeerVerb::Add(args) => add(&mut control, args.into_config(), output).await,
        PeerVerb::Delete { peer } => {
            let request = v1::DeletePeerRequest { peer: peer.clone() };
            control.delete_peer(unary(request)).await?;
            done(output, &peer, "deleted")
        }
        PeerVerb::Enable { peer } => {
            let request = v1::EnablePeerRequest { peer: peer.clone() };
            control.enable_peer(unary(request)).await?;
            done(output, &peer, "enabled")
        }
        PeerVerb::Disable { peer, reason } => {
            let request = v1::DisablePeerRequest {
                peer: peer.clone(),
                reason,
            };
            control.disable_peer(unary(request)).await?;
            done(output, &peer, "disabled")
        }
        PeerVerb::Reset(args) => reset(&mut control, args, output).await,
    }
}

async fn list(
    channel: Channel,
    args: PeerListArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let request = v1::ListPeersRequest {
        state: args.state.map(|state| v1::SessionState::from(state).into()),
        group: args.group,
    };
    let mut client = PeerServiceClient::new(channel);
    let mut stream = client.list_peers(request).await?.into_inner();
    let mut list = output.list();
    while let Some(page) = stream.message().await? {
        let views: Vec<PeerView> = page.peers.into_iter().map(PeerView::new).collect();
        list.page(&views)?;
    }
    list.finish()
}

async fn get(channel: Channel, peer: String, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut client = PeerServiceClient::new(channel);
    let answer = client.get_peer(unary(v1::GetPeerRequest { peer })).await?;
    let view = PeerView::new(answer.into_inner().peer.unwrap_or_default());
    output.object(&view, |color| view.page(color))
}

async fn add(
    control: &mut PeerControlServiceClient<Channel>,
    config: v1::PeerConfig,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let name = config.name.clone().unwrap_or(config.address.clone());
    let request = v1::CreatePeerRequest {
        config: Some(config),
    };
    let answer = control.create_peer(unary(request)).await?.into_inner();
    if answer.created {
        done(output, &name, "added; not saved: it ends with the process")
    } else {
        done(output, &name, "is there already, with these settings")
    }
}

async fn reset(
    control: &mut PeerControlServiceClient<Channel>,
    args: PeerResetArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let kind = args.kind();
    let request = v1::ResetPeerRequest {
        peer: args.peer.clone(),
        kind: kind.into(),
    };
    control.reset_peer(unary(request)).await?;
    let result = match kind {
        v1::ResetKind::SoftIn => "asked for its routes",
        v1::ResetKind::SoftOut => "is sent our routes again",
        v1::ResetKind::Soft => "asked for its routes, and is sent ours again",
        v1::ResetKind::Hard | v1::ResetKind::Unspecified => "reset",
    };
    done(output, &args.peer, result)
}
