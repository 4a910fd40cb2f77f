//! Limits of prefixes, on either side (RFC 4271 section 6.7, RFC 4486).

use std::net::IpAddr;

use interop_tests::daemon::{
    Announcement, Daemon, Kind, Neighbor, Ours, ROUTE_LIMIT, Role, Spec, can_run, wait_route,
    wait_session,
};
use interop_tests::lab::{Lab, Lan};
use interop_tests::{LabError, Result, wait_for};

use crate::stage;

/// How a speaker names the other.
type Tie = fn(Neighbor) -> Neighbor;

/// A node of ours and a daemon of another maker of another AS, both up.
fn two(kind: Kind, ours: Tie, theirs: Tie) -> Result<(Lab, Lan, Ours, Box<dyn Daemon>)> {
    let lab = Lab::new("limits")?;
    let lan = lab.lan("lan")?;
    let (spec, other) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let (to_other, to_us) = (ours(other.as_neighbor()), theirs(spec.as_neighbor()));
    let (spec, other) = (spec.with(to_other), other.with(to_us));
    let namespace = stage::on_lan(&lab, &lan, "node", &spec)?;
    let mut node = Ours::new(Role::Node, &namespace, spec);
    let namespace = stage::on_lan(&lab, &lan, "other", &other)?;
    let mut other = kind.daemon(&namespace, other);
    other.start()?;
    node.start()?;
    stage::all_up(&node)?;
    Ok((lab, lan, node, other))
}

fn block(n: u8) -> Announcement {
    Announcement::new(&format!("10.50.{n}.0/24"))
}

/// Waits until `status`, which is not healthy, says all of this.
fn told(node: &Ours, said: &[&str]) -> Result<()> {
    wait_for(ROUTE_LIMIT, said[0], || {
        let status = match node.ctl(&["status"]) {
            Ok(text) => text,
            // Not healthy is an exit code too.
            Err(error) => error.to_string(),
        };
        match said.iter().all(|part| status.contains(part)) {
            true => Ok(()),
            false => Err(LabError::new(status)),
        }
    })
}

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

/// A peer announces more than it may: it is shut out until it is reset, and is let in again when it has come to reason.
fn brings_too_much(kind: Kind) -> Result<()> {
    if !can_run(&[Kind::Node, kind]) {
        return Ok(());
    }
    let limit: Tie = |peer| peer.line("max-prefix: {ipv4: 2, restart: 0}");
    let (_lab, _lan, node, mut other) = two(kind, limit, |peer| peer)?;
    for n in 1..=2 {
        other.announce(&block(n))?;
        wait_route(&node, PEER, block(n).prefix)?;
    }
    told(&node, &["has 2 ipv4-unicast accepted of at most 2"])?;
    other.announce(&block(3))?;
    told(
        &node,
        &[
            "Maximum Number of Prefixes Reached (6/1): at most 2 of ipv4-unicast",
            "bgpctl peer reset 10.0.0.2",
        ],
    )?;
    let page = node.ctl(&["peer", "get", "10.0.0.2"])?;
    assert!(page.contains("until an operator resets it"), "{page}");
    assert!(
        page.contains("2 IPv4, told from 75% on, then shut until reset"),
        "{page}"
    );
    other.withdraw(block(3).prefix)?;
    node.ctl(&["peer", "reset", "10.0.0.2"])?;
    wait_session(&node, PEER)?;
    wait_route(&node, PEER, block(2).prefix).map(drop)
}

#[test]
fn bird_brings_too_much() -> Result<()> {
    brings_too_much(Kind::Bird)
}

#[test]
fn frr_brings_too_much() -> Result<()> {
    brings_too_much(Kind::Frr)
}

/// What is beyond a limit that blocks is taken once there is room, over the same connection.
#[test]
fn what_frr_brings_beyond_a_limit_waits_for_room() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    let limit: Tie = |peer| peer.line("max-prefix: {ipv4: 2, action: block}");
    let (_lab, _lan, mut node, mut other) = two(Kind::Frr, limit, |peer| peer)?;
    for n in 1..=3 {
        other.announce(&block(n))?;
        if n < 3 {
            wait_route(&node, PEER, block(n).prefix)?;
        }
    }
    told(&node, &["is at its max-prefix of 2 ipv4-unicast"])?;
    assert!(!node.received(PEER)?.contains_key(&block(3).prefix));
    let shown = node.ctl(&["route", "list", "--in", "10.0.0.2"])?;
    assert!(shown.contains("max-prefix"), "{shown}");
    let before = node.four_tuple(PEER)?;
    node.spec_mut().neighbors[0].lines = vec!["max-prefix: {ipv4: 3, action: block}".to_owned()];
    node.reload()?;
    wait_route(&node, PEER, block(3).prefix)?;
    assert_eq!(node.four_tuple(PEER)?, before);
    Ok(())
}

/// We announce more than a peer takes, and say so.
fn takes_no_more(kind: Kind, limit: Tie) -> Result<()> {
    if !can_run(&[Kind::Node, kind]) {
        return Ok(());
    }
    let (_lab, _lan, mut node, other) = two(kind, |peer| peer, limit)?;
    let us = node.spec().v4.into();
    for n in 1..=2 {
        node.announce(&block(n))?;
        wait_route(&*other, us, block(n).prefix)?;
    }
    // FRR 8.4 looks before it counts, and so takes one more.
    node.announce(&block(3))?;
    node.announce(&block(4))?;
    told(
        &node,
        &[
            "received Cease/Maximum Number of Prefixes Reached (6/1)",
            "raise the limit of prefixes on 10.0.0.2",
        ],
    )
}

#[test]
fn frr_takes_no_more() -> Result<()> {
    takes_no_more(Kind::Frr, |peer| peer.family_line("maximum-prefix 2"))
}

#[test]
fn bird_takes_no_more() -> Result<()> {
    takes_no_more(Kind::Bird, |peer| {
        peer.family_line("import limit 2 action disable")
    })
}

/// There is more to send than a peer may be sent: it is told so instead.
#[test]
fn frr_is_not_sent_too_much() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    let limit: Tie = |peer| {
        peer.line("max-prefix-out: {ipv4: 2}")
            .line("max-prefix: {restart: 0}")
    };
    let (_lab, _lan, mut node, other) = two(Kind::Frr, limit, |peer| peer)?;
    let us = node.spec().v4.into();
    for n in 1..=2 {
        node.announce(&block(n))?;
        wait_route(&*other, us, block(n).prefix)?;
    }
    node.announce(&block(3))?;
    told(
        &node,
        &["there is more to announce to it than max-prefix-out allows"],
    )?;
    stage::all_down(&*other)?;
    let shown = node.ctl(&["peer", "get", "10.0.0.2"])?;
    assert!(
        shown.contains("more to send than 2 of ipv4-unicast"),
        "{shown}"
    );
    Ok(())
}
