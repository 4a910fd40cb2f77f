//! `WatchService`: the speaker's watch as a stream.
//!
//! A task pulls a page of changes, sends it as the client reads, and pulls the next; between two
//! pages the speaker compresses what changes, or gives a gap. Nothing queues up here but one page.

use std::net::IpAddr;
use std::sync::Arc;

use proto::v1;
use proto::v1::watch_response::Event;
use proto::v1::watch_service_server::WatchService;
use rib::PeerId;
use speaker::{Speaker, WatchChange, WatchFilter, WatchId, WatchProgress};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use wire::{Family, Prefix};

use crate::clock::Wall;
use crate::page::{Pages, ROWS};
use crate::peer;
use crate::route::{self, family_of};
use crate::server::Api;

/// Messages between the task and the connection.
const AHEAD: usize = 32;

#[tonic::async_trait]
impl WatchService for Api {
    type WatchStream = Pages<v1::WatchResponse>;

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let request = request.into_inner();
        let filter = filter_of(&request.topics)?;
        let family = family_of(request.family)?;
        let (tell, told) = mpsc::channel(AHEAD);
        let (opened, is_open) = oneshot::channel();
        let watch = Watch {
            api: self.clone(),
            family,
            tell,
            numbers: Numbers::default(),
        };
        // A task of its own from the beginning: however this call ends, what was opened is closed.
        tokio::spawn(watch.run(filter, opened));
        let open = is_open.await;
        open.map_err(|_| Status::unavailable("the daemon is stopping; try again when it runs"))??;
        Ok(Response::new(ReceiverStream::new(told)))
    }
}

fn filter_of(topics: &[i32]) -> Result<WatchFilter, Status> {
    let mut filter = WatchFilter {
        peers: topics.is_empty(),
        routes: topics.is_empty(),
    };
    for topic in topics {
        match v1::WatchTopic::try_from(*topic) {
            Ok(v1::WatchTopic::Peers) => filter.peers = true,
            Ok(v1::WatchTopic::Routes) => filter.routes = true,
            Ok(v1::WatchTopic::Unspecified) | Err(_) => {
                return Err(Status::invalid_argument(
                    "a topic is not known here; there are peers and routes",
                ));
            }
        }
    }
    Ok(filter)
}

struct Watch {
    api: Api,
    family: Option<Family>,
    tell: mpsc::Sender<Result<v1::WatchResponse, Status>>,
    numbers: Numbers,
}

/// What is counted over the stream.
#[derive(Debug, Default)]
struct Numbers {
    sequence: u64,
    peers: u64,
    routes: u64,
}

impl Numbers {
    /// Gives an event its number.
    fn number(&mut self, mut event: Event) -> v1::WatchResponse {
        match &mut event {
            Event::Peer(_) => self.peers += 1,
            Event::Route(_) => self.routes += 1,
            Event::PeerRemoved(_) | Event::RouteRemoved(_) => {}
            Event::SnapshotDone(done) => {
                (done.peers, done.routes) = (self.peers, self.routes);
            }
            Event::Gap(_) => (self.peers, self.routes) = (0, 0),
        }
        self.sequence += 1;
        v1::WatchResponse {
            sequence: self.sequence,
            event: Some(event),
        }
    }
}

impl Watch {
    async fn run(mut self, filter: WatchFilter, opened: oneshot::Sender<Result<(), Status>>) {
        let news = Arc::new(Notify::new());
        let bell = Arc::clone(&news);
        let open = self
            .api
            .asker
            .ask(move |speaker, _| speaker.watch_open(filter, Arc::new(move || bell.notify_one())));
        let id = match open.await {
            Ok(Some(id)) => id,
            Ok(None) => {
                let text = "too many watches are open; close some";
                let _ = opened.send(Err(Status::resource_exhausted(text)));
                return;
            }
            Err(status) => {
                let _ = opened.send(Err(status));
                return;
            }
        };
        // Who asked may be gone; then the first message finds the channel closed.
        let _ = opened.send(Ok(()));
        self.follow(id, &news).await;
        // When the speaker is gone, so is the watch.
        let _ = self
            .api
            .asker
            .ask(move |speaker, _| speaker.watch_close(id))
            .await;
    }

    /// Returns when the client or the speaker is gone.
    async fn follow(&mut self, id: WatchId, news: &Notify) {
        loop {
            let (clock, family) = (self.api.clock, self.family);
            let page = self
                .api
                .asker
                .ask(move |speaker, now| poll(speaker, id, family, &clock.at(now)));
            let Ok((progress, events)) = page.await else {
                return;
            };
            for event in events {
                let response = self.numbers.number(event);
                if self.tell.send(Ok(response)).await.is_err() {
                    return;
                }
            }
            match progress {
                WatchProgress::More => {}
                WatchProgress::Idle => tokio::select! {
                    () = news.notified() => {}
                    () = self.tell.closed() => return,
                },
                WatchProgress::Closed => return,
            }
        }
    }
}

/// A change, as much of it as can be told while the speaker is busy telling.
enum Change {
    Peer(PeerId),
    Route {
        route: Box<v1::Route>,
        peer: PeerId,
        prefix: Prefix,
        address: IpAddr,
    },
    Whole(Event),
}

/// A page of changes.
fn poll(
    speaker: &mut Speaker,
    id: WatchId,
    family: Option<Family>,
    wall: &Wall,
) -> (WatchProgress, Vec<Event>) {
    let mut changes = Vec::new();
    let progress = speaker.watch_poll(id, ROWS, &mut |_, change| {
        changes.extend(taken(change, family));
    });
    let speaker = &*speaker;
    let events = changes
        .into_iter()
        .filter_map(|change| finished(speaker, change, wall));
    (progress, events.collect())
}

fn taken(change: WatchChange<'_>, family: Option<Family>) -> Option<Change> {
    let wanted = |prefix: &Prefix| family.is_none_or(|family| Family::of(prefix) == family);
    Some(match change {
        WatchChange::Peer(peer) => Change::Peer(peer.id()),
        WatchChange::PeerRemoved { name, address } => {
            Change::Whole(Event::PeerRemoved(v1::PeerRemoved {
                name: name.to_owned(),
                address: address.to_string(),
            }))
        }
        WatchChange::Route(prefix, _) | WatchChange::RouteRemoved(prefix) if !wanted(&prefix) => {
            return None;
        }
        WatchChange::Route(prefix, destination) => {
            let path = destination.best()?;
            Change::Route {
                route: Box::new(route::without_source(&path)),
                peer: path.peer,
                prefix,
                address: path.source.address,
            }
        }
        WatchChange::RouteRemoved(prefix) => Change::Whole(Event::RouteRemoved(v1::RouteRemoved {
            prefix: prefix.to_string(),
        })),
        WatchChange::SnapshotEnd => Change::Whole(Event::SnapshotDone(v1::SnapshotDone::default())),
        WatchChange::Gap { missed } => Change::Whole(Event::Gap(v1::Gap { missed })),
    })
}

fn finished(speaker: &Speaker, change: Change, wall: &Wall) -> Option<Event> {
    Some(match change {
        Change::Peer(id) => Event::Peer(Box::new(peer::message(speaker, speaker.peer(id)?, wall))),
        Change::Route {
            mut route,
            peer,
            prefix,
            address,
        } => {
            route.source = Some(route::source(speaker, peer, &prefix, address));
            Event::Route(route)
        }
        Change::Whole(event) => event,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_consecutive_and_a_snapshot_counts_itself() {
        let mut numbers = Numbers::default();
        let route = || Event::Route(Box::default());
        let done = || Event::SnapshotDone(v1::SnapshotDone::default());
        let events = [
            Event::Peer(Box::default()),
            route(),
            done(),
            route(),
            Event::Gap(v1::Gap { missed: 9 }),
            route(),
            done(),
        ];
        let responses: Vec<_> = events
            .into_iter()
            .map(|event| numbers.number(event))
            .collect();
        let sequences: Vec<u64> = responses.iter().map(|r| r.sequence).collect();
        assert_eq!(sequences, [1, 2, 3, 4, 5, 6, 7]);
        let counts = |index: usize| match &responses[index].event {
            Some(Event::SnapshotDone(done)) => (done.peers, done.routes),
            other => panic!("{other:?}"),
        };
        assert_eq!(counts(2), (1, 1));
        assert_eq!(counts(6), (0, 1));
    }

    #[test]
    fn no_topic_is_every_topic() {
        let both = WatchFilter {
            peers: true,
            routes: true,
        };
        assert_eq!(filter_of(&[]).unwrap(), both);
        let peers = filter_of(&[v1::WatchTopic::Peers.into()]).unwrap();
        assert!(peers.peers && !peers.routes);
        assert!(filter_of(&[0]).is_err());
    }
}
