//! The demo, and that its check would notice.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use interop_tests::daemon::{Kind, can_run};
use interop_tests::demo::{Cast, Network};
use interop_tests::lab::Lab;
use interop_tests::{Result, wait_until};

use crate::stage::processes_of;

/// The network is well with daemons that are known to be right, and not with a broken node: so a
/// fault that the demo finds with our own is theirs.
#[test]
fn check_sees_a_broken_node() -> Result<()> {
    if !can_run(&[Kind::Bird]) {
        return Ok(());
    }
    let cast = Cast {
        node: Kind::Bird,
        reflector: Kind::Bird,
        switch: Kind::Bird,
    };
    let mut network = Network::build(Lab::new("demo-check")?, cast)?;
    network.settle()?;
    let report = network.probe()?;
    assert!(report.is_well(), "{:#?}", report.faults);
    network.break_node(2)?;
    let report = network.probe()?;
    assert!(!report.is_well());
    assert!(
        report.faults.iter().any(|fault| fault.contains("pod2a")),
        "{:#?}",
        report.faults
    );
    Ok(())
}

/// The program itself, as its user runs it: the exit code and the last line it prints.
fn last_line(arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(arguments)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Shown by the test harness when the assertion on the line fails.
    eprintln!("{text}{}", String::from_utf8_lossy(&output.stderr));
    Ok((
        output.status.code(),
        text.lines().last().unwrap_or_default().to_owned(),
    ))
}

#[test]
fn says_that_all_is_well() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Reflector]) {
        return Ok(());
    }
    let (code, line) = last_line(&[])?;
    assert!(line.starts_with("all is well: "), "{line}");
    assert_eq!(code, Some(0));
    Ok(())
}

#[test]
fn says_what_is_not_well() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Reflector]) {
        return Ok(());
    }
    let (code, line) = last_line(&["--break", "2"])?;
    assert!(line.starts_with("not well: "), "{line}");
    assert_eq!(code, Some(1));
    Ok(())
}

/// Where BIRD cannot be installed, our own daemon is the switch.
#[test]
fn our_own_switch_will_do() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Reflector]) {
        return Ok(());
    }
    let cast = Cast {
        node: Kind::Node,
        reflector: Kind::Reflector,
        switch: Kind::Node,
    };
    let network = Network::build(Lab::new("demo-switch")?, cast)?;
    network.settle()?;
    let report = network.probe()?;
    assert!(report.is_well(), "{:#?}", report.faults);
    Ok(())
}

/// Ctrl-C while it stays up: it ends at once, and with it everything it made.
#[test]
fn ctrl_c_leaves_nothing() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Reflector]) {
        return Ok(());
    }
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg("--keep")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdout = demo.stdout.take().expect("a pipe was asked for");
    let mut lines = BufReader::new(stdout).lines().map_while(|line| line.ok());
    let place = "Logs and configurations are in ";
    let dir = lines.find_map(|line| Some(line.strip_prefix(place)?.to_owned()));
    let dir = dir.expect("it says where its files are");
    assert!(lines.any(|line| line.starts_with("all is well: ")));
    assert!(lines.any(|line| line.starts_with("Staying up")));
    assert!(
        processes_of(&dir) >= 5,
        "three nodes, the reflector, the switch"
    );
    let id = i32::try_from(demo.id()).expect("invariant: a process id fits");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(id),
        nix::sys::signal::Signal::SIGINT,
    )?;
    assert_eq!(demo.wait()?.code(), Some(130));
    wait_until(Duration::from_secs(10), "the processes to go", || {
        processes_of(&dir) == 0
    })?;
    assert!(!Path::new(&dir).exists(), "{dir} is left");
    Ok(())
}
