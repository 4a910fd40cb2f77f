//! The sections that are not about peers: listening, kernel, API, log, limits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::values::{self, Parsed};
use crate::fault::{Faults, Problem};
use crate::model::{
    Api, Farewell, Hostname, Kernel, Limits, Listen, Log, LogFormat, LogLevel, OnStop,
    RT_TABLE_MAIN, Role, Slot,
};
use crate::raw::{RawConfig, RawKernel, RawListen, RawProcess};
use crate::section::Text;

/// Longest path of a Unix socket, in octets, without its closing zero (unix(7)).
const MAX_SOCKET_PATH: usize = 107;
/// One segment of an export log is 64 KiB; fewer than a few of them help nobody. Nor does a smaller table.
const MIN_SIZE: usize = 1024 * 1024;
const DEFAULT_EXPORT_LOG: usize = 16 * 1024 * 1024;
/// Ten full tables and more: this is for the one who announces without end.
const DEFAULT_ROUTES: usize = 4 << 30;
const DEFAULT_TOMBSTONES: u32 = 1_000_000;

const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

const FORMATS: &[(&str, LogFormat)] = &[
    ("auto", LogFormat::Auto),
    ("text", LogFormat::Text),
    ("json", LogFormat::Json),
];

pub(super) fn listen(faults: &mut Faults, raw: &RawListen) -> Option<Listen> {
    let (addresses, port) = match raw {
        RawListen::Default => (None, None),
        RawListen::Word(word) => {
            if word.text != "off" && !word.refused {
                let message = format!("\"{}\" is not a value for \"listen\"", word.text);
                faults.add(
                    &word.at,
                    message,
                    "write off, or {addresses: [...], port: 179}",
                );
            }
            return None;
        }
        RawListen::Section {
            addresses,
            port,
            at,
        } => {
            if addresses.as_ref().is_some_and(Vec::is_empty) {
                faults.add(
                    at,
                    "\"addresses\" is empty",
                    "write \"listen: off\" to listen nowhere",
                );
            }
            (addresses.as_ref(), port.as_ref())
        }
    };
    let port = Slot::read(faults, port, values::port).value_or(179);
    let Some(texts) = addresses else {
        let addresses = vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        return Some(Listen { addresses, port });
    };
    let mut addresses = Vec::new();
    for text in texts {
        let Slot::Set(address, at) = Slot::read(faults, Some(text), listen_address) else {
            continue;
        };
        if addresses.contains(&address) {
            faults.add(
                &at,
                format!("{address} is listed twice"),
                "remove one of them",
            );
        }
        addresses.push(address);
    }
    Some(Listen { addresses, port })
}

fn listen_address(text: &str) -> Parsed<IpAddr> {
    match values::address(text)? {
        address if address.is_unspecified() => Ok(address),
        _ => values::host(text),
    }
}

/// Seconds from saying that we leave to leaving. Kubernetes waits for 30 s in all.
const DEFAULT_DRAIN_TIME: u32 = 10;
const MAX_DRAIN_TIME: u32 = 3600;

/// What the process does when it is told to stop.
pub(super) fn farewell(faults: &mut Faults, raw: &RawConfig) -> Farewell {
    let words = [("restart", false), ("drain", true)];
    let drains = Slot::read(faults, raw.stop.on_stop.as_ref(), |text| {
        values::word(text, &words)
    });
    let time = Slot::read(faults, raw.stop.drain_time.as_ref(), |text| {
        values::number(text, 0..=MAX_DRAIN_TIME)
    });
    if !drains.value_or(false) {
        if time.get().is_some() && !matches!(drains, Slot::Bad) {
            let remedy = "write \"on-stop: drain\", or remove it";
            let message = "drain-time has no use without on-stop: drain";
            faults.add(time.at(&raw.at), message, remedy);
        }
        return Farewell::Restart;
    }
    let kept = raw
        .kernel
        .as_ref()
        .and_then(|kernel| kernel.on_stop.as_ref());
    if let Some(kept) = kept.filter(|text| text.text == "keep") {
        faults.add(
            &kept.at,
            "kernel.on-stop: keep contradicts on-stop: drain, which removes our routes",
            "remove one of the two",
        );
    }
    let time = time.value_or(DEFAULT_DRAIN_TIME);
    Farewell::Drain(Duration::from_secs(time.into()))
}

/// `None`: no kernel routes are to be written.
pub(super) fn kernel(faults: &mut Faults, raw: Option<&RawKernel>, role: Role) -> Option<Kernel> {
    if role == Role::Reflector {
        if let Some(raw) = raw {
            faults.add(
                &raw.at,
                "a reflector writes no kernel routes",
                "remove \"kernel\"",
            );
        }
        return None;
    }
    let default = Kernel {
        protocol: 155,
        metric: 48,
        table: RT_TABLE_MAIN,
        blackhole_metric: 1_048_576,
        on_stop: OnStop::Keep,
        resolve_via_default: false,
        ecmp: true,
    };
    let Some(raw) = raw else { return Some(default) };
    let on_stop = [("keep", OnStop::Keep), ("remove", OnStop::Remove)];
    let metric = Slot::read(faults, raw.metric.as_ref(), |text| {
        values::number(text, 1..=u32::MAX)
    });
    let kernel = Kernel {
        protocol: Slot::read(faults, raw.protocol.as_ref(), protocol).value_or(default.protocol),
        metric: metric.value_or(default.metric),
        table: Slot::read(faults, raw.table.as_ref(), table).value_or(default.table),
        blackhole_metric: Slot::read(faults, raw.blackhole_metric.as_ref(), blackhole_metric)
            .value_or(default.blackhole_metric),
        on_stop: Slot::read(faults, raw.on_stop.as_ref(), |text| {
            values::word(text, &on_stop)
        })
        .value_or(default.on_stop),
        resolve_via_default: Slot::read(faults, raw.resolve_via_default.as_ref(), values::boolean)
            .value_or(default.resolve_via_default),
        ecmp: Slot::read(faults, raw.ecmp.as_ref(), values::boolean).value_or(default.ecmp),
    };
    if kernel.metric >= kernel.blackhole_metric {
        let message = format!(
            "metric {} is not better than blackhole-metric {}: a blackhole would win over a route",
            kernel.metric, kernel.blackhole_metric
        );
        faults.add(metric.at(&raw.at), message, "write a smaller metric");
    }
    let enabled = Slot::read(faults, raw.enabled.as_ref(), values::boolean).value_or(true);
    enabled.then_some(kernel)
}

fn protocol(text: &str) -> Parsed<u8> {
    let number = values::small(text, 0..=255)?;
    let owner = match number {
        0..=4 => "the kernel and administrators",
        12 => "BIRD",
        80 => "Calico Felix",
        186 | 196 => "FRR",
        _ => return Ok(u8::try_from(number).unwrap_or(u8::MAX)),
    };
    Err(Problem::new(
        format!("protocol {number} belongs to {owner}: our routes could not be told from theirs"),
        "write another, such as 155",
    ))
}

fn table(text: &str) -> Parsed<u32> {
    match text {
        "main" => return Ok(RT_TABLE_MAIN),
        "local" | "255" => {
            return Err(Problem::new(
                "table local (255) belongs to the kernel",
                "write main or a number from 1 to 252 or above 255",
            ));
        }
        _ => {}
    }
    let problem = || {
        Problem::new(
            format!("\"{text}\" is not a routing table"),
            "write main or a number from 1 to 252 or above 255",
        )
    };
    match values::number(text, 1..=u32::MAX) {
        Ok(253) | Err(_) => Err(problem()),
        Ok(number) => Ok(number),
    }
}

fn blackhole_metric(text: &str) -> Parsed<u32> {
    let metric = values::number(text, 0..=u32::MAX)?;
    if metric > 1024 {
        return Ok(metric);
    }
    Err(Problem::new(
        format!(
            "blackhole-metric {metric} would win over the connected route of a bridge, whose metric is up to 1024"
        ),
        "write one above 1024, such as 1048576",
    ))
}

pub(super) fn api(faults: &mut Faults, raw: &RawProcess, role: Role) -> Api {
    let default = match role {
        Role::Node => "/run/bgpd/bgpd.sock",
        Role::Reflector => "/run/reflector/reflector.sock",
    };
    let socket = Slot::read(faults, raw.socket.as_ref(), socket_path);
    Api {
        socket: socket.value_or(PathBuf::from(default)),
    }
}

fn socket_path(text: &str) -> Parsed<PathBuf> {
    if text.len() > MAX_SOCKET_PATH {
        return Err(Problem::new(
            format!(
                "the path has {} octets; Linux takes {MAX_SOCKET_PATH} for a socket",
                text.len()
            ),
            "write a shorter one",
        ));
    }
    let path = PathBuf::from(text);
    if !path.is_absolute() || text.ends_with('/') || text.contains('\0') {
        return Err(Problem::new(
            format!(
                "\"{}\" is not the absolute path of a socket",
                text.escape_debug()
            ),
            "write one such as /run/bgpd/bgpd.sock",
        ));
    }
    Ok(path)
}

pub(super) fn hostname(faults: &mut Faults, raw: Option<&Text>) -> Hostname {
    let hostname = Slot::read(faults, raw, |text| match text {
        "off" => Ok(Hostname::Off),
        _ => values::name(text).map(|name| Hostname::Named(name.into())),
    });
    hostname.value_or(Hostname::OfSpeaker)
}

pub(super) fn log(faults: &mut Faults, raw: &RawProcess) -> Log {
    let level = Slot::read(faults, raw.level.as_ref(), |text| {
        values::word(text, LEVELS)
    });
    let format = Slot::read(faults, raw.format.as_ref(), |text| {
        values::word(text, FORMATS)
    });
    Log {
        level: level.value_or(LogLevel::Info),
        format: format.value_or(LogFormat::Auto),
    }
}

pub(super) fn limits(faults: &mut Faults, raw: &RawProcess) -> Limits {
    let at_least = |text: &str, what: &str| match values::size(text)? {
        size if size < MIN_SIZE => Err(Problem::new(
            format!("{text} is too small for {what}"),
            "write at least 1MiB",
        )),
        size => Ok(size),
    };
    let export_log = Slot::read(faults, raw.export_log.as_ref(), |text| {
        at_least(text, "an export log")
    });
    let routes = Slot::read(faults, raw.route_limit.as_ref(), |text| {
        at_least(text, "a table")
    });
    let tombstones = Slot::read(faults, raw.tombstones.as_ref(), |text| {
        values::number(text, 1_000..=1_000_000_000)
    });
    let tombstones = tombstones.value_or(DEFAULT_TOMBSTONES);
    Limits {
        export_log: export_log.value_or(DEFAULT_EXPORT_LOG),
        tombstones: usize::try_from(tombstones).unwrap_or(usize::MAX),
        routes: routes.value_or(DEFAULT_ROUTES),
    }
}

pub(super) fn multipath_relax(faults: &mut Faults, raw: &RawProcess, role: Role) -> bool {
    if let (Role::Reflector, Some(text)) = (role, &raw.relax) {
        let message = "a reflector writes no kernel routes, so it has no multipath";
        faults.add(&text.at, message, "remove \"multipath\"");
    }
    Slot::read(faults, raw.relax.as_ref(), values::boolean).value_or(true)
}
