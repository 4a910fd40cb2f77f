//! What a peer sent that could not be taken as it came: the last such message, octet by octet, and how often each remedy
//! of RFC 7606 section 2 was applied; and the line that the log has of it. RFC 7606 section 6 asks for it, so that whoever
//! looks for the fault can see it.
//!
//! Owns the record; never judges a message.

use std::fmt;
use std::time::Instant;

use wire::{Fault, HEADER_LEN, Prefix, Remedy, Update};

/// Octets of a message that are kept at most; a message is no longer unless both sides agreed on it (RFC 8654).
pub const MAX_KEPT: usize = 4096;

/// Where the length stands in a message's header (RFC 4271 section 4.1).
const LENGTH_AT: std::ops::Range<usize> = 16..18;

/// Prefixes that a log line names.
const NAMED: usize = 8;

/// An UPDATE that could not be taken as it came, for the log (RFC 7606 section 6): what was wrong, its prefixes as far as
/// they could be read, and its octets.
#[derive(Clone, Debug)]
pub struct FaultyUpdate {
    fault: Fault,
    prefixes: Vec<Prefix>,
    count: usize,
    octets: Box<[u8]>,
}

impl FaultyUpdate {
    /// One that ends the session: its prefixes are lost.
    pub(crate) fn unread(fault: &Fault, octets: &[u8]) -> FaultyUpdate {
        FaultyUpdate {
            fault: fault.clone(),
            prefixes: Vec::new(),
            count: 0,
            octets: octets[..octets.len().min(MAX_KEPT)].into(),
        }
    }

    /// One that was read.
    pub(crate) fn read(fault: &Fault, update: &Update<'_>, octets: &[u8]) -> FaultyUpdate {
        let come = update.reach.iter().flatten().map(|reach| reach.nlri);
        let gone = update.unreach.iter().flatten().map(|gone| gone.nlri);
        let blocks = come.chain(gone);
        let all = blocks.clone().flat_map(|block| block.iter());
        FaultyUpdate {
            prefixes: all.map(|nlri| nlri.prefix).take(NAMED).collect(),
            count: blocks.map(|block| block.len()).sum(),
            ..FaultyUpdate::unread(fault, octets)
        }
    }
}

/// "ORIGIN is 7, not 0, 1 or 2 (3/6); treat-as-withdraw of 10.0.0.0/8; the message: ffff...".
impl fmt::Display for FaultyUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.fault, self.fault.remedy)?;
        for (at, prefix) in self.prefixes.iter().enumerate() {
            let before = if at == 0 { " of " } else { ", " };
            write!(f, "{before}{prefix}")?;
        }
        let more = self.count - self.prefixes.len();
        if more > 0 {
            write!(f, " and {more} more")?;
        }
        f.write_str("; the message: ")?;
        self.octets
            .iter()
            .try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// A message that could not be taken as it came.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// When it came.
    pub at: Instant,
    /// What was wrong; of several faults the first of those with the harshest remedy.
    pub fault: Fault,
    /// How long it was. More than the octets that are kept: it was cut behind them.
    pub length: usize,
    octets: Vec<u8>,
}

impl Malformed {
    /// What was done about it.
    pub fn remedy(&self) -> Remedy {
        self.fault.remedy
    }

    /// The message with its header, at most [`MAX_KEPT`] octets of it.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// What was wrong with a peer's messages, over all its sessions.
#[derive(Clone, Debug, Default)]
pub struct Malformations {
    counts: [u64; 4],
    last: Option<Box<Malformed>>,
}

impl Malformations {
    /// How many messages were answered by this remedy. One with several faults counts once, with the harshest.
    pub fn count(&self, remedy: Remedy) -> u64 {
        self.counts[place(remedy)]
    }

    /// The last one.
    pub fn last(&self) -> Option<&Malformed> {
        self.last.as_deref()
    }

    /// Takes down a message, `octets`, and what was wrong with it.
    pub(crate) fn note(&mut self, now: Instant, fault: Fault, octets: &[u8]) {
        self.counts[place(fault.remedy)] += 1;
        let kept = &octets[..octets.len().min(MAX_KEPT)];
        match &mut self.last {
            // The room of the one before is used again, for they may come in masses.
            Some(last) => {
                last.at = now;
                last.fault = fault;
                last.length = octets.len();
                last.octets.clear();
                last.octets.extend_from_slice(kept);
            }
            None => {
                self.last = Some(Box::new(Malformed {
                    at: now,
                    fault,
                    length: octets.len(),
                    octets: kept.to_vec(),
                }));
            }
        }
    }
}

const fn place(remedy: Remedy) -> usize {
    match remedy {
        Remedy::DiscardAttribute => 0,
        Remedy::TreatAsWithdraw => 1,
        Remedy::DisableFamily => 2,
        Remedy::ResetSession => 3,
    }
}

/// What of `octets`, which begin with a header that cannot be read, is that message: as much as its length says, if that
/// much came, else the header.
pub(crate) fn unframed(octets: &[u8]) -> &[u8] {
    let length = octets.get(LENGTH_AT).unwrap_or_default();
    let length = <[u8; 2]>::try_from(length).map_or(0, u16::from_be_bytes);
    &octets[..usize::from(length).max(HEADER_LEN).min(octets.len())]
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wire::{FaultKind, Section};

    use super::*;
    use crate::{Admission, Identity, Speaker};

    fn fault(remedy: Remedy) -> Fault {
        let kind = FaultKind::InvalidOrigin { value: 7 };
        Fault::new(Section::Attributes, kind, remedy, Bytes::new())
    }

    #[test]
    fn the_last_message_replaces_the_one_before() {
        let now = crate::testing::start();
        let mut all = Malformations::default();
        assert!(all.last().is_none());
        all.note(now, fault(Remedy::TreatAsWithdraw), &[1; 5000]);
        let last = all.last().unwrap();
        assert_eq!((last.octets().len(), last.length), (MAX_KEPT, 5000));
        all.note(now, fault(Remedy::ResetSession), &[2; 30]);
        let last = all.last().unwrap();
        assert_eq!((last.octets(), last.length), (&[2; 30][..], 30));
        assert_eq!(last.remedy(), Remedy::ResetSession);
        let counts = [
            Remedy::DiscardAttribute,
            Remedy::TreatAsWithdraw,
            Remedy::DisableFamily,
            Remedy::ResetSession,
        ];
        assert_eq!(counts.map(|remedy| all.count(remedy)), [0, 1, 0, 1]);
    }

    const PEER: &str = "10.0.0.2:33000";

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER_LEN + body.len())
            .unwrap()
            .to_be_bytes();
        [&[0xff; 16][..], &length, &[kind], body].concat()
    }

    /// A speaker with one peer, and what a peer says on a connection of its own.
    fn hear(octets: &[&[u8]]) -> Speaker {
        let text = "as: 65001\nrouter-id: 10.0.0.1\npeers:\n  - {address: 10.0.0.2, as: 65002, passive: true}\n";
        let config = config::parse(text, "bgpd.yaml", config::Role::Reflector, &|_| None);
        let config = config.unwrap();
        let identity = Identity::of(&config, None);
        let now = crate::testing::start();
        let mut speaker = Speaker::new(now, config, identity, 1);
        speaker.start(now);
        let (local, remote) = ("10.0.0.1:179".parse().unwrap(), PEER.parse().unwrap());
        let Admission::Accepted { conn, .. } = speaker.on_accepted(now, local, remote) else {
            panic!("refused");
        };
        for octets in octets {
            speaker.on_bytes(now, conn, octets);
        }
        speaker
    }

    fn seen(speaker: &Speaker) -> &Malformations {
        speaker.peers().next().unwrap().malformations()
    }

    fn open() -> Vec<u8> {
        message(1, &[4, 0xfd, 0xea, 0, 90, 10, 0, 0, 2, 0])
    }

    /// What is said, what is kept of it, and what is done about it.
    type Case<'a> = (&'a [&'a [u8]], &'a [u8], Remedy);

    #[test]
    fn what_was_wrong_is_kept_whatever_it_was() {
        let keepalive = message(4, &[]);
        // ORIGIN 7, an AS_PATH, a NEXT_HOP, 10.0.0.0/8.
        let origin = [0x40, 1, 1, 7, 0x40, 2, 4, 2, 1, 0xfd, 0xea];
        let attributes = [&origin[..], &[0x40, 3, 4, 10, 0, 0, 2]].concat();
        let update = [&[0, 0, 0, 18][..], &attributes, &[8, 10]].concat();
        let update = message(2, &update);
        let overrun = message(2, &[0, 9, 0, 0]);
        let up = [open(), keepalive.clone()].concat();
        let cases: [Case<'_>; 5] = [
            (&[&up, &update], &update, Remedy::TreatAsWithdraw),
            (&[&up, &update, &overrun], &overrun, Remedy::ResetSession),
            (&[&up, &open()], &open(), Remedy::ResetSession),
            (
                &[&open()[..20], &open()[20..], &update],
                &update,
                Remedy::ResetSession,
            ),
            (&[&[0; 40]], &[0; 19], Remedy::ResetSession),
        ];
        for (octets, wanted, remedy) in cases {
            let speaker = hear(octets);
            let last = seen(&speaker).last().unwrap();
            assert_eq!((last.octets(), last.remedy()), (wanted, remedy));
            assert_eq!(seen(&speaker).count(remedy), 1);
        }
        assert!(seen(&hear(&[&up, &keepalive])).last().is_none());
    }

    #[test]
    fn the_log_has_the_whole_message_and_some_of_its_prefixes() {
        let origin = [0x40, 1, 1, 7, 0x40, 2, 4, 2, 1, 0xfd, 0xea];
        let attributes = [&origin[..], &[0x40, 3, 4, 10, 0, 0, 2]].concat();
        let prefixes: Vec<u8> = (20..30).flat_map(|first| [8, first]).collect();
        let update = message(2, &[&[0, 0, 0, 18][..], &attributes, &prefixes].concat());
        let overrun = message(2, &[0, 9, 0, 0]);
        let hex = |octets: &[u8]| -> String { octets.iter().map(|o| format!("{o:02x}")).collect() };
        let up = [open(), message(4, &[])].concat();
        let line = |octets: &[u8]| {
            let mut speaker = hear(&[&up, octets]);
            let events = std::iter::from_fn(|| speaker.poll_event());
            let lines = events.map(|event| event.to_string());
            lines
                .filter(|line| line.contains("faulty UPDATE"))
                .last()
                .unwrap()
        };
        let said = line(&update);
        let wanted = format!("27.0.0.0/8 and 2 more; the message: {} (1", hex(&update));
        assert!(
            said.contains("; treat-as-withdraw of 20.0.0.0/8, ") && said.contains(&wanted),
            "{said}"
        );
        let said = line(&overrun);
        let wanted = format!("; session reset; the message: {} (1", hex(&overrun));
        assert!(said.contains(&wanted), "{said}");
    }

    #[test]
    fn a_message_that_has_no_frame_is_cut_at_its_length() {
        let mut octets = vec![0; 60];
        assert_eq!(unframed(&octets).len(), 19);
        octets[17] = 40;
        assert_eq!(unframed(&octets).len(), 40);
        octets[16] = 255;
        assert_eq!(unframed(&octets).len(), 60);
        assert_eq!(unframed(&octets[..19]).len(), 19);
    }
}
