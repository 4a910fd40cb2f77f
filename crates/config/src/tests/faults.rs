//! Faulty texts and exactly what is said about them.

use super::*;

/// Checks a text, whose lines follow `as: 64512` on line 1, against all of its faults.
#[track_caller]
fn node(text: &str, expected: &[&str]) {
    refused(&format!("as: 64512\n{text}"), Role::Node, expected);
}

#[track_caller]
fn refused(text: &str, role: Role, expected: &[&str]) {
    let faults = parse(text, "x.yaml", role, &env).expect_err("the text is faulty");
    let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected);
}

/// Checks what is said about keys of a peer.
#[track_caller]
pub(super) fn peer(keys: &str, expected: &str) {
    node(
        &format!("peers:\n- address: 10.0.0.2\n  {keys}\n"),
        &[expected],
    );
}

#[test]
fn unknown_keys() {
    node(
        "peers:\n  - adress: 10.0.0.1\n    as: internal\nlog:\n  levl: info\nhold_time: 3\nzzz: 1\n",
        &[
            "x.yaml:3:5: the peer has no \"address\"; write \"address: ADDRESS\"",
            "x.yaml:3:5: unknown key \"adress\"; did you mean \"address\"?",
            "x.yaml:6:3: unknown key \"levl\"; did you mean \"level\"?",
            "x.yaml:7:1: unknown key \"hold_time\"; known here: name, hostname, as, router-id, cluster-id, listen, advertise, pools, prefix-sets, kernel, groups, peers, dynamic-peers, on-stop, drain-time, multipath, api, log, limits",
            "x.yaml:8:1: unknown key \"zzz\"; known here: name, hostname, as, router-id, cluster-id, listen, advertise, pools, prefix-sets, kernel, groups, peers, dynamic-peers, on-stop, drain-time, multipath, api, log, limits",
        ],
    );
    peer(
        "as: internal\n  Hold_Time: 3",
        "x.yaml:5:3: unknown key \"Hold_Time\"; did you mean \"hold-time\"?",
    );
}

#[test]
fn draining_has_to_make_sense() {
    node(
        "drain-time: 5\n",
        &[
            "x.yaml:2:13: drain-time has no use without on-stop: drain; write \"on-stop: drain\", or remove it",
        ],
    );
    node(
        "on-stop: drain\ndrain-time: 3601\nkernel: {on-stop: keep}\n",
        &[
            "x.yaml:3:13: \"3601\" is not a number from 0 to 3600",
            "x.yaml:4:19: kernel.on-stop: keep contradicts on-stop: drain, which removes our routes; remove one of the two",
        ],
    );
    node(
        "on-stop: leave\ndrain-time: 5\n",
        &["x.yaml:2:10: \"leave\" is not a value for this key; write one of: restart, drain"],
    );
}

#[test]
fn a_distance_is_checked_in_one_way_only() {
    peer(
        "as: 65001\n  ttl-security: 255",
        "x.yaml:5:17: \"255\" is not a number of hops from 1 to 254; write true for a peer on the same link, the number of hops, or false",
    );
    peer(
        "as: 65001\n  ttl-security: true\n  multihop: 3",
        "x.yaml:5:17: ttl-security and multihop exclude each other; write ttl-security: 3 for a peer that is up to 3 hops away, and multihop: false or none",
    );
    peer(
        "as: 65001\n  ttl-security: true\n  multihop: true",
        "x.yaml:5:17: ttl-security and multihop exclude each other; write ttl-security: 254 for a peer that is up to 254 hops away, and multihop: false or none",
    );
}

#[test]
fn a_device_has_a_name_that_linux_takes() {
    for name in ["a/b", "eth0:1", "sixteen-octets-x", ".."] {
        let expected = format!(
            "x.yaml:5:16: \"{name}\" cannot be the name of a network device; write one of `ip link`, such as eth0: at most 15 octets, no spaces, slashes or colons"
        );
        peer(&format!("as: 65001\n  bind-device: {name}"), &expected);
    }
}

#[test]
fn a_password_comes_from_a_file() {
    peer(
        "as: 65001\n  password: hidden",
        "x.yaml:5:3: a password does not stand in a configuration; passwords come from files: write \"password-file: PATH\"",
    );
    for path in ["md5", "/run/"] {
        let expected = format!(
            "x.yaml:5:18: \"{path}\" is not the absolute path of a file; write one such as /etc/bgpd/tor.password, whose first line is the password"
        );
        peer(&format!("as: 65001\n  password-file: {path}"), &expected);
    }
}

#[test]
fn a_peer_inside_a_signed_range_is_signed_too() {
    let range = "dynamic-peers:\n- {prefix: 10.0.0.0/24, as: internal, password-file: /run/md5}\n";
    let peers = "peers:\n- {address: 10.0.0.2, as: internal}\n- {address: 10.1.0.2, as: internal}\n\
                 - {address: 10.0.0.3, as: internal, password-file: /run/other}\n";
    node(
        &format!("{range}{peers}"),
        &[
            "x.yaml:5:3: the peer has no password-file and lies in the dynamic range 10.0.0.0/24 (x.yaml:3), which has one: the system would drop its packets; give it one too, or take its address out of the range",
        ],
    );
}

#[test]
fn keys_of_later_versions_are_refused_by_name() {
    for key in ["bfd", "policy", "mrai"] {
        peer(
            &format!("as: internal\n  {key}: 1"),
            &format!("x.yaml:5:3: \"{key}\" is not supported yet in this version; remove it"),
        );
    }
    node(
        "policies: {}\noverlay: {}\nip-rules: []\nmetrics: {}\nkernel: {import: x}\napi: {tcp: x}\nservices: {}\n",
        &[
            "x.yaml:2:1: \"policies\" is not supported yet in this version; remove it",
            "x.yaml:3:1: \"overlay\" is not supported yet in this version; remove it",
            "x.yaml:4:1: \"ip-rules\" is not supported yet in this version; remove it",
            "x.yaml:5:1: \"metrics\" is not supported yet in this version; remove it",
            "x.yaml:6:10: \"import\" is not supported yet in this version; remove it",
            "x.yaml:7:7: \"tcp\" is not supported yet in this version; remove it",
            "x.yaml:8:1: \"services\" is not supported yet in this version; remove it",
        ],
    );
}

#[test]
fn duplicate_keys() {
    node(
        "name: a\nname: b\nlog: {level: info, level: debug}\n",
        &[
            "x.yaml:3:1: key \"name\" is given twice (first at x.yaml:2); remove one of them",
            "x.yaml:4:20: key \"level\" is given twice (first at x.yaml:4); remove one of them",
        ],
    );
}

#[test]
fn yaml_itself() {
    refused(
        "as: 1\nx: [${A}]\n",
        Role::Node,
        &[
            "x.yaml:2:6: this is not YAML: while parsing a flow sequence, expected ',' or ']'; inside [...] and {...} a variable must stand in quotes: \"${NAME}\"",
        ],
    );
    node(
        "name: !!str n\nrouter-id: &id 10.0.0.1\ncluster-id: *id\n",
        &[
            "x.yaml:2:7: YAML tags are not taken; remove the \"!...\"",
            "x.yaml:3:12: YAML anchors are not taken; remove the \"&...\", and use a group for what peers share",
            "x.yaml:4:13: YAML aliases are not taken; write the value out, or use a group for what peers share",
        ],
    );
    node(
        "---\nas: 2\n",
        &[
            "x.yaml:2:1: a second YAML document starts here; write one document only, without \"---\" inside",
        ],
    );
    refused(
        "- a\n",
        Role::Node,
        &["x.yaml:1:1: expected keys and values here; write \"key: value\" lines"],
    );
    node("? [a, b]\n: c\n", &["x.yaml:2:3: a key must be plain text"]);
}

#[test]
fn what_is_missing() {
    refused(
        "# nothing\n",
        Role::Node,
        &["x.yaml:1:1: our AS number is missing; write \"as: NUMBER\", such as as: 64512"],
    );
    node(
        "groups: {g: {}}\npeers:\n- address: 10.0.0.2\n- as: internal\n- {address: 10.0.0.3, group: g}\n- {address: 10.0.0.4, group: gg}\ndynamic-peers:\n- limit: 3\n",
        &[
            "x.yaml:4:3: the peer has no \"as\"; write as: NUMBER, internal (for iBGP in AS 64512) or external",
            "x.yaml:5:3: the peer has no \"address\"; write \"address: ADDRESS\"",
            "x.yaml:6:3: the peer has no \"as\"; write as: NUMBER, internal or external here or in the group",
            "x.yaml:7:30: there is no group \"gg\"; define it under groups",
            "x.yaml:9:3: the dynamic peers have no \"prefix\"; write \"prefix: ADDRESS/LENGTH\"",
            "x.yaml:9:3: the peer has no \"as\"; write as: NUMBER, internal (for iBGP in AS 64512) or external",
        ],
    );
    peer(
        "as:",
        "x.yaml:4:5: \"as\" has no value; give it one, or remove it",
    );
    peer(
        "as: [a]",
        "x.yaml:4:7: \"as\" must be a single value, not a list",
    );
    peer(
        "as: {a: b}",
        "x.yaml:4:7: \"as\" must be a single value, not a mapping",
    );
}

#[test]
fn unset_variables_are_faults_and_nothing_more() {
    refused(
        "as: ${NOPE}\nname: ${NODE\npeers:\n- {address: \"${NOPE}\", as: \"${NOPE}\", families: [\"${NOPE}\"], import: [\"${NOPE}\"]}\n",
        Role::Node,
        &[
            "x.yaml:1:5: environment variable NOPE is not set; set it, or write ${NOPE:-DEFAULT}",
            "x.yaml:2:7: \"${\" without \"}\"; write ${NAME}, ${NAME:-DEFAULT}, or $${ for a literal \"${\"",
            "x.yaml:4:13: environment variable NOPE is not set; set it, or write ${NOPE:-DEFAULT}",
            "x.yaml:4:28: environment variable NOPE is not set; set it, or write ${NOPE:-DEFAULT}",
            "x.yaml:4:50: environment variable NOPE is not set; set it, or write ${NOPE:-DEFAULT}",
            "x.yaml:4:71: environment variable NOPE is not set; set it, or write ${NOPE:-DEFAULT}",
        ],
    );
}

#[test]
fn numbers_of_autonomous_systems() {
    for (asn, said) in [
        (
            "0",
            "AS 0 is reserved (RFC 7607); private numbers are 64512-65534 and 4200000000-4294967294",
        ),
        (
            "23456",
            "AS 23456 is reserved (it stands for others, RFC 6793); private numbers are 64512-65534 and 4200000000-4294967294",
        ),
        (
            "4294967295",
            "AS 4294967295 is reserved (RFC 7300); private numbers are 64512-65534 and 4200000000-4294967294",
        ),
        (
            "4294967296",
            "\"4294967296\" is not an AS number; write a number such as 64512, or HIGH.LOW such as 1.10",
        ),
        (
            "1.2.3",
            "\"1.2.3\" is not an AS number; write a number such as 64512, or HIGH.LOW such as 1.10",
        ),
    ] {
        refused(
            &format!("as: {asn}\n"),
            Role::Node,
            &[&format!("x.yaml:1:5: {said}")],
        );
        peer(&format!("as: {asn}"), &format!("x.yaml:4:7: {said}"));
    }
    peer(
        "as: intenal",
        "x.yaml:4:7: \"intenal\" is not an AS number; did you mean \"internal\"?",
    );
    peer(
        "as: AS1",
        "x.yaml:4:7: \"AS1\" is not an AS number; write an AS number, internal or external",
    );
}

/// Keys of an iBGP peer, and what is said about them.
const PEER_VALUES: &[(&str, &str)] = &[
    (
        "hold-time: 2",
        "5:14: a hold time of 2 s is not allowed (RFC 4271 section 4.2); write 0 for off, or at least 3",
    ),
    (
        "hold-time: 65536",
        "5:14: \"65536\" is not a number from 0 to 65535",
    ),
    (
        "hold-time: -3",
        "5:14: \"-3\" is not a number from 0 to 65535",
    ),
    (
        "hold-time: 90s",
        "5:14: \"90s\" is not a number from 0 to 65535",
    ),
    (
        "keepalive: 90",
        "5:14: keepalive 90 must be less than hold-time 90; write at most 30, a third of it",
    ),
    (
        "keepalive: 0",
        "5:14: \"0\" is not a number from 1 to 65535",
    ),
    ("port: 0", "5:9: \"0\" is not a number from 1 to 65535"),
    (
        "passive: yes",
        "5:12: \"yes\" is neither true nor false; write true or false",
    ),
    (
        "families: []",
        "3:3: \"families\" is empty; write ipv4-unicast, ipv6-unicast or both",
    ),
    (
        "families: [ipv4-unicst]",
        "5:14: \"ipv4-unicst\" is not a value for this key; did you mean \"ipv4-unicast\"?",
    ),
    (
        "families: [l2vpn-evpn]",
        "5:14: \"l2vpn-evpn\" is not a value for this key; write one of: ipv4-unicast, ipv6-unicast",
    ),
    (
        "families: [ipv4-unicast, ipv4-unicast]",
        "5:28: ipv4-unicast is listed twice; remove one of them",
    ),
    (
        "local-address: fd00::1",
        "5:18: local-address fd00::1 and peer 10.0.0.2 are of different families; use one family for both ends of the session; it can carry routes of both",
    ),
    (
        "local-address: 10.0.0.2",
        "3:12: 10.0.0.2 is our own address; remove this peer",
    ),
    (
        "next-hop: selff",
        "5:13: \"selff\" is not a value for this key; did you mean \"self\"?",
    ),
    (
        "next-hop-v6: 10.0.0.1",
        "5:16: \"10.0.0.1\" is an IPv4 address; write the global IPv6 address of this node",
    ),
    (
        "next-hop-v6: fe80::1",
        "5:16: fe80::1 is a link-local address, which is not supported yet in this version; use the peer's global address",
    ),
    (
        "next-hop-v6: ::1",
        "5:16: ::1 cannot be a next hop; write a global address",
    ),
    (
        "multihop: 0",
        "5:13: \"0\" is not a number from 1 to 255; write the number of hops, true (255) or false (1)",
    ),
    (
        "import: al",
        "5:11: \"al\" is not a policy; write all, none, or a list of prefix sets",
    ),
    (
        "import: local",
        "5:11: \"local\" is not a policy; write all, none, or a list of prefix sets",
    ),
    (
        "export: locla",
        "5:11: \"locla\" is not a policy; did you mean \"local\"?",
    ),
    (
        "import: []",
        "5:11: the list of prefix sets is empty; write none to refuse everything",
    ),
    (
        "import: [all]",
        "5:12: there is no prefix set \"all\"; write all alone, without brackets",
    ),
    (
        "idle-hold: 61\n  idle-hold-max: 60",
        "6:18: idle-hold-max 60 is less than idle-hold 61; write a larger one",
    ),
    (
        "hold-time: 0\n  keepalive: 3",
        "6:14: keepalive has no use with hold-time 0; remove it (RFC 4271 section 4.4)",
    ),
    (
        "name: a b",
        "5:9: \"a b\" cannot be a name; write 1 to 63 characters without spaces",
    ),
    (
        "name: 10.0.0.3",
        "5:9: the name 10.0.0.3 is an address, but not this peer's; write another name, or none",
    ),
    (
        "families: [ipv4-unicast]\n  next-hop-v6: fd00::1",
        "6:16: next-hop-v6 has no use without ipv6-unicast; add ipv6-unicast to families, or remove it",
    ),
];

#[test]
fn values_of_a_peer() {
    for (keys, said) in PEER_VALUES {
        peer(
            &format!("as: internal\n  {keys}"),
            &format!("x.yaml:{said}"),
        );
    }
    peer(
        "as: internal\n  add-path: {send: 256}",
        "x.yaml:5:20: \"256\" is not a number of paths; write all, off, or a number up to 255",
    );
    peer(
        "as: internal\n  add-path: {receive: true}",
        "x.yaml:5:23: \"true\" is not a number of paths; write all, off, or a number up to 255",
    );
    peer(
        "as: internal\n  add-path: all",
        "x.yaml:5:13: expected keys and values here; write \"key: value\" lines",
    );
    peer(
        "as: internal\n  graceful-shutdown: true",
        "x.yaml:5:22: graceful-shutdown is of an eBGP peer: inside our AS LOCAL_PREF says it (RFC 8326); remove it",
    );
    peer(
        "as: 64513\n  blackhole: acept",
        "x.yaml:5:14: \"acept\" is not a value for this key; did you mean \"accept\"?",
    );
    peer(
        "as: internal\n  graceful-restart: {enabled: false}\n  long-lived-graceful-restart: {enabled: true}",
        "x.yaml:6:42: long-lived-graceful-restart needs graceful-restart, which is off (RFC 9494 4.1); write graceful-restart: {enabled: true}, or remove it",
    );
    peer(
        "as: 64513\n  long-lived-graceful-restart: {partial-deployment: true}",
        "x.yaml:5:53: partial-deployment is only for iBGP peers (RFC 9494 4.6); remove it",
    );
    peer(
        "as: internal\n  long-lived-graceful-restart: {stale-time: 16777216}",
        "x.yaml:5:45: \"16777216\" is not a number from 0 to 16777215",
    );
    peer(
        "as: internal\n  graceful-restart: {restart-time: 4096}",
        "x.yaml:5:36: \"4096\" is not a number from 1 to 4095",
    );
    peer(
        "as: 64513\n  route-reflector-client: true",
        "x.yaml:5:27: only an iBGP peer can be a route-reflector-client (RFC 4456); write as: internal, or remove it",
    );
}

#[test]
fn addresses_of_peers() {
    for (address, said) in [
        (
            "10.0.0.256",
            "\"10.0.0.256\" is not an IP address; write one such as 10.0.0.1 or fd00::1",
        ),
        (
            "10.0.0.1/24",
            "\"10.0.0.1/24\" is not an IP address; write the address alone: 10.0.0.1",
        ),
        (
            "0.0.0.0",
            "0.0.0.0 is the unspecified address; write the address of one host",
        ),
        (
            "224.0.0.1",
            "224.0.0.1 is not the address of one host; write the address of one host",
        ),
        (
            "fe80::1",
            "fe80::1 is a link-local address, which is not supported yet in this version; use the peer's global address",
        ),
        (
            "fe80::1%eth0",
            "an address with a scope (%eth0) is not supported yet in this version; use the peer's global address",
        ),
        (
            "::ffff:10.0.0.1",
            "::ffff:10.0.0.1 is an IPv4 address in IPv6 form; write 10.0.0.1",
        ),
    ] {
        node(
            &format!("peers:\n- as: internal\n  address: {address}\n"),
            &[&format!("x.yaml:4:12: {said}")],
        );
    }
    node(
        "router-id: 10.0.0.1\nlisten: {addresses: [10.0.0.5]}\npeers:\n- {address: 10.0.0.1, as: internal}\n- {address: 10.0.0.5, as: internal}\n",
        &[
            "x.yaml:5:13: 10.0.0.1 is our own address; remove this peer",
            "x.yaml:6:13: 10.0.0.5 is our own address; remove this peer",
        ],
    );
}

#[test]
fn peers_among_each_other() {
    node(
        "peers:\n- {name: a, address: 10.0.0.2, as: internal}\n- {name: a, address: 10.0.0.3, as: internal}\n- {name: b, address: 10.0.0.2, as: 5}\n",
        &[
            "x.yaml:4:10: a peer with name \"a\" is defined at x.yaml:3 already; give another name",
            "x.yaml:5:22: a peer with address 10.0.0.2 is defined at x.yaml:3 already; remove one of them",
        ],
    );
    node(
        "dynamic-peers:\n- {prefix: 10.0.0.0/16, as: internal}\n- {prefix: 10.0.7.0/24, as: internal}\n- {prefix: 10.0.0.0/16, as: internal}\n- {prefix: 10.9.0.1/16, as: internal, port: 5, name: x}\n",
        &[
            "x.yaml:4:12: 10.0.7.0/24 overlaps 10.0.0.0/16 of x.yaml:3; dynamic peers must not overlap; remove one of them",
            "x.yaml:5:12: 10.0.0.0/16 is listed twice (first at x.yaml:3); remove one of them",
            "x.yaml:6:12: 10.9.0.1/16 has host bits set; write 10.9.0.0/16",
            "x.yaml:6:39: \"port\" means nothing for dynamic peers: they connect to us; remove it",
            "x.yaml:6:48: \"name\" means nothing for dynamic peers: they connect to us; remove it",
        ],
    );
    node(
        "listen: off\npeers:\n- {address: 10.0.0.2, as: internal, passive: true}\ndynamic-peers:\n- {prefix: 10.9.0.0/16, as: internal}\n",
        &[
            "x.yaml:4:46: the peer is passive, but listening is off, so no session can come up; remove \"listen: off\"",
            "x.yaml:6:3: dynamic peers connect to us, but listening is off, so no session can come up; remove \"listen: off\"",
        ],
    );
}

#[test]
fn a_fault_of_a_group_is_told_once() {
    node(
        "groups:\n  g: {as: internal, hold-time: 9, keepalive: 9, address: 10.0.0.1}\n  h: {port: x}\n\
         peers:\n- {address: 10.0.0.2, group: g}\n- {address: 10.0.0.3, group: g}\n",
        &[
            "x.yaml:3:46: keepalive 9 must be less than hold-time 9; write at most 3, a third of it",
            "x.yaml:3:49: \"address\" belongs to one peer, not to a group; remove it",
            "x.yaml:4:13: \"x\" is not a number from 1 to 65535",
        ],
    );
}

#[test]
fn prefix_sets() {
    node(
        "prefix-sets:\n  all: [10.0.0.0/8]\n  pods: [10.0.0.1/8, 10.0.0.0/8 ge 33, 10.0.0.0/8 upto 9, ten]\n\
         peers:\n- {address: 10.0.0.2, as: internal, import: [podz], export: pods}\n",
        &[
            "x.yaml:3:3: \"all\" cannot be the name of a prefix set; it is a word of import and export; write another",
            "x.yaml:4:10: 10.0.0.1/8 has host bits set; write 10.0.0.0/8",
            "x.yaml:4:22: no prefix can match: the lengths must be in order, 8 (the prefix) <= ge 33 <= le 32 <= 32",
            "x.yaml:4:40: \"upto\" is not understood here; write PREFIX [ge LENGTH] [le LENGTH]",
            "x.yaml:4:59: \"ten\" is not a prefix; write ADDRESS/LENGTH, such as 10.244.1.0/24",
            "x.yaml:6:46: there is no prefix set \"podz\"; did you mean \"pods\"?",
            "x.yaml:6:61: \"pods\" is not a policy; prefix sets stand in a list: [pods]",
        ],
    );
}

#[test]
fn blocks() {
    node(
        "advertise:\n  blocks: [10.244.1.5/24, 10.244.2.0/24, 10.244.2.0/25, 10.244.2.0/24, 0.0.0.0/0, 127.0.0.0/8, 10.1.1.1]\n",
        &[
            "x.yaml:3:12: 10.244.1.5/24 has host bits set; write 10.244.1.0/24",
            "x.yaml:3:42: 10.244.2.0/25 overlaps 10.244.2.0/24 of x.yaml:3; blocks must not overlap; remove one of them",
            "x.yaml:3:57: 10.244.2.0/24 is listed twice (first at x.yaml:3); remove one of them",
            "x.yaml:3:72: 0.0.0.0/0 cannot be a block of addresses; write the Pod addresses of this node",
            "x.yaml:3:83: 127.0.0.0/8 cannot be a block of addresses; write the Pod addresses of this node",
            "x.yaml:3:96: \"10.1.1.1\" has no prefix length; write 10.1.1.1/32 for this one address",
        ],
    );
}

#[test]
fn kernel() {
    for (key, said) in [
        (
            "protocol: 12",
            "protocol 12 belongs to BIRD: our routes could not be told from theirs; write another, such as 155",
        ),
        (
            "protocol: 80",
            "protocol 80 belongs to Calico Felix: our routes could not be told from theirs; write another, such as 155",
        ),
        (
            "protocol: 186",
            "protocol 186 belongs to FRR: our routes could not be told from theirs; write another, such as 155",
        ),
        (
            "protocol: 4",
            "protocol 4 belongs to the kernel and administrators: our routes could not be told from theirs; write another, such as 155",
        ),
        ("protocol: 256", "\"256\" is not a number from 0 to 255"),
        ("metric: 0", "\"0\" is not a number from 1 to 4294967295"),
        (
            "table: local",
            "table local (255) belongs to the kernel; write main or a number from 1 to 252 or above 255",
        ),
        (
            "table: 253",
            "\"253\" is not a routing table; write main or a number from 1 to 252 or above 255",
        ),
        (
            "on-stop: kep",
            "\"kep\" is not a value for this key; did you mean \"keep\"?",
        ),
        (
            "blackhole-metric: 1024",
            "blackhole-metric 1024 would win over the connected route of a bridge, whose metric is up to 1024; write one above 1024, such as 1048576",
        ),
        (
            "metric: 1048576",
            "metric 1048576 is not better than blackhole-metric 1048576: a blackhole would win over a route; write a smaller metric",
        ),
    ] {
        let column = 5 + key.find(' ').unwrap();
        node(
            &format!("kernel:\n   {key}\n"),
            &[&format!("x.yaml:3:{column}: {said}")],
        );
    }
}

#[test]
fn the_process() {
    node(
        "listen: of\nrouter-id: 0.0.0.0\ncluster-id: 7\nname: \"\"\napi: {socket: run/x}\nlog: {level: verbose, format: jsn}\nlimits: {export-log: 5, tombstones: 1, routes: 5}\nmultipath: {relax: maybe}\n",
        &[
            "x.yaml:2:9: \"of\" is not a value for \"listen\"; write off, or {addresses: [...], port: 179}",
            "x.yaml:3:12: 0.0.0.0 is not allowed here (RFC 6286); write another address",
            "x.yaml:4:13: \"7\" is not of the form A.B.C.D; write an IPv4 address such as 10.0.0.1",
            "x.yaml:5:7: \"\" cannot be a name; write 1 to 63 characters without spaces",
            "x.yaml:6:15: \"run/x\" is not the absolute path of a socket; write one such as /run/bgpd/bgpd.sock",
            "x.yaml:7:14: \"verbose\" is not a value for this key; write one of: error, warn, info, debug, trace",
            "x.yaml:7:31: \"jsn\" is not a value for this key; did you mean \"json\"?",
            "x.yaml:8:22: 5 is too small for an export log; write at least 1MiB",
            "x.yaml:8:37: \"1\" is not a number from 1000 to 1000000000",
            "x.yaml:8:48: 5 is too small for a table; write at least 1MiB",
            "x.yaml:9:20: \"maybe\" is neither true nor false; write true or false",
        ],
    );
    let long = format!("/{}", "x".repeat(107));
    node(
        &format!(
            "api: {{socket: {long}}}\nlimits: {{export-log: 5 MB}}\nlisten: {{addresses: [10.0.0.1, 10.0.0.1], port: 0}}\n"
        ),
        &[
            "x.yaml:2:15: the path has 108 octets; Linux takes 107 for a socket; write a shorter one",
            "x.yaml:3:22: \"5 MB\" is not a size; write a number and a unit, such as 64MiB (KiB, MiB and GiB are known)",
            "x.yaml:4:32: 10.0.0.1 is listed twice; remove one of them",
            "x.yaml:4:49: \"0\" is not a number from 1 to 65535",
        ],
    );
}

#[test]
fn what_a_reflector_has_not() {
    refused(
        "as: 1\nadvertise: {blocks: [10.0.0.0/24]}\nkernel: {metric: 5}\nmultipath: {relax: true}\n",
        Role::Reflector,
        &[
            "x.yaml:2:1: a reflector announces no blocks of its own; remove \"advertise\"",
            "x.yaml:3:1: a reflector writes no kernel routes; remove \"kernel\"",
            "x.yaml:4:20: a reflector writes no kernel routes, so it has no multipath; remove \"multipath\"",
        ],
    );
}

#[test]
fn roles_are_between_ases() {
    peer(
        "as: internal\n  role: peer",
        "x.yaml:5:9: only an eBGP peer has a role (RFC 9234); remove it",
    );
    peer(
        "as: 65001\n  role-strict: true",
        "x.yaml:5:16: role-strict needs a role; write what we are to the peer, such as role: customer, or remove it",
    );
    peer(
        "as: 65001\n  role: costumer",
        "x.yaml:5:9: \"costumer\" is not a value for this key; did you mean \"customer\"?",
    );
}
