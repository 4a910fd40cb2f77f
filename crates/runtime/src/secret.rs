//! Passwords, which come from files alone: read, judged, and never shown.
//!
//! A file is small, holds one password in its first line, and should be for its owner's eyes. It may be a link to another, as
//! where an orchestrator puts it there. Nothing here goes into a log but the path and what is wrong with the file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Octets of a password at most: TCP_MD5SIG_MAXKEYLEN of linux/tcp.h.
const MOST: usize = 80;

/// A password. It cannot be printed, and two of them can only be compared.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Box<[u8]>);

impl Secret {
    /// The octets, for the system alone.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn new(text: &str) -> Secret {
        Secret(text.as_bytes().into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a file gives no password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is a folder, a pipe or a device.
    #[error("is no regular file")]
    NoFile,
    /// Its first line holds nothing.
    #[error("has nothing in its first line; write the password there")]
    Empty,
    /// Its first line holds more than the system takes.
    #[error("has more than {MOST} octets in its first line; TCP MD5 takes no longer password")]
    TooLong,
    /// A zero octet: other daemons would take what is before it.
    #[error("has a zero octet in its first line; write text")]
    Binary,
}

/// A password, and whether others than its owner and group can read it too.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) secret: Secret,
    pub(crate) is_public: bool,
}

/// Reads a password: the first line of the file, without its end.
pub(crate) fn read(path: &Path) -> Result<Found, SecretFault> {
    // Looked at before it is opened: to open a pipe waits for its writer.
    let kind = std::fs::metadata(path)?;
    if !kind.is_file() {
        return Err(SecretFault::NoFile);
    }
    let is_public = kind.permissions().mode() & 0o004 != 0;
    // As much as shows that it is too long, with an end of line of two octets.
    let limit = u64::try_from(MOST + 2).unwrap_or(u64::MAX);
    let mut octets = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut octets)?;
    let line = octets.split(|octet| *octet == b'\n').next();
    let line = line.unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        [] => Err(SecretFault::Empty),
        line if line.len() > MOST => Err(SecretFault::TooLong),
        line if line.contains(&0) => Err(SecretFault::Binary),
        line => Ok(Found {
            secret: Secret(line.into()),
            is_public,
        }),
    }
}

/// What to say of a file that all can read.
pub(crate) fn public(path: &Path) -> String {
    format!(
        "everybody can read the password in {path}; take that away with chmod o-r {path}",
        path = path.display()
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A file of its own for each test.
    fn file(name: &str, octets: &[u8], mode: u32) -> PathBuf {
        let path = std::env::temp_dir().join(format!("bgpd-secret-{name}-{}", std::process::id()));
        fs::write(&path, octets).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn the_first_line_is_the_password() {
        let longest = [b'x'; MOST];
        let with_end = [&longest[..], b"\r\nsecond"].concat();
        let cases: [(&[u8], &[u8]); 5] = [
            (b"hidden", b"hidden"),
            (b"hidden\n", b"hidden"),
            (b" two words \r\n\n", b" two words "),
            (&longest, &longest),
            (&with_end, &longest),
        ];
        for (octets, wanted) in cases {
            let path = file("first", octets, 0o600);
            let found = read(&path).unwrap();
            assert_eq!(found.secret.octets(), wanted);
            assert!(!found.is_public);
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_file_that_gives_none_says_why_and_not_what() {
        let long = [b'x'; MOST + 1];
        let cases: [(&[u8], &str); 4] = [
            (b"", "has nothing in its first line"),
            (b"\nhidden", "has nothing in its first line"),
            (&long, "has more than 80 octets"),
            (b"hid\0den", "has a zero octet"),
        ];
        for (octets, wanted) in cases {
            let path = file("fault", octets, 0o600);
            let text = read(&path).unwrap_err().to_string();
            assert!(text.starts_with(wanted), "{text}");
            assert!(!text.contains("hid") && !text.contains("xx"), "{text}");
            fs::remove_file(path).unwrap();
        }
        let missing = read(Path::new("/nonexistent/password")).unwrap_err();
        assert!(missing.to_string().contains("No such file"), "{missing}");
        let folder = read(&std::env::temp_dir()).unwrap_err();
        assert!(matches!(folder, SecretFault::NoFile));
    }

    #[test]
    fn a_password_that_all_can_read_is_noticed_and_never_printed() {
        let path = file("public", b"hidden\n", 0o644);
        let found = read(&path).unwrap();
        assert!(found.is_public);
        let shown = format!("{found:?}");
        assert!(
            shown.contains("***") && !shown.contains("hidden"),
            "{shown}"
        );
        fs::remove_file(path).unwrap();
    }
}
