//! `KernelService`: our routes in the kernel.

use std::collections::BTreeMap;

use fib::{Fib, Hop, RouteKey, RouteRow, RouteState, Target};
use proto::v1;
use proto::v1::kernel_service_server::KernelService;
use speaker::Speaker;
use tonic::{Request, Response, Status};
use wire::Family;

use crate::clock::Wall;
use crate::page::{Page, Pages, ROWS, pages};
use crate::route::family_of;
use crate::server::Api;

#[tonic::async_trait]
impl KernelService for Api {
    type ListKernelRoutesStream = Pages<v1::ListKernelRoutesResponse>;

    async fn list_kernel_routes(
        &self,
        request: Request<v1::ListKernelRoutesRequest>,
    ) -> Result<Response<Self::ListKernelRoutesStream>, Status> {
        let request = request.into_inner();
        let family = family_of(request.family)?;
        let state = v1::KernelRouteState::try_from(request.state).map_err(|_| unknown_state())?;
        let has_kernel = self.asker.ask(|speaker, _| speaker.kernel().is_some());
        if !has_kernel.await? {
            return Err(no_kernel());
        }
        let clock = self.clock;
        let step = move |speaker: &mut Speaker, now, after: Option<RouteKey>| {
            let fib = speaker.kernel().ok_or_else(no_kernel)?;
            let rows = fib.routes(after, ROWS);
            let next = rows.last().map(|row| Some(row.key));
            let metric = speaker
                .config()
                .kernel
                .as_ref()
                .map_or(0, |k| k.blackhole_metric);
            let links = links(fib);
            let routes: Vec<_> = rows
                .into_iter()
                .filter(|row| family.is_none_or(|family| Family::of(&row.key.prefix) == family))
                .map(|row| message(row, metric, &links, speaker, &clock.at(now)))
                .filter(|route| is_wanted(state, route.state()))
                .collect();
            let answer = (!routes.is_empty()).then_some(v1::ListKernelRoutesResponse { routes });
            Ok(Page { answer, next })
        };
        Ok(Response::new(pages(self.asker.clone(), None, step)))
    }
}

fn unknown_state() -> Status {
    Status::invalid_argument("the state is not known here; leave it out for every state")
}

fn no_kernel() -> Status {
    Status::failed_precondition(
        "this daemon has no kernel routes: it runs without `kernel`, or is a reflector",
    )
}

fn is_wanted(wanted: v1::KernelRouteState, state: v1::KernelRouteState) -> bool {
    wanted == v1::KernelRouteState::Unspecified || wanted == state
}

fn links(fib: &Fib) -> BTreeMap<u32, String> {
    let links = fib.links();
    links
        .map(|link| (link.index, link.name.to_string()))
        .collect()
}

fn message(
    row: RouteRow,
    blackhole_metric: u32,
    links: &BTreeMap<u32, String>,
    speaker: &Speaker,
    wall: &Wall,
) -> v1::KernelRoute {
    let kind = match &row.target {
        Some(Target::Blackhole | Target::Discard) => v1::KernelRouteKind::Blackhole,
        Some(Target::Unicast(_)) => v1::KernelRouteKind::Unicast,
        None if row.key.metric == blackhole_metric => v1::KernelRouteKind::Blackhole,
        None => v1::KernelRouteKind::Unicast,
    };
    let next_hops = match &row.target {
        Some(Target::Unicast(next_hops)) => {
            next_hops.iter().map(|n| n.addr().to_string()).collect()
        }
        Some(Target::Blackhole | Target::Discard) | None => Vec::new(),
    };
    let (state, reason, since, retry_at) = match row.state {
        RouteState::Pending => (v1::KernelRouteState::Pending, String::new(), None, None),
        RouteState::Installed => (v1::KernelRouteState::Installed, String::new(), None, None),
        RouteState::Stale => (v1::KernelRouteState::Stale, String::new(), None, None),
        RouteState::Failed {
            reason,
            since,
            retry_at,
        } => {
            let state = v1::KernelRouteState::Failed;
            (state, reason.to_string(), Some(since), retry_at)
        }
    };
    let protocol = speaker
        .config()
        .kernel
        .as_ref()
        .map_or(0, |kernel| kernel.protocol);
    v1::KernelRoute {
        prefix: row.key.prefix.to_string(),
        table: row.key.table,
        metric: row.key.metric,
        protocol: protocol.into(),
        kind: kind.into(),
        hops: row.hops.iter().map(|hop| hop_message(hop, links)).collect(),
        state: state.into(),
        reason,
        since: since.map(|at| wall.timestamp(at)),
        retry_at: retry_at.map(|at| wall.timestamp(at)),
        next_hops,
    }
}

fn hop_message(hop: &Hop, links: &BTreeMap<u32, String>) -> v1::KernelHop {
    v1::KernelHop {
        gateway: hop
            .gateway
            .map_or(String::new(), |gateway| gateway.to_string()),
        device: links.get(&hop.link).cloned().unwrap_or_default(),
        interface_index: hop.link,
        weight: hop.weight.into(),
    }
}
