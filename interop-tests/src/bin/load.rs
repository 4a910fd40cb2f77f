//! `load [--clients N] [--daemon reflector|bird]`: prints wall time, CPU and memory.
#![expect(clippy::print_stdout, reason = "what it prints is its purpose")]

use std::process::ExitCode;

use interop_tests::daemon::{Kind, can_run};
use interop_tests::{LabError, Result, load};

const USAGE: &str = "load [--clients N] [--daemon reflector|bird]
  that many reflector clients with one block each, all must learn all";

fn main() -> ExitCode {
    let (kind, clients) = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if !can_run(&[kind]) {
        return ExitCode::FAILURE;
    }
    match load::run(kind, clients) {
        Ok(outcome) => {
            println!("{clients} clients of one block each against {kind:?}");
            println!("sessions up    {:.3} s", outcome.connecting.as_secs_f64());
            println!("all know all   {:.3} s", outcome.learning.as_secs_f64());
            println!("CPU            {:.3} s", outcome.cpu.as_secs_f64());
            println!("idle memory    {:.1} MiB", outcome.idle_kib as f64 / 1024.0);
            println!("peak memory    {:.1} MiB", outcome.peak_kib as f64 / 1024.0);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<(Kind, usize)> {
    let (mut kind, mut clients) = (Kind::Reflector, 500);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match (argument.as_str(), value.as_str()) {
            ("--clients", number) => {
                let parsed = number
                    .parse()
                    .ok()
                    .filter(|number| (2..=30_000).contains(number));
                clients = parsed.ok_or_else(|| LabError::new("--clients takes 2 to 30000"))?;
            }
            ("--daemon", "reflector") => kind = Kind::Reflector,
            ("--daemon", "bird") => kind = Kind::Bird,
            _ => return Err(LabError::new(format!("not understood: {argument} {value}"))),
        }
    }
    Ok((kind, clients))
}
