//! The speaker in its cell, and what the tasks around it share. A task borrows the speaker for a
//! moment and never across an `.await`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use fib::KernelPort;
use speaker::{ConnId, Effect, Event, Severity, Speaker};
use tokio::sync::Notify;

use crate::bindings::Bindings;
use crate::outlet::Outlet;

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
    /// Tells connections that wait for room in the table that there is some again.
    pub(crate) roomy: Notify,
    /// There was no room when somebody last looked.
    is_full: Cell<bool>,
    pub(crate) bindings: Bindings,
    pub(crate) open: Cell<usize>,
    /// Connections that only say their last words.
    pub(crate) leaving: Cell<usize>,
    /// Tells that a task panicked.
    pub(crate) broken: Notify,
}

/// Held by every task: sounds when the task panics.
struct Alarm(Rc<Core>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.notify_one();
        }
    }
}

/// A connection as its task and the pump both know it.
#[derive(Default)]
pub(crate) struct Handle {
    /// The way out, once the connection is open.
    pub(crate) outlet: OnceCell<Outlet>,
    /// There is something to send that the pump did not, or to close.
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
            roomy: Notify::new(),
            is_full: Cell::new(false),
            bindings: Bindings::default(),
            open: Cell::new(0),
            leaving: Cell::new(0),
            broken: Notify::new(),
        }
    }

    /// Runs a task beside the others. One that panics may leave the speaker half changed, so that
    /// nothing may go on with it: [`Core::broken`] is told.
    pub(crate) fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let alarm = Alarm(Rc::clone(self));
        tokio::task::spawn_local(async move {
            let _alarm = alarm;
            task.await;
        });
    }

    pub(crate) fn connect_kernel(&self, port: Box<dyn KernelPort>) {
        self.port.replace(Some(port));
    }

    /// Has the pump look for work.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// True while nothing should be read. Who waits for the end of it is told by [`Core::roomy`].
    pub(crate) fn is_full(&self) -> bool {
        let full = self.speaker.borrow().is_full();
        if self.is_full.replace(full) && !full {
            self.roomy.notify_waiters();
        }
        full
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

    /// The connection of this name, if it is open or being opened.
    pub(crate) fn handle(&self, conn: ConnId) -> Option<Rc<Handle>> {
        self.handles.borrow().get(&conn).cloned()
    }

    /// All connections that are open or being opened.
    pub(crate) fn handles(&self) -> Vec<Rc<Handle>> {
        self.handles.borrow().values().cloned().collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn core() -> Rc<Core> {
        let config = config::parse("as: 64512", "test.yaml", config::Role::Reflector, &|_| None)
            .expect("a valid configuration");
        let identity = speaker::Identity::of(&config, None);
        Rc::new(Core::new(Speaker::new(Instant::now(), config, identity, 1)))
    }

    #[test]
    fn a_task_that_panics_is_noticed() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let core = core();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            core.spawn(async { panic!("on purpose") });
            let told = core.broken.notified();
            let noticed = tokio::time::timeout(Duration::from_secs(5), told).await;
            assert!(noticed.is_ok());
        });
    }
}
