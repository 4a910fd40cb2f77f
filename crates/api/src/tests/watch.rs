use std::collections::BTreeSet;

use config::Role;
use proto::v1;
use proto::v1::watch_response::Event;
use proto::v1::watch_service_client::WatchServiceClient;
use tonic::{Code, Streaming};

use super::lab::{Lab, NODE, announce, prefix, test};

/// A reader that checks the numbers.
struct Reader {
    stream: Streaming<v1::WatchResponse>,
    sequence: u64,
}

impl Reader {
    async fn open(lab: &Lab, topics: &[v1::WatchTopic]) -> Result<Reader, tonic::Status> {
        let request = v1::WatchRequest {
            topics: topics.iter().map(|topic| (*topic).into()).collect(),
            family: v1::Family::Unspecified.into(),
        };
        let mut client = WatchServiceClient::new(lab.channel().await);
        let stream = client.watch(request).await?.into_inner();
        Ok(Reader {
            stream,
            sequence: 0,
        })
    }

    async fn next(&mut self) -> Event {
        let response = self
            .stream
            .message()
            .await
            .unwrap()
            .expect("the stream goes on");
        self.sequence += 1;
        assert_eq!(response.sequence, self.sequence, "numbers are consecutive");
        response.event.unwrap()
    }

    /// Reads to the marker, which must count what came. What changes meanwhile may be among it.
    async fn snapshot(&mut self) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut peers, mut routes) = (BTreeSet::new(), BTreeSet::new());
        let mut counted = (0, 0);
        loop {
            match self.next().await {
                Event::Peer(peer) => {
                    counted.0 += 1;
                    peers.insert(peer.config.unwrap().name.unwrap());
                }
                Event::Route(route) => {
                    assert!(route.source.is_some());
                    counted.1 += 1;
                    routes.insert(route.prefix);
                }
                Event::SnapshotDone(done) => {
                    assert_eq!((done.peers, done.routes), counted);
                    return (peers, routes);
                }
                Event::RouteRemoved(gone) => {
                    routes.remove(&gone.prefix);
                }
                Event::Gap(_) => {
                    (peers, routes, counted) = (BTreeSet::new(), BTreeSet::new(), (0, 0));
                }
                other @ Event::PeerRemoved(_) => panic!("in a snapshot: {other:?}"),
            }
        }
    }
}

const ROUTES: &[v1::WatchTopic] = &[v1::WatchTopic::Routes];

#[test]
fn a_snapshot_then_a_marker_then_changes() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let mut reader = Reader::open(&lab, &[]).await.unwrap();
        let (peers, routes) = reader.snapshot().await;
        assert_eq!(peers.into_iter().collect::<Vec<_>>(), ["node-2", "tor"]);
        assert_eq!(
            routes.into_iter().collect::<Vec<_>>(),
            ["10.244.1.0/24", "fd00:244:1::/64"]
        );

        lab.tell(|speaker, _| announce(speaker, prefix(1), "me"))
            .await;
        let Event::Route(route) = reader.next().await else {
            panic!("no route");
        };
        assert_eq!(route.source.unwrap().owner, "me");
        lab.tell(|speaker, _| speaker.withdraw(prefix(1), "me"))
            .await
            .unwrap();
        let Event::RouteRemoved(gone) = reader.next().await else {
            panic!("no removal");
        };
        assert_eq!(gone.prefix, prefix(1).to_string());

        lab.tell(|speaker, now| {
            let tor = speaker.find_peer("tor").unwrap();
            speaker.disable_peer(now, tor, "why").unwrap();
        })
        .await;
        let Event::Peer(peer) = reader.next().await else {
            panic!("no peer");
        };
        assert!(peer.state.unwrap().disabled);
    });
}

/// The table as the speaker has it.
async fn table(lab: &Lab) -> BTreeSet<String> {
    lab.tell(|speaker, _| {
        let query = rib::Query {
            listing: rib::Listing::Best,
            family: None,
            prefix: rib::PrefixFilter::Any,
        };
        let mut prefixes = BTreeSet::new();
        let mut place = Some(rib::ListPlace::default());
        while let Some(from) = place {
            place = speaker.rib().list(&query, from, 1000, &mut |path| {
                prefixes.insert(path.prefix.to_string());
            });
        }
        prefixes
    })
    .await
}

#[test]
fn who_stops_reading_gets_one_gap_and_a_snapshot_equal_to_the_table() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let mut reader = Reader::open(&lab, ROUTES).await.unwrap();
        reader.snapshot().await;
        // In one question, so that no page is taken in between.
        lab.tell(|speaker, _| {
            for number in 0..100_000 {
                announce(speaker, prefix(number), "me");
            }
            for number in 0..500 {
                speaker.withdraw(prefix(number * 7), "me").unwrap();
            }
        })
        .await;
        let Event::Gap(gap) = reader.next().await else {
            panic!("no gap");
        };
        assert!(gap.missed >= 100_000, "{}", gap.missed);
        let (_, routes) = reader.snapshot().await;
        let table = table(&lab).await;
        let differ: Vec<_> = routes.symmetric_difference(&table).take(5).collect();
        assert!(differ.is_empty(), "{differ:?}");
        // It follows again.
        lab.tell(|speaker, _| announce(speaker, prefix(7), "me"))
            .await;
        assert!(
            matches!(reader.next().await, Event::Route(route) if route.prefix == prefix(7).to_string())
        );
    });
}

#[test]
fn a_slow_reader_ends_up_with_the_table_whatever_happens_meanwhile() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let mut reader = Reader::open(&lab, ROUTES).await.unwrap();
        let (_, mut known) = reader.snapshot().await;
        for start in (0..100_000).step_by(1000) {
            lab.tell(move |speaker, _| {
                for number in start..start + 1000 {
                    announce(speaker, prefix(number), "me");
                }
                for number in 0..10 {
                    speaker.withdraw(prefix(start + number), "me").unwrap();
                }
            })
            .await;
        }
        let table = table(&lab).await;
        while known != table {
            match reader.next().await {
                Event::Route(route) => {
                    known.insert(route.prefix);
                }
                Event::RouteRemoved(gone) => {
                    known.remove(&gone.prefix);
                }
                Event::Gap(_) => (_, known) = reader.snapshot().await,
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn only_so_many_may_watch_and_who_goes_makes_room() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let mut readers = Vec::new();
        let refused = loop {
            match Reader::open(&lab, ROUTES).await {
                Ok(reader) => readers.push(reader),
                Err(status) => break status,
            }
            assert!(readers.len() < 1000, "there is no limit");
        };
        assert_eq!(refused.code(), Code::ResourceExhausted);
        drop(readers.pop());
        // The speaker hears of it when the connection has ended.
        while let Err(status) = Reader::open(&lab, ROUTES).await {
            assert_eq!(status.code(), Code::ResourceExhausted);
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn stopping_ends_watches_and_takes_the_socket_away() {
    test(async {
        let mut lab = Lab::start(Role::Node, NODE);
        let mut reader = Reader::open(&lab, ROUTES).await.unwrap();
        reader.snapshot().await;
        let socket = lab.socket();
        let handle = lab.handle.take();
        tokio::task::spawn_blocking(move || drop(handle))
            .await
            .unwrap();
        assert!(!socket.exists());
        assert!(!matches!(reader.stream.message().await, Ok(Some(_))));
    });
}
