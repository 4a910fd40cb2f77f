//! How long others wait: the length of each slice of work while a full table comes, is walked over and goes.
//!
//! One thread does everything, so whatever it does in one go is what a keepalive, a change or a question of another
//! waits for. A slice is to take about 200 microseconds; who is to wait longer than 2 milliseconds is for the test.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::BytesMut;
use speaker::ConnId;

use crate::case::{Size, processor_time};
use crate::feed::{self, Set};
use crate::host::{Host, Remote};
use crate::speakers::{exchange, remote};

/// What the speaker does in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Takes what was read from a connection at once.
    Read,
    /// Does what is due.
    Run,
    /// Hands out what is to be written to a connection at once.
    Fill,
}

const PARTS: [(Part, &str); 3] = [
    (Part::Read, "read"),
    (Part::Run, "run"),
    (Part::Fill, "fill"),
];

/// The processor's time of each slice.
#[derive(Debug, Default)]
pub(crate) struct Lengths(Vec<(Part, Duration)>);

impl Lengths {
    pub(crate) const TITLE: &str = "walk         part   slices  median us    99 % us  longest us";

    /// Does a slice of work and notes what it took.
    pub(crate) fn of<R>(&mut self, part: Part, work: impl FnOnce() -> R) -> R {
        let start = processor_time();
        let outcome = work();
        let took = processor_time().saturating_sub(start);
        self.0.push((part, took));
        outcome
    }

    /// Those of one part, the shortest first.
    fn sorted(&self, part: Part) -> Vec<Duration> {
        let of_part = self.0.iter().filter(|(other, _)| *other == part);
        let mut lengths: Vec<Duration> = of_part.map(|(_, length)| *length).collect();
        lengths.sort_unstable();
        lengths
    }

    /// A line for each part that there was.
    pub(crate) fn lines(&self, walk: &str) -> String {
        let mut text = String::new();
        for (part, name) in PARTS {
            let sorted = self.sorted(part);
            let [Some(median), Some(most), Some(longest)] =
                [50, 99, 100].map(|percent| percentile(&sorted, percent))
            else {
                continue;
            };
            let [median, most, longest] =
                [median, most, longest].map(|length| length.as_secs_f64() * 1e6);
            writeln!(
                text,
                "{walk:<12} {name:<5} {:>7} {median:>10.1} {most:>10.1} {longest:>11.1}",
                sorted.len()
            )
            .expect("a text takes everything");
        }
        text
    }
}

/// So many of a hundred are no longer than this.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * percent / 100).copied()
}

/// A table whose routes all share their attributes: as many as fit stand in each UPDATE.
fn packed(prefixes: usize, feeder: Remote) -> BytesMut {
    let mut table = feed::table(prefixes, feeder.asn).into_iter();
    let mut all = table.next().expect("a table has routes");
    all.prefixes
        .extend(table.flat_map(|Set { prefixes, .. }| prefixes));
    feed::updates(&[all], feeder.address)
}

/// What is done to a speaker with a full table and a receiver, and the lengths of the slices of each.
pub(crate) fn walks(size: &Size) -> Vec<(&'static str, Lengths)> {
    let [feeder, packer] = [0, 1].map(|index| remote(1, index, 65_001 + index as u32));
    let [receiver, late] = [0, 1].map(|index| remote(2, index, 64_000));
    let text = exchange(&[feeder, packer, receiver, late]);
    let table = feed::updates(&feed::table(size.prefixes, feeder.asn), feeder.address);
    let mut host = Host::new(&text);
    let hears = host.connect(receiver);
    let says = host.connect(feeder);
    let mut walks = Vec::new();
    let mut walk = |name, work: &mut dyn FnMut(&mut Host)| {
        walks.push((name, host.lengths_of(work)));
        host.advertised(receiver.address)
    };
    let all = walk("table", &mut |host| host.hear(&[(says, &table)]));
    assert_eq!(all, size.prefixes);
    walk("refresh", &mut |host| host.refresh(hears));
    walk("join", &mut |host| {
        host.connect(late);
    });
    let other = text.replace("export: all", "export: all, next-hop: unchanged");
    walk("rewalk", &mut |host| host.reload(&other));
    let small = packed(size.prefixes, packer);
    let mut second: Option<ConnId> = None;
    walk("packed", &mut |host| {
        let conn = host.connect(packer);
        host.hear(&[(conn, &small)]);
        second = Some(conn);
    });
    walk("down", &mut |host| host.cut(says));
    let none = walk("last down", &mut |host| {
        second.into_iter().for_each(|conn| host.cut(conn));
    });
    assert_eq!(none, 0);
    walks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::COUNTED;

    /// Ten times what a slice is to take, for a build with few optimisations on a machine that does other things. The
    /// longest of a hundred may be longer: a page that is not there yet, an index that grows.
    const MOST: Duration = Duration::from_millis(2);

    #[test]
    fn nobody_waits_long_for_a_full_table() {
        for (walk, lengths) in walks(&COUNTED) {
            for (part, _) in PARTS {
                let most = percentile(&lengths.sorted(part), 95);
                assert!(
                    most.is_none_or(|most| most < MOST),
                    "{}",
                    lengths.lines(walk)
                );
            }
        }
    }
}
