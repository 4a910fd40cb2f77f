//! What was measured, kept in a JSON file that is written after every run: a run that is cut off
//! leaves all but its last case, and the next run goes on from there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::case::Case;
use super::latency::at_part;
use super::{Figures, Maker};
use crate::{LabError, Result};

/// How a case ended for a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was run to its end at least once.
    Measured,
    /// It did not end in time; the text says so as the tables do.
    Late(String),
    /// The daemon, or what it sent, was not right.
    Failed(String),
    /// It was not run.
    Missing,
}

/// The results file.
#[derive(Debug, Clone)]
pub struct Results {
    path: PathBuf,
    root: Value,
}

impl Results {
    /// The results in this file; none if it is not there yet.
    ///
    /// # Errors
    /// When it cannot be read, or is not ours.
    pub fn open(path: &Path) -> Result<Results> {
        let root = match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => json!({}),
            Err(error) => return Err(LabError::from(error).during(path.display())),
        };
        Ok(Results {
            path: path.to_owned(),
            root,
        })
    }

    /// Writes the file, whole or not at all.
    fn save(&self) -> Result<()> {
        let beside = self.path.with_extension("json.new");
        fs::write(&beside, serde_json::to_string_pretty(&self.root)? + "\n")?;
        Ok(fs::rename(&beside, &self.path)?)
    }

    /// Notes a fact about the machine or a daemon: `group` is `machine`, `versions` or
    /// `configurations`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&mut self, group: &str, name: &str, value: &str) -> Result<()> {
        self.root[group][name] = value.into();
        self.save()
    }

    /// The facts of a group.
    pub fn facts(&self, group: &str) -> Vec<(String, String)> {
        let facts = self.root[group].as_object();
        let facts = facts.into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        facts
            .map(|(name, value)| (name.clone(), text(value)))
            .collect()
    }

    /// Adds a run that came to its end.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, case: &Case, maker: Maker, stamp: &str, figures: &Figures) -> Result<()> {
        let figures: Map<String, Value> = figures
            .iter()
            .map(|(name, value)| (name.clone(), json!((value * 1e6).round() / 1e6)))
            .collect();
        let cell = self.cell_mut(case, maker);
        if !cell["runs"].is_array() {
            *cell = json!({"runs": []});
        }
        if let Some(runs) = cell["runs"].as_array_mut() {
            runs.push(json!({"at": stamp, "figures": figures}));
        }
        self.save()
    }

    /// Notes that a case did not come to its end.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn fail(&mut self, case: &Case, maker: Maker, ending: &Ending) -> Result<()> {
        *self.cell_mut(case, maker) = match ending {
            Ending::Late(text) => json!({"late": text}),
            Ending::Failed(text) => json!({"failed": text}),
            Ending::Measured | Ending::Missing => Value::Null,
        };
        self.save()
    }

    /// Forgets what is known of a daemon in a case.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&mut self, case: &Case, maker: Maker) -> Result<()> {
        *self.cell_mut(case, maker) = Value::Null;
        self.save()
    }

    /// How the case ended.
    pub fn ending(&self, case: &Case, maker: Maker) -> Ending {
        let cell = self.cell(case, maker);
        if let Some(text) = cell["late"].as_str() {
            return Ending::Late(text.to_owned());
        }
        match (cell["failed"].as_str(), self.runs(case, maker)) {
            (Some(text), _) => Ending::Failed(text.to_owned()),
            (None, 0) => Ending::Missing,
            (None, _) => Ending::Measured,
        }
    }

    /// How many runs came to their end.
    pub fn runs(&self, case: &Case, maker: Maker) -> usize {
        self.cell(case, maker)["runs"]
            .as_array()
            .map_or(0, Vec::len)
    }

    /// When and on which commit the runs of this case were made, each once.
    pub fn stamps(&self, case: &Case, maker: Maker) -> Vec<String> {
        let runs = self.cell(case, maker)["runs"].as_array();
        let stamps = runs
            .into_iter()
            .flatten()
            .filter_map(|run| run["at"].as_str());
        let mut stamps: Vec<String> = stamps.map(str::to_owned).collect();
        stamps.dedup();
        stamps
    }

    /// The median of a figure over all runs.
    pub fn median(&self, case: &Case, maker: Maker, figure: &str) -> Option<f64> {
        let runs = self.cell(case, maker)["runs"].as_array()?;
        let values = runs
            .iter()
            .filter_map(|run| run["figures"][figure].as_f64());
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        at_part(&values, 0.5)
    }

    fn cell(&self, case: &Case, maker: Maker) -> &Value {
        &self.root["cells"][case.to_string()][maker.name()]
    }

    fn cell_mut(&mut self, case: &Case, maker: Maker) -> &mut Value {
        &mut self.root["cells"][case.to_string()][maker.name()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Lab;

    #[test]
    fn what_is_written_is_found_again() {
        let lab = Lab::new("results").unwrap();
        let path = lab.dir().join("results.json");
        let case = Case::loss(3);
        let mut results = Results::open(&path).unwrap();
        assert_eq!(results.ending(&case, Maker::Bird), Ending::Missing);
        for value in [3.0, 1.0, 2.0] {
            let figures = Figures::from([("cpu_s".to_owned(), value)]);
            results.add(&case, Maker::Bird, "now", &figures).unwrap();
        }
        let late = Ending::Late("over 300 s".into());
        results.fail(&case, Maker::Gobgp, &late).unwrap();
        let mut results = Results::open(&path).unwrap();
        assert_eq!(results.runs(&case, Maker::Bird), 3);
        assert_eq!(results.median(&case, Maker::Bird, "cpu_s"), Some(2.0));
        assert_eq!(results.stamps(&case, Maker::Bird), ["now"]);
        assert_eq!(results.ending(&case, Maker::Gobgp), late);
        results.forget(&case, Maker::Bird).unwrap();
        assert_eq!(results.ending(&case, Maker::Bird), Ending::Missing);
    }
}
