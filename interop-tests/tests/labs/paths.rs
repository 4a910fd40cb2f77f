//! What is done to AS_PATH between daemons of several makers (RFC 6996, RFC 7705).

use std::net::IpAddr;

use interop_tests::Result;
use interop_tests::daemon::{Announcement, Daemon, Kind, Neighbor, Spec, can_run, wait_route};
use interop_tests::lab::{Lab, Lan};

use crate::stage;

/// How a speaker names another.
type Tie = fn(Neighbor) -> Neighbor;

/// Two daemons with a node of ours between them, all up.
struct Chain {
    /// Left, ours, right.
    daemons: Vec<Box<dyn Daemon>>,
    _lan: Lan,
    _lab: Lab,
}

impl Chain {
    /// The ends are of these AS; ours names them so, and the left one names us so.
    fn of(kind: Kind, asns: [u32; 2], ours: [Tie; 2], left: Tie) -> Result<Option<Chain>> {
        if !can_run(&[Kind::Node, kind]) {
            return Ok(None);
        }
        let lab = Lab::new("paths")?;
        let lan = lab.lan("lan")?;
        let ends = [Spec::new(asns[0], 2), Spec::new(asns[1], 3)];
        let us = Spec::new(65001, 1);
        let (to_us, right) = (us.as_neighbor(), ends[1].clone());
        let us = us
            .with(ours[0](ends[0].as_neighbor()))
            .with(ours[1](ends[1].as_neighbor()));
        let [one, _] = ends;
        let players = vec![
            (kind, one.with(left(to_us.clone()))),
            (Kind::Node, us),
            (kind, right.with(to_us)),
        ];
        let mut daemons = stage::place(&lab, &lan, players)?;
        stage::start_all(&mut daemons)?;
        Ok(Some(Chain {
            daemons,
            _lan: lan,
            _lab: lab,
        }))
    }

    /// The path of a block of the left end at the right one.
    fn reach_right(&mut self) -> Result<Vec<u32>> {
        let block = Announcement::new("10.60.0.0/24");
        self.daemons[0].announce(&block)?;
        let from = IpAddr::from([10, 0, 0, 1]);
        Ok(wait_route(&*self.daemons[2], from, block.prefix)?.as_path)
    }

    /// The path of a block of the right end at the left one.
    fn reach_left(&mut self) -> Result<Vec<u32>> {
        let block = Announcement::new("10.61.0.0/24");
        self.daemons[2].announce(&block)?;
        let from = IpAddr::from([10, 0, 0, 1]);
        Ok(wait_route(&*self.daemons[0], from, block.prefix)?.as_path)
    }
}

fn plain(neighbor: Neighbor) -> Neighbor {
    neighbor
}

fn override_joins_sites(kind: Kind) -> Result<()> {
    let ours: [Tie; 2] = [plain, |peer| peer.line("as-override: true")];
    if let Some(mut chain) = Chain::of(kind, [65002, 65002], ours, plain)? {
        assert_eq!(chain.reach_right()?, [65001, 65001]);
    }
    Ok(())
}

#[test]
fn override_joins_sites_of_frr() -> Result<()> {
    override_joins_sites(Kind::Frr)
}

#[test]
fn override_joins_sites_of_bird() -> Result<()> {
    override_joins_sites(Kind::Bird)
}

#[test]
fn private_numbers_are_kept_from_frr() -> Result<()> {
    let ours: [Tie; 2] = [plain, |peer| peer.line("remove-private-as: all")];
    if let Some(mut chain) = Chain::of(Kind::Frr, [64900, 3], ours, plain)? {
        assert_eq!(chain.reach_right()?, [65001]);
    }
    Ok(())
}

#[test]
fn private_numbers_are_replaced_for_bird() -> Result<()> {
    let ours: [Tie; 2] = [plain, |peer| peer.line("remove-private-as: replace")];
    if let Some(mut chain) = Chain::of(Kind::Bird, [64900, 3], ours, plain)? {
        assert_eq!(chain.reach_right()?, [65001, 65001]);
    }
    Ok(())
}

/// How the left end names us by our other number.
fn as_another(mut neighbor: Neighbor) -> Neighbor {
    neighbor.asn = 65010;
    neighbor
}

#[test]
fn frr_knows_us_by_another_number() -> Result<()> {
    let ours: [Tie; 2] = [|peer| peer.line("local-as: {as: 65010}"), plain];
    if let Some(mut chain) = Chain::of(Kind::Frr, [65002, 65003], ours, as_another)? {
        assert_eq!(chain.reach_left()?, [65010, 65001, 65003]);
        assert_eq!(chain.reach_right()?, [65001, 65010, 65002]);
    }
    Ok(())
}

#[test]
fn bird_knows_us_by_another_number_and_no_more_of_it() -> Result<()> {
    let ours: [Tie; 2] = [
        |peer| peer.line("local-as: {as: 65010, no-prepend: true, replace-as: true}"),
        plain,
    ];
    if let Some(mut chain) = Chain::of(Kind::Bird, [65002, 65003], ours, as_another)? {
        assert_eq!(chain.reach_left()?, [65010, 65003]);
        assert_eq!(chain.reach_right()?, [65001, 65002]);
    }
    Ok(())
}

/// A node takes the routes of another of its own AS over a switch that does nothing about it.
fn allowed_over(kind: Kind) -> Result<()> {
    if !can_run(&[Kind::Node, kind]) {
        return Ok(());
    }
    let lab = Lab::new("paths")?;
    let lan = lab.lan("lan")?;
    let nodes = [Spec::new(65001, 1), Spec::new(65001, 2)];
    let switch = Spec::new(65100, 3);
    let to_switch = switch.as_neighbor().line("allow-own-as: 1");
    let switch = switch
        .with(nodes[0].as_neighbor())
        .with(nodes[1].as_neighbor());
    let [one, two] = nodes.map(|node| node.with(to_switch.clone()));
    let block = "10.62.0.0/24";
    let players = vec![
        (Kind::Node, one.with_block(block)),
        (Kind::Node, two),
        (kind, switch),
    ];
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    let prefix = Announcement::new(block).prefix;
    let path = wait_route(&*daemons[1], IpAddr::from([10, 0, 0, 3]), prefix)?;
    assert_eq!(path.as_path, [65100, 65001]);
    Ok(())
}

#[test]
fn our_own_as_is_allowed_over_frr() -> Result<()> {
    allowed_over(Kind::Frr)
}

#[test]
fn our_own_as_is_allowed_over_bird() -> Result<()> {
    allowed_over(Kind::Bird)
}

/// Clients of a route server of ours hear each other as if they talked to each other.
#[test]
fn bird_talks_over_a_route_server_of_ours() -> Result<()> {
    let ours: [Tie; 2] = [|peer| peer.line("route-server-client: true"); 2];
    let Some(mut chain) = Chain::of(Kind::Bird, [65002, 65003], ours, plain)? else {
        return Ok(());
    };
    let block = Announcement::new("10.60.0.0/24")
        .med(77)
        .community(65002, 5);
    chain.daemons[0].announce(&block)?;
    let from = IpAddr::from([10, 0, 0, 1]);
    let path = wait_route(&*chain.daemons[2], from, block.prefix)?;
    assert_eq!(path.as_path, [65002]);
    assert_eq!(path.next_hop, IpAddr::from([10, 0, 0, 2]));
    assert_eq!(path.med, Some(77));
    assert_eq!(path.communities, block.communities);
    Ok(())
}

/// A node is a client of BIRD's route server, which does not put itself into AS_PATH.
#[test]
fn a_node_hears_others_over_a_route_server() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let lab = Lab::new("paths")?;
    let lan = lab.lan("lan")?;
    let nodes = [Spec::new(65001, 1), Spec::new(65002, 2)];
    let server = Spec::new(65100, 3);
    let to_server = server.as_neighbor().line("enforce-first-as: false");
    let server = server
        .with(nodes[0].as_neighbor().line("rs client"))
        .with(nodes[1].as_neighbor().line("rs client"));
    let [one, two] = nodes.map(|node| node.with(to_server.clone()));
    let block = "10.63.0.0/24";
    let players = vec![
        (Kind::Node, one.with_block(block)),
        (Kind::Node, two),
        (Kind::Bird, server),
    ];
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    let prefix = Announcement::new(block).prefix;
    let path = wait_route(&*daemons[1], IpAddr::from([10, 0, 0, 3]), prefix)?;
    assert_eq!(path.as_path, [65001]);
    assert_eq!(path.next_hop, IpAddr::from([10, 0, 0, 1]));
    stage::kernel_route(&*daemons[1], prefix, IpAddr::from([10, 0, 0, 1]))
}
