//! What the tests of this crate share.

use fib::{Action, Route, RouteKind, RouteOp};
use nix::sched::{CloneFlags, unshare};

/// Runs `body` in a network namespace of its own, which goes with it. None, with a word why, for who may not make one.
pub(crate) fn in_namespace<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: making a network namespace needs root");
        return None;
    }
    let inside = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        body()
    });
    Some(inside.join().expect("the test passes"))
}

/// An operation on the blackhole for 10.1.THIRD.0/24, named by that number.
pub(crate) fn blackhole_op(third: u8, action: Action) -> RouteOp {
    RouteOp {
        id: u64::from(third),
        action,
        route: Route {
            prefix: format!("10.1.{third}.0/24").parse().expect("a prefix"),
            table: 254,
            metric: 48,
            protocol: 186,
            kind: RouteKind::Blackhole,
        },
    }
}
