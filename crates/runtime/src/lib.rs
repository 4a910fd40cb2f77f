//! Sockets, tasks, clocks and signals around the speaker.
//!
//! One thread owns the speaker: every task here runs on the same current-thread runtime and
//! borrows it for a moment, so that no lock and no channel stands on the way of a route. A task
//! never holds the speaker across an `.await`. What other threads want of it comes as closures
//! ([`speaker::Ask`]) and kernel events over bounded channels.

mod bindings;
mod connection;
mod core;
mod files;
mod limits;
mod listener;
mod logging;
mod memory;
mod outlet;
mod pump;
mod remember;
mod secret;
mod sockets;
mod stop;

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use config::Config;
use fib::{KernelEvent, KernelPort};
use speaker::{Ask, Identity, Speaker};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

pub use crate::files::{LoadError, check_config, load_config};
pub use crate::limits::raise_file_limit;
pub use crate::listener::Listeners;
pub use crate::logging::init as init_logging;
pub use crate::memory::GiveBack;

/// Reads the configuration again.
pub type Reload = Box<dyn FnMut() -> Result<Config, LoadError>>;

/// Lines about settings of the host that would break the data path.
pub type HostWarnings = Box<dyn FnMut(&[&str]) -> Vec<String>>;

/// Everything the runtime drives, besides the speaker itself.
pub struct Parts {
    /// Bound listening sockets.
    pub listeners: Listeners,
    /// The kernel's side, where there is one.
    pub kernel: Option<KernelParts>,
    /// Questions from other threads.
    pub asks: mpsc::Receiver<Ask>,
    /// What SIGHUP runs.
    pub reload: Reload,
    /// Whether our kernel routes are removed when the process is told to stop.
    pub remove_routes_on_stop: bool,
    /// Where the clients of dynamic ranges are remembered that were up, for the next run to wait for.
    pub clients_file: Option<PathBuf>,
    /// How to make the allocator return freed memory, where it does not do so by itself.
    pub give_back: Option<GiveBack>,
}

/// The port to the kernel and what it reports.
pub struct KernelParts {
    /// Where plans go.
    pub port: Box<dyn KernelPort>,
    /// Where reports come from; bounded by the sender.
    pub events: mpsc::Receiver<KernelEvent>,
    /// Looks at the host's settings that would break the data path, given the interfaces of the
    /// node's addresses.
    pub host_warnings: HostWarnings,
}

/// Why the runtime could not start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A listening socket could not be made.
    #[error("cannot listen on {address}: {source}; {remedy}")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The event loop or a signal handler could not be made.
    #[error("cannot start the event loop: {0}; check the limits of open files and memory")]
    Start(#[from] io::Error),
    /// Code of the daemon panicked; what it held is not to be trusted any more.
    #[error(
        "the daemon ended because of a fault of its own, told above; kernel routes are kept: start it again and report it"
    )]
    Broken,
}

/// Runs a speaker with this configuration until SIGTERM or SIGINT. `node_address` serves as router
/// id where none is configured.
///
/// # Errors
/// [`RuntimeError::Start`] if the event loop or the signal handlers cannot be made, and
/// [`RuntimeError::Broken`] after a panic.
pub fn run(
    config: Config,
    node_address: Option<Ipv4Addr>,
    parts: Parts,
) -> Result<(), RuntimeError> {
    let identity = Identity::of(&named(&config), node_address);
    let speaker = Speaker::new(Instant::now(), config, identity, seed());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, drive(speaker, parts))
}

/// The configuration under the name of the host, where it gives none: a router id that is made
/// from the name must not be the same on two hosts.
fn named(config: &Config) -> Config {
    let host = || nix::unistd::gethostname().ok()?.into_string().ok();
    let mut named = config.clone();
    named.name = named.name.or_else(host);
    named
}

/// Different in every process: timer jitter and hash tables must not be predictable.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(SystemTime::now())
}

/// The first line of the log: who we are.
fn greet(speaker: &Speaker) {
    let (identity, config) = (speaker.identity(), speaker.config());
    tracing::info!(
        "started: version {}, AS {}, router id {}, {} peers, {} blocks",
        env!("CARGO_PKG_VERSION"),
        identity.local_as,
        identity.router_id,
        config.peers.len(),
        config.blocks.len()
    );
}

async fn drive(mut speaker: Speaker, parts: Parts) -> Result<(), RuntimeError> {
    let Parts {
        listeners,
        kernel,
        asks,
        mut reload,
        remove_routes_on_stop,
        clients_file,
        give_back,
    } = parts;
    let mut signals = stop::Signals::new()?;
    greet(&speaker);
    let remembered = clients_file.map(remember::Remembered::new);
    if let Some(remembered) = &remembered {
        speaker.await_clients(remembered.read());
    }
    let remembered = remembered.map(|file| Rc::new(RefCell::new(file)));
    let core = Rc::new(core::Core::new(speaker));
    listeners.spawn(&core)?;
    core.spawn(bindings::keep(Rc::clone(&core)));
    core.spawn(pump::answer(Rc::clone(&core), asks));
    if let Some(KernelParts {
        port,
        events,
        host_warnings,
    }) = kernel
    {
        core.connect_kernel(port);
        core.spawn(pump::hear_kernel(Rc::clone(&core), events));
        core.spawn(pump::look_at_host(Rc::clone(&core), host_warnings));
    }
    if let Some(remembered) = &remembered {
        core.spawn(remember::keep(Rc::clone(&core), Rc::clone(remembered)));
    }
    core.spawn(pump::begin(Rc::clone(&core)));
    core.spawn(pump::pump(Rc::clone(&core), memory::Memory::new(give_back)));
    let told = async {
        signals.serve(&core, &mut reload).await;
        signals.drain(&core).await
    };
    let is_for_good = tokio::select! {
        is_for_good = told => is_for_good,
        () = core.broken.notified() => return Err(RuntimeError::Broken),
    };
    if let Some(remembered) = &remembered {
        remembered.borrow_mut().write_last(&core);
    }
    stop::stop(&core, is_for_good || remove_routes_on_stop).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_id_without_a_name_is_that_of_the_host() {
        let parse = |name: &str| {
            let text = format!("as: 64512\n{name}");
            config::parse(&text, "test.yaml", config::Role::Reflector, &|_| None)
                .expect("a valid configuration")
        };
        let nameless = named(&parse(""));
        let host = nix::unistd::gethostname().unwrap();
        assert_eq!(nameless.name.as_deref(), host.to_str());
        let id = Identity::of(&nameless, None).router_id;
        assert_ne!(id, Identity::of(&parse(""), None).router_id);
        assert_eq!(named(&parse("name: here")).name.as_deref(), Some("here"));
    }
}
