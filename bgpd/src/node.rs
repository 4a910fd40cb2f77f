//! The node daemon, put together: configuration, kernel, API, runtime.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;
use std::path::Path;

use config::{Config, OnStop, Role};
use kernel::{Kernel, KernelConfig, Owner};
use runtime::{KernelParts, Parts};
use tokio::sync::mpsc;

/// Kernel reports under way; beyond it the monitor waits, and the kernel's buffer is the bound.
const KERNEL_EVENTS: usize = 1024;
/// Questions of API clients under way.
const ASKS: usize = 64;

type Outcome = Result<(), Box<dyn Error>>;

/// Runs until told to stop.
pub(crate) fn run(path: &Path) -> Outcome {
    let config = runtime::load_config(path, Role::Node)?;
    runtime::init_logging(&config.log);
    runtime::raise_file_limit();
    let listeners = runtime::Listeners::bind(config.listen.as_ref())?;
    let (asks, questions) = mpsc::channel(ASKS);
    let api = api::serve(api::ApiConfig::new(&config.api.socket), asks)?;
    let kernel = start_kernel(&config)?;
    let parts = Parts {
        listeners,
        kernel,
        asks: questions,
        reload: Box::new({
            let path = path.to_owned();
            move || runtime::load_config(&path, Role::Node)
        }),
        remove_routes_on_stop: config
            .kernel
            .as_ref()
            .is_some_and(|kernel| kernel.on_stop == OnStop::Remove),
        clients_file: None,
        // The system's allocator does.
        give_back: None,
    };
    let outcome = runtime::run(config.clone(), node_address(&config), parts);
    drop(api);
    Ok(outcome?)
}

fn start_kernel(config: &Config) -> Result<Option<KernelParts>, Box<dyn Error>> {
    let Some(settings) = &config.kernel else {
        return Ok(None);
    };
    let (reports, events) = mpsc::channel(KERNEL_EVENTS);
    let owners = vec![owner(settings)];
    let kernel = Kernel::start(&KernelConfig { owners }, move |event| {
        // Fails only when the runtime is gone, and then nobody wants to know.
        let _ = reports.blocking_send(event);
    })?;
    Ok(Some(KernelParts {
        port: Box::new(kernel),
        events,
        host_warnings: Box::new(|links| {
            let warnings = kernel::sysctl_warnings(kernel::Families::ALL, links);
            warnings.iter().map(ToString::to_string).collect()
        }),
    }))
}

fn owner(settings: &config::Kernel) -> Owner {
    Owner {
        protocol: settings.protocol,
        metric: settings.metric,
        table: settings.table,
        blackhole_metric: settings.blackhole_metric,
    }
}

/// The address this node reaches its first peer from: what a router id falls back to.
fn node_address(config: &Config) -> Option<Ipv4Addr> {
    let first = config.peers.iter().find(|peer| peer.address.is_ipv4())?;
    match kernel::source_address_for(first.address)? {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// Validates a file.
pub(crate) fn check(path: &Path) -> Outcome {
    for warning in runtime::check_config(path, Role::Node)? {
        eprintln!("warning: {warning}");
    }
    eprintln!("{}: valid", path.display());
    Ok(())
}

/// Removes our kernel routes.
pub(crate) fn cleanup(path: &Path) -> Outcome {
    let config = runtime::load_config(path, Role::Node)?;
    let Some(settings) = &config.kernel else {
        eprintln!(
            "{}: kernel routes are off; nothing to remove",
            path.display()
        );
        return Ok(());
    };
    refuse_while_running(&config.api.socket)?;
    let removed = kernel::cleanup(&[owner(settings)])?;
    for (prefix, reason) in &removed.failed {
        eprintln!("{prefix} could not be removed: {reason}");
    }
    eprintln!(
        "removed {} IPv4 and {} IPv6 routes",
        removed.ipv4, removed.ipv6
    );
    if removed.failed.is_empty() {
        return Ok(());
    }
    Err("some routes are left; run `bgpd cleanup` again once the reason is gone".into())
}

/// A daemon that runs would write again what is removed, and traffic would be lost in between.
fn refuse_while_running(socket: &Path) -> Outcome {
    match UnixStream::connect(socket) {
        Ok(_) => Err(format!(
            "bgpd is running here: somebody answers at {}; stop it, then run `bgpd cleanup` again",
            socket.display()
        )
        .into()),
        Err(_) => Ok(()),
    }
}
