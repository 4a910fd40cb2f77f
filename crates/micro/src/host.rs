//! A speaker with peers that are octets only: what they say is fed in, what they are sent is counted and let go.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use config::{Config, Role};
use speaker::{Admission, CloseCause, ConnId, Effect, Identity, Speaker};
use wire::{Asn, Capability, Family, Open, RouteRefresh};

use crate::slices::{Lengths, Part};

/// Octets read from a peer and handed to a writer at once, as the daemons do it.
const READ: usize = 64 * 1024;
/// About what a wake-up costs, and what an octet costs that was read. Only the clock of the host knows of it.
const WAKE: Duration = Duration::from_micros(10);
const OCTET: Duration = Duration::from_nanos(20);
/// Our own address.
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 250);

/// A peer at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Remote {
    pub(crate) address: Ipv4Addr,
    pub(crate) asn: Asn,
}

/// The speaker, its clock and its connections.
pub(crate) struct Host {
    speaker: Speaker,
    now: Instant,
    slices: Vec<Bytes>,
    /// Octets that were handed out for each connection.
    sent: BTreeMap<ConnId, usize>,
    /// How long each slice of work took, if that is asked for.
    lengths: Option<Lengths>,
}

impl Host {
    /// A reflector with this configuration, started.
    pub(crate) fn new(text: &str) -> Host {
        let config = parse(text);
        let now = Instant::now();
        let identity = Identity::of(&config, Some(OURS));
        let mut speaker = Speaker::new(now, config, identity, 7);
        speaker.start(now);
        Host {
            speaker,
            now,
            slices: Vec::new(),
            sent: BTreeMap::new(),
            lengths: None,
        }
    }

    /// How long each slice of work takes that something does to this host. It ends with nothing left to do.
    pub(crate) fn lengths_of(&mut self, work: impl FnOnce(&mut Host)) -> Lengths {
        self.lengths = Some(Lengths::default());
        work(self);
        self.rest();
        self.lengths.take().unwrap_or_default()
    }

    /// Has the speaker do one slice of work: what happens between two moments at which others have their turn.
    fn slice<R>(&mut self, part: Part, work: impl FnOnce(&mut Speaker, Instant) -> R) -> R {
        match &mut self.lengths {
            Some(lengths) => lengths.of(part, || work(&mut self.speaker, self.now)),
            None => work(&mut self.speaker, self.now),
        }
    }

    /// A peer connects and its session is Established. Returns the name of its connection.
    pub(crate) fn connect(&mut self, remote: Remote) -> ConnId {
        let ours = SocketAddr::new(IpAddr::V4(OURS), 179);
        let theirs = SocketAddr::new(IpAddr::V4(remote.address), 40_000);
        let admission = self.speaker.on_accepted(self.now, ours, theirs);
        let Admission::Accepted { conn, .. } = admission else {
            panic!("the configuration has no peer at {}", remote.address);
        };
        let capabilities = vec![
            Capability::Multiprotocol(Family::Ipv4Unicast.afi_safi()),
            Capability::FourOctetAs(remote.asn),
            Capability::RouteRefresh,
        ];
        // No hold time: the clock of this host jumps.
        let open = Open::new(remote.asn, 0, remote.address, capabilities);
        self.speaker.on_bytes(self.now, conn, &open.encode());
        self.speaker.on_bytes(self.now, conn, &wire::keepalive());
        self.step();
        conn
    }

    /// Gives the speaker all that peers say, as the daemons do: in each round one read of every connection that has
    /// something, then one step of the speaker; at the end, steps until nothing is left to do.
    pub(crate) fn hear(&mut self, said: &[(ConnId, &[u8])]) {
        let mut waiting = said.to_vec();
        while !waiting.is_empty() {
            for (conn, octets) in &mut waiting {
                let (read, later) = octets.split_at(octets.len().min(READ));
                let mut rest = read;
                while !rest.is_empty() {
                    let used = self.slice(Part::Read, |speaker, now| {
                        speaker.take_bytes(now, *conn, rest)
                    });
                    rest = &rest[used..];
                }
                self.now += WAKE + OCTET * u32::try_from(read.len()).expect("one read");
                *octets = later;
            }
            self.step();
            waiting.retain(|(_, octets)| !octets.is_empty());
        }
        self.rest();
    }

    /// A peer wants all routes again.
    pub(crate) fn refresh(&mut self, conn: ConnId) {
        let request = RouteRefresh {
            family: Family::Ipv4Unicast.afi_safi(),
            subtype: RouteRefresh::REQUEST,
        };
        self.hear(&[(conn, &request.encode())]);
    }

    /// The connection of a peer breaks.
    pub(crate) fn cut(&mut self, conn: ConnId) {
        self.slice(Part::Run, |speaker, now| {
            speaker.on_closed(now, conn, CloseCause::Eof);
        });
    }

    /// The configuration becomes another one.
    pub(crate) fn reload(&mut self, text: &str) {
        let config = parse(text);
        self.slice(Part::Run, |speaker, now| speaker.reload(now, config));
    }

    /// One round of the pump. True while there is more to do at once.
    fn step(&mut self) -> bool {
        let mut more = self.slice(Part::Run, Speaker::run);
        while let Some(effect) = self.speaker.poll_effect() {
            match effect {
                Effect::Writable(conn) => more |= self.write(conn),
                Effect::Bind => {}
                Effect::Close { conn, last } => panic!("{conn:?} was closed with {last:?}"),
                Effect::Dial(dial) => panic!("nobody is at {dial:?}"),
            }
        }
        while self.speaker.poll_event().is_some() {}
        more
    }

    /// Steps until nothing is left to do, letting time pass where a tick is waited for.
    fn rest(&mut self) {
        loop {
            while self.step() {}
            let Some(at) = self.speaker.rib().next_flush() else {
                return;
            };
            self.now = self.now.max(at);
        }
    }

    /// A peer takes all that there is for it. True if there was something.
    fn write(&mut self, conn: ConnId) -> bool {
        let mut any = false;
        loop {
            let mut slices = std::mem::take(&mut self.slices);
            self.slice(Part::Fill, |speaker, now| {
                speaker.fill(now, conn, &mut slices, READ)
            });
            self.slices = slices;
            if self.slices.is_empty() {
                return any;
            }
            any = true;
            let octets: usize = self.slices.iter().map(Bytes::len).sum();
            *self.sent.entry(conn).or_default() += octets;
            self.slices.clear();
        }
    }

    /// Octets that were handed out for a connection so far.
    pub(crate) fn sent(&self, conn: ConnId) -> usize {
        self.sent.get(&conn).copied().unwrap_or_default()
    }

    /// Routes that the peer at this address was sent and not told to forget.
    pub(crate) fn advertised(&self, address: Ipv4Addr) -> usize {
        let mut peers = self.speaker.peers();
        let peer = peers.find(|peer| peer.config().address == address);
        let counts = peer.map(|peer| self.speaker.rib().advertised_counts(peer.id()));
        counts.map_or(0, |[v4, v6]| (v4 + v6) as usize)
    }
}

fn parse(text: &str) -> Config {
    config::parse(text, "micro", Role::Reflector, &|_| None)
        .unwrap_or_else(|faults| panic!("{faults:#?}"))
}
