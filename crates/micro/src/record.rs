//! The recorded counts, and whether new ones may stand beside them.
//!
//! The record is a text: the compiler that built what was counted, then one line for each case. Another compiler makes
//! other code of the same source, so counts are judged only against those of the same compiler for the same target.

use std::fmt::{self, Write as _};

use crate::callgrind::Count;

/// A case may grow by this much, in percent.
const ALLOWED: u64 = 5;
/// So many calls of the allocator more are never too many: a table that doubles once more asks a few times.
const FEW: u64 = 16;

const HEAD: &str = "\
# Instructions of each case and how often it asked for memory, as counted by callgrind.
# Written by `scripts/instructions --record`, held by `scripts/instructions`.
";

/// Counts of all cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Version and target of the compiler.
    pub(crate) compiler: String,
    /// By the name of the case, in their order.
    pub(crate) counts: Vec<(String, Count)>,
}

/// A line of a record that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine(String);

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not \"CASE INSTRUCTIONS ALLOCATIONS\": {}; write it anew with scripts/instructions --record",
            self.0
        )
    }
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// About as before.
    Same,
    /// Less than before by more than it may grow: worth recording, so that it stays so.
    Less,
    /// More instructions than it may have.
    MoreInstructions,
    /// It asks for memory more often than it may.
    MoreAllocations,
}

impl Record {
    /// Reads a record; without a compiler's line it is of no compiler.
    pub(crate) fn parse(text: &str) -> Result<Record, BadLine> {
        let mut lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let compiler = lines.next().unwrap_or_default().to_owned();
        let counts = lines.map(|line| row(line).ok_or_else(|| BadLine(line.to_owned())));
        Ok(Record {
            compiler,
            counts: counts.collect::<Result<_, _>>()?,
        })
    }

    /// The text that [`Record::parse`] reads.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("{HEAD}{}\n", self.compiler);
        for (name, count) in &self.counts {
            let Count {
                instructions,
                allocations,
            } = count;
            writeln!(text, "{name:<10} {instructions:>12} {allocations:>10}")
                .expect("a text takes everything");
        }
        text
    }

    /// The count of a case.
    pub(crate) fn get(&self, name: &str) -> Option<Count> {
        let found = self.counts.iter().find(|(other, _)| other == name);
        found.map(|(_, count)| *count)
    }
}

fn row(line: &str) -> Option<(String, Count)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [name, instructions, allocations] = words[..] else {
        return None;
    };
    let count = Count {
        instructions: instructions.parse().ok()?,
        allocations: allocations.parse().ok()?,
    };
    Some((name.to_owned(), count))
}

/// Judges what was counted now against what was counted before.
pub(crate) fn judge(old: Count, new: Count) -> Verdict {
    let grown = |old: u64, new: u64| new * 100 > old * (100 + ALLOWED);
    if grown(old.instructions, new.instructions) {
        Verdict::MoreInstructions
    } else if grown(old.allocations, new.allocations) && new.allocations > old.allocations + FEW {
        Verdict::MoreAllocations
    } else if grown(new.instructions, old.instructions) {
        Verdict::Less
    } else {
        Verdict::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(instructions: u64, allocations: u64) -> Count {
        Count {
            instructions,
            allocations,
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = Record {
            compiler: "rustc 1.95.0 (59807616e 2026-04-14) x86_64-unknown-linux-gnu".to_owned(),
            counts: vec![
                ("frame".to_owned(), count(17, 0)),
                ("insert".to_owned(), count(u64::MAX, 12)),
            ],
        };
        let text = record.render();
        assert_eq!(Record::parse(&text), Ok(record.clone()), "{text}");
        assert_eq!(record.get("frame"), Some(count(17, 0)));
        assert_eq!(record.get("leave"), None);
        let bad = Record::parse(&format!("{text}encode 12\n")).unwrap_err();
        assert!(bad.to_string().contains("encode 12"));
    }

    #[test]
    fn five_percent_may_be_added_and_no_more() {
        let old = count(10_000, 1_000);
        for (new, verdict) in [
            (count(10_000, 1_000), Verdict::Same),
            (count(10_500, 1_050), Verdict::Same),
            (count(10_501, 1_000), Verdict::MoreInstructions),
            (count(10_000, 1_051), Verdict::MoreAllocations),
            (count(9_524, 1_000), Verdict::Same),
            (count(9_523, 1_000), Verdict::Less),
        ] {
            assert_eq!(judge(old, new), verdict, "{new:?}");
        }
    }

    #[test]
    fn memory_asked_for_a_few_times_more_is_no_failure() {
        assert_eq!(judge(count(100, 0), count(100, 16)), Verdict::Same);
        assert_eq!(
            judge(count(100, 0), count(100, 17)),
            Verdict::MoreAllocations
        );
    }
}
