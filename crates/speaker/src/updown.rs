//! A session that comes up joins the table as source and receiver; one that goes down leaves it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Instant;

use config::DynamicRange;
use rib::{
    Cluster, ExportSettings, PathRules, PeerId, PeerKind, PrivateRule, ReceiverIdentity,
    SourceInfo, StaleRule,
};
use session::{CloseCause, Down, Input, Negotiated};
use wire::{CeaseSubcode, DecodeContext, EncodeContext, Families, Family, Notification};

use crate::Speaker;
use crate::event::Event;
use crate::kernel::KernelSide;
use crate::peer::{Link, OwnNextHops, Peer, PeerSource};

impl Speaker {
    pub(crate) fn session_up(&mut self, now: Instant, id: PeerId, negotiated: Box<Negotiated>) {
        self.welcome(now, id, &negotiated);
        self.comeback.hear(now);
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let Some(conn) = peer.conn(negotiated.side) else {
            return;
        };
        let hops = self.own_next_hops(peer, negotiated.local.ip());
        let cluster = self.cluster_id(peer);
        let cluster = self.rib.cluster(cluster);
        let source = self.source_info(peer, &negotiated, cluster);
        let announced = self.announced(peer, &negotiated, hops);
        let export = self.export_settings(peer, &negotiated, hops, announced);
        let identity = ReceiverIdentity {
            address: peer.config.address,
            router_id: negotiated.remote_router_id,
            own_addresses: Vec::new(),
            keeps_routes: negotiated.graceful.is_some(),
        };
        self.rib.source_up(id, source);
        self.rib.join(id, export, identity);
        let listed = self
            .kernel
            .as_ref()
            .is_some_and(|kernel| kernel.has_address(negotiated.local.ip().to_canonical()));
        let decode = DecodeContext {
            internal: negotiated.internal,
            four_octet_as: negotiated.four_octet_as,
            families: negotiated.families,
            add_path: negotiated.add_path_receive,
            extended_next_hop: negotiated.extended_next_hop,
            as_sets: peer.config.as_sets == config::AsSets::Accept,
        };
        let name = peer.config.name.clone();
        for family in negotiated
            .families
            .iter()
            .filter(|family| !announced.contains(*family))
        {
            self.events.push(Event::NoNextHop {
                peer: name.clone(),
                family,
            });
        }
        self.events.push(Event::SessionUp {
            peer: name,
            address: peer.config.address,
            families: negotiated.families,
            hold_time: negotiated.hold_time,
        });
        self.restart.established(now);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.link = Some(Link {
                conn,
                decode,
                negotiated,
                announced,
                end_of_rib: Families::EMPTY,
                refresh: None,
                since: now,
                last_update: now,
                own_next_hops: hops,
                listed,
                reflects: false,
            });
        }
        self.set_limits(id);
        // It may have joined others who have been told all already.
        self.check_limits_out(now);
    }

    pub(crate) fn session_down(&mut self, now: Instant, id: PeerId, down: Down) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let name = peer.config.name.clone();
        let address = peer.config.address;
        let link = peer.link.take();
        self.events.push(Event::SessionDown {
            peer: name,
            address,
            reason: down.reason.clone(),
            uptime: down.uptime,
        });
        if let Some(link) = link {
            self.part(now, id, &link.negotiated, &down);
            self.restart.touch();
            self.be_alone();
        }
    }

    fn source_info(&self, peer: &Peer, negotiated: &Negotiated, cluster: Cluster) -> SourceInfo {
        SourceInfo {
            kind: peer_kind(peer, negotiated).into(),
            remote_as: negotiated.remote_as,
            local_as: peer.config.local_as,
            router_id: negotiated.remote_router_id,
            address: peer.config.address,
            own_addresses: self.own_addresses(negotiated.local.ip()),
            role: peer.config.role,
            paths: match negotiated.add_path_receive.is_empty() {
                true => None,
                false => peer.config.add_path_receive.most(),
            },
            enforce_first_as: peer.config.path.enforce_first_as,
            own_as_allowed: peer.config.path.allow_own_as,
            cluster,
            is_meshed: !peer.config.session.client_to_client,
        }
    }

    fn export_settings(
        &self,
        peer: &Peer,
        negotiated: &Negotiated,
        hops: OwnNextHops,
        families: Families,
    ) -> ExportSettings {
        let add_path = families & negotiated.add_path_send;
        ExportSettings {
            families,
            kind: peer_kind(peer, negotiated),
            local_as: peer.config.local_as,
            path_rules: self.path_rules(peer, negotiated),
            route_server: peer.config.path.route_server_client && !negotiated.internal,
            cluster_id: self.cluster_id(peer),
            is_meshed: !peer.config.session.client_to_client,
            next_hop: next_hop_rule(peer.config.next_hop),
            role: peer.config.role,
            local_v4: hops.v4,
            local_v6: hops.v6,
            link_local: hops.link_local,
            export: Arc::clone(&peer.export),
            drained: self.leaves(peer),
            stale: stale_rule(peer, negotiated),
            // Of no meaning, and so the same for all, where no path identifiers were agreed on.
            paths: match add_path.is_empty() {
                true => NonZeroU8::MIN,
                false => peer.config.add_path_send.most().unwrap_or(NonZeroU8::MIN),
            },
            encode: EncodeContext {
                four_octet_as: negotiated.four_octet_as,
                add_path,
                extended_next_hop: negotiated.extended_next_hop,
                max_len: negotiated.max_len(),
            },
        }
    }

    /// What is checked of a peer's routes follows its settings.
    pub(crate) fn change_source(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if let Some(link) = &peer.link {
            let cluster = self.cluster_id(peer);
            let cluster = self.rib.cluster(cluster);
            let info = self.source_info(peer, &link.negotiated, cluster);
            self.rib.change_source(id, info);
        }
    }

    /// Our cluster id toward a peer.
    fn cluster_id(&self, peer: &Peer) -> Ipv4Addr {
        let own = peer.config.session.cluster_id;
        own.unwrap_or(self.identity.cluster_id)
    }

    /// The table learns of the cluster ids that we have toward single peers, up or not.
    pub(crate) fn gather_cluster_ids(&mut self) {
        let peers = self.peers.iter().map(Peer::config);
        let ranges = self.config.dynamic.iter().map(DynamicRange::template);
        let ids = peers
            .chain(ranges)
            .filter_map(|peer| peer.session.cluster_id);
        let ids: BTreeSet<Ipv4Addr> = ids.collect();
        self.rib.set_cluster_ids(ids.into_iter().collect());
    }

    /// What is done to AS_PATH on the way to a peer of another AS. Its own number only where that makes a difference, for
    /// peers with the same rules share a group.
    fn path_rules(&self, peer: &Peer, negotiated: &Negotiated) -> PathRules {
        let config::PathSettings {
            allow_own_as: _,
            as_override,
            remove_private_as,
            local_as,
            enforce_first_as: _,
            route_server_client: _,
        } = peer.config.path;
        if negotiated.internal {
            return PathRules::default();
        }
        let theirs = negotiated.remote_as;
        let private = |replaces| {
            let kept = theirs;
            Some(PrivateRule { replaces, kept })
        };
        PathRules {
            beside: local_as
                .filter(|local| !local.replace_as)
                .map(|_| self.identity.local_as),
            private: match remove_private_as {
                config::PrivateAs::Keep => None,
                config::PrivateAs::Remove => private(false),
                config::PrivateAs::Replace => private(true),
            },
            overridden: as_override.then_some(theirs),
        }
    }

    /// The addresses a next hop must not be: those of this node, or at least of this session.
    fn own_addresses(&self, local: IpAddr) -> Vec<IpAddr> {
        let mut own = self
            .kernel
            .as_ref()
            .map(KernelSide::addresses)
            .unwrap_or_default();
        own.push(local.to_canonical());
        own
    }

    /// The next hops of our own to give on a session that runs from `local`: that address itself,
    /// and of the other family an address of the same interface (RFC 2545 section 3 asks for a
    /// global IPv6 address), unless one is configured.
    pub(crate) fn own_next_hops(&self, peer: &Peer, local: IpAddr) -> OwnNextHops {
        let local = local.to_canonical();
        let fib = self.kernel.as_ref().map(KernelSide::fib);
        let beside = fib.and_then(|fib| fib.companion_address(local));
        let mut own = OwnNextHops::default();
        for address in [Some(local), beside].into_iter().flatten() {
            match address {
                IpAddr::V4(v4) => own.v4 = Some(v4),
                IpAddr::V6(v6) => own.v6 = Some(v6),
            }
        }
        match (peer.config.next_hop_v6, &self.kernel) {
            // It may be on another link, or on another host.
            (Some(v6), _) => own.v6 = Some(v6),
            (None, Some(kernel)) if kernel.is_on_link(local, peer.config.address) => {
                let beside = own.v6.and_then(|_| kernel.fib().link_local_address(local));
                own.link_local = beside;
            }
            (None, _) => {}
        }
        own
    }

    /// Families to announce: those agreed on. One for which we have no next hop of our own is
    /// announced only where no route needs one, which is when we only reflect or are a route server.
    fn announced(&self, peer: &Peer, negotiated: &Negotiated, hops: OwnNextHops) -> Families {
        let reflects =
            negotiated.internal && peer.config.next_hop != config::NextHopRule::SelfAlways;
        let serves = !negotiated.internal && peer.config.path.route_server_client;
        let passes_on = self.config.role == config::Role::Reflector && (reflects || serves);
        let has_hop = |family: Family| match family {
            Family::Ipv6Unicast => hops.v6.is_some(),
            Family::Ipv4Unicast => {
                let over_v6 = negotiated.extended_next_hop.contains(family);
                hops.v4.is_some() || over_v6 && hops.v6.is_some()
            }
        };
        let families = negotiated.families.iter();
        families
            .filter(|family| passes_on || has_hop(*family))
            .collect()
    }

    /// The addresses of this node changed: a session whose own end went away ends at once; peers
    /// whose next hops would now be others are sent the new ones.
    pub(crate) fn addresses_changed(&mut self, now: Instant) {
        for id in self.peers.ids() {
            let Some(peer) = self.peers.get(id) else {
                continue;
            };
            let Some(link) = peer.link.as_ref() else {
                continue;
            };
            let side = link.negotiated.side;
            if let Some(cause) = self.lost_ground(peer, link) {
                self.close(id, side);
                self.tell(now, id, Input::Closed { side, cause });
            } else if self.next_hops_moved(peer, link)
                && let Some(peer) = self.peers.get_mut(id)
            {
                peer.is_retold = true;
            }
        }
        self.readvertise(now);
    }

    /// Peers whose export policy or next hop is another one now are sent what that changes. Where it changes which
    /// families can be announced, the session has to begin anew.
    pub(crate) fn readvertise(&mut self, now: Instant) {
        let mut changes = Vec::new();
        let mut anew = Vec::new();
        for peer in self.peers.iter().filter(|peer| peer.is_retold) {
            let Some(link) = peer.link.as_ref() else {
                continue;
            };
            let hops = self.own_next_hops(peer, link.negotiated.local.ip());
            if self.announced(peer, &link.negotiated, hops) == link.announced {
                let settings = self.export_settings(peer, &link.negotiated, hops, link.announced);
                changes.push((peer.id, hops, settings));
            } else {
                anew.push(peer.id);
            }
        }
        for peer in self.peers.iter_mut() {
            peer.is_retold = false;
        }
        for (id, hops, _) in &changes {
            if let Some(link) = self.peers.get_mut(*id).and_then(|peer| peer.link.as_mut()) {
                link.own_next_hops = *hops;
            }
        }
        let changes: Vec<_> = changes
            .into_iter()
            .map(|(id, _, settings)| (id, settings))
            .collect();
        self.rib.change(&changes);
        self.check_limits_out(now);
        for id in anew {
            let text = "the families that can be announced changed";
            let notification = Notification::cease(CeaseSubcode::OtherConfigChange, text);
            self.tell(now, id, Input::Reset { notification });
        }
    }

    /// Why a session cannot go on from the address that it runs from. An address that the kernel
    /// never listed, such as one of a whole local subnet, cannot be missed.
    fn lost_ground(&self, peer: &Peer, link: &Link) -> Option<CloseCause> {
        let kernel = self.kernel.as_ref()?;
        let local = link.negotiated.local.ip().to_canonical();
        if link.listed && !kernel.has_address(local) {
            return Some(CloseCause::AddressGone);
        }
        (kernel.is_on_link(local, peer.config.address) && !kernel.has_usable_link(local))
            .then_some(CloseCause::LinkDown)
    }

    /// Whether a next hop given on this session is no longer ours, or one that was missing is
    /// there now. Another address that could serve as well is no reason to disturb the session.
    fn next_hops_moved(&self, peer: &Peer, link: &Link) -> bool {
        let (held, now) = (
            link.own_next_hops,
            self.own_next_hops(peer, link.negotiated.local.ip()),
        );
        let moved = |held: Option<IpAddr>, now: Option<IpAddr>| match (held, now) {
            (None, now) => now.is_some(),
            (Some(held), now) if Some(held) == now => false,
            (Some(held), _) => !self
                .kernel
                .as_ref()
                .is_some_and(|kernel| kernel.has_address(held)),
        };
        let v4_moved = moved(held.v4.map(IpAddr::V4), now.v4.map(IpAddr::V4));
        let v6_moved = moved(held.v6.map(IpAddr::V6), now.v6.map(IpAddr::V6))
            || moved(
                held.link_local.map(IpAddr::V6),
                now.link_local.map(IpAddr::V6),
            );
        let terms = &link.negotiated;
        terms.families.iter().any(|family| match family {
            Family::Ipv4Unicast => v4_moved || v6_moved && terms.extended_next_hop.contains(family),
            Family::Ipv6Unicast => v6_moved,
        })
    }

    /// Counts a connection from an address that no peer has, and tells of it now and then.
    pub(crate) fn note_stranger(&mut self, now: Instant, address: IpAddr) {
        self.admission.refused_total += 1;
        let beyond = self.config.range_of(address).map(|range| range.limit);
        let event = match beyond {
            Some(limit) => {
                let count = self.admission.limit_lines.hit(now);
                count.map(|_| Event::DynamicLimit { address, limit })
            }
            None => {
                let count = self.admission.unknown_lines.hit(now);
                count.map(|count| Event::UnknownPeer { address, count })
            }
        };
        if let Some(event) = event {
            self.events.push(event);
        }
    }

    /// A peer for a connection from a dynamic range, if one covers the address and has room.
    pub(crate) fn admit_dynamic(&mut self, now: Instant, address: IpAddr) -> Option<PeerId> {
        let found = self.config.range_of(address)?;
        let (range, limit) = (found.prefix, found.limit);
        let taken = self.admission.dynamic.get(&range).copied().unwrap_or(0);
        if taken >= limit {
            return None;
        }
        let peer = found.peer_for(address);
        Some(self.insert_peer(now, peer, PeerSource::Dynamic { range }))
    }

    /// A dynamic peer without a connection is gone.
    pub(crate) fn forget_dynamic(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let PeerSource::Dynamic { .. } = peer.source else {
            return;
        };
        // One that is held down, by an operator or because of what it did, is kept: as a new peer it would be let in again.
        let held = peer.disabled.is_some() || peer.session.is_damped();
        // Its record goes with what is kept of it.
        let held = held || peer.kept.is_some();
        if peer.adopted && !held && peer.incoming.is_none() && peer.link.is_none() {
            self.drop_peer(id);
        }
    }

    /// A dynamic peer whose first connection was refused never was.
    pub(crate) fn forget_refused(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.adopted = true;
        }
        self.forget_dynamic(id);
    }
}

fn peer_kind(peer: &Peer, negotiated: &Negotiated) -> PeerKind {
    match (negotiated.internal, peer.config.route_reflector_client) {
        (false, _) => PeerKind::Ebgp,
        (true, true) => PeerKind::IbgpClient,
        (true, false) => PeerKind::IbgpNonClient,
    }
}

/// What the peer is told of routes that are kept for long (RFC 9494 sections 4.3 and 4.6).
fn stale_rule(peer: &Peer, negotiated: &Negotiated) -> StaleRule {
    match (
        negotiated.takes_stale,
        peer.config.long_lived.partial_deployment,
    ) {
        (true, _) => StaleRule::Sent,
        (false, true) => StaleRule::LastResort,
        (false, false) => StaleRule::Withheld,
    }
}

fn next_hop_rule(rule: config::NextHopRule) -> rib::NextHopRule {
    match rule {
        config::NextHopRule::Auto => rib::NextHopRule::Auto,
        config::NextHopRule::SelfAlways => rib::NextHopRule::SelfAlways,
        config::NextHopRule::Unchanged => rib::NextHopRule::Unchanged,
    }
}
