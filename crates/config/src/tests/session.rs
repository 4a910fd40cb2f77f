//! `cluster-id`, `client-to-client` and `delay-open` of a peer.

use std::num::NonZeroU16;

use super::faults::peer;
use super::node;
use crate::SessionSettings;
use crate::diff::{Label, diff};

#[test]
fn a_client_may_be_of_a_cluster_of_its_own() {
    let config = node(
        "as: 64512\ngroups: {g: {cluster-id: 10.0.0.9, client-to-client: false, delay-open: 7}}\npeers:\n\
         - {address: 10.0.0.2, as: internal, route-reflector-client: true, group: g}\n\
         - {address: 10.0.0.3, as: internal, route-reflector-client: true}\n",
    );
    let wanted = SessionSettings {
        cluster_id: Some([10, 0, 0, 9].into()),
        client_to_client: false,
        delay_open: NonZeroU16::new(7),
    };
    assert_eq!(config.peers[0].session, wanted);
    assert_eq!(config.peers[1].session, SessionSettings::PLAIN);
}

#[test]
fn what_is_for_clients_is_for_clients() {
    for (keys, said) in [
        (
            "cluster-id: 10.0.0.9",
            "x.yaml:5:15: cluster-id of a peer is for clients (RFC 4456); add route-reflector-client: true, or remove it",
        ),
        (
            "client-to-client: false",
            "x.yaml:5:21: client-to-client of a peer is for clients (RFC 4456); add route-reflector-client: true, or remove it",
        ),
        (
            "delay-open: 241",
            "x.yaml:5:15: \"241\" is not a number from 0 to 240",
        ),
    ] {
        peer(&format!("as: internal\n  {keys}"), said);
    }
}

#[test]
fn each_key_of_a_session_has_its_cost() {
    let with = |keys: &str| {
        node(&format!(
            "as: 64512\npeers: [{{address: 10.0.0.2, as: internal, route-reflector-client: true{keys}}}]"
        ))
    };
    for (keys, label, text) in [
        (
            ", cluster-id: 10.0.0.9",
            Label::SessionReset,
            "cluster-id none -> 10.0.0.9",
        ),
        (
            ", client-to-client: false",
            Label::SessionReset,
            "client-to-client true -> false",
        ),
        (", delay-open: 5", Label::Live, "delay-open none -> 5"),
    ] {
        let changes = diff(&with(""), &with(keys));
        assert_eq!(changes.len(), 1, "{keys}");
        assert_eq!(changes[0].label, label, "{keys}");
        assert!(changes[0].text.contains(text), "{}", changes[0].text);
    }
}
