//! A cluster in which something happens: blocks come and go, a client dies, some do not read.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Figures;
use super::blocks::Blocks;
use super::book::ABSENT;
use super::cluster::{self, Cluster};
use super::latency::{Latency, Shared, at_part};
use super::net::Net;
use super::stage::{self, Clock};
use super::subject::{Maker, Meter};
use crate::Result;

/// How long a block stays away when it flaps.
const AWAY: Duration = Duration::from_millis(100);
/// What a slow client's socket takes before it pushes back.
const SLOW_BUFFER: usize = 4096;

/// Blocks that come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Churn {
    /// How many clients of one block there are.
    pub clients: usize,
    /// How many blocks are withdrawn a second; each comes back a tenth of a second later.
    pub rate: u32,
    /// For how long.
    pub duration: Duration,
}

/// Clients that die one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// How many clients of one block there are.
    pub clients: usize,
    /// How many of them die.
    pub deaths: usize,
}

/// Clients that stop reading while everybody announces again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slow {
    /// How many clients of one block there are.
    pub clients: usize,
    /// How many of them do not read.
    pub slow: usize,
    /// How many times everybody announces.
    pub rounds: u32,
}

fn quiet_cluster(clients: usize) -> Cluster {
    Cluster {
        clients,
        blocks: 1,
        dual: false,
        arrival: None,
    }
}

/// Connects all, lets all announce, and waits until all know all and the daemon is quiet.
fn assemble(net: &mut Net<Blocks>, meter: Meter) -> Result<()> {
    net.connect_all(stage::connect_deadline())?;
    for client in 0..net.workload.clients {
        let octets = net.workload.announce(client, 0);
        net.say(client, octets.into())?;
    }
    let deadline = Instant::now() + stage::limit();
    net.drive(deadline, |net| net.is_complete())?;
    stage::settle(net, meter, deadline)
}

impl Churn {
    /// Runs the case. `show` is given the daemon's configuration before anything is measured.
    ///
    /// # Errors
    /// When the daemon fails, sends anything that is wrong, or does not end in time.
    pub fn run(&self, maker: Maker, show: impl FnOnce(&str)) -> Result<Figures> {
        let stage = cluster::set(maker, false)?;
        show(&stage.configuration);
        let meter = stage.meter();
        stage.within(|| {
            let mut net = quiet_cluster(self.clients).net(maker)?;
            assemble(&mut net, meter)?;
            let latency = Latency::new(self.clients, self.clients - 1);
            net.listener = Some(Latency::listener(&latency));
            let mut figures = Figures::new();
            let clock = Clock::start(meter)?;
            self.flap(&mut net, &latency)?;
            clock.used(&mut figures, "")?;
            net.drive(clock.deadline(), |net| net.is_complete())?;
            clock.wall(&mut figures, "wall_s");
            latency.borrow_mut().report(&mut figures);
            Ok(figures)
        })
    }

    fn flap(&self, net: &mut Net<Blocks>, latency: &Shared) -> Result<()> {
        let started = Instant::now();
        let mut epochs = vec![0; self.clients];
        let mut away: VecDeque<(Instant, usize)> = VecDeque::new();
        let total = self.rate * self.duration.as_secs() as u32;
        let mut flapped = 0;
        while flapped < total || !away.is_empty() {
            let now = Instant::now();
            if flapped < total && started + Duration::from_secs(1) * flapped / self.rate <= now {
                let client = flapped as usize % self.clients;
                flapped += 1;
                net.set_right(client, ABSENT);
                latency.borrow_mut().withdraw(client);
                let octets = net.workload.withdraw(client);
                net.say(client, octets.into())?;
                away.push_back((now + AWAY, client));
            }
            if let Some((back, client)) = away.front().copied()
                && back <= now
            {
                away.pop_front();
                epochs[client] += 1;
                let epoch = epochs[client];
                net.set_right(client, Blocks::right_of(epoch));
                let octets = net.workload.announce(client, epoch);
                latency.borrow_mut().announce(client);
                net.say(client, octets.into())?;
            }
            net.turn(Duration::from_millis(1))?;
        }
        Ok(())
    }
}

impl Loss {
    /// Runs the case. `show` is given the daemon's configuration before anything is measured.
    ///
    /// # Errors
    /// When the daemon fails, sends anything that is wrong, or does not end in time.
    pub fn run(&self, maker: Maker, show: impl FnOnce(&str)) -> Result<Figures> {
        let stage = cluster::set(maker, false)?;
        show(&stage.configuration);
        let meter = stage.meter();
        stage.within(|| {
            let mut net = quiet_cluster(self.clients).net(maker)?;
            assemble(&mut net, meter)?;
            let mut figures = Figures::new();
            let clock = Clock::start(meter)?;
            let mut took = Vec::new();
            for death in 0..self.deaths {
                let client = death * self.clients / self.deaths;
                net.set_right(client, ABSENT);
                let died = Instant::now();
                net.close(client)?;
                net.drive(clock.deadline(), |net| net.is_complete())?;
                took.push(died.elapsed());
                stage::settle(&mut net, meter, clock.deadline())?;
            }
            clock.used(&mut figures, "")?;
            took.sort_unstable();
            for (name, part) in [("last_p50_ms", 0.5), ("last_max_ms", 1.0)] {
                if let Some(time) = at_part(&took, part) {
                    figures.insert(name.into(), time.as_secs_f64() * 1e3);
                }
            }
            Ok(figures)
        })
    }
}

impl Slow {
    /// Runs the case. `show` is given the daemon's configuration before anything is measured.
    ///
    /// # Errors
    /// When the daemon fails, sends anything that is wrong, or does not end in time; or when one
    /// that did not read does not learn all after it reads again.
    pub fn run(&self, maker: Maker, show: impl FnOnce(&str)) -> Result<Figures> {
        let stage = cluster::set(maker, false)?;
        show(&stage.configuration);
        let meter = stage.meter();
        stage.within(|| {
            let mut net = quiet_cluster(self.clients).net(maker)?;
            let slow = (0..self.slow).map(|one| one * self.clients / self.slow);
            let slow: Vec<usize> = slow.collect();
            for client in &slow {
                net.peers[*client].receive_buffer = SLOW_BUFFER;
            }
            assemble(&mut net, meter)?;
            let mut figures = Figures::new();
            let clock = Clock::start(meter)?;
            for client in &slow {
                net.set_reads(*client, false)?;
            }
            for round in 1..=self.rounds {
                let slots = net.want.len();
                net.set_all_right(vec![Blocks::right_of(round); slots]);
                for client in 0..self.clients {
                    let octets = net.workload.announce(client, round);
                    net.say(client, octets.into())?;
                }
                net.drive(clock.deadline(), |net| net.is_complete())?;
            }
            clock.wall(&mut figures, "wall_s");
            stage::settle(&mut net, meter, clock.deadline())?;
            clock.used(&mut figures, "")?;
            self.recover(&mut net, &slow, meter, &mut figures)?;
            Ok(figures)
        })
    }

    /// All read again, and have to learn the latest state.
    fn recover(
        &self,
        net: &mut Net<Blocks>,
        slow: &[usize],
        meter: Meter,
        figures: &mut Figures,
    ) -> Result<()> {
        let clock = Clock::start(meter)?;
        for client in slow {
            net.set_reads(*client, true)?;
        }
        net.drive(clock.deadline(), |net| net.is_complete())?;
        clock.wall(figures, "recover_wall_s");
        Ok(())
    }
}
