//! Plain aligned columns without borders, for people and for `awk`.
//!
//! A table is written page by page: columns keep the width they once had, so that
//! a long list streams instead of being held.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

/// How a cell looks on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// All is well.
    Good,
    /// Worth a look.
    Warn,
    /// Something is wrong.
    Bad,
}

impl Tone {
    /// The SGR parameter (ECMA-48 section 8.3.117).
    fn code(self) -> Option<u8> {
        match self {
            Tone::Plain => None,
            Tone::Good => Some(32),
            Tone::Warn => Some(33),
            Tone::Bad => Some(31),
        }
    }

    /// The text in this tone.
    pub(crate) fn paint(self, text: &str, color: bool) -> String {
        match self.code() {
            Some(code) if color && !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

/// One cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell; control characters are escaped.
    pub(crate) fn new(text: impl AsRef<str>) -> Cell {
        Cell::toned(text, Tone::Plain)
    }

    /// A cell in a tone.
    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Cell {
        Cell {
            text: printable(text.as_ref()).into_owned(),
            tone,
        }
    }

    /// The text, or `-` for an empty cell, so that columns can be counted.
    fn shown(&self) -> &str {
        if self.text.is_empty() {
            "-"
        } else {
            &self.text
        }
    }
}

/// Text with its control characters escaped: much of what is shown was written by
/// a peer, and must not steer the terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Columns that are left out where no row has a value. The others stay also without one, so that
/// a script finds them.
const OPTIONAL: [&str; 1] = ["AGE"];

/// Columns that rows are written to.
#[derive(Debug)]
pub(crate) struct Table {
    headers: Vec<&'static str>,
    widths: Vec<usize>,
    /// The columns left out: none before the header is written.
    left_out: Vec<usize>,
    header_written: bool,
}

impl Table {
    /// A table of these columns.
    pub(crate) fn new(headers: Vec<&'static str>) -> Table {
        let widths = headers.iter().map(|h| h.chars().count()).collect();
        Table {
            headers,
            widths,
            left_out: Vec::new(),
            header_written: false,
        }
    }

    /// The optional columns without a value in the first page, which decides: a column cannot
    /// come later.
    fn without_value(&self, rows: &[Vec<Cell>]) -> Vec<usize> {
        if rows.is_empty() {
            return Vec::new();
        }
        let optional = self.headers.iter().enumerate();
        optional
            .filter(|(_, header)| OPTIONAL.contains(header))
            .map(|(index, _)| index)
            .filter(|index| {
                rows.iter()
                    .all(|row| row.get(*index).is_none_or(|cell| cell.text.is_empty()))
            })
            .collect()
    }

    /// Writes a page of rows, and the header before the first.
    pub(crate) fn write(
        &mut self,
        out: &mut dyn io::Write,
        rows: &[Vec<Cell>],
        color: bool,
    ) -> io::Result<()> {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.shown().chars().count());
            }
        }
        if !self.header_written {
            self.header_written = true;
            self.left_out = self.without_value(rows);
            let header: Vec<Cell> = self.headers.iter().map(Cell::new).collect();
            out.write_all(self.line(&header, false).as_bytes())?;
        }
        for row in rows {
            out.write_all(self.line(row, color).as_bytes())?;
        }
        Ok(())
    }

    fn line(&self, row: &[Cell], color: bool) -> String {
        let mut line = String::new();
        let last = (0..row.len()).rfind(|index| !self.left_out.contains(index));
        for (index, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
            if self.left_out.contains(&index) {
                continue;
            }
            let text = cell.shown();
            line.push_str(&cell.tone.paint(text, color));
            if Some(index) != last {
                let pad = width - text.chars().count() + 2;
                let _ = write!(line, "{:pad$}", "");
            }
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(pages: &[Vec<Vec<Cell>>], color: bool) -> String {
        let mut table = Table::new(vec!["NAME", "STATE", "NOTE"]);
        let mut out = Vec::new();
        for page in pages {
            table.write(&mut out, page, color).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_align_and_keep_their_width() {
        let first = vec![vec![
            Cell::new("a-long-name"),
            Cell::new("up"),
            Cell::new(""),
        ]];
        let second = vec![vec![Cell::new("b"), Cell::new("up"), Cell::new("x y")]];
        assert_eq!(
            render(&[first, second], false),
            "NAME         STATE  NOTE\n\
             a-long-name  up     -\n\
             b            up     x y\n"
        );
    }

    #[test]
    fn an_empty_table_still_has_its_header() {
        assert_eq!(render(&[vec![]], false), "NAME  STATE  NOTE\n");
    }

    #[test]
    fn an_age_that_nobody_has_is_left_out() {
        let render = |pages: &[[[&str; 3]; 2]]| {
            let mut table = Table::new(vec!["NAME", "NOTE", "AGE"]);
            let mut out = Vec::new();
            for page in pages {
                let rows = page.map(|row| row.map(Cell::new).to_vec());
                table.write(&mut out, &rows, false).unwrap();
            }
            String::from_utf8(out).unwrap()
        };
        let ageless = [["a", "", ""], ["b", "", ""]];
        let aged = [["a", "", ""], ["b", "", "5s"]];
        assert_eq!(render(&[ageless]), "NAME  NOTE\na     -\nb     -\n");
        // The columns of a page are those of the next one.
        assert_eq!(
            render(&[ageless, aged]),
            "NAME  NOTE\na     -\nb     -\na     -\nb     -\n"
        );
        assert_eq!(
            render(&[aged]),
            "NAME  NOTE  AGE\na     -     -\nb     -     5s\n"
        );
    }

    #[test]
    fn color_does_not_move_columns() {
        let row = vec![vec![
            Cell::new("a"),
            Cell::toned("up", Tone::Good),
            Cell::new("x"),
        ]];
        assert_eq!(
            render(&[row], true),
            "NAME  STATE  NOTE\na     \x1b[32mup\x1b[0m     x\n"
        );
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\x1b[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(printable("düsseldorf"), "düsseldorf");
    }
}
