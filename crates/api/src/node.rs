//! `NodeControlService`: draining.

use proto::v1;
use proto::v1::node_control_service_server::NodeControlService;
use tonic::{Request, Response, Status};

use crate::fault;
use crate::peer::{check_reason, find};
use crate::server::Api;

#[tonic::async_trait]
impl NodeControlService for Api {
    async fn drain(
        &self,
        request: Request<v1::DrainRequest>,
    ) -> Result<Response<v1::DrainResponse>, Status> {
        let v1::DrainRequest { peer, reason } = request.into_inner();
        check_reason(&reason)?;
        let done = self.asker.ask(move |speaker, now| {
            let Some(peer) = peer else {
                speaker.drain(now, &reason);
                return Ok(());
            };
            let id = find(speaker, &peer)?;
            let done = speaker.drain_peer(now, id, &reason);
            done.map_err(|e| fault::of_peer(&e))
        });
        done.await??;
        Ok(Response::new(v1::DrainResponse {}))
    }

    async fn undrain(
        &self,
        request: Request<v1::UndrainRequest>,
    ) -> Result<Response<v1::UndrainResponse>, Status> {
        let v1::UndrainRequest { peer } = request.into_inner();
        let done = self.asker.ask(move |speaker, now| {
            let Some(peer) = peer else {
                speaker.undrain(now);
                return Ok(());
            };
            let id = find(speaker, &peer)?;
            let done = speaker.undrain_peer(now, id);
            done.map_err(|e| fault::of_peer(&e))
        });
        done.await??;
        Ok(Response::new(v1::UndrainResponse {}))
    }
}
