//! Speakers that do not come back, and what is kept of them all the same (RFC 9494).

use interop_tests::daemon::{Daemon, Kind, ROUTE_LIMIT, Spec, can_run, wait_no_route, wait_route};
use interop_tests::lab::Lab;
use interop_tests::{LabError, Result, wait_for};

use crate::stage;

const LLGR_STALE: (u16, u16) = (65535, 6);

fn spec(host: u8) -> Spec {
    Spec::new(65001, host)
        .with_block(&format!("10.{host}.0.0/24"))
        .with_block(&format!("fd00:{host}::/64"))
        .with_kernel()
        .for_long()
}

fn crash(daemon: &mut dyn Daemon) -> Result<()> {
    let process = daemon.process();
    process
        .ok_or_else(|| LabError::new("it does not run"))?
        .kill();
    Ok(())
}

/// Waits until `daemon` holds what `reflector` told it of the blocks of `from`, marked as kept for long or not.
fn holds(daemon: &dyn Daemon, reflector: &Spec, from: &Spec, is_marked: bool) -> Result<()> {
    from.blocks.iter().try_for_each(|block| {
        let what = format!("{block} at {:?}, marked: {is_marked}", daemon.kind());
        wait_for(ROUTE_LIMIT, &what, || {
            let routes = daemon.received(reflector.v4.into())?;
            let path = routes.get(block);
            match path.map(|path| path.communities.contains(&LLGR_STALE)) {
                Some(marked) if marked == is_marked => Ok(()),
                _ => Err(LabError::new(format!("{path:?}"))),
            }
        })?;
        stage::kernel_route(daemon, *block, from.own_address(block.addr()))
    })
}

/// The only reflector is gone for good, longer than its restart time; its clients go on as before, and take it up again.
fn reflector_is_lost(other: Kind) -> Result<()> {
    if !can_run(&[Kind::Reflector, Kind::Node, other]) {
        return Ok(());
    }
    let lab = Lab::new("long-lived")?;
    let lan = lab.lan("lan")?;
    let mut reflector = Spec::new(65001, 9).reflecting();
    let mut players = Vec::new();
    for (kind, host) in [Kind::Node, other].into_iter().zip([1, 2]) {
        let spec = spec(host).with(reflector.as_neighbor());
        let neighbor = spec.as_neighbor().client();
        let neighbor = neighbor.key("graceful-restart: {restart-time: 3}");
        let neighbor = match kind {
            // An FRR that keeps routes waits for a connection, and dials no more itself.
            Kind::Frr => neighbor,
            _ => neighbor.passive(),
        };
        reflector.neighbors.push(neighbor);
        players.push((kind, spec));
    }
    players.push((Kind::Reflector, reflector.clone()));
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    let specs: Vec<Spec> = daemons.iter().map(|daemon| daemon.spec().clone()).collect();
    let everywhere = |daemons: &[Box<dyn Daemon>], is_marked| {
        holds(&*daemons[0], &reflector, &specs[1], is_marked)?;
        holds(&*daemons[1], &reflector, &specs[0], is_marked)
    };
    everywhere(&daemons, false)?;
    crash(&mut *daemons[2])?;
    daemons[..2]
        .iter()
        .try_for_each(|client| stage::all_down(&**client))?;
    everywhere(&daemons, true)?;
    daemons[2].start()?;
    daemons[..2]
        .iter()
        .try_for_each(|client| stage::all_up(&**client))?;
    everywhere(&daemons, false)
}

#[test]
fn a_node_and_a_bird_outlive_their_reflector() -> Result<()> {
    reflector_is_lost(Kind::Bird)
}

#[test]
fn a_node_and_an_frr_outlive_their_reflector() -> Result<()> {
    reflector_is_lost(Kind::Frr)
}

/// A client that asked for it is gone for long: a reflector tells those who know what that means, and no others.
fn client_is_lost(lost: Kind) -> Result<()> {
    if !can_run(&[Kind::Reflector, Kind::Node, lost, Kind::Gobgp]) {
        return Ok(());
    }
    let lab = Lab::new("long-lived")?;
    let lan = lab.lan("lan")?;
    let mut reflector = Spec::new(65001, 9).reflecting();
    let plain = Spec {
        graceful: false,
        long_lived: false,
        ..spec(3)
    };
    let clients = [(lost, spec(1)), (Kind::Node, spec(2)), (Kind::Gobgp, plain)];
    let mut players = Vec::new();
    for (kind, spec) in clients {
        let spec = Spec {
            kernel: kind != Kind::Gobgp,
            ..spec
        };
        let spec = spec.with(reflector.as_neighbor());
        reflector
            .neighbors
            .push(spec.as_neighbor().passive().client());
        players.push((kind, spec));
    }
    players.push((Kind::Reflector, reflector.clone()));
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    let blocks = daemons[0].spec().clone();
    let peer = reflector.v4.into();
    holds(&*daemons[1], &reflector, &blocks, false)?;
    wait_route(&*daemons[2], peer, blocks.blocks[0])?;
    crash(&mut *daemons[0])?;
    holds(&*daemons[1], &reflector, &blocks, true)?;
    for block in &blocks.blocks {
        wait_no_route(&*daemons[2], peer, *block)?;
    }
    daemons[0].start()?;
    stage::all_up(&*daemons[0])?;
    holds(&*daemons[1], &reflector, &blocks, false)?;
    wait_route(&*daemons[2], peer, blocks.blocks[0]).map(drop)
}

#[test]
fn a_reflector_keeps_the_routes_of_a_bird_for_those_who_know() -> Result<()> {
    client_is_lost(Kind::Bird)
}

#[test]
fn a_reflector_keeps_the_routes_of_an_frr_for_those_who_know() -> Result<()> {
    client_is_lost(Kind::Frr)
}
