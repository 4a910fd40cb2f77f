//! How long announcements take to every receiver.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Figures;
use super::net::Listener;

/// Collects the times between an announcement and its arrival at each receiver.
#[derive(Debug)]
pub(super) struct Latency {
    /// When each slot's owner spoke last; `None` while it has withdrawn.
    said: Vec<Option<Instant>>,
    /// How many receivers have not heard it yet.
    left: Vec<usize>,
    receivers: usize,
    each: Vec<Duration>,
    last: Vec<Duration>,
    announcements: usize,
}

/// Shared between who says and who listens.
pub(super) type Shared = Rc<RefCell<Latency>>;

impl Latency {
    /// Nothing is said yet. Every announcement has so many receivers.
    pub(super) fn new(slots: usize, receivers: usize) -> Shared {
        Rc::new(RefCell::new(Latency {
            said: vec![None; slots],
            left: vec![0; slots],
            receivers,
            each: Vec::new(),
            last: Vec::new(),
            announcements: 0,
        }))
    }

    /// What a [`super::net::Net`] tells.
    pub(super) fn listener(shared: &Shared) -> Listener {
        let shared = Rc::clone(shared);
        Box::new(move |_receiver, slot, at| shared.borrow_mut().heard(slot, at))
    }

    /// The owner of `slot` announces now.
    pub(super) fn announce(&mut self, slot: usize) {
        self.said[slot] = Some(Instant::now());
        self.left[slot] = self.receivers;
        self.announcements += 1;
    }

    /// The owner of `slot` withdraws now.
    pub(super) fn withdraw(&mut self, slot: usize) {
        self.said[slot] = None;
    }

    fn heard(&mut self, slot: usize, at: Instant) {
        let Some(said) = self.said[slot] else { return };
        let took = at.saturating_duration_since(said);
        self.each.push(took);
        self.left[slot] = self.left[slot].saturating_sub(1);
        if self.left[slot] == 0 {
            self.last.push(took);
        }
    }

    /// Adds the percentiles to the figures.
    pub(super) fn report(&mut self, figures: &mut Figures) {
        let due = self.announcements * self.receivers;
        let missed = due.saturating_sub(self.each.len());
        figures.insert("announcements".into(), self.announcements as f64);
        figures.insert("missed".into(), missed as f64);
        for (name, times) in [("each", &mut self.each), ("last", &mut self.last)] {
            times.sort_unstable();
            for (percentile, part) in [("p50", 0.5), ("p99", 0.99)] {
                if let Some(time) = at_part(times, part) {
                    let name = format!("{name}_{percentile}_ms");
                    figures.insert(name, time.as_secs_f64() * 1e3);
                }
            }
        }
    }
}

/// The value that this part of a sorted list does not exceed.
pub(super) fn at_part<T: Copy>(sorted: &[T], part: f64) -> Option<T> {
    let place = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_list() {
        let list: Vec<u32> = (1..=200).collect();
        assert_eq!(at_part(&list, 0.5), Some(100));
        assert_eq!(at_part(&list, 0.99), Some(198));
        assert_eq!(at_part(&list[..1], 0.99), Some(1));
        assert_eq!(at_part::<u32>(&[], 0.5), None);
    }

    #[test]
    fn the_last_receiver_ends_an_announcement() {
        let shared = Latency::new(1, 2);
        let mut listener = Latency::listener(&shared);
        shared.borrow_mut().announce(0);
        let said = shared.borrow().said[0].unwrap();
        listener(0, 0, said + Duration::from_millis(3));
        assert!(shared.borrow().last.is_empty());
        listener(1, 0, said + Duration::from_millis(5));
        shared.borrow_mut().withdraw(0);
        listener(1, 0, said + Duration::from_millis(9));
        let mut figures = Figures::new();
        shared.borrow_mut().report(&mut figures);
        assert_eq!(figures["last_p50_ms"], 5.0);
        assert_eq!(figures["each_p50_ms"], 3.0);
        assert_eq!(figures["missed"], 0.0);
    }
}
