//! The server: which services are on the socket, and the loop that accepts.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::time::Duration;

use proto::v1::kernel_service_server::KernelServiceServer;
use proto::v1::node_control_service_server::NodeControlServiceServer;
use proto::v1::peer_control_service_server::PeerControlServiceServer;
use proto::v1::peer_service_server::PeerServiceServer;
use proto::v1::route_control_service_server::RouteControlServiceServer;
use proto::v1::route_service_server::RouteServiceServer;
use proto::v1::status_service_server::StatusServiceServer;
use proto::v1::watch_service_server::WatchServiceServer;
use speaker::Ask;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use crate::ask::Asker;
use crate::clock::Clock;

/// Requests of one connection that are worked on at a time.
const REQUESTS: usize = 64;
/// Streams of one connection that are open at a time.
const STREAMS: u32 = 128;
/// The wait after a failed accept: descriptors may be short, and spinning frees none.
const PAUSE: Duration = Duration::from_millis(100);

/// All services; each is implemented beside what it adapts.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) asker: Asker,
    pub(crate) clock: Clock,
}

/// Serves until `stopped` resolves.
pub(crate) async fn run(
    listener: StdListener,
    asks: mpsc::Sender<Ask>,
    stopped: oneshot::Receiver<()>,
) {
    let api = Api {
        asker: Asker::new(asks),
        clock: Clock::new(),
    };
    tokio::select! {
        // Resolves with an error when the handle is dropped, which means the same.
        _ = stopped => {}
        served = serve(listener, api) => {
            if let Err(error) = served {
                // The accept loop never ends by itself and the services are fixed.
                debug_assert!(false, "the API ended: {error}");
            }
        }
    }
}

async fn serve(
    listener: StdListener,
    api: Api,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let listener = UnixListener::from_std(listener)?;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<StatusServiceServer<Api>>().await;
    health.set_serving::<PeerServiceServer<Api>>().await;
    health.set_serving::<PeerControlServiceServer<Api>>().await;
    health.set_serving::<RouteServiceServer<Api>>().await;
    health.set_serving::<RouteControlServiceServer<Api>>().await;
    health.set_serving::<KernelServiceServer<Api>>().await;
    health.set_serving::<NodeControlServiceServer<Api>>().await;
    health.set_serving::<WatchServiceServer<Api>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Server::builder()
        .concurrency_limit_per_connection(REQUESTS)
        .max_concurrent_streams(STREAMS)
        .add_service(health_service)
        .add_service(reflection)
        .add_service(StatusServiceServer::new(api.clone()))
        .add_service(PeerServiceServer::new(api.clone()))
        .add_service(PeerControlServiceServer::new(api.clone()))
        .add_service(RouteServiceServer::new(api.clone()))
        .add_service(RouteControlServiceServer::new(api.clone()))
        .add_service(KernelServiceServer::new(api.clone()))
        .add_service(NodeControlServiceServer::new(api.clone()))
        .add_service(WatchServiceServer::new(api))
        .serve_with_incoming(accepted(listener))
        .await?;
    Ok(())
}

/// Connections as they come. An error of accept is waited out: given to the server it would end it.
fn accepted(listener: UnixListener) -> ReceiverStream<io::Result<UnixStream>> {
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    if tell.send(Ok(stream)).await.is_err() {
                        return;
                    }
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    });
    ReceiverStream::new(told)
}
