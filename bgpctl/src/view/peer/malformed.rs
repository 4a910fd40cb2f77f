//! What could not be taken as it came of what a peer sent (RFC 7606).

use std::fmt::Write as _;

use proto::v1;
use serde::Serialize;

use crate::view::{at, word};

/// Octets in a line of a dump.
const LINE: usize = 16;
/// Octets that a page for people shows.
const SHOWN: usize = 512;

#[derive(Debug, Serialize)]
pub(super) struct MalformedView {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    text: String,
    remedy: String,
    length: u32,
    /// In hexadecimal.
    octets: String,
    #[serde(skip)]
    pub(super) raw_at: Option<prost_types::Timestamp>,
    #[serde(skip)]
    raw: Vec<u8>,
}

#[derive(Debug, Serialize)]
pub(super) struct MalformedCountersView {
    attribute_discard: u64,
    treat_as_withdraw: u64,
    afi_safi_disable: u64,
    session_reset: u64,
}

impl MalformedView {
    pub(super) fn new(message: v1::MalformedMessage) -> MalformedView {
        let mut octets = String::new();
        for octet in &message.octets {
            let _ = write!(octets, "{octet:02x}");
        }
        MalformedView {
            at: at(message.at),
            remedy: remedy(message.remedy()),
            text: message.text,
            length: message.length,
            octets,
            raw_at: message.at,
            raw: message.octets,
        }
    }

    /// What was wrong, and what was done about it.
    pub(super) fn line(&self) -> String {
        format!("{}; {}", self.text, self.remedy)
    }

    /// Lines of the message: a place, and the octets from there on.
    pub(super) fn dump(&self) -> Vec<(String, String)> {
        let shown = self.raw.chunks(LINE).take(SHOWN / LINE).enumerate();
        let mut lines: Vec<(String, String)> = shown
            .map(|(line, octets)| {
                let octets: Vec<String> = octets.iter().map(|o| format!("{o:02x}")).collect();
                (format!("{:04x}", line * LINE), octets.join(" "))
            })
            .collect();
        let (kept, all) = (self.raw.len(), self.length);
        if kept > SHOWN {
            lines.push(("...".to_owned(), format!("{kept} octets in -o json")));
        }
        if (all as usize) > kept && kept > 0 {
            lines.push(("cut".to_owned(), format!("it had {all} octets")));
        }
        lines
    }
}

impl MalformedCountersView {
    pub(super) fn new(counters: v1::MalformedCounters) -> MalformedCountersView {
        let v1::MalformedCounters {
            attribute_discard,
            treat_as_withdraw,
            afi_safi_disable,
            session_reset,
        } = counters;
        MalformedCountersView {
            attribute_discard,
            treat_as_withdraw,
            afi_safi_disable,
            session_reset,
        }
    }

    /// Those that are not 0, in words.
    pub(super) fn text(&self) -> String {
        let all = [
            ("attribute discard", self.attribute_discard),
            ("treat-as-withdraw", self.treat_as_withdraw),
            ("AFI/SAFI disable", self.afi_safi_disable),
            ("session reset", self.session_reset),
        ];
        let met = all.iter().filter(|(_, count)| *count > 0);
        let met: Vec<String> = met.map(|(name, count)| format!("{name} {count}")).collect();
        match met.as_slice() {
            [] => "none".to_owned(),
            met => met.join(", "),
        }
    }
}

fn remedy(remedy: v1::MalformedRemedy) -> String {
    word(remedy.as_str_name(), "MALFORMED_REMEDY_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_shown_in_part_and_written_in_full() {
        let message = v1::MalformedMessage {
            text: "ORIGIN is 7, not 0, 1 or 2 (3/6)".into(),
            remedy: v1::MalformedRemedy::TreatAsWithdraw.into(),
            length: 5000,
            octets: vec![0xab; 4096],
            ..v1::MalformedMessage::default()
        };
        let view = MalformedView::new(message);
        assert_eq!(
            view.line(),
            "ORIGIN is 7, not 0, 1 or 2 (3/6); treat-as-withdraw"
        );
        let dump = view.dump();
        assert_eq!(dump.len(), SHOWN / LINE + 2);
        assert_eq!(dump[1].0, "0010");
        assert!(dump[1].1.starts_with("ab ab "));
        assert_eq!(dump[32].1, "4096 octets in -o json");
        assert_eq!(dump[33].1, "it had 5000 octets");
        assert_eq!(view.octets.len(), 2 * 4096);
    }

    #[test]
    fn a_short_message_is_shown_as_it_is() {
        let message = v1::MalformedMessage {
            length: 19,
            octets: vec![0; 19],
            ..v1::MalformedMessage::default()
        };
        let dump = MalformedView::new(message).dump();
        assert_eq!(dump[1..], [("0010".to_owned(), "00 00 00".to_owned())]);
    }

    #[test]
    fn counters_that_are_0_are_not_told() {
        let counters = v1::MalformedCounters {
            treat_as_withdraw: 2,
            session_reset: 1,
            ..v1::MalformedCounters::default()
        };
        assert_eq!(
            MalformedCountersView::new(counters).text(),
            "treat-as-withdraw 2, session reset 1"
        );
        let none = v1::MalformedCounters::default();
        assert_eq!(MalformedCountersView::new(none).text(), "none");
    }
}
