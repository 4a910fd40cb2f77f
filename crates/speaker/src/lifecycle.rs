//! Peers come and go: from the file, by the API, from dynamic ranges; they are disabled, enabled
//! and reset.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Instant;

use policy::{Export, Import};
use rib::{PeerId, ResetReason};
use session::{Hold, Input, Negotiated, RemoteAs, Session, Settings};
use wire::{CeaseSubcode, Families, Notification};

use crate::Speaker;
use crate::binding::{Readiness, needs};
use crate::event::{Event, KeptEnd, Limiter};
use crate::limits::LimitState;
use crate::malformed::Malformations;
use crate::peer::{Peer, PeerCounters, PeerSource};

/// Why a request about a peer was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// No peer has this address or name.
    NotFound,
    /// A peer with this address or name exists and its settings differ.
    Exists {
        /// Its name.
        name: String,
    },
    /// The peer belongs to the configuration file, which alone may remove it.
    InFile {
        /// The peer's name.
        name: String,
        /// Where it is defined.
        place: config::Location,
    },
    /// The peer came from a dynamic range; it goes with its session.
    Dynamic {
        /// Its name.
        name: String,
    },
    /// What was asked needs an Established session.
    NotEstablished {
        /// The peer's name.
        name: String,
    },
    /// A soft reset inbound needs ROUTE-REFRESH, which the peer did not offer (RFC 2918).
    NoRouteRefresh {
        /// The peer's name.
        name: String,
    },
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerError::NotFound => {
                f.write_str("no peer has this name or address; list them with `bgpctl peer list`")
            }
            PeerError::Exists { name } => write!(
                f,
                "peer {name} exists with other settings; change it in the configuration if the file defines it, else delete it first"
            ),
            PeerError::InFile { name, place } => {
                write!(
                    f,
                    "peer {name} is defined in {place}; remove it there and reload"
                )
            }
            PeerError::Dynamic { name } => write!(
                f,
                "peer {name} comes from a dynamic range and would return; disable it, or change `dynamic-peers`"
            ),
            PeerError::NotEstablished { name } => {
                write!(
                    f,
                    "peer {name} is not Established; see `bgpctl peer get {name}` for the reason"
                )
            }
            PeerError::NoRouteRefresh { name } => write!(
                f,
                "peer {name} did not offer route refresh (RFC 2918), and its routes are not kept as it sent them (`keep-received` is not there yet): only a hard reset, `bgpctl peer reset {name}`, makes it send them again"
            ),
        }
    }
}

impl std::error::Error for PeerError {}

/// How to reset a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetKind {
    /// Close the session (Cease, Administrative Reset) and open it again.
    Hard,
    /// Ask the peer for all its routes again (RFC 2918).
    SoftIn,
    /// Send the peer all our routes again.
    SoftOut,
}

impl Speaker {
    pub(crate) fn init_peers(&mut self, now: Instant) {
        for peer in self.config.peers.clone() {
            self.insert_peer(now, peer, PeerSource::File);
        }
        self.gather_cluster_ids();
    }

    /// Makes the record of a peer and, if the speaker runs, lets its session begin.
    pub(crate) fn insert_peer(
        &mut self,
        now: Instant,
        config: config::Peer,
        source: PeerSource,
    ) -> PeerId {
        let id = self.place_peer(config, source, None);
        self.enable_if_wanted(now, id);
        id
    }

    /// Makes the record of a peer, whose session is Idle; `disabled`: why an operator holds it down.
    pub(crate) fn place_peer(
        &mut self,
        config: config::Peer,
        source: PeerSource,
        disabled: Option<String>,
    ) -> PeerId {
        let id = self.peers.reserve();
        let session = Session::new(self.session_settings(&config, id));
        if let PeerSource::Dynamic { range } = source {
            *self.admission.dynamic.entry(range).or_default() += 1;
        }
        // Who comes and goes by itself is told of by its sessions, not with every connection.
        let told = match source {
            PeerSource::File => self.clock.running,
            PeerSource::Api => true,
            PeerSource::Dynamic { .. } => false,
        };
        if told {
            self.events.push(Event::PeerAdded {
                peer: config.name.clone(),
            });
        }
        let readiness = Readiness::new(&config, &source);
        let is_bound = !readiness.is_ready();
        let far = self.distance(&config, &source);
        self.peers.insert(Peer {
            id,
            import: Import::new(config.import.clone(), Arc::clone(&self.guards)),
            export: Arc::new(Export::new(config.export.clone())),
            is_retold: false,
            config,
            source,
            session,
            outgoing: None,
            incoming: None,
            adopted: false,
            link: None,
            kept: None,
            counters: PeerCounters::default(),
            malformations: Malformations::default(),
            limits: LimitState::default(),
            attempt_lines: Limiter::default(),
            fault_lines: Limiter::default(),
            refusal_lines: Limiter::default(),
            readiness,
            far,
            revision: 0,
            drain: None,
            disabled,
            forced_on: false,
        });
        self.touch(id);
        if is_bound {
            self.bind();
        }
        id
    }

    pub(crate) fn session_settings(&self, config: &config::Peer, id: PeerId) -> Settings {
        Settings {
            local_as: config.local_as,
            remote_as: match config.remote_as {
                config::RemoteAs::Exactly(asn) => RemoteAs::Exactly(asn),
                config::RemoteAs::Internal => RemoteAs::Internal,
                config::RemoteAs::External => RemoteAs::External,
            },
            router_id: self.identity.router_id,
            hostname: self.identity.hostname.clone(),
            hold_time: config.hold_time.seconds(),
            keepalive: config.keepalive.map(NonZeroU16::get),
            connect_retry: config.connect_retry,
            idle_hold: config.idle_hold,
            idle_hold_max: config.idle_hold_max,
            send_hold: config.send_hold,
            delay_open: config.session.delay_open.map(NonZeroU16::get),
            passive: config.passive,
            families: config.families,
            role: config.role,
            role_strict: config.role_strict,
            extended_messages: config.extended_messages,
            extended_next_hop: config.extended_next_hop,
            add_path_receive: config.add_path_receive.most().is_some(),
            add_path_send: config.add_path_send.most().is_some(),
            graceful: self.graceful_offer(config),
            long_lived: self.long_lived_offer(config),
            seed: self.clock.seed ^ (u64::from(id.0) << 32),
        }
    }

    /// Lets a session begin if the speaker runs and the peer is not held down.
    pub(crate) fn enable_if_wanted(&mut self, now: Instant, id: PeerId) {
        let may_run =
            |peer: &Peer| peer.wanted() && peer.readiness.is_ready() && peer.far.is_none();
        if self.clock.running && self.peers.get(id).is_some_and(may_run) {
            self.tell(now, id, Input::Enable);
        }
    }

    /// Marks a peer as changed, for those who watch.
    pub(crate) fn touch(&mut self, id: PeerId) {
        let revision = self.watches.next_revision();
        if let Some(peer) = self.peers.get_mut(id) {
            peer.revision = revision;
        }
    }

    /// Ends a peer's session with a Cease of this subcode and removes its record.
    pub(crate) fn retire_peer(&mut self, now: Instant, id: PeerId, subcode: CeaseSubcode) {
        self.tell(
            now,
            id,
            Input::Disable {
                notification: Notification::cease(subcode, ""),
            },
        );
        self.drop_peer(id);
    }

    /// Removes the record of a peer whose session has ended.
    pub(crate) fn drop_peer(&mut self, id: PeerId) {
        self.drop_kept(id, Families::ALL, KeptEnd::NotWanted);
        let Some(peer) = self.peers.remove(id) else {
            return;
        };
        self.timers.set(id, None);
        if let PeerSource::Dynamic { range } = peer.source
            && let Some(count) = self.admission.dynamic.get_mut(&range)
        {
            *count = count.saturating_sub(1);
        }
        self.watches.peer_removed(&peer);
        if needs(&peer.config) && !matches!(peer.source, PeerSource::Dynamic { .. }) {
            self.bind();
        }
        if !matches!(peer.source, PeerSource::Dynamic { .. }) {
            self.events.push(Event::PeerRemoved {
                peer: peer.config.name,
            });
        }
    }

    /// Finds a peer by name or address.
    pub fn find_peer(&self, name: &str) -> Option<PeerId> {
        let by_name = self
            .peers
            .iter()
            .find(|peer| peer.config.name == name)
            .map(Peer::id);
        by_name.or_else(|| self.peers.by_address(name.parse::<IpAddr>().ok()?))
    }

    /// Adds a peer that lives until deleted or the process ends. The same settings again are no
    /// error and change nothing.
    ///
    /// # Errors
    /// [`PeerError::Exists`] if the address or name is taken with other settings.
    pub fn add_peer(&mut self, now: Instant, config: config::Peer) -> Result<PeerId, PeerError> {
        if let Some(id) = self.stands_in(&config) {
            self.retire_peer(now, id, CeaseSubcode::OtherConfigChange);
            return Ok(self.insert_api_peer(now, config));
        }
        let taken = self
            .peers
            .by_address(config.address)
            .or_else(|| self.find_peer(&config.name));
        match taken.and_then(|id| self.peers.get(id)) {
            Some(peer) if peer.config == config => Ok(peer.id),
            Some(peer) => Err(PeerError::Exists {
                name: peer.config.name.clone(),
            }),
            None => Ok(self.insert_api_peer(now, config)),
        }
    }

    fn insert_api_peer(&mut self, now: Instant, config: config::Peer) -> PeerId {
        let id = self.insert_peer(now, config, PeerSource::Api);
        self.gather_cluster_ids();
        id
    }

    /// The dynamic peer that holds the place of this one until somebody names it, as now.
    fn stands_in(&self, config: &config::Peer) -> Option<PeerId> {
        let id = self.peers.by_address(config.address)?;
        let dynamic = matches!(self.peers.get(id)?.source, PeerSource::Dynamic { .. });
        let named = self.find_peer(&config.name).is_none_or(|other| other == id);
        (dynamic && named).then_some(id)
    }

    /// Deletes a peer that the API added.
    ///
    /// # Errors
    /// [`PeerError::InFile`] and [`PeerError::Dynamic`] for peers that are not the API's.
    pub fn delete_peer(&mut self, now: Instant, id: PeerId) -> Result<(), PeerError> {
        let peer = self.peers.get(id).ok_or(PeerError::NotFound)?;
        let name = peer.config.name.clone();
        match peer.source {
            PeerSource::File => Err(PeerError::InFile {
                name,
                place: peer.config.location.clone(),
            }),
            PeerSource::Dynamic { .. } => Err(PeerError::Dynamic { name }),
            PeerSource::Api => {
                self.retire_peer(now, id, CeaseSubcode::PeerDeconfigured);
                self.gather_cluster_ids();
                Ok(())
            }
        }
    }

    /// Holds a peer down until it is enabled again. `reason` travels to the peer as shutdown
    /// communication (RFC 9003) and is shown in listings.
    ///
    /// # Errors
    /// [`PeerError::NotFound`].
    pub fn disable_peer(
        &mut self,
        now: Instant,
        id: PeerId,
        reason: &str,
    ) -> Result<(), PeerError> {
        let peer = self.peers.get_mut(id).ok_or(PeerError::NotFound)?;
        peer.disabled = Some(reason.to_owned());
        peer.forced_on = false;
        self.touch(id);
        let notification = Notification::cease(CeaseSubcode::AdminShutdown, reason);
        self.drop_kept(id, Families::ALL, KeptEnd::NotWanted);
        self.tell(now, id, Input::Disable { notification });
        Ok(())
    }

    /// Lets a disabled peer come up again, also one that the file says is disabled; until it is
    /// disabled, a reload resets it, or the process ends.
    ///
    /// # Errors
    /// [`PeerError::NotFound`].
    pub fn enable_peer(&mut self, now: Instant, id: PeerId) -> Result<(), PeerError> {
        let peer = self.peers.get_mut(id).ok_or(PeerError::NotFound)?;
        peer.disabled = None;
        peer.forced_on = true;
        self.touch(id);
        // A dynamic peer that was only kept to be held down goes; it is made anew when it connects.
        self.enable_if_wanted(now, id);
        Ok(())
    }

    /// Resets a session.
    ///
    /// # Errors
    /// See [`PeerError`].
    pub fn reset_peer(
        &mut self,
        now: Instant,
        id: PeerId,
        kind: ResetKind,
    ) -> Result<(), PeerError> {
        let peer = self.peers.get_mut(id).ok_or(PeerError::NotFound)?;
        let name = peer.config.name.clone();
        match kind {
            ResetKind::Hard => {
                let negotiated = peer.session.negotiated();
                let is_kept = negotiated.is_some_and(Negotiated::is_hard_reset_needed);
                let mut notification = Notification::cease(CeaseSubcode::AdminReset, "");
                if is_kept {
                    // The operator wants it to begin with nothing (RFC 8538).
                    notification = notification.into_hard_reset();
                }
                self.drop_kept(id, Families::ALL, KeptEnd::NotWanted);
                self.tell(now, id, Input::Reset { notification });
            }
            ResetKind::SoftOut => {
                let link = peer.link().ok_or(PeerError::NotEstablished { name })?;
                for family in link.announced.iter() {
                    self.send_again(id, family);
                }
                self.settle(now, id);
            }
            ResetKind::SoftIn => self.request_refresh(now, id)?,
        }
        Ok(())
    }

    /// Asks a peer for all its routes again (RFC 2918).
    pub(crate) fn request_refresh(&mut self, now: Instant, id: PeerId) -> Result<(), PeerError> {
        let peer = self.peers.get_mut(id).ok_or(PeerError::NotFound)?;
        let name = peer.config.name.clone();
        let families = peer.link.as_ref().map(|link| link.negotiated.families);
        let families = families.ok_or_else(|| PeerError::NotEstablished { name: name.clone() })?;
        let asked = families
            .iter()
            .all(|family| peer.session.request_refresh(family));
        self.limit_table(id);
        self.settle(now, id);
        if asked {
            Ok(())
        } else {
            Err(PeerError::NoRouteRefresh { name })
        }
    }

    /// Resets members that could not keep up with the log, and peers that brought too much. The latter are kept out for a
    /// while.
    pub(crate) fn reset_fallen(&mut self, now: Instant) {
        while let Some((id, reason)) = self.rib.poll_reset() {
            if let Some(peer) = self.peers.get(id) {
                self.events.push(Event::OutOfResources {
                    peer: peer.config.name.clone(),
                    reason,
                });
            }
            let notification =
                Notification::cease(CeaseSubcode::OutOfResources, &reason.to_string());
            let input = match reason {
                ResetReason::LogLimit | ResetReason::TombstoneLimit => {
                    Input::Reset { notification }
                }
                ResetReason::RouteLimit { .. } => {
                    self.drop_kept(id, Families::ALL, KeptEnd::NotWanted);
                    Input::Shed {
                        notification,
                        hold: Hold::Longest,
                    }
                }
            };
            self.tell(now, id, input);
        }
    }

    /// Ends all sessions, for a process that stops. Unless `remove_routes`, the kernel keeps every
    /// route that it has, and peers that can keep ours (RFC 4724): traffic goes on while the process is away.
    pub fn stop(&mut self, now: Instant, remove_routes: bool) {
        self.clock.running = false;
        if remove_routes {
            self.remove_kernel_routes(now);
        } else {
            self.leave_kernel();
        }
        let reason = self.drain.take().map(|drain| drain.reason);
        let reason = reason.filter(|reason| !reason.is_empty());
        let reason = reason.unwrap_or_else(|| "the speaker is stopping".to_owned());
        for id in self.peers.ids() {
            let farewell = Notification::cease(CeaseSubcode::AdminShutdown, &reason);
            let input = match remove_routes {
                true => Input::Disable {
                    notification: farewell,
                },
                false => Input::Restart {
                    notification: farewell,
                },
            };
            self.tell(now, id, input);
            self.drop_peer(id);
        }
    }
}
