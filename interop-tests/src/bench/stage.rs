//! What every case does: a namespace with all addresses, a daemon in it, and a clock on both sides.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::Figures;
use super::net::Net;
use super::subject::{Layout, Maker, Meter, SERVER, Subject, settings};
use super::workload::Workload;
use crate::Result;
use crate::lab::{Lab, Namespace};

static LIMIT_S: AtomicU64 = AtomicU64::new(300);
const CONNECT_LIMIT: Duration = Duration::from_secs(120);

/// A daemon is quiet when it used less than this in a [`WINDOW`].
const QUIET: Duration = Duration::from_millis(2);
const WINDOW: Duration = Duration::from_millis(100);

/// A namespace with a daemon that waits for the peers of a case.
pub(super) struct Stage {
    subject: Subject,
    namespace: Namespace,
    /// How the daemon was started and configured.
    pub(super) configuration: String,
    _lab: Lab,
}

impl Stage {
    /// Starts the daemon. This thread has to outlive it.
    pub(super) fn set(maker: Maker, layout: &Layout) -> Result<Stage> {
        super::raise_file_limit()?;
        let lab = Lab::new("bench")?;
        let namespace = lab.namespace("bench")?;
        // The whole network is local on `lo`: every peer has an address of its own.
        namespace.ip_batch(&format!(
            "addr add {SERVER}/32 dev lo\naddr add 10.9.0.0/16 dev lo\n\
             addr add fd09::/64 dev lo nodad\n"
        ))?;
        Ok(Stage {
            subject: Subject::start(maker, &namespace, layout)?,
            configuration: settings(maker, &namespace, layout),
            namespace,
            _lab: lab,
        })
    }

    /// What measures the daemon.
    pub(super) fn meter(&self) -> Meter {
        self.subject.meter()
    }

    /// Calls `body` in the namespace, where sockets that it makes stay.
    pub(super) fn within<T: Send>(&self, body: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        self.namespace.within(body)
    }
}

/// What a case may take; beyond it, the result is that it did not end. 300 s.
pub(super) fn limit() -> Duration {
    Duration::from_secs(LIMIT_S.load(Ordering::Relaxed))
}

/// Gives the cases of this process less time: it shall end soon.
pub(super) fn shorten_limit(limit: Duration) {
    LIMIT_S.store(limit.as_secs(), Ordering::Relaxed);
}

/// The deadline for connecting.
pub(super) fn connect_deadline() -> Instant {
    Instant::now() + CONNECT_LIMIT
}

/// Both sides' use of the machine from a moment on.
pub(super) struct Clock {
    meter: Meter,
    started: Instant,
    daemon: Duration,
    tool: Duration,
}

impl Clock {
    /// Starts now.
    pub(super) fn start(meter: Meter) -> Result<Clock> {
        Ok(Clock {
            meter,
            daemon: meter.read()?.cpu,
            tool: own_cpu()?,
            started: Instant::now(),
        })
    }

    /// When a case that begins now must have ended.
    pub(super) fn deadline(&self) -> Instant {
        self.started + limit()
    }

    /// Adds the wall time so far to the figures.
    pub(super) fn wall(&self, figures: &mut Figures, name: &str) {
        figures.insert(name.to_owned(), self.started.elapsed().as_secs_f64());
    }

    /// Adds what both sides used so far, and the daemon's memory. Returns the daemon's CPU.
    pub(super) fn used(&self, figures: &mut Figures, prefix: &str) -> Result<Duration> {
        let now = self.meter.read()?;
        let cpu = now.cpu.saturating_sub(self.daemon);
        let mut add = |name: &str, value: f64| figures.insert(format!("{prefix}{name}"), value);
        add("cpu_s", cpu.as_secs_f64());
        add("tool_cpu_s", (own_cpu()? - self.tool).as_secs_f64());
        add("peak_mb", now.peak_kib as f64 / 1024.0);
        add("rss_mb", now.resident_kib as f64 / 1024.0);
        Ok(cpu)
    }
}

/// Drives the peers until the daemon does nothing more: its table is settled.
pub(super) fn settle<W: Workload>(net: &mut Net<W>, meter: Meter, deadline: Instant) -> Result<()> {
    let mut before = meter.read()?.cpu;
    loop {
        let window = Instant::now() + WINDOW;
        while Instant::now() < window {
            net.turn(Duration::from_millis(10))?;
        }
        let now = meter.read()?.cpu;
        if now - before < QUIET {
            return Ok(());
        }
        before = now;
        net.in_time(deadline)?;
    }
}

/// User and system time of this process, all its threads.
fn own_cpu() -> Result<Duration> {
    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}
