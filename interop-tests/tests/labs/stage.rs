//! What every lab begins with: daemons on one network, started together.

use std::net::IpAddr;

use interop_tests::daemon::{
    Daemon, Kind, ROUTE_LIMIT, SESSION_LIMIT, SessionState, Spec, wait_session,
};
use interop_tests::lab::{Lab, Lan, Namespace};
use interop_tests::{LabError, Result, wait_for};
use ipnet::IpNet;

/// Puts a daemon of each kind on `lan`, in namespaces `n1`, `n2` and so on, not yet started.
pub(crate) fn place(
    lab: &Lab,
    lan: &Lan,
    players: Vec<(Kind, Spec)>,
) -> Result<Vec<Box<dyn Daemon>>> {
    let place_one = |(index, (kind, mut spec)): (usize, (Kind, Spec))| {
        // As it is installed: a node has a kernel.
        spec.kernel |= kind == Kind::Node;
        let namespace = on_lan(lab, lan, &format!("n{}", index + 1), &spec)?;
        Ok(kind.daemon(&namespace, spec))
    };
    players.into_iter().enumerate().map(place_one).collect()
}

/// A namespace on `lan` with the addresses of `spec`.
pub(crate) fn on_lan(lab: &Lab, lan: &Lan, name: &str, spec: &Spec) -> Result<Namespace> {
    let namespace = lab.namespace(name)?;
    let [v4, v6] = spec.addresses();
    lan.attach(&namespace, "eth0", &[&v4, &v6])?;
    Ok(namespace)
}

/// Starts all and waits until every session that their configurations name is up on both sides.
pub(crate) fn start_all(daemons: &mut [Box<dyn Daemon>]) -> Result<()> {
    daemons.iter_mut().try_for_each(|daemon| daemon.start())?;
    daemons.iter().try_for_each(|daemon| all_up(&**daemon))
}

/// Waits until all sessions of `daemon` are up.
pub(crate) fn all_up(daemon: &dyn Daemon) -> Result<()> {
    let peers: Vec<IpAddr> = daemon
        .spec()
        .neighbors
        .iter()
        .map(|one| one.address)
        .collect();
    peers
        .into_iter()
        .try_for_each(|peer| wait_session(daemon, peer))
}

/// Waits until no session of `daemon` is up.
pub(crate) fn all_down(daemon: &dyn Daemon) -> Result<()> {
    let peers = daemon.spec().neighbors.iter().map(|one| one.address);
    peers.into_iter().try_for_each(|peer| {
        let what = format!("the session with {peer} is down");
        wait_for(SESSION_LIMIT, &what, || match daemon.session(peer)? {
            SessionState::Established => Err(LabError::new("it is up")),
            SessionState::Not(_) => Ok(()),
        })
    })
}

/// Waits until the kernel beside `daemon` sends traffic for `prefix` to `gateway`.
pub(crate) fn kernel_route(daemon: &dyn Daemon, prefix: IpNet, gateway: IpAddr) -> Result<()> {
    let namespace = daemon.namespace();
    let what = format!(
        "{prefix} via {gateway} in the kernel of {}",
        namespace.name()
    );
    // These prefer the link-local next hop of RFC 2545, where their peer sent one.
    let link_local = matches!(daemon.kind(), Kind::Frr | Kind::Bird) && gateway.is_ipv6();
    let wanted = format!("via {gateway} ");
    wait_for(ROUTE_LIMIT, &what, || {
        let routes = kernel_routes(namespace, prefix)?;
        if routes.contains(&wanted) || (link_local && routes.contains("via fe80::")) {
            Ok(())
        } else {
            Err(LabError::new(routes))
        }
    })
}

/// Waits until the kernel of `namespace` has no route for exactly `prefix` that leads anywhere.
pub(crate) fn no_kernel_route(namespace: &Namespace, prefix: IpNet) -> Result<()> {
    let what = format!("{prefix} to go from the kernel of {}", namespace.name());
    wait_for(ROUTE_LIMIT, &what, || {
        let routes = kernel_routes(namespace, prefix)?;
        if routes.contains("via ") {
            Err(LabError::new(routes))
        } else {
            Ok(())
        }
    })
}

/// What `ip route` shows for exactly `prefix`.
pub(crate) fn kernel_routes(namespace: &Namespace, prefix: IpNet) -> Result<String> {
    let family = if prefix.addr().is_ipv4() { "-4" } else { "-6" };
    namespace.run(&["ip", family, "route", "show", "exact", &prefix.to_string()])
}

/// How many processes have the lab's directory on their command line.
pub(crate) fn processes_of(dir: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("/proc is there");
    entries
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(dir))
        .count()
}
