//! What every scripted peer has to hold once a reflector has come to rest, worked out naively from what the peers said.
//! It shares no code with the speaker: not the ladder, not the checks, not the export rules, not even the reading of
//! attributes.
//!
//! RFC 4271 sections 5, 6.3, 9.1 and 9.2; RFC 4456 sections 6, 8, 9 and 10; RFC 1997; RFC 4360 section 6; RFC 8326 section 4;
//! RFC 9494 sections 4.3 and 4.4.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::Prefix;

use crate::octets::{OPTIONAL, PARTIAL, Route, TRANSITIVE, code};
use crate::peer::{PeerHandle, PeerScript};

/// Attributes that the speaker knows; others are passed on or dropped unread (RFC 4271 section 9).
const KNOWN: [u8; 12] = [1, 2, 4, 5, 6, 7, 8, 9, 10, 16, 25, 32];

const NO_EXPORT: u32 = 0xffff_ff01;
const NO_ADVERTISE: u32 = 0xffff_ff02;
const GRACEFUL_SHUTDOWN: u32 = 0xffff_0000;
const LLGR_STALE: u32 = 0xffff_0006;

/// What a peer is to the reflector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// In another AS.
    Ebgp,
    /// A client of the reflector.
    Client,
    /// In our AS, and no client.
    NonClient,
}

impl Kind {
    /// In our AS.
    pub fn is_internal(self) -> bool {
        self != Kind::Ebgp
    }
}

/// A peer of the reflector.
#[derive(Clone, Debug)]
pub struct Party {
    /// What it is.
    pub kind: Kind,
    /// Who it is.
    pub script: PeerScript,
    /// It is sent routes at all.
    pub is_told: bool,
    /// How many paths of a prefix it is sent, if it takes them; it is sent the best one otherwise.
    pub paths: usize,
    /// It is given the reflector itself as next hop of what comes from another AS.
    pub next_hop_self: bool,
}

/// Who announced a path, and under which identifier: 0 if it sends none.
type From = (PeerHandle, u32);

/// A path, and who announced it.
type Candidate<'a> = (From, &'a Party, Route);

/// All that was said to a reflector, and who it is.
#[derive(Debug)]
pub struct Oracle {
    /// Its AS.
    pub asn: u32,
    /// Its BGP Identifier, which is its cluster id, too.
    pub router_id: Ipv4Addr,
    /// The address of its end of all sessions.
    pub address: Ipv4Addr,
    /// What it gives as next hop of IPv6 routes.
    pub next_hop_v6: Ipv6Addr,
    /// It says that it is about to leave (RFC 8326).
    pub is_drained: bool,
    parties: BTreeMap<PeerHandle, Party>,
    routes: BTreeMap<Prefix, BTreeMap<From, Route>>,
}

impl Oracle {
    /// Of a reflector that nobody has told anything.
    pub fn new(asn: u32, router_id: Ipv4Addr, address: Ipv4Addr, next_hop_v6: Ipv6Addr) -> Oracle {
        Oracle {
            asn,
            router_id,
            address,
            next_hop_v6,
            is_drained: false,
            parties: BTreeMap::new(),
            routes: BTreeMap::new(),
        }
    }

    /// A peer that may say something.
    pub fn add(&mut self, peer: PeerHandle, party: Party) {
        self.parties.insert(peer, party);
    }

    /// A peer.
    ///
    /// # Panics
    /// If there is no such peer.
    pub fn party(&self, peer: PeerHandle) -> &Party {
        &self.parties[&peer]
    }

    /// A peer announces a path under an identifier; 0 if it sends none.
    pub fn announce(&mut self, peer: PeerHandle, id: u32, prefix: Prefix, route: Route) {
        let routes = self.routes.entry(prefix).or_default();
        routes.insert((peer, id), route);
    }

    /// A peer withdraws what it announced under an identifier.
    pub fn withdraw(&mut self, peer: PeerHandle, id: u32, prefix: Prefix) {
        if let Some(routes) = self.routes.get_mut(&prefix) {
            routes.remove(&(peer, id));
        }
    }

    /// The session with a peer ends, and all that it said goes.
    pub fn down(&mut self, peer: PeerHandle) {
        for routes in self.routes.values_mut() {
            routes.retain(|(by, _), _| *by != peer);
        }
    }

    /// What a peer announces and has not withdrawn.
    pub fn said(&self, peer: PeerHandle) -> Vec<Prefix> {
        let is_by = |by: &BTreeMap<From, Route>| by.keys().any(|(by, _)| *by == peer);
        let said = self.routes.iter().filter(|(_, by)| is_by(by));
        said.map(|(prefix, _)| *prefix).collect()
    }

    /// A route as it is kept: without what its kind of peer may not say and what nobody knows and nobody may pass on.
    fn received(kind: Kind, route: &Route) -> Route {
        let mut kept = route.clone();
        if !kind.is_internal() {
            kept.remove(code::LOCAL_PREF);
            kept.remove(code::ORIGINATOR_ID);
            kept.remove(code::CLUSTER_LIST);
            if words(kept.get(code::COMMUNITIES)).contains(&GRACEFUL_SHUTDOWN) {
                kept.set(TRANSITIVE, code::LOCAL_PREF, vec![0; 4]);
            }
        }
        kept.attrs
            .retain(|attr| KNOWN.contains(&attr.code) || attr.flags & TRANSITIVE != 0);
        for attr in &mut kept.attrs {
            if !KNOWN.contains(&attr.code) {
                attr.flags |= PARTIAL;
            }
        }
        kept
    }

    /// Whether a route may be used at all.
    fn is_usable(&self, party: &Party, route: &Route) -> bool {
        let path = as_path(route);
        let is_looped = path.iter().any(|(_, numbers)| numbers.contains(&self.asn));
        let is_back = route.number(code::ORIGINATOR_ID) == Some(u32::from(self.router_id))
            || words(route.get(code::CLUSTER_LIST)).contains(&u32::from(self.router_id));
        let is_foreign = !party.kind.is_internal() && first_as(&path) != Some(party.script.asn);
        let is_own = route.next_hop == IpAddr::V4(self.address);
        !(is_looped || is_back || is_foreign || is_own)
    }

    /// The best paths, at most so many: the best one, the best of the others, and so on.
    fn ranked(&self, prefix: &Prefix, most: usize) -> Vec<Candidate<'_>> {
        let said = self.routes.get(prefix).into_iter().flatten();
        let mut left: Vec<Candidate<'_>> = said
            .map(|(from, route)| {
                let party = &self.parties[&from.0];
                (*from, party, Oracle::received(party.kind, route))
            })
            .filter(|(_, party, route)| self.is_usable(party, route))
            .collect();
        let mut ranked = Vec::new();
        while ranked.len() < most
            && let Some(best) = self.best(left.clone())
        {
            left.retain(|(from, ..)| *from != best.0);
            ranked.push(best);
        }
        ranked
    }

    /// The best path: rung by rung, whoever is not the best so far drops out.
    fn best<'a>(&self, mut left: Vec<Candidate<'a>>) -> Option<Candidate<'a>> {
        let is_stale = |route: &Route| words(route.get(code::COMMUNITIES)).contains(&LLGR_STALE);
        least(&mut left, |(_, _, route)| u32::from(is_stale(route)));
        least(&mut left, |(_, _, route)| {
            u32::MAX - route.number(code::LOCAL_PREF).unwrap_or(100)
        });
        least(&mut left, |(_, _, route)| {
            let lengths = as_path(route).into_iter();
            let lengths = lengths.map(|(is_set, numbers)| if is_set { 1 } else { numbers.len() });
            u32::try_from(lengths.sum::<usize>()).unwrap_or(u32::MAX)
        });
        least(&mut left, |(_, _, route)| {
            u32::from(route.get(code::ORIGIN).map_or(2, |value| value[0]))
        });
        let med = |route: &Route| route.number(code::MED).unwrap_or(0);
        let neighbour = |route: &Route| first_as(&as_path(route)).unwrap_or(self.asn);
        let before: Vec<(u32, u32)> = left
            .iter()
            .map(|(_, _, route)| (neighbour(route), med(route)))
            .collect();
        left.retain(|(_, _, route)| {
            let own = (neighbour(route), med(route));
            before
                .iter()
                .all(|other| other.0 != own.0 || other.1 >= own.1)
        });
        least(&mut left, |(_, party, _)| {
            u32::from(party.kind.is_internal())
        });
        least(&mut left, |(_, party, route)| {
            let own = u32::from(party.script.router_id);
            route.number(code::ORIGINATOR_ID).unwrap_or(own)
        });
        least(&mut left, |(_, _, route)| {
            let clusters = words(route.get(code::CLUSTER_LIST)).len();
            u32::try_from(clusters).unwrap_or(u32::MAX)
        });
        least(&mut left, |(_, party, _)| u32::from(party.script.address));
        least(&mut left, |((_, id), ..)| *id);
        assert!(left.len() < 2, "one is the best");
        left.pop()
    }

    /// What a peer has to hold of a prefix, in the order of the marks.
    pub fn expected(&self, to: PeerHandle, prefix: &Prefix) -> Vec<Route> {
        let party = &self.parties[&to];
        let most = if party.script.takes_paths {
            party.paths
        } else {
            1
        };
        let ranked = self.ranked(prefix, most).into_iter();
        let sent = ranked.filter_map(|((from, _), _, route)| self.sent(from, to, prefix, route));
        let mut sent: Vec<Route> = sent.collect();
        sent.sort_by_key(Route::mark);
        sent
    }

    /// How a path from one peer is sent to another, if it is.
    fn sent(
        &self,
        from: PeerHandle,
        to: PeerHandle,
        prefix: &Prefix,
        best: Route,
    ) -> Option<Route> {
        let (source, party) = (&self.parties[&from], &self.parties[&to]);
        if !party.is_told || source.kind == Kind::NonClient && party.kind == Kind::NonClient {
            return None;
        }
        let communities = words(best.get(code::COMMUNITIES));
        if communities.contains(&NO_ADVERTISE)
            || communities.contains(&NO_EXPORT) && !party.kind.is_internal()
            // No peer of ours offers to take what is kept for long.
            || communities.contains(&LLGR_STALE)
        {
            return None;
        }
        let mut out = if party.kind.is_internal() {
            let mut out = self.inside(source, best);
            if party.next_hop_self && !source.kind.is_internal() {
                out.next_hop = self.own_next_hop(prefix);
            }
            out
        } else {
            self.outside(prefix, best)
        };
        if self.is_drained {
            let mut said = communities;
            if !said.contains(&GRACEFUL_SHUTDOWN) {
                said.push(GRACEFUL_SHUTDOWN);
            }
            let said = said.into_iter().flat_map(u32::to_be_bytes).collect();
            out.set(OPTIONAL | TRANSITIVE, code::COMMUNITIES, said);
            if party.kind.is_internal() {
                out.set(TRANSITIVE, code::LOCAL_PREF, vec![0; 4]);
            }
        }
        let own = &party.script;
        let is_excluded = from == to
            || out.number(code::ORIGINATOR_ID) == Some(u32::from(own.router_id))
            || out.next_hop == IpAddr::V4(own.address);
        (!is_excluded).then_some(out)
    }

    /// To a peer in our AS (RFC 4456 sections 8 and 10).
    fn inside(&self, source: &Party, best: Route) -> Route {
        let mut out = best;
        let local_pref = out.number(code::LOCAL_PREF).unwrap_or(100);
        out.set(
            TRANSITIVE,
            code::LOCAL_PREF,
            local_pref.to_be_bytes().into(),
        );
        if source.kind.is_internal() {
            let originator = out.number(code::ORIGINATOR_ID);
            let originator = originator.unwrap_or(u32::from(source.script.router_id));
            out.set(
                OPTIONAL,
                code::ORIGINATOR_ID,
                originator.to_be_bytes().into(),
            );
            let clusters = out.get(code::CLUSTER_LIST).unwrap_or_default();
            let clusters = [&self.router_id.octets(), clusters].concat();
            out.set(OPTIONAL, code::CLUSTER_LIST, clusters);
        }
        out
    }

    /// To a peer in another AS (RFC 4271 section 5.1).
    fn outside(&self, prefix: &Prefix, best: Route) -> Route {
        let mut out = best;
        for gone in [
            code::MED,
            code::LOCAL_PREF,
            code::ORIGINATOR_ID,
            code::CLUSTER_LIST,
        ] {
            out.remove(gone);
        }
        let path = out.get(code::AS_PATH).unwrap_or_default().to_vec();
        let mut longer = match path.first() {
            Some(2) => vec![2, path[1] + 1],
            Some(_) | None => vec![2, 1],
        };
        longer.extend(self.asn.to_be_bytes());
        longer.extend(match path.first() {
            Some(2) => &path[2..],
            Some(_) | None => &path[..],
        });
        out.set(TRANSITIVE, code::AS_PATH, longer);
        out.next_hop = self.own_next_hop(prefix);
        out
    }

    fn own_next_hop(&self, prefix: &Prefix) -> IpAddr {
        match prefix {
            Prefix::V4(_) => IpAddr::V4(self.address),
            Prefix::V6(_) => IpAddr::V6(self.next_hop_v6),
        }
    }

    /// The whole table that a peer has to hold.
    pub fn table(&self, to: PeerHandle) -> BTreeMap<Prefix, Vec<Route>> {
        let prefixes = self.routes.keys();
        prefixes
            .map(|prefix| (*prefix, self.expected(to, prefix)))
            .filter(|(_, paths)| !paths.is_empty())
            .collect()
    }
}

/// The segments of an AS_PATH: whether each is a set, and its numbers.
fn as_path(route: &Route) -> Vec<(bool, Vec<u32>)> {
    let mut rest = route.get(code::AS_PATH).unwrap_or_default();
    let mut segments = Vec::new();
    while let [kind, count, tail @ ..] = rest {
        let (numbers, tail) = tail.split_at(usize::from(*count) * 4);
        segments.push((*kind == 1, words(Some(numbers))));
        rest = tail;
    }
    segments
}

fn first_as(path: &[(bool, Vec<u32>)]) -> Option<u32> {
    path.first()?.1.first().copied()
}

fn words(value: Option<&[u8]>) -> Vec<u32> {
    let (words, _) = value.unwrap_or_default().as_chunks::<4>();
    words.iter().map(|word| u32::from_be_bytes(*word)).collect()
}

/// Leaves those with the least value.
fn least<T>(left: &mut Vec<T>, value: impl Fn(&T) -> u32) {
    if let Some(least) = left.iter().map(&value).min() {
        left.retain(|one| value(one) == least);
    }
}
