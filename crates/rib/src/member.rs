//! A receiver of routes: its places in the logs of its group, and how messages are handed to it.
//!
//! A member reads its snapshot stream first and the log behind it, so that whatever the snapshot says is written before
//! the log can say something newer (engine rule 7). A message goes to it as it is, except an announcement of routes
//! that it may not have: that is left out, or, where the member may have such a route in an older form, written as the
//! withdrawal of its routes (rule 4).
//!
//! RFC 4456 section 8 (never back to the originator), RFC 4271 section 5.1.3 (never to the next hop), RFC 4724
//! section 2 (End-of-RIB, once for each family).

use bytes::{Bytes, BytesMut};
use wire::{EncodeContext, Families, NextHop};

use crate::group::{Group, WalkPlace};
use crate::ids::{PeerId, ReceiverIdentity};
use crate::log::{Kind, Log, Message, Place};
use crate::transform;

/// The walk of a member that has joined or asked for a refresh.
#[derive(Debug)]
pub(crate) struct Sync {
    /// Where the walk ends for this member.
    pub(crate) end: WalkPlace,
    /// Place in the group's snapshot stream.
    pub(crate) place: Place,
    /// The message behind the last one of this walk, once the walk has come to its end.
    pub(crate) stop: Option<u64>,
    /// Families that the member wants.
    pub(crate) families: Families,
}

/// When a member is sent End-of-RIB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndOfRib {
    /// When the group has pulled all that there was at the join.
    AwaitsPull {
        /// The version of the list at the join.
        version: u64,
    },
    /// When the member has read the log up to this message, and its walk has ended.
    At(u64),
    /// It was sent.
    Sent,
}

/// What a member's writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// There was nothing more to read when it last looked.
    Idle,
    /// It stands in the queue of those that have something to read.
    Queued,
    /// It was told, and reads until nothing comes.
    Told,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) group: u32,
    pub(crate) identity: ReceiverIdentity,
    pub(crate) place: Place,
    pub(crate) sync: Option<Sync>,
    pub(crate) end_of_rib: EndOfRib,
    pub(crate) wake: Wake,
}

/// What is handed to a writer: slices of whole messages, up to a size.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    pub(crate) slices: &'a mut Vec<Bytes>,
    pub(crate) size: usize,
    pub(crate) max: usize,
}

impl Output<'_> {
    fn push(&mut self, bytes: Bytes) {
        self.size += bytes.len();
        self.slices.push(bytes);
    }

    /// At least one message is always let through.
    fn has_room(&self, len: usize) -> bool {
        self.size == 0 || self.size + len <= self.max
    }
}

/// Who reads, for one log.
struct Reader<'a> {
    peer: PeerId,
    identity: &'a ReceiverIdentity,
    families: Families,
    encode: &'a EncodeContext,
}

/// Consecutive messages that go out as one slice.
struct Run {
    first: Message,
    last: Message,
    size: usize,
}

impl Reader<'_> {
    fn is_excluded(&self, message: &Message) -> bool {
        let tags = &message.tags;
        let next_hop = NextHop::from(tags.next_hop);
        let identity = self.identity;
        transform::deliverable(tags.source, tags.originator, &next_hop, self.peer, identity)
            .is_err()
    }

    /// Reads from a log up to message `stop`, or until there is no more room.
    fn read(&self, log: &mut Log, place: &mut Place, stop: u64, out: &mut Output<'_>) {
        let mut number = place.message();
        let mut run: Option<Run> = None;
        while number < stop {
            let Some(message) = log.message(number).copied() else {
                break;
            };
            let pending = run.as_ref().map_or(0, |run| run.size);
            if pending > 0 && out.size + pending + message.len() > out.max
                || !out.has_room(message.len())
            {
                break;
            }
            number += 1;
            if !self.families.contains(message.family) {
                continue;
            }
            if message.kind != Kind::Withdraw && self.is_excluded(&message) {
                if message.kind == Kind::Replace {
                    flush(log, &mut run, out);
                    self.write_withdrawal(log, &message, out);
                }
                continue;
            }
            match &mut run {
                Some(run) if run.last.is_followed_by(&message) => {
                    run.last = message;
                    run.size += message.len();
                }
                Some(_) | None => {
                    flush(log, &mut run, out);
                    run = Some(Run {
                        first: message,
                        last: message,
                        size: message.len(),
                    });
                }
            }
        }
        flush(log, &mut run, out);
        log.advance(place, number);
    }

    /// Writes the withdrawal of all routes of an announcement.
    fn write_withdrawal(&self, log: &Log, message: &Message, out: &mut Output<'_>) {
        let bytes = log.bytes(message, message);
        let add_path = self.encode.add_path.contains(message.family);
        let block = wire::nlri_of_message(&bytes, message.family, add_path);
        let mut rest = block.iter().peekable();
        let mut buffer = BytesMut::with_capacity(message.len());
        while wire::encode_withdraw(&mut buffer, message.family, &mut rest, self.encode) > 0 {}
        out.push(buffer.freeze());
    }
}

fn flush(log: &Log, run: &mut Option<Run>, out: &mut Output<'_>) {
    if let Some(run) = run.take() {
        out.push(log.bytes(&run.first, &run.last));
    }
}

impl Member {
    /// Joins a group with an empty table: begins with the group's image, which holds the state at one point of the log,
    /// and goes on with the log from there (engine rules 6 and 8).
    pub(crate) fn join(
        peer: PeerId,
        identity: ReceiverIdentity,
        index: u32,
        group: &mut Group,
        latest: u64,
    ) -> Member {
        let image = group.begin_image();
        group.log.merge_small();
        let mut member = Member {
            group: index,
            identity,
            place: group.log.enter_at_pin(),
            sync: Some(Sync {
                end: image.end,
                place: group.snapshot.enter_at_pin(),
                stop: image.stop,
                families: group.settings.families,
            }),
            end_of_rib: EndOfRib::At(group.log.tail()),
            wake: Wake::Idle,
        };
        group.members.push(peer);
        if group.cursor.version() < latest {
            member.end_of_rib = EndOfRib::AwaitsPull { version: latest };
            group.awaiting.push(peer);
        }
        if image.stop.is_none() {
            group.walk_families = group.settings.families;
            group.syncing.push(peer);
        }
        member.end_walk(group);
        member
    }

    /// Starts the walk over all destinations from where the group's walk stands, or makes the present one go on for a
    /// whole lap.
    pub(crate) fn start_walk(&mut self, peer: PeerId, group: &mut Group, families: Families) {
        let end = group.walk.lap_later();
        group.walk_families = group.walk_families | families;
        let walking = self.sync.as_ref().is_some_and(|sync| sync.stop.is_none());
        match &mut self.sync {
            Some(sync) => {
                sync.end = end;
                sync.stop = None;
                sync.families = sync.families | families;
            }
            None => {
                self.sync = Some(Sync {
                    end,
                    place: group.snapshot.enter(),
                    stop: None,
                    families,
                });
            }
        }
        if !walking {
            group.syncing.push(peer);
        }
    }

    /// Leaves the group.
    pub(crate) fn leave(self, peer: PeerId, group: &mut Group) {
        group.log.exit(self.place);
        if let Some(sync) = self.sync {
            group.snapshot.exit(sync.place);
        }
        for list in [&mut group.members, &mut group.syncing, &mut group.awaiting] {
            if let Some(index) = list.iter().position(|other| *other == peer) {
                list.swap_remove(index);
            }
        }
        group.note_walk();
    }

    /// Ends the walk if everything of it was read.
    pub(crate) fn end_walk(&mut self, group: &mut Group) {
        let ended = self
            .sync
            .as_ref()
            .is_some_and(|sync| sync.stop.is_some_and(|stop| sync.place.message() >= stop));
        if ended && let Some(sync) = self.sync.take() {
            group.snapshot.exit(sync.place);
        }
    }

    fn is_end_of_rib_due(&self) -> bool {
        let reached = matches!(self.end_of_rib, EndOfRib::At(at) if self.place.message() >= at);
        reached && self.sync.is_none()
    }

    /// True if [`Member::fill`] would give something, or at least move on.
    pub(crate) fn is_readable(&self, group: &Group) -> bool {
        match &self.sync {
            Some(sync) if sync.place.message() < sync.unread_end(group) => true,
            Some(_) | None => self.place.message() < group.log.tail() || self.is_end_of_rib_due(),
        }
    }

    /// Hands out messages: of the snapshot first, then of the log, then End-of-RIB when it is due.
    pub(crate) fn fill(&mut self, peer: PeerId, group: &mut Group, out: &mut Output<'_>) {
        let mut reader = Reader {
            peer,
            identity: &self.identity,
            families: group.settings.families,
            encode: &group.settings.encode,
        };
        if let Some(sync) = &mut self.sync {
            let stop = sync.unread_end(group);
            let families = reader.families;
            reader.families = sync.families;
            reader.read(&mut group.snapshot, &mut sync.place, stop, out);
            reader.families = families;
            if sync.place.message() < stop {
                return;
            }
        }
        let tail = group.log.tail();
        reader.read(&mut group.log, &mut self.place, tail, out);
        self.end_walk(group);
        if self.is_end_of_rib_due() {
            self.end_of_rib = EndOfRib::Sent;
            for family in group.settings.families.iter() {
                out.push(wire::end_of_rib(family));
            }
        }
    }
}

impl Sync {
    /// The message behind the last one that there is to read now.
    fn unread_end(&self, group: &Group) -> u64 {
        self.stop.unwrap_or(group.snapshot.tail())
    }
}
