//! `reflector`: a standalone BGP route reflector (RFC 4456). It has no kernel side and needs no
//! privilege but, for port 179, CAP_NET_BIND_SERVICE.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use config::Role;
use runtime::Parts;
use tokio::sync::mpsc;

/// Thousands of tables and logs come and go; this allocator gives their memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Questions of API clients under way.
const ASKS: usize = 64;

/// Standalone BGP route reflector.
#[derive(Parser)]
#[command(name = "reflector", version)]
struct Arguments {
    /// The configuration file.
    #[arg(
        short,
        long,
        env = "REFLECTOR_CONFIG",
        default_value = "/etc/bgpd/reflector.yaml",
        global = true
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Validate a configuration and print every fault in it.
    Check {
        /// The file; `--config` if not given.
        file: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => run(&arguments.config),
        Some(Command::Check { file }) => check(&file.unwrap_or(arguments.config)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Path) -> Result<(), Box<dyn Error>> {
    let config = runtime::load_config(path, Role::Reflector)?;
    runtime::init_logging(&config.log);
    runtime::raise_file_limit();
    let listeners = runtime::Listeners::bind(config.listen.as_ref())?;
    let (asks, questions) = mpsc::channel(ASKS);
    let api = api::serve(api::ApiConfig::new(&config.api.socket), asks)?;
    let reload = {
        let path = path.to_owned();
        move || runtime::load_config(&path, Role::Reflector)
    };
    // Beside the socket, so that two reflectors of one machine have each their own.
    let mut clients_file = config.api.socket.clone().into_os_string();
    clients_file.push(".clients");
    let parts = Parts {
        listeners,
        kernel: None,
        asks: questions,
        reload: Box::new(reload),
        remove_routes_on_stop: false,
        clients_file: Some(clients_file.into()),
        give_back: Some(give_back),
    };
    let outcome = runtime::run(config, None, parts);
    drop(api);
    Ok(outcome?)
}

/// Makes the allocator return what was freed to the system.
#[expect(unsafe_code, reason = "the allocator has no safe face for it")]
fn give_back() {
    // SAFETY: it may be called at any time from any thread; it only touches memory that is free.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

fn check(path: &Path) -> Result<(), Box<dyn Error>> {
    for warning in runtime::check_config(path, Role::Reflector)? {
        eprintln!("warning: {warning}");
    }
    eprintln!("{}: valid", path.display());
    Ok(())
}
