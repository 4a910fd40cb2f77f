//! Listening sockets: bound before anything runs, so that a port in use is an error at start.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use config::Listen;
use speaker::Admission;
use tokio::net::{TcpListener, TcpStream};

use crate::core::Core;
use crate::sockets::{self, Refusal};
use crate::{RuntimeError, connection};

/// Pause after the system has run out of descriptors; connections wait in the backlog meanwhile.
const OUT_OF_FILES_PAUSE: Duration = Duration::from_millis(500);
/// The least time between two lines about it.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Refused connections whose farewell runs at the same time; beyond it they are closed at once.
const REFUSALS: usize = 64;

/// Bound sockets, not yet accepting.
#[derive(Debug, Default)]
pub struct Listeners {
    sockets: Vec<std::net::TcpListener>,
}

impl Listeners {
    /// Binds every address; none if listening is off.
    ///
    /// # Errors
    /// [`RuntimeError::Listen`] for the first address that cannot be bound.
    pub fn bind(listen: Option<&Listen>) -> Result<Self, RuntimeError> {
        let mut sockets = Vec::new();
        for (ip, port) in listen
            .into_iter()
            .flat_map(|listen| listen.addresses.iter().map(|ip| (*ip, listen.port)))
        {
            let address = SocketAddr::new(ip, port);
            match sockets::listen(address) {
                Ok(socket) => sockets.push(socket),
                // A host without IPv6 still serves the rest.
                Err(error)
                    if address.ip().is_unspecified() && address.is_ipv6() && no_ipv6(&error) => {}
                Err(source) => {
                    return Err(RuntimeError::Listen {
                        address,
                        remedy: remedy(&source),
                        source,
                    });
                }
            }
        }
        Ok(Listeners { sockets })
    }

    pub(crate) fn spawn(self, core: &Rc<Core>) -> io::Result<()> {
        for socket in self.sockets {
            let listener = Rc::new(TcpListener::from_std(socket)?);
            core.bindings.listens(&listener);
            core.spawn(accept_all(Rc::clone(core), listener));
        }
        Ok(())
    }
}

/// EAFNOSUPPORT: the kernel has no IPv6.
fn no_ipv6(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::EAFNOSUPPORT as i32)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there: stop it, or set `listen.port`, or `listen: off` to only connect out"
        }
        io::ErrorKind::AddrNotAvailable => {
            "no interface has this address: correct `listen.addresses`"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: run as root, add the capability, or set `listen.port`"
        }
        _ => "correct `listen` in the configuration",
    }
}

async fn accept_all(core: Rc<Core>, listener: Rc<TcpListener>) {
    let refusals = Rc::new(std::cell::Cell::new(0));
    let mut told: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => admit(&core, stream, remote, &refusals),
            Err(error) if out_of_files(&error) => {
                if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                    told = Some(Instant::now());
                    tracing::error!(
                        "cannot accept connections: {error}; raise the limit of open files (ulimit -n, LimitNOFILE=)"
                    );
                }
                tokio::time::sleep(OUT_OF_FILES_PAUSE).await;
            }
            // The connection was gone before we took it; the next is not concerned.
            Err(error) => tracing::debug!("accept: {error}"),
        }
    }
}

fn out_of_files(error: &io::Error) -> bool {
    use nix::errno::Errno;
    [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM]
        .iter()
        .any(|no| error.raw_os_error() == Some(*no as i32))
}

fn admit(
    core: &Rc<Core>,
    stream: TcpStream,
    remote: SocketAddr,
    refusals: &Rc<std::cell::Cell<usize>>,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Before the session hears of it, which with graceful restart takes a new connection in place of the one that is up.
    let guard = core.speaker.borrow().guard(remote.ip());
    let password = core.bindings.password_of(remote.ip());
    if let Err(refusal) = sockets::guard(&stream, remote, &guard, password.as_ref()) {
        // Without a word: whoever it is, it is not the peer as far as we can see.
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        match refusal {
            Refusal::Unfit(unfit) => {
                core.with(|speaker, now| speaker.on_unfit(now, remote.ip(), unfit));
            }
            Refusal::System(error) => {
                tracing::warn!("closed a connection of {remote} that cannot be guarded: {error}");
            }
        }
        return;
    }
    match core.with(|speaker, now| speaker.on_accepted(now, local, remote)) {
        Admission::Accepted { conn, ttl } => {
            if let Err(error) = sockets::prepare(&stream, remote, ttl) {
                tracing::debug!("socket options of {remote}: {error}");
            }
            let handle = core.register(conn);
            core.spawn(connection::run(Rc::clone(core), conn, stream, handle));
        }
        Admission::Refused(message) if refusals.get() < REFUSALS => {
            let refusals = Rc::clone(refusals);
            refusals.set(refusals.get() + 1);
            tokio::task::spawn_local(async move {
                connection::refuse(stream, message).await;
                refusals.set(refusals.get() - 1);
            });
        }
        Admission::Refused(_) => {}
    }
}
