//! RFC 7606 sections 2 to 6 and 8: what is done about an UPDATE that is malformed.

use interop_tests::Result;

use super::cases::{PLACES, among_good, observer, resets, withdraws};
use super::octets::*;
use super::scene::{BOTH, Ground, Peer, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "2",
        Must,
        "Treat-as-withdraw takes all routes of the UPDATE, those in its withdrawn field too, and no others",
        treat_as_withdraw
    ),
    rule!(
        "3 a",
        Must,
        "An attribute that is malformed ends no session where a milder remedy is named, wherever it stands",
        mild_remedies_everywhere
    ),
    rule!(
        "3 a",
        Must,
        "The same remedies hold for routes in MP_REACH_NLRI, before and behind it",
        mild_remedies_for_ipv6
    ),
    rule!(
        "3 b",
        Must,
        "Lengths of the fields that do not fit: reset, 3/1",
        field_lengths
    ),
    rule!(
        "3 c",
        Must,
        "A wrong Optional or Transitive bit: treat-as-withdraw",
        wrong_flags
    ),
    rule!(
        "3 d",
        Must,
        "A mandatory attribute that is missing: treat-as-withdraw",
        missing_mandatory
    ),
    rule!(
        "3 e",
        Must,
        "ORIGIN, AS_PATH, NEXT_HOP, MED, LOCAL_PREF that are malformed: treat-as-withdraw, never a reset",
        old_resets_withdraw
    ),
    rule!(
        "3 f",
        Must,
        "ATOMIC_AGGREGATE, AGGREGATOR that are malformed: attribute discard, never a reset",
        old_resets_discard
    ),
    rule!(
        "3 g",
        Must,
        "MP_REACH_NLRI or MP_UNREACH_NLRI twice: reset, 3/1",
        nlri_attribute_twice
    ),
    rule!(
        "3 g",
        Must,
        "Any other attribute twice: the first counts, the others are left out",
        attribute_twice
    ),
    rule!(
        "3 h",
        Must,
        "Of several faults the harshest remedy is applied",
        harshest_remedy
    ),
    rule!(
        "3 i",
        Must,
        "The withdrawn field is held to the same syntax as the NLRI field",
        withdrawn_field_syntax
    ),
    rule!(
        "3 j",
        Must,
        "Where not all NLRI can be read: reset, even if an attribute alone would be treat-as-withdraw",
        unreadable_nlri
    ),
    rule!(
        "4",
        Must,
        "An attribute that runs over the end of the attributes: treat-as-withdraw",
        overrun
    ),
    rule!(
        "4",
        Must,
        "An attribute whose head is cut: treat-as-withdraw",
        cut_head
    ),
    rule!(
        "4",
        Must,
        "One that runs over the end and holds NLRI: reset, 3/1",
        overrun_of_nlri
    ),
    rule!(
        "4",
        Must,
        "A length of 0 is malformed but for AS_PATH and ATOMIC_AGGREGATE",
        zero_length
    ),
    rule!(
        "5.1",
        Must,
        "MP attributes are sent first, and no UPDATE that is sent uses more than one of the four NLRI fields",
        sent_apart
    ),
    rule!(
        "5.1",
        Must,
        "Every mixture of NLRI fields is taken, and MP attributes at any place",
        mixtures_are_taken
    ),
    rule!(
        "5.2",
        Must,
        "Without reachable NLRI a fault beyond attribute discard is a reset",
        no_reachable_nlri
    ),
    rule!(
        "5.3",
        Must,
        "A prefix longer than its family has, or cut: reset",
        bad_nlri
    ),
    rule!(
        "5.3",
        Must,
        "Wrong flags of an MP attribute: reset, with the attribute as data",
        mp_flags
    ),
    rule!(
        "5.3",
        Must,
        "An MP attribute too short for its head: reset, with the attribute as data",
        mp_too_short
    ),
    not_done!(
        "5.4",
        Must,
        "Typed NLRI of an unknown type are left out",
        "no family with typed NLRI is spoken"
    ),
    not_done!(
        "6",
        Must,
        "The log has the NLRI and the whole malformed message",
        "done, and no octets on the wire: the lab `hostile` looks into the log, and at `bgpctl peer show`"
    ),
    not_done!(
        "8",
        Must,
        "Who defines an attribute says how errors in it are handled",
        "it binds those who define attributes"
    ),
];

fn treat_as_withdraw(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        let nets = [ground.net(), ground.net(), ground.net(), ground.net()];
        peer.send(&update(&[], &peer.good(), &nets))?;
        for net in nets {
            other.has(net)?;
        }
        let [gone, one, two, stays] = nets;
        let bad = peer.good_with(&attr(WELL_KNOWN, ORIGIN, &[9]));
        peer.send(&update(&[gone], &bad, &[one, two]))?;
        for net in [gone, one, two] {
            other.lost(net)?;
        }
        sync(&mut peer, &mut other)?;
        ensure(other.path(stays).is_some(), || "another route went".into())?;
        // What comes after it is taken.
        peer.announce(one)?;
        other.has(one)?;
    }
    Ok(2)
}

fn mild_remedies_everywhere(ground: &Ground<'_>) -> Result<usize> {
    withdraws(
        ground,
        &[Side::Client, Side::Internal, Side::External],
        &[attr(WELL_KNOWN, ORIGIN, &[3])],
    )
}

fn mild_remedies_for_ipv6(ground: &Ground<'_>) -> Result<usize> {
    let withdraw = [
        attr(WELL_KNOWN, ORIGIN, &[3]),
        attr(WELL_KNOWN, AS_PATH, &[9, 1, 0, 0, 0, 1]),
        attr(OPTIONAL, MED, &[0, 0, 1]),
        attr(TRANSITIVE, COMMUNITIES, &[1, 2, 3]),
        attr(OPTIONAL, AS_PATH, &[]),
    ];
    let discard = [
        attr(WELL_KNOWN, ATOMIC_AGGREGATE, &[1]),
        attr(TRANSITIVE, AGGREGATOR, &[1, 2]),
    ];
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        for (bad, goes) in withdraw
            .iter()
            .map(|bad| (bad, true))
            .chain(discard.iter().map(|bad| (bad, false)))
        {
            for place in PLACES {
                let net = ground.net6();
                let mut good = peer.good_without(NEXT_HOP);
                good.insert(0, mp_reach6(&NEXT_HOP6, &[net]));
                peer.send(&update(&[], &good, &[]))?;
                other.has(net)?;
                good.retain(|one| one[1] != bad[1]);
                let at = match place {
                    super::cases::Place::First => 0,
                    super::cases::Place::Middle => good.len() / 2,
                    super::cases::Place::Last => good.len(),
                };
                good.insert(at, bad.clone());
                // Another MED shows that the UPDATE was taken.
                if !goes {
                    good.push(attr(OPTIONAL, MED, &[0, 0, 0, 9]));
                }
                peer.send(&update(&[], &good, &[]))?;
                match goes {
                    true => other.lost(net)?,
                    false => {
                        other.has_value(net, MED, Some(&[0, 0, 0, 9]))?;
                        other.has_value(net, bad[1], None)?;
                    }
                }
                cases += 1;
            }
        }
        sync(&mut peer, &mut other)?;
    }
    Ok(cases)
}

fn field_lengths(ground: &Ground<'_>) -> Result<usize> {
    resets(ground, &BOTH, |peer| {
        let good = peer.good().concat();
        let mut short = update_raw(&[], &good, &[]);
        // The length says that there are two octets more than there are.
        short[22] += 2;
        let withdrawn = message(UPDATE, &[0, 3, 8, 60]);
        [short, withdrawn]
            .map(|octets| (octets, (3, 1), Vec::new()))
            .to_vec()
    })
}

/// Every attribute that we know and that holds no NLRI, as it should be, for who may send it.
fn known(peer: &Peer) -> Vec<(u8, u8, Octets)> {
    let mut all = vec![
        (WELL_KNOWN, ORIGIN, vec![0]),
        (WELL_KNOWN, NEXT_HOP, peer.address.octets().to_vec()),
        (OPTIONAL, MED, vec![0, 0, 0, 1]),
        (WELL_KNOWN, ATOMIC_AGGREGATE, vec![]),
        (TRANSITIVE, AGGREGATOR, vec![0, 0, 0xfd, 0xe9, 10, 0, 0, 1]),
        (TRANSITIVE, COMMUNITIES, vec![0xfd, 0xe9, 0, 1]),
        (
            TRANSITIVE,
            EXTENDED_COMMUNITIES,
            vec![0, 2, 0xfd, 0xe9, 0, 0, 0, 1],
        ),
        (TRANSITIVE, IPV6_EXTENDED_COMMUNITIES, vec![1; 20]),
        (TRANSITIVE, LARGE_COMMUNITIES, vec![1; 12]),
    ];
    if peer.side != Side::External {
        all.push((WELL_KNOWN, AS_PATH, vec![]));
        all.push((WELL_KNOWN, LOCAL_PREF, vec![0, 0, 0, 100]));
        all.push((OPTIONAL, ORIGINATOR_ID, vec![10, 9, 0, 1]));
        all.push((OPTIONAL, CLUSTER_LIST, vec![10, 9, 0, 1]));
    } else {
        all.push((WELL_KNOWN, AS_PATH, sequence(&[peer.asn])));
    }
    all
}

fn wrong_flags(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let probe = ground.peer(side)?;
        let mut bad = Vec::new();
        for (flags, code, value) in known(&probe) {
            for wrong in [0, 0x40, 0x80, 0xc0] {
                if wrong != flags {
                    bad.push(attr(wrong, code, &value));
                }
            }
        }
        cases += withdraws(ground, &[side], &bad)?;
    }
    Ok(cases)
}

fn missing_mandatory(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        for code in [ORIGIN, AS_PATH, NEXT_HOP] {
            let net = ground.net();
            peer.announce(net)?;
            other.has(net)?;
            peer.announce_with(&peer.good_without(code), net)?;
            other.lost(net)?;
            cases += 1;
        }
        // No attribute at all.
        let net = ground.net();
        peer.announce(net)?;
        other.has(net)?;
        peer.announce_with(&[], net)?;
        other.lost(net)?;
        sync(&mut peer, &mut other)?;
        cases += 1;
    }
    Ok(cases)
}

fn old_resets_withdraw(ground: &Ground<'_>) -> Result<usize> {
    let bad = [
        attr(WELL_KNOWN, ORIGIN, &[0, 0]),
        attr(WELL_KNOWN, AS_PATH, &[9, 1, 0, 0, 0, 1]),
        attr(WELL_KNOWN, NEXT_HOP, &[10, 0, 0]),
        attr(OPTIONAL, MED, &[0, 0, 1]),
    ];
    let mut cases = withdraws(ground, &BOTH, &bad)?;
    cases += withdraws(
        ground,
        &[Side::Client],
        &[attr(WELL_KNOWN, LOCAL_PREF, &[0, 0, 1])],
    )?;
    Ok(cases)
}

fn old_resets_discard(ground: &Ground<'_>) -> Result<usize> {
    let bad = [
        attr(WELL_KNOWN, ATOMIC_AGGREGATE, &[1]),
        attr(TRANSITIVE, AGGREGATOR, &[0, 1, 2]),
    ];
    super::cases::discards(ground, &BOTH, &bad)
}

fn nlri_attribute_twice(ground: &Ground<'_>) -> Result<usize> {
    let nets = [ground.net6(), ground.net6()];
    let next_hop = "fd09::2"
        .parse::<std::net::Ipv6Addr>()
        .map(|a| a.octets())
        .unwrap_or_default();
    resets(ground, &BOTH, |peer| {
        let (one, two) = (
            mp_reach6(&next_hop, &nets[..1]),
            mp_reach6(&next_hop, &nets[1..]),
        );
        let mut reach = peer.good();
        reach.insert(0, one.clone());
        reach.push(two);
        let mut same = peer.good();
        same.push(one.clone());
        same.push(one);
        let unreach = vec![mp_unreach6(&nets[..1]), mp_unreach6(&nets[1..])];
        [reach, same, unreach]
            .map(|attributes| (update(&[], &attributes, &[]), (3, 1), Vec::new()))
            .to_vec()
    })
}

fn attribute_twice(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, ground.peer(Side::Client)?);
        // The second one is another one, or no good at all.
        let twice: [(u8, u8, Octets, Octets); 5] = [
            (WELL_KNOWN, ORIGIN, vec![1], vec![2]),
            (WELL_KNOWN, ORIGIN, vec![1], vec![7]),
            (OPTIONAL, MED, vec![0, 0, 0, 5], vec![0, 0, 0, 4]),
            (
                TRANSITIVE,
                COMMUNITIES,
                vec![0xfd, 0xe9, 0, 1],
                vec![0xfd, 0xe9],
            ),
            (TRANSITIVE, 99, vec![1], vec![2]),
        ];
        for (flags, code, first, second) in &twice {
            let net = ground.net();
            let mut attributes = peer.good_with(&attr(*flags, *code, first));
            attributes.push(attr(*flags, *code, second));
            attributes.push(attr(*flags, *code, second));
            peer.announce_with(&attributes, net)?;
            other.has_value(net, *code, Some(first))?;
            cases += 1;
        }
        sync(&mut peer, &mut other)?;
    }
    Ok(cases)
}

fn harshest_remedy(ground: &Ground<'_>) -> Result<usize> {
    let discard = attr(WELL_KNOWN, ATOMIC_AGGREGATE, &[1]);
    let withdraw = attr(OPTIONAL, MED, &[1]);
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        for pair in [[&discard, &withdraw], [&withdraw, &discard]] {
            let net = ground.net();
            peer.announce(net)?;
            other.has(net)?;
            let mut attributes = peer.good();
            attributes.extend(pair.map(Clone::clone));
            peer.announce_with(&attributes, net)?;
            other.lost(net)?;
            cases += 1;
        }
        sync(&mut peer, &mut other)?;
    }
    let unknown = attr(WELL_KNOWN, 99, &[1]);
    let net = ground.net();
    cases += resets(ground, &BOTH, |peer| {
        [
            [&discard, &withdraw, &unknown],
            [&unknown, &withdraw, &discard],
        ]
        .map(|all| {
            let mut attributes = peer.good();
            attributes.extend(all.map(Clone::clone));
            (update(&[], &attributes, &[net]), (3, 2), unknown.clone())
        })
        .to_vec()
    })?;
    Ok(cases)
}

fn withdrawn_field_syntax(ground: &Ground<'_>) -> Result<usize> {
    resets(ground, &BOTH, |_| {
        let fields: [&[u8]; 3] = [&[33, 1, 1, 1, 1, 1], &[24, 60], &[16, 60, 1, 24, 60, 2]];
        fields
            .map(|field| (update_raw(field, &[], &[]), (3, 10), Vec::new()))
            .to_vec()
    })
}

fn unreadable_nlri(ground: &Ground<'_>) -> Result<usize> {
    resets(ground, &BOTH, |peer| {
        let bad = peer.good_with(&attr(WELL_KNOWN, ORIGIN, &[7])).concat();
        let fields: [&[u8]; 2] = [&[33, 1, 1, 1, 1, 1], &[24, 60]];
        fields
            .map(|field| (update_raw(&[], &bad, field), (3, 10), Vec::new()))
            .to_vec()
    })
}

/// The attributes end like this, and that takes the route away.
fn ends_like(ground: &Ground<'_>, tails: &[&[u8]]) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        for tail in tails {
            let net = ground.net();
            peer.announce(net)?;
            other.has(net)?;
            let mut attributes = peer.good();
            attributes.push(tail.to_vec());
            peer.announce_with(&attributes, net)?;
            other
                .lost(net)
                .map_err(|error| error.during(format!("{side:?} {tail:02x?}")))?;
            cases += 1;
        }
        sync(&mut peer, &mut other)?;
    }
    Ok(cases)
}

fn overrun(ground: &Ground<'_>) -> Result<usize> {
    let long: &[&[u8]] = &[
        &[0x80, 4, 5, 0, 0, 0, 1],
        &[0xc0, 8, 255, 1, 2],
        &[0xd0, 99, 0xff, 0xff, 0],
        &[0xc0, 99, 1],
    ];
    ends_like(ground, long)
}

fn cut_head(ground: &Ground<'_>) -> Result<usize> {
    ends_like(ground, &[&[0x80], &[0x80, 4], &[0xd0, 8, 0]])
}

fn overrun_of_nlri(ground: &Ground<'_>) -> Result<usize> {
    resets(ground, &BOTH, |peer| {
        let tails: [&[u8]; 3] = [
            &[0x80, 14, 40, 0, 2, 1],
            &[0x80, 15, 9, 0, 2, 1],
            &[0x90, 14, 0xff],
        ];
        tails
            .map(|tail| {
                let mut attributes = peer.good();
                attributes.push(tail.to_vec());
                (update(&[], &attributes, &[]), (3, 1), Vec::new())
            })
            .to_vec()
    })
}

fn zero_length(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let probe = ground.peer(side)?;
        let empty = known(&probe)
            .into_iter()
            .filter(|(_, code, _)| !matches!(*code, AS_PATH | ATOMIC_AGGREGATE | AGGREGATOR));
        let empty: Vec<Octets> = empty
            .map(|(flags, code, _)| attr(flags, code, &[]))
            .collect();
        cases += withdraws(ground, &[side], &empty)?;
    }
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    for place in PLACES {
        for fine in [
            attr(WELL_KNOWN, AS_PATH, &[]),
            attr(WELL_KNOWN, ATOMIC_AGGREGATE, &[]),
        ] {
            let net = ground.net();
            let attributes = among_good(&peer, &fine, place);
            peer.announce_with(&attributes, net)?;
            other.has(net)?;
            cases += 1;
        }
    }
    Ok(cases)
}

const NEXT_HOP6: [u8; 16] = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn sent_apart(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    for _ in 0..10 {
        let (one, two) = (ground.net(), ground.net());
        let six = ground.net6();
        let mut attributes = peer.good();
        attributes.push(mp_reach6(&NEXT_HOP6, &[six]));
        peer.send(&update(&[], &attributes, &[one]))?;
        peer.send(&update(&[one], &peer.good(), &[two]))?;
        other.has(two)?;
        other.has(six)?;
        peer.send(&update(&[two], &[mp_unreach6(&[six])], &[]))?;
        other.lost(six)?;
        other.lost(two)?;
    }
    let holds_nlri = |attr: &Attr| matches!(attr.code, MP_REACH | MP_UNREACH);
    for heard in &other.heard {
        let place = heard.attributes.iter().position(holds_nlri);
        ensure(heard.fields <= 1 && place.unwrap_or(0) == 0, || {
            format!("{heard:02x?}")
        })?;
    }
    Ok(10)
}

fn mixtures_are_taken(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    for place in PLACES {
        let (gone, come) = (ground.net(), ground.net());
        let (gone6, come6) = (ground.net6(), ground.net6());
        let mut before = peer.good();
        before.push(mp_reach6(&NEXT_HOP6, &[gone6]));
        peer.send(&update(&[], &before, &[gone]))?;
        other.has(gone)?;
        other.has(gone6)?;
        let mut attributes = among_good(&peer, &mp_reach6(&NEXT_HOP6, &[come6]), place);
        attributes.insert(1, mp_unreach6(&[gone6]));
        peer.send(&update(&[gone], &attributes, &[come]))?;
        other.has(come)?;
        other.has(come6)?;
        other.lost(gone)?;
        other.lost(gone6)?;
        cases += 1;
    }
    Ok(cases)
}

fn no_reachable_nlri(ground: &Ground<'_>) -> Result<usize> {
    let net = ground.net();
    let six = ground.net6();
    let mut cases = resets(ground, &BOTH, |peer| {
        let origin = attr(WELL_KNOWN, ORIGIN, &[7]);
        let alone = update(&[], &peer.good_with(&origin), &[]);
        let withdrawing = update(&[net], &peer.good_with(&origin), &[]);
        let unreach = update(&[], &[mp_unreach6(&[six]), origin.clone()], &[]);
        [alone, withdrawing, unreach]
            .map(|octets| (octets, (3, 6), origin.clone()))
            .to_vec()
    })?;
    // An attribute that is only left out is none of it.
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        let bad = attr(WELL_KNOWN, ATOMIC_AGGREGATE, &[1]);
        peer.send(&update(&[], &peer.good_with(&bad), &[]))?;
        sync(&mut peer, &mut other)?;
        cases += 1;
    }
    Ok(cases)
}

fn bad_nlri(ground: &Ground<'_>) -> Result<usize> {
    let six = |nlri: &[u8]| {
        let mut value = vec![0, 2, 1, 16];
        value.extend(NEXT_HOP6);
        value.push(0);
        value.extend(nlri);
        attr(OPTIONAL, MP_REACH, &value)
    };
    let gone = |nlri: &[u8]| attr(OPTIONAL, MP_UNREACH, &[&[0, 2, 1], nlri].concat());
    resets(ground, &BOTH, |peer| {
        let good = peer.good().concat();
        let mut all = vec![
            (
                update_raw(&[], &good, &[33, 1, 1, 1, 1, 1]),
                (3, 10),
                Vec::new(),
            ),
            (update_raw(&[], &good, &[32, 1, 1, 1]), (3, 10), Vec::new()),
        ];
        for bad in [
            six(&[129; 18]),
            six(&[64, 0x2a]),
            gone(&[129; 18]),
            gone(&[64, 0x2a]),
        ] {
            let mut attributes = peer.good();
            attributes.insert(0, bad.clone());
            all.push((update(&[], &attributes, &[]), (3, 9), bad));
        }
        all
    })
}

fn mp_flags(ground: &Ground<'_>) -> Result<usize> {
    let net = ground.net6();
    resets(ground, &BOTH, |peer| {
        let mut all = Vec::new();
        for good in [mp_reach6(&NEXT_HOP6, &[net]), mp_unreach6(&[net])] {
            for flags in [0, 0x40, 0xc0] {
                let mut bad = good.clone();
                bad[0] = flags;
                let attributes = [vec![bad.clone()], peer.good()].concat();
                all.push((update(&[], &attributes, &[]), (3, 4), bad));
            }
        }
        all
    })
}

fn mp_too_short(ground: &Ground<'_>) -> Result<usize> {
    resets(ground, &BOTH, |peer| {
        let bad = [
            attr(OPTIONAL, MP_REACH, &[]),
            attr(OPTIONAL, MP_REACH, &[0, 2, 1, 0]),
            attr(OPTIONAL, MP_UNREACH, &[0, 2]),
        ];
        bad.map(|bad| {
            let attributes = [vec![bad.clone()], peer.good()].concat();
            (update(&[], &attributes, &[]), (3, 5), bad)
        })
        .to_vec()
    })
}
