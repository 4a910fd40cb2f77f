//! Taking every route of ours out, without a daemon running.

use fib::{Action, Owner, Route, RouteOp};
use wire::Prefix;

use crate::dump;
use crate::port::{KernelError, check_permission, tables};
use crate::writer::{BATCH, apply};

/// What [`cleanup`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// IPv4 routes removed.
    pub ipv4: usize,
    /// IPv6 routes removed.
    pub ipv6: usize,
    /// Routes that the kernel did not let go, and why.
    pub failed: Vec<(Prefix, String)>,
}

/// Removes every route, of both families, that carries the marks of one of `owners`. Foreign routes
/// are not touched. What went meanwhile counts as removed.
///
/// # Errors
/// [`KernelError`] if the kernel cannot be read or routes may not be changed.
pub fn cleanup(owners: &[Owner]) -> Result<Cleaned, KernelError> {
    let mut socket = dump::open()?;
    check_permission(&mut socket)?;
    let mut ours: Vec<Route> = Vec::new();
    let owned = |r: &Route| {
        owners
            .iter()
            .any(|owner| owner.owns(r.protocol, r.metric, r.table))
    };
    dump::routes(&mut socket, &tables(owners), |route| {
        if owned(&route) {
            ours.push(route);
        }
    })?;
    let ops: Vec<RouteOp> = (0..)
        .zip(ours)
        .map(|(id, route)| RouteOp {
            id,
            action: Action::Delete,
            route,
        })
        .collect();
    let mut cleaned = Cleaned::default();
    let mut octets = Vec::new();
    for batch in ops.chunks(BATCH) {
        for (op, (_, result)) in batch.iter().zip(apply(&mut socket, &mut octets, batch)) {
            match result {
                Err(error) if error.errno != nix::libc::ESRCH => {
                    cleaned.failed.push((op.route.prefix, error.to_string()));
                }
                Ok(()) | Err(_) => match op.route.prefix {
                    Prefix::V4(_) => cleaned.ipv4 += 1,
                    Prefix::V6(_) => cleaned.ipv6 += 1,
                },
            }
        }
    }
    Ok(cleaned)
}
