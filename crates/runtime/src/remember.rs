//! What a reflector remembers of its clients from one run to the next: the addresses of those of dynamic ranges that were
//! up. The next run waits for them before it says that its table is complete.
//!
//! Kept where the system keeps nothing over a boot, beside the socket of the API. A file that cannot be read or written is
//! told of and otherwise does without: then nobody is waited for by name.

use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::core::Core;

/// It is written at most this often.
const EVERY: Duration = Duration::from_secs(3);
/// Clients that are remembered at most.
const MOST: usize = 65_536;
/// Octets of the file at most: of so many addresses, each on a line.
const MOST_OCTETS: u64 = 64 * MOST as u64;
/// The first line.
const HEAD: &str = "clients of this reflector that were up";

/// The file, and what it holds.
pub(crate) struct Remembered {
    path: PathBuf,
    written: Option<Vec<IpAddr>>,
    is_told: bool,
    is_last: bool,
}

impl Remembered {
    pub(crate) fn new(path: PathBuf) -> Remembered {
        Remembered {
            path,
            written: None,
            is_told: false,
            is_last: false,
        }
    }

    /// What a former run left; nothing if there was none, or if it cannot be read.
    pub(crate) fn read(&self) -> Vec<IpAddr> {
        match read(&self.path) {
            Ok(clients) => clients,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                let path = self.path.display();
                tracing::warn!(
                    "cannot read {path}: {error}; no client is waited for by its address"
                );
                Vec::new()
            }
        }
    }

    /// Writes the clients that are up now, if they are others than before.
    pub(crate) fn write(&mut self, core: &Core) {
        let mut clients: Vec<IpAddr> = core.speaker.borrow().clients().take(MOST).collect();
        clients.sort_unstable();
        clients.dedup();
        if self.is_last || self.written.as_ref() == Some(&clients) {
            return;
        }
        match write(&self.path, &clients) {
            Ok(()) => (self.written, self.is_told) = (Some(clients), false),
            Err(error) if !self.is_told => {
                (self.written, self.is_told) = (None, true);
                forget(&self.path);
                let path = self.path.display();
                tracing::warn!(
                    "cannot write {path}: {error}; after a restart clients are not waited for by their address. It is tried again"
                );
            }
            Err(_) => self.written = None,
        }
    }

    /// Writes the clients that are up now for the last time: whoever says goodbye from here on is one to be waited for.
    pub(crate) fn write_last(&mut self, core: &Core) {
        self.write(core);
        self.is_last = true;
    }
}

/// A list that is out of date would be believed.
fn forget(path: &Path) {
    for path in [path, &beside(path)] {
        let _ = fs::remove_file(path);
    }
}

/// Where a new list is written before it takes the place of the old one.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn read(path: &Path) -> io::Result<Vec<IpAddr>> {
    // Looked at before it is opened: to open a pipe waits for its writer.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is no regular file",
        ));
    }
    let mut text = String::new();
    fs::File::open(path)?
        .take(MOST_OCTETS)
        .read_to_string(&mut text)?;
    let mut lines = text.lines();
    let not_ours = || io::Error::new(io::ErrorKind::InvalidData, "it is no list of clients");
    if lines.next() != Some(HEAD) {
        return Err(not_ours());
    }
    let clients = lines
        .take(MOST)
        .map(|line| line.parse().map_err(|_| not_ours()));
    clients.collect()
}

/// Whole or not at all: whoever reads sees the old file or the new one.
fn write(path: &Path, clients: &[IpAddr]) -> io::Result<()> {
    let mut text = format!("{HEAD}\n");
    for client in clients {
        text.push_str(&format!("{client}\n"));
    }
    let new = beside(path);
    // What is there is of a run that was cut off, or a trap; nothing is written through it.
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = fs::File::create_new(&new)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(&new, path)
}

/// Writes it now and then for as long as the process lives.
pub(crate) async fn keep(core: Rc<Core>, remembered: Rc<std::cell::RefCell<Remembered>>) {
    loop {
        tokio::time::sleep(EVERY).await;
        remembered.borrow_mut().write(&core);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("remember-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is_left() {
        let folder = Folder::new("roundtrip");
        let path = folder.0.join("reflector.clients");
        let clients: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "fd00::7".parse().unwrap()];
        for some in [&clients[..], &clients[1..], &[]] {
            write(&path, some).unwrap();
            assert_eq!(read(&path).unwrap(), some);
        }
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_ours_is_not_believed() {
        let folder = Folder::new("foreign");
        let path = folder.0.join("reflector.clients");
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let no_list = io::ErrorKind::InvalidData;
        for text in ["", "10.0.0.1\n", &format!("{HEAD}\n10.0.0.1\nnonsense\n")] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap_err().kind(), no_list, "{text:?}");
            assert!(Remembered::new(path.clone()).read().is_empty());
        }
        let too_many = format!("{HEAD}\n{}", "10.0.0.1\n".repeat(MOST + 9));
        fs::write(&path, too_many).unwrap();
        assert_eq!(read(&path).unwrap().len(), MOST);
    }
}
