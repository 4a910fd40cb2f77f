//! What holds for the source itself: which crate may import which (the graph of ARCHITECTURE.md), and how long a file
//! may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
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
    ("fuzz", &["config", "session", "speaker", "wire"]),
    ("micro", &["config", "policy", "rib", "speaker", "wire"]),
];

/// Where our sources lie, from the root of the repository.
const SOURCES: &[&str] = &[
    "crates",
    "bgpd",
    "reflector",
    "bgpctl",
    "proto/src",
    "interop-tests/src",
    "fuzz/src",
];

/// More than this in one file is more than one idea.
const MOST_LINES: usize = 700;

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

#[test]
fn no_source_file_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in SOURCES {
        let before = files.len();
        collect_sources(&root.join(folder), &mut files);
        assert!(files.len() > before, "no source in {folder}");
    }
    let long: Vec<String> = files
        .iter()
        .filter_map(|file| too_long(file, &fs::read_to_string(file).unwrap()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn a_file_that_is_too_long_is_named() {
    let file = Path::new("x/src/session.rs");
    assert_eq!(too_long(file, &"\n".repeat(MOST_LINES)), None);
    let said = too_long(file, &"\n".repeat(MOST_LINES + 1)).unwrap();
    assert!(said.contains("session.rs has 701 lines"), "{said}");
}

#[test]
fn tests_may_be_long() {
    let src = Path::new("x/src");
    assert!(is_source(&src.join("session.rs")));
    assert!(is_source(&src.join("testing.rs")));
    for other in [
        "tests",
        "tests.rs",
        "session/tests.rs",
        "target",
        "notes.md",
    ] {
        assert!(!is_source(&src.join(other)), "{other}");
    }
}

/// Puts the Rust files of a folder and of those in it into `files`, tests left out.
fn collect_sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !is_apart(&path) {
            collect_sources(&path, files);
        } else if is_source(&path) && path.is_file() {
            files.push(path);
        }
    }
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs") && !is_apart(path)
}

/// Tests, and what the compiler makes.
fn is_apart(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|name| name == "tests" || name == "target")
}

fn too_long(file: &Path, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MOST_LINES).then(|| {
        format!(
            "{} has {lines} lines; the most is {MOST_LINES}",
            file.display()
        )
    })
}
