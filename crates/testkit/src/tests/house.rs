//! Which crate may import which; the graph of ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Every member with what it may import of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("policy", &["wire"]),
    ("session", &["wire"]),
    ("rib", &["policy", "wire"]),
    ("fib", &["wire"]),
    ("config", &["policy", "wire"]),
    (
        "speaker",
        &["config", "fib", "policy", "rib", "session", "wire"],
    ),
    ("kernel", &["fib", "wire"]),
    ("runtime", &["config", "fib", "speaker"]),
    (
        "api",
        &[
            "config", "fib", "policy", "proto", "rib", "session", "speaker", "wire",
        ],
    ),
    ("proto", &[]),
    ("bgpd", &["api", "config", "kernel", "runtime"]),
    ("reflector", &["api", "config", "runtime"]),
    ("bgpctl", &["proto"]),
    ("interop-tests", &["proto"]),
    ("testkit", &["config", "fib", "speaker", "wire"]),
];

#[test]
fn crates_import_only_what_the_graph_allows() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    let found: BTreeMap<&str, BTreeSet<&str>> = packages
        .iter()
        .map(|package| {
            let normal = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|needed| needed["kind"].is_null());
            let names = normal
                .map(|needed| needed["name"].as_str().unwrap())
                .filter(|name| ours.contains(name));
            (package["name"].as_str().unwrap(), names.collect())
        })
        .collect();
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .iter()
        .map(|(name, imports)| (*name, imports.iter().copied().collect()))
        .collect();
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        allowed.keys().collect::<Vec<_>>(),
        "a crate came or went"
    );
    for (name, imports) in &found {
        let extra: Vec<_> = imports.difference(&allowed[name]).collect();
        assert!(extra.is_empty(), "{name} must not import {extra:?}");
    }
}
