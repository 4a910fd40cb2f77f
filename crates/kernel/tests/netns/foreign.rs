//! Routes of other programs, which are never touched.

use crate::lab::{Node, in_netns, ip, shown, via};
use fib::{Action, FailReason};

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
