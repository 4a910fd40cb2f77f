//! Memory that a reflector needs for a while and gives back.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use interop_tests::daemon::{Daemon, Kind, Ours, Role, Spec, can_run};
use interop_tests::lab::Lab;
use interop_tests::speaker::{AttributeSet, Event, Speaker, keepalive, read_update, update_v4};
use interop_tests::{LabError, Result, wait_for, wait_until};
use ipnet::Ipv4Net;

const AS: u32 = 64512;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 255, 1);
const FEEDER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const RECEIVER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
/// A full table has so many prefixes, and about six of them share a set of attributes.
const ROUTES: u32 = 1_000_000;
const TOGETHER: u32 = 6;
/// A million routes take a few seconds; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a peer says that it is there.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Reads until the connection ends, and counts the routes that it holds.
fn count_routes(mut speaker: Speaker, held: &AtomicI64) -> Result<()> {
    let mut said = Instant::now();
    loop {
        match speaker.next(KEEPALIVE)? {
            Event::Message(message) if message.is_update() => {
                let update = read_update(&message.body)?;
                let more = update.announced.len() as i64 - update.withdrawn.len() as i64;
                held.fetch_add(more, Ordering::Relaxed);
            }
            Event::Message(_) | Event::Silence => {}
            Event::Closed(_) => return Ok(()),
        }
        if said.elapsed() > KEEPALIVE {
            speaker.send(&keepalive())?;
            said = Instant::now();
        }
    }
}

/// An UPDATE with a few neighbouring prefixes and attributes that no other number has.
fn update(number: u32) -> Result<Vec<u8>> {
    let attributes = AttributeSet::mandatory(&[65001, 65002 + number], FEEDER).local_pref();
    let first = number * TOGETHER;
    let last = (first + TOGETHER).min(ROUTES);
    let prefix = |n: u32| Ipv4Net::new(((20 << 24) + (n << 8)).into(), 24);
    let prefixes: Vec<Ipv4Net> = (first..last)
        .map(prefix)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| LabError::new(error.to_string()))?;
    Ok(update_v4(&attributes, &prefixes))
}

fn resident(daemon: &mut Ours) -> Result<u64> {
    let process = daemon.process();
    let process = process.ok_or_else(|| LabError::new("not running"))?;
    Ok(process.usage()?.resident_kib)
}

/// A full table comes and goes with its only feeder, and what it took is the system's again.
///
/// Chunks of the table, of the attributes and of the log have to be let go of, and the allocator has to be told.
#[test]
fn a_full_table_that_leaves_takes_its_memory_with_it() -> Result<()> {
    if !can_run(&[Kind::Reflector]) {
        return Ok(());
    }
    let lab = Lab::new("memory")?;
    let namespace = lab.namespace("rr")?;
    namespace.ip_batch("addr add 10.9.0.0/16 dev lo\n")?;
    let mut spec = Spec::new(AS, 1);
    spec.v4 = SERVER;
    spec.cluster_id = Some(SERVER);
    let mut daemon = Ours::new(Role::Reflector, &namespace, spec).with_configuration(
        "dynamic-peers:\n  - {prefix: 10.9.0.0/16, as: internal, route-reflector-client: true, \
         max-prefix: {ipv4: off, ipv6: off}}\n",
    );
    daemon.start()?;
    let receiver = Speaker::establish(&namespace, RECEIVER, SERVER.into(), AS)?;
    let held = Arc::new(AtomicI64::new(0));
    let counts = Arc::clone(&held);
    let reader = thread::spawn(move || count_routes(receiver, &counts));
    let before = resident(&mut daemon)?;

    let mut feeder = Speaker::establish(&namespace, FEEDER, SERVER.into(), AS)?;
    for number in 0..ROUTES.div_ceil(TOGETHER) {
        feeder.send(&update(number)?)?;
    }
    wait_until(PATIENCE, "the receiver to have all routes", || {
        held.load(Ordering::Relaxed) == i64::from(ROUTES)
    })?;
    let full = resident(&mut daemon)?;
    assert!(
        full > before + 32 * 1024,
        "{before} KiB, {full} KiB: no table"
    );
    drop(feeder);
    wait_until(PATIENCE, "the receiver to have none", || {
        held.load(Ordering::Relaxed) == 0
    })?;
    let allowed = (before + before * 15 / 100).max(before + 15 * 1024);
    wait_for(PATIENCE, "memory to go back", || {
        let now = resident(&mut daemon)?;
        let told = || {
            LabError::new(format!(
                "{before} KiB before, {full} KiB full, {now} KiB now"
            ))
        };
        (now <= allowed).then_some(()).ok_or_else(told)
    })?;
    drop(daemon);
    match reader.join() {
        Ok(result) => result,
        Err(_) => Err(LabError::new("the receiver panicked")),
    }
}
