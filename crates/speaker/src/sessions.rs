//! What sessions ask for and report, carried out: connections opened and closed, a session's
//! routes brought in and out of the table with it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use rib::PeerId;
use session::{CloseCause, DownReason, Input, LastError, Output, Sending, Side, Unfit};
use wire::{CeaseSubcode, Notification};

use crate::Speaker;
use crate::effect::{Admission, ConnId, Dial, Effect, Guard};
use crate::event::Event;
use crate::peer::PeerSource;

impl Speaker {
    /// A connection asked for by `Effect::Dial` is open.
    pub fn on_connected(
        &mut self,
        now: Instant,
        conn: ConnId,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        if let Some(id) = self.conns.get(conn).map(|known| known.peer) {
            self.tell(now, id, Input::Connected { local, remote });
        }
    }

    /// A connection asked for by `Effect::Dial` could not be opened.
    pub fn on_connect_failed(&mut self, now: Instant, conn: ConnId, error: io::ErrorKind) {
        let Some(known) = self.conns.remove(conn) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(known.peer) {
            peer.set_conn(known.side, None);
        }
        self.tell(now, known.peer, Input::ConnectFailed(error));
    }

    /// The remote side closed the connection, or it broke.
    pub fn on_closed(&mut self, now: Instant, conn: ConnId, cause: CloseCause) {
        let Some(known) = self.conns.remove(conn) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(known.peer) {
            peer.set_conn(known.side, None);
        }
        self.tell(
            now,
            known.peer,
            Input::Closed {
                side: known.side,
                cause,
            },
        );
    }

    /// TCP took all, some or nothing of what [`Speaker::fill`] gave for a connection. Not called while all is always
    /// taken, the session does not mind.
    pub fn on_sending(&mut self, now: Instant, conn: ConnId, sending: Sending) {
        let Some(id) = self.conns.get(conn).map(|known| known.peer) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if peer.link.as_ref().is_some_and(|link| link.conn == conn) {
            peer.session.sending(now, sending);
            self.arm(id);
        }
    }

    /// What a connection that this address opens is held to, to be known before it says anything. Nothing, if nobody
    /// has the address.
    pub fn guard(&self, remote: IpAddr) -> Guard {
        let address = remote.to_canonical();
        let peer = self.peers.by_address(address);
        let peer = peer.and_then(|id| Some(self.peers.get(id)?.config()));
        let range = || {
            self.config
                .range_of(address)
                .map(config::DynamicRange::template)
        };
        peer.or_else(range).map(Guard::of).unwrap_or_default()
    }

    /// A connection that this address opened does not pass its guard and is closed.
    pub fn on_unfit(&mut self, now: Instant, remote: IpAddr, unfit: Unfit) {
        let address = remote.to_canonical();
        if let Some(id) = self.peers.by_address(address) {
            return self.tell(now, id, Input::Unfit(unfit));
        }
        if let Some(count) = self.admission.dynamic_lines.hit(now) {
            self.events.push(Event::AttemptFailed {
                peer: address.to_string(),
                address,
                reason: DownReason::Unfit(unfit),
                count,
            });
        }
    }

    /// Somebody connected to us.
    pub fn on_accepted(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Admission {
        let address = remote.ip().to_canonical();
        let known = self.peers.by_address(address);
        if known.is_none() && self.range_is_held(address) {
            return Admission::Refused(None);
        }
        let Some(id) = known.or_else(|| self.admit_dynamic(now, address)) else {
            self.note_stranger(now, address);
            let refusal = Notification::cease(CeaseSubcode::ConnectionRejected, "");
            return Admission::Refused(Some(refusal.encode()));
        };
        let Some(peer) = self.peers.get_mut(id) else {
            return Admission::Refused(None);
        };
        let ttl = Some(peer.config.sent_ttl());
        let conn = self.conns.open(id, Side::Incoming);
        self.admission.offered = Some(conn);
        self.tell(now, id, Input::Accepted { local, remote });
        self.admission.offered = None;
        match self.admission.refused.take() {
            Some(answer) => {
                self.forget_refused(id);
                Admission::Refused(answer)
            }
            None => Admission::Accepted { conn, ttl },
        }
    }

    /// Gives the session of a peer something that is no frame, and carries out what follows.
    pub(crate) fn tell(&mut self, now: Instant, id: PeerId, input: Input<'_>) {
        if let Some(peer) = self.peers.get_mut(id) {
            // Only a frame can be an UPDATE to decode.
            let _ = peer.session.handle(now, input);
        }
        self.settle(now, id);
    }

    /// Carries out everything the session of `id` asks for, and arms its timer.
    pub(crate) fn settle(&mut self, now: Instant, id: PeerId) {
        while let Some(output) = self.peers.get_mut(id).and_then(|peer| peer.session.poll()) {
            let visible = !matches!(
                output,
                Output::Send { .. }
                    | Output::Refresh { .. }
                    | Output::RefreshBegins { .. }
                    | Output::RefreshEnds { .. }
            );
            match output {
                Output::Connect => self.dial(id),
                Output::Abort => self.close(id, Side::Outgoing),
                Output::Send { side, bytes } => self.send(id, side, bytes),
                Output::Close { side } => self.close(id, side),
                Output::Adopt => self.adopt(id),
                Output::Refuse { notification } => self.refuse(notification),
                Output::Failed(error) => self.attempt_failed(now, id, error),
                Output::Up(negotiated) => self.session_up(now, id, negotiated),
                Output::Down(down) => self.session_down(now, id, down),
                Output::Refresh { family } => {
                    if let Some(family) = wire::Family::from_afi_safi(family) {
                        self.send_again(id, family);
                    }
                }
                Output::RefreshBegins { family } => self.refresh_begins(now, id, family),
                Output::RefreshEnds { family } => self.refresh_ends(id, family),
            }
            if visible {
                self.touch(id);
            }
        }
        self.forget_dynamic(id);
        self.arm(id);
    }

    pub(crate) fn arm(&mut self, id: PeerId) {
        let peer = self.peers.get(id);
        let session = peer.and_then(|peer| peer.session.next_deadline());
        let kept = peer.and_then(|peer| {
            let is_up = peer.link.is_some();
            peer.kept.map(|kept| kept.next_deadline(is_up))
        });
        let refresh = peer.and_then(|peer| peer.link.as_ref()?.refresh);
        let refresh = refresh.map(|refresh| refresh.until);
        let all = [session, kept, refresh].into_iter().flatten();
        self.timers.set(id, all.min());
    }

    fn dial(&mut self, id: PeerId) {
        let conn = self.conns.open(id, Side::Outgoing);
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        peer.outgoing = Some(conn);
        self.effects.push_back(Effect::Dial(Dial {
            conn,
            remote: SocketAddr::new(peer.config.address, peer.config.port),
            local: peer.config.local_address,
            ttl: Some(peer.config.sent_ttl()),
            guard: Guard::of(&peer.config),
        }));
    }

    pub(crate) fn send(&mut self, id: PeerId, side: Side, bytes: Bytes) {
        let Some(conn) = self.peers.get(id).and_then(|peer| peer.conn(side)) else {
            return;
        };
        if let Some(known) = self.conns.get_mut(conn)
            && known.say(bytes)
        {
            self.effects.push_back(Effect::Writable(conn));
        }
    }

    pub(crate) fn close(&mut self, id: PeerId, side: Side) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let Some(conn) = peer.conn(side) else { return };
        peer.set_conn(side, None);
        if let Some(known) = self.conns.remove(conn) {
            self.effects.push_back(Effect::Close {
                conn,
                last: known.control.into(),
            });
        }
    }

    fn adopt(&mut self, id: PeerId) {
        if let (Some(conn), Some(peer)) = (self.admission.offered, self.peers.get_mut(id)) {
            peer.incoming = Some(conn);
            peer.adopted = true;
        }
    }

    fn refuse(&mut self, notification: Option<Notification>) {
        if let Some(conn) = self.admission.offered.take() {
            self.conns.remove(conn);
            self.admission.refused = Some(notification.map(|message| message.encode()));
        }
    }

    fn attempt_failed(&mut self, now: Instant, id: PeerId, error: LastError) {
        let Speaker {
            peers, admission, ..
        } = self;
        let Some(peer) = peers.get_mut(id) else {
            return;
        };
        let lines = match peer.source {
            PeerSource::Dynamic { .. } => &mut admission.dynamic_lines,
            PeerSource::File | PeerSource::Api => &mut peer.attempt_lines,
        };
        if let Some(count) = lines.hit(now) {
            self.events.push(Event::AttemptFailed {
                peer: peer.config.name.clone(),
                address: peer.config.address,
                reason: error.reason,
                count,
            });
        }
    }
}
