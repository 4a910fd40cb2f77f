//! The daemon that rows speak to, and the peers that speak.
//!
//! One daemon serves all rows at once. Every connection has an address that no other one has, out of a range that says
//! what it is to the daemon; every row has prefixes that no other one has. So rows do not disturb each other.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use interop_tests::daemon::Kind;
use interop_tests::lab::{Lab, Namespace};
use interop_tests::speaker::{Event, Message, Notification, Speaker};
use interop_tests::{LabError, Result, wait_for};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::octets::*;
use super::subject;

/// The AS of the daemon.
pub(super) const OUR_AS: u32 = 64512;
/// Its address and BGP Identifier, and its cluster.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 255, 1);
/// Peers that the daemon connects to by itself: a row takes one of them and no other row does.
pub(super) const DIALED: [Ipv4Addr; 4] = [
    Ipv4Addr::new(10, 9, 250, 1),
    Ipv4Addr::new(10, 9, 250, 2),
    Ipv4Addr::new(10, 9, 250, 3),
    Ipv4Addr::new(10, 9, 250, 4),
];
/// The AS of external peers, unless a row says otherwise.
pub(super) const EXTERNAL_AS: u32 = 65001;
/// How long anything may take. The machine may be busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What a peer is to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Of its AS, a client of its reflector.
    Client,
    /// Of its AS, no client.
    Internal,
    /// Of another AS.
    External,
    /// A client to whom it proposes a hold time of 3 s.
    Brisk,
    /// A client of whom it takes two IPv4 routes at most.
    Limited,
    /// A client that has sessions with the other clients of this kind.
    Meshed,
}

impl Side {
    /// The third octet that its addresses begin with.
    const fn range(self) -> u16 {
        match self {
            Side::Client => 0,
            Side::Internal => 64 << 8,
            Side::External => 128 << 8,
            Side::Brisk => 192 << 8,
            Side::Limited => 224 << 8,
            Side::Meshed => 240 << 8,
        }
    }

    pub(super) const fn asn(self) -> u32 {
        match self {
            Side::External => EXTERNAL_AS,
            Side::Client | Side::Internal | Side::Brisk | Side::Limited | Side::Meshed => OUR_AS,
        }
    }
}

/// Sides whose UPDATEs are judged differently.
pub(super) const BOTH: [Side; 2] = [Side::Client, Side::External];

/// The daemon under test.
pub(super) struct Subject {
    namespace: Namespace,
    next: [AtomicU16; 6],
    _daemon: subject::Running,
    _lab: Lab,
}

impl Subject {
    pub(super) fn start(kind: Kind) -> Result<Subject> {
        let lab = Lab::new("conformance")?;
        let namespace = lab.namespace("subject")?;
        namespace.ip_batch("addr add 10.9.0.0/16 dev lo\naddr add fd09::1/64 dev lo nodad\n")?;
        let daemon = subject::start(kind, &namespace)?;
        Ok(Subject {
            namespace,
            next: Default::default(),
            _daemon: daemon,
            _lab: lab,
        })
    }

    fn address(&self, side: Side) -> Ipv4Addr {
        let next = &self.next[side as usize];
        let number = side.range() + 1 + next.fetch_add(1, Ordering::Relaxed);
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(10, 9, high, low)
    }

    fn stream(&self, source: Ipv4Addr) -> Result<TcpStream> {
        let server = SocketAddr::new(SERVER.into(), 179);
        self.namespace
            .within(move || interop_tests::speaker::open_stream(source.into(), server))
    }
}

/// What one row stands on.
pub(super) struct Ground<'a> {
    subject: &'a Subject,
    row: u8,
    nets: Cell<u8>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(subject: &'a Subject, row: usize) -> Ground<'a> {
        Ground {
            subject,
            row: u8::try_from(row).expect("invariant: fewer than 256 rows"),
            nets: Cell::new(0),
        }
    }

    /// A prefix that nobody else has.
    pub(super) fn net(&self) -> Ipv4Net {
        let number = self.nets.get();
        self.nets.set(number.wrapping_add(1));
        Ipv4Net::new(Ipv4Addr::new(60, self.row, number, 0), 24).expect("invariant: a length")
    }

    pub(super) fn net6(&self) -> Ipv6Net {
        let number = self.nets.get();
        self.nets.set(number.wrapping_add(1));
        let address = Ipv6Addr::new(0x2a00, self.row.into(), number.into(), 0, 0, 0, 0, 0);
        Ipv6Net::new(address, 64).expect("invariant: a length")
    }

    /// A connection on which the daemon has said its OPEN.
    pub(super) fn connection(&self, side: Side) -> Result<Peer> {
        self.connection_from(self.subject.address(side), side)
    }

    /// The same, from this address.
    pub(super) fn connection_from(&self, address: Ipv4Addr, side: Side) -> Result<Peer> {
        // An address that had one just now may be held off for a second.
        wait_for(PATIENCE, "a connection", || {
            Peer::over(self.subject.stream(address)?, address, side)
        })
    }

    /// A connection from the address of a peer that has one already; the daemon may refuse it without its OPEN.
    pub(super) fn second_connection(&self, address: Ipv4Addr) -> Result<Peer> {
        let stream = self.subject.stream(address)?;
        Ok(Peer::silent(stream, address, Side::Client))
    }

    /// An address that nobody has used.
    pub(super) fn address(&self, side: Side) -> Ipv4Addr {
        self.subject.address(side)
    }

    /// An Established session of the usual kind.
    pub(super) fn peer(&self, side: Side) -> Result<Peer> {
        let mut peer = self.connection(side)?;
        let open = Open::usual(side.asn(), peer.address);
        peer.establish(&open)?;
        Ok(peer)
    }

    /// An Established session with an OPEN that is changed a little first.
    pub(super) fn peer_with(&self, side: Side, open: impl FnOnce(Open) -> Open) -> Result<Peer> {
        let mut peer = self.connection(side)?;
        let open = open(Open::plain(side.asn(), peer.address));
        peer.establish(&open)?;
        Ok(peer)
    }

    /// An Established external session of this AS.
    pub(super) fn peer_of(&self, asn: u32) -> Result<Peer> {
        let mut peer = self.connection(Side::External)?;
        peer.asn = asn;
        peer.establish(&Open::usual(asn, peer.address))?;
        Ok(peer)
    }

    /// Waits for connections of the daemon's to port 179 of this address.
    pub(super) fn listen(&self, address: Ipv4Addr) -> Result<TcpListener> {
        let at = SocketAddr::new(address.into(), 179);
        self.subject
            .namespace
            .within(move || Ok(TcpListener::bind(at)?))
    }
}

/// A peer of the daemon's: what it says, and what it has heard.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) speaker: Speaker,
    pub(super) address: Ipv4Addr,
    pub(super) side: Side,
    pub(super) asn: u32,
    /// The body of the daemon's OPEN.
    pub(super) open: Octets,
    /// What the daemon announced and has not withdrawn.
    pub(super) held: BTreeMap<Key, Vec<Attr>>,
    /// Every UPDATE, in order.
    pub(super) heard: Vec<Heard>,
    /// When KEEPALIVEs came.
    pub(super) keepalives: Vec<Instant>,
    /// When anything came that starts a hold timer anew: KEEPALIVE or UPDATE.
    pub(super) words: Vec<Instant>,
    /// Prefixes of IPv4, of IPv6, have path identifiers.
    pub(super) ids: [bool; 2],
    /// AS numbers have four octets.
    pub(super) wide: bool,
    ended: Option<String>,
    said: Option<Notification>,
    markers: u8,
}

impl Peer {
    /// Reads the daemon's OPEN.
    pub(super) fn over(stream: TcpStream, address: Ipv4Addr, side: Side) -> Result<Peer> {
        stream.set_nodelay(true)?;
        let mut speaker = Speaker::over(stream);
        let open = match speaker.next(PATIENCE)? {
            Event::Message(Message { kind: OPEN, body }) => body,
            other => return Err(LabError::new(format!("{other:?} instead of an OPEN"))),
        };
        let mut peer = Peer::of(speaker, address, side);
        peer.open = open;
        Ok(peer)
    }

    /// Does not wait for the daemon's OPEN.
    fn silent(stream: TcpStream, address: Ipv4Addr, side: Side) -> Peer {
        Peer::of(Speaker::over(stream), address, side)
    }

    fn of(speaker: Speaker, address: Ipv4Addr, side: Side) -> Peer {
        Peer {
            speaker,
            address,
            side,
            asn: side.asn(),
            open: Vec::new(),
            held: BTreeMap::new(),
            heard: Vec::new(),
            keepalives: Vec::new(),
            words: Vec::new(),
            ids: [false; 2],
            wide: true,
            ended: None,
            said: None,
            markers: 0,
        }
    }

    /// The NOTIFICATION that came.
    pub(super) fn said(&self) -> Option<&Notification> {
        self.said.as_ref()
    }

    pub(super) fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.speaker.send(octets)
    }

    /// OPEN and KEEPALIVE, until the daemon's KEEPALIVE has come.
    pub(super) fn establish(&mut self, open: &Open) -> Result<()> {
        self.wide = capabilities_of(&open.body())
            .iter()
            .any(|(code, _)| *code == 65);
        self.send(&open.encode())?;
        self.send(&keepalive())?;
        self.until("the daemon's KEEPALIVE", |peer| !peer.keepalives.is_empty())
    }

    /// Hears what comes until `done`, for at most so long. True if it was done.
    pub(super) fn hear(&mut self, limit: Duration, done: impl Fn(&Peer) -> bool) -> Result<bool> {
        let deadline = Instant::now() + limit;
        loop {
            if done(self) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.ended.is_some() {
                return Ok(false);
            }
            match self.speaker.next(left)? {
                Event::Message(message) => self.take(message)?,
                Event::Closed(how) => self.ended = Some(how),
                Event::Silence => {}
            }
        }
    }

    fn take(&mut self, message: Message) -> Result<()> {
        if matches!(message.kind, KEEPALIVE | UPDATE) {
            self.words.push(Instant::now());
        }
        match message.kind {
            KEEPALIVE => self.keepalives.push(Instant::now()),
            UPDATE => {
                let heard = read_update(&message.body, self.ids)?;
                for key in &heard.withdrawn {
                    self.held.remove(key);
                }
                for key in &heard.announced {
                    self.held.insert(*key, heard.attributes.clone());
                }
                self.heard.push(heard);
            }
            NOTIFICATION => self.said = message.notification(),
            _ => {}
        }
        Ok(())
    }

    /// Waits for `done`.
    pub(super) fn until(&mut self, what: &str, done: impl Fn(&Peer) -> bool) -> Result<()> {
        if self.hear(PATIENCE, done)? {
            return Ok(());
        }
        let (said, ended) = (&self.said, &self.ended);
        Err(LabError::new(format!(
            "waited for {what}; said to us: {said:?}; ended: {ended:?}"
        )))
    }

    pub(super) fn has(&mut self, net: impl Into<IpNet>) -> Result<()> {
        let net = net.into();
        self.until(&format!("{net}"), |peer| peer.path(net).is_some())
    }

    pub(super) fn lost(&mut self, net: impl Into<IpNet>) -> Result<()> {
        let net = net.into();
        self.until(&format!("{net} to go"), |peer| peer.path(net).is_none())
    }

    /// The attributes of a prefix.
    pub(super) fn path(&self, net: impl Into<IpNet>) -> Option<&Vec<Attr>> {
        let net = net.into();
        self.held
            .range((net, 0)..=(net, u32::MAX))
            .map(|(_, attributes)| attributes)
            .next()
    }

    /// One attribute of a prefix.
    pub(super) fn attribute(&self, net: impl Into<IpNet>, code: u8) -> Option<&Attr> {
        self.path(net)?.iter().find(|attr| attr.code == code)
    }

    /// The value of an attribute of a prefix.
    pub(super) fn value(&self, net: impl Into<IpNet>, code: u8) -> Option<&[u8]> {
        self.attribute(net, code).map(|attr| attr.value.as_slice())
    }

    /// Waits until a prefix has this value of an attribute; `None`: it has the prefix and not the attribute.
    pub(super) fn has_value(
        &mut self,
        net: impl Into<IpNet>,
        code: u8,
        value: Option<&[u8]>,
    ) -> Result<()> {
        let net = net.into();
        let is_so = |peer: &Peer| peer.path(net).is_some() && peer.value(net, code) == value;
        if self.hear(PATIENCE, is_so)? {
            return Ok(());
        }
        let seen = self.path(net);
        Err(LabError::new(format!(
            "attribute {code} of {net} should be {value:02x?}; it has {seen:02x?}"
        )))
    }

    /// The daemon says exactly this NOTIFICATION and closes.
    pub(super) fn is_told(&mut self, code: u8, subcode: u8, data: &[u8]) -> Result<()> {
        let wanted = Notification {
            code,
            subcode,
            data: data.to_vec(),
        };
        self.hear(PATIENCE, |peer| peer.ended.is_some())?;
        match (&self.said, &self.ended) {
            (Some(said), Some(_)) if *said == wanted => Ok(()),
            (said, ended) => Err(LabError::new(format!(
                "{wanted:02x?} was to come, and the end; there was {said:02x?}, {ended:?}"
            ))),
        }
    }

    /// The daemon closes and says nothing.
    pub(super) fn is_closed(&mut self) -> Result<()> {
        self.hear(PATIENCE, |peer| peer.ended.is_some())?;
        match (&self.said, &self.ended) {
            (None, Some(_)) => Ok(()),
            (said, ended) => Err(LabError::new(format!(
                "the end was to come; there was {said:02x?}, {ended:?}"
            ))),
        }
    }

    /// Attributes that are right for this peer: ORIGIN, AS_PATH, NEXT_HOP and, inside the AS, LOCAL_PREF.
    pub(super) fn good(&self) -> Vec<Octets> {
        let numbers: &[u32] = match self.side {
            Side::External => std::slice::from_ref(&self.asn),
            Side::Client | Side::Internal | Side::Brisk | Side::Limited | Side::Meshed => &[],
        };
        let as_path = match numbers {
            [] => Vec::new(),
            numbers => path(&[(AS_SEQUENCE, numbers)], self.wide),
        };
        let mut all = vec![
            attr(WELL_KNOWN, ORIGIN, &[0]),
            attr(WELL_KNOWN, AS_PATH, &as_path),
            attr(WELL_KNOWN, NEXT_HOP, &self.address.octets()),
        ];
        if self.side != Side::External {
            all.push(attr(WELL_KNOWN, LOCAL_PREF, &[0, 0, 0, 100]));
        }
        all
    }

    /// The same, with one attribute in the place of the one that has its type code, or else behind the others.
    pub(super) fn good_with(&self, attribute: &[u8]) -> Vec<Octets> {
        let mut all = self.good();
        match all.iter_mut().find(|one| one[1] == attribute[1]) {
            Some(one) => *one = attribute.to_vec(),
            None => all.push(attribute.to_vec()),
        }
        all
    }

    /// The same, without the attribute of this type code.
    pub(super) fn good_without(&self, code: u8) -> Vec<Octets> {
        let mut all = self.good();
        all.retain(|one| one[1] != code);
        all
    }

    /// Announces a prefix with attributes that are right.
    pub(super) fn announce(&mut self, net: Ipv4Net) -> Result<()> {
        let octets = update(&[], &self.good(), &[net]);
        self.send(&octets)
    }

    /// Announces a prefix with these attributes.
    pub(super) fn announce_with(&mut self, attributes: &[Octets], net: Ipv4Net) -> Result<()> {
        self.send(&update(&[], attributes, &[net]))
    }

    /// A prefix of this peer alone, for [`sync`].
    fn marker(&mut self) -> Ipv4Net {
        self.markers = self.markers.wrapping_add(1);
        let [.., high, low] = self.address.octets();
        let address = Ipv4Addr::new(61 + (self.markers & 1), high, low, 0);
        Ipv4Net::new(address, 24).expect("invariant: a length")
    }
}

/// All that `from` said so far has reached `to`, as far as it ever will; and the session of `from` has lasted.
///
/// Prefixes that change together reach a peer in any order, but before those that change later. So two are announced,
/// one after the other has come.
pub(super) fn sync(from: &mut Peer, to: &mut Peer) -> Result<()> {
    for _ in 0..2 {
        let marker = from.marker();
        from.announce(marker)?;
        to.has(marker)?;
        from.send(&withdraw(&[marker]))?;
        to.lost(marker)?;
    }
    Ok(())
}

/// An error of a row, unless it holds.
pub(super) fn ensure(holds: bool, text: impl FnOnce() -> String) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(LabError::new(text())),
    }
}
