//! What a case is: a name, a size, and work of which a part counts.

use std::time::Duration;

use crate::{speakers, tables, wires};

/// How much of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Prefixes of a full table.
    pub(crate) prefixes: usize,
    /// Peers that each announce the full table.
    pub(crate) feeders: usize,
    /// Peers that announce nothing and get everything.
    pub(crate) receivers: usize,
    /// Reflector clients, each of which announces one block.
    pub(crate) clients: usize,
}

/// The sizes of which instructions are counted: large enough that setting up does not matter, and done in seconds.
pub(crate) const COUNTED: Size = Size {
    prefixes: 50_000,
    feeders: 1,
    receivers: 1,
    clients: 200,
};

/// What one run of a case gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    /// Operations done.
    pub(crate) operations: usize,
    /// The processor's time that they took together.
    pub(crate) time: Duration,
}

/// A thing to measure.
pub(crate) struct Case {
    /// How it is called on the command line and in the record.
    pub(crate) name: &'static str,
    /// What one operation is.
    pub(crate) operation: &'static str,
    /// Prepares, does it, checks the outcome.
    pub(crate) run: fn(&Size) -> Measure,
}

/// All cases, in the order of a route's way.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "frame",
        operation: "message cut off",
        run: wires::frame,
    },
    Case {
        name: "parse",
        operation: "route decoded",
        run: wires::parse,
    },
    Case {
        name: "intern",
        operation: "attribute set looked up, every other time a new one",
        run: tables::intern,
    },
    Case {
        name: "insert",
        operation: "route checked and put into the table",
        run: tables::insert,
    },
    Case {
        name: "decide",
        operation: "choice between four paths",
        run: tables::decide,
    },
    Case {
        name: "encode",
        operation: "changed route pulled, encoded and read",
        run: tables::encode,
    },
    Case {
        name: "leave",
        operation: "route taken out when its peer is down",
        run: tables::leave,
    },
    Case {
        name: "speaker",
        operation: "route of a feeder, from octets in to octets out",
        run: speakers::full_table,
    },
    Case {
        name: "cluster",
        operation: "block that a client gets, sessions included",
        run: speakers::cluster,
    },
];

/// Does the part of a case that counts.
pub(crate) fn measure<R>(operations: usize, work: impl FnOnce() -> R) -> (Measure, R) {
    let start = processor_time();
    let outcome = measured(work);
    let time = processor_time().saturating_sub(start);
    (Measure { operations, time }, outcome)
}

/// callgrind counts from the entry of the function of this name to its return, and nothing else.
#[inline(never)]
fn measured<R>(work: impl FnOnce() -> R) -> R {
    std::hint::black_box(work())
}

/// The time for which this thread has run so far: what else the machine does hardly shows in it.
pub(crate) fn processor_time() -> Duration {
    // The kernel brings the number up to date when it looks for another thread to run.
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat");
    let stat = stat.expect("/proc has the scheduler's statistics");
    let running = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(running.expect("it begins with nanoseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_checks_what_it_did() {
        let size = Size {
            prefixes: 2_000,
            feeders: 2,
            receivers: 3,
            clients: 20,
        };
        for case in CASES {
            assert!((case.run)(&size).operations > 0, "{}", case.name);
        }
    }

    #[test]
    fn the_name_of_a_case_is_its_own() {
        for (index, case) in CASES.iter().enumerate() {
            let same = CASES.iter().filter(|other| other.name == case.name);
            assert_eq!(same.count(), 1, "case {index}");
        }
    }
}
