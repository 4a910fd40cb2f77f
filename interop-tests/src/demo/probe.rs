//! Whether packets get there, and with the source address that they left with.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use super::network::{Endpoint, Network};
use crate::Result;

const PORT: u16 = 7007;
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// What was tried and what failed.
#[derive(Debug, Default)]
pub struct Report {
    /// Echo requests that were answered.
    pub pings: usize,
    /// Datagrams that arrived with the address of their sender.
    pub datagrams: usize,
    /// What failed, one line each.
    pub faults: Vec<String>,
}

impl Report {
    /// Whether nothing failed, and something was tried.
    pub fn is_well(&self) -> bool {
        self.faults.is_empty() && self.pings > 0 && self.datagrams > 0
    }

    /// One line that says it all.
    pub fn verdict(&self) -> String {
        let Report {
            pings,
            datagrams,
            faults,
        } = self;
        match faults.first() {
            None => format!(
                "all is well: {pings} pings answered, {datagrams} datagrams arrived with the \
                 source address they left with, IPv4 and IPv6"
            ),
            Some(first) => format!(
                "not well: {} of {} probes failed, the first: {first}",
                faults.len(),
                faults.len() + pings + datagrams
            ),
        }
    }

    fn add(&mut self, other: Report) {
        self.pings += other.pings;
        self.datagrams += other.datagrams;
        self.faults.extend(other.faults);
    }
}

/// An endpoint with a bound socket for each family.
struct Probe<'a> {
    endpoint: &'a Endpoint,
    sockets: [UdpSocket; 2],
}

impl Network {
    /// Pings every Pod of another node and the host from every Pod and back, over both families,
    /// and sends each a datagram whose source address the far end checks.
    ///
    /// # Errors
    /// When the probes themselves could not be made; a lost packet is a fault in the report.
    pub fn probe(&self) -> Result<Report> {
        let probes = self
            .endpoints
            .iter()
            .map(Probe::new)
            .collect::<Result<Vec<_>>>()?;
        let mut report = exchange_datagrams(&probes);
        thread::scope(|scope| {
            let pinging: Vec<_> = probes
                .iter()
                .map(|from| {
                    let mine = pairs(&probes).filter(move |pair| std::ptr::eq(pair.0, from));
                    let mine: Vec<_> = mine.collect();
                    scope.spawn(move || ping_all(&mine))
                })
                .collect();
            for one in pinging {
                report.add(one.join().unwrap_or_default());
            }
        });
        Ok(report)
    }
}

/// Sends all datagrams, then reads what came; all of them share one deadline.
fn exchange_datagrams(probes: &[Probe<'_>]) -> Report {
    let mut report = Report::default();
    let mut sent = Vec::new();
    for (from, to, family) in pairs(probes) {
        match from.send(to, family) {
            Ok(()) => sent.push((from, to, family)),
            Err(fault) => report.faults.push(fault),
        }
    }
    let deadline = Instant::now() + ANSWER_LIMIT;
    for to in probes {
        for family in 0..2 {
            let mine = sent
                .iter()
                .filter(|(_, other, f)| std::ptr::eq(*other, to) && *f == family);
            let senders: Vec<&Probe<'_>> = mine.map(|(from, ..)| *from).collect();
            let (kept, faults) = to.hear(family, senders, deadline);
            report.datagrams += kept;
            report.faults.extend(faults);
        }
    }
    report
}

/// Every ordered pair of endpoints that are not on the same node, once for each family.
fn pairs<'a, 'b>(
    probes: &'b [Probe<'a>],
) -> impl Iterator<Item = (&'b Probe<'a>, &'b Probe<'a>, usize)> {
    let both = probes
        .iter()
        .flat_map(move |from| probes.iter().map(move |to| (from, to)));
    both.filter(|(from, to)| from.endpoint.node != to.endpoint.node)
        .flat_map(|(from, to)| (0..2).map(move |family| (from, to, family)))
}

fn ping_all(pairs: &[(&Probe<'_>, &Probe<'_>, usize)]) -> Report {
    let mut report = Report::default();
    for (from, to, family) in pairs {
        let (source, target) = (from.address(*family), to.address(*family));
        if from.endpoint.namespace.pings(source, target) {
            report.pings += 1;
        } else {
            let (a, b) = (&from.endpoint.name, &to.endpoint.name);
            report
                .faults
                .push(format!("{a} ({source}) has no answer from {b} ({target})"));
        }
    }
    report
}

impl<'a> Probe<'a> {
    fn new(endpoint: &'a Endpoint) -> Result<Probe<'a>> {
        let open = |address: IpAddr| {
            endpoint.namespace.within(move || {
                let socket = UdpSocket::bind(SocketAddr::new(address, PORT))?;
                socket.set_read_timeout(Some(Duration::from_millis(50)))?;
                Ok(socket)
            })
        };
        let [v4, v6] = endpoint.addresses;
        Ok(Probe {
            endpoint,
            sockets: [open(v4)?, open(v6)?],
        })
    }

    fn address(&self, family: usize) -> IpAddr {
        self.endpoint.addresses[family]
    }

    /// Sends `to` a datagram that says who it is from.
    fn send(&self, to: &Probe<'_>, family: usize) -> Result<(), String> {
        let (source, target) = (self.address(family), to.address(family));
        let sent = self.sockets[family].send_to(source.to_string().as_bytes(), (target, PORT));
        let (a, b) = (&self.endpoint.name, &to.endpoint.name);
        sent.map(drop)
            .map_err(|error| format!("{a} ({source}) cannot send to {b} ({target}): {error}"))
    }

    /// Reads until the datagrams of all `senders` came: how many came as they were sent, and what
    /// is wrong with the others.
    fn hear(
        &self,
        family: usize,
        mut senders: Vec<&Probe<'_>>,
        deadline: Instant,
    ) -> (usize, Vec<String>) {
        let (mut kept, mut faults) = (0, Vec::new());
        let mut buffer = [0; 64];
        while !senders.is_empty() && Instant::now() < deadline {
            // An error is a time-out, or the news that a datagram of ours was refused.
            let Ok((length, seen)) = self.sockets[family].recv_from(&mut buffer) else {
                continue;
            };
            let said = String::from_utf8_lossy(&buffer[..length]);
            senders.retain(|sender| sender.address(family).to_string() != said);
            if seen.ip().to_string() == said {
                kept += 1;
            } else {
                let name = &self.endpoint.name;
                faults.push(format!(
                    "{name} sees {} as the source of what {said} sent",
                    seen.ip()
                ));
            }
        }
        let (b, target) = (&self.endpoint.name, self.address(family));
        faults.extend(senders.iter().map(|sender| {
            let (a, source) = (&sender.endpoint.name, sender.address(family));
            format!("a datagram of {a} ({source}) did not reach {b} ({target})")
        }));
        (kept, faults)
    }
}
