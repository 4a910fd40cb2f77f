//! Signals, reload and the end.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use config::Farewell;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Reload;
use crate::core::Core;

/// How long sessions may take to say goodbye, and the kernel to take our routes away.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What peers are told as the reason, where an operator gave none before.
const STOPPING: &str = "the speaker is stopping";

pub(crate) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Reloads on SIGHUP; returns on SIGTERM and SIGINT.
    pub(crate) async fn serve(&mut self, core: &Rc<Core>, reload: &mut Reload) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => reload_now(core, reload),
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
            }
        }
    }

    /// Where the configuration wants it, has peers prefer others before we end, and waits until they had time for that. A
    /// second SIGTERM or SIGINT ends the wait. True if we do not come back.
    pub(crate) async fn drain(&mut self, core: &Rc<Core>) -> bool {
        let Farewell::Drain(time) = core.speaker.borrow().config().farewell else {
            return false;
        };
        let since = core.with(|speaker, now| {
            if speaker.drained().is_none() {
                speaker.drain(now, STOPPING);
            }
            speaker.drained().map_or(now, |drain| drain.since)
        });
        let left = time.saturating_sub(since.elapsed());
        tracing::info!(
            "leaving in {} s: peers are told to prefer others",
            left.as_secs()
        );
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            _ = self.terminate.recv() => tracing::info!("told again to stop: leaving now"),
            _ = self.interrupt.recv() => tracing::info!("told again to stop: leaving now"),
        }
        true
    }
}

fn reload_now(core: &Core, reload: &mut Reload) {
    match reload() {
        Ok(config) => {
            let outcome = core.with(|speaker, now| speaker.reload(now, config));
            core.bindings.read_again();
            for change in &outcome.needs_restart {
                tracing::warn!("{change}");
            }
            let waiting = outcome.needs_restart.iter();
            let waiting = waiting.map(|change| format!("waits for a restart: {change}"));
            core.with(|speaker, _| speaker.set_config_warnings(waiting.collect()));
        }
        Err(error) => {
            for line in error.to_string().lines() {
                tracing::error!("{line}");
            }
            tracing::error!("not reloaded: nothing changed");
            let refused = error.to_string();
            let refused = refused
                .lines()
                .map(|line| format!("was refused at the last reload: {line}"));
            core.with(|speaker, _| speaker.set_config_warnings(refused.collect()));
        }
    }
}

/// Ends the sessions and, if wanted, takes our routes out of the kernel.
pub(crate) async fn stop(core: &Rc<Core>, remove_routes: bool) {
    match (core.speaker.borrow().kernel().is_some(), remove_routes) {
        (false, _) => tracing::info!("stopping"),
        (true, false) => tracing::info!("stopping; kernel routes are kept"),
        (true, true) => tracing::info!("stopping; kernel routes are removed"),
    }
    core.with(|speaker, now| {
        speaker.stop(now, remove_routes);
    });
    let quiet = || {
        core.open.get() == 0
            && (!remove_routes || core.speaker.borrow().kernel().is_none_or(fib::Fib::idle))
    };
    let done = async {
        while !quiet() {
            core.stepped.notified().await;
        }
    };
    if tokio::time::timeout(STOP_WITHIN, done).await.is_err() {
        tracing::warn!(
            "stopped without waiting longer for {} connections to close",
            core.open.get()
        );
    }
}
