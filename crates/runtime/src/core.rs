//! The speaker in its cell, and the pump that runs it: after any input it lets ready sockets go
//! first, then does what is due, hands out effects and sleeps until the next deadline.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fib::{KernelEvent, KernelPort};
use speaker::{Ask, ConnId, Effect, Event, Severity, Speaker};
use tokio::sync::{Notify, mpsc};

use crate::{HostWarnings, connection};

/// Octets read from a socket at once; one buffer for all connections.
const SCRATCH: usize = 64 * 1024;
/// The host's settings are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Sessions begin without the kernel's first dump after this long.
const DUMP_WITHIN: Duration = Duration::from_secs(5);

/// What the tasks share.
pub(crate) struct Core {
    pub(crate) speaker: RefCell<Speaker>,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    port: RefCell<Option<Box<dyn KernelPort>>>,
    handles: RefCell<HashMap<ConnId, Rc<Handle>>>,
    wake: Notify,
    /// Tells those who wait for a state, not an event, to look again.
    pub(crate) stepped: Notify,
    pub(crate) open: Cell<usize>,
}

/// The pump's end of a connection task.
#[derive(Default)]
pub(crate) struct Handle {
    /// There is something to send, or to close.
    pub(crate) notify: Notify,
    /// Set once the connection is to end: the last messages to send.
    pub(crate) closing: RefCell<Option<Vec<Bytes>>>,
}

impl Core {
    pub(crate) fn new(speaker: Speaker) -> Self {
        Core {
            speaker: RefCell::new(speaker),
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            port: RefCell::new(None),
            handles: RefCell::default(),
            wake: Notify::new(),
            stepped: Notify::new(),
            open: Cell::new(0),
        }
    }

    pub(crate) fn connect_kernel(&self, port: Box<dyn KernelPort>) {
        self.port.replace(Some(port));
    }

    /// Has the pump look for work.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Runs `act` on the speaker and has the pump look at the consequences.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut Speaker, Instant) -> R) -> R {
        let result = act(&mut self.speaker.borrow_mut(), Instant::now());
        self.wake.notify_one();
        result
    }

    pub(crate) fn register(&self, conn: ConnId) -> Rc<Handle> {
        Rc::clone(self.handles.borrow_mut().entry(conn).or_default())
    }

    pub(crate) fn forget(&self, conn: ConnId) {
        self.handles.borrow_mut().remove(&conn);
    }

    /// One round; true while there is more to do at once.
    fn step(self: &Rc<Self>) -> bool {
        let mut speaker = self.speaker.borrow_mut();
        let now = Instant::now();
        let more = speaker.run(now);
        if let Some(port) = self.port.borrow_mut().as_mut() {
            speaker.drive_kernel(now, port.as_mut());
        }
        while let Some(event) = speaker.poll_event() {
            tell(&event);
        }
        let effects: Vec<Effect> = std::iter::from_fn(|| speaker.poll_effect()).collect();
        drop(speaker);
        for effect in effects {
            self.carry_out(effect);
        }
        self.stepped.notify_waiters();
        more
    }

    fn carry_out(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Dial(dial) => {
                let handle = self.register(dial.conn);
                tokio::task::spawn_local(connection::dial(Rc::clone(self), dial, handle));
            }
            Effect::Writable(conn) => {
                if let Some(handle) = self.handles.borrow().get(&conn) {
                    handle.notify.notify_one();
                }
            }
            Effect::Close { conn, last } => {
                if let Some(handle) = self.handles.borrow_mut().remove(&conn) {
                    *handle.closing.borrow_mut() = Some(last);
                    handle.notify.notify_one();
                }
            }
        }
    }
}

fn tell(event: &Event) {
    match event.severity() {
        Severity::Info => tracing::info!("{event}"),
        Severity::Warning => tracing::warn!("{event}"),
    }
}

/// Runs the speaker for as long as the process lives.
pub(crate) async fn pump(core: Rc<Core>) {
    loop {
        if core.step() {
            tokio::task::yield_now().await;
            continue;
        }
        let deadline = core.speaker.borrow().next_deadline();
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
    tracing::error!("the kernel side ended; routes are no longer kept: restart the daemon");
}
