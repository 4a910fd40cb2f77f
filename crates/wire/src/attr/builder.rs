//! Writing canonical attribute bytes.

use std::net::Ipv4Addr;

use super::as_path::SegmentKind;
use super::{Aggregator, AttrView, Attribute, Origin, code, flag};
use crate::{Asn, Community, LargeCommunity};

/// The most numbers that one path segment holds: its count is one octet (RFC 4271 section 4.3).
pub(crate) const SEGMENT_MAX: usize = 255;

/// Builds canonical attributes, from nothing or from those of another route.
///
/// The bytes are canonical after every call. A value of more than 65,535 octets, which no message can hold, is
/// cut there; [`encode_announce`](crate::encode_announce) refuses every set of that size, so it is never sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttrBuilder {
    bytes: Vec<u8>,
}

impl AttrBuilder {
    /// No attributes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of another route's attributes.
    #[must_use]
    pub fn from_view(view: AttrView<'_>) -> Self {
        AttrBuilder {
            bytes: view.bytes().to_vec(),
        }
    }

    /// What was built so far.
    #[must_use]
    pub fn view(&self) -> AttrView<'_> {
        AttrView::new(&self.bytes)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Sets an attribute, whatever it is; the caller answers for flags and value.
    pub fn set_raw(&mut self, flags: u8, code: u8, value: &[u8]) -> &mut Self {
        let (start, end) = self.place_of(code);
        let mut head = [0; 4];
        let head = header(&mut head, flags, code, value.len());
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        self.bytes
            .splice(start..end, head.iter().chain(value).copied());
        self
    }

    /// Removes an attribute; nothing happens if it is not there.
    pub fn remove(&mut self, code: u8) -> &mut Self {
        let (start, end) = self.place_of(code);
        self.bytes.drain(start..end);
        self
    }

    /// Keeps only the attributes for which `keep(flags, code)` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(u8, u8) -> bool) -> &mut Self {
        let mut kept = Vec::with_capacity(self.bytes.len());
        for (flags, code, value) in self.view().iter() {
            if keep(flags, code) {
                write(&mut kept, flags, code, value);
            }
        }
        self.bytes = kept;
        self
    }

    /// Sets ORIGIN.
    pub fn set_origin(&mut self, origin: Origin) -> &mut Self {
        self.set_known(code::ORIGIN, &[origin as u8])
    }

    /// Sets AS_PATH to one sequence, the latest AS first; an empty one for a route of the own AS.
    pub fn set_as_path(&mut self, asns: &[Asn]) -> &mut Self {
        let mut value = Vec::with_capacity(2 + asns.len() * 4);
        for segment in asns.chunks(SEGMENT_MAX) {
            write_segment(&mut value, segment.iter().copied());
        }
        self.set_known(code::AS_PATH, &value)
    }

    /// Sets AS_PATH to a value as it stands on the wire, four octets a number.
    pub fn set_as_path_raw(&mut self, value: &[u8]) -> &mut Self {
        self.set_known(code::AS_PATH, value)
    }

    /// Puts `asn` in front of AS_PATH `times` times: into the first segment if that is a sequence with room, else
    /// into a new one before it (RFC 4271 section 5.1.2 b).
    pub fn prepend(&mut self, asn: Asn, times: usize) -> &mut Self {
        let path = self.view().as_path();
        let first = path
            .segments()
            .next()
            .filter(|s| s.kind == SegmentKind::Sequence);
        let old: Vec<Asn> = first.map(|s| s.asns().collect()).unwrap_or_default();
        let after = match first {
            Some(_) => &path.bytes()[2 + old.len() * 4..],
            None => path.bytes(),
        };
        let room = (SEGMENT_MAX - old.len()).min(times);
        let mut value = Vec::with_capacity(path.bytes().len() + 4 * times + 8);
        let mut fresh = times - room;
        while fresh > 0 {
            // Every segment but the leftmost is full.
            let size = match fresh % SEGMENT_MAX {
                0 => SEGMENT_MAX,
                rest => rest,
            };
            write_segment(&mut value, std::iter::repeat_n(asn, size));
            fresh -= size;
        }
        let joined: Vec<Asn> = std::iter::repeat_n(asn, room).chain(old).collect();
        if !joined.is_empty() {
            write_segment(&mut value, joined.into_iter());
        }
        value.extend_from_slice(after);
        self.set_known(code::AS_PATH, &value)
    }

    /// Sets MULTI_EXIT_DISC.
    pub fn set_med(&mut self, med: u32) -> &mut Self {
        self.set_known(code::MED, &med.to_be_bytes())
    }

    /// Removes MULTI_EXIT_DISC.
    pub fn remove_med(&mut self) -> &mut Self {
        self.remove(code::MED)
    }

    /// Sets LOCAL_PREF.
    pub fn set_local_pref(&mut self, preference: u32) -> &mut Self {
        self.set_known(code::LOCAL_PREF, &preference.to_be_bytes())
    }

    /// Removes LOCAL_PREF.
    pub fn remove_local_pref(&mut self) -> &mut Self {
        self.remove(code::LOCAL_PREF)
    }

    /// Sets ATOMIC_AGGREGATE.
    pub fn set_atomic_aggregate(&mut self) -> &mut Self {
        self.set_known(code::ATOMIC_AGGREGATE, &[])
    }

    /// Sets AGGREGATOR.
    pub fn set_aggregator(&mut self, aggregator: Aggregator) -> &mut Self {
        let mut value = [0; 8];
        value[..4].copy_from_slice(&aggregator.asn.0.to_be_bytes());
        value[4..].copy_from_slice(&aggregator.router_id.octets());
        self.set_known(code::AGGREGATOR, &value)
    }

    /// Sets COMMUNITIES, each value once, in the order given; removes the attribute if there is none.
    pub fn set_communities(&mut self, communities: &[Community]) -> &mut Self {
        let value: Vec<u8> = communities.iter().flat_map(|c| c.0.to_be_bytes()).collect();
        self.set_list::<4>(code::COMMUNITIES, &value)
    }

    /// Adds one standard community, if it is not there yet.
    pub fn add_community(&mut self, community: Community) -> &mut Self {
        if self.view().has_community(community) {
            return self;
        }
        let all: Vec<Community> = self.view().communities().chain([community]).collect();
        self.set_communities(&all)
    }

    /// Sets LARGE_COMMUNITY, each value once (RFC 8092 section 5); removes the attribute if there is none.
    pub fn set_large_communities(&mut self, communities: &[LargeCommunity]) -> &mut Self {
        let value: Vec<u8> = communities
            .iter()
            .flat_map(LargeCommunity::octets)
            .collect();
        self.set_list::<12>(code::LARGE_COMMUNITY, &value)
    }

    /// Sets EXTENDED COMMUNITIES of eight octets, each value once; removes the attribute if there is none.
    pub fn set_extended_communities(&mut self, communities: &[[u8; 8]]) -> &mut Self {
        self.set_list::<8>(code::EXTENDED_COMMUNITIES, communities.as_flattened())
    }

    /// Sets ORIGINATOR_ID.
    pub fn set_originator_id(&mut self, router_id: Ipv4Addr) -> &mut Self {
        self.set_known(code::ORIGINATOR_ID, &router_id.octets())
    }

    /// Sets CLUSTER_LIST, the latest cluster first; removes the attribute if there is none.
    pub fn set_cluster_list(&mut self, clusters: &[Ipv4Addr]) -> &mut Self {
        let value: Vec<u8> = clusters.iter().flat_map(|id| id.octets()).collect();
        match value.is_empty() {
            true => self.remove(code::CLUSTER_LIST),
            false => self.set_known(code::CLUSTER_LIST, &value),
        }
    }

    /// Puts our cluster id in front of CLUSTER_LIST (RFC 4456 section 8).
    pub fn push_cluster_id(&mut self, cluster: Ipv4Addr) -> &mut Self {
        let old = self.view().get(code::CLUSTER_LIST).unwrap_or_default();
        let value = [&cluster.octets(), old].concat();
        self.set_known(code::CLUSTER_LIST, &value)
    }

    /// Sets Only to Customer (RFC 9234).
    pub fn set_otc(&mut self, asn: Asn) -> &mut Self {
        self.set_known(code::OTC, &asn.0.to_be_bytes())
    }

    /// Sets an attribute of the registry, with the flags of its row.
    fn set_known(&mut self, code: u8, value: &[u8]) -> &mut Self {
        self.set_raw(flags_of(code), code, value)
    }

    fn set_list<const N: usize>(&mut self, code: u8, value: &[u8]) -> &mut Self {
        let mut unique = Vec::with_capacity(value.len());
        write_unique::<N>(&mut unique, value);
        match unique.is_empty() {
            true => self.remove(code),
            false => self.set_known(code, &unique),
        }
    }

    /// Where the attribute stands, or the empty range where it would.
    fn place_of(&self, code: u8) -> (usize, usize) {
        let len = self.bytes.len();
        let mut attributes = self.view().iter();
        loop {
            let start = len - attributes.remaining();
            match attributes.next() {
                Some((_, at, _)) if at < code => {}
                Some((_, at, _)) if at == code => return (start, len - attributes.remaining()),
                Some(_) | None => return (start, start),
            }
        }
    }
}

/// The flags of an attribute that this crate writes itself, from its registry row.
pub(crate) fn flags_of(code: u8) -> u8 {
    Attribute::of(code)
        .expect("invariant: every attribute that we write has a row")
        .flags
}

/// Flags, type code and length in its shortest form.
fn header(head: &mut [u8; 4], flags: u8, code: u8, len: usize) -> &[u8] {
    // The low four bits are unused and sent as zero (RFC 4271 section 4.3).
    let flags = flags & (flag::OPTIONAL | flag::TRANSITIVE | flag::PARTIAL);
    match u8::try_from(len) {
        Ok(len) => {
            head[..3].copy_from_slice(&[flags, code, len]);
            &head[..3]
        }
        Err(_) => {
            let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
            *head = [flags | flag::EXTENDED_LENGTH, code, high, low];
            head
        }
    }
}

/// Appends one attribute with its length in the shortest form.
pub(crate) fn write(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    let mut head = [0; 4];
    out.extend_from_slice(header(&mut head, flags, code, value.len()));
    out.extend_from_slice(&value[..value.len().min(usize::from(u16::MAX))]);
}

/// Appends one AS_SEQUENCE of at most [`SEGMENT_MAX`] numbers.
fn write_segment(out: &mut Vec<u8>, asns: impl ExactSizeIterator<Item = Asn>) {
    let count = u8::try_from(asns.len()).expect("callers give at most 255 numbers");
    out.extend([SegmentKind::Sequence as u8, count]);
    asns.for_each(|asn| out.extend(asn.0.to_be_bytes()));
}

/// Appends the entries of a list, the first of each value only, in their order.
pub(crate) fn write_unique<const N: usize>(out: &mut Vec<u8>, value: &[u8]) {
    /// Up to here comparing all pairs is faster than sorting; beyond it a hostile list would cost its square.
    const FEW: usize = 16;
    let (entries, _) = value.as_chunks::<N>();
    if entries.len() <= FEW {
        for (i, entry) in entries.iter().enumerate() {
            if !entries[..i].contains(entry) {
                out.extend_from_slice(entry);
            }
        }
        return;
    }
    let mut order: Vec<(&[u8; N], usize)> = entries.iter().zip(0..).collect();
    order.sort_unstable();
    order.dedup_by_key(|(entry, _)| *entry);
    order.sort_unstable_by_key(|(_, at)| *at);
    order
        .iter()
        .for_each(|(entry, _)| out.extend_from_slice(*entry));
}

#[cfg(test)]
mod tests;
