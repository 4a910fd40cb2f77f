//! Properties of a reflector among scripted peers, over many seeds. A failing seed is printed with the command that runs
//! it again; give it a place in the list of its test when its cause is mended.

mod cases;
mod nodes;
mod slices;
mod storm;
mod walks;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a property with seeds that failed once, and then with `count` others.
///
/// `SIM_SEED` names a single one in their place; `SIM_SEEDS` is how many others.
fn seeds(test: &str, once: &[u64], count: u64, run: impl Fn(u64)) {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text: String| text.parse().unwrap())
    };
    let wanted: Vec<u64> = match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => once
            .iter()
            .copied()
            .chain(0..number("SIM_SEEDS").unwrap_or(count))
            .collect(),
    };
    for seed in wanted {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(seed)));
        assert!(
            outcome.is_ok(),
            "once more: SIM_SEED={seed} cargo test -p testkit {test}"
        );
    }
}

#[test]
fn a_failing_seed_is_told_with_the_command_that_runs_it_again() {
    let told = catch_unwind(|| seeds("some_test", &[41], 3, |seed| assert!(seed != 2)));
    let told = told.unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert_eq!(
        told,
        "once more: SIM_SEED=2 cargo test -p testkit some_test"
    );
}
