//! The handle on the two threads.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fib::{Busy, KernelCommand, KernelEvent, KernelPort, MAIN_TABLE, Owner, RouteOp};

use crate::event::OnEvent;
use crate::message;
use crate::monitor::{self, Monitor};
use crate::netlink::Answer;
use crate::socket::RouteSocket;
use crate::writer;

/// Commands waiting for the writer; `fib` has at most four unanswered.
const QUEUE: usize = 8;
const BUFFER: usize = 4 << 20;
/// How long the end of a thread is waited for.
const GOODBYE: Duration = Duration::from_secs(2);

/// What the kernel's side needs to know.
#[derive(Debug, Clone, Default)]
pub struct KernelConfig {
    /// The marks of our routes, of this run and of former ones: their tables are watched and read.
    /// The main table is always, for next hops.
    pub owners: Vec<Owner>,
}

/// Why the kernel's side cannot work.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The process may not change routes.
    #[error(
        "CAP_NET_ADMIN is missing: run as root or add the capability \
         (systemd: AmbientCapabilities=CAP_NET_ADMIN; Kubernetes: securityContext.capabilities.add: [NET_ADMIN])"
    )]
    NotPermitted,
    /// A netlink socket or a thread cannot be had.
    #[error("cannot talk to the kernel by netlink: {0}")]
    Io(#[from] io::Error),
}

/// The way to the kernel: a writer thread and a monitor thread in the network namespace of the
/// thread that started them. They end when this is dropped.
#[derive(Debug)]
pub struct Kernel {
    commands: Option<SyncSender<Vec<RouteOp>>>,
    wake: Option<UnixStream>,
    threads: Vec<Thread>,
}

#[derive(Debug)]
struct Thread {
    handle: JoinHandle<()>,
    /// Closed when the thread is about to end.
    running: Receiver<()>,
}

impl Kernel {
    /// Opens the sockets, checks that routes may be written, and starts the threads. From now on
    /// changes are heard; read the rest with [`KernelCommand::Dump`].
    ///
    /// `on_event` runs on those threads. While it blocks, the monitor's socket fills up, which ends
    /// in [`KernelEvent::Overrun`], not in memory.
    ///
    /// # Errors
    /// [`KernelError`], in words for an operator.
    pub fn start(
        config: &KernelConfig,
        on_event: impl Fn(KernelEvent) + Send + Sync + 'static,
    ) -> Result<Kernel, KernelError> {
        let on_event: Arc<OnEvent> = Arc::new(on_event);
        let mut socket = RouteSocket::open(BUFFER)?;
        check_permission(&mut socket)?;
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let monitor = Monitor::new(
            monitor::open(socket.port_id())?,
            woken,
            tables(&config.owners),
            socket.port_id(),
            Arc::clone(&on_event),
        );
        let (commands, queue) = mpsc::sync_channel(QUEUE);
        let threads = vec![
            spawn("kernel-monitor", move || monitor.run())?,
            spawn("kernel-writer", move || {
                writer::run(socket, &queue, &on_event)
            })?,
        ];
        Ok(Kernel {
            commands: Some(commands),
            wake: Some(wake),
            threads,
        })
    }
}

impl KernelPort for Kernel {
    fn send(&mut self, command: KernelCommand) -> Result<(), Busy> {
        match command {
            KernelCommand::Apply(ops) => {
                let Some(commands) = &self.commands else {
                    return Err(Busy(KernelCommand::Apply(ops)));
                };
                commands.try_send(ops).map_err(|error| match error {
                    TrySendError::Full(ops) | TrySendError::Disconnected(ops) => {
                        Busy(KernelCommand::Apply(ops))
                    }
                })
            }
            KernelCommand::Dump => match self.wake.as_mut().map(|wake| wake.write(&[1])) {
                Some(Ok(_)) => Ok(()),
                // So many requests wait already that one more changes nothing.
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Some(Err(_)) | None => Err(Busy(KernelCommand::Dump)),
            },
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.commands = None;
        self.wake = None;
        for Thread { handle, running } in self.threads.drain(..) {
            // A thread that hangs in `on_event` is left behind rather than waited for.
            if matches!(
                running.recv_timeout(GOODBYE),
                Err(RecvTimeoutError::Disconnected)
            ) {
                drop(handle.join());
            }
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    let (alive, running) = mpsc::channel();
    let handle = thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            body();
            drop(alive);
        })?;
    Ok(Thread { handle, running })
}

/// The tables of these owners, and the main one.
pub(crate) fn tables(owners: &[Owner]) -> Vec<u32> {
    let mut tables: Vec<u32> = owners
        .iter()
        .map(|owner| owner.table)
        .chain([MAIN_TABLE])
        .collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

/// Asks for the deletion of nothing: the kernel checks the right to it before it looks what is
/// asked, and then does not know the family.
pub(crate) fn check_permission(socket: &mut RouteSocket) -> Result<(), KernelError> {
    let sequence = socket.next_sequence();
    let mut octets = Vec::new();
    message::push_deletion_of_nothing(&mut octets, sequence);
    socket.send(&octets)?;
    let deadline = std::time::Instant::now() + GOODBYE;
    let mut answer = None;
    while answer.is_none() && socket.wait(deadline)? {
        socket.receive(|message| {
            if let Answer::Code(code, _) = message.answer() {
                answer = Some(code);
            }
        })?;
    }
    if answer == Some(nix::libc::EPERM) {
        Err(KernelError::NotPermitted)
    } else {
        Ok(())
    }
}
