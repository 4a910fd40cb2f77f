use super::*;
use crate::Role;

fn config(text: &str) -> Config {
    let text = format!("as: 64512\nrouter-id: 10.0.0.1\n{text}");
    match crate::parse(&text, "x.yaml", Role::Node, &|_| None) {
        Ok(config) => config,
        Err(faults) => panic!("{faults:?}"),
    }
}

/// Two peers, the second with these extra keys.
fn two(keys: &str) -> Config {
    config(&format!(
        "prefix-sets: {{a: [10.0.0.0/8], b: [11.0.0.0/8]}}\n\
         peers:\n- {{address: 10.0.0.2, as: internal}}\n- {{address: 10.0.0.3, as: internal{keys}}}\n"
    ))
}

fn texts(old: &Config, new: &Config) -> Vec<String> {
    diff(old, new)
        .into_iter()
        .map(|change| change.text)
        .collect()
}

#[test]
fn the_same_again_changes_nothing() {
    let old = two(", import: [a], hold-time: 30");
    let moved = config(
        "\n\nprefix-sets: {b: [11.0.0.0/8], a: [10.0.0.0/8]}\n\
         groups: {g: {hold-time: 30}}\n\
         peers:\n- {address: 10.0.0.3, as: internal, import: [a], hold-time: 30}\n\n- {address: 10.0.0.2, as: internal}\n",
    );
    assert_eq!(diff(&old, &old.clone()), []);
    assert_eq!(diff(&old, &moved), [], "place and order do not matter");
}

#[test]
fn what_a_session_is_held_to_costs_it_and_a_password_does_not() {
    let reset = Label::SessionReset;
    for (keys, label, text) in [
        (
            ", ttl-security: true",
            reset,
            "ttl-security false -> 1: the session is reset",
        ),
        (
            ", bind-device: eth0",
            reset,
            "bind-device none -> eth0: the session is reset",
        ),
        (
            ", password-file: /run/md5",
            Label::Live,
            "password-file changed",
        ),
    ] {
        let changes = diff(&two(""), &two(keys));
        let texts: Vec<_> = changes.iter().map(|change| &change.text).collect();
        assert_eq!(texts, [&format!("peer 10.0.0.3: {text}")]);
        assert_eq!(changes[0].label, label, "{keys}");
    }
}

#[test]
fn what_the_words_of_a_peer_are_worth_has_its_cost() {
    let reset = Label::SessionReset;
    for (keys, label, text) in [
        (
            ", blackhole: accept",
            Label::SoftRefresh,
            "blackhole ignore -> accept: routes pass policy again, the session stays",
        ),
        (
            ", long-lived-graceful-restart: {stale-time: 5}",
            reset,
            "long-lived-graceful-restart.stale-time 0 -> 5: the session is reset",
        ),
        (
            ", long-lived-graceful-restart: {max-stale-time: 5}",
            Label::Live,
            "long-lived-graceful-restart.max-stale-time 86400 -> 5",
        ),
        (
            ", long-lived-graceful-restart: {partial-deployment: true}",
            Label::Readvertise,
            "long-lived-graceful-restart.partial-deployment false -> true: the peer is sent what that changes, the session stays",
        ),
    ] {
        let changes = diff(&two(""), &two(keys));
        let texts: Vec<_> = changes.iter().map(|change| &change.text).collect();
        assert_eq!(texts, [&format!("peer 10.0.0.3: {text}")]);
        assert_eq!(changes[0].label, label, "{keys}");
    }
}

#[test]
fn each_key_has_its_cost_and_touches_no_other_peer() {
    let reset = Label::SessionReset;
    for (keys, label, text) in [
        (
            ", hold-time: 30",
            reset,
            "hold-time 90 -> 30: the session is reset",
        ),
        (", keepalive: 10", Label::Live, "keepalive none -> 10"),
        (", port: 1790", Label::Live, "port 179 -> 1790"),
        (
            ", families: [ipv4-unicast]",
            reset,
            "families ipv4-unicast+ipv6-unicast -> ipv4-unicast: the session is reset",
        ),
        (
            ", local-address: 10.0.0.1",
            reset,
            "local-address none -> 10.0.0.1: the session is reset",
        ),
        (
            ", route-reflector-client: true",
            reset,
            "route-reflector-client false -> true: the session is reset",
        ),
        (
            ", add-path: {send: 2}",
            reset,
            "add-path.send off -> 2: the session is reset",
        ),
        (
            ", multihop: 2",
            reset,
            "multihop 64 -> 2: the session is reset",
        ),
        (
            ", enabled: false",
            reset,
            "enabled true -> false: the session is shut down",
        ),
        (
            ", import: none",
            Label::SoftRefresh,
            "import changed: routes pass policy again, the session stays",
        ),
        (
            ", export: all",
            Label::Readvertise,
            "export changed: the peer is sent what that changes, the session stays",
        ),
        (
            ", export: [a], import: [b]",
            Label::SoftRefresh,
            "import changed, export changed: routes pass policy again, the session stays",
        ),
        (
            ", next-hop: self",
            Label::Readvertise,
            "next-hop auto -> self: the peer is sent what that changes, the session stays",
        ),
        (
            ", next-hop-v6: fd00::1",
            Label::Readvertise,
            "next-hop-v6 none -> fd00::1: the peer is sent what that changes, the session stays",
        ),
        (
            ", graceful-shutdown: false",
            Label::SoftRefresh,
            "graceful-shutdown true -> false: routes pass policy again, the session stays",
        ),
        (", passive: true", Label::Live, "passive false -> true"),
        (", send-hold: 7", Label::Live, "send-hold none -> 7"),
        (", connect-retry: 7", Label::Live, "connect-retry 5 -> 7"),
        (", idle-hold: 7", Label::Live, "idle-hold 1 -> 7"),
        (", idle-hold-max: 7", Label::Live, "idle-hold-max 60 -> 7"),
        (", description: x", Label::Live, "description changed"),
    ] {
        let changes = diff(&two(""), &two(keys));
        let expected = Change {
            label,
            subject: Subject::Peer("10.0.0.3".parse().unwrap()),
            text: format!("peer 10.0.0.3: {text}"),
        };
        assert_eq!(changes, [expected], "{keys}");
    }
    // How many is no matter of the session.
    let changes = diff(
        &two(", add-path: {send: 2}"),
        &two(", add-path: {send: all}"),
    );
    assert_eq!(changes[0].label, Label::Readvertise);
    assert!(changes[0].text.contains("add-path.send 2 -> all: "));
    let enabling = diff(&two(", enabled: false"), &two(""));
    assert_eq!(enabling[0].label, Label::Live);
}

#[test]
fn the_as_written_otherwise_is_the_same_as() {
    let with = |asn: &str| config(&format!("peers:\n- {{address: 10.0.0.2, as: {asn}}}\n"));
    assert_eq!(diff(&with("internal"), &with("64512")), []);
    assert_eq!(
        texts(&with("64512"), &with("64513")),
        [
            "peer 10.0.0.2: as 64512 -> 64513, multihop 64 -> 1, import changed, export changed, long-lived-graceful-restart.enabled true -> false: the session is reset"
        ]
    );
}

#[test]
fn peers_come_and_go() {
    let one = config("peers:\n- {name: rr, address: 10.0.0.2, as: internal}\n");
    let other = config("peers:\n- {name: rr, address: 10.0.0.9, as: internal}\n");
    let changes = diff(&one, &other);
    let labels: Vec<_> = changes.iter().map(|change| change.label).collect();
    assert_eq!(labels, [Label::PeerRemoved, Label::PeerAdded]);
    assert_eq!(
        texts(&one, &other),
        [
            "peer rr (10.0.0.2) is removed: its session ends",
            "peer rr (10.0.0.9) is added"
        ]
    );
}

#[test]
fn ranges_come_go_and_change() {
    let with = |list: &str| config(&format!("dynamic-peers: [{list}]\n"));
    let a = with("{prefix: 10.1.0.0/16, as: internal}");
    assert_eq!(
        texts(&config(""), &a),
        ["dynamic peers 10.1.0.0/16 are added"]
    );
    assert_eq!(
        texts(&a, &config("")),
        ["dynamic peers 10.1.0.0/16 are removed: their sessions end"]
    );
    assert_eq!(
        texts(
            &a,
            &with("{prefix: 10.1.0.0/16, as: internal, limit: 7, hold-time: 9}")
        ),
        [
            "dynamic peers 10.1.0.0/16: limit 5000 -> 7",
            "dynamic peers 10.1.0.0/16: hold-time 90 -> 9: the session is reset",
        ]
    );
}

#[test]
fn blocks_and_pools_are_live_and_pass_imports_again() {
    let with = |keys: &str| {
        config(&format!(
            "prefix-sets: {{a: [10.0.0.0/8]}}\n{keys}peers:\n- {{address: 10.0.0.2, as: internal}}\n\
             - {{address: 10.0.0.3, as: internal, import: [a]}}\n- {{address: 10.0.0.4, as: 64513}}\n"
        ))
    };
    assert_eq!(
        texts(
            &with("advertise: {blocks: [10.1.0.0/24]}\n"),
            &with("advertise: {blocks: [10.2.0.0/24]}\n")
        ),
        [
            "block 10.1.0.0/24 is withdrawn",
            "block 10.2.0.0/24 is announced",
            "peer 10.0.0.2: advertise.blocks changed: routes pass policy again, the session stays",
            "peer 10.0.0.3: advertise.blocks changed: routes pass policy again, the session stays",
        ]
    );
    assert_eq!(
        texts(&with(""), &with("pools: [10.0.0.0/8]\n")),
        [
            "pools are changed",
            "peer 10.0.0.2: pools changed: routes pass policy again, the session stays",
        ]
    );
}

#[test]
fn what_needs_a_restart_says_so() {
    for (keys, what) in [
        ("listen: off\n", "listen"),
        ("kernel: {metric: 50}\n", "kernel"),
        ("api: {socket: /run/x.sock}\n", "api"),
        ("log: {format: json}\n", "log"),
        ("limits: {tombstones: 5000}\n", "limits"),
        ("name: n\n", "name"),
        ("hostname: n\n", "hostname"),
        ("cluster-id: 10.0.0.9\n", "cluster-id"),
        ("multipath: {relax: false}\n", "multipath"),
    ] {
        let changes = diff(&config(""), &config(keys));
        assert_eq!(changes.len(), 1, "{keys}");
        assert_eq!(changes[0].label, Label::Restart, "{keys}");
        assert_eq!(changes[0].subject, Subject::Speaker, "{keys}");
        assert!(changes[0].text.starts_with(what), "{keys}");
    }
}

#[test]
fn another_as_of_our_own_waits_for_a_restart_with_all_the_rest() {
    let with = |asn: u32| {
        let text = format!(
            "as: {asn}\npeers:\n- {{address: 10.0.0.{}, as: internal}}\n",
            asn % 10
        );
        crate::parse(&text, "x.yaml", Role::Node, &|_| None).unwrap()
    };
    let changes = diff(&with(64512), &with(64513));
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].label, Label::Restart);
    assert_eq!(
        changes[0].text,
        "as 64512 -> 64513: nothing of the new configuration takes effect until the process is restarted"
    );
}

#[test]
fn a_changed_set_refreshes_the_peers_that_use_it() {
    let with = |rule: &str| {
        config(&format!(
            "prefix-sets: {{a: [{rule}]}}\ngroups: {{g: {{import: [a]}}}}\n\
             peers:\n- {{address: 10.0.0.2, as: internal, group: g}}\n- {{address: 10.0.0.3, as: internal}}\n"
        ))
    };
    assert_eq!(
        texts(&with("10.0.0.0/8"), &with("10.0.0.0/8 le 24")),
        ["peer 10.0.0.2: import changed: routes pass policy again, the session stays"]
    );
}
