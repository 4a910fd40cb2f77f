//! Bad input: it hurts the connection that it came on, and nothing else.
//!
//! Each lab has a third party, an honest BIRD, whose session must be the same one afterwards.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::{Duration, Instant};

use interop_tests::daemon::{
    Bird, Daemon, Kind, Ours, Role, SESSION_LIMIT, Spec, can_run, peer_name, wait_no_route,
    wait_route, wait_session,
};
use interop_tests::lab::{Lab, Lan, Namespace};
use interop_tests::speaker::{AttributeSet, Event, Speaker, keepalive, open, update_v4};
use interop_tests::{LabError, Result, wait_for};
use ipnet::Ipv4Net;

use crate::stage;

const SUBJECT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ATTACKER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
const ATTACKER_AS: u32 = 65003;
const PATIENCE: Duration = Duration::from_secs(5);

/// The daemon under test, an honest neighbour, and a place to attack from.
struct Scene {
    subject: Box<dyn Daemon>,
    honest: Bird,
    attacker: Namespace,
    up_since: String,
    _lan: Lan,
    _lab: Lab,
}

impl Scene {
    fn set(kind: Kind) -> Result<Scene> {
        let lab = Lab::new("hostile")?;
        let lan = lab.lan("lan")?;
        let honest = Spec::new(65002, 2).with_block("10.2.0.0/24");
        let mut attacker = Spec::new(ATTACKER_AS, 3).as_neighbor().passive();
        attacker.asn = ATTACKER_AS;
        let spec = Spec::new(65001, 1);
        let honest = honest.with(spec.as_neighbor());
        let spec = spec.with(honest.as_neighbor()).with(attacker);
        let namespace = stage::on_lan(&lab, &lan, "subject", &spec)?;
        let mut subject = kind.daemon(&namespace, spec);
        let namespace = stage::on_lan(&lab, &lan, "honest", &honest)?;
        let mut honest = Bird::new(&namespace, honest);
        let attacker = lab.namespace("attacker")?;
        lan.attach(&attacker, "eth0", &["10.0.0.3/24", "10.0.0.4/24"])?;
        subject.start()?;
        honest.start()?;
        wait_session(&honest, SUBJECT.into())?;
        wait_route(&*subject, honest.spec().v4.into(), honest.spec().blocks[0])?;
        let up_since = honest.up_since(SUBJECT.into())?;
        Ok(Scene {
            subject,
            honest,
            attacker,
            up_since,
            _lan: lan,
            _lab: lab,
        })
    }

    /// The session of the honest neighbour is the same one, and the daemon answers.
    fn nothing_else_is_hurt(&mut self, after: &str) -> Result<()> {
        let up_since = self
            .honest
            .up_since(SUBJECT.into())
            .map_err(|e| e.during(after))?;
        assert_eq!(up_since, self.up_since, "after {after}");
        let block = self.honest.spec().blocks[0];
        let routes = self.subject.received(self.honest.spec().v4.into())?;
        assert!(routes.contains_key(&block), "after {after}: {routes:?}");
        let process = self
            .subject
            .process()
            .ok_or_else(|| LabError::new("not running"))?;
        assert!(process.is_running(), "after {after}: {}", process.output());
        Ok(())
    }

    /// A new session of the attacker; a former one of its may have to be given up first.
    fn session(&self) -> Result<Speaker> {
        wait_for(SESSION_LIMIT, "a session of the attacker", || {
            Speaker::establish(&self.attacker, ATTACKER, SUBJECT.into(), ATTACKER_AS)
        })
    }

    /// A new connection of the attacker on which the daemon has sent its OPEN.
    fn connection(&self) -> Result<Speaker> {
        wait_for(SESSION_LIMIT, "a connection of the attacker", || {
            let mut speaker = Speaker::connect(&self.attacker, ATTACKER.into(), SUBJECT.into())?;
            match speaker.next(PATIENCE)? {
                Event::Message(message) if message.kind == interop_tests::speaker::OPEN => {
                    Ok(speaker)
                }
                other => Err(LabError::new(format!("{other:?} instead of OPEN"))),
            }
        })
    }
}

/// Octets that a fault is made of, and the NOTIFICATION that they deserve.
struct Case {
    what: &'static str,
    octets: Vec<u8>,
    code: u8,
    subcode: u8,
    data: Option<Vec<u8>>,
}

fn case(
    what: &'static str,
    octets: Vec<u8>,
    (code, subcode): (u8, u8),
    data: Option<&[u8]>,
) -> Case {
    Case {
        what,
        octets,
        code,
        subcode,
        data: data.map(<[u8]>::to_vec),
    }
}

/// A message with any length and type in its header.
fn raw(length: u16, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xff; 16];
    octets.extend(length.to_be_bytes());
    octets.push(kind);
    octets.extend(body);
    octets
}

/// The OPEN that would be right, with one octet string put over it at `offset`.
fn bent_open(offset: usize, octets: &[u8]) -> Vec<u8> {
    let mut message = open(ATTACKER_AS, 90, ATTACKER);
    message[offset..offset + octets.len()].copy_from_slice(octets);
    message
}

/// RFC 4271 sections 6.1 and 6.2, before the session is up.
fn cases_before_open() -> Vec<Case> {
    let long = [5000u16.to_be_bytes()[0], 5000u16.to_be_bytes()[1]];
    vec![
        case(
            "another protocol",
            b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n".to_vec(),
            (1, 1),
            None,
        ),
        case("zeros", vec![0; 64], (1, 1), None),
        case(
            "a length below the header's",
            raw(18, 1, &[]),
            (1, 2),
            Some(&[0, 18]),
        ),
        case(
            "a length over 4096",
            raw(5000, 1, &[0; 64]),
            (1, 2),
            Some(&long),
        ),
        case(
            "a KEEPALIVE with a body",
            raw(20, 4, &[0]),
            (1, 2),
            Some(&[0, 20]),
        ),
        case("an unknown type", raw(19, 9, &[]), (1, 3), Some(&[9])),
        case("version 3", bent_open(19, &[3]), (2, 1), Some(&[0, 4])),
        case("another AS", open(65999, 90, ATTACKER), (2, 2), None),
        case(
            "BGP Identifier 0",
            bent_open(24, &[0, 0, 0, 0]),
            (2, 3),
            None,
        ),
        case("hold time 1", bent_open(22, &[0, 1]), (2, 6), None),
        case(
            "parameters longer than the message",
            bent_open(28, &[200]),
            (2, 0),
            None,
        ),
    ]
}

/// RFC 4271 section 6.3 and RFC 6608, on a session that is up.
fn cases_established() -> Vec<Case> {
    vec![
        case(
            "withdrawn routes longer than the message",
            raw(23, 2, &[0, 9, 0, 0]),
            (3, 1),
            None,
        ),
        case("an unknown type", raw(19, 9, &[]), (1, 3), Some(&[9])),
        case(
            "an UPDATE of 21 octets",
            raw(21, 2, &[0, 0]),
            (1, 2),
            Some(&[0, 21]),
        ),
        case("an OPEN", open(ATTACKER_AS, 90, ATTACKER), (5, 3), None),
        case("garbage", vec![0x55; 300], (1, 1), None),
    ]
}

/// `exempt`: what a daemon of another maker is known to do otherwise.
fn answers_bad_messages(kind: Kind, exempt: &[&str]) -> Result<()> {
    if !can_run(&[kind, Kind::Bird]) {
        return Ok(());
    }
    let mut scene = Scene::set(kind)?;
    let mut wrong = Vec::new();
    for (cases, established) in [(cases_before_open(), false), (cases_established(), true)] {
        for case in cases
            .into_iter()
            .filter(|case| !exempt.contains(&case.what))
        {
            let mut speaker = if established {
                scene.session()?
            } else {
                scene.connection()?
            };
            speaker.send(&case.octets)?;
            match speaker.notification(PATIENCE) {
                Ok(got) if (got.code, got.subcode) == (case.code, case.subcode) => {
                    if case.data.as_ref().is_some_and(|data| *data != got.data) {
                        wrong.push(format!(
                            "{}: data {:?} instead of {:?}",
                            case.what, got.data, case.data
                        ));
                    }
                }
                got => wrong.push(format!(
                    "{}: {got:?} instead of {}/{}",
                    case.what, case.code, case.subcode
                )),
            }
            scene.nothing_else_is_hurt(case.what)?;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// RFC 7606: an UPDATE with a bad ORIGIN takes its route away and leaves the session.
fn treats_as_withdraw(kind: Kind) -> Result<()> {
    if !can_run(&[kind, Kind::Bird]) {
        return Ok(());
    }
    let mut scene = Scene::set(kind)?;
    let mut speaker = scene.session()?;
    let prefix: Ipv4Net = "10.3.0.0/24".parse().expect("a prefix");
    let good = AttributeSet::mandatory(&[ATTACKER_AS], ATTACKER);
    speaker.send(&update_v4(&good, &[prefix]))?;
    wait_route(&scene.honest, SUBJECT.into(), prefix.into())?;
    let bad = AttributeSet::default()
        .with(0x40, 1, &[0, 0])
        .with(0x40, 2, &[])
        .with(0x40, 3, &ATTACKER.octets());
    speaker.send(&update_v4(&bad, &[prefix]))?;
    wait_no_route(&scene.honest, SUBJECT.into(), prefix.into())?;
    speaker.send(&update_v4(&good, &[prefix]))?;
    wait_route(&scene.honest, SUBJECT.into(), prefix.into())?;
    speaker.send(&keepalive())?;
    scene.nothing_else_is_hurt("a malformed ORIGIN")
}

/// Connections that end or stop in the middle of a message.
fn bears_half_messages(kind: Kind) -> Result<()> {
    if !can_run(&[kind, Kind::Bird]) {
        return Ok(());
    }
    let mut scene = Scene::set(kind)?;
    let whole = open(ATTACKER_AS, 90, ATTACKER);
    for length in [1, 16, 18, 19, 25, whole.len() - 1] {
        let mut speaker = scene.connection()?;
        speaker.send(&whole[..length])?;
        drop(speaker);
        scene.nothing_else_is_hurt("half an OPEN")?;
    }
    let mut speaker = scene.session()?;
    speaker.send(&raw(4096, 2, &[0; 100]))?;
    scene.nothing_else_is_hurt("half an UPDATE and silence")?;
    drop(speaker);
    scene.session().map(drop)
}

/// An address that nobody configured, and too many connections of one that somebody did.
fn bears_a_flood(kind: Kind) -> Result<()> {
    if !can_run(&[kind, Kind::Bird]) {
        return Ok(());
    }
    let mut scene = Scene::set(kind)?;
    let mut held = Vec::new();
    for source in [STRANGER, ATTACKER] {
        for _ in 0..300 {
            // A refusal is an answer too.
            held.extend(Speaker::connect(
                &scene.attacker,
                source.into(),
                SUBJECT.into(),
            ));
        }
        scene.nothing_else_is_hurt("a flood")?;
    }
    if let Some(process) = scene.subject.process() {
        let stranger = STRANGER.to_string();
        let lines = process
            .output()
            .lines()
            .filter(|line| line.contains(&stranger))
            .count();
        assert!(lines < 30, "{lines} lines about {STRANGER}");
    }
    drop(held);
    scene.session()?;
    scene.nothing_else_is_hurt("the end of the flood")
}

/// No file descriptor left: it neither spins nor loses a session, and recovers.
fn bears_no_file_descriptors(kind: Kind) -> Result<()> {
    if !can_run(&[kind, Kind::Bird]) {
        return Ok(());
    }
    let mut scene = Scene::set(kind)?;
    let process = scene
        .subject
        .process()
        .ok_or_else(|| LabError::new("not running"))?;
    let id = process.id();
    let open_files = std::fs::read_dir(format!("/proc/{id}/fd"))?.count();
    limit_files(id, open_files)?;
    let mut held = Vec::new();
    for source in [STRANGER, ATTACKER] {
        for _ in 0..20 {
            held.extend(Speaker::connect(
                &scene.attacker,
                source.into(),
                SUBJECT.into(),
            ));
        }
    }
    let process = scene
        .subject
        .process()
        .ok_or_else(|| LabError::new("not running"))?;
    let (before, started) = (process.usage()?.cpu, Instant::now());
    // A second of doing nothing is what is measured here.
    let _ = held
        .last_mut()
        .map(|speaker| speaker.next(Duration::from_secs(1)));
    let (used, wall) = (
        process.usage()?.cpu.saturating_sub(before),
        started.elapsed(),
    );
    assert!(
        used < wall / 3 + Duration::from_millis(200),
        "it spins: {used:?} CPU in {wall:?}"
    );
    let up_since = scene.honest.up_since(SUBJECT.into())?;
    assert_eq!(up_since, scene.up_since);
    limit_files(id, 1024)?;
    drop(held);
    scene.session()?;
    scene.nothing_else_is_hurt("having no file descriptors")
}

fn limit_files(process: u32, limit: usize) -> Result<()> {
    let (pid, limit) = (process.to_string(), format!("--nofile={limit}:1024"));
    let status = Command::new("prlimit")
        .args(["--pid", &pid, &limit])
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(LabError::new("prlimit"))
    }
}

#[test]
fn node_answers_bad_messages() -> Result<()> {
    answers_bad_messages(Kind::Node, &[])
}

#[test]
fn node_treats_as_withdraw() -> Result<()> {
    treats_as_withdraw(Kind::Node)
}

#[test]
fn node_bears_half_messages() -> Result<()> {
    bears_half_messages(Kind::Node)
}

#[test]
fn node_bears_a_flood() -> Result<()> {
    bears_a_flood(Kind::Node)
}

#[test]
fn node_bears_no_file_descriptors() -> Result<()> {
    bears_no_file_descriptors(Kind::Node)
}

/// What the peer's operator is told about a refusal is right on our side as well.
#[test]
fn node_shows_the_last_error() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let lab = Lab::new("last-error")?;
    let lan = lab.lan("lan")?;
    let other = Spec::new(65002, 2);
    let spec = Spec::new(65001, 1).with(other.as_neighbor());
    let mut us = Spec::new(65001, 1).as_neighbor();
    us.asn = 65009;
    let namespace = stage::on_lan(&lab, &lan, "node", &spec)?;
    let mut node = Ours::new(Role::Node, &namespace, spec);
    let namespace = stage::on_lan(&lab, &lan, "bird", &other)?;
    let mut bird = Bird::new(&namespace, other.with(us));
    node.start()?;
    bird.start()?;
    let peer = IpAddr::from(bird.spec().v4);
    wait_for(SESSION_LIMIT, "the refusal", || {
        let shown = node.peer(peer)?["state"]["last_error"].to_string();
        let said = shown.contains("\"code\":2") && shown.contains("\"subcode\":2");
        if said {
            Ok(())
        } else {
            Err(LabError::new(shown))
        }
    })?;
    let list = node.ctl(&["peer", "list"])?;
    assert!(list.contains(&peer_name(peer)), "{list}");
    Ok(())
}

/// What was malformed can be looked at, octet by octet, and every remedy is counted.
#[test]
fn node_shows_the_last_malformed_message() -> Result<()> {
    if !can_run(&[Kind::Node]) {
        return Ok(());
    }
    let lab = Lab::new("malformed")?;
    let lan = lab.lan("lan")?;
    let other = Spec::new(ATTACKER_AS, 3).as_neighbor().passive();
    let spec = Spec::new(65001, 1).with(other);
    let namespace = stage::on_lan(&lab, &lan, "node", &spec)?;
    let mut node = Ours::new(Role::Node, &namespace, spec);
    let attacker = lab.namespace("attacker")?;
    lan.attach(&attacker, "eth0", &["10.0.0.3/24"])?;
    node.start()?;
    let shown = |wanted: &[u8], remedy: &str, counter: &str| {
        let hex: String = wanted.iter().map(|octet| format!("{octet:02x}")).collect();
        wait_for(SESSION_LIMIT, "the malformed message", || {
            let state = &node.peer(ATTACKER.into())?["state"];
            let last = &state["last_malformed"];
            let is_shown = last["octets"] == hex.as_str()
                && last["remedy"] == remedy
                && last["text"].as_str().is_some_and(|text| !text.is_empty())
                && state["malformed"][counter].as_u64() == Some(1);
            is_shown
                .then_some(())
                .ok_or_else(|| LabError::new(last.to_string()))
        })
    };
    let mut speaker = Speaker::establish(&attacker, ATTACKER, SUBJECT.into(), ATTACKER_AS)?;
    let bad = AttributeSet::default()
        .with(0x40, 1, &[7])
        .with(0x40, 2, &[])
        .with(0x40, 3, &ATTACKER.octets());
    let update = update_v4(&bad, &["10.3.0.0/24".parse().expect("a prefix")]);
    speaker.send(&update)?;
    shown(&update, "treat-as-withdraw", "treat_as_withdraw")?;
    let bad = raw(23, 2, &[0, 9, 0, 0]);
    speaker.send(&bad)?;
    shown(&bad, "session-reset", "session_reset")?;
    let page = node.ctl(&["peer", "show", &ATTACKER.to_string()])?;
    assert!(page.contains("Last malformed message"), "{page}");
    assert!(page.contains("  0010              "), "{page}");
    let process = node.process();
    let log = process.map(|process| process.output()).unwrap_or_default();
    let hex: String = update.iter().map(|octet| format!("{octet:02x}")).collect();
    let line = format!("; treat-as-withdraw of 10.3.0.0/24; the message: {hex} (");
    assert!(log.contains(&line), "{log}");
    Ok(())
}

mod makers {
    use super::*;

    #[test]
    fn bird_answers_bad_messages() -> Result<()> {
        let exempt = [
            "a KEEPALIVE with a body",
            "version 3",
            "parameters longer than the message",
        ];
        answers_bad_messages(Kind::Bird, &exempt)
    }

    #[test]
    fn bird_treats_as_withdraw() -> Result<()> {
        treats_as_withdraw(Kind::Bird)
    }

    #[test]
    fn bird_bears_half_messages() -> Result<()> {
        bears_half_messages(Kind::Bird)
    }
}
