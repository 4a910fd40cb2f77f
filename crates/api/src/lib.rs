//! The gRPC API: services as adapters over the [`speaker::Speaker`].
//!
//! Owns the Unix socket, the thread and the runtime that serve it, and the way from the
//! speaker's types to those of `proto` and back. It never decides anything about BGP and keeps no
//! state of its own: each request becomes one or more closures that run on the speaker's thread
//! ([`speaker::Ask`]), each of bounded work. Lists and watches are pulled page by page, and a page
//! is asked for only when the client has taken the one before: a slow client costs the speaker
//! nothing.
//!
//! The socket is 0600 from the moment it has a name: whoever may open it may do everything.

mod ask;
mod clock;
mod fault;
mod kernel;
mod node;
mod page;
mod peer;
mod route;
mod server;
mod socket;
mod status;
mod watch;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use speaker::Ask;
use tokio::sync::{mpsc, oneshot};

use crate::socket::Socket;

/// What the API is served with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    /// Path of the Unix socket.
    pub socket: PathBuf,
}

impl ApiConfig {
    /// The API on this socket.
    pub fn new(socket: impl Into<PathBuf>) -> ApiConfig {
        ApiConfig {
            socket: socket.into(),
        }
    }
}

/// Why the API cannot be served.
#[derive(Debug)]
pub enum ApiError {
    /// Another process answers on the socket.
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is not a socket has the path.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be made.
    Bind {
        /// The socket.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The thread or its runtime cannot be started.
    Start(io::Error),
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApiError::InUse { path } => write!(
                f,
                "cannot serve the API on {}: another process answers there; stop it, or set \
                 api.socket to another path",
                path.display()
            ),
            ApiError::NotASocket { path } => write!(
                f,
                "cannot serve the API on {}: it exists and is not a socket; remove it, or set \
                 api.socket to another path",
                path.display()
            ),
            ApiError::Bind { path, error } => write!(
                f,
                "cannot serve the API on {}: {error}; {}",
                path.display(),
                bind_remedy(path, error.kind())
            ),
            ApiError::Start(error) => write!(
                f,
                "cannot start the thread of the API: {error}; see the limits on processes and memory"
            ),
        }
    }
}

fn bind_remedy(path: &Path, error: io::ErrorKind) -> String {
    let folder = path.parent().unwrap_or(Path::new("/")).display();
    match error {
        io::ErrorKind::NotFound => format!("make the folder {folder}, or set api.socket"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!(
                "let this user write to {folder}, or set api.socket to a path that it may write"
            )
        }
        io::ErrorKind::InvalidInput => {
            "a socket's path has at most 107 octets: set api.socket".into()
        }
        io::ErrorKind::StorageFull => format!("make room on the file system of {folder}"),
        _ => "set api.socket to another path".into(),
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ApiError::Bind { error, .. } | ApiError::Start(error) => Some(error),
            ApiError::InUse { .. } | ApiError::NotASocket { .. } => None,
        }
    }
}

/// The running API. Dropping it ends every connection and removes the socket.
#[derive(Debug)]
pub struct ApiHandle {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    socket: Socket,
}

impl ApiHandle {
    /// The socket's path.
    pub fn path(&self) -> &Path {
        self.socket.path()
    }
}

impl Drop for ApiHandle {
    fn drop(&mut self) {
        // The thread waits for this sender: dropped, it ends.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has told itself already.
            let _ = thread.join();
        }
        self.socket.remove();
    }
}

/// Serves the API on a thread of its own. When this returns, clients can connect; what they ask
/// waits in `asks` until the speaker's thread takes it.
///
/// # Errors
/// The socket cannot be bound or the thread cannot be started; see [`ApiError`].
pub fn serve(config: ApiConfig, asks: mpsc::Sender<Ask>) -> Result<ApiHandle, ApiError> {
    let (socket, listener) = Socket::bind(&config.socket)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ApiError::Start)?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("api".into())
        .spawn(move || runtime.block_on(server::run(listener, asks, stopped)))
        .map_err(ApiError::Start)?;
    Ok(ApiHandle {
        stop: Some(stop),
        thread: Some(thread),
        socket,
    })
}

#[cfg(test)]
mod tests;
