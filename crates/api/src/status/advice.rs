//! What to do about a peer that is down: from the session's advice to the next step.

use session::{Advice, LastError, RemoteAs};
use speaker::Peer;

/// The next step for a peer that has not come up yet.
pub(super) fn before(peer: &Peer) -> String {
    let address = peer.config().address;
    match peer.config().passive {
        true => format!("wait for it to connect; check that {address} has us as a peer"),
        false => "wait a few seconds for the first attempts".into(),
    }
}

/// The next step after an error.
pub(super) fn after(peer: &Peer, error: &LastError) -> String {
    let (address, port) = (peer.config().address, peer.config().port);
    let Some(advice) = error.advice(peer.session().settings()) else {
        return format!("see the log of {address}; we try again by ourselves");
    };
    let ours = peer.config().location.short();
    match advice {
        Advice::LocalAs { .. } => {
            format!("correct the AS that {address} expects of us, or our local-as")
        }
        Advice::RemoteAs {
            expected: RemoteAs::Internal,
            ..
        } => format!("correct our own `as`, the one of the peer at {ours}, or the AS of {address}"),
        Advice::RemoteAs { .. } => format!("correct `as` at {ours}, or the AS of {address}"),
        Advice::RouterId => "set router-id on one of the two".into(),
        Advice::Families { .. } => format!("correct families at {ours}, or on {address}"),
        Advice::HoldTime { .. } => format!("correct hold-time at {ours}, or on {address}"),
        Advice::NotListening => {
            format!("check that BGP runs on {address} and listens on port {port}")
        }
        Advice::Unreachable if peer.config().password_file.is_some() => format!(
            "check that {address} signs with the same password (password-file at {ours}), the route to it, and firewalls for TCP port {port}"
        ),
        Advice::Unreachable if peer.config().ttl_security.is_some() => format!(
            "check that {address} sends with TTL 255 (ttl-security at {ours}), the route to it, and firewalls for TCP port {port}"
        ),
        Advice::Unreachable => {
            format!("check the route to {address}, and firewalls for TCP port {port}")
        }
        Advice::TooFar => {
            format!("set ttl security on {address} too, or correct ttl-security at {ours}")
        }
        Advice::OtherDevice => {
            format!("correct bind-device at {ours}, or the routes of {address} to us")
        }
        Advice::LocalAddress => format!("correct local-address at {ours}"),
        Advice::UnknownThere => {
            format!("add us as a peer on {address}, by the address that we use")
        }
        Advice::ShutThere => format!("enable us on {address}"),
        Advice::PrefixLimitThere => {
            format!("raise the limit of prefixes on {address}, or send fewer: export at {ours}")
        }
        Advice::TooMuch => format!(
            "have {address} announce less, or raise limits.routes and restart; it is let in again by itself"
        ),
        Advice::PrefixLimit => format!(
            "have {address} announce less, or raise max-prefix at {ours} and reload; bgpctl peer reset {address} lets it in at once"
        ),
        Advice::PrefixLimitOut => format!(
            "look at what export at {ours} lets out, or raise max-prefix-out there and reload; bgpctl peer reset {address} lets it in at once"
        ),
        Advice::ReadsNothing => {
            format!("look at the BGP daemon on {address}, and at the load there")
        }
        Advice::Silent => format!("check the path to {address}, and the load there"),
    }
}
