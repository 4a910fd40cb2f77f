//! The daemons under load, each by its best known settings.
//!
//! Owns: what a case asks of a daemon ([`Layout`]), each maker's configuration file from it, and
//! the running processes with what they use. Never does: set anything for our own daemon that its
//! users could not set.

mod bird;
mod frr;
mod gobgp;
mod null;
mod openbgpd;
mod ours;

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::daemon::{FRR_BGPD, GOBGPD, bgpd_binary, reflector_binary};
use crate::lab::{Namespace, Process, ProcessUse, Spawn, usage_of};
use crate::{LabError, Result, wait_for};

/// Our own end of every session.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 1);
/// Where every peer of a case is.
pub(super) const PEERS: &str = "10.9.0.0/16";

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    /// This repository's `reflector`, and `bgpd` where a node is the case.
    Ours,
    /// Frames and forwards octets, without a table: the floor.
    Null,
    /// BIRD 2.
    Bird,
    /// FRR, its `bgpd` alone.
    Frr,
    /// GoBGP.
    Gobgp,
    /// OpenBGPD.
    Openbgpd,
}

/// All makers, ours first.
pub const MAKERS: [Maker; 6] = [
    Maker::Ours,
    Maker::Null,
    Maker::Bird,
    Maker::Frr,
    Maker::Gobgp,
    Maker::Openbgpd,
];

impl Maker {
    /// The name on the command line and in the results.
    pub fn name(self) -> &'static str {
        match self {
            Maker::Ours => "ours",
            Maker::Null => "null",
            Maker::Bird => "bird",
            Maker::Frr => "frr",
            Maker::Gobgp => "gobgp",
            Maker::Openbgpd => "openbgpd",
        }
    }

    /// The maker of this name.
    ///
    /// # Errors
    /// When there is none: which there are.
    pub fn named(name: &str) -> Result<Maker> {
        let known = MAKERS.iter().find(|maker| maker.name() == name);
        known.copied().ok_or_else(|| {
            let names: Vec<&str> = MAKERS.iter().map(|maker| maker.name()).collect();
            LabError::new(format!("{name} is none of {}", names.join(", ")))
        })
    }

    /// Whether it can write kernel routes without another daemon.
    pub(super) fn writes_kernel_routes(self) -> bool {
        matches!(self, Maker::Ours | Maker::Bird)
    }

    /// The programs that must be there to run it.
    pub fn programs(self) -> Vec<String> {
        match self {
            Maker::Ours => vec![reflector_binary(), bgpd_binary()],
            Maker::Null => vec![null::program()],
            Maker::Bird => vec![bird::PROGRAM.into()],
            Maker::Frr => vec![FRR_BGPD.into()],
            Maker::Gobgp => vec![GOBGPD.into()],
            Maker::Openbgpd => vec![openbgpd::PROGRAM.into()],
        }
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a case asks of a daemon.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The daemon's AS.
    pub(super) asn: u32,
    /// Who connects to it.
    pub(super) peers: Peers,
    /// Whether IPv6 is spoken beside IPv4.
    pub(super) dual: bool,
}

/// Who connects to a daemon.
#[derive(Debug, Clone)]
pub(super) enum Peers {
    /// These addresses with these AS numbers. Everything is taken and everything passed on; what
    /// only forwards takes from the first alone, who says all there is to say.
    External(Vec<(Ipv4Addr, u32)>),
    /// Any number of reflector clients from [`PEERS`].
    Clients,
    /// These reflectors: the daemon is a node, and writes kernel routes if it can by itself.
    Reflectors(Vec<Ipv4Addr>),
}

/// A running daemon.
#[derive(Debug)]
pub(super) struct Subject {
    process: Process,
}

impl Subject {
    /// Starts the daemon in `namespace` and waits until it can be connected to.
    ///
    /// # Errors
    /// When it ends by itself, or does not listen within 20 s.
    pub(super) fn start(maker: Maker, namespace: &Namespace, layout: &Layout) -> Result<Subject> {
        let config = config_path(maker, namespace);
        fs::write(&config, render(maker, namespace, layout))?;
        // OpenBGPD refuses a file that others may read.
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600))?;
        let command = command(maker, namespace, layout);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let process = namespace.start(maker.name(), &words, &Spawn::default())?;
        let mut subject = Subject { process };
        wait_for(
            Duration::from_secs(20),
            &format!("{maker} to listen"),
            || {
                if !subject.process.is_running() {
                    let said = subject.process.output();
                    return Ok(Err(LabError::new(format!("{maker} ended: {said}"))));
                }
                listens(namespace).map(Ok)
            },
        )??;
        Ok(subject)
    }

    /// What measures it from any thread.
    pub(super) fn meter(&self) -> Meter {
        Meter(self.process.id())
    }
}

/// How a daemon is started and what its file says, for people.
pub(super) fn settings(maker: Maker, namespace: &Namespace, layout: &Layout) -> String {
    let mut command = command(maker, namespace, layout);
    if let (Maker::Ours | Maker::Null, Some(program)) = (maker, command.first_mut()) {
        // Where it was built says nothing.
        *program = program.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let file = render(maker, namespace, layout);
    format!("$ {}\n{file}", command.join(" "))
}

fn config_path(maker: Maker, namespace: &Namespace) -> PathBuf {
    namespace.dir().join(format!("{maker}.conf"))
}

fn command(maker: Maker, namespace: &Namespace, layout: &Layout) -> Vec<String> {
    let config = config_path(maker, namespace).to_string_lossy().into_owned();
    match maker {
        Maker::Ours => ours::command(layout, &config),
        Maker::Null => null::command(layout),
        Maker::Bird => bird::command(namespace, &config),
        Maker::Frr => frr::command(namespace, &config),
        Maker::Gobgp => gobgp::command(&config),
        Maker::Openbgpd => openbgpd::command(&config),
    }
}

/// The configuration of a daemon for this layout, as its file has it.
fn render(maker: Maker, namespace: &Namespace, layout: &Layout) -> String {
    match maker {
        Maker::Ours => ours::render(namespace, layout),
        Maker::Null => String::new(),
        Maker::Bird => bird::render(layout),
        Maker::Frr => frr::render(layout),
        Maker::Gobgp => gobgp::render(layout),
        Maker::Openbgpd => openbgpd::render(namespace, layout),
    }
}

/// Whether somebody listens on port 179. Nobody connects to find out: a daemon might count that.
fn listens(namespace: &Namespace) -> Result<()> {
    let table = fs::read_to_string(format!("/proc/{}/net/tcp", namespace.anchor()))?;
    let dual = fs::read_to_string(format!("/proc/{}/net/tcp6", namespace.anchor()))?;
    let listening = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let local = words.next().is_some_and(|local| local.ends_with(":00B3"));
        local && words.nth(1) == Some("0A")
    };
    match table.lines().chain(dual.lines()).any(listening) {
        true => Ok(()),
        false => Err(LabError::new("nobody listens on port 179")),
    }
}

/// Measures a daemon: the process that was started and all that it started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meter(u32);

impl Meter {
    /// What it has used so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn read(self) -> Result<ProcessUse> {
        let mut total = usage_of(self.0)?;
        for child in descendants(self.0) {
            // One that has just ended does not count any more.
            if let Ok(used) = usage_of(child) {
                total.cpu += used.cpu;
                total.resident_kib += used.resident_kib;
                total.peak_kib += used.peak_kib;
            }
        }
        Ok(total)
    }
}

fn descendants(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    let children: Vec<u32> = text.split_whitespace().flat_map(str::parse).collect();
    let further: Vec<u32> = children.iter().copied().flat_map(descendants).collect();
    children.into_iter().chain(further).collect()
}
