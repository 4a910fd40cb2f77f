//! What the kernel does without telling, what others do, and what a former run left.

use std::time::Duration;

use wire::Family;

use super::fake::Lab;
use super::{foreign, installed, via};
use crate::{
    Action, Counts, FailReason, FibConfig, FibInput, KernelCommand, KernelEvent, Owner, Route,
    RouteState,
};

#[test]
fn what_a_former_run_left_is_adopted_and_swept() {
    let mut lab = Lab::new();
    for route in ["10.1.0.0/24", "10.2.1.0/24", "10.3.0.0/24", "fd01::/64"] {
        let gateway = if route.starts_with("fd") {
            "fd00::2"
        } else {
            "10.0.0.2"
        };
        lab.kernel.put(Route {
            protocol: 155,
            ..foreign(route, gateway, 1, 48)
        });
    }
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.set("10.2.1.0/24", via(&["10.0.0.3"]));
    lab.settle();
    assert_eq!(
        lab.kernel.log,
        [Action::Replace],
        "the identical one is not written"
    );
    assert_eq!(
        lab.fib.counts(),
        Counts {
            stale: 2,
            ..installed(2)
        }
    );
    assert_eq!(
        lab.show("10.3.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
    lab.handle(FibInput::Sweep(Family::Ipv4Unicast));
    lab.settle();
    assert_eq!(lab.show("10.3.0.0/24"), "");
    assert_eq!(
        lab.show("fd01::/64"),
        "via fd00::2 dev 1 metric 48 proto 155",
        "its family is not swept yet"
    );
    lab.handle(FibInput::Sweep(Family::Ipv6Unicast));
    lab.settle();
    assert_eq!(lab.fib.counts(), installed(2));
    assert_eq!(
        lab.show("10.2.1.0/24"),
        "via 10.0.0.3 dev 1 metric 48 proto 155"
    );
}

#[test]
fn routes_of_a_former_metric_are_swept_too() {
    let former = Owner {
        metric: 77,
        ..Owner::default()
    };
    let mut lab = Lab::with(FibConfig {
        former: vec![former],
        ..FibConfig::default()
    });
    lab.kernel.put(Route {
        protocol: 155,
        ..foreign("10.3.0.0/24", "10.0.0.2", 1, 77)
    });
    lab.kernel
        .add_foreign(foreign("10.4.0.0/24", "10.0.0.2", 1, 77));
    lab.set("10.3.0.0/24", via(&["10.0.0.3"]));
    lab.settle();
    assert_eq!(
        lab.fib.counts(),
        Counts {
            stale: 1,
            ..installed(1)
        }
    );
    lab.handle(FibInput::Sweep(Family::Ipv4Unicast));
    lab.settle();
    assert_eq!(
        lab.show("10.3.0.0/24"),
        "via 10.0.0.3 dev 1 metric 48 proto 155"
    );
    assert_eq!(
        lab.show("10.4.0.0/24"),
        "via 10.0.0.2 dev 1 metric 77 proto 4"
    );
}

#[test]
fn a_removed_route_is_put_back_but_not_in_a_loop() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    for _ in 0..3 {
        lab.kernel.remove_ours("10.1.0.0/24");
        lab.step();
        assert_eq!(lab.state("10.1.0.0/24"), Some(RouteState::Installed));
    }
    lab.kernel.remove_ours("10.1.0.0/24");
    lab.step();
    assert_eq!(
        lab.failure("10.1.0.0/24"),
        Some(FailReason::Removed { times: 4 })
    );
    lab.advance(Duration::from_secs(1));
    assert_eq!(lab.state("10.1.0.0/24"), Some(RouteState::Installed));
}

#[test]
fn an_overrun_reads_the_kernel_again() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    lab.kernel.remove_ours("10.1.0.0/24");
    lab.kernel.events.clear();
    lab.handle(FibInput::Event(KernelEvent::Overrun));
    lab.step();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
}

#[test]
fn silent_drift_is_found_by_the_regular_look() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    lab.kernel.remove_ours("10.1.0.0/24");
    lab.kernel.events.clear();
    lab.advance(FibConfig::default().resync);
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
}

#[test]
fn answers_that_never_come_do_not_hang_it() {
    let mut lab = Lab::new();
    lab.settle();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    assert!(matches!(
        lab.fib.poll(lab.now),
        Some(KernelCommand::Apply(_))
    ));
    lab.advance(Duration::from_secs(31));
    lab.settle();
    assert_eq!(lab.state("10.1.0.0/24"), Some(RouteState::Installed));
}

#[test]
fn an_answer_from_before_a_link_went_down_is_not_believed() {
    let mut lab = Lab::new();
    lab.settle();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    let Some(KernelCommand::Apply(ops)) = lab.fib.poll(lab.now) else {
        panic!("a write")
    };
    let results = lab.kernel.apply(&ops);
    // The monitor is faster than the writer's answer.
    lab.kernel.set_up(1, false);
    lab.kernel.set_up(1, true);
    lab.deliver();
    lab.handle(FibInput::Event(KernelEvent::Results(results)));
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
}

#[test]
fn routes_dropped_without_a_word_come_back() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    // Down and up again before anything of it is heard: the hops are the same before and after.
    lab.kernel.set_up(1, false);
    lab.kernel.set_up(1, true);
    assert_eq!(lab.show("10.1.0.0/24"), "");
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
    let address = lab.kernel.remove_address("10.0.0.1");
    lab.kernel.add_address(address);
    assert_eq!(lab.show("10.1.0.0/24"), "");
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
}

#[test]
fn a_port_that_does_not_work_is_asked_again_later_and_not_at_once() {
    let Lab { mut fib, now, .. } = Lab::new();
    assert_eq!(fib.poll(now), Some(KernelCommand::Dump));
    let failed = KernelEvent::Failed("no socket".into());
    fib.handle(now, FibInput::Event(failed));
    assert_eq!(fib.poll(now), None);
    let again = fib.next_deadline().unwrap();
    assert!(again > now, "a deadline in the past makes the caller spin");
    assert_eq!(fib.poll(again), Some(KernelCommand::Dump));
}
