//! Nodes, pipes and the clock.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use config::Config;
use fib::{Address, KernelEvent, Route};
use speaker::{Admission, CloseCause, ConnId, Dial, Effect, Event, Identity, Sending, Speaker};

use crate::kernel::FakeKernel;

/// Names a node of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);

struct Node {
    speaker: Speaker,
    addresses: Vec<IpAddr>,
    /// The port it listens on.
    port: Option<u16>,
    kernel: Option<FakeKernel>,
    events: Vec<Event>,
    up: bool,
}

/// One end of a connection.
type End = (NodeId, ConnId);

/// The network.
pub struct Net {
    start: Instant,
    now: Instant,
    nodes: Vec<Node>,
    /// The other end of each end.
    pipes: HashMap<End, End>,
    /// Directions in which nothing gets through, not even a close.
    silent: HashSet<(NodeId, NodeId)>,
    /// Octets given to a receiver at once; small values exercise reassembly.
    chunk: usize,
}

/// Rounds without the clock moving, after which a test has a loop.
const ROUNDS: usize = 1_000_000;

impl Net {
    /// An empty network that delivers octets in pieces of at most `chunk`.
    pub fn new(chunk: usize) -> Self {
        let start = Instant::now();
        Net {
            start,
            now: start,
            nodes: Vec::new(),
            pipes: HashMap::new(),
            silent: HashSet::new(),
            chunk,
        }
    }

    /// Adds a node that listens on these addresses and starts it. A kernel comes with it if the
    /// configuration asks for one.
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
        let mut speaker = Speaker::new(self.now, config, identity, id.0 as u64);
        speaker.start(self.now);
        let addresses = addresses.iter().map(|(address, _)| *address).collect();
        self.nodes.push(Node {
            speaker,
            addresses,
            port,
            kernel,
            events: Vec::new(),
            up: true,
        });
        id
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

    /// A node's speaker, to ask something of it.
    pub fn ask<R>(&mut self, id: NodeId, ask: impl FnOnce(&mut Speaker, Instant) -> R) -> R {
        ask(&mut self.nodes[id.0].speaker, self.now)
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

    /// Takes a node off the network: its connections break and nobody can reach it.
    pub fn unplug(&mut self, id: NodeId) {
        self.nodes[id.0].up = false;
        let broken: Vec<_> = self
            .pipes
            .iter()
            .filter(|(end, _)| end.0 == id)
            .map(|(a, b)| (*a, *b))
            .collect();
        for (near, far) in broken {
            self.pipes.remove(&near);
            self.pipes.remove(&far);
            for (node, conn) in [near, far] {
                self.nodes[node.0]
                    .speaker
                    .on_closed(self.now, conn, CloseCause::Eof);
            }
        }
    }

    /// From now on nothing gets from one node to the other: octets wait at the sender, a close is
    /// not noticed, and no connection is made in either direction.
    pub fn silence(&mut self, from: NodeId, to: NodeId) {
        self.silent.insert((from, to));
    }

    /// Ends a silence; what waited is delivered.
    pub fn hear(&mut self, from: NodeId, to: NodeId) {
        self.silent.remove(&(from, to));
        let waiting: Vec<End> = self
            .pipes
            .iter()
            .filter(|(near, far)| near.0 == from && far.0 == to)
            .map(|(near, _)| *near)
            .collect();
        for near in waiting {
            self.transfer(near);
        }
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
            let next = self
                .nodes
                .iter()
                .filter(|node| node.up)
                .filter_map(|node| node.speaker.next_deadline())
                .min();
            match next {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => {
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

    /// Works until nobody has anything to do at this instant.
    fn settle(&mut self) {
        for _ in 0..ROUNDS {
            let mut busy = false;
            for index in 0..self.nodes.len() {
                busy |= self.nodes[index].up && self.step(NodeId(index));
            }
            if !busy {
                return;
            }
        }
        panic!("the network does not come to rest at {:?}", self.elapsed());
    }

    fn step(&mut self, id: NodeId) -> bool {
        let now = self.now;
        let node = &mut self.nodes[id.0];
        let mut busy = node.speaker.run(now);
        if let Some(kernel) = &mut node.kernel {
            node.speaker.drive_kernel(now, kernel);
            while let Some(report) = kernel.report() {
                node.speaker.on_kernel(now, report);
                busy = true;
            }
        }
        node.events
            .extend(std::iter::from_fn(|| node.speaker.poll_event()));
        let effects: Vec<Effect> = std::iter::from_fn(|| node.speaker.poll_effect()).collect();
        for effect in effects {
            busy = true;
            match effect {
                Effect::Dial(dial) => self.dial(id, &dial),
                Effect::Writable(conn) => self.transfer((id, conn)),
                Effect::Close { conn, last } => self.close((id, conn), last),
            }
        }
        busy
    }

    fn dial(&mut self, from: NodeId, dial: &Dial) {
        let target = self.nodes.iter().position(|node| {
            node.up
                && node.port == Some(dial.remote.port())
                && node.addresses.contains(&dial.remote.ip())
        });
        let source = dial.local.or_else(|| {
            self.nodes[from.0]
                .addresses
                .iter()
                .copied()
                .find(|own| own.is_ipv4() == dial.remote.is_ipv4())
        });
        let (Some(target), Some(source)) = (target, source) else {
            let refused = std::io::ErrorKind::ConnectionRefused;
            return self.nodes[from.0]
                .speaker
                .on_connect_failed(self.now, dial.conn, refused);
        };
        let towards = NodeId(target);
        if self.silent.contains(&(from, towards)) || self.silent.contains(&(towards, from)) {
            return;
        }
        let local = SocketAddr::new(source, 40_000);
        match self.nodes[target]
            .speaker
            .on_accepted(self.now, dial.remote, local)
        {
            Admission::Accepted { conn, .. } => {
                let (near, far) = ((from, dial.conn), (NodeId(target), conn));
                self.pipes.insert(near, far);
                self.pipes.insert(far, near);
                self.nodes[from.0]
                    .speaker
                    .on_connected(self.now, dial.conn, local, dial.remote);
            }
            Admission::Refused(message) => {
                let speaker = &mut self.nodes[from.0].speaker;
                speaker.on_connected(self.now, dial.conn, local, dial.remote);
                if let Some(message) = message {
                    speaker.on_bytes(self.now, dial.conn, &message);
                }
                speaker.on_closed(self.now, dial.conn, CloseCause::Eof);
            }
        }
    }

    /// Moves everything an end has to send to the other end.
    fn transfer(&mut self, near: End) {
        let Some(&far) = self.pipes.get(&near) else {
            return;
        };
        if self.silent.contains(&(near.0, far.0)) {
            return self.tell_sending(near, Sending::Nothing);
        }
        loop {
            let mut taken = Vec::new();
            self.nodes[near.0.0]
                .speaker
                .fill(self.now, near.1, &mut taken, 64 * 1024);
            if taken.is_empty() {
                return self.tell_sending(near, Sending::All);
            }
            self.deliver(far, &taken);
        }
    }

    fn tell_sending(&mut self, near: End, sending: Sending) {
        self.nodes[near.0.0]
            .speaker
            .on_sending(self.now, near.1, sending);
    }

    fn deliver(&mut self, to: End, messages: &[Bytes]) {
        for message in messages {
            for piece in message.chunks(self.chunk) {
                self.nodes[to.0.0].speaker.on_bytes(self.now, to.1, piece);
            }
        }
    }

    fn close(&mut self, near: End, last: Vec<Bytes>) {
        let Some(far) = self.pipes.remove(&near) else {
            return;
        };
        if self.silent.contains(&(near.0, far.0)) {
            return;
        }
        self.deliver(far, &last);
        if self.pipes.remove(&far).is_some() {
            self.nodes[far.0.0]
                .speaker
                .on_closed(self.now, far.1, CloseCause::Eof);
        }
    }
}
