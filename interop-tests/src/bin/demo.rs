//! `demo [--keep] [--break N]`: the demo's network from beginning to end. See `scripts/demo`.
#![expect(clippy::print_stdout, reason = "what it prints is its purpose")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use interop_tests::daemon::Kind;
use interop_tests::demo::{Cast, Network};
use interop_tests::lab::Lab;
use interop_tests::{LabError, Result};

const USAGE: &str = "demo [--keep] [--break N]
  --keep     stay up after the check, until Ctrl-C
  --break N  kill node N's daemon and take its routes before the check, to see it fail";

struct Options {
    keep: bool,
    broken: Option<u8>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("not well: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        keep: false,
        broken: None,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--keep" => options.keep = true,
            "--break" => {
                let number = arguments.next().and_then(|text| text.parse().ok());
                let number = number.filter(|number| (1..=3).contains(number));
                options.broken =
                    Some(number.ok_or_else(|| LabError::new("--break takes 1, 2 or 3"))?);
            }
            other => return Err(LabError::new(format!("{other} is not an option"))),
        }
    }
    Ok(options)
}

/// Returns whether all is well; the last line printed says so too.
fn run(options: &Options) -> Result<bool> {
    let lab = Lab::new("demo")?;
    clean_up_on_stop(lab.dir())?;
    let cast = cast();
    println!("Laying three nodes with two Pods each, a reflector, a switch and a host behind it.");
    let mut network = Network::build(lab, cast)?;
    println!("Waiting for sessions and routes.");
    let settled = network.settle();
    if let Some(number) = options.broken {
        println!("Breaking node {number}.");
        network.break_node(number)?;
    }
    println!("{}", network.tables());
    println!("Pinging every pair across nodes and the outside, and looking at source addresses.");
    let report = network.probe()?;
    for fault in &report.faults {
        println!("  {fault}");
    }
    if options.keep {
        println!("\n{}", network.invitation());
        println!("{}", report.verdict());
        println!("Staying up until Ctrl-C.");
        loop {
            thread::park();
        }
    }
    drop(network);
    match settled {
        Ok(()) => println!("{}", report.verdict()),
        Err(ref error) => println!("not well: {error}"),
    }
    Ok(settled.is_ok() && report.is_well())
}

fn cast() -> Cast {
    let switch = if Path::new("/usr/sbin/bird").exists() {
        Kind::Bird
    } else {
        Kind::Node
    };
    match switch {
        Kind::Bird => println!("The switch is BIRD."),
        _ => println!("BIRD is not installed: the switch is this repository's own bgpd."),
    }
    Cast {
        node: Kind::Node,
        reflector: Kind::Reflector,
        switch,
    }
}

/// Ctrl-C, SIGTERM and SIGHUP: whatever is going on, nothing of the network is left. The processes
/// end with this one, and the namespaces with them; only the directory needs a hand.
fn clean_up_on_stop(dir: &Path) -> Result<()> {
    let dir: PathBuf = dir.to_owned();
    ctrlc::set_handler(move || {
        let _ = std::fs::remove_dir_all(&dir);
        eprintln!("interrupted: everything is cleaned up");
        std::process::exit(130);
    })
    .map_err(|error| LabError::new(error.to_string()))
}
