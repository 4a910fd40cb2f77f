//! Framing: the first octet of an input says how it is cut, the rest is a stream.

use wire::{HEADER_LEN, MAX_EXTENDED_LEN, MAX_LEN, MessageType, Remedy, next_frame};

/// A stream gives the same messages and the same fault, however it is cut; a frame is what its length says.
pub(crate) fn frame(input: &[u8]) {
    let Some((&cut, stream)) = input.split_first() else {
        return;
    };
    let most = if cut & 0x80 == 0 {
        MAX_LEN
    } else {
        MAX_EXTENDED_LEN
    };
    let whole = read(stream, most, stream.len().max(1));
    let pieces = read(stream, most, usize::from(cut & 0x7f) + 1);
    assert_eq!(whole, pieces, "cut into pieces of {}", (cut & 0x7f) + 1);
}

/// Kind and length of each message, and the fault at the end.
type Read = (Vec<(MessageType, usize)>, Option<(u8, u8, Vec<u8>)>);

fn read(stream: &[u8], most: usize, piece: usize) -> Read {
    let (mut held, mut messages): (Vec<u8>, Vec<_>) = (Vec::new(), Vec::new());
    for octets in stream.chunks(piece) {
        held.extend(octets);
        loop {
            match next_frame(&held, most) {
                Ok(Some((frame, used))) => {
                    assert!(used >= HEADER_LEN && used <= most.max(MAX_LEN) && used <= held.len());
                    assert_eq!(frame.body.len() + HEADER_LEN, used);
                    assert_eq!(usize::from(u16::from_be_bytes([held[16], held[17]])), used);
                    messages.push((frame.kind, used));
                    held.drain(..used);
                }
                Ok(None) => break,
                Err(fault) => {
                    assert_eq!(fault.remedy, Remedy::ResetSession);
                    let (code, subcode) = fault.kind.code();
                    assert!(code as u8 == 1 && (1..=3).contains(&subcode));
                    return (messages, Some((1, subcode, fault.data.to_vec())));
                }
            }
        }
        assert!(held.len() < most.max(MAX_LEN), "a frame that never ends");
    }
    (messages, None)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let message = crate::messages::message;
    let all = [
        message(4, &[]),
        message(2, &[0, 0, 0, 0]),
        message(3, &[6, 2]),
        message(5, &[0, 1, 0, 1]),
        [message(4, &[]), message(4, &[]), message(2, &[0; 30])].concat(),
        message(2, &[0; 4077]),
    ];
    let cuts = [0, 5, 18, 0x80, 0xff];
    let seeds = all.iter().zip(cuts.iter().cycle());
    seeds
        .map(|(stream, cut)| [&[*cut], &stream[..]].concat())
        .collect()
}
