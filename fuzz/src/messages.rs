//! OPEN with its capabilities, NOTIFICATION, ROUTE-REFRESH.

use wire::{Fault, Notification, Open, Remedy, RouteRefresh};

/// A message whose header is right.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap_or(u16::MAX);
    [&[0xff; 16][..], &length.to_be_bytes(), &[kind], body].concat()
}

fn is_of(fault: &Fault, wanted: u8) {
    let (code, _) = fault.kind.code();
    assert_eq!(
        (code as u8, fault.remedy),
        (wanted, Remedy::ResetSession),
        "{fault}"
    );
}

/// An OPEN that is read is written again, and read again is the same.
pub(crate) fn open(input: &[u8]) {
    let open = match Open::decode(input) {
        Err(fault) => return is_of(&fault, 2),
        Ok(open) => open,
    };
    assert!(open.asn.0 != 0 && !open.router_id.is_unspecified());
    assert!(!matches!(open.hold_time, 1 | 2));
    let octets = open.encode();
    assert!(octets.len() <= 4096);
    let again = Open::decode(&octets[19..]).unwrap_or_else(|fault| panic!("{fault}: {open:?}"));
    // What does not fit into a message is left out, and only that.
    assert!(
        open.capabilities.starts_with(&again.capabilities)
            || again.capabilities == open.capabilities
    );
    assert_eq!((again.asn, again.hold_time), (open.asn, open.hold_time));
    for capability in &open.capabilities {
        assert!(!capability.to_string().contains('\u{1b}'), "{capability:?}");
    }
}

pub(crate) fn open_seeds() -> Vec<Vec<u8>> {
    let head = |parameters: &[u8]| {
        let length = parameters.len() as u8;
        [&[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 2, length][..], parameters].concat()
    };
    let parameter = |value: &[u8]| [&[2, value.len() as u8][..], value].concat();
    let capabilities: [&[u8]; 10] = [
        &[1, 4, 0, 1, 0, 1],
        &[1, 4, 0, 2, 0, 1],
        &[65, 4, 0, 0, 0xfd, 0xe9],
        &[2, 0],
        &[64, 10, 0x40, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x80],
        &[69, 8, 0, 1, 1, 3, 0, 2, 1, 1],
        &[70, 0],
        &[71, 7, 0, 1, 1, 0x80, 0, 1, 0],
        &[73, 6, 3, b'a', b'b', b'c', 1, b'd'],
        &[9, 1, 2],
    ];
    let mut seeds = vec![head(&[])];
    seeds.extend(capabilities.map(|one| head(&parameter(one))));
    seeds.push(head(&parameter(&capabilities.concat())));
    seeds.push(head(&capabilities.map(parameter).concat()));
    let long = [
        &[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 2, 255, 255, 0, 9, 2, 0, 6][..],
        capabilities[0],
    ];
    seeds.push(long.concat());
    seeds
}

/// NOTIFICATION and ROUTE-REFRESH: what is read is written as it came.
pub(crate) fn small(input: &[u8]) {
    if let Ok(notification) = Notification::decode(input) {
        assert_eq!(&notification.encode()[19..], input);
        let _ = (notification.shutdown_text(), notification.cease_subcode());
        let text = notification.to_string();
        assert!(!text.contains('\u{1b}') && !text.contains('\n'), "{text:?}");
        let hard = notification.into_hard_reset();
        assert!(Notification::decode(&hard.encode()[19..]).is_ok());
    }
    match RouteRefresh::decode(input) {
        Ok(refresh) => assert_eq!(&refresh.encode()[19..], &input[..4]),
        Err(fault) => assert_eq!(fault.remedy, Remedy::ResetSession),
    }
}

pub(crate) fn small_seeds() -> Vec<Vec<u8>> {
    let shutdown = |text: &[u8]| [&[6, 2, text.len() as u8][..], text].concat();
    vec![
        vec![6, 7],
        vec![1, 1],
        vec![2, 1, 0, 4],
        vec![3, 6, 0x40, 1, 1, 7],
        vec![4, 0],
        vec![7, 1, 0, 1],
        shutdown(b"maintenance"),
        shutdown("für heute".as_bytes()),
        shutdown(b"\x1b[2Jbell\x07\n"),
        [&[6, 9, 6, 2, 3][..], b"bye"].concat(),
        vec![0, 1, 0, 1],
        vec![0, 2, 1, 1],
        vec![0, 1, 2, 1, 9],
    ]
}
