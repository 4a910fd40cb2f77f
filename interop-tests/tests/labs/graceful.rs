//! A speaker restarts, and its neighbour's kernel keeps every route of it all the while (RFC 4724).

use std::time::Duration;

use interop_tests::daemon::{Daemon, Kind, ROUTE_LIMIT, Spec, can_run, wait_route};
use interop_tests::lab::{Lab, Process, Spawn};
use interop_tests::{LabError, Result, wait_for};
use ipnet::IpNet;

use crate::stage;

/// How a speaker goes.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// As its operator ends it.
    Stop,
    /// By SIGKILL.
    Crash,
}

fn spec(host: u8) -> Spec {
    Spec::new(65001, host)
        .with_block(&format!("10.{host}.0.0/24"))
        .with_block(&format!("fd00:{host}::/64"))
        .with_kernel()
        .gracefully()
}

/// What a kernel says of its routes from now on.
struct Watch(Vec<Process>);

impl Watch {
    fn begin(daemon: &dyn Daemon) -> Result<Watch> {
        let of = |family: &str| {
            let title = format!("monitor{family}");
            let command = ["ip", family, "monitor", "route"];
            daemon
                .namespace()
                .start(&title, &command, &Spawn::default())
        };
        Ok(Watch(vec![of("-4")?, of("-6")?]))
    }

    /// Nobody ever deleted a route for one of these.
    fn saw_no_deletion(self, blocks: &[IpNet]) {
        for mut process in self.0 {
            process.kill();
            let said = process.output();
            let is_deletion = |line: &&str| {
                line.starts_with("Deleted")
                    && blocks.iter().any(|block| line.contains(&block.to_string()))
            };
            let deleted: Vec<&str> = said.lines().filter(is_deletion).collect();
            assert_eq!(deleted, [""; 0], "{said}");
        }
    }
}

fn ends(daemon: &mut dyn Daemon, end: End) -> Result<()> {
    if end == End::Stop {
        return daemon.stop();
    }
    let process = daemon.process();
    process
        .ok_or_else(|| LabError::new("it does not run"))?
        .kill();
    Ok(())
}

/// The kernel beside `daemon` has the blocks of `from`.
fn has_blocks(daemon: &dyn Daemon, from: &dyn Daemon) -> Result<()> {
    from.spec().blocks.iter().try_for_each(|block| {
        stage::kernel_route(daemon, *block, from.spec().own_address(block.addr()))
    })
}

/// Both are up again, and know each other's routes by this session.
fn is_whole(one: &dyn Daemon, other: &dyn Daemon) -> Result<()> {
    for (daemon, from) in [(one, other), (other, one)] {
        stage::all_up(daemon)?;
        for block in &from.spec().blocks {
            wait_route(daemon, daemon.spec().neighbors[0].address, *block)?;
        }
    }
    Ok(())
}

/// Waits until nothing is kept of the former session any more.
fn keeps_nothing(daemon: &dyn Daemon) -> Result<()> {
    let peer = daemon.spec().neighbors[0].address;
    wait_for(
        ROUTE_LIMIT,
        "nothing to be kept any more",
        || match daemon.keeps_routes(peer)? {
            true => Err(LabError::new("routes are kept")),
            false => Ok(()),
        },
    )
}

fn pair_survives(restarted: Kind, other: Kind, end: End) -> Result<()> {
    if !can_run(&[restarted, other]) {
        return Ok(());
    }
    let lab = Lab::new("graceful")?;
    let lan = lab.lan("lan")?;
    let (one, two) = (spec(1), spec(2));
    let (to_one, to_two) = (one.as_neighbor(), two.as_neighbor());
    let players = vec![(restarted, one.with(to_two)), (other, two.with(to_one))];
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    let [restarted, other] = daemons.as_mut_slice() else {
        unreachable!("two were placed")
    };
    is_whole(&**restarted, &**other)?;
    has_blocks(&**other, &**restarted)?;
    has_blocks(&**restarted, &**other)?;
    let watch = Watch::begin(&**other)?;
    ends(&mut **restarted, end)?;
    stage::all_down(&**other)?;
    has_blocks(&**other, &**restarted)?;
    restarted.start()?;
    is_whole(&**restarted, &**other)?;
    keeps_nothing(&**other)?;
    has_blocks(&**other, &**restarted)?;
    watch.saw_no_deletion(&restarted.spec().blocks);
    Ok(())
}

#[test]
fn bird_keeps_the_routes_of_a_node_that_stops_and_starts() -> Result<()> {
    pair_survives(Kind::Node, Kind::Bird, End::Stop)
}

#[test]
fn bird_keeps_the_routes_of_a_node_that_crashes() -> Result<()> {
    pair_survives(Kind::Node, Kind::Bird, End::Crash)
}

#[test]
fn frr_keeps_the_routes_of_a_node_that_crashes() -> Result<()> {
    pair_survives(Kind::Node, Kind::Frr, End::Crash)
}

#[test]
fn a_node_keeps_the_routes_of_a_bird_that_crashes() -> Result<()> {
    pair_survives(Kind::Bird, Kind::Node, End::Crash)
}

#[test]
fn a_node_keeps_the_routes_of_a_node_that_stops_and_starts() -> Result<()> {
    pair_survives(Kind::Node, Kind::Node, End::Stop)
}

/// A reflector goes and returns empty; the kernels of its clients, whoever made them, notice nothing.
fn reflector_returns(clients: [Kind; 2], end: End) -> Result<()> {
    if !can_run(&[Kind::Reflector, clients[0], clients[1]]) {
        return Ok(());
    }
    let lab = Lab::new("graceful")?;
    let lan = lab.lan("lan")?;
    let mut reflector = Spec::new(65001, 9).reflecting();
    let mut players = Vec::new();
    for (kind, host) in clients.into_iter().zip([1, 2]) {
        let spec = spec(host).with(reflector.as_neighbor());
        reflector
            .neighbors
            .push(spec.as_neighbor().passive().client());
        players.push((kind, spec));
    }
    players.push((Kind::Reflector, reflector));
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    let (clients, reflectors) = daemons.split_at_mut(2);
    let everywhere = |clients: &[Box<dyn Daemon>]| {
        has_blocks(&*clients[0], &*clients[1])?;
        has_blocks(&*clients[1], &*clients[0])
    };
    everywhere(clients)?;
    let watches = [Watch::begin(&*clients[0])?, Watch::begin(&*clients[1])?];
    ends(&mut *reflectors[0], end)?;
    clients
        .iter()
        .try_for_each(|client| stage::all_down(&**client))?;
    everywhere(clients)?;
    reflectors[0].start()?;
    for (client, other) in [(0, 1), (1, 0)] {
        stage::all_up(&*clients[client])?;
        for block in clients[other].spec().blocks.clone() {
            let peer = clients[client].spec().neighbors[0].address;
            wait_route(&*clients[client], peer, block)?;
        }
        keeps_nothing(&*clients[client])?;
    }
    everywhere(clients)?;
    let blocks: Vec<IpNet> = clients
        .iter()
        .flat_map(|client| client.spec().blocks.clone())
        .collect();
    for watch in watches {
        watch.saw_no_deletion(&blocks);
    }
    Ok(())
}

#[test]
fn a_reflector_that_crashes_takes_nothing_from_a_node_and_a_bird() -> Result<()> {
    reflector_returns([Kind::Node, Kind::Bird], End::Crash)
}

/// What the checks above look for is seen: a route that goes is noticed.
#[test]
fn a_deleted_route_is_noticed() -> Result<()> {
    if !can_run(&[Kind::Node]) {
        return Ok(());
    }
    let lab = Lab::new("graceful")?;
    let lan = lab.lan("lan")?;
    let daemons = stage::place(&lab, &lan, vec![(Kind::Node, spec(1))])?;
    let watch = Watch::begin(&*daemons[0])?;
    let block: IpNet = "10.7.0.0/24".parse().expect("a prefix");
    let namespace = daemons[0].namespace();
    // The monitor may not listen yet, so it is done until it is seen.
    wait_for(Duration::from_secs(10), "the deletion to be seen", || {
        namespace.script("ip route add 10.7.0.0/24 via 10.0.0.2; ip route del 10.7.0.0/24")?;
        match watch.0[0].output().contains("Deleted 10.7.0.0/24") {
            true => Ok(()),
            false => Err(LabError::new(watch.0[0].output())),
        }
    })?;
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        watch.saw_no_deletion(&[block]);
    }));
    assert!(seen.is_err());
    Ok(())
}
