//! The benchmark itself, small: what it measures is for `scripts/bench` to say; here every receiver
//! only has to end with the right routes, by attributes that are right.

use std::time::Duration;

use interop_tests::bench::{Churn, Cluster, Figures, FullTable, Loss, Maker, Node, Slow};
use interop_tests::lab::can_run;
use interop_tests::{LabError, Result};

const CLIENTS: usize = 50;
const TABLE: FullTable = FullTable {
    prefixes: 5000,
    feeders: 2,
    receivers: 2,
};
const CLUSTER: Cluster = Cluster {
    clients: CLIENTS,
    blocks: 2,
    dual: true,
    arrival: None,
};

/// The configuration is for people who compare.
fn quietly(_configuration: &str) {}

fn runs(maker: Maker) -> bool {
    let programs = maker.programs();
    let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
    can_run(&programs)
}

/// What a run must have measured, whatever the figure is.
fn expect(figures: &Figures, names: &[&str]) -> Result<()> {
    let missing = names.iter().find(|name| !figures.contains_key(**name));
    match missing {
        None => Ok(()),
        Some(name) => Err(LabError::new(format!("{name} is not in {figures:?}"))),
    }
}

#[test]
fn two_tables_reach_two_receivers_and_one_leaves() -> Result<()> {
    if !runs(Maker::Ours) {
        return Ok(());
    }
    let figures = TABLE.run(Maker::Ours, quietly)?;
    assert!(figures["announced"] >= 10_000.0, "{figures:?}");
    assert!(figures["sampled"] > 0.0, "{figures:?}");
    expect(
        &figures,
        &["wall_s", "cpu_s", "peak_mb", "tool_cpu_s", "leave_wall_s"],
    )
}

#[test]
fn the_floor_passes_a_table_on() -> Result<()> {
    if !runs(Maker::Null) {
        return Ok(());
    }
    let figures = TABLE.run(Maker::Null, quietly)?;
    assert_eq!(figures["announced"], 10_000.0, "the first feeder's, twice");
    Ok(())
}

#[test]
fn a_cluster_of_two_families_learns_all() -> Result<()> {
    if !runs(Maker::Ours) {
        return Ok(());
    }
    let figures = CLUSTER.run(Maker::Ours, quietly)?;
    assert_eq!(figures["announced"], (CLIENTS * (CLIENTS - 1) * 4) as f64);
    let arriving = Cluster {
        arrival: Some(Duration::from_secs(1)),
        ..CLUSTER
    };
    expect(&arriving.run(Maker::Ours, quietly)?, &["after_last_s"])?;
    CLUSTER.run(Maker::Null, quietly).map(drop)
}

#[test]
fn trouble_ends_with_everybody_right() -> Result<()> {
    if !runs(Maker::Ours) {
        return Ok(());
    }
    let churn = Churn {
        clients: CLIENTS,
        rate: 50,
        duration: Duration::from_secs(1),
    };
    let loss = Loss {
        clients: CLIENTS,
        deaths: 3,
    };
    let slow = Slow {
        clients: CLIENTS,
        slow: 2,
        rounds: 50,
    };
    for maker in [Maker::Ours, Maker::Null] {
        let figures = churn.run(maker, quietly)?;
        assert_eq!(figures["announcements"], 50.0);
        expect(&figures, &["each_p50_ms", "each_p99_ms"])?;
        expect(&loss.run(maker, quietly)?, &["last_p50_ms"])?;
    }
    expect(
        &slow.run(Maker::Ours, quietly)?,
        &["wall_s", "recover_wall_s"],
    )
}

#[test]
fn a_node_writes_the_routes_of_a_reflector() -> Result<()> {
    if !runs(Maker::Ours) {
        return Ok(());
    }
    let node = Node { routes: 1000 };
    expect(
        &node.run(Maker::Ours, quietly)?,
        &["idle_mb", "route_us", "second_rss_mb"],
    )?;
    expect(&node.run(Maker::Null, quietly)?, &["route_us"])
}

mod makers {
    use super::*;

    #[test]
    fn a_hundred_clients_of_bird_learn_all() -> Result<()> {
        if !runs(Maker::Bird) {
            return Ok(());
        }
        let cluster = Cluster {
            clients: 100,
            ..CLUSTER
        };
        cluster.run(Maker::Bird, quietly).map(drop)
    }
}
