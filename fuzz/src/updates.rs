//! UPDATE: what holds of every answer of the decoder. The first octet of an input says what the session agreed on.

use bytes::BytesMut;
use wire::{
    DecodeContext, DecodeScratch, EncodeContext, Families, Family, MAX_LEN, Remedy, Update,
    WireAttrs, decode_update, encode_announce,
};

/// What a first octet stands for.
pub(crate) fn context(bits: u8) -> DecodeContext {
    let some = |bit: u8, families: Families| match bits & bit {
        0 => Families::EMPTY,
        _ => families,
    };
    let ipv4 = Families::only(Family::Ipv4Unicast);
    let families = match bits & 0x30 {
        0 => Families::ALL,
        0x10 => ipv4,
        0x20 => Families::only(Family::Ipv6Unicast),
        _ => Families::ALL,
    };
    DecodeContext {
        internal: bits & 1 != 0,
        four_octet_as: bits & 2 != 0,
        families,
        add_path: some(4, Families::ALL),
        extended_next_hop: some(8, ipv4),
        as_sets: bits & 0x40 == 0,
    }
}

/// Decodes and checks.
pub(crate) fn update(input: &[u8]) {
    let Some((&bits, body)) = input.split_first() else {
        return;
    };
    check(body, &context(bits), &mut DecodeScratch::new());
}

/// Whatever comes out of decoding `body` is consistent. True if it is an UPDATE with reachable routes.
pub(crate) fn check(body: &[u8], context: &DecodeContext, scratch: &mut DecodeScratch) -> bool {
    let update = match decode_update(body, context, scratch) {
        Err(fault) => {
            assert_eq!(fault.remedy, Remedy::ResetSession);
            let (code, _) = fault.kind.code();
            assert_eq!(code as u8, 3, "{fault}");
            return false;
        }
        Ok(update) => update,
    };
    let spoiled = update
        .faults
        .iter()
        .any(|fault| fault.remedy > Remedy::DiscardAttribute);
    assert!(
        update
            .faults
            .iter()
            .all(|fault| fault.remedy <= Remedy::TreatAsWithdraw)
    );
    let reach = update.reach.iter().flatten().count();
    assert!(
        !spoiled || reach == 0,
        "announced in spite of {:?}",
        update.faults
    );
    assert_eq!(reach == 0, update.attrs.bytes().is_empty());
    let come = update
        .reach
        .iter()
        .flatten()
        .map(|reach| (reach.family, reach.nlri));
    let gone = update
        .unreach
        .iter()
        .flatten()
        .map(|gone| (gone.family, gone.nlri));
    for (family, nlri) in come.chain(gone) {
        assert!(context.families.contains(family) && !nlri.is_empty());
        assert_eq!(nlri.iter().count(), nlri.len());
        for one in nlri.iter() {
            assert_eq!(one.prefix.trunc(), one.prefix, "host bits");
            assert!(context.add_path.contains(family) || one.path_id == 0);
        }
    }
    if update.end_of_rib.is_some() {
        assert_eq!((reach, update.unreach.iter().flatten().count()), (0, 0));
    }
    sent_on(&update);
    reach > 0
}

/// What was read can be sent on, and whoever reads that finds nothing wrong and the same attributes.
fn sent_on(update: &Update<'_>) {
    let encode = EncodeContext {
        four_octet_as: true,
        add_path: Families::EMPTY,
        extended_next_hop: Families::only(Family::Ipv4Unicast),
        max_len: MAX_LEN,
    };
    let decode = DecodeContext {
        internal: true,
        four_octet_as: true,
        families: Families::ALL,
        add_path: Families::EMPTY,
        extended_next_hop: encode.extended_next_hop,
        as_sets: true,
    };
    for reach in update.reach.iter().flatten() {
        let wire = WireAttrs::new(update.attrs, reach.next_hop, &encode);
        let mut out = BytesMut::new();
        let mut routes = reach.nlri.iter().peekable();
        if encode_announce(&mut out, &wire, reach.family, &mut routes, &encode).is_err() {
            // Too long for a message by now: paths were widened.
            continue;
        }
        assert!(out.len() <= MAX_LEN);
        let mut scratch = DecodeScratch::new();
        let again = decode_update(&out[19..], &decode, &mut scratch);
        let again = again.unwrap_or_else(|fault| panic!("what we send is refused: {fault}"));
        assert!(
            again.faults.is_empty(),
            "what we send is faulty: {:?}",
            again.faults
        );
        assert_eq!(again.attrs.bytes(), update.attrs.bytes());
    }
}

/// An UPDATE's body of three fields.
pub(crate) fn body(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = |octets: &[u8]| (octets.len() as u16).to_be_bytes();
    [
        &length(withdrawn)[..],
        withdrawn,
        &length(attributes),
        attributes,
        nlri,
    ]
    .concat()
}

/// One attribute.
pub(crate) fn attr(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    match u8::try_from(value.len()) {
        Ok(length) => [&[flags, code, length][..], value].concat(),
        Err(_) => {
            let [high, low] = (value.len() as u16).to_be_bytes();
            [&[flags | 0x10, code, high, low][..], value].concat()
        }
    }
}

/// ORIGIN, AS_PATH in four octets, NEXT_HOP.
pub(crate) fn good() -> Vec<u8> {
    [
        attr(0x40, 1, &[0]),
        attr(0x40, 2, &[2, 2, 0, 0, 0xfd, 0xe9, 0, 1, 0x11, 0x70]),
        attr(0x40, 3, &[10, 0, 0, 2]),
    ]
    .concat()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let six = {
        let mut value = vec![0, 2, 1, 16, 0x2a];
        value.extend([0; 14]);
        value.extend([1, 0, 64, 0x2a, 0, 0, 0, 0, 0, 0, 1]);
        attr(0x80, 14, &value)
    };
    let gone = attr(0x80, 15, &[0, 2, 1, 32, 0x2a, 0, 0, 1]);
    let inside = [
        attr(0x80, 4, &[0, 0, 0, 5]),
        attr(0x40, 5, &[0, 0, 0, 100]),
        attr(0x40, 6, &[]),
        attr(0xc0, 7, &[0, 0, 0xfd, 0xe9, 10, 0, 0, 1]),
        attr(0xc0, 8, &[0xfd, 0xe9, 0, 1, 0xff, 0xff, 0xff, 1]),
        attr(0x80, 9, &[10, 0, 0, 9]),
        attr(0x80, 10, &[1, 1, 1, 1, 2, 2, 2, 2]),
        attr(0xc0, 16, &[0, 2, 0xfd, 0xe9, 0, 0, 0, 1]),
        attr(0xc0, 25, &[7; 20]),
        attr(0xc0, 32, &[3; 12]),
        attr(0xc0, 35, &[0, 0, 0xfd, 0xe9]),
        attr(0xc0, 99, &[1, 2, 3]),
    ]
    .concat();
    let narrow = [
        attr(0x40, 1, &[2]),
        attr(0x40, 2, &[2, 2, 0xfd, 0xe9, 0x5b, 0xa0]),
        attr(0x40, 3, &[10, 0, 0, 2]),
        attr(0xc0, 7, &[0x5b, 0xa0, 10, 0, 0, 1]),
        attr(0xc0, 17, &[2, 1, 0, 1, 0x11, 0x70]),
        attr(0xc0, 18, &[0, 1, 0x11, 0x70, 10, 0, 0, 1]),
    ]
    .concat();
    let ids = [0, 0, 0, 1, 24, 60, 0, 1, 0, 0, 0, 2, 24, 60, 0, 1];
    let with = |bits: u8, body: Vec<u8>| [&[bits][..], &body].concat();
    vec![
        with(2, body(&[], &good(), &[24, 60, 0, 1, 8, 10])),
        with(
            3,
            body(
                &[24, 60, 0, 2],
                &[good(), inside.clone()].concat(),
                &[24, 60, 0, 1],
            ),
        ),
        with(3, body(&[], &[six.clone(), good(), inside].concat(), &[])),
        with(
            3,
            body(&[], &[six, gone.clone(), good()].concat(), &[24, 60, 0, 1]),
        ),
        with(2, body(&[24, 60, 0, 1], &gone, &[])),
        with(0, body(&[], &narrow, &[24, 60, 0, 1])),
        with(6, body(&ids, &good(), &ids)),
        with(2, body(&[], &[], &[])),
        with(2, body(&[], &attr(0x80, 15, &[0, 2, 1]), &[])),
    ]
}
