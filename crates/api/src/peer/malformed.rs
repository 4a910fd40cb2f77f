//! What could not be taken as it came of what a peer sent (RFC 7606).

use proto::v1;
use speaker::{Malformations, Malformed, Peer};
use wire::Remedy;

use crate::clock::Wall;

/// The last one, without its octets.
pub(super) fn last(all: &Malformations, wall: &Wall) -> Option<v1::MalformedMessage> {
    let last = all.last()?;
    Some(v1::MalformedMessage {
        at: Some(wall.timestamp(last.at)),
        text: last.fault.to_string(),
        remedy: remedy(last.remedy()).into(),
        length: u32::try_from(last.length).unwrap_or(u32::MAX),
        octets: Vec::new(),
    })
}

/// Puts the octets of the last one into a message that was made for this peer. They are too many for a list of peers.
pub(super) fn add_octets(message: &mut v1::Peer, peer: &Peer) {
    let state = message.state.as_mut();
    if let Some(last) = state.and_then(|state| state.last_malformed.as_mut()) {
        let octets = peer.malformations().last().map(Malformed::octets);
        last.octets = octets.unwrap_or_default().to_vec();
    }
}

pub(super) fn counters(all: &Malformations) -> v1::MalformedCounters {
    v1::MalformedCounters {
        attribute_discard: all.count(Remedy::DiscardAttribute),
        treat_as_withdraw: all.count(Remedy::TreatAsWithdraw),
        afi_safi_disable: all.count(Remedy::DisableFamily),
        session_reset: all.count(Remedy::ResetSession),
    }
}

fn remedy(remedy: Remedy) -> v1::MalformedRemedy {
    match remedy {
        Remedy::DiscardAttribute => v1::MalformedRemedy::AttributeDiscard,
        Remedy::TreatAsWithdraw => v1::MalformedRemedy::TreatAsWithdraw,
        Remedy::DisableFamily => v1::MalformedRemedy::AfiSafiDisable,
        Remedy::ResetSession => v1::MalformedRemedy::SessionReset,
    }
}
