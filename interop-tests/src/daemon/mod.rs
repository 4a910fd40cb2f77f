//! One face for BGP daemons of different makers, so that a lab is written once.
//!
//! Owns: what a lab may ask of any daemon ([`Daemon`]), what it needs to know to be started
//! ([`Spec`]) and what it says it received ([`Path`], read from that daemon's own output).
//! Never does: decide what is right; the labs compare.
//!
//! To add a maker: a file beside `bird.rs` that renders a [`Spec`] into its configuration and reads
//! its answers, a [`Kind`] with the programs that it needs, its package in `scripts/test`, and a
//! line in each lab that it is to take part in. Begin with the labs under `makers`, where it meets
//! daemons that are known to work.

mod bird;
mod frr;
mod gobgp;
mod ours;
mod programs;

pub use bird::Bird;
pub(crate) use frr::BGPD as FRR_BGPD;
pub use frr::Frr;
pub(crate) use gobgp::GOBGPD;
pub use gobgp::Gobgp;
pub use ours::{Ours, Role};
pub(crate) use programs::beside_us;
pub use programs::{bgpctl_binary, bgpd_binary, reflector_binary};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;

use crate::lab::{Namespace, Process};
use crate::{LabError, Result, wait_for};

/// Who made a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This repository's `bgpd`.
    Node,
    /// This repository's `reflector`.
    Reflector,
    /// BIRD 2.
    Bird,
    /// FRRouting: zebra and bgpd.
    Frr,
    /// GoBGP; it has no kernel side.
    Gobgp,
}

impl Kind {
    /// The programs that must be there to run it.
    pub fn programs(self) -> Vec<String> {
        match self {
            Kind::Node => vec![bgpd_binary(), bgpctl_binary()],
            Kind::Reflector => vec![reflector_binary(), bgpctl_binary()],
            Kind::Bird => vec![bird::BIRD.into(), bird::BIRDC.into()],
            Kind::Frr => vec![frr::ZEBRA.into(), frr::BGPD.into(), frr::VTYSH.into()],
            Kind::Gobgp => vec![gobgp::GOBGPD.into(), gobgp::GOBGP.into()],
        }
    }

    /// A daemon of this kind in `namespace`, not yet started.
    pub fn daemon(self, namespace: &Namespace, spec: Spec) -> Box<dyn Daemon> {
        match self {
            Kind::Node => Box::new(Ours::new(Role::Node, namespace, spec)),
            Kind::Reflector => Box::new(Ours::new(Role::Reflector, namespace, spec)),
            Kind::Bird => Box::new(Bird::new(namespace, spec)),
            Kind::Frr => Box::new(Frr::new(namespace, spec)),
            Kind::Gobgp => Box::new(Gobgp::new(namespace, spec)),
        }
    }
}

/// Whether labs with daemons of these kinds can run here; as [`crate::lab::can_run`].
pub fn can_run(kinds: &[Kind]) -> bool {
    let programs: Vec<String> = kinds.iter().flat_map(|kind| kind.programs()).collect();
    let names: Vec<&str> = programs.iter().map(String::as_str).collect();
    crate::lab::can_run(&names)
}

/// What a daemon is told before it starts.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its AS number.
    pub asn: u32,
    /// Its own address on the lab's network; also its router id.
    pub v4: Ipv4Addr,
    /// Its own IPv6 address on the lab's network.
    pub v6: Ipv6Addr,
    /// Its cluster id, if it is to reflect.
    pub cluster_id: Option<Ipv4Addr>,
    /// Whether what it learns goes to its namespace's kernel.
    pub kernel: bool,
    /// Whether it restarts gracefully (RFC 4724). Ours always do.
    pub graceful: bool,
    /// Whether it asks to be kept for long when it does not come back in 3 s (RFC 9494), and keeps others so. Ours always
    /// keep; what they ask for is a key of a neighbor.
    pub long_lived: bool,
    /// What it originates from the start, without any optional attribute.
    pub blocks: Vec<IpNet>,
    /// Who it talks to.
    pub neighbors: Vec<Neighbor>,
}

impl Spec {
    /// A speaker without neighbours: number `host` of AS `asn` on the network 10.0.0.0/24 and
    /// fd00::/64.
    pub fn new(asn: u32, host: u8) -> Spec {
        Spec {
            asn,
            v4: Ipv4Addr::new(10, 0, 0, host),
            v6: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(host)),
            cluster_id: None,
            kernel: false,
            graceful: false,
            long_lived: false,
            blocks: Vec::new(),
            neighbors: Vec::new(),
        }
    }

    /// The same, as a reflector of its own cluster.
    #[must_use]
    pub fn reflecting(mut self) -> Spec {
        self.cluster_id = Some(self.v4);
        self
    }

    /// The same, restarting gracefully.
    #[must_use]
    pub fn gracefully(mut self) -> Spec {
        self.graceful = true;
        self
    }

    /// The same, and kept for long when it does not come back in 3 s.
    #[must_use]
    pub fn for_long(mut self) -> Spec {
        self.long_lived = true;
        self.gracefully()
    }

    /// The same, writing what it learns to the kernel.
    #[must_use]
    pub fn with_kernel(mut self) -> Spec {
        self.kernel = true;
        self
    }

    /// The same, originating `block` from the start.
    ///
    /// # Panics
    /// When `block` is not a prefix.
    #[must_use]
    pub fn with_block(mut self, block: &str) -> Spec {
        self.blocks
            .push(block.parse().expect("invariant: the lab writes prefixes"));
        self
    }

    /// The same, talking also to `neighbor`.
    #[must_use]
    pub fn with(mut self, neighbor: Neighbor) -> Spec {
        self.neighbors.push(neighbor);
        self
    }

    /// How another speaker names this one: over IPv4, both sides connecting.
    pub fn as_neighbor(&self) -> Neighbor {
        Neighbor {
            address: self.v4.into(),
            asn: self.asn,
            passive: false,
            client: false,
            add_path: false,
            password: None,
            ttl_security: false,
            keys: Vec::new(),
            name: peer_name(self.v4.into()),
            import: "all".to_owned(),
            export: "all".to_owned(),
            lines: Vec::new(),
            family_lines: Vec::new(),
        }
    }

    /// How another speaker names this one: over IPv6, both sides connecting.
    pub fn as_neighbor_over_v6(&self) -> Neighbor {
        Neighbor {
            address: self.v6.into(),
            name: peer_name(self.v6.into()),
            ..self.as_neighbor()
        }
    }

    /// Its addresses with the prefix lengths of the lab's network.
    pub fn addresses(&self) -> [String; 2] {
        [format!("{}/24", self.v4), format!("{}/64", self.v6)]
    }

    /// Its own address of the same family as `other`.
    pub fn own_address(&self, other: IpAddr) -> IpAddr {
        if other.is_ipv4() {
            self.v4.into()
        } else {
            self.v6.into()
        }
    }
}

/// A peer as a daemon's configuration names it. Both families are always spoken.
#[derive(Debug, Clone)]
pub struct Neighbor {
    /// Where it is.
    pub address: IpAddr,
    /// Its AS number.
    pub asn: u32,
    /// Whether we only wait for it to connect.
    pub passive: bool,
    /// Whether it is a client of ours (RFC 4456).
    pub client: bool,
    /// Whether we take several paths of a prefix from it and, where the daemon is asked for both at once, send them
    /// (RFC 7911); FRR always takes them.
    pub add_path: bool,
    /// What both sign with (RFC 2385).
    pub password: Option<String>,
    /// Whether nothing of it is taken that comes from beyond the link (RFC 5082).
    pub ttl_security: bool,
    /// More keys of it, for ours alone.
    pub keys: Vec<String>,
    /// What our own configuration calls it; other daemons always use [`peer_name`].
    pub name: String,
    /// What is taken from it, as our own configuration says it; other daemons take all.
    pub import: String,
    /// What it is sent, as our own configuration says it; other daemons send all.
    pub export: String,
    /// Further settings of it, in the words of whoever has it as neighbour.
    pub lines: Vec<String>,
    /// Settings of each of its families, likewise; ours have none of their own.
    pub family_lines: Vec<String>,
}

impl Neighbor {
    /// The same with one more key, for ours alone.
    #[must_use]
    pub fn key(mut self, key: &str) -> Neighbor {
        self.keys.push(key.to_owned());
        self
    }

    /// The same, but we wait for it to connect.
    #[must_use]
    pub fn passive(mut self) -> Neighbor {
        self.passive = true;
        self
    }

    /// The same, as a client of ours.
    #[must_use]
    pub fn client(mut self) -> Neighbor {
        self.client = true;
        self
    }

    /// The same, and several paths of a prefix are exchanged with it.
    #[must_use]
    pub fn add_path(mut self) -> Neighbor {
        self.add_path = true;
        self
    }

    /// The same, and what both say is signed with this password.
    #[must_use]
    pub fn signed(mut self, password: &str) -> Neighbor {
        self.password = Some(password.to_owned());
        self
    }

    /// The same, and it has to be on the same link.
    #[must_use]
    pub fn near(mut self) -> Neighbor {
        self.ttl_security = true;
        self
    }

    /// The same, with an import and an export rule as our own configuration says them.
    #[must_use]
    pub fn policy(mut self, import: &str, export: &str) -> Neighbor {
        self.import = import.to_owned();
        self.export = export.to_owned();
        self
    }

    /// The same, with a setting in the words of whoever has it as neighbour: a key of ours, an option of a protocol of
    /// BIRD's, what follows `neighbor ADDRESS` of FRR's.
    #[must_use]
    pub fn line(mut self, line: &str) -> Neighbor {
        self.lines.push(line.to_owned());
        self
    }

    /// The same, with a setting of each of its families: an option of a channel of BIRD's, what follows `neighbor
    /// ADDRESS` in an address family of FRR's.
    #[must_use]
    pub fn family_line(mut self, line: &str) -> Neighbor {
        self.family_lines.push(line.to_owned());
        self
    }

    /// The same, by a name of its own in our configuration.
    #[must_use]
    pub fn named(mut self, name: &str) -> Neighbor {
        self.name = name.to_owned();
        self
    }
}

/// What the configuration of every daemon calls the peer with this address.
pub fn peer_name(address: IpAddr) -> String {
    format!("p{}", address.to_string().replace(['.', ':'], "_"))
}

/// A route that a daemon originates.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// What is announced.
    pub prefix: IpNet,
    /// MULTI_EXIT_DISC, if one is to be set.
    pub med: Option<u32>,
    /// COMMUNITIES, each as its two halves.
    pub communities: BTreeSet<(u16, u16)>,
}

impl Announcement {
    /// An announcement of `prefix` with no optional attribute.
    ///
    /// # Panics
    /// When `prefix` is not a prefix.
    pub fn new(prefix: &str) -> Announcement {
        Announcement::plain(prefix.parse().expect("invariant: the lab writes prefixes"))
    }

    /// An announcement of `prefix` with no optional attribute.
    fn plain(prefix: IpNet) -> Announcement {
        Announcement {
            prefix,
            med: None,
            communities: BTreeSet::new(),
        }
    }

    /// The same, with a MULTI_EXIT_DISC.
    #[must_use]
    pub fn med(mut self, med: u32) -> Announcement {
        self.med = Some(med);
        self
    }

    /// The same, with one more community.
    #[must_use]
    pub fn community(mut self, high: u16, low: u16) -> Announcement {
        self.communities.insert((high, low));
        self
    }
}

/// The attributes of a route as a daemon prints them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// NEXT_HOP, or the global address of MP_REACH_NLRI.
    pub next_hop: IpAddr,
    /// AS_PATH, sequences only.
    pub as_path: Vec<u32>,
    /// MULTI_EXIT_DISC. Daemons that print 0 for none give `None` for 0.
    pub med: Option<u32>,
    /// LOCAL_PREF. On eBGP some daemons print their default.
    pub local_pref: Option<u32>,
    /// COMMUNITIES.
    pub communities: BTreeSet<(u16, u16)>,
    /// ORIGINATOR_ID.
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST.
    pub cluster_list: Vec<Ipv4Addr>,
}

impl Path {
    /// A path with this next hop and nothing else.
    pub fn via(next_hop: IpAddr) -> Path {
        Path {
            next_hop,
            as_path: Vec::new(),
            med: None,
            local_pref: None,
            communities: BTreeSet::new(),
            originator_id: None,
            cluster_list: Vec::new(),
        }
    }
}

/// What a daemon received from one peer.
pub type Routes = BTreeMap<IpNet, Path>;

/// The well-known communities by the names that some daemons show.
const WELL_KNOWN: &[(&str, (u16, u16))] = &[
    ("graceful-shutdown", (65535, 0)),
    ("llgr-stale", (65535, 6)),
    ("no-llgr", (65535, 7)),
    ("blackhole", (65535, 666)),
    ("no-export", (65535, 65281)),
    ("no-advertise", (65535, 65282)),
    // FRR in its JSON.
    ("gracefulShutdown", (65535, 0)),
    ("llgrStale", (65535, 6)),
    ("noLlgr", (65535, 7)),
    ("noExport", (65535, 65281)),
    ("noAdvertise", (65535, 65282)),
];

/// A community as two numbers or by its name.
fn community(text: &str) -> Option<(u16, u16)> {
    if let Some((_, numbers)) = WELL_KNOWN.iter().find(|(name, _)| *name == text) {
        return Some(*numbers);
    }
    let (high, low) = text.split_once(':')?;
    Some((high.parse().ok()?, low.parse().ok()?))
}

/// The state of a session as the daemon itself names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// Routes are exchanged.
    Established,
    /// Anything else, in the daemon's words.
    Not(String),
}

impl SessionState {
    /// Every daemon here calls the state of RFC 4271 by its name.
    pub(crate) fn named(text: &str) -> SessionState {
        match text {
            "Established" | "established" | "ESTABLISHED" => SessionState::Established,
            other => SessionState::Not(other.to_owned()),
        }
    }
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionState::Established => f.write_str("Established"),
            SessionState::Not(other) => f.write_str(other),
        }
    }
}

/// A BGP daemon in a namespace. Dropping it ends it at once.
pub trait Daemon {
    /// Who made it.
    fn kind(&self) -> Kind;

    /// What it was told.
    fn spec(&self) -> &Spec;

    /// The namespace that it runs in.
    fn namespace(&self) -> &Namespace;

    /// Starts it and waits until it answers. What was announced before is announced again.
    ///
    /// # Errors
    /// When it does not start.
    fn start(&mut self) -> Result<()>;

    /// Stops it as its operator would, and waits until it is gone.
    ///
    /// # Errors
    /// When it does not end by itself.
    fn stop(&mut self) -> Result<()>;

    /// The session with `peer`.
    ///
    /// # Errors
    /// When the daemon does not answer or does not know the peer.
    fn session(&self, peer: IpAddr) -> Result<SessionState>;

    /// What it received from `peer` and accepted, both families, each path of a prefix by itself.
    ///
    /// # Errors
    /// When the daemon does not answer or its answer is not understood.
    fn paths(&self, peer: IpAddr) -> Result<Vec<(IpNet, Path)>>;

    /// The same where there is one path of each prefix.
    ///
    /// # Errors
    /// As [`Daemon::paths`].
    fn received(&self, peer: IpAddr) -> Result<Routes> {
        Ok(self.paths(peer)?.into_iter().collect())
    }

    /// Originates a route.
    ///
    /// # Errors
    /// When the daemon refuses it.
    fn announce(&mut self, announcement: &Announcement) -> Result<()>;

    /// Takes an originated route back.
    ///
    /// # Errors
    /// When the daemon refuses.
    fn withdraw(&mut self, prefix: IpNet) -> Result<()>;

    /// Whether it still keeps routes of a former session with `peer`. Only ours are asked.
    ///
    /// # Errors
    /// When the daemon does not answer or does not know the peer.
    fn keeps_routes(&self, _peer: IpAddr) -> Result<bool> {
        Ok(false)
    }

    /// The process that speaks BGP, if it runs.
    fn process(&mut self) -> Option<&mut Process>;

    /// Stops it and starts it again.
    ///
    /// # Errors
    /// As [`Daemon::stop`] and [`Daemon::start`].
    fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start()
    }
}

/// How long a session may take to come up: connect-retry timers of some seconds on both sides.
pub const SESSION_LIMIT: Duration = Duration::from_secs(40);

/// How long a route may take from one daemon to the next.
pub const ROUTE_LIMIT: Duration = Duration::from_secs(20);

/// Waits until the session of `daemon` with `peer` is Established.
///
/// # Errors
/// When it is not within [`SESSION_LIMIT`]: the state it is in.
pub fn wait_session(daemon: &dyn Daemon, peer: IpAddr) -> Result<()> {
    let what = format!("the session of {:?} with {peer}", daemon.kind());
    wait_for(SESSION_LIMIT, &what, || match daemon.session(peer)? {
        SessionState::Established => Ok(()),
        other => Err(LabError::new(other.to_string())),
    })
}

/// Waits until `daemon` has received exactly a route for `prefix` from `peer`, and returns it.
///
/// # Errors
/// When it has not within [`ROUTE_LIMIT`]: what it has.
pub fn wait_route(daemon: &dyn Daemon, peer: IpAddr, prefix: IpNet) -> Result<Path> {
    let what = format!("{prefix} from {peer} at {:?}", daemon.kind());
    wait_for(ROUTE_LIMIT, &what, || {
        let routes = daemon.received(peer)?;
        routes
            .get(&prefix)
            .cloned()
            .ok_or_else(|| LabError::new(format!("{:?}", routes.keys())))
    })
}

/// Waits until `daemon` has no route for `prefix` from `peer` any more.
///
/// # Errors
/// When it still has one after [`ROUTE_LIMIT`].
pub fn wait_no_route(daemon: &dyn Daemon, peer: IpAddr, prefix: IpNet) -> Result<()> {
    let what = format!("{prefix} from {peer} to go at {:?}", daemon.kind());
    wait_for(ROUTE_LIMIT, &what, || {
        // A peer whose session is down has no routes, also where asking for them is an error.
        match daemon
            .received(peer)
            .ok()
            .and_then(|mut routes| routes.remove(&prefix))
        {
            None => Ok(()),
            Some(path) => Err(LabError::new(format!("{path:?}"))),
        }
    })
}
