//! A node, its Pod, its top-of-rack switch and a host behind that.

use interop_tests::daemon::{Daemon, Kind, ROUTE_LIMIT, Spec, can_run, wait_route};
use interop_tests::lab::{Lab, Namespace};
use interop_tests::{LabError, Result, wait_for};
use ipnet::IpNet;

use crate::stage;

const POD_BLOCKS: [&str; 2] = ["10.1.1.0/26", "fd00:1:1::/122"];
const HOST_NETS: [&str; 2] = ["10.99.0.0/24", "fd00:99::/64"];
const POD: [&str; 2] = ["10.1.1.5", "fd00:1:1::5"];
const HOST: [&str; 2] = ["10.99.0.2", "fd00:99::2"];

/// The switch learns the node's Pod blocks, the node learns the host's network, both kernels have
/// the routes, and Pod and host reach each other over both families. A withdrawn network leaves
/// the kernel.
fn carries_traffic(node: Kind, switch: Kind) -> Result<()> {
    if !can_run(&[node, switch]) {
        return Ok(());
    }
    let lab = Lab::new("tor")?;
    let lan = lab.lan("lan")?;
    let mut node_spec = Spec::new(65001, 1).with_kernel();
    let mut switch_spec = Spec::new(65100, 2).with_kernel();
    node_spec.blocks = POD_BLOCKS.iter().map(|block| net(block)).collect();
    switch_spec.blocks = HOST_NETS.iter().map(|block| net(block)).collect();
    let (to_node, to_switch) = (node_spec.as_neighbor(), switch_spec.as_neighbor());
    let players = vec![
        (node, node_spec.with(to_switch)),
        (switch, switch_spec.with(to_node)),
    ];
    let mut daemons = stage::place(&lab, &lan, players)?;
    let pod = lab.namespace("pod")?;
    let host = lab.namespace("host")?;
    attach_pod(daemons[0].namespace(), &pod)?;
    attach_host(daemons[1].namespace(), &host)?;
    stage::start_all(&mut daemons)?;
    let [node, switch] = daemons.as_mut_slice() else {
        unreachable!("two were placed")
    };
    learned(&**node, &**switch)?;
    learned(&**switch, &**node)?;
    if switch.kind() != Kind::Gobgp {
        for (pod_address, host_address) in POD.iter().zip(HOST) {
            let what = format!("{pod_address} to reach {host_address}");
            reaches(&what, &pod, pod_address, host_address)?;
            reaches(&what, &host, host_address, pod_address)?;
        }
    }
    for prefix in HOST_NETS.map(net) {
        switch.withdraw(prefix)?;
        stage::no_kernel_route(node.namespace(), prefix)?;
    }
    Ok(())
}

fn learned(daemon: &dyn Daemon, from: &dyn Daemon) -> Result<()> {
    for prefix in &from.spec().blocks {
        let path = wait_route(daemon, from.spec().v4.into(), *prefix)?;
        let gateway = from.spec().own_address(prefix.addr());
        assert_eq!(
            (path.next_hop, &*path.as_path),
            (gateway, &[from.spec().asn][..]),
            "{prefix}: {path:?}"
        );
        if daemon.kind() != Kind::Gobgp {
            stage::kernel_route(daemon, *prefix, gateway)?;
        }
    }
    Ok(())
}

fn reaches(what: &str, from: &Namespace, source: &str, target: &str) -> Result<()> {
    let (source, target) = (address(source), address(target));
    wait_for(ROUTE_LIMIT, what, || {
        from.pings(source, target)
            .then_some(())
            .ok_or_else(|| LabError::new("no answer"))
    })
}

/// As Calico lays a Pod: a host route to its veth, and a gateway of no meaning on the other side.
fn attach_pod(node: &Namespace, pod: &Namespace) -> Result<()> {
    let [v4, v6] = POD;
    node.connect(
        ("cali1", &[]),
        pod,
        ("eth0", &[&format!("{v4}/32"), &format!("{v6}/128")]),
    )?;
    node.script(&format!(
        "ip addr add 169.254.1.1/32 dev cali1 scope link\n\
         ip addr add fe80::1/64 dev cali1 nodad\n\
         ip route add {v4}/32 dev cali1\nip route add {v6}/128 dev cali1"
    ))?;
    pod.script(
        "ip route add 169.254.1.1 dev eth0\nip route add default via 169.254.1.1 dev eth0\n\
         ip -6 route add default via fe80::1 dev eth0",
    )?;
    Ok(())
}

fn attach_host(switch: &Namespace, host: &Namespace) -> Result<()> {
    let [v4, v6] = HOST;
    let addresses = [format!("{v4}/24"), format!("{v6}/64")];
    let gateway = ["10.99.0.1/24", "fd00:99::1/64"];
    switch.connect(
        ("host", &gateway),
        host,
        ("eth0", &[&addresses[0], &addresses[1]]),
    )?;
    host.script("ip route add default via 10.99.0.1\nip -6 route add default via fd00:99::1")
        .map(drop)
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

fn address(text: &str) -> std::net::IpAddr {
    text.parse().expect("an address")
}

#[test]
fn node_behind_bird() -> Result<()> {
    carries_traffic(Kind::Node, Kind::Bird)
}

#[test]
fn node_behind_frr() -> Result<()> {
    carries_traffic(Kind::Node, Kind::Frr)
}

#[test]
fn node_behind_gobgp() -> Result<()> {
    carries_traffic(Kind::Node, Kind::Gobgp)
}

mod makers {
    use super::*;

    #[test]
    fn bird_behind_frr() -> Result<()> {
        carries_traffic(Kind::Bird, Kind::Frr)
    }

    #[test]
    fn bird_behind_bird() -> Result<()> {
        carries_traffic(Kind::Bird, Kind::Bird)
    }

    #[test]
    fn bird_behind_gobgp() -> Result<()> {
        carries_traffic(Kind::Bird, Kind::Gobgp)
    }
}
