//! One network namespace, held by an idle process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;

use nix::sched::{CloneFlags, setns};

use super::process::{Process, Spawn};
use crate::{LabError, Result};

/// What every namespace of a lab starts with: forwarding as on a node, no reverse-path filter,
/// the same congestion control everywhere, and no waiting for duplicate address detection. A
/// setting that this kernel does not have is left alone.
const SETTINGS: &[(&str, &str)] = &[
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/conf/all/send_redirects", "0"),
    ("net/ipv4/conf/default/send_redirects", "0"),
    ("net/ipv4/tcp_congestion_control", "cubic"),
    ("net/ipv4/fib_multipath_hash_policy", "1"),
    ("net/ipv6/fib_multipath_hash_policy", "1"),
    ("net/ipv6/conf/all/forwarding", "1"),
    ("net/ipv6/conf/default/forwarding", "1"),
    ("net/ipv6/conf/all/accept_ra", "0"),
    ("net/ipv6/conf/default/accept_ra", "0"),
    ("net/ipv6/conf/all/accept_dad", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv6/conf/all/disable_ipv6", "0"),
    ("net/ipv6/conf/default/disable_ipv6", "0"),
];

/// A network namespace with `lo` up. It goes when every clone of this value and the processes
/// started in it are gone.
#[derive(Debug, Clone)]
pub struct Namespace(Arc<Held>);

#[derive(Debug)]
struct Held {
    name: String,
    dir: PathBuf,
    anchor: Child,
}

impl Namespace {
    pub(super) fn new(dir: &Path, name: &str) -> Result<Namespace> {
        let mut settings = String::new();
        for (key, value) in SETTINGS {
            settings.push_str(&format!("set_one {key} {value}\n"));
        }
        let script = format!(
            "set_one() {{ [ ! -e /proc/sys/$1 ] || echo $2 2>/dev/null > /proc/sys/$1 || true; }}\n\
             ip link set lo up || exit 1\n{settings}echo ready\nexec sleep infinity\n"
        );
        let mut anchor = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--net",
                "sh",
                "-c",
                &script,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let stdout = anchor
            .stdout
            .take()
            .ok_or_else(|| LabError::new("no pipe"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let held = Held {
            name: name.to_owned(),
            dir: dir.to_owned(),
            anchor,
        };
        let namespace = Namespace(Arc::new(held));
        if line.trim() == "ready" {
            Ok(namespace)
        } else {
            Err(LabError::new(format!("namespace {name} could not be made")))
        }
    }

    /// Its name within the lab.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The directory of the lab it belongs to.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// The process that holds it: `nsenter --net=/proc/ID/ns/net` enters it.
    pub fn anchor(&self) -> u32 {
        self.0.anchor.id()
    }

    /// The command prefix that runs something in it by hand.
    pub fn enter_command(&self) -> String {
        format!("nsenter -t {} -n", self.anchor())
    }

    /// Runs a command in it and returns what it printed.
    ///
    /// # Errors
    /// When it exits non-zero: with what it wrote to stderr.
    pub fn run(&self, command: &[&str]) -> Result<String> {
        let output = self.output(command)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        Err(LabError::new(format!(
            "{}: {} exited with {:?}: {}{}",
            self.name(),
            command.join(" "),
            output.status.code(),
            err.trim(),
            out.trim()
        )))
    }

    /// Runs a command in it and returns status and both outputs, whatever the status is.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn output(&self, command: &[&str]) -> Result<Output> {
        let output = Command::new("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.anchor()))
            .args(command)
            .stdin(Stdio::null())
            .output()?;
        Ok(output)
    }

    /// Runs the lines of a shell script in it; the first failing line ends it.
    ///
    /// # Errors
    /// When a line fails.
    pub fn script(&self, text: &str) -> Result<String> {
        self.run(&["sh", "-ec", text])
    }

    /// Runs lines for `ip -batch` in it, many times faster than one process a line.
    ///
    /// # Errors
    /// When a line fails.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        let mut child = Command::new("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.anchor()))
            .args(["ip", "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(lines.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(LabError::new(format!(
            "{}: ip -batch: {}",
            self.name(),
            said.trim()
        )))
    }

    /// Starts a process in it, with its output in `LAB/NAME-TITLE.log`.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(&self, title: &str, command: &[&str], spawn: &Spawn) -> Result<Process> {
        let log = self.0.dir.join(format!("{}-{title}.log", self.name()));
        Process::start(self.anchor(), command, &log, spawn)
    }

    /// Calls `body` on a thread inside the namespace. Sockets opened there stay there, whichever
    /// thread uses them afterwards.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or what `body` returns.
    pub fn within<T: Send>(&self, body: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let file = File::open(format!("/proc/{}/ns/net", self.anchor()))?;
        thread::scope(|scope| {
            let inside = scope.spawn(move || {
                setns(file, CloneFlags::CLONE_NEWNET)?;
                body()
            });
            inside
                .join()
                .unwrap_or_else(|_| Err(LabError::new("the closure panicked")))
        })
    }

    /// Whether `ping` from here (from `source`) reaches `target` within a second.
    pub fn pings(&self, source: IpAddr, target: IpAddr) -> bool {
        let (source, target) = (source.to_string(), target.to_string());
        self.output(&[
            "ping", "-n", "-q", "-c", "1", "-W", "1", "-I", &source, &target,
        ])
        .is_ok_and(|output| output.status.success())
    }

    /// Writes a setting below `/proc/sys`.
    ///
    /// # Errors
    /// When this kernel refuses it.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let (key, value) = (format!("/proc/sys/{key}"), value.to_owned());
        self.within(move || Ok(fs::write(key, value)?))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.anchor.kill();
        let _ = self.anchor.wait();
    }
}
