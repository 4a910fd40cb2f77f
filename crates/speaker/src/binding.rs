//! What peers need of the host before a connection may be opened, and how that stands.
//!
//! Whoever drives the speaker makes it ready: it is told by [`Effect::Bind`] that something changed,
//! asks for [`Speaker::bindings`], and answers with [`Speaker::on_bound`]. A peer whose answer is missing or bad is held
//! down, alone. What is needed is named here and never read.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rib::PeerId;
use session::Input;
use wire::{CeaseSubcode, Notification, Prefix};

use crate::Speaker;
use crate::effect::Effect;
use crate::event::Event;
use crate::peer::{Peer, PeerSource};

/// Who needs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bound {
    /// The peer with this address.
    Peer(IpAddr),
    /// All peers of this dynamic range.
    Range(Prefix),
}

impl Bound {
    /// Whether it is about whoever has this address.
    pub fn covers(&self, address: IpAddr) -> bool {
        match self {
            Bound::Peer(own) => *own == address,
            Bound::Range(prefix) => prefix.contains(&address),
        }
    }
}

/// What is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// By whom.
    pub of: Bound,
    /// This network device.
    pub device: Option<Box<str>>,
    /// The password in this file, which the system is to sign with.
    pub password_file: Option<Arc<Path>>,
}

impl Binding {
    /// What the settings of a peer ask for, if anything.
    fn of(of: Bound, config: &config::Peer) -> Option<Binding> {
        let binding = Binding {
            of,
            device: config.bind_device.clone(),
            password_file: config.password_file.clone(),
        };
        (binding.device.is_some() || binding.password_file.is_some()).then_some(binding)
    }
}

/// How it stands with what a peer needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// All is there, or nothing is needed.
    #[default]
    Ready,
    /// Nobody has looked yet.
    Unknown,
    /// Something is not there, and why.
    Lacking(Box<str>),
}

impl Readiness {
    /// That of a new peer.
    pub(crate) fn new(config: &config::Peer, source: &PeerSource) -> Readiness {
        match (source, needs(config)) {
            // Its range was looked at before it was let in.
            (PeerSource::Dynamic { .. }, _) | (_, false) => Readiness::Ready,
            (PeerSource::File | PeerSource::Api, true) => Readiness::Unknown,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        *self == Readiness::Ready
    }

    pub(crate) fn lack(&self) -> Option<&str> {
        match self {
            Readiness::Lacking(reason) => Some(reason),
            Readiness::Ready | Readiness::Unknown => None,
        }
    }
}

/// How it stands with the ranges that need something.
pub(crate) type RangeReadiness = HashMap<Prefix, Readiness>;

/// Whether settings ask for anything.
pub(crate) fn needs(config: &config::Peer) -> bool {
    Binding::of(Bound::Peer(config.address), config).is_some()
}

impl Speaker {
    /// Everything that peers and ranges need of the host.
    pub fn bindings(&self) -> Vec<Binding> {
        let named = |peer: &&Peer| !matches!(peer.source, PeerSource::Dynamic { .. });
        let peers = self.peers.iter().filter(named).map(Peer::config);
        let peers = peers.filter_map(|peer| Binding::of(Bound::Peer(peer.address), peer));
        let ranges = self.config.dynamic.iter();
        let ranges =
            ranges.filter_map(|range| Binding::of(Bound::Range(range.prefix), range.template()));
        peers.chain(ranges).collect()
    }

    /// What one of the [`Speaker::bindings`] needs is ready, or why it is not. May be said again and again.
    pub fn on_bound(&mut self, now: Instant, of: Bound, outcome: Result<(), String>) {
        let readiness = match outcome {
            Ok(()) => Readiness::Ready,
            Err(reason) => Readiness::Lacking(reason.into()),
        };
        match of {
            Bound::Peer(address) => self.peer_bound(now, address, readiness),
            Bound::Range(prefix) => self.range_bound(now, prefix, readiness),
        }
    }

    fn peer_bound(&mut self, now: Instant, address: IpAddr, readiness: Readiness) {
        let Some(id) = self.peers.by_address(address) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if matches!(peer.source, PeerSource::Dynamic { .. }) || peer.readiness == readiness {
            return;
        }
        let before = std::mem::replace(&mut peer.readiness, readiness);
        let name = peer.config.name.clone();
        let lack = peer.readiness.lack().map(str::to_owned);
        self.tell_of_readiness(name, before.lack().is_some(), lack.as_deref());
        match lack {
            Some(_) => self.hold_down(now, id),
            None => self.enable_if_wanted(now, id),
        }
        self.touch(id);
    }

    fn range_bound(&mut self, now: Instant, prefix: Prefix, readiness: Readiness) {
        let lack = readiness.lack().map(str::to_owned);
        let before = self.admission.readiness.insert(prefix, readiness);
        let before = before.unwrap_or_default();
        let before = before.lack();
        if before == lack.as_deref() {
            return;
        }
        self.tell_of_readiness(prefix.to_string(), before.is_some(), lack.as_deref());
        if lack.is_none() {
            return;
        }
        let source = PeerSource::Dynamic { range: prefix };
        let members = self.peers.iter().filter(|peer| peer.source == source);
        let members: Vec<PeerId> = members.map(Peer::id).collect();
        for id in members {
            self.retire_peer(now, id, CeaseSubcode::OtherConfigChange);
        }
    }

    fn tell_of_readiness(&mut self, peer: String, lacked: bool, lack: Option<&str>) {
        if lacked || lack.is_some() {
            let lack = lack.map(str::to_owned);
            self.events.push(Event::Readiness { peer, lack });
        }
    }

    /// Nobody is let in until the session is enabled again, because something is missing.
    pub(crate) fn hold_down(&mut self, now: Instant, id: PeerId) {
        // Why is nobody's business but ours.
        let notification = Notification::cease(CeaseSubcode::OtherConfigChange, "");
        self.tell(now, id, Input::Disable { notification });
    }

    /// Has whoever drives us look at the bindings.
    pub(crate) fn bind(&mut self) {
        self.effects.push_back(Effect::Bind);
    }

    /// Why nobody of a dynamic range is let in, if that is so.
    pub fn range_lack(&self, prefix: &Prefix) -> Option<&str> {
        self.admission.readiness.get(prefix)?.lack()
    }

    /// Whether the range that holds this address waits for something.
    pub(crate) fn range_is_held(&self, address: IpAddr) -> bool {
        let Some(range) = self.config.range_of(address) else {
            return false;
        };
        let readiness = self.admission.readiness.get(&range.prefix);
        match needs(range.template()) {
            true => readiness.is_none_or(|readiness| !readiness.is_ready()),
            false => false,
        }
    }

    /// Ranges that are gone, or need nothing any more, are looked at anew when they come back.
    pub(crate) fn forget_ranges(&mut self) {
        let config = &self.config;
        self.admission.readiness.retain(|prefix, _| {
            let mut ranges = config.dynamic.iter();
            ranges.any(|range| range.prefix == *prefix && needs(range.template()))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;
    use crate::{Admission, Identity};

    const NO_DEVICE: &str = "there is no network device eth7";

    /// A speaker with a peer and a range that need a device, and one that needs nothing.
    fn speaker(now: Instant) -> Speaker {
        let text = "as: 64512\npeers:\n- {address: 10.0.0.2, as: internal, bind-device: eth7}\n\
                    - {address: 10.0.0.3, as: internal}\n\
                    dynamic-peers: [{prefix: 10.1.0.0/16, as: internal, bind-device: eth7}]\n";
        let config = config::parse(text, "x.yaml", config::Role::Reflector, &|_| None);
        let config = config.expect("a valid configuration");
        let identity = Identity::of(&config, None);
        let mut speaker = Speaker::new(now, config, identity, 1);
        speaker.start(now);
        speaker
    }

    /// Who is connected to, and whether the bindings are to be looked at.
    fn effects(speaker: &mut Speaker) -> (Vec<String>, bool) {
        let (mut dialed, mut binds) = (Vec::new(), false);
        while let Some(effect) = speaker.poll_effect() {
            match effect {
                Effect::Dial(dial) => dialed.push(dial.remote.ip().to_string()),
                Effect::Bind => binds = true,
                Effect::Writable(_) | Effect::Close { .. } => {}
            }
        }
        (dialed, binds)
    }

    fn is_let_in(speaker: &mut Speaker, now: Instant, from: [u8; 4]) -> bool {
        let [local, remote] = [[10, 0, 0, 1], from].map(|ip| SocketAddr::from((ip, 179)));
        match speaker.on_accepted(now, local, remote) {
            Admission::Accepted { .. } => true,
            Admission::Refused(message) => {
                assert_eq!(message, None, "why is nobody's business");
                false
            }
        }
    }

    #[test]
    fn a_peer_waits_alone_for_what_it_needs() {
        let now = crate::testing::start();
        let mut speaker = speaker(now);
        assert_eq!(effects(&mut speaker), (vec!["10.0.0.3".to_owned()], true));
        let bound = Bound::Peer([10, 0, 0, 2].into());
        assert_eq!(speaker.bindings()[0].of, bound);
        assert!(!is_let_in(&mut speaker, now, [10, 0, 0, 2]));
        for _ in 0..2 {
            speaker.on_bound(now, bound, Err(NO_DEVICE.to_owned()));
        }
        let id = speaker.find_peer("10.0.0.2").unwrap();
        assert_eq!(speaker.peer(id).unwrap().lack(), Some(NO_DEVICE));
        speaker.enable_peer(now, id).unwrap();
        assert_eq!(effects(&mut speaker).0, Vec::<String>::new());
        speaker.on_bound(now, bound, Ok(()));
        assert_eq!(effects(&mut speaker).0, ["10.0.0.2"]);
        assert!(is_let_in(&mut speaker, now, [10, 0, 0, 2]));
        // Its connection goes when what it needs does.
        speaker.on_bound(now, bound, Err(NO_DEVICE.to_owned()));
        assert!(!is_let_in(&mut speaker, now, [10, 0, 0, 2]));
        let told = std::iter::from_fn(|| speaker.poll_event());
        let told: Vec<String> = told
            .filter(|event| matches!(event, Event::Readiness { .. }))
            .map(|event| event.to_string())
            .collect();
        let held = format!("peer 10.0.0.2 is held down: {NO_DEVICE}; it is tried again");
        let free = "peer 10.0.0.2 is no longer held down".to_owned();
        assert_eq!(told, [held.clone(), free, held], "said twice, told once");
    }

    #[test]
    fn nobody_of_a_range_is_let_in_before_it_has_what_it_needs() {
        let now = crate::testing::start();
        let mut speaker = speaker(now);
        let prefix = "10.1.0.0/16".parse().unwrap();
        let (bound, from) = (Bound::Range(prefix), [10, 1, 0, 5]);
        assert!(!is_let_in(&mut speaker, now, from));
        speaker.on_bound(now, bound, Ok(()));
        assert!(is_let_in(&mut speaker, now, from));
        assert_eq!(speaker.peers().count(), 3);
        speaker.on_bound(now, bound, Err(NO_DEVICE.to_owned()));
        assert_eq!(speaker.range_lack(&prefix), Some(NO_DEVICE));
        assert_eq!(speaker.peers().count(), 2, "the session ended");
        assert!(!is_let_in(&mut speaker, now, from));
    }

    #[test]
    fn a_peer_that_needs_nothing_any_more_is_let_go() {
        let now = crate::testing::start();
        let mut speaker = speaker(now);
        let bound = Bound::Peer([10, 0, 0, 2].into());
        speaker.on_bound(now, bound, Err(NO_DEVICE.to_owned()));
        effects(&mut speaker);
        let text = "as: 64512\npeers: [{address: 10.0.0.2, as: internal}]\n";
        let config = config::parse(text, "x.yaml", config::Role::Reflector, &|_| None);
        speaker.reload(now + Duration::from_secs(1), config.unwrap());
        assert_eq!(effects(&mut speaker), (vec!["10.0.0.2".to_owned()], true));
        assert_eq!(speaker.bindings(), []);
    }
}
