//! Scripted peers: they say what a test has them say, octet by octet, and keep what they are sent. Nothing of a real
//! speaker is in them.
//!
//! They know what must never be sent to them, and panic as soon as it is: their own routes, those that they originated or
//! are the next hop of, an older form of a route after a newer one, a second End-of-RIB, anything malformed.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wire::Prefix;

use crate::octets::{self, Heard, PathName, Route, code};

/// Names a scripted peer of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerHandle(pub usize);

/// The routes that a peer holds.
pub type Table = BTreeMap<PathName, Rc<Route>>;

/// Who a scripted peer is.
#[derive(Clone, Debug)]
pub struct PeerScript {
    /// The address it connects from.
    pub address: Ipv4Addr,
    /// Its AS.
    pub asn: u32,
    /// Its BGP Identifier.
    pub router_id: Ipv4Addr,
    /// The hold time that it offers, in seconds.
    pub hold_time: u16,
    /// It takes several paths of a prefix (RFC 7911), and is sent identifiers with them.
    pub takes_paths: bool,
    /// It says several paths of a prefix, under identifiers of its own (RFC 7911).
    pub sends_paths: bool,
}

impl PeerScript {
    /// Its IPv6 address, which it gives as next hop of IPv6 routes.
    pub fn address_v6(&self) -> Ipv6Addr {
        let [a, b, c, d] = self.address.octets().map(u16::from);
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, a << 8 | b, c << 8 | d)
    }

    /// The number in the marks of its routes under this path identifier, of one octet.
    pub fn mark(&self, id: u32) -> u32 {
        u32::from(self.address) ^ id << 24
    }

    /// True if a mark is of one of its routes.
    pub fn has_marked(&self, mark: u32) -> bool {
        (mark ^ u32::from(self.address)) << 8 == 0
    }
}

/// Why a session of a scripted peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEnd {
    /// The test ended it, or the connection broke.
    Cut,
    /// The speaker closed without a word.
    Closed,
    /// The speaker said why: error code and subcode.
    Told(u8, u8),
    /// It heard nothing for the hold time.
    HoldTimerExpired,
}

/// What exists while a peer is connected.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) pipe: usize,
    pub(crate) side: usize,
    partial: Vec<u8>,
    is_established: bool,
    hold_time: Duration,
    last_heard: Instant,
    last_said: Instant,
    told: Option<(u8, u8)>,
}

/// A scripted peer.
#[derive(Debug)]
pub struct Peer {
    pub(crate) script: PeerScript,
    pub(crate) talk: Option<Talk>,
    pub(crate) is_stalled: bool,
    /// The time at which the network comes to it next.
    pub(crate) wakes: Option<Instant>,
    table: Table,
    ends_of_rib: [u32; 2],
    at_end_of_rib: [Option<Table>; 2],
    /// The number of the newest form that it was sent of each path, by its mark.
    newest: HashMap<(u32, Prefix), u32>,
    /// It asked for a refresh, or is still being sent its first table.
    has_walk: bool,
    ended: Vec<PeerEnd>,
    octets: u64,
    digest: u64,
    routes: u64,
}

/// What a peer wants done after it has heard or was woken.
#[derive(Debug, Default)]
pub(crate) struct Wants {
    pub(crate) say: Vec<u8>,
    pub(crate) end: Option<PeerEnd>,
}

impl Peer {
    pub(crate) fn new(script: PeerScript) -> Peer {
        Peer {
            script,
            talk: None,
            is_stalled: false,
            wakes: None,
            table: Table::new(),
            ends_of_rib: [0; 2],
            at_end_of_rib: [None, None],
            newest: HashMap::new(),
            has_walk: true,
            ended: Vec::new(),
            octets: 0,
            digest: 0xcbf2_9ce4_8422_2325,
            routes: 0,
        }
    }

    /// Who it is.
    pub fn script(&self) -> &PeerScript {
        &self.script
    }

    /// What it was sent and not withdrawn, in this session.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// It has a connection.
    pub fn is_connected(&self) -> bool {
        self.talk.is_some()
    }

    /// What it holds of a prefix, in the order of the identifiers.
    pub fn holds(&self, prefix: Prefix) -> impl Iterator<Item = &Route> {
        let paths = self.table.range((prefix, 0)..=(prefix, u32::MAX));
        paths.map(|(_, route)| Rc::as_ref(route))
    }

    /// The session is Established.
    pub fn is_established(&self) -> bool {
        self.talk.as_ref().is_some_and(|talk| talk.is_established)
    }

    /// How often End-of-RIB came in this session, for IPv4 and IPv6.
    pub fn ends_of_rib(&self) -> [u32; 2] {
        self.ends_of_rib
    }

    /// What it held when End-of-RIB of IPv4 or IPv6 came.
    pub fn at_end_of_rib(&self, is_v6: bool) -> Option<&Table> {
        self.at_end_of_rib[usize::from(is_v6)].as_ref()
    }

    /// How its sessions ended, oldest first.
    pub fn ended(&self) -> &[PeerEnd] {
        &self.ended
    }

    /// Octets that it was sent over all sessions.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// A number made of each octet that it was sent, in order (FNV-1a).
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Routes announced to it or withdrawn over all sessions.
    pub fn routes(&self) -> u64 {
        self.routes
    }

    pub(crate) fn connected(&mut self, now: Instant, pipe: usize, side: usize) -> Vec<u8> {
        let hold_time = Duration::from_secs(self.script.hold_time.into());
        self.talk = Some(Talk {
            pipe,
            side,
            partial: Vec::new(),
            is_established: false,
            hold_time,
            last_heard: now,
            last_said: now,
            told: None,
        });
        self.is_stalled = false;
        self.table.clear();
        self.newest.clear();
        self.has_walk = true;
        self.ends_of_rib = [0; 2];
        self.at_end_of_rib = [None, None];
        octets::open(
            self.script.asn,
            self.script.hold_time,
            self.script.router_id,
            self.script.takes_paths,
            self.script.sends_paths,
        )
    }

    pub(crate) fn closed(&mut self, why: PeerEnd) {
        let Some(talk) = self.talk.take() else { return };
        self.is_stalled = false;
        self.ended.push(match talk.told {
            Some((error, subcode)) => PeerEnd::Told(error, subcode),
            None => why,
        });
    }

    /// Takes octets, in any pieces.
    pub(crate) fn hear(&mut self, now: Instant, piece: &Bytes) -> Wants {
        self.octets += piece.len() as u64;
        for octet in piece {
            self.digest = (self.digest ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut wants = Wants::default();
        let Some(talk) = &mut self.talk else {
            return wants;
        };
        let mut held = std::mem::take(&mut talk.partial);
        held.extend_from_slice(piece);
        let mut at = 0;
        while let Some((length, kind)) = octets::frame(&held[at..]) {
            let message = &held[at..at + length];
            at += length;
            self.message(now, kind, octets::body(message), &mut wants);
        }
        held.drain(..at);
        if let Some(talk) = &mut self.talk {
            talk.partial = held;
        }
        wants
    }

    fn message(&mut self, now: Instant, kind: u8, body: &[u8], wants: &mut Wants) {
        let Some(talk) = &mut self.talk else { return };
        match kind {
            1 => {
                let theirs = Duration::from_secs(u64::from(u16::from_be_bytes([body[3], body[4]])));
                talk.hold_time = talk.hold_time.min(theirs);
                wants.say.extend(octets::keepalive());
            }
            2 => {
                talk.last_heard = now;
                self.update(octets::read_update(body, self.script.takes_paths));
            }
            3 => talk.told = Some((body[0], body[1])),
            4 => {
                talk.last_heard = now;
                talk.is_established = true;
            }
            5 => {}
            other => panic!("a message of type {other}"),
        }
    }

    fn update(&mut self, heard: Heard) {
        if let Some(is_v6) = heard.end_of_rib {
            let family = usize::from(is_v6);
            self.ends_of_rib[family] += 1;
            assert_eq!(self.ends_of_rib[family], 1, "End-of-RIB once per family");
            self.at_end_of_rib[family] = Some(self.table.clone());
            self.has_walk &= self.ends_of_rib != [1, 1];
            return;
        }
        self.routes += (heard.gone.len() + heard.come.len()) as u64;
        for name in &heard.gone {
            self.table.remove(name);
        }
        let Some(route) = heard.route.map(Rc::new) else {
            return;
        };
        self.must_be_mine(&route);
        for name in heard.come {
            self.must_be_newest(&route, name.0);
            self.table.insert(name, Rc::clone(&route));
        }
    }

    /// What no message may ever say to it, not even for a moment.
    fn must_be_mine(&self, route: &Route) {
        let own = &self.script;
        let originator = route.number(code::ORIGINATOR_ID).map(Ipv4Addr::from);
        assert_ne!(originator, Some(own.router_id), "back to its originator");
        // The speaker cannot know the IPv6 address of a peer that it talks to over IPv4.
        assert_ne!(route.next_hop, IpAddr::V4(own.address), "to its next hop");
        if let Some((source, _)) = route.mark() {
            assert!(!own.has_marked(source), "back to its source: {route:?}");
        }
    }

    /// A walk over the table may be ahead of the changes that the log still has to bring, so that a form is followed by
    /// an older one and then comes again; once the first table is whole, nothing ever goes back.
    fn must_be_newest(&mut self, route: &Route, prefix: Prefix) {
        let Some((source, number)) = route.mark() else {
            return;
        };
        let newest = self.newest.entry((source, prefix)).or_default();
        assert!(
            *newest <= number || self.has_walk,
            "{prefix} of {source:x}: form {number} after {newest}"
        );
        *newest = number.max(*newest);
    }

    /// What is due by the clock: a KEEPALIVE to send, or the end because nothing was heard.
    pub(crate) fn woken(&mut self, now: Instant) -> Wants {
        let mut wants = Wants::default();
        let is_stalled = self.is_stalled;
        let Some(talk) = &mut self.talk else {
            return wants;
        };
        if talk.hold_time.is_zero() {
            return wants;
        }
        if !is_stalled && now >= talk.last_heard + talk.hold_time {
            wants.say = octets::notification(4, 0);
            wants.end = Some(PeerEnd::HoldTimerExpired);
        } else if now >= talk.last_said + talk.hold_time / 3 {
            talk.last_said = now;
            if talk.is_established {
                wants.say = octets::keepalive();
            }
        }
        wants
    }

    /// When [`Peer::woken`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let talk = self
            .talk
            .as_ref()
            .filter(|talk| !talk.hold_time.is_zero())?;
        let says = talk.last_said + talk.hold_time / 3;
        let ends = talk.last_heard + talk.hold_time;
        Some(if self.is_stalled {
            says
        } else {
            says.min(ends)
        })
    }

    /// It asks for all routes of a family once more.
    pub(crate) fn refreshes(&mut self) {
        self.has_walk = true;
    }

    /// It reads again: what came meanwhile counts from now on.
    pub(crate) fn resume(&mut self, now: Instant) {
        self.is_stalled = false;
        if let Some(talk) = &mut self.talk {
            talk.last_heard = now;
        }
    }
}
