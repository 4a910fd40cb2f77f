//! The speaker in its cell, and what the tasks around it share. A task borrows the speaker for a
//! moment and never across an `.await`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use fib::KernelPort;
use speaker::{ConnId, Effect, Event, Severity, Speaker};
use tokio::sync::Notify;

/// Octets read from a socket at once; one buffer for all connections.
const SCRATCH: usize = 64 * 1024;

/// What the tasks share.
pub(crate) struct Core {
    pub(crate) speaker: RefCell<Speaker>,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    port: RefCell<Option<Box<dyn KernelPort>>>,
    handles: RefCell<HashMap<ConnId, Rc<Handle>>>,
    pub(crate) wake: Notify,
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

    /// Lets the speaker do what is due, and passes its plan to the kernel. What it wants done is in
    /// the effects; true with them while there is more to do at once.
    pub(crate) fn step(&self) -> (Vec<Effect>, bool) {
        let mut speaker = self.speaker.borrow_mut();
        let now = Instant::now();
        let more = speaker.run(now);
        if let Some(port) = self.port.borrow_mut().as_mut() {
            speaker.drive_kernel(now, port.as_mut());
        }
        while let Some(event) = speaker.poll_event() {
            tell(&event);
        }
        (std::iter::from_fn(|| speaker.poll_effect()).collect(), more)
    }

    /// Tells the task of a connection that it has something to send.
    pub(crate) fn notify(&self, conn: ConnId) {
        if let Some(handle) = self.handles.borrow().get(&conn) {
            handle.notify.notify_one();
        }
    }

    /// Tells the task of a connection to end it, after these messages.
    pub(crate) fn close(&self, conn: ConnId, last: Vec<Bytes>) {
        if let Some(handle) = self.handles.borrow_mut().remove(&conn) {
            *handle.closing.borrow_mut() = Some(last);
            handle.notify.notify_one();
        }
    }
}

fn tell(event: &Event) {
    match event.severity() {
        Severity::Info => tracing::info!("{event}"),
        Severity::Warning => tracing::warn!("{event}"),
    }
}
