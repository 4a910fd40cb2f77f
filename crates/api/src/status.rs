//! `StatusService`: is it healthy, and if not, what is wrong and what to do?

mod advice;

use std::time::Instant;

use proto::v1;
use proto::v1::status_service_server::StatusService;
use rib::PeerId;
use session::State;
use speaker::{Peer, Speaker};
use tonic::{Request, Response, Status};

use crate::clock::Wall;
use crate::peer;
use crate::server::Api;

/// Problems told at a time; the rest are counted.
const TOLD: usize = 32;
/// Kernel routes looked at for examples of failures.
const LOOKED_AT: usize = 4096;
/// Failed kernel routes named one by one.
const NAMED: usize = 3;

#[tonic::async_trait]
impl StatusService for Api {
    async fn get_status(
        &self,
        _: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let clock = self.clock;
        let status = self
            .asker
            .ask(move |speaker, now| message(speaker, &clock.at(now)));
        let mut status = status.await?;
        if let Some(memory) = &mut status.memory {
            memory.resident_octets = resident().unwrap_or_default();
        }
        Ok(Response::new(v1::GetStatusResponse {
            status: Some(status),
        }))
    }
}

/// Resident memory of this process in octets.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn message(speaker: &Speaker, wall: &Wall) -> v1::Status {
    let peers = peer_totals(speaker);
    let routes = route_totals(speaker);
    let kernel = speaker.kernel().map(kernel_totals);
    let problems = problems(speaker, wall);
    let worst = problems
        .first()
        .map(|problem| format!("{} {}", problem.subject, problem.cause));
    let healthy = problems.iter().all(|p| p.severity() != v1::Severity::Error);
    let works = works(&peers, &routes, kernel.as_ref());
    let summary = match (healthy, worst) {
        (true, None) => works,
        (true, Some(worst)) => format!("{works}; but {worst}"),
        (false, worst) => worst.unwrap_or_default(),
    };
    let uptime = wall.now().saturating_duration_since(speaker.started());
    let (config, identity) = (speaker.config(), speaker.identity());
    let role = match config.role {
        config::Role::Node => v1::Role::Node,
        config::Role::Reflector => v1::Role::Reflector,
    };
    let log_octets = speaker.rib().stats().log_bytes as u64;
    v1::Status {
        healthy,
        summary,
        problems,
        role: role.into(),
        name: config.name.clone().unwrap_or_default(),
        as_number: identity.local_as.0,
        router_id: identity.router_id.to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        uptime: prost_types::Duration::try_from(uptime).ok(),
        started_at: Some(wall.timestamp(speaker.started())),
        peers: Some(peers),
        routes: Some(routes),
        kernel,
        memory: Some(v1::MemoryTotals {
            resident_octets: 0,
            log_octets,
            route_octets: speaker.rib().route_octets() as u64,
            route_limit_octets: config.limits.routes as u64,
        }),
        drain: speaker.drained().map(|drain| wall.drain(drain)),
    }
}

fn works(
    peers: &v1::PeerTotals,
    routes: &v1::RouteTotals,
    kernel: Option<&v1::KernelTotals>,
) -> String {
    let (up, of, prefixes) = (peers.established, peers.total, routes.prefixes);
    let mut text = match (of, up) {
        // Healthy or not: nothing comes or goes.
        (1.., 0) => "no session is up: ".to_owned(),
        (_, _) => String::new(),
    };
    text.push_str(&format!(
        "{up} of {} established",
        counted(of.into(), ["peer", "peers"])
    ));
    if peers.disabled > 0 {
        text.push_str(&format!(" ({} disabled)", peers.disabled));
    }
    text.push_str(&format!(", {}", counted(prefixes, ["prefix", "prefixes"])));
    if let Some(kernel) = kernel {
        let installed = counted(kernel.installed, ["route", "routes"]);
        text.push_str(&format!(", {installed} in the kernel"));
    }
    text
}

/// A count and its noun, in singular or plural.
fn counted(count: u64, [one, many]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn peer_totals(speaker: &Speaker) -> v1::PeerTotals {
    let mut totals = v1::PeerTotals {
        strangers_refused: speaker.refused_connections(),
        ..v1::PeerTotals::default()
    };
    for peer in speaker.peers() {
        totals.total += 1;
        totals.established += u32::from(peer.session().state() == State::Established);
        totals.disabled += u32::from(!peer.wanted());
    }
    totals
}

fn route_totals(speaker: &Speaker) -> v1::RouteTotals {
    let stats = speaker.rib().stats();
    let api = speaker.rib().path_counts(PeerId::API);
    v1::RouteTotals {
        prefixes: stats.destinations.saturating_sub(stats.tombstones) as u64,
        paths: stats.paths as u64,
        local: speaker.config().blocks.len() as u64,
        api: api.iter().map(|counts| u64::from(counts.received)).sum(),
    }
}

fn kernel_totals(fib: &fib::Fib) -> v1::KernelTotals {
    let counts = fib.counts();
    v1::KernelTotals {
        installed: counts.installed as u64,
        pending: counts.pending as u64,
        failed: counts.failed as u64,
        stale: counts.stale as u64,
    }
}

/// Everything that is wrong, the worst first.
fn problems(speaker: &Speaker, wall: &Wall) -> Vec<v1::Problem> {
    let mut problems = Vec::new();
    kernel_problems(speaker, &mut problems);
    problems.extend(
        speaker
            .host_warnings()
            .iter()
            .map(|line| host_problem(line)),
    );
    problems.extend(speaker.config_warnings().iter().map(|line| {
        let next = "correct the file and reload, or restart where it waits for that";
        problem(
            v1::Severity::Warning,
            "the configuration file",
            line.clone(),
            next,
        )
    }));
    problems.extend(drain_problem(speaker));
    problems.extend(memory_problem(
        speaker.rib().route_octets(),
        speaker.config().limits.routes,
    ));
    let mut peers: Vec<&Peer> = speaker.peers().collect();
    peers.sort_unstable_by_key(|peer| peer.config().address);
    problems.extend(peers.iter().filter_map(|peer| peer_problem(peer, wall)));
    for peer in &peers {
        problems.extend(disabled(peer));
        let hindrances = peer::hindrances(speaker, peer).into_iter();
        problems.extend(hindrances.map(|peer::Hindrance { cause, next }| {
            problem(v1::Severity::Warning, subject(peer), cause, next)
        }));
    }
    problems.extend(speaker.config().dynamic.iter().filter_map(|range| {
        let lack = speaker.range_lack(&range.prefix)?;
        Some(problem(
            v1::Severity::Error,
            format!("the dynamic peers {}", range.prefix),
            format!("are not let in: {lack}"),
            "put it right; it is tried again by itself, every few seconds",
        ))
    }));
    if peers.is_empty() && speaker.config().dynamic.is_empty() {
        problems.push(problem(
            v1::Severity::Warning,
            "the daemon",
            "has no peers, so no route comes or goes".into(),
            "add some under `peers` and reload, or with bgpctl peer add",
        ));
    }
    // Stable: within a severity the order above stays.
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    if problems.len() > TOLD {
        let more = problems.len() - TOLD;
        let severity = problems[TOLD].severity();
        problems.truncate(TOLD);
        let cause = format!("leaves out {more} more problems");
        problems.push(problem(
            severity,
            "this list",
            cause,
            "see bgpctl peer list",
        ));
    }
    problems
}

fn problem(
    severity: v1::Severity,
    subject: impl Into<String>,
    cause: String,
    next_step: impl Into<String>,
) -> v1::Problem {
    v1::Problem {
        severity: severity.into(),
        subject: subject.into(),
        cause,
        next_step: next_step.into(),
    }
}

/// A setting of the host. Its line says also what to do, behind a semicolon.
fn host_problem(line: &str) -> v1::Problem {
    let (fact, next) = line.split_once("; ").unwrap_or((line, "change it"));
    let cause = format!("has {}", fact.replacen(" is ", " = ", 1));
    problem(v1::Severity::Warning, "the host", cause, next)
}

fn kernel_problems(speaker: &Speaker, problems: &mut Vec<v1::Problem>) {
    let Some(fib) = speaker.kernel() else {
        return;
    };
    if let Some(fault) = fib.fault() {
        let next = "see the daemon's log; it needs CAP_NET_ADMIN";
        problems.push(problem(
            v1::Severity::Error,
            "the kernel",
            format!("is out of reach: {fault}"),
            next,
        ));
    }
    let failed = fib.counts().failed;
    if failed == 0 {
        return;
    }
    let rows = fib.routes(None, LOOKED_AT);
    let examples = rows.iter().filter_map(|row| match &row.state {
        fib::RouteState::Failed { reason, .. } => Some(format!("{}: {reason}", row.key.prefix)),
        fib::RouteState::Pending | fib::RouteState::Installed | fib::RouteState::Stale => None,
    });
    let examples: Vec<String> = examples.take(NAMED).collect();
    let cause = format!("lacks {failed} of our routes ({})", examples.join("; "));
    let next = "see bgpctl kernel list --state failed; each is tried again by itself";
    problems.push(problem(v1::Severity::Error, "the kernel", cause, next));
}

/// That routes take more memory than they may, and shutting peers down has not helped yet.
fn memory_problem(octets: usize, limit: usize) -> Option<v1::Problem> {
    if octets <= limit {
        return None;
    }
    let mib = |octets: usize| octets.div_ceil(1 << 20);
    let cause = format!(
        "takes {} MiB of the {} MiB that limits.routes allows",
        mib(octets),
        mib(limit)
    );
    let next = "raise limits.routes and restart, or withdraw routes of bgpctl; peers that bring most are shut down by themselves";
    Some(problem(v1::Severity::Warning, "the table", cause, next))
}

fn subject(peer: &Peer) -> String {
    format!("peer {}", peer.config())
}

fn peer_problem(peer: &Peer, wall: &Wall) -> Option<v1::Problem> {
    let state = peer.session().state();
    if state == State::Established || !peer.wanted() {
        return None;
    }
    if let Some(lack) = peer.lack() {
        let cause = format!("is held down: {lack}");
        let next = "put it right; it is tried again by itself, every few seconds";
        return Some(problem(v1::Severity::Error, subject(peer), cause, next));
    }
    let (mut cause, next) = match peer.session().last_error() {
        Some(error) => {
            let age = wall.now().saturating_duration_since(error.at).as_secs();
            let advice = error.advice(peer.session().settings());
            let advice = advice.map_or(String::new(), |advice| format!("; {advice}"));
            let cause = format!("is {state}: {error} ({age} s ago){advice}");
            (cause, advice::after(peer, error))
        }
        None => (
            format!("is {state}: it has not come up yet"),
            advice::before(peer),
        ),
    };
    if let Some(kept) = peer.kept() {
        let left = |at: Instant| at.saturating_duration_since(wall.now()).as_secs() + 1;
        if let Some(left) = kept.until().map(left) {
            cause.push_str(&format!(
                "; it may be restarting, so its routes are used for {left} s more"
            ));
        }
        if let Some(left) = kept.long_until().map(left) {
            cause.push_str(&format!(
                "; its routes are used as a last resort for {left} s more (RFC 9494)"
            ));
        }
    }
    Some(problem(v1::Severity::Error, subject(peer), cause, next))
}

/// That an operator holds a peer down: no fault, but easily forgotten.
fn disabled(peer: &Peer) -> Option<v1::Problem> {
    if peer.wanted() {
        return None;
    }
    let cause = match peer.disabled_reason() {
        Some("") => "is disabled by an operator".into(),
        Some(reason) => format!("is disabled by an operator: {reason}"),
        None => format!("is disabled at {}", peer.config().location.short()),
    };
    let next = format!("bgpctl peer enable {}", peer.config().address);
    Some(problem(v1::Severity::Warning, subject(peer), cause, next))
}

/// That we say that we leave: no fault, but easily forgotten.
fn drain_problem(speaker: &Speaker) -> Option<v1::Problem> {
    let cause = peer::drain_cause(speaker.drained()?);
    let next = "bgpctl drain --off";
    Some(problem(v1::Severity::Warning, "this speaker", cause, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_beyond_its_limit_is_told_with_both_figures() {
        assert!(memory_problem(5 << 20, 5 << 20).is_none());
        let told = memory_problem((5 << 20) + 1, 5 << 20).unwrap();
        assert_eq!(
            told.cause,
            "takes 6 MiB of the 5 MiB that limits.routes allows"
        );
    }

    #[test]
    fn a_setting_of_the_host_reads_as_a_sentence() {
        let line = "net.ipv4.ip_forward is 0: nothing is forwarded; set it with `sysctl`";
        let told = host_problem(line);
        assert_eq!(
            (told.subject.as_str(), told.cause.as_str()),
            (
                "the host",
                "has net.ipv4.ip_forward = 0: nothing is forwarded"
            )
        );
        assert_eq!(told.next_step, "set it with `sysctl`");
    }

    #[test]
    fn a_summary_without_a_session_says_so_first() {
        let peers = |total, established, disabled| v1::PeerTotals {
            total,
            established,
            disabled,
            ..v1::PeerTotals::default()
        };
        let routes = v1::RouteTotals {
            prefixes: 1,
            ..v1::RouteTotals::default()
        };
        let kernel = v1::KernelTotals {
            installed: 1,
            ..v1::KernelTotals::default()
        };
        for (peers, kernel, wanted) in [
            (
                peers(2, 0, 2),
                None,
                "no session is up: 0 of 2 peers established (2 disabled), 1 prefix",
            ),
            (
                peers(1, 1, 0),
                Some(&kernel),
                "1 of 1 peer established, 1 prefix, 1 route in the kernel",
            ),
            (peers(0, 0, 0), None, "0 of 0 peers established, 1 prefix"),
        ] {
            assert_eq!(works(&peers, &routes, kernel), wanted);
        }
    }
}
