//! The configuration file, read with the environment of the process.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use config::{Config, ConfigFault, DynamicRange, Role};

use crate::secret;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; name the file with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file has faults and is refused as a whole.
    #[error("{}", lines(.0))]
    Faulty(Vec<ConfigFault>),
}

fn lines(faults: &[ConfigFault]) -> String {
    let mut text: String = faults.iter().map(|fault| format!("{fault}\n")).collect();
    let number = faults.len();
    let noun = if number == 1 { "fault" } else { "faults" };
    text.push_str(&format!(
        "{number} {noun}: the configuration is refused as a whole"
    ));
    text
}

/// Reads and validates a configuration file.
///
/// # Errors
/// All faults of the file, or the reason that it cannot be read.
pub fn load_config(path: &Path, role: Role) -> Result<Config, LoadError> {
    let text = read(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let environment = |name: &str| std::env::var(name).ok();
    config::parse(&text, &path.to_string_lossy(), role, &environment).map_err(LoadError::Faulty)
}

/// Reads and validates a configuration file, and the files that it names. What is not good about these and yet no fault is
/// answered in lines for an operator.
///
/// # Errors
/// All faults, or the reason that the file cannot be read.
pub fn check_config(path: &Path, role: Role) -> Result<Vec<String>, LoadError> {
    let config = load_config(path, role)?;
    let ranges = config.dynamic.iter().map(DynamicRange::template);
    let mut users: BTreeMap<&Path, &config::Peer> = BTreeMap::new();
    for peer in config.peers.iter().chain(ranges) {
        if let Some(file) = &peer.password_file {
            users.entry(file).or_insert(peer);
        }
    }
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    for (file, peer) in users {
        match secret::read(file) {
            Ok(found) if found.is_public => warnings.push(secret::public(file)),
            Ok(_) => {}
            Err(fault) => faults.push(ConfigFault {
                location: peer.location.clone(),
                message: format!("password-file {} {fault}", file.display()),
                remedy: String::new(),
            }),
        }
    }
    faults.sort();
    match faults.is_empty() {
        true => Ok(warnings),
        false => Err(LoadError::Faulty(faults)),
    }
}

/// Reads no more than is needed to see that a file is too large.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let limit = config::MAX_SIZE as u64 + 1;
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let error = load_config(Path::new("/nonexistent/bgpd.yaml"), Role::Node).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/bgpd.yaml"));
        assert!(error.to_string().contains("--config"));
    }
}
