//! A full Internet table from several feeders to several receivers; then a feeder leaves.

use std::net::Ipv4Addr;
use std::rc::Rc;

use super::Figures;
use super::blocks::client_address;
use super::book::Book;
use super::net::Net;
use super::peer::Peer;
use super::stage::{self, Clock, Stage};
use super::subject::{Layout, Maker, Meter, Peers, SERVER};
use super::table::{AS, FEEDER_AS, RECEIVER_AS, Table};
use crate::Result;

/// The size of a full-table case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FullTable {
    /// How many prefixes there are.
    pub prefixes: usize,
    /// How many eBGP peers announce all of them, at most 14.
    pub feeders: usize,
    /// How many eBGP peers learn them.
    pub receivers: usize,
}

impl FullTable {
    /// Runs the case. `show` is given the daemon's configuration before anything is measured.
    ///
    /// # Errors
    /// When the daemon fails, sends anything that is wrong, or does not end in time.
    pub fn run(&self, maker: Maker, show: impl FnOnce(&str)) -> Result<Figures> {
        let feeders: Vec<Ipv4Addr> = (0..self.feeders).map(client_address).collect();
        let receivers = self.feeders..self.feeders + self.receivers;
        let receivers: Vec<Ipv4Addr> = receivers.map(client_address).collect();
        let number = |first: u32| move |(index, address)| (address, first + index as u32);
        let of_feeders = feeders.iter().copied().enumerate().map(number(FEEDER_AS));
        let of_receivers = receivers.iter().copied().enumerate();
        let peers = of_feeders.chain(of_receivers.map(number(RECEIVER_AS)));
        let peers: Vec<(Ipv4Addr, u32)> = peers.collect();
        let layout = Layout {
            asn: AS,
            peers: Peers::External(peers.clone()),
            dual: false,
        };
        let forwards = maker == Maker::Null;
        let table = Table::new(self.prefixes, &feeders, SERVER, !forwards);
        let sources = if forwards { 1 } else { self.feeders };
        let want = table.want(|feeder| feeder < sources);
        let stage = Stage::set(maker, &layout)?;
        show(&stage.configuration);
        let meter = stage.meter();
        stage.within(move || {
            let mut net = Net::new(table, want, SERVER, false)?;
            for (index, (address, asn)) in peers.into_iter().enumerate() {
                let book = (index >= feeders.len()).then(|| Book::new(&net.want, Vec::new()));
                net.add(Peer::new(address, asn, book));
            }
            net.connect_all(stage::connect_deadline())?;
            self.measure(&mut net, meter, forwards)
        })
    }

    fn measure(&self, net: &mut Net<Table>, meter: Meter, forwards: bool) -> Result<Figures> {
        let streams = (0..self.feeders).map(|feeder| Rc::from(net.workload.stream(feeder)));
        let streams: Vec<Rc<[u8]>> = streams.collect();
        stage::settle(net, meter, stage::connect_deadline())?;
        let mut figures = Figures::new();
        let clock = Clock::start(meter)?;
        for (feeder, stream) in streams.into_iter().enumerate() {
            net.say(feeder, stream)?;
        }
        net.drive(clock.deadline(), |net| net.is_complete())?;
        clock.wall(&mut figures, "wall_s");
        net.drive(clock.deadline(), |net| net.has_said_all())?;
        stage::settle(net, meter, clock.deadline())?;
        clock.used(&mut figures, "")?;
        figures.insert("announced".into(), net.tally.announced as f64);
        figures.insert("updates".into(), net.tally.updates as f64);
        figures.insert("sampled".into(), net.tally.sampled as f64);
        if !forwards {
            self.leave(net, meter, &mut figures)?;
        }
        Ok(figures)
    }

    /// The first feeder leaves.
    fn leave(&self, net: &mut Net<Table>, meter: Meter, figures: &mut Figures) -> Result<()> {
        let want = net.workload.want(|feeder| feeder > 0);
        net.set_all_right(want);
        let clock = Clock::start(meter)?;
        net.close(0)?;
        net.drive(clock.deadline(), |net| net.is_complete())?;
        clock.wall(figures, "leave_wall_s");
        stage::settle(net, meter, clock.deadline())?;
        clock.used(figures, "leave_").map(drop)
    }
}
