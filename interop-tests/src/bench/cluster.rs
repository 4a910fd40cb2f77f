//! A cluster: every client of a reflector announces its blocks, and all have to learn all.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Figures;
use super::blocks::{AS, Blocks, client_address};
use super::book::Book;
use super::net::Net;
use super::peer::{Peer, Phase};
use super::stage::{self, Clock, Stage};
use super::subject::{Layout, Maker, Meter, Peers, SERVER};
use crate::Result;

/// The size of a cluster case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cluster {
    /// IPv6 blocks too.
    pub dual: bool,
    /// How many blocks of each family a client announces.
    pub blocks: usize,
    /// How many clients there are.
    pub clients: usize,
    /// Clients connect spread over this time and announce when their session is up; without it
    /// all are up before anybody announces.
    pub arrival: Option<Duration>,
}

impl Cluster {
    /// Runs the case. `show` is given the daemon's configuration before anything is measured.
    ///
    /// # Errors
    /// When the daemon fails, sends anything that is wrong, or does not end in time.
    pub fn run(&self, maker: Maker, show: impl FnOnce(&str)) -> Result<Figures> {
        let stage = set(maker, self.dual)?;
        show(&stage.configuration);
        let meter = stage.meter();
        stage.within(|| {
            let mut net = self.net(maker)?;
            match self.arrival {
                None => self.at_once(&mut net, meter),
                Some(arrival) => self.arriving(&mut net, meter, arrival),
            }
        })
    }

    /// The clients, not connected yet. All blocks have to be learned in their first epoch.
    pub(super) fn net(&self, maker: Maker) -> Result<Net<Blocks>> {
        let blocks = Blocks {
            clients: self.clients,
            each: self.blocks,
            dual: self.dual,
            cluster_id: (maker != Maker::Null).then_some(SERVER),
        };
        let want = vec![Blocks::right_of(0); blocks.slots()];
        let mut net = Net::new(blocks, want, SERVER, self.dual)?;
        for client in 0..self.clients {
            let book = Book::new(&net.want, blocks.own(client));
            net.add(Peer::new(client_address(client), AS, Some(book)));
        }
        Ok(net)
    }

    fn at_once(&self, net: &mut Net<Blocks>, meter: Meter) -> Result<Figures> {
        let mut figures = Figures::new();
        let connecting = Clock::start(meter)?;
        net.connect_all(stage::connect_deadline())?;
        connecting.wall(&mut figures, "connect_wall_s");
        stage::settle(net, meter, stage::connect_deadline())?;
        connecting.used(&mut figures, "connect_")?;
        let said: Vec<Rc<[u8]>> = (0..self.clients)
            .map(|client| net.workload.announce(client, 0).into())
            .collect();
        let clock = Clock::start(meter)?;
        for (client, octets) in said.into_iter().enumerate() {
            net.say(client, octets)?;
        }
        finish(net, meter, &clock, &mut figures)?;
        Ok(figures)
    }

    fn arriving(&self, net: &mut Net<Blocks>, meter: Meter, arrival: Duration) -> Result<Figures> {
        let mut figures = Figures::new();
        let mut said = vec![false; self.clients];
        let mut next = 0;
        let clock = Clock::start(meter)?;
        let started = Instant::now();
        while next < self.clients || said.iter().any(|said| !said) {
            let due = |index: usize| started + arrival.mul_f64(index as f64 / self.clients as f64);
            while next < self.clients && due(next) <= Instant::now() {
                net.connect(next)?;
                next += 1;
                if next == self.clients {
                    clock.wall(&mut figures, "last_connect_s");
                }
            }
            net.turn(Duration::from_millis(1))?;
            net.in_time(clock.deadline())?;
            for (client, said) in said.iter_mut().enumerate() {
                if !*said && net.peers[client].phase == Phase::Up {
                    *said = true;
                    let octets = net.workload.announce(client, 0);
                    net.say(client, octets.into())?;
                }
            }
        }
        finish(net, meter, &clock, &mut figures)?;
        let after = figures["wall_s"] - figures["last_connect_s"];
        figures.insert("after_last_s".into(), after);
        Ok(figures)
    }
}

/// A stage for a cluster.
pub(super) fn set(maker: Maker, dual: bool) -> Result<Stage> {
    let layout = Layout {
        asn: AS,
        peers: Peers::Clients,
        dual,
    };
    Stage::set(maker, &layout)
}

/// Waits until every client knows what it should, and measures what that took.
pub(super) fn finish(
    net: &mut Net<Blocks>,
    meter: Meter,
    clock: &Clock,
    figures: &mut Figures,
) -> Result<()> {
    net.drive(clock.deadline(), |net| net.is_complete())?;
    clock.wall(figures, "wall_s");
    stage::settle(net, meter, clock.deadline())?;
    clock.used(figures, "")?;
    for (name, value) in [
        ("announced", net.tally.announced),
        ("updates", net.tally.updates),
        ("sampled", net.tally.sampled),
    ] {
        figures.insert(name.into(), value as f64);
    }
    Ok(())
}
