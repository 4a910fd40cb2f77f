//! `RouteService`: what peers sent, what is best, what peers are sent.

pub(crate) mod attributes;
mod control;

use std::net::IpAddr;

use proto::v1;
use proto::v1::route_service_server::RouteService;
use rib::{ListPlace, Listing, PathView, PeerId, PrefixFilter, Query};
use speaker::Speaker;
use tonic::{Request, Response, Status};
use wire::{Family, IpNet, Prefix};

use crate::page::{Page, Pages, ROWS, pages};
use crate::peer;
use crate::server::Api;

/// The family of a request; none: every one.
pub(crate) fn family_of(family: i32) -> Result<Option<Family>, Status> {
    match v1::Family::try_from(family) {
        Ok(v1::Family::Unspecified) => Ok(None),
        Ok(v1::Family::Ipv4Unicast) => Ok(Some(Family::Ipv4Unicast)),
        Ok(v1::Family::Ipv6Unicast) => Ok(Some(Family::Ipv6Unicast)),
        Err(_) => Err(Status::invalid_argument("the family is not known here")),
    }
}

/// Which rows are wanted.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    query: Query,
    /// Only paths of this source; `query` has no place for it with the best paths.
    source: Option<PeerId>,
}

#[tonic::async_trait]
impl RouteService for Api {
    type ListRoutesStream = Pages<v1::ListRoutesResponse>;

    async fn list_routes(
        &self,
        request: Request<v1::ListRoutesRequest>,
    ) -> Result<Response<Self::ListRoutesStream>, Status> {
        let request = request.into_inner();
        let family = family_of(request.family)?;
        let prefix = prefix_filter(&request)?;
        let found = self
            .asker
            .ask(move |speaker, _| wanted(speaker, &request, family, prefix));
        let wanted = found.await??;
        let step = move |speaker: &mut Speaker, _, from: ListPlace| {
            let mut routes = Vec::new();
            let speaker = &*speaker;
            let next = speaker.rib().list(&wanted.query, from, ROWS, &mut |path| {
                if wanted.source.is_none_or(|source| source == path.peer) {
                    routes.push(listed(speaker, path, wanted.query.listing));
                }
            });
            let answer = (!routes.is_empty()).then_some(v1::ListRoutesResponse { routes });
            Ok(Page { answer, next })
        };
        let start = ListPlace::default();
        Ok(Response::new(pages(self.asker.clone(), start, step)))
    }
}

fn wanted(
    speaker: &Speaker,
    request: &v1::ListRoutesRequest,
    family: Option<Family>,
    prefix: PrefixFilter,
) -> Result<Wanted, Status> {
    let peer = match request.peer.as_deref() {
        Some(name) => Some(peer::find(speaker, name)?),
        None => None,
    };
    let needed = || Status::invalid_argument("this view is of one peer: name it");
    let (listing, source) = match v1::RouteView::try_from(request.view) {
        Ok(v1::RouteView::Unspecified | v1::RouteView::All) => (Listing::In(peer), None),
        Ok(v1::RouteView::In) => (Listing::In(Some(peer.ok_or_else(needed)?)), None),
        Ok(v1::RouteView::Out) => (Listing::Out(peer.ok_or_else(needed)?), None),
        Ok(v1::RouteView::Best) => (Listing::Best, peer),
        Err(_) => return Err(Status::invalid_argument("the view is not known here")),
    };
    let query = Query {
        listing,
        family,
        prefix,
    };
    Ok(Wanted { query, source })
}

fn prefix_filter(request: &v1::ListRoutesRequest) -> Result<PrefixFilter, Status> {
    let Some(text) = &request.prefix else {
        return Ok(PrefixFilter::Any);
    };
    let prefix = parse_prefix(text).map_err(Status::invalid_argument)?;
    match v1::PrefixMatch::try_from(request.prefix_match) {
        Ok(v1::PrefixMatch::Unspecified | v1::PrefixMatch::Exact) => {
            Ok(PrefixFilter::Exact(prefix))
        }
        Ok(v1::PrefixMatch::Longer) => Ok(PrefixFilter::Longer(prefix)),
        Ok(v1::PrefixMatch::Longest) => Ok(PrefixFilter::LongestMatch(prefix)),
        Err(_) => Err(Status::invalid_argument(
            "the kind of match is not known here",
        )),
    }
}

/// A prefix, or an address for its host prefix.
fn parse_prefix(text: &str) -> Result<Prefix, String> {
    let fault = || {
        let text = text.escape_debug();
        format!("\"{text}\" is not a prefix; write one such as 10.0.0.0/24 or fd00::/64")
    };
    let prefix: IpNet = match text.parse() {
        Ok(prefix) => prefix,
        Err(_) => IpNet::from(text.parse::<IpAddr>().map_err(|_| fault())?),
    };
    match prefix.trunc() {
        truncated if truncated == prefix => Ok(prefix),
        truncated => Err(format!(
            "{prefix} has bits set behind its length; write {truncated}"
        )),
    }
}

/// A row of a listing.
fn listed(speaker: &Speaker, path: &PathView<'_>, listing: Listing) -> v1::Route {
    let mut route = message(speaker, path);
    match listing {
        Listing::In(_) | Listing::Best => {
            set_kernel_flags(speaker, path, &mut route);
            set_scope(speaker, path, &mut route);
        }
        // What a peer is sent says nothing about our kernel.
        Listing::Out(_) => {}
    }
    route
}

/// A link-local next hop means something on its link only, which is that of the session it came by.
fn set_scope(speaker: &Speaker, path: &PathView<'_>, route: &mut v1::Route) {
    if let (false, Some(link)) = (
        route.next_hop_link_local.is_empty(),
        speaker.link_name(path.peer),
    ) {
        route.next_hop_link_local.push('%');
        route.next_hop_link_local.push_str(link);
    }
}

/// Whether the kernel has the route; only those that share traffic are to be there.
fn set_kernel_flags(speaker: &Speaker, path: &PathView<'_>, route: &mut v1::Route) {
    if !path.multipath {
        return;
    }
    let (Some(row), Some(flags)) = (speaker.kernel_route(&path.prefix), &mut route.flags) else {
        return;
    };
    match row.state {
        fib::RouteState::Installed => flags.in_kernel = true,
        fib::RouteState::Failed { .. } => flags.kernel_failure = true,
        fib::RouteState::Pending | fib::RouteState::Stale => {}
    }
}

/// A path, without what the kernel has to say.
fn message(speaker: &Speaker, path: &PathView<'_>) -> v1::Route {
    v1::Route {
        source: Some(source(
            speaker,
            path.peer,
            &path.prefix,
            path.source.address,
        )),
        ..without_source(path)
    }
}

/// A path, without its source, which only the speaker can name.
pub(crate) fn without_source(path: &PathView<'_>) -> v1::Route {
    let link_local = path.next_hop.link_local();
    v1::Route {
        prefix: path.prefix.to_string(),
        path_id: path.path_id,
        source: None,
        next_hop: path.next_hop.addr().to_string(),
        next_hop_link_local: link_local.map_or(String::new(), |address| address.to_string()),
        attributes: Some(attributes::message(path.attrs)),
        flags: Some(v1::RouteFlags {
            valid: path.refusal.is_none(),
            best: path.best,
            multipath: path.multipath && !path.best,
            internal: path.source.kind.is_internal(),
            stale: path.stale,
            in_kernel: false,
            kernel_failure: false,
        }),
        rejected_reason: path
            .refusal
            .map_or(String::new(), |reason| reason.to_string()),
        received_at: None,
    }
}

/// Whom a path is from.
pub(crate) fn source(
    speaker: &Speaker,
    peer: PeerId,
    prefix: &Prefix,
    address: IpAddr,
) -> v1::RouteSource {
    match peer {
        PeerId::LOCAL => v1::RouteSource {
            name: "local".into(),
            ..v1::RouteSource::default()
        },
        PeerId::API => v1::RouteSource {
            name: "api".into(),
            owner: speaker
                .api_route(prefix)
                .map_or(String::new(), |route| route.owner.clone()),
            address: String::new(),
        },
        id => {
            let name = speaker.peer(id).map(|peer| peer.config().name.clone());
            v1::RouteSource {
                name: name.unwrap_or_else(|| address.to_string()),
                address: address.to_string(),
                owner: String::new(),
            }
        }
    }
}
