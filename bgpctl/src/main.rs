//! `bgpctl`: the command line of `bgpd` and `reflector`.
//!
//! Owns arguments, text, and exit codes; everything it knows comes over the gRPC
//! API on a Unix socket (`proto`). It never reads the daemon's files and never
//! judges a setting: the daemon does, so that both answer alike.

mod cli;
mod client;
mod command;
mod failure;
mod output;
mod table;
mod time;
mod view;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = io::stdout().is_terminal();
    let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let mut output = Output::new(&mut stdout, cli.output, color);
    let done = run(cli, &mut output).and_then(|()| output.flush());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // `bgpctl ... | head`: the reader has what it wanted.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            // What was printed so far belongs before the error; a second fault of
            // the same stream has nothing to add.
            let _ = output.flush();
            let _ = writeln!(io::stderr(), "bgpctl: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, output: &mut Output<'_>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(command::run(cli, output))
}
