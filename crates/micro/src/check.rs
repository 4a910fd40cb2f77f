//! Counts all cases and holds them against the record, or writes it.

use std::path::Path;
use std::process::Command;

use crate::callgrind::{Count, count};
use crate::case::CASES;
use crate::record::{Record, Verdict, judge};

/// Counts every case and writes the record.
///
/// # Errors
/// What went wrong, for a person.
pub(crate) fn record(file: &Path) -> Result<(), String> {
    let mut record = Record {
        compiler: compiler()?,
        counts: Vec::new(),
    };
    for case in CASES {
        record
            .counts
            .push((case.name.to_owned(), counted(case.name)?));
    }
    let text = record.render();
    print!("{text}");
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Counts every case and prints it beside what was recorded.
///
/// # Errors
/// What went wrong, or the cases that cost more than they may, with the command that records new counts.
pub(crate) fn check(file: &Path) -> Result<(), String> {
    let read = std::fs::read_to_string(file);
    let text = read.map_err(|error| format!("{}: {error}", file.display()))?;
    let recorded = Record::parse(&text).map_err(|bad| format!("{}: {bad}", file.display()))?;
    let compiler = compiler()?;
    let is_judged = compiler == recorded.compiler;
    let mut faults = Vec::new();
    println!(
        "{:<10} {:>13} {:>13} {:>8} {:>11} {:>9}",
        "case", "instructions", "recorded", "change", "allocations", "recorded"
    );
    for case in CASES {
        let new = counted(case.name)?;
        let old = recorded.get(case.name);
        print_row(case.name, old, new);
        let fault = match old {
            Some(old) => fault(case.name, old, new),
            None => Some(format!("{}: it is not in the record", case.name)),
        };
        faults.extend(fault);
    }
    for (name, _) in &recorded.counts {
        if CASES.iter().all(|case| case.name != name) {
            faults.push(format!("{name}: recorded, but no case has this name"));
        }
    }
    if !is_judged {
        println!(
            "NOT JUDGED: the record is of {}, this is {compiler}. Other compilers make other code;\n\
             where this one is to stay: scripts/instructions --record",
            recorded.compiler
        );
        return Ok(());
    }
    if faults.is_empty() {
        return Ok(());
    }
    faults.push(
        "If that is worth it, say why in the commit that holds the new record: scripts/instructions --record"
            .to_owned(),
    );
    Err(faults.join("\n"))
}

fn print_row(name: &str, old: Option<Count>, new: Count) {
    let Count {
        instructions,
        allocations,
    } = new;
    match old {
        Some(old) => {
            let change = change(old.instructions, instructions);
            println!(
                "{name:<10} {instructions:>13} {:>13} {change:>7.1}% {allocations:>11} {:>9}",
                old.instructions, old.allocations
            );
            if judge(old, new) == Verdict::Less {
                println!("{name}: less than recorded; scripts/instructions --record keeps it so");
            }
        }
        None => println!(
            "{name:<10} {instructions:>13} {:>13} {:>8} {allocations:>11} {:>9}",
            "-", "-", "-"
        ),
    }
}

fn fault(name: &str, old: Count, new: Count) -> Option<String> {
    match judge(old, new) {
        Verdict::Same | Verdict::Less => None,
        Verdict::MoreInstructions => Some(format!(
            "{name}: {} instructions, {} recorded: {:.1}% more, 5% are allowed",
            new.instructions,
            old.instructions,
            change(old.instructions, new.instructions)
        )),
        Verdict::MoreAllocations => Some(format!(
            "{name}: memory is asked for {} times, {} recorded",
            new.allocations, old.allocations
        )),
    }
}

/// In percent.
fn change(old: u64, new: u64) -> f64 {
    (new as f64 / old as f64 - 1.0) * 100.0
}

fn counted(name: &str) -> Result<Count, String> {
    count(&["once", name]).map_err(|error| format!("{name}: {error}"))
}

/// Version and target of the compiler at hand, which is the one that cargo has just built this with.
fn compiler() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(&rustc).arg("-vV").output();
    let said = said.map_err(|error| format!("{}: {error}", rustc.display()))?;
    let said = String::from_utf8_lossy(&said.stdout);
    let mut lines = said.lines();
    let version = lines.next();
    let host = lines.find_map(|line| line.strip_prefix("host: "));
    match (version, host) {
        (Some(version), Some(host)) => Ok(format!("{version} {host}")),
        _ => Err(format!(
            "{} -vV does not name its version and host",
            rustc.display()
        )),
    }
}
