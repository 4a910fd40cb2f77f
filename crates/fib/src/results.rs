//! The kernel's answers to operations.

use std::time::Instant;

use crate::entry::{Desired, InFlight, RouteKey, Standing};
use crate::reason::FailReason;
use crate::{Action, Fib, RouteError, RouteKind};

impl Fib {
    pub(crate) fn results(&mut self, now: Instant, results: Vec<(u64, Result<(), RouteError>)>) {
        for (id, result) in results {
            // An answer that comes after we gave up says nothing: the dump does.
            if let Some(op) = self.in_flight.remove(&id) {
                self.answered(now, op, result);
            }
        }
    }

    fn answered(&mut self, now: Instant, op: InFlight, result: Result<(), RouteError>) {
        let InFlight {
            key,
            action,
            protocol,
            kind,
            sent_at: _,
        } = op;
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.in_flight = false;
        let disturbed = std::mem::take(&mut entry.disturbed);
        let failed = match (action, result) {
            (Action::Create | Action::Replace, Ok(())) => {
                entry.standing = Standing::Present { protocol, kind };
                None
            }
            (Action::Delete, Ok(())) => {
                entry.standing = Standing::Absent;
                None
            }
            (Action::Delete, Err(error)) if error.errno == RouteError::NO_SUCH_ROUTE => {
                entry.standing = Standing::Absent;
                None
            }
            (Action::Create, Err(error)) => {
                entry.standing = Standing::Gone { protocol };
                Some((error, kind))
            }
            (Action::Replace | Action::Delete, Err(error)) => {
                entry.standing = Standing::Unknown { protocol };
                Some((error, kind))
            }
        };
        if disturbed {
            entry.standing.doubt();
            self.want_dump(now);
        } else if entry.failure.is_none() && failed.is_none() && self.is_settled(&key) {
            // What the plan would find out; most answers are such.
            return;
        }
        match failed {
            None => self.succeeded(key, action),
            Some((error, kind)) if self.needs_force(key, action, &error, &kind) => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.onlink = true;
                }
            }
            Some((error, _)) => {
                if error.errno == RouteError::EXISTS {
                    // Something stands there that we do not know: look who it is.
                    self.want_dump(now);
                }
                self.fail(now, key, FailReason::Refused(error), true);
            }
        }
        self.enqueue(key);
    }

    /// True if what stands there is what is wanted there now.
    fn is_settled(&self, key: &RouteKey) -> bool {
        let Some(entry) = self.entries.get(key) else {
            return false;
        };
        let Standing::Present { protocol, kind } = &entry.standing else {
            return false;
        };
        let wanted = match entry.desired {
            Desired::Nothing => return false,
            Desired::Blackhole => Ok(RouteKind::Blackhole),
            Desired::Group(group) => self.hops_for(key, group, entry.onlink),
        };
        *protocol == self.config.owner.protocol && wanted.as_ref() == Ok(kind)
    }

    /// True if the kernel refused the gateways only because a route of ours covers one of them, and
    /// was not told yet not to look.
    fn needs_force(
        &self,
        key: RouteKey,
        action: Action,
        error: &RouteError,
        kind: &RouteKind,
    ) -> bool {
        action != Action::Delete
            && RouteError::UNREACHABLE.contains(&error.errno)
            && self.entries.get(&key).is_some_and(|entry| !entry.onlink)
            && self.covers_a_gateway(kind.hops())
    }

    fn succeeded(&mut self, key: RouteKey, action: Action) {
        match action {
            Action::Create | Action::Replace => self.forgive(key),
            // A route that was taken out because nothing resolves keeps that reason.
            Action::Delete => {}
        }
    }
}
