//! Where output goes and in which form: tables for people, JSON and YAML for
//! programs.

use std::io;
use std::time::SystemTime;

use clap::ValueEnum;
use serde::Serialize;

use crate::failure::Failure;
use crate::table::{Cell, Table};

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns.
    Table,
    /// Aligned columns, more of them.
    Wide,
    /// JSON; with --watch one object a line.
    Json,
    /// YAML; with --watch one document for each event.
    Yaml,
}

/// Something that is a row of a table, and an object of JSON and YAML.
pub(crate) trait Tabular: Serialize {
    /// The headers.
    fn columns(wide: bool) -> Vec<&'static str>;
    /// One cell for each header.
    fn row(&self, wide: bool, now: SystemTime) -> Vec<Cell>;
}

/// The output of a command.
pub(crate) struct Output<'a> {
    out: &'a mut dyn io::Write,
    format: Format,
    color: bool,
}

impl<'a> Output<'a> {
    /// Writes to `out`.
    pub(crate) fn new(out: &'a mut dyn io::Write, format: Format, color: bool) -> Output<'a> {
        Output { out, format, color }
    }

    /// True when people read it.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }

    /// True when people read it and asked for more.
    pub(crate) fn is_wide(&self) -> bool {
        self.format == Format::Wide
    }

    /// Writes text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// Hands on what is buffered.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }

    /// One object, which for people is `text`.
    pub(crate) fn object(
        &mut self,
        object: &impl Serialize,
        text: impl FnOnce(bool) -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => {
                let text = text(self.color);
                self.text(&text)
            }
            Format::Json => {
                let json = serde_json::to_string_pretty(object).map_err(io::Error::from)?;
                self.text(&json)?;
                self.text("\n")
            }
            Format::Yaml => {
                let yaml = yaml(object)?;
                self.text(&yaml)
            }
        }
    }

    /// One of a row of objects without an end, handed on at once.
    pub(crate) fn event(
        &mut self,
        object: &impl Serialize,
        text: impl FnOnce(bool) -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => {
                let text = text(self.color);
                self.text(&text)?;
            }
            Format::Json => {
                let json = serde_json::to_string(object).map_err(io::Error::from)?;
                self.text(&json)?;
                self.text("\n")?;
            }
            Format::Yaml => {
                let yaml = yaml(object)?;
                self.text("---\n")?;
                self.text(&yaml)?;
            }
        }
        self.flush()
    }

    /// Writes rows of a table that has an own layout.
    pub(crate) fn rows(&mut self, table: &mut Table, rows: &[Vec<Cell>]) -> Result<(), Failure> {
        Ok(table.write(self.out, rows, self.color)?)
    }

    /// Begins a list.
    pub(crate) fn list<T: Tabular>(&mut self) -> List<'_, 'a, T> {
        let table = Table::new(T::columns(self.is_wide()));
        List {
            output: self,
            table,
            count: 0,
            of: std::marker::PhantomData,
        }
    }
}

fn yaml(object: &impl Serialize) -> Result<String, Failure> {
    serde_saphyr::to_string(object)
        .map_err(|error| Failure::Output(io::Error::other(error.to_string())))
}

/// A list that is written page by page.
pub(crate) struct List<'o, 'a, T> {
    output: &'o mut Output<'a>,
    table: Table,
    count: usize,
    of: std::marker::PhantomData<T>,
}

impl<T: Tabular> List<'_, '_, T> {
    /// Writes a page.
    pub(crate) fn page(&mut self, items: &[T]) -> Result<(), Failure> {
        match self.output.format {
            Format::Table | Format::Wide => {
                let wide = self.output.is_wide();
                let now = SystemTime::now();
                let rows: Vec<_> = items.iter().map(|item| item.row(wide, now)).collect();
                self.output.rows(&mut self.table, &rows)?;
            }
            Format::Json => self.json(items)?,
            // Two sequences in a row are one.
            Format::Yaml if !items.is_empty() => {
                let text = yaml(&items)?;
                self.output.text(&text)?;
            }
            Format::Yaml => {}
        }
        self.count += items.len();
        Ok(())
    }

    fn json(&mut self, items: &[T]) -> Result<(), Failure> {
        for (index, item) in items.iter().enumerate() {
            let first = self.count + index == 0;
            self.output.text(if first { "[\n" } else { ",\n" })?;
            let json = serde_json::to_string_pretty(item).map_err(io::Error::from)?;
            let indented: Vec<String> = json.lines().map(|line| format!("  {line}")).collect();
            self.output.text(&indented.join("\n"))?;
        }
        Ok(())
    }

    /// Ends the list.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        match (self.output.format, self.count) {
            (Format::Table | Format::Wide, 0) => self.page(&[]),
            (Format::Json | Format::Yaml, 0) => self.output.text("[]\n"),
            (Format::Json, _) => self.output.text("\n]\n"),
            (Format::Table | Format::Wide | Format::Yaml, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Thing {
        name: &'static str,
        list: Vec<u8>,
    }

    impl Tabular for Thing {
        fn columns(wide: bool) -> Vec<&'static str> {
            if wide {
                vec!["NAME", "LIST"]
            } else {
                vec!["NAME"]
            }
        }
        fn row(&self, wide: bool, _: SystemTime) -> Vec<Cell> {
            let mut row = vec![Cell::new(self.name)];
            if wide {
                row.push(Cell::new(format!("{:?}", self.list)));
            }
            row
        }
    }

    fn listed(format: Format, pages: &[&[&'static str]]) -> String {
        let mut out = Vec::new();
        let mut output = Output::new(&mut out, format, false);
        let mut list = output.list();
        for page in pages {
            let things: Vec<Thing> = page
                .iter()
                .map(|name| Thing {
                    name,
                    list: vec![1, 2],
                })
                .collect();
            list.page(&things).unwrap();
        }
        list.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pages_of_json_are_one_array() {
        let text = listed(Format::Json, &[&["a", "b"], &[], &["c"]]);
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        let names: Vec<&str> = back
            .as_array()
            .unwrap()
            .iter()
            .map(|thing| thing["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn an_empty_list_is_an_empty_array() {
        assert_eq!(listed(Format::Json, &[]), "[]\n");
        assert_eq!(listed(Format::Yaml, &[&[]]), "[]\n");
        assert_eq!(listed(Format::Table, &[]), "NAME\n");
    }

    #[test]
    fn pages_of_yaml_are_one_sequence() {
        let text = listed(Format::Yaml, &[&["a"], &["b"]]);
        assert_eq!(text.matches("\n- name: b").count(), 1, "{text}");
        assert!(text.starts_with("- name: a\n"), "{text}");
    }

    #[test]
    fn wide_shows_more() {
        assert_eq!(
            listed(Format::Wide, &[&["a"]]),
            "NAME  LIST\na     [1, 2]\n"
        );
    }
}
