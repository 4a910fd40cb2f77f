//! What keeps routes from flowing with a peer although nothing failed, and what to do about it.
//!
//! Never judges whether a session should be up: that is the status's.

use std::io::ErrorKind;

use config::LimitAction;
use policy::{ExportMode, ImportMode};
use rib::PathCounts;
use session::{DownReason, State};
use speaker::{Drain, Link, Peer, Speaker};
use wire::Family;

/// Something that keeps routes from flowing although nothing failed.
#[derive(Debug)]
pub(crate) struct Hindrance {
    /// What is so, to be read behind the peer's name.
    pub(crate) cause: String,
    /// What to do about it, to be read behind "next:".
    pub(crate) next: String,
}

/// What keeps routes from flowing although nothing failed.
pub(crate) fn hindrances(speaker: &Speaker, peer: &Peer) -> Vec<Hindrance> {
    let config = peer.config();
    let mut found = Vec::new();
    if config.import == ImportMode::Unset {
        found.push(Hindrance {
            cause: "has no import policy: nothing is accepted (RFC 8212)".into(),
            next: set(config, "import", "--import"),
        });
    }
    if config.export == ExportMode::Unset {
        found.push(Hindrance {
            cause: "has no export policy: nothing is sent (RFC 8212)".into(),
            next: set(config, "export", "--export"),
        });
    }
    found.extend(unheard(peer));
    found.extend(drained(peer));
    if let Some(link) = peer.link() {
        found.extend(short_lived(peer, link));
        let families = link.negotiated.families.iter();
        let mute = families.filter(|family| !link.announced.contains(*family));
        found.extend(mute.map(|family| Hindrance {
            cause: format!("is sent no {family}: this node has no next hop of that family to give"),
            next: give_next_hop(config, family),
        }));
        let counts = speaker.rib().path_counts(peer.id());
        found.extend(all_refused(config, &counts));
        let refused = speaker.rib().refused_counts(peer.id());
        found.extend(close_to_limits(config, &counts, refused));
    }
    found
}

/// That routes of a reflector go soon after it: it reflects for others, and does not ask to have that kept for long.
fn short_lived(peer: &Peer, link: &Link) -> Option<Hindrance> {
    let config = peer.config();
    if !link.reflects || !config.long_lived.enabled {
        return None;
    }
    let terms = &link.negotiated;
    let long = terms.long_lived.map(|long| long.families());
    if terms
        .families
        .iter()
        .all(|family| long.is_some_and(|long| long.contains(family)))
    {
        return None;
    }
    let when = match terms.graceful {
        None => "at once".to_owned(),
        Some(graceful) => format!("{} s later", graceful.restart_time),
    };
    let address = config.address;
    let place = config.location.short();
    Some(Hindrance {
        cause: format!(
            "is a reflector that asks for no long-lived graceful restart: should it be lost, its routes go {when}"
        ),
        next: format!(
            "turn it on there (RFC 9494), or long-lived-graceful-restart: {{enabled: false}} at {place} if {address} is not the only one"
        ),
    })
}

/// That we say to a peer alone that we leave it.
fn drained(peer: &Peer) -> Option<Hindrance> {
    Some(Hindrance {
        cause: drain_cause(peer.drained()?),
        next: format!("bgpctl drain {} --off", peer.config().address),
    })
}

/// That something is drained, to be read behind its name.
pub(crate) fn drain_cause(drain: &Drain) -> String {
    match drain.reason.as_str() {
        "" => "is drained: others are preferred".into(),
        reason => format!("is drained ({reason}): others are preferred"),
    }
}

/// That a peer that is held to something is not heard of: one that is not as its settings say is as silent as one that is
/// not there.
fn unheard(peer: &Peer) -> Option<Hindrance> {
    let is_silent = match peer.session().last_error().map(|error| &error.reason) {
        None => true,
        Some(DownReason::ConnectFailed(kind)) => *kind == ErrorKind::TimedOut,
        Some(_) => false,
    };
    let state = peer.session().state();
    let waits = matches!(state, State::Connect | State::Active | State::OpenSent);
    let config = peer.config();
    let address = config.address;
    if !is_silent || !waits {
        return None;
    }
    if let Some(file) = &config.password_file {
        let file = file.display();
        return Some(Hindrance {
            cause: "is not heard of: signed with another password, or with none, it could not be"
                .into(),
            next: format!("compare the password of {address} with the one in {file}"),
        });
    }
    let least = config.least_ttl()?;
    let place = config.location.short();
    Some(Hindrance {
        cause: format!("is not heard of: what it sends with a TTL below {least} is dropped"),
        next: format!("set ttl security on {address} too, or correct ttl-security at {place}"),
    })
}

/// The step that gives a peer a setting: a key of the file, or a flag of `bgpctl peer add`.
fn set(config: &config::Peer, key: &str, flag: &str) -> String {
    match &config.location {
        config::Location::File { .. } => {
            format!("set {key} at {} and reload", config.location.short())
        }
        config::Location::Request { .. } => {
            format!("delete the peer and add it again with {flag}")
        }
    }
}

fn give_next_hop(config: &config::Peer, family: Family) -> String {
    match family {
        Family::Ipv6Unicast => set(
            config,
            "next-hop-v6 (or give the interface an IPv6 address), or families: [ipv4-unicast],",
            "--next-hop-v6 (or give the interface an IPv6 address), or with --families ipv4-unicast",
        ),
        // There is no such setting for IPv4.
        Family::Ipv4Unicast => {
            let step = set(
                config,
                "families: [ipv6-unicast]",
                "--families ipv6-unicast",
            );
            format!("give the interface an IPv4 address, or {step}")
        }
    }
}

/// That nothing of all that a peer sent was good enough, unless it was meant to be so.
fn all_refused(config: &config::Peer, counts: &[PathCounts]) -> Option<Hindrance> {
    match config.import {
        ImportMode::Unset | ImportMode::None => return None,
        ImportMode::All | ImportMode::Sets(_) => {}
    }
    let received: u64 = counts.iter().map(|of| u64::from(of.received)).sum();
    if received == 0 || counts.iter().any(|of| of.accepted > 0) {
        return None;
    }
    let cause = match received {
        1 => "sent one route, and it was refused".into(),
        all => format!("sent {all} routes, and all were refused"),
    };
    let address = config.address;
    let next = format!("bgpctl route list --in {address} shows the reason of each");
    Some(Hindrance { cause, next })
}

/// That a peer brings about as many routes as it may, or more.
fn close_to_limits(
    config: &config::Peer,
    counts: &[PathCounts],
    refused: [u32; 2],
) -> Vec<Hindrance> {
    let limits = &config.limits;
    let mut found = Vec::new();
    for family in limits.most.families().iter() {
        let (count, refused) = (counts[family.index()].accepted, refused[family.index()]);
        let Some(most) = limits.most.of(family) else {
            continue;
        };
        let is_near = limits.warns_at(family).is_some_and(|at| count >= at);
        let cause = match limits.action {
            LimitAction::Block if refused > 0 => format!(
                "is at its max-prefix of {most} {family}: {refused} announcements of more were refused"
            ),
            LimitAction::Warn if count > most.get() => {
                format!("has {count} {family} accepted, more than its max-prefix of {most}")
            }
            _ if is_near => format!("has {count} {family} accepted of at most {most} (max-prefix)"),
            _ => continue,
        };
        let key = format!("a higher max-prefix.{}", key_of(family));
        let flag = format!("a higher --max-prefix-{}", key_of(family));
        let step = set(config, &key, &flag);
        let next = format!("have {} announce less, or {step}", config.address);
        found.push(Hindrance { cause, next });
    }
    found
}

fn key_of(family: Family) -> &'static str {
    match family {
        Family::Ipv4Unicast => "ipv4",
        Family::Ipv6Unicast => "ipv6",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only peer of a file, with `keys` of its own.
    fn configured(keys: &str) -> config::Peer {
        let text = format!(
            "as: 64512\nrouter-id: 10.0.0.1\nprefix-sets: {{pods: [10.244.0.0/16]}}\n\
             peers: [{{address: 10.0.0.2, as: 65001{keys}}}]"
        );
        let config = config::parse(&text, "/etc/bgpd.yaml", config::Role::Node, &|_| None);
        config.unwrap().peers.remove(0)
    }

    /// The same peer as one of the API.
    fn added() -> config::Peer {
        let field = "address".into();
        config::Peer {
            location: config::Location::Request { field },
            ..configured("")
        }
    }

    #[test]
    fn a_step_names_the_setting_and_its_place() {
        assert_eq!(
            set(&configured(""), "import", "--import"),
            "set import at /etc/bgpd.yaml:4 and reload"
        );
        assert_eq!(
            set(&added(), "import", "--import"),
            "delete the peer and add it again with --import"
        );
        assert_eq!(
            give_next_hop(&configured(""), Family::Ipv6Unicast),
            "set next-hop-v6 (or give the interface an IPv6 address), or \
             families: [ipv4-unicast], at /etc/bgpd.yaml:4 and reload"
        );
        assert_eq!(
            give_next_hop(&added(), Family::Ipv4Unicast),
            "give the interface an IPv4 address, or delete the peer and add it again with \
             --families ipv6-unicast"
        );
    }

    #[test]
    fn a_limit_is_told_from_its_part_on() {
        let told = |keys: &str, count, refused| {
            let config = configured(&format!(", import: all, max-prefix: {{{keys}}}"));
            let counts = PathCounts {
                received: count,
                accepted: count,
            };
            let told = close_to_limits(&config, &[counts, counts], [refused; 2]);
            let told: Vec<String> = told.into_iter().map(|one| one.cause).collect();
            told
        };
        assert_eq!(told("ipv4: 100", 74, 0), Vec::<String>::new());
        assert_eq!(
            told("ipv4: 100, ipv6: 200", 75, 0),
            ["has 75 ipv4-unicast accepted of at most 100 (max-prefix)"]
        );
        assert_eq!(
            told("ipv6: 10, action: warn, warn: 0", 11, 0),
            ["has 11 ipv6-unicast accepted, more than its max-prefix of 10"]
        );
        assert_eq!(
            told("ipv4: 10, action: block", 10, 3),
            ["is at its max-prefix of 10 ipv4-unicast: 3 announcements of more were refused"]
        );
    }

    #[test]
    fn all_routes_refused_is_told_unless_it_was_meant() {
        let counts =
            |received, accepted| [PathCounts { received, accepted }, PathCounts::default()];
        let all = configured(", import: all");
        let told = all_refused(&all, &counts(3, 0)).unwrap();
        assert_eq!(told.cause, "sent 3 routes, and all were refused");
        assert_eq!(
            told.next,
            "bgpctl route list --in 10.0.0.2 shows the reason of each"
        );
        let sets = configured(", import: [pods]");
        assert!(all_refused(&sets, &counts(1, 0)).is_some());
        for none in [counts(0, 0), counts(3, 1)] {
            assert!(all_refused(&all, &none).is_none(), "{none:?}");
        }
        for meant in ["", ", import: none"] {
            assert!(all_refused(&configured(meant), &counts(3, 0)).is_none());
        }
    }
}
