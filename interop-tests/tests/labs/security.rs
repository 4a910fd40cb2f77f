//! Sessions that only the peer can have: signed (RFC 2385), near (RFC 5082), over one device.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use interop_tests::daemon::{
    Announcement, Bird, Daemon, Frr, Kind, Neighbor, Ours, ROUTE_LIMIT, Role, SESSION_LIMIT,
    SessionState, Spec, can_run, peer_name, wait_route, wait_session,
};
use interop_tests::lab::{Lab, Lan};
use interop_tests::{LabError, Result, wait_for};

use crate::stage;

const PASSWORD: &str = "correct horse";
/// Several attempts to connect, each of which would have done.
const LONG_ENOUGH: Duration = Duration::from_secs(6);

/// How two speakers name each other.
type Ties = fn(Neighbor) -> Neighbor;

/// Who of two connects.
#[derive(Clone, Copy)]
enum Opener {
    We,
    They,
}

/// How a speaker is named over one family.
type Over = fn(&Spec) -> Neighbor;

/// A node of ours and a daemon of another maker, not started. Only one of them connects, over IPv4.
fn two(
    kind: Kind,
    opener: Opener,
    ours: Ties,
    theirs: Ties,
) -> Result<(Lab, Lan, Ours, Box<dyn Daemon>)> {
    two_over(Spec::as_neighbor, kind, opener, ours, theirs)
}

fn two_over(
    over: Over,
    kind: Kind,
    opener: Opener,
    ours: Ties,
    theirs: Ties,
) -> Result<(Lab, Lan, Ours, Box<dyn Daemon>)> {
    let lab = Lab::new("security")?;
    let lan = lab.lan("lan")?;
    let (spec, other) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let (mut to_other, mut to_us) = (ours(over(&other)), theirs(over(&spec)));
    match opener {
        Opener::We => to_us = to_us.passive(),
        Opener::They => to_other = to_other.passive(),
    }
    let (spec, other) = (spec.with(to_other), other.with(to_us));
    let namespace = stage::on_lan(&lab, &lan, "node", &spec)?;
    let node = Ours::new(Role::Node, &namespace, spec);
    let namespace = stage::on_lan(&lab, &lan, "other", &other)?;
    let other = kind.daemon(&namespace, other);
    Ok((lab, lan, node, other))
}

fn address(daemon: &dyn Daemon) -> IpAddr {
    daemon.spec().v4.into()
}

/// Both agree on how the session is secured, so that it comes up and routes flow, whoever connects, over both families.
fn agreed(kind: Kind, ties: Ties, shown: &str) -> Result<()> {
    if !can_run(&[Kind::Node, kind]) {
        return Ok(());
    }
    let over: [Over; 2] = [Spec::as_neighbor, Spec::as_neighbor_over_v6];
    let openers = [Opener::We, Opener::They];
    for (over, opener) in over
        .into_iter()
        .flat_map(|over| openers.map(|of| (over, of)))
    {
        let (_lab, _lan, mut node, mut other) = two_over(over, kind, opener, ties, ties)?;
        other.start()?;
        node.start()?;
        stage::all_up(&node)?;
        let block = Announcement::new("10.50.0.0/24");
        other.announce(&block)?;
        let peer = node.spec().neighbors[0].address;
        wait_route(&node, peer, block.prefix)?;
        let page = node.ctl(&["peer", "get", &peer.to_string()])?;
        assert!(page.contains(shown), "{page}");
        assert!(!page.contains(PASSWORD), "{page}");
    }
    Ok(())
}

/// Only one of the two secures the session, so that it never comes up, whoever connects; our side says why.
fn not_agreed(kind: Kind, ours: Ties, theirs: Ties, said: [&str; 2]) -> Result<()> {
    if !can_run(&[Kind::Node, kind]) {
        return Ok(());
    }
    for (opener, said) in [Opener::We, Opener::They].into_iter().zip(said) {
        let (_lab, _lan, mut node, mut other) = two(kind, opener, ours, theirs)?;
        other.start()?;
        node.start()?;
        wait_for(SESSION_LIMIT, said, || {
            let status = node.ctl(&["status"]).or_else(|error| {
                // Not healthy is an exit code too.
                match error.to_string() {
                    text if text.contains("10.0.0.2") => Ok(text),
                    _ => Err(error),
                }
            })?;
            match status.contains(said) {
                true => Ok(()),
                false => Err(LabError::new(status)),
            }
        })?;
        stays_down(&node, address(&*other))?;
    }
    Ok(())
}

/// The session with `peer` is not up in all of a time in which it would have come up.
fn stays_down(daemon: &dyn Daemon, peer: IpAddr) -> Result<()> {
    let up = wait_for(
        LONG_ENOUGH,
        "the session that must not be",
        || match daemon.session(peer)? {
            SessionState::Established => Ok(()),
            SessionState::Not(other) => Err(LabError::new(other)),
        },
    );
    match up {
        Ok(()) => Err(LabError::new(format!("the session with {peer} is up"))),
        Err(_) => Ok(()),
    }
}

fn signed(neighbor: Neighbor) -> Neighbor {
    neighbor.signed(&PASSWORD.replace(' ', "-"))
}

fn signed_otherwise(neighbor: Neighbor) -> Neighbor {
    neighbor.signed("battery-staple")
}

const SHOWN: &str = "md5 from /";

#[test]
fn bird_signs() -> Result<()> {
    agreed(Kind::Bird, signed, SHOWN)
}

#[test]
fn frr_signs() -> Result<()> {
    agreed(Kind::Frr, signed, SHOWN)
}

#[test]
fn gobgp_signs() -> Result<()> {
    agreed(Kind::Gobgp, signed, SHOWN)
}

#[test]
fn bird_signs_with_another_password() -> Result<()> {
    let said = [
        "signs with the same password",
        "signed with another password",
    ];
    not_agreed(Kind::Bird, signed, signed_otherwise, said)
}

#[test]
fn frr_does_not_sign() -> Result<()> {
    let said = [
        "signs with the same password",
        "signed with another password",
    ];
    not_agreed(Kind::Frr, signed, |plain| plain, said)
}

#[test]
fn bird_is_near() -> Result<()> {
    agreed(Kind::Bird, Neighbor::near, "TTL 255 or more")
}

#[test]
fn frr_is_near() -> Result<()> {
    agreed(Kind::Frr, Neighbor::near, "TTL 255 or more")
}

const FAR: [&str; 2] = [
    "with a TTL below 255 is dropped",
    "its packets come with TTL 1",
];

#[test]
fn bird_does_not_say_that_it_is_near() -> Result<()> {
    not_agreed(Kind::Bird, Neighbor::near, |plain| plain, FAR)
}

#[test]
fn frr_does_not_say_that_it_is_near() -> Result<()> {
    not_agreed(Kind::Frr, Neighbor::near, |plain| plain, FAR)
}

/// The pid of a daemon of ours.
fn pid(node: &mut Ours) -> Result<u32> {
    let process = node.process();
    process
        .map(|process| process.id())
        .ok_or_else(|| LabError::new("not running"))
}

/// A peer's password is changed at both ends, ours by SIGHUP: the session is there again, without a restart of ours.
fn changes(kind: Kind, change: impl FnOnce(&mut Box<dyn Daemon>) -> Result<()>) -> Result<()> {
    let (_lab, _lan, mut node, mut other) = two(kind, Opener::They, signed, signed)?;
    other.start()?;
    node.start()?;
    stage::all_up(&node)?;
    let before = pid(&mut node)?;
    change(&mut other)?;
    for neighbor in &mut node.spec_mut().neighbors {
        *neighbor = signed_otherwise(neighbor.clone());
    }
    node.reload()?;
    wait_for(SESSION_LIMIT, "both to have the other password", || {
        let log = node.process().map(|process| process.output());
        let log = log.unwrap_or_default();
        match log.contains("has another password") {
            true if log.contains("battery") => Ok(Err(LabError::new(log))),
            true => Ok(Ok(())),
            false => Err(LabError::new(log)),
        }
    })??;
    let block = Announcement::new("10.51.0.0/24");
    other.announce(&block)?;
    wait_session(&node, address(&*other))?;
    wait_route(&node, address(&*other), block.prefix)?;
    assert_eq!(pid(&mut node)?, before);
    Ok(())
}

#[test]
fn the_password_of_frr_is_changed() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Frr]) {
        return Ok(());
    }
    changes(Kind::Frr, |other| {
        let namespace = other.namespace().clone();
        let frr = Frr::new(&namespace, other.spec().clone());
        let commands = [
            "configure terminal",
            "router bgp 65002",
            "neighbor 10.0.0.1 password battery-staple",
        ];
        frr.ask(&commands).map(drop)
    })
}

#[test]
fn the_password_of_bird_is_changed() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let (_lab, _lan, mut node, mut other) = two(Kind::Bird, Opener::We, signed, signed)?;
    // Of its own type, to be changed while it runs.
    let mut bird = Bird::new(&other.namespace().clone(), other.spec().clone());
    other.stop()?;
    bird.start()?;
    node.start()?;
    stage::all_up(&node)?;
    // BIRD begins anew with a new password, and says so with the old one: it goes first.
    bird.change(|spec| {
        for neighbor in &mut spec.neighbors {
            *neighbor = signed_otherwise(neighbor.clone());
        }
    })?;
    wait_for(SESSION_LIMIT, "the end of the session", || {
        match node.session(address(&bird))? {
            SessionState::Established => Err(LabError::new("it is up")),
            SessionState::Not(_) => Ok(()),
        }
    })?;
    for neighbor in &mut node.spec_mut().neighbors {
        *neighbor = signed_otherwise(neighbor.clone());
    }
    node.reload()?;
    let block = Announcement::new("10.51.0.0/24");
    bird.announce(&block)?;
    wait_session(&node, address(&bird))?;
    wait_route(&node, address(&bird), block.prefix).map(drop)
}

/// Both ends are ours and change it one after the other: the connection stays, and what was said meanwhile arrives.
#[test]
fn a_password_is_changed_under_a_session() -> Result<()> {
    if !can_run(&[Kind::Node]) {
        return Ok(());
    }
    let (_lab, _lan, mut node, other) = two(Kind::Node, Opener::We, signed, signed)?;
    let mut other = Ours::new(Role::Node, &other.namespace().clone(), other.spec().clone());
    other.start()?;
    node.start()?;
    stage::all_up(&node)?;
    let peer = address(&other);
    let before = node.four_tuple(peer)?;
    let changed = |daemon: &mut Ours| -> Result<()> {
        for neighbor in &mut daemon.spec_mut().neighbors {
            *neighbor = signed_otherwise(neighbor.clone());
        }
        daemon.reload()?;
        wait_for(ROUTE_LIMIT, "the reload", || {
            let log = daemon.process().map(|process| process.output());
            let log = log.unwrap_or_default();
            match log.contains("has another password") {
                true => Ok(()),
                false => Err(LabError::new(log)),
            }
        })
    };
    changed(&mut node)?;
    let block = Announcement::new("10.51.0.0/24");
    other.announce(&block)?;
    assert!(node.received(peer)?.is_empty(), "it is signed otherwise");
    changed(&mut other)?;
    wait_route(&node, peer, block.prefix)?;
    assert_eq!(node.four_tuple(peer)?, before);
    assert_eq!(node.peer(peer)?["state"]["flaps"], 0);
    Ok(())
}

/// A password that is not there holds one peer down, and its reason is shown where an operator looks; it is found by
/// itself when it is there. `check` says so beforehand.
#[test]
fn a_missing_password_holds_one_peer_down() -> Result<()> {
    if !can_run(&[Kind::Node, Kind::Bird]) {
        return Ok(());
    }
    let lab = Lab::new("security")?;
    let lan = lab.lan("lan")?;
    let spec = Spec::new(65001, 1);
    let [one, two] = [2, 3].map(|host| Spec::new(65000 + u32::from(host), host));
    let to_us = spec.as_neighbor();
    let spec = spec.with(signed(one.as_neighbor())).with(two.as_neighbor());
    let players = vec![
        (Kind::Bird, one.with(signed(to_us.clone()))),
        (Kind::Bird, two.with(to_us)),
    ];
    let mut birds = stage::place(&lab, &lan, players)?;
    birds.iter_mut().try_for_each(|bird| bird.start())?;
    let namespace = stage::on_lan(&lab, &lan, "node", &spec)?;
    let mut node = Ours::new(Role::Node, &namespace, spec);
    node.start()?;
    stage::all_up(&node)?;
    let (held, other) = (IpAddr::from([10, 0, 0, 2]), IpAddr::from([10, 0, 0, 3]));
    let path = node.password_path(&peer_name(held));
    let password = std::fs::read(&path)?;
    std::fs::remove_file(&path)?;
    let process = node.process().ok_or_else(|| LabError::new("not running"))?;
    process.signal(nix::sys::signal::Signal::SIGHUP)?;
    let reason = format!("password-file {path} cannot be read: No such file");
    wait_for(ROUTE_LIMIT, "the reason", || {
        let page = node.ctl(&["peer", "get", &held.to_string()])?;
        match page.contains(&reason) {
            true => Ok(()),
            false => Err(LabError::new(page)),
        }
    })?;
    stays_down(&node, held)?;
    assert_eq!(node.session(other)?, SessionState::Established);
    let check = namespace.output(&[
        &interop_tests::daemon::bgpd_binary(),
        "check",
        &node.config_path(),
    ])?;
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(!check.status.success() && said.contains(&reason), "{said}");
    std::fs::write(&path, password)?;
    wait_session(&node, held)?;
    assert_eq!(node.peer(other)?["state"]["flaps"], 0);
    Ok(())
}

/// A reflector with a password for a range: who has it is let in, with others beside; who has not is not.
#[test]
fn the_clients_of_a_range_sign() -> Result<()> {
    if !can_run(&[Kind::Reflector, Kind::Node, Kind::Bird, Kind::Frr]) {
        return Ok(());
    }
    let lab = Lab::new("security")?;
    let lan = lab.lan("lan")?;
    let spec = Spec::new(65001, 1).reflecting();
    let namespace = stage::on_lan(&lab, &lan, "rr", &spec)?;
    let path = namespace.dir().join("range.password");
    std::fs::write(&path, PASSWORD.replace(' ', "-"))?;
    let to_reflector = spec.as_neighbor();
    let range = format!(
        "dynamic-peers:\n- {{prefix: 10.0.0.0/24, as: internal, route-reflector-client: true, password-file: {}}}",
        path.display()
    );
    let mut reflector = Ours::new(Role::Reflector, &namespace, spec).with_configuration(&range);
    reflector.start()?;
    let clients = [Kind::Node, Kind::Bird, Kind::Frr, Kind::Node];
    let ties: [Ties; 4] = [signed, signed, signed, |plain| plain];
    let players = (2..).zip(clients).zip(ties);
    let players = players.map(|((host, kind), ties)| {
        let spec = Spec::new(65001, host);
        (kind, spec.with(ties(to_reflector.clone())))
    });
    let mut daemons = stage::place(&lab, &lan, players.collect())?;
    daemons.iter_mut().try_for_each(|daemon| daemon.start())?;
    let from = IpAddr::from([10, 0, 0, 1]);
    for daemon in &daemons[..3] {
        wait_session(&**daemon, from)?;
    }
    let block = Announcement::new("10.50.0.0/24");
    daemons[0].announce(&block)?;
    for daemon in &daemons[1..3] {
        wait_route(&**daemon, from, block.prefix)?;
    }
    stays_down(&*daemons[3], from)
}

/// Opens a connection to `to` from where `from` is, as any program there may, and waits for one octet or its end.
fn intrude(from: &dyn Daemon, to: IpAddr) -> Result<()> {
    let open = format!("exec 3<>/dev/tcp/{to}/179; head -c 1 <&3");
    let command = ["timeout", "3", "bash", "-c", &open];
    // What it says does not matter: the session does.
    from.namespace().output(&command).map(drop)
}

/// With graceful restart a new connection of the peer's takes the place of the session. One that is not as the peer's has
/// to be does not: whoever opens it.
#[test]
fn who_is_not_the_peer_takes_no_place() -> Result<()> {
    if !can_run(&[Kind::Node]) {
        return Ok(());
    }
    let plain: Ties = |plain| plain;
    let cases: [(Ties, Option<&str>); 3] = [
        (plain, None),
        (Neighbor::near, Some("its packets come with TTL 64")),
        (signed, Some("\"flaps\":0")),
    ];
    let mut pairs = Vec::new();
    for (ties, said) in cases {
        let (lab, lan, mut node, mut other) = two(Kind::Node, Opener::We, ties, ties)?;
        other.start()?;
        node.start()?;
        pairs.push((lab, lan, node, other, said));
    }
    for (.., node, _, _) in &pairs {
        stage::all_up(node)?;
    }
    // Nobody takes the place of a session that has only begun.
    let begun = Instant::now();
    wait_for(ROUTE_LIMIT, "the sessions to be old enough", || {
        match begun.elapsed() > Duration::from_secs(11) {
            true => Ok(()),
            false => Err(LabError::new("they are not")),
        }
    })?;
    for (_lab, _lan, node, other, said) in &pairs {
        let peer = address(&**other);
        let before = node.four_tuple(peer)?;
        intrude(&**other, address(node))?;
        let Some(said) = said else {
            wait_for(ROUTE_LIMIT, "another session", || {
                let state = node.peer(peer)?;
                match state["state"]["flaps"] == 1 {
                    true => Ok(()),
                    false => Err(LabError::new(state.to_string())),
                }
            })?;
            continue;
        };
        wait_for(ROUTE_LIMIT, said, || {
            let state = node.peer(peer)?.to_string();
            match state.contains(said) {
                true => Ok(()),
                false => Err(LabError::new(state)),
            }
        })?;
        assert_eq!(node.peer(peer)?["state"]["flaps"], 0, "{said}");
        assert_eq!(node.four_tuple(peer)?, before, "{said}");
    }
    Ok(())
}

/// A peer waits for its device and comes up over it; one that comes another way is refused.
#[test]
fn a_session_waits_for_its_device() -> Result<()> {
    if !can_run(&[Kind::Node]) {
        return Ok(());
    }
    let lab = Lab::new("security")?;
    let (node, other) = (lab.namespace("node")?, lab.namespace("other")?);
    let addresses = ["10.0.0.1/24", "10.0.0.2/24"];
    let (spec, far) = (Spec::new(65001, 1), Spec::new(65002, 2));
    let device = "peers:\n- {address: 10.0.0.2, name: p, as: 65002, import: all, export: all, connect-retry: 1, bind-device: late0}";
    let mut ours = Ours::new(Role::Node, &node, spec.clone()).with_configuration(device);
    let mut theirs = Ours::new(Role::Node, &other, far.with(spec.as_neighbor()));
    ours.start()?;
    let peer = IpAddr::from([10, 0, 0, 2]);
    let shown = ours.ctl(&["peer", "get", "p"])?;
    assert!(shown.contains("no network device late0"), "{shown}");
    node.connect(
        ("late0", &[addresses[0]]),
        &other,
        ("eth0", &[addresses[1]]),
    )?;
    theirs.start()?;
    wait_session(&ours, peer)?;
    // The same peer, and a session that is bound to another device than its packets come by.
    node.script("ip link add other0 type veth peer name other1\nip link set other0 up")?;
    let elsewhere = device.replace("late0", "other0");
    ours.stop()?;
    let mut ours = Ours::new(Role::Node, &node, spec).with_configuration(&elsewhere);
    ours.start()?;
    wait_for(SESSION_LIMIT, "the refusal", || {
        let page = ours.ctl(&["peer", "get", "p"])?;
        let said = "it came by late0, not by the session's bind-device";
        match page.contains(said) || ours.peer(peer)?.to_string().contains(said) {
            true => Ok(()),
            false => Err(LabError::new(page)),
        }
    })?;
    stays_down(&ours, peer)
}
