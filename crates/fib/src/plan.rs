//! From the difference to commands: at most [`BATCH`] operations each, at most [`WINDOW`] of them
//! unanswered, deletions when no write is left.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wire::Prefix;

use crate::entry::{Desired, InFlight, RouteKey, Standing};
use crate::group::GroupId;
use crate::reason::FailReason;
use crate::{Action, Busy, Fib, Hop, KernelCommand, KernelPort, Route, RouteKind, RouteOp};

/// Operations in one command. The kernel's answers to so many fit a default receive buffer.
pub(crate) const BATCH: usize = 100;
/// Operations that the kernel has not answered.
pub(crate) const WINDOW: usize = 4 * BATCH;
/// An operation without an answer for so long is given up and the kernel is read again.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for a dump.
pub(crate) const DUMP_TIMEOUT: Duration = Duration::from_secs(60);
/// Room in the queue of writes that is kept when it is empty; a full table leaves room for all of it.
const QUEUE_KEPT: usize = 2 * WINDOW;
/// Pause after the port was busy.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

impl Fib {
    /// The next command for the kernel, if there is one. Call until none; then again after the next
    /// [`Fib::handle`] and at [`Fib::next_deadline`].
    pub fn poll(&mut self, now: Instant) -> Option<KernelCommand> {
        self.expire(now);
        if self.busy_until.is_some() {
            return None;
        }
        if self.dump.asked_at.is_none() && self.dump.wanted_at.is_some_and(|at| at <= now) {
            self.dump.wanted_at = None;
            self.dump.asked_at = Some(now);
            return Some(KernelCommand::Dump);
        }
        if !self.synced || WINDOW - self.in_flight.len() < BATCH {
            return None;
        }
        let ops = self.batch(now);
        (!ops.is_empty()).then_some(KernelCommand::Apply(ops))
    }

    /// When [`Fib::poll`] has something to do even if nothing happens until then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.busy_until.is_some() {
            // Nothing can be said to the kernel before, whatever else is due.
            return self.busy_until;
        }
        let answer = self
            .in_flight
            .values()
            .next()
            .map(|op| op.sent_at + ANSWER_TIMEOUT);
        let dump = match self.dump.asked_at {
            Some(asked) => Some(asked + DUMP_TIMEOUT),
            None => self.dump.wanted_at,
        };
        let retry = self.retries.first().map(|(at, _)| *at);
        [answer, dump, retry, self.resync_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes a command back that the port had no room for; it comes again from [`Fib::poll`] a little
    /// later.
    pub fn refused(&mut self, now: Instant, command: KernelCommand) {
        self.busy_until = Some(now + BUSY_PAUSE);
        match command {
            KernelCommand::Dump => {
                self.dump.asked_at = None;
                self.want_dump(now);
            }
            KernelCommand::Apply(ops) => {
                for op in ops {
                    let Some(op) = self.in_flight.remove(&op.id) else {
                        continue;
                    };
                    if let Some(entry) = self.entries.get_mut(&op.key) {
                        entry.in_flight = false;
                        entry.disturbed = false;
                    }
                    self.enqueue(op.key);
                }
            }
        }
    }

    /// Sends everything that [`Fib::poll`] gives to `port`, until nothing is left or the port is busy.
    pub fn drive(&mut self, now: Instant, port: &mut dyn KernelPort) {
        while let Some(command) = self.poll(now) {
            if let Err(Busy(command)) = port.send(command) {
                self.refused(now, command);
                return;
            }
        }
    }

    /// Everything that the time alone brings.
    fn expire(&mut self, now: Instant) {
        if self.busy_until.is_some_and(|at| at <= now) {
            self.busy_until = None;
        }
        if !self.synced && self.dump.asked_at.is_none() {
            self.want_dump(now);
        }
        if self.resync_at.is_some_and(|at| at <= now) {
            self.resync_at = None;
            self.want_dump(now);
        }
        if self
            .dump
            .asked_at
            .is_some_and(|asked| asked + DUMP_TIMEOUT <= now)
        {
            self.dump.asked_at = None;
            self.want_dump(now);
        }
        while let Some((at, key)) = self.retries.first().copied()
            && at <= now
        {
            self.retries.remove(&(at, key));
            if let Some(failure) = self.entries.get_mut(&key).and_then(|e| e.failure.as_mut()) {
                failure.retry_at = None;
            }
            self.enqueue(key);
        }
        let late = |op: &InFlight| op.sent_at + ANSWER_TIMEOUT <= now;
        while self.in_flight.values().next().is_some_and(late) {
            self.give_up_oldest(now);
        }
    }

    fn give_up_oldest(&mut self, now: Instant) {
        let Some((_, op)) = self.in_flight.pop_first() else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(&op.key) {
            entry.in_flight = false;
            entry.disturbed = false;
            entry.standing = Standing::Unknown {
                protocol: op.protocol,
            };
        }
        self.synced = false;
        self.want_dump(now);
        self.enqueue(op.key);
    }

    fn batch(&mut self, now: Instant) -> Vec<RouteOp> {
        let mut ops = Vec::new();
        while ops.len() < BATCH {
            let Some(key) = self.writes.pop_front() else {
                break;
            };
            match self.plan(now, key) {
                Some(Planned {
                    action: Action::Delete,
                    ..
                }) => {
                    // Still queued: it waits behind the writes.
                    self.deletes.push_back(key);
                }
                Some(planned) => ops.push(self.launch(now, key, planned)),
                None => self.unqueue(key),
            }
        }
        while ops.len() < BATCH && self.writes.is_empty() {
            let Some(key) = self.deletes.pop_front() else {
                break;
            };
            match self.plan(now, key) {
                Some(planned) => ops.push(self.launch(now, key, planned)),
                None => self.unqueue(key),
            }
        }
        if self.writes.is_empty() && self.writes.capacity() > QUEUE_KEPT {
            self.writes = VecDeque::new();
        }
        ops
    }

    fn unqueue(&mut self, key: RouteKey) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.queued = false;
        }
        self.tidy(key);
    }

    fn launch(&mut self, now: Instant, key: RouteKey, planned: Planned) -> RouteOp {
        let Planned {
            action,
            protocol,
            kind,
        } = planned;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.queued = false;
            entry.in_flight = true;
            entry.disturbed = false;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.in_flight.insert(
            id,
            InFlight {
                key,
                action,
                protocol,
                kind: kind.clone(),
                sent_at: now,
            },
        );
        let route = Route {
            prefix: key.prefix,
            table: key.table,
            metric: key.metric,
            protocol,
            kind,
        };
        RouteOp { id, action, route }
    }

    /// What is to be done at a key now. Records failures that need no answer of the kernel.
    fn plan(&mut self, now: Instant, key: RouteKey) -> Option<Planned> {
        let entry = self.entries.get(&key)?;
        if entry.in_flight || entry.failure.as_ref().is_some_and(|f| f.retry_at.is_some()) {
            return None;
        }
        let wanted = match entry.desired {
            Desired::Nothing if entry.stale => return None,
            Desired::Nothing => return self.plan_delete(key),
            Desired::Blackhole => Ok(RouteKind::Blackhole),
            Desired::Group(group) => self.hops_for(&key, group, entry.onlink),
        };
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(reason) => {
                self.fail(now, key, reason, false);
                return self.plan_delete(key);
            }
        };
        self.plan_write(now, key, wanted)
    }

    pub(crate) fn hops_for(
        &self,
        key: &RouteKey,
        group: GroupId,
        onlink: bool,
    ) -> Result<RouteKind, FailReason> {
        let hops = self.groups.hops(group).clone()?;
        if key.prefix.addr().is_ipv4() {
            // An IPv4 route may have IPv6 gateways (RFC 8950), an IPv6 route no IPv4 ones.
            return Ok(RouteKind::Unicast(if onlink {
                forced(&hops)
            } else {
                hops
            }));
        }
        if let Some(gateway) = hops
            .iter()
            .filter_map(|hop| hop.gateway)
            .find(IpAddr::is_ipv4)
        {
            return Err(FailReason::FamilyMismatch(gateway));
        }
        // A connected IPv4 route has metric 0 and wins anyhow.
        if let Some(link) = self.topology.connected(&key.prefix) {
            return Err(FailReason::Connected {
                link: link.name.clone(),
            });
        }
        Ok(RouteKind::Unicast(if onlink {
            forced(&hops)
        } else {
            hops
        }))
    }

    /// True if a route of ours covers one of the gateways more closely than its link does; the
    /// kernel would look the gateway up through it and refuse.
    pub(crate) fn covers_a_gateway(&self, hops: &[Hop]) -> bool {
        let metric = self.config.owner.metric;
        hops.iter().filter_map(|hop| hop.gateway).any(|gateway| {
            (1..=if gateway.is_ipv4() { 32 } else { 128 }).any(|length| {
                Prefix::new(gateway, length).is_ok_and(|prefix| {
                    let entry = self.entries.get(&self.own_key(prefix.trunc(), metric));
                    entry.is_some_and(|entry| matches!(entry.standing, Standing::Present { .. }))
                })
            })
        })
    }

    fn plan_delete(&self, key: RouteKey) -> Option<Planned> {
        let (protocol, kind) = match &self.entries.get(&key)?.standing {
            Standing::Absent => return None,
            Standing::Present { protocol, kind } => (*protocol, kind.clone()),
            Standing::Unknown { protocol } | Standing::Gone { protocol } => {
                (*protocol, RouteKind::Unicast([].into()))
            }
        };
        Some(Planned {
            action: Action::Delete,
            protocol,
            kind,
        })
    }

    fn plan_write(&mut self, now: Instant, key: RouteKey, wanted: RouteKind) -> Option<Planned> {
        let protocol = self.config.owner.protocol;
        let entry = self.entries.get_mut(&key)?;
        let action = match &mut entry.standing {
            Standing::Present {
                protocol: theirs,
                kind,
            } if *theirs == protocol && *kind == wanted => {
                // The same value, but shared with the group.
                *kind = wanted;
                if let Some(at) = entry.forgiven() {
                    self.retries.remove(&(at, key));
                }
                return None;
            }
            Standing::Absent | Standing::Gone { .. } => Action::Create,
            Standing::Present { .. } | Standing::Unknown { .. } => Action::Replace,
        };
        if let Some(protocol) = self
            .foreign
            .get(&key)
            .and_then(|list| list.first())
            .copied()
        {
            self.fail(
                now,
                key,
                FailReason::Conflict {
                    protocol,
                    metric: key.metric,
                },
                false,
            );
            return None;
        }
        Some(Planned {
            action,
            protocol,
            kind: wanted,
        })
    }
}

fn forced(hops: &[Hop]) -> Arc<[Hop]> {
    hops.iter()
        .map(|hop| Hop {
            onlink: true,
            ..*hop
        })
        .collect()
}

/// An operation without its id.
struct Planned {
    action: Action,
    protocol: u8,
    kind: RouteKind,
}
