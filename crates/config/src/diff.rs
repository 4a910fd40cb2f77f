//! What a changed configuration does to a running speaker.
//!
//! A pure comparison of two models. Each change says what it costs, so that a reload can be told
//! beforehand and touches no session whose own settings did not change. Peers added by the API are in
//! neither model and so in no change.

mod label;
mod peer;

use std::fmt;
use std::net::IpAddr;

use wire::Prefix;

use crate::model::{Config, DynamicRange, Peer};
pub use label::Label;
use peer::Effects;

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The speaker as a whole.
    Speaker,
    /// The peer with this address.
    Peer(IpAddr),
    /// The range of dynamic peers with this prefix.
    Range(Prefix),
}

/// One change, with its cost and a line for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it costs.
    pub label: Label,
    /// What it is about.
    pub subject: Subject,
    /// One line for the operator, cost included.
    pub text: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The changes from one model to the next: the speaker's own, then removed, changed and added peers,
/// then ranges.
///
/// Another AS number of our own changes what every session is. Then the one answer is
/// [`Label::Restart`], and the caller goes on with the old model whole.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    if old.local_as != new.local_as {
        let text = format!(
            "as {} -> {}: nothing of the new configuration takes effect until the process is restarted",
            old.local_as, new.local_as
        );
        return vec![Change {
            label: Label::Restart,
            subject: Subject::Speaker,
            text,
        }];
    }
    let mut changes = Vec::new();
    speaker(old, new, &mut changes);
    let guards = guard_effects(old, new);
    for peer in old
        .peers
        .iter()
        .filter(|peer| new.peer(peer.address).is_none())
    {
        let text = format!("peer {peer} is removed: its session ends");
        changes.push(Change {
            label: Label::PeerRemoved,
            subject: Subject::Peer(peer.address),
            text,
        });
    }
    for peer in &new.peers {
        let subject = Subject::Peer(peer.address);
        match old.peer(peer.address) {
            Some(before) => changes.extend(changed(before, peer, &guards, subject)),
            None => {
                let text = format!("peer {peer} is added");
                changes.push(Change {
                    label: Label::PeerAdded,
                    subject,
                    text,
                });
            }
        }
    }
    ranges(old, new, &guards, &mut changes);
    changes
}

fn ranges(old: &Config, new: &Config, guards: &GuardEffects, changes: &mut Vec<Change>) {
    let find = |list: &[DynamicRange], prefix: Prefix| {
        list.iter().position(|range| range.prefix == prefix)
    };
    for range in old
        .dynamic
        .iter()
        .filter(|range| find(&new.dynamic, range.prefix).is_none())
    {
        let text = format!(
            "dynamic peers {} are removed: their sessions end",
            range.prefix
        );
        let subject = Subject::Range(range.prefix);
        changes.push(Change {
            label: Label::PeerRemoved,
            subject,
            text,
        });
    }
    for range in &new.dynamic {
        let subject = Subject::Range(range.prefix);
        let Some(at) = find(&old.dynamic, range.prefix) else {
            let text = format!("dynamic peers {} are added", range.prefix);
            changes.push(Change {
                label: Label::PeerAdded,
                subject,
                text,
            });
            continue;
        };
        let before = &old.dynamic[at];
        if before.limit != range.limit {
            let text = format!(
                "dynamic peers {}: limit {} -> {}",
                range.prefix, before.limit, range.limit
            );
            changes.push(Change {
                label: Label::Live,
                subject,
                text,
            });
        }
        changes.extend(changed(
            before.template(),
            range.template(),
            guards,
            subject,
        ));
    }
}

/// Whether the guards of all imports changed, and for whom that matters.
struct GuardEffects {
    blocks: bool,
    pools: bool,
}

fn guard_effects(old: &Config, new: &Config) -> GuardEffects {
    GuardEffects {
        blocks: !same_members(&old.blocks, &new.blocks),
        pools: !same_members(&old.pools, &new.pools),
    }
}

fn same_members(a: &[Prefix], b: &[Prefix]) -> bool {
    a.iter().all(|prefix| b.contains(prefix)) && b.iter().all(|prefix| a.contains(prefix))
}

/// What it costs to bring one peer from one setting to another; `None` if nothing changes. For a peer
/// that comes into the file while the speaker has it already.
#[must_use]
pub fn peer_label(old: &Peer, new: &Peer) -> Option<Label> {
    Effects::of(old, new).label()
}

fn changed(old: &Peer, new: &Peer, guards: &GuardEffects, subject: Subject) -> Option<Change> {
    let mut effects = Effects::of(old, new);
    effects.guards(new, guards.blocks, guards.pools);
    let label = effects.label()?;
    let who = match subject {
        Subject::Range(prefix) => format!("dynamic peers {prefix}"),
        Subject::Peer(_) | Subject::Speaker => format!("peer {new}"),
    };
    let cost = match label {
        Label::SessionReset if !new.enabled => ": the session is shut down",
        Label::SessionReset => ": the session is reset",
        Label::SoftRefresh => ": routes pass policy again, the session stays",
        Label::Readvertise => ": the peer is sent what that changes, the session stays",
        Label::Live | Label::PeerAdded | Label::PeerRemoved | Label::Restart => "",
    };
    Some(Change {
        label,
        subject,
        text: format!("{who}: {}{cost}", effects.keys().join(", ")),
    })
}

/// Everything that is not about one peer. Groups and prefix sets show in the peers that use them.
fn speaker(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    let restart = [
        (old.name != new.name, "name"),
        (old.hostname != new.hostname, "hostname"),
        (old.router_id != new.router_id, "router-id"),
        (old.cluster_id != new.cluster_id, "cluster-id"),
        (old.listen != new.listen, "listen"),
        (old.kernel != new.kernel, "kernel"),
        (old.multipath_relax != new.multipath_relax, "multipath"),
        (old.api != new.api, "api"),
        (old.log != new.log, "log"),
        (old.limits != new.limits, "limits"),
    ];
    for (_, key) in restart.into_iter().filter(|(changed, _)| *changed) {
        let text = format!("{key} is changed: it takes effect when the process is restarted");
        changes.push(Change {
            label: Label::Restart,
            subject: Subject::Speaker,
            text,
        });
    }
    let mut live = |text: String| {
        changes.push(Change {
            label: Label::Live,
            subject: Subject::Speaker,
            text,
        });
    };
    if old.farewell != new.farewell {
        live("on-stop is changed".to_owned());
    }
    for block in old
        .blocks
        .iter()
        .filter(|block| !new.blocks.contains(block))
    {
        live(format!("block {block} is withdrawn"));
    }
    for block in new
        .blocks
        .iter()
        .filter(|block| !old.blocks.contains(block))
    {
        live(format!("block {block} is announced"));
    }
    if !same_members(&old.pools, &new.pools) {
        live("pools are changed".to_owned());
    }
}

#[cfg(test)]
mod tests;
