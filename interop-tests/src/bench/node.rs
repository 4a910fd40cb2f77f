//! A node agent: what it takes when idle, and from two reflectors to the kernel.
//!
//! Two reflectors announce the same prefixes. The first one's go to the kernel, which is timed
//! from the first octet to the kernel's word about the last route; the second one's only come into
//! the table. Daemons without a kernel of their own are measured idle. The floor is a loop that has
//! the routes at once: with an answer to each, and with one to a hundred.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use ipnet::Ipv4Net;

use super::Figures;
use super::blocks::{AS, Blocks};
use super::kernel::{Acknowledge, Monitor, add_routes};
use super::net::Net;
use super::peer::Peer;
use super::stage::{self, Clock};
use super::subject::{Layout, Maker, Meter, Peers, SERVER, Subject, settings};
use crate::Result;
use crate::lab::Lab;
use crate::speaker::{AttributeSet, update_v4};

const REFLECTORS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2)];
const FIRST_ROUTE: Ipv4Addr = Ipv4Addr::new(20, 0, 0, 0);
/// The nodes that the routes lead to; each has as many blocks as there are routes for it.
const NODES: usize = 250;
const PER_UPDATE: usize = 40;

/// The size of a node case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// How many routes there are; each comes from both reflectors.
    pub routes: usize,
}

impl Node {
    /// Runs the case. `show` is given the daemon's configuration before anything is measured.
    ///
    /// # Errors
    /// When the daemon fails, or does not end in time.
    pub fn run(&self, maker: Maker, show: impl FnOnce(&str)) -> Result<Figures> {
        let lab = Lab::new("bench")?;
        let (namespace, load) = (lab.namespace("node")?, lab.namespace("load")?);
        let server = format!("{SERVER}/15");
        let reflectors = REFLECTORS.map(|address| format!("{address}/15"));
        let reflectors = [reflectors[0].as_str(), reflectors[1].as_str()];
        namespace.connect(("eth0", &[&server]), &load, ("eth0", &reflectors))?;
        let mut monitor = namespace.within(|| Monitor::new(FIRST_ROUTE, self.routes))?;
        let routes = self.list();
        if maker == Maker::Null {
            let (wall, cpu) = namespace.within(|| add_routes(&routes, Acknowledge::Each))?;
            let mut figures = Figures::new();
            figures.insert("wall_s".into(), wall.as_secs_f64());
            self.add_cost(&mut figures, cpu);
            let (namespace, load) = (lab.namespace("again")?, lab.namespace("nobody")?);
            namespace.connect(("eth0", &[&server]), &load, ("eth0", &reflectors))?;
            // Notifications cost who causes them: there is a listener as before.
            let _monitor = namespace.within(|| Monitor::new(FIRST_ROUTE, self.routes))?;
            let (_, cpu) = namespace.within(|| add_routes(&routes, Acknowledge::Last))?;
            figures.insert("silent_us".into(), self.per_route(cpu));
            return Ok(figures);
        }
        let layout = Layout {
            asn: AS,
            peers: Peers::Reflectors(REFLECTORS.to_vec()),
            dual: false,
        };
        let subject = Subject::start(maker, &namespace, &layout)?;
        show(&settings(maker, &namespace, &layout));
        let meter = subject.meter();
        load.within(|| self.measure(maker, &routes, &mut monitor, meter))
    }

    fn measure(
        &self,
        maker: Maker,
        routes: &[(Ipv4Addr, Ipv4Addr)],
        monitor: &mut Monitor,
        meter: Meter,
    ) -> Result<Figures> {
        let nobody = Blocks {
            clients: 1,
            each: 1,
            dual: false,
            cluster_id: None,
        };
        let mut net = Net::new(nobody, Vec::new(), SERVER, false)?;
        for reflector in REFLECTORS {
            net.add(Peer::new(reflector, AS, None));
        }
        net.connect_all(stage::connect_deadline())?;
        stage::settle(&mut net, meter, stage::connect_deadline())?;
        let mut figures = Figures::new();
        let idle = meter.read()?.resident_kib as f64 / 1024.0;
        figures.insert("idle_mb".into(), idle);
        if !maker.writes_kernel_routes() {
            return Ok(figures);
        }
        let said = [
            said_by(REFLECTORS[0], routes),
            said_by(REFLECTORS[1], routes),
        ];
        let clock = Clock::start(meter)?;
        net.say(0, Rc::clone(&said[0]))?;
        while monitor.count()? < self.routes {
            net.turn(Duration::from_millis(1))?;
            net.in_time(clock.deadline())?;
        }
        clock.wall(&mut figures, "wall_s");
        stage::settle(&mut net, meter, clock.deadline())?;
        let cpu = clock.used(&mut figures, "")?;
        self.add_cost(&mut figures, cpu);
        let clock = Clock::start(meter)?;
        net.say(1, Rc::clone(&said[1]))?;
        net.drive(clock.deadline(), |net| net.has_said_all())?;
        stage::settle(&mut net, meter, clock.deadline())?;
        clock.used(&mut figures, "second_")?;
        Ok(figures)
    }

    fn add_cost(&self, figures: &mut Figures, cpu: Duration) {
        figures.insert("cpu_s".into(), cpu.as_secs_f64());
        figures.insert("route_us".into(), self.per_route(cpu));
    }

    fn per_route(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / self.routes as f64
    }

    /// Every route with the node that it leads to.
    fn list(&self) -> Vec<(Ipv4Addr, Ipv4Addr)> {
        let node = |route: usize| {
            let number = route * NODES / self.routes + 1;
            Ipv4Addr::new(10, 9, 1, number as u8)
        };
        let destination =
            |route: usize| Ipv4Addr::from(u32::from(FIRST_ROUTE) + ((route as u32) << 8));
        (0..self.routes)
            .map(|route| (destination(route), node(route)))
            .collect()
    }
}

/// What a reflector says about these routes: they are of its clients.
fn said_by(reflector: Ipv4Addr, routes: &[(Ipv4Addr, Ipv4Addr)]) -> Rc<[u8]> {
    let mut octets = Vec::new();
    for of_one in routes.chunk_by(|one, other| one.1 == other.1) {
        let node = of_one[0].1;
        let attributes = AttributeSet::mandatory(&[], node)
            .local_pref()
            .with(0x80, 9, &node.octets())
            .with(0x80, 10, &reflector.octets());
        for part in of_one.chunks(PER_UPDATE) {
            let prefixes = part
                .iter()
                .map(|(prefix, _)| Ipv4Net::new_assert(*prefix, 24));
            let prefixes: Vec<Ipv4Net> = prefixes.collect();
            octets.extend(update_v4(&attributes, &prefixes));
        }
    }
    octets.extend(update_v4(&AttributeSet::default(), &[]));
    octets.into()
}
