//! What is done to the AS_PATH of a route between peers, beyond the AS that a border puts in front.
//!
//! Numbers are counted, replaced, taken out and put in front on the octets of the attribute, segment by segment: the
//! order of segments and numbers stays, and a segment that is left without numbers goes.
//!
//! RFC 4271 5.1.2 and 9.1.2, RFC 6996 (private numbers), RFC 7705 (a session under another AS than our own).

use wire::{AsPathView, Asn, SegmentKind};

/// What becomes of private numbers (RFC 6996) in what is sent to another AS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrivateRule {
    /// True: each becomes our own number, so that the path keeps its length. False: they go.
    pub replaces: bool,
    /// This one stays: the receiver's, who finds loops by it.
    pub kept: Asn,
}

/// What is done to the AS_PATH of what is sent to another AS, before our own number is put in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PathRules {
    /// Our own AS, put in behind the one that we are on the session, if they differ and it is not to be hidden (RFC 7705
    /// section 3.2).
    pub beside: Option<Asn>,
    /// Private numbers.
    pub private: Option<PrivateRule>,
    /// The receiver's number, which becomes ours, so that it takes routes of its own AS from us.
    pub overridden: Option<Asn>,
}

impl PathRules {
    /// True if nothing but our own number is put in.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == PathRules::default()
    }

    /// The value of an AS_PATH as it is sent by who is `own` on the session, without the numbers put in front.
    pub(crate) fn rewrite(&self, path: AsPathView<'_>, own: Asn) -> Vec<u8> {
        let changed = |asn: Asn| {
            let asn = match self.private {
                Some(rule) if asn.is_private() && asn != rule.kept => match rule.replaces {
                    true => own,
                    false => return None,
                },
                Some(_) | None => asn,
            };
            Some(match self.overridden {
                Some(theirs) if theirs == asn => own,
                Some(_) | None => asn,
            })
        };
        let mut out = Vec::with_capacity(path.bytes().len());
        for segment in path.segments() {
            let start = out.len();
            out.extend([segment.kind as u8, 0]);
            let mut count = 0;
            for asn in segment.asns().filter_map(changed) {
                out.extend(asn.0.to_be_bytes());
                count += 1;
            }
            match count {
                0 => out.truncate(start),
                count => out[start + 1] = count,
            }
        }
        out
    }
}

/// How often one of these numbers stands in a path (RFC 4271 section 9.1.2).
pub(crate) fn occurrences(path: AsPathView<'_>, own: [Asn; 2]) -> usize {
    path.asns().filter(|asn| own.contains(asn)).count()
}

/// The first octets of an AS_PATH with these numbers put in front (RFC 4271 section 5.1.2 b), and what of the path follows
/// them: into the first segment if it is a sequence with room, else into a new one.
pub(crate) fn in_front(path: &[u8], count: u8) -> ([u8; 2], &[u8]) {
    const SEQUENCE: u8 = SegmentKind::Sequence as u8;
    match *path {
        [SEQUENCE, present, ref rest @ ..] if present <= u8::MAX - count => {
            ([SEQUENCE, present + count], rest)
        }
        _ => ([SEQUENCE, count], path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Asn = Asn(65_000);
    const PEER: Asn = Asn(64_999);

    /// An AS_PATH of sequences, those that begin with 0 being sets.
    fn path(segments: &[&[u32]]) -> Vec<u8> {
        let mut out = Vec::new();
        for numbers in segments {
            let (kind, numbers) = match numbers {
                [0, rest @ ..] => (1, rest),
                all => (2, *all),
            };
            out.extend([kind, u8::try_from(numbers.len()).unwrap()]);
            out.extend(numbers.iter().flat_map(|asn| asn.to_be_bytes()));
        }
        out
    }

    fn rewritten(rules: PathRules, segments: &[&[u32]]) -> Vec<u8> {
        rules.rewrite(AsPathView::new(&path(segments)), OWN)
    }

    fn private(replaces: bool) -> PathRules {
        PathRules {
            private: Some(PrivateRule {
                replaces,
                kept: PEER,
            }),
            ..PathRules::default()
        }
    }

    #[test]
    fn private_numbers_go_and_empty_segments_with_them() {
        let mixed: &[&[u32]] = &[
            &[64_512, 3, 4_200_000_000, 7],
            &[0, 65_534],
            &[0, 9, 64_600],
        ];
        assert_eq!(rewritten(private(false), mixed), path(&[&[3, 7], &[0, 9]]));
        assert_eq!(
            rewritten(private(true), mixed),
            path(&[&[OWN.0, 3, OWN.0, 7], &[0, OWN.0], &[0, 9, OWN.0]])
        );
        assert_eq!(rewritten(private(false), &[&[64_512]]), path(&[]));
    }

    #[test]
    fn the_receivers_own_number_and_reserved_ones_are_no_private_ones() {
        let kept: &[&[u32]] = &[&[PEER.0, 64_511, 65_535, 4_199_999_999, u32::MAX, 23_456]];
        for replaces in [true, false] {
            assert_eq!(rewritten(private(replaces), kept), path(kept));
        }
    }

    #[test]
    fn the_receivers_number_becomes_ours_wherever_it_stands() {
        let rules = PathRules {
            overridden: Some(PEER),
            ..PathRules::default()
        };
        assert_eq!(
            rewritten(rules, &[&[1, PEER.0, 2, PEER.0], &[0, PEER.0]]),
            path(&[&[1, OWN.0, 2, OWN.0], &[0, OWN.0]])
        );
        // Both rules: it is spared by the one and replaced by the other.
        let both = PathRules {
            overridden: Some(PEER),
            ..private(false)
        };
        assert_eq!(
            rewritten(both, &[&[PEER.0, 64_600, 5]]),
            path(&[&[OWN.0, 5]])
        );
    }

    #[test]
    fn our_numbers_are_counted_in_all_segments() {
        let looped = path(&[&[7, 65_001, 65_000], &[0, 65_001, 8]]);
        let count = |own| occurrences(AsPathView::new(&looped), own);
        assert_eq!(count([Asn(65_001), Asn(65_001)]), 2);
        assert_eq!(count([Asn(65_001), Asn(65_000)]), 3);
        assert_eq!(count([Asn(1), Asn(2)]), 0);
    }

    #[test]
    fn a_full_segment_is_left_as_it_is() {
        for (length, is_full) in [(253, false), (254, true), (255, true)] {
            let numbers: Vec<u32> = (1..=length).collect();
            let whole = path(&[&numbers]);
            let (head, rest) = in_front(&whole, 2);
            match is_full {
                false => assert_eq!((head, rest), ([2, 255], &whole[2..])),
                true => assert_eq!((head, rest), ([2, 2], &whole[..])),
            }
        }
        assert_eq!(in_front(&[], 1), ([2, 1], &[][..]));
        let set = path(&[&[0, 5]]);
        assert_eq!(in_front(&set, 1), ([2, 1], &set[..]));
    }
}
