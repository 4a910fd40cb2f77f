//! The page, from the tables and the results of a run.

use std::fmt::Write as _;

use super::{Check, Level, Results, Row, TABLES, Table, peers};

const HEAD: &str = "# Conformance

Written by `scripts/conformance` from a run; a test holds it to the rules and to each further run. Each row is one rule, in our
own words. Its test sends octets over TCP to the running `reflector` and checks what comes back, octet by octet where it is a
NOTIFICATION, and what another peer is then told. *Cases* are the variations inside of a rule: attributes, their place among
good ones, internal and external peers, families. The tests are functions in
`interop-tests/tests/labs/conformance`; `CONFORMANCE_ROW=name cargo test -p interop-tests --test labs every_rule` runs one.

The same rows are sent to daemons of other makers by the long tests. Where one of them does otherwise, the RFC was read again; what
we found stands below the tables. A row that only says how our program takes a freedom that the RFC gives is a difference, not a fault.
";

pub(super) fn is_row(line: &str) -> bool {
    line.starts_with("| ") && line.as_bytes().get(2).is_some_and(u8::is_ascii_digit)
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Must => "MUST",
        Level::Should => "SHOULD",
    }
}

/// What stands in a row whatever comes of a run.
fn fixed(table: &Table, row: &Row) -> String {
    let what = match row.check {
        Check::Run(name, _) => format!("`{}::{name}` | pass", table.module),
        Check::NotDone(why) => format!("- | not done: {why}"),
    };
    format!(
        "| {} {} | {} | {} | {what} |",
        table.rfc,
        row.section,
        level(row.level),
        row.rule
    )
}

/// The rows in order, without their counts.
pub(super) fn rows_without_counts() -> Vec<String> {
    let tables = TABLES.iter();
    let rows = tables.flat_map(|table| table.rows.iter().map(move |row| fixed(table, row)));
    rows.collect()
}

/// Makers whose daemons the rows were sent to, and what they do otherwise.
fn makers() -> impl Iterator<Item = (&'static str, &'static [(&'static str, &'static str)])> {
    let all = [("BIRD 2.0.12", peers::BIRD), ("FRR 8.4.4", peers::FRR)];
    all.into_iter().filter(|(_, known)| !known.is_empty())
}

fn of_other(known: &[(&str, &str)], name: &str) -> String {
    match known.iter().position(|(row, _)| *row == name) {
        Some(at) => format!("no [{}]", at + 1),
        None => "yes".to_owned(),
    }
}

pub(super) fn render(results: &Results) -> String {
    let (mut done, mut left, mut cases) = (0, 0, 0);
    let mut body = String::new();
    let names: String = makers().map(|(name, _)| format!(" {name} |")).collect();
    let rule = "---|".repeat(6 + makers().count());
    for table in TABLES {
        let _ = write!(
            body,
            "\n## {}\n\n| section | level | rule | test | result | cases |{names}\n|{rule}\n",
            table.title
        );
        for row in table.rows {
            body.push_str(&fixed(table, row));
            match row.check {
                Check::Run(name, _) => {
                    let count = results.get(&(table.module, name));
                    let count = count.and_then(|(result, _)| result.as_ref().ok());
                    let count = count.copied().unwrap_or_default();
                    done += 1;
                    cases += count;
                    let test = format!("{}::{name}", table.module);
                    let _ = write!(body, " {count} |");
                    for (_, known) in makers() {
                        let _ = write!(body, " {} |", of_other(known, &test));
                    }
                }
                Check::NotDone(_) => {
                    left += 1;
                    body.push_str(&" - |".repeat(1 + makers().count()));
                }
            }
            body.push('\n');
        }
    }
    let sum = format!(
        "\n{done} rules pass in {cases} cases; none fails; {left} are not done, each with its reason.\n"
    );
    let mut text = format!("{HEAD}{sum}{body}");
    for (maker, known) in makers() {
        let _ = write!(text, "\n## What {maker} does otherwise\n\n");
        for (number, (name, why)) in known.iter().enumerate() {
            let _ = writeln!(text, "{}. `{name}`: {why}", number + 1);
        }
    }
    text
}
