//! RFC 4271 section 9: what becomes of routes.

use std::net::Ipv4Addr;

use interop_tests::Result;

use super::cases::{observer, open_confirm};
use super::octets::*;
use super::scene::{BOTH, Ground, OUR_AS, Peer, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "9",
        Must,
        "An UPDATE before Established is an error",
        update_before_established
    ),
    rule!(
        "9",
        Must,
        "A route that is withdrawn goes, one that was not there is no fault",
        withdrawn_goes
    ),
    rule!(
        "9",
        Must,
        "A route replaces what the peer announced of its prefix before",
        replaces
    ),
    rule!(
        "9",
        Must,
        "A new route is taken, beside those of other peers",
        new_route_is_taken
    ),
    rule!(
        "9.1",
        Must,
        "What is chosen depends on the routes, not on the order in which they came",
        order_is_nothing
    ),
    rule!(
        "9.1.1",
        Must,
        "The preference of an external route is its LOCAL_PREF inside",
        preference_is_local_pref
    ),
    not_done!(
        "9.1.2",
        Must,
        "A route whose next hop is not resolvable is not chosen",
        "a reflector has no routes to resolve by and takes all next hops as reachable; a node shows such routes as failed, in its own labs"
    ),
    rule!(
        "9.1.2",
        Should,
        "A route with our AS in its path is not used, and what it replaces goes",
        as_loop
    ),
    not_done!(
        "9.1.2",
        Must,
        "The immediate next hop is found anew when routes to it change",
        "labs of the node and unit tests of `fib`"
    ),
    not_done!(
        "9.1.2",
        Must,
        "Routes that cannot be resolved leave the routing table and stay in the Adj-RIB-In",
        "labs of the node and unit tests of `fib`"
    ),
    not_done!(
        "9.1.2.1",
        Should,
        "Only the longest matching route resolves a next hop; mutual recursion is logged",
        "unit tests of `fib`: nothing is resolved through our own routes"
    ),
    rule!(
        "9.1.2.2",
        Must,
        "a) The shorter AS_PATH wins; a set counts as one",
        shorter_path
    ),
    rule!("9.1.2.2", Must, "b) Then the lower ORIGIN", lower_origin),
    rule!(
        "9.1.2.2",
        Must,
        "c) Then the lower MED, among routes of one neighbouring AS only; none counts as 0",
        med_of_one_neighbour
    ),
    not_done!(
        "9.1.2.2",
        Must,
        "c) MED that was removed is compared among external routes only",
        "MED is never removed before routes are chosen"
    ),
    rule!(
        "9.1.2.2",
        Must,
        "d) Then an external route before an internal one",
        external_first
    ),
    not_done!(
        "9.1.2.2",
        Must,
        "e) Then the lower cost to the next hop",
        "no IGP is known: all costs are equal, as the rule allows"
    ),
    rule!(
        "9.1.2.2",
        Must,
        "f) Then the lower BGP Identifier",
        lower_identifier
    ),
    rule!(
        "9.1.2.2",
        Must,
        "g) Then the lower address of the peer",
        lower_address
    ),
    not_done!(
        "9.1.3",
        Must,
        "Only routes that can be forwarded by are announced",
        "a reflector forwards nothing and is asked to pass routes on"
    ),
    rule!(
        "9.1.3",
        Must,
        "A route that may no longer go to a peer is withdrawn from it",
        withdrawn_when_excluded
    ),
    rule!(
        "9.1.4",
        Must,
        "Overlapping routes are both used",
        overlapping
    ),
    rule!(
        "9.2",
        Must,
        "Routes of an internal peer do not go to another one, unless one is a client",
        not_from_internal_to_internal
    ),
    rule!(
        "9.2",
        Must,
        "The end of the best route is told: the next best one, or a withdrawal",
        end_is_told
    ),
    rule!(
        "9.2",
        Should,
        "A route that did not change is not told again",
        not_told_twice
    ),
    rule!(
        "9.2",
        Must,
        "A route that does not fit into a message is not announced, and what it replaces is withdrawn",
        too_large
    ),
    not_done!(
        "9.2.1.1",
        Must,
        "Two UPDATEs about a destination are apart by MinRouteAdvertisementInterval",
        "the interval is 0, as it may be"
    ),
    not_done!(
        "9.2.1.1",
        Should,
        "The interval is shorter for internal peers",
        "it is 0 for all"
    ),
    not_done!(
        "9.2.2.2",
        Must,
        "The attributes of an aggregate are made by its rules",
        "nothing is aggregated"
    ),
    not_done!(
        "9.3",
        Should,
        "Unstable routes are avoided",
        "no damping: RFC 7196 tells why it did harm"
    ),
    not_done!(
        "9.4",
        Should,
        "What is originated is for the administrator to say",
        "configuration: `advertise`, `export`; shown by labs"
    ),
];

fn update_before_established(ground: &Ground<'_>) -> Result<usize> {
    let net = ground.net();
    let mut sent = ground.connection(Side::Client)?;
    let octets = update(&[], &sent.good(), &[net]);
    sent.send(&octets)?;
    sent.is_told(5, 1, &[UPDATE])?;
    let mut confirm = open_confirm(ground)?;
    let octets = update(&[], &confirm.good(), &[net]);
    confirm.send(&octets)?;
    confirm.is_told(5, 2, &[UPDATE])?;
    Ok(2)
}

fn withdrawn_goes(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        let (net, stays, never) = (ground.net(), ground.net(), ground.net());
        peer.send(&update(&[], &peer.good(), &[net, stays]))?;
        other.has(net)?;
        peer.send(&withdraw(&[never, net]))?;
        other.lost(net)?;
        sync(&mut peer, &mut other)?;
        ensure(other.path(stays).is_some(), || "another one went".into())?;
    }
    Ok(2)
}

fn med(value: u8) -> Octets {
    attr(OPTIONAL, MED, &[0, 0, 0, value])
}

fn replaces(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net();
    for value in [5, 9, 1] {
        // Better or worse: it is what the peer says now.
        peer.announce_with(&peer.good_with(&med(value)), net)?;
        other.has_value(net, MED, Some(&[0, 0, 0, value]))?;
    }
    peer.send(&withdraw(&[net]))?;
    other.lost(net)?;
    Ok(3)
}

fn new_route_is_taken(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    one.announce_with(&one.good_with(&med(1)), net)?;
    other.has_value(net, MED, Some(&[0, 0, 0, 1]))?;
    two.announce_with(&two.good_with(&med(2)), net)?;
    sync(&mut two, &mut other)?;
    ensure(other.value(net, MED) == Some(&[0, 0, 0, 1]), || {
        "the worse one is told".into()
    })?;
    one.send(&withdraw(&[net]))?;
    other.has_value(net, MED, Some(&[0, 0, 0, 2]))?;
    Ok(2)
}

/// Two routes, of which the first one is to win, whichever comes first. They are told apart by a community.
fn wins(
    ground: &Ground<'_>,
    (one, better): (&mut Peer, Vec<Octets>),
    (two, worse): (&mut Peer, Vec<Octets>),
) -> Result<usize> {
    let mut other = ground.peer(Side::Client)?;
    let marked = |mut attributes: Vec<Octets>, mark: u8| {
        attributes.push(attr(TRANSITIVE, COMMUNITIES, &[0xfb, 0xff, 0, mark]));
        attributes
    };
    let (better, worse) = (marked(better, 1), marked(worse, 2));
    let best: &[u8] = &[0xfb, 0xff, 0, 1];
    for is_first in [true, false] {
        let net = ground.net();
        if is_first {
            one.announce_with(&better, net)?;
        }
        two.announce_with(&worse, net)?;
        if !is_first {
            other.has(net)?;
            one.announce_with(&better, net)?;
        }
        other.has_value(net, COMMUNITIES, Some(best))?;
        sync(two, &mut other)?;
        ensure(other.value(net, COMMUNITIES) == Some(best), || {
            "the worse one is told".into()
        })?;
        // And it was there.
        one.send(&withdraw(&[net]))?;
        other.has_value(net, COMMUNITIES, Some(&[0xfb, 0xff, 0, 2]))?;
    }
    Ok(2)
}

fn with_path(peer: &Peer, value: &[u8]) -> Vec<Octets> {
    peer.good_with(&attr(WELL_KNOWN, AS_PATH, value))
}

fn order_is_nothing(ground: &Ground<'_>) -> Result<usize> {
    // Three routes, of which the MEDs of two can be compared: every order of arrival ends the same.
    let mut peers = [
        ground.peer_of(65001)?,
        ground.peer_of(65001)?,
        ground.peer_of(65002)?,
    ];
    let mut other = ground.peer(Side::Client)?;
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let mut seen = Vec::new();
    for order in orders {
        let net = ground.net();
        for at in order {
            let peer = &mut peers[at];
            let value = [20, 10, 30][at];
            let octets = update(&[], &peer.good_with(&med(value)), &[net]);
            peer.send(&octets)?;
            sync(peer, &mut other)?;
        }
        seen.push(other.value(net, MED).map(<[u8]>::to_vec));
    }
    ensure(seen.iter().all(|one| *one == seen[0]), || {
        format!("{seen:?}")
    })?;
    Ok(orders.len())
}

fn preference_is_local_pref(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::External)?;
    for side in [Side::Client, Side::Internal] {
        let mut other = ground.peer(side)?;
        let net = ground.net();
        peer.announce(net)?;
        other.has_value(net, LOCAL_PREF, Some(&[0, 0, 0, 100]))?;
    }
    Ok(2)
}

fn as_loop(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        let first = match side {
            Side::External => vec![peer.asn],
            _ => vec![65020],
        };
        let looped = [
            path(
                &[(AS_SEQUENCE, &[first.clone(), vec![OUR_AS]].concat())],
                true,
            ),
            path(
                &[(AS_SEQUENCE, &[first.clone(), vec![OUR_AS, 65030]].concat())],
                true,
            ),
            path(&[(AS_SEQUENCE, &first), (AS_SET, &[65030, OUR_AS])], true),
        ];
        for value in looped {
            let (fresh, known) = (ground.net(), ground.net());
            peer.announce(known)?;
            other.has(known)?;
            let attributes = with_path(&peer, &value);
            peer.send(&update(&[], &attributes, &[fresh, known]))?;
            other.lost(known)?;
            sync(&mut peer, &mut other)?;
            ensure(other.path(fresh).is_none(), || {
                format!("{value:02x?} was used")
            })?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn shorter_path(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = (ground.peer_of(65001)?, ground.peer_of(65002)?);
    let short = with_path(&one, &sequence(&[65001, 65030]));
    let long = with_path(&two, &sequence(&[65002, 65030, 65031]));
    let cases = wins(ground, (&mut one, short), (&mut two, long))?;
    let set = path(
        &[(AS_SEQUENCE, &[65001]), (AS_SET, &[65030, 65031, 65032])],
        true,
    );
    let set = with_path(&one, &set);
    let long = with_path(&two, &sequence(&[65002, 65030, 65031]));
    Ok(cases + wins(ground, (&mut one, set), (&mut two, long))?)
}

fn lower_origin(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = (ground.peer_of(65001)?, ground.peer_of(65001)?);
    let mut cases = 0;
    for (lower, higher) in [(0, 1), (1, 2), (0, 2)] {
        let mut better = one.good_with(&attr(WELL_KNOWN, ORIGIN, &[lower]));
        // Though its MED is higher.
        better.push(med(200));
        let worse = two.good_with(&attr(WELL_KNOWN, ORIGIN, &[higher]));
        cases += wins(ground, (&mut one, better), (&mut two, worse))?;
    }
    Ok(cases)
}

fn med_of_one_neighbour(ground: &Ground<'_>) -> Result<usize> {
    // The later of two peers would lose by its address.
    let (mut low, mut high) = (ground.peer_of(65001)?, ground.peer_of(65001)?);
    let (better, worse) = (high.good_with(&med(5)), low.good_with(&med(6)));
    let mut cases = wins(ground, (&mut high, better), (&mut low, worse))?;
    let (better, worse) = (high.good(), low.good_with(&med(1)));
    cases += wins(ground, (&mut high, better), (&mut low, worse))?;
    // Of two neighbouring ASes MED says nothing: the identifier decides.
    let mut stranger = ground.peer_of(65002)?;
    let (better, worse) = (low.good_with(&med(9)), stranger.good_with(&med(1)));
    cases += wins(ground, (&mut low, better), (&mut stranger, worse))?;
    Ok(cases)
}

fn external_first(ground: &Ground<'_>) -> Result<usize> {
    let (mut inside, mut outside) = (ground.peer(Side::Client)?, ground.peer_of(65001)?);
    let worse = with_path(&inside, &sequence(&[65001]));
    let better = outside.good();
    wins(ground, (&mut outside, better), (&mut inside, worse))
}

/// An external peer with this BGP Identifier.
fn identified(ground: &Ground<'_>, id: Ipv4Addr) -> Result<Peer> {
    ground.peer_with(Side::External, |_| Open::usual(65001, id))
}

fn lower_identifier(ground: &Ground<'_>) -> Result<usize> {
    // The one with the lower address has the higher identifier.
    let mut two = identified(ground, Ipv4Addr::new(20, 0, 0, 9))?;
    let mut one = identified(ground, Ipv4Addr::new(9, 255, 255, 255))?;
    let (better, worse) = (one.good(), two.good());
    wins(ground, (&mut one, better), (&mut two, worse))
}

fn lower_address(ground: &Ground<'_>) -> Result<usize> {
    // Equal identifiers are possible in different ASes (RFC 6286).
    let id = Ipv4Addr::new(20, 0, 0, 10);
    let mut one = identified(ground, id)?;
    let mut two = ground.connection(Side::External)?;
    two.asn = 65002;
    two.establish(&Open::usual(65002, id))?;
    let (better, worse) = (one.good(), two.good());
    wins(ground, (&mut one, better), (&mut two, worse))
}

fn withdrawn_when_excluded(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Client)?;
    let (mut inside, mut outside) = (ground.peer(Side::Client)?, ground.peer_of(65010)?);
    // NO_EXPORT, NO_EXPORT_SUBCONFED, NO_ADVERTISE (RFC 1997).
    for (community, stays_inside) in [(1, true), (3, true), (2, false)] {
        let net = ground.net();
        peer.announce(net)?;
        inside.has(net)?;
        outside.has(net)?;
        let value = [0xff, 0xff, 0xff, community];
        peer.announce_with(&peer.good_with(&attr(TRANSITIVE, COMMUNITIES, &value)), net)?;
        outside.lost(net)?;
        match stays_inside {
            true => inside.has_value(net, COMMUNITIES, Some(&value))?,
            false => inside.lost(net)?,
        }
    }
    Ok(3)
}

fn overlapping(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let narrow = ground.net();
    let wide = ipnet::Ipv4Net::new(narrow.addr(), 17)
        .expect("invariant: a length")
        .trunc();
    peer.announce(wide)?;
    peer.announce_with(&peer.good_with(&med(3)), narrow)?;
    other.has(wide)?;
    other.has_value(narrow, MED, Some(&[0, 0, 0, 3]))?;
    peer.send(&withdraw(&[narrow]))?;
    other.lost(narrow)?;
    ensure(other.path(wide).is_some(), || {
        "the wide one went, too".into()
    })?;
    Ok(2)
}

fn not_from_internal_to_internal(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut inside) = (ground.peer(Side::Internal)?, ground.peer(Side::Internal)?);
    let (mut client, mut outside) = (ground.peer(Side::Client)?, ground.peer_of(65010)?);
    let net = ground.net();
    peer.announce(net)?;
    client.has(net)?;
    outside.has(net)?;
    // A route of its own shows that the other one has heard all.
    let mut from = ground.peer(Side::Client)?;
    sync(&mut from, &mut inside)?;
    ensure(inside.path(net).is_none(), || "passed on".into())?;
    Ok(3)
}

fn end_is_told(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = (ground.peer_of(65001)?, ground.peer_of(65002)?);
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    one.announce_with(&with_path(&one, &sequence(&[65001])), net)?;
    let longer = sequence(&[65002, 65003]);
    two.announce_with(&with_path(&two, &longer), net)?;
    other.has_value(net, AS_PATH, Some(&sequence(&[65001])))?;
    drop(one);
    other.has_value(net, AS_PATH, Some(&longer))?;
    two.send(&withdraw(&[net]))?;
    other.lost(net)?;
    Ok(2)
}

fn not_told_twice(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    // One that has just come may be told a route by two ways.
    sync(&mut peer, &mut other)?;
    let net = ground.net();
    peer.announce(net)?;
    other.has(net)?;
    for _ in 0..5 {
        peer.announce(net)?;
        sync(&mut peer, &mut other)?;
    }
    let key = (net.into(), 0);
    let told = other
        .heard
        .iter()
        .filter(|heard| heard.announced.contains(&key))
        .count();
    ensure(told == 1, || format!("told {told} times"))?;
    Ok(5)
}

fn too_large(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, ground.peer(Side::Client)?);
        let net = ground.net();
        peer.announce(net)?;
        other.has(net)?;
        // It fills its message, and reflection or LOCAL_PREF make it longer.
        let empty = update(
            &[],
            &peer.good_with(&attr(TRANSITIVE | 0x10, 99, &[])),
            &[net],
        );
        let value = vec![9; 4096 - empty.len()];
        peer.announce_with(&peer.good_with(&attr(TRANSITIVE, 99, &value)), net)?;
        other.lost(net)?;
        sync(&mut peer, &mut other)?;
    }
    Ok(2)
}
