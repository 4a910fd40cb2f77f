//! `bench CASE [OPTION VALUE]...`: one case against one daemon, or many; see `USAGE`.
#![expect(clippy::print_stdout, reason = "what it prints is its purpose")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use interop_tests::bench::{
    Case, Churn, Cluster, FullTable, Loss, Maker, Node, Results, Series, Slow, null_daemon, tables,
    write_report,
};
use interop_tests::lab::can_run;
use interop_tests::{LabError, Result};

const USAGE: &str = "bench CASE [--daemon D] [OPTION N]...   one case against one daemon
  fulltable --prefixes N --feeders N --receivers N
  cluster   --clients N --blocks N --families 4|46 --arrival SECONDS
  churn     --clients N --rate FLAPS_A_SECOND --seconds N
  loss      --clients N --deaths N
  slow      --clients N --slow N --rounds N
  node      --routes N
bench report [--results FILE] [--docs DIRECTORY]   writes performance.md and its charts
bench all|quick [OPTION VALUE]...       many cases against all daemons; goes on where it was cut off
  --results FILE   where the results are kept (docs/performance.json, quick: target/bench-quick.json)
  --daemons D,D    only these
  --cases TEXT     only cases whose name begins with it
  --minutes N      begin no case after so long
  --repetitions N  instead of 3
  --fresh yes      forget what is known of these cases and daemons
  D: ours, null, bird, frr, gobgp, openbgpd";

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
    let (command, rest) = arguments.split_first().ok_or_else(usage)?;
    match command.as_str() {
        "null-daemon" => null_daemon(rest),
        "all" => series(Series::all(), "docs/performance.json", Options::read(rest)?),
        "quick" => series(
            Series::quick(),
            "target/bench-quick.json",
            Options::read(rest)?,
        ),
        "report" => report(Options::read(rest)?),
        name => one(name, Options::read(rest)?),
    }
}

fn one(name: &str, mut options: Options) -> Result<()> {
    let maker = Maker::named(&options.text("daemon", "ours"))?;
    require(maker)?;
    let case = match name {
        "fulltable" => Case::FullTable(FullTable {
            prefixes: options.number("prefixes", 1_000_000)?,
            feeders: options.number("feeders", 1)?,
            receivers: options.number("receivers", 1)?,
        }),
        "cluster" => Case::Cluster(Cluster {
            clients: options.number("clients", 500)?,
            blocks: options.number("blocks", 1)?,
            dual: options.text("families", "4") == "46",
            arrival: options
                .seconds("arrival", 0)?
                .filter(|time| !time.is_zero()),
        }),
        "churn" => Case::Churn(Churn {
            clients: options.number("clients", 500)?,
            rate: options.number("rate", 20)?,
            duration: options.seconds("seconds", 10)?.unwrap_or_default(),
        }),
        "loss" => Case::Loss(Loss {
            clients: options.number("clients", 500)?,
            deaths: options.number("deaths", 20)?,
        }),
        "slow" => Case::Slow(Slow {
            clients: options.number("clients", 500)?,
            slow: options.number("slow", 5)?,
            rounds: options.number("rounds", 20)?,
        }),
        "node" => Case::Node(Node {
            routes: options.number("routes", 10_000)?,
        }),
        _ => return Err(usage()),
    };
    options.end()?;
    println!("{case}");
    let show = |configuration: &str| println!("configuration of {maker}:\n{configuration}");
    for (name, value) in case.run(maker, show)? {
        println!("{name:<20} {value:.3}");
    }
    Ok(())
}

fn series(mut series: Series, file: &str, mut options: Options) -> Result<()> {
    let file = PathBuf::from(options.text("results", file));
    let daemons = options.text("daemons", "");
    if !daemons.is_empty() {
        let makers = daemons.split(',').map(Maker::named);
        series.makers = makers.collect::<Result<_>>()?;
    }
    let cases = options.text("cases", "");
    series
        .cases
        .retain(|case| case.to_string().starts_with(&cases));
    if let minutes @ 1.. = options.number("minutes", 0u64)? {
        series.budget = Some(Duration::from_secs(minutes * 60));
    }
    if let repetitions @ 1.. = options.number("repetitions", 0)? {
        series.repetitions = Some(repetitions);
    }
    series.fresh |= options.text("fresh", "no") == "yes";
    options.end()?;
    series.makers.iter().try_for_each(|maker| require(*maker))?;
    let mut results = Results::open(&file)?;
    series.run(&mut results, |line| println!("{line}"))?;
    println!("\n{}", tables(&results, &series.cases));
    Ok(())
}

fn report(mut options: Options) -> Result<()> {
    let file = PathBuf::from(options.text("results", "docs/performance.json"));
    let docs = PathBuf::from(options.text("docs", "docs"));
    options.end()?;
    write_report(&Results::open(&file)?, &docs)
}

fn require(maker: Maker) -> Result<()> {
    let programs = maker.programs();
    let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
    match can_run(&programs) {
        true => Ok(()),
        false => Err(LabError::new(format!("{maker} cannot run here"))),
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

    fn number<T: std::str::FromStr + ToString>(&mut self, name: &str, default: T) -> Result<T> {
        let text = self.text(name, &default.to_string());
        let wrong = || LabError::new(format!("--{name} {text} is not a number"));
        text.parse().map_err(|_| wrong())
    }

    fn seconds(&mut self, name: &str, default: u64) -> Result<Option<Duration>> {
        self.number(name, default)
            .map(|seconds| Some(Duration::from_secs(seconds)))
    }

    fn end(&self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(LabError::new(format!("--{name} is not for this\n{USAGE}"))),
        }
    }
}
