//! How a network behaves: how long octets travel, in what pieces they come, and what work costs.

use std::time::Duration;

/// What work takes of a node's time. While a node works it does nothing else: what arrives waits, timers are late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// One step of the table: a route applied, a destination walked over, a change pulled (`rib::Rib::steps`).
    pub step: Duration,
    /// A thousand octets read or written.
    pub kilo_octet: Duration,
}

/// The behaviour of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Of everything random in it.
    pub seed: u64,
    /// The most octets given to a receiver at once; small values exercise reassembly.
    pub chunk: usize,
    /// Pieces are of any size up to that, and each node does what there is to do in any order.
    pub is_shuffled: bool,
    /// The least and the most time that octets take.
    pub latency: [Duration; 2],
    /// Octets that one end takes from the other without reading.
    pub window: usize,
    /// What work takes.
    pub costs: Costs,
    /// Nodes do their deferred work in slices and look at the network between two of them. Without, all that there is to do is
    /// done at once, as by a speaker that knows no slices.
    pub is_sliced: bool,
}

impl Default for Options {
    /// A perfect network: no latency, room for everything, and work takes no time.
    fn default() -> Self {
        Options {
            seed: 0,
            chunk: 64 * 1024,
            is_shuffled: false,
            latency: [Duration::ZERO; 2],
            window: usize::MAX,
            costs: Costs::default(),
            is_sliced: true,
        }
    }
}
