//! A reflector and its clients (RFC 4456).

use interop_tests::Result;
use interop_tests::daemon::{Announcement, Daemon, Kind, Spec, can_run, wait_no_route, wait_route};
use interop_tests::lab::Lab;

use crate::stage;

/// One reflector, two clients: what each announces reaches the other with the next hop, the path
/// and the preference that it left with, and with the marks of the reflector.
fn reflects(reflector: Kind, first: Kind, second: Kind) -> Result<()> {
    if !can_run(&[reflector, first, second]) {
        return Ok(());
    }
    let lab = Lab::new("reflects")?;
    let lan = lab.lan("lan")?;
    let (middle, one, two) = (
        Spec::new(65001, 1).reflecting(),
        Spec::new(65001, 2),
        Spec::new(65001, 3),
    );
    let to_middle = middle.as_neighbor();
    let middle = middle
        .with(one.as_neighbor().passive().client())
        .with(two.as_neighbor().passive().client());
    let (one, two) = (one.with(to_middle.clone()), two.with(to_middle));
    let mut daemons = stage::place(
        &lab,
        &lan,
        vec![(reflector, middle), (first, one), (second, two)],
    )?;
    stage::start_all(&mut daemons)?;
    let [middle, one, two] = daemons.as_mut_slice() else {
        unreachable!("three were placed")
    };
    crosses(&**middle, &mut **one, &**two)?;
    crosses(&**middle, &mut **two, &**one)
}

fn crosses(reflector: &dyn Daemon, from: &mut dyn Daemon, to: &dyn Daemon) -> Result<()> {
    let host = from.spec().v4.octets()[3];
    for prefix in [format!("10.{host}.0.0/24"), format!("fd00:{host}::/64")] {
        let announcement = Announcement::new(&prefix).community(65001, 7);
        let prefix = announcement.prefix;
        from.announce(&announcement)?;
        let path = wait_route(to, reflector.spec().v4.into(), prefix)?;
        assert_eq!(
            path.next_hop,
            from.spec().own_address(prefix.addr()),
            "{prefix}: {path:?}"
        );
        assert!(path.as_path.is_empty(), "{prefix}: {path:?}");
        assert_eq!(path.local_pref, Some(100), "{prefix}: {path:?}");
        assert_eq!(
            path.communities, announcement.communities,
            "{prefix}: {path:?}"
        );
        assert_eq!(
            path.originator_id,
            Some(from.spec().v4),
            "{prefix}: {path:?}"
        );
        assert_eq!(
            path.cluster_list,
            [reflector.spec().v4],
            "{prefix}: {path:?}"
        );
        // FRR sends a route back to its originator, which then has to refuse it.
        if reflector.kind() != Kind::Frr {
            let own = from.received(reflector.spec().v4.into())?;
            assert!(
                !own.contains_key(&prefix),
                "{prefix} came back to its originator: {own:?}"
            );
        }
        from.withdraw(prefix)?;
        wait_no_route(to, reflector.spec().v4.into(), prefix)?;
    }
    Ok(())
}

/// Two reflectors, three clients of both: with one reflector gone, every client still knows every
/// block, and its return changes nothing.
fn survives_one_reflector(reflector: Kind, client: Kind) -> Result<()> {
    if !can_run(&[reflector, client]) {
        return Ok(());
    }
    let lab = Lab::new("two-reflectors")?;
    let lan = lab.lan("lan")?;
    let (mut left, mut right) = (
        Spec::new(65001, 1).reflecting(),
        Spec::new(65001, 2).reflecting(),
    );
    let (to_left, to_right) = (left.as_neighbor(), right.as_neighbor());
    left.neighbors.push(to_right.clone());
    right.neighbors.push(to_left.clone());
    let mut players = Vec::new();
    for host in 3..=5u8 {
        let spec = Spec::new(65001, host)
            .with_block(&format!("10.{host}.0.0/24"))
            .with_block(&format!("fd00:{host}::/64"))
            .with(to_left.clone())
            .with(to_right.clone());
        left.neighbors.push(spec.as_neighbor().passive().client());
        right.neighbors.push(spec.as_neighbor().passive().client());
        players.push((client, spec));
    }
    players.extend([(reflector, left), (reflector, right)]);
    let mut daemons = stage::place(&lab, &lan, players)?;
    stage::start_all(&mut daemons)?;
    let (clients, reflectors) = daemons.split_at_mut(3);
    knows_all(clients, reflectors)?;
    reflectors[0].stop()?;
    knows_all(clients, &reflectors[1..])?;
    reflectors[0].start()?;
    knows_all(clients, reflectors)
}

fn knows_all(clients: &[Box<dyn Daemon>], reflectors: &[Box<dyn Daemon>]) -> Result<()> {
    for (client, reflector) in clients
        .iter()
        .flat_map(|c| reflectors.iter().map(move |r| (c, r)))
    {
        let others = clients
            .iter()
            .filter(|other| other.spec().v4 != client.spec().v4);
        for (other, block) in others.flat_map(|o| o.spec().blocks.iter().map(move |b| (o, b))) {
            let path = wait_route(&**client, reflector.spec().v4.into(), *block)?;
            assert_eq!(
                path.originator_id,
                Some(other.spec().v4),
                "{block}: {path:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn node_is_a_client_of_bird() -> Result<()> {
    reflects(Kind::Bird, Kind::Node, Kind::Frr)
}

#[test]
fn node_is_a_client_of_frr() -> Result<()> {
    reflects(Kind::Frr, Kind::Node, Kind::Bird)
}

#[test]
fn node_is_a_client_of_gobgp() -> Result<()> {
    reflects(Kind::Gobgp, Kind::Node, Kind::Bird)
}

#[test]
fn reflector_serves_bird_and_frr() -> Result<()> {
    reflects(Kind::Reflector, Kind::Bird, Kind::Frr)
}

#[test]
fn reflector_serves_gobgp_and_node() -> Result<()> {
    reflects(Kind::Reflector, Kind::Gobgp, Kind::Node)
}

#[test]
fn nodes_survive_one_of_two_reflectors() -> Result<()> {
    survives_one_reflector(Kind::Reflector, Kind::Node)
}

mod makers {
    use super::*;

    #[test]
    fn bird_reflects() -> Result<()> {
        reflects(Kind::Bird, Kind::Frr, Kind::Gobgp)
    }

    #[test]
    fn frr_reflects() -> Result<()> {
        reflects(Kind::Frr, Kind::Bird, Kind::Gobgp)
    }

    #[test]
    fn gobgp_reflects() -> Result<()> {
        reflects(Kind::Gobgp, Kind::Bird, Kind::Frr)
    }

    #[test]
    fn clients_of_two_birds() -> Result<()> {
        survives_one_reflector(Kind::Bird, Kind::Bird)
    }
}
