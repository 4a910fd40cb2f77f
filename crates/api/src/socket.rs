//! The Unix socket: private from the start, and never taken from a process that answers.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Type};

use crate::ApiError;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;
/// For the owner only.
const MODE: u32 = 0o600;

/// A bound socket's name in the file system.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    /// Device, inode and time of change, so that another process's socket is never removed:
    /// an inode number alone is soon used again.
    file: [i64; 4],
}

impl Socket {
    /// Binds and listens. A socket that nobody answers on is a left-over and is replaced.
    pub(crate) fn bind(path: &Path) -> Result<(Socket, UnixListener), ApiError> {
        let refused = |error| ApiError::Bind {
            path: path.to_owned(),
            error,
        };
        make_room(path)?;
        let listener = listen(path).map_err(refused)?;
        let meta = fs::symlink_metadata(path).map_err(refused)?;
        let socket = Socket {
            path: path.to_owned(),
            file: identity(&meta),
        };
        if meta.mode() & 0o777 != MODE {
            socket.remove();
            let text = "the file system does not keep its mode 0600";
            return Err(refused(io::Error::other(text)));
        }
        Ok((socket, listener))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the name, if it is still ours.
    pub(crate) fn remove(&self) {
        let found = fs::symlink_metadata(&self.path);
        let ours = found.is_ok_and(|meta| identity(&meta) == self.file);
        if ours {
            // Nothing is lost if it stays: the next start finds that nobody answers.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(meta: &fs::Metadata) -> [i64; 4] {
    let [device, inode] = [meta.dev(), meta.ino()].map(u64::cast_signed);
    [device, inode, meta.ctime(), meta.ctime_nsec()]
}

/// Makes the last folder of the path and removes a left-over socket.
fn make_room(path: &Path) -> Result<(), ApiError> {
    let refused = |error| ApiError::Bind {
        path: path.to_owned(),
        error,
    };
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return make_folder(path).map_err(refused);
        }
        Err(error) => return Err(refused(error)),
    };
    if !meta.file_type().is_socket() {
        return Err(ApiError::NotASocket {
            path: path.to_owned(),
        });
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ApiError::InUse {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(refused)
        }
        Err(error) => Err(refused(error)),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    match DirBuilder::new().mode(0o755).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Linux gives the name the mode of the unbound socket, less the umask (`unix_bind`): setting it
/// first leaves no moment in which others could connect, and touches no umask of other threads.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let file = File::from(OwnedFd::from(socket));
    file.set_permissions(Permissions::from_mode(MODE))?;
    let socket = socket2::Socket::from(OwnedFd::from(file));
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(UnixListener::from(OwnedFd::from(socket)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("api-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_socket_is_private_and_goes_with_its_owner() {
        let folder = Folder::new("private");
        let path = folder.0.join("new/api.sock");
        let (socket, _listener) = Socket::bind(&path).unwrap();
        let meta = fs::symlink_metadata(&path).unwrap();
        assert_eq!(meta.mode() & 0o777, 0o600);
        socket.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_left_over_is_replaced_and_a_living_one_is_not() {
        let folder = Folder::new("stale");
        let path = folder.0.join("api.sock");
        let (old, listener) = Socket::bind(&path).unwrap();
        assert!(matches!(Socket::bind(&path), Err(ApiError::InUse { .. })));
        drop(listener);
        let (new, _listener) = Socket::bind(&path).unwrap();
        // The old owner no longer owns the name.
        old.remove();
        assert!(path.exists());
        new.remove();
        assert!(!path.exists());
    }

    #[test]
    fn faults_say_what_to_do() {
        let folder = Folder::new("faults");
        let file = folder.0.join("file");
        fs::write(&file, "").unwrap();
        let text = Socket::bind(&file).unwrap_err().to_string();
        assert!(text.contains("is not a socket; remove it"), "{text}");
        assert!(file.exists());
        let text = Socket::bind(&folder.0.join("a/b/api.sock"))
            .unwrap_err()
            .to_string();
        assert!(text.contains("make the folder"), "{text}");
        let long = folder.0.join("x".repeat(120));
        let text = Socket::bind(&long).unwrap_err().to_string();
        assert!(text.contains("at most 107 octets"), "{text}");
    }
}
