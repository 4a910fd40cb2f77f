//! The command line.

use std::fmt;
use std::path::PathBuf;

use crate::case::{CASES, COUNTED, Case, Size};
use crate::feed::MOST_PREFIXES;

pub(crate) const USAGE: &str = "micro time [CASE...] [SIZE...] [--runs N]
  runs each case several times, five unless told otherwise, and prints its nanoseconds
micro once CASE [SIZE...]
  runs one case once, for a profiler; what counts is inside the function `measured`
micro slices [--prefixes N]
  prints how long others wait, at most and as a rule, while a full table comes, is walked and goes
micro check FILE
  counts the instructions of each case and fails if one has more than FILE allows
micro record FILE
  counts them and writes FILE

SIZE is --prefixes N, --feeders N, --receivers N or --clients N.";

/// What to do.
pub(crate) enum Command {
    Time(Options),
    Once(Options),
    Slices(Size),
    Check(PathBuf),
    Record(PathBuf),
}

/// With what.
pub(crate) struct Options {
    /// At least one.
    pub(crate) cases: Vec<&'static Case>,
    pub(crate) size: Size,
    pub(crate) runs: usize,
}

/// Why a command line was not understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotUnderstood(String);

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not understood: {}\n{USAGE}", self.0)
    }
}

/// Reads the arguments behind the program's name.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, NotUnderstood> {
    let mut size = COUNTED;
    let command = match arguments.next().as_deref() {
        Some("time") => Command::Time,
        Some("once") => Command::Once,
        Some("slices") => {
            size.prefixes = MOST_PREFIXES;
            |options: Options| Command::Slices(options.size)
        }
        Some(command @ ("check" | "record")) => return with_file(command, arguments),
        other => return Err(NotUnderstood(other.unwrap_or("no command").to_owned())),
    };
    let mut options = Options {
        cases: Vec::new(),
        size,
        runs: 5,
    };
    while let Some(argument) = arguments.next() {
        let size = &mut options.size;
        let (number, most) = match argument.as_str() {
            "--prefixes" => (&mut size.prefixes, MOST_PREFIXES),
            "--feeders" => (&mut size.feeders, 500),
            "--receivers" => (&mut size.receivers, 10_000),
            "--clients" => (&mut size.clients, 5_000),
            "--runs" => (&mut options.runs, 1_000),
            name => {
                let case = CASES.iter().find(|case| case.name == name);
                options.cases.push(case.ok_or(NotUnderstood(argument))?);
                continue;
            }
        };
        let value = arguments.next().unwrap_or_default();
        let parsed = value
            .parse()
            .ok()
            .filter(|value| (1..=most).contains(value));
        let wanted = || NotUnderstood(format!("{argument} {value}: it takes 1 to {most}"));
        *number = parsed.ok_or_else(wanted)?;
    }
    let command = command(options);
    match command {
        Command::Once(Options { ref cases, .. }) if cases.len() != 1 => {
            Err(NotUnderstood("once takes one case".to_owned()))
        }
        Command::Time(options) if options.cases.is_empty() => Ok(Command::Time(Options {
            cases: CASES.iter().collect(),
            ..options
        })),
        _ => Ok(command),
    }
}

fn with_file(
    command: &str,
    mut arguments: impl Iterator<Item = String>,
) -> Result<Command, NotUnderstood> {
    let (Some(file), None) = (arguments.next(), arguments.next()) else {
        return Err(NotUnderstood(format!("{command} takes one file")));
    };
    Ok(match command {
        "check" => Command::Check(file.into()),
        _ => Command::Record(file.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, NotUnderstood> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn no_case_means_all_of_them() {
        let Ok(Command::Time(options)) = parsed("time --prefixes 7") else {
            panic!("it is understood");
        };
        assert_eq!(options.cases.len(), CASES.len());
        assert_eq!(
            options.size,
            Size {
                prefixes: 7,
                ..COUNTED
            }
        );
    }

    #[test]
    fn slices_are_those_of_a_full_table_unless_told_otherwise() {
        for (line, prefixes) in [("slices", MOST_PREFIXES), ("slices --prefixes 7", 7)] {
            let Ok(Command::Slices(size)) = parsed(line) else {
                panic!("{line} is understood");
            };
            assert_eq!(
                size,
                Size {
                    prefixes,
                    ..COUNTED
                }
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (line, word) in [
            ("", "no command"),
            ("tim", "tim"),
            ("time sparkle", "sparkle"),
            ("once", "one case"),
            ("check", "one file"),
            ("record a b", "one file"),
            ("once cluster speaker", "one case"),
            ("time --prefixes", "--prefixes"),
            ("time --prefixes 0", "1 to"),
            ("time --clients 5001", "1 to 5000"),
        ] {
            let said = parsed(line).err().expect(line).to_string();
            assert!(said.contains(word), "{line}: {said}");
        }
    }
}
