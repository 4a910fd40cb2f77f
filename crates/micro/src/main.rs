//! Micro-benchmarks of the pure crates: what a route costs on its way through a speaker, in nanoseconds for people and
//! in instructions, which are the same in every run, for the check.
#![expect(clippy::print_stdout, reason = "what it prints is its purpose")]

mod callgrind;
mod case;
mod check;
mod feed;
mod host;
mod options;
mod record;
mod slices;
mod speakers;
mod tables;
mod wires;

use std::process::ExitCode;

use crate::case::{Case, Size};
use crate::options::{Command, Options};

/// As `reflector` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = match options::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let done = match command {
        Command::Time(options) => {
            time(&options);
            Ok(())
        }
        Command::Once(Options { cases, size, .. }) => {
            for case in cases {
                print(case, &nanoseconds(case, &size, 1));
            }
            Ok(())
        }
        Command::Slices(size) => {
            println!("{}", slices::Lengths::TITLE);
            for (walk, lengths) in slices::walks(&size) {
                print!("{}", lengths.lines(walk));
            }
            Ok(())
        }
        Command::Check(file) => check::check(&file),
        Command::Record(file) => check::record(&file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn time(Options { cases, size, runs }: &Options) {
    println!("{:<10} {:>10} {:>10}  per", "case", "median ns", "least ns");
    for case in cases {
        print(case, &nanoseconds(case, size, *runs));
    }
}

/// What an operation took in each run, in ascending order.
fn nanoseconds(case: &Case, size: &Size, runs: usize) -> Vec<f64> {
    let run = |_| {
        let measure = (case.run)(size);
        measure.time.as_secs_f64() * 1e9 / measure.operations as f64
    };
    let mut all: Vec<f64> = (0..runs).map(run).collect();
    all.sort_by(f64::total_cmp);
    all
}

fn print(case: &Case, nanoseconds: &[f64]) {
    let (median, least) = (nanoseconds[nanoseconds.len() / 2], nanoseconds[0]);
    println!(
        "{:<10} {median:>10.1} {least:>10.1}  {}",
        case.name, case.operation
    );
}
