//! A node leaves on purpose, and nobody loses a packet by it (RFC 8326); what is said when a session is shut down
//! (RFC 9003).

use std::net::IpAddr;
use std::time::Duration;

use interop_tests::daemon::{
    Bird, Daemon, Frr, Kind, Ours, ROUTE_LIMIT, Role, Spec, can_run, peer_name, wait_route,
};
use interop_tests::lab::{Lab, Lan, Namespace, Process, Spawn};
use interop_tests::{LabError, Result, wait_for};
use ipnet::IpNet;
use nix::sys::signal::Signal;

use crate::stage;

const BLOCK: &str = "10.9.0.0/24";
const POD: &str = "10.9.0.1";

fn block() -> IpNet {
    BLOCK.parse().expect("a prefix")
}

/// Two nodes that both lead to a Pod, and a router that has to choose.
struct Scene {
    nodes: Vec<Ours>,
    router: Box<dyn Daemon>,
    _pod: Namespace,
    _lan: Lan,
    _lab: Lab,
}

impl Scene {
    /// `router`: in an AS of its own or, with `is_internal`, in that of the nodes.
    fn set(router: Kind, is_internal: bool, lines: &str) -> Result<Scene> {
        let lab = Lab::new("drain")?;
        let lan = lab.lan("lan")?;
        let pod = lab.namespace("pod")?;
        pod.script(&format!("ip addr add {POD}/32 dev lo"))?;
        let asn = if is_internal { 65001 } else { 65009 };
        let mut far = Spec::new(asn, 9).with_kernel();
        let mut nodes = Vec::new();
        for host in [1, 2] {
            let spec = Spec::new(65001, host).with_kernel().with_block(BLOCK);
            let spec = spec.with(far.as_neighbor());
            far.neighbors.push(spec.as_neighbor());
            let namespace = stage::on_lan(&lab, &lan, &format!("node{host}"), &spec)?;
            let (here, there) = (
                format!("192.168.{host}.1/24"),
                format!("192.168.{host}.2/24"),
            );
            let device = format!("node{host}");
            namespace.connect(("pod", &[&here]), &pod, (&device, &[&there]))?;
            namespace.script(&format!("ip route add {BLOCK} via 192.168.{host}.2"))?;
            nodes.push(Ours::new(Role::Node, &namespace, spec).with_configuration(lines));
        }
        // What the Pod answers goes back by the second node, which stays.
        pod.script("ip route add default via 192.168.2.1")?;
        let namespace = stage::on_lan(&lab, &lan, "router", &far)?;
        let mut router = router.daemon(&namespace, far);
        router.start()?;
        nodes.iter_mut().try_for_each(Daemon::start)?;
        let scene = Scene {
            nodes,
            router,
            _pod: pod,
            _lan: lan,
            _lab: lab,
        };
        scene
            .nodes
            .iter()
            .try_for_each(|node| stage::all_up(node))?;
        for node in &scene.nodes {
            wait_route(&*scene.router, node.spec().v4.into(), block())?;
        }
        Ok(scene)
    }

    /// Traffic of the router goes by these nodes, or may do so, and by no other.
    fn goes_by(&self, wanted: &[usize]) -> Result<()> {
        let namespace = self.router.namespace();
        wait_for(ROUTE_LIMIT, &format!("a way by {wanted:?}"), || {
            let routes = stage::kernel_routes(namespace, block())?;
            let by = |node: &Ours| routes.contains(&format!("via {} ", node.spec().v4));
            let found = (0..2).filter(|index| by(&self.nodes[*index]));
            match found.collect::<Vec<_>>() == wanted {
                true => Ok(()),
                false => Err(LabError::new(routes)),
            }
        })
    }

    /// Before anything is drained: both paths are as good.
    fn goes_as_ever(&self) -> Result<()> {
        self.goes_by(&[0, 1])
    }

    /// Nothing comes through this node any more.
    fn cut(&self, node: usize) -> Result<()> {
        let namespace = self.nodes[node].namespace();
        namespace.script("ip link set pod down").map(drop)
    }
}

/// Fifty pings a second from now on.
struct Pings(Process);

impl Pings {
    fn begin(from: &Namespace) -> Result<Pings> {
        let command = ["ping", "-n", "-i", "0.02", "-W", "1", POD];
        let pings = Pings(from.start("ping", &command, &Spawn::default())?);
        pings.reach(5)?;
        Ok(pings)
    }

    /// Waits for the answer to the ping of this number.
    fn reach(&self, number: u32) -> Result<()> {
        let answer = format!("icmp_seq={number} ");
        wait_for(ROUTE_LIMIT, &answer, || {
            let said = self.0.output();
            match said.contains(&answer) {
                true => Ok(()),
                false => Err(LabError::new(said)),
            }
        })
    }

    /// How many were sent and how many were lost.
    fn end(mut self) -> Result<(u32, u32)> {
        self.0.signal(Signal::SIGINT)?;
        self.0.wait_end(Duration::from_secs(5))?;
        let said = self.0.output();
        let counts = said.lines().find_map(|line| {
            let (sent, rest) = line.split_once(" packets transmitted, ")?;
            let (received, _) = rest.split_once(" received")?;
            Some((sent.parse().ok()?, received.parse().ok()?))
        });
        let (sent, received): (u32, u32) = counts.ok_or_else(|| LabError::new(said))?;
        Ok((sent, sent - received))
    }
}

/// How a node leaves.
#[derive(Clone, Copy, PartialEq)]
enum Leave {
    /// Its operator drains it, and stops it when traffic has gone.
    Command,
    /// It is told to stop, and does the rest by itself.
    Stop,
}

fn nobody_loses_a_packet(router: Kind, is_internal: bool, leave: Leave) -> Result<()> {
    if !can_run(&[Kind::Node, router]) {
        return Ok(());
    }
    let lines = match leave {
        Leave::Command => "",
        Leave::Stop => "on-stop: drain\ndrain-time: 3\n",
    };
    let mut scene = Scene::set(router, is_internal, lines)?;
    scene.goes_as_ever()?;
    let pings = Pings::begin(scene.router.namespace())?;
    match leave {
        Leave::Command => {
            scene.nodes[0].ctl(&["drain", "--reason", "new kernel"])?;
            scene.goes_by(&[1])?;
            scene.cut(0)?;
            let status = scene.nodes[0].ctl_json(&["status"])?;
            assert_eq!(status["drain"]["reason"], "new kernel");
            let path = wait_route(&*scene.router, scene.nodes[0].spec().v4.into(), block())?;
            assert!(path.communities.contains(&(65535, 0)), "{path:?}");
            if is_internal {
                assert_eq!(path.local_pref, Some(0));
            }
            scene.nodes[0].stop()?;
        }
        Leave::Stop => {
            scene.nodes[0].stop()?;
            scene.cut(0)?;
            scene.goes_by(&[1])?;
            let left = scene.nodes[0]
                .namespace()
                .run(&["ip", "route", "show", "proto", "155"])?;
            assert_eq!(left, "", "its own routes went with it");
        }
    }
    // The last ones leave well after all of it.
    let so_far = pings.0.output().lines().count();
    pings.reach(u32::try_from(so_far).expect("few lines") + 20)?;
    let (sent, lost) = pings.end()?;
    assert_eq!(lost, 0, "of {sent} pings");
    Ok(())
}

#[test]
fn frr_turns_to_another_path_while_a_node_is_drained() -> Result<()> {
    nobody_loses_a_packet(Kind::Frr, true, Leave::Command)
}

#[test]
fn a_node_turns_to_another_path_while_one_of_another_as_is_drained() -> Result<()> {
    nobody_loses_a_packet(Kind::Node, false, Leave::Command)
}

#[test]
fn bird_turns_to_another_path_while_a_node_stops() -> Result<()> {
    nobody_loses_a_packet(Kind::Bird, true, Leave::Stop)
}

#[test]
fn a_node_that_stays_after_all_is_taken_again() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let scene = Scene::set(Kind::Bird, true, "")?;
    scene.goes_as_ever()?;
    let peer = scene.router.spec().v4.to_string();
    // One session alone is drained, too.
    scene.nodes[0].ctl(&["drain", &peer])?;
    scene.goes_by(&[1])?;
    scene.nodes[0].ctl(&["drain", &peer, "--off"])?;
    scene.goes_as_ever()?;
    let path = wait_route(&*scene.router, scene.nodes[0].spec().v4.into(), block())?;
    assert!(path.communities.is_empty(), "{path:?}");
    Ok(())
}

/// A node and a daemon of another maker, with a session.
fn pair(other: Kind) -> Result<(Lab, Lan, Ours, Namespace, Spec)> {
    let lab = Lab::new("shutdown")?;
    let lan = lab.lan("lan")?;
    let (ours, theirs) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let theirs = theirs.with(ours.as_neighbor());
    let ours = ours.with(theirs.as_neighbor());
    let place = |name: &str, spec: &Spec| stage::on_lan(&lab, &lan, name, spec);
    let (here, there) = (
        place("node", &ours)?,
        place(&format!("{other:?}"), &theirs)?,
    );
    Ok((lab, lan, Ours::new(Role::Node, &here, ours), there, theirs))
}

/// Waits until something that is asked for holds this text.
fn says(what: &str, text: &str, mut ask: impl FnMut() -> Result<String>) -> Result<()> {
    wait_for(ROUTE_LIMIT, what, || {
        let said = ask()?;
        match said.contains(text) {
            true => Ok(()),
            false => Err(LabError::new(said)),
        }
    })
}

/// What our peer said when it shut the session down, as an operator of ours sees it.
fn shown_here(node: &Ours, peer: IpAddr, text: &str) -> Result<()> {
    says("what the peer said", text, || {
        node.ctl(&["peer", "get", &peer.to_string()])
    })?;
    let state = node.peer(peer)?;
    let notification = &state["state"]["last_error"]["notification"];
    assert_eq!(notification["shutdown_message"], text);
    assert_eq!(
        (&notification["code"], &notification["subcode"]),
        (&6.into(), &2.into())
    );
    Ok(())
}

#[test]
fn bird_and_we_say_why_a_session_is_shut_down() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let (_lab, _lan, mut node, namespace, spec) = pair(Kind::Bird)?;
    let (us, them) = (IpAddr::from(node.spec().v4), IpAddr::from(spec.v4));
    let mut bird = Bird::new(&namespace, spec);
    node.start()?;
    bird.start()?;
    stage::all_up(&node)?;
    let protocol = peer_name(us);
    bird.ask(&format!("disable {protocol} \"new line card\""))?;
    shown_here(&node, them, "new line card")?;
    bird.ask(&format!("enable {protocol}"))?;
    stage::all_up(&node)?;
    node.ctl(&[
        "peer",
        "disable",
        &them.to_string(),
        "--reason",
        "rack 7 moves",
    ])?;
    says("what we said", "rack 7 moves", || {
        bird.ask(&format!("show protocols all {protocol}"))
    })
}

#[test]
fn frr_and_we_say_why_a_session_is_shut_down() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    let (_lab, _lan, mut node, namespace, spec) = pair(Kind::Frr)?;
    let (us, them) = (IpAddr::from(node.spec().v4), IpAddr::from(spec.v4));
    let mut frr = Frr::new(&namespace, spec);
    node.start()?;
    frr.start()?;
    stage::all_up(&node)?;
    let configure = |line: &str| {
        frr.ask(&["configure terminal", "router bgp 65002", line])
            .map(drop)
    };
    configure(&format!("neighbor {us} shutdown message new line card"))?;
    shown_here(&node, them, "new line card")?;
    configure(&format!("no neighbor {us} shutdown"))?;
    stage::all_up(&node)?;
    node.ctl(&[
        "peer",
        "disable",
        &them.to_string(),
        "--reason",
        "rack 7 moves",
    ])?;
    // It shows the words in its log alone.
    says("what we said", "rack 7 moves", || {
        Ok(frr
            .process()
            .map_or(String::new(), |process| process.output()))
    })
}
