//! The pump: after any input it lets ready sockets go first, then has the speaker do what is due,
//! carries out effects and sleeps until the next deadline. Beside it, the small tasks that bring
//! the speaker what comes from elsewhere.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use fib::KernelEvent;
use speaker::{Ask, Effect};
use tokio::sync::mpsc;

use crate::core::Core;
use crate::memory::Memory;
use crate::{HostWarnings, connection};

/// The host's settings are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Sessions begin without the kernel's first dump after this long.
const DUMP_WITHIN: Duration = Duration::from_secs(5);

/// Octets that one round writes by itself. What goes beyond is left to the tasks of the connections, so that others have
/// their turn.
const WRITTEN: usize = 1024 * 1024;
/// What a write costs besides its octets, in octets: as much time as so many take.
const WRITE: usize = 1024;

/// One round; true while there is more to do at once.
fn step(core: &Rc<Core>, taken: &mut Vec<Bytes>) -> bool {
    let (effects, more) = core.step();
    let mut written = 0;
    for effect in effects {
        match effect {
            Effect::Dial(dial) => {
                let handle = core.register(dial.conn);
                core.spawn(connection::dial(Rc::clone(core), dial, handle));
            }
            Effect::Bind => core.bindings.look(),
            Effect::Writable(conn) => {
                let Some(handle) = core.handle(conn) else {
                    continue;
                };
                let outlet = handle.outlet.get().filter(|_| written < WRITTEN);
                let sent = outlet.map(|outlet| outlet.send(core, conn, taken));
                let (octets, is_all) = sent.unwrap_or((0, false));
                written += octets + WRITE;
                if !is_all {
                    handle.notify.notify_one();
                }
            }
            Effect::Close { conn, last } => core.close(conn, last),
        }
    }
    core.stepped.notify_waiters();
    core.is_full();
    more
}

/// Runs the speaker for as long as the process lives.
pub(crate) async fn pump(core: Rc<Core>, mut memory: Memory) {
    let mut taken = Vec::new();
    loop {
        if step(&core, &mut taken) {
            tokio::task::yield_now().await;
            continue;
        }
        let deadline = {
            let speaker = core.speaker.borrow();
            memory.note(speaker.rib().memory());
            speaker.next_deadline()
        };
        match deadline {
            Some(at) => {
                tokio::select! {
                    () = core.wake.notified() => {}
                    () = tokio::time::sleep_until(at.into()) => {}
                }
            }
            None => core.wake.notified().await,
        }
    }
}

/// Waits for the kernel's first dump.
async fn kernel_read(core: &Core) {
    while !core.speaker.borrow().kernel_ready() {
        core.stepped.notified().await;
    }
}

/// Lets sessions begin once the node's own addresses are known.
pub(crate) async fn begin(core: Rc<Core>) {
    if tokio::time::timeout(DUMP_WITHIN, kernel_read(&core))
        .await
        .is_err()
    {
        tracing::warn!(
            "the kernel gave no list of its routes within 5 s; sessions begin without it"
        );
    }
    core.with(|speaker, now| speaker.start(now));
}

/// Looks at the host's settings now and then; what would break the data path is shown by `status`.
pub(crate) async fn look_at_host(core: Rc<Core>, mut host_warnings: HostWarnings) {
    kernel_read(&core).await;
    loop {
        let names: Vec<Box<str>> = {
            let speaker = core.speaker.borrow();
            speaker
                .kernel()
                .into_iter()
                .flat_map(|fib| fib.links())
                .map(|link| link.name.clone())
                .collect()
        };
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        let warnings = host_warnings(&names);
        core.with(|speaker, _| speaker.set_host_warnings(warnings));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Answers questions from other threads.
pub(crate) async fn answer(core: Rc<Core>, mut asks: mpsc::Receiver<Ask>) {
    while let Some(ask) = asks.recv().await {
        core.with(|speaker, now| ask(speaker, now));
    }
}

/// Takes what the kernel reports.
pub(crate) async fn hear_kernel(core: Rc<Core>, mut events: mpsc::Receiver<KernelEvent>) {
    while let Some(event) = events.recv().await {
        core.with(|speaker, now| speaker.on_kernel(now, event));
    }
    tracing::error!("the threads that keep the kernel's routes ended");
    core.broken.notify_one();
}
