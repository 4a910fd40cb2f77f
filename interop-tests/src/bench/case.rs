//! The cases by name, and the lists of them that are run together.

use std::fmt;
use std::time::Duration;

use super::{Churn, Cluster, Figures, FullTable, Loss, Maker, Node, Slow};
use crate::Result;

/// One case of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// A full table.
    FullTable(FullTable),
    /// A cluster.
    Cluster(Cluster),
    /// Blocks that come and go.
    Churn(Churn),
    /// Clients that die.
    Loss(Loss),
    /// Clients that do not read.
    Slow(Slow),
    /// A node agent.
    Node(Node),
}

impl Case {
    /// Runs it. `show` is given the daemon's configuration before anything is measured.
    ///
    /// # Errors
    /// When the daemon fails, sends anything that is wrong, or does not end in time.
    pub fn run(&self, maker: Maker, show: impl FnOnce(&str)) -> Result<Figures> {
        match self {
            Case::FullTable(case) => case.run(maker, show),
            Case::Cluster(case) => case.run(maker, show),
            Case::Churn(case) => case.run(maker, show),
            Case::Loss(case) => case.run(maker, show),
            Case::Slow(case) => case.run(maker, show),
            Case::Node(case) => case.run(maker, show),
        }
    }

    /// How often it is run for a median: the largest ones once.
    pub fn repetitions(&self) -> usize {
        match self {
            Case::FullTable(case) if case.feeders >= 10 => 1,
            Case::Cluster(case) if case.clients >= 5000 => 1,
            _ => 3,
        }
    }

    /// Whether `other` asks for the same and nowhere for more: what a daemon does not manage
    /// there it does not manage here.
    pub fn is_at_least(&self, other: &Case) -> bool {
        match (self, other) {
            (Case::FullTable(one), Case::FullTable(other)) => {
                one.prefixes >= other.prefixes
                    && one.feeders >= other.feeders
                    && one.receivers >= other.receivers
            }
            (Case::Cluster(one), Case::Cluster(other)) => {
                one.arrival == other.arrival
                    && one.clients >= other.clients
                    && one.blocks >= other.blocks
                    && one.dual >= other.dual
            }
            (one, other) => one == other,
        }
    }

    /// All cases, cheap ones first: what is cut off has more of them.
    pub fn all() -> Vec<Case> {
        let mut cases = vec![
            Case::Node(Node { routes: 10_000 }),
            Case::cluster(100, 1, false, 0),
            Case::cluster(500, 1, false, 0),
            Case::loss(500),
            Case::churn(500, 20),
            Case::full_table(1_000_000, 1, 1),
            Case::cluster(1000, 1, false, 0),
            Case::slow(500, 0),
            Case::slow(500, 5),
            Case::full_table(1_000_000, 1, 10),
            Case::full_table(1_000_000, 4, 1),
            Case::cluster(500, 1, false, 10),
        ];
        for clients in [100, 500, 1000] {
            cases.push(Case::cluster(clients, 4, false, 0));
            cases.push(Case::cluster(clients, 1, true, 0));
        }
        cases.extend([
            Case::churn(500, 1000),
            Case::cluster(1000, 1, false, 10),
            Case::cluster(2000, 1, false, 0),
            Case::cluster(2000, 1, false, 10),
            Case::full_table(1_000_000, 4, 10),
            Case::cluster(5000, 1, false, 0),
            Case::cluster(5000, 1, false, 10),
            Case::full_table(1_000_000, 10, 1),
            Case::full_table(1_000_000, 10, 10),
        ]);
        cases
    }

    /// A few small ones, for ten minutes in all.
    pub fn quick() -> Vec<Case> {
        vec![
            Case::Node(Node { routes: 2000 }),
            Case::full_table(100_000, 1, 1),
            Case::full_table(100_000, 4, 1),
            Case::cluster(100, 1, false, 0),
            Case::cluster(200, 1, true, 0),
            Case::cluster(500, 1, false, 0),
            Case::churn(200, 20),
            Case::loss(200),
            Case::slow(200, 2),
        ]
    }

    pub(super) fn full_table(prefixes: usize, feeders: usize, receivers: usize) -> Case {
        Case::FullTable(FullTable {
            prefixes,
            feeders,
            receivers,
        })
    }

    pub(super) fn cluster(clients: usize, blocks: usize, dual: bool, arrival: u64) -> Case {
        Case::Cluster(Cluster {
            clients,
            blocks,
            dual,
            arrival: (arrival > 0).then(|| Duration::from_secs(arrival)),
        })
    }

    pub(super) fn churn(clients: usize, rate: u32) -> Case {
        Case::Churn(Churn {
            clients,
            rate,
            duration: Duration::from_secs(10),
        })
    }

    pub(super) fn loss(clients: usize) -> Case {
        Case::Loss(Loss {
            clients,
            deaths: 100,
        })
    }

    pub(super) fn slow(clients: usize, slow: usize) -> Case {
        Case::Slow(Slow {
            clients,
            slow,
            rounds: 10,
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Case::FullTable(case) => write!(
                f,
                "fulltable prefixes={} feeders={} receivers={}",
                case.prefixes, case.feeders, case.receivers
            ),
            Case::Cluster(case) => {
                let families = if case.dual { "46" } else { "4" };
                let (clients, blocks) = (case.clients, case.blocks);
                write!(
                    f,
                    "cluster clients={clients} blocks={blocks} families={families}"
                )?;
                match case.arrival {
                    Some(arrival) => write!(f, " arrival={}", arrival.as_secs()),
                    None => Ok(()),
                }
            }
            Case::Churn(case) => write!(f, "churn clients={} rate={}", case.clients, case.rate),
            Case::Loss(case) => write!(f, "loss clients={}", case.clients),
            Case::Slow(case) => write!(f, "slow clients={} slow={}", case.clients, case.slow),
            Case::Node(case) => write!(f, "node routes={}", case.routes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> = Case::all().iter().map(ToString::to_string).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn only_what_asks_for_more_is_left_out() {
        let small = Case::full_table(1000, 4, 1);
        assert!(Case::full_table(1000, 10, 1).is_at_least(&small));
        assert!(!Case::full_table(1000, 1, 10).is_at_least(&small));
        assert!(!Case::loss(500).is_at_least(&small));
        let arriving = Case::cluster(100, 1, false, 10);
        assert!(!Case::cluster(500, 1, false, 0).is_at_least(&arriving));
        assert!(Case::cluster(500, 1, true, 10).is_at_least(&arriving));
    }
}
