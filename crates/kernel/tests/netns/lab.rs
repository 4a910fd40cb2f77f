//! A network namespace of one thread, with `fib` and `kernel` at work in it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use fib::{
    Busy, Counts, FailReason, Fib, FibConfig, FibInput, KernelCommand, KernelEvent, KernelPort,
    Owner, RouteOp, RouteState, Target,
};
use kernel::{Kernel, KernelConfig};
use nix::sched::{CloneFlags, unshare};
use wire::{NextHop, Prefix};

/// How long anything may take; far above what it takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs `body` in a network namespace of its own with two links, eth1 and eth2, both dual stack.
/// Without the right to make one it says so and passes.
pub(crate) fn in_netns(body: impl FnOnce() + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: making a network namespace needs root");
        return;
    }
    let inside = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        batch(
            "link set lo up
             link add eth1 type veth peer name far1
             link add eth2 type veth peer name far2
             link set eth1 up
             link set eth2 up
             link set far1 up
             link set far2 up
             addr add 10.0.0.1/24 dev eth1
             addr add 10.2.0.1/24 dev eth2
             addr add fd00::1/64 dev eth1 nodad
             addr add fd02::1/64 dev eth2 nodad",
        );
        body();
    });
    if let Err(panic) = inside.join() {
        std::panic::resume_unwind(panic);
    }
}

/// `ip ARGUMENTS`, in this thread's namespace.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .expect("ip");
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Many commands in one `ip -batch`.
pub(crate) fn batch(lines: &str) {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("ip");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "ip -batch failed");
}

/// The routes of a prefix as `ip` shows them.
pub(crate) fn shown(prefix: &str) -> String {
    let family = if prefix.contains(':') { "-6" } else { "-4" };
    // Preference and linkdown marks are of no interest here.
    ip(&format!("{family} route show {prefix}"))
        .replace(" pref medium", "")
        .replace(" linkdown", "")
}

pub(crate) fn via(gateways: &[&str]) -> Option<Target> {
    let hops = gateways.iter().map(|text| match text.parse().unwrap() {
        std::net::IpAddr::V4(v4) => NextHop::V4(v4),
        std::net::IpAddr::V6(global) => NextHop::V6 {
            global,
            link_local: None,
        },
    });
    Some(Target::Unicast(hops.collect()))
}

pub(crate) fn installed(n: usize) -> Counts {
    Counts {
        desired: n,
        installed: n,
        ..Counts::default()
    }
}

/// Counts what is written.
struct Counting {
    kernel: Kernel,
    written: Vec<RouteOp>,
}

impl KernelPort for Counting {
    fn send(&mut self, command: KernelCommand) -> Result<(), Busy> {
        if let KernelCommand::Apply(ops) = &command {
            self.written.extend(ops.iter().cloned());
        }
        self.kernel.send(command)
    }
}

/// A daemon's kernel side, without the daemon.
pub(crate) struct Node {
    pub(crate) fib: Fib,
    port: Counting,
    events: Receiver<KernelEvent>,
    /// Everything heard but answers and dumps.
    pub(crate) heard: Vec<KernelEvent>,
}

impl Node {
    pub(crate) fn start() -> Self {
        let (sender, events) = mpsc::channel();
        let config = KernelConfig {
            owners: vec![Owner::default()],
        };
        let kernel = Kernel::start(&config, move |event| drop(sender.send(event)))
            .expect("the kernel's side");
        Node {
            fib: Fib::new(FibConfig::default()),
            port: Counting {
                kernel,
                written: Vec::new(),
            },
            events,
            heard: Vec::new(),
        }
    }

    pub(crate) fn set(&mut self, prefix: &str, target: Option<Target>) {
        self.handle(FibInput::Set(prefix.parse().unwrap(), target));
    }

    pub(crate) fn handle(&mut self, input: FibInput) {
        self.fib.handle(Instant::now(), input);
    }

    pub(crate) fn written(&mut self) -> Vec<RouteOp> {
        std::mem::take(&mut self.port.written)
    }

    /// How many operations were sent since [`Node::written`] was asked.
    pub(crate) fn writes(&self) -> usize {
        self.port.written.len()
    }

    /// Works until `done`, event by event.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Node) -> bool) {
        let end = Instant::now() + DEADLINE;
        loop {
            let now = Instant::now();
            self.fib.drive(now, &mut self.port);
            if done(self) {
                return;
            }
            assert!(now < end, "never: {what}; {}", self.describe());
            let due = self.fib.next_deadline().unwrap_or(end).min(end);
            match self.events.recv_timeout(due.saturating_duration_since(now)) {
                Ok(event) => self.hear(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("the threads ended"),
            }
        }
    }

    fn hear(&mut self, event: KernelEvent) {
        match &event {
            KernelEvent::Dump(_) | KernelEvent::Results(_) => {}
            other => self.heard.push(other.clone()),
        }
        self.handle(FibInput::Event(event));
    }

    pub(crate) fn until_installed(&mut self, n: usize) {
        self.until(&format!("{n} routes installed"), |node| {
            node.fib.counts().installed == n && node.fib.idle()
        });
    }

    pub(crate) fn until_shown(&mut self, prefix: &str, want: &str) {
        self.until(&format!("{prefix} shown as `{want}`"), |_| {
            shown(prefix) == want
        });
    }

    pub(crate) fn until_failed(&mut self, prefix: &str) -> FailReason {
        let reason = |node: &Node| node.failure(&prefix.parse().unwrap());
        self.until(&format!("{prefix} failed"), |node| reason(node).is_some());
        reason(self).unwrap()
    }

    pub(crate) fn failure(&self, prefix: &Prefix) -> Option<FailReason> {
        match self.fib.route(prefix)?.state {
            RouteState::Failed { reason, .. } => Some(reason),
            RouteState::Pending | RouteState::Installed | RouteState::Stale => None,
        }
    }

    fn describe(&self) -> String {
        let mut text = format!("{:?}, fault {:?}", self.fib.counts(), self.fib.fault());
        for row in self.fib.routes(None, 10) {
            write!(text, "\n{row:?}").unwrap();
        }
        write!(text, "\n{}\n{}", ip("-4 route show"), ip("-6 route show")).unwrap();
        text
    }
}
