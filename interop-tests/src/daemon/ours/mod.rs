//! This repository's own daemons, asked through `bgpctl -o json` as an operator would.

mod answer;
mod file;

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ipnet::IpNet;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Announcement, Daemon, Kind, Path, SessionState, Spec};
use super::{bgpctl_binary, bgpd_binary, reflector_binary};
use crate::lab::{Namespace, Process, Spawn};
use crate::{LabError, Result, wait_for};

/// Which of our two programs plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `bgpd`, with a kernel.
    Node,
    /// `reflector`, without one.
    Reflector,
}

/// One of our daemons in a namespace.
#[derive(Debug)]
pub struct Ours {
    role: Role,
    namespace: Namespace,
    spec: Spec,
    own: Vec<Announcement>,
    extra: String,
    spawn: Spawn,
    process: Option<Process>,
}

impl Ours {
    /// A daemon that is not started yet.
    pub fn new(role: Role, namespace: &Namespace, spec: Spec) -> Ours {
        Ours {
            role,
            namespace: namespace.clone(),
            spec,
            own: Vec::new(),
            extra: String::new(),
            spawn: Spawn::default(),
            process: None,
        }
    }

    /// Adds top-level lines to its configuration, from the next start or reload on.
    #[must_use]
    pub fn with_configuration(mut self, lines: &str) -> Ours {
        self.extra.push_str(lines);
        self.extra.push('\n');
        self
    }

    /// Starts it by another command: `setpriv` with options, say.
    #[must_use]
    pub fn with_launcher(mut self, command: &[&str]) -> Ours {
        self.spawn.launcher = command.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Runs the program to its end with its own configuration, for at most 15 s: the exit code
    /// (124: it was still running) and what it wrote.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn run_to_end(&self, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        self.write_configuration()?;
        let program = self.program();
        let mut command = vec!["timeout", "15"];
        command.extend(self.spawn.launcher.iter().map(String::as_str));
        command.push(&program);
        command.extend(arguments);
        let output = self.namespace.output(&command)?;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        Ok((output.status.code(), format!("{out}{err}")))
    }

    fn program(&self) -> String {
        match self.role {
            Role::Node => bgpd_binary(),
            Role::Reflector => reflector_binary(),
        }
    }

    /// What its configuration is made of, to be changed before [`Ours::reload`].
    pub fn spec_mut(&mut self) -> &mut Spec {
        &mut self.spec
    }

    /// The path of its configuration file.
    pub fn config_path(&self) -> String {
        self.file("yaml")
    }

    /// The path of the file with the password of the peer that it calls `name`.
    pub fn password_path(&self, name: &str) -> String {
        self.file(&format!("{name}.password"))
    }

    /// The path of its API socket.
    pub fn socket_path(&self) -> String {
        self.file("sock")
    }

    /// Writes its configuration file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_configuration(&self) -> Result<()> {
        for neighbor in &self.spec.neighbors {
            if let Some(password) = &neighbor.password {
                let path = self.password_path(&neighbor.name);
                fs::write(&path, format!("{password}\n"))?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            }
        }
        let text = file::render(
            self.role,
            &self.spec,
            &self.socket_path(),
            &self.extra,
            |neighbor| self.password_path(&neighbor.name),
        );
        fs::write(self.config_path(), text)?;
        Ok(())
    }

    /// Writes its configuration as it is now and sends SIGHUP.
    ///
    /// # Errors
    /// When it is not running.
    pub fn reload(&mut self) -> Result<()> {
        self.write_configuration()?;
        let process = self
            .process
            .as_ref()
            .ok_or_else(|| LabError::new("not running"))?;
        process.signal(Signal::SIGHUP)
    }

    /// Runs `bgpctl` against it and returns what it prints.
    ///
    /// # Errors
    /// When it exits non-zero: with what it says.
    pub fn ctl(&self, arguments: &[&str]) -> Result<String> {
        let (program, socket) = (bgpctl_binary(), self.socket_path());
        let mut command = vec![program.as_str(), "--socket", &socket];
        command.extend(arguments);
        self.namespace.run(&command)
    }

    /// Runs `bgpctl -o json` against it and returns the answer.
    ///
    /// # Errors
    /// When it exits non-zero or does not print JSON.
    pub fn ctl_json(&self, arguments: &[&str]) -> Result<Value> {
        let mut with_output = vec!["-o", "json"];
        with_output.extend(arguments);
        Ok(serde_json::from_str(&self.ctl(&with_output)?)?)
    }

    /// The 4-tuple of the session with `peer`.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn four_tuple(&self, peer: IpAddr) -> Result<String> {
        answer::four_tuple(&self.ctl_json(&["peer", "get", &peer.to_string()])?)
    }

    /// The answer to `peer get`, its wrapping removed.
    ///
    /// # Errors
    /// When the daemon does not know the peer.
    pub fn peer(&self, peer: IpAddr) -> Result<Value> {
        answer::peer(self.ctl_json(&["peer", "get", &peer.to_string()])?)
    }

    fn file(&self, ending: &str) -> String {
        let path = self
            .namespace
            .dir()
            .join(format!("{}.{ending}", self.namespace.name()));
        path.to_string_lossy().into_owned()
    }

    fn add(&self, one: &Announcement) -> Result<()> {
        let (prefix, med) = (one.prefix.to_string(), one.med.map(|med| med.to_string()));
        let communities: Vec<String> = one
            .communities
            .iter()
            .map(|(high, low)| format!("{high}:{low}"))
            .collect();
        let mut command = vec!["route", "announce", &prefix];
        if let Some(med) = &med {
            command.extend(["--med", med]);
        }
        for community in &communities {
            command.extend(["--community", community]);
        }
        self.ctl(&command).map(drop)
    }
}

impl Daemon for Ours {
    fn kind(&self) -> Kind {
        match self.role {
            Role::Node => Kind::Node,
            Role::Reflector => Kind::Reflector,
        }
    }

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn start(&mut self) -> Result<()> {
        self.write_configuration()?;
        let title = match self.role {
            Role::Node => "bgpd",
            Role::Reflector => "reflector",
        };
        let program = self.program();
        let config = self.config_path();
        let command = [program.as_str(), "--config", &config];
        let mut process = self.namespace.start(title, &command, &self.spawn)?;
        wait_for(
            Duration::from_secs(15),
            &format!("{title} to answer"),
            || {
                if !process.is_running() {
                    return Ok(Err(LabError::new(format!(
                        "it ended: {}",
                        process.output()
                    ))));
                }
                self.ctl(&["status"]).map(Ok)
            },
        )??;
        self.process = Some(process);
        self.own.iter().try_for_each(|one| self.add(one))
    }

    fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        match process.terminate(Duration::from_secs(10))? {
            Some(0) => Ok(()),
            code => Err(LabError::new(format!(
                "exit code {code:?} on SIGTERM: {}",
                process.output()
            ))),
        }
    }

    fn session(&self, peer: IpAddr) -> Result<SessionState> {
        answer::session(&self.peer(peer)?)
    }

    fn paths(&self, peer: IpAddr) -> Result<Vec<(IpNet, Path)>> {
        answer::routes(&self.ctl_json(&["route", "list", "--in", &peer.to_string()])?)
    }

    fn keeps_routes(&self, peer: IpAddr) -> Result<bool> {
        Ok(!self.peer(peer)?["state"]["kept_until"].is_null())
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
        self.ctl(&["route", "withdraw", &prefix.to_string()])
            .map(drop)
    }

    fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }
}
