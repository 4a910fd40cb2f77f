//! Real kernels, real routes: `fib` and `kernel` together in network namespaces of their own.
//! Needs root; without it every test says that it was skipped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use std::time::{Duration, Instant};

use fib::{Action, Counts, FailReason, FibInput, KernelEvent, Owner, Target};
use kernel::{Kernel, KernelConfig, KernelError, cleanup, source_address_for};
use wire::Family;

use crate::lab::{Node, batch, in_netns, installed, ip, shown, via};

#[test]
fn routes_are_added_replaced_and_deleted() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2"]));
        node.set("fd01::/64", via(&["fd00::2"]));
        node.set("10.9.0.0/24", Some(Target::Blackhole));
        node.set("fd09::/64", Some(Target::Blackhole));
        node.until_installed(4);
        assert_eq!(
            shown("10.1.0.0/24"),
            "10.1.0.0/24 via 10.0.0.2 dev eth1 proto 155 metric 48"
        );
        assert_eq!(
            shown("fd01::/64"),
            "fd01::/64 via fd00::2 dev eth1 proto 155 metric 48"
        );
        assert_eq!(
            shown("10.9.0.0/24"),
            "blackhole 10.9.0.0/24 proto 155 metric 1048576"
        );
        assert_eq!(
            shown("fd09::/64"),
            "blackhole fd09::/64 dev lo proto 155 metric 1048576"
        );
        node.set("10.1.0.0/24", via(&["10.0.0.3"]));
        node.set("fd01::/64", via(&["fd02::3"]));
        node.until_shown(
            "fd01::/64",
            "fd01::/64 via fd02::3 dev eth2 proto 155 metric 48",
        );
        node.until_shown(
            "10.1.0.0/24",
            "10.1.0.0/24 via 10.0.0.3 dev eth1 proto 155 metric 48",
        );
        for prefix in ["10.1.0.0/24", "fd01::/64", "10.9.0.0/24", "fd09::/64"] {
            node.set(prefix, None);
            node.until_shown(prefix, "");
        }
        node.until("rest", |node| node.fib.idle());
        assert_eq!(node.fib.counts(), Counts::default());
        let own =
            |event: &KernelEvent| matches!(event, KernelEvent::Route(c) if c.route.protocol == 155);
        assert!(
            !node.heard.iter().any(own),
            "own writes are not news: {:?}",
            node.heard
        );
    });
}

#[test]
fn ecmp_routes_keep_every_member() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2", "10.2.0.2"]));
        node.set("fd01::/64", via(&["fd00::2", "fd02::2"]));
        node.until_installed(2);
        assert_eq!(
            shown("10.1.0.0/24"),
            "10.1.0.0/24 proto 155 metric 48 nexthop via 10.0.0.2 dev eth1 weight 1 \
             nexthop via 10.2.0.2 dev eth2 weight 1"
        );
        let v6 = shown("fd01::/64");
        assert!(
            v6.contains("via fd00::2 dev eth1") && v6.contains("via fd02::2 dev eth2"),
            "{v6}"
        );
        // One member less, and then another set altogether: no hop is left over.
        node.set("10.1.0.0/24", via(&["10.0.0.2"]));
        node.set("fd01::/64", via(&["fd00::2"]));
        node.until_shown(
            "10.1.0.0/24",
            "10.1.0.0/24 via 10.0.0.2 dev eth1 proto 155 metric 48",
        );
        node.until_shown(
            "fd01::/64",
            "fd01::/64 via fd00::2 dev eth1 proto 155 metric 48",
        );
        node.set("fd01::/64", via(&["fd00::3", "fd00::4", "fd02::5"]));
        node.until_installed(2);
        let v6 = shown("fd01::/64");
        assert_eq!(v6.matches("via").count(), 3, "{v6}");
        // A dump of it is what was written: nothing is written again.
        node.written();
        node.handle(FibInput::Event(KernelEvent::Overrun));
        node.until_installed(2);
        assert_eq!(node.written(), []);
        node.set("fd01::/64", None);
        node.until_shown("fd01::/64", "");
    });
}

#[test]
fn an_ecmp_member_leaves_with_its_link() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2", "10.2.0.2"]));
        node.set("fd01::/64", via(&["fd00::2", "fd02::2"]));
        node.until_installed(2);
        // Carrier: the far end goes down.
        ip("link set far2 down");
        node.until_shown(
            "10.1.0.0/24",
            "10.1.0.0/24 via 10.0.0.2 dev eth1 proto 155 metric 48",
        );
        node.until_shown(
            "fd01::/64",
            "fd01::/64 via fd00::2 dev eth1 proto 155 metric 48",
        );
        ip("link set far2 up");
        node.until("both members", |_| {
            ["10.1.0.0/24", "fd01::/64"]
                .iter()
                .all(|prefix| shown(prefix).matches("via").count() == 2)
        });
        node.until_installed(2);
    });
}

#[test]
fn what_the_kernel_refuses_is_shown_with_its_words() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.255"]));
        node.set("10.2.1.0/24", via(&["10.0.0.2"]));
        let reason = node.until_failed("10.1.0.0/24").to_string();
        assert!(
            reason.contains("Nexthop has invalid gateway") && reason.contains("EINVAL"),
            "{reason}"
        );
        node.until_installed(1);
    });
}

#[test]
fn a_foreign_route_at_our_key_is_left_alone() {
    in_netns(|| {
        // On-link and through a gateway, IPv4 and IPv6, and one that comes later.
        let foreign = [
            (
                "10.1.0.0/24",
                "10.1.0.0/24 via 10.0.0.9 dev eth1 proto static metric 48",
            ),
            (
                "10.1.1.0/24",
                "10.1.1.0/24 dev eth1 proto static scope link metric 48",
            ),
            (
                "fd01::/64",
                "fd01::/64 via fd00::9 dev eth1 proto static metric 48",
            ),
            ("fd01:1::/64", "fd01:1::/64 dev eth1 proto static metric 48"),
        ];
        for (_, route) in foreign {
            ip(&format!("route add {route}"));
        }
        let mut node = Node::start();
        let gateway = |prefix: &str| {
            if prefix.contains(':') {
                "fd00::2"
            } else {
                "10.0.0.2"
            }
        };
        for (prefix, _) in foreign {
            node.set(prefix, via(&[gateway(prefix)]));
        }
        for (prefix, route) in foreign {
            let reason = node.until_failed(prefix);
            assert_eq!(
                reason,
                FailReason::Conflict {
                    protocol: 4,
                    metric: 48
                }
            );
            assert_eq!(shown(prefix), route);
        }
        for (prefix, _) in foreign {
            node.set(prefix, None);
        }
        node.until("rest", |node| node.fib.idle());
        for (prefix, route) in foreign {
            assert_eq!(shown(prefix), route, "still theirs");
            node.set(prefix, via(&[gateway(prefix)]));
            ip(&format!("route del {route}"));
        }
        node.until_installed(4);
    });
}

#[test]
fn a_foreign_route_that_is_not_known_yet_is_not_overwritten() {
    in_netns(|| {
        let mut node = Node::start();
        node.until("the first dump", |node| node.fib.idle());
        // Written before its notification is read: only the exclusive form protects it.
        let routes = [
            "10.1.1.0/24 via 10.0.0.9 dev eth1 proto static metric 48",
            "fd01:1::/64 via fd00::9 dev eth1 proto static metric 48",
        ];
        for route in routes {
            ip(&format!("route add {route}"));
        }
        node.set("10.1.1.0/24", via(&["10.0.0.2"]));
        node.set("fd01:1::/64", via(&["fd00::2", "fd02::2"]));
        for (prefix, route) in [("10.1.1.0/24", routes[0]), ("fd01:1::/64", routes[1])] {
            node.until("the conflict is known", |node| {
                matches!(
                    node.failure(&prefix.parse().unwrap()),
                    Some(FailReason::Conflict { .. })
                )
            });
            assert_eq!(shown(prefix), route);
        }
        assert!(node.written().iter().all(|op| op.action == Action::Create));
    });
}

#[test]
fn a_foreign_replace_of_our_route_is_reported_and_left() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2"]));
        node.set("fd01::/64", via(&["fd00::2"]));
        node.until_installed(2);
        let theirs = [
            (
                "10.1.0.0/24",
                "10.1.0.0/24 via 10.0.0.9 dev eth1 proto static metric 48",
            ),
            (
                "fd01::/64",
                "fd01::/64 via fd00::9 dev eth1 proto static metric 48",
            ),
        ];
        for (prefix, route) in theirs {
            ip(&format!("route replace {route}"));
            let reason = node.until_failed(prefix);
            assert_eq!(
                reason,
                FailReason::Conflict {
                    protocol: 4,
                    metric: 48
                }
            );
        }
        node.until("rest", |node| node.fib.idle());
        for (prefix, route) in theirs {
            assert_eq!(shown(prefix), route);
            ip(&format!("route del {route}"));
        }
        node.until_installed(2);
    });
}

#[test]
fn routes_of_a_former_run_are_adopted_and_swept() {
    in_netns(|| {
        let mut first = Node::start();
        for i in 0..3 {
            first.set(&format!("10.1.{i}.0/24"), via(&["10.0.0.2", "10.2.0.2"]));
            first.set(&format!("fd01:{i}::/64"), via(&["fd00::2", "fd02::2"]));
        }
        first.until_installed(6);
        drop(first);
        ip("route add 10.4.0.0/24 via 10.0.0.9 proto 155 metric 99");
        let mut second = Node::start();
        second.set("10.1.0.0/24", via(&["10.2.0.2", "10.0.0.2"]));
        second.set("fd01:0::/64", via(&["fd00::2", "fd02::2"]));
        second.set("10.1.1.0/24", via(&["10.0.0.3"]));
        second.until_installed(3);
        let written = second.written();
        assert_eq!(written.len(), 1, "only what differs: {written:?}");
        assert_eq!(
            second.fib.counts(),
            Counts {
                stale: 3,
                ..installed(3)
            }
        );
        for family in Family::ALL {
            second.handle(FibInput::Sweep(family));
        }
        second.until("swept", |node| {
            node.fib.idle() && node.fib.counts() == installed(3)
        });
        assert_eq!(shown("10.1.2.0/24"), "");
        assert_eq!(shown("fd01:1::/64"), "");
        assert_ne!(
            shown("10.4.0.0/24"),
            "",
            "our protocol with a metric that is not ours is not ours"
        );
    });
}

#[test]
fn routes_that_admin_down_dropped_come_back() {
    in_netns(|| {
        // IPv6 addresses do not survive a link going down unless told so.
        std::fs::write("/proc/sys/net/ipv6/conf/eth1/keep_addr_on_down", "1").unwrap();
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2"]));
        node.set("fd01::/64", via(&["fd00::2"]));
        node.until_installed(2);
        ip("link set eth1 down");
        assert_eq!(
            shown("10.1.0.0/24"),
            "",
            "the kernel drops it without a word"
        );
        let reason = node.until_failed("10.1.0.0/24").to_string();
        assert_eq!(reason, "next hop 10.0.0.2 is behind eth1, which is down");
        ip("link set eth1 up");
        node.until_installed(2);
        assert_ne!(shown("10.1.0.0/24"), "");
        // Down and up before any of it is heard.
        batch("link set eth1 down\nlink set eth1 up");
        assert_eq!(shown("10.1.0.0/24"), "");
        node.until_shown(
            "10.1.0.0/24",
            "10.1.0.0/24 via 10.0.0.2 dev eth1 proto 155 metric 48",
        );
        node.until_shown(
            "fd01::/64",
            "fd01::/64 via fd00::2 dev eth1 proto 155 metric 48",
        );
        node.until_installed(2);
    });
}

#[test]
fn routes_that_went_with_the_last_address_come_back() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2"]));
        node.until_installed(1);
        ip("addr del 10.0.0.1/24 dev eth1");
        assert_eq!(
            shown("10.1.0.0/24"),
            "",
            "the kernel drops it without a word"
        );
        let reason = node.until_failed("10.1.0.0/24").to_string();
        assert_eq!(
            reason,
            "next hop 10.0.0.2 is not on-link and there is no tunnel"
        );
        ip("addr add 10.0.0.1/24 dev eth1");
        node.until_installed(1);
        batch("addr del 10.0.0.1/24 dev eth1\naddr add 10.0.0.1/24 dev eth1");
        node.until_shown(
            "10.1.0.0/24",
            "10.1.0.0/24 via 10.0.0.2 dev eth1 proto 155 metric 48",
        );
    });
}

#[test]
fn a_deleted_link_takes_its_routes_along() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2", "10.2.0.2"]));
        node.until_installed(1);
        ip("link del eth2");
        node.until_shown(
            "10.1.0.0/24",
            "10.1.0.0/24 via 10.0.0.2 dev eth1 proto 155 metric 48",
        );
        ip("link del eth1");
        node.until_failed("10.1.0.0/24");
        assert_eq!(shown("10.1.0.0/24"), "");
    });
}

#[test]
fn a_route_that_somebody_deletes_is_put_back() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2"]));
        node.set("fd01::/64", via(&["fd00::2", "fd02::2"]));
        node.until_installed(2);
        ip("route del 10.1.0.0/24");
        node.until_shown(
            "10.1.0.0/24",
            "10.1.0.0/24 via 10.0.0.2 dev eth1 proto 155 metric 48",
        );
        // One member of an IPv6 multipath route.
        ip("-6 route del fd01::/64 via fd02::2 dev eth2 metric 48");
        node.until("both members", |_| {
            shown("fd01::/64").matches("via").count() == 2
        });
        node.until_installed(2);
    });
}

#[test]
fn on_link_routes_of_others_and_default_routes() {
    in_netns(|| {
        ip("route add default via 10.0.0.254");
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["172.16.0.1"]));
        let reason = node.until_failed("10.1.0.0/24").to_string();
        assert_eq!(
            reason,
            "next hop 172.16.0.1 is not on-link and there is no tunnel"
        );
        ip("route add 172.16.0.1/32 dev eth2");
        node.until_shown(
            "10.1.0.0/24",
            "10.1.0.0/24 via 172.16.0.1 dev eth2 proto 155 metric 48",
        );
        ip("route del 172.16.0.1/32 dev eth2");
        node.until_shown("10.1.0.0/24", "");
    });
}

#[test]
fn a_learned_route_never_takes_our_own_subnet_or_gateways() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("fd00::/64", via(&["fd00::fe"]));
        node.set("fd01::/64", via(&["fd00::2"]));
        let reason = node.until_failed("fd00::/64").to_string();
        assert_eq!(
            reason,
            "the prefix is connected on eth1: that route is kept"
        );
        node.until_installed(1);
        // Host routes of the gateways themselves, as EVPN switches announce them.
        node.set("10.0.0.2/32", via(&["10.0.0.254"]));
        node.set("fd00::2/128", via(&["fd00::fe"]));
        node.until_installed(3);
        node.set("10.1.0.0/24", via(&["10.0.0.2"]));
        node.set("10.1.1.0/24", via(&["10.0.0.2", "10.2.0.2"]));
        node.set("fd01:1::/64", via(&["fd00::2"]));
        node.set("fd01:2::/64", via(&["fd00::2", "fd02::2"]));
        node.until_installed(7);
        // IPv4 looks a gateway up among on-link routes only; IPv6 has to be told.
        assert_eq!(
            shown("10.1.0.0/24"),
            "10.1.0.0/24 via 10.0.0.2 dev eth1 proto 155 metric 48"
        );
        assert_eq!(
            shown("fd01:1::/64"),
            "fd01:1::/64 via fd00::2 dev eth1 proto 155 metric 48 onlink"
        );
        // What is read back is what was written.
        node.written();
        node.handle(FibInput::Event(KernelEvent::Overrun));
        node.until_installed(7);
        assert_eq!(node.written(), []);
    });
}

#[test]
fn links_that_flap_under_load_leave_nothing_behind() {
    const ROUTES: usize = 1_000;
    in_netns(|| {
        for link in ["eth1", "eth2"] {
            std::fs::write(
                format!("/proc/sys/net/ipv6/conf/{link}/keep_addr_on_down"),
                "1",
            )
            .unwrap();
        }
        let mut node = Node::start();
        for round in 0..6 {
            for i in 0..ROUTES {
                let (a, b) = (100 + i / 256, i % 256);
                // Every route changes its hops in every round, every fifth goes or comes.
                let gone = (i + round) % 5 == 0;
                let (v4, v6) = match (i + round) % 3 {
                    0 => (via(&["10.0.0.2"]), via(&["fd00::2"])),
                    1 => (via(&["10.2.0.2"]), via(&["fd02::2"])),
                    _ => (via(&["10.0.0.2", "10.2.0.2"]), via(&["fd00::2", "fd02::2"])),
                };
                node.set(&format!("10.{a}.{b}.0/24"), v4.filter(|_| !gone));
                node.set(&format!("fd01:{a}:{b}::/64"), v6.filter(|_| !gone));
            }
            node.written();
            node.until("some writes", |node| node.writes() > 0);
            batch(match round % 3 {
                0 => "link set eth1 down\nlink set eth1 up",
                1 => "link set far2 down\nlink set far2 up",
                _ => "addr del 10.0.0.1/24 dev eth1\naddr add 10.0.0.1/24 dev eth1",
            });
        }
        let each = ROUTES - ROUTES / 5;
        node.until_installed(2 * each);
        // Once more after everything was read back.
        node.handle(FibInput::Event(KernelEvent::Overrun));
        node.until_installed(2 * each);
        assert_eq!(
            ip("-o -4 route show proto 155")
                .matches("metric 48")
                .count(),
            each
        );
        assert_eq!(
            ip("-o -6 route show proto 155")
                .matches("metric 48")
                .count(),
            each
        );
        assert_eq!(node.fib.counts(), installed(2 * each));
    });
}

#[test]
fn the_threads_end_with_their_handle() {
    in_netns(|| {
        let (sender, events) = std::sync::mpsc::channel::<KernelEvent>();
        let kernel = Kernel::start(&KernelConfig::default(), move |event| {
            drop(sender.send(event))
        })
        .unwrap();
        drop(kernel);
        // Both closures are gone, so both threads are.
        let end = std::iter::repeat_with(|| events.try_recv()).find_map(Result::err);
        assert_eq!(end, Some(std::sync::mpsc::TryRecvError::Disconnected));
    });
}

#[test]
fn ten_thousand_routes_take_a_moment() {
    const ROUTES: u32 = 10_000;
    // 0.3 s is the aim on a quiet machine; here ten times that.
    const LIMIT: Duration = Duration::from_secs(3);
    in_netns(|| {
        let mut node = Node::start();
        node.until("the first dump", |node| node.fib.idle());
        let prefix = |i: u32| format!("10.{}.{}.0/24", 100 + i / 256, i % 256);
        let mut timed = |what: &str, target: Option<Target>| {
            let start = Instant::now();
            for i in 0..ROUTES {
                node.set(&prefix(i), target.clone());
            }
            node.until(what, |node| node.fib.idle());
            let took = start.elapsed();
            eprintln!("{what}: {ROUTES} routes in {took:?}");
            assert!(took < LIMIT, "{what} took {took:?}");
            assert_eq!(node.fib.counts().failed, 0);
            node.fib.counts().installed
        };
        assert_eq!(timed("added", via(&["10.0.0.2"])), ROUTES as usize);
        assert_eq!(
            timed("made ECMP", via(&["10.0.0.2", "10.2.0.2"])),
            ROUTES as usize
        );
        assert_eq!(timed("deleted", None), 0);
        assert_eq!(ip("route show proto 155"), "");
    });
}

#[test]
fn lost_notifications_are_noticed() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2"]));
        node.until_installed(1);
        let gate = std::sync::Arc::new(std::sync::Mutex::new(()));
        let (sender, events) = std::sync::mpsc::channel();
        let closed = gate.lock().unwrap();
        let inner = std::sync::Arc::clone(&gate);
        let blocked = Kernel::start(&KernelConfig::default(), move |event| {
            drop(inner.lock());
            drop(sender.send(event));
        })
        .unwrap();
        // More notifications than the monitor's buffer holds, while nobody reads them.
        let lines: String = (0..80_000_u32)
            .map(|i| {
                format!(
                    "route add 10.{}.{}.{}/32 dev eth2\n",
                    128 + (i >> 16),
                    i >> 8 & 255,
                    i & 255
                )
            })
            .collect();
        batch(&lines);
        drop(closed);
        let mut heard = 0;
        while events
            .recv_timeout(Duration::from_secs(10))
            .expect("an overrun")
            != KernelEvent::Overrun
        {
            heard += 1;
        }
        assert!(heard < 80_000);
        drop(blocked);
        // The other one read all the while, and is none the worse.
        node.until_installed(1);
    });
}

#[test]
fn cleanup_removes_ours_and_nothing_else() {
    in_netns(|| {
        let mut node = Node::start();
        for i in 0..250 {
            node.set(&format!("10.1.{i}.0/24"), via(&["10.0.0.2", "10.2.0.2"]));
        }
        node.set("fd01::/64", via(&["fd00::2", "fd02::2"]));
        node.set("fd09::/64", Some(Target::Blackhole));
        node.until_installed(252);
        drop(node);
        batch(
            "route add 10.4.0.0/24 via 10.0.0.9 proto 155 metric 99
             route add 10.5.0.0/24 via 10.0.0.9 proto static metric 48
             route add 10.6.0.0/24 via 10.0.0.9 proto 155 metric 77 table 1000",
        );
        let former = Owner {
            metric: 77,
            table: 1000,
            ..Owner::default()
        };
        let cleaned = cleanup(&[Owner::default(), former]).unwrap();
        assert_eq!(
            (cleaned.ipv4, cleaned.ipv6, cleaned.failed),
            (251, 2, Vec::new())
        );
        assert_eq!(
            ip("route show proto 155"),
            "10.4.0.0/24 via 10.0.0.9 dev eth1 metric 99"
        );
        assert_ne!(shown("10.5.0.0/24"), "");
        assert_eq!(ip("-6 route show proto 155"), "");
        let again = cleanup(&[Owner::default()]).unwrap();
        assert_eq!((again.ipv4, again.ipv6), (0, 0));
    });
}

#[test]
fn a_stop_that_removes_leaves_nothing() {
    in_netns(|| {
        let mut node = Node::start();
        node.set("10.1.0.0/24", via(&["10.0.0.2"]));
        node.set("fd09::/64", Some(Target::Blackhole));
        node.until_installed(2);
        node.handle(FibInput::RemoveAll);
        node.until("all removed", |node| {
            node.fib.idle() && node.fib.counts() == Counts::default()
        });
        assert_eq!(ip("route show proto 155"), "");
        assert_eq!(ip("-6 route show proto 155"), "");
    });
}

#[test]
fn the_source_address_is_the_kernels_choice() {
    in_netns(|| {
        ip("route add default via 10.0.0.254 src 10.0.0.1");
        let source =
            |text: &str| source_address_for(text.parse().unwrap()).map(|ip| ip.to_string());
        assert_eq!(source("10.2.0.7").as_deref(), Some("10.2.0.1"));
        assert_eq!(source("192.0.2.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(source("fd02::7").as_deref(), Some("fd02::1"));
        assert_eq!(source("2001:db8::1"), None);
    });
}

/// Runs itself again without the capability.
#[test]
fn a_missing_capability_is_named() {
    const INSIDE: &str = "KERNEL_TEST_WITHOUT_CAPABILITY";
    if std::env::var_os(INSIDE).is_some() {
        let start = Kernel::start(&KernelConfig::default(), |_| {});
        assert!(matches!(start, Err(KernelError::NotPermitted)), "{start:?}");
        assert!(matches!(
            cleanup(&[Owner::default()]),
            Err(KernelError::NotPermitted)
        ));
        return;
    }
    let this = std::env::current_exe().unwrap();
    let run = std::process::Command::new("setpriv")
        .args(["--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"])
        .arg(this)
        .args(["--exact", "a_missing_capability_is_named", "--nocapture"])
        .env(INSIDE, "1")
        .output();
    match run {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{text}{}",
                String::from_utf8_lossy(&output.stdout)
            );
        }
        Err(error) => eprintln!("skipped: setpriv (util-linux) cannot be run: {error}"),
    }
    let text = KernelError::NotPermitted.to_string();
    assert!(text.starts_with("CAP_NET_ADMIN is missing: run as root or add the capability"));
}
