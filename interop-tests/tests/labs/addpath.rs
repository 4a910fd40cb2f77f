//! Several paths of a prefix from a reflector to its clients (RFC 7911), ours on either side.

use std::net::IpAddr;

use interop_tests::daemon::{Announcement, Daemon, Kind, Ours, ROUTE_LIMIT, Role, Spec, can_run};
use interop_tests::lab::Lab;
use interop_tests::{LabError, Result, wait_for};
use ipnet::IpNet;

use crate::stage;

/// What a receiver was told by the reflector at `from` of `prefix`: next hops and originators.
fn paths(to: &dyn Daemon, from: IpAddr, prefix: IpNet) -> Result<Vec<(IpAddr, IpAddr)>> {
    let all = to.paths(from)?.into_iter();
    let ours = all.filter(|(of, _)| *of == prefix);
    let mut ours: Vec<(IpAddr, IpAddr)> = ours
        .filter_map(|(_, path)| Some((path.next_hop, path.originator_id?.into())))
        .collect();
    ours.sort();
    Ok(ours)
}

/// Waits until a receiver has exactly the paths to these announcers.
fn wait_paths(to: &dyn Daemon, from: IpAddr, prefix: IpNet, over: &[&Spec]) -> Result<()> {
    let wanted = over
        .iter()
        .map(|spec| (spec.own_address(prefix.addr()), spec.v4.into()));
    let wanted: Vec<(IpAddr, IpAddr)> = wanted.collect();
    let what = format!("{prefix} over {wanted:?} at {:?}", to.kind());
    wait_for(ROUTE_LIMIT, &what, || match paths(to, from, prefix)? {
        found if found == wanted => Ok(()),
        found => Err(LabError::new(format!("{found:?}"))),
    })
}

/// Two clients announce the same prefix; the third one, which takes several paths, gets both with
/// the next hop of each, keeps one when the other goes, and gets it again. A client that takes one
/// path gets one.
fn anycast(receiver: Kind) -> Result<()> {
    if !can_run(&[Kind::Reflector, Kind::Bird, Kind::Node, receiver]) {
        return Ok(());
    }
    let lab = Lab::new("anycast")?;
    let lan = lab.lan("lan")?;
    let spec = Spec::new(65001, 1).reflecting();
    let to_reflector = spec.as_neighbor();
    let from = IpAddr::from(spec.v4);
    let [one, two, three, single] = [2, 3, 4, 5].map(|host| Spec::new(65001, host));
    let clients = [&one, &two, &three, &single];
    let spec = clients.iter().fold(spec, |spec, client| {
        spec.with(client.as_neighbor().passive().client())
    });
    let namespace = stage::on_lan(&lab, &lan, "rr", &spec)?;
    let mut reflector = Ours::new(Role::Reflector, &namespace, spec);
    reflector.start()?;
    let (one, two, single) = (
        one.with(to_reflector.clone()),
        two.with(to_reflector.clone()),
        single.with(to_reflector.clone()),
    );
    let three = three.with(to_reflector.add_path());
    let players = vec![
        (Kind::Bird, one.clone()),
        (Kind::Node, two.clone()),
        (receiver, three.clone()),
        (Kind::Node, single),
    ];
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    stage::all_up(&reflector)?;
    let [first, second, third, fourth] = daemons.as_mut_slice() else {
        unreachable!("four were placed")
    };
    let prefixes = ["10.50.0.0/24", "fd00:50::/64"].map(Announcement::new);
    for one_of in &prefixes {
        first.announce(one_of)?;
        second.announce(one_of)?;
    }
    for Announcement { prefix, .. } in &prefixes {
        wait_paths(&**third, from, *prefix, &[&one, &two])?;
        assert_eq!(paths(&**fourth, from, *prefix)?.len(), 1);
    }
    let listed = reflector.ctl(&["route", "list", "10.50.0.0/24", "--out", "p10_0_0_4"])?;
    for next_hop in ["10.0.0.2", "10.0.0.3"] {
        assert!(listed.contains(next_hop), "{listed}");
    }
    for (name, is_sent) in [("p10_0_0_4", true), ("p10_0_0_5", false)] {
        let peer = reflector.ctl(&["peer", "get", name])?;
        let mut lines = peer.lines().map(str::trim_start);
        let in_effect = lines.find(|line| line.starts_with("in effect"));
        assert!(
            in_effect.is_some_and(|line| line.contains("add-path") == is_sent),
            "{peer}"
        );
    }
    for Announcement { prefix, .. } in &prefixes {
        first.withdraw(*prefix)?;
        wait_paths(&**third, from, *prefix, &[&two])?;
    }
    for one_of in &prefixes {
        first.announce(one_of)?;
        wait_paths(&**third, from, one_of.prefix, &[&one, &two])?;
        second.withdraw(one_of.prefix)?;
        wait_paths(&**third, from, one_of.prefix, &[&one])?;
        first.withdraw(one_of.prefix)?;
        wait_paths(&**third, from, one_of.prefix, &[])?;
    }
    Ok(())
}

#[test]
fn bird_gets_all_paths() -> Result<()> {
    anycast(Kind::Bird)
}

#[test]
fn frr_gets_all_paths() -> Result<()> {
    anycast(Kind::Frr)
}

#[test]
fn gobgp_gets_all_paths() -> Result<()> {
    anycast(Kind::Gobgp)
}

#[test]
fn a_node_gets_all_paths() -> Result<()> {
    anycast(Kind::Node)
}

/// A reflector of another maker sends a node all paths of a prefix, under identifiers of its own; the node shares traffic
/// over them, and loses one when it goes.
fn from_reflector(reflector: Kind) -> Result<()> {
    if !can_run(&[reflector, Kind::Bird, Kind::Node]) {
        return Ok(());
    }
    let lab = Lab::new("severally")?;
    let lan = lab.lan("lan")?;
    let [one, two, node] = [2, 3, 4].map(|host| Spec::new(65001, host));
    let spec = Spec::new(65001, 1).reflecting();
    let to_reflector = spec.as_neighbor();
    let from = IpAddr::from(spec.v4);
    let spec = spec
        .with(one.as_neighbor().client())
        .with(two.as_neighbor().client())
        .with(node.as_neighbor().client().add_path());
    let players = vec![
        (reflector, spec),
        (Kind::Bird, one.clone().with(to_reflector.clone())),
        (Kind::Bird, two.clone().with(to_reflector.clone())),
        (Kind::Node, node.with(to_reflector.add_path())),
    ];
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    let [_, first, second, node] = daemons.as_mut_slice() else {
        unreachable!("four were placed")
    };
    for prefix in ["10.51.0.0/24", "fd00:51::/64"] {
        let one_of = Announcement::new(prefix);
        first.announce(&one_of)?;
        second.announce(&one_of)?;
        wait_paths(&**node, from, one_of.prefix, &[&one, &two])?;
        for spec in [&one, &two] {
            let gateway = spec.own_address(one_of.prefix.addr());
            stage::kernel_route(&**node, one_of.prefix, gateway)?;
        }
        first.withdraw(one_of.prefix)?;
        wait_paths(&**node, from, one_of.prefix, &[&two])?;
        first.announce(&one_of)?;
        wait_paths(&**node, from, one_of.prefix, &[&one, &two])?;
        second.withdraw(one_of.prefix)?;
        wait_paths(&**node, from, one_of.prefix, &[&one])?;
        first.withdraw(one_of.prefix)?;
        wait_paths(&**node, from, one_of.prefix, &[])?;
        stage::no_kernel_route(node.namespace(), one_of.prefix)?;
    }
    Ok(())
}

#[test]
fn bird_sends_a_node_all_paths() -> Result<()> {
    from_reflector(Kind::Bird)
}

#[test]
fn frr_sends_a_node_all_paths() -> Result<()> {
    from_reflector(Kind::Frr)
}
