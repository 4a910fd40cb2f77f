//! Two speakers, one session.

use std::net::IpAddr;

use interop_tests::Result;
use interop_tests::daemon::{
    Announcement, Daemon, Kind, Spec, can_run, wait_no_route, wait_route, wait_session,
};
use interop_tests::lab::Lab;

/// Who opens the TCP connection.
#[derive(Clone, Copy, PartialEq)]
enum Opener {
    Subject,
    Peer,
}

/// What stands between the two speakers.
#[derive(Clone, Copy, PartialEq)]
enum Relation {
    External,
    Internal,
}

fn exchange(subject: Kind, peer: Kind, relation: Relation, opener: Opener) -> Result<()> {
    if !can_run(&[subject, peer]) {
        return Ok(());
    }
    let lab = Lab::new("exchange")?;
    let lan = lab.lan("lan")?;
    let peer_as = if relation == Relation::External {
        65002
    } else {
        65001
    };
    let (mut one, mut two) = (Spec::new(65001, 1), Spec::new(peer_as, 2));
    let (mut to_one, mut to_two) = (one.as_neighbor(), two.as_neighbor());
    to_one.passive = opener == Opener::Subject;
    to_two.passive = opener == Opener::Peer;
    one.neighbors.push(to_two);
    two.neighbors.push(to_one);
    let mut daemons = Vec::new();
    for (kind, name, spec) in [(subject, "one", one), (peer, "two", two)] {
        let namespace = lab.namespace(name)?;
        let addresses = spec.addresses();
        lan.attach(&namespace, "eth0", &[&addresses[0], &addresses[1]])?;
        daemons.push(kind.daemon(&namespace, spec));
    }
    let [one, two] = daemons.as_mut_slice() else {
        unreachable!("two were pushed")
    };
    one.start()?;
    two.start()?;
    both_up(&**one, &**two)?;
    routes_cross(&mut **one, &mut **two)?;
    routes_cross(&mut **two, &mut **one)?;
    comes_back(&mut **one, &**two)?;
    comes_back(&mut **two, &**one)
}

fn both_up(one: &dyn Daemon, two: &dyn Daemon) -> Result<()> {
    wait_session(one, two.spec().v4.into())?;
    wait_session(two, one.spec().v4.into())
}

/// `from` announces, `to` sees every attribute as the standard says; then one is withdrawn.
fn routes_cross(from: &mut dyn Daemon, to: &mut dyn Daemon) -> Result<()> {
    let host = from.spec().v4.octets()[3];
    let (v4, v6) = (format!("10.{host}.0.0/24"), format!("fd00:{host}::/64"));
    let peer = IpAddr::from(from.spec().v4);
    let external = from.spec().asn != to.spec().asn;
    for prefix in [&v4, &v6] {
        let announcement = Announcement::new(prefix)
            .med(7)
            .community(65001, 1)
            .community(65001, 2);
        from.announce(&announcement)?;
        let path = wait_route(to, peer, announcement.prefix)?;
        let expected_next_hop = from.spec().own_address(announcement.prefix.addr());
        assert_eq!(path.next_hop, expected_next_hop, "{prefix}: {path:?}");
        let expected_path = if external {
            vec![from.spec().asn]
        } else {
            vec![]
        };
        assert_eq!(path.as_path, expected_path, "{prefix}: {path:?}");
        assert_eq!(path.med, Some(7), "{prefix}: {path:?}");
        assert_eq!(
            path.communities, announcement.communities,
            "{prefix}: {path:?}"
        );
        if !external {
            assert_eq!(path.local_pref, Some(100), "{prefix}: {path:?}");
        }
    }
    let gone = Announcement::new(&v4).prefix;
    from.withdraw(gone)?;
    wait_no_route(to, peer, gone)
}

/// `restarted` goes and comes back: `other` loses its routes, and learns them again.
fn comes_back(restarted: &mut dyn Daemon, other: &dyn Daemon) -> Result<()> {
    let host = restarted.spec().v4.octets()[3];
    let kept = Announcement::new(&format!("fd00:{host}::/64")).prefix;
    let peer = IpAddr::from(restarted.spec().v4);
    restarted.stop()?;
    wait_no_route(other, peer, kept)?;
    restarted.start()?;
    both_up(restarted, other)?;
    wait_route(other, peer, kept).map(drop)
}

macro_rules! exchanges {
    ($($module:ident: $subject:expr, $peer:expr;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn external_we_connect() -> Result<()> {
                exchange($subject, $peer, Relation::External, Opener::Subject)
            }

            #[test]
            fn external_they_connect() -> Result<()> {
                exchange($subject, $peer, Relation::External, Opener::Peer)
            }

            #[test]
            fn internal_we_connect() -> Result<()> {
                exchange($subject, $peer, Relation::Internal, Opener::Subject)
            }

            #[test]
            fn internal_they_connect() -> Result<()> {
                exchange($subject, $peer, Relation::Internal, Opener::Peer)
            }
        }
    )*};
}

mod makers {
    use super::*;

    exchanges! {
        bird_and_frr: Kind::Bird, Kind::Frr;
        bird_and_gobgp: Kind::Bird, Kind::Gobgp;
    }
}
