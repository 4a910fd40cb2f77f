//! Where peers are and how they come to each other: clusters, several local addresses, routers between, ToRs of several AS.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use interop_tests::daemon::{
    Announcement, Daemon, Kind, Neighbor, Ours, ROUTE_LIMIT, Role, Spec, can_run, wait_no_route,
    wait_route, wait_session,
};
use interop_tests::lab::{Lab, Lan};
use interop_tests::{LabError, Result, wait_for};

use crate::stage;

const REFLECTOR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// One that reflects, and its clients.
struct Cluster {
    daemons: Vec<Box<dyn Daemon>>,
    _lan: Lan,
    _lab: Lab,
}

/// A daemon of ours, which reflects, and two clients, named with this line, all up.
fn reflected(kinds: [Kind; 3], line: &str) -> Result<Option<Cluster>> {
    if !can_run(&kinds) {
        return Ok(None);
    }
    let lab = Lab::new("topology")?;
    let lan = lab.lan("lan")?;
    let middle = Spec::new(65001, 1).reflecting();
    let ends = [Spec::new(65001, 2), Spec::new(65001, 3)];
    let to_middle = middle.as_neighbor();
    let client = |spec: &Spec| spec.as_neighbor().client().line(line);
    let middle = middle.with(client(&ends[0])).with(client(&ends[1]));
    let [one, two] = ends.map(|spec| spec.with(to_middle.clone()));
    let players = vec![(kinds[0], middle), (kinds[1], one), (kinds[2], two)];
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    Ok(Some(Cluster {
        daemons,
        _lan: lan,
        _lab: lab,
    }))
}

/// What a client brings is marked by the cluster of that client.
#[test]
fn clients_are_of_a_cluster_of_their_own() -> Result<()> {
    let kinds = [Kind::Reflector, Kind::Bird, Kind::Frr];
    let Some(Cluster {
        mut daemons,
        _lan,
        _lab,
    }) = reflected(kinds, "cluster-id: 10.0.0.99")?
    else {
        return Ok(());
    };
    for (from, to, block) in [(1, 2, "10.70.0.0/24"), (2, 1, "10.71.0.0/24")] {
        let block = Announcement::new(block);
        daemons[from].announce(&block)?;
        let path = wait_route(&*daemons[to], REFLECTOR, block.prefix)?;
        assert_eq!(path.cluster_list, [Ipv4Addr::new(10, 0, 0, 99)]);
    }
    Ok(())
}

/// Clients that have sessions among themselves are not reflected to each other, and what is of somebody else is.
#[test]
fn clients_that_know_each_other_are_not_reflected() -> Result<()> {
    // A node, which can announce something itself.
    let kinds = [Kind::Node, Kind::Bird, Kind::Frr];
    let Some(Cluster {
        mut daemons,
        _lan,
        _lab,
    }) = reflected(kinds, "client-to-client: false")?
    else {
        return Ok(());
    };
    let [own, other] = ["10.70.0.0/24", "10.72.0.0/24"].map(Announcement::new);
    daemons[1].announce(&own)?;
    wait_route(&*daemons[0], IpAddr::from([10, 0, 0, 2]), own.prefix)?;
    daemons[0].announce(&other)?;
    for client in &daemons[1..] {
        wait_route(&**client, REFLECTOR, other.prefix)?;
    }
    wait_no_route(&*daemons[2], REFLECTOR, own.prefix)
}

/// The peer's OPEN ends our waiting for it, so that the session is up long before the time is over.
#[test]
fn an_open_that_waits_is_sent_when_the_peers_comes() -> Result<()> {
    for kind in [Kind::Frr, Kind::Bird] {
        if !can_run(&[Kind::Node, kind]) {
            continue;
        }
        let begun = Instant::now();
        let (_lab, _lan, node, other) =
            two(kind, |peer| peer.line("delay-open: 120"), |peer| peer)?;
        stage::all_up(&*other)?;
        assert!(begun.elapsed() < Duration::from_secs(60));
        let page = node.ctl(&["peer", "get", "10.0.0.2"])?;
        assert!(page.contains("delay open"), "{page}");
    }
    Ok(())
}

/// Both wait for the other's OPEN, we not for so long.
#[test]
fn two_that_wait_for_an_open_meet() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    let theirs: Tie = |peer| peer.line("timers delayopen 60");
    let (_lab, _lan, _node, other) = two(Kind::Frr, |peer| peer.line("delay-open: 2"), theirs)?;
    stage::all_up(&*other)
}

/// How a speaker names the other.
type Tie = fn(Neighbor) -> Neighbor;

/// A node of ours and a daemon of another maker of another AS, both up.
fn two(kind: Kind, ours: Tie, theirs: Tie) -> Result<(Lab, Lan, Ours, Box<dyn Daemon>)> {
    let lab = Lab::new("topology")?;
    let lan = lab.lan("lan")?;
    let (spec, other) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let (to_other, to_us) = (ours(other.as_neighbor()), theirs(spec.as_neighbor()));
    let (spec, other) = (spec.with(to_other), other.with(to_us));
    let namespace = stage::on_lan(&lab, &lan, "node", &spec)?;
    let mut node = Ours::new(Role::Node, &namespace, spec.with_kernel());
    let namespace = stage::on_lan(&lab, &lan, "other", &other)?;
    let mut other = kind.daemon(&namespace, other);
    other.start()?;
    node.start()?;
    stage::all_up(&node)?;
    Ok((lab, lan, node, other))
}

/// One node, two peers, each at another address of the node's.
#[test]
fn each_session_has_an_address_of_its_own() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird, Kind::Frr]) {
        return Ok(());
    }
    let lab = Lab::new("topology")?;
    let lan = lab.lan("lan")?;
    let us = Spec::new(65001, 1);
    let [one, two] = [Spec::new(65002, 2), Spec::new(65003, 3)];
    let to_us = us.as_neighbor();
    let mut to_other = to_us.clone();
    to_other.address = IpAddr::from([10, 0, 0, 11]);
    to_other.name = interop_tests::daemon::peer_name(to_other.address);
    let us = us
        .with(one.as_neighbor().line("local-address: 10.0.0.1"))
        .with(two.as_neighbor().line("local-address: 10.0.0.11"));
    let players = vec![
        (Kind::Node, us),
        (Kind::Bird, one.with(to_us)),
        (Kind::Frr, two.with(to_other)),
    ];
    let mut daemons = stage::place(&lab, &lan, players)?;
    daemons[0]
        .namespace()
        .script("ip addr add 10.0.0.11/24 dev eth0")?;
    stage::start_all(&mut daemons)?;
    let block = Announcement::new("10.73.0.0/24");
    daemons[0].announce(&block)?;
    for (daemon, from) in [(1, [10, 0, 0, 1]), (2, [10, 0, 0, 11])] {
        let path = wait_route(&*daemons[daemon], IpAddr::from(from), block.prefix)?;
        assert_eq!(
            path.next_hop,
            IpAddr::from(from),
            "ourselves, as it knows us"
        );
    }
    Ok(())
}

/// A peer behind a router is held down with the reason, and reached once that is meant.
#[test]
fn a_peer_that_is_far_is_reached_when_that_is_meant() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    let far = Ipv4Addr::new(10, 7, 7, 2);
    let lab = Lab::new("topology")?;
    let lan = lab.lan("lan")?;
    let us = Spec::new(65001, 1);
    let mut other = Spec::new(65002, 2);
    let namespace = stage::on_lan(&lab, &lan, "other", &other)?;
    namespace.script("ip addr add 10.7.7.2/32 dev lo")?;
    other.v4 = far;
    let us = us.with(other.as_neighbor());
    let other = other.with(us.as_neighbor().line("ebgp-multihop 3"));
    let mut other = Kind::Frr.daemon(&namespace, other);
    let namespace = stage::on_lan(&lab, &lan, "node", &us)?;
    namespace.script("ip route add 10.7.7.2/32 via 10.0.0.2")?;
    let mut node = Ours::new(Role::Node, &namespace, us.with_kernel());
    other.start()?;
    node.start()?;
    wait_for(ROUTE_LIMIT, "the reason", || {
        let status = match node.ctl(&["status"]) {
            Ok(text) => text,
            // Not healthy is an exit code too.
            Err(error) => error.to_string(),
        };
        match status.contains("10.7.7.2 is on no subnet of this node") {
            true => Ok(()),
            false => Err(LabError::new(status)),
        }
    })?;
    node.spec_mut().neighbors[0].lines = vec!["multihop: 3".to_owned()];
    node.reload()?;
    wait_session(&node, far.into())
}

/// Two ToRs of different AS announce the same: both are used, unless that is not wanted.
#[test]
fn tors_of_different_as_share_the_traffic() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird, Kind::Frr]) {
        return Ok(());
    }
    for (lines, shared) in [("", true), ("multipath: {relax: false}", false)] {
        let lab = Lab::new("topology")?;
        let lan = lab.lan("lan")?;
        let us = Spec::new(65001, 1).with_kernel();
        let tors = [(Kind::Bird, 65002, 2), (Kind::Frr, 65003, 3)];
        let tors = tors.map(|(kind, asn, host)| {
            let spec = Spec::new(asn, host).with_block("10.74.0.0/24");
            (kind, spec)
        });
        let to_us = us.as_neighbor();
        let us = us
            .with(tors[0].1.as_neighbor())
            .with(tors[1].1.as_neighbor());
        let namespace = stage::on_lan(&lab, &lan, "node", &us)?;
        let mut node = Ours::new(Role::Node, &namespace, us).with_configuration(lines);
        let players = tors.map(|(kind, spec)| (kind, spec.with(to_us.clone())));
        let mut daemons = stage::place(&lab, &lan, players.to_vec())?;
        node.start()?;
        stage::start_all(&mut daemons)?;
        let prefix = Announcement::new("10.74.0.0/24").prefix;
        for host in [2, 3] {
            wait_route(&node, IpAddr::from([10, 0, 0, host]), prefix)?;
        }
        let both = |routes: &str| routes.contains("10.0.0.2 ") && routes.contains("10.0.0.3 ");
        wait_for(ROUTE_LIMIT, "the ways in the kernel", || {
            let routes = stage::kernel_routes(&namespace, prefix)?;
            match both(&routes) == shared && !routes.is_empty() {
                true => Ok(()),
                false => Err(LabError::new(routes)),
            }
        })?;
    }
    Ok(())
}

/// Both directions are told anew over the same connection: the peer is asked for its routes, and is sent ours.
#[test]
fn soft_resets_keep_the_connection() -> Result<()> {
    let peer = IpAddr::from([10, 0, 0, 2]);
    for kind in [Kind::Frr, Kind::Bird, Kind::Gobgp] {
        if !can_run(&[Kind::Node, kind]) {
            continue;
        }
        let (_lab, _lan, mut node, mut other) = two(kind, |peer| peer, |peer| peer)?;
        let [ours, theirs] = ["10.75.0.0/24", "10.76.0.0/24"].map(Announcement::new);
        node.announce(&ours)?;
        other.announce(&theirs)?;
        wait_route(&node, peer, theirs.prefix)?;
        wait_route(&*other, node.spec().v4.into(), ours.prefix)?;
        let before = node.four_tuple(peer)?;
        let count = |node: &Ours, way: &str, of: &str| -> Result<u64> {
            let count = &node.peer(peer)?["state"][way][of];
            count
                .as_u64()
                .ok_or_else(|| LabError::new(count.to_string()))
        };
        let received = count(&node, "received", "update")?;
        let sent = count(&node, "sent", "update")?;
        node.ctl(&["peer", "reset", "10.0.0.2", "--soft=in"])?;
        wait_for(ROUTE_LIMIT, "its routes again", || {
            match count(&node, "received", "update")? {
                now if now > received => Ok(()),
                now => Err(LabError::new(format!("{kind:?}: {now} updates"))),
            }
        })?;
        assert_eq!(count(&node, "sent", "route_refresh")?, 2, "for each family");
        node.ctl(&["peer", "reset", "10.0.0.2", "--soft=out"])?;
        wait_for(ROUTE_LIMIT, "our routes again", || {
            match count(&node, "sent", "update")? {
                now if now > sent => Ok(()),
                now => Err(LabError::new(format!("{kind:?}: {now} updates"))),
            }
        })?;
        assert_eq!(node.four_tuple(peer)?, before);
        assert!(node.received(peer)?.contains_key(&theirs.prefix));
    }
    Ok(())
}
