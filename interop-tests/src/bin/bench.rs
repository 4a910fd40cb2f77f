//! `bench CASE [OPTION VALUE]...`: one case against one daemon; see `USAGE`.
#![expect(clippy::print_stdout, reason = "what it prints is its purpose")]

use std::process::ExitCode;
use std::time::Duration;

use interop_tests::bench::{Cluster, Figures, FullTable, Maker, null_daemon};
use interop_tests::lab::can_run;
use interop_tests::{LabError, Result};

const USAGE: &str = "bench fulltable [--daemon D] [--prefixes N] [--feeders N] [--receivers N]
bench cluster [--daemon D] [--clients N] [--blocks N] [--families 4|46] [--arrival SECONDS]
  D: ours (the default), null, bird";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match act(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: &[String]) -> Result<()> {
    let (case, rest) = arguments.split_first().ok_or_else(usage)?;
    if case == "null-daemon" {
        return null_daemon(rest);
    }
    let mut options = Options::read(rest)?;
    let maker = Maker::named(&options.text("daemon", "ours"))?;
    let programs = maker.programs();
    let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
    if !can_run(&programs) {
        return Err(LabError::new("it cannot run here"));
    }
    let show = |configuration: &str| println!("configuration of {maker}:\n{configuration}");
    let figures = match case.as_str() {
        "fulltable" => {
            let case = FullTable {
                prefixes: options.number("prefixes", 1_000_000)?,
                feeders: options.number("feeders", 1)?,
                receivers: options.number("receivers", 1)?,
            };
            options.end()?;
            case.run(maker, show)?
        }
        "cluster" => {
            let arrival = options.number("arrival", 0)?;
            let case = Cluster {
                clients: options.number("clients", 500)?,
                blocks: options.number("blocks", 1)?,
                dual: options.text("families", "4") == "46",
                arrival: (arrival > 0).then(|| Duration::from_secs(arrival as u64)),
            };
            options.end()?;
            case.run(maker, show)?
        }
        _ => return Err(usage()),
    };
    print(&figures);
    Ok(())
}

fn print(figures: &Figures) {
    for (name, value) in figures {
        println!("{name:<20} {value:.3}");
    }
}

fn usage() -> LabError {
    LabError::new(format!("not understood\n{USAGE}"))
}

/// `--NAME VALUE` pairs that are taken out one by one.
struct Options(Vec<(String, String)>);

impl Options {
    fn read(arguments: &[String]) -> Result<Options> {
        let pair = |pair: &[String]| match pair {
            [name, value] => match name.strip_prefix("--") {
                Some(name) => Ok((name.to_owned(), value.clone())),
                None => Err(usage()),
            },
            _ => Err(usage()),
        };
        arguments
            .chunks(2)
            .map(pair)
            .collect::<Result<_>>()
            .map(Options)
    }

    fn text(&mut self, name: &str, default: &str) -> String {
        let place = self.0.iter().position(|(one, _)| one == name);
        place.map_or_else(|| default.to_owned(), |place| self.0.remove(place).1)
    }

    fn number(&mut self, name: &str, default: usize) -> Result<usize> {
        let text = self.text(name, &default.to_string());
        let wrong = || LabError::new(format!("--{name} {text} is not a number"));
        text.parse().map_err(|_| wrong())
    }

    fn end(&self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(LabError::new(format!("--{name} is not for this\n{USAGE}"))),
        }
    }
}
