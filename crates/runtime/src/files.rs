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
    fn a_check_reads_what_the_configuration_names() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("bgpd-check-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [good, public, missing] = ["good", "public", "missing"].map(|name| folder.join(name));
        for (path, mode) in [(&good, 0o600), (&public, 0o644)] {
            std::fs::write(path, "hidden\n").unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let file = folder.join("bgpd.yaml");
        let text = |last: &Path| {
            format!(
                "as: 64512\npeers:\n- {{address: 10.0.0.2, as: internal, password-file: {}}}\n\
                 - {{address: 10.0.0.3, as: internal, password-file: {}}}\n\
                 dynamic-peers:\n- {{prefix: 10.1.0.0/16, as: internal, password-file: {}}}\n",
                good.display(),
                public.display(),
                last.display()
            )
        };
        std::fs::write(&file, text(&good)).unwrap();
        let warnings = check_config(&file, Role::Node).unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("chmod o-r"), "{warnings:?}");
        std::fs::write(&file, text(&missing)).unwrap();
        let faults = check_config(&file, Role::Node).unwrap_err().to_string();
        let place = format!("{}:6:", file.display());
        assert!(faults.starts_with(&place), "{faults}");
        assert!(
            faults.contains("missing cannot be read: No such file"),
            "{faults}"
        );
        assert!(!faults.contains("hidden"), "{faults}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load_config(Path::new("/nonexistent/bgpd.yaml"), Role::Node).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/bgpd.yaml"));
        assert!(error.to_string().contains("--config"));
    }
}
