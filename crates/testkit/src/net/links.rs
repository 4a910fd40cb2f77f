//! What goes on between the ends: connecting, delivery, closing, and trouble of every kind.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use speaker::{Admission, CloseCause, ConnId};

use super::agenda::Due;
use super::pipe::{End, Pipe, PipeId, Side};
use super::{Knock, Net, NodeId};
use crate::octets;
use crate::peer::{PeerEnd, PeerHandle, Wants};

impl Net {
    /// Takes a node off the network: its connections break and nobody can reach it.
    pub fn unplug(&mut self, id: NodeId) {
        self.nodes[id.0].is_up = false;
        let ends: Vec<PipeId> = self.nodes[id.0]
            .ends
            .values()
            .map(|(pipe, _)| *pipe)
            .collect();
        for pipe in ends {
            for side in [0, 1] {
                self.hear_end(pipe, side, CloseCause::Eof);
            }
        }
    }

    /// From now on nothing gets from one node to the other: octets wait at the sender, a close is
    /// not noticed, and no connection is made in either direction.
    pub fn silence(&mut self, from: NodeId, to: NodeId) {
        self.silent.push((from, to));
    }

    /// Ends a silence; what waited is delivered.
    pub fn hear(&mut self, from: NodeId, to: NodeId) {
        self.silent.retain(|pair| *pair != (from, to));
        let ends: Vec<(PipeId, usize)> = self.nodes[from.0].ends.values().copied().collect();
        for (pipe, side) in ends {
            self.queue_write(from, pipe, side);
        }
    }

    /// All connections between two nodes break: both ends are told at once, and what was on its way is lost.
    pub fn sever(&mut self, one: NodeId, other: NodeId) {
        let ends: Vec<PipeId> = self.nodes[one.0]
            .ends
            .values()
            .map(|(pipe, _)| *pipe)
            .collect();
        let cause = CloseCause::Error(std::io::ErrorKind::ConnectionReset);
        for pipe in ends {
            let is_between = self.pipe(pipe).is_some_and(|pipe| {
                let mut sides = pipe.sides.iter();
                sides.any(|side| matches!(side.end, End::Node(id, _) if id == other))
            });
            for side in [0, 1] {
                if is_between {
                    self.hear_end(pipe, side, cause);
                }
            }
        }
    }

    /// Connections that at least one end has not closed.
    pub fn connections(&self) -> usize {
        self.pipes.iter().flatten().count()
    }

    /// A scripted peer connects to the node of this address. What it was connected to before breaks.
    pub fn connect(&mut self, peer: PeerHandle, to: IpAddr) {
        self.cut(peer);
        self.ask_in(Knock::Peer(peer, to));
    }

    /// The connection of a scripted peer breaks: both ends are told at once, and what was on its way is lost.
    pub fn cut(&mut self, peer: PeerHandle) {
        if let Some(talk) = &self.peers[peer.0].talk {
            let (pipe, side) = (talk.pipe, talk.side);
            let cause = CloseCause::Error(std::io::ErrorKind::ConnectionReset);
            self.hear_end(pipe, 1 - side, cause);
            self.hear_end(pipe, side, cause);
        }
    }

    /// A scripted peer closes in good order, behind what it has said.
    pub fn hang_up(&mut self, peer: PeerHandle) {
        self.end_talk(peer, PeerEnd::Cut, Vec::new());
    }

    /// A scripted peer stops reading. It goes on to say what it has to, KEEPALIVEs too.
    pub fn stall(&mut self, peer: PeerHandle) {
        self.peers[peer.0].is_stalled = true;
    }

    /// A scripted peer reads again.
    pub fn resume(&mut self, peer: PeerHandle) {
        self.peers[peer.0].resume(self.now);
        self.peer_reads(peer);
        self.schedule_peer(peer);
    }

    /// A scripted peer says these octets. False if it is not connected.
    pub fn say(&mut self, peer: PeerHandle, octets: Vec<u8>) -> bool {
        let Some(talk) = &self.peers[peer.0].talk else {
            return false;
        };
        let (pipe, side) = (talk.pipe, talk.side);
        let pending = self.pipe(pipe).map(|pipe| &mut pipe.sides[side].pending);
        let mut pending = pending.map(std::mem::take).unwrap_or_default();
        if !octets.is_empty() {
            pending.push_back(Bytes::from(octets));
        }
        self.put(pipe, side, pending);
        true
    }

    /// A scripted peer asks for all routes of IPv4 or IPv6 once more. False if it is not connected.
    pub fn refresh(&mut self, peer: PeerHandle, is_v6: bool) -> bool {
        self.peers[peer.0].refreshes();
        self.say(peer, octets::refresh(is_v6))
    }

    /// Octets that a scripted peer has said and that are not on their way yet.
    pub fn unsaid(&self, peer: PeerHandle) -> usize {
        let talk = self.peers[peer.0].talk.as_ref();
        let pipe = talk.and_then(|talk| Some((self.pipes[talk.pipe].as_ref()?, talk.side)));
        pipe.map_or(0, |(pipe, side)| {
            pipe.sides[side].pending.iter().map(Bytes::len).sum()
        })
    }

    /// Asks for a connection; the question arrives later.
    pub(super) fn ask_in(&mut self, knock: Knock) {
        let at = self.now + self.latency();
        self.agenda.note(at, Due::Knock(self.knocks.len()));
        self.knocks.push(Some(knock));
    }

    /// The question arrives.
    pub(super) fn knock(&mut self, index: usize) {
        let Some(knock) = self.knocks[index].take() else {
            return;
        };
        let (remote, source) = match &knock {
            Knock::Node(from, dial) => {
                if !self.nodes[from.0].dialing.contains(&dial.conn) {
                    return;
                }
                let own = self.nodes[from.0].addresses.iter().copied();
                let mut own = own.filter(|own| own.is_ipv4() == dial.remote.is_ipv4());
                (dial.remote, dial.local.or_else(|| own.next()))
            }
            Knock::Peer(peer, to) => {
                if self.peers[peer.0].talk.is_some() {
                    return;
                }
                let own = self.peers[peer.0].script.address;
                (SocketAddr::new(*to, 179), Some(IpAddr::V4(own)))
            }
        };
        let target = self.nodes.iter().position(|node| {
            node.is_up && node.port == Some(remote.port()) && node.addresses.contains(&remote.ip())
        });
        let (Some(target), Some(source)) = (target, source) else {
            return self.refuse(&knock);
        };
        let target = NodeId(target);
        if let Knock::Node(from, _) = &knock
            && (self.silent.contains(&(*from, target)) || self.silent.contains(&(target, *from)))
        {
            return;
        }
        if self.nodes[target.0].busy > self.now {
            // It accepts when it is done with what it does.
            self.agenda
                .note(self.nodes[target.0].busy, Due::Knock(index));
            self.knocks[index] = Some(knock);
            return;
        }
        let from = SocketAddr::new(source, 40_000);
        let answer = self.ask(target, |speaker, now| {
            speaker.on_accepted(now, remote, from)
        });
        match answer {
            Admission::Accepted { conn, .. } => self.join(&knock, from, remote, target, conn),
            Admission::Refused(message) => self.turn_away(&knock, from, remote, message),
        }
    }

    fn refuse(&mut self, knock: &Knock) {
        if let Knock::Node(from, dial) = knock {
            self.nodes[from.0].dialing.remove(&dial.conn);
            let refused = std::io::ErrorKind::ConnectionRefused;
            self.ask(*from, |speaker, now| {
                speaker.on_connect_failed(now, dial.conn, refused);
            });
        }
    }

    fn join(
        &mut self,
        knock: &Knock,
        local: SocketAddr,
        remote: SocketAddr,
        target: NodeId,
        conn: ConnId,
    ) {
        let pipe = self.pipes.len();
        let near = match knock {
            Knock::Node(from, dial) => End::Node(*from, dial.conn),
            Knock::Peer(peer, _) => End::Peer(*peer),
        };
        let sides = [near, End::Node(target, conn)].map(|end| Side::new(end, self.now));
        self.pipes.push(Some(Pipe { sides }));
        self.nodes[target.0].ends.insert(conn, (pipe, 1));
        self.queue_write(target, pipe, 1);
        match knock {
            Knock::Node(from, dial) => {
                self.nodes[from.0].dialing.remove(&dial.conn);
                self.nodes[from.0].ends.insert(dial.conn, (pipe, 0));
                self.ask(*from, |speaker, now| {
                    speaker.on_connected(now, dial.conn, local, remote);
                });
            }
            Knock::Peer(peer, _) => {
                let hello = self.peers[peer.0].connected(self.now, pipe, 0);
                self.say(*peer, hello);
                self.schedule_peer(*peer);
            }
        }
    }

    fn turn_away(
        &mut self,
        knock: &Knock,
        local: SocketAddr,
        remote: SocketAddr,
        message: Option<Bytes>,
    ) {
        if let Knock::Node(from, dial) = knock {
            self.nodes[from.0].dialing.remove(&dial.conn);
            self.ask(*from, |speaker, now| {
                speaker.on_connected(now, dial.conn, local, remote);
                if let Some(message) = message {
                    speaker.on_bytes(now, dial.conn, &message);
                }
                speaker.on_closed(now, dial.conn, CloseCause::Eof);
            });
        }
    }

    /// Whether nothing gets through that this side writes.
    pub(super) fn is_silent(&self, pipe: PipeId, side: usize) -> bool {
        let Some(pipe) = self.pipes[pipe].as_ref() else {
            return true;
        };
        match (pipe.sides[side].end, pipe.sides[1 - side].end) {
            (End::Node(from, _), End::Node(to, _)) => self.silent.contains(&(from, to)),
            (End::Node(..) | End::Peer(_), End::Node(..) | End::Peer(_)) => false,
        }
    }

    /// Puts what is pending at an end on its way, as far as there is room. How many octets are left.
    pub(super) fn put(&mut self, pipe: PipeId, side: usize, mut pending: VecDeque<Bytes>) -> usize {
        let (now, window, latency) = (self.now, self.options.window, self.latency());
        let Some(end) = self.pipe(pipe).map(|pipe| &mut pipe.sides[side]) else {
            return 0;
        };
        let arrives = end.out.write(&mut pending, window, now, latency);
        let left = pending.iter().map(Bytes::len).sum();
        end.pending = pending;
        if let Some(at) = arrives {
            self.agenda.note(at, Due::Arrival(pipe, 1 - side));
        }
        left
    }

    /// The other end has read: what waited for room goes on.
    pub(super) fn room(&mut self, pipe: PipeId, side: usize) {
        let Some(end) = self.pipe(pipe).map(|pipe| &mut pipe.sides[side]) else {
            return;
        };
        if end.pending.is_empty() || !end.is_open {
            return;
        }
        match end.end {
            End::Node(id, _) => self.queue_write(id, pipe, side),
            End::Peer(peer) => {
                self.say(peer, Vec::new());
            }
        }
    }

    /// Octets, or the end, arrive at this side.
    pub(super) fn arrive(&mut self, pipe: PipeId, side: usize) {
        let now = self.now;
        let Some(ends) = self.pipe(pipe) else { return };
        ends.sides[1 - side].out.arrive(now);
        let end = &ends.sides[side];
        if !end.is_open {
            // It closed unheard: whoever still writes to it is told so.
            if !end.out.is_closing() {
                let cause = CloseCause::Error(std::io::ErrorKind::ConnectionReset);
                self.hear_end(pipe, 1 - side, cause);
            }
            return;
        }
        match end.end {
            End::Node(id, _) => self.queue_read(id, pipe, side),
            End::Peer(peer) => self.peer_reads(peer),
        }
    }

    /// An end closes, with last words.
    pub(super) fn close(&mut self, pipe: PipeId, side: usize, last: Vec<Bytes>) {
        let is_silent = self.is_silent(pipe, side);
        let (now, latency) = (self.now, self.latency());
        let Some(ends) = self.pipe(pipe) else { return };
        let end = &mut ends.sides[side];
        end.is_open = false;
        if !is_silent {
            let mut pending = std::mem::take(&mut end.pending);
            pending.extend(last);
            let _ = end.out.write(&mut pending, usize::MAX, now, latency);
            let at = end.out.close(now, latency);
            self.agenda.note(at, Due::Arrival(pipe, 1 - side));
        }
        self.forget(pipe);
    }

    /// An end is told that the connection is over.
    pub(super) fn hear_end(&mut self, pipe: PipeId, side: usize, cause: CloseCause) {
        let Some(ends) = self.pipe(pipe) else { return };
        let end = &mut ends.sides[side];
        if !std::mem::replace(&mut end.is_open, false) {
            return;
        }
        match end.end {
            End::Node(id, conn) => {
                self.nodes[id.0].ends.remove(&conn);
                self.ask(id, |speaker, now| speaker.on_closed(now, conn, cause));
            }
            End::Peer(peer) => self.peers[peer.0].closed(match cause {
                CloseCause::Eof => PeerEnd::Closed,
                _ => PeerEnd::Cut,
            }),
        }
        // The other end may still have something on its way, which nobody will read.
        let (now, latency) = (self.now, self.options.latency[0]);
        if let Some(ends) = self.pipe(pipe) {
            let _ = ends.sides[side].out.close(now, latency);
        }
        self.forget(pipe);
    }

    fn forget(&mut self, pipe: PipeId) {
        if self
            .pipe(pipe)
            .is_some_and(|pipe| pipe.sides.iter().all(|side| !side.is_open))
        {
            self.pipes[pipe] = None;
        }
    }

    /// A scripted peer reads all that has arrived, unless it does not want to.
    fn peer_reads(&mut self, peer: PeerHandle) {
        let now = self.now;
        let Some(talk) = &self.peers[peer.0].talk else {
            return;
        };
        let (pipe, side) = (talk.pipe, talk.side);
        let mut taken = false;
        while !self.peers[peer.0].is_stalled {
            let Some(ends) = self.pipe(pipe) else { break };
            let flow = &mut ends.sides[1 - side].out;
            flow.arrive(now);
            let Some(piece) = flow.read(usize::MAX) else {
                if flow.is_at_end(now) {
                    self.hear_end(pipe, side, CloseCause::Eof);
                }
                break;
            };
            taken = true;
            let wants = self.peers[peer.0].hear(now, &piece);
            self.grant(peer, wants);
        }
        if taken {
            self.room(pipe, 1 - side);
        }
        self.schedule_peer(peer);
    }

    fn grant(&mut self, peer: PeerHandle, wants: Wants) {
        if let Some(why) = wants.end {
            return self.end_talk(peer, why, wants.say);
        }
        if !wants.say.is_empty() {
            self.say(peer, wants.say);
        }
    }

    fn end_talk(&mut self, peer: PeerHandle, why: PeerEnd, last: Vec<u8>) {
        let Some(talk) = &self.peers[peer.0].talk else {
            return;
        };
        let (pipe, side) = (talk.pipe, talk.side);
        self.peers[peer.0].closed(why);
        self.close(pipe, side, vec![Bytes::from(last)]);
    }

    pub(super) fn wake_peer(&mut self, peer: PeerHandle) {
        let now = self.now;
        if self.peers[peer.0].wakes.is_some_and(|at| at <= now) {
            self.peers[peer.0].wakes = None;
        }
        let wants = self.peers[peer.0].woken(now);
        self.grant(peer, wants);
        self.schedule_peer(peer);
    }

    fn schedule_peer(&mut self, handle: PeerHandle) {
        let peer = &mut self.peers[handle.0];
        let Some(at) = peer.next_deadline().map(|at| at.max(self.now)) else {
            return;
        };
        if peer.wakes.is_none_or(|wakes| at < wakes) {
            peer.wakes = Some(at);
            self.agenda.note(at, Due::Peer(handle));
        }
    }
}
