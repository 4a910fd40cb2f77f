//! A table with peers whose receiving side is played by a decoder, for the tests of this crate.

pub(crate) mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wire::{
    Asn, AttrBuilder, AttrView, DecodeContext, DecodeScratch, EncodeContext, Families, Family,
    MessageType, NextHop, Nlri, Origin, Prefix, RouteRefresh,
};

use crate::*;

pub(crate) const LOCAL_AS: Asn = Asn(64512);
pub(crate) const ROUTER_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// A route as a receiver holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) attrs: Vec<u8>,
    pub(crate) next_hop: NextHop,
}

/// A message as a receiver sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Announce(Vec<Prefix>),
    Withdraw(Vec<Prefix>),
    EndOfRib(Family),
    EndOfRefresh(Family),
}

/// The far end of a session.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) kind: PeerKind,
    /// Families in which it reads path identifiers.
    pub(crate) add_path: Families,
    pub(crate) table: BTreeMap<Prefix, Held>,
    /// What it holds in families with path identifiers.
    pub(crate) paths: BTreeMap<(Prefix, u32), Held>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) end_of_rib: [u32; 2],
    /// What it has not been told again since a refresh began, by family, while there is one.
    pub(crate) outdated: [Option<BTreeSet<(Prefix, u32)>>; 2],
}

/// A table and its peers.
pub(crate) struct Bench {
    pub(crate) rib: Rib,
    pub(crate) now: Instant,
    pub(crate) peers: BTreeMap<PeerId, Peer>,
    pub(crate) export: Arc<policy::Export>,
    /// Receivers are told of the best path with a path identifier.
    pub(crate) has_ids: bool,
}

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only come from the clock; the tests only ever add to it"
)]
fn beginning() -> Instant {
    Instant::now()
}

pub(crate) fn config() -> RibConfig {
    RibConfig {
        router_id: ROUTER_ID,
        cluster_id: ROUTER_ID,
        local_as: LOCAL_AS,
        log_limit: 1 << 20,
        tombstone_limit: 100_000,
        route_limit: usize::MAX,
        multipath_relax: true,
        keep_rejected: true,
        seed: 7,
    }
}

pub(crate) fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// The n-th /24 of 10.0.0.0/8 and beyond.
pub(crate) fn block(n: u32) -> Prefix {
    let address = Ipv4Addr::from((10 << 24) + (n << 8));
    Prefix::new(IpAddr::V4(address), 24).unwrap()
}

pub(crate) fn address(peer: PeerId) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(192, 168, 0, 0)) + peer.0)
}

pub(crate) fn router_id(peer: PeerId) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(1, 0, 0, 0)) + peer.0)
}

pub(crate) fn v6(peer: PeerId) -> Ipv6Addr {
    Ipv6Addr::from((0x2001_0db8 << 96) | u128::from(peer.0))
}

pub(crate) fn source(peer: PeerId, kind: SourceKind) -> SourceInfo {
    SourceInfo {
        kind,
        remote_as: if kind == SourceKind::Ebgp {
            Asn(65000 + peer.0)
        } else {
            LOCAL_AS
        },
        local_as: LOCAL_AS,
        router_id: router_id(peer),
        address: IpAddr::V4(address(peer)),
        own_addresses: Vec::new(),
        role: None,
        paths: None,
        enforce_first_as: true,
        own_as_allowed: 0,
        cluster: crate::Cluster::own(ROUTER_ID),
        is_meshed: false,
    }
}

pub(crate) fn encode() -> EncodeContext {
    EncodeContext {
        four_octet_as: true,
        add_path: Families::EMPTY,
        extended_next_hop: Families::EMPTY,
        max_len: wire::MAX_LEN,
    }
}

/// Attributes with an AS_PATH, enough for most tests.
pub(crate) fn plain(path: &[u32]) -> AttrBuilder {
    let path: Vec<Asn> = path.iter().copied().map(Asn).collect();
    let mut attrs = AttrBuilder::new();
    attrs.set_origin(Origin::Igp).set_as_path(&path);
    attrs
}

impl Bench {
    pub(crate) fn new(config: RibConfig) -> Bench {
        let mut rib = Rib::new(config);
        for (peer, kind) in [
            (PeerId::LOCAL, SourceKind::Local),
            (PeerId::API, SourceKind::Api),
        ] {
            rib.source_up(peer, source(peer, kind));
        }
        Bench {
            rib,
            now: beginning(),
            peers: BTreeMap::new(),
            export: Arc::new(policy::Export::new(policy::ExportMode::All)),
            has_ids: false,
        }
    }

    pub(crate) fn settings(&self, kind: PeerKind) -> ExportSettings {
        ExportSettings {
            families: Families::ALL,
            kind,
            local_as: LOCAL_AS,
            path_rules: PathRules::default(),
            route_server: false,
            is_meshed: false,
            cluster_id: ROUTER_ID,
            next_hop: NextHopRule::Auto,
            role: None,
            local_v4: Some(Ipv4Addr::new(192, 168, 255, 1)),
            local_v6: Some("2001:db8:ffff::1".parse().unwrap()),
            link_local: None,
            export: Arc::clone(&self.export),
            paths: NonZeroU8::MIN,
            drained: false,
            stale: StaleRule::Sent,
            encode: EncodeContext {
                add_path: if self.has_ids {
                    Families::ALL
                } else {
                    Families::EMPTY
                },
                ..encode()
            },
        }
    }

    /// A peer comes up, as source and receiver.
    pub(crate) fn up(&mut self, n: u32, kind: PeerKind) -> PeerId {
        let id = PeerId(n);
        self.rib.source_up(id, source(id, kind.into()));
        self.join(id, kind);
        id
    }

    /// A peer comes up that is told of up to `most` paths of each destination.
    pub(crate) fn up_for_paths(&mut self, n: u32, kind: PeerKind, most: u8) -> PeerId {
        let id = PeerId(n);
        self.rib.source_up(id, source(id, kind.into()));
        self.join_with(id, &self.path_settings(kind, most));
        id
    }

    /// The settings of a peer that is told of up to `most` paths of each destination.
    pub(crate) fn path_settings(&self, kind: PeerKind, most: u8) -> ExportSettings {
        let mut settings = self.settings(kind);
        settings.encode.add_path = Families::ALL;
        settings.paths = NonZeroU8::new(most).unwrap();
        settings
    }

    /// A peer becomes a receiver.
    pub(crate) fn join(&mut self, id: PeerId, kind: PeerKind) {
        self.join_with(id, &self.settings(kind));
    }

    /// A peer becomes a receiver with these settings.
    pub(crate) fn join_with(&mut self, id: PeerId, settings: &ExportSettings) {
        let identity = ReceiverIdentity {
            address: IpAddr::V4(address(id)),
            router_id: router_id(id),
            own_addresses: vec![IpAddr::V6(v6(id))],
            keeps_routes: true,
        };
        self.rib.join(id, settings.clone(), identity);
        let peer = Peer {
            id,
            kind: settings.kind,
            add_path: settings.encode.add_path,
            table: BTreeMap::new(),
            paths: BTreeMap::new(),
            seen: Vec::new(),
            end_of_rib: [0; 2],
            outdated: [None, None],
        };
        self.peers.insert(id, peer);
    }

    /// A peer goes down.
    pub(crate) fn down(&mut self, id: PeerId) {
        self.rib.leave(id);
        self.rib.source_down(id);
        self.peers.remove(&id);
    }

    pub(crate) fn announce(
        &mut self,
        peer: PeerId,
        prefix: Prefix,
        attrs: &AttrBuilder,
        hop: NextHop,
    ) {
        self.announce_as(peer, prefix, attrs, hop, Ok(()));
    }

    pub(crate) fn announce_as(
        &mut self,
        peer: PeerId,
        prefix: Prefix,
        attrs: &AttrBuilder,
        hop: NextHop,
        verdict: Result<(), RejectReason>,
    ) {
        self.announce_path(peer, Nlri::from(prefix), attrs, hop, verdict);
    }

    /// A path under an identifier of the peer's. Gives how many were one too many.
    pub(crate) fn announce_path(
        &mut self,
        peer: PeerId,
        nlri: Nlri,
        attrs: &AttrBuilder,
        hop: NextHop,
        verdict: Result<(), RejectReason>,
    ) -> usize {
        let id = self.rib.intern(attrs.view());
        let one = std::iter::once(nlri);
        let beyond = self.rib.announce_all(peer, id, hop, one, |_| verdict);
        self.rib.release(id);
        beyond
    }

    /// A source that comes up and may have up to `most` paths of each destination.
    pub(crate) fn source_of_paths(&mut self, peer: PeerId, kind: SourceKind, most: u8) {
        let paths = Some(NonZeroU8::new(most).unwrap());
        let info = SourceInfo {
            paths,
            ..source(peer, kind)
        };
        self.rib.source_up(peer, info);
    }

    /// A peer asks for a family again and is told where that begins and ends, if its first table has come.
    pub(crate) fn refresh_with_end(&mut self, id: PeerId, family: Family) -> bool {
        let begins = self.rib.refresh_with_end(id, family);
        if let (true, Some(peer)) = (begins, self.peers.get_mut(&id)) {
            peer.begin_refresh(family);
        }
        begins
    }

    /// A route of a peer with its own address as next hop.
    pub(crate) fn route(&mut self, peer: PeerId, prefix: Prefix, attrs: &AttrBuilder) {
        let hop = match Family::of(&prefix) {
            Family::Ipv4Unicast => NextHop::V4(address(peer)),
            Family::Ipv6Unicast => NextHop::from(v6(peer)),
        };
        self.announce(peer, prefix, attrs, hop);
    }

    pub(crate) fn withdraw(&mut self, peer: PeerId, prefix: Prefix) {
        self.rib.withdraw(peer, Nlri::from(prefix));
    }

    /// All groups pull everything that they may.
    pub(crate) fn pull(&mut self) {
        self.now += Duration::from_secs(1);
        while self.rib.flush(self.now) {}
    }

    /// A peer reads up to `max` octets. True if there were any.
    pub(crate) fn read(&mut self, id: PeerId, max: usize) -> bool {
        let mut slices: Vec<Bytes> = Vec::new();
        self.rib.fill(id, &mut slices, max);
        let Some(peer) = self.peers.get_mut(&id) else {
            return false;
        };
        for slice in &slices {
            peer.take(slice);
        }
        !slices.is_empty()
    }

    /// A peer reads all that there is.
    pub(crate) fn read_all(&mut self, id: PeerId) {
        while self.read(id, 1 << 16) {}
        assert!(
            !self.rib.readable(id),
            "{id:?} is readable but gets nothing"
        );
    }

    /// Everything comes to rest.
    pub(crate) fn settle(&mut self) {
        loop {
            while self.rib.work(64) {
                self.read_everybody();
            }
            self.pull();
            self.read_everybody();
            if !self.rib.has_work() && self.rib.next_flush().is_none() {
                break;
            }
        }
        while let Some(id) = self.rib.poll_ready() {
            assert!(!self.rib.readable(id));
        }
    }

    fn read_everybody(&mut self) {
        let all: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in all {
            self.read_all(id);
        }
    }

    /// The prefixes that a peer holds.
    pub(crate) fn holds(&self, id: PeerId) -> Vec<Prefix> {
        let peer = &self.peers[&id];
        let mut prefixes: Vec<Prefix> = peer.table.keys().copied().collect();
        prefixes.extend(peer.paths.keys().map(|(prefix, _)| *prefix));
        prefixes.sort();
        prefixes.dedup();
        prefixes
    }

    /// The next hops of all that a peer holds of a prefix.
    pub(crate) fn next_hops(&self, id: PeerId, prefix: Prefix) -> Vec<IpAddr> {
        let plain = self.peers[&id].table.get(&prefix);
        let plain = plain.map(|held| held.next_hop.addr());
        let paths = self.paths(id, prefix).into_iter();
        plain.into_iter().chain(paths.map(|(_, hop)| hop)).collect()
    }

    /// The paths that a peer holds with path identifiers, as those and next hops.
    pub(crate) fn paths(&self, id: PeerId, prefix: Prefix) -> Vec<(u32, IpAddr)> {
        let paths = self.peers[&id].paths.iter();
        let paths = paths.filter(|((of, _), _)| *of == prefix);
        paths
            .map(|((_, id), held)| (*id, held.next_hop.addr()))
            .collect()
    }

    /// What a peer has seen since the last call.
    pub(crate) fn seen(&mut self, id: PeerId) -> Vec<Seen> {
        let peer = self.peers.get_mut(&id).unwrap();
        std::mem::take(&mut peer.seen)
    }

    /// Everybody forgets what they have seen.
    pub(crate) fn forget_seen(&mut self) {
        for peer in self.peers.values_mut() {
            peer.seen.clear();
        }
    }
}

impl Peer {
    /// Takes whole messages.
    pub(crate) fn take(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            let (frame, used) = wire::next_frame(rest, wire::MAX_EXTENDED_LEN)
                .expect("a frame")
                .expect("a whole message");
            match frame.kind {
                MessageType::RouteRefresh => self.end_refresh(frame.body),
                _ => self.update(frame.body),
            }
            rest = &rest[used..];
        }
    }

    /// It is told that all of a family follows once more (RFC 7313 section 4): what it has is outdated until it comes.
    pub(crate) fn begin_refresh(&mut self, family: Family) {
        let table = self.table.keys().map(|prefix| (*prefix, 0));
        let all = table.chain(self.paths.keys().copied());
        let all = all.filter(|(prefix, _)| Family::of(prefix) == family);
        self.outdated[family.index()] = Some(all.collect());
    }

    /// What has not come again goes.
    fn end_refresh(&mut self, body: &[u8]) {
        let end = RouteRefresh::decode(body).expect("a ROUTE-REFRESH");
        assert_eq!(end.subtype, RouteRefresh::END);
        let family = Family::from_afi_safi(end.family).expect("a family that was agreed on");
        let outdated = self.outdated[family.index()].take();
        for (prefix, id) in outdated.expect("a refresh that was begun") {
            self.table.remove(&prefix);
            self.paths.remove(&(prefix, id));
        }
        self.seen.push(Seen::EndOfRefresh(family));
    }

    fn update(&mut self, body: &[u8]) {
        let context = DecodeContext {
            internal: self.kind.is_internal(),
            four_octet_as: true,
            families: Families::ALL,
            add_path: self.add_path,
            extended_next_hop: Families::EMPTY,
            as_sets: true,
        };
        let mut scratch = DecodeScratch::default();
        let update = wire::decode_update(body, &context, &mut scratch).expect("an UPDATE");
        assert_eq!(update.faults, &[], "{:?} was sent a fault", self.id);
        if let Some(family) = update.end_of_rib {
            self.end_of_rib[family.index()] += 1;
            self.seen.push(Seen::EndOfRib(family));
            return;
        }
        let mut gone = Vec::new();
        for unreach in update.unreach.iter().flatten() {
            gone.extend(unreach.nlri.iter());
        }
        let mut come = Vec::new();
        for reach in update.reach.iter().flatten() {
            self.must_be_mine(update.attrs, &reach.next_hop);
            for nlri in reach.nlri.iter() {
                let held = Held {
                    attrs: update.attrs.bytes().to_vec(),
                    next_hop: reach.next_hop,
                };
                if self.has_ids(&nlri.prefix) {
                    assert_ne!(nlri.path_id, 0);
                    self.paths.insert((nlri.prefix, nlri.path_id), held);
                } else {
                    self.table.insert(nlri.prefix, held);
                }
                if let Some(outdated) = &mut self.outdated[reach.family.index()] {
                    outdated.remove(&(nlri.prefix, nlri.path_id));
                }
                come.push(nlri.prefix);
            }
        }
        assert!(
            gone.is_empty() || come.is_empty(),
            "RFC 7606 5.1: never mixed"
        );
        for nlri in &gone {
            if self.has_ids(&nlri.prefix) {
                self.paths.remove(&(nlri.prefix, nlri.path_id));
            } else {
                self.table.remove(&nlri.prefix);
            }
        }
        if !gone.is_empty() {
            let gone = gone.iter().map(|nlri| nlri.prefix);
            self.seen.push(Seen::Withdraw(gone.collect()));
        }
        if !come.is_empty() {
            self.seen.push(Seen::Announce(come));
        }
    }

    fn has_ids(&self, prefix: &Prefix) -> bool {
        self.add_path.contains(Family::of(prefix))
    }

    /// What no message may ever say to a peer, not even for a moment.
    fn must_be_mine(&self, attrs: AttrView<'_>, next_hop: &NextHop) {
        assert_ne!(attrs.originator_id(), Some(router_id(self.id)));
        assert_ne!(next_hop.addr(), IpAddr::V4(address(self.id)));
        assert_ne!(next_hop.addr(), IpAddr::V6(v6(self.id)));
    }
}
