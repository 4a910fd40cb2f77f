//! Routes written, changed and taken away, and what the kernel says of them.

use crate::lab::{Node, in_netns, ip, shown, via};
use fib::{Counts, FibInput, KernelEvent, Target};

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
