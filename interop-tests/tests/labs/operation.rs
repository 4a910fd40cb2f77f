//! What an operator does to a running daemon of ours, and what it says when it cannot run.

use std::net::IpAddr;
use std::process::Command;

use interop_tests::daemon::{
    Bird, Daemon, Kind, Ours, ROUTE_LIMIT, Role, Spec, bgpctl_binary, can_run, peer_name,
    wait_no_route, wait_route, wait_session,
};
use interop_tests::lab::{Lab, Lan};
use interop_tests::{LabError, Result, wait_for};
use ipnet::IpNet;

use crate::stage;

/// A node of ours and BIRDs around it.
struct Scene {
    node: Ours,
    birds: Vec<Bird>,
    _lan: Lan,
    _lab: Lab,
}

impl Scene {
    /// The node peers with the first `configured` of `birds` BIRDs; all of those know the node.
    fn set(birds: u8, configured: usize) -> Result<Scene> {
        let lab = Lab::new("operation")?;
        let lan = lab.lan("lan")?;
        let mut spec = Spec::new(65001, 1).with_kernel().with_block("10.1.0.0/24");
        let mut around = Vec::new();
        for host in 2..2 + birds {
            let bird = bird_spec(host).with(spec.as_neighbor());
            if around.len() < configured {
                spec.neighbors.push(bird.as_neighbor());
            }
            let namespace = stage::on_lan(&lab, &lan, &format!("bird{host}"), &bird)?;
            around.push(Bird::new(&namespace, bird));
        }
        let namespace = stage::on_lan(&lab, &lan, "node", &spec)?;
        let mut node = Ours::new(Role::Node, &namespace, spec);
        node.start()?;
        around.iter_mut().try_for_each(Daemon::start)?;
        stage::all_up(&node)?;
        Ok(Scene {
            node,
            birds: around,
            _lan: lan,
            _lab: lab,
        })
    }

    fn address(&self, bird: usize) -> IpAddr {
        self.birds[bird].spec().v4.into()
    }

    /// The node has both blocks of this BIRD, also in its kernel.
    fn has_routes_of(&self, bird: usize) -> Result<()> {
        let spec = self.birds[bird].spec();
        for block in &spec.blocks {
            wait_route(&self.node, spec.v4.into(), *block)?;
            stage::kernel_route(&self.node, *block, spec.own_address(block.addr()))?;
        }
        Ok(())
    }

    fn lost_routes_of(&self, bird: usize) -> Result<()> {
        let blocks = &self.birds[bird].spec().blocks;
        blocks
            .iter()
            .try_for_each(|block| stage::no_kernel_route(self.node.namespace(), *block))
    }
}

fn bird_spec(host: u8) -> Spec {
    Spec::new(65000 + u32::from(host), host)
        .with_block(&format!("10.{host}.0.0/24"))
        .with_block(&format!("fd00:{host}::/64"))
}

/// A reload adds, removes and replaces, and leaves the connections of all others as they are.
#[test]
fn sighup_keeps_untouched_sessions() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let mut scene = Scene::set(3, 2)?;
    let (kept, removed, added) = (scene.address(0), scene.address(1), scene.address(2));
    scene.has_routes_of(0)?;
    scene.has_routes_of(1)?;
    let tuple = scene.node.four_tuple(kept)?;
    let added_neighbor = scene.birds[2].spec().as_neighbor();
    let spec = scene.node.spec_mut();
    spec.neighbors[1] = added_neighbor;
    spec.blocks = vec![net("10.1.8.0/24"), net("fd00:1::/64")];
    scene.node.reload()?;
    wait_session(&scene.node, added)?;
    scene.has_routes_of(2)?;
    scene.lost_routes_of(1)?;
    assert!(
        scene.node.peer(removed).is_err(),
        "the removed peer is still there"
    );
    let node = scene.node.spec().v4.into();
    wait_route(&scene.birds[0], node, net("10.1.8.0/24"))?;
    wait_route(&scene.birds[0], node, net("fd00:1::/64"))?;
    wait_no_route(&scene.birds[0], node, net("10.1.0.0/24"))?;
    assert_eq!(scene.node.four_tuple(kept)?, tuple);
    Ok(())
}

/// A faulty file changes nothing at all.
#[test]
fn sighup_with_a_fault_changes_nothing() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let mut scene = Scene::set(1, 1)?;
    scene.has_routes_of(0)?;
    let tuple = scene.node.four_tuple(scene.address(0))?;
    scene.node.spec_mut().blocks = vec![net("10.1.9.0/24")];
    scene.node.write_configuration()?;
    let path = scene.node.config_path();
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, format!("{text}no-such-key: 1\n"))?;
    let process = scene
        .node
        .process()
        .ok_or_else(|| LabError::new("not running"))?;
    process.signal(nix::sys::signal::Signal::SIGHUP)?;
    wait_for(ROUTE_LIMIT, "a word about the key in the log", || {
        let output = process.output();
        if output.contains("no-such-key") {
            Ok(())
        } else {
            Err(LabError::new("nothing"))
        }
    })?;
    let node = scene.node.spec().v4.into();
    wait_route(&scene.birds[0], node, net("10.1.0.0/24"))?;
    let routes = scene.birds[0].received(node)?;
    assert!(!routes.contains_key(&net("10.1.9.0/24")), "{routes:?}");
    assert_eq!(scene.node.four_tuple(scene.address(0))?, tuple);
    Ok(())
}

/// A peer made at run time: its routes reach the kernel and go with it; a reload leaves it alone.
#[test]
fn peer_is_added_and_deleted_while_running() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let mut scene = Scene::set(2, 1)?;
    let (configured, late) = (scene.address(0), scene.address(1));
    let tuple = scene.node.four_tuple(configured)?;
    let (address, asn) = (late.to_string(), scene.birds[1].spec().asn.to_string());
    let add = [
        "peer", "add", &address, "--as", &asn, "--import", "all", "--export", "local",
    ];
    scene.node.ctl(&add)?;
    scene
        .node
        .ctl(&add)
        .map_err(|error| error.during("the same peer again"))?;
    let different = ["peer", "add", &address, "--as", "65099"];
    assert!(
        scene.node.ctl(&different).is_err(),
        "a different peer of the same address was taken"
    );
    wait_session(&scene.node, late)?;
    scene.has_routes_of(1)?;
    let list = scene.node.ctl(&["peer", "list", "-o", "wide"])?;
    assert!(list.contains("not saved"), "{list}");
    scene.node.spec_mut().blocks.push(net("10.1.7.0/24"));
    scene.node.reload()?;
    let node = scene.node.spec().v4.into();
    wait_route(&scene.birds[1], node, net("10.1.7.0/24"))?;
    scene.node.ctl(&["peer", "delete", &address])?;
    scene.lost_routes_of(1)?;
    assert!(
        scene.node.peer(late).is_err(),
        "the deleted peer is still there"
    );
    assert_eq!(scene.node.four_tuple(configured)?, tuple);
    Ok(())
}

/// A peer of the file is deleted in the file, and the answer says where.
#[test]
fn peer_of_the_file_cannot_be_deleted() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let scene = Scene::set(1, 1)?;
    let name = peer_name(scene.address(0));
    let answer = scene
        .node
        .ctl(&["peer", "delete", &name])
        .err()
        .map(|error| error.to_string());
    let answer = answer.ok_or_else(|| LabError::new("it was deleted"))?;
    assert!(
        answer.contains(&scene.node.config_path()),
        "no file: {answer}"
    );
    wait_session(&scene.node, scene.address(0))
}

/// Every fault of an added peer is named at once, and nothing is made.
#[test]
fn faults_of_an_added_peer_are_all_named() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let scene = Scene::set(1, 1)?;
    let add = [
        "peer",
        "add",
        "10.0.0.77",
        "--as",
        "0",
        "--hold-time",
        "2s",
        "--import",
        "no-such-set",
    ];
    let answer = scene.node.ctl(&add).err().map(|error| error.to_string());
    let answer = answer.ok_or_else(|| LabError::new("it was added"))?;
    for word in ["as", "hold", "no-such-set"] {
        assert!(
            answer.to_lowercase().contains(word),
            "{word} is not in: {answer}"
        );
    }
    Ok(())
}

/// Routes outlive the daemon; `bgpd cleanup` takes ours away and leaves those of others.
#[test]
fn stop_leaves_routes_and_cleanup_removes_them() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let mut scene = Scene::set(1, 1)?;
    scene.has_routes_of(0)?;
    let namespace = scene.node.namespace().clone();
    namespace.script("ip route add 10.200.0.0/24 via 10.0.0.2 metric 48 proto 201")?;
    let block = scene.birds[0].spec().blocks[0];
    scene.node.stop()?;
    assert!(
        stage::kernel_routes(&namespace, block)?.contains("via"),
        "stop took the routes"
    );
    let own = stage::kernel_routes(&namespace, net("10.1.0.0/24"))?;
    assert!(own.contains("blackhole"), "{own:?}");
    scene.node.start()?;
    scene.has_routes_of(0)?;
    let config = scene.node.config_path();
    let (code, said) = scene.node.run_to_end(&["cleanup", "--config", &config])?;
    assert_eq!(code, Some(1), "beside a daemon that runs: {said}");
    assert!(said.contains("bgpd is running here"), "{said}");
    scene.has_routes_of(0)?;
    scene.node.stop()?;
    let (code, said) = scene.node.run_to_end(&["cleanup", "--config", &config])?;
    assert_eq!(code, Some(0), "{said}");
    for family in ["-4", "-6"] {
        let left = namespace.run(&["ip", family, "route", "show", "proto", "155"])?;
        assert_eq!(left, "", "after cleanup");
    }
    let foreign = stage::kernel_routes(&namespace, net("10.200.0.0/24"))?;
    assert!(foreign.contains("proto 201"), "{foreign:?}");
    Ok(())
}

/// The kernel's own view changes below a running daemon, which puts its routes back.
#[test]
fn a_lost_link_and_a_stolen_route_come_back() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let scene = Scene::set(1, 1)?;
    scene.has_routes_of(0)?;
    let block = scene.birds[0].spec().blocks[0];
    scene
        .node
        .namespace()
        .run(&["ip", "route", "del", &block.to_string()])?;
    scene
        .has_routes_of(0)
        .map_err(|error| error.during("a deleted route"))?;
    scene.node.namespace().script(
        "ip link set eth0 down; ip link set eth0 up; ip addr add fd00::1/64 dev eth0 nodad",
    )?;
    stage::all_up(&scene.node)?;
    scene
        .has_routes_of(0)
        .map_err(|error| error.during("a link that was down"))
}

/// What stands in the way of a start, what the program must say about it, and how to cause it.
fn refuses(configuration: &str, launcher: &[&str], role: Role, words: &[&str]) -> Result<()> {
    let kind = if role == Role::Node {
        Kind::Node
    } else {
        Kind::Reflector
    };
    if !can_run(&[kind, Kind::Bird]) {
        return Ok(());
    }
    let lab = Lab::new("refuses")?;
    let lan = lab.lan("lan")?;
    let spec = Spec::new(65001, 1).with_kernel();
    let namespace = stage::on_lan(&lab, &lan, "node", &spec)?;
    let mut squatter = Bird::new(&namespace, spec.clone().with(bird_spec(2).as_neighbor()));
    if words.contains(&"179") {
        squatter.start()?;
    }
    let daemon = Ours::new(role, &namespace, spec)
        .with_configuration(configuration)
        .with_launcher(launcher);
    let config = daemon.config_path();
    let (code, said) = daemon.run_to_end(&["--config", &config])?;
    assert!(
        !matches!(code, Some(0 | 124 | 101) | None),
        "exit code {code:?}: {said}"
    );
    for word in words {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    Ok(())
}

#[test]
fn a_port_in_use_is_named() -> Result<()> {
    refuses("", &[], Role::Node, &["179"])
}

#[test]
fn a_missing_capability_is_named() -> Result<()> {
    let launcher = [
        "setpriv",
        "--bounding-set=-net_admin",
        "--inh-caps=-net_admin",
    ];
    refuses("", &launcher, Role::Node, &["CAP_NET_ADMIN"])
}

#[test]
fn an_unknown_key_is_located() -> Result<()> {
    refuses(
        "rooter-id: 10.0.0.1\n",
        &[],
        Role::Node,
        &["rooter-id", "router-id", ".yaml:"],
    )
}

/// An API socket that cannot be made: the daemon says which, and does not run without its API.
#[test]
fn an_unwritable_socket_path_is_named() -> Result<()> {
    if !can_run(&[Kind::Node]) {
        return Ok(());
    }
    let lab = Lab::new("socket-path")?;
    let namespace = lab.namespace("node")?;
    let daemon = Ours::new(Role::Node, &namespace, Spec::new(65001, 1));
    daemon.write_configuration()?;
    let config = daemon.config_path();
    let text = std::fs::read_to_string(&config)?;
    let elsewhere = lab.write(
        "elsewhere.yaml",
        &text.replace(&daemon.socket_path(), "/proc/none/bgpd.sock"),
    )?;
    let (code, said) = daemon.run_to_end(&["--config", &elsewhere.to_string_lossy()])?;
    assert!(
        !matches!(code, Some(0 | 124 | 101) | None),
        "exit code {code:?}: {said}"
    );
    assert!(said.contains("/proc/none/bgpd.sock"), "{said}");
    Ok(())
}

/// The reflector has no kernel side and needs no right to one.
#[test]
fn reflector_runs_without_the_capability() -> Result<()> {
    if !can_run(&[Kind::Reflector, Kind::Bird]) {
        return Ok(());
    }
    let lab = Lab::new("no-capability")?;
    let lan = lab.lan("lan")?;
    let client = Spec::new(65001, 2).with_block("10.2.0.0/24");
    let spec = Spec::new(65001, 1)
        .reflecting()
        .with(client.as_neighbor().client());
    let client = client.with(spec.as_neighbor());
    let namespace = stage::on_lan(&lab, &lan, "reflector", &spec)?;
    let launcher = [
        "setpriv",
        "--bounding-set=-net_admin",
        "--inh-caps=-net_admin",
    ];
    let mut reflector = Ours::new(Role::Reflector, &namespace, spec).with_launcher(&launcher);
    let namespace = stage::on_lan(&lab, &lan, "client", &client)?;
    let mut bird = Bird::new(&namespace, client);
    reflector.start()?;
    bird.start()?;
    wait_route(&reflector, bird.spec().v4.into(), net("10.2.0.0/24")).map(drop)
}

/// A full disk under the output of a command is an error, not a success with half an answer.
#[test]
fn a_full_disk_is_an_error() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let scene = Scene::set(1, 1)?;
    let socket = scene.node.socket_path();
    let full = std::fs::File::options().write(true).open("/dev/full")?;
    let program = bgpctl_binary();
    let output = Command::new(program)
        .args(["--socket", &socket, "peer", "list"])
        .stdout(full)
        .output()?;
    assert!(!output.status.success());
    assert!(!output.stderr.is_empty());
    Ok(())
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}
