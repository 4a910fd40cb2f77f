//! What the kernel or somebody else undoes, and how it is done again.

use crate::lab::{Node, batch, in_netns, installed, ip, shown, via};
use fib::{FibInput, KernelEvent};
use kernel::{Kernel, KernelConfig};
use std::time::Duration;

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
