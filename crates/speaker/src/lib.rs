//! The BGP speaker as one value: sessions, table, export groups and kernel plan, wired together
//! by plain functions. It opens no socket, reads no clock and starts no thread: bytes, time and
//! kernel events are arguments, and what it wants done comes out of [`Speaker::poll_effect`],
//! [`Speaker::fill`] and [`Speaker::drive_kernel`]. Whoever drives it — the runtime on tokio, or a
//! test in virtual time — runs the same wiring.
//!
//! After any input, call [`Speaker::run`] until it says there is no more to do, then carry out
//! the effects and sleep until [`Speaker::next_deadline`].

mod binding;
mod conn;
mod distance;
mod drain;
mod effect;
mod event;
mod graceful;
mod identity;
mod ingest;
mod kept;
mod kernel;
mod lifecycle;
mod limits;
mod malformed;
mod peer;
mod refresh;
mod reload;
mod restart;
mod routes;
mod sessions;
#[cfg(test)]
mod testing;
mod timers;
mod updown;
mod watch;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use config::Config;
use fib::KernelPort;
use policy::Guards;
use rib::{PeerId, Rib, RibConfig};
use wire::{DecodeScratch, Prefix};

pub use session::{CloseCause, Sending, Unfit};

pub use crate::binding::{Binding, Bound};
pub use crate::drain::Drain;
pub use crate::effect::{Admission, ConnId, Dial, Effect, Guard};
pub use crate::event::{Event, KeptEnd, KeptFact, Severity};
pub use crate::identity::Identity;
pub use crate::kept::Kept;
pub use crate::lifecycle::{PeerError, ResetKind};
pub use crate::limits::{LimitFact, LimitReached};
pub use crate::malformed::{FaultyUpdate, MAX_KEPT, Malformations, Malformed};
pub use crate::peer::{Link, Peer, PeerCounters, PeerSource};
pub use crate::reload::Reloaded;
pub use crate::routes::{ApiRoute, RouteError};
pub use crate::watch::{Notifier, WatchChange, WatchFilter, WatchId, WatchProgress};

use crate::binding::RangeReadiness;
use crate::conn::Conns;
use crate::event::{Events, Limiter};
use crate::graceful::Comeback;
use crate::kernel::KernelSide;
use crate::peer::Peers;
use crate::restart::Restart;
use crate::routes::ApiRoutes;
use crate::timers::Timers;
use crate::watch::Watches;

/// A question to the speaker, or a command, run on the thread that owns it.
pub type Ask = Box<dyn FnOnce(&mut Speaker, Instant) + Send>;

/// Steps of deferred work (peers gone down, walks) done in one [`Speaker::run`]; small enough that
/// keepalives never wait.
const WORK_BUDGET: usize = 512;

/// For so long after connections were not read, what they said meanwhile may still wait: a hold timer that ends then says
/// nothing of the peer.
const DEAF: Duration = Duration::from_secs(10);

/// The speaker.
#[derive(Debug)]
pub struct Speaker {
    config: Config,
    identity: Identity,
    guards: Arc<Guards>,
    peers: Peers,
    conns: Conns,
    rib: Rib,
    kernel: Option<KernelSide>,
    restart: Restart,
    comeback: Comeback,
    timers: Timers,
    effects: VecDeque<Effect>,
    events: Events,
    scratch: DecodeScratch,
    watches: Watches,
    api_routes: ApiRoutes,
    /// Peers that are up and may not be sent everything.
    bounded: Vec<PeerId>,
    admission: AdmissionState,
    drain: Option<Drain>,
    clock: Clock,
    host_warnings: Vec<String>,
    config_warnings: Vec<String>,
}

/// What accepting connections needs between two calls.
#[derive(Debug, Default)]
struct AdmissionState {
    /// The connection being offered to a session.
    offered: Option<ConnId>,
    /// It was refused, and what to answer.
    refused: Option<Option<Bytes>>,
    /// Peers of each dynamic range.
    dynamic: HashMap<Prefix, u32>,
    /// How it stands with what dynamic ranges need.
    readiness: RangeReadiness,
    unknown_lines: Limiter,
    limit_lines: Limiter,
    /// Of connections of all dynamic peers, whose records do not outlive them.
    dynamic_lines: Limiter,
    refused_total: u64,
}

/// When we started, whether sessions may begin, and the seed of everything random.
#[derive(Debug)]
struct Clock {
    started: Instant,
    running: bool,
    seed: u64,
    /// When connections were last not read because there was no room for what they bring.
    deaf_at: Option<Instant>,
}

impl Speaker {
    /// A speaker with this configuration. `seed` feeds timer jitter and hash tables. Nothing
    /// happens before [`Speaker::start`].
    pub fn new(now: Instant, config: Config, identity: Identity, seed: u64) -> Self {
        let rib = Rib::new(RibConfig {
            router_id: identity.router_id,
            cluster_id: identity.cluster_id,
            local_as: identity.local_as,
            log_limit: config.limits.export_log,
            tombstone_limit: config.limits.tombstones,
            route_limit: config.limits.routes,
            multipath_relax: config.multipath_relax,
            keep_rejected: config.role == config::Role::Node,
            seed,
        });
        let mut speaker = Speaker {
            guards: Arc::new(config.guards()),
            identity,
            peers: Peers::default(),
            conns: Conns::default(),
            rib,
            kernel: None,
            restart: Restart::new(wire::Families::EMPTY),
            comeback: Comeback::default(),
            timers: Timers::default(),
            effects: VecDeque::new(),
            events: Events::default(),
            scratch: DecodeScratch::default(),
            watches: Watches::default(),
            api_routes: ApiRoutes::new(),
            bounded: Vec::new(),
            admission: AdmissionState::default(),
            drain: None,
            clock: Clock {
                started: now,
                running: false,
                seed,
                deaf_at: None,
            },
            config,
            host_warnings: Vec::new(),
            config_warnings: Vec::new(),
        };
        speaker.init_kernel();
        speaker.init_local_routes();
        speaker.init_peers(now);
        speaker
    }

    /// Lets sessions begin. With a kernel, call this when its first dump has arrived, so that the
    /// node's own addresses are known.
    pub fn start(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.clock.running, true) {
            self.come_back(now);
            self.measure(now);
            for id in self.peers.ids() {
                self.enable_if_wanted(now, id);
            }
        }
    }

    /// Does what is due: timers, deferred table work, flushing of export groups, the kernel plan.
    /// True while there is more; call again then, after letting I/O run.
    pub fn run(&mut self, now: Instant) -> bool {
        if self.is_full() {
            self.clock.deaf_at = Some(now);
        }
        let is_deaf = self.clock.deaf_at.is_some_and(|at| now < at + DEAF);
        while let Some(id) = self.timers.pop_due(now) {
            if is_deaf && let Some(peer) = self.peers.get_mut(id) {
                peer.session.forgive_silence(now);
                self.forgive_absence(now + DEAF, id);
            }
            self.expire_kept(now, id);
            self.expire_refresh(now, id);
            self.tell(now, id, session::Input::Timer);
        }
        self.run_comeback(now);
        let mut more = self.rib.work(WORK_BUDGET);
        more |= self.rib.flush(now);
        self.check_limits_out(now);
        more |= self.run_kernel(now);
        self.reset_fallen(now);
        // Whoever was reset leaves paths to be taken out.
        more |= self.rib.has_work();
        while let Some(id) = self.rib.poll_ready() {
            if let Some(link) = self.peers.get(id).and_then(Peer::link) {
                self.effects.push_back(Effect::Writable(link.conn));
            }
        }
        self.wake_watches();
        more
    }

    /// The time at which [`Speaker::run`] has something to do, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Instant> {
        let kernel = self.kernel.as_ref().and_then(KernelSide::next_deadline);
        [
            self.timers.next(),
            self.rib.next_flush(),
            kernel,
            self.restart.next_deadline(),
            self.comeback.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next thing for the world to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next fact worth telling.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// True if [`Speaker::run`] has connections to name that have something to send.
    pub fn has_ready(&self) -> bool {
        self.rib.has_ready()
    }

    /// Takes up to about `max` octets to send on a connection: shared slices, cut between
    /// messages. Nothing is added when there is nothing to send. True if there is more than was taken.
    pub fn fill(&mut self, now: Instant, conn: ConnId, out: &mut Vec<Bytes>, max: usize) -> bool {
        let Some(known) = self.conns.get_mut(conn) else {
            return false;
        };
        let id = known.peer;
        out.extend(std::mem::take(&mut known.control));
        let Some(peer) = self.peers.get_mut(id) else {
            return false;
        };
        if peer.link.as_ref().is_none_or(|link| link.conn != conn) {
            return false;
        }
        let before = out.len();
        let more = self.rib.fill(id, out, max);
        let updates = out[before..].iter().map(|slice| messages(slice)).sum();
        if updates > 0 {
            peer.session.sent_updates(now, updates);
            self.arm(id);
        }
        more
    }

    /// True while routes take more memory than `limits.routes` and somebody has to go first, or while so many changes were
    /// read that they have to be passed on first. Nothing should be read from any connection until then; each
    /// [`Speaker::run`] may end it.
    pub fn is_full(&self) -> bool {
        self.rib.is_full()
    }

    /// Passes what the kernel plan wants done to the port.
    pub fn drive_kernel(&mut self, now: Instant, port: &mut dyn KernelPort) {
        if let Some(kernel) = &mut self.kernel {
            kernel.drive(now, port);
        }
    }

    /// The table.
    pub fn rib(&self) -> &Rib {
        &self.rib
    }

    /// The configuration in effect.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Who we are.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// All peers, in no particular order.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }

    /// One peer by its slot.
    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id)
    }

    /// The kernel plan, if this speaker has a kernel.
    pub fn kernel(&self) -> Option<&fib::Fib> {
        self.kernel.as_ref().map(KernelSide::fib)
    }

    /// Takes what the runtime found in the host's settings that would break the data path.
    pub fn set_host_warnings(&mut self, warnings: Vec<String>) {
        self.host_warnings = warnings;
    }

    /// Settings of the host that would break the data path, as lines for an operator.
    pub fn host_warnings(&self) -> &[String] {
        &self.host_warnings
    }

    /// Takes what is wrong with the configuration file as it was last read: faults for which it was
    /// refused, or changes that wait for a restart. Replaces what was there.
    pub fn set_config_warnings(&mut self, warnings: Vec<String>) {
        self.config_warnings = warnings;
    }

    /// What is wrong with the configuration file as it was last read, as lines for an operator.
    pub fn config_warnings(&self) -> &[String] {
        &self.config_warnings
    }

    /// When this speaker was made.
    pub fn started(&self) -> Instant {
        self.clock.started
    }

    /// Connections refused because no peer has their address.
    pub fn refused_connections(&self) -> u64 {
        self.admission.refused_total
    }
}

/// How many whole messages a slice holds, by the length field of each header (RFC 4271 section 4.1).
fn messages(slice: &[u8]) -> u64 {
    let (mut at, mut count) = (0, 0);
    while let Some(&[high, low]) = slice.get(at + 16..at + 18) {
        at += usize::from(u16::from_be_bytes([high, low])).max(wire::HEADER_LEN);
        count += 1;
    }
    count
}
