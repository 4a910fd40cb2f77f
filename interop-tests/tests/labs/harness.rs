//! The harness keeps its own promises: nothing of a lab survives whoever made it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use interop_tests::daemon::{Bird, Daemon, Frr, Kind, Spec, can_run};
use interop_tests::lab::{Lab, clean_leftovers};
use interop_tests::{Result, wait_until};

use crate::stage;

const HOLD: &str = "BGP_TESTS_HOLD_A_LAB";

/// Not a test: what `a_killed_maker_leaves_nothing` runs and kills.
#[test]
fn holds_a_lab_until_killed() -> Result<()> {
    if std::env::var_os(HOLD).is_none() {
        return Ok(());
    }
    let lab = Lab::new("held")?;
    let lan = lab.lan("lan")?;
    let (one, two) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let mut bird = Bird::new(&stage::on_lan(&lab, &lan, "bird", &one)?, one);
    // FRR drops root, and with that the parent-death signal: the harder case.
    let mut frr = Frr::new(&stage::on_lan(&lab, &lan, "frr", &two)?, two);
    bird.start()?;
    frr.start()?;
    eprintln!("held {}", lab.dir().display());
    loop {
        thread::park();
    }
}

#[test]
fn a_killed_maker_leaves_nothing() -> Result<()> {
    if !can_run(&[Kind::Bird, Kind::Frr]) {
        return Ok(());
    }
    let mut maker = Command::new(std::env::current_exe()?)
        .args([
            "--exact",
            "harness::holds_a_lab_until_killed",
            "--nocapture",
        ])
        .env(HOLD, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = maker.stderr.take().expect("a pipe was asked for");
    let mut lines = BufReader::new(stderr).lines().map_while(|line| line.ok());
    let dir = lines.find_map(|line| Some(line.strip_prefix("held ")?.to_owned()));
    let dir = dir.expect("the lab was made");
    assert!(
        stage::processes_of(&dir) >= 4,
        "bird, zebra with its keeper, bgpd"
    );
    maker.kill()?;
    maker.wait()?;
    wait_until(Duration::from_secs(10), "the processes to go", || {
        stage::processes_of(&dir) == 0
    })?;
    // Another lab's start may have been quicker; either way it is gone.
    clean_leftovers();
    assert!(!Path::new(&dir).exists());
    Ok(())
}
