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

use crate::connection;

/// Octets read from a socket at once; one buffer for all connections.
const SCRATCH: usize = 64 * 1024;
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
    pub(crate) fn new(speaker: Speaker, port: Option<Box<dyn KernelPort>>) -> Self {
        Core {
            speaker: RefCell::new(speaker),
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            port: RefCell::new(port),
            handles: RefCell::default(),
            wake: Notify::new(),
            stepped: Notify::new(),
            open: Cell::new(0),
        }
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

/// Lets sessions begin once the node's own addresses are known.
pub(crate) async fn begin(core: Rc<Core>) {
    let ready = async {
        while !core.speaker.borrow().kernel_ready() {
            core.stepped.notified().await;
        }
    };
    if tokio::time::timeout(DUMP_WITHIN, ready).await.is_err() {
        tracing::warn!(
            "the kernel gave no list of its routes within 5 s; sessions begin without it"
        );
    }
    core.with(|speaker, now| speaker.start(now));
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
