//! On stable: every input of the corpus again, then changed ones, the same for the same seed.
//!
//! `FUZZ_SECONDS=600 FUZZ_TARGET=update cargo test -p fuzz` runs one target for as long; `FUZZ_SEED` begins elsewhere.
//! `FUZZ_SEEDS=DIR` runs nothing and writes what cargo-fuzz may begin with. A failure prints its input, which goes as a line into `fuzz/corpus/TARGET.hex`, and stays there.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fuzz::{Mutator, TARGETS, Target};

/// Changed inputs of a target in a run that nobody asks to be longer.
const INPUTS: u64 = 30_000;
/// Those of targets that make a whole speaker for each.
const SLOW_INPUTS: u64 = 1500;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The first inputs of a target, and those of its file, one in hexadecimal on each line.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let file = folder.join(target.name).with_extension("hex");
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    (target.seeds)()
        .into_iter()
        .chain(lines.map(octets))
        .collect()
}

fn octets(line: &str) -> Vec<u8> {
    let octet = |at: usize| u8::from_str_radix(&line[at..at + 2], 16);
    let octets = (0..line.len()).step_by(2).map(octet);
    octets
        .collect::<Result<_, _>>()
        .expect("a line of hexadecimal digits")
}

fn run(target: &Target, input: &[u8], of: &str) {
    let ended = catch_unwind(AssertUnwindSafe(|| (target.body)(input)));
    if ended.is_err() {
        let hex: String = input.iter().map(|octet| format!("{octet:02x}")).collect();
        panic!("target {} fails with {of}: {hex}", target.name);
    }
}

fn fuzz(name: &str, inputs: u64) {
    if std::env::var("FUZZ_TARGET").is_ok_and(|only| only != name) {
        return;
    }
    let target = fuzz::target(name);
    let corpus = corpus(target);
    if let Some(to) = std::env::var_os("FUZZ_SEEDS") {
        return write_seeds(&PathBuf::from(to).join(name), &corpus);
    }
    for (number, input) in corpus.iter().enumerate() {
        run(target, input, &format!("input {number} of its corpus"));
    }
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let time = number("FUZZ_SECONDS").map(Duration::from_secs);
    let mut mutator = Mutator::new(seed, corpus);
    let (begun, mut count) = (Instant::now(), 0);
    while time.map_or(count < inputs, |time| begun.elapsed() < time) {
        count += 1;
        let input = mutator.input();
        run(target, &input, &format!("input {count} of seed {seed}"));
    }
    eprintln!("{name}: {count} inputs in {:?}", begun.elapsed());
}

/// For cargo-fuzz, which begins with files.
fn write_seeds(to: &Path, corpus: &[Vec<u8>]) {
    fs::create_dir_all(to).expect("a folder for the seeds");
    for (number, input) in corpus.iter().enumerate() {
        fs::write(to.join(format!("seed-{number:03}")), input).expect("a file for a seed");
    }
}

macro_rules! targets {
    ($($name:ident: $inputs:expr,)*) => {
        $(
            #[test]
            fn $name() {
                fuzz(stringify!($name), $inputs);
            }
        )*

        #[test]
        fn every_target_is_run() {
            let mut here = [$(stringify!($name)),*];
            let mut there: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            here.sort_unstable();
            there.sort_unstable();
            assert_eq!(here[..], there[..]);
        }
    };
}

targets! {
    frame: INPUTS,
    open: INPUTS,
    small: INPUTS,
    update: INPUTS,
    attribute: INPUTS,
    as_path: INPUTS,
    path_ids: INPUTS,
    differential: INPUTS,
    state: SLOW_INPUTS,
    machine: SLOW_INPUTS,
}
