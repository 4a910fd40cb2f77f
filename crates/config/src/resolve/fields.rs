//! Reads a peer's keys as values, before group, defaults and cross checks.

use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroU16};
use std::sync::Arc;
use std::time::Duration;

use policy::{ExportMode, ImportMode, PrefixSet};
use wire::{Families, Family};

use super::values::{self, Parsed};
use crate::fault::{Faults, Location, Problem};
use crate::model::{
    AsSets, Blackhole, Fields, HoldTime, LimitFields, NextHopRule, PathFields, PathLimit, RemoteAs,
    SessionFields, Slot,
};
use crate::raw::RawPeer;
use crate::section::{Text, WordOrList};
use crate::suggest;

/// The prefix sets by name.
pub(super) type Sets = BTreeMap<String, Arc<PrefixSet>>;

impl<T: Clone> Slot<T> {
    pub(super) fn read(
        faults: &mut Faults,
        text: Option<&Text>,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Self {
        let Some(text) = text else {
            return Slot::Absent;
        };
        if text.refused {
            return Slot::Bad;
        }
        match faults.keep(&text.at, parse(&text.text)) {
            Some(value) => Slot::Set(value, text.at.clone()),
            None => Slot::Bad,
        }
    }
}

/// The field has 12 bits (RFC 4724 section 3).
const MAX_RESTART_TIME: u16 = 4095;

/// The field has 24 bits (RFC 9494 section 3.1).
const MAX_LONG_LIVED: u32 = 0x00ff_ffff;

const NEXT_HOPS: &[(&str, NextHopRule)] = &[
    ("auto", NextHopRule::Auto),
    ("self", NextHopRule::SelfAlways),
    ("unchanged", NextHopRule::Unchanged),
];

const ROLES: &[(&str, wire::Role)] = &[
    ("provider", wire::Role::Provider),
    ("rs", wire::Role::RouteServer),
    ("rs-client", wire::Role::RouteServerClient),
    ("customer", wire::Role::Customer),
    ("peer", wire::Role::Peer),
];

const AS_SETS: &[(&str, AsSets)] = &[("accept", AsSets::Accept), ("withdraw", AsSets::Withdraw)];
const BLACKHOLES: &[(&str, Blackhole)] =
    &[("ignore", Blackhole::Ignore), ("accept", Blackhole::Accept)];

impl Fields {
    pub(super) fn read(faults: &mut Faults, raw: &RawPeer, sets: &Sets) -> Fields {
        // Opened completely, so that a new key must be decided upon here.
        let RawPeer {
            at: _,
            name: _,
            address: _,
            group: _,
            remote_as,
            port,
            local_address,
            passive,
            enabled,
            description,
            families,
            hold_time,
            keepalive,
            send_hold,
            connect_retry,
            idle_hold,
            idle_hold_max,
            import,
            export,
            route_reflector_client,
            next_hop,
            next_hop_v6,
            multihop,
            ttl_security,
            bind_device,
            password_file,
            extended_messages,
            add_path_receive,
            extended_next_hop,
            as_sets,
            role,
            role_strict,
            add_path_send,
            graceful_shutdown,
            blackhole,
            graceful_enabled,
            graceful_restart_time,
            graceful_stale_time,
            limits,
            path,
            session,
            long_lived_enabled: _,
            long_lived_stale_time: _,
            long_lived_max_stale_time: _,
            long_lived_partial: _,
        } = raw;
        let (long_enabled, time, most, partial) = long_lived(faults, raw);
        Fields {
            remote_as: Slot::read(faults, remote_as.as_ref(), remote_as_value),
            port: Slot::read(faults, port.as_ref(), values::port),
            local_address: Slot::read(faults, local_address.as_ref(), values::host),
            passive: Slot::read(faults, passive.as_ref(), values::boolean),
            enabled: Slot::read(faults, enabled.as_ref(), values::boolean),
            description: Slot::read(faults, description.as_ref(), values::description),
            families: families_value(faults, families.as_deref(), &raw.at),
            hold_time: Slot::read(faults, hold_time.as_ref(), hold_time_value),
            keepalive: Slot::read(faults, keepalive.as_ref(), keepalive_value),
            send_hold: Slot::read(faults, send_hold.as_ref(), |text| {
                values::small(text, 0..=u16::MAX)
            }),
            connect_retry: Slot::read(faults, connect_retry.as_ref(), seconds),
            idle_hold: Slot::read(faults, idle_hold.as_ref(), seconds),
            idle_hold_max: Slot::read(faults, idle_hold_max.as_ref(), seconds),
            import: import_value(faults, import.as_ref(), sets),
            export: export_value(faults, export.as_ref(), sets),
            route_reflector_client: Slot::read(
                faults,
                route_reflector_client.as_ref(),
                values::boolean,
            ),
            next_hop: Slot::read(faults, next_hop.as_ref(), |text| {
                values::word(text, NEXT_HOPS)
            }),
            next_hop_v6: Slot::read(faults, next_hop_v6.as_ref(), values::next_hop_v6),
            multihop: Slot::read(faults, multihop.as_ref(), multihop_value),
            ttl_security: Slot::read(faults, ttl_security.as_ref(), ttl_security_value),
            bind_device: Slot::read(faults, bind_device.as_ref(), values::device),
            password_file: Slot::read(faults, password_file.as_ref(), values::password_file),
            extended_messages: Slot::read(faults, extended_messages.as_ref(), values::boolean),
            add_path_receive: Slot::read(faults, add_path_receive.as_ref(), path_limit_value),
            extended_next_hop: Slot::read(faults, extended_next_hop.as_ref(), values::boolean),
            as_sets: Slot::read(faults, as_sets.as_ref(), |text| values::word(text, AS_SETS)),
            role: Slot::read(faults, role.as_ref(), |text| values::word(text, ROLES)),
            role_strict: Slot::read(faults, role_strict.as_ref(), values::boolean),
            add_path_send: Slot::read(faults, add_path_send.as_ref(), path_limit_value),
            graceful_shutdown: Slot::read(faults, graceful_shutdown.as_ref(), values::boolean),
            blackhole: Slot::read(faults, blackhole.as_ref(), blackhole_value),
            graceful_enabled: Slot::read(faults, graceful_enabled.as_ref(), values::boolean),
            restart_time: Slot::read(faults, graceful_restart_time.as_ref(), restart_time_value),
            stale_time: Slot::read(faults, graceful_stale_time.as_ref(), stale_time_value),
            limits: LimitFields::read(faults, limits),
            path: PathFields::read(faults, path),
            session: SessionFields::read(faults, session),
            long_lived_enabled: long_enabled,
            long_lived_stale_time: time,
            long_lived_max_stale_time: most,
            long_lived_partial: partial,
        }
    }
}

/// Whether it is on, for how long both ends keep routes, and who is told of them.
fn long_lived(
    faults: &mut Faults,
    raw: &RawPeer,
) -> (Slot<bool>, Slot<u32>, Slot<u32>, Slot<bool>) {
    let most = raw.long_lived_max_stale_time.as_ref();
    (
        Slot::read(faults, raw.long_lived_enabled.as_ref(), values::boolean),
        Slot::read(faults, raw.long_lived_stale_time.as_ref(), long_time_value),
        Slot::read(faults, most, |text| {
            values::number(text, 1..=MAX_LONG_LIVED)
        }),
        Slot::read(faults, raw.long_lived_partial.as_ref(), values::boolean),
    )
}

fn blackhole_value(text: &str) -> Parsed<Blackhole> {
    values::word(text, BLACKHOLES)
}

fn restart_time_value(text: &str) -> Parsed<u16> {
    values::small(text, 1..=MAX_RESTART_TIME)
}

fn stale_time_value(text: &str) -> Parsed<u16> {
    values::small(text, 1..=u16::MAX)
}

fn long_time_value(text: &str) -> Parsed<u32> {
    values::number(text, 0..=MAX_LONG_LIVED)
}

fn remote_as_value(text: &str) -> Parsed<RemoteAs> {
    match text {
        "internal" => Ok(RemoteAs::Internal),
        "external" => Ok(RemoteAs::External),
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => {
            values::asn(text).map(RemoteAs::Exactly)
        }
        _ => {
            let remedy = suggest::remedy(text, ["internal", "external"], || {
                "write an AS number, internal or external".to_owned()
            });
            Err(Problem::new(
                format!("\"{text}\" is not an AS number"),
                remedy,
            ))
        }
    }
}

fn hold_time_value(text: &str) -> Parsed<HoldTime> {
    let seconds = values::small(text, 0..=u16::MAX)?;
    HoldTime::new(seconds).ok_or_else(|| {
        Problem::new(
            format!("a hold time of {seconds} s is not allowed (RFC 4271 section 4.2)"),
            "write 0 for off, or at least 3",
        )
    })
}

fn keepalive_value(text: &str) -> Parsed<Option<NonZeroU16>> {
    values::small(text, 1..=u16::MAX).map(NonZeroU16::new)
}

fn seconds(text: &str) -> Parsed<Duration> {
    values::small(text, 1..=u16::MAX).map(|seconds| Duration::from_secs(u64::from(seconds)))
}

fn multihop_value(text: &str) -> Parsed<u8> {
    match text {
        "true" => Ok(255),
        "false" => Ok(1),
        _ => values::small(text, 1..=255)
            .map(|hops| u8::try_from(hops).unwrap_or(u8::MAX))
            .map_err(|problem| {
                Problem::new(
                    problem.message,
                    "write the number of hops, true (255) or false (1)",
                )
            }),
    }
}

fn ttl_security_value(text: &str) -> Parsed<Option<NonZeroU8>> {
    match text {
        "true" => Ok(Some(NonZeroU8::MIN)),
        "false" | "0" => Ok(None),
        _ => match text.parse::<NonZeroU8>() {
            Ok(hops) if hops < NonZeroU8::MAX => Ok(Some(hops)),
            Ok(_) | Err(_) => Err(Problem::new(
                format!("\"{text}\" is not a number of hops from 1 to 254"),
                "write true for a peer on the same link, the number of hops, or false",
            )),
        },
    }
}

fn path_limit_value(text: &str) -> Parsed<PathLimit> {
    match text {
        "all" => Ok(PathLimit::All),
        "off" | "0" => Ok(PathLimit::Off),
        _ => text.parse::<NonZeroU8>().map(PathLimit::Best).map_err(|_| {
            Problem::new(
                format!("\"{text}\" is not a number of paths"),
                "write all, off, or a number up to 255",
            )
        }),
    }
}

fn families_value(faults: &mut Faults, list: Option<&[Text]>, at: &Location) -> Slot<Families> {
    let Some(list) = list else {
        return Slot::Absent;
    };
    let Some(first) = list.first() else {
        faults.add(
            at,
            "\"families\" is empty",
            "write ipv4-unicast, ipv6-unicast or both",
        );
        return Slot::Bad;
    };
    let known = Family::ALL.map(|family| (family.name(), family));
    let mut families = Families::EMPTY;
    let mut bad = false;
    for text in list {
        match Slot::read(faults, Some(text), |text| values::word(text, &known)) {
            Slot::Set(family, at) if families.contains(family) => {
                faults.add(
                    &at,
                    format!("{family} is listed twice"),
                    "remove one of them",
                );
            }
            Slot::Set(family, _) => families.insert(family),
            Slot::Absent | Slot::Bad => bad = true,
        }
    }
    if bad {
        Slot::Bad
    } else {
        Slot::Set(families, first.at.clone())
    }
}

fn import_value(faults: &mut Faults, value: Option<&WordOrList>, sets: &Sets) -> Slot<ImportMode> {
    policy_value(
        faults,
        value,
        sets,
        &[("all", ImportMode::All), ("none", ImportMode::None)],
        ImportMode::Sets,
    )
}

fn export_value(faults: &mut Faults, value: Option<&WordOrList>, sets: &Sets) -> Slot<ExportMode> {
    let words = [
        ("local", ExportMode::Local),
        ("all", ExportMode::All),
        ("none", ExportMode::None),
    ];
    policy_value(faults, value, sets, &words, ExportMode::Sets)
}

fn policy_value<T: Clone>(
    faults: &mut Faults,
    value: Option<&WordOrList>,
    sets: &Sets,
    words: &[(&str, T)],
    from_sets: impl Fn(Vec<Arc<PrefixSet>>) -> T,
) -> Slot<T> {
    let known = || words.iter().map(|(word, _)| *word);
    match value {
        None => Slot::Absent,
        Some(WordOrList::Word(text)) => Slot::read(faults, Some(text), |text| {
            if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
                return Ok(value.clone());
            }
            let remedy = if sets.contains_key(text) {
                format!("prefix sets stand in a list: [{text}]")
            } else {
                suggest::remedy(text, known(), || {
                    let words: Vec<_> = known().collect();
                    format!("write {}, or a list of prefix sets", words.join(", "))
                })
            };
            Err(Problem::new(format!("\"{text}\" is not a policy"), remedy))
        }),
        Some(WordOrList::List(names, at)) => {
            if names.is_empty() {
                faults.add(
                    at,
                    "the list of prefix sets is empty",
                    "write none to refuse everything",
                );
                return Slot::Bad;
            }
            let found: Vec<_> = names
                .iter()
                .map(|name| Slot::read(faults, Some(name), |name| find_set(name, sets)))
                .collect();
            match found.iter().map(Slot::value).collect() {
                Some(sets) => Slot::Set(from_sets(sets), at.clone()),
                None => Slot::Bad,
            }
        }
    }
}

fn find_set(name: &str, sets: &Sets) -> Parsed<Arc<PrefixSet>> {
    if let Some(set) = sets.get(name) {
        return Ok(set.clone());
    }
    let remedy = suggest::remedy(name, sets.keys().map(String::as_str), || {
        if matches!(name, "all" | "none" | "local") {
            return format!("write {name} alone, without brackets");
        }
        "define it under prefix-sets".to_owned()
    });
    Err(Problem::new(
        format!("there is no prefix set \"{name}\""),
        remedy,
    ))
}
