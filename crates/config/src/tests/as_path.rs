//! `allow-own-as`, `as-override`, `remove-private-as` and `local-as`.

use wire::Asn;

use super::faults::peer;
use super::node;
use crate::diff::{Label, diff};
use crate::{LocalAs, PathSettings, PrivateAs};

#[test]
fn nothing_is_done_to_paths_unless_said() {
    let config = node("as: 64512\npeers: [{address: 10.0.0.2, as: 64513}]\n");
    let [peer] = &config.peers[..] else {
        panic!("one peer");
    };
    assert_eq!(
        (peer.path, peer.local_as),
        (PathSettings::PLAIN, Asn(64512))
    );
    assert_eq!(peer.path.prepended(), None);
}

#[test]
fn a_session_may_have_an_as_of_its_own() {
    let config = node(
        "as: 64512\ngroups: {old: {local-as: {as: 1.10, replace-as: true}, allow-own-as: 3}}\npeers:\n\
         - {address: 10.0.0.2, as: external, group: old, as-override: true, remove-private-as: all}\n\
         - {address: 10.0.0.3, as: 64513, group: old, local-as: {no-prepend: true}}\n\
         - {address: 10.0.0.4, as: internal, group: old, local-as: {as: own}}\n",
    );
    let wanted = PathSettings {
        allow_own_as: 3,
        as_override: true,
        remove_private_as: PrivateAs::Remove,
        local_as: Some(LocalAs {
            asn: Asn(65546),
            no_prepend: false,
            replace_as: true,
        }),
        ..PathSettings::PLAIN
    };
    let [one, two, three] = &config.peers[..] else {
        panic!("three peers");
    };
    assert_eq!((one.path, one.local_as), (wanted, Asn(65546)));
    assert_eq!(one.path.prepended(), Some(Asn(65546)));
    assert_eq!(two.path.prepended(), None);
    assert!(!two.is_internal() && three.is_internal());
    assert_eq!((three.path.local_as, three.local_as), (None, Asn(64512)));
}

#[test]
fn values_about_paths() {
    for (keys, said) in [
        (
            "as: 64513\n  allow-own-as: 11",
            "x.yaml:5:17: \"11\" is not a number from 0 to 10; write how often our own AS may stand in a path",
        ),
        (
            "as: 64513\n  remove-private-as: true",
            "x.yaml:5:22: \"true\" is not a value for this key; write one of: false, all, replace",
        ),
        (
            "as: internal\n  as-override: true",
            "x.yaml:5:16: as-override is for peers of another AS: inside of one AS_PATH stays as it is; remove it",
        ),
        (
            "as: 64512\n  remove-private-as: replace",
            "x.yaml:5:22: remove-private-as is for peers of another AS: inside of one AS_PATH stays as it is; remove it",
        ),
        (
            "as: 64513\n  local-as: {as: 64512}",
            "x.yaml:5:18: local-as 64512 is our own AS; remove it",
        ),
        (
            "as: internal\n  local-as: {as: 64514}",
            "x.yaml:5:18: local-as 64514 needs a peer of another AS, and that of this one is ours; remove it, or correct \"as\" of the peer",
        ),
        (
            "as: 64512\n  local-as: {as: 64514}",
            "x.yaml:5:18: local-as 64514 needs a peer of another AS, and that of this one is ours; remove it, or correct \"as\" of the peer",
        ),
        (
            "as: 64514\n  local-as: {as: 64514}",
            "x.yaml:5:18: local-as 64514 needs a peer of another AS, and that of this one is the same; remove it, or correct \"as\" of the peer",
        ),
        (
            "as: 64514\n  local-as: {replace-as: true}",
            "x.yaml:5:26: local-as.replace-as has no use without local-as.as; add local-as.as, or remove it",
        ),
        (
            "as: internal\n  route-server-client: true",
            "x.yaml:5:24: route-server-client is for peers of another AS: inside of one AS_PATH stays as it is; remove it",
        ),
        (
            "as: internal\n  enforce-first-as: false",
            "x.yaml:5:21: enforce-first-as is for peers of another AS: inside of one AS_PATH stays as it is; remove it",
        ),
        (
            "as: 64513\n  route-server-client: true\n  next-hop: self",
            "x.yaml:5:24: a route-server-client is sent routes as they are, which next-hop: self would change; remove one of them (RFC 7947 section 2.2)",
        ),
        (
            "as: 64513\n  as-override: true\n  route-server-client: true",
            "x.yaml:6:24: a route-server-client is sent routes as they are, which as-override would change; remove one of them (RFC 7947 section 2.2)",
        ),
        (
            "as: 64514\n  local-as: 64515",
            "x.yaml:5:13: expected keys and values here; write \"key: value\" lines",
        ),
    ] {
        peer(keys, said);
    }
}

#[test]
fn each_key_about_paths_has_its_cost() {
    let with = |keys: &str| {
        node(&format!(
            "as: 64512\npeers: [{{address: 10.0.0.2, as: 64513{keys}}}]"
        ))
    };
    for (before, after, label, text) in [
        (
            "",
            ", allow-own-as: 1",
            Label::SoftRefresh,
            "allow-own-as 0 -> 1",
        ),
        (
            "",
            ", as-override: true",
            Label::Readvertise,
            "as-override false -> true",
        ),
        (
            "",
            ", remove-private-as: all",
            Label::Readvertise,
            "remove-private-as false -> all",
        ),
        (
            "",
            ", local-as: {as: 64514}",
            Label::SessionReset,
            "local-as.as own -> 64514",
        ),
        (
            ", local-as: {as: 64514}",
            ", local-as: {as: 64514, no-prepend: true}",
            Label::SoftRefresh,
            "local-as.no-prepend false -> true",
        ),
        (
            ", local-as: {as: 64514}",
            ", local-as: {as: 64514, replace-as: true}",
            Label::Readvertise,
            "local-as.replace-as false -> true",
        ),
    ] {
        let changes = diff(&with(before), &with(after));
        assert_eq!(changes.len(), 1, "{after}");
        assert_eq!(changes[0].label, label, "{after}");
        let said = format!("peer 10.0.0.2: {text}: ");
        assert!(changes[0].text.starts_with(&said), "{}", changes[0].text);
    }
}
