//! Conformance: one row for each rule of an RFC, each sent as octets over TCP to the running program.
//!
//! A row is a rule in our own words and a function that says octets and checks what comes back, at the peer that said
//! them and at another one. What of a rule varies (the attribute, its place, the kind of the peer, the family) are cases
//! inside of it. `docs/conformance.md` is written from these tables and from a run, by `scripts/conformance`; a run
//! whose results are not those of the page fails.

mod cases;
mod octets;
mod page;
mod peers;
mod rfc4271_attributes;
mod rfc4271_messages;
mod rfc4271_routes;
mod rfc4271_sessions;
mod rfc4271_updates;
mod rfc4456;
mod rfc4724;
mod rfc4760;
mod rfc6793;
mod rfc7606;
mod rfc7606_values;
mod rfc7911;
mod scene;
mod subject;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use interop_tests::Result;
use interop_tests::daemon::{Kind, can_run};

use self::scene::{Ground, Subject};

/// How binding a rule is (RFC 2119). MUST stands for SHALL as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Must,
    Should,
}

/// What is done about a rule.
enum Check {
    /// This function of the table's file; it gives the number of cases.
    Run(&'static str, fn(&Ground<'_>) -> Result<usize>),
    /// Nothing, for this reason.
    NotDone(&'static str),
}

/// One rule.
struct Row {
    section: &'static str,
    level: Level,
    rule: &'static str,
    check: Check,
}

/// `rule!("6.1", Must, "what is to be", function)`.
macro_rules! rule {
    ($section:literal, $level:ident, $rule:literal, $check:ident) => {
        $crate::conformance::Row {
            section: $section,
            level: $crate::conformance::Level::$level,
            rule: $rule,
            check: $crate::conformance::Check::Run(stringify!($check), $check),
        }
    };
}

/// `not_done!("6.1", Must, "what is to be", "why it is not checked")`.
macro_rules! not_done {
    ($section:literal, $level:ident, $rule:literal, $why:literal) => {
        $crate::conformance::Row {
            section: $section,
            level: $crate::conformance::Level::$level,
            rule: $rule,
            check: $crate::conformance::Check::NotDone($why),
        }
    };
}

use {not_done, rule};

/// The rows of one file.
struct Table {
    rfc: &'static str,
    title: &'static str,
    module: &'static str,
    rows: &'static [Row],
}

const TABLES: &[Table] = &[
    Table {
        rfc: "4271",
        title: "RFC 4271 section 4 and 6.1, 6.2: messages",
        module: "rfc4271_messages",
        rows: rfc4271_messages::ROWS,
    },
    Table {
        rfc: "4271",
        title: "RFC 4271 section 5: path attributes",
        module: "rfc4271_attributes",
        rows: rfc4271_attributes::ROWS,
    },
    Table {
        rfc: "4271",
        title: "RFC 4271 section 6.3 to 6.8: errors in UPDATE, and the ends of sessions",
        module: "rfc4271_updates",
        rows: rfc4271_updates::ROWS,
    },
    Table {
        rfc: "4271",
        title: "RFC 4271 section 8: the state machine",
        module: "rfc4271_sessions",
        rows: rfc4271_sessions::ROWS,
    },
    Table {
        rfc: "4271",
        title: "RFC 4271 section 9: routes",
        module: "rfc4271_routes",
        rows: rfc4271_routes::ROWS,
    },
    Table {
        rfc: "7606",
        title: "RFC 7606: errors in UPDATE",
        module: "rfc7606",
        rows: rfc7606::ROWS,
    },
    Table {
        rfc: "7606",
        title: "RFC 7606 section 7: each attribute",
        module: "rfc7606_values",
        rows: rfc7606_values::ROWS,
    },
    Table {
        rfc: "4456",
        title: "RFC 4456: route reflection",
        module: "rfc4456",
        rows: rfc4456::ROWS,
    },
    Table {
        rfc: "4760",
        title: "RFC 4760: multiprotocol extensions",
        module: "rfc4760",
        rows: rfc4760::ROWS,
    },
    Table {
        rfc: "6793",
        title: "RFC 6793: four-octet AS numbers",
        module: "rfc6793",
        rows: rfc6793::ROWS,
    },
    Table {
        rfc: "4724",
        title: "RFC 4724: graceful restart",
        module: "rfc4724",
        rows: rfc4724::ROWS,
    },
    Table {
        rfc: "7911",
        title: "RFC 7911: several paths",
        module: "rfc7911",
        rows: rfc7911::ROWS,
    },
];

/// How many rows run at once. Most of their time they wait.
const AT_ONCE: usize = 8;

/// What came of a row, by module and function.
type Results = BTreeMap<(&'static str, &'static str), (Result<usize>, Duration)>;

/// What rows are sent to.
enum Stage<'a> {
    /// One daemon, for all of them at once.
    Shared(&'a Subject),
    /// A daemon of this kind for each of them, which may leave it in any state.
    Apart(Kind),
}

impl Stage<'_> {
    fn run(&self, at: usize, check: fn(&Ground<'_>) -> Result<usize>) -> Result<usize> {
        match self {
            Stage::Shared(subject) => check(&Ground::new(subject, at)),
            Stage::Apart(kind) => check(&Ground::new(&Subject::start(*kind)?, at)),
        }
    }
}

fn run_all(stage: &Stage<'_>) -> Results {
    let mut jobs = Vec::new();
    for table in TABLES {
        for row in table.rows {
            if let Check::Run(name, check) = row.check {
                jobs.push((table.module, name, check));
            }
        }
    }
    let only = std::env::var("CONFORMANCE_ROW").unwrap_or_default();
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Results::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((module, name, check)) = jobs.get(at) else {
                        return;
                    };
                    if !name.contains(&only) {
                        continue;
                    }
                    let begun = Instant::now();
                    let result = stage.run(at, *check);
                    let took = begun.elapsed();
                    if let Ok(mut all) = results.lock() {
                        all.insert((*module, *name), (result, took));
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_default()
}

fn page_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md")
}

fn failures(results: &Results) -> Vec<String> {
    let failed = results.iter().filter_map(|((module, name), (result, _))| {
        let error = result.as_ref().err()?;
        Some(format!("{module}::{name}: {error}"))
    });
    failed.collect()
}

fn print_slowest(results: &Results) {
    let mut times: Vec<_> = results.iter().map(|(key, (_, took))| (took, key)).collect();
    times.sort();
    for (took, (module, name)) in times.iter().rev().take(5) {
        eprintln!("{took:?} {module}::{name}");
    }
}

/// Every row holds of our program, and the page says so. With `CONFORMANCE_WRITE=1` the page is written.
#[test]
fn every_rule_is_kept() -> Result<()> {
    if !can_run(&[Kind::Reflector]) {
        return Ok(());
    }
    let subject = Subject::start(Kind::Reflector)?;
    let results = run_all(&Stage::Shared(&subject));
    print_slowest(&results);
    let failed = failures(&results);
    assert!(failed.is_empty(), "{} rows: {failed:#?}", failed.len());
    if std::env::var_os("CONFORMANCE_ROW").is_some() {
        return Ok(());
    }
    let page = page::render(&results);
    if std::env::var_os("CONFORMANCE_WRITE").is_some() {
        std::fs::write(page_path(), &page)?;
    }
    let committed = std::fs::read_to_string(page_path())?;
    assert!(
        committed == page,
        "docs/conformance.md is not what this run says; write it with scripts/conformance"
    );
    Ok(())
}

/// A daemon of another maker fails no row but those that the page says it fails.
fn makers_rows(kind: Kind, known: &[(&str, &str)]) -> Result<()> {
    if !can_run(&[kind]) {
        return Ok(());
    }
    let results = run_all(&Stage::Apart(kind));
    print_slowest(&results);
    let mut wrong = Vec::new();
    for ((module, name), (result, _)) in &results {
        let row = format!("{module}::{name}");
        let is_known = known.iter().any(|(known, _)| *known == row);
        match result {
            Err(error) if !is_known => wrong.push(format!("{row}: {error}")),
            // Some of it is a matter of time.
            Ok(_) if is_known => eprintln!("{row} holds"),
            Ok(_) | Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{} rows: {wrong:#?}", wrong.len());
    Ok(())
}

#[test]
#[ignore = "long: rows that fail wait for what does not come"]
fn rows_of_bird() -> Result<()> {
    makers_rows(Kind::Bird, peers::BIRD)
}

#[test]
#[ignore = "long: rows that fail wait for what does not come"]
fn rows_of_frr() -> Result<()> {
    makers_rows(Kind::Frr, peers::FRR)
}

/// Without a run: the page has exactly the rules of the tables, with their functions.
#[test]
fn the_page_has_every_rule() {
    let committed = std::fs::read_to_string(page_path()).unwrap_or_default();
    let committed: Vec<&str> = committed
        .lines()
        .filter(|line| page::is_row(line))
        .collect();
    let wanted = page::rows_without_counts();
    assert_eq!(committed.len(), wanted.len(), "rows in docs/conformance.md");
    for (line, wanted) in committed.iter().zip(&wanted) {
        assert!(
            line.starts_with(wanted.as_str()),
            "docs/conformance.md has\n{line}\ninstead of\n{wanted}"
        );
    }
}

#[test]
fn every_function_is_one_row_and_every_known_difference_a_row() {
    let mut names = Vec::new();
    for table in TABLES {
        for row in table.rows {
            if let Check::Run(name, _) = row.check {
                names.push(format!("{}::{name}", table.module));
            }
        }
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a name twice");
    for (name, why) in peers::BIRD.iter().chain(peers::FRR) {
        assert!(names.iter().any(|row| row == name), "{name} is no row");
        assert!(!why.is_empty());
    }
}
