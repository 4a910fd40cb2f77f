//! The plan against a fake kernel, in virtual time.

mod drift;
mod fake;
mod prop;

use std::time::Duration;

use wire::NextHop;

use self::fake::{Lab, prefix};
use crate::{
    Action, Counts, FailReason, FibConfig, FibInput, Hop, KernelCommand, KernelEvent, Route,
    RouteKind, RouteOp, RouteState, Target,
};

fn via(addresses: &[&str]) -> Option<Target> {
    let hops = addresses.iter().map(|text| match text.parse().unwrap() {
        std::net::IpAddr::V4(v4) => NextHop::V4(v4),
        std::net::IpAddr::V6(global) => NextHop::V6 {
            global,
            link_local: None,
        },
    });
    Some(Target::Unicast(hops.collect()))
}

fn installed(n: usize) -> Counts {
    Counts {
        desired: n,
        installed: n,
        ..Counts::default()
    }
}

#[test]
fn a_route_reaches_the_kernel_and_leaves_it() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.set("fd01::/64", via(&["fd00::2"]));
    lab.set("10.9.0.0/24", Some(Target::Blackhole));
    lab.settle();
    assert_eq!(lab.fib.counts(), installed(3));
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
    assert_eq!(
        lab.show("fd01::/64"),
        "via fd00::2 dev 1 metric 48 proto 155"
    );
    assert_eq!(
        lab.show("10.9.0.0/24"),
        "blackhole metric 1048576 proto 155"
    );
    lab.set("10.1.0.0/24", None);
    lab.set("10.9.0.0/24", None);
    lab.settle();
    assert_eq!(lab.show("10.1.0.0/24"), "");
    assert_eq!(lab.show("10.9.0.0/24"), "");
    assert_eq!(lab.fib.counts(), installed(1));
}

#[test]
fn nothing_is_written_before_the_first_dump() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    assert_eq!(lab.fib.poll(lab.now), Some(KernelCommand::Dump));
    assert_eq!(lab.fib.poll(lab.now), None);
}

#[test]
fn a_change_is_one_replace_with_all_hops() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    lab.kernel.log.clear();
    lab.set("10.1.0.0/24", via(&["10.2.0.3", "10.0.0.2"]));
    lab.settle();
    assert_eq!(lab.kernel.log, [Action::Replace]);
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 via 10.2.0.3 dev 2 metric 48 proto 155"
    );
}

#[test]
fn a_blackhole_that_becomes_a_route_changes_its_key() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", Some(Target::Blackhole));
    lab.settle();
    lab.kernel.log.clear();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    assert_eq!(
        lab.kernel.log,
        [Action::Create, Action::Delete],
        "the new one first"
    );
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
}

#[test]
fn a_route_to_be_dropped_takes_the_place_of_a_learned_one() {
    let mut lab = Lab::new();
    lab.set("10.1.0.7/32", via(&["10.0.0.2"]));
    lab.settle();
    lab.kernel.log.clear();
    lab.set("10.1.0.7/32", Some(Target::Discard));
    lab.settle();
    assert_eq!(lab.kernel.log, [Action::Replace], "in place");
    assert_eq!(lab.show("10.1.0.7/32"), "blackhole metric 48 proto 155");
    let prefix = "10.1.0.7/32".parse().unwrap();
    assert_eq!(
        lab.fib.route(&prefix).unwrap().target,
        Some(Target::Discard)
    );
    lab.set("10.1.0.7/32", via(&["10.0.0.2"]));
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.7/32"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
    lab.set("10.1.0.7/32", None);
    lab.settle();
    assert_eq!(lab.show("10.1.0.7/32"), "");
}

#[test]
fn batches_and_window_are_bounded_and_deletes_come_last() {
    let mut lab = Lab::new();
    for i in 0..1000_u32 {
        lab.set(
            &format!("10.{}.{}.0/24", 100 + i / 256, i % 256),
            via(&["10.0.0.2"]),
        );
    }
    lab.settle();
    assert_eq!(lab.fib.counts(), installed(1000));
    for i in 0..1000_u32 {
        let text = format!("10.{}.{}.0/24", 100 + i / 256, i % 256);
        lab.set(&text, if i % 2 == 0 { None } else { via(&["10.0.0.3"]) });
    }
    let mut ops = Vec::new();
    while let Some(KernelCommand::Apply(batch)) = lab.fib.poll(lab.now) {
        assert!(batch.len() <= 100);
        ops.extend(batch);
    }
    assert_eq!(ops.len(), 400, "the window");
    assert!(ops.iter().all(|op| op.action == Action::Replace));
}

#[test]
fn an_answer_that_settles_a_route_leaves_nothing_to_look_at() {
    let mut lab = Lab::new();
    lab.settle();
    for i in 0..5000_u32 {
        let text = format!("10.{}.{}.0/24", 100 + i / 256, i % 256);
        lab.set(&text, via(&["10.0.0.2"]));
    }
    lab.set("fd01::/64", via(&["fd00::2"]));
    lab.set("10.9.0.0/24", Some(Target::Blackhole));
    while let Some(results) = lab.command() {
        // One changes its mind while the kernel is at it.
        if lab.fib.writes.is_empty() {
            lab.set("10.9.0.0/24", via(&["10.2.0.3"]));
        }
        lab.handle(FibInput::Event(KernelEvent::Results(results)));
    }
    lab.settle();
    assert_eq!(lab.fib.counts(), installed(5002));
    assert!(lab.fib.writes.capacity() <= 800, "the queue's room is kept");
    // The kernel's word alone makes it idle: no one looks at the route once more.
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    let results = lab.command().expect("a write");
    lab.handle(FibInput::Event(KernelEvent::Results(results)));
    assert!(lab.fib.idle());
}

#[test]
fn next_hops_that_cannot_be_used_are_named() {
    let mut lab = Lab::new();
    for (route, next_hop, text) in [
        (
            "10.1.0.0/24",
            "172.16.0.1",
            "next hop 172.16.0.1 is not on-link and there is no tunnel",
        ),
        (
            "10.2.1.0/24",
            "10.0.0.1",
            "next hop 10.0.0.1 is an address of this node",
        ),
        (
            "fd05::/64",
            "fe80::5",
            "next hop fe80::5 is link-local and its interface is not known",
        ),
        (
            "fd06::/64",
            "10.0.0.2",
            "an IPv6 route cannot use the IPv4 next hop 10.0.0.2",
        ),
    ] {
        lab.set(route, via(&[next_hop]));
        lab.settle();
        assert_eq!(lab.failure(route).unwrap().to_string(), text);
        assert_eq!(lab.show(route), "");
    }
    lab.set("10.3.0.0/24", Some(Target::Unicast(Vec::new())));
    lab.settle();
    assert_eq!(lab.failure("10.3.0.0/24"), Some(FailReason::NoNextHop));
}

#[test]
fn an_on_link_route_of_another_program_makes_a_next_hop_reachable() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["172.16.0.1"]));
    lab.settle();
    assert!(lab.failure("10.1.0.0/24").is_some());
    lab.kernel.add_foreign(on_link("172.16.0.1/32", 1));
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 172.16.0.1 dev 1 metric 48 proto 155"
    );
    lab.kernel.remove_foreign(&on_link("172.16.0.1/32", 1));
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "",
        "a route that leads nowhere is taken out"
    );
    assert_eq!(
        lab.failure("10.1.0.0/24").unwrap(),
        FailReason::NotOnLink("172.16.0.1".parse().unwrap())
    );
}

#[test]
fn nothing_resolves_through_a_default_route_unless_told() {
    for (via_default, want) in [
        (false, ""),
        (true, "via 10.0.0.254 dev 1 metric 48 proto 155"),
    ] {
        let mut lab = Lab::with(FibConfig {
            resolve_via_default: via_default,
            ..FibConfig::default()
        });
        lab.kernel
            .add_foreign(foreign("0.0.0.0/0", "10.0.0.254", 1, 0));
        lab.set("10.1.0.0/24", via(&["172.16.0.1"]));
        lab.settle();
        assert_eq!(lab.show("10.1.0.0/24"), want);
    }
}

#[test]
fn a_member_without_link_leaves_the_set_and_comes_back() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2", "10.2.0.3"]));
    lab.settle();
    lab.kernel.set_carrier(2, false);
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
    lab.kernel.set_carrier(1, false);
    lab.settle();
    assert_eq!(lab.show("10.1.0.0/24"), "");
    assert_eq!(
        lab.failure("10.1.0.0/24").unwrap().to_string(),
        "next hop 10.0.0.2 is behind eth1, which is down"
    );
    lab.kernel.set_carrier(1, true);
    lab.kernel.set_carrier(2, true);
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 via 10.2.0.3 dev 2 metric 48 proto 155"
    );
}

#[test]
fn a_refused_route_is_shown_and_tried_again() {
    let mut lab = Lab::new();
    lab.settle();
    lab.kernel.refuse = Some(prefix("10.1.0.0/24"));
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.step();
    let Some(RouteState::Failed {
        reason,
        since,
        retry_at,
    }) = lab.state("10.1.0.0/24")
    else {
        panic!("it should have failed");
    };
    assert_eq!(
        reason.to_string(),
        "the kernel refused it: EINVAL: Nexthop has invalid gateway"
    );
    assert_eq!(retry_at, Some(lab.now + Duration::from_secs(1)));
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        lab.kernel.log.clear();
        lab.advance(Duration::from_secs(pause) - Duration::from_millis(1));
        assert_eq!(lab.kernel.log, [], "not before {pause} s");
        lab.advance(Duration::from_millis(1));
        assert_eq!(lab.kernel.log, [Action::Create]);
    }
    let Some(RouteState::Failed { since: still, .. }) = lab.state("10.1.0.0/24") else {
        panic!("it should have failed");
    };
    assert_eq!(still, since);
    // A link event: at once.
    lab.kernel.refuse = None;
    lab.kernel.set_carrier(2, false);
    lab.kernel.set_carrier(2, true);
    lab.step();
    assert_eq!(lab.state("10.1.0.0/24"), Some(RouteState::Installed));
}

#[test]
fn an_address_is_on_a_link_by_a_subnet_or_by_a_route_of_somebody() {
    let mut lab = Lab::new();
    lab.settle();
    let near = |lab: &Lab, text: &str| lab.fib.is_on_link(text.parse().unwrap());
    assert!(near(&lab, "10.0.0.77") && near(&lab, "fd00::77"));
    assert!(!near(&lab, "172.16.0.1") && !near(&lab, "fd77::1"));
    lab.kernel.add_foreign(on_link("172.16.0.1/32", 1));
    lab.settle();
    assert!(near(&lab, "172.16.0.1") && !near(&lab, "172.16.0.2"));
    // A link that is down is still the one that it is on.
    lab.kernel.set_carrier(1, false);
    lab.settle();
    assert!(near(&lab, "172.16.0.1") && near(&lab, "10.0.0.77"));
    lab.kernel.remove_foreign(&on_link("172.16.0.1/32", 1));
    lab.settle();
    assert!(!near(&lab, "172.16.0.1"));
    // What is reached through somebody is on none, and no route of ours puts anybody on one.
    lab.kernel
        .add_foreign(foreign("0.0.0.0/0", "10.0.0.254", 1, 0));
    lab.set("172.17.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    assert!(!near(&lab, "192.0.2.1") && !near(&lab, "172.17.0.1"));
}

#[test]
fn a_foreign_route_at_the_same_key_is_left_alone() {
    let mut lab = Lab::new();
    let theirs = foreign("10.1.0.0/24", "10.0.0.9", 1, 48);
    lab.kernel.add_foreign(theirs.clone());
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    assert_eq!(
        lab.failure("10.1.0.0/24").unwrap(),
        FailReason::Conflict {
            protocol: 4,
            metric: 48
        }
    );
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.9 dev 1 metric 48 proto 4"
    );
    lab.set("10.1.0.0/24", None);
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.9 dev 1 metric 48 proto 4"
    );
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.kernel.remove_foreign(&theirs);
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
}

#[test]
fn a_foreign_replace_of_our_route_is_not_fought() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    let theirs = foreign("10.1.0.0/24", "10.0.0.9", 1, 48);
    lab.kernel.replace_by_foreign(theirs.clone());
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.9 dev 1 metric 48 proto 4"
    );
    assert_eq!(
        lab.failure("10.1.0.0/24").unwrap(),
        FailReason::Conflict {
            protocol: 4,
            metric: 48
        }
    );
    lab.kernel.remove_foreign(&theirs);
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 metric 48 proto 155"
    );
}

#[test]
fn an_unknown_route_at_the_key_is_found_by_looking() {
    let mut lab = Lab::new();
    lab.settle();
    lab.kernel
        .add_foreign(foreign("10.1.0.0/24", "10.0.0.9", 1, 48));
    lab.kernel.events.clear();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.advance(Duration::from_secs(3));
    assert_eq!(
        lab.failure("10.1.0.0/24").unwrap(),
        FailReason::Conflict {
            protocol: 4,
            metric: 48
        }
    );
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.9 dev 1 metric 48 proto 4"
    );
}

#[test]
fn a_busy_port_loses_nothing() {
    let mut lab = Lab::new();
    lab.settle();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    let command = lab.fib.poll(lab.now).unwrap();
    lab.fib.refused(lab.now, command);
    assert_eq!(lab.fib.poll(lab.now), None);
    lab.settle();
    assert_eq!(lab.state("10.1.0.0/24"), Some(RouteState::Installed));
}

#[test]
fn removing_all_takes_out_ours_and_nothing_else() {
    let mut lab = Lab::new();
    lab.kernel.put(Route {
        protocol: 155,
        ..foreign("10.3.0.0/24", "10.0.0.2", 1, 48)
    });
    lab.kernel
        .add_foreign(foreign("10.4.0.0/24", "10.0.0.9", 1, 48));
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.set("10.9.0.0/24", Some(Target::Blackhole));
    lab.settle();
    lab.handle(FibInput::RemoveAll);
    lab.set("10.5.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    assert!(lab.fib.idle());
    assert_eq!(lab.fib.counts(), Counts::default());
    assert_eq!(lab.kernel.ours(), 0);
    assert_eq!(
        lab.show("10.4.0.0/24"),
        "via 10.0.0.9 dev 1 metric 48 proto 4"
    );
}

#[test]
fn listing_is_paged_and_companions_are_found() {
    let mut lab = Lab::new();
    for i in 0..25 {
        lab.set(&format!("10.1.{i}.0/24"), via(&["10.0.0.2"]));
    }
    lab.settle();
    let mut seen = 0;
    let mut after = None;
    loop {
        let page = lab.fib.routes(after, 10);
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        seen += page.len();
        assert_eq!(
            page[0].hops,
            [Hop {
                gateway: Some("10.0.0.2".parse().unwrap()),
                link: 1,
                weight: 1,
                onlink: false
            }]
        );
    }
    assert_eq!(seen, 25);
    assert_eq!(
        lab.fib.companion_address("10.0.0.1".parse().unwrap()),
        Some("fd00::1".parse().unwrap())
    );
    assert_eq!(
        lab.fib.link_of("10.2.0.1".parse().unwrap()).unwrap().index,
        2
    );
}

fn foreign(route: &str, gateway: &str, link: u32, metric: u32) -> Route {
    let hop = Hop {
        gateway: Some(gateway.parse().unwrap()),
        link,
        weight: 1,
        onlink: false,
    };
    Route {
        prefix: prefix(route),
        table: 254,
        metric,
        protocol: 4,
        kind: RouteKind::Unicast([hop].into()),
    }
}

fn on_link(route: &str, link: u32) -> Route {
    let hop = Hop {
        gateway: None,
        link,
        weight: 1,
        onlink: false,
    };
    Route {
        prefix: prefix(route),
        table: 254,
        metric: 0,
        protocol: 4,
        kind: RouteKind::Unicast([hop].into()),
    }
}

#[test]
fn a_learned_ipv6_subnet_of_our_own_link_is_not_installed() {
    let mut lab = Lab::new();
    lab.set("fd00::/64", via(&["fd00::2"]));
    lab.set("10.0.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    assert_eq!(
        lab.failure("fd00::/64").unwrap().to_string(),
        "the prefix is connected on eth1: that route is kept"
    );
    assert_eq!(
        lab.state("10.0.0.0/24"),
        Some(RouteState::Installed),
        "the connected one wins anyhow"
    );
    // Not connected any more: now it is a route like any other, if it can be reached.
    lab.set("fd00::/64", via(&["fd02::2"]));
    lab.kernel.set_carrier(1, false);
    lab.settle();
    assert_eq!(
        lab.show("fd00::/64"),
        "via fd02::2 dev 2 metric 48 proto 155"
    );
    lab.kernel.set_carrier(1, true);
    lab.settle();
    assert_eq!(lab.show("fd00::/64"), "");
}

#[test]
fn a_route_of_ours_that_covers_a_gateway_does_not_stop_the_others() {
    let mut lab = Lab::new();
    lab.kernel.shadowed = true;
    lab.set("10.0.0.2/32", via(&["10.0.0.3"]));
    lab.settle();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.set("10.2.1.0/24", via(&["10.0.0.3"]));
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.2 dev 1 onlink metric 48 proto 155"
    );
    assert_eq!(
        lab.show("10.2.1.0/24"),
        "via 10.0.0.3 dev 1 metric 48 proto 155"
    );
    assert_eq!(lab.fib.counts(), installed(3));
    lab.set("10.1.0.0/24", via(&["10.0.0.3"]));
    lab.settle();
    assert_eq!(
        lab.show("10.1.0.0/24"),
        "via 10.0.0.3 dev 1 metric 48 proto 155"
    );
}

#[test]
fn operations_name_protocol_and_metric_also_for_deletes() {
    let mut lab = Lab::new();
    lab.set("10.1.0.0/24", via(&["10.0.0.2"]));
    lab.settle();
    lab.set("10.1.0.0/24", None);
    let Some(KernelCommand::Apply(ops)) = lab.fib.poll(lab.now) else {
        panic!("a delete")
    };
    let [
        RouteOp {
            action: Action::Delete,
            route,
            ..
        },
    ] = &ops[..]
    else {
        panic!("one delete: {ops:?}")
    };
    assert_eq!((route.protocol, route.metric, route.table), (155, 48, 254));
}
