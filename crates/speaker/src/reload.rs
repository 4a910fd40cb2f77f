//! A new configuration against the one in effect: peers that are the same keep their session, to
//! the TCP connection; what changed is added, removed, refreshed or reset, as the difference of
//! the two models says.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use config::{Change, Config, Label, Subject};
use rib::PeerId;
use wire::{CeaseSubcode, Families, Prefix};

use crate::event::{Event, KeptEnd};
use crate::peer::{Peer, PeerSource};
use crate::{ResetKind, Speaker};

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// One line per change that is in effect now.
    pub done: Vec<String>,
    /// One line per change that needs a restart of the process and is not in effect.
    pub needs_restart: Vec<String>,
}

impl Speaker {
    /// Puts a validated configuration into effect. Peers of the API stay.
    pub fn reload(&mut self, now: Instant, new: Config) -> Reloaded {
        let changes = config::diff(&self.config, &new);
        let (later, done): (Vec<_>, Vec<_>) = changes
            .iter()
            .partition(|change| change.label == Label::Restart);
        let texts = |changes: Vec<&Change>| changes.into_iter().map(ToString::to_string).collect();
        let outcome = Reloaded {
            done: texts(done),
            needs_restart: texts(later),
        };
        if new.local_as != self.config.local_as {
            // Every session would be another one: nothing of it takes effect in this process.
            return outcome;
        }
        let old = std::mem::replace(&mut self.config, new);
        self.keep_until_restart(&old);
        self.reload_guards(now);
        self.reload_blocks(&old);
        for change in &changes {
            match change.subject {
                Subject::Speaker => {}
                Subject::Peer(address) => self.reload_peer(now, address, change.label),
                Subject::Range(prefix) => self.reload_range(now, prefix, change.label),
            }
        }
        self.gather_cluster_ids();
        self.readvertise(now);
        self.yield_names();
        self.forget_ranges();
        self.bind();
        self.events.push(Event::Reloaded {
            changes: outcome.done.clone(),
        });
        outcome
    }

    /// What only a restart changes stays as it was, so that the configuration shown is the one in
    /// effect and each further reload says again what waits.
    fn keep_until_restart(&mut self, old: &Config) {
        let config = &mut self.config;
        config.name.clone_from(&old.name);
        config.hostname.clone_from(&old.hostname);
        config.router_id = old.router_id;
        config.cluster_id = old.cluster_id;
        config.listen.clone_from(&old.listen);
        config.kernel.clone_from(&old.kernel);
        config.multipath_relax = old.multipath_relax;
        config.api.clone_from(&old.api);
        config.log.clone_from(&old.log);
        config.limits.clone_from(&old.limits);
    }

    /// Guards bind every import. Peers of the file and of ranges are in the difference of the two
    /// models with what that costs; those of the API are in neither, so they are asked here.
    fn reload_guards(&mut self, now: Instant) {
        let guards = self.config.guards();
        if guards == *self.guards {
            return;
        }
        self.guards = Arc::new(guards);
        for peer in self.peers.iter_mut() {
            peer.set_guards(&self.guards);
        }
        let of_api = |peer: &&Peer| peer.source == PeerSource::Api;
        let asked: Vec<PeerId> = self.peers.iter().filter(of_api).map(Peer::id).collect();
        for id in asked {
            self.judge_again(now, id);
        }
    }

    /// The routes of a peer pass policy again. What is kept of one that is away cannot, and goes.
    fn judge_again(&mut self, now: Instant, id: PeerId) {
        if self.peers.get(id).is_some_and(|peer| peer.link.is_none()) {
            return self.drop_kept(id, Families::ALL, KeptEnd::NotWanted);
        }
        if self.request_refresh(now, id).is_err() {
            // A peer that cannot be asked for its routes sends them again when it comes back.
            let _ = self.reset_peer(now, id, ResetKind::Hard);
        }
    }

    /// A name that the file gives to a peer names no other: one of the API that had it goes by its
    /// address from now on.
    fn yield_names(&mut self) {
        let file = &self.config.peers;
        let taken = |peer: &&mut Peer| {
            let name = &peer.config.name;
            peer.source == PeerSource::Api && file.iter().any(|other| other.name == *name)
        };
        let mut renamed = Vec::new();
        for peer in self.peers.iter_mut().filter(taken) {
            peer.config.name = peer.config.address.to_string();
            renamed.push(peer.id);
        }
        for id in renamed {
            self.touch(id);
        }
    }

    fn reload_blocks(&mut self, old: &Config) {
        let before: HashSet<_> = old.blocks.iter().copied().collect();
        let after: HashSet<_> = self.config.blocks.iter().copied().collect();
        for block in before.difference(&after) {
            self.withdraw_block(*block);
        }
        for block in after.difference(&before) {
            self.announce_block(*block);
        }
    }

    fn reload_peer(&mut self, now: Instant, address: IpAddr, label: Label) {
        let new = self.config.peer(address).cloned();
        match (self.peers.by_address(address), new) {
            (Some(id), Some(new)) => self.change_peer(now, id, new, PeerSource::File, label),
            (Some(id), None) => self.retire_peer(now, id, CeaseSubcode::PeerDeconfigured),
            (None, Some(new)) => {
                self.insert_peer(now, new, PeerSource::File);
            }
            (None, None) => {}
        }
    }

    /// The dynamic peers of a range follow its settings.
    fn reload_range(&mut self, now: Instant, prefix: Prefix, label: Label) {
        let source = PeerSource::Dynamic { range: prefix };
        let members: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|peer| peer.source == source)
            .map(|peer| peer.id)
            .collect();
        for id in members {
            let Some(address) = self.peers.get(id).map(|peer| peer.config.address) else {
                continue;
            };
            match self
                .config
                .dynamic
                .iter()
                .find(|range| range.prefix == prefix)
                .map(|range| range.peer_for(address))
            {
                // It reconnects by itself and is admitted with the new settings.
                Some(_) if label == Label::SessionReset => {
                    self.retire_peer(now, id, CeaseSubcode::OtherConfigChange);
                }
                Some(new) => self.change_peer(now, id, new, source.clone(), label),
                None => self.retire_peer(now, id, CeaseSubcode::PeerDeconfigured),
            }
        }
    }

    /// Brings one peer to its new settings with the least disturbance.
    fn change_peer(
        &mut self,
        now: Instant,
        id: PeerId,
        new: config::Peer,
        source: PeerSource,
        label: Label,
    ) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        // The file may define a peer now that the API added before, or that came from a range: it
        // costs what the two settings differ in.
        let label = match label {
            Label::PeerAdded => config::peer_label(&peer.config, &new).unwrap_or(Label::Live),
            label => label,
        };
        if label == Label::SessionReset {
            return self.replace_peer(now, id, new, source);
        }
        self.set_source(id, source);
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let limits = peer.config.limits;
        let is_other_route = peer.config.blackhole != new.blackhole;
        peer.set_config(new);
        if is_other_route {
            self.reconsider_kernel(now);
        }
        if label == Label::SoftRefresh
            && let Some(peer) = self.peers.get_mut(id)
        {
            peer.set_guards(&self.guards);
            self.change_source(id);
            self.judge_again(now, id);
        }
        self.reconfigure(now, id);
        self.limits_changed(now, id, &limits);
        self.touch(id);
    }

    /// A peer belongs to somebody else now. One that came from a range gives its place in it back.
    fn set_source(&mut self, id: PeerId, source: PeerSource) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let old = std::mem::replace(&mut peer.source, source);
        if let PeerSource::Dynamic { range } = old
            && peer.source != old
            && let Some(count) = self.admission.dynamic.get_mut(&range)
        {
            *count = count.saturating_sub(1);
        }
    }

    /// A peer begins anew with other settings. What an operator disabled stays down, and whom
    /// one leaves is still left.
    fn replace_peer(&mut self, now: Instant, id: PeerId, new: config::Peer, source: PeerSource) {
        let old = self.peers.get(id);
        let disabled = old.and_then(|peer| peer.disabled.clone());
        let drain = old.and_then(|peer| peer.drain.clone());
        self.retire_peer(now, id, CeaseSubcode::OtherConfigChange);
        let id = self.place_peer(new, source, disabled);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.drain = drain;
        }
        self.enable_if_wanted(now, id);
    }

    /// Timers and the direction of connecting follow the new settings from the next attempt on.
    pub(crate) fn reconfigure(&mut self, now: Instant, id: PeerId) {
        let Some(settings) = self
            .peers
            .get(id)
            .map(|peer| self.session_settings(&peer.config, id))
        else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(id) {
            peer.session.reconfigure(now, settings);
        }
        self.arm(id);
        self.enable_if_wanted(now, id);
    }
}
