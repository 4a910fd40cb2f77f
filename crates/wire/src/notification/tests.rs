use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[test]
fn a_fault_becomes_a_notification_of_its_code_subcode_and_data() {
    let data = Bytes::from_static(&[0x40, 1, 1, 7]);
    let kind = FaultKind::InvalidOrigin { value: 7 };
    let fault = Fault::reset(Section::Attributes, kind, data.clone());
    let expected = Notification {
        code: 3,
        subcode: 6,
        data,
    };
    assert_eq!(fault.notification(), expected);
}

#[test]
fn cease_with_text_round_trips() {
    let sent = Notification::cease(
        CeaseSubcode::AdminShutdown,
        "maintenance until 14:00 — Łukasz",
    );
    let wire = sent.encode();
    assert_eq!(
        &wire[..19],
        &[&[0xff; 16][..], &[0, wire.len() as u8, 3]].concat()[..]
    );
    let got = Notification::decode(&wire[19..]).unwrap();
    assert_eq!(got, sent);
    assert_eq!(
        got.shutdown_text().as_deref(),
        Some("maintenance until 14:00 — Łukasz")
    );
    assert_eq!(
        got.to_string(),
        "Cease/Administrative Shutdown (6/2): \"maintenance until 14:00 — Łukasz\""
    );
}

#[test]
fn text_is_cut_at_a_character_border() {
    let sent = Notification::cease(CeaseSubcode::AdminReset, &"é".repeat(200));
    assert_eq!(sent.data.len(), 1 + 254);
    assert_eq!(sent.shutdown_text(), Some("é".repeat(127)));
}

#[test]
fn text_has_no_place_in_other_subcodes() {
    assert!(
        Notification::cease(CeaseSubcode::OutOfResources, "x")
            .data
            .is_empty()
    );
    assert_eq!(
        Notification {
            code: 6,
            subcode: 8,
            data: Bytes::from_static(b"\x01x")
        }
        .shutdown_text(),
        None
    );
}

#[test]
fn bad_shutdown_text_is_made_harmless() {
    let long = Notification {
        code: 6,
        subcode: 2,
        data: Bytes::from_static(b"\x09short"),
    };
    assert_eq!(long.shutdown_text(), None);
    let control = Notification {
        code: 6,
        subcode: 2,
        data: Bytes::from_static(b"\x05a\x1b[1m"),
    };
    assert_eq!(control.shutdown_text().as_deref(), Some("a [1m"));
    let binary = Notification {
        code: 6,
        subcode: 4,
        data: Bytes::from_static(b"\x02\xff\xfe"),
    };
    assert_eq!(binary.shutdown_text().as_deref(), Some("\u{fffd}\u{fffd}"));
    let empty = Notification {
        code: 6,
        subcode: 2,
        data: Bytes::from_static(b"\x00"),
    };
    assert_eq!(empty.shutdown_text(), None);
}

#[test]
fn hard_reset_holds_the_reason() {
    let reason = Notification::cease(CeaseSubcode::AdminShutdown, "bye");
    let hard = reason.clone().into_hard_reset();
    assert_eq!((hard.code, hard.subcode), (6, 9));
    assert_eq!(hard.hard_reset_reason(), Some(reason));
    assert_eq!(hard.shutdown_text().as_deref(), Some("bye"));
    assert_eq!(
        hard.to_string(),
        "Cease/Hard Reset (6/9): Cease/Administrative Shutdown (6/2): \"bye\""
    );
    let twice = hard.into_hard_reset();
    assert_eq!(twice.shutdown_text(), None);
    assert_eq!(twice.to_string(), "Cease/Hard Reset (6/9)");
}

#[test]
fn names_of_codes() {
    let text = |code, subcode| {
        Notification {
            code,
            subcode,
            data: Bytes::new(),
        }
        .to_string()
    };
    assert_eq!(text(2, 2), "OPEN Message Error/Bad Peer AS (2/2)");
    assert_eq!(text(2, 11), "OPEN Message Error/Role Mismatch (2/11)");
    assert_eq!(text(4, 0), "Hold Timer Expired (4/0)");
    assert_eq!(text(6, 10), "Cease/BFD Down (6/10)");
    assert_eq!(text(8, 0), "Send Hold Timer Expired (8/0)");
    assert_eq!(text(77, 3), "unknown error (77/3)");
}

#[test]
fn every_code_round_trips() {
    for code in 1..=8 {
        assert_eq!(ErrorCode::from_u8(code).unwrap() as u8, code);
    }
    for subcode in 1..=10 {
        assert_eq!(CeaseSubcode::from_u8(subcode).unwrap() as u8, subcode);
    }
    assert_eq!(ErrorCode::from_u8(9), None);
    assert_eq!(CeaseSubcode::from_u8(11), None);
}

#[test]
fn a_short_body_is_a_fault() {
    for body in [&[][..], &[6]] {
        let fault = Notification::decode(body).unwrap_err();
        assert_eq!(
            fault.kind,
            FaultKind::BadMessageLength {
                length: 19 + body.len() as u16
            }
        );
    }
}

#[test]
fn data_is_cut_to_the_size_of_a_message() {
    let long = Notification {
        code: 3,
        subcode: 1,
        data: Bytes::from(vec![7; 9000]),
    };
    assert_eq!(long.encode().len(), MAX_LEN);
    let extended = long.encode_within(MAX_EXTENDED_LEN);
    assert_eq!(extended.len(), 21 + 9000);
    assert_eq!(Notification::decode(&extended[19..]), Ok(long));
}

proptest! {
    #[test]
    fn round_trips(code: u8, subcode: u8, data in vec(any::<u8>(), 0..300)) {
        let message = Notification { code, subcode, data: Bytes::from(data) };
        prop_assert_eq!(Notification::decode(&message.encode()[19..]), Ok(message));
    }

    #[test]
    fn any_text_is_harmless(code in 5u8..8, subcode in 0u8..11, data in vec(any::<u8>(), 0..40)) {
        let text = Notification { code, subcode, data: Bytes::from(data) }.to_string();
        prop_assert!(!text.chars().any(char::is_control));
    }

    #[test]
    fn shutdown_text_comes_back(text in "[a-zé€𝄞 \"]{0,200}") {
        let sent = Notification::cease(CeaseSubcode::AdminShutdown, &text);
        let got = sent.shutdown_text().unwrap_or_default();
        prop_assert!(text.starts_with(&got));
        prop_assert!(got.len() == text.len() || got.len() > MAX_SHUTDOWN_TEXT - 4);
    }
}

#[test]
fn a_limit_of_prefixes_is_told_with_its_family() {
    let family = crate::Family::Ipv6Unicast.afi_safi();
    let sent = Notification::max_prefixes(family, 1000);
    assert_eq!(sent.data[..], [0, 2, 1, 0, 0, 3, 0xe8]);
    assert_eq!(sent.prefix_limit(), Some((family, 1000)));
    let said = "Cease/Maximum Number of Prefixes Reached (6/1)";
    assert_eq!(
        sent.to_string(),
        format!("{said}: at most 1000 of ipv6-unicast")
    );
    let hard = sent.clone().into_hard_reset();
    assert_eq!(
        hard.to_string(),
        format!("Cease/Hard Reset (6/9): {said}: at most 1000 of ipv6-unicast")
    );
    // The data may be left out, and any other length says nothing.
    for cut in [0, 3, 6] {
        let short = Notification {
            data: sent.data.slice(..cut),
            ..sent.clone()
        };
        assert_eq!(
            (short.prefix_limit(), short.to_string().as_str()),
            (None, said)
        );
    }
    assert_eq!(shed_by_other_means().prefix_limit(), None);
}

fn shed_by_other_means() -> Notification {
    Notification {
        data: Bytes::from_static(&[0, 2, 1, 0, 0, 3, 0xe8]),
        ..Notification::cease(CeaseSubcode::OutOfResources, "")
    }
}
