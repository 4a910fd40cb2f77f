use config::Role;
use proto::v1;
use proto::v1::kernel_service_client::KernelServiceClient;
use proto::v1::route_control_service_client::RouteControlServiceClient;
use proto::v1::route_service_client::RouteServiceClient;
use proto::v1::status_service_client::StatusServiceClient;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use super::lab::{Lab, NODE, REFLECTOR, announce, prefix, test};

async fn list(channel: &Channel, request: v1::ListRoutesRequest) -> Vec<v1::Route> {
    let mut client = RouteServiceClient::new(channel.clone());
    let mut stream = client.list_routes(request).await.unwrap().into_inner();
    let mut routes = Vec::new();
    while let Some(page) = stream.message().await.unwrap() {
        routes.extend(page.routes);
    }
    routes.sort_by(|a, b| a.prefix.cmp(&b.prefix));
    routes
}

fn best() -> v1::ListRoutesRequest {
    v1::ListRoutesRequest {
        view: v1::RouteView::Best.into(),
        ..v1::ListRoutesRequest::default()
    }
}

fn prefixes(routes: &[v1::Route]) -> Vec<&str> {
    routes.iter().map(|route| route.prefix.as_str()).collect()
}

fn announcement(owner: &str, prefixes: &[&str]) -> v1::AnnounceRequest {
    let routes = prefixes.iter().map(|prefix| v1::AnnouncedRoute {
        prefix: (*prefix).into(),
        communities: vec!["64512:7".into()],
        ..v1::AnnouncedRoute::default()
    });
    v1::AnnounceRequest {
        owner: owner.into(),
        routes: routes.collect(),
    }
}

#[test]
fn status_names_what_is_wrong_and_what_to_do() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let mut client = StatusServiceClient::new(lab.channel().await);
        let answer = client.get_status(v1::GetStatusRequest {}).await.unwrap();
        let status = answer.into_inner().status.unwrap();
        assert!(!status.healthy);
        assert_eq!(status.role(), v1::Role::Node);
        assert_eq!(
            (status.as_number, status.router_id.as_str()),
            (64512, "10.0.0.1")
        );
        assert_eq!(status.peers.unwrap().total, 2);
        assert_eq!(status.routes.unwrap().local, 2);
        assert!(status.kernel.is_some());
        assert!(status.memory.unwrap().resident_octets > 1 << 20);
        let errors: Vec<_> = status
            .problems
            .iter()
            .filter(|problem| problem.severity() == v1::Severity::Error)
            .collect();
        assert_eq!(errors[0].subject, "peer node-2 (10.0.0.2)");
        assert!(
            status.summary.starts_with("peer node-2 (10.0.0.2) is "),
            "{}",
            status.summary
        );
        assert!(
            status
                .problems
                .iter()
                .all(|problem| !problem.next_step.is_empty())
        );
        let warnings = &status.problems[errors.len()..];
        assert!(
            warnings
                .iter()
                .any(|w| w.next_step == "set import at /etc/bgpd.yaml:11 and reload"),
            "{warnings:?}"
        );
    });
}

#[test]
fn peers_held_down_are_no_fault_but_not_silent() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        lab.tell(|speaker, now| {
            for (name, reason) in [("node-2", "new cable"), ("tor", "")] {
                let id = speaker.find_peer(name).unwrap();
                speaker.disable_peer(now, id, reason).unwrap();
            }
        })
        .await;
        let mut client = StatusServiceClient::new(lab.channel().await);
        let answer = client.get_status(v1::GetStatusRequest {}).await.unwrap();
        let status = answer.into_inner().status.unwrap();
        assert!(status.healthy, "{:?}", status.problems);
        assert_eq!(
            status.summary,
            "no session is up: 0 of 2 peers established (2 disabled), 2 prefixes, \
             0 routes in the kernel; but peer node-2 (10.0.0.2) is disabled by an operator: \
             new cable"
        );
        assert_eq!(status.problems[0].next_step, "bgpctl peer enable 10.0.0.2");
        assert_eq!(status.problems[1].cause, "is disabled by an operator");
    });
}

#[test]
fn a_reflector_that_waits_for_clients_is_healthy_and_has_no_kernel() {
    test(async {
        let lab = Lab::start(Role::Reflector, REFLECTOR);
        let channel = lab.channel().await;
        let mut client = StatusServiceClient::new(channel.clone());
        let answer = client.get_status(v1::GetStatusRequest {}).await.unwrap();
        let status = answer.into_inner().status.unwrap();
        assert!(status.healthy, "{:?}", status.problems);
        assert_eq!((status.role(), status.kernel), (v1::Role::Reflector, None));
        let mut kernel = KernelServiceClient::new(channel);
        let request = v1::ListKernelRoutesRequest::default();
        let refused = kernel.list_kernel_routes(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
    });
}

#[test]
fn a_reflector_announces_only_with_a_next_hop() {
    test(async {
        let lab = Lab::start(Role::Reflector, REFLECTOR);
        let mut control = RouteControlServiceClient::new(lab.channel().await);
        let mut request = announcement("lb", &["10.9.0.0/24", "10.9.1.0/24"]);
        request.routes[0].next_hop = Some("10.0.0.9".into());
        let refused = control.announce(request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let faults = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(
            (faults.len(), faults[0].field.as_str()),
            (1, "routes[1].next_hop")
        );
        request.routes.truncate(1);
        let done = control.announce(request).await.unwrap();
        assert_eq!(done.into_inner().added, 1);
    });
}

#[test]
fn own_blocks_are_routes_and_pending_blackholes() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let routes = list(&channel, best()).await;
        assert_eq!(prefixes(&routes), ["10.244.1.0/24", "fd00:244:1::/64"]);
        assert_eq!(routes[0].source.as_ref().unwrap().name, "local");
        let flags = routes[0].flags.unwrap();
        assert!(flags.valid && flags.best && !flags.multipath && !flags.in_kernel);
        let mut kernel = KernelServiceClient::new(channel);
        let request = v1::ListKernelRoutesRequest {
            family: v1::Family::Ipv6Unicast.into(),
            ..v1::ListKernelRoutesRequest::default()
        };
        let mut stream = kernel
            .list_kernel_routes(request)
            .await
            .unwrap()
            .into_inner();
        let page = stream.message().await.unwrap().unwrap();
        assert_eq!(page.routes.len(), 1);
        let route = &page.routes[0];
        assert_eq!(
            (route.kind(), route.metric),
            (v1::KernelRouteKind::Blackhole, 1_048_576)
        );
        assert_eq!(
            (route.state(), route.protocol),
            (v1::KernelRouteState::Pending, 155)
        );
        assert!(stream.message().await.unwrap().is_none());
    });
}

#[test]
fn announced_routes_have_an_owner() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let mut control = RouteControlServiceClient::new(channel.clone());
        let done = control
            .announce(announcement("lb", &["10.9.0.0/24", "10.9.1.0/24"]))
            .await;
        assert_eq!(done.unwrap().into_inner().added, 2);
        let again = control
            .announce(announcement("lb", &["10.9.0.0/24"]))
            .await
            .unwrap();
        assert_eq!(again.into_inner().replaced, 1);

        let request = v1::ListRoutesRequest {
            prefix: Some("10.9.0.0/16".into()),
            prefix_match: v1::PrefixMatch::Longer.into(),
            ..best()
        };
        let routes = list(&channel, request).await;
        assert_eq!(prefixes(&routes), ["10.9.0.0/24", "10.9.1.0/24"]);
        assert_eq!(routes[0].source.as_ref().unwrap().owner, "lb");
        assert_eq!(
            routes[0].attributes.as_ref().unwrap().communities,
            ["64512:7"]
        );

        // All or none: the first of these would be free.
        let clash = announcement("other", &["10.9.9.0/24", "10.9.1.0/24"]);
        let refused = control.announce(clash).await.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists);
        assert!(refused.message().contains("lb"), "{}", refused.message());
        let block = control
            .announce(announcement("lb", &["10.9.8.0/24", "10.244.1.0/24"]))
            .await;
        assert_eq!(block.unwrap_err().code(), Code::FailedPrecondition);
        assert_eq!(list(&channel, best()).await.len(), 4);

        let withdraw = |owner: &str, prefixes: &[&str], all| v1::WithdrawRequest {
            owner: owner.into(),
            prefixes: prefixes.iter().map(|prefix| (*prefix).into()).collect(),
            all,
        };
        let refused = control
            .withdraw(withdraw("other", &["10.9.1.0/24"], false))
            .await;
        assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
        // All or none here too; who asks for a block learns where it comes from.
        let refused = control
            .withdraw(withdraw("lb", &["10.9.1.0/24", "10.244.1.0/24"], false))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(
            refused.message().contains("advertise.blocks"),
            "{}",
            refused.message()
        );
        let one = control
            .withdraw(withdraw("lb", &["10.9.1.0/24", "10.7.0.0/24"], false))
            .await;
        assert_eq!(one.unwrap().into_inner().withdrawn, 1);
        let rest = control.withdraw(withdraw("lb", &[], true)).await.unwrap();
        assert_eq!(rest.into_inner().withdrawn, 1);
        assert_eq!(list(&channel, best()).await.len(), 2);
    });
}

#[test]
fn a_prefix_matches_exactly_inside_or_longest() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let ask = |prefix: &str, kind: v1::PrefixMatch| v1::ListRoutesRequest {
            prefix: Some(prefix.into()),
            prefix_match: kind.into(),
            ..v1::ListRoutesRequest::default()
        };
        let longest = list(&channel, ask("10.244.1.77", v1::PrefixMatch::Longest)).await;
        assert_eq!(prefixes(&longest), ["10.244.1.0/24"]);
        let exact = list(&channel, ask("10.244.1.77", v1::PrefixMatch::Exact)).await;
        assert!(exact.is_empty());
        let mut client = RouteServiceClient::new(channel.clone());
        for (request, code) in [
            (
                ask("10.0.0.1/24", v1::PrefixMatch::Exact),
                Code::InvalidArgument,
            ),
            (ask("x", v1::PrefixMatch::Exact), Code::InvalidArgument),
        ] {
            assert_eq!(client.list_routes(request).await.unwrap_err().code(), code);
        }
        let of_whom = |peer: Option<&str>| v1::ListRoutesRequest {
            view: v1::RouteView::In.into(),
            peer: peer.map(str::to_owned),
            ..v1::ListRoutesRequest::default()
        };
        let unnamed = client.list_routes(of_whom(None)).await.unwrap_err();
        assert_eq!(unnamed.code(), Code::InvalidArgument);
        let nobody = client
            .list_routes(of_whom(Some("nobody")))
            .await
            .unwrap_err();
        assert_eq!(nobody.code(), Code::NotFound);
        assert!(list(&channel, of_whom(Some("tor"))).await.is_empty());
    });
}

#[test]
fn a_long_list_comes_in_pages_and_whole() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        lab.tell(|speaker, _| (0..2000).for_each(|n| announce(speaker, prefix(n), "me")))
            .await;
        let channel = lab.channel().await;
        assert_eq!(list(&channel, best()).await.len(), 2002);
        let v6 = v1::ListRoutesRequest {
            family: v1::Family::Ipv6Unicast.into(),
            ..best()
        };
        assert_eq!(list(&channel, v6).await.len(), 1);
    });
}

#[test]
fn garbage_on_the_socket_hurts_nobody() {
    test(async {
        use std::io::{Read as _, Write as _};
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let mut health = HealthClient::new(channel);
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], b""] {
            let mut stream = std::os::unix::net::UnixStream::connect(lab.socket()).unwrap();
            stream.write_all(garbage).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let closed = tokio::task::spawn_blocking(move || stream.read_to_end(&mut Vec::new()));
            // Answered or cut off, but ended.
            let _ = closed.await.unwrap();
            let request = tonic_health::pb::HealthCheckRequest::default();
            assert!(health.check(request).await.is_ok());
        }
    });
}

#[test]
fn health_and_reflection_answer() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let mut health = HealthClient::new(channel.clone());
        for service in ["", "bgpd.v1.StatusService", "bgpd.v1.WatchService"] {
            let service = service.to_owned();
            let request = tonic_health::pb::HealthCheckRequest { service };
            let answer = health.check(request).await.unwrap().into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving);
        }
        use tonic_reflection::pb::v1 as reflection;
        let mut client = reflection::server_reflection_client::ServerReflectionClient::new(channel);
        let request = reflection::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(
                reflection::server_reflection_request::MessageRequest::ListServices(String::new()),
            ),
        };
        let answers = client
            .server_reflection_info(tokio_stream::iter([request]))
            .await;
        let answer = answers
            .unwrap()
            .into_inner()
            .message()
            .await
            .unwrap()
            .unwrap();
        let text = format!("{answer:?}");
        for service in ["bgpd.v1.PeerControlService", "grpc.health.v1.Health"] {
            assert!(text.contains(service), "no {service} in {text}");
        }
    });
}

/// A client of the reflector that offers graceful restart comes up, announces a route, and is gone.
fn comes_and_goes(speaker: &mut speaker::Speaker, now: std::time::Instant) {
    use speaker::{Admission, CloseCause};
    use wire::{Asn, Capability, Family, GracefulRestart, GracefulRestartFamily, Open};
    let ends = ["10.0.0.250:179", "10.0.0.7:40000"].map(|end| end.parse().unwrap());
    let Admission::Accepted { conn, .. } = speaker.on_accepted(now, ends[0], ends[1]) else {
        panic!("it is in the range");
    };
    let family = Family::Ipv4Unicast.afi_safi();
    let restart = GracefulRestart {
        restarting: false,
        notification: true,
        restart_time: 120,
        families: vec![GracefulRestartFamily {
            family,
            forwarding: true,
        }],
    };
    let capabilities = vec![
        Capability::Multiprotocol(family),
        Capability::FourOctetAs(Asn(64512)),
        Capability::GracefulRestart(restart),
    ];
    let open = Open::new(Asn(64512), 90, [10, 0, 0, 7].into(), capabilities);
    speaker.on_bytes(now, conn, &open.encode());
    speaker.on_bytes(now, conn, &wire::keepalive());
    // ORIGIN, an empty AS_PATH, NEXT_HOP 10.0.0.7, LOCAL_PREF; 10.7.0.0/16.
    let attributes =
        b"\x40\x01\x01\x00\x40\x02\x00\x40\x03\x04\x0a\x00\x00\x07\x40\x05\x04\x00\x00\x00\x64";
    let nlri = b"\x10\x0a\x07";
    let mut update = vec![0xff; 16];
    update.extend([
        0,
        23 + attributes.len() as u8 + 3,
        2,
        0,
        0,
        0,
        attributes.len() as u8,
    ]);
    update.extend(attributes);
    update.extend(nlri);
    speaker.on_bytes(now, conn, &update);
    assert_eq!(speaker.rib().stats().paths, 1);
    speaker.on_closed(now, conn, CloseCause::Eof);
}

#[test]
fn status_and_lists_say_what_is_kept_of_a_peer_that_may_be_restarting() {
    test(async {
        let lab = Lab::start(Role::Reflector, REFLECTOR);
        lab.tell(comes_and_goes).await;
        let channel = lab.channel().await;
        let mut client = StatusServiceClient::new(channel.clone());
        let answer = client.get_status(v1::GetStatusRequest {}).await.unwrap();
        let summary = answer.into_inner().status.unwrap().summary;
        assert!(summary.starts_with("peer 10.0.0.7 is Idle"), "{summary}");
        assert!(
            summary.contains("; it may be restarting, so its routes are used for 1"),
            "{summary}"
        );
        let routes = list(&channel, best()).await;
        assert_eq!(prefixes(&routes), ["10.7.0.0/16"]);
        assert!(routes[0].flags.unwrap().stale);
    });
}
