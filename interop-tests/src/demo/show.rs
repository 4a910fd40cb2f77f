//! What the demo prints, and what it offers to look at.

use super::network::Network;
use crate::daemon::{Daemon, Kind, bgpctl_binary};

impl Network {
    /// Headings and the output of `bgpctl` for one node and for the reflector.
    pub fn tables(&self) -> String {
        let mut text = String::new();
        if let Some(node) = self.nodes.first() {
            for question in ["status", "peer list", "route list --best", "kernel list"] {
                text.push_str(&self.table(&**node, question));
            }
        }
        for question in ["peer list", "route list --best"] {
            text.push_str(&self.table(&*self.reflector, question));
        }
        text
    }

    fn table(&self, daemon: &dyn Daemon, question: &str) -> String {
        if !matches!(daemon.kind(), Kind::Node | Kind::Reflector) {
            return String::new();
        }
        let (program, socket) = (bgpctl_binary(), self.socket(daemon));
        let mut command = vec![program.as_str(), "--socket", &socket];
        command.extend(question.split(' '));
        let namespace = daemon.namespace();
        let answer = namespace
            .run(&command)
            .unwrap_or_else(|error| format!("{error}\n"));
        format!("\n== {}: bgpctl {question}\n{answer}", namespace.name())
    }

    fn socket(&self, daemon: &dyn Daemon) -> String {
        let path = self
            .lab
            .dir()
            .join(format!("{}.sock", daemon.namespace().name()));
        path.to_string_lossy().into_owned()
    }

    /// Commands to look around while the network is up.
    pub fn invitation(&self) -> String {
        let mut text = String::from("Look around (as root):\n");
        let own = self.nodes.iter().chain([&self.reflector]);
        for daemon in own.filter(|one| matches!(one.kind(), Kind::Node | Kind::Reflector)) {
            let (program, socket) = (bgpctl_binary(), self.socket(&**daemon));
            text.push_str(&format!("  {program} --socket {socket} status\n"));
        }
        let try_these = [
            "peer list",
            "route list --best",
            "kernel list",
            "watch routes",
        ];
        text.push_str(&format!("  ... and: {}\n", try_these.join(", ")));
        for node in &self.nodes {
            let enter = node.namespace().enter_command();
            text.push_str(&format!(
                "  {enter} ip route        # {}\n",
                node.namespace().name()
            ));
        }
        for endpoint in &self.endpoints {
            let enter = endpoint.namespace.enter_command();
            let [v4, v6] = endpoint.addresses;
            text.push_str(&format!(
                "  {enter} bash        # {}: {v4}, {v6}\n",
                endpoint.name
            ));
        }
        let enter = self.switch.namespace().enter_command();
        text.push_str(&format!("  {enter} bash        # the switch\n"));
        if self.switch.kind() == Kind::Bird {
            let control = self.lab.dir().join("switch-bird.ctl");
            text.push_str(&format!("  birdc -s {} show route\n", control.display()));
        }
        text.push_str(&format!(
            "Logs and configurations are in {}\n",
            self.lab.dir().display()
        ));
        text
    }
}
