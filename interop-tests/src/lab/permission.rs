//! Whether a lab can run on this machine, and what a test does if not.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Whether labs that need the given programs can run here. If not, the reason goes to stderr.
///
/// # Panics
/// When a lab cannot run although `BGP_TESTS_MUST_RUN=1` says that it must: the continuous
/// integration would otherwise be green without having tested anything.
pub fn can_run(programs: &[&str]) -> bool {
    let Some(reason) = obstacle(programs) else {
        return true;
    };
    let must = std::env::var("BGP_TESTS_MUST_RUN").is_ok_and(|value| value == "1");
    assert!(!must, "BGP_TESTS_MUST_RUN=1, but {reason}");
    eprintln!("skipped: {reason}");
    false
}

fn obstacle(programs: &[&str]) -> Option<String> {
    static NAMESPACES: OnceLock<Option<String>> = OnceLock::new();
    if let Some(reason) = NAMESPACES.get_or_init(namespace_obstacle) {
        return Some(reason.clone());
    }
    let missing = programs.iter().find(|path| !found(path))?;
    Some(format!("{missing} is not there; scripts/test installs it"))
}

fn namespace_obstacle() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("labs need root (network namespaces)".into());
    }
    let tried = Command::new("unshare")
        .args(["--net", "ip", "link", "set", "lo", "up"])
        .output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(format!(
                "network namespaces are not allowed here: {}",
                said.trim()
            ))
        }
        Err(error) => Some(format!("unshare (util-linux) cannot be run: {error}")),
    }
}

fn found(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).exists())
}
