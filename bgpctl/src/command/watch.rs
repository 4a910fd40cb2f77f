//! `bgpctl watch`, and `--watch` of the lists.
//!
//! Peers and best routes come from the daemon's watch stream. The other lists have
//! no stream: they are asked for again at an interval, and what differs is printed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use proto::v1;
use proto::v1::kernel_service_client::KernelServiceClient;
use proto::v1::route_service_client::RouteServiceClient;
use proto::v1::watch_service_client::WatchServiceClient;
use tonic::transport::Channel;

use crate::cli::route::RouteListArgs;
use crate::cli::{Topic, WatchArgs};
use crate::failure::Failure;
use crate::output::{Output, Tabular};
use crate::table::{Cell, Table, Tone};
use crate::view::kernel::KernelRouteView;
use crate::view::peer::PeerView;
use crate::view::route::RouteView;
use crate::view::watch::{EventKind, EventView};

/// How often a list without a stream is asked for.
const INTERVAL: Duration = Duration::from_secs(2);

const CLOSED: &str = "bgpd closed the watch; is it still running? Start the watch again";

/// Follows the topics, one line for each event.
pub(crate) async fn run(
    channel: Channel,
    args: &WatchArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let topics = args.topics.iter().map(|topic| match topic {
        Topic::Peers => v1::WatchTopic::Peers,
        Topic::Routes => v1::WatchTopic::Routes,
    });
    let request = v1::WatchRequest {
        topics: topics.map(Into::into).collect(),
        family: args.family.family().into(),
    };
    follow(channel, request, async |event| {
        output.event(&event, |color| event.line(color))
    })
    .await
}

async fn follow(
    channel: Channel,
    request: v1::WatchRequest,
    mut each: impl AsyncFnMut(EventView) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut client = WatchServiceClient::new(channel);
    let mut stream = client.watch(request).await?.into_inner();
    while let Some(response) = stream.message().await? {
        if let Some(event) = EventView::new(response, SystemTime::now()) {
            each(event).await?;
        }
    }
    Err(Failure::Argument(CLOSED.to_owned()))
}

/// A table of events: the columns of the list, and before them what happened.
struct Changes<'o, 'a> {
    output: &'o mut Output<'a>,
    table: Table,
    width: usize,
    /// Rows of the snapshot, held so that their columns align; none: it is over.
    snapshot: Option<Vec<Vec<Cell>>>,
}

impl<'o, 'a> Changes<'o, 'a> {
    fn new<T: Tabular>(output: &'o mut Output<'a>) -> Changes<'o, 'a> {
        let mut columns = vec!["EVENT"];
        columns.extend(T::columns(output.is_wide()));
        Changes {
            output,
            width: columns.len(),
            table: Table::new(columns),
            snapshot: Some(Vec::new()),
        }
    }

    fn row<T: Tabular>(&mut self, item: &T) -> Result<(), Failure> {
        let cells = item.row(self.output.is_wide(), SystemTime::now());
        match &mut self.snapshot {
            Some(held) => {
                held.push(std::iter::once(Cell::new("present")).chain(cells).collect());
                Ok(())
            }
            None => self.write(&[std::iter::once(Cell::new("changed")).chain(cells).collect()]),
        }
    }

    fn gone(&mut self, cells: &[&str]) -> Result<(), Failure> {
        let mut row = vec![Cell::toned("gone", Tone::Warn)];
        row.extend(cells.iter().map(Cell::new));
        row.resize(self.width, Cell::new(""));
        self.write(&[row])
    }

    fn write(&mut self, rows: &[Vec<Cell>]) -> Result<(), Failure> {
        self.output.rows(&mut self.table, rows)?;
        self.output.flush()
    }

    /// What follows are changes.
    fn end_snapshot(&mut self) -> Result<(), Failure> {
        match self.snapshot.take() {
            Some(held) if self.output.is_table() => self.write(&held),
            Some(_) | None => Ok(()),
        }
    }

    fn event(&mut self, event: &EventView) -> Result<(), Failure> {
        if !self.output.is_table() {
            return self.output.event(event, |_| String::new());
        }
        match event.event() {
            EventKind::Peer { peer } => self.row(peer.as_ref()),
            EventKind::PeerRemoved { name, address } => self.gone(&[name, address]),
            EventKind::Route { route } => self.row(route.as_ref()),
            EventKind::RouteRemoved { prefix } => self.gone(&["", prefix]),
            EventKind::KernelRoute { route } => self.row(route.as_ref()),
            EventKind::KernelRouteRemoved { prefix } => self.gone(&[prefix]),
            EventKind::SnapshotDone { .. } => self.end_snapshot(),
            EventKind::Gap { .. } => {
                self.snapshot = Some(Vec::new());
                let line = event.what(false);
                self.output.text(&line)?;
                self.output.flush()
            }
        }
    }
}

async fn follow_table<T: Tabular>(
    channel: Channel,
    request: v1::WatchRequest,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut changes = Changes::new::<T>(output);
    follow(channel, request, async |event| changes.event(&event)).await
}

/// `bgpctl peer list --watch`.
pub(crate) async fn peers(channel: Channel, output: &mut Output<'_>) -> Result<(), Failure> {
    let request = v1::WatchRequest {
        topics: vec![v1::WatchTopic::Peers.into()],
        family: v1::Family::Unspecified.into(),
    };
    follow_table::<PeerView>(channel, request, output).await
}

/// `bgpctl route list --watch`.
pub(crate) async fn routes(
    channel: Channel,
    args: &RouteListArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    if args.best && args.prefix.is_none() {
        let request = v1::WatchRequest {
            topics: vec![v1::WatchTopic::Routes.into()],
            family: args.family.family().into(),
        };
        return follow_table::<RouteView>(channel, request, output).await;
    }
    let request = args.request();
    let mut client = RouteServiceClient::new(channel);
    let ask = async || {
        let mut found = BTreeMap::new();
        let mut stream = client.list_routes(request.clone()).await?.into_inner();
        while let Some(page) = stream.message().await? {
            for route in page.routes {
                found.insert(RouteView::new(route.clone()).key(), route);
            }
        }
        Ok(found)
    };
    poll::<RouteView, _, _>(
        Changes::new::<RouteView>(output),
        ask,
        |route| EventKind::Route {
            route: Box::new(RouteView::new(route)),
        },
        |key| EventKind::RouteRemoved { prefix: key.0 },
    )
    .await
}

/// `bgpctl kernel list --watch`.
pub(crate) async fn kernel(
    mut client: KernelServiceClient<Channel>,
    request: v1::ListKernelRoutesRequest,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let ask = async || {
        let mut found = BTreeMap::new();
        let mut stream = client.list_kernel_routes(request).await?.into_inner();
        while let Some(page) = stream.message().await? {
            for route in page.routes {
                found.insert(KernelRouteView::new(route.clone()).key(), route);
            }
        }
        Ok(found)
    };
    poll::<KernelRouteView, _, _>(
        Changes::new::<KernelRouteView>(output),
        ask,
        |route| EventKind::KernelRoute {
            route: Box::new(KernelRouteView::new(route)),
        },
        |key| EventKind::KernelRouteRemoved { prefix: key.0 },
    )
    .await
}

/// Asks again and again; prints everything once, then what differs.
async fn poll<T: Tabular, K: Ord, M: PartialEq + Clone>(
    mut changes: Changes<'_, '_>,
    mut ask: impl AsyncFnMut() -> Result<BTreeMap<K, M>, Failure>,
    shown: impl Fn(M) -> EventKind,
    gone: impl Fn(K) -> EventKind,
) -> Result<(), Failure> {
    let mut known: Option<BTreeMap<K, M>> = None;
    loop {
        let found = ask().await?;
        let now = SystemTime::now();
        let mut before = known.take().unwrap_or_default();
        for (key, item) in &found {
            if before.remove(key).as_ref() != Some(item) {
                changes.event(&EventView::found(shown(item.clone()), now))?;
            }
        }
        for (key, _) in before {
            changes.event(&EventView::found(gone(key), now))?;
        }
        known = Some(found);
        changes.end_snapshot()?;
        tokio::time::sleep(INTERVAL).await;
    }
}
