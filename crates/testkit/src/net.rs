//! Nodes, scripted peers, pipes and the clock.
//!
//! Everything happens in one thread and in virtual time: the agenda says what comes next, and the clock jumps there. A
//! node does one thing at a time — read a connection, write to one, or [`Speaker::run`] — and each takes as long as
//! [`Costs`] says.

mod agenda;
mod links;
mod node;
mod options;
mod pipe;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use config::Config;
use fib::{Address, KernelEvent, Route};
use speaker::{Dial, Event, Identity, Speaker};

use crate::dice::Dice;
use crate::kernel::FakeKernel;
use crate::peer::{Peer, PeerHandle, PeerScript};
use agenda::{Agenda, Due};
use node::Node;
use pipe::{Pipe, PipeId};

pub use options::{Costs, Options};

/// Names a node of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// A connection that is asked for.
#[derive(Debug)]
enum Knock {
    /// By a speaker.
    Node(NodeId, Dial),
    /// By a scripted peer, of this address.
    Peer(PeerHandle, IpAddr),
}

/// The network.
pub struct Net {
    options: Options,
    dice: Dice,
    start: Instant,
    now: Instant,
    agenda: Agenda,
    nodes: Vec<Node>,
    peers: Vec<Peer>,
    pipes: Vec<Option<Pipe>>,
    knocks: Vec<Option<Knock>>,
    /// Directions in which nothing gets through, not even a close.
    silent: Vec<(NodeId, NodeId)>,
}

/// Things done without the clock moving, after which a test has a loop.
const ROUNDS: usize = 100_000_000;

impl Net {
    /// An empty and perfect network that delivers octets in pieces of at most `chunk`.
    pub fn new(chunk: usize) -> Self {
        Net::with(Options {
            chunk,
            ..Options::default()
        })
    }

    /// An empty network that behaves like this.
    pub fn with(options: Options) -> Self {
        let start = Instant::now();
        Net {
            dice: Dice::new(options.seed),
            options,
            start,
            now: start,
            agenda: Agenda::default(),
            nodes: Vec::new(),
            peers: Vec::new(),
            pipes: Vec::new(),
            knocks: Vec::new(),
            silent: Vec::new(),
        }
    }

    /// Adds a node that listens on these addresses and starts it. A kernel comes with it if the
    /// configuration asks for one; sessions then begin when it has been read, as in the daemon.
    pub fn add(&mut self, config: Config, addresses: &[(IpAddr, wire::Prefix)]) -> NodeId {
        let id = NodeId(self.nodes.len());
        let node_address = addresses.iter().find_map(|(address, _)| match address {
            IpAddr::V4(v4) => Some(*v4),
            IpAddr::V6(_) => None,
        });
        let kernel = config
            .kernel
            .is_some()
            .then(|| FakeKernel::with_addresses(addresses.to_vec()));
        let identity = Identity::of(&config, node_address);
        let port = config.listen.as_ref().map(|listen| listen.port);
        let seed = self.options.seed ^ id.0 as u64;
        let mut speaker = Speaker::new(self.now, config, identity, seed);
        if kernel.is_none() {
            speaker.start(self.now);
        }
        let addresses = addresses.iter().map(|(address, _)| *address).collect();
        self.nodes
            .push(Node::new(speaker, addresses, port, kernel, self.now));
        self.kick(id);
        id
    }

    /// Adds a scripted peer. It does nothing before [`Net::connect`].
    pub fn add_peer(&mut self, script: PeerScript) -> PeerHandle {
        self.peers.push(Peer::new(script));
        PeerHandle(self.peers.len() - 1)
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time since the network was made.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// A node's speaker.
    pub fn speaker(&self, id: NodeId) -> &Speaker {
        &self.nodes[id.0].speaker
    }

    /// A scripted peer.
    pub fn peer(&self, peer: PeerHandle) -> &Peer {
        &self.peers[peer.0]
    }

    /// A node's speaker, to ask something of it.
    pub fn ask<R>(&mut self, id: NodeId, ask: impl FnOnce(&mut Speaker, Instant) -> R) -> R {
        let answer = ask(&mut self.nodes[id.0].speaker, self.now);
        self.kick(id);
        answer
    }

    /// Shows the speaker of a node to `observer` after each thing that it did.
    pub fn observe(&mut self, id: NodeId, observer: impl FnMut(&Speaker) + 'static) {
        self.nodes[id.0].observer = Some(Box::new(observer));
    }

    /// How long a node has worked.
    pub fn worked(&self, id: NodeId) -> Duration {
        self.nodes[id.0].worked
    }

    /// Nothing is on its way, waits to be written or read, or waits for a node to have time. Timers may still be to come.
    pub fn is_quiet(&self) -> bool {
        let pipes = self.pipes.iter().flatten();
        pipes.into_iter().all(Pipe::is_quiet)
            && self.knocks.iter().all(Option::is_none)
            && self.nodes.iter().all(|node| !node.is_up || node.is_idle())
    }

    /// A node's kernel.
    ///
    /// # Panics
    /// If the node has none.
    pub fn kernel(&self, id: NodeId) -> &FakeKernel {
        self.nodes[id.0]
            .kernel
            .as_ref()
            .expect("the node has a kernel")
    }

    /// What a node told so far.
    pub fn events(&self, id: NodeId) -> &[Event] {
        &self.nodes[id.0].events
    }

    /// Puts a route into a node's kernel behind its back, as a former run would have left it.
    ///
    /// # Panics
    /// If the node has no kernel.
    pub fn leave_route(&mut self, id: NodeId, route: Route) {
        self.kernel_mut(id).leave(route);
    }

    /// A node's interface gets or loses an address.
    ///
    /// # Panics
    /// If the node has no kernel.
    pub fn change_address(&mut self, id: NodeId, address: (IpAddr, wire::Prefix), added: bool) {
        let address: Address = self.kernel_mut(id).change_address(address, added);
        let event = KernelEvent::Address { address, added };
        self.ask(id, |speaker, now| speaker.on_kernel(now, event));
    }

    /// A node's interface loses or regains its carrier.
    ///
    /// # Panics
    /// If the node has no kernel.
    pub fn change_carrier(&mut self, id: NodeId, carrier: bool) {
        let link = self.kernel_mut(id).change_carrier(carrier);
        self.ask(id, |speaker, now| {
            speaker.on_kernel(now, KernelEvent::Link(link));
        });
    }

    fn kernel_mut(&mut self, id: NodeId) -> &mut FakeKernel {
        self.nodes[id.0]
            .kernel
            .as_mut()
            .expect("the node has a kernel")
    }

    /// Runs until `done` holds; false if `limit` of virtual time passes first.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Net) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            match self.agenda.next() {
                Some(at) if at <= end => self.now = self.now.max(at),
                Some(_) | None => {
                    self.now = end;
                    self.settle();
                    return done(self);
                }
            }
        }
    }

    /// Lets virtual time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Does all that is due at this instant.
    fn settle(&mut self) {
        for _ in 0..ROUNDS {
            let Some(due) = self.agenda.pop(self.now) else {
                return;
            };
            match due {
                Due::Node(id) => self.turn(id),
                Due::Peer(peer) => self.wake_peer(peer),
                Due::Arrival(pipe, side) => self.arrive(pipe, side),
                Due::Knock(knock) => self.knock(knock),
            }
        }
        panic!("the network does not come to rest at {:?}", self.elapsed());
    }

    /// A time that octets take.
    fn latency(&mut self) -> Duration {
        let [least, most] = self.options.latency;
        let spread = u64::try_from((most - least).as_micros()).unwrap_or(0);
        least + Duration::from_micros(self.dice.below(spread + 1))
    }

    fn pipe(&mut self, id: PipeId) -> Option<&mut Pipe> {
        self.pipes.get_mut(id)?.as_mut()
    }
}
