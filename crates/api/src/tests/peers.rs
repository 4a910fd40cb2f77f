use config::Role;
use proto::v1;
use proto::v1::peer_control_service_client::PeerControlServiceClient;
use proto::v1::peer_service_client::PeerServiceClient;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use super::lab::{Lab, NODE, peer_config, test};

async fn list(channel: &Channel, request: v1::ListPeersRequest) -> Vec<v1::Peer> {
    let mut client = PeerServiceClient::new(channel.clone());
    let mut stream = client.list_peers(request).await.unwrap().into_inner();
    let mut peers = Vec::new();
    while let Some(page) = stream.message().await.unwrap() {
        peers.extend(page.peers);
    }
    peers
}

async fn get(channel: &Channel, peer: &str) -> Result<v1::Peer, tonic::Status> {
    let mut client = PeerServiceClient::new(channel.clone());
    let request = v1::GetPeerRequest { peer: peer.into() };
    client
        .get_peer(request)
        .await
        .map(|answer| answer.into_inner().peer.unwrap())
}

async fn create(
    channel: &Channel,
    config: v1::PeerConfig,
) -> Result<v1::CreatePeerResponse, tonic::Status> {
    let mut client = PeerControlServiceClient::new(channel.clone());
    let request = v1::CreatePeerRequest {
        config: Some(config),
    };
    client
        .create_peer(request)
        .await
        .map(tonic::Response::into_inner)
}

async fn delete(channel: &Channel, peer: &str) -> Result<(), tonic::Status> {
    let mut client = PeerControlServiceClient::new(channel.clone());
    let request = v1::DeletePeerRequest { peer: peer.into() };
    client.delete_peer(request).await.map(|_| ())
}

#[test]
fn peers_are_listed_by_address_and_found_by_either_name() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let peers = list(&channel, v1::ListPeersRequest::default()).await;
        let names: Vec<_> = peers
            .iter()
            .map(|p| p.config.as_ref().unwrap().name())
            .collect();
        assert_eq!(names, ["node-2", "tor"]);
        assert_eq!(
            get(&channel, "10.0.0.2").await.unwrap().config,
            peers[0].config
        );
        assert_eq!(get(&channel, "tor").await.unwrap().source, peers[1].source);
        let grouped = v1::ListPeersRequest {
            group: Some("mesh".into()),
            ..v1::ListPeersRequest::default()
        };
        assert_eq!(list(&channel, grouped).await.len(), 1);
        let up = v1::ListPeersRequest {
            state: Some(v1::SessionState::Established.into()),
            ..v1::ListPeersRequest::default()
        };
        assert!(list(&channel, up).await.is_empty());
        let status = get(&channel, "nobody").await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert!(status.message().contains("bgpctl peer list"));
    });
}

#[test]
fn a_configured_peer_shows_its_place_and_every_default() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let tor = get(&channel, "tor").await.unwrap();
        let Some(v1::source::Origin::File(place)) = tor.source.unwrap().origin else {
            panic!("not of the file");
        };
        assert_eq!((place.path.as_str(), place.line), ("/etc/bgpd.yaml", 11));
        let config = tor.config.unwrap();
        assert_eq!((config.port, config.passive), (Some(179), Some(true)));
        assert_eq!(config.hold_time.unwrap().seconds, 90);
        assert_eq!((config.import_policy, config.multihop), (None, None));
        let state = tor.state.unwrap();
        assert_eq!(state.session_state(), v1::SessionState::Active);
        assert_eq!(state.warnings.len(), 2, "{:?}", state.warnings);
        assert!(state.warnings[0].contains("RFC 8212"));
        assert_eq!((state.remote_as, state.internal), (65001, Some(false)));
    });
}

#[test]
fn every_fault_of_a_new_peer_is_named_as_the_file_would() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let wrong = v1::PeerConfig {
            group: Some("mish".into()),
            hold_time: Some(prost_types::Duration {
                seconds: 1,
                nanos: 0,
            }),
            idle_hold: Some(prost_types::Duration {
                seconds: 0,
                nanos: 500_000_000,
            }),
            next_hop: Some(77),
            import_policy: Some(v1::ImportPolicy {
                rule: Some(v1::import_policy::Rule::PrefixSets(v1::PrefixSets {
                    names: vec!["pods".into(), "bods".into()],
                })),
            }),
            ..peer_config("10.0.0.300")
        };
        let status = create(&channel, wrong).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let faults = status.get_details_bad_request().unwrap().field_violations;
        let mut fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        fields.dedup();
        assert_eq!(
            fields,
            [
                "address",
                "group",
                "hold-time",
                "idle-hold",
                "import",
                "next-hop"
            ]
        );
        assert!(
            faults.iter().any(|f| f.description.contains("mesh")),
            "{faults:?}"
        );
    });
}

#[test]
fn an_address_of_this_node_is_no_peer() {
    test(async {
        use fib::{Address, KernelEvent};
        let lab = Lab::start(Role::Node, NODE);
        lab.tell(|speaker, now| {
            let address = Address {
                link: 2,
                local: "10.0.7.7".parse().unwrap(),
                subnet: None,
            };
            let added = true;
            speaker.on_kernel(now, KernelEvent::Address { address, added });
        })
        .await;
        let channel = lab.channel().await;
        for own in ["10.0.7.7", "10.0.0.1"] {
            let status = create(&channel, peer_config(own)).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            let faults = status.get_details_bad_request().unwrap().field_violations;
            assert_eq!((faults.len(), faults[0].field.as_str()), (1, "address"));
        }
        assert!(create(&channel, peer_config("10.0.7.8")).await.is_ok());
    });
}

#[test]
fn a_peer_of_the_api_lives_from_create_to_delete() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let config = v1::PeerConfig {
            name: Some("bird".into()),
            import_policy: Some(v1::ImportPolicy {
                rule: Some(v1::import_policy::Rule::Mode(v1::ImportMode::All.into())),
            }),
            multihop: Some(3),
            ..peer_config("10.0.0.9")
        };
        let first = create(&channel, config.clone()).await.unwrap();
        assert!(first.created);
        let peer = first.peer.unwrap();
        assert_eq!(
            peer.source.unwrap().origin,
            Some(v1::source::Origin::Api(v1::ApiOrigin {}))
        );
        let shown = peer.config.unwrap();
        assert_eq!((shown.multihop, shown.name()), (Some(3), "bird"));
        assert_eq!(shown.import_policy, config.import_policy);
        // What is shown can be given again: it is the same peer.
        assert!(!create(&channel, config.clone()).await.unwrap().created);
        assert!(!create(&channel, shown).await.unwrap().created);
        let other = v1::PeerConfig {
            multihop: Some(4),
            ..config.clone()
        };
        let status = create(&channel, other).await.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists);
        let renamed = v1::PeerConfig {
            address: "10.0.0.10".into(),
            ..config
        };
        let status = create(&channel, renamed).await.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists);
        delete(&channel, "bird").await.unwrap();
        assert_eq!(
            delete(&channel, "bird").await.unwrap_err().code(),
            Code::NotFound
        );
    });
}

#[test]
fn limits_and_what_is_done_to_paths_are_shown_as_they_were_given() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let config = v1::PeerConfig {
            remote_as: Some(v1::peer_config::RemoteAs::AsNumber(65_002)),
            max_prefix: Some(v1::MaxPrefix {
                ipv4: Some(7),
                ipv6: Some(0),
                warn: Some(50),
                action: Some(v1::LimitAction::Block.into()),
                restart: Some(prost_types::Duration {
                    seconds: 60,
                    nanos: 0,
                }),
            }),
            max_prefix_out: Some(v1::MaxPrefixOut {
                ipv4: Some(0),
                ipv6: Some(9),
            }),
            allow_own_as: Some(2),
            as_override: Some(true),
            remove_private_as: Some(v1::PrivateAs::Replace.into()),
            local_as: Some(v1::LocalAs {
                as_number: 65_010,
                no_prepend: Some(true),
                replace_as: Some(false),
            }),
            enforce_first_as: Some(false),
            route_server_client: Some(false),
            client_to_client: Some(true),
            delay_open: Some(prost_types::Duration {
                seconds: 5,
                nanos: 0,
            }),
            ..peer_config("10.0.0.9")
        };
        let peer = create(&channel, config.clone()).await.unwrap();
        let peer = peer.peer.unwrap();
        let shown = peer.config.unwrap();
        let given = |of: &v1::PeerConfig| {
            (
                of.max_prefix,
                of.max_prefix_out,
                of.allow_own_as,
                of.as_override,
                of.remove_private_as,
                of.local_as,
                of.enforce_first_as,
                of.route_server_client,
                of.client_to_client,
                of.delay_open,
            )
        };
        assert_eq!(given(&shown), given(&config));
        assert!(!create(&channel, shown).await.unwrap().created);
        let limits = peer.state.unwrap().prefix_limits;
        let limits = limits.iter().map(|one| (one.family(), one.out, one.limit));
        let limits: Vec<_> = limits.collect();
        let [v4, v6] = [v1::Family::Ipv4Unicast, v1::Family::Ipv6Unicast];
        assert_eq!(limits, [(v4, false, 7), (v6, true, 9)]);
        let wrong = v1::PeerConfig {
            max_prefix: Some(v1::MaxPrefix {
                warn: Some(101),
                ..v1::MaxPrefix::default()
            }),
            local_as: Some(v1::LocalAs {
                as_number: 65_003,
                ..v1::LocalAs::default()
            }),
            remote_as: Some(v1::peer_config::RemoteAs::AsNumber(65_003)),
            ..peer_config("10.0.0.10")
        };
        let status = create(&channel, wrong).await.unwrap_err();
        let faults = status.get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["local-as.as", "max-prefix.warn"]);
    });
}

#[test]
fn what_a_session_is_held_to_is_shown_and_what_it_lacks_too() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let config = v1::PeerConfig {
            name: Some("near".into()),
            ttl_security: Some(2),
            bind_device: Some("eth7".into()),
            password_file: Some("/run/md5".into()),
            ..peer_config("10.0.0.9")
        };
        let shown = create(&channel, config.clone()).await.unwrap();
        let shown = shown.peer.unwrap().config.unwrap();
        assert_eq!(shown.ttl_security, Some(2));
        assert_eq!(shown.bind_device(), "eth7");
        assert_eq!(shown.password_file(), "/run/md5");
        assert!(!create(&channel, shown).await.unwrap().created);
        let reason = "password-file /run/md5 has nothing in its first line";
        let bound = speaker::Bound::Peer([10, 0, 0, 9].into());
        lab.tell(move |speaker, now| speaker.on_bound(now, bound, Err(reason.to_owned())))
            .await;
        let state = get(&channel, "near").await.unwrap().state.unwrap();
        assert_eq!(state.idle_reason, format!("held down: {reason}"));
        assert!(!state.disabled, "nobody disabled it");
        let mut status = v1::status_service_client::StatusServiceClient::new(channel.clone());
        let answer = status.get_status(v1::GetStatusRequest {}).await.unwrap();
        let status = answer.into_inner().status.unwrap();
        let told = status.problems.iter().find(|p| p.cause.contains(reason));
        assert_eq!(told.unwrap().severity(), v1::Severity::Error);
        let unchecked = v1::PeerConfig {
            name: None,
            ttl_security: Some(0),
            bind_device: None,
            password_file: None,
            ..config
        };
        delete(&channel, "near").await.unwrap();
        let shown = create(&channel, unchecked).await.unwrap();
        let shown = shown.peer.unwrap().config.unwrap();
        assert_eq!((shown.ttl_security, shown.password_file), (None, None));
    });
}

#[test]
fn a_peer_of_the_file_is_not_deleted_here() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let status = delete(&channel, "tor").await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(
            status.message().contains("/etc/bgpd.yaml:11"),
            "{}",
            status.message()
        );
        assert!(get(&channel, "tor").await.is_ok());
    });
}

#[test]
fn a_disabled_peer_says_why_and_comes_back() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let mut control = PeerControlServiceClient::new(channel.clone());
        let disable = |reason: &str| v1::DisablePeerRequest {
            peer: "tor".into(),
            reason: reason.into(),
        };
        let status = control
            .disable_peer(disable(&"x".repeat(256)))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        control.disable_peer(disable("maintenance")).await.unwrap();
        let state = get(&channel, "tor").await.unwrap().state.unwrap();
        assert!(state.disabled);
        assert_eq!(state.session_state(), v1::SessionState::Idle);
        assert!(
            state.idle_reason.ends_with("maintenance"),
            "{}",
            state.idle_reason
        );
        let enable = v1::EnablePeerRequest { peer: "tor".into() };
        control.enable_peer(enable).await.unwrap();
        let state = get(&channel, "tor").await.unwrap().state.unwrap();
        assert!(!state.disabled);
        assert_eq!(state.session_state(), v1::SessionState::Active);
    });
}

#[test]
fn a_soft_reset_needs_a_session_and_a_kind() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let mut control = PeerControlServiceClient::new(lab.channel().await);
        let reset = |kind: v1::ResetKind| v1::ResetPeerRequest {
            peer: "tor".into(),
            kind: kind.into(),
        };
        for (kind, code) in [
            (v1::ResetKind::Unspecified, Code::InvalidArgument),
            (v1::ResetKind::Soft, Code::FailedPrecondition),
            (v1::ResetKind::SoftOut, Code::FailedPrecondition),
        ] {
            let status = control.reset_peer(reset(kind)).await.unwrap_err();
            assert_eq!(status.code(), code, "{kind:?}");
        }
        control
            .reset_peer(reset(v1::ResetKind::Hard))
            .await
            .unwrap();
    });
}

#[test]
fn what_is_drained_is_shown_until_it_is_taken_back() {
    use proto::v1::node_control_service_client::NodeControlServiceClient;
    use proto::v1::status_service_client::StatusServiceClient;

    async fn status(channel: &Channel) -> v1::Status {
        let mut client = StatusServiceClient::new(channel.clone());
        let answer = client.get_status(v1::GetStatusRequest {}).await.unwrap();
        answer.into_inner().status.unwrap()
    }
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        let mut control = NodeControlServiceClient::new(channel.clone());
        let drain = |peer: Option<&str>, reason: &str| v1::DrainRequest {
            peer: peer.map(str::to_owned),
            reason: reason.into(),
        };
        control.drain(drain(None, "new kernel")).await.unwrap();
        control.drain(drain(Some("tor"), "")).await.unwrap();
        let shown = status(&channel).await;
        assert_eq!(shown.drain.unwrap().reason, "new kernel");
        let told = |subject: &str| {
            let problems = shown.problems.iter();
            let mut of = problems.filter(|problem| problem.subject == subject);
            let all = of.by_ref().map(|p| (p.cause.clone(), p.next_step.clone()));
            all.collect::<Vec<_>>()
        };
        let cause = "is drained (new kernel): others are preferred".to_owned();
        let next = "bgpctl drain --off".to_owned();
        assert_eq!(told("this speaker"), [(cause, next)]);
        let next = "bgpctl drain 10.0.0.254 --off";
        let of_tor = told("peer tor (10.0.0.254)");
        assert!(of_tor.iter().any(|(_, step)| step == next), "{of_tor:?}");
        let state = get(&channel, "tor").await.unwrap().state.unwrap();
        assert_eq!(state.drain.unwrap().reason, "");
        let all = v1::UndrainRequest { peer: None };
        control.undrain(all).await.unwrap();
        let one = v1::UndrainRequest {
            peer: Some("tor".into()),
        };
        control.undrain(one).await.unwrap();
        assert!(status(&channel).await.drain.is_none());
        let state = get(&channel, "tor").await.unwrap().state.unwrap();
        assert!(state.drain.is_none());
        let nobody = control.drain(drain(Some("nobody"), "")).await.unwrap_err();
        assert_eq!(nobody.code(), Code::NotFound);
        let long = control.drain(drain(None, &"x".repeat(256))).await;
        assert_eq!(long.unwrap_err().code(), Code::InvalidArgument);
    });
}

/// A message whose header is right.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap().to_be_bytes();
    [&[0xff; 16][..], &length, &[kind], body].concat()
}

#[test]
fn the_last_malformed_message_is_shown_and_its_octets_only_when_asked_for() {
    test(async {
        let lab = Lab::start(Role::Node, NODE);
        let channel = lab.channel().await;
        // ORIGIN 7, AS_PATH 65001, NEXT_HOP, 10.0.0.0/8.
        let attributes = [
            0x40, 1, 1, 7, 0x40, 2, 4, 2, 1, 0xfd, 0xe9, 0x40, 3, 4, 10, 0, 0, 254,
        ];
        let update = [&[0, 0, 0, 18][..], &attributes, &[8, 10]].concat();
        let update = message(2, &update);
        let said = [
            message(1, &[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 254, 0]),
            message(4, &[]),
            update.clone(),
        ];
        lab.tell(move |speaker, now| {
            let (local, remote) = ("10.0.0.1:179", "10.0.0.254:40000");
            let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
            let speaker::Admission::Accepted { conn, .. } = speaker.on_accepted(now, local, remote)
            else {
                panic!("refused");
            };
            speaker.on_bytes(now, conn, &said.concat());
        })
        .await;
        let state = get(&channel, "tor").await.unwrap().state.unwrap();
        let last = state.last_malformed.unwrap();
        assert_eq!(last.octets, update);
        assert_eq!(last.remedy(), v1::MalformedRemedy::TreatAsWithdraw);
        assert_eq!(usize::try_from(last.length).unwrap(), update.len());
        assert!(last.text.contains("ORIGIN is 7"), "{}", last.text);
        assert_eq!(state.malformed.unwrap().treat_as_withdraw, 1);
        let all = list(&channel, v1::ListPeersRequest::default()).await;
        let listed = all
            .into_iter()
            .filter_map(|peer| peer.state?.last_malformed);
        let listed: Vec<v1::MalformedMessage> = listed.collect();
        assert_eq!((listed.len(), listed[0].octets.len()), (1, 0));
        assert_eq!(listed[0].text, last.text);
    });
}
