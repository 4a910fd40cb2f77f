//! BIRD 2.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::{Announcement, Daemon, Kind, Neighbor, Path, SessionState, Spec, peer_name};
use crate::lab::{Namespace, Process, Spawn};
use crate::{LabError, Result, wait_for};

pub(super) const BIRD: &str = "/usr/sbin/bird";
pub(super) const BIRDC: &str = "/usr/sbin/birdc";

/// A BIRD in a namespace.
#[derive(Debug)]
pub struct Bird {
    namespace: Namespace,
    spec: Spec,
    own: Vec<Announcement>,
    extra: String,
    process: Option<Process>,
}

impl Bird {
    /// A BIRD that is not started yet.
    pub fn new(namespace: &Namespace, spec: Spec) -> Bird {
        Bird {
            namespace: namespace.clone(),
            own: spec
                .blocks
                .iter()
                .copied()
                .map(Announcement::plain)
                .collect(),
            spec,
            extra: String::new(),
            process: None,
        }
    }

    /// Adds lines to its configuration, from the next start on.
    pub fn add_configuration(&mut self, lines: &str) {
        self.extra.push_str(lines);
        self.extra.push('\n');
    }

    /// Gives it another configuration, made of what is changed in here, while it runs.
    ///
    /// # Errors
    /// When it refuses that.
    pub fn change(&mut self, change: impl FnOnce(&mut Spec)) -> Result<()> {
        change(&mut self.spec);
        self.reconfigure()
    }

    /// Asks `birdc` and returns its answer.
    ///
    /// # Errors
    /// When BIRD does not answer.
    pub fn ask(&self, question: &str) -> Result<String> {
        let socket = self.file("ctl");
        let mut command = vec![BIRDC, "-r", "-s", &socket];
        if !question.starts_with("show") {
            command.remove(1);
        }
        command.extend(question.split(' '));
        self.namespace.run(&command)
    }

    /// Since when the session with `peer` is up, as BIRD prints it.
    ///
    /// # Errors
    /// When the session is not up.
    pub fn up_since(&self, peer: IpAddr) -> Result<String> {
        let name = peer_name(peer);
        let answer = self.ask(&format!("show protocols {name}"))?;
        let line = answer
            .lines()
            .find(|line| line.starts_with(&name))
            .unwrap_or_default();
        match line.contains("Established") {
            true => Ok(line.to_owned()),
            false => Err(LabError::new(format!("not up: {answer}"))),
        }
    }

    fn file(&self, ending: &str) -> String {
        let path: PathBuf = self
            .namespace
            .dir()
            .join(format!("{}-bird.{ending}", self.namespace.name()));
        path.to_string_lossy().into_owned()
    }

    fn write_configuration(&self) -> Result<String> {
        let path = self.file("conf");
        fs::write(&path, render(&self.spec, &self.own, &self.extra))?;
        Ok(path)
    }

    fn reconfigure(&self) -> Result<()> {
        self.write_configuration()?;
        if self.process.is_none() {
            return Ok(());
        }
        let answer = self.ask("configure")?;
        // birdc exits 0 also when the new configuration is refused.
        if answer.contains("Reconfigured") || answer.contains("Reconfiguration in progress") {
            return Ok(());
        }
        Err(LabError::new(format!("bird refused: {answer}")))
    }
}

impl Daemon for Bird {
    fn kind(&self) -> Kind {
        Kind::Bird
    }

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn start(&mut self) -> Result<()> {
        let config = self.write_configuration()?;
        let (socket, pid) = (self.file("ctl"), self.file("pid"));
        let _ = fs::remove_file(&socket);
        let mut command = vec![BIRD, "-f", "-c", &config, "-s", &socket, "-P", &pid];
        if self.spec.graceful {
            // Recovery: it takes over what a former run left in the kernel.
            command.push("-R");
        }
        let mut process = self.namespace.start("bird", &command, &Spawn::default())?;
        wait_for(Duration::from_secs(10), "bird to answer", || {
            if !process.is_running() {
                return Ok(Err(LabError::new(process.output())));
            }
            self.ask("show status").map(Ok)
        })??;
        self.process = Some(process);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.terminate(Duration::from_secs(10)).map(drop),
            None => Ok(()),
        }
    }

    fn session(&self, peer: IpAddr) -> Result<SessionState> {
        let answer = self.ask(&format!("show protocols all {}", peer_name(peer)))?;
        let state = answer
            .lines()
            .find_map(|line| line.trim().strip_prefix("BGP state:"))
            .ok_or_else(|| LabError::new(answer.clone()))?;
        Ok(SessionState::named(state.trim()))
    }

    fn paths(&self, peer: IpAddr) -> Result<Vec<(IpNet, Path)>> {
        let name = peer_name(peer);
        let mut routes = Vec::new();
        for table in ["master4", "master6"] {
            let answer = self.ask(&format!("show route table {table} all protocol {name}"))?;
            parse_routes(&answer, &mut routes)?;
        }
        Ok(routes)
    }

    fn announce(&mut self, announcement: &Announcement) -> Result<()> {
        self.own.retain(|old| old.prefix != announcement.prefix);
        self.own.push(announcement.clone());
        self.reconfigure()
    }

    fn withdraw(&mut self, prefix: IpNet) -> Result<()> {
        self.own.retain(|old| old.prefix != prefix);
        self.reconfigure()
    }

    fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }
}

fn render(spec: &Spec, own: &[Announcement], extra: &str) -> String {
    let mut text = format!(
        "log stderr all;\nrouter id {};\ntimeformat protocol iso long;\nprotocol device {{}}\n\
         ipv4 table igp4;\nipv6 table igp6;\n\
         protocol direct {{ ipv4 {{ table igp4; }}; ipv6 {{ table igp6; }}; }}\n",
        spec.v4
    );
    for (family, want_v4) in [("ipv4", true), ("ipv6", false)] {
        if spec.kernel {
            // `direct` routes are the kernel's own already.
            let _ = writeln!(
                text,
                "protocol kernel k{family} {{ {family} {{ export where source = RTS_BGP; }}; merge paths on; }}"
            );
        }
        let _ = writeln!(text, "protocol static own_{family} {{ {family};");
        for one in own
            .iter()
            .filter(|one| one.prefix.addr().is_ipv4() == want_v4)
        {
            let _ = writeln!(text, "  route {} blackhole;", one.prefix);
        }
        text.push_str("}\n");
    }
    text.push_str(&render_filter(own));
    for neighbor in &spec.neighbors {
        text.push_str(&render_neighbor(spec, neighbor));
    }
    text.push_str(extra);
    text
}

/// BIRD strips MULTI_EXIT_DISC on the way to another AS unless the export filter sets it.
fn render_filter(own: &[Announcement]) -> String {
    let mut text =
        String::from("filter to_peer {\n  if source !~ [RTS_STATIC, RTS_BGP] then reject;\n");
    for one in own
        .iter()
        .filter(|one| one.med.is_some() || !one.communities.is_empty())
    {
        let _ = write!(
            text,
            "  if source = RTS_STATIC && net = {} then {{",
            one.prefix
        );
        if let Some(med) = one.med {
            let _ = write!(text, " bgp_med = {med};");
        }
        for (high, low) in &one.communities {
            let _ = write!(text, " bgp_community.add(({high},{low}));");
        }
        text.push_str(" }\n");
    }
    text.push_str("  accept;\n}\n");
    text
}

fn render_neighbor(spec: &Spec, neighbor: &Neighbor) -> String {
    let mut options = String::new();
    if neighbor.passive {
        options.push_str(" passive on;");
    }
    if neighbor.client {
        options.push_str(" rr client;");
    }
    if let Some(password) = &neighbor.password {
        let _ = write!(options, " password \"{password}\";");
    }
    if neighbor.ttl_security {
        options.push_str(" ttl security on;");
    }
    for line in &neighbor.lines {
        let _ = write!(options, " {line};");
    }
    if let Some(id) = spec.cluster_id.filter(|_| neighbor.asn == spec.asn) {
        let _ = write!(options, " rr cluster id {id};");
    }
    let igp = |table: &str| match neighbor.asn == spec.asn {
        true => format!(" igp table {table};"),
        false => String::new(),
    };
    let add_path = if neighbor.add_path {
        " add paths on;"
    } else {
        ""
    };
    let lines: String = neighbor
        .family_lines
        .iter()
        .map(|line| format!(" {line};"))
        .collect();
    let channel = format!("import all; export filter to_peer;{add_path}{lines}");
    format!(
        "protocol bgp {name} {{\n  local {local} as {asn}; neighbor {address} as {remote};{options}\n  \
         connect delay time 1; connect retry time 1; error wait time 1, 1; error forget time 1;\n  graceful restart {graceful};\n  \
         ipv4 {{ {channel}{igp4} }};\n  ipv6 {{ {channel}{igp6} }};\n}}\n",
        name = peer_name(neighbor.address),
        graceful = match (spec.graceful, spec.long_lived) {
            (true, true) => {
                "on; graceful restart time 3; long lived graceful restart on; long lived stale time 600"
            }
            (true, false) => "on",
            (false, _) => "off; long lived graceful restart off",
        },
        local = spec.own_address(neighbor.address),
        asn = spec.asn,
        address = neighbor.address,
        remote = neighbor.asn,
        igp4 = igp("igp4"),
        igp6 = igp("igp6"),
    )
}

/// Reads `show route all`: for each path a line with the prefix, or with blanks where it is the one
/// of the path before, then attributes behind a tab.
fn parse_routes(answer: &str, routes: &mut Vec<(IpNet, Path)>) -> Result<()> {
    let mut current: Option<IpNet> = None;
    for line in answer.lines() {
        let named = line.split(' ').next().and_then(|word| word.parse().ok());
        current = named.or(current);
        if let Some(prefix) = current.filter(|_| named.is_some() || line.starts_with(' ')) {
            // A prefix without BGP.next_hop is no BGP route; the placeholder is replaced below.
            routes.push((prefix, Path::via(Ipv4Addr::UNSPECIFIED.into())));
        }
        let Some((name, value)) = line
            .trim()
            .strip_prefix("BGP.")
            .and_then(|rest| rest.split_once(':'))
        else {
            continue;
        };
        let (_, path) = routes
            .last_mut()
            .ok_or_else(|| LabError::new(format!("attribute before prefix: {line}")))?;
        read_attribute(path, name, value.trim())
            .ok_or_else(|| LabError::new(format!("bird's line not understood: {line}")))?;
    }
    Ok(())
}

fn read_attribute(path: &mut Path, name: &str, value: &str) -> Option<()> {
    match name {
        "next_hop" => path.next_hop = value.split(' ').next()?.parse().ok()?,
        "as_path" => {
            path.as_path = value
                .split_whitespace()
                .map(|asn| asn.parse().ok())
                .collect::<Option<_>>()?;
        }
        "med" => path.med = Some(value.parse().ok()?),
        "local_pref" => path.local_pref = Some(value.parse().ok()?),
        "originator_id" => path.originator_id = Some(value.parse().ok()?),
        "cluster_list" => {
            path.cluster_list = value
                .split_whitespace()
                .map(|id| id.parse().ok())
                .collect::<Option<_>>()?;
        }
        "community" => {
            for pair in value.split_whitespace() {
                let (high, low) = pair.trim_matches(['(', ')']).split_once(',')?;
                path.communities
                    .insert((high.parse().ok()?, low.parse().ok()?));
            }
        }
        // origin and whatever else the labs do not compare
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_with_every_attribute_is_read() {
        let answer = "Table master4:\n\
            10.1.0.0/24          unicast [p10_0_0_2 2026-11-21] * (100) [AS65001i]\n\
            \tvia 10.0.0.2 on eth0\n\tType: BGP univ\n\tBGP.origin: IGP\n\
            \tBGP.as_path: 65001 65002\n\tBGP.next_hop: 10.0.0.2\n\tBGP.med: 7\n\
            \tBGP.local_pref: 100\n\tBGP.community: (65001,1) (65001,2)\n\
            \tBGP.originator_id: 10.0.0.9\n\tBGP.cluster_list: 10.0.0.1 10.0.0.3\n\
            \u{20}                    unicast [p10_0_0_3 2026-11-21] (100) [AS65001i]\n\
            \tvia 10.0.0.3 on eth0\n\tBGP.next_hop: 10.0.0.3\n";
        let mut routes = Vec::new();
        parse_routes(answer, &mut routes).unwrap();
        let prefix = "10.1.0.0/24".parse().unwrap();
        assert!(routes.len() == 2 && routes.iter().all(|(of, _)| *of == prefix));
        assert_eq!(routes[1].1.next_hop, IpAddr::from([10, 0, 0, 3]));
        let path = &routes[0].1;
        assert_eq!(path.as_path, [65001, 65002]);
        assert_eq!((path.med, path.local_pref), (Some(7), Some(100)));
        assert_eq!(path.communities.len(), 2);
        assert_eq!(path.originator_id, Some(Ipv4Addr::new(10, 0, 0, 9)));
        assert_eq!(path.cluster_list.len(), 2);
    }
}
