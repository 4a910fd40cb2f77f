use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use proto::v1;
use proto::v1::peer_config::RemoteAs;

use super::kernel::KernelRouteView;
use super::peer::PeerView;
use super::route::RouteView;
use super::status::StatusView;
use super::watch::EventView;
use crate::output::{Format, Output, Tabular};
use crate::table::Table;

const NOW: u64 = 1_700_000_000;

fn ago(seconds: u64) -> Option<Timestamp> {
    let seconds = i64::try_from(NOW - seconds).unwrap();
    Some(Timestamp { seconds, nanos: 0 })
}

/// A table as it is printed at `NOW`.
fn table<T: Tabular>(items: &[T], wide: bool) -> String {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let rows: Vec<_> = items.iter().map(|item| item.row(wide, now)).collect();
    let mut out = Vec::new();
    Table::new(T::columns(wide))
        .write(&mut out, &rows, false)
        .unwrap();
    String::from_utf8(out).unwrap()
}

fn json(item: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(item).unwrap()
}

fn established() -> v1::Peer {
    v1::Peer {
        config: Some(v1::PeerConfig {
            name: Some("tor-a".into()),
            address: "10.0.0.1".into(),
            remote_as: Some(RemoteAs::AsNumber(65001)),
            families: vec![v1::Family::Ipv4Unicast.into()],
            hold_time: Some(prost_types::Duration {
                seconds: 90,
                nanos: 0,
            }),
            next_hop: Some(v1::NextHopRule::Self_.into()),
            ..v1::PeerConfig::default()
        }),
        state: Some(v1::PeerState {
            session_state: v1::SessionState::Established.into(),
            changed_at: ago(192),
            remote_as: 65001,
            families: vec![
                v1::FamilyState {
                    family: v1::Family::Ipv4Unicast.into(),
                    negotiated: true,
                    received: 7,
                    accepted: 6,
                    advertised: 2,
                    end_of_rib_received: None,
                    kept: 4,
                },
                v1::FamilyState {
                    family: v1::Family::Ipv6Unicast.into(),
                    received: 3,
                    accepted: 3,
                    ..v1::FamilyState::default()
                },
            ],
            timers: Some(v1::NegotiatedTimers {
                hold_time: Some(prost_types::Duration {
                    seconds: 30,
                    nanos: 0,
                }),
                keepalive: Some(prost_types::Duration {
                    seconds: 10,
                    nanos: 0,
                }),
            }),
            capabilities: Some(v1::Capabilities {
                sent: vec![v1::Capability {
                    code: 1,
                    name: "multiprotocol".into(),
                    value: "ipv4-unicast".into(),
                }],
                received: vec![v1::Capability {
                    code: 200,
                    name: "unknown".into(),
                    value: String::new(),
                }],
                in_effect: vec![],
            }),
            ..v1::PeerState::default()
        }),
        source: Some(v1::Source {
            origin: Some(v1::source::Origin::File(v1::FileLocation {
                path: "/etc/bgpd/bgpd.yaml".into(),
                line: 12,
                column: 3,
            })),
        }),
    }
}

fn refused() -> v1::Peer {
    v1::Peer {
        config: Some(v1::PeerConfig {
            address: "fd00::2".into(),
            remote_as: Some(RemoteAs::AsKind(v1::PeerAs::External.into())),
            ..v1::PeerConfig::default()
        }),
        state: Some(v1::PeerState {
            session_state: v1::SessionState::Idle.into(),
            idle_reason: "waiting 4 s after a failure".into(),
            last_error: Some(v1::LastError {
                direction: v1::ErrorDirection::Received.into(),
                at: ago(180),
                text: "it refused our OPEN: Bad Peer AS (2/2)".into(),
                notification: Some(v1::Notification {
                    error: v1::NotificationCode::OpenMessageError.into(),
                    code: 2,
                    subcode: 2,
                    text: "OPEN Message Error/Bad Peer AS (2/2)".into(),
                    data: vec![],
                    shutdown_message: "bye\x1b[2J".into(),
                }),
            }),
            warnings: vec!["no import policy: nothing is accepted (RFC 8212)".into()],
            ..v1::PeerState::default()
        }),
        source: Some(v1::Source {
            origin: Some(v1::source::Origin::Api(v1::ApiOrigin {})),
        }),
    }
}

#[test]
fn the_peer_table() {
    let peers = [PeerView::new(established()), PeerView::new(refused())];
    assert_eq!(
        table(&peers, false),
        "\
NAME     ADDRESS   AS        STATE        UP/DOWN  RECEIVED  ACCEPTED  ADVERTISED  SOURCE        LAST ERROR
tor-a    10.0.0.1  65001     Established  3m12s    10        9         2           bgpd.yaml:12  -
fd00::2  fd00::2   external  Idle         never    0         0         0           not saved     \
it refused our OPEN: Bad Peer AS (2/2), 3m ago
"
    );
}

#[test]
fn a_peer_that_is_up_shows_what_keeps_routes_from_flowing() {
    let mut peer = established();
    let state = peer.state.as_mut().unwrap();
    state.warnings = vec!["has no import policy".into()];
    let text = table(&[PeerView::new(peer)], false);
    assert!(text.ends_with("  has no import policy\n"), "{text}");
}

#[test]
fn a_peer_as_json_has_words_times_and_no_unknown_fields() {
    let peer = json(&PeerView::new(established()));
    assert_eq!(peer["state"]["session_state"], "established");
    assert_eq!(peer["state"]["changed_at"], "2023-11-14T22:10:08Z");
    assert_eq!(peer["config"]["hold_time"], "90s");
    assert_eq!(peer["config"]["next_hop"], "self");
    assert_eq!(peer["state"]["timers"]["hold_time"], "30s");
    assert_eq!(peer["state"]["families"][0]["family"], "ipv4-unicast");
    assert_eq!(peer["source"]["origin"], "file");
    assert_eq!(peer["source"]["line"], 12);
    assert!(peer["state"].get("last_error").is_none());
    assert!(peer["config"].get("passive").is_none());
    let refused = json(&PeerView::new(refused()));
    assert_eq!(refused["source"]["saved"], false);
    assert_eq!(refused["state"]["last_error"]["direction"], "received");
    let notification = &refused["state"]["last_error"]["notification"];
    assert_eq!(notification["error"], "open-message-error");
}

#[test]
fn the_peer_page_shows_configured_and_negotiated() {
    let page = PeerView::new(established()).page(false);
    for line in [
        "tor-a (10.0.0.1) is Established\n",
        "  hold time         30s in effect, 90s configured\n",
        "  sent              multiprotocol ipv4-unicast\n",
        "  received          code 200\n",
        "  ipv6-unicast  no          3         3         0\n",
        "  from              /etc/bgpd/bgpd.yaml:12\n",
        "  import            not set\n",
    ] {
        assert!(page.contains(line), "no `{line}` in:\n{page}");
    }
    let page = PeerView::new(refused()).page(false);
    for line in [
        "fd00::2 (fd00::2) is Idle: it refused our OPEN: Bad Peer AS (2/2)\n",
        "  up                never yet\n",
        "  idle because      waiting 4 s after a failure\n",
        "  it said           bye\\u{1b}[2J\n",
        "  from              API, not saved\n",
    ] {
        assert!(page.contains(line), "no `{line}` in:\n{page}");
    }
}

#[test]
fn the_peer_page_shows_limits_and_what_there_is_of_them() {
    let mut peer = established();
    let limit = |out, count, refused| v1::PrefixLimit {
        family: v1::Family::Ipv4Unicast.into(),
        out,
        count,
        limit: 10,
        refused,
    };
    peer.state.as_mut().unwrap().prefix_limits = vec![limit(false, 10, 3), limit(true, 4, 0)];
    let config = peer.config.as_mut().unwrap();
    config.max_prefix = Some(v1::MaxPrefix {
        ipv4: Some(10),
        ipv6: Some(0),
        warn: Some(75),
        action: Some(v1::LimitAction::Shut.into()),
        restart: Some(prost_types::Duration {
            seconds: 0,
            nanos: 0,
        }),
    });
    config.max_prefix_out = Some(v1::MaxPrefixOut {
        ipv4: Some(10),
        ipv6: Some(7),
    });
    config.local_as = Some(v1::LocalAs {
        as_number: 65_010,
        no_prepend: Some(true),
        replace_as: Some(true),
    });
    let view = PeerView::new(peer);
    let page = view.page(false);
    for line in [
        "  limit             10 / 10 ipv4-unicast accepted, 3 refused\n",
        "  limit             4 / 10 ipv4-unicast advertised\n",
        "  max prefix        10 IPv4, told from 75% on, then shut until reset\n",
        "  max prefix out    10 IPv4, 7 IPv6\n",
        "  local AS          65010, not put into what it sends, in place of our own\n",
    ] {
        assert!(page.contains(line), "no `{line}` in:\n{page}");
    }
    let view = json(&view);
    assert_eq!(view["config"]["max_prefix"]["action"], "shut");
    assert!(view["config"]["max_prefix"]["ipv6"].is_null());
    assert_eq!(view["state"]["prefix_limits"][0]["refused"], 3);
}

#[test]
fn the_peer_page_shows_what_is_kept_of_a_peer_that_restarts() {
    let mut peer = established();
    peer.state.as_mut().unwrap().kept_until = Some(Timestamp {
        seconds: i64::try_from(NOW).unwrap() + 100,
        nanos: 0,
    });
    let page = PeerView::new(peer).page(false);
    let line = "  routes kept       4 ipv4-unicast; used until it has announced them anew, at most until 2023-11-14T22:15:00Z\n";
    assert!(page.contains(line), "no `{line}` in:\n{page}");
    assert!(
        !PeerView::new(established())
            .page(false)
            .contains("routes kept")
    );
}

fn learned() -> v1::Route {
    v1::Route {
        prefix: "10.1.0.0/24".into(),
        source: Some(v1::RouteSource {
            name: "tor-a".into(),
            address: "10.0.0.1".into(),
            owner: String::new(),
        }),
        next_hop: "10.0.0.1".into(),
        attributes: Some(v1::Attributes {
            origin: v1::Origin::Igp.into(),
            as_path: "65001 65002".into(),
            as_segments: vec![v1::AsSegment {
                kind: v1::AsSegmentKind::Sequence.into(),
                as_numbers: vec![65001, 65002],
            }],
            local_pref: Some(100),
            med: Some(0),
            communities: vec!["65001:1".into(), "no-export".into()],
            unknown: vec![v1::UnknownAttribute {
                flags: 0xe0,
                code: 99,
                value: vec![0xab, 0x01],
            }],
            ..v1::Attributes::default()
        }),
        flags: Some(v1::RouteFlags {
            valid: true,
            best: true,
            in_kernel: true,
            ..v1::RouteFlags::default()
        }),
        received_at: ago(5),
        ..v1::Route::default()
    }
}

fn rejected() -> v1::Route {
    v1::Route {
        prefix: "fd00:1::/64".into(),
        source: Some(v1::RouteSource {
            name: "api".into(),
            owner: "lb".into(),
            ..v1::RouteSource::default()
        }),
        next_hop: "fd00::1".into(),
        rejected_reason: "AS loop".into(),
        ..v1::Route::default()
    }
}

#[test]
fn the_route_table() {
    let routes = [RouteView::new(learned()), RouteView::new(rejected())];
    assert_eq!(
        table(&routes, false),
        "\
FLAGS  PREFIX       NEXT HOP  FROM      LOCAL PREF  MED  AS PATH      ORIGIN       REJECTED
*>F    10.1.0.0/24  10.0.0.1  tor-a     100         0    65001 65002  igp          -
-      fd00:1::/64  fd00::1   api (lb)  -           -    -            unspecified  AS loop
"
    );
    let wide = table(&routes[..1], true);
    assert!(wide.contains("5s   65001:1,no-export"), "{wide}");
}

#[test]
fn routes_sort_by_number_and_not_by_letter() {
    let view = |prefix: &str, best| {
        let mut route = learned();
        route.prefix = prefix.into();
        route.flags.as_mut().unwrap().best = best;
        RouteView::new(route)
    };
    let mut routes = [
        view("fd00::/64", true),
        view("10.10.0.0/24", true),
        view("10.9.0.0/24", false),
        view("10.9.0.0/24", true),
        view("10.9.0.0/16", true),
    ];
    routes.sort_by_cached_key(RouteView::order);
    let order: Vec<String> = routes.iter().map(|route| route.line(false)).collect();
    let starts = [
        "*>F 10.9.0.0/16",
        "*>F 10.9.0.0/24",
        "*F 10.9.0.0/24",
        "*>F 10.10",
        "*>F fd00",
    ];
    for (line, start) in order.iter().zip(starts) {
        assert!(line.starts_with(start), "{order:?}");
    }
}

#[test]
fn every_flag_has_its_sign() {
    let mut route = learned();
    route.flags = Some(v1::RouteFlags {
        valid: true,
        best: true,
        multipath: true,
        internal: true,
        stale: true,
        in_kernel: true,
        kernel_failure: true,
    });
    let text = table(&[RouteView::new(route)], false);
    assert!(text.contains("\n*>=iSF!  "), "{text}");
}

#[test]
fn a_route_as_json() {
    let route = json(&RouteView::new(learned()));
    assert_eq!(
        route["attributes"]["as_segments"][0]["as_numbers"][1],
        65002
    );
    assert_eq!(route["attributes"]["as_segments"][0]["kind"], "sequence");
    assert_eq!(route["attributes"]["med"], 0);
    assert_eq!(route["attributes"]["unknown"][0]["value"], "ab01");
    assert_eq!(route["flags"]["best"], true);
    assert_eq!(route["received_at"], "2023-11-14T22:13:15Z");
    let rejected = json(&RouteView::new(rejected()));
    assert!(rejected["attributes"].get("med").is_none());
    assert_eq!(rejected["rejected_reason"], "AS loop");
}

#[test]
fn the_kernel_table() {
    let hop = |gateway: &str, device: &str| v1::KernelHop {
        gateway: gateway.into(),
        device: device.into(),
        interface_index: 2,
        weight: 1,
    };
    let route = |prefix: &str, state: v1::KernelRouteState| v1::KernelRoute {
        prefix: prefix.into(),
        table: 254,
        metric: 48,
        protocol: 155,
        kind: v1::KernelRouteKind::Unicast.into(),
        state: state.into(),
        since: ago(61),
        next_hops: vec!["10.0.0.9".into()],
        ..v1::KernelRoute::default()
    };
    let mut installed = route("10.1.0.0/24", v1::KernelRouteState::Installed);
    installed.hops = vec![hop("10.0.0.1", "eth0"), hop("10.0.0.2", "eth0")];
    let mut blackhole = route("10.2.0.0/24", v1::KernelRouteState::Installed);
    blackhole.kind = v1::KernelRouteKind::Blackhole.into();
    blackhole.since = None;
    let mut failed = route("10.3.0.0/24", v1::KernelRouteState::Failed);
    failed.reason = "next hop 10.0.0.9 is not on-link".into();
    let routes = [installed, blackhole, failed].map(KernelRouteView::new);
    assert_eq!(
        table(&routes, false),
        "\
PREFIX       TO                                            STATE      AGE   REASON
10.1.0.0/24  via 10.0.0.1 dev eth0, via 10.0.0.2 dev eth0  installed  1m1s  -
10.2.0.0/24  blackhole                                     installed  -     -
10.3.0.0/24  10.0.0.9                                      failed     1m1s  next hop 10.0.0.9 is not on-link
"
    );
}

fn status(healthy: bool) -> v1::Status {
    v1::Status {
        healthy,
        summary: "1 of 2 peers is up".into(),
        problems: vec![v1::Problem {
            severity: v1::Severity::Error.into(),
            subject: "peer tor-a (10.0.0.1)".into(),
            cause: "is Idle: it refused our OPEN 3m ago: bad peer AS (2/2)".into(),
            next_step: "check peers[0].local-as".into(),
        }],
        role: v1::Role::Node.into(),
        name: "node-1".into(),
        as_number: 64512,
        router_id: "10.0.0.3".into(),
        version: "0.1.0".into(),
        uptime: Some(prost_types::Duration {
            seconds: 3700,
            nanos: 0,
        }),
        peers: Some(v1::PeerTotals {
            total: 2,
            established: 1,
            disabled: 1,
            strangers_refused: 7,
        }),
        routes: Some(v1::RouteTotals {
            prefixes: 5,
            paths: 6,
            local: 1,
            api: 0,
        }),
        kernel: Some(v1::KernelTotals {
            installed: 4,
            failed: 1,
            ..v1::KernelTotals::default()
        }),
        ..v1::Status::default()
    }
}

#[test]
fn the_first_line_of_status_is_the_answer() {
    assert_eq!(
        StatusView::new(status(false)).text(false),
        "\
NOT healthy: 1 of 2 peers is up
  error: peer tor-a (10.0.0.1) is Idle: it refused our OPEN 3m ago: bad peer AS (2/2)
    next: check peers[0].local-as

node      node-1  AS 64512  router id 10.0.0.3  version 0.1.0  up 1h1m
peers     1 of 2 established, 1 disabled; 7 connections from unknown addresses refused
routes    5 prefixes, 6 paths, 1 local, 0 by API
kernel    4 installed, 0 pending, 1 failed, 0 stale
"
    );
    let well = StatusView::new(v1::Status {
        problems: vec![],
        kernel: None,
        ..status(true)
    });
    assert!(well.text(false).starts_with("healthy: "));
    assert!(well.text(true).starts_with("\x1b[32mhealthy\x1b[0m: "));
    let warned = StatusView::new(status(true)).text(false);
    assert!(warned.starts_with("healthy, with 1 warning: "), "{warned}");
    assert!(!well.text(false).contains("kernel"));
    assert!(json(&well).get("kernel").is_none());
}

#[test]
fn the_longest_role_keeps_its_distance() {
    let view = StatusView::new(v1::Status {
        role: v1::Role::Reflector.into(),
        ..status(true)
    });
    let text = view.text(false);
    assert!(text.contains("\nreflector node-1  AS 64512"), "{text}");
}

#[test]
fn events_are_lines_and_flat_objects() {
    use v1::watch_response::Event;
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW * 1000 + 42);
    let view = |sequence, event| {
        let event = Some(event);
        EventView::new(v1::WatchResponse { sequence, event }, now).unwrap()
    };
    let gap = view(3, Event::Gap(v1::Gap { missed: 10 }));
    assert_eq!(
        gap.line(false),
        "22:13:20Z -- 10 changes were missed; everything follows anew --\n"
    );
    let object = json(&gap);
    assert_eq!(object["time"], "2023-11-14T22:13:20.042Z");
    assert_eq!(object["event"], "gap");
    assert_eq!(object["missed"], 10);
    assert_eq!(object["sequence"], 3);
    let route = view(4, Event::Route(Box::new(learned())));
    assert_eq!(json(&route)["sequence"], 4);
    assert_eq!(json(&route)["route"]["prefix"], "10.1.0.0/24");
    assert_eq!(
        route.line(false),
        "22:13:20Z route  *>F 10.1.0.0/24 via 10.0.0.1 from tor-a AS path 65001 65002\n"
    );
    let done = view(5, Event::SnapshotDone(v1::SnapshotDone::default()));
    assert_eq!(json(&done)["event"], "snapshot_done");
    let counts = v1::SnapshotDone {
        peers: 1,
        routes: 2,
    };
    assert_eq!(
        view(6, Event::SnapshotDone(counts)).what(false),
        "-- this was all: 1 peer, 2 routes; changes follow --\n"
    );
    assert!(EventView::new(v1::WatchResponse::default(), now).is_none());
}

#[test]
fn yaml_says_the_same() {
    let mut out = Vec::new();
    let view = PeerView::new(established());
    Output::new(&mut out, Format::Yaml, false)
        .object(&view, |_| unreachable!("text is for tables"))
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("session_state: established\n"), "{text}");
    assert!(text.contains("  name: tor-a\n"), "{text}");
}
