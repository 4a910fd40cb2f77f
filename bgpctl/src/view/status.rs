//! The status, which answers "am I healthy?" in its first line.

use proto::v1;
use serde::Serialize;

use super::{DrainView, at, counted, word};
use crate::table::{Tone, printable};
use crate::time;

/// The state of the daemon.
#[derive(Debug, Serialize)]
pub(crate) struct StatusView {
    healthy: bool,
    summary: String,
    problems: Vec<ProblemView>,
    role: String,
    name: String,
    as_number: u32,
    router_id: String,
    version: String,
    uptime_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    peers: PeersView,
    routes: RoutesView,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<KernelView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drain: Option<DrainView>,
}

#[derive(Debug, Serialize)]
struct ProblemView {
    severity: String,
    subject: String,
    cause: String,
    next_step: String,
}

#[derive(Debug, Serialize)]
struct PeersView {
    total: u32,
    established: u32,
    disabled: u32,
    strangers_refused: u64,
}

#[derive(Debug, Serialize)]
struct RoutesView {
    prefixes: u64,
    paths: u64,
    local: u64,
    api: u64,
}

#[derive(Debug, Serialize)]
struct KernelView {
    installed: u64,
    pending: u64,
    failed: u64,
    stale: u64,
}

#[derive(Debug, Serialize)]
struct MemoryView {
    resident_octets: u64,
    log_octets: u64,
    route_octets: u64,
    route_limit_octets: u64,
}

impl StatusView {
    /// The view of a status.
    pub(crate) fn new(status: v1::Status) -> StatusView {
        let role = word(status.role().as_str_name(), "ROLE_");
        let problems = status.problems.into_iter().map(|problem| ProblemView {
            severity: word(problem.severity().as_str_name(), "SEVERITY_"),
            subject: problem.subject,
            cause: problem.cause,
            next_step: problem.next_step,
        });
        let peers = status.peers.unwrap_or_default();
        let routes = status.routes.unwrap_or_default();
        StatusView {
            healthy: status.healthy,
            summary: status.summary,
            problems: problems.collect(),
            role,
            name: status.name,
            as_number: status.as_number,
            router_id: status.router_id,
            version: status.version,
            uptime_seconds: status.uptime.map_or(0, |d| time::duration(&d).as_secs()),
            started_at: at(status.started_at),
            peers: PeersView {
                total: peers.total,
                established: peers.established,
                disabled: peers.disabled,
                strangers_refused: peers.strangers_refused,
            },
            routes: RoutesView {
                prefixes: routes.prefixes,
                paths: routes.paths,
                local: routes.local,
                api: routes.api,
            },
            kernel: status.kernel.map(|kernel| KernelView {
                installed: kernel.installed,
                pending: kernel.pending,
                failed: kernel.failed,
                stale: kernel.stale,
            }),
            memory: status.memory.map(|memory| MemoryView {
                resident_octets: memory.resident_octets,
                log_octets: memory.log_octets,
                route_octets: memory.route_octets,
                route_limit_octets: memory.route_limit_octets,
            }),
            drain: status.drain.map(DrainView::new),
        }
    }

    /// The status for people.
    pub(crate) fn text(&self, color: bool) -> String {
        let (verdict, tone) = match (self.healthy, self.problems.is_empty()) {
            (true, true) => ("healthy".to_owned(), Tone::Good),
            (true, false) => {
                let warnings = counted(self.problems.len() as u64, ["warning", "warnings"]);
                (format!("healthy, with {warnings}"), Tone::Warn)
            }
            (false, _) => ("NOT healthy".to_owned(), Tone::Bad),
        };
        let verdict = tone.paint(&verdict, color);
        let mut lines = vec![format!("{verdict}: {}", printable(&self.summary))];
        for problem in &self.problems {
            let tone = if problem.severity == "error" {
                Tone::Bad
            } else {
                Tone::Warn
            };
            let severity = tone.paint(&problem.severity, color);
            let (subject, cause) = (printable(&problem.subject), printable(&problem.cause));
            lines.push(format!("  {severity}: {subject} {cause}"));
            if !problem.next_step.is_empty() {
                lines.push(format!("    next: {}", printable(&problem.next_step)));
            }
        }
        lines.push(String::new());
        lines.extend(self.facts());
        lines.push(String::new());
        lines.join("\n")
    }

    fn facts(&self) -> Vec<String> {
        let uptime = time::short(std::time::Duration::from_secs(self.uptime_seconds));
        let name = printable(&self.name);
        let mut lines = vec![
            format!(
                "{:<9} {name}  AS {}  router id {}  version {}  up {uptime}",
                self.role, self.as_number, self.router_id, self.version
            ),
            format!(
                "peers     {} of {} established{}{}",
                self.peers.established,
                self.peers.total,
                match self.peers.disabled {
                    0 => String::new(),
                    disabled => format!(", {disabled} disabled"),
                },
                match self.peers.strangers_refused {
                    0 => String::new(),
                    refused => format!(
                        "; {} from unknown addresses refused",
                        counted(refused, ["connection", "connections"])
                    ),
                }
            ),
            format!(
                "routes    {}, {}, {} local, {} by API",
                counted(self.routes.prefixes, ["prefix", "prefixes"]),
                counted(self.routes.paths, ["path", "paths"]),
                self.routes.local,
                self.routes.api
            ),
        ];
        if let Some(drain) = &self.drain {
            lines.push(format!("drained   {}", printable(&drain.line())));
        }
        if let Some(kernel) = &self.kernel {
            lines.push(format!(
                "kernel    {} installed, {} pending, {} failed, {} stale",
                kernel.installed, kernel.pending, kernel.failed, kernel.stale
            ));
        }
        if let Some(memory) = &self.memory {
            let mib = |octets: u64| octets.div_ceil(1 << 20);
            lines.push(format!(
                "memory    {} MiB resident, {} MiB of routes (at most {}), {} MiB waiting for peers",
                mib(memory.resident_octets),
                mib(memory.route_octets),
                mib(memory.route_limit_octets),
                mib(memory.log_octets)
            ));
        }
        lines
    }
}
