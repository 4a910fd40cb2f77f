//! `PeerService` and `PeerControlService`.

mod hindrance;
mod malformed;
mod settings;
mod state;

use std::net::IpAddr;

use proto::v1;
use proto::v1::peer_control_service_server::PeerControlService;
use proto::v1::peer_service_server::PeerService;
use rib::PeerId;
use speaker::{Peer, PeerError, PeerSource, ResetKind, Speaker};
use tonic::{Request, Response, Status};

use crate::clock::Wall;
use crate::fault::{self, Violations};
use crate::page::{Page, Pages, pages};
use crate::server::Api;

/// Peers in a page: a peer is a long message.
const PEERS: usize = 32;
/// Octets of a shutdown communication at most (RFC 9003 section 2).
const MAX_REASON: usize = 255;

pub(crate) use self::hindrance::{Hindrance, drain_cause, hindrances};

/// A peer as it is now.
pub(crate) fn message(speaker: &Speaker, peer: &Peer, wall: &Wall) -> v1::Peer {
    v1::Peer {
        config: Some(settings::message(peer.config())),
        state: Some(state::message(speaker, peer, wall)),
        source: Some(source(peer)),
    }
}

fn source(peer: &Peer) -> v1::Source {
    use v1::source::Origin;
    let place = |location: &config::Location| match location {
        config::Location::File { path, line, column } => v1::FileLocation {
            path: path.to_string(),
            line: *line,
            column: *column,
        },
        config::Location::Request { .. } => v1::FileLocation::default(),
    };
    let origin = match peer.source() {
        PeerSource::File => Origin::File(place(&peer.config().location)),
        PeerSource::Dynamic { .. } => Origin::Dynamic(place(&peer.config().location)),
        PeerSource::Api => Origin::Api(v1::ApiOrigin {}),
    };
    v1::Source {
        origin: Some(origin),
    }
}

/// The peer of this name or address.
pub(crate) fn find(speaker: &Speaker, name: &str) -> Result<PeerId, Status> {
    let id = speaker.find_peer(name);
    id.ok_or_else(|| match name {
        "" => Status::invalid_argument("no peer is named; give its name or address"),
        name => Status::not_found(format!(
            "no peer has the name or address \"{}\"; see bgpctl peer list",
            name.escape_debug()
        )),
    })
}

#[tonic::async_trait]
impl PeerService for Api {
    type ListPeersStream = Pages<v1::ListPeersResponse>;

    async fn list_peers(
        &self,
        request: Request<v1::ListPeersRequest>,
    ) -> Result<Response<Self::ListPeersStream>, Status> {
        let v1::ListPeersRequest { state, group } = request.into_inner();
        if let Some(state) = state {
            v1::SessionState::try_from(state)
                .map_err(|_| Status::invalid_argument("the state is not known here"))?;
        }
        let ids = self.asker.ask(|speaker, _| by_address(speaker)).await?;
        let clock = self.clock;
        let step = move |speaker: &mut Speaker, now, mut ids: std::vec::IntoIter<PeerId>| {
            let wall = clock.at(now);
            let peers: Vec<v1::Peer> = ids
                .by_ref()
                .take(PEERS)
                .filter_map(|id| speaker.peer(id))
                .filter(|peer| group.is_none() || peer.config().group == group)
                .map(|peer| message(speaker, peer, &wall))
                .filter(|peer| {
                    let actual = peer.state.as_ref().map(|state| state.session_state);
                    state.is_none() || state == actual
                })
                .collect();
            let answer = (!peers.is_empty()).then_some(v1::ListPeersResponse { peers });
            let next = (ids.len() > 0).then_some(ids);
            Ok(Page { answer, next })
        };
        Ok(Response::new(pages(
            self.asker.clone(),
            ids.into_iter(),
            step,
        )))
    }

    async fn get_peer(
        &self,
        request: Request<v1::GetPeerRequest>,
    ) -> Result<Response<v1::GetPeerResponse>, Status> {
        let name = request.into_inner().peer;
        let clock = self.clock;
        let peer = self.asker.ask(move |speaker, now| {
            let id = find(speaker, &name)?;
            let peer = speaker.peer(id).ok_or_else(gone)?;
            let mut message = message(speaker, peer, &clock.at(now));
            malformed::add_octets(&mut message, peer);
            Ok::<_, Status>(message)
        });
        let peer = Some(peer.await??);
        Ok(Response::new(v1::GetPeerResponse { peer }))
    }
}

fn by_address(speaker: &Speaker) -> Vec<PeerId> {
    let mut peers: Vec<_> = speaker
        .peers()
        .map(|p| (p.config().address, p.id()))
        .collect();
    peers.sort_unstable();
    peers.into_iter().map(|(_, id)| id).collect()
}

fn gone() -> Status {
    fault::of_peer(&PeerError::NotFound)
}

/// That an address is not one of this node: a session with oneself never comes up.
fn check_foreign(speaker: &Speaker, address: IpAddr) -> Result<(), Status> {
    let kernel = speaker.kernel().into_iter();
    let sessions = speaker.peers().filter_map(|p| p.session().negotiated());
    let mut own = kernel
        .flat_map(|fib| fib.local_addresses().map(|address| address.local))
        .chain(sessions.map(|terms| terms.local.ip().to_canonical()))
        .chain([IpAddr::V4(speaker.identity().router_id)]);
    let mut violations = Violations::default();
    // In labs, daemons on one host peer on loopback addresses with ports of their own.
    if !address.is_loopback() && own.any(|own| own == address) {
        violations.add(
            "address",
            format!("{address} is an address of this node; give the one of the peer"),
        );
    }
    violations.into_result("the peer")
}

pub(crate) fn check_reason(reason: &str) -> Result<(), Status> {
    let mut violations = Violations::default();
    if reason.len() > MAX_REASON {
        violations.add(
            "reason",
            format!(
                "it has {} octets; at most {MAX_REASON} fit (RFC 9003)",
                reason.len()
            ),
        );
    }
    violations.into_result("the reason")
}

#[tonic::async_trait]
impl PeerControlService for Api {
    async fn create_peer(
        &self,
        request: Request<v1::CreatePeerRequest>,
    ) -> Result<Response<v1::CreatePeerResponse>, Status> {
        let config = request.into_inner().config;
        let config = config.ok_or_else(|| Status::invalid_argument("no settings are given"))?;
        let clock = self.clock;
        let answer = self.asker.ask(move |speaker, now| {
            let config = settings::resolve(&config, speaker.config())?;
            check_foreign(speaker, config.address)?;
            let known = speaker.find_peer(&config.address.to_string()).is_some();
            let id = speaker
                .add_peer(now, config)
                .map_err(|e| fault::of_peer(&e))?;
            let peer = speaker.peer(id).ok_or_else(gone)?;
            Ok::<_, Status>(v1::CreatePeerResponse {
                peer: Some(message(speaker, peer, &clock.at(now))),
                created: !known,
            })
        });
        Ok(Response::new(answer.await??))
    }

    async fn delete_peer(
        &self,
        request: Request<v1::DeletePeerRequest>,
    ) -> Result<Response<v1::DeletePeerResponse>, Status> {
        let name = request.into_inner().peer;
        let done = self.asker.ask(move |speaker, now| {
            let id = find(speaker, &name)?;
            speaker.delete_peer(now, id).map_err(|e| fault::of_peer(&e))
        });
        done.await??;
        Ok(Response::new(v1::DeletePeerResponse {}))
    }

    async fn enable_peer(
        &self,
        request: Request<v1::EnablePeerRequest>,
    ) -> Result<Response<v1::EnablePeerResponse>, Status> {
        let name = request.into_inner().peer;
        let done = self.asker.ask(move |speaker, now| {
            let id = find(speaker, &name)?;
            speaker.enable_peer(now, id).map_err(|e| fault::of_peer(&e))
        });
        done.await??;
        Ok(Response::new(v1::EnablePeerResponse {}))
    }

    async fn disable_peer(
        &self,
        request: Request<v1::DisablePeerRequest>,
    ) -> Result<Response<v1::DisablePeerResponse>, Status> {
        let v1::DisablePeerRequest { peer, reason } = request.into_inner();
        check_reason(&reason)?;
        let done = self.asker.ask(move |speaker, now| {
            let id = find(speaker, &peer)?;
            speaker
                .disable_peer(now, id, &reason)
                .map_err(|e| fault::of_peer(&e))
        });
        done.await??;
        Ok(Response::new(v1::DisablePeerResponse {}))
    }

    async fn reset_peer(
        &self,
        request: Request<v1::ResetPeerRequest>,
    ) -> Result<Response<v1::ResetPeerResponse>, Status> {
        let request = request.into_inner();
        let kinds: &[ResetKind] = match v1::ResetKind::try_from(request.kind) {
            Ok(v1::ResetKind::Hard) => &[ResetKind::Hard],
            Ok(v1::ResetKind::SoftIn) => &[ResetKind::SoftIn],
            Ok(v1::ResetKind::SoftOut) => &[ResetKind::SoftOut],
            // In first: it is the one that may be refused.
            Ok(v1::ResetKind::Soft) => &[ResetKind::SoftIn, ResetKind::SoftOut],
            Ok(v1::ResetKind::Unspecified) | Err(_) => {
                return Err(Status::invalid_argument(
                    "say which kind of reset: hard or soft",
                ));
            }
        };
        let done = self.asker.ask(move |speaker, now| {
            let id = find(speaker, &request.peer)?;
            for kind in kinds {
                speaker
                    .reset_peer(now, id, *kind)
                    .map_err(|e| fault::of_peer(&e))?;
            }
            Ok::<_, Status>(())
        });
        done.await??;
        Ok(Response::new(v1::ResetPeerResponse {}))
    }
}
