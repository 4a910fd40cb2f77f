//! `bgpctl drain`.

use proto::v1;
use proto::v1::node_control_service_client::NodeControlServiceClient;
use tonic::transport::Channel;

use super::done_with;
use crate::cli::DrainArgs;
use crate::client::unary;
use crate::failure::Failure;
use crate::output::Output;

/// Drains, or takes it back.
pub(crate) async fn run(
    channel: Channel,
    args: DrainArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let DrainArgs { peer, reason, off } = args;
    let mut control = NodeControlServiceClient::new(channel);
    let result = if off {
        let request = v1::UndrainRequest { peer: peer.clone() };
        control.undrain(unary(request)).await?;
        "is no longer drained"
    } else {
        let request = v1::DrainRequest {
            peer: peer.clone(),
            reason,
        };
        control.drain(unary(request)).await?;
        "is drained; not saved: a restart of the process ends it"
    };
    done_with(output, peer.as_deref(), result)
}
