//! A new configuration against the one in effect: peers that are the same keep their session, to
//! the TCP connection; what changed is added, removed, refreshed or reset, as the difference of
//! the two models says.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use config::{Change, Config, Label, Subject};
use rib::PeerId;
use wire::{CeaseSubcode, Prefix};

use crate::event::Event;
use crate::peer::PeerSource;
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
        self.reload_guards();
        self.reload_blocks(&old);
        for change in &changes {
            match change.subject {
                Subject::Speaker => {}
                Subject::Peer(address) => self.reload_peer(now, address, change.label),
                Subject::Range(prefix) => self.reload_range(now, prefix, change.label),
            }
        }
        self.events.push(Event::Reloaded {
            changes: outcome.done.clone(),
        });
        outcome
    }

    fn reload_guards(&mut self) {
        let guards = self.config.guards();
        if guards != *self.guards {
            self.guards = Arc::new(guards);
            for peer in self.peers.iter_mut() {
                peer.set_guards(&self.guards);
            }
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
        if peer.source == PeerSource::Api && label == Label::PeerAdded && peer.config != new {
            // The file now defines a peer that the API added first, with other settings.
            self.retire_peer(now, id, CeaseSubcode::OtherConfigChange);
            self.insert_peer(now, new, source);
            return;
        }
        match label {
            Label::SessionReset => {
                self.retire_peer(now, id, CeaseSubcode::OtherConfigChange);
                self.insert_peer(now, new, source);
            }
            Label::SoftRefresh => {
                peer.source = source;
                peer.config = new;
                peer.set_guards(&self.guards);
                if peer.link.is_some() && self.request_refresh(now, id).is_err() {
                    // A peer that cannot be asked for its routes sends them again when it comes back.
                    let _ = self.reset_peer(now, id, ResetKind::Hard);
                }
            }
            Label::Live | Label::PeerAdded | Label::PeerRemoved | Label::Restart => {
                peer.source = source;
                peer.config = new;
            }
        }
        self.reconfigure(now, id);
        self.touch(id);
    }

    /// Timers and the direction of connecting follow the new settings from the next attempt on.
    fn reconfigure(&mut self, now: Instant, id: PeerId) {
        let Some(settings) = self
            .peers
            .get(id)
            .map(|peer| self.session_settings(&peer.config, id))
        else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(id) {
            peer.session.reconfigure(settings);
        }
        self.enable_if_wanted(now, id);
    }
}
