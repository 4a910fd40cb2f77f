//! Namespaces, addresses and daemons of the demo.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::daemon::{
    Announcement, Bird, Daemon, Kind, Neighbor, Ours, ROUTE_LIMIT, Role, Spec, wait_session,
};
use crate::lab::{Lab, Lan, Namespace};
use crate::{LabError, Result, wait_for};

const CLUSTER_AS: u32 = 64512;
const SWITCH_AS: u32 = 64600;
const NODES: u8 = 3;
const REFLECTOR: u8 = 10;
const SWITCH: u8 = 20;
const DEFAULTS: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// Who plays what. The demo has our own daemons on the nodes; a test of the network has not.
#[derive(Debug, Clone, Copy)]
pub struct Cast {
    /// Who is on the nodes.
    pub node: Kind,
    /// Who reflects.
    pub reflector: Kind,
    /// Who is the switch.
    pub switch: Kind,
}

/// A Pod, or the host behind the switch: where packets come from and go to.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) name: String,
    /// The number of the node that it is on; `None` for the host.
    pub(super) node: Option<u8>,
    pub(super) namespace: Namespace,
    pub(super) addresses: [IpAddr; 2],
}

/// The whole network, up and running.
pub struct Network {
    pub(super) nodes: Vec<Box<dyn Daemon>>,
    pub(super) reflector: Box<dyn Daemon>,
    pub(super) switch: Box<dyn Daemon>,
    pub(super) endpoints: Vec<Endpoint>,
    // Held, because the cables of the nodes end in its namespace.
    _lan: Lan,
    // Last, so that the daemons are gone before their directory.
    pub(super) lab: Lab,
}

impl Network {
    /// Lays the network and starts everything; nothing is waited for yet.
    ///
    /// # Errors
    /// When a step fails, with its reason.
    pub fn build(lab: Lab, cast: Cast) -> Result<Network> {
        let lan = lab.lan("lan")?;
        let mut endpoints = Vec::new();
        let place = |name: &str, spec: &Spec| {
            let namespace = lab.namespace(name)?;
            let [v4, v6] = spec.addresses();
            lan.attach(&namespace, "eth0", &[&v4, &v6])?;
            Ok::<Namespace, LabError>(namespace)
        };
        let spec = switch_spec();
        let namespace = place("switch", &spec)?;
        endpoints.push(attach_host(&lab, &namespace)?);
        let mut switch = daemon(cast.switch, &namespace, spec);
        // Not a block of its configuration: ours takes no default route for one.
        for default in DEFAULTS {
            switch.announce(&Announcement::new(default))?;
        }
        let spec = reflector_spec();
        let reflector = daemon(cast.reflector, &place("reflector", &spec)?, spec);
        let mut nodes = Vec::new();
        for number in 1..=NODES {
            let spec = node_spec(number);
            let namespace = place(&format!("node{number}"), &spec)?;
            for (letter, host) in [("a", 10), ("b", 11)] {
                endpoints.push(attach_pod(&lab, &namespace, number, letter, host)?);
            }
            nodes.push(daemon(cast.node, &namespace, spec));
        }
        let mut network = Network {
            nodes,
            reflector,
            switch,
            endpoints,
            _lan: lan,
            lab,
        };
        network.daemons_mut().try_for_each(|one| one.start())?;
        Ok(network)
    }

    /// Waits until every session is up and every kernel has every route that it should have.
    ///
    /// # Errors
    /// The first thing that did not come.
    pub fn settle(&self) -> Result<()> {
        for node in &self.nodes {
            for neighbor in &node.spec().neighbors {
                wait_session(&**node, neighbor.address)?;
            }
        }
        for node in &self.nodes {
            let others = self
                .nodes
                .iter()
                .filter(|other| other.spec().v4 != node.spec().v4);
            for block in others.flat_map(|other| &other.spec().blocks) {
                wait_kernel(node.namespace(), *block)?;
            }
            for default in DEFAULTS {
                wait_kernel(node.namespace(), Announcement::new(default).prefix)?;
            }
            for block in &node.spec().blocks {
                wait_kernel(self.switch.namespace(), *block)?;
            }
        }
        Ok(())
    }

    /// Kills the daemon of a node and takes its routes away, as a broken node would be.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn break_node(&mut self, number: u8) -> Result<()> {
        let node = self.nodes.get_mut(usize::from(number.wrapping_sub(1)));
        let node = node.ok_or_else(|| LabError::new(format!("there is no node {number}")))?;
        if let Some(process) = node.process() {
            process.kill();
        }
        // 155 is ours, 12 BIRD's.
        node.namespace()
            .script(
                "for family in -4 -6; do\n\
                 ip $family route flush proto 155; ip $family route flush proto bird\ndone",
            )
            .map(drop)
    }

    fn daemons_mut(&mut self) -> impl Iterator<Item = &mut Box<dyn Daemon>> {
        [&mut self.switch, &mut self.reflector]
            .into_iter()
            .chain(self.nodes.iter_mut())
    }
}

fn daemon(kind: Kind, namespace: &Namespace, spec: Spec) -> Box<dyn Daemon> {
    let upstream = format!(
        "prefix-sets:\n  upstream: [\"{}\"]\n",
        DEFAULTS.join("\", \"")
    );
    match kind {
        Kind::Node => {
            Box::new(Ours::new(Role::Node, namespace, spec).with_configuration(&upstream))
        }
        Kind::Bird => Box::new(Bird::new(namespace, spec)),
        other => other.daemon(namespace, spec),
    }
}

fn to_reflector() -> Neighbor {
    Spec::new(CLUSTER_AS, REFLECTOR)
        .as_neighbor()
        .named("reflector")
        .policy("all", "local")
}

fn to_switch() -> Neighbor {
    Spec::new(SWITCH_AS, SWITCH)
        .as_neighbor()
        .named("switch")
        .policy("[upstream]", "local")
}

fn node_spec(number: u8) -> Spec {
    Spec::new(CLUSTER_AS, number)
        .with_kernel()
        .with_block(&format!("10.244.{number}.0/24"))
        .with_block(&format!("fd00:244:{number}::/64"))
        .with(to_reflector())
        .with(to_switch())
}

fn to_node(number: u8) -> Neighbor {
    node_spec(number)
        .as_neighbor()
        .named(&format!("node{number}"))
        .passive()
}

fn reflector_spec() -> Spec {
    let spec = Spec::new(CLUSTER_AS, REFLECTOR).reflecting();
    let client = |number| to_node(number).client();
    (1..=NODES).fold(spec, |spec, number| spec.with(client(number)))
}

fn switch_spec() -> Spec {
    let spec = Spec::new(SWITCH_AS, SWITCH).with_kernel();
    (1..=NODES).fold(spec, |spec, number| spec.with(to_node(number)))
}

/// As Calico lays a Pod: host routes to its veth, and a gateway that means nothing elsewhere.
fn attach_pod(lab: &Lab, node: &Namespace, number: u8, letter: &str, host: u8) -> Result<Endpoint> {
    let name = format!("pod{number}{letter}");
    let pod = lab.namespace(&name)?;
    let (v4, v6) = (
        format!("10.244.{number}.{host}"),
        format!("fd00:244:{number}::{host}"),
    );
    let cali = format!("cali{letter}");
    node.connect(
        (&cali, &[]),
        &pod,
        ("eth0", &[&format!("{v4}/32"), &format!("{v6}/128")]),
    )?;
    node.ip_batch(&format!(
        "addr add 169.254.1.1/32 dev {cali} scope link\naddr add fe80::1/64 dev {cali} nodad\n\
         route add {v4}/32 dev {cali}\nroute add {v6}/128 dev {cali}\n"
    ))?;
    pod.script(
        "ip route add 169.254.1.1 dev eth0\nip route add default via 169.254.1.1 dev eth0\n\
         ip -6 route add default via fe80::1 dev eth0",
    )?;
    let addresses = [parse(&v4)?, parse(&v6)?];
    Ok(Endpoint {
        name,
        node: Some(number),
        namespace: pod,
        addresses,
    })
}

fn attach_host(lab: &Lab, switch: &Namespace) -> Result<Endpoint> {
    let host = lab.namespace("host")?;
    let near = ["10.99.0.1/24", "fd00:99::1/64"];
    switch.connect(
        ("host0", &near),
        &host,
        ("eth0", &["10.99.0.2/24", "fd00:99::2/64"]),
    )?;
    host.script("ip route add default via 10.99.0.1\nip -6 route add default via fd00:99::1")?;
    let addresses = [parse("10.99.0.2")?, parse("fd00:99::2")?];
    Ok(Endpoint {
        name: "host".into(),
        node: None,
        namespace: host,
        addresses,
    })
}

fn parse(text: &str) -> Result<IpAddr> {
    text.parse()
        .map_err(|_| LabError::new(format!("{text} is not an address")))
}

fn wait_kernel(namespace: &Namespace, block: IpNet) -> Result<()> {
    let family = if block.addr().is_ipv4() { "-4" } else { "-6" };
    let what = format!("a route to {block} in the kernel of {}", namespace.name());
    let prefix = if block.prefix_len() == 0 {
        "default".to_owned()
    } else {
        block.to_string()
    };
    wait_for(ROUTE_LIMIT, &what, || {
        let routes = namespace.run(&["ip", family, "route", "show", &prefix])?;
        if routes.contains("via ") {
            Ok(())
        } else {
            Err(LabError::new(format!("{routes:?}")))
        }
    })
}
