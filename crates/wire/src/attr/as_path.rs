//! Reading AS_PATH with four-octet numbers (RFC 4271 section 4.3, RFC 5065, RFC 6793).

use std::fmt;

use crate::Asn;

/// The kind of a path segment (RFC 4271 section 4.3, RFC 5065 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// AS_SET: unordered.
    Set = 1,
    /// AS_SEQUENCE: ordered, the latest AS first.
    Sequence = 2,
    /// AS_CONFED_SEQUENCE.
    ConfedSequence = 3,
    /// AS_CONFED_SET.
    ConfedSet = 4,
}

impl SegmentKind {
    /// The kind with this code on the wire.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<SegmentKind> {
        match code {
            1 => Some(SegmentKind::Set),
            2 => Some(SegmentKind::Sequence),
            3 => Some(SegmentKind::ConfedSequence),
            4 => Some(SegmentKind::ConfedSet),
            _ => None,
        }
    }

    /// True for the two kinds that never leave a confederation.
    #[must_use]
    pub const fn is_confederation(self) -> bool {
        match self {
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => true,
            SegmentKind::Set | SegmentKind::Sequence => false,
        }
    }
}

/// One segment of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The kind.
    pub kind: SegmentKind,
    octets: &'a [[u8; 4]],
}

impl<'a> Segment<'a> {
    /// The numbers in the segment, in order on the wire.
    pub fn asns(self) -> impl DoubleEndedIterator<Item = Asn> + ExactSizeIterator + Clone + 'a {
        self.octets
            .iter()
            .map(|octets| Asn(u32::from_be_bytes(*octets)))
    }
}

/// AS_PATH: a view of its value, four octets a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AsPathView<'a>(&'a [u8]);

impl<'a> AsPathView<'a> {
    /// A view of an attribute value that was checked before; reading stops at the first octet that is not so.
    #[must_use]
    pub const fn new(value: &'a [u8]) -> Self {
        AsPathView(value)
    }

    /// The octets of the value.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The segments, the latest first.
    pub fn segments(self) -> impl Iterator<Item = Segment<'a>> + Clone {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let [kind, count, body @ ..] = rest else {
                return None;
            };
            let (numbers, after) = body.split_at_checked(usize::from(*count) * 4)?;
            rest = after;
            let (octets, _) = numbers.as_chunks::<4>();
            Some(Segment {
                kind: SegmentKind::from_code(*kind)?,
                octets,
            })
        })
    }

    /// The length that route selection compares: an AS_SET counts 1 whatever its size (RFC 4271 section 9.1.2.2 a),
    /// confederation segments count 0 (RFC 5065 section 5.3).
    #[must_use]
    pub fn length(self) -> u32 {
        self.segments()
            .map(|segment| match segment.kind {
                SegmentKind::Sequence => u32::try_from(segment.octets.len()).unwrap_or(u32::MAX),
                SegmentKind::Set => 1,
                SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
            })
            .sum()
    }

    /// True if the number stands anywhere in the path (loop detection, RFC 4271 section 9.1.2).
    #[must_use]
    pub fn contains(self, asn: Asn) -> bool {
        self.asns().any(|one| one == asn)
    }

    /// Every number of every segment, the latest first.
    pub fn asns(self) -> impl Iterator<Item = Asn> + Clone + 'a {
        self.segments().flat_map(Segment::asns)
    }

    /// The leftmost number, if the path begins with an AS_SEQUENCE: the one that an external peer must have put
    /// there itself (RFC 4271 section 6.3).
    #[must_use]
    pub fn first(self) -> Option<Asn> {
        let segment = self.segments().next()?;
        match segment.kind {
            SegmentKind::Sequence => segment.asns().next(),
            SegmentKind::Set | SegmentKind::ConfedSequence | SegmentKind::ConfedSet => None,
        }
    }

    /// The neighbouring AS that MED is compared within (RFC 4271 section 9.1.2.2 c): the leftmost number after any
    /// confederation segments (RFC 5065 section 5.3); none for a route of our own AS or one that begins with a set.
    #[must_use]
    pub fn neighbor_as(self) -> Option<Asn> {
        let segment = self
            .segments()
            .find(|segment| !segment.kind.is_confederation())?;
        match segment.kind {
            SegmentKind::Sequence => segment.asns().next(),
            SegmentKind::Set | SegmentKind::ConfedSequence | SegmentKind::ConfedSet => None,
        }
    }

    /// The AS that originated the route: the rightmost number, if the path ends with an AS_SEQUENCE
    /// (RFC 6811 section 2).
    #[must_use]
    pub fn origin_as(self) -> Option<Asn> {
        let segment = self.segments().last()?;
        match segment.kind {
            SegmentKind::Sequence => segment.asns().next_back(),
            SegmentKind::Set | SegmentKind::ConfedSequence | SegmentKind::ConfedSet => None,
        }
    }

    /// True if there is no segment: a route of the own AS.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for AsPathView<'_> {
    /// `64512 64513 {1 2}`; confederation sequences in `( )` and sets in `[ ]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.segments().enumerate() {
            let (open, close) = match segment.kind {
                SegmentKind::Sequence => ("", ""),
                SegmentKind::Set => ("{", "}"),
                SegmentKind::ConfedSequence => ("(", ")"),
                SegmentKind::ConfedSet => ("[", "]"),
            };
            f.write_str(if i == 0 { "" } else { " " })?;
            f.write_str(open)?;
            for (j, asn) in segment.asns().enumerate() {
                f.write_str(if j == 0 { "" } else { " " })?;
                write!(f, "{asn}")?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(segments: &[(u8, &[u32])]) -> Vec<u8> {
        let mut value = Vec::new();
        for (kind, asns) in segments {
            value.extend([*kind, u8::try_from(asns.len()).unwrap()]);
            asns.iter().for_each(|asn| value.extend(asn.to_be_bytes()));
        }
        value
    }

    #[test]
    fn a_set_counts_one_and_a_confederation_nothing() {
        let value = path(&[
            (3, &[65001]),
            (4, &[7, 8]),
            (2, &[64512, 64513]),
            (1, &[1, 2, 3]),
        ]);
        let view = AsPathView::new(&value);
        assert_eq!(view.length(), 3);
        assert_eq!(view.to_string(), "(65001) [7 8] 64512 64513 {1 2 3}");
        assert!(view.contains(Asn(2)) && view.contains(Asn(65001)) && !view.contains(Asn(9)));
        assert_eq!(view.first(), None);
        assert_eq!(view.neighbor_as(), Some(Asn(64512)));
        assert_eq!(view.origin_as(), None);
    }

    #[test]
    fn ends_of_a_sequence() {
        let value = path(&[(2, &[64512]), (2, &[64513, 4_200_000_000])]);
        let view = AsPathView::new(&value);
        assert_eq!(view.first(), Some(Asn(64512)));
        assert_eq!(view.neighbor_as(), view.first());
        assert_eq!(view.origin_as(), Some(Asn(4_200_000_000)));
        assert_eq!(view.to_string(), "64512 64513 4200000000");
    }

    #[test]
    fn a_path_that_begins_with_a_set_has_no_neighbour() {
        let value = path(&[(1, &[1]), (2, &[2])]);
        let view = AsPathView::new(&value);
        assert_eq!(
            (view.first(), view.neighbor_as(), view.origin_as()),
            (None, None, Some(Asn(2)))
        );
    }

    #[test]
    fn an_empty_path_is_of_the_own_as() {
        let view = AsPathView::default();
        assert!(view.is_empty());
        assert_eq!(
            (view.length(), view.first(), view.origin_as()),
            (0, None, None)
        );
        assert_eq!(view.to_string(), "");
    }

    #[test]
    fn broken_bytes_end_the_path() {
        let mut value = path(&[(2, &[1, 2])]);
        value.extend([2, 9, 0, 0]);
        assert_eq!(AsPathView::new(&value).asns().count(), 2);
        assert_eq!(AsPathView::new(&[9, 1, 0, 0, 0, 1]).asns().count(), 0);
        assert_eq!(AsPathView::new(&[2]).length(), 0);
    }
}
