//! YAML text to a tree in which every key and value knows its line and column.
//!
//! Owns the reading of YAML events. Refuses what a configuration has no use for and what makes YAML
//! costly or surprising: anchors and aliases (and so the "billion laughs"), tags, several
//! documents, keys that are not text, keys given twice, deep nesting. Size is bounded by the caller.
//! Reading goes on after such a fault; only text that is not YAML at all ends it.

use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::fault::{Faults, Location};
use crate::limits::MAX_DEPTH;

/// A value and where it starts.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Location,
    pub(crate) value: Value,
}

/// A value as written; what it means is for the reader of the key to say.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar of any kind, as text.
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something whose fault has been noted already.
    Refused,
}

/// A key of a mapping and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Location,
    pub(crate) node: Node,
}

/// Reads the text. `None` after a fault that makes the rest unreadable, or when there is nothing.
pub(crate) fn read(text: &str, path: &Arc<str>, faults: &mut Faults) -> Option<Node> {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        path: path.clone(),
        text,
        faults,
    };
    builder.document().ok().flatten()
}

/// The rest cannot be read; the fault has been noted.
struct Stop;

struct Builder<'a, 'f> {
    parser: Parser<'a, StrInput<'a>>,
    path: Arc<str>,
    text: &'a str,
    faults: &'f mut Faults,
}

impl<'a> Builder<'a, '_> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.not_yaml(&error)),
            None => Ok((Event::StreamEnd, Span::empty(Marker::new(0, 1, 0)))),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) if root.is_some() => {
                    let at = self.location(span.start);
                    self.faults.add(
                        &at,
                        "a second YAML document starts here",
                        "write one document only, without \"---\" inside",
                    );
                    return Ok(root);
                }
                Event::DocumentStart(_) => {
                    let first = self.next()?;
                    root = Some(self.node(first, 0)?);
                }
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => return Err(Stop),
            }
        }
    }

    fn node(&mut self, (event, span): (Event<'a>, Span), depth: usize) -> Result<Node, Stop> {
        let at = self.location(span.start);
        if depth > MAX_DEPTH {
            self.faults.add(
                &at,
                "nested too deeply",
                format!("use at most {MAX_DEPTH} levels"),
            );
            return Err(Stop);
        }
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(&at, anchor, tag.is_some());
                let plain = style == ScalarStyle::Plain;
                if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::Text(text.into_owned())
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(&at, anchor, tag.is_some());
                Value::List(self.list(depth)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(&at, anchor, tag.is_some());
                Value::Map(self.map(depth)?)
            }
            Event::Alias(_) => {
                self.faults.add(
                    &at,
                    "YAML aliases are not taken",
                    "write the value out, or use a group for what peers share",
                );
                Value::Refused
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => Value::Null,
        };
        Ok(Node { at, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(items),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        // Names seen, so that a mapping of many keys does not take the square of their number.
        let mut seen = std::collections::HashMap::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => return Ok(entries),
                event => self.node(event, depth + 1)?,
            };
            let value = self.next()?;
            let node = self.node(value, depth + 1)?;
            let Value::Text(name) = key.value else {
                self.faults.add(&key.at, "a key must be plain text", "");
                continue;
            };
            if let Some(first) = seen.get(&name) {
                let message = format!("key \"{name}\" is given twice (first at {first})");
                self.faults.add(&key.at, message, "remove one of them");
                continue;
            }
            seen.insert(name.clone(), key.at.short());
            entries.push(Entry {
                key: name,
                at: key.at,
                node,
            });
        }
    }

    fn refuse_extras(&mut self, at: &Location, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.faults.add(
                at,
                "YAML anchors are not taken",
                "remove the \"&...\", and use a group for what peers share",
            );
        }
        if tagged {
            self.faults
                .add(at, "YAML tags are not taken", "remove the \"!...\"");
        }
    }

    fn not_yaml(&mut self, error: &ScanError) -> Stop {
        let mark = *error.marker();
        let line = self
            .text
            .lines()
            .nth(mark.line().saturating_sub(1))
            .unwrap_or_default();
        let remedy = if line.contains("${") {
            "inside [...] and {...} a variable must stand in quotes: \"${NAME}\""
        } else {
            ""
        };
        let at = self.location(mark);
        self.faults
            .add(&at, format!("this is not YAML: {}", error.info()), remedy);
        Stop
    }

    fn location(&self, mark: Marker) -> Location {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Location::File {
            path: self.path.clone(),
            line: number(mark.line()),
            column: number(mark.col() + 1),
        }
    }
}
