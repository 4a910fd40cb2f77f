//! A speaker on a thread, the API beside it, and a client.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use config::Role;
use proto::v1;
use speaker::{ApiRoute, Ask, Identity, Speaker};
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};
use wire::Prefix;

use crate::{ApiConfig, ApiHandle, serve};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// How long anything may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

pub(super) const NODE: &str = "
name: node-1
as: 64512
router-id: 10.0.0.1
advertise: {blocks: [10.244.1.0/24, \"fd00:244:1::/64\"]}
prefix-sets: {pods: [10.244.0.0/16]}
groups:
  mesh: {as: internal}
peers:
  - {name: node-2, address: 10.0.0.2, group: mesh}
  - {name: tor, address: 10.0.0.254, as: 65001, passive: true}
";

pub(super) const REFLECTOR: &str = "
name: reflector-1
as: 64512
router-id: 10.0.0.250
dynamic-peers: [{prefix: 10.0.0.0/16, as: internal}]
";

pub(super) struct Lab {
    // Dropped in this order: the API ends, then the speaker, then the folder goes.
    pub(super) handle: Option<ApiHandle>,
    pub(super) asks: Option<mpsc::Sender<Ask>>,
    speaker: Option<JoinHandle<()>>,
    folder: PathBuf,
}

impl Lab {
    pub(super) fn start(role: Role, text: &str) -> Lab {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("api-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = config::parse(text, "/etc/bgpd.yaml", role, &|_| None).unwrap();
        let (asks, asked) = mpsc::channel(64);
        let speaker = std::thread::spawn(move || run(config, asked));
        let handle = serve(ApiConfig::new(folder.join("api.sock")), asks.clone()).unwrap();
        Lab {
            handle: Some(handle),
            asks: Some(asks),
            speaker: Some(speaker),
            folder,
        }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("api.sock")
    }

    pub(super) async fn channel(&self) -> Channel {
        let uri = format!("unix:{}", self.socket().display());
        Endpoint::from_shared(uri).unwrap().connect().await.unwrap()
    }

    /// Runs a closure on the speaker's thread, not through the API.
    pub(super) async fn tell<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Speaker, Instant) -> T + Send + 'static,
    ) -> T {
        let asker = crate::ask::Asker::new(self.asks.clone().unwrap());
        asker.ask(what).await.unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.handle.take());
        drop(self.asks.take());
        if let Some(speaker) = self.speaker.take() {
            speaker.join().unwrap();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn run(config: config::Config, mut asked: mpsc::Receiver<Ask>) {
    let identity = Identity::of(&config, None);
    let mut speaker = Speaker::new(Instant::now(), config, identity, 1);
    speaker.start(Instant::now());
    while let Some(ask) = asked.blocking_recv() {
        ask(&mut speaker, Instant::now());
        while speaker.run(Instant::now()) {}
        while speaker.poll_effect().is_some() {}
        while speaker.poll_event().is_some() {}
    }
}

/// The test's body, on a runtime of its own, within the deadline.
pub(super) fn test(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, body).await.unwrap() });
}

/// The `number`th of many prefixes.
pub(super) fn prefix(number: u32) -> Prefix {
    let address = IpAddr::from((0x0a80_0000 + number).to_be_bytes());
    Prefix::new(address, 32).unwrap()
}

pub(super) fn announce(speaker: &mut Speaker, prefix: Prefix, owner: &str) {
    let route = ApiRoute {
        owner: owner.into(),
        next_hop: None,
        attrs: rib::default_local_attrs(),
    };
    speaker.announce(prefix, route).unwrap();
}

pub(super) fn peer_config(address: &str) -> v1::PeerConfig {
    v1::PeerConfig {
        address: address.into(),
        remote_as: Some(v1::peer_config::RemoteAs::AsNumber(65002)),
        ..v1::PeerConfig::default()
    }
}
