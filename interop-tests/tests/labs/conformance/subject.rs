//! The daemon under test: ours, or one of another maker with the same peers.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use interop_tests::daemon::{Daemon, Kind, Ours, Role, Spec};
use interop_tests::lab::{Namespace, Process, Spawn};
use interop_tests::{LabError, Result, wait_until};

use super::scene::{DIALED, OUR_AS, SERVER};

/// What runs. It ends when this is dropped.
#[expect(dead_code, reason = "held for its end")]
pub(super) enum Running {
    Ours(Box<Ours>),
    Other(Process),
}

pub(super) fn start(kind: Kind, namespace: &Namespace) -> Result<Running> {
    match kind {
        Kind::Reflector | Kind::Node => ours(namespace),
        Kind::Bird => {
            let file = |name: &str| namespace.dir().join(name).to_string_lossy().into_owned();
            let config = file("bird.conf");
            fs::write(&config, bird())?;
            let (socket, pid) = (file("bird.ctl"), file("bird.pid"));
            let command = [
                "/usr/sbin/bird",
                "-f",
                "-c",
                &config,
                "-s",
                &socket,
                "-P",
                &pid,
            ];
            other(namespace, "bird", &command)
        }
        Kind::Frr => {
            let dir = namespace.dir().to_string_lossy().into_owned();
            let (config, pid) = (format!("{dir}/frr.conf"), format!("{dir}/frr.pid"));
            fs::write(&config, frr())?;
            let command = [
                "/usr/lib/frr/bgpd",
                "-Z",
                "-n",
                "-S",
                "-f",
                &config,
                "-i",
                &pid,
                "-p",
                "179",
                "-l",
                "10.9.255.1",
                "-P",
                "0",
                "-A",
                "127.0.0.1",
                "--vty_socket",
                &dir,
                "--log",
                "stdout",
            ];
            other(namespace, "frr", &command)
        }
        Kind::Gobgp => Err(LabError::new("no rows are run against GoBGP")),
    }
}

fn other(namespace: &Namespace, title: &str, command: &[&str]) -> Result<Running> {
    let mut process = namespace.start(title, command, &Spawn::default())?;
    let listens = || {
        let sockets = namespace.run(&["ss", "-Hltn", "sport = :179"]);
        !process.is_running() || sockets.is_ok_and(|sockets| !sockets.is_empty())
    };
    wait_until(Duration::from_secs(15), "the daemon to listen", listens)?;
    match process.is_running() {
        true => Ok(Running::Other(process)),
        false => Err(LabError::new(process.output())),
    }
}

fn ours(namespace: &Namespace) -> Result<Running> {
    let mut spec = Spec::new(OUR_AS, 1);
    spec.v4 = SERVER;
    spec.cluster_id = Some(SERVER);
    let mut lines = "listen: {addresses: [10.9.255.1]}\ndynamic-peers:\n\
        \x20 - {prefix: 10.9.0.0/18, as: internal, limit: 20000, route-reflector-client: true}\n\
        \x20 - {prefix: 10.9.64.0/18, as: internal, limit: 20000}\n\
        \x20 - {prefix: 10.9.128.0/18, as: external, limit: 20000, import: all, export: all, \
              next-hop-v6: \"fd09::1\"}\n\
        \x20 - {prefix: 10.9.192.0/19, as: internal, limit: 20000, route-reflector-client: true, \
              hold-time: 3}\n\
        \x20 - {prefix: 10.9.224.0/20, as: internal, limit: 20000, route-reflector-client: true, \
              max-prefix: {ipv4: 2, action: shut}}\n\
        \x20 - {prefix: 10.9.240.0/21, as: internal, limit: 20000, route-reflector-client: true, \
              client-to-client: false}\n\
        peers:\n"
        .to_owned();
    for address in DIALED {
        let _ = writeln!(
            lines,
            "  - {{address: {address}, as: internal, connect-retry: 1, route-reflector-client: true}}"
        );
    }
    let mut daemon = Ours::new(Role::Reflector, namespace, spec).with_configuration(&lines);
    daemon.start()?;
    Ok(Running::Ours(Box::new(daemon)))
}

fn bird() -> String {
    let mut text = format!(
        "log stderr {{ warning, error, fatal, bug }};\nrouter id {SERVER};\nprotocol device {{}}\n\
         ipv4 table igp4;\nipv6 table igp6;\n\
         protocol static {{ ipv4 {{ table igp4; }}; route 10.0.0.0/8 via \"lo\"; }}\n\
         protocol static {{ ipv6 {{ table igp6; }}; route fd09::/16 via \"lo\"; }}\n"
    );
    let channels = "ipv4 { import all; export all; igp table igp4; add paths tx; }; \
                    ipv6 { import all; export all; igp table igp6; add paths tx; };";
    let ranges = [
        (
            "client",
            "10.9.0.0/18",
            "internal",
            "rr client; rr cluster id 10.9.255.1;",
        ),
        ("internal", "10.9.64.0/18", "internal", ""),
        ("external", "10.9.128.0/18", "external", ""),
        (
            "brisk",
            "10.9.192.0/19",
            "internal",
            "rr client; rr cluster id 10.9.255.1; hold time 3;",
        ),
        (
            "limited",
            "10.9.224.0/20",
            "internal",
            "rr client; rr cluster id 10.9.255.1;",
        ),
        (
            "meshed",
            "10.9.240.0/21",
            "internal",
            "rr client; rr cluster id 10.9.255.1;",
        ),
    ];
    for (name, range, kind, options) in ranges {
        let channels = match name {
            "limited" => channels.replace("ipv4 {", "ipv4 { receive limit 2 action disable;"),
            _ => channels.to_owned(),
        };
        let _ = writeln!(
            text,
            "protocol bgp {{\n  local {SERVER} as {OUR_AS}; strict bind on; neighbor range {range} {kind}; dynamic name \"{name}\";\n  \
             passive on; multihop; {options}\n  {channels}\n}}"
        );
    }
    for (number, address) in DIALED.iter().enumerate() {
        let _ = writeln!(
            text,
            "protocol bgp dial{number} {{\n  local {SERVER} as {OUR_AS}; strict bind on; neighbor {address} internal; multihop;\n  \
             connect delay time 1; connect retry time 1; error wait time 1, 1; rr client; \
             rr cluster id {SERVER};\n  {channels}\n}}"
        );
    }
    text
}

fn frr() -> String {
    let mut text = format!(
        "log stdout errors\nrouter bgp {OUR_AS}\n bgp router-id {SERVER}\n bgp cluster-id {SERVER}\n \
         no bgp default ipv4-unicast\n no bgp ebgp-requires-policy\n bgp bestpath compare-routerid\n \
         coalesce-time 0\n bgp listen limit 5000\n"
    );
    let groups = [
        ("CLIENT", "10.9.0.0/18", "internal", true),
        ("INTERNAL", "10.9.64.0/18", "internal", false),
        ("EXTERNAL", "10.9.128.0/18", "external", false),
        ("BRISK", "10.9.192.0/19", "internal", true),
        ("LIMITED", "10.9.224.0/20", "internal", true),
        ("MESHED", "10.9.240.0/21", "internal", true),
    ];
    for (group, range, kind, _) in groups {
        let _ = write!(
            text,
            " neighbor {group} peer-group\n neighbor {group} remote-as {kind}\n \
             neighbor {group} passive\n neighbor {group} advertisement-interval 0\n \
             bgp listen range {range} peer-group {group}\n"
        );
    }
    text.push_str(" neighbor EXTERNAL ebgp-multihop 255\n neighbor BRISK timers 1 3\n");
    for address in DIALED {
        let _ = write!(
            text,
            " neighbor {address} remote-as internal\n neighbor {address} timers connect 1\n \
             neighbor {address} advertisement-interval 0\n"
        );
    }
    for family in ["ipv4", "ipv6"] {
        let _ = writeln!(text, " address-family {family} unicast");
        for (group, _, _, client) in groups {
            let _ = writeln!(text, "  neighbor {group} activate");
            if group == "LIMITED" && family == "ipv4" {
                let _ = writeln!(text, "  neighbor {group} maximum-prefix 2");
            }
            if client {
                let _ = writeln!(text, "  neighbor {group} addpath-tx-all-paths");
                let _ = writeln!(text, "  neighbor {group} route-reflector-client");
            }
        }
        for address in DIALED {
            let _ = writeln!(text, "  neighbor {address} activate");
        }
        text.push_str(" exit-address-family\n");
    }
    text.push_str("exit\n");
    text
}
