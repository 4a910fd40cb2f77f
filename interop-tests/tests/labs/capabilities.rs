//! What is in effect only where both sides say so in their OPENs (RFC 5492).

use std::net::IpAddr;

use interop_tests::daemon::{
    Announcement, Daemon, Frr, Kind, Ours, ROUTE_LIMIT, Role, Spec, can_run, wait_no_route,
    wait_route,
};
use interop_tests::lab::Lab;
use interop_tests::{LabError, Result, wait_for};

use crate::stage;

/// A route with more communities than fit into 4,096 octets.
fn long(prefix: &str) -> Announcement {
    (0..1200).fold(Announcement::new(prefix), |one, n| one.community(65001, n))
}

/// RFC 8654: attributes of more than 4,096 octets pass from BIRD over the reflector to a daemon that takes long messages;
/// one that does not is told that the route is gone.
fn long_attributes(receiver: Kind) -> Result<()> {
    if !can_run(&[Kind::Reflector, Kind::Bird, receiver]) {
        return Ok(());
    }
    let lab = Lab::new("long")?;
    let lan = lab.lan("lan")?;
    let spec = Spec::new(65001, 1).reflecting();
    let to_reflector = spec.as_neighbor();
    let from = IpAddr::from(spec.v4);
    let [source, long_one, short_one] = [2, 3, 4].map(|host| Spec::new(65001, host));
    let spec = [&source, &long_one, &short_one]
        .iter()
        .fold(spec, |spec, client| {
            spec.with(client.as_neighbor().passive().client())
        });
    let namespace = stage::on_lan(&lab, &lan, "rr", &spec)?;
    let mut reflector = Ours::new(Role::Reflector, &namespace, spec);
    reflector.start()?;
    let extended = |kind: Kind| match kind {
        Kind::Bird => to_reflector.clone().line("enable extended messages on"),
        Kind::Node | Kind::Reflector | Kind::Frr | Kind::Gobgp => to_reflector.clone(),
    };
    let players = vec![
        (Kind::Bird, source.with(extended(Kind::Bird))),
        (receiver, long_one.with(extended(receiver))),
        (Kind::Bird, short_one.with(to_reflector.clone())),
    ];
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    stage::all_up(&reflector)?;
    let [source, long_one, short_one] = daemons.as_mut_slice() else {
        unreachable!("three were placed")
    };
    for prefix in ["10.60.0.0/24", "fd00:60::/64"] {
        let plain = Announcement::new(prefix);
        source.announce(&plain)?;
        for to in [&**long_one, &**short_one] {
            wait_route(to, from, plain.prefix)?;
        }
        source.announce(&long(prefix))?;
        wait_no_route(&**short_one, from, plain.prefix)?;
        // BIRD prints such a list over several lines, of which the first is read.
        let least = if receiver == Kind::Bird { 1 } else { 1200 };
        let what = format!("all communities of {prefix} at {receiver:?}");
        wait_for(ROUTE_LIMIT, &what, || {
            let path = wait_route(&**long_one, from, plain.prefix)?;
            match path.communities.len() {
                count if count >= least => Ok(()),
                count => Err(LabError::new(format!("{count}"))),
            }
        })?;
        source.announce(&plain)?;
        wait_route(&**short_one, from, plain.prefix)?;
    }
    for (name, is_long) in [("p10_0_0_3", true), ("p10_0_0_4", false)] {
        let peer = reflector.ctl(&["peer", "get", name])?;
        let mut lines = peer.lines().map(str::trim_start);
        let in_effect = lines.find(|line| line.starts_with("in effect"));
        assert!(
            in_effect.is_some_and(|line| line.contains("extended-message") == is_long),
            "{peer}"
        );
    }
    Ok(())
}

#[test]
fn long_attributes_pass_to_bird() -> Result<()> {
    long_attributes(Kind::Bird)
}

#[test]
fn long_attributes_pass_to_frr() -> Result<()> {
    long_attributes(Kind::Frr)
}

#[test]
fn long_attributes_pass_to_a_node() -> Result<()> {
    long_attributes(Kind::Node)
}

/// FRR shows the name that we give ourselves, and we the one of its host.
#[test]
fn frr_and_a_node_know_each_other_by_name() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    let lab = Lab::new("names")?;
    let lan = lab.lan("lan")?;
    let (node, frr) = (Spec::new(65001, 1), Spec::new(65001, 2));
    let (to_node, to_frr) = (node.as_neighbor(), frr.as_neighbor());
    let (node_at, frr_at) = (to_node.address, to_frr.address);
    let namespace = stage::on_lan(&lab, &lan, "node", &node)?;
    let mut node = Ours::new(Role::Node, &namespace, node.with(to_frr))
        .with_configuration("hostname: node-7.example.com");
    let namespace = stage::on_lan(&lab, &lan, "frr", &frr)?;
    let mut frr = Frr::new(&namespace, frr.with(to_node));
    node.start()?;
    frr.start()?;
    stage::all_up(&node)?;
    stage::all_up(&frr)?;
    let seen = frr.ask(&[&format!("show bgp neighbors {node_at}")])?;
    assert!(
        seen.contains("node-7") && seen.contains("example.com"),
        "{seen}"
    );
    let peer = node.peer(frr_at)?;
    let name = peer["state"]["hostname"].as_str().unwrap_or_default();
    let host = namespace.run(&["hostname"])?;
    assert!(host.trim().starts_with(name) && !name.is_empty(), "{peer}");
    Ok(())
}

/// RFC 8950: a node without any IPv4 address and FRR exchange IPv4 routes over IPv6 next hops, and the node's kernel has
/// what it learned.
#[test]
fn frr_and_a_node_route_ipv4_over_ipv6() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    let lab = Lab::new("over6")?;
    let lan = lab.lan("lan")?;
    let (node, frr) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let to_node = node.as_neighbor_over_v6();
    let to_frr = frr.as_neighbor_over_v6().line("extended-next-hop: true");
    let (node_at, frr_at) = (to_node.address, to_frr.address);
    let to_node = to_node.line("capability extended-nexthop");
    let namespace = lab.namespace("node")?;
    lan.attach(&namespace, "eth0", &[&format!("{}/64", node.v6)])?;
    let node = node.with_kernel().with_block("10.71.0.0/24");
    let mut node = Ours::new(Role::Node, &namespace, node.with(to_frr));
    let mut frr = Frr::new(&stage::on_lan(&lab, &lan, "frr", &frr)?, frr.with(to_node));
    node.start()?;
    frr.start()?;
    stage::all_up(&node)?;
    let learned = Announcement::new("10.72.0.0/24");
    frr.announce(&learned)?;
    let path = wait_route(&node, frr_at, learned.prefix)?;
    assert_eq!(path.next_hop, frr_at);
    let what = "the route over IPv6 in the node's kernel";
    wait_for(ROUTE_LIMIT, what, || {
        let routes = stage::kernel_routes(node.namespace(), learned.prefix)?;
        match routes.contains(&format!("via inet6 {frr_at} ")) {
            true => Ok(()),
            false => Err(LabError::new(routes)),
        }
    })?;
    let path = wait_route(&frr, node_at, "10.71.0.0/24".parse().expect("a prefix"))?;
    assert_eq!(path.next_hop, node_at);
    frr.withdraw(learned.prefix)?;
    wait_no_route(&node, frr_at, learned.prefix)?;
    stage::no_kernel_route(node.namespace(), learned.prefix)
}

/// RFC 2545 section 3: each of two speakers on a link is given both addresses of the other.
#[test]
fn frr_and_a_node_give_each_other_their_link_local_addresses() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    let lab = Lab::new("linklocal")?;
    let lan = lab.lan("lan")?;
    let (node, frr) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let (to_node, to_frr) = (node.as_neighbor_over_v6(), frr.as_neighbor_over_v6());
    let (node_at, frr_at) = (to_node.address, to_frr.address);
    let namespace = stage::on_lan(&lab, &lan, "node", &node)?;
    let mut node = Ours::new(Role::Node, &namespace, node.with_kernel().with(to_frr));
    let mut frr = Frr::new(&stage::on_lan(&lab, &lan, "frr", &frr)?, frr.with(to_node));
    node.start()?;
    frr.start()?;
    stage::all_up(&node)?;
    let (ours, theirs) = (
        Announcement::new("fd00:73::/64"),
        Announcement::new("fd00:74::/64"),
    );
    node.announce(&ours)?;
    frr.announce(&theirs)?;
    wait_route(&frr, node_at, ours.prefix)?;
    wait_route(&node, frr_at, theirs.prefix)?;
    let seen = frr.ask(&[&format!("show bgp ipv6 unicast {} json", ours.prefix)])?;
    assert!(seen.contains("\"scope\":\"link-local\""), "{seen}");
    let listed = node.ctl_json(&["route", "list", "--in", &frr_at.to_string()])?;
    let link_local = listed[0]["next_hop_link_local"]
        .as_str()
        .unwrap_or_default();
    assert!(
        link_local.starts_with("fe80::") && link_local.ends_with("%eth0"),
        "{listed}"
    );
    stage::kernel_route(&node, theirs.prefix, frr_at)
}

/// RFC 9234: what a provider says goes to our customer with its mark and to no other provider; our own routes go to all, to
/// the customer with our mark.
fn roles(upstream: Kind) -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird, upstream]) {
        return Ok(());
    }
    let says = |kind: Kind, role: &str| match kind {
        Kind::Bird => format!("local role {role}"),
        _ => format!("local-role {role}"),
    };
    let lab = Lab::new("roles")?;
    let lan = lab.lan("lan")?;
    let spec = Spec::new(65001, 1);
    let to_us = spec.as_neighbor();
    let from = IpAddr::from(spec.v4);
    let [up, other, down] = [2, 3, 4].map(|host| Spec::new(65000 + u32::from(host), host));
    let spec = spec
        .with(
            up.as_neighbor()
                .line("role: customer")
                .line("role-strict: true"),
        )
        .with(other.as_neighbor().line("role: customer"))
        .with(down.as_neighbor().line("role: provider"));
    let up_at = IpAddr::from(up.v4);
    let namespace = stage::on_lan(&lab, &lan, "us", &spec)?;
    let mut us = Ours::new(Role::Node, &namespace, spec);
    us.start()?;
    let players = vec![
        (
            upstream,
            up.with(to_us.clone().line(&says(upstream, "provider"))),
        ),
        (
            Kind::Bird,
            other.with(to_us.clone().line(&says(Kind::Bird, "provider"))),
        ),
        (
            Kind::Bird,
            down.with(to_us.line(&says(Kind::Bird, "customer"))),
        ),
    ];
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    stage::all_up(&us)?;
    let [up, other, down] = daemons.as_mut_slice() else {
        unreachable!("three were placed")
    };
    let learned = Announcement::new("10.75.0.0/24");
    let own = Announcement::new("10.76.0.0/24");
    up.announce(&learned)?;
    us.announce(&own)?;
    for to in [&**up, &**other, &**down] {
        wait_route(to, from, own.prefix)?;
    }
    wait_route(&**down, from, learned.prefix)?;
    let mark = |prefix: &Announcement| -> Result<String> {
        let prefix = prefix.prefix.to_string();
        let table = down.namespace();
        let socket = format!("{}/{}-bird.ctl", table.dir().display(), table.name());
        table.run(&[
            "birdc", "-r", "-s", &socket, "show", "route", &prefix, "all",
        ])
    };
    let (of_learned, of_own) = (mark(&learned)?, mark(&own)?);
    assert!(of_learned.contains("BGP.otc: 65002"), "{of_learned}");
    assert!(of_own.contains("BGP.otc: 65001"), "{of_own}");
    let listed = us.ctl_json(&["route", "list", "--in", &up_at.to_string()])?;
    assert_eq!(
        listed[0]["attributes"]["only_to_customer"], 65002,
        "{listed}"
    );
    // It has all there is to come by now: our own route went out behind the learned one or in the same pull.
    assert!(!other.received(from)?.contains_key(&learned.prefix));
    Ok(())
}

#[test]
fn roles_keep_routes_of_bird_from_leaking() -> Result<()> {
    roles(Kind::Bird)
}

#[test]
fn roles_keep_routes_of_frr_from_leaking() -> Result<()> {
    roles(Kind::Frr)
}

/// Two customers make no session, and both say why.
#[test]
fn roles_that_do_not_go_together_make_no_session() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let lab = Lab::new("mismatch")?;
    let lan = lab.lan("lan")?;
    let (node, bird) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let to_bird = bird.as_neighbor().line("role: customer");
    let to_node = node.as_neighbor().line("local role customer");
    let bird_at = to_bird.address;
    let namespace = stage::on_lan(&lab, &lan, "node", &node)?;
    let mut node = Ours::new(Role::Node, &namespace, node.with(to_bird));
    node.start()?;
    let mut daemons = stage::place(&lab, &lan, vec![(Kind::Bird, bird.with(to_node))])?;
    daemons.iter_mut().try_for_each(|daemon| daemon.start())?;
    wait_for(ROUTE_LIMIT, "the mismatch to be told", || {
        let peer = node.peer(bird_at)?;
        match peer["state"]["last_error"].to_string() {
            error if error.contains("Role Mismatch") => Ok(()),
            error => Err(LabError::new(error)),
        }
    })
}

/// RFC 7313: FRR and a node refresh each other, with marks, and lose nothing.
#[test]
fn frr_and_a_node_refresh_each_other_with_marks() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    let lab = Lab::new("refresh")?;
    let lan = lab.lan("lan")?;
    let (node, frr) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let (to_node, to_frr) = (node.as_neighbor(), frr.as_neighbor());
    let (node_at, frr_at) = (to_node.address, to_frr.address);
    let namespace = stage::on_lan(&lab, &lan, "node", &node)?;
    let mut node = Ours::new(Role::Node, &namespace, node.with(to_frr));
    let mut frr = Frr::new(&stage::on_lan(&lab, &lan, "frr", &frr)?, frr.with(to_node));
    node.start()?;
    frr.start()?;
    stage::all_up(&node)?;
    let (ours, theirs) = (
        Announcement::new("10.77.0.0/24"),
        Announcement::new("10.78.0.0/24"),
    );
    node.announce(&ours)?;
    frr.announce(&theirs)?;
    wait_route(&frr, node_at, ours.prefix)?;
    wait_route(&node, frr_at, theirs.prefix)?;
    let counted = |count: &str| -> Result<u64> {
        let peer = node.peer(frr_at)?;
        let count = &peer["state"][count]["route_refresh"];
        count
            .as_u64()
            .ok_or_else(|| LabError::new(peer.to_string()))
    };
    // We ask for both families, and each comes between two marks.
    node.ctl(&["peer", "reset", &frr_at.to_string(), "--soft=in"])?;
    wait_for(ROUTE_LIMIT, "the marks of FRR", || {
        match counted("received")? {
            4.. => Ok(()),
            count => Err(LabError::new(format!("{count}"))),
        }
    })?;
    let before = counted("sent")?;
    frr.ask(&[&format!("clear bgp {node_at} soft in")])?;
    wait_for(ROUTE_LIMIT, "our mark", || {
        match counted("sent")? > before {
            true => Ok(()),
            false => Err(LabError::new(format!("{before}"))),
        }
    })?;
    wait_route(&frr, node_at, ours.prefix)?;
    wait_route(&node, frr_at, theirs.prefix)?;
    let peer = node.peer(frr_at)?;
    assert_eq!(peer["state"]["flaps"], 0, "{peer}");
    Ok(())
}
