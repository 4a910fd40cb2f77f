//! `bgpd`: announces this node's blocks by BGP and keeps the kernel's routes true to what it
//! learns.

mod command;
mod node;

use std::process::ExitCode;

use clap::Parser;

use crate::command::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => node::run(&arguments.config),
        Some(Command::Check { file }) => node::check(&file.unwrap_or(arguments.config)),
        Some(Command::Cleanup) => node::cleanup(&arguments.config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
