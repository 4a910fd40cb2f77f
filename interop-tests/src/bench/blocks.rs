//! The cluster: every client of a reflector announces its own blocks and has to learn the others'.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use ipnet::Ipv4Net;

use super::book::Right;
use super::scan::{Attributes, mp_reach};
use super::workload::Workload;
use crate::speaker::{AttributeSet, update_v4, withdraw_v4};
use crate::{LabError, Result};

/// The AS of the whole cluster.
pub(super) const AS: u32 = 64512;

const FIRST_BLOCK: u32 = u32::from_be_bytes([20, 0, 0, 0]);
const FIRST_BLOCK_V6: u64 = 0xfd20_0000_0000_0000;
const V6_UNICAST: [u8; 3] = [0, 2, 1];

/// The blocks of a cluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks {
    /// How many clients there are.
    pub(super) clients: usize,
    /// How many blocks of each family a client has.
    pub(super) each: usize,
    /// Whether there are IPv6 blocks beside the IPv4 ones.
    pub(super) dual: bool,
    /// The cluster id that a reflector adds; `None` for what only forwards.
    pub(super) cluster_id: Option<Ipv4Addr>,
}

/// The address of client `index`, which is its router id too.
pub(super) fn client_address(index: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from_be_bytes([10, 9, 0, 1]) + index as u32)
}

/// The IPv6 next hop of client `index`.
pub(super) fn client_address_v6(index: usize) -> Ipv6Addr {
    Ipv6Addr::from(0xfd09u128 << 112 | (index as u128 + 1))
}

impl Blocks {
    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.clients * self.each * if self.dual { 2 } else { 1 }
    }

    /// The slots of a client.
    pub(super) fn own(&self, client: usize) -> Vec<Range<usize>> {
        let first = client * self.each;
        let v4 = first..first + self.each;
        let beyond = self.clients * self.each;
        let v6 = self
            .dual
            .then(|| beyond + v4.start..beyond + v4.end)
            .into_iter();
        std::iter::once(v4).chain(v6).collect()
    }

    /// The mark of an announcement that is the `epoch`th of its client.
    pub(super) fn mark_of(epoch: u32) -> u8 {
        (epoch % 15) as u8 + 1
    }

    /// What is right in a slot whose client announced for the `epoch`th time.
    pub(super) fn right_of(epoch: u32) -> Right {
        1 << Blocks::mark_of(epoch)
    }

    /// The `epoch`th announcement of a client, as octets. MULTI_EXIT_DISC carries the epoch.
    pub(super) fn announce(&self, client: usize, epoch: u32) -> Vec<u8> {
        let med = epoch.to_be_bytes();
        let v4 = AttributeSet::mandatory(&[], client_address(client))
            .with(0x80, 4, &med)
            .local_pref();
        let mut octets = update_v4(&v4, &self.v4(client));
        if self.dual {
            let mut reach = V6_UNICAST.to_vec();
            reach.push(16);
            reach.extend(client_address_v6(client).octets());
            reach.push(0);
            self.push_v6(client, &mut reach);
            let v6 = AttributeSet::default()
                .with(0x40, 1, &[0])
                .with(0x40, 2, &[])
                .with(0x80, 4, &med)
                .local_pref()
                .with(0x80, 14, &reach);
            octets.extend(update_v4(&v6, &[]));
        }
        octets
    }

    /// The withdrawal of all blocks of a client, as octets.
    pub(super) fn withdraw(&self, client: usize) -> Vec<u8> {
        let mut octets = withdraw_v4(&self.v4(client));
        if self.dual {
            let mut unreach = V6_UNICAST.to_vec();
            self.push_v6(client, &mut unreach);
            let v6 = AttributeSet::default().with(0x80, 15, &unreach);
            octets.extend(update_v4(&v6, &[]));
        }
        octets
    }

    fn v4(&self, client: usize) -> Vec<Ipv4Net> {
        let first = client * self.each;
        let block = |slot: usize| {
            Ipv4Net::new_assert(Ipv4Addr::from(FIRST_BLOCK + ((slot as u32) << 8)), 24)
        };
        (first..first + self.each).map(block).collect()
    }

    fn push_v6(&self, client: usize, octets: &mut Vec<u8>) {
        let first = client * self.each;
        for slot in first..first + self.each {
            octets.push(64);
            octets.extend((FIRST_BLOCK_V6 + slot as u64).to_be_bytes());
        }
    }
}

impl Workload for Blocks {
    #[inline]
    fn slot(&self, is_v6: bool, length: u8, address: u64) -> Option<usize> {
        let count = self.clients * self.each;
        let (number, first) = match (is_v6, length) {
            (false, 24) => (((address >> 32) as u32).checked_sub(FIRST_BLOCK)? >> 8, 0),
            (true, 64) => (address.checked_sub(FIRST_BLOCK_V6)?.try_into().ok()?, count),
            _ => return None,
        };
        let number = number as usize;
        (number < count && (!is_v6 || self.dual)).then_some(first + number)
    }

    #[inline]
    fn mark(&self, attributes: &[u8]) -> Option<u8> {
        let med = Attributes::find(attributes, 4)?.first_chunk::<4>()?;
        Some(Blocks::mark_of(u32::from_be_bytes(*med)))
    }

    fn check(&self, attributes: &[u8], slot: usize, _mark: u8) -> Result<()> {
        let count = self.clients * self.each;
        let client = slot % count / self.each;
        let (v4, v6) = (client_address(client), client_address_v6(client));
        let mut wrong = Vec::new();
        let mut expect = |code: u8, value: Option<&[u8]>| {
            let got = Attributes::find(attributes, code);
            if got != value {
                wrong.push(format!("attribute {code} is {got:?}, not {value:?}"));
            }
        };
        let (id, cluster) = (v4.octets(), self.cluster_id.map(|id| id.octets()));
        expect(1, Some(&[0]));
        expect(2, Some(&[]));
        expect(5, Some(&100u32.to_be_bytes()));
        expect(9, cluster.as_ref().map(|_| id.as_slice()));
        expect(10, cluster.as_ref().map(|id| id.as_slice()));
        if slot < count {
            expect(3, Some(&id));
        } else {
            let reach = Attributes::find(attributes, 14).unwrap_or_default();
            let (_, next_hop, _) = mp_reach(reach)?;
            if next_hop != v6.octets() {
                wrong.push(format!("the IPv6 next hop is {next_hop:?}"));
            }
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(LabError::new(format!(
                "block {slot} of client {client}: {}",
                wrong.join("; ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::{HEADER, Prefixes, Update, head, mp_unreach};
    use super::*;

    const CLUSTER: Blocks = Blocks {
        clients: 5000,
        each: 2,
        dual: true,
        cluster_id: None,
    };

    #[test]
    fn blocks_are_found_again() {
        for client in [0, 127, 255, 4999] {
            let octets = CLUSTER.announce(client, 16);
            let (length, _) = head(&octets).unwrap().unwrap();
            let v4 = Update::split(&octets[HEADER..length]).unwrap();
            let v6 = Update::split(&octets[length + HEADER..]).unwrap();
            assert_eq!(CLUSTER.mark(v4.attributes), Some(2));
            assert_eq!(CLUSTER.mark(v6.attributes), Some(2));
            let reach = Attributes::find(v6.attributes, 14).unwrap();
            let (afi, _, nlri) = mp_reach(reach).unwrap();
            assert_eq!(afi, 2);
            let v4_slots = Prefixes(v4.announced).map(|(l, a)| CLUSTER.slot(false, l, a));
            let v6_slots = Prefixes(nlri).map(|(l, a)| CLUSTER.slot(true, l, a));
            let slots: Option<Vec<_>> = v4_slots.chain(v6_slots).collect();
            let own: Vec<_> = CLUSTER.own(client).into_iter().flatten().collect();
            assert_eq!(slots.unwrap(), own);
            CLUSTER.check(v4.attributes, own[0], 2).unwrap();
            CLUSTER.check(v6.attributes, own[2], 2).unwrap();
            assert!(
                CLUSTER
                    .check(v4.attributes, (own[0] + 2) % 10_000, 2)
                    .is_err()
            );
        }
    }

    #[test]
    fn a_withdrawal_names_the_same_blocks() {
        let octets = CLUSTER.withdraw(7);
        let (length, _) = head(&octets).unwrap().unwrap();
        let v4 = Update::split(&octets[HEADER..length]).unwrap();
        let v6 = Update::split(&octets[length + HEADER..]).unwrap();
        assert_eq!(Prefixes(v4.withdrawn).count(), 2);
        let (_, nlri) = mp_unreach(Attributes::find(v6.attributes, 15).unwrap()).unwrap();
        assert_eq!(Prefixes(nlri).count(), 2);
    }
}
