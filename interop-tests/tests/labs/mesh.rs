//! Everybody talks to everybody.

use interop_tests::Result;
use interop_tests::daemon::{Daemon, Kind, Spec, can_run, wait_route};
use interop_tests::lab::Lab;

use crate::stage;

const NODES: u8 = 5;

/// Five nodes of one AS, both ends of every session connecting, so that connections collide: each
/// learns every other's blocks from its owner, and has them in its kernel.
fn full_mesh(kind: Kind) -> Result<()> {
    if !can_run(&[kind]) {
        return Ok(());
    }
    let lab = Lab::new("mesh")?;
    let lan = lab.lan("lan")?;
    let bare = |host: u8| {
        Spec::new(65001, host)
            .with_kernel()
            .with_block(&format!("10.{host}.0.0/24"))
            .with_block(&format!("fd00:{host}::/64"))
    };
    let meshed = |host: u8| {
        let others = (1..=NODES).filter(|other| *other != host);
        (
            kind,
            others.fold(bare(host), |spec, other| {
                spec.with(bare(other).as_neighbor())
            }),
        )
    };
    let mut daemons = stage::place(&lab, &lan, (1..=NODES).map(meshed).collect())?;
    stage::start_all(&mut daemons)?;
    for (daemon, other) in daemons
        .iter()
        .flat_map(|one| daemons.iter().map(move |two| (one, two)))
    {
        if daemon.spec().v4 != other.spec().v4 {
            learns_from(&**daemon, &**other)?;
        }
    }
    Ok(())
}

fn learns_from(daemon: &dyn Daemon, other: &dyn Daemon) -> Result<()> {
    for block in &other.spec().blocks {
        let path = wait_route(daemon, other.spec().v4.into(), *block)?;
        let owner = other.spec().own_address(block.addr());
        assert_eq!(path.next_hop, owner, "{block}: {path:?}");
        stage::kernel_route(daemon, *block, owner)?;
    }
    Ok(())
}

#[test]
fn five_nodes() -> Result<()> {
    full_mesh(Kind::Node)
}

mod makers {
    use super::*;

    #[test]
    fn five_birds() -> Result<()> {
        full_mesh(Kind::Bird)
    }
}
