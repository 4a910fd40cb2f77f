//! BGP messages to octets and back, written once more for the tests: what a scripted peer says and hears must not come
//! from the code that is tested. Only what well-formed messages need; anything else is a panic, for a speaker that sends
//! it has failed.
//!
//! RFC 4271 section 4, RFC 4760 sections 3 and 4, RFC 5492, RFC 6793 section 3 (four-octet AS numbers throughout).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::Prefix;

/// Type codes of path attributes that the tests name.
pub mod code {
    /// Where the path began: IGP, EGP or elsewhere (RFC 4271 section 5.1.1).
    pub const ORIGIN: u8 = 1;
    /// The ASes on the way (RFC 4271 section 5.1.2).
    pub const AS_PATH: u8 = 2;
    /// Where packets go, for IPv4 (RFC 4271 section 5.1.3).
    pub const NEXT_HOP: u8 = 3;
    /// MULTI_EXIT_DISC (RFC 4271 section 5.1.4).
    pub const MED: u8 = 4;
    /// Preference inside an AS (RFC 4271 section 5.1.5).
    pub const LOCAL_PREF: u8 = 5;
    /// Marks of four octets each (RFC 1997).
    pub const COMMUNITIES: u8 = 8;
    /// The router that brought a route into the AS (RFC 4456 section 8).
    pub const ORIGINATOR_ID: u8 = 9;
    /// The reflectors on the way (RFC 4456 section 8).
    pub const CLUSTER_LIST: u8 = 10;
    /// MP_REACH_NLRI: routes of other families that come (RFC 4760 section 3).
    pub const MP_REACH: u8 = 14;
    /// MP_UNREACH_NLRI: routes of other families that go (RFC 4760 section 4).
    pub const MP_UNREACH: u8 = 15;
    /// Nobody's: who announced a route first, and how many it had announced before. Optional transitive, so that it
    /// stays on the route wherever it goes.
    pub const MARK: u8 = 241;
}

/// Flag bits of path attributes (RFC 4271 section 4.3).
pub const OPTIONAL: u8 = 0x80;
/// Passed on by those who do not know it.
pub const TRANSITIVE: u8 = 0x40;
/// Somebody on the way did not know it.
pub const PARTIAL: u8 = 0x20;
const EXTENDED_LENGTH: u8 = 0x10;

/// The most octets of a message.
const LONGEST: usize = 4096;
const HEADER: usize = 19;

/// One path attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attr {
    /// Flags, without the one that only says how the length is written.
    pub flags: u8,
    /// Type code.
    pub code: u8,
    /// Value.
    pub value: Vec<u8>,
}

/// What a route says beside its prefix: all attributes in the order of their codes, without NEXT_HOP and the MP ones,
/// and the next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Attributes.
    pub attrs: Vec<Attr>,
    /// Next hop.
    pub next_hop: IpAddr,
}

impl Route {
    /// The value of an attribute.
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        let attr = self.attrs.iter().find(|attr| attr.code == code)?;
        Some(&attr.value)
    }

    /// The value of an attribute of four octets.
    pub fn number(&self, code: u8) -> Option<u32> {
        self.get(code)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Puts an attribute in, in place of one of the same code.
    pub fn set(&mut self, flags: u8, code: u8, value: Vec<u8>) {
        self.remove(code);
        let at = self.attrs.partition_point(|attr| attr.code < code);
        self.attrs.insert(at, Attr { flags, code, value });
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, code: u8) {
        self.attrs.retain(|attr| attr.code != code);
    }

    /// The mark: who announced it and under which identifier (see [`crate::PeerScript::mark`]), and its number.
    pub fn mark(&self) -> Option<(u32, u32)> {
        let value: [u8; 8] = self.get(code::MARK)?.try_into().ok()?;
        let [a, b, c, d, e, f, g, h] = value;
        Some((
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        ))
    }
}

/// A message with this type and body.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER + body.len()).expect("a message is short");
    let mut octets = vec![0xff; 16];
    octets.extend(length.to_be_bytes());
    octets.push(kind);
    octets.extend(body);
    octets
}

/// An OPEN with the capabilities for both families, route refresh and four-octet AS numbers; and for several paths of a
/// prefix in both families, if they are taken or sent (RFC 7911 section 4).
pub fn open(
    asn: u32,
    hold_time: u16,
    router_id: Ipv4Addr,
    takes_paths: bool,
    sends_paths: bool,
) -> Vec<u8> {
    let mut capabilities = vec![1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 2, 0, 65, 4];
    capabilities.extend(asn.to_be_bytes());
    let mode = u8::from(takes_paths) | u8::from(sends_paths) << 1;
    if mode != 0 {
        capabilities.extend([69, 8, 0, 1, 1, mode, 0, 2, 1, mode]);
    }
    let short = u16::try_from(asn).unwrap_or(23456);
    let mut body = vec![4];
    body.extend(short.to_be_bytes());
    body.extend(hold_time.to_be_bytes());
    body.extend(router_id.octets());
    let length = u8::try_from(capabilities.len()).expect("few capabilities");
    body.extend([length + 2, 2, length]);
    body.extend(capabilities);
    message(1, &body)
}

/// A KEEPALIVE.
pub fn keepalive() -> Vec<u8> {
    message(4, &[])
}

/// A NOTIFICATION.
pub fn notification(error: u8, subcode: u8) -> Vec<u8> {
    message(3, &[error, subcode])
}

/// A ROUTE-REFRESH for IPv4 or IPv6 unicast (RFC 2918).
pub fn refresh(is_v6: bool) -> Vec<u8> {
    message(5, &[0, 1 + u8::from(is_v6), 0, 1])
}

/// End-of-RIB for IPv4 or IPv6 unicast (RFC 4724 section 2).
pub fn end_of_rib(is_v6: bool) -> Vec<u8> {
    if is_v6 {
        message(2, &[0, 0, 0, 6, OPTIONAL, code::MP_UNREACH, 3, 0, 2, 1])
    } else {
        message(2, &[0, 0, 0, 0])
    }
}

fn put_prefix(out: &mut Vec<u8>, prefix: &Prefix) {
    let octets = usize::from(prefix.prefix_len().div_ceil(8));
    out.push(prefix.prefix_len());
    match prefix.network() {
        IpAddr::V4(address) => out.extend(&address.octets()[..octets]),
        IpAddr::V6(address) => out.extend(&address.octets()[..octets]),
    }
}

fn put_attr(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    let length = u16::try_from(value.len()).expect("an attribute is short");
    match u8::try_from(length) {
        Ok(length) => out.extend([flags, code, length]),
        Err(_) => {
            out.extend([flags | EXTENDED_LENGTH, code]);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(value);
}

/// Prefixes, all with this path identifier if there is one, in blocks that leave `reserved` octets of a message for the rest.
fn blocks(prefixes: &[Prefix], id: Option<u32>, reserved: usize) -> Vec<Vec<u8>> {
    let put = |block: &mut Vec<u8>, prefix: &Prefix| {
        block.extend(id.map(u32::to_be_bytes).into_iter().flatten());
        put_prefix(block, prefix);
    };
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for prefix in prefixes {
        match blocks.last_mut() {
            Some(block) if block.len() + 21 + reserved <= LONGEST => put(block, prefix),
            Some(_) | None => {
                let mut block = Vec::new();
                put(&mut block, prefix);
                blocks.push(block);
            }
        }
    }
    blocks
}

/// UPDATEs that announce these prefixes, all of one family, with one route; as many messages as it takes. `id`: the
/// path identifier of all of them, where it was agreed to send any.
pub fn announce(prefixes: &[Prefix], id: Option<u32>, route: &Route) -> Vec<u8> {
    let is_v6 = prefixes
        .iter()
        .any(|prefix| matches!(prefix, Prefix::V6(_)));
    let mut own = Vec::new();
    for attr in &route.attrs {
        put_attr(&mut own, attr.flags, attr.code, &attr.value);
    }
    let mut octets = Vec::new();
    for block in blocks(prefixes, id, own.len() + 64) {
        let (mut attrs, mut tail) = (Vec::new(), Vec::new());
        match route.next_hop {
            IpAddr::V4(address) if !is_v6 => {
                attrs.extend(&own);
                put_attr(&mut attrs, TRANSITIVE, code::NEXT_HOP, &address.octets());
                tail = block;
            }
            IpAddr::V6(address) if is_v6 => {
                let mut value = vec![0, 2, 1, 16];
                value.extend(address.octets());
                value.push(0);
                value.extend(block);
                put_attr(&mut attrs, OPTIONAL, code::MP_REACH, &value);
                attrs.extend(&own);
            }
            IpAddr::V4(_) | IpAddr::V6(_) => panic!("a next hop of the other family"),
        }
        octets.extend(update(&[], &attrs, &tail));
    }
    octets
}

/// UPDATEs that withdraw these prefixes, all of one family and with one path identifier if there is one.
pub fn withdraw(prefixes: &[Prefix], id: Option<u32>) -> Vec<u8> {
    let is_v6 = prefixes
        .iter()
        .any(|prefix| matches!(prefix, Prefix::V6(_)));
    let mut octets = Vec::new();
    for block in blocks(prefixes, id, 64) {
        if is_v6 {
            let mut attrs = Vec::new();
            let value = [&[0, 2, 1], &block[..]].concat();
            put_attr(&mut attrs, OPTIONAL, code::MP_UNREACH, &value);
            octets.extend(update(&[], &attrs, &[]));
        } else {
            octets.extend(update(&block, &[], &[]));
        }
    }
    octets
}

fn update(gone: &[u8], attrs: &[u8], tail: &[u8]) -> Vec<u8> {
    let length = |part: &[u8]| u16::try_from(part.len()).expect("it fits").to_be_bytes();
    let body = [&length(gone), gone, &length(attrs), attrs, tail].concat();
    message(2, &body)
}

/// The length of the message at the start, and its type, once the whole of it is there.
pub fn frame(octets: &[u8]) -> Option<(usize, u8)> {
    let [high, low, kind] = *octets.get(16..HEADER)? else {
        return None;
    };
    assert!(
        octets[..16].iter().all(|octet| *octet == 0xff),
        "a marker of ones"
    );
    let length = usize::from(u16::from_be_bytes([high, low]));
    assert!(
        (HEADER..=LONGEST).contains(&length),
        "a message of {length} octets"
    );
    (octets.len() >= length).then_some((length, kind))
}

/// The body of a whole message.
pub fn body(message: &[u8]) -> &[u8] {
    &message[HEADER..]
}

/// A prefix and its path identifier, 0 where none is sent.
pub type PathName = (Prefix, u32);

/// What an UPDATE says.
#[derive(Debug, Default)]
pub struct Heard {
    /// Withdrawn.
    pub gone: Vec<PathName>,
    /// Announced.
    pub come: Vec<PathName>,
    /// With what.
    pub route: Option<Route>,
    /// End-of-RIB of IPv4 (false) or IPv6 (true).
    pub end_of_rib: Option<bool>,
}

/// Reads forward and never beyond the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn octet(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn pair(&mut self) -> usize {
        usize::from(self.octet()) << 8 | usize::from(self.octet())
    }

    fn prefixes(&mut self, is_v6: bool, has_ids: bool) -> Vec<PathName> {
        let mut prefixes = Vec::new();
        while !self.0.is_empty() {
            let mut id = 0;
            if has_ids {
                id = u32::from_be_bytes(padded(self.take(4)));
                assert_ne!(id, 0, "identifiers begin with 1");
            }
            let length = self.octet();
            let octets = self.take(usize::from(length.div_ceil(8)));
            let address = if is_v6 {
                IpAddr::V6(Ipv6Addr::from(padded::<16>(octets)))
            } else {
                IpAddr::V4(Ipv4Addr::from(padded::<4>(octets)))
            };
            let prefix = Prefix::new(address, length).expect("a prefix of its family");
            assert_eq!(prefix, prefix.trunc(), "no bits behind the prefix");
            prefixes.push((prefix, id));
        }
        prefixes
    }
}

fn padded<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut all = [0; N];
    all[..octets.len()].copy_from_slice(octets);
    all
}

/// Reads the body of an UPDATE, with path identifiers or without.
///
/// # Panics
/// If it is not as a speaker has to write it: well-formed, attributes in order, never both announcing and withdrawing
/// (RFC 7606 section 5.1).
pub fn read_update(body: &[u8], has_ids: bool) -> Heard {
    let mut rest = Reader(body);
    let mut heard = Heard::default();
    let length = rest.pair();
    heard.gone = Reader(rest.take(length)).prefixes(false, has_ids);
    let length = rest.pair();
    let mut attrs = Reader(rest.take(length));
    let is_bare = body.len() == 4;
    heard.come = rest.prefixes(false, has_ids);
    let (mut route, mut next_hop, mut before) = (Vec::new(), None, 0);
    while !attrs.0.is_empty() {
        let (flags, code) = (attrs.octet(), attrs.octet());
        let length = if flags & EXTENDED_LENGTH == 0 {
            usize::from(attrs.octet())
        } else {
            attrs.pair()
        };
        let value = attrs.take(length);
        match code {
            code::NEXT_HOP => {
                let address: [u8; 4] = value.try_into().expect("four octets of NEXT_HOP");
                next_hop = Some(IpAddr::from(address));
            }
            code::MP_REACH => {
                let mut value = Reader(value);
                assert_eq!(value.take(4), [0, 2, 1, 16], "IPv6 unicast, one next hop");
                let address: [u8; 16] = value.take(16).try_into().expect("sixteen octets");
                next_hop = Some(IpAddr::from(address));
                value.octet();
                heard.come.extend(value.prefixes(true, has_ids));
            }
            code::MP_UNREACH => {
                let mut value = Reader(value);
                assert_eq!(value.take(3), [0, 2, 1], "IPv6 unicast");
                heard.gone.extend(value.prefixes(true, has_ids));
                if heard.gone.is_empty() {
                    heard.end_of_rib = Some(true);
                }
            }
            _ => {
                assert!(
                    code > before,
                    "attributes in order, each once: {code} after {before}"
                );
                before = code;
                let flags = flags & !EXTENDED_LENGTH;
                let value = value.to_vec();
                route.push(Attr { flags, code, value });
            }
        }
    }
    if is_bare {
        heard.end_of_rib = Some(false);
    }
    assert!(
        heard.gone.is_empty() || heard.come.is_empty(),
        "never mixed"
    );
    if !heard.come.is_empty() {
        heard.route = Some(Route {
            attrs: route,
            next_hop: next_hop.expect("a next hop"),
        });
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(next_hop: &str) -> Route {
        let attr = |flags, code, value: &[u8]| Attr {
            flags,
            code,
            value: value.to_vec(),
        };
        Route {
            attrs: vec![
                attr(TRANSITIVE, code::ORIGIN, &[0]),
                attr(TRANSITIVE, code::AS_PATH, &[]),
                attr(OPTIONAL | TRANSITIVE, code::MARK, &[7; 300]),
            ],
            next_hop: next_hop.parse().unwrap(),
        }
    }

    /// What was written in any number of messages, read again.
    fn read(mut octets: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        while let Some((length, kind)) = frame(octets) {
            assert_eq!(kind, 2);
            heard.push(read_update(body(&octets[..length]), false));
            octets = &octets[length..];
        }
        assert!(octets.is_empty());
        heard
    }

    #[test]
    fn what_is_written_is_read() {
        for (next_hop, base) in [("10.0.0.1", "10.0.0.0/8"), ("fd00::1", "fd00::/40")] {
            let base: Prefix = base.parse().unwrap();
            let length = base.prefix_len() + 11;
            let prefixes: Vec<Prefix> = match base {
                Prefix::V4(net) => net.subnets(length).unwrap().map(Prefix::V4).collect(),
                Prefix::V6(net) => net.subnets(length).unwrap().map(Prefix::V6).collect(),
            };
            let named: Vec<PathName> = prefixes.iter().map(|prefix| (*prefix, 0)).collect();
            let heard = read(&announce(&prefixes, None, &route(next_hop)));
            assert!(heard.len() > 1, "it takes more than one message");
            let come = heard.iter().flat_map(|heard| heard.come.clone());
            assert_eq!(come.collect::<Vec<_>>(), named);
            assert!(
                heard
                    .iter()
                    .all(|heard| heard.route == Some(route(next_hop)))
            );
            let gone = read(&withdraw(&prefixes, None));
            let gone = gone.iter().flat_map(|heard| heard.gone.clone());
            assert_eq!(gone.collect::<Vec<_>>(), named);
        }
        for family in [false, true] {
            assert_eq!(read(&end_of_rib(family))[0].end_of_rib, Some(family));
        }
    }

    #[test]
    fn a_message_that_is_not_whole_is_waited_for() {
        let whole = keepalive();
        assert_eq!(frame(&whole), Some((19, 4)));
        assert!((0..19).all(|length| frame(&whole[..length]).is_none()));
    }

    #[test]
    fn path_identifiers_are_read_where_they_are_agreed_on() {
        let named = [0, 0, 0, 9, 24, 10, 0, 1];
        let withdrawn = update(&named, &[], &[]);
        let heard = read_update(body(&withdrawn), true);
        assert_eq!(heard.gone, [("10.0.1.0/24".parse().unwrap(), 9)]);
    }
}
