//! A server that answers with fixed messages and remembers what it was asked.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use proto::v1::kernel_service_server::{KernelService, KernelServiceServer};
use proto::v1::node_control_service_server::{NodeControlService, NodeControlServiceServer};
use proto::v1::peer_control_service_server::{PeerControlService, PeerControlServiceServer};
use proto::v1::peer_service_server::{PeerService, PeerServiceServer};
use proto::v1::route_control_service_server::{RouteControlService, RouteControlServiceServer};
use proto::v1::route_service_server::{RouteService, RouteServiceServer};
use proto::v1::status_service_server::{StatusService, StatusServiceServer};
use proto::v1::watch_response::Event;
use proto::v1::watch_service_server::{WatchService, WatchServiceServer};
use proto::v1::{self};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A running server; it ends when dropped.
pub(crate) struct Fake {
    folder: PathBuf,
    socket: PathBuf,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Starts a server; it listens when this returns.
    pub(crate) fn start() -> Fake {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("bgpctl-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("bgpd.sock");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (path, log) = (socket.clone(), Log(asked.clone()));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = UnixListener::bind(path).unwrap();
                ready.send(()).unwrap();
                tokio::select! {
                    _ = stopped => {}
                    served = serve(listener, log) => served.unwrap(),
                }
            });
        });
        is_ready.recv().unwrap();
        Fake {
            folder,
            socket,
            asked,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn serve(listener: UnixListener, log: Log) -> Result<(), tonic::transport::Error> {
    tonic::transport::Server::builder()
        .add_service(StatusServiceServer::new(log.clone()))
        .add_service(PeerServiceServer::new(log.clone()))
        .add_service(PeerControlServiceServer::new(log.clone()))
        .add_service(RouteServiceServer::new(log.clone()))
        .add_service(RouteControlServiceServer::new(log.clone()))
        .add_service(KernelServiceServer::new(log.clone()))
        .add_service(NodeControlServiceServer::new(log.clone()))
        .add_service(WatchServiceServer::new(log))
        .serve_with_incoming(UnixListenerStream::new(listener))
        .await
}

#[derive(Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note<T: std::fmt::Debug>(&self, request: Request<T>) -> T {
        let request = request.into_inner();
        self.0.lock().unwrap().push(format!("{request:?}"));
        request
    }
}

type Pages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn pages<T: Send + 'static>(pages: Vec<Result<T, Status>>) -> Response<Pages<T>> {
    Response::new(Box::pin(tokio_stream::iter(pages)))
}

fn peer(name: &str, address: &str) -> v1::Peer {
    v1::Peer {
        config: Some(v1::PeerConfig {
            name: Some(name.into()),
            address: address.into(),
            ..v1::PeerConfig::default()
        }),
        ..v1::Peer::default()
    }
}

fn route(prefix: &str) -> v1::Route {
    v1::Route {
        prefix: prefix.into(),
        ..v1::Route::default()
    }
}

#[tonic::async_trait]
impl StatusService for Log {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        self.note(request);
        let status = v1::Status {
            summary: "0 of 1 peers are up".into(),
            ..v1::Status::default()
        };
        Ok(Response::new(v1::GetStatusResponse {
            status: Some(status),
        }))
    }
}

#[tonic::async_trait]
impl PeerService for Log {
    type ListPeersStream = Pages<v1::ListPeersResponse>;

    async fn list_peers(
        &self,
        request: Request<v1::ListPeersRequest>,
    ) -> Result<Response<Self::ListPeersStream>, Status> {
        let request = self.note(request);
        let page = |peers| Ok(v1::ListPeersResponse { peers });
        let first = page(vec![peer("a", "10.0.0.1"), peer("b", "10.0.0.2")]);
        let second = match request.group.as_deref() {
            Some("broken") => Err(Status::internal("a broken page")),
            _ => page(vec![peer("c", "10.0.0.3")]),
        };
        Ok(pages(vec![first, second]))
    }

    async fn get_peer(
        &self,
        request: Request<v1::GetPeerRequest>,
    ) -> Result<Response<v1::GetPeerResponse>, Status> {
        let request = self.note(request);
        if request.peer == "nobody" {
            return Err(Status::not_found(
                "there is no peer nobody; see bgpctl peer list",
            ));
        }
        Ok(Response::new(v1::GetPeerResponse {
            peer: Some(peer(&request.peer, "10.0.0.1")),
        }))
    }
}

#[tonic::async_trait]
impl PeerControlService for Log {
    async fn create_peer(
        &self,
        request: Request<v1::CreatePeerRequest>,
    ) -> Result<Response<v1::CreatePeerResponse>, Status> {
        let config = self.note(request).config.unwrap();
        if config.address == "nonsense" {
            let mut details = ErrorDetails::new();
            details.add_bad_request_violation("address", "`nonsense` is not an address");
            details.add_bad_request_violation("as", "is missing");
            let text = "the peer has 2 faults";
            return Err(Status::with_error_details(
                Code::InvalidArgument,
                text,
                details,
            ));
        }
        Ok(Response::new(v1::CreatePeerResponse {
            peer: None,
            created: true,
        }))
    }

    async fn delete_peer(
        &self,
        request: Request<v1::DeletePeerRequest>,
    ) -> Result<Response<v1::DeletePeerResponse>, Status> {
        self.note(request);
        Ok(Response::new(v1::DeletePeerResponse {}))
    }

    async fn enable_peer(
        &self,
        request: Request<v1::EnablePeerRequest>,
    ) -> Result<Response<v1::EnablePeerResponse>, Status> {
        self.note(request);
        Ok(Response::new(v1::EnablePeerResponse {}))
    }

    async fn disable_peer(
        &self,
        request: Request<v1::DisablePeerRequest>,
    ) -> Result<Response<v1::DisablePeerResponse>, Status> {
        self.note(request);
        Ok(Response::new(v1::DisablePeerResponse {}))
    }

    async fn reset_peer(
        &self,
        request: Request<v1::ResetPeerRequest>,
    ) -> Result<Response<v1::ResetPeerResponse>, Status> {
        self.note(request);
        Ok(Response::new(v1::ResetPeerResponse {}))
    }
}

#[tonic::async_trait]
impl NodeControlService for Log {
    async fn drain(
        &self,
        request: Request<v1::DrainRequest>,
    ) -> Result<Response<v1::DrainResponse>, Status> {
        self.note(request);
        Ok(Response::new(v1::DrainResponse {}))
    }

    async fn undrain(
        &self,
        request: Request<v1::UndrainRequest>,
    ) -> Result<Response<v1::UndrainResponse>, Status> {
        self.note(request);
        Ok(Response::new(v1::UndrainResponse {}))
    }
}

#[tonic::async_trait]
impl RouteService for Log {
    type ListRoutesStream = Pages<v1::ListRoutesResponse>;

    async fn list_routes(
        &self,
        request: Request<v1::ListRoutesRequest>,
    ) -> Result<Response<Self::ListRoutesStream>, Status> {
        let request = self.note(request);
        let page = |routes| Ok(v1::ListRoutesResponse { routes });
        if request.peer.as_deref() == Some("endless") {
            let routes = vec![route("10.0.0.0/24"); 100];
            let page = v1::ListRoutesResponse { routes };
            let forever = tokio_stream::iter(std::iter::repeat(page)).map(Ok);
            return Ok(Response::new(Box::pin(forever)));
        }
        let first = page(vec![route("10.0.0.0/24"), route("10.0.1.0/24")]);
        Ok(pages(vec![
            first,
            page(vec![]),
            page(vec![route("10.0.2.0/24")]),
        ]))
    }
}

#[tonic::async_trait]
impl RouteControlService for Log {
    async fn announce(
        &self,
        request: Request<v1::AnnounceRequest>,
    ) -> Result<Response<v1::AnnounceResponse>, Status> {
        let added = u32::try_from(self.note(request).routes.len()).unwrap();
        Ok(Response::new(v1::AnnounceResponse { added, replaced: 0 }))
    }

    async fn withdraw(
        &self,
        request: Request<v1::WithdrawRequest>,
    ) -> Result<Response<v1::WithdrawResponse>, Status> {
        // Of what is named, it knows only what is in 10.9.0.0/16.
        let withdrawn = match request.get_ref() {
            v1::WithdrawRequest { all: true, .. } => 2,
            v1::WithdrawRequest { prefixes, .. } => {
                let known = prefixes.iter().filter(|prefix| prefix.starts_with("10.9."));
                u32::try_from(known.count()).unwrap()
            }
        };
        self.note(request);
        Ok(Response::new(v1::WithdrawResponse { withdrawn }))
    }
}

#[tonic::async_trait]
impl KernelService for Log {
    type ListKernelRoutesStream = Pages<v1::ListKernelRoutesResponse>;

    async fn list_kernel_routes(
        &self,
        request: Request<v1::ListKernelRoutesRequest>,
    ) -> Result<Response<Self::ListKernelRoutesStream>, Status> {
        self.note(request);
        let routes = vec![v1::KernelRoute {
            prefix: "10.0.0.0/24".into(),
            ..v1::KernelRoute::default()
        }];
        Ok(pages(vec![Ok(v1::ListKernelRoutesResponse { routes })]))
    }
}

#[tonic::async_trait]
impl WatchService for Log {
    type WatchStream = Pages<v1::WatchResponse>;

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.note(request);
        let event = |sequence, event| {
            Ok(v1::WatchResponse {
                sequence,
                event: Some(event),
            })
        };
        let a = || Event::Peer(Box::new(peer("a", "10.0.0.1")));
        let gone = v1::PeerRemoved {
            name: "a".into(),
            address: "10.0.0.1".into(),
        };
        let gap = v1::Gap { missed: 4 };
        Ok(pages(vec![
            event(1, a()),
            event(2, Event::SnapshotDone(v1::SnapshotDone::default())),
            event(3, a()),
            event(4, Event::Gap(gap)),
            event(5, Event::PeerRemoved(gone)),
        ]))
    }
}
