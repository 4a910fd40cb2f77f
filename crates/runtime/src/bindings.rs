//! What peers need of the host: whether it is there, looked at again while it is not, and the keys that passwords make.
//!
//! One task keeps it. It looks when the speaker says that something changed ([`Effect::Bind`](speaker::Effect::Bind)), after
//! a reload, when a connection found that something is missing, and every few seconds while anything is missing; never else.
//! Passwords are read here, put where the system signs with them, and go nowhere else.
//!
//! A key is set on the listening sockets of its family, for an address or a range of them, and on each connection that is
//! open or opened. A listening socket without a key for an address takes unsigned packets of it: whoever lacks a password is
//! held down by the speaker.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use speaker::{Binding, Bound};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::core::Core;
use crate::secret::{self, Secret};
use crate::sockets::{self, Signer};

/// What is missing is looked for this often.
const AGAIN: Duration = Duration::from_secs(5);

/// What the tasks share of it.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    look: Notify,
    /// Every file is to be read again, whatever is known of it.
    is_stale: Cell<bool>,
    listeners: RefCell<Vec<Rc<TcpListener>>>,
    keys: RefCell<BTreeMap<Bound, Key>>,
}

/// A password as it was last read and set.
#[derive(Debug)]
struct Key {
    file: Arc<Path>,
    /// What the system signs with; `None`: nothing was ever read.
    secret: Option<Secret>,
    /// The file could not be read, or the key not be set: nobody is let in.
    is_lacking: bool,
}

impl Bindings {
    /// Has the task look at everything.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    /// Has the task read all files again.
    pub(crate) fn read_again(&self) {
        self.is_stale.set(true);
        self.look();
    }

    /// A socket that keys are to be set on.
    pub(crate) fn listens(&self, listener: &Rc<TcpListener>) {
        self.listeners.borrow_mut().push(Rc::clone(listener));
    }

    /// The password of whoever has this address, if it is known.
    pub(crate) fn password_of(&self, address: IpAddr) -> Option<Secret> {
        let keys = self.keys.borrow();
        let own = keys.get(&Bound::Peer(address));
        let range = || keys.iter().find(|(of, _)| of.covers(address));
        let key = own.or_else(|| range().map(|(_, key)| key))?;
        key.secret.clone().filter(|_| !key.is_lacking)
    }

    /// Looks at everything; true if something is missing.
    fn look_now(&self, core: &Core) -> bool {
        let wanted = core.speaker.borrow().bindings();
        let is_stale = self.is_stale.replace(false);
        self.drop_unwanted(core, &wanted);
        let mut is_lacking = false;
        for binding in wanted {
            let signed = match &binding.password_file {
                Some(file) => self.sign(core, binding.of, file, is_stale),
                None => Ok(()),
            };
            let outcome = device(&binding).and(signed);
            is_lacking |= outcome.is_err();
            core.with(|speaker, now| speaker.on_bound(now, binding.of, outcome));
        }
        is_lacking
    }

    /// Takes the keys away of those who want none any more.
    fn drop_unwanted(&self, core: &Core, wanted: &[Binding]) {
        let signed = wanted
            .iter()
            .filter(|binding| binding.password_file.is_some());
        let signed: Vec<Bound> = signed.map(|binding| binding.of).collect();
        let mut keys = self.keys.borrow_mut();
        let gone: Vec<Bound> = keys
            .keys()
            .copied()
            .filter(|of| !signed.contains(of))
            .collect();
        keys.retain(|of, _| signed.contains(of));
        drop(keys);
        for of in gone {
            if let Err(error) = self.set(core, of, None) {
                tracing::warn!("the password of {} is not taken away: {error}", Who(of));
            }
        }
    }

    /// Reads a password, if that is to be done, and has the system sign with it.
    fn sign(&self, core: &Core, of: Bound, file: &Arc<Path>, is_stale: bool) -> Result<(), String> {
        let before = self.keys.borrow_mut().remove(&of);
        let is_known = |key: &Key| !is_stale && !key.is_lacking && key.file == *file;
        let (outcome, secret) = match before {
            Some(key) if is_known(&key) => (Ok(()), key.secret),
            before => self.sign_anew(core, of, file, before),
        };
        let key = Key {
            file: Arc::clone(file),
            secret,
            is_lacking: outcome.is_err(),
        };
        self.keys.borrow_mut().insert(of, key);
        outcome
    }

    /// What the system signs with from now on. While there is nothing better it keeps what it had.
    fn sign_anew(
        &self,
        core: &Core,
        of: Bound,
        file: &Path,
        before: Option<Key>,
    ) -> (Result<(), String>, Option<Secret>) {
        let (old, was_lacking) = match before {
            Some(key) => (key.secret, key.is_lacking),
            None => (None, false),
        };
        let found = match secret::read(file) {
            Ok(found) => found,
            Err(fault) => {
                return (
                    Err(format!("password-file {} {fault}", file.display())),
                    old,
                );
            }
        };
        if found.is_public && (old.as_ref() != Some(&found.secret) || was_lacking) {
            tracing::warn!("{}", secret::public(file));
        }
        if old.as_ref() == Some(&found.secret) && !was_lacking {
            return (Ok(()), old);
        }
        match self.set(core, of, Some(&found.secret)) {
            Ok(()) => {
                if old.is_some_and(|old| old != found.secret) {
                    tracing::info!("{} has another password", Who(of));
                }
                (Ok(()), Some(found.secret))
            }
            Err(error) => {
                let reason = format!("the password of {} cannot be set: {error}", file.display());
                (Err(reason), old)
            }
        }
    }

    /// Sets a key, or takes it away, wherever it counts.
    fn set(&self, core: &Core, of: Bound, secret: Option<&Secret>) -> io::Result<()> {
        let signer = match of {
            Bound::Peer(address) => Signer::One(address),
            Bound::Range(prefix) => Signer::All(prefix.addr(), prefix.prefix_len()),
        };
        for listener in &*self.listeners.borrow() {
            if listener.local_addr()?.is_ipv4() == signer.is_ipv4() {
                sockets::set_password(listener.as_ref(), signer, secret)?;
            }
        }
        for handle in core.handles() {
            let Some(outlet) = handle.outlet.get() else {
                continue;
            };
            // One that is broken has its end before it.
            let Ok(remote) = outlet.stream.peer_addr() else {
                continue;
            };
            let address = remote.ip().to_canonical();
            let own = Bound::Peer(address);
            if of == own || (of.covers(address) && !self.keys.borrow().contains_key(&own)) {
                sockets::set_password(&outlet.stream, Signer::One(address), secret)?;
            }
        }
        Ok(())
    }
}

fn device(binding: &Binding) -> Result<(), String> {
    match binding.device.as_deref() {
        Some(name) if if_nametoindex(name).is_err() => {
            Err(format!("there is no network device {name} (bind-device)"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whose password it is, for the log.
struct Who(Bound);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Bound::Peer(address) => write!(f, "peer {address}"),
            Bound::Range(prefix) => write!(f, "the dynamic range {prefix}"),
        }
    }
}

/// Keeps what peers need for as long as the process lives.
pub(crate) async fn keep(core: Rc<Core>) {
    loop {
        let is_lacking = core.bindings.look_now(&core);
        tokio::select! {
            () = core.bindings.look.notified() => {}
            () = tokio::time::sleep(AGAIN), if is_lacking => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::Instant;

    use speaker::{Identity, Speaker};

    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 9));

    fn config(keys: &str) -> config::Config {
        let text = format!("as: 64512\npeers: [{{address: {PEER}, as: internal{keys}}}]\n");
        config::parse(&text, "test.yaml", config::Role::Reflector, &|_| None)
            .expect("a valid configuration")
    }

    fn core(keys: &str) -> Core {
        let config = config(keys);
        let identity = Identity::of(&config, None);
        let now = Instant::now();
        let mut speaker = Speaker::new(now, config, identity, 1);
        speaker.start(now);
        Core::new(speaker)
    }

    /// What the peer lacks.
    fn lack(core: &Core) -> Option<String> {
        let speaker = core.speaker.borrow();
        let peer = speaker.peers().next().expect("it is configured");
        peer.lack().map(str::to_owned)
    }

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("bgpd-bindings-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_password_is_found_kept_and_read_again_when_told() {
        let path = path("password");
        let core = core(&format!(", password-file: {}", path.display()));
        let bindings = &core.bindings;
        let is = |text: &str| bindings.password_of(PEER) == Some(Secret::new(text));
        assert!(bindings.look_now(&core), "it is missing");
        let said = lack(&core).expect("it is held down");
        let wanted = format!("password-file {} cannot be read: ", path.display());
        assert!(said.starts_with(&wanted), "{said}");
        assert_eq!(bindings.password_of(PEER), None);
        fs::write(&path, "first\n").unwrap();
        assert!(!bindings.look_now(&core), "missing files are read again");
        assert_eq!(lack(&core), None);
        assert!(is("first"));
        fs::write(&path, "second\n").unwrap();
        assert!(!bindings.look_now(&core));
        assert!(is("first"), "what is known is not read again by itself");
        bindings.read_again();
        assert!(!bindings.look_now(&core));
        assert!(is("second"));
        fs::remove_file(&path).unwrap();
        bindings.read_again();
        assert!(bindings.look_now(&core));
        assert!(lack(&core).is_some());
        assert_eq!(
            bindings.password_of(PEER),
            None,
            "nobody may use the old one"
        );
        core.with(|speaker, now| speaker.reload(now, config("")));
        assert!(!bindings.look_now(&core));
        assert_eq!(lack(&core), None);
        assert!(bindings.keys.borrow().is_empty());
    }

    #[test]
    fn a_device_is_there_or_not() {
        let there = core(", bind-device: lo");
        assert!(!there.bindings.look_now(&there));
        assert_eq!(lack(&there), None);
        let missing = core(", bind-device: no-such-link");
        assert!(missing.bindings.look_now(&missing));
        let said = lack(&missing);
        let wanted = "there is no network device no-such-link (bind-device)";
        assert_eq!(said.as_deref(), Some(wanted));
    }
}
