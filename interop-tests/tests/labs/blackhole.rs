//! Packets that a neighbour wants dropped (RFC 7999).

use interop_tests::daemon::{
    Announcement, Daemon, Kind, ROUTE_LIMIT, Spec, can_run, wait_no_route, wait_route,
};
use interop_tests::lab::Lab;
use interop_tests::{LabError, Result, wait_for};
use ipnet::IpNet;

use crate::stage;

const VICTIM: &str = "10.9.9.9/32";
const BLACKHOLE: (u16, u16) = (65535, 666);

/// What the kernel beside `daemon` does with packets to the victim.
fn kernel_says(daemon: &dyn Daemon, text: &str) -> Result<()> {
    let victim: IpNet = VICTIM.parse().expect("a prefix");
    wait_for(ROUTE_LIMIT, text, || {
        let routes = stage::kernel_routes(daemon.namespace(), victim)?;
        match routes.contains(text) {
            true => Ok(()),
            false => Err(LabError::new(routes)),
        }
    })
}

fn is_dropped_where_that_is_accepted(upstream: Kind, beyond: Kind) -> Result<()> {
    if !can_run(&[Kind::Node, upstream, beyond]) {
        return Ok(());
    }
    let lab = Lab::new("blackhole")?;
    let lan = lab.lan("lan")?;
    let (up, far) = (Spec::new(65002, 2), Spec::new(65003, 3));
    let trusting = Spec::new(65001, 1);
    let (up, far) = (
        up.with(trusting.as_neighbor()),
        far.with(trusting.as_neighbor()),
    );
    let trusting = trusting
        .with(up.as_neighbor().key("blackhole: accept"))
        .with(far.as_neighbor());
    let players = vec![(Kind::Node, trusting), (upstream, up), (beyond, far)];
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    let victim = Announcement::new(VICTIM).community(BLACKHOLE.0, BLACKHOLE.1);
    daemons[1].announce(&victim)?;
    daemons[1].announce(&Announcement::new("10.9.0.0/16"))?;
    let up = daemons[1].spec().v4.into();
    let node = daemons[0].spec().v4.into();
    let path = wait_route(&*daemons[0], up, victim.prefix)?;
    assert!(path.communities.contains(&(65535, 65281)), "{path:?}");
    kernel_says(&*daemons[0], "blackhole 10.9.9.9 proto 155 metric 48")?;
    // What came behind it has arrived, so it would have, too.
    wait_route(&*daemons[2], node, "10.9.0.0/16".parse().expect("a prefix"))?;
    wait_no_route(&*daemons[2], node, victim.prefix)?;
    // One that asks for nothing takes its place.
    daemons[1].announce(&Announcement::new(VICTIM))?;
    kernel_says(&*daemons[0], "via 10.0.0.2")?;
    wait_route(&*daemons[2], node, victim.prefix)?;
    // We ask others ourselves.
    let own = Announcement::new("10.8.8.8/32").community(BLACKHOLE.0, BLACKHOLE.1);
    daemons[0].announce(&own)?;
    let path = wait_route(&*daemons[1], node, own.prefix)?;
    assert!(path.communities.contains(&BLACKHOLE), "{path:?}");
    Ok(())
}

#[test]
fn what_bird_asks_for_is_dropped_and_frr_does_not_hear_of_it() -> Result<()> {
    is_dropped_where_that_is_accepted(Kind::Bird, Kind::Frr)
}

#[test]
fn what_frr_asks_for_is_dropped_and_bird_does_not_hear_of_it() -> Result<()> {
    is_dropped_where_that_is_accepted(Kind::Frr, Kind::Bird)
}
