//! The append-only log of one export group, and the places of its readers.
//!
//! Messages are encoded once into segments of about 64 KiB and handed out as slices of shared `Bytes`. Beside the bytes
//! stands an index: one entry a message, with the tags that decide who must not see it. Messages come in **batches**,
//! one for each pull; a batch knows how many readers stand in it, so that trimming what all have passed costs nothing
//! per reader. What is retained is counted; who keeps too much of it is for the group to decide.
//!
//! A log can be **pinned**: from there on everything is kept, also what all have read, so that readers that come later
//! can begin at the pin instead of at the tail.
//!
//! This module never looks into a message.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use bytes::{Bytes, BytesMut};
use wire::Family;

use crate::ids::PeerId;

/// Size of a segment. One allocation serves many small batches.
const SEGMENT: usize = 64 * 1024;
/// Chunks below this size are merged for readers that are to read many of them.
const SMALL: usize = 16 * 1024;
/// So many small chunks at the end are worth merging.
const MANY: usize = 16;

/// What a message is, for delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Announces routes that no excluded reader can have had in another form.
    Announce,
    /// Announces routes in place of others: an excluded reader must be sent their withdrawal.
    Replace,
    /// Withdraws routes: for every reader.
    Withdraw,
}

/// Who must not be sent a route: its source, its originator, and who is its next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) source: PeerId,
    pub(crate) originator: Option<Ipv4Addr>,
    pub(crate) next_hop: IpAddr,
}

impl Tags {
    /// The tags of a withdrawal, which nobody looks at.
    pub(crate) const NONE: Tags = Tags {
        source: PeerId::LOCAL,
        originator: None,
        next_hop: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
}

/// A message in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) family: Family,
    pub(crate) tags: Tags,
    chunk: u64,
    start: u32,
    len: u32,
}

/// What one pull put into the log.
#[derive(Debug)]
struct Batch {
    /// The version that the group had pulled up to before this batch.
    start_version: u64,
    first_message: u64,
    first_chunk: u64,
    readers: u32,
    size: usize,
}

/// Place of a reader: the next message to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    batch: u64,
    message: u64,
}

impl Place {
    /// Number of the next message to be read.
    pub(crate) fn message(self) -> u64 {
        self.message
    }
}

/// The batch that is being written.
#[derive(Debug, Clone, Copy)]
struct Open {
    start_version: u64,
    first_message: u64,
    first_chunk: u64,
    size: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    batches: VecDeque<Batch>,
    messages: VecDeque<Message>,
    chunks: VecDeque<Bytes>,
    /// Numbers of the first of each that is retained.
    first_batch: u64,
    first_message: u64,
    first_chunk: u64,
    /// Readers that have read everything.
    at_tail: u32,
    buffer: BytesMut,
    open: Option<Open>,
    /// The oldest batch that a reader stands in; the end if they have all read everything.
    oldest_read: u64,
    /// Octets from there on.
    retained: usize,
    /// Where readers may begin that are still to come.
    pin: Option<Place>,
    /// Octets before `oldest_read`, which are there for the pin only.
    kept: usize,
}

impl Log {
    /// Octets that wait for slow readers, index included.
    pub(crate) fn retained(&self) -> usize {
        self.retained
    }

    /// Octets that all readers have read and that are kept for those to come, index included.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// True if some reader has read everything.
    pub(crate) fn has_reader_at_tail(&self) -> bool {
        self.at_tail > 0
    }

    /// True if some reader still has to read what was there before the latest batch.
    pub(crate) fn is_behind(&self) -> bool {
        self.oldest_read + 1 < self.end_batch()
    }

    /// Number of the next message to be written.
    pub(crate) fn tail(&self) -> u64 {
        self.first_message + self.messages.len() as u64
    }

    /// Version before the oldest batch that a reader stands in: it may still have to be told of later changes.
    pub(crate) fn oldest_version(&self) -> Option<u64> {
        let index = usize::try_from(self.oldest_read - self.first_batch).ok()?;
        self.batches.get(index).map(|batch| batch.start_version)
    }

    /// Version before the batch that a reader stands in; none if it has read everything.
    pub(crate) fn version_at(&self, place: Place) -> Option<u64> {
        let index = usize::try_from(place.batch.checked_sub(self.first_batch)?).ok()?;
        self.batches.get(index).map(|batch| batch.start_version)
    }

    fn end_batch(&self) -> u64 {
        self.first_batch + self.batches.len() as u64
    }

    /// A reader begins at the tail.
    pub(crate) fn enter(&mut self) -> Place {
        self.at_tail += 1;
        self.tail_place()
    }

    fn tail_place(&self) -> Place {
        debug_assert!(self.open.is_none());
        Place {
            batch: self.end_batch(),
            message: self.tail(),
        }
    }

    /// From the present tail on, everything is kept until it is unpinned.
    pub(crate) fn pin(&mut self) {
        self.pin = Some(self.tail_place());
        self.trim();
    }

    /// Keeps only what readers still have to read.
    pub(crate) fn unpin(&mut self) {
        self.pin = None;
        self.trim();
    }

    /// A reader begins at the pin; at the tail if there is none.
    pub(crate) fn enter_at_pin(&mut self) -> Place {
        let place = self.pin.unwrap_or_else(|| self.tail_place());
        *self.readers(place.batch) += 1;
        if place.batch < self.oldest_read {
            self.oldest_read = place.batch;
            self.retained += std::mem::take(&mut self.kept);
        }
        place
    }

    /// A reader goes.
    pub(crate) fn exit(&mut self, place: Place) {
        *self.readers(place.batch) -= 1;
        self.trim();
    }

    fn readers(&mut self, batch: u64) -> &mut u32 {
        let index = usize::try_from(batch - self.first_batch).expect("a retained batch");
        match self.batches.get_mut(index) {
            Some(batch) => &mut batch.readers,
            None => &mut self.at_tail,
        }
    }

    /// True if no reader is further behind, and there is something that this one has not read.
    pub(crate) fn is_oldest(&self, place: Place) -> bool {
        self.oldest_read < self.end_batch() && place.batch == self.oldest_read
    }

    /// Moves a reader forward to message `to`.
    pub(crate) fn advance(&mut self, place: &mut Place, to: u64) {
        let mut batch = place.batch;
        while batch < self.end_batch() && self.batch_end(batch) <= to {
            batch += 1;
        }
        if batch != place.batch {
            *self.readers(place.batch) -= 1;
            *self.readers(batch) += 1;
        }
        *place = Place { batch, message: to };
        self.trim();
    }

    /// Number of the first message behind a batch.
    fn batch_end(&self, batch: u64) -> u64 {
        let index = usize::try_from(batch + 1 - self.first_batch).expect("a retained batch");
        self.batches
            .get(index)
            .map_or(self.tail(), |next| next.first_message)
    }

    fn trim(&mut self) {
        while self.oldest_read < self.end_batch() {
            let index = usize::try_from(self.oldest_read - self.first_batch);
            let batch = &self.batches[index.expect("a retained batch")];
            if batch.readers > 0 {
                break;
            }
            self.retained -= batch.size;
            self.kept += batch.size;
            self.oldest_read += 1;
        }
        let first = self
            .pin
            .map_or(self.oldest_read, |pin| pin.batch.min(self.oldest_read));
        while self.first_batch < first {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        let Some(batch) = self.batches.pop_front() else {
            return;
        };
        self.kept -= batch.size;
        self.first_batch += 1;
        let next = self.batches.front();
        let (message, chunk) = next.map_or((self.tail(), self.end_chunk()), |next| {
            (next.first_message, next.first_chunk)
        });
        while self.first_message < message {
            self.messages.pop_front();
            self.first_message += 1;
        }
        while self.first_chunk < chunk {
            self.chunks.pop_front();
            self.first_chunk += 1;
        }
    }

    /// Makes one chunk of the small ones at the end, if there are many: whoever reads them is given fewer slices.
    ///
    /// Messages keep their numbers, so readers notice nothing.
    pub(crate) fn merge_small(&mut self) {
        let small = self.chunks.iter().rev();
        let count = small.take_while(|chunk| chunk.len() < SMALL).count();
        if count <= MANY || self.open.is_some() {
            return;
        }
        let old = self.chunks.split_off(self.chunks.len() - count);
        let number = self.end_chunk();
        let mut merged = BytesMut::with_capacity(old.iter().map(Bytes::len).sum());
        let mut starts = Vec::with_capacity(count);
        for chunk in &old {
            starts.push(u32::try_from(merged.len()).expect("a few small chunks are small"));
            merged.extend_from_slice(chunk);
        }
        self.chunks.push_back(merged.freeze());
        for message in self.messages.iter_mut().rev() {
            let Some(index) = message.chunk.checked_sub(number) else {
                break;
            };
            message.start += starts[usize::try_from(index).expect("one of the old chunks")];
            message.chunk = number;
        }
        for batch in self.batches.iter_mut().rev() {
            if batch.first_chunk <= number {
                break;
            }
            batch.first_chunk = number;
        }
    }

    fn end_chunk(&self) -> u64 {
        self.first_chunk + self.chunks.len() as u64
    }

    /// Begins a batch; `start_version`: what the group has pulled up to.
    pub(crate) fn begin(&mut self, start_version: u64) {
        self.open = Some(Open {
            start_version,
            first_message: self.tail(),
            first_chunk: self.end_chunk(),
            size: 0,
        });
    }

    /// Where the next message is to be written, with room for `room` octets.
    pub(crate) fn buffer(&mut self, room: usize) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < room {
            self.seal();
            if self.buffer.capacity() < room {
                self.buffer.reserve(SEGMENT.max(room));
            }
        }
        &mut self.buffer
    }

    /// Freezes what was written into a chunk.
    fn seal(&mut self) {
        if !self.buffer.is_empty() {
            self.chunks.push_back(self.buffer.split().freeze());
        }
    }

    /// Indexes the message that was just written behind `start` octets of the buffer. Gives its length.
    pub(crate) fn push(&mut self, start: usize, kind: Kind, family: Family, tags: Tags) -> usize {
        let len = self.buffer.len() - start;
        let message = Message {
            kind,
            family,
            tags,
            chunk: self.end_chunk(),
            start: u32::try_from(start).expect("a segment is small"),
            len: u32::try_from(len).expect("a message is small"),
        };
        self.messages.push_back(message);
        if let Some(open) = &mut self.open {
            open.size += len + size_of::<Message>();
        }
        len
    }

    /// Ends the batch; it is dropped if it has no message.
    pub(crate) fn end(&mut self) {
        let Some(open) = self.open.take() else { return };
        if open.first_message == self.tail() {
            return;
        }
        self.seal();
        let size = open.size + size_of::<Batch>();
        self.retained += size;
        self.batches.push_back(Batch {
            start_version: open.start_version,
            first_message: open.first_message,
            first_chunk: open.first_chunk,
            readers: std::mem::take(&mut self.at_tail),
            size,
        });
        self.trim();
    }

    /// A message that is retained, by its number.
    pub(crate) fn message(&self, number: u64) -> Option<&Message> {
        let index = usize::try_from(number.checked_sub(self.first_message)?).ok()?;
        self.messages.get(index)
    }

    /// The octets of consecutive messages of one chunk, `first` to `last`.
    pub(crate) fn bytes(&self, first: &Message, last: &Message) -> Bytes {
        debug_assert_eq!(first.chunk, last.chunk);
        let index = usize::try_from(first.chunk - self.first_chunk).expect("a retained chunk");
        let (start, end) = (first.start as usize, (last.start + last.len) as usize);
        self.chunks[index].slice(start..end)
    }
}

impl Message {
    /// Octets of the message.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// True if `next` stands right behind this message in the same chunk.
    pub(crate) fn is_followed_by(&self, next: &Message) -> bool {
        self.chunk == next.chunk && self.start + self.len == next.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(log: &mut Log, messages: &[&[u8]]) {
        log.begin(7);
        for message in messages {
            let buffer = log.buffer(100);
            let start = buffer.len();
            buffer.extend_from_slice(message);
            log.push(start, Kind::Announce, Family::Ipv4Unicast, Tags::NONE);
        }
        log.end();
    }

    fn read(log: &mut Log, place: &mut Place) -> Vec<u8> {
        let mut all = Vec::new();
        for number in place.message()..log.tail() {
            let message = *log.message(number).unwrap();
            all.extend_from_slice(&log.bytes(&message, &message));
        }
        let tail = log.tail();
        log.advance(place, tail);
        all
    }

    #[test]
    fn readers_read_all_and_what_all_have_read_goes() {
        let mut log = Log::default();
        let mut fast = log.enter();
        let mut slow = log.enter();
        write(&mut log, &[b"ab", b"c"]);
        write(&mut log, &[b"d"]);
        assert_eq!(read(&mut log, &mut fast), b"abcd");
        assert_eq!(log.oldest_version(), Some(7));
        let late = log.enter();
        assert_eq!(late, fast);
        assert!(log.is_oldest(slow) && !log.is_oldest(fast));
        log.advance(&mut slow, 1);
        assert!(log.is_oldest(slow));
        assert_eq!(read(&mut log, &mut slow), b"cd");
        assert_eq!(
            (log.retained(), log.messages.len(), log.chunks.len()),
            (0, 0, 0)
        );
        write(&mut log, &[b"e"]);
        log.exit(slow);
        log.exit(late);
        assert_eq!(read(&mut log, &mut fast), b"e");
        assert_eq!(log.retained(), 0);
    }

    #[test]
    fn a_batch_may_span_segments() {
        let mut log = Log::default();
        let mut place = log.enter();
        let long = [1u8; 100];
        let many: Vec<&[u8]> = (0..2000).map(|_| &long[..]).collect();
        write(&mut log, &many);
        assert!(log.chunks.len() >= 3);
        assert_eq!(read(&mut log, &mut place).len(), 200_000);
        assert_eq!(log.chunks.len(), 0);
    }

    #[test]
    fn what_is_behind_the_pin_is_kept_for_readers_to_come() {
        let mut log = Log::default();
        write(&mut log, &[b"before"]);
        log.pin();
        let mut early = log.enter();
        for n in 0..100u8 {
            write(&mut log, &[&[n], &[n, n]]);
            if n % 30 == 7 {
                log.merge_small();
            }
        }
        let size = log.retained();
        let all = read(&mut log, &mut early);
        assert_eq!((log.retained(), log.kept()), (0, size));
        assert_eq!(log.oldest_version(), None);
        let mut late = log.enter_at_pin();
        assert_eq!((log.retained(), log.kept()), (size, 0));
        assert!(log.is_oldest(late) && !log.is_oldest(early));
        assert_eq!(log.oldest_version(), Some(7));
        log.merge_small();
        assert!(log.chunks.len() <= 1 + MANY, "{}", log.chunks.len());
        write(&mut log, &[b"x"]);
        log.unpin();
        assert_eq!(log.kept(), 0, "somebody reads it");
        log.advance(&mut late, 51);
        log.merge_small();
        assert_eq!(
            read(&mut log, &mut late)[..],
            [&all[75..], b"x"].concat()[..]
        );
        assert_eq!(read(&mut log, &mut early), b"x");
        assert_eq!((log.retained(), log.kept()), (0, 0));
        assert_eq!((log.messages.len(), log.chunks.len()), (0, 0));
    }

    #[test]
    fn without_readers_nothing_is_kept() {
        let mut log = Log::default();
        write(&mut log, &[b"ab"]);
        assert_eq!((log.retained(), log.tail()), (0, 1));
        assert_eq!(log.oldest_version(), None);
    }
}
