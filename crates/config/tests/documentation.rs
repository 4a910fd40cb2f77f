//! `docs/configuration.md` names every key that the parser knows, in the section where it belongs.

use std::fs;
use std::path::Path;

use config::{ConfigFault, Role};

/// A key that no section has, so that the fault lists those that it has.
const NO_KEY: &str = "zzzzzzzz";

/// Where keys are read: the heading that documents them, and a file with `NO_KEY` there.
const SECTIONS: &[(&str, &str)] = &[
    ("Top level", "zzzzzzzz: 1"),
    ("`listen`", "listen: {zzzzzzzz: 1}"),
    ("`advertise`", "advertise: {zzzzzzzz: 1}"),
    ("`groups`", "groups: {g: {zzzzzzzz: 1}}"),
    ("`peers`", "peers: [{zzzzzzzz: 1}]"),
    ("`dynamic-peers`", "dynamic-peers: [{zzzzzzzz: 1}]"),
    ("`add-path`", "peers: [{add-path: {zzzzzzzz: 1}}]"),
    ("`local-as`", "peers: [{local-as: {zzzzzzzz: 1}}]"),
    ("`max-prefix`", "peers: [{max-prefix: {zzzzzzzz: 1}}]"),
    (
        "`max-prefix-out`",
        "peers: [{max-prefix-out: {zzzzzzzz: 1}}]",
    ),
    (
        "`long-lived-graceful-restart`",
        "peers: [{long-lived-graceful-restart: {zzzzzzzz: 1}}]",
    ),
    ("`multipath`", "multipath: {zzzzzzzz: 1}"),
    ("`kernel`", "kernel: {zzzzzzzz: 1}"),
    ("`api`", "api: {zzzzzzzz: 1}"),
    ("`log`", "log: {zzzzzzzz: 1}"),
    ("`limits`", "limits: {zzzzzzzz: 1}"),
];

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    fs::read_to_string(path).expect("the reference can be read")
}

fn faults(text: &str) -> Vec<ConfigFault> {
    let nothing = |_: &str| None;
    config::parse(text, "test.yaml", Role::Node, &nothing).expect_err("the file has a fault")
}

/// The keys that the parser asks for, from the fault about a key that it does not know.
fn known_keys(file: &str) -> Vec<String> {
    let unknown = format!("unknown key \"{NO_KEY}\"");
    let text = faults(file)
        .iter()
        .map(ToString::to_string)
        .find(|text| text.contains(&unknown))
        .expect("the unknown key is a fault");
    let (_, keys) = text
        .split_once("known here: ")
        .expect("the fault lists the known keys");
    keys.split(", ").map(|key| key.trim().to_owned()).collect()
}

/// The parts of the document under a level 2 heading, with the heading.
fn parts(document: &str) -> impl Iterator<Item = &str> {
    document.split("\n## ").skip(1)
}

/// The keys of a section that the document does not name there.
fn missing(document: &str, heading: &str, keys: &[String]) -> Vec<String> {
    let part = parts(document)
        .find(|part| {
            part.lines()
                .next()
                .is_some_and(|line| line.contains(heading))
        })
        .unwrap_or_default();
    let row = |key: &str| part.contains(&format!("\n| `{key}` |"));
    let headline = |key: &str| {
        parts(document).any(|part| {
            let line = part.lines().next().unwrap_or_default();
            line.contains(&format!("`{key}`"))
        })
    };
    let top = heading == "Top level";
    keys.iter()
        .filter(|key| !(row(key) || top && headline(key)))
        .cloned()
        .collect()
}

#[test]
fn every_known_key_is_documented_in_its_section() {
    let document = document();
    for (heading, file) in SECTIONS {
        let keys = known_keys(file);
        let missing = missing(&document, heading, &keys);
        assert!(missing.is_empty(), "{heading}: {missing:?}");
    }
}

#[test]
fn a_key_that_is_not_documented_is_noticed() {
    let without = document().replace("\n| `hold-time` |", "\n| `hold-tine` |");
    let keys = known_keys("peers: [{zzzzzzzz: 1}]");
    assert_eq!(missing(&without, "`peers`", &keys), ["hold-time"]);
}

#[test]
fn the_keys_said_to_be_not_supported_yet_are_refused_as_such() {
    let document = document();
    let part = parts(&document)
        .find(|part| part.starts_with("Not supported yet"))
        .expect("the document has the list");
    let (_, anywhere) = part.split_once("- anywhere:").expect("the first item");
    let (anywhere, sections) = anywhere.split_once("\n- ").expect("more items");
    let keys = |text: &str| -> Vec<String> {
        let quoted = text.split('`').skip(1).step_by(2);
        quoted.map(ToOwned::to_owned).collect()
    };
    let refused = |file: &str, key: &str| {
        let expected = format!("\"{key}\" is not supported yet");
        faults(file)
            .iter()
            .any(|fault| fault.to_string().contains(&expected))
    };
    let anywhere = keys(anywhere);
    assert!(anywhere.len() > 10, "the list is read: {anywhere:?}");
    for key in &anywhere {
        assert!(refused(&format!("{key}: 1"), key), "{key}");
    }
    for item in sections.split("\n- ") {
        let named = keys(item);
        let (section, named) = match item.starts_with("of a peer") {
            true => ("peers", &named[..]),
            false => (named[0].as_str(), &named[1..]),
        };
        for key in named {
            let file = match section {
                "peers" => format!("peers: [{{{key}: 1}}]"),
                "add-path" => format!("peers: [{{add-path: {{{key}: 1}}}}]"),
                section => format!("{section}: {{{key}: 1}}"),
            };
            assert!(refused(&file, key), "{section}: {key}");
        }
    }
}
