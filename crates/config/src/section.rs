//! Reading one mapping key by key, remembering which keys exist.
//!
//! A section is opened from a node, asked for each key it may have, and closed; whatever was not
//! asked for is then an unknown key, or one that a later version will know.

use std::fmt;

use crate::expand::{Environment, expand};
use crate::fault::{Faults, Location};
use crate::suggest;
use crate::tree::{Entry, Node, Value};

/// Keys that the design has and this version has not: refused by name, never ignored.
const NOT_YET: &[&str] = &[
    "bfd",
    "interface",
    "ip-rules",
    "keep-received",
    "metrics",
    "mrai",
    "overlay",
    "policies",
    "policy",
    "services",
    "unnumbered",
];

/// Keys of this kind that only mean something in one section.
const NOT_YET_IN: &[(&str, &str)] = &[
    ("api", "read-only-socket"),
    ("api", "tcp"),
    ("kernel", "import"),
];

/// A scalar with its place, variables already replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub at: Location,
    /// The value cannot be read and its fault is noted: nothing more is to be said about it, and
    /// above all not that it is missing.
    pub(crate) refused: bool,
}

impl Text {
    /// A field of an API request, spelled as the configuration spells the key.
    #[must_use]
    pub fn field(key: &str, value: impl fmt::Display) -> Text {
        Text::new(value.to_string(), Location::field(key))
    }

    pub(crate) fn new(text: String, at: Location) -> Text {
        Text {
            text,
            at,
            refused: false,
        }
    }

    fn refused(at: Location) -> Text {
        Text {
            text: String::new(),
            at,
            refused: true,
        }
    }
}

/// One word, or a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordOrList {
    /// A single word such as `all`.
    Word(Text),
    /// A list, and where it starts.
    List(Vec<Text>, Location),
}

impl WordOrList {
    /// Where it stands.
    #[must_use]
    pub fn at(&self) -> &Location {
        match self {
            WordOrList::Word(word) => &word.at,
            WordOrList::List(_, at) => at,
        }
    }
}

/// What reading needs besides the tree.
pub(crate) struct Reader<'a> {
    pub(crate) env: &'a Environment<'a>,
    pub(crate) faults: Faults,
}

/// A mapping that is being read.
pub(crate) struct Section {
    kind: &'static str,
    pub(crate) at: Location,
    entries: Vec<Entry>,
    asked: Vec<&'static str>,
}

impl Reader<'_> {
    /// Opens a mapping. An empty value is a mapping without keys.
    pub(crate) fn open(&mut self, kind: &'static str, node: Node) -> Option<Section> {
        let entries = match node.value {
            Value::Map(entries) => entries,
            Value::Null => Vec::new(),
            Value::Refused => return None,
            Value::Text(_) | Value::List(_) => {
                self.faults.add(
                    &node.at,
                    "expected keys and values here",
                    "write \"key: value\" lines",
                );
                return None;
            }
        };
        Some(Section {
            kind,
            at: node.at,
            entries,
            asked: Vec::new(),
        })
    }

    /// Opens the mapping under a key, if the key is there.
    pub(crate) fn sub(&mut self, section: &mut Section, key: &'static str) -> Option<Section> {
        let entry = section.take(key)?;
        let mut sub = self.open(key, entry.node)?;
        sub.at = entry.at;
        Some(sub)
    }

    /// The scalar under a key.
    pub(crate) fn text(&mut self, section: &mut Section, key: &'static str) -> Option<Text> {
        let entry = section.take(key)?;
        Some(self.scalar(&format!("\"{key}\""), entry.node))
    }

    /// The list of scalars under a key. One scalar may hold several, parted by commas, so that
    /// one environment variable can give a list.
    pub(crate) fn texts(&mut self, section: &mut Section, key: &'static str) -> Option<Vec<Text>> {
        section.take(key).map(|entry| self.scalars(key, entry.node))
    }

    /// A word or a list of scalars under a key.
    pub(crate) fn word_or_list(
        &mut self,
        section: &mut Section,
        key: &'static str,
    ) -> Option<WordOrList> {
        let Entry { node, .. } = section.take(key)?;
        if let Value::List(_) = node.value {
            let at = node.at.clone();
            return Some(WordOrList::List(self.scalars(key, node), at));
        }
        Some(WordOrList::Word(self.scalar(&format!("\"{key}\""), node)))
    }

    /// The mapping under a key whose keys are names of the operator's choice.
    pub(crate) fn named(&mut self, section: &mut Section, key: &'static str) -> Vec<(Text, Node)> {
        let Some(entry) = section.take(key) else {
            return Vec::new();
        };
        let Some(names) = self.open(key, entry.node) else {
            return Vec::new();
        };
        let named = |entry: Entry| (Text::new(entry.key, entry.at), entry.node);
        names.entries.into_iter().map(named).collect()
    }

    /// The list of nodes under a key.
    pub(crate) fn list(&mut self, section: &mut Section, key: &'static str) -> Vec<Node> {
        let Some(entry) = section.take(key) else {
            return Vec::new();
        };
        match entry.node.value {
            Value::List(nodes) => nodes,
            Value::Null | Value::Refused => Vec::new(),
            Value::Text(_) | Value::Map(_) => {
                let message = format!("\"{key}\" must be a list");
                self.faults
                    .add(&entry.node.at, message, "start each entry with \"- \"");
                Vec::new()
            }
        }
    }

    /// The scalars of a list node.
    pub(crate) fn scalars(&mut self, key: &str, node: Node) -> Vec<Text> {
        match node.value {
            Value::Null | Value::Refused => Vec::new(),
            Value::List(items) => {
                let name = format!("an entry of \"{key}\"");
                items
                    .into_iter()
                    .map(|item| self.scalar(&name, item))
                    .flat_map(split)
                    .collect()
            }
            Value::Text(_) => split(self.scalar(&format!("\"{key}\""), node)),
            Value::Map(_) => {
                self.faults.add(
                    &node.at,
                    format!("\"{key}\" must be a list"),
                    "write [A, B]",
                );
                Vec::new()
            }
        }
    }

    /// A key that exists elsewhere and would mean nothing in this section.
    pub(crate) fn refuse(
        &mut self,
        section: &mut Section,
        key: &str,
        message: String,
        remedy: &str,
    ) {
        if let Some(entry) = section
            .entries
            .extract_if(.., |entry| entry.key == key)
            .next()
        {
            self.faults.add(&entry.at, message, remedy);
        }
    }

    /// A scalar with its variables replaced.
    pub(crate) fn scalar(&mut self, what: &str, node: Node) -> Text {
        let at = node.at;
        let (message, remedy) = match node.value {
            Value::Text(text) => {
                let text = self.faults.keep(&at, expand(&text, self.env));
                return match text {
                    Some(text) => Text::new(text.trim().to_owned(), at),
                    None => Text::refused(at),
                };
            }
            Value::Refused => return Text::refused(at),
            Value::Null => (format!("{what} has no value"), "give it one, or remove it"),
            Value::List(_) => (format!("{what} must be a single value, not a list"), ""),
            Value::Map(_) => (format!("{what} must be a single value, not a mapping"), ""),
        };
        self.faults.add(&at, message, remedy);
        Text::refused(at)
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn close(&mut self, section: Section) {
        for entry in section.entries {
            let key = entry.key.as_str();
            if NOT_YET.contains(&key) || NOT_YET_IN.contains(&(section.kind, key)) {
                let message = format!("\"{key}\" is not supported yet in this version");
                self.faults.add(&entry.at, message, "remove it");
                continue;
            }
            if key == "password" {
                let message = "a password does not stand in a configuration";
                let remedy = "passwords come from files: write \"password-file: PATH\"";
                self.faults.add(&entry.at, message, remedy);
                continue;
            }
            let remedy = suggest::remedy(key, section.asked.iter().copied(), || {
                format!("known here: {}", section.asked.join(", "))
            });
            self.faults
                .add(&entry.at, format!("unknown key \"{key}\""), remedy);
        }
    }
}

impl Section {
    fn take(&mut self, key: &'static str) -> Option<Entry> {
        self.asked.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// Takes the value of a key that may be of more than one kind.
    pub(crate) fn take_node(&mut self, key: &'static str) -> Option<Node> {
        self.take(key).map(|entry| entry.node)
    }
}

fn split(text: Text) -> Vec<Text> {
    if text.refused {
        return vec![text];
    }
    let parts = text
        .text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts
        .map(|part| Text::new(part.to_owned(), text.at.clone()))
        .collect()
}
