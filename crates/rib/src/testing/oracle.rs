//! What every receiver should hold, computed from scratch and naively from what the sources announced. It shares no
//! code with the crate: not the ladder, not the export rules.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use wire::{AttrBuilder, AttrView, Community, NextHop, Prefix};

use super::{LOCAL_AS, ROUTER_ID, address, router_id, v6};
use crate::{NextHopRule, PeerId, PeerKind, SourceInfo, SourceKind, StaleRule};

/// A route in words, as a source announces it or a receiver should hold it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Words {
    pub(crate) origin: u8,
    pub(crate) path: Vec<u32>,
    pub(crate) med: Option<u32>,
    pub(crate) local_pref: Option<u32>,
    pub(crate) originator: Option<Ipv4Addr>,
    pub(crate) clusters: Vec<Ipv4Addr>,
    pub(crate) communities: Vec<u32>,
    pub(crate) next_hop: IpAddr,
}

impl Words {
    pub(crate) fn read(attrs: AttrView<'_>, next_hop: &NextHop) -> Words {
        Words {
            origin: attrs.origin() as u8,
            path: attrs.as_path().asns().map(|asn| asn.0).collect(),
            med: attrs.med(),
            local_pref: attrs.local_pref(),
            originator: attrs.originator_id(),
            clusters: attrs.cluster_list().collect(),
            communities: attrs.communities().map(|community| community.0).collect(),
            next_hop: next_hop.addr(),
        }
    }

    pub(crate) fn attrs(&self) -> AttrBuilder {
        let mut attrs = super::plain(&self.path);
        attrs.set_origin(match self.origin {
            0 => wire::Origin::Igp,
            1 => wire::Origin::Egp,
            _ => wire::Origin::Incomplete,
        });
        if let Some(med) = self.med {
            attrs.set_med(med);
        }
        if let Some(local_pref) = self.local_pref {
            attrs.set_local_pref(local_pref);
        }
        if let Some(originator) = self.originator {
            attrs.set_originator_id(originator);
        }
        if !self.clusters.is_empty() {
            attrs.set_cluster_list(&self.clusters);
        }
        if !self.communities.is_empty() {
            let communities: Vec<_> = self.communities.iter().copied().map(Community).collect();
            attrs.set_communities(&communities);
        }
        attrs
    }

    fn has(&self, community: Community) -> bool {
        self.communities.contains(&community.0)
    }
}

/// What a source announced and has not taken back.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) words: Words,
    pub(crate) refused: bool,
}

/// A receiver, as far as it matters to what it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct To {
    pub(crate) id: PeerId,
    pub(crate) kind: PeerKind,
    pub(crate) rule: NextHopRule,
    pub(crate) local_only: bool,
    /// How many paths it is told of at most; 1 without ADD-PATH.
    pub(crate) most: usize,
    /// It is told that we are about to leave (RFC 8326).
    pub(crate) drained: bool,
    /// How it is told of what is kept for long (RFC 9494).
    pub(crate) stale: StaleRule,
}

/// A path: who announced it, and under which identifier.
pub(crate) type From = (PeerId, u32);

/// All that was announced, by source, prefix and path identifier.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) sources: BTreeMap<PeerId, SourceInfo>,
    pub(crate) routes: BTreeMap<(PeerId, Prefix, u32), Known>,
}

impl Oracle {
    pub(crate) fn prefixes(&self) -> Vec<Prefix> {
        let mut prefixes: Vec<Prefix> = self.routes.keys().map(|(_, prefix, _)| *prefix).collect();
        prefixes.sort();
        prefixes.dedup();
        prefixes
    }

    /// The best path: rung by rung, whoever is not the best so far drops out (RFC 4271 9.1.2.2).
    pub(crate) fn best(&self, prefix: &Prefix) -> Option<(From, &Words)> {
        self.best_of(self.usable(prefix))
    }

    fn usable(&self, prefix: &Prefix) -> Vec<(From, &Words)> {
        let all = self.routes.iter().filter(|((_, at, _), _)| at == prefix);
        let usable = all.filter(|(_, known)| !known.refused);
        usable
            .map(|((peer, _, id), known)| ((*peer, *id), &known.words))
            .collect()
    }

    fn best_of<'a>(&self, mut left: Vec<(From, &'a Words)>) -> Option<(From, &'a Words)> {
        let kind = |peer: PeerId| self.sources[&peer].kind;
        least(&mut left, |(_, words)| {
            u32::from(words.has(Community::LLGR_STALE))
        });
        least(&mut left, |((peer, _), _)| match kind(*peer) {
            SourceKind::Local => 0,
            SourceKind::Api => 1,
            SourceKind::Ebgp | SourceKind::IbgpClient | SourceKind::IbgpNonClient => 2,
        });
        least(&mut left, |(_, words)| {
            u32::MAX - words.local_pref.unwrap_or(100)
        });
        least(&mut left, |(_, words)| {
            u32::try_from(words.path.len()).unwrap()
        });
        least(&mut left, |(_, words)| u32::from(words.origin));
        let before = left.clone();
        left.retain(|(_, words)| {
            let rivals = before
                .iter()
                .filter(|(_, other)| other.path.first() == words.path.first());
            rivals
                .clone()
                .all(|(_, other)| other.med.unwrap_or(0) >= words.med.unwrap_or(0))
        });
        least(&mut left, |((peer, _), _)| {
            u32::from(kind(*peer) != SourceKind::Ebgp)
        });
        least(&mut left, |((peer, _), words)| {
            u32::from(words.originator.unwrap_or(self.sources[peer].router_id))
        });
        least(&mut left, |(_, words)| {
            u32::try_from(words.clusters.len()).unwrap()
        });
        least(&mut left, |((peer, _), _)| u32::from(address(*peer)));
        least(&mut left, |((_, id), _)| *id);
        assert!(left.len() < 2, "one is the best");
        left.first().copied()
    }

    /// What a receiver should hold for a prefix.
    pub(crate) fn expected(&self, to: &To, prefix: &Prefix) -> Option<Words> {
        self.sent(to, prefix, self.best(prefix)?)
    }

    /// The paths that a receiver should hold for a prefix, in some order.
    pub(crate) fn expected_paths(&self, to: &To, prefix: &Prefix) -> Vec<Words> {
        let mut left = self.usable(prefix);
        let mut paths = Vec::new();
        for _ in 0..to.most {
            let Some(best) = self.best_of(left.clone()) else {
                break;
            };
            left.retain(|(from, _)| *from != best.0);
            paths.extend(self.sent(to, prefix, best));
        }
        paths.sort();
        paths
    }

    /// A path as a receiver should hold it, if it may have it.
    fn sent(&self, to: &To, prefix: &Prefix, path: (From, &Words)) -> Option<Words> {
        let ((from, _), best) = path;
        let kind = self.sources[&from].kind;
        let local = matches!(kind, SourceKind::Local | SourceKind::Api);
        if to.local_only && !local {
            return None;
        }
        if kind == SourceKind::IbgpNonClient && to.kind == PeerKind::IbgpNonClient {
            return None;
        }
        let external = to.kind == PeerKind::Ebgp;
        if !local && best.has(Community::NO_ADVERTISE) {
            return None;
        }
        if !local && external && best.has(Community::NO_EXPORT) {
            return None;
        }
        let is_stale = !local && best.has(Community::LLGR_STALE);
        if is_stale
            && (to.stale == StaleRule::Withheld || to.stale == StaleRule::LastResort && external)
        {
            return None;
        }
        let mut out = best.clone();
        let internal_source = !local && kind != SourceKind::Ebgp;
        let ourselves = if external {
            to.rule != NextHopRule::Unchanged
        } else {
            to.rule == NextHopRule::SelfAlways && !internal_source
        };
        if ourselves || (local && best.next_hop.is_unspecified()) {
            out.next_hop = match prefix {
                Prefix::V4(_) => "192.168.255.1".parse().unwrap(),
                Prefix::V6(_) => "2001:db8:ffff::1".parse().unwrap(),
            };
        }
        if external {
            out.path.insert(0, LOCAL_AS.0);
            out.local_pref = None;
            out.originator = None;
            out.clusters.clear();
            out.med = best.med.filter(|_| local);
        } else {
            out.local_pref = Some(best.local_pref.unwrap_or(100));
        }
        let leaving = Community::GRACEFUL_SHUTDOWN.0;
        if to.drained && !out.communities.contains(&leaving) {
            out.communities.push(leaving);
        }
        if to.drained && !external {
            out.local_pref = Some(0);
        }
        let stays = Community::NO_EXPORT.0;
        if best.has(Community::LLGR_STALE) && to.stale == StaleRule::LastResort {
            if !out.communities.contains(&stays) {
                out.communities.push(stays);
            }
            out.local_pref = (!external).then_some(0);
        }
        if !external && internal_source {
            out.originator = out.originator.or(Some(self.sources[&from].router_id));
            out.clusters.insert(0, ROUTER_ID);
        }
        let own_addresses = [IpAddr::V4(address(to.id)), IpAddr::V6(v6(to.id))];
        let excluded = from == to.id
            || out.originator == Some(router_id(to.id))
            || own_addresses.contains(&out.next_hop);
        (!excluded).then_some(out)
    }

    /// The whole table of a receiver.
    pub(crate) fn table(&self, to: &To) -> BTreeMap<Prefix, Words> {
        let prefixes = self.prefixes().into_iter();
        prefixes
            .filter_map(|prefix| Some((prefix, self.expected(to, &prefix)?)))
            .collect()
    }
}

/// Leaves those with the least value.
fn least<T>(left: &mut Vec<T>, value: impl Fn(&T) -> u32) {
    if let Some(least) = left.iter().map(&value).min() {
        left.retain(|one| value(one) == least);
    }
}
