//! Hostile load: peers that send, connect or hold back as much as they can.
//!
//! Each lab has a reflector with small limits and two honest clients. Whatever happens, what one of them announces
//! reaches the other, the reflector stays within its memory, its log stays short, and its status names the culprit.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use interop_tests::daemon::{Daemon, Kind, Ours, Role, Spec, can_run};
use interop_tests::lab::{Lab, Namespace, Spawn};
use interop_tests::speaker::{
    AttributeSet, Event, Speaker, keepalive, open, open_stream, read_update, update_v4, withdraw_v4,
};
use interop_tests::{LabError, Result, wait_for, wait_until};
use ipnet::Ipv4Net;

pub(crate) const AS: u32 = 64512;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 255, 1);
const ANNOUNCER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const LISTENER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
pub(crate) const HOSTILE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 3);
/// What honest clients announce lies in 172.16.0.0/12, what hostile ones do elsewhere.
const HONEST: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 0);
/// How long the honest wait for each other. The machine is busy with the attack meanwhile.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// What a reflector takes beside its limits: code, tasks, buffers, tombstones, and what an allocator holds back.
pub(crate) const BASE_KIB: u64 = 64 * 1024;

/// A honest client that reads all the time and remembers what the other one announced.
struct Listener {
    held: Arc<Mutex<BTreeSet<Ipv4Net>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Listener {
    fn over(mut speaker: Speaker) -> Listener {
        let held: Arc<Mutex<BTreeSet<Ipv4Net>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (inner, ends) = (Arc::clone(&held), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let message = match speaker.next(Duration::from_millis(50))? {
                    Event::Message(message) if message.is_update() => message,
                    Event::Message(_) | Event::Silence => continue,
                    Event::Closed(how) => {
                        return Err(LabError::new(format!("an honest client was closed: {how}")));
                    }
                };
                let update = read_update(&message.body)?;
                let mut held = inner.lock().unwrap_or_else(PoisonError::into_inner);
                for prefix in &update.withdrawn {
                    held.remove(prefix);
                }
                held.extend(update.announced.iter().filter(|prefix| is_honest(prefix)));
            }
            Ok(())
        });
        Listener {
            held,
            stop,
            thread: Some(thread),
        }
    }

    fn has(&self, prefix: &Ipv4Net) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.contains(prefix)
    }

    /// Its session has lasted until now.
    fn end(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            _ => Err(LabError::new("the listener panicked")),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn is_honest(prefix: &Ipv4Net) -> bool {
    u32::from(prefix.addr()) >> 20 == u32::from(HONEST) >> 20
}

/// A reflector, two honest clients of it, and room for an attack.
pub(crate) struct Scene {
    pub(crate) daemon: Ours,
    namespace: Namespace,
    announcer: TcpStream,
    /// The announcer reads, too.
    hears: Listener,
    listener: Listener,
    announced: u32,
    _lab: Lab,
}

impl Scene {
    /// `limits` and `client` are settings of the reflector and of the range that its clients come from.
    pub(crate) fn set(limits: &str, client: &str) -> Result<Scene> {
        let lab = Lab::new("hostile-load")?;
        let namespace = lab.namespace("rr")?;
        namespace.ip_batch("addr add 10.9.0.0/16 dev lo\n")?;
        let mut spec = Spec::new(AS, 1);
        spec.v4 = SERVER;
        spec.cluster_id = Some(SERVER);
        let lines = format!(
            "limits: {{{limits}}}\ndynamic-peers:\n  - {{prefix: 10.9.0.0/16, as: internal, \
             limit: 20000, route-reflector-client: true, max-prefix: {{ipv4: off, ipv6: off}}{client}}}\n"
        );
        let mut daemon = Ours::new(Role::Reflector, &namespace, spec).with_configuration(&lines);
        daemon.start()?;
        let server = SocketAddr::new(SERVER.into(), 179);
        let announcer = namespace.within(move || open_stream(ANNOUNCER.into(), server))?;
        let mut hears = Speaker::over(announcer.try_clone()?);
        hears.handshake(ANNOUNCER, AS)?;
        let listener = Speaker::establish(&namespace, LISTENER, SERVER.into(), AS)?;
        let mut scene = Scene {
            daemon,
            namespace,
            announcer,
            hears: Listener::over(hears),
            listener: Listener::over(listener),
            announced: 0,
            _lab: lab,
        };
        scene.others_converge()?;
        Ok(scene)
    }

    /// What one honest client announces and withdraws reaches the other.
    pub(crate) fn others_converge(&mut self) -> Result<()> {
        let address = Ipv4Addr::from(u32::from(HONEST) + (self.announced << 8));
        let prefix = net(address, 24);
        self.announced += 1;
        self.announcer
            .write_all(&update_v4(&attributes(ANNOUNCER), &[prefix]))?;
        wait_until(PATIENCE, "a route of the honest", || {
            self.listener.has(&prefix)
        })?;
        self.announcer.write_all(&withdraw_v4(&[prefix]))?;
        wait_until(PATIENCE, "its end", || !self.listener.has(&prefix))
    }

    /// A connection of a hostile client that is Established, or soon will be.
    pub(crate) fn hostile(&self) -> Result<TcpStream> {
        let stream = self.connection(HOSTILE)?;
        Speaker::over(stream.try_clone()?).handshake(HOSTILE, AS)?;
        Ok(stream)
    }

    pub(crate) fn connection(&self, source: Ipv4Addr) -> Result<TcpStream> {
        let server = SocketAddr::new(SERVER.into(), 179);
        self.namespace
            .within(move || open_stream(source.into(), server))
    }

    /// Waits until the status tells of the hostile client in these words.
    fn names_the_culprit(&self, words: &str) -> Result<()> {
        wait_for(PATIENCE, "the status to name the culprit", || {
            let status = self.daemon.ctl(&["status"])?;
            let told = status
                .lines()
                .any(|line| line.contains(&HOSTILE.to_string()) && line.contains(words));
            told.then_some(()).ok_or_else(|| LabError::new(status))
        })
    }

    /// What it said of members that it reset.
    fn resets(&mut self) -> Vec<String> {
        let log = self.log();
        let resets = log.lines().filter(|line| line.contains("is reset"));
        resets.map(str::to_owned).collect()
    }

    /// What it holds of routes and of the log for whoever does not read stays within these octets.
    fn holds_at_most(&self, routes: u64, log: u64) -> Result<()> {
        let status = self.daemon.ctl_json(&["status"])?;
        let octets = |key: &str| status["memory"][key].as_u64().unwrap_or(u64::MAX);
        let held = (octets("route_octets"), octets("log_octets"));
        assert!(held.0 <= routes && held.1 <= log, "{held:?}");
        Ok(())
    }

    fn log(&mut self) -> String {
        self.daemon
            .process()
            .map(|process| process.output())
            .unwrap_or_default()
    }

    /// The honest go on as before, and everything stayed within its bounds.
    pub(crate) fn ends_well(mut self, most_kib: u64, most_lines: usize) -> Result<()> {
        self.others_converge()?;
        let process = self.daemon.process();
        let used = process
            .ok_or_else(|| LabError::new("not running"))?
            .usage()?;
        assert!(used.peak_kib <= most_kib, "{used:?}, allowed {most_kib}");
        let log = self.log();
        let lines = log.lines().count();
        assert!(lines <= most_lines, "{lines} lines: {log}");
        assert!(!log.contains("panicked"), "{log}");
        self.hears.end()?;
        self.listener.end()
    }
}

fn net(address: Ipv4Addr, length: u8) -> Ipv4Net {
    Ipv4Net::new(address, length).expect("invariant: a length of IPv4")
}

fn attributes(next_hop: Ipv4Addr) -> AttributeSet {
    AttributeSet::mandatory(&[], next_hop).local_pref()
}

/// Which address a number stands for.
type Shape = fn(u32) -> u32;

/// An UPDATE with 800 prefixes that no other number has, in a shape of its own.
pub(crate) fn packed(next_hop: Ipv4Addr, number: u32, shape: impl Fn(u32) -> u32) -> Vec<u8> {
    let prefixes = number * 800..(number + 1) * 800;
    let prefixes: Vec<Ipv4Net> = prefixes.map(|n| net(shape(n).into(), 32)).collect();
    update_v4(&attributes(next_hop), &prefixes)
}

pub(crate) fn in_a_row(number: u32) -> u32 {
    (20 << 24) + number
}

/// An UPDATE with nearly 4 KiB of attributes that no other number has.
fn bulky(number: u32) -> Vec<u8> {
    let communities: Vec<u8> = (0..950)
        .flat_map(|n: u32| (number * 1000 + n).to_be_bytes())
        .collect();
    let attributes = attributes(HOSTILE).with(0xc0, 8, &communities);
    update_v4(&attributes, &[net((in_a_row(number)).into(), 32)])
}

/// Sends as long as somebody takes it. True if the other end closed.
fn flood(stream: &mut TcpStream, messages: impl Iterator<Item = Vec<u8>>) -> Result<bool> {
    stream.set_write_timeout(Some(PATIENCE))?;
    for message in messages {
        match stream.write_all(&message) {
            Ok(()) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
                ) =>
            {
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// The last words of the reflector to a client that it shut down for what it brought.
fn told_to_go(stream: TcpStream) -> Result<()> {
    let said = Speaker::over(stream).notification(PATIENCE)?;
    assert_eq!((said.code, said.subcode), (6, 8), "{said:?}");
    Ok(())
}

pub(crate) fn can_run_reflector() -> bool {
    can_run(&[Kind::Reflector])
}

/// More prefixes than there is room for.
fn millions_of_prefixes(limits: &str, updates: u32, most_kib: u64) -> Result<()> {
    let mut scene = Scene::set(limits, "")?;
    let mut hostile = scene.hostile()?;
    let reads = hostile.try_clone()?;
    flood(
        &mut hostile,
        (0..updates).map(|n| packed(HOSTILE, n, in_a_row)),
    )?;
    told_to_go(reads)?;
    scene.others_converge()?;
    scene.names_the_culprit("limits.routes")?;
    // It is not let in again at once.
    assert!(scene.hostile().is_err());
    scene.ends_well(most_kib, 60)
}

#[test]
fn a_million_prefixes_are_too_many_for_16_mib() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    // Withdrawn ones take as much again for a moment, until all have heard of it.
    millions_of_prefixes("routes: 16MiB", 1250, BASE_KIB + 3 * 16 * 1024)
}

#[test]
fn eight_million_prefixes_are_too_many_for_256_mib() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    millions_of_prefixes("routes: 256MiB", 10_000, BASE_KIB + 3 * 256 * 1024)
}

/// Attribute sets of 4 KiB, all different.
#[test]
fn attributes_without_end_fall_on_who_sends_them() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    let mut scene = Scene::set("routes: 16MiB", "")?;
    let mut hostile = scene.hostile()?;
    let reads = hostile.try_clone()?;
    flood(&mut hostile, (0..20_000).map(bulky))?;
    told_to_go(reads)?;
    scene.others_converge()?;
    scene.names_the_culprit("limits.routes")?;
    scene.ends_well(BASE_KIB + 3 * 16 * 1024, 60)
}

/// A client that keeps its session alive and never reads, while much is to be said.
#[test]
fn who_never_reads_is_given_up() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    let mut scene = Scene::set("export-log: 1MiB", ", send-hold: 3")?;
    let hostile = scene.connection(HOSTILE)?;
    socket2::SockRef::from(&hostile).set_recv_buffer_size(4096)?;
    Speaker::over(hostile.try_clone()?).handshake(HOSTILE, AS)?;
    let prefixes = (0..150).map(|n| packed(ANNOUNCER, n, in_a_row));
    for message in prefixes {
        scene.announcer.write_all(&message)?;
    }
    scene.others_converge()?;
    wait_until(PATIENCE, "the send hold timer", || {
        scene.log().contains("send hold timer expired")
    })?;
    scene.ends_well(BASE_KIB + 3 * 16 * 1024, 60)
}

/// A client that comes up and goes ten times a second.
#[test]
fn who_flaps_fills_neither_log_nor_table() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    let mut scene = Scene::set("routes: 16MiB", "")?;
    let begun = Instant::now();
    let mut times = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        let mut hostile = Speaker::over(scene.connection(HOSTILE)?);
        let _ = hostile.send(&open(AS, 90, HOSTILE));
        let _ = hostile.send(&keepalive());
        let _ = hostile.send(&packed(HOSTILE, times, in_a_row));
        let end = Instant::now() + Duration::from_millis(100);
        while let Event::Message(_) = hostile.next(end.saturating_duration_since(Instant::now()))? {
        }
        times += 1;
        if times % 10 == 0 {
            scene.others_converge()?;
        }
    }
    assert!(times >= 10, "{times} times");
    // It is held down for a second each time that it was up for a moment.
    scene.ends_well(BASE_KIB, 40)
}

/// Prefixes in shapes that would fall together in a table that can be seen through.
#[test]
fn no_shape_of_prefixes_is_slow() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    let shapes: [(&str, Shape); 5] = [
        ("at random", |n| n.wrapping_mul(0x9e37_79b1) ^ (n >> 3)),
        ("in a row", in_a_row),
        ("in steps of 256", |n| n.rotate_left(8)),
        ("in steps of 65536", |n| n.rotate_left(16)),
        ("with their bits reversed", u32::reverse_bits),
    ];
    let mut scene = Scene::set("routes: 256MiB", "")?;
    let mut costs = Vec::new();
    for (name, shape) in shapes {
        // A session that was up for a moment is held down for a second.
        let hostile = wait_for(PATIENCE, "to be let in", || scene.hostile())?;
        let mut hostile = Speaker::over(hostile);
        let before = cpu(&mut scene.daemon)?;
        for number in 0..200 {
            // Only what is taken as a route of its own can fall together with another.
            hostile.send(&packed(HOSTILE, number, |n| {
                shape(n) & 0x3fff_ffff | 0x4000_0000
            }))?;
        }
        scene.others_converge()?;
        costs.push((name, cpu(&mut scene.daemon)? - before));
        drop(hostile);
        wait_until(PATIENCE, "its routes to go", || {
            let status = scene.daemon.ctl_json(&["status"]);
            status.is_ok_and(|status| status["routes"]["prefixes"] == 0)
        })?;
    }
    let (_, random) = costs[0];
    for (name, cost) in &costs {
        assert!(*cost <= random * 4, "{name}: {costs:?}");
    }
    scene.ends_well(BASE_KIB + 3 * 16 * 1024, 120)
}

fn cpu(daemon: &mut Ours) -> Result<Duration> {
    let process = daemon.process();
    let process = process.ok_or_else(|| LabError::new("not running"))?;
    Ok(process.usage()?.cpu)
}

/// One that never reads, and one that announces ever new prefixes and takes them back.
///
/// What is withdrawn waits for the deaf one up to `limits.tombstones`, or stands in the log that it does not read, up
/// to `limits.export-log`. Whether it still reads the log when there are too many withdrawals depends on how much was
/// pulled at once. Then they are forgotten, for the log tells of them; but it can no longer let go of the log, and is
/// reset when that is full. Otherwise it is reset for those that wait. It names `limits.tombstones` in either case.
#[test]
fn a_pair_that_never_reads_and_always_announces_grows_nothing() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    let limits = "export-log: 1MiB, tombstones: 20000, routes: 16MiB";
    let mut scene = Scene::set(limits, "")?;
    let deaf = scene.connection(HOSTILE)?;
    socket2::SockRef::from(&deaf).set_recv_buffer_size(4096)?;
    Speaker::over(deaf.try_clone()?).handshake(HOSTILE, AS)?;
    let other = Ipv4Addr::new(10, 9, 0, 4);
    let mut fickle = scene.connection(other)?;
    let mut hears = Speaker::over(fickle.try_clone()?);
    hears.handshake(other, AS)?;
    let hears = Listener::over(hears);
    let withdrawn = |number: u32| {
        let gone = number * 800..(number + 1) * 800;
        let gone: Vec<Ipv4Net> = gone.map(|n| net(in_a_row(n).into(), 32)).collect();
        withdraw_v4(&gone)
    };
    // As fast as it can: most of it is withdrawn before anybody is told of it.
    for number in 0..2000 {
        fickle.write_all(&packed(other, number, in_a_row))?;
        fickle.write_all(&withdrawn(number.saturating_sub(10)))?;
    }
    scene.others_converge()?;
    // And so that everybody who reads is told of everything: four times what the log may hold.
    for round in 200..250 {
        for number in round * 10..(round + 1) * 10 {
            fickle.write_all(&packed(other, number, in_a_row))?;
        }
        scene.others_converge()?;
        for number in round * 10..(round + 1) * 10 {
            fickle.write_all(&withdrawn(number))?;
        }
        scene.others_converge()?;
        // 36,000 routes and withdrawn ones, and what one turn of reading adds; the log, and the latest pull.
        scene.holds_at_most(4 << 20, 3 << 19)?;
    }
    wait_until(PATIENCE, "the deaf one to be reset", || {
        scene.resets().len() == 1
    })?;
    let resets = scene.resets();
    let culprit = HOSTILE.to_string();
    assert!(
        resets[0].contains(&culprit) && resets[0].contains("`limits.tombstones`"),
        "{resets:?}"
    );
    hears.end()?;
    scene.ends_well(BASE_KIB + 3 * 16 * 1024, 60)
}

const CONNECTIONS: &str = "BGP_TESTS_CONNECTIONS";

/// Not a test: what `ten_thousand_connections_at_once` runs beside itself.
#[test]
fn holds_many_connections() -> Result<()> {
    let Some(count) = std::env::var(CONNECTIONS)
        .ok()
        .and_then(|count| count.parse::<u32>().ok())
    else {
        return Ok(());
    };
    let server = SocketAddr::new(SERVER.into(), 179);
    let mut streams = Vec::new();
    for number in 0..count {
        let source = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 9, 16, 0)) + number);
        let mut stream = open_stream(source.into(), server)?;
        stream.write_all(&open(AS, 90, source))?;
        stream.write_all(&keepalive())?;
        streams.push(stream);
    }
    eprintln!("all are open");
    loop {
        thread::park();
    }
}

#[test]
fn ten_thousand_connections_at_once() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    const COUNT: u32 = 10_000;
    let mut scene = Scene::set("routes: 16MiB", "")?;
    let own = std::env::current_exe()?;
    let own = own.to_string_lossy();
    let spawn = Spawn {
        env: vec![(CONNECTIONS.to_owned(), COUNT.to_string())],
        launcher: ["prlimit", "--nofile=15000"].map(str::to_owned).to_vec(),
        ..Spawn::default()
    };
    let command = [
        &*own,
        "--exact",
        "hostile_load::holds_many_connections",
        "--nocapture",
    ];
    let mut crowd = scene.namespace.start("crowd", &command, &spawn)?;
    wait_until(PATIENCE * 6, "all connections", || {
        crowd.output().contains("all are open")
    })?;
    scene.others_converge()?;
    wait_for(PATIENCE * 6, "all sessions", || {
        let status = scene.daemon.ctl_json(&["status"])?;
        let up = &status["peers"]["established"];
        let all = up.as_u64() == Some(u64::from(COUNT) + 2);
        all.then_some(())
            .ok_or_else(|| LabError::new(up.to_string()))
    })?;
    scene.others_converge()?;
    crowd.terminate(PATIENCE)?;
    scene.others_converge()?;
    // A line for each session that came up, and one for each that went.
    scene.ends_well(BASE_KIB + 160 * 1024, 2 * COUNT as usize + 100)
}
