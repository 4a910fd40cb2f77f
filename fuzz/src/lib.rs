//! What must hold of any octets that come from a peer.
//!
//! Owns: one body for each target, which takes octets, checks what has to be true of the answer, and panics if it is
//! not; the first inputs of each target; and a mutator with a seed. The same bodies are run by `cargo fuzz` on nightly
//! (`fuzz/targets`) and by the tests of this crate on stable: the corpus again, then so many changed inputs.
//!
//! Never does: open a socket, or know how the decoders work inside. What it compares them with is written here anew.

mod attributes;
mod frames;
mod messages;
mod mutate;
mod paths;
mod routes;
mod updates;
mod world;

pub use mutate::{Dice, Mutator};

/// One target: a body, and inputs to begin with.
pub struct Target {
    /// Its name, which is also that of its file in `fuzz/corpus`.
    pub name: &'static str,
    /// Takes any octets. Panics if what must hold does not.
    pub body: fn(&[u8]),
    /// Inputs that lead to where it matters.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "frame",
        body: frames::frame,
        seeds: frames::seeds,
    },
    Target {
        name: "open",
        body: messages::open,
        seeds: messages::open_seeds,
    },
    Target {
        name: "small",
        body: messages::small,
        seeds: messages::small_seeds,
    },
    Target {
        name: "update",
        body: updates::update,
        seeds: updates::seeds,
    },
    Target {
        name: "attribute",
        body: attributes::attribute,
        seeds: attributes::seeds,
    },
    Target {
        name: "as_path",
        body: paths::merge,
        seeds: paths::seeds,
    },
    Target {
        name: "path_ids",
        body: routes::path_ids,
        seeds: routes::seeds,
    },
    Target {
        name: "differential",
        body: routes::differential,
        seeds: routes::differential_seeds,
    },
    Target {
        name: "state",
        body: world::state,
        seeds: world::state_seeds,
    },
    Target {
        name: "machine",
        body: world::machine,
        seeds: world::machine_seeds,
    },
];

/// The target of this name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> &'static Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("no target {name}"))
}
