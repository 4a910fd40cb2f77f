//! One record per peer: what is configured, its session, its connections, and what exists only
//! while it is Established. A peer leaves by removing its record.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use policy::{Export, Guards, Import};
use rib::PeerId;
use session::{Negotiated, Session, Side};
use wire::{DecodeContext, Families, Prefix};

use crate::binding::{Readiness, needs};
use crate::drain::Drain;
use crate::effect::ConnId;
use crate::event::Limiter;
use crate::kept::Kept;
use crate::limits::LimitState;
use crate::malformed::Malformations;
use crate::refresh::Refresh;

/// Where a peer comes from, which decides who may remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerSource {
    /// The configuration file; a reload may remove it.
    File,
    /// The API; it lives until deleted or the process ends, and a reload leaves it.
    Api,
    /// It connected from a dynamic range; it goes with its session.
    Dynamic {
        /// The range's prefix.
        range: Prefix,
    },
}

/// The addresses we may give as next hop on one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnNextHops {
    pub(crate) v4: Option<Ipv4Addr>,
    pub(crate) v6: Option<Ipv6Addr>,
    /// Beside `v6`, where the peer is on the link that both belong to (RFC 2545 section 3).
    pub(crate) link_local: Option<Ipv6Addr>,
}

/// What a peer has only while it is Established.
#[derive(Debug)]
pub struct Link {
    pub(crate) conn: ConnId,
    pub(crate) decode: DecodeContext,
    /// What the two sides agreed on.
    pub negotiated: Box<Negotiated>,
    /// Families we announce: those agreed on for which there is a next hop to give.
    pub announced: Families,
    /// Families of which the peer sent End-of-RIB.
    pub end_of_rib: Families,
    /// The peer announces families anew (RFC 7313).
    pub(crate) refresh: Option<Refresh>,
    /// When the session came up.
    pub since: Instant,
    /// When the last UPDATE with routes came.
    pub last_update: Instant,
    pub(crate) own_next_hops: OwnNextHops,
    /// It told us of a route that it reflected (RFC 4456 section 8).
    pub reflects: bool,
    /// The kernel listed our end's address when the session came up.
    pub(crate) listed: bool,
}

/// Counters of one peer over all its sessions.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerCounters {
    /// UPDATE messages whose path was refused by a check, such as an AS loop.
    pub paths_refused: u64,
}

/// One peer.
#[derive(Debug)]
pub struct Peer {
    pub(crate) id: PeerId,
    pub(crate) config: config::Peer,
    pub(crate) source: PeerSource,
    pub(crate) session: Session,
    pub(crate) outgoing: Option<ConnId>,
    pub(crate) incoming: Option<ConnId>,
    /// It had an incoming connection; a dynamic peer without one any more is gone.
    pub(crate) adopted: bool,
    pub(crate) import: Import,
    pub(crate) export: Arc<Export>,
    /// What it is sent has to follow settings or addresses that changed.
    pub(crate) is_retold: bool,
    pub(crate) link: Option<Link>,
    /// What is kept of its last session.
    pub(crate) kept: Option<Kept>,
    pub(crate) counters: PeerCounters,
    pub(crate) malformations: Malformations,
    /// What was told of its limits in this session.
    pub(crate) limits: LimitState,
    pub(crate) attempt_lines: Limiter,
    pub(crate) fault_lines: Limiter,
    pub(crate) refusal_lines: Limiter,
    pub(crate) revision: u64,
    /// How it stands with what it needs of the host.
    pub(crate) readiness: Readiness,
    /// An operator is about to leave it.
    pub(crate) drain: Option<Drain>,
    /// Why it is out of reach, if it is.
    pub(crate) far: Option<Box<str>>,
    /// The reason an operator gave when disabling it through the API.
    pub(crate) disabled: Option<String>,
    /// An operator enabled it through the API although the file says otherwise.
    pub(crate) forced_on: bool,
}

impl Peer {
    /// Its slot; valid while the peer exists.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Its settings.
    pub fn config(&self) -> &config::Peer {
        &self.config
    }

    /// Where it comes from.
    pub fn source(&self) -> &PeerSource {
        &self.source
    }

    /// Its session: state, timers, counters, last error.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What it has while Established.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// What is kept of its last session, until it has announced it anew (RFC 4724).
    pub fn kept(&self) -> Option<Kept> {
        self.kept
    }

    /// Its counters.
    pub fn counters(&self) -> PeerCounters {
        self.counters
    }

    /// What could not be taken as it came of what it sent (RFC 7606).
    pub fn malformations(&self) -> &Malformations {
        &self.malformations
    }

    /// That it alone is drained, if it is.
    pub fn drained(&self) -> Option<&Drain> {
        self.drain.as_ref()
    }

    /// Why it is held down, if an operator disabled it; may be empty.
    pub fn disabled_reason(&self) -> Option<&str> {
        self.disabled.as_deref()
    }

    /// Moves with every change worth showing; the order of changes over all peers.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether its session may be up: enabled, and not held down by an operator.
    pub fn wanted(&self) -> bool {
        self.forced_on || (self.config.enabled && self.disabled.is_none())
    }

    pub(crate) fn conn(&self, side: Side) -> Option<ConnId> {
        match side {
            Side::Outgoing => self.outgoing,
            Side::Incoming => self.incoming,
        }
    }

    pub(crate) fn set_conn(&mut self, side: Side, conn: Option<ConnId>) {
        match side {
            Side::Outgoing => self.outgoing = conn,
            Side::Incoming => self.incoming = conn,
        }
    }

    /// Takes settings that leave the session as it is.
    pub(crate) fn set_config(&mut self, config: config::Peer) {
        let old = std::mem::replace(&mut self.config, config);
        let new = &self.config;
        if !needs(new) {
            self.readiness = Readiness::Ready;
        }
        if new.export != old.export {
            self.export = Arc::new(Export::new(new.export.clone()));
        }
        if let Some(link) = &mut self.link {
            link.decode.as_sets = new.as_sets == config::AsSets::Accept;
        }
        self.is_retold |= new.export != old.export
            || new.next_hop != old.next_hop
            || new.next_hop_v6 != old.next_hop_v6
            || new.add_path_send != old.add_path_send
            || new.path != old.path
            || new.long_lived.partial_deployment != old.long_lived.partial_deployment;
    }

    pub(crate) fn set_guards(&mut self, guards: &Arc<Guards>) {
        self.import = Import::new(self.config.import.clone(), Arc::clone(guards));
    }
}

/// All peers by slot, with an index by address.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// Each on the heap, so that room for more peers costs a word each.
    slots: Vec<Option<Box<Peer>>>,
    free: Vec<u32>,
    by_address: HashMap<IpAddr, PeerId>,
}

/// Slots below this are taken by the local sources.
const FIRST_SLOT: u32 = rib::PeerId::FIRST_PEER.0;

impl Peers {
    /// A slot for a new peer.
    pub(crate) fn reserve(&mut self) -> PeerId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("invariant: far fewer peers than 2^32")
        });
        PeerId(index + FIRST_SLOT)
    }

    pub(crate) fn insert(&mut self, peer: Peer) {
        self.by_address.insert(peer.config.address, peer.id);
        let index = (peer.id.0 - FIRST_SLOT) as usize;
        self.slots[index] = Some(Box::new(peer));
    }

    pub(crate) fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let index = id.0.checked_sub(FIRST_SLOT)?;
        let peer = self.slots.get_mut(index as usize)?.take()?;
        self.by_address.remove(&peer.config.address);
        self.free.push(index);
        Some(*peer)
    }

    pub(crate) fn get(&self, id: PeerId) -> Option<&Peer> {
        self.slots
            .get(id.0.checked_sub(FIRST_SLOT)? as usize)?
            .as_deref()
    }

    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.slots
            .get_mut(id.0.checked_sub(FIRST_SLOT)? as usize)?
            .as_deref_mut()
    }

    pub(crate) fn by_address(&self, address: IpAddr) -> Option<PeerId> {
        self.by_address.get(&address).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.slots.iter().flatten().map(|peer| &**peer)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.slots.iter_mut().flatten().map(|peer| &mut **peer)
    }

    pub(crate) fn ids(&self) -> Vec<PeerId> {
        self.iter().map(|peer| peer.id).collect()
    }
}
