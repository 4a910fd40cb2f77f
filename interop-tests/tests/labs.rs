//! Labs against real daemons. Each needs root and says why when it skips; `scripts/test` runs all.
//!
//! A lab is written once for daemons of any maker. Those under `makers` run without a daemon of
//! ours: when one of them fails too, the fault is in the harness or in this machine.

#[path = "labs/addpath.rs"]
mod addpath;
#[path = "labs/bench.rs"]
mod bench;
#[path = "labs/blackhole.rs"]
mod blackhole;
#[path = "labs/capabilities.rs"]
mod capabilities;
#[path = "labs/conformance/mod.rs"]
mod conformance;
#[path = "labs/demo.rs"]
mod demo;
#[path = "labs/drain.rs"]
mod drain;
#[path = "labs/exchange.rs"]
mod exchange;
#[path = "labs/graceful.rs"]
mod graceful;
#[path = "labs/harness.rs"]
mod harness;
#[path = "labs/hostile.rs"]
mod hostile;
#[path = "labs/hostile_load.rs"]
mod hostile_load;
#[path = "labs/hostile_mutants.rs"]
mod hostile_mutants;
#[path = "labs/limits.rs"]
mod limits;
#[path = "labs/long_lived.rs"]
mod long_lived;
#[path = "labs/memory.rs"]
mod memory;
#[path = "labs/mesh.rs"]
mod mesh;
#[path = "labs/operation.rs"]
mod operation;
#[path = "labs/paths.rs"]
mod paths;
#[path = "labs/reflection.rs"]
mod reflection;
#[path = "labs/security.rs"]
mod security;
#[path = "labs/stage.rs"]
mod stage;
#[path = "labs/topology.rs"]
mod topology;
#[path = "labs/tor.rs"]
mod tor;
