//! AS paths between two-octet and four-octet speakers (RFC 6793 sections 4.2.2 and 4.2.3).
//!
//! All inputs were checked before; nothing here judges them.

use super::as_path::{AsPathView, SegmentKind};
use super::builder::SEGMENT_MAX;
use crate::Asn;

/// Appends a two-octet path in four-octet form.
pub(crate) fn widen(narrow: &[u8], out: &mut Vec<u8>) {
    let mut rest = narrow;
    while let [kind, count, body @ ..] = rest {
        let Some((numbers, after)) = body.split_at_checked(usize::from(*count) * 2) else {
            return;
        };
        out.extend([*kind, *count]);
        for [high, low] in numbers.as_chunks::<2>().0 {
            out.extend([0, 0, *high, *low]);
        }
        rest = after;
    }
}

/// Appends a four-octet path in two-octet form, with AS_TRANS for every number that does not fit. True if there was
/// such a number, so that an AS4_PATH must go with it.
pub(crate) fn narrow(path: AsPathView<'_>, out: &mut Vec<u8>) -> bool {
    let mut lossy = false;
    for segment in path.segments() {
        let asns = segment.asns();
        out.extend([segment.kind as u8, count_octet(asns.len())]);
        for asn in asns {
            lossy |= asn.0 > u32::from(u16::MAX);
            out.extend(asn.two_octet().to_be_bytes());
        }
    }
    lossy
}

/// Appends the value of AS4_PATH for this path: the path without its confederation segments.
pub(crate) fn as4_path(path: AsPathView<'_>, out: &mut Vec<u8>) {
    for segment in path.segments().filter(|s| !s.kind.is_confederation()) {
        push_segment(out, segment.kind, segment.asns());
    }
}

/// Appends the path that AS_PATH (already widened) and AS4_PATH stand for together: as many leading numbers of the
/// first as it is longer, then the second without its confederation segments.
pub(crate) fn merge(path: AsPathView<'_>, as4: AsPathView<'_>, out: &mut Vec<u8>) {
    let Some(mut lead) = path.length().checked_sub(as4.length()) else {
        // The shorter AS_PATH was changed by someone who did not know AS4_PATH: it alone counts.
        out.extend_from_slice(path.bytes());
        return;
    };
    let mut join = Joiner { out, last: None };
    for segment in path.segments() {
        // A confederation segment that leads or follows one that is taken goes along.
        let take = match segment.kind {
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => segment.asns().len(),
            _ if lead == 0 => break,
            SegmentKind::Set => {
                lead -= 1;
                segment.asns().len()
            }
            SegmentKind::Sequence => {
                let take = segment
                    .asns()
                    .len()
                    .min(usize::try_from(lead).unwrap_or(usize::MAX));
                lead -= u32::try_from(take).unwrap_or(lead);
                take
            }
        };
        join.push(segment.kind, segment.asns().take(take));
    }
    for segment in as4.segments().filter(|s| !s.kind.is_confederation()) {
        join.push(segment.kind, segment.asns());
    }
}

/// Writes segments and puts neighbouring sequences into one while it has room, so that a path which was only cut for
/// the transfer comes out as it went in.
struct Joiner<'a> {
    out: &'a mut Vec<u8>,
    /// Where the last segment begins.
    last: Option<usize>,
}

impl Joiner<'_> {
    fn push(&mut self, kind: SegmentKind, asns: impl ExactSizeIterator<Item = Asn>) {
        if let Some(at) = self.last {
            let joined = usize::from(self.out[at + 1]) + asns.len();
            let both_sequences =
                kind == SegmentKind::Sequence && self.out[at] == SegmentKind::Sequence as u8;
            if both_sequences && joined <= SEGMENT_MAX {
                self.out[at + 1] = count_octet(joined);
                asns.for_each(|asn| self.out.extend(asn.0.to_be_bytes()));
                return;
            }
        }
        self.last = Some(self.out.len());
        push_segment(self.out, kind, asns);
    }
}

fn push_segment(out: &mut Vec<u8>, kind: SegmentKind, asns: impl ExactSizeIterator<Item = Asn>) {
    out.extend([kind as u8, count_octet(asns.len())]);
    asns.for_each(|asn| out.extend(asn.0.to_be_bytes()));
}

fn count_octet(count: usize) -> u8 {
    u8::try_from(count).expect("invariant: a segment has at most 255 numbers")
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

    fn merged(old: &[(u8, &[u32])], as4: &[(u8, &[u32])]) -> String {
        let (old, as4) = (path(old), path(as4));
        let mut out = Vec::new();
        merge(AsPathView::new(&old), AsPathView::new(&as4), &mut out);
        AsPathView::new(&out).to_string()
    }

    #[test]
    fn leading_numbers_of_the_old_path_come_first() {
        assert_eq!(
            merged(&[(2, &[1, 23456, 23456])], &[(2, &[70000, 70001])]),
            "1 70000 70001"
        );
        assert_eq!(merged(&[(2, &[23456])], &[(2, &[70000])]), "70000");
        assert_eq!(merged(&[(2, &[1, 2, 3])], &[(2, &[70000])]), "1 2 70000");
    }

    #[test]
    fn a_longer_as4_path_is_ignored() {
        assert_eq!(merged(&[(2, &[1])], &[(2, &[70000, 70001])]), "1");
    }

    #[test]
    fn a_set_counts_one() {
        assert_eq!(
            merged(&[(1, &[1, 2]), (2, &[23456])], &[(2, &[70000])]),
            "{1 2} 70000"
        );
        assert_eq!(
            merged(&[(2, &[5]), (1, &[1, 23456])], &[(1, &[1, 70000])]),
            "5 {1 70000}"
        );
    }

    #[test]
    fn confederation_segments_of_as4_path_are_left_out() {
        assert_eq!(
            merged(&[(2, &[1, 23456])], &[(3, &[9]), (2, &[70000])]),
            "1 70000"
        );
        assert_eq!(
            merged(&[(3, &[9]), (2, &[23456])], &[(2, &[70000])]),
            "(9) 70000"
        );
    }

    #[test]
    fn full_segments_are_not_joined() {
        let many = [7u32; 255];
        let mut out = Vec::new();
        let old = path(&[(2, &[1]), (2, &many)]);
        let as4 = path(&[(2, &many)]);
        merge(AsPathView::new(&old), AsPathView::new(&as4), &mut out);
        assert_eq!(AsPathView::new(&out).segments().count(), 2);
        assert_eq!(AsPathView::new(&out).length(), 256);
    }

    #[test]
    fn narrow_and_widen() {
        let wide = path(&[(2, &[1, 70000]), (1, &[2])]);
        let mut two = Vec::new();
        assert!(narrow(AsPathView::new(&wide), &mut two));
        assert_eq!(two, [2, 2, 0, 1, 0x5B, 0xA0, 1, 1, 0, 2]);
        let mut back = Vec::new();
        widen(&two, &mut back);
        assert_eq!(AsPathView::new(&back).to_string(), "1 23456 {2}");
        let fits = path(&[(2, &[65535])]);
        assert!(!narrow(AsPathView::new(&fits), &mut Vec::new()));
        let mut as4 = Vec::new();
        as4_path(
            AsPathView::new(&path(&[(3, &[9]), (2, &[70000])])),
            &mut as4,
        );
        assert_eq!(as4, path(&[(2, &[70000])]));
    }
}
