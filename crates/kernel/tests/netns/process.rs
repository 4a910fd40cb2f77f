//! Start, stop, adoption, cleanup, and the time that work takes.

use crate::lab::{Node, batch, in_netns, installed, ip, shown, via};
use fib::{Counts, FibInput, KernelEvent, Owner, Target};
use kernel::{Kernel, KernelConfig, KernelError, cleanup, source_address_for};
use std::time::{Duration, Instant};
use wire::Family;

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
