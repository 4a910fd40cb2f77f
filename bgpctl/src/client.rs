//! The connection to the daemon: which socket, and why it cannot be reached.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

use crate::failure::Failure;

/// Where `bgpd` listens by default.
const BGPD: &str = "/run/bgpd/bgpd.sock";
/// Where `reflector` listens by default.
const REFLECTOR: &str = "/run/reflector/reflector.sock";
/// How long one answer may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(20);

/// The socket to use: as told, else the one that exists, else `bgpd`'s.
pub(crate) fn socket(told: Option<PathBuf>) -> PathBuf {
    told.unwrap_or_else(|| choose(Path::new(BGPD), Path::new(REFLECTOR)))
}

fn choose(bgpd: &Path, reflector: &Path) -> PathBuf {
    if !bgpd.exists() && reflector.exists() {
        reflector.to_owned()
    } else {
        bgpd.to_owned()
    }
}

/// Connects.
pub(crate) async fn connect(socket: &Path) -> Result<Channel, Failure> {
    let unreachable = |error| Failure::Unreachable {
        socket: socket.to_owned(),
        error,
    };
    // First by hand: here the kernel's own reason is at hand, and the answer is the
    // same whichever call comes first.
    UnixStream::connect(socket).await.map_err(unreachable)?;
    let path = socket
        .to_str()
        .ok_or_else(|| Failure::Argument("the socket's path is not UTF-8".to_owned()))?;
    let other = |error| unreachable(std::io::Error::other(error));
    let endpoint = Endpoint::from_shared(format!("unix:{path}")).map_err(other)?;
    endpoint.connect().await.map_err(other)
}

/// A request whose answer is one message and must come in time.
pub(crate) fn unary<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(ANSWER);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reflector_is_chosen_only_where_it_is_alone() {
        let here = Path::new("/");
        let gone = Path::new("/no/such/socket");
        assert_eq!(choose(gone, here), here);
        assert_eq!(choose(here, here), here);
        assert_eq!(choose(gone, gone), gone);
        assert_eq!(socket(Some("/x".into())), Path::new("/x"));
    }
}
