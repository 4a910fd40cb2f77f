//! What becomes of a route on its way to a kind of receiver: sent or not, with which attributes, with which next hop.
//!
//! All of it depends on the export group and on little of the route's source, so that one answer serves every member
//! and can be remembered: [`gate`] and [`next_hop`] are a few comparisons, [`edit`] names what is to be done to the
//! bytes, and [`transform`] does it, once per attribute set and [`Edit`]. What depends on the single receiver, that
//! nothing goes back to where it came from, is [`deliverable`].
//!
//! Bytes are spliced, not decoded: what is not named here is copied as it stands. Export policy is asked elsewhere.
//!
//! RFC 4271 5.1 (attributes between and inside ASes), 9.2 (iBGP to iBGP); RFC 4456 6, 8, 10 (reflection);
//! RFC 1997 (well-known communities); RFC 4360 6 (non-transitive communities); RFC 2545 3, RFC 8950 (next hops);
//! RFC 8326 4 (leaving); RFC 9494 4.3, 4.6 (what is kept for long).

use std::fmt;
use std::iter::Peekable;
use std::net::{Ipv4Addr, Ipv6Addr};

use wire::{AsPathView, Asn, AttrBuilder, AttrView, Community, Family, NextHop, Origin, code};

use crate::as_path;
use crate::ids::{
    Cluster, ExportSettings, NextHopRule, PeerId, PeerKind, ReceiverIdentity, SourceInfo,
    SourceKind, StaleRule,
};
use crate::pool::{AttrKey, DEFAULT_LOCAL_PREF, LEAST_LOCAL_PREF};
use crate::role;

/// Why a route is not sent to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// The family was not agreed on with the receiver (RFC 4760 section 8).
    FamilyNotAgreed,
    /// Learned from a non-client in our AS, and the receiver is one too (RFC 4271 9.2, RFC 4456 6).
    NotReflected,
    /// Learned from a client of the same cluster, whose clients have sessions among themselves and so need no reflection (RFC
    /// 4456 section 6).
    ClientsMeshed,
    /// It carries NO_ADVERTISE (RFC 1997).
    NoAdvertise,
    /// It carries NO_EXPORT and the receiver is in another AS (RFC 1997).
    NoExport,
    /// It carries NO_EXPORT_SUBCONFED and the receiver is in another AS (RFC 1997).
    NoExportSubconfed,
    /// It is for customers only, and the receiver is none of ours (RFC 9234 section 5).
    OnlyToCustomers,
    /// It is kept of a speaker that went, and the receiver does not know how to treat that (RFC 9494 section 4.3).
    LongStale,
    /// We have no IPv4 address of our own to put in as next hop.
    NoOwnIpv4,
    /// We have no global IPv6 address of our own to put in as next hop.
    NoOwnIpv6,
    /// The next hop is of the other family, and the receiver did not agree to that (RFC 8950).
    NextHopFamily,
    /// The receiver is where the best path came from.
    BackToSource,
    /// The receiver's router id is the ORIGINATOR_ID (RFC 4456 section 8).
    BackToOriginator,
    /// The receiver is the next hop (RFC 4271 section 5.1.3).
    ReceiverIsNextHop,
    /// The attributes do not fit into a message that the receiver takes.
    TooLarge,
}

impl DenyReason {
    /// A stable word for JSON and counters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            DenyReason::FamilyNotAgreed => "family-not-agreed",
            DenyReason::NotReflected => "not-reflected",
            DenyReason::ClientsMeshed => "clients-meshed",
            DenyReason::NoAdvertise => "no-advertise",
            DenyReason::NoExport => "no-export",
            DenyReason::NoExportSubconfed => "no-export-subconfed",
            DenyReason::OnlyToCustomers => "only-to-customers",
            DenyReason::LongStale => "long-stale",
            DenyReason::NoOwnIpv4 => "no-own-ipv4",
            DenyReason::NoOwnIpv6 => "no-own-ipv6",
            DenyReason::NextHopFamily => "next-hop-family",
            DenyReason::BackToSource => "back-to-source",
            DenyReason::BackToOriginator => "back-to-originator",
            DenyReason::ReceiverIsNextHop => "receiver-is-next-hop",
            DenyReason::TooLarge => "too-large",
        }
    }
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DenyReason::FamilyNotAgreed => {
                "the peer did not agree to this address family (RFC 4760 8); check `families` on both sides"
            }
            DenyReason::NotReflected => {
                "it was learned by iBGP and the peer is an iBGP peer too (RFC 4271 9.2); only a reflector's clients get such routes (RFC 4456 6)"
            }
            DenyReason::ClientsMeshed => {
                "it comes from a client of the same cluster, and `client-to-client` is off for both"
            }
            DenyReason::NoAdvertise => "it carries the community NO_ADVERTISE (RFC 1997)",
            DenyReason::NoExport => {
                "it carries the community NO_EXPORT and the peer is in another AS (RFC 1997)"
            }
            DenyReason::NoExportSubconfed => {
                "it carries the community NO_EXPORT_SUBCONFED and the peer is in another AS (RFC 1997)"
            }
            DenyReason::OnlyToCustomers => {
                "it has the attribute Only to Customer, and by our `role` the peer is no customer (RFC 9234 5)"
            }
            DenyReason::LongStale => {
                "it carries the community LLGR_STALE and the peer did not offer long-lived graceful restart (RFC 9494 4.3)"
            }
            DenyReason::NoOwnIpv4 => {
                "the next hop would be this node, which has no IPv4 address on this session (RFC 4271 5.1.3)"
            }
            DenyReason::NoOwnIpv6 => {
                "the next hop would be this node, which has no global IPv6 address on this session (RFC 2545 3); set `next-hop-v6`"
            }
            DenyReason::NextHopFamily => {
                "its next hop is of the other address family and the peer did not agree to that (RFC 8950)"
            }
            DenyReason::BackToSource => "the best path came from this peer",
            DenyReason::BackToOriginator => {
                "its ORIGINATOR_ID is the peer's router id (RFC 4456 8)"
            }
            DenyReason::ReceiverIsNextHop => "its next hop is the peer itself (RFC 4271 5.1.3)",
            DenyReason::TooLarge => {
                "its attributes do not fit into a message that the peer takes (RFC 4271 9.2)"
            }
        })
    }
}

/// Decides by kind of source, kind of receiver and communities whether a path may be sent at all.
///
/// Well-known communities bind whoever received them (RFC 1997): on our own routes they are words to the receiver.
///
/// # Errors
/// The reason that holds it back.
pub fn gate(
    family: Family,
    attrs: &AttrKey,
    source: &SourceInfo,
    to: &ExportSettings,
) -> Result<(), DenyReason> {
    if !to.families.contains(family) {
        return Err(DenyReason::FamilyNotAgreed);
    }
    if source.kind == PeerKind::IbgpNonClient.into() && to.kind == PeerKind::IbgpNonClient {
        return Err(DenyReason::NotReflected);
    }
    let is_meshed = to.is_meshed && source.is_meshed;
    if is_meshed && to.cluster_id == source.cluster.id {
        return Err(DenyReason::ClientsMeshed);
    }
    if attrs.has_otc() && role::holds_back(to.role) {
        return Err(DenyReason::OnlyToCustomers);
    }
    if source.kind.is_local() {
        return Ok(());
    }
    if attrs.llgr_stale() && !takes_stale(to) {
        return Err(DenyReason::LongStale);
    }
    // A route server takes no community as said to itself (RFC 7947 section 2.2.4).
    if is_served(source, to) {
        return Ok(());
    }
    if attrs.no_advertise() {
        return Err(DenyReason::NoAdvertise);
    }
    if to.kind == PeerKind::Ebgp && attrs.no_export() {
        return Err(DenyReason::NoExport);
    }
    // Without confederations every AS border is one that this community stops at.
    if to.kind == PeerKind::Ebgp && attrs.no_export_subconfed() {
        return Err(DenyReason::NoExportSubconfed);
    }
    Ok(())
}

/// True if a route is passed on as it is, because we are a route server to who gets it and it is of another AS.
fn is_served(source: &SourceInfo, to: &ExportSettings) -> bool {
    to.route_server && source.kind == SourceKind::Ebgp
}

/// RFC 9494 4.3, 4.6: who knows the community gets such routes, and within our AS others may.
fn takes_stale(to: &ExportSettings) -> bool {
    match to.stale {
        StaleRule::Sent => true,
        StaleRule::LastResort => to.kind.is_internal(),
        StaleRule::Withheld => false,
    }
}

/// The next hop that the receiver is told.
///
/// | source | receiver | Auto | SelfAlways | Unchanged |
/// |---|---|---|---|---|
/// | iBGP | iBGP | unchanged | unchanged | unchanged |
/// | eBGP | iBGP | unchanged | ourselves | unchanged |
/// | local | iBGP | as announced | ourselves | as announced |
/// | any | eBGP | ourselves | ourselves | as learned or announced |
/// | eBGP | eBGP, we being a route server (RFC 7947 2.2.1) | unchanged | unchanged | unchanged |
///
/// A local route without a next hop of its own, which is the unspecified address, always gets ourselves. A third
/// party's next hop to another AS needs knowledge of the shared subnet (RFC 4271 5.1.3), which is not here: whoever
/// wants it says Unchanged. A link-local address that was learned is never passed on, and our own goes to who is on that
/// link (RFC 2545 3).
///
/// # Errors
/// There is no such next hop, or the receiver could not read it.
pub fn next_hop(
    family: Family,
    learned: &NextHop,
    source: &SourceInfo,
    to: &ExportSettings,
) -> Result<NextHop, DenyReason> {
    let reflected = source.kind.is_internal() && to.kind.is_internal();
    let keep = match to.next_hop {
        NextHopRule::Auto => to.kind.is_internal(),
        NextHopRule::SelfAlways => reflected,
        NextHopRule::Unchanged => true,
    };
    let keep = keep || is_served(source, to);
    if !keep || (source.kind.is_local() && learned.addr().is_unspecified()) {
        return own_next_hop(family, to);
    }
    let other_family = matches!(
        (family, learned),
        (Family::Ipv4Unicast, NextHop::V6 { .. }) | (Family::Ipv6Unicast, NextHop::V4(_))
    );
    if other_family && !to.encode.extended_next_hop.contains(family) {
        return Err(DenyReason::NextHopFamily);
    }
    Ok(match *learned {
        NextHop::V4(address) => NextHop::V4(address),
        NextHop::V6 { global, .. } => NextHop::from(global),
    })
}

/// Ourselves, as the receiver can reach us.
fn own_next_hop(family: Family, to: &ExportSettings) -> Result<NextHop, DenyReason> {
    let v6 = to.local_v6.map(|global| NextHop::V6 {
        global,
        link_local: to.link_local,
    });
    match family {
        Family::Ipv4Unicast => to
            .local_v4
            .map(NextHop::V4)
            .or(v6.filter(|_| to.encode.extended_next_hop.contains(family)))
            .ok_or(DenyReason::NoOwnIpv4),
        Family::Ipv6Unicast => v6.ok_or(DenyReason::NoOwnIpv6),
    }
}

/// What is done to the attributes. With the attribute set's id this is all that the outgoing bytes of a group depend
/// on, so both together name a remembered answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edit {
    /// To another AS: our AS in front, what is meant for inside our AS goes (RFC 4271 5.1).
    External {
        /// MED is ours to give; one that we learned stays here (RFC 4271 5.1.4).
        keep_med: bool,
    },
    /// To another AS by a route server: only what is meant for inside our AS goes (RFC 7947 2.2).
    Serve,
    /// Inside our AS, first hand: LOCAL_PREF is added if it is missing (RFC 4271 5.1.5).
    Internal,
    /// Inside our AS, reflected (RFC 4456 8).
    Reflect {
        /// The ORIGINATOR_ID to add; `None` where the route has one.
        originator: Option<Ipv4Addr>,
        /// What is put in front of CLUSTER_LIST: the number of the cluster of the client that the route came from; 0: the
        /// one of the client that it goes to.
        cluster: u8,
    },
}

impl Edit {
    /// The ORIGINATOR_ID that leaves with the route.
    #[must_use]
    pub fn originator(&self, attrs: &AttrKey) -> Option<Ipv4Addr> {
        match self {
            Edit::External { .. } | Edit::Serve => None,
            Edit::Internal => attrs.originator(),
            Edit::Reflect { originator, .. } => originator.or(attrs.originator()),
        }
    }
}

/// What is to be done to the attributes of a path from this source.
#[must_use]
pub fn edit(attrs: &AttrKey, source: &SourceInfo, to: &ExportSettings) -> Edit {
    if is_served(source, to) {
        return Edit::Serve;
    }
    if to.kind == PeerKind::Ebgp {
        return Edit::External {
            keep_med: source.kind.is_local(),
        };
    }
    if !source.kind.is_internal() {
        return Edit::Internal;
    }
    Edit::Reflect {
        originator: match attrs.originator() {
            Some(_) => None,
            None => Some(source.router_id),
        },
        cluster: if source.kind == SourceKind::IbgpClient {
            source.cluster.number
        } else {
            Cluster::NONE
        },
    }
}

/// A route as it leaves for a group: what is done to its attributes, and what its messages are known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// What [`transform`] does to the attributes.
    pub edit: Edit,
    /// The next hop that the receivers are told.
    pub next_hop: NextHop,
    /// The ORIGINATOR_ID that leaves with it.
    pub originator: Option<Ipv4Addr>,
}

/// Everything but policy that decides whether and how a path is sent to a group: [`gate`], [`next_hop`], [`edit`].
///
/// # Errors
/// The first reason that holds it back.
pub fn outgoing(
    family: Family,
    attrs: &AttrKey,
    learned: &NextHop,
    source: &SourceInfo,
    to: &ExportSettings,
) -> Result<Outgoing, DenyReason> {
    gate(family, attrs, source, to)?;
    let next_hop = next_hop(family, learned, source, to)?;
    let edit = edit(attrs, source, to);
    Ok(Outgoing {
        edit,
        next_hop,
        originator: edit.originator(attrs),
    })
}

/// Appends the attributes that the receiver gets, in canonical form, to `out`.
///
/// `clusters`: the cluster ids that numbers stand for.
pub fn transform(
    attrs: AttrView<'_>,
    edit: Edit,
    to: &ExportSettings,
    clusters: &[Ipv4Addr],
    out: &mut Vec<u8>,
) {
    out.reserve(attrs.bytes().len() + 24);
    let words = Words::of(attrs, to);
    let mut splice = Splice::new(attrs.iter(), out);
    match edit {
        Edit::External { keep_med } => external(splice, keep_med, to, words),
        Edit::Serve => {
            drop_internal(&mut splice, words);
            mark(&mut splice, to);
            splice.copy_rest();
        }
        Edit::Internal => {
            local_pref(&mut splice, words);
            splice.copy_rest();
        }
        Edit::Reflect {
            originator,
            cluster,
        } => {
            let known = cluster
                .checked_sub(1)
                .and_then(|at| clusters.get(usize::from(at)));
            let cluster = *known.unwrap_or(&to.cluster_id);
            reflect(splice, originator, cluster, words);
        }
    }
}

/// What we say about a route beside what it says itself.
#[derive(Debug, Clone, Copy)]
struct Words {
    /// It is to be taken last: LOCAL_PREF 0, inside our AS.
    is_last: bool,
    /// We are about to leave (RFC 8326 4).
    leaves: bool,
    /// It is not to leave our AS (RFC 9494 4.6).
    stays: bool,
}

impl Words {
    fn of(attrs: AttrView<'_>, to: &ExportSettings) -> Words {
        let is_stale = || attrs.communities().any(|one| one == Community::LLGR_STALE);
        let stays = to.stale == StaleRule::LastResort && is_stale();
        Words {
            is_last: to.drained || stays,
            leaves: to.drained,
            stays,
        }
    }
}

/// RFC 4271 5.1.2 b), 5.1.4, 5.1.5; RFC 4456 8 (both attributes are for one AS); RFC 4360 6.
fn external<'a, I>(mut splice: Splice<'a, '_, I>, keep_med: bool, to: &ExportSettings, words: Words)
where
    I: Iterator<Item = (u8, u8, &'a [u8])>,
{
    let path = splice.take(code::AS_PATH).unwrap_or_default();
    if to.path_rules.is_plain() {
        splice.put_prepended(path, &[to.local_as]);
    } else {
        let path = to.path_rules.rewrite(AsPathView::new(path), to.local_as);
        match to.path_rules.beside {
            Some(own) => splice.put_prepended(&path, &[to.local_as, own]),
            None => splice.put_prepended(&path, &[to.local_as]),
        }
    }
    if let (Some(med), true) = (splice.take(code::MED), keep_med) {
        splice.put(OPTIONAL, code::MED, &[med]);
    }
    drop_internal(&mut splice, words);
    for (code, size) in [
        (code::EXTENDED_COMMUNITIES, 8),
        (code::IPV6_EXTENDED_COMMUNITIES, 20),
    ] {
        splice.copy_below(code);
        let Some((flags, _, value)) = splice.rest.next_if(|(_, at, _)| *at == code) else {
            continue;
        };
        let kept = value
            .chunks(size)
            .filter(|one| one[0] & NON_TRANSITIVE == 0);
        let kept: Vec<&[u8]> = kept.collect();
        if !kept.is_empty() {
            splice.put(flags, code, &kept);
        }
    }
    mark(&mut splice, to);
    splice.copy_rest();
}

/// What is for one AS alone goes: RFC 4271 5.1.5, RFC 4456 8.
fn drop_internal<'a, I>(splice: &mut Splice<'a, '_, I>, words: Words)
where
    I: Iterator<Item = (u8, u8, &'a [u8])>,
{
    splice.take(code::LOCAL_PREF);
    say(splice, words);
    splice.take(code::ORIGINATOR_ID);
    splice.take(code::CLUSTER_LIST);
}

/// RFC 9234 5: what must go no further than to customers says so, by us if by nobody before.
fn mark<'a, I>(splice: &mut Splice<'a, '_, I>, to: &ExportSettings)
where
    I: Iterator<Item = (u8, u8, &'a [u8])>,
{
    if !role::marks(to.role) {
        return;
    }
    splice.copy_below(code::OTC);
    let is_marked = splice
        .rest
        .peek()
        .is_some_and(|(_, at, _)| *at == code::OTC);
    if !is_marked {
        let asn = to.local_as.0.to_be_bytes();
        splice.put(OPTIONAL | TRANSITIVE, code::OTC, &[&asn]);
    }
}

/// RFC 4456 8: who brought the route into our AS, and through which clusters it came.
fn reflect<'a, I>(
    mut splice: Splice<'a, '_, I>,
    originator: Option<Ipv4Addr>,
    cluster: Ipv4Addr,
    words: Words,
) where
    I: Iterator<Item = (u8, u8, &'a [u8])>,
{
    local_pref(&mut splice, words);
    let known = splice.take(code::ORIGINATOR_ID);
    let added = originator.map(|id| id.octets());
    if let Some(id) = known.or(added.as_ref().map(|id| &id[..])) {
        splice.put(OPTIONAL, code::ORIGINATOR_ID, &[id]);
    }
    let clusters = splice.take(code::CLUSTER_LIST).unwrap_or_default();
    splice.put(OPTIONAL, code::CLUSTER_LIST, &[&cluster.octets(), clusters]);
    splice.copy_rest();
}

/// RFC 4271 5.1.5: every route inside our AS carries LOCAL_PREF. The least one, if any other path is to win.
fn local_pref<'a, I>(splice: &mut Splice<'a, '_, I>, words: Words)
where
    I: Iterator<Item = (u8, u8, &'a [u8])>,
{
    let preference = splice.take(code::LOCAL_PREF);
    let least = LEAST_LOCAL_PREF.to_be_bytes();
    let default = DEFAULT_LOCAL_PREF.to_be_bytes();
    let preference = match words.is_last {
        true => &least,
        false => preference.unwrap_or(&default),
    };
    splice.put(TRANSITIVE, code::LOCAL_PREF, &[preference]);
    say(splice, words);
}

/// The communities that we add.
fn say<'a, I>(splice: &mut Splice<'a, '_, I>, words: Words)
where
    I: Iterator<Item = (u8, u8, &'a [u8])>,
{
    let leaves = words.leaves.then_some(Community::GRACEFUL_SHUTDOWN);
    let stays = words.stays.then_some(Community::NO_EXPORT);
    let said = [leaves, stays].into_iter().flatten();
    if words.leaves || words.stays {
        splice.add_communities(said);
    }
}

/// Flag bits (RFC 4271 4.3); the bit of an extended community (RFC 4360 2).
const OPTIONAL: u8 = 0x80;
const TRANSITIVE: u8 = 0x40;
const EXTENDED_LENGTH: u8 = 0x10;
const NON_TRANSITIVE: u8 = 0x40;

/// Copies attributes in the order of their codes, with others put in on the way.
pub(crate) struct Splice<'a, 'o, I: Iterator<Item = (u8, u8, &'a [u8])>> {
    rest: Peekable<I>,
    out: &'o mut Vec<u8>,
}

impl<'a, 'o, I: Iterator<Item = (u8, u8, &'a [u8])>> Splice<'a, 'o, I> {
    pub(crate) fn new(attrs: I, out: &'o mut Vec<u8>) -> Self {
        Splice {
            rest: attrs.peekable(),
            out,
        }
    }

    /// Puts LOCAL_PREF in, or in place of the one that is there (RFC 4271 5.1.5).
    pub(crate) fn set_local_pref(&mut self, preference: u32) {
        self.take(code::LOCAL_PREF);
        self.put(TRANSITIVE, code::LOCAL_PREF, &[&preference.to_be_bytes()]);
    }

    /// Puts communities behind the others, those that are not there (RFC 1997).
    pub(crate) fn add_communities(&mut self, communities: impl Iterator<Item = Community>) {
        self.copy_below(code::COMMUNITIES);
        let there = self.rest.next_if(|(_, at, _)| *at == code::COMMUNITIES);
        let (flags, _, known) = there.unwrap_or((OPTIONAL | TRANSITIVE, code::COMMUNITIES, &[]));
        let is_known = |one: &[u8; 4]| known.chunks(one.len()).any(|other| other == one);
        let added = communities.map(|community| community.0.to_be_bytes());
        let added: Vec<[u8; 4]> = added.filter(|one| !is_known(one)).collect();
        let all = [known, added.as_flattened()];
        if all.iter().any(|part| !part.is_empty()) {
            self.put(flags, code::COMMUNITIES, &all);
        }
    }

    /// Copies everything up to this code and takes the attribute itself out, if it is there.
    pub(crate) fn take(&mut self, code: u8) -> Option<&'a [u8]> {
        self.copy_below(code);
        let taken = self.rest.next_if(|(_, at, _)| *at == code)?;
        Some(taken.2)
    }

    fn copy_below(&mut self, code: u8) {
        while let Some((flags, at, value)) = self.rest.next_if(|(_, at, _)| *at < code) {
            self.put(flags, at, &[value]);
        }
    }

    pub(crate) fn copy_rest(mut self) {
        while let Some((flags, code, value)) = self.rest.next() {
            self.put(flags, code, &[value]);
        }
    }

    /// Writes one attribute, its length in the shortest form. What exceeds 65,535 octets fits no message and is cut;
    /// whoever encodes the set refuses it.
    fn put(&mut self, flags: u8, code: u8, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        match u8::try_from(length) {
            Ok(length) => self.out.extend_from_slice(&[flags, code, length]),
            Err(_) => {
                let [high, low] = length.to_be_bytes();
                let head = [flags | EXTENDED_LENGTH, code, high, low];
                self.out.extend_from_slice(&head);
            }
        }
        let end = self.out.len() + usize::from(length);
        for part in parts {
            self.out.extend_from_slice(part);
        }
        self.out.truncate(end);
    }

    /// Puts AS_PATH with these numbers in front (RFC 4271 5.1.2 b).
    pub(crate) fn put_prepended<const N: usize>(&mut self, path: &[u8], asns: &[Asn; N]) {
        let (head, rest) = as_path::in_front(path, u8::try_from(N).unwrap_or(u8::MAX));
        let asns = asns.map(|asn| asn.0.to_be_bytes());
        let parts = [&head, asns.as_flattened(), rest];
        self.put(TRANSITIVE, code::AS_PATH, &parts);
    }
}

/// Decides whether this one receiver gets what its group sends: not where it came from, not who originated it, not
/// who is the next hop (RFC 4456 8, RFC 4271 5.1.3). `originator` and `next_hop` are those that leave with the route.
///
/// # Errors
/// The reason for which it is left out.
pub fn deliverable(
    source: PeerId,
    originator: Option<Ipv4Addr>,
    next_hop: &NextHop,
    receiver: PeerId,
    identity: &ReceiverIdentity,
) -> Result<(), DenyReason> {
    if source == receiver {
        return Err(DenyReason::BackToSource);
    }
    if originator == Some(identity.router_id) {
        return Err(DenyReason::BackToOriginator);
    }
    if identity.has_address(next_hop) {
        return Err(DenyReason::ReceiverIsNextHop);
    }
    Ok(())
}

/// The attributes of a route that we originate: ORIGIN IGP, an empty AS_PATH (RFC 4271 5.1.1, 5.1.2).
#[must_use]
pub fn default_local_attrs() -> Vec<u8> {
    let mut attrs = AttrBuilder::new();
    attrs.set_origin(Origin::Igp).set_as_path(&[]);
    attrs.finish()
}

/// The next hop of a local route that has none of its own: ourselves, whatever that is on a session.
#[must_use]
pub const fn own_route_next_hop(family: Family) -> NextHop {
    match family {
        Family::Ipv4Unicast => NextHop::V4(Ipv4Addr::UNSPECIFIED),
        Family::Ipv6Unicast => NextHop::V6 {
            global: Ipv6Addr::UNSPECIFIED,
            link_local: None,
        },
    }
}

#[cfg(test)]
mod tests;
