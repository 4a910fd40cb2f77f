//! A network of namespaces that is gone when its maker is gone.
//!
//! Owns: a private directory, the namespaces, and every process started in them.
//! Never does: name a namespace in `/run/netns` or change anything in the namespace of the host.
//! Each namespace is held by one idle process, and every process of a lab carries a parent-death
//! signal (or sits in a process namespace whose first process does): when the test ends, fails or
//! is killed, the processes go, and with the last process the kernel takes the namespace away.

mod leftovers;
mod link;
mod namespace;
mod permission;
mod process;

pub use leftovers::clean_leftovers;
pub use link::Lan;
pub use namespace::Namespace;
pub use permission::can_run;
pub use process::{Process, ProcessUse, Spawn, usage_of};

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Result;

/// The directory and the name of one lab. Namespaces and daemons are made from it.
///
/// Dropping it removes the directory; drop the daemons first (declare the lab before them).
#[derive(Debug)]
pub struct Lab {
    name: String,
    dir: PathBuf,
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// What the directory of every lab begins with; [`clean_leftovers`] looks for nothing else.
pub const DIR_PREFIX: &str = "bgp-lab-";

impl Lab {
    /// A new lab with an empty directory of its own under the system's temporary directory. The
    /// first one of a process also removes what a killed run left ([`clean_leftovers`]).
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(purpose: &str) -> Result<Lab> {
        static SWEEP: Once = Once::new();
        SWEEP.call_once(|| {
            clean_leftovers();
        });
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{DIR_PREFIX}{}-{count}-{purpose}", std::process::id());
        let dir = std::env::temp_dir().join(&name);
        fs::create_dir(&dir)?;
        // FRR drops root and must still be able to reach its own directory in here.
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
        Ok(Lab { name, dir })
    }

    /// The name of the lab, unique on this machine while it lives.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lab's own directory: configurations, sockets and logs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A new namespace called `name` within this lab.
    ///
    /// # Errors
    /// When namespaces are not allowed here.
    pub fn namespace(&self, name: &str) -> Result<Namespace> {
        Namespace::new(&self.dir, name)
    }

    /// A new, empty broadcast network called `name`.
    ///
    /// # Errors
    /// When namespaces or bridges are not allowed here.
    pub fn lan(&self, name: &str) -> Result<Lan> {
        Lan::new(self.namespace(name)?)
    }

    /// Writes `text` to `name` in the lab's directory and returns the path.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// The last lines of every log of the lab, for the reader of a failed test.
    pub fn log_tails(&self, lines: usize) -> String {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return String::new();
        };
        let mut logs: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ext| ext == "log"))
            .collect();
        logs.sort();
        logs.iter().map(|path| tail(path, lines)).collect()
    }
}

fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let from = all.len().saturating_sub(lines);
    let last = all[from..].join("\n  ");
    format!("{}:\n  {last}\n", path.display())
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log_tails(40));
        }
        if std::env::var_os("BGP_TESTS_KEEP_LOGS").is_none() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
