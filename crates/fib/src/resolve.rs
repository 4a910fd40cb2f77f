//! Next-hop resolution: what this host can reach without a router.
//!
//! Owns the links, the addresses, the on-link routes and the default routes of other programs. A
//! next hop resolves by longest match among connected subnets and foreign on-link routes whose link
//! is usable. Our own routes are never in here, so nothing resolves through them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use wire::{NextHop, Prefix};

use crate::reason::FailReason;
use crate::{Address, Hop, Link, Route, RouteKind};

/// Which next hops a change can concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affects {
    /// None.
    Nothing,
    /// Those that use this link; with `came`, also those that do not resolve now.
    Link { index: u32, came: bool },
    /// Those inside the prefix.
    Prefix(Prefix),
    /// Any.
    Everything,
}

/// One reason for a prefix to be on-link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct OnLink {
    metric: u32,
    link: u32,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Address(IpAddr),
    Foreign { protocol: u8, table: u32 },
}

/// What is on which link.
#[derive(Debug)]
pub(crate) struct Topology {
    links: BTreeMap<u32, Link>,
    addresses: BTreeSet<Address>,
    on_link: HashMap<Prefix, Vec<OnLink>>,
    /// How many entries of `on_link` there are of each prefix length, IPv4 and IPv6.
    lengths: [[u32; 129]; 2],
    /// Default routes of other programs, best metric first; only hops with a gateway.
    defaults: Vec<Route>,
    via_default: bool,
}

impl Topology {
    pub(crate) fn new(via_default: bool) -> Self {
        Topology {
            links: BTreeMap::new(),
            addresses: BTreeSet::new(),
            on_link: HashMap::new(),
            lengths: [[0; 129]; 2],
            defaults: Vec::new(),
            via_default,
        }
    }

    /// Forgets everything, before a dump is read in.
    pub(crate) fn clear(&mut self) {
        *self = Topology::new(self.via_default);
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter()
    }

    /// True if the link is known and up (carrier or not).
    pub(crate) fn is_up(&self, index: u32) -> bool {
        self.links.get(&index).is_some_and(|link| link.up)
    }

    pub(crate) fn set_link(&mut self, link: Link) -> Affects {
        let index = link.index;
        let up = link.up;
        let before = self.links.insert(index, link);
        let now = &self.links[&index];
        if before
            .as_ref()
            .is_some_and(|b| b.up == now.up && b.carrier == now.carrier)
        {
            return Affects::Nothing;
        }
        let came = now.usable();
        if !up {
            self.flush_foreign(index);
        }
        Affects::Link { index, came }
    }

    pub(crate) fn remove_link(&mut self, index: u32) -> Affects {
        self.links.remove(&index);
        let gone: Vec<Address> = self
            .addresses
            .iter()
            .filter(|a| a.link == index)
            .copied()
            .collect();
        for address in gone {
            self.remove_address(address);
        }
        self.flush_foreign(index);
        Affects::Link { index, came: false }
    }

    pub(crate) fn add_address(&mut self, address: Address) -> Affects {
        if !self.addresses.insert(address) {
            return Affects::Nothing;
        }
        if let Some(subnet) = address.subnet {
            self.insert(
                subnet,
                OnLink {
                    metric: 0,
                    link: address.link,
                    source: Source::Address(address.local),
                },
            );
        }
        address_affects(&address)
    }

    pub(crate) fn remove_address(&mut self, address: Address) -> Affects {
        // By link and address: the prefix route may have been switched off meanwhile.
        let known: Vec<Address> = self
            .addresses
            .iter()
            .filter(|a| {
                a.link == address.link && a.local == address.local && a.subnet == address.subnet
            })
            .copied()
            .collect();
        if known.is_empty() {
            return Affects::Nothing;
        }
        for address in known {
            self.addresses.remove(&address);
            if let Some(subnet) = address.subnet {
                self.remove(&subnet, |o| {
                    o.link == address.link && o.source == Source::Address(address.local)
                });
            }
        }
        address_affects(&address)
    }

    /// True if no IPv4 address is left on the link: the kernel has then dropped every IPv4 route
    /// through it without a word.
    pub(crate) fn last_v4_address_gone(&self, index: u32) -> bool {
        !self
            .addresses
            .iter()
            .any(|a| a.link == index && a.local.is_ipv4())
    }

    /// Forgets the IPv4 routes of other programs through a link, as the kernel does (silently) when
    /// the link is taken down or loses its last IPv4 address.
    pub(crate) fn flush_foreign(&mut self, index: u32) {
        let lengths = &mut self.lengths[0];
        self.on_link.retain(|prefix, list| {
            if matches!(prefix, Prefix::V4(_)) {
                let before = list.len();
                list.retain(|o| o.link != index || matches!(o.source, Source::Address(_)));
                lengths[usize::from(prefix.prefix_len())] -=
                    u32::try_from(before - list.len()).unwrap_or(0);
            }
            !list.is_empty()
        });
        self.defaults.retain(|route| {
            matches!(route.prefix, Prefix::V6(_))
                || route.kind.hops().iter().any(|h| h.link != index)
        });
    }

    /// Takes in a route of another program that came, if it says what is on a link or is a default
    /// route.
    pub(crate) fn add_route(&mut self, route: &Route) -> Affects {
        let RouteKind::Unicast(hops) = &route.kind else {
            return Affects::Nothing;
        };
        if route.prefix.prefix_len() == 0 {
            return self.add_default(route);
        }
        let mut affects = Affects::Nothing;
        for hop in hops.iter().filter(|hop| hop.gateway.is_none()) {
            let source = Source::Foreign {
                protocol: route.protocol,
                table: route.table,
            };
            self.insert(
                route.prefix,
                OnLink {
                    metric: route.metric,
                    link: hop.link,
                    source,
                },
            );
            affects = Affects::Prefix(route.prefix);
        }
        affects
    }

    pub(crate) fn remove_route(&mut self, route: &Route) -> Affects {
        if route.prefix.prefix_len() == 0 {
            let before = self.defaults.len();
            self.defaults.retain(|d| !same_key(d, route));
            return if before == self.defaults.len() {
                Affects::Nothing
            } else {
                Affects::Everything
            };
        }
        let source = Source::Foreign {
            protocol: route.protocol,
            table: route.table,
        };
        let hops = route.kind.hops();
        let gone = self.remove(&route.prefix, |o| {
            o.source == source && o.metric == route.metric && hops.iter().any(|h| h.link == o.link)
        });
        if gone {
            Affects::Prefix(route.prefix)
        } else {
            Affects::Nothing
        }
    }

    fn add_default(&mut self, route: &Route) -> Affects {
        if !route.kind.hops().iter().any(|hop| hop.gateway.is_some()) {
            return Affects::Nothing;
        }
        self.defaults.retain(|d| !same_key(d, route));
        self.defaults.push(route.clone());
        self.defaults.sort_by_key(|d| d.metric);
        if self.via_default {
            Affects::Everything
        } else {
            Affects::Nothing
        }
    }

    fn insert(&mut self, prefix: Prefix, on_link: OnLink) {
        let list = self.on_link.entry(prefix).or_default();
        if let Err(at) = list.binary_search(&on_link) {
            list.insert(at, on_link);
            self.lengths[index_of(&prefix)][usize::from(prefix.prefix_len())] += 1;
        }
    }

    fn remove(&mut self, prefix: &Prefix, mut goes: impl FnMut(&OnLink) -> bool) -> bool {
        let Some(list) = self.on_link.get_mut(prefix) else {
            return false;
        };
        let before = list.len();
        list.retain(|o| !goes(o));
        let gone = before - list.len();
        if list.is_empty() {
            self.on_link.remove(prefix);
        }
        self.lengths[index_of(prefix)][usize::from(prefix.prefix_len())] -=
            u32::try_from(gone).unwrap_or(0);
        gone > 0
    }

    /// Finds the way to a BGP next hop.
    pub(crate) fn resolve(&self, next_hop: NextHop) -> Result<Hop, FailReason> {
        let address = next_hop.addr();
        if let IpAddr::V6(v6) = address
            && v6.is_unicast_link_local()
        {
            return Err(FailReason::LinkLocal(address));
        }
        if self.addresses.iter().any(|own| own.local == address) {
            return Err(FailReason::OwnAddress(address));
        }
        match self.longest_match(address) {
            Match::Usable(link) => Ok(Hop {
                gateway: Some(address),
                link,
                weight: 1,
                onlink: false,
            }),
            Match::Down(link) => Err(FailReason::LinkDown {
                next_hop: address,
                link,
            }),
            Match::None => self
                .through_default(address)
                .ok_or(FailReason::NotOnLink(address)),
        }
    }

    /// The usable link whose own address makes exactly this prefix connected.
    pub(crate) fn connected(&self, prefix: &Prefix) -> Option<&Link> {
        let list = self.on_link.get(prefix)?;
        list.iter()
            .filter(|on_link| matches!(on_link.source, Source::Address(_)))
            .filter_map(|on_link| self.links.get(&on_link.link))
            .find(|link| link.usable())
    }

    /// The subnets of the addresses on a link.
    pub(crate) fn subnets(&self, index: u32) -> impl Iterator<Item = Prefix> {
        self.addresses
            .iter()
            .filter(move |address| address.link == index)
            .filter_map(|address| address.subnet)
    }

    /// Whether a link holds an address, usable or not.
    pub(crate) fn is_on_link(&self, address: IpAddr) -> bool {
        !matches!(self.longest_match(address), Match::None)
    }

    fn longest_match(&self, address: IpAddr) -> Match {
        let max = if address.is_ipv4() { 32 } else { 128 };
        let lengths = &self.lengths[usize::from(address.is_ipv6())];
        let mut down = Match::None;
        for length in (1..=max).rev().filter(|l| lengths[usize::from(*l)] > 0) {
            let Ok(prefix) = Prefix::new(address, length) else {
                continue;
            };
            for on_link in self.on_link.get(&prefix.trunc()).into_iter().flatten() {
                match self.links.get(&on_link.link) {
                    Some(link) if link.usable() => return Match::Usable(link.index),
                    Some(link) => down = Match::Down(link.name.clone()),
                    None => {}
                }
            }
        }
        down
    }

    fn through_default(&self, address: IpAddr) -> Option<Hop> {
        if !self.via_default {
            return None;
        }
        self.defaults
            .iter()
            .filter(|route| route.prefix.addr().is_ipv4() == address.is_ipv4())
            .flat_map(|route| route.kind.hops())
            .find(|hop| {
                hop.gateway.is_some() && self.links.get(&hop.link).is_some_and(Link::usable)
            })
            .map(|hop| Hop { weight: 1, ..*hop })
    }
}

enum Match {
    Usable(u32),
    Down(Box<str>),
    None,
}

fn index_of(prefix: &Prefix) -> usize {
    usize::from(matches!(prefix, Prefix::V6(_)))
}

fn same_key(a: &Route, b: &Route) -> bool {
    a.prefix == b.prefix && a.metric == b.metric && a.table == b.table && a.protocol == b.protocol
}

/// An address matters to the next hops of its subnet, and to one that is this very address.
fn address_affects(address: &Address) -> Affects {
    match address.subnet {
        Some(subnet) if subnet.contains(&address.local) => Affects::Prefix(subnet),
        Some(_) => Affects::Everything,
        None => Affects::Prefix(Prefix::from(address.local)),
    }
}
