//! Sessions that are nearly right: valid ones with a few octets changed, connections that stop half way, floods of
//! OPENs, and timers while all of that goes on.
//!
//! As with hostile load, two honest clients hear each other all the while, and memory and log stay within their bounds.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use interop_tests::speaker::{
    AttributeSet, Event, Speaker, keepalive, open, update_v4, withdraw_v4,
};
use interop_tests::{LabError, Result, wait_for, wait_until};

use crate::hostile_load::{
    AS, BASE_KIB, HOSTILE, PATIENCE, Scene, can_run_reflector, in_a_row, packed,
};

/// Where mutants come from, each from an address of its own.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 9, 32, 1);
/// Mutants of each message in each state.
const MUTANTS: u32 = 40;

/// Numbers that are the same in each run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % end.max(1)
    }

    /// The same octets with some of them changed, added or lost; sometimes with a length that fits again.
    fn mutant(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut octets = octets.to_vec();
        for _ in 0..1 + self.below(4) {
            let at = self.below(octets.len());
            match self.below(5) {
                0 => octets[at] ^= 1 << self.below(8),
                1 => octets[at] = [0, 1, 2, 127, 128, 254, 255][self.below(7)],
                2 => octets.insert(at, self.below(256) as u8),
                3 if octets.len() > 20 => drop(octets.remove(at)),
                _ => octets[at] = octets[at].wrapping_add(1),
            }
        }
        if self.below(2) == 0 && octets.len() >= 19 {
            let length = (octets.len() as u16).to_be_bytes();
            octets[16..18].copy_from_slice(&length);
        }
        octets
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xff; 16];
    octets.extend((19 + body.len() as u16).to_be_bytes());
    octets.push(kind);
    octets.extend(body);
    octets
}

/// A good message of each type, and UPDATEs of each kind.
fn good(address: Ipv4Addr) -> Vec<Vec<u8>> {
    let attributes = AttributeSet::mandatory(&[], address).local_pref();
    let rich = attributes
        .clone()
        .with(0x80, 4, &[0, 0, 0, 1])
        .with(0x40, 6, &[])
        .with(0xc0, 7, &[0, 0, 0xfd, 0xe9, 10, 0, 0, 1])
        .with(0xc0, 8, &[0xfd, 0xe9, 0, 1])
        .with(0x80, 9, &[10, 9, 0, 77])
        .with(0x80, 10, &[1, 1, 1, 1])
        .with(0xc0, 16, &[0, 2, 0xfd, 0xe9, 0, 0, 0, 1])
        .with(0xc0, 32, &[1; 12])
        .with(0xc0, 99, &[1, 2, 3]);
    let six = [
        &[0, 2, 1, 16, 0x2a][..],
        &[0; 14],
        &[1, 0, 64, 0x2a, 0, 0, 0, 0, 0, 0, 1],
    ]
    .concat();
    let six = AttributeSet::default()
        .with(0x80, 14, &six)
        .with(0x40, 1, &[0])
        .with(0x40, 2, &[])
        .local_pref();
    let net = "20.99.0.0/24".parse().expect("a prefix");
    vec![
        open(AS, 90, address),
        keepalive(),
        update_v4(&rich, &[net]),
        update_v4(&six, &[]),
        withdraw_v4(&[net]),
        message(3, &[6, 2, 3, b'b', b'y', b'e']),
        message(5, &[0, 1, 0, 1]),
    ]
}

/// Every message type, changed, in every state that a connection can be in.
#[test]
fn mutants_hurt_only_their_session() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    let mut scene = Scene::set("routes: 16MiB", "")?;
    let mut dice = Dice(0x5eed);
    let mut number = 0;
    for state in 0..3 {
        for kind in 0..good(FIRST).len() {
            for _ in 0..MUTANTS {
                let address = Ipv4Addr::from(u32::from(FIRST) + number);
                number += 1;
                let mut mutant = Speaker::over(scene.connection(address)?);
                // It may be closed at any time.
                if state > 0 {
                    let _ = mutant.send(&open(AS, 90, address));
                }
                if state > 1 {
                    let _ = mutant.send(&keepalive());
                }
                let octets = dice.mutant(&good(address)[kind]);
                let _ = mutant.send(&octets);
                let _ = mutant.send(&good(address)[2]);
                // Whatever it says: until it has taken what was sent, or has closed.
                while let Event::Message(_) = mutant.next(Duration::from_millis(1))? {}
            }
            scene.others_converge()?;
        }
    }
    wait_until(PATIENCE, "the mutants' routes to go", || {
        let status = scene.daemon.ctl_json(&["status"]);
        status.is_ok_and(|status| status["routes"]["prefixes"] == 0)
    })?;
    // A session that came up has a line for its end, too.
    scene.ends_well(BASE_KIB, 3 * number as usize)
}

/// How many peers the reflector knows of.
fn peers(scene: &Scene) -> Result<u64> {
    let status = scene.daemon.ctl_json(&["status"])?;
    let all = &status["peers"]["total"];
    all.as_u64().ok_or_else(|| LabError::new(all.to_string()))
}

/// Connections that say nothing, half an OPEN, or an OPEN and no more; and then are gone without a word.
#[test]
fn half_open_connections_cost_little_and_leave_nothing() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    const COUNT: u32 = 600;
    let mut scene = Scene::set("routes: 16MiB", "")?;
    let before = peers(&scene)?;
    let mut held = Vec::new();
    for number in 0..COUNT {
        let address = Ipv4Addr::from(u32::from(FIRST) + number);
        let stream = scene.connection(address)?;
        let whole = open(AS, 90, address);
        let said = match number % 3 {
            0 => &whole[..0],
            1 => &whole[..(number as usize) % whole.len()],
            _ => &whole[..],
        };
        let mut speaker = Speaker::over(stream);
        speaker.send(said)?;
        held.push(speaker);
    }
    scene.others_converge()?;
    drop(held);
    wait_for(PATIENCE, "their peers to be forgotten", || {
        match peers(&scene)? {
            now if now == before => Ok(()),
            now => Err(LabError::new(format!("{now} peers"))),
        }
    })?;
    scene.ends_well(BASE_KIB + 16 * 1024, 200)
}

/// OPEN upon OPEN on each of many connections, as fast as they are taken.
#[test]
fn a_flood_of_opens_is_nothing_to_others() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    let mut scene = Scene::set("routes: 16MiB", "")?;
    for round in 0..20 {
        for number in 0..25 {
            let address = Ipv4Addr::from(u32::from(FIRST) + round * 25 + number);
            let mut speaker = Speaker::over(scene.connection(address)?);
            let all = open(AS, 90, address).repeat(40);
            let _ = speaker.send(&all);
            let said = speaker.notification(PATIENCE)?;
            assert_eq!((said.code, said.subcode), (5, 2), "{said:?}");
        }
        scene.others_converge()?;
    }
    scene.ends_well(BASE_KIB, 60)
}

/// A hold time of 3 s holds while the reflector has all hands full, in both directions.
#[test]
fn hold_timers_hold_under_load() -> Result<()> {
    if !can_run_reflector() {
        return Ok(());
    }
    let mut scene = Scene::set("routes: 256MiB", "")?;
    let address = Ipv4Addr::new(10, 9, 31, 1);
    let mut brisk = Speaker::over(scene.connection(address)?);
    brisk.send(&open(AS, 3, address))?;
    brisk.send(&keepalive())?;
    let mut flooder = Speaker::over(scene.hostile()?);
    let (begun, mut heard, mut number) = (Instant::now(), Instant::now(), 0);
    let mut longest = Duration::ZERO;
    let mut last_word = Instant::now();
    while begun.elapsed() < Duration::from_secs(7) {
        for _ in 0..10 {
            flooder.send(&packed(HOSTILE, number % 500, in_a_row))?;
            number += 1;
        }
        if last_word.elapsed() > Duration::from_millis(900) {
            brisk.send(&keepalive())?;
            last_word = Instant::now();
        }
        loop {
            match brisk.next(Duration::from_millis(1))? {
                Event::Message(message) => {
                    assert!(message.notification().is_none(), "{message:?}");
                    longest = longest.max(heard.elapsed());
                    heard = Instant::now();
                }
                Event::Silence => break,
                Event::Closed(how) => return Err(LabError::new(format!("closed: {how}"))),
            }
        }
    }
    assert!(longest < Duration::from_secs(3), "silent for {longest:?}");
    scene.others_converge()?;
    scene.ends_well(BASE_KIB + 256 * 1024, 60)
}
