//! The demo, and that its check would notice.

use std::process::Command;

use interop_tests::Result;
use interop_tests::daemon::{Kind, can_run};
use interop_tests::demo::{Cast, Network};
use interop_tests::lab::Lab;

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
