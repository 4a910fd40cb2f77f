//! Where our own programs are. Never by name from `PATH`: Debian's openbgpd also ships a `bgpd`
//! and a `bgpctl`.

use std::path::PathBuf;

/// The path of `bgpd`: `BGPD_BIN`, else beside the running test's target directory.
pub fn bgpd_binary() -> String {
    binary("BGPD_BIN", "bgpd")
}

/// The path of `reflector`: `REFLECTOR_BIN`, else as [`bgpd_binary`].
pub fn reflector_binary() -> String {
    binary("REFLECTOR_BIN", "reflector")
}

/// The path of `bgpctl`: `BGPCTL_BIN`, else as [`bgpd_binary`].
pub fn bgpctl_binary() -> String {
    binary("BGPCTL_BIN", "bgpctl")
}

fn binary(variable: &str, name: &str) -> String {
    let given = std::env::var(variable).ok().filter(|path| !path.is_empty());
    given.unwrap_or_else(|| beside_us(name).to_string_lossy().into_owned())
}

/// `target/PROFILE/NAME`, where the running program is `target/PROFILE/demo` or
/// `target/PROFILE/deps/labs-HASH`.
pub(crate) fn beside_us(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let mut dir = own.parent().map(PathBuf::from).unwrap_or_default();
    if dir.ends_with("deps") {
        dir.pop();
    }
    dir.join(name)
}
