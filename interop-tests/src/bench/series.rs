//! Many cases against many daemons, side by side: in each case every daemon has its turn before the
//! next case begins, so that a change of the machine's mood meets all of them, and every case is
//! run once before any is repeated, so that what is cut off has few gaps.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::case::Case;
use super::results::{Ending, Results};
use super::stage;
use super::{MAKERS, Maker};
use crate::lab::DIR_PREFIX;
use crate::{LabError, Result};

const MOST_LINES: usize = 36;

/// What a series is made of.
#[derive(Debug, Clone)]
pub struct Series {
    /// The cases, cheap ones first.
    pub cases: Vec<Case>,
    /// The daemons.
    pub makers: Vec<Maker>,
    /// How often, instead of what each case says.
    pub repetitions: Option<usize>,
    /// No case is begun after so long.
    pub budget: Option<Duration>,
    /// What a case may take, instead of 300 s.
    pub limit: Option<Duration>,
    /// What is known of these daemons and cases is forgotten first.
    pub fresh: bool,
}

impl Series {
    /// Every case for every daemon.
    pub fn all() -> Series {
        Series {
            cases: Case::all(),
            makers: MAKERS.to_vec(),
            repetitions: None,
            budget: None,
            limit: None,
            fresh: false,
        }
    }

    /// Small cases, once, that end within ten minutes.
    pub fn quick() -> Series {
        Series {
            cases: Case::quick(),
            repetitions: Some(1),
            budget: Some(Duration::from_secs(8 * 60)),
            limit: Some(Duration::from_secs(60)),
            fresh: true,
            ..Series::all()
        }
    }

    /// Runs what is not in the results yet. `tell` is given a line about each run.
    ///
    /// # Errors
    /// When the results cannot be written. What goes wrong with a daemon is a result.
    pub fn run(&self, results: &mut Results, mut tell: impl FnMut(&str)) -> Result<()> {
        let started = Instant::now();
        if let Some(limit) = self.limit {
            stage::shorten_limit(limit);
        }
        // What is built is what is there now, whatever is checked out while this runs.
        let commit = commit();
        note_machine(results)?;
        for maker in &self.makers {
            results.note("versions", maker.name(), &version(*maker))?;
        }
        let repetitions = |case: &Case| self.repetitions.unwrap_or(case.repetitions());
        let most = self.cases.iter().map(repetitions).max().unwrap_or(0);
        for round in 1..=most {
            for case in self.cases.iter().filter(|case| repetitions(case) >= round) {
                for maker in &self.makers {
                    if self.budget.is_some_and(|budget| started.elapsed() > budget) {
                        tell("the time is over; what is missing stays missing");
                        return Ok(());
                    }
                    if self.fresh && round == 1 {
                        results.forget(case, *maker)?;
                    }
                    if results.runs(case, *maker) < round {
                        let line = self.one(results, case, *maker, &commit)?;
                        tell(&format!("{case}: {maker}: {line}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn one(
        &self,
        results: &mut Results,
        case: &Case,
        maker: Maker,
        commit: &str,
    ) -> Result<String> {
        if let Some(text) = self.too_much(results, case, maker) {
            results.fail(case, maker, &Ending::Late(text.clone()))?;
            return Ok(text);
        }
        if let Ending::Failed(text) = results.ending(case, maker) {
            return Ok(format!("failed before: {text}"));
        }
        let mut configuration = String::new();
        match case.run(maker, |text| configuration = text.to_owned()) {
            Ok(figures) => {
                results.add(case, maker, &format!("{} {commit}", date()), &figures)?;
                if let Some(layout) = layout_of(case) {
                    let name = format!("{maker} {layout}");
                    results.note("configurations", &name, &shortened(&configuration))?;
                }
                let shown = ["wall_s", "cpu_s", "peak_mb", "each_p50_ms", "last_p50_ms"];
                let shown = shown.iter().filter_map(|name| {
                    let value = figures.get(*name)?;
                    Some(format!("{name} {value:.3}"))
                });
                Ok(shown.collect::<Vec<_>>().join(", "))
            }
            Err(error) if error.is_late() => {
                let text = format!("over {} s", stage::limit().as_secs());
                results.fail(case, maker, &Ending::Late(text.clone()))?;
                Ok(format!("{text} ({error})"))
            }
            Err(error) => {
                results.fail(case, maker, &Ending::Failed(first_line(&error)))?;
                Ok(format!("failed: {error}"))
            }
        }
    }

    /// Why a case need not be tried: the daemon did not manage this or a smaller one.
    fn too_much(&self, results: &Results, case: &Case, maker: Maker) -> Option<String> {
        let smaller = self.cases.iter().filter(|one| case.is_at_least(one));
        let mut late = smaller.filter(|one| matches!(results.ending(one, maker), Ending::Late(_)));
        late.next().map(|one| match one == case {
            true => format!("over {} s", stage::limit().as_secs()),
            false => "left out".to_owned(),
        })
    }
}

/// What the configuration of this case is called, if it is not that of another with more peers.
fn layout_of(case: &Case) -> Option<&'static str> {
    match case {
        Case::FullTable(_) => Some("fulltable"),
        Case::Cluster(case) if !case.dual => Some("cluster"),
        Case::Node(_) => Some("node"),
        Case::Cluster(_) | Case::Churn(_) | Case::Loss(_) | Case::Slow(_) => None,
    }
}

/// The head of a configuration: what comes further down is more of the same peers.
fn shortened(configuration: &str) -> String {
    let mut lines: Vec<&str> = configuration.lines().collect();
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        lines.push("... and the other peers likewise");
    }
    // The directory of a lab has another name each time.
    let dir = std::env::temp_dir().join(DIR_PREFIX);
    let dir = dir.to_string_lossy();
    let whole = |line: &&str| {
        let words = line.split(' ').map(|word| match word.find(&*dir) {
            Some(at) => match word[at + dir.len()..].split_once('/') {
                Some((_, rest)) => format!("{}DIR/{rest}", &word[..at]),
                None => format!("{}DIR", &word[..at]),
            },
            None => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(whole).collect::<Vec<_>>().join("\n")
}

fn first_line(error: &LabError) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(160)
        .collect()
}

/// The commit that is checked out, and whether it is all of it. The results are in the repository
/// too, and say nothing about what was measured.
fn commit() -> String {
    let commit = git(&["rev-parse", "--short=10", "HEAD"]);
    let sources = [":(top)", ":(top,exclude)docs"];
    let status = ["status", "--porcelain", "--untracked-files=no", "--"];
    let changed = git(&[&status[..], &sources[..]].concat());
    let changed = changed.is_some_and(|list| !list.is_empty());
    let commit = commit.unwrap_or_else(|| "unknown".into());
    format!("{commit}{}", if changed { " with changes" } else { "" })
}

fn git(arguments: &[&str]) -> Option<String> {
    let dir = env!("CARGO_MANIFEST_DIR");
    let output = Command::new("git")
        .args(["-C", dir])
        .args(arguments)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Today, as `2026-11-27`, by the calendar that RFC 3339 means.
fn date() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let days = since.as_secs() / 86400 + 719_468;
    // Days since 1 March of year 0, in eras of 400 years.
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{of_month:02}")
}

fn note_machine(results: &mut Results) -> Result<()> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    };
    let cpus = std::thread::available_parallelism().map_or(1, |count| count.get());
    let model = field(&read("/proc/cpuinfo"), "model name");
    results.note("machine", "processor", &format!("{cpus} x {model}"))?;
    results.note(
        "machine",
        "memory",
        &field(&read("/proc/meminfo"), "MemTotal"),
    )?;
    results.note(
        "machine",
        "kernel",
        read("/proc/sys/kernel/osrelease").trim(),
    )
}

/// What a daemon says its version is.
fn version(maker: Maker) -> String {
    let arguments: &[&str] = match maker {
        Maker::Ours => &["--version"],
        Maker::Null => return "this tool".into(),
        Maker::Bird => &["--version"],
        Maker::Frr => &["--version"],
        Maker::Gobgp => &["--version"],
        Maker::Openbgpd => &["-V"],
    };
    let programs = maker.programs();
    let output = programs
        .first()
        .and_then(|program| Command::new(program).args(arguments).output().ok());
    let Some(output) = output else {
        return "not installed".into();
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_a_lab_has_one_name() {
        let dir = std::env::temp_dir().join(DIR_PREFIX).display().to_string();
        let text = format!("$ bird -c {dir}7-0-bench/bird.conf\nsocket \"{dir}7-0-bench/x\"\nrest");
        let shown = "$ bird -c DIR/bird.conf\nsocket \"DIR/x\"\nrest";
        assert_eq!(shortened(&text), shown);
    }

    #[test]
    fn the_date_is_one() {
        let today = date();
        let parts: Vec<u32> = today.split('-').map(|part| part.parse().unwrap()).collect();
        assert!(parts[0] >= 2025 && (1..=12).contains(&parts[1]) && (1..=31).contains(&parts[2]));
    }
}
