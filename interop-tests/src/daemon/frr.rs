//! FRRouting: zebra for interfaces and the kernel, bgpd for BGP.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::{Announcement, Daemon, Kind, Neighbor, Path, SessionState, Spec, community};
use crate::lab::{Namespace, Process, Spawn};
use crate::{LabError, Result, wait_for};

pub(super) const ZEBRA: &str = "/usr/lib/frr/zebra";
pub(crate) const BGPD: &str = "/usr/lib/frr/bgpd";
pub(super) const VTYSH: &str = "/usr/bin/vtysh";

const START_LIMIT: Duration = Duration::from_secs(20);

/// An FRR in a namespace.
#[derive(Debug)]
pub struct Frr {
    namespace: Namespace,
    spec: Spec,
    own: Vec<Announcement>,
    zebra: Option<Process>,
    process: Option<Process>,
}

impl Frr {
    /// An FRR that is not started yet.
    pub fn new(namespace: &Namespace, spec: Spec) -> Frr {
        Frr {
            namespace: namespace.clone(),
            own: spec
                .blocks
                .iter()
                .copied()
                .map(Announcement::plain)
                .collect(),
            spec,
            zebra: None,
            process: None,
        }
    }

    /// Gives `bgpd` commands, as typed after one another, and returns what it says.
    ///
    /// # Errors
    /// When it does not answer or a command is unknown to it.
    pub fn ask(&self, commands: &[&str]) -> Result<String> {
        let dir = self.dir().to_string_lossy().into_owned();
        let mut line = vec![VTYSH, "--vty_socket", &dir, "-d", "bgpd"];
        for command in commands {
            line.extend(["-c", command]);
        }
        let answer = self.namespace.run(&line)?;
        if answer.contains("% Unknown command") || answer.contains("% Malformed") {
            return Err(LabError::new(format!("frr refused {commands:?}: {answer}")));
        }
        Ok(answer)
    }

    fn dir(&self) -> PathBuf {
        self.namespace
            .dir()
            .join(format!("{}-frr", self.namespace.name()))
    }

    /// The daemons drop root for the user frr, to whom their directory therefore belongs.
    fn prepare(&self) -> Result<()> {
        let dir = self.dir();
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir)?;
        fs::write(dir.join("zebra.conf"), "")?;
        fs::write(dir.join("bgpd.conf"), render(&self.spec, &self.own))?;
        self.namespace
            .run(&["chown", "-R", "frr:frr", &dir.to_string_lossy()])
            .map(drop)
    }
}

impl Daemon for Frr {
    fn kind(&self) -> Kind {
        Kind::Frr
    }

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn start(&mut self) -> Result<()> {
        self.prepare()?;
        let dir = self.dir();
        let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
        let (vty, api) = (path(""), path("zserv.api"));
        let shared = [
            "-z",
            &api,
            "--vty_socket",
            &vty,
            "-A",
            "127.0.0.1",
            "-P",
            "0",
            "--log",
            "stdout",
        ];
        let (conf, pid) = (path("zebra.conf"), path("zebra.pid"));
        let mut command = vec![ZEBRA, "-f", &conf, "-i", &pid];
        command.extend(shared);
        let spawn = Spawn {
            changes_user: true,
            ..Spawn::default()
        };
        self.zebra = Some(self.namespace.start("zebra", &command, &spawn)?);
        wait_for(START_LIMIT, "zebra's socket", || Ok(fs::metadata(&api)?))?;
        let (conf, pid) = (path("bgpd.conf"), path("bgpd.pid"));
        // -S keeps root, and with it the parent-death signal and a process id that is known.
        let mut command = vec![BGPD, "-S", "-f", &conf, "-i", &pid, "-p", "179"];
        command.extend(shared);
        if !self.spec.kernel {
            command.push("-n");
        }
        self.process = Some(self.namespace.start("frr", &command, &Spawn::default())?);
        wait_for(START_LIMIT, "frr to answer", || {
            self.ask(&["show bgp summary json"])
        })?;
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.terminate(Duration::from_secs(10))?;
        }
        self.zebra = None;
        Ok(())
    }

    fn session(&self, peer: IpAddr) -> Result<SessionState> {
        let answer = self.ask(&[&format!("show bgp neighbors {peer} json")])?;
        let answer: Value = serde_json::from_str(&answer)?;
        let state = answer[peer.to_string()]["bgpState"].as_str();
        Ok(SessionState::named(
            state.ok_or_else(|| LabError::new("no such neighbour"))?,
        ))
    }

    fn paths(&self, peer: IpAddr) -> Result<Vec<(IpNet, Path)>> {
        let mut routes = Vec::new();
        for family in ["ipv4", "ipv6"] {
            let list = self.ask(&[&format!("show bgp {family} unicast json")])?;
            let list: Value = serde_json::from_str(&list)?;
            let Some(prefixes) = list["routes"].as_object() else {
                continue;
            };
            for prefix in prefixes.keys() {
                let one = self.ask(&[&format!("show bgp {family} unicast {prefix} json")])?;
                let one: Value = serde_json::from_str(&one)?;
                let paths = one["paths"]
                    .as_array()
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let from_peer = |path: &&Value| path["peer"]["peerId"] == peer.to_string().as_str();
                let prefix = prefix.parse().map_err(|_| LabError::new(prefix.as_str()))?;
                for path in paths.iter().filter(from_peer) {
                    routes.push((prefix, read_path(path)?));
                }
            }
        }
        Ok(routes)
    }

    fn announce(&mut self, announcement: &Announcement) -> Result<()> {
        let is_known = self.own.iter().any(|old| old.prefix == announcement.prefix);
        self.own.retain(|old| old.prefix != announcement.prefix);
        self.own.push(announcement.clone());
        if self.process.is_none() {
            return Ok(());
        }
        if is_known {
            // Else what the entry set before would still be set.
            let entry = format!("no route-map {} permit 10", map_name(announcement.prefix));
            self.ask(&["configure terminal", &entry])?;
        }
        let text = format!(
            "{}{}",
            render_map(announcement),
            render_network(&self.spec, announcement)
        );
        let mut commands = vec!["configure terminal"];
        commands.extend(text.lines());
        self.ask(&commands).map(drop)
    }

    fn withdraw(&mut self, prefix: IpNet) -> Result<()> {
        self.own.retain(|old| old.prefix != prefix);
        if self.process.is_none() {
            return Ok(());
        }
        let (router, family) = (format!("router bgp {}", self.spec.asn), family_line(prefix));
        let network = format!("no network {prefix}");
        self.ask(&["configure terminal", &router, &family, &network])
            .map(drop)
    }

    fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }
}

fn render(spec: &Spec, own: &[Announcement]) -> String {
    let mut text = String::from("frr defaults datacenter\nlog stdout\n");
    own.iter().for_each(|one| text.push_str(&render_map(one)));
    let _ = write!(
        text,
        "router bgp {}\n bgp router-id {}\n no bgp ebgp-requires-policy\n coalesce-time 0\n \
         {}\n \
         no bgp network import-check\n bgp bestpath compare-routerid\n no bgp default ipv4-unicast\n",
        spec.asn,
        spec.v4,
        match spec.graceful {
            true if spec.long_lived => {
                "bgp graceful-restart\n bgp graceful-restart restart-time 3\n \
                 bgp long-lived-graceful-restart stale-time 600"
            }
            true => "bgp graceful-restart",
            false => "bgp graceful-restart-disable",
        }
    );
    if let Some(id) = spec.cluster_id {
        let _ = writeln!(text, " bgp cluster-id {id}");
    }
    for neighbor in &spec.neighbors {
        let name = neighbor.address;
        let _ = write!(
            text,
            " neighbor {name} remote-as {}\n neighbor {name} timers connect 1\n \
             neighbor {name} advertisement-interval 0\n neighbor {name} update-source {}\n",
            neighbor.asn,
            spec.own_address(name)
        );
        if neighbor.passive {
            let _ = writeln!(text, " neighbor {name} passive");
        }
        if let Some(password) = &neighbor.password {
            let _ = writeln!(text, " neighbor {name} password {password}");
        }
        if neighbor.ttl_security {
            let _ = writeln!(text, " neighbor {name} ttl-security hops 1");
        }
        for line in &neighbor.lines {
            let _ = writeln!(text, " neighbor {name} {line}");
        }
    }
    for family in ["ipv4", "ipv6"] {
        let _ = writeln!(text, " address-family {family} unicast");
        for neighbor in &spec.neighbors {
            text.push_str(&render_activation(neighbor));
        }
        text.push_str(" exit-address-family\n");
    }
    text.push_str("exit\n");
    own.iter()
        .for_each(|one| text.push_str(&render_network(spec, one)));
    text
}

fn render_activation(neighbor: &Neighbor) -> String {
    let name = neighbor.address;
    let client = match neighbor.client {
        true => format!("  neighbor {name} route-reflector-client\n"),
        false => String::new(),
    };
    let lines = neighbor.family_lines.iter();
    let lines: String = lines
        .map(|line| format!("  neighbor {name} {line}\n"))
        .collect();
    let paths = match neighbor.add_path {
        true => format!("  neighbor {name} addpath-tx-all-paths\n"),
        false => String::new(),
    };
    format!("  neighbor {name} activate\n{client}{paths}{lines}")
}

fn render_map(one: &Announcement) -> String {
    let mut text = format!("route-map {} permit 10\n", map_name(one.prefix));
    if let Some(med) = one.med {
        let _ = writeln!(text, " set metric {med}");
    }
    if !one.communities.is_empty() {
        let list: Vec<String> = one
            .communities
            .iter()
            .map(|(high, low)| format!("{high}:{low}"))
            .collect();
        let _ = writeln!(text, " set community {}", list.join(" "));
    }
    text.push_str("exit\n");
    text
}

fn render_network(spec: &Spec, one: &Announcement) -> String {
    format!(
        "router bgp {}\n{}\nnetwork {} route-map {}\nexit-address-family\nexit\n",
        spec.asn,
        family_line(one.prefix),
        one.prefix,
        map_name(one.prefix)
    )
}

fn family_line(prefix: IpNet) -> String {
    let family = if prefix.addr().is_ipv4() {
        "ipv4"
    } else {
        "ipv6"
    };
    format!("address-family {family} unicast")
}

fn map_name(prefix: IpNet) -> String {
    format!("own_{}", prefix.to_string().replace(['.', ':', '/'], "_"))
}

fn read_path(path: &Value) -> Result<Path> {
    let not_understood = || LabError::new(format!("frr's path not understood: {path}"));
    // An IPv6 path lists its link-local next hop beside the global one.
    let next_hops = path["nexthops"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let next_hop = next_hops
        .iter()
        .find(|hop| hop["scope"] != "link-local")
        .and_then(|hop| hop["ip"].as_str()?.parse().ok())
        .ok_or_else(not_understood)?;
    let mut read = Path::via(next_hop);
    let numbers = path["aspath"]["string"].as_str().unwrap_or_default();
    read.as_path = numbers
        .split_whitespace()
        .filter_map(|asn| asn.parse().ok())
        .collect();
    read.med = number(&path["metric"]).filter(|med| *med != 0);
    read.local_pref = number(&path["locPrf"]);
    // The same as one string is cut where it is long.
    let communities = path["community"]["list"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for pair in communities.iter().filter_map(Value::as_str) {
        let community = community(pair).ok_or_else(not_understood)?;
        read.communities.insert(community);
    }
    read.originator_id = path["originatorId"].as_str().and_then(|id| id.parse().ok());
    let clusters = path["clusterList"]["list"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    read.cluster_list = clusters
        .iter()
        .filter_map(|id| id.as_str()?.parse::<Ipv4Addr>().ok())
        .collect();
    Ok(read)
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|wide| u32::try_from(wide).ok())
}
