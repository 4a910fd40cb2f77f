//! The real binary against a server of our own on a Unix socket: what it asks, what
//! it prints, and how it fails.

#![expect(
    clippy::unwrap_used,
    reason = "a test helper that cannot go on fails the test"
)]

mod fake;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Output, Stdio};

use fake::Fake;

fn bgpctl(fake: &Fake, line: &str) -> Output {
    command(line)
        .arg("--socket")
        .arg(fake.socket())
        .output()
        .unwrap()
}

fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgpctl"));
    command
        .args(line.split_whitespace())
        .env_remove("BGPD_SOCKET");
    command
}

#[track_caller]
fn good(output: Output) -> String {
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn bad(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn status_answers_in_its_first_line() {
    let fake = Fake::start();
    let text = good(bgpctl(&fake, "status"));
    assert_eq!(
        text.lines().next(),
        Some("NOT healthy: 0 of 1 peers are up")
    );
    // Not a terminal: no colour.
    assert!(!text.contains('\x1b'));
    let json: serde_json::Value =
        serde_json::from_str(&good(bgpctl(&fake, "status -o json"))).unwrap();
    assert_eq!(json["healthy"], false);
}

#[test]
fn lists_join_their_pages() {
    let fake = Fake::start();
    let text = good(bgpctl(&fake, "peer list"));
    let names: Vec<&str> = text.lines().map(|l| l.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["NAME", "a", "b", "c"]);
    let json = good(bgpctl(
        &fake,
        "route list 10.0.0.0/8 --longer --in a -o json",
    ));
    let routes: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(routes.len(), 3);
    let asked = fake.asked();
    assert!(asked[1].contains("peer: Some(\"a\")"), "{asked:?}");
    assert!(asked[1].contains("prefix_match: Longer"), "{asked:?}");
    let yaml = good(bgpctl(&fake, "kernel -o yaml"));
    assert_eq!(yaml.matches("- prefix: ").count(), 1, "{yaml}");
}

#[test]
fn a_peer_is_made_shown_and_deleted() {
    let fake = Fake::start();
    let text = good(bgpctl(
        &fake,
        "peer add 10.0.0.1 --as 65001 --hold-time 30s",
    ));
    assert_eq!(
        text,
        "peer 10.0.0.1 added; not saved: it ends with the process\n"
    );
    assert!(fake.asked()[0].contains("seconds: 30"));
    assert!(good(bgpctl(&fake, "peer get a")).starts_with("a (10.0.0.1) is "));
    let json = good(bgpctl(&fake, "peer disable a --reason why -o json"));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["result"], "disabled");
    assert!(fake.asked()[2].contains("reason: \"why\""));
    assert_eq!(good(bgpctl(&fake, "peer enable a")), "peer a enabled\n");
    good(bgpctl(&fake, "peer reset a --soft=in"));
    assert!(fake.asked()[4].contains("kind: SoftIn"));
    assert_eq!(good(bgpctl(&fake, "peer delete a")), "peer a deleted\n");
}

#[test]
fn a_speaker_or_a_peer_is_drained_and_stays_after_all() {
    let fake = Fake::start();
    assert_eq!(
        good(bgpctl(&fake, "drain --reason upgrade")),
        "this speaker is drained; not saved: a restart of the process ends it\n"
    );
    assert!(good(bgpctl(&fake, "drain a")).starts_with("peer a is drained; "));
    assert_eq!(
        good(bgpctl(&fake, "drain a --off")),
        "peer a is no longer drained\n"
    );
    let json = good(bgpctl(&fake, "drain --off -o json"));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["result"], "is no longer drained");
    assert_eq!(
        fake.asked(),
        [
            "DrainRequest { peer: None, reason: \"upgrade\" }",
            "DrainRequest { peer: Some(\"a\"), reason: \"\" }",
            "UndrainRequest { peer: Some(\"a\") }",
            "UndrainRequest { peer: None }",
        ]
    );
    assert_eq!(
        bgpctl(&fake, "drain --off --reason x").status.code(),
        Some(2)
    );
}

#[test]
fn routes_are_announced_and_withdrawn() {
    let fake = Fake::start();
    let text = good(bgpctl(
        &fake,
        "route announce 10.9.0.0/24 fd00::/64 --owner me",
    ));
    assert!(text.starts_with("2 announced, 0 replaced"), "{text}");
    assert_eq!(
        good(bgpctl(&fake, "route withdraw --all --owner me")),
        "2 withdrawn\n"
    );
    assert_eq!(
        good(bgpctl(
            &fake,
            "route withdraw 10.9.0.0/24 10.7.0.0/24 --owner me"
        )),
        "1 withdrawn; 1 of the 2 had not been announced by owner \"me\"\n"
    );
    let text = bad(bgpctl(&fake, "route withdraw 10.7.0.0/24 --owner me"));
    assert!(text.contains("10.7.0.0/24 was not announced"), "{text}");
    assert!(
        fake.asked()
            .iter()
            .all(|asked| asked.contains("owner: \"me\""))
    );
}

#[test]
fn every_fault_of_an_answer_is_printed() {
    let fake = Fake::start();
    let text = bad(bgpctl(&fake, "peer add nonsense"));
    assert_eq!(
        text,
        "bgpctl: the peer has 2 faults\n  address: `nonsense` is not an address\n  \
         as: is missing\n"
    );
}

#[test]
fn the_daemon_s_own_words_are_the_error() {
    let fake = Fake::start();
    let text = bad(bgpctl(&fake, "peer get nobody"));
    assert_eq!(
        text,
        "bgpctl: there is no peer nobody; see bgpctl peer list\n"
    );
}

#[test]
fn a_missing_daemon_is_cause_and_next_step() {
    let output = command("status --socket /no/such/bgpd.sock")
        .output()
        .unwrap();
    let text = bad(output);
    assert!(
        text.starts_with("bgpctl: cannot reach bgpd at /no/such/bgpd.sock: "),
        "{text}"
    );
    assert!(text.contains("use --socket PATH"), "{text}");
    let output = command("status")
        .env("BGPD_SOCKET", "/no/such/env.sock")
        .output();
    assert!(bad(output.unwrap()).contains("/no/such/env.sock"));
}

#[test]
fn a_socket_that_nobody_serves_is_told_from_a_missing_one() {
    let fake = Fake::start();
    let socket = fake.socket().with_extension("dead");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let output = command("status")
        .arg("--socket")
        .arg(&socket)
        .output()
        .unwrap();
    assert!(bad(output).contains("nobody listens"));
}

#[test]
fn a_server_that_breaks_off_is_an_error_and_not_a_short_list() {
    let fake = Fake::start();
    let output = bgpctl(&fake, "peer list --group broken");
    assert!(String::from_utf8_lossy(&output.stdout).contains("10.0.0.1"));
    let text = bad(output);
    assert!(text.contains("this is a fault of bgpd"), "{text}");
}

#[test]
fn a_watch_prints_as_it_goes_and_ends_with_the_server() {
    let fake = Fake::start();
    let output = bgpctl(&fake, "watch peers -o json");
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    let events: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = events
        .iter()
        .map(|e| e["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["peer", "snapshot_done", "peer", "gap", "peer_removed"]
    );
    assert_eq!(events[2]["sequence"], 3);
    assert!(bad(output).contains("bgpd closed the watch"));
    assert!(fake.asked()[0].contains("topics: [Peers]"));

    let output = bgpctl(&fake, "peer list --watch");
    let lines = String::from_utf8(output.stdout).unwrap();
    let first: Vec<&str> = lines
        .lines()
        .map(|l| l.split(' ').next().unwrap())
        .collect();
    assert_eq!(first, ["EVENT", "present", "changed", "--", "gone"]);
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let fake = Fake::start();
    let mut child = command("route list --in endless")
        .arg("--socket")
        .arg(fake.socket())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    assert!(child.wait().unwrap().success());
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(errors, "");
}

#[test]
fn completion_needs_no_daemon() {
    let text = good(
        command("completion bash --socket /no/such")
            .output()
            .unwrap(),
    );
    assert!(text.contains("bgpctl"));
}

#[test]
fn wrong_arguments_exit_with_two() {
    let output = command("peer add 10.0.0.1 --as x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("write 64512, 1.10, internal"));
}
