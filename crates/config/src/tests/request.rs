//! Peers that the API adds go the way of the file's.

use super::*;

fn context() -> Config {
    node(
        "as: 64512\nrouter-id: 10.0.0.1\nprefix-sets: {pods: [10.244.0.0/16 le 24]}\n\
         groups: {g: {as: internal, hold-time: 30}}\n\
         peers:\n- {name: rr, address: 10.0.0.2, group: g, import: [pods], families: [ipv4-unicast], keepalive: 3}\n",
    )
}

fn request(address: &str) -> RawPeer {
    RawPeer {
        address: Some(Text::field("address", address)),
        ..RawPeer::request()
    }
}

fn sets(key: &str, names: &[&str]) -> Option<WordOrList> {
    let names = names.iter().map(|name| Text::field(key, name)).collect();
    Some(WordOrList::List(names, Location::field(key)))
}

#[test]
fn the_same_peer_is_equal_wherever_it_is_defined() {
    let raw = RawPeer {
        name: Some(Text::field("name", "rr")),
        group: Some(Text::field("group", "g")),
        import: sets("import", &["pods"]),
        families: Some(vec![Text::field("families", "ipv4-unicast")]),
        keepalive: Some(Text::field("keepalive", 3)),
        ..request("10.0.0.2")
    };
    let config = context();
    let peer = resolve_peer(&raw, &config).unwrap();
    assert_eq!(peer, config.peers[0]);
    assert!(peer.location.is_request() && !config.peers[0].location.is_request());
    let other = RawPeer {
        keepalive: Some(Text::field("keepalive", 4)),
        ..raw
    };
    assert_ne!(resolve_peer(&other, &config).unwrap(), config.peers[0]);
}

#[test]
fn all_faults_at_once_and_by_field() {
    let raw = RawPeer {
        name: Some(Text::field("name", "rr")),
        remote_as: Some(Text::field("as", 64513)),
        hold_time: Some(Text::field("hold-time", 2)),
        import: sets("import", &["podz"]),
        route_reflector_client: Some(Text::field("route-reflector-client", true)),
        ..request("10.0.0.3")
    };
    let faults = resolve_peer(&raw, &context()).unwrap_err();
    let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "hold-time: a hold time of 2 s is not allowed (RFC 4271 section 4.2); write 0 for off, or at least 3",
            "import: there is no prefix set \"podz\"; did you mean \"pods\"?",
            "name: the name \"rr\" is taken by 10.0.0.2 (x.yaml:6); give another name",
            "route-reflector-client: only an iBGP peer can be a route-reflector-client (RFC 4456); write as: internal, or remove it",
        ]
    );
}

#[test]
fn what_a_request_lacks_is_told() {
    let faults = resolve_peer(&RawPeer::request(), &context()).unwrap_err();
    let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "peer: the peer has no \"address\"; write \"address: ADDRESS\"",
            "peer: the peer has no \"as\"; write as: NUMBER, internal (for iBGP in AS 64512) or external",
        ]
    );
    let faults = resolve_peer(&request("10.0.0.1"), &context()).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "address: 10.0.0.1 is our own address; remove this peer"
    );
}
