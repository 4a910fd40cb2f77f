//! GoBGP. It has no kernel side of its own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::{Announcement, Daemon, Kind, Neighbor, Path, SessionState, Spec};
use crate::lab::{Namespace, Process, Spawn};
use crate::{LabError, Result, wait_for};

pub(crate) const GOBGPD: &str = "/usr/bin/gobgpd";
pub(super) const GOBGP: &str = "/usr/bin/gobgp";

/// A GoBGP in a namespace.
#[derive(Debug)]
pub struct Gobgp {
    namespace: Namespace,
    spec: Spec,
    own: Vec<Announcement>,
    process: Option<Process>,
}

impl Gobgp {
    /// A GoBGP that is not started yet.
    pub fn new(namespace: &Namespace, spec: Spec) -> Gobgp {
        Gobgp {
            namespace: namespace.clone(),
            own: spec
                .blocks
                .iter()
                .copied()
                .map(Announcement::plain)
                .collect(),
            spec,
            process: None,
        }
    }

    /// Asks the `gobgp` command line and returns its answer.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub fn ask(&self, question: &[&str]) -> Result<String> {
        let mut command = vec![GOBGP];
        command.extend(question);
        self.namespace.run(&command)
    }

    fn add(&self, one: &Announcement) -> Result<()> {
        let (prefix, next_hop) = (
            one.prefix.to_string(),
            self.spec.own_address(one.prefix.addr()).to_string(),
        );
        let med = one.med.map(|med| med.to_string());
        let list: Vec<String> = one
            .communities
            .iter()
            .map(|(high, low)| format!("{high}:{low}"))
            .collect();
        let list = list.join(",");
        let mut command = vec!["global", "rib", "add", &prefix, "nexthop", &next_hop];
        if let Some(med) = &med {
            command.extend(["med", med]);
        }
        if !list.is_empty() {
            command.extend(["community", &list]);
        }
        command.extend(["-a", family(one.prefix)]);
        self.ask(&command).map(drop)
    }
}

impl Daemon for Gobgp {
    fn kind(&self) -> Kind {
        Kind::Gobgp
    }

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn start(&mut self) -> Result<()> {
        let config = self
            .namespace
            .dir()
            .join(format!("{}-gobgp.toml", self.namespace.name()));
        fs::write(&config, render(&self.spec))?;
        let config = config.to_string_lossy();
        let command = [
            GOBGPD,
            "-f",
            &config,
            "--api-hosts",
            "127.0.0.1:50051",
            "--pprof-disable",
        ];
        let mut process = self.namespace.start("gobgp", &command, &Spawn::default())?;
        // The API answers before the configuration file is read.
        let router_id = self.spec.v4.to_string();
        wait_for(Duration::from_secs(20), "gobgpd to answer", || {
            if !process.is_running() {
                return Ok(Err(LabError::new(process.output())));
            }
            let answer = self.ask(&["global"])?;
            if answer.contains(&router_id) {
                Ok(Ok(()))
            } else {
                Err(LabError::new(answer))
            }
        })??;
        self.process = Some(process);
        self.own.iter().try_for_each(|one| self.add(one))
    }

    fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.terminate(Duration::from_secs(10)).map(drop),
            None => Ok(()),
        }
    }

    fn session(&self, peer: IpAddr) -> Result<SessionState> {
        let answer = self.ask(&["neighbor", &peer.to_string(), "-j"])?;
        let answer: Value = serde_json::from_str(&answer)?;
        // 6 is ESTABLISHED in GoBGP's API; its other numbers are read by nobody here.
        match answer["state"]["session_state"].as_i64() {
            Some(6) => Ok(SessionState::Established),
            Some(other) => Ok(SessionState::Not(format!("session_state {other}"))),
            None => Err(LabError::new(format!("no session state in {answer}"))),
        }
    }

    fn paths(&self, peer: IpAddr) -> Result<Vec<(IpNet, Path)>> {
        let mut routes = Vec::new();
        for family in ["ipv4", "ipv6"] {
            let answer =
                self.ask(&["neighbor", &peer.to_string(), "adj-in", "-a", family, "-j"])?;
            if let Ok(Value::Object(prefixes)) = serde_json::from_str(&answer) {
                for (prefix, paths) in &prefixes {
                    let prefix = prefix.parse().map_err(|_| LabError::new(prefix.as_str()))?;
                    // A prefix that is just being withdrawn has an empty list of paths.
                    for path in paths.as_array().into_iter().flatten() {
                        routes.push((prefix, read_path(path)?));
                    }
                }
            }
        }
        Ok(routes)
    }

    fn announce(&mut self, announcement: &Announcement) -> Result<()> {
        self.own.retain(|old| old.prefix != announcement.prefix);
        self.own.push(announcement.clone());
        if self.process.is_some() {
            self.add(announcement)
        } else {
            Ok(())
        }
    }

    fn withdraw(&mut self, prefix: IpNet) -> Result<()> {
        self.own.retain(|old| old.prefix != prefix);
        if self.process.is_none() {
            return Ok(());
        }
        self.ask(&[
            "global",
            "rib",
            "del",
            &prefix.to_string(),
            "-a",
            family(prefix),
        ])
        .map(drop)
    }

    fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }
}

fn family(prefix: IpNet) -> &'static str {
    if prefix.addr().is_ipv4() {
        "ipv4"
    } else {
        "ipv6"
    }
}

fn render(spec: &Spec) -> String {
    let mut text = format!(
        "[global.config]\n  as = {}\n  router-id = \"{}\"\n  port = 179\n",
        spec.asn, spec.v4
    );
    for neighbor in &spec.neighbors {
        text.push_str(&render_neighbor(spec, neighbor));
    }
    text
}

fn render_neighbor(spec: &Spec, neighbor: &Neighbor) -> String {
    let mut text = format!(
        "[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{}\"\n    peer-as = {}\n  \
         [neighbors.timers.config]\n    connect-retry = 1\n    idle-hold-time-after-reset = 1\n  \
         [neighbors.error-handling.config]\n    treat-as-withdraw = true\n  \
         [neighbors.transport.config]\n    local-address = \"{}\"\n    passive-mode = {}\n",
        neighbor.address,
        neighbor.asn,
        spec.own_address(neighbor.address),
        neighbor.passive
    );
    if let Some(password) = &neighbor.password {
        // Into the first table, that of the neighbour itself.
        let line = format!("    auth-password = \"{password}\"\n  [neighbors.timers.config]");
        text = text.replacen("  [neighbors.timers.config]", &line, 1);
    }
    if neighbor.ttl_security {
        text.push_str("  [neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255\n");
    }
    if let Some(id) = spec.cluster_id.filter(|_| neighbor.client) {
        let _ = write!(
            text,
            "  [neighbors.route-reflector.config]\n    route-reflector-client = true\n    \
             route-reflector-cluster-id = \"{id}\"\n"
        );
    }
    for family in ["ipv4-unicast", "ipv6-unicast"] {
        let _ = write!(
            text,
            "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = \"{family}\"\n"
        );
        if neighbor.add_path {
            text.push_str("    [neighbors.afi-safis.add-paths.config]\n      receive = true\n");
        }
    }
    text
}

/// Reads one path: a list of attributes, each with its type code and a value of its own shape.
fn read_path(path: &Value) -> Result<Path> {
    let not_understood = || LabError::new(format!("gobgp's path not understood: {path}"));
    let attributes = path["attrs"].as_array().ok_or_else(not_understood)?;
    let next_hop = attributes
        .iter()
        .find_map(|attribute| attribute["nexthop"].as_str());
    let next_hop = next_hop
        .and_then(|text| text.parse().ok())
        .ok_or_else(not_understood)?;
    let mut read = Path::via(next_hop);
    for attribute in attributes {
        match attribute["type"].as_u64() {
            Some(2) => read.as_path = as_path(&attribute["as_paths"]),
            Some(4) => read.med = number(&attribute["metric"]),
            Some(5) => read.local_pref = number(&attribute["value"]),
            Some(8) => read.communities = communities(&attribute["communities"]),
            Some(9) => {
                read.originator_id = attribute["value"].as_str().and_then(|id| id.parse().ok())
            }
            Some(10) => {
                let list = attribute["value"]
                    .as_array()
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let ids = list
                    .iter()
                    .filter_map(|id| id.as_str()?.parse::<Ipv4Addr>().ok());
                read.cluster_list = ids.collect();
            }
            // attributes that the labs do not compare
            _ => {}
        }
    }
    Ok(read)
}

fn as_path(segments: &Value) -> Vec<u32> {
    let segments = segments.as_array().map(Vec::as_slice).unwrap_or_default();
    segments
        .iter()
        .filter_map(|segment| segment["asns"].as_array())
        .flatten()
        .filter_map(number)
        .collect()
}

fn communities(list: &Value) -> BTreeSet<(u16, u16)> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter_map(number)
        .map(|both| ((both >> 16) as u16, (both & 0xffff) as u16))
        .collect()
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|wide| u32::try_from(wide).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_every_attribute_is_read() {
        let text = r#"{"attrs":[{"type":1,"value":0},
            {"type":2,"as_paths":[{"segment_type":2,"num":1,"asns":[65001]}]},
            {"type":3,"nexthop":"10.0.0.2"},{"type":4,"metric":7},{"type":5,"value":100},
            {"type":8,"communities":[4259905537]},{"type":9,"value":"10.0.0.9"},
            {"type":10,"value":["10.0.0.1"]}]}"#;
        let path = read_path(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(path.as_path, [65001]);
        assert_eq!((path.med, path.local_pref), (Some(7), Some(100)));
        assert_eq!(path.communities, BTreeSet::from([(65001, 1)]));
        assert_eq!(path.originator_id, Some(Ipv4Addr::new(10, 0, 0, 9)));
        assert_eq!(path.cluster_list.len(), 1);
    }
}
