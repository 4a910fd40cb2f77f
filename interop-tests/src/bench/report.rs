//! The results as tables and charts: for the terminal, and as `docs/performance.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::case::Case;
use super::results::{Ending, Results};
use super::svg::{Line, chart};
use super::{MAKERS, Maker};
use crate::Result;

/// A table: one case a row, one daemon a column.
struct Section {
    title: &'static str,
    text: &'static str,
    /// The figures of a cell, with their digits.
    figures: &'static [(&'static str, usize)],
    /// The figure that is set in relation to that of this daemon.
    ratio: Option<(&'static str, Maker)>,
    holds: fn(&Case) -> bool,
}

const COST: &[(&str, usize)] = &[("wall_s", 2), ("cpu_s", 3), ("peak_mb", 0)];
const CPU_TO_OURS: Option<(&str, Maker)> = Some(("cpu_s", Maker::Ours));

const SECTIONS: &[Section] = &[
    Section {
        title: "Full table",
        text: "Wall s / CPU s / peak MB; in parentheses the CPU in relation to ours. The wall time ends when \
               every receiver has a best route for every prefix; the CPU counts until the daemon is quiet.",
        figures: COST,
        ratio: CPU_TO_OURS,
        holds: |case| matches!(case, Case::FullTable(_)),
    },
    Section {
        title: "Full table: one feeder leaves",
        text: "Wall s until every receiver is right again / CPU s / MB resident afterwards.",
        figures: &[("leave_wall_s", 2), ("leave_cpu_s", 3), ("leave_rss_mb", 0)],
        ratio: Some(("leave_cpu_s", Maker::Ours)),
        holds: |case| matches!(case, Case::FullTable(_)),
    },
    Section {
        title: "Cluster, all at once",
        text: "All clients are up, all announce, all must learn all. Wall s / CPU s / peak MB; in parentheses the \
               CPU in relation to ours. Connecting is not in it, but in a table below.",
        figures: COST,
        ratio: CPU_TO_OURS,
        holds: |case| matches!(case, Case::Cluster(case) if case.arrival.is_none()),
    },
    Section {
        title: "Cluster, arriving",
        text: "Clients connect spread over ten seconds and announce at once. Wall s from the last connect to \
               all know all / CPU s of all of it / peak MB.",
        figures: &[("after_last_s", 2), ("cpu_s", 3), ("peak_mb", 0)],
        ratio: CPU_TO_OURS,
        holds: |case| matches!(case, Case::Cluster(case) if case.arrival.is_some()),
    },
    Section {
        title: "Churn",
        text: "Blocks are withdrawn and come back. ms from an announcement to each receiver, median / 99th \
               percentile, and to the last receiver, median / 99th percentile; then CPU s of ten seconds. In \
               parentheses the first in relation to the floor.",
        figures: &[
            ("each_p50_ms", 1),
            ("each_p99_ms", 1),
            ("last_p50_ms", 1),
            ("last_p99_ms", 1),
            ("cpu_s", 2),
        ],
        ratio: Some(("each_p50_ms", Maker::Null)),
        holds: |case| matches!(case, Case::Churn(_)),
    },
    Section {
        title: "Loss",
        text: "A client dies. ms to the last other client, median / most; in parentheses in relation to the floor.",
        figures: &[("last_p50_ms", 1), ("last_max_ms", 1)],
        ratio: Some(("last_p50_ms", Maker::Null)),
        holds: |case| matches!(case, Case::Loss(_)),
    },
    Section {
        title: "Slow readers",
        text: "Everybody announces ten times while some do not read. Wall s for the others / CPU s / peak MB.",
        figures: COST,
        ratio: CPU_TO_OURS,
        holds: |case| matches!(case, Case::Slow(_)),
    },
    Section {
        title: "Node agent",
        text: "Resident MB when idle, sessions up / with the routes from two reflectors; then from socket to kernel, \
               for the routes of the first: wall s / CPU us a route. `null` is a bare netlink loop, 100 routes a \
               send with an acknowledgement each; in parentheses the CPU in relation to it. Its last figure is \
               CPU us a route with an acknowledgement to the last of a send only, which is all that `ours` asks \
               for. A second program listens to the routes in every run. Daemons that write no kernel routes by \
               themselves are measured idle.",
        figures: &[
            ("idle_mb", 1),
            ("second_rss_mb", 1),
            ("wall_s", 3),
            ("route_us", 2),
            ("silent_us", 2),
        ],
        ratio: Some(("route_us", Maker::Null)),
        holds: |case| matches!(case, Case::Node(_)),
    },
    Section {
        title: "Connecting",
        text: "Until all sessions of a cluster are up, a few at a time. Wall s / CPU s.",
        figures: &[("connect_wall_s", 2), ("connect_cpu_s", 3)],
        ratio: Some(("connect_cpu_s", Maker::Ours)),
        holds: |case| matches!(case, Case::Cluster(case) if case.arrival.is_none()),
    },
    Section {
        title: "The load tool",
        text: "CPU s of the tool itself in the same time.",
        figures: &[("tool_cpu_s", 2)],
        ratio: None,
        holds: |_| true,
    },
];

/// All tables of these cases, as Markdown.
pub fn tables(results: &Results, cases: &[Case]) -> String {
    let sections = SECTIONS
        .iter()
        .map(|section| section.render(results, cases));
    sections.collect()
}

impl Section {
    fn render(&self, results: &Results, cases: &[Case]) -> String {
        let known = |case: &&Case| {
            (self.holds)(case) && MAKERS.iter().any(|maker| self.has(results, case, *maker))
        };
        let mut rows: Vec<&Case> = cases.iter().filter(known).collect();
        rows.sort();
        if rows.is_empty() {
            return String::new();
        }
        let shown = MAKERS
            .iter()
            .copied()
            .filter(|maker| rows.iter().any(|case| self.has(results, case, *maker)));
        let makers: Vec<Maker> = shown.collect();
        let names: Vec<&str> = makers.iter().map(|maker| maker.name()).collect();
        let mut text = format!(
            "## {}\n\n{}\n\n| case | {} |\n|---|{}\n",
            self.title,
            self.text,
            names.join(" | "),
            "---|".repeat(makers.len())
        );
        for case in rows {
            let cells = makers.iter().map(|maker| self.cell(results, case, *maker));
            let cells: Vec<String> = cells.collect();
            let _ = writeln!(text, "| {} | {} |", label(case), cells.join(" | "));
        }
        text.push('\n');
        text
    }

    fn has(&self, results: &Results, case: &Case, maker: Maker) -> bool {
        match results.ending(case, maker) {
            Ending::Measured => self
                .figures
                .iter()
                .any(|(name, _)| results.median(case, maker, name).is_some()),
            Ending::Late(_) | Ending::Failed(_) => true,
            Ending::Missing => false,
        }
    }

    fn cell(&self, results: &Results, case: &Case, maker: Maker) -> String {
        match results.ending(case, maker) {
            Ending::Late(text) => return text,
            Ending::Failed(_) => return "failed".into(),
            Ending::Missing => return "-".into(),
            Ending::Measured => {}
        }
        let figures = self.figures.iter();
        let figures = figures.map(|(name, digits)| match results.median(case, maker, name) {
            Some(value) => format!("{value:.digits$}"),
            None => "-".into(),
        });
        let mut text = figures.collect::<Vec<_>>().join(" / ");
        if let Some((figure, base)) = self.ratio.filter(|(_, base)| *base != maker)
            && let Some(own) = results.median(case, maker, figure)
            && let Some(to) = results.median(case, base, figure).filter(|to| *to > 0.0)
        {
            let _ = write!(text, " ({}x)", short(own / to));
        }
        text
    }
}

/// Two digits that matter.
fn short(ratio: f64) -> String {
    let digits = if ratio >= 10.0 {
        0
    } else if ratio >= 1.0 {
        1
    } else {
        2
    };
    format!("{ratio:.digits$}")
}

fn label(case: &Case) -> String {
    match case {
        Case::FullTable(case) => format!(
            "{}, {}, {}k",
            counted(case.feeders, "feeder"),
            counted(case.receivers, "receiver"),
            case.prefixes / 1000
        ),
        Case::Cluster(case) => {
            let family = if case.dual { ", IPv4 and IPv6" } else { "" };
            let blocks = counted(case.blocks, "block");
            format!("{} clients, {blocks}{family}", case.clients)
        }
        Case::Churn(case) => format!("{} clients, {} flaps/s", case.clients, case.rate),
        Case::Loss(case) => format!("{} clients", case.clients),
        Case::Slow(case) => format!("{} clients, {} do not read", case.clients, case.slow),
        Case::Node(case) => format!("{} routes", case.routes),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Writes `performance.md` and its charts into `docs`. What `performance-notes.md` there says
/// comes into it as it is.
///
/// # Errors
/// When a file cannot be written.
pub fn write(results: &Results, docs: &Path) -> Result<()> {
    for (name, chart) in charts(results) {
        if !chart.is_empty() {
            fs::write(docs.join(name), chart)?;
        }
    }
    fs::write(docs.join("performance.md"), page(results, docs))?;
    Ok(())
}

/// The text of `performance.md`.
fn page(results: &Results, docs: &Path) -> String {
    let mut text = String::from(
        "# Performance\n\n<!-- Generated by `bench report` from performance.json and performance-notes.md. -->\n\n\
         What the reflector and the node agent cost, beside other daemons under the same load on the same \
         machine. `make bench` measures again; `make bench-quick` takes a look in ten minutes.\n\n",
    );
    let machine = results.facts("machine");
    let machine: Vec<String> = machine.into_iter().map(|(_, value)| value).collect();
    let _ = writeln!(text, "Machine: {}.\n", machine.join("; "));
    let cases = Case::all();
    for maker in MAKERS {
        let stamps = cases.iter().flat_map(|case| results.stamps(case, maker));
        let stamps: BTreeSet<String> = stamps.collect();
        let stamps: Vec<String> = stamps.into_iter().collect();
        let versions = results.facts("versions");
        let version = versions.iter().find(|(name, _)| name == maker.name());
        if let (Some((_, version)), false) = (version, stamps.is_empty()) {
            let _ = writeln!(
                text,
                "- `{maker}`: {version}; measured {}",
                stamps.join(", ")
            );
        }
    }
    text.push_str(
        "\nEvery figure is the median of the runs of its case, ours and the others' in turns. A case has 300 s; \
         \"left out\" means that the daemon did not end a smaller one in time. `null` forwards octets \
         without a table: the floor. Receivers know which route they have for each prefix, \
         and the attributes of one UPDATE in 61 are compared octet for octet.\n\n",
    );
    for (name, chart) in charts(results) {
        if !chart.is_empty() {
            let _ = writeln!(text, "![{}]({name})\n", name.trim_end_matches(".svg"));
        }
    }
    text.push_str(&tables(results, &cases));
    if let Ok(notes) = fs::read_to_string(docs.join("performance-notes.md")) {
        let _ = writeln!(text, "{}\n", notes.trim_end());
    }
    text.push_str("## Settings\n\nWith two families, the second stands beside the first; churn, loss and slow readers have the settings of a \
         cluster. `DIR` is a directory of the run.\n\n");
    for (name, configuration) in results.facts("configurations") {
        let _ = writeln!(
            text,
            "`{name}`:\n\n```\n{}\n```\n",
            configuration.trim_end()
        );
    }
    text.trim_end().to_owned() + "\n"
}

fn charts(results: &Results) -> [(&'static str, String); 3] {
    let cluster = |case: &Case| match case {
        Case::Cluster(case) if case.blocks == 1 && !case.dual && case.arrival.is_none() => {
            Some(case.clients as f64)
        }
        _ => None,
    };
    let table = |case: &Case| match case {
        Case::FullTable(case) if case.receivers == 1 => Some(case.feeders as f64),
        _ => None,
    };
    let clients = "clients, one block each";
    [
        (
            "performance-cluster.svg",
            chart(
                "A cluster, all announce at once",
                clients,
                "CPU s",
                &lines(results, "cpu_s", &cluster),
            ),
        ),
        (
            "performance-memory.svg",
            chart(
                "A cluster, all announce at once",
                clients,
                "peak MB",
                &lines(results, "peak_mb", &cluster),
            ),
        ),
        (
            "performance-fulltable.svg",
            chart(
                "A million prefixes to one receiver",
                "feeders",
                "CPU s",
                &lines(results, "cpu_s", &table),
            ),
        ),
    ]
}

/// A line for each daemon: a figure against the size of the cases that have one.
fn lines(results: &Results, figure: &str, size: &dyn Fn(&Case) -> Option<f64>) -> Vec<Line> {
    let line = |maker: &Maker| {
        let points = Case::all().into_iter().filter_map(|case| {
            let value = results.median(&case, *maker, figure)?;
            Some((size(&case)?, value.max(1e-4)))
        });
        let mut points: Vec<(f64, f64)> = points.collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        Line {
            name: maker.name().to_owned(),
            points,
        }
    };
    MAKERS
        .iter()
        .map(line)
        .filter(|line| !line.points.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Figures;
    use crate::lab::Lab;

    fn results(lab: &Lab) -> Results {
        let mut results = Results::open(&lab.dir().join("results.json")).unwrap();
        let case = Case::cluster(500, 1, false, 0);
        let figures = |cpu: f64| {
            let list = [("wall_s", 0.5), ("cpu_s", cpu), ("peak_mb", 20.4)];
            Figures::from(list.map(|(name, value)| (name.to_owned(), value)))
        };
        results
            .add(&case, Maker::Ours, "today", &figures(0.25))
            .unwrap();
        results
            .add(&case, Maker::Bird, "today", &figures(3.0))
            .unwrap();
        let late = Ending::Late("over 300 s".into());
        results.fail(&case, Maker::Gobgp, &late).unwrap();
        results
    }

    #[test]
    fn a_row_has_every_daemon_and_its_ratio() {
        let lab = Lab::new("report").unwrap();
        let text = tables(&results(&lab), &Case::all());
        let row =
            "| 500 clients, 1 block | 0.50 / 0.250 / 20 | 0.50 / 3.000 / 20 (12x) | over 300 s |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| case | ours | bird | gobgp |"), "{text}");
        assert!(!text.contains("## Loss"), "{text}");
    }

    #[test]
    fn the_page_is_written_with_the_notes() {
        let lab = Lab::new("page").unwrap();
        lab.write("performance-notes.md", "## Tried\n\nMuch.\n")
            .unwrap();
        write(&results(&lab), lab.dir()).unwrap();
        let text = fs::read_to_string(lab.dir().join("performance.md")).unwrap();
        assert!(text.contains("## Tried\n\nMuch."));
        assert!(text.contains("(performance-cluster.svg)"));
        assert!(lab.dir().join("performance-cluster.svg").exists());
    }

    /// Whoever changes the results, the notes or this file runs `bench report`.
    #[test]
    fn the_page_in_the_repository_is_what_the_results_say() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let file = docs.join("performance.json");
        if file.exists() {
            let results = Results::open(&file).unwrap();
            let written = fs::read_to_string(docs.join("performance.md")).unwrap();
            assert_eq!(written, page(&results, &docs), "run: bench report");
        }
    }
}
