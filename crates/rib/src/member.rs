//! A receiver of routes: its places in the logs of its group, and how messages are handed to it.
//!
//! A member reads its snapshot stream first and the log behind it, so that whatever the snapshot says is written before
//! the log can say something newer (engine rule 7). A message goes to it as it is, except an announcement of routes
//! that it may not have: that is left out, or, where the member may have such a route in an older form, written as the
//! withdrawal of its routes (rule 4). Who is too slow for the log reads by itself: see `alone`.
//!
//! RFC 4456 section 8 (never back to the originator), RFC 4271 section 5.1.3 (never to the next hop), RFC 4724
//! section 2 (End-of-RIB, once for each family), RFC 7313 section 4 (EoRR).

use bytes::{Bytes, BytesMut};
use wire::{EncodeContext, Families, Family, NextHop, RouteRefresh};

use crate::group::{Group, WalkPlace};
use crate::ids::{PeerId, ReceiverIdentity};
use crate::log::{Kind, Log, Message, Place};
use crate::transform;
use crate::versions::Cursor;

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

/// When a member is sent what ends its first table, End-of-RIB, or a refresh, EoRR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndOfRib {
    /// When the group has pulled all that there was at the end of the walk that is under way.
    AtWalkEnd,
    /// When the group has pulled all that there was at the join.
    AwaitsPull {
        /// The version of the list at the join.
        version: u64,
    },
    /// When the member has read the log up to this message, and its walk has ended.
    At(u64),
    /// When the member, which reads by itself, has come back to the log.
    AtReturn,
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

/// A member that reads what its group encodes for all.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Place in the group's log.
    pub(crate) place: Place,
    /// Its walk, while it has one.
    pub(crate) sync: Option<Sync>,
}

/// A member that was too slow for the log and pulls from the version list by itself. While it is stuck it costs these
/// octets and nothing else.
#[derive(Debug)]
pub(crate) struct Alone {
    /// It was told of all changes up to this version; of nothing for certain while this is 0. A cursor that stands
    /// elsewhere is out of date.
    pub(crate) pull: u64,
    /// Tombstones above this version stay for it. No more than it was told of when it was detached, however often it
    /// has to begin again.
    pub(crate) hold: u64,
    /// Place in the version list, once it has begun to pull.
    pub(crate) cursor: Option<Cursor>,
}

/// Where a member reads.
#[derive(Debug)]
pub(crate) enum Reads {
    Attached(Attached),
    Alone(Alone),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) group: u32,
    pub(crate) identity: ReceiverIdentity,
    pub(crate) reads: Reads,
    /// Tombstones up to this version do not matter to it: its table was empty, and what it began with is younger.
    pub(crate) base: u64,
    pub(crate) end_of_rib: EndOfRib,
    /// It was sent End-of-RIB.
    pub(crate) has_table: bool,
    /// Families that it is sent once more, and the end of that is to be told (RFC 7313).
    pub(crate) refreshed: Families,
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
            reads: Reads::Attached(Attached {
                place: group.log.enter_at_pin(),
                sync: Some(Sync {
                    end: image.end,
                    place: group.snapshot.enter_at_pin(),
                    stop: image.stop,
                    families: group.settings.families,
                }),
            }),
            base: group.cursor.floor(),
            end_of_rib: EndOfRib::At(group.log.tail()),
            has_table: false,
            refreshed: Families::EMPTY,
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

    /// The walk that it is in.
    pub(crate) fn sync(&self) -> Option<&Sync> {
        match &self.reads {
            Reads::Attached(attached) => attached.sync.as_ref(),
            Reads::Alone(_) => None,
        }
    }

    /// Starts the walk over all destinations from where the group's walk stands, or makes the present one go on for a
    /// whole lap. A member that reads by itself begins again.
    pub(crate) fn start_walk(&mut self, peer: PeerId, group: &mut Group, families: Families) {
        let attached = match &mut self.reads {
            Reads::Attached(attached) => attached,
            Reads::Alone(alone) => return alone.begin_again(),
        };
        let end = group.walk.lap_later();
        group.walk_families = group.walk_families | families;
        let sync = attached.sync.as_ref();
        let walking = sync.is_some_and(|sync| sync.stop.is_none());
        match &mut attached.sync {
            Some(sync) => {
                sync.end = end;
                sync.stop = None;
                sync.families = sync.families | families;
            }
            None => {
                attached.sync = Some(Sync {
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

    /// As [`Member::start_walk`] of one family, and its end is to be told. False, and it is not, while the first table has
    /// not come to its own end (RFC 7313 section 4).
    pub(crate) fn start_refresh(
        &mut self,
        peer: PeerId,
        group: &mut Group,
        family: Family,
    ) -> bool {
        self.start_walk(peer, group, Families::only(family));
        if !self.has_table {
            return false;
        }
        self.refreshed.insert(family);
        remove(&mut group.awaiting, peer);
        self.end_of_rib = match self.reads {
            Reads::Attached(_) => EndOfRib::AtWalkEnd,
            Reads::Alone(_) => EndOfRib::AtReturn,
        };
        true
    }

    /// Its walk has told all that the group had pulled: what is still to be pulled of what there is now comes before the
    /// end of a refresh.
    pub(crate) fn await_refresh(&mut self, peer: PeerId, group: &mut Group, latest: u64) {
        if self.end_of_rib == EndOfRib::AtWalkEnd {
            self.end_of_rib = EndOfRib::At(group.log.tail());
        }
        if !self.refreshed.is_empty() && group.cursor.version() < latest {
            self.await_version(peer, group, latest);
        }
    }

    /// Leaves the group. Gives the cursor back that it read by itself with.
    pub(crate) fn leave(self, peer: PeerId, group: &mut Group) -> Option<Cursor> {
        let cursor = match self.reads {
            Reads::Attached(attached) => {
                attached.leave(group);
                None
            }
            Reads::Alone(alone) => alone.cursor,
        };
        for list in [
            &mut group.members,
            &mut group.syncing,
            &mut group.awaiting,
            &mut group.alone,
        ] {
            remove(list, peer);
        }
        group.note_walk();
        cursor
    }

    /// Tombstones that this member may still have to be told of are above this version.
    pub(crate) fn hold(&self, group: &Group) -> u64 {
        match &self.reads {
            Reads::Attached(attached) => group.floor_of(attached.version(group)).max(self.base),
            Reads::Alone(alone) => alone.hold,
        }
    }

    /// Lets go of the log, to read by itself from now on (engine rule 9). What was handed out already will be written.
    ///
    /// It goes on where the log held it, if it knows all that was before that: not in the middle of a walk, and not while
    /// something may stand in the log that was told under other settings.
    pub(crate) fn detach(&mut self, peer: PeerId, group: &mut Group) {
        let hold = self.hold(group);
        let Reads::Attached(attached) = &self.reads else {
            return;
        };
        let is_old = group.rewalk.is_some() || attached.place.message() < group.rewalk_end;
        let pull = if attached.sync.is_some() || is_old {
            0
        } else {
            attached.version(group)
        };
        let alone = Reads::Alone(Alone {
            pull,
            hold,
            cursor: None,
        });
        if let Reads::Attached(attached) = std::mem::replace(&mut self.reads, alone) {
            attached.leave(group);
        }
        if self.end_of_rib != EndOfRib::Sent {
            self.end_of_rib = EndOfRib::AtReturn;
        }
        remove(&mut group.syncing, peer);
        remove(&mut group.awaiting, peer);
        group.alone.push(peer);
        group.note_walk();
    }

    /// Goes back to the log, at its tail, after it has pulled all that the group has (engine rule 11).
    pub(crate) fn attach(&mut self, peer: PeerId, group: &mut Group) -> Option<Cursor> {
        let attached = Reads::Attached(Attached {
            place: group.log.enter(),
            sync: None,
        });
        let Reads::Alone(alone) = std::mem::replace(&mut self.reads, attached) else {
            return None;
        };
        if self.end_of_rib == EndOfRib::AtReturn {
            self.end_of_rib = EndOfRib::At(group.log.tail());
        }
        remove(&mut group.alone, peer);
        alone.cursor
    }

    /// Its End-of-RIB, if it is still to come, waits for the group to pull this version.
    pub(crate) fn await_version(&mut self, peer: PeerId, group: &mut Group, version: u64) {
        if let EndOfRib::At(_) = self.end_of_rib {
            self.end_of_rib = EndOfRib::AwaitsPull { version };
            group.awaiting.push(peer);
        }
    }

    /// Ends the walk if everything of it was read.
    pub(crate) fn end_walk(&mut self, group: &mut Group) {
        if let Reads::Attached(attached) = &mut self.reads {
            attached.end_walk(group);
        }
    }

    fn is_end_of_rib_due(&self, group: &Group) -> bool {
        if group.holds_end_of_rib && self.identity.keeps_routes && !self.has_table {
            return false;
        }
        match &self.reads {
            Reads::Attached(Attached { place, sync: None }) => {
                matches!(self.end_of_rib, EndOfRib::At(at) if place.message() >= at)
            }
            Reads::Attached(_) | Reads::Alone(_) => false,
        }
    }

    /// True if [`Member::fill`] would give something, or at least move on.
    pub(crate) fn is_readable(&self, group: &Group) -> bool {
        match &self.reads {
            Reads::Attached(Attached {
                sync: Some(sync), ..
            }) if sync.place.message() < sync.unread_end(group) => true,
            Reads::Attached(attached) => {
                attached.place.message() < group.log.tail() || self.is_end_of_rib_due(group)
            }
            Reads::Alone(_) => group.serves_alone(),
        }
    }

    /// Hands out messages: of the snapshot first, then of the log, then End-of-RIB when it is due. Nothing, if it reads by
    /// itself.
    pub(crate) fn fill(&mut self, peer: PeerId, group: &mut Group, out: &mut Output<'_>) {
        let Reads::Attached(attached) = &mut self.reads else {
            return;
        };
        let mut reader = Reader {
            peer,
            identity: &self.identity,
            families: group.settings.families,
            encode: &group.settings.encode,
        };
        if let Some(sync) = &mut attached.sync {
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
        reader.read(&mut group.log, &mut attached.place, tail, out);
        attached.end_walk(group);
        if self.is_end_of_rib_due(group) {
            self.end_of_rib = EndOfRib::Sent;
            if !std::mem::replace(&mut self.has_table, true) {
                for family in group.settings.families.iter() {
                    out.push(wire::end_of_rib(family));
                }
            }
            for family in std::mem::take(&mut self.refreshed).iter() {
                out.push(end_of_refresh(family));
            }
        }
    }

    /// Hands out all that was written into the group's private log since `place`, and leaves it.
    pub(crate) fn fill_private(
        &self,
        peer: PeerId,
        group: &mut Group,
        mut place: Place,
        out: &mut Output<'_>,
    ) {
        let reader = Reader {
            peer,
            identity: &self.identity,
            families: group.settings.families,
            encode: &group.settings.encode,
        };
        let mut all = Output {
            slices: &mut *out.slices,
            size: 0,
            max: usize::MAX,
        };
        let tail = group.private.tail();
        reader.read(&mut group.private, &mut place, tail, &mut all);
        group.private.exit(place);
        out.size += all.size;
    }
}

impl Attached {
    /// The group had pulled up to here when it wrote what this member reads next.
    fn version(&self, group: &Group) -> u64 {
        let version = group.log.version_at(self.place);
        version.unwrap_or(group.cursor.version())
    }

    fn leave(self, group: &mut Group) {
        group.log.exit(self.place);
        if let Some(sync) = self.sync {
            group.snapshot.exit(sync.place);
        }
    }

    fn end_walk(&mut self, group: &mut Group) {
        let sync = self.sync.as_ref();
        let ended =
            sync.is_some_and(|sync| sync.stop.is_some_and(|stop| sync.place.message() >= stop));
        if ended && let Some(sync) = self.sync.take() {
            group.snapshot.exit(sync.place);
        }
    }
}

impl Alone {
    /// It is to be told everything once more; tombstones stay for it as they did.
    pub(crate) fn begin_again(&mut self) {
        self.pull = 0;
    }
}

/// EoRR (RFC 7313 section 3.2).
fn end_of_refresh(family: Family) -> Bytes {
    let end = RouteRefresh {
        family: family.afi_safi(),
        subtype: RouteRefresh::END,
    };
    end.encode()
}

fn remove(list: &mut Vec<PeerId>, peer: PeerId) {
    if let Some(index) = list.iter().position(|other| *other == peer) {
        list.swap_remove(index);
    }
}

impl Sync {
    /// The message behind the last one that there is to read now.
    fn unread_end(&self, group: &Group) -> u64 {
        self.stop.unwrap_or(group.snapshot.tail())
    }
}
