use nom::bytes::complete::{tag, take};
use nom::combinator::verify;
use nom::number::complete::{be_u8, be_u16};
use nom::{IResult, Parser};
use proptest::prelude::*;

use super::*;

fn header(length: u16, kind: u8) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend(length.to_be_bytes());
    out.push(kind);
    out
}

fn fault(bytes: &[u8], max_len: usize) -> Fault {
    next_frame(bytes, max_len).unwrap_err()
}

#[test]
fn keepalive_is_one_header() {
    let message = keepalive();
    let (frame, used) = next_frame(&message, MAX_LEN).unwrap().unwrap();
    assert_eq!(
        (frame.kind, frame.body, used),
        (MessageType::Keepalive, &[][..], 19)
    );
}

#[test]
fn two_messages_one_after_the_other() {
    let mut stream = header(21, 3);
    stream.extend([6, 2]);
    stream.extend(keepalive());
    let (first, used) = next_frame(&stream, MAX_LEN).unwrap().unwrap();
    assert_eq!(
        first,
        Frame {
            kind: MessageType::Notification,
            body: &[6, 2]
        }
    );
    let (second, rest) = next_frame(&stream[used..], MAX_LEN).unwrap().unwrap();
    assert_eq!(second.kind, MessageType::Keepalive);
    assert_eq!(used + rest, stream.len());
}

#[test]
fn garbage_is_refused_at_its_first_octet() {
    let found = fault(b"GET / HTTP/1.1", MAX_LEN);
    assert_eq!(found.kind, FaultKind::NotSynchronized);
    assert!(found.data.is_empty());
    assert_eq!(next_frame(&[0xff; 15], MAX_LEN), Ok(None));
}

#[test]
fn lengths_out_of_bounds_are_refused_before_the_body_comes() {
    let cases: [(u16, u8, usize); 10] = [
        (18, 4, MAX_LEN),
        (0, 2, MAX_LEN),
        (4097, 2, MAX_LEN),
        (20, 4, MAX_LEN),
        (28, 1, MAX_LEN),
        (22, 2, MAX_LEN),
        (20, 3, MAX_LEN),
        (4097, 1, MAX_EXTENDED_LEN),
        (4097, 4, MAX_EXTENDED_LEN),
        (65535, 5, MAX_LEN),
    ];
    for (length, kind, max_len) in cases {
        let found = fault(&header(length, kind), max_len);
        assert_eq!(
            found.kind,
            FaultKind::BadMessageLength { length },
            "{length} {kind}"
        );
        assert_eq!(&found.data[..], length.to_be_bytes());
    }
}

#[test]
fn extended_update_is_taken_when_agreed() {
    let mut message = header(65535, 2);
    assert_eq!(next_frame(&message, MAX_EXTENDED_LEN), Ok(None));
    message.resize(65535, 0);
    let (frame, used) = next_frame(&message, MAX_EXTENDED_LEN).unwrap().unwrap();
    assert_eq!((frame.body.len(), used), (65535 - 19, 65535));
}

#[test]
fn unknown_type_is_in_the_data() {
    for kind in [0, 6, 255] {
        let found = fault(&header(19, kind), MAX_LEN);
        assert_eq!(found.kind, FaultKind::BadMessageType { kind });
        assert_eq!(&found.data[..], [kind]);
    }
}

#[test]
fn types_have_a_dense_index() {
    for (index, kind) in MessageType::ALL.into_iter().enumerate() {
        assert_eq!(kind.index(), index);
        assert_eq!(MessageType::from_u8(kind as u8), Some(kind));
    }
}

/// The reference decoder: slower, written from the RFC with nom, good messages only.
fn reference(input: &[u8], max_len: usize) -> IResult<&[u8], (u8, &[u8])> {
    let (input, _) = tag(&[0xff; 16][..]).parse(input)?;
    let (input, length) =
        verify(be_u16, |&l| (19..=max_len).contains(&usize::from(l))).parse(input)?;
    let (input, kind) = verify(be_u8, |&kind| match kind {
        1 => (29..=4096).contains(&length),
        2 => length >= 23,
        3 => length >= 21,
        4 => length == 19,
        5 => true,
        _ => false,
    })
    .parse(input)?;
    let (input, body) = take(length - 19).parse(input)?;
    Ok((input, (kind, body)))
}

/// Octets that are a message, nearly one, or anything.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let near = (
        0u8..8,
        prop_oneof![17u16..64, 4090u16..4100, any::<u16>()],
        0usize..80,
    )
        .prop_map(|(kind, length, body)| {
            let mut out = header(length, kind);
            out.resize(19 + body, 0xab);
            out
        });
    let exact = (0u8..8, 0u16..80).prop_map(|(kind, body)| {
        let mut out = header(19 + body, kind);
        out.resize(usize::from(19 + body), 0xab);
        out
    });
    prop_oneof![near, exact, proptest::collection::vec(any::<u8>(), 0..64)]
}

proptest! {
    #[test]
    fn agrees_with_the_reference(bytes in stream(), extended: bool) {
        let max_len = if extended { MAX_EXTENDED_LEN } else { MAX_LEN };
        let hand = next_frame(&bytes, max_len);
        match (reference(&bytes, max_len), hand) {
            (Ok((rest, (kind, body))), Ok(Some((frame, used)))) => {
                prop_assert_eq!(kind, frame.kind as u8);
                prop_assert_eq!(body, frame.body);
                prop_assert_eq!(bytes.len() - rest.len(), used);
            }
            (Err(_), Ok(None) | Err(_)) => {}
            (reference, hand) => prop_assert!(false, "{reference:?} {hand:?}"),
        }
    }

    #[test]
    fn a_cut_message_needs_more(body in 4usize..300, cut in 0usize..300) {
        let mut out = BytesMut::new();
        put_header(&mut out, MessageType::Update, body);
        out.put_bytes(0, body);
        let cut = cut.min(out.len() - 1);
        prop_assert_eq!(next_frame(&out[..cut], MAX_LEN), Ok(None));
        prop_assert!(next_frame(&out, MAX_LEN).unwrap().is_some());
    }
}
