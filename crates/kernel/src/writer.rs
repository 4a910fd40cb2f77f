//! The thread that writes routes.
//!
//! At most [`BATCH`] requests in one send. The kernel carries them out in order, within the send, and
//! says of each that it refuses why; only the last one asks for a word if all is well. That word is
//! behind every refusal, so what has none by then was done. A batch whose refusals would overflow
//! the receive buffer is no danger: the kernel tells of that before anything else (`docs/adr/0011`).

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use fib::{KernelEvent, RouteError, RouteOp};

use crate::ack;
use crate::event::OnEvent;
use crate::message;
use crate::netlink::{ACK, Answer};
use crate::socket::{Received, RouteSocket};

pub(crate) const BATCH: usize = 100;
/// The kernel answers while it is being asked; this is for what should never be.
const PATIENCE: Duration = Duration::from_secs(10);

/// What each operation came to, by its id.
pub(crate) type Results = Vec<(u64, Result<(), RouteError>)>;

/// Runs until the other end of `commands` is dropped.
pub(crate) fn run(
    mut socket: RouteSocket,
    commands: &Receiver<Vec<RouteOp>>,
    on_event: &Arc<OnEvent>,
) {
    let mut octets = Vec::new();
    while let Ok(ops) = commands.recv() {
        for batch in ops.chunks(BATCH) {
            let results = apply(&mut socket, &mut octets, batch);
            on_event(KernelEvent::Results(results));
        }
    }
}

/// Carries out at most [`BATCH`] operations, in order, and answers every one.
pub(crate) fn apply(socket: &mut RouteSocket, octets: &mut Vec<u8>, ops: &[RouteOp]) -> Results {
    octets.clear();
    let count = u32::try_from(ops.len()).expect("invariant: batches are small");
    let first = socket.sequences(count);
    for (sequence, op) in (first..).zip(ops) {
        let is_last = sequence == first + count - 1;
        message::push_op(octets, op, if is_last { ACK } else { 0 }, sequence);
    }
    let mut answers: Vec<Option<Result<(), RouteError>>> = vec![None; ops.len()];
    if let Err(error) = socket
        .send(octets)
        .and_then(|()| collect(socket, first, &mut answers))
    {
        let text = format!("netlink: {error}");
        for answer in answers.iter_mut().filter(|answer| answer.is_none()) {
            let errno = error.raw_os_error().unwrap_or_default();
            *answer = Some(Err(RouteError {
                errno,
                text: text.as_str().into(),
            }));
        }
    }
    let answer = |answer: Option<_>| answer.unwrap_or_else(|| Err(ack::unanswered()));
    ops.iter()
        .map(|op| op.id)
        .zip(answers.into_iter().map(answer))
        .collect()
}

/// Takes the answers to the requests from number `first` on, up to that to the last one.
fn collect(
    socket: &mut RouteSocket,
    first: u32,
    answers: &mut [Option<Result<(), RouteError>>],
) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut lost = false;
    while lost || answers.last().is_some_and(Option::is_none) {
        let received = socket.receive(|message| {
            // Answers of an earlier, given up batch have other numbers.
            let at = message.sequence.wrapping_sub(first) as usize;
            if let Answer::Code(code, rest) = message.answer()
                && let Some(answer) = answers.get_mut(at)
            {
                *answer = Some(ack::result_of(code, rest));
            }
        })?;
        match received {
            Received::Messages => {}
            Received::Lost => lost = true,
            // The kernel says no more until all that it said was read, and does not say so again.
            Received::Nothing if lost => return Err(nix::errno::Errno::ENOBUFS.into()),
            Received::Nothing => {
                if !socket.wait(deadline)? {
                    return Ok(());
                }
            }
        }
    }
    for answer in answers {
        answer.get_or_insert(Ok(()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use fib::Action;
    use nix::errno::Errno;
    use nix::sys::socket::{setsockopt, sockopt};

    use super::*;
    use crate::testing::{blackhole_op, in_namespace};

    /// The deletion of so many routes that are not there, and behind it a route that can be made.
    fn batch(refused: u8) -> Vec<RouteOp> {
        let mut ops: Vec<RouteOp> = (0..refused)
            .map(|third| blackhole_op(third, Action::Delete))
            .collect();
        ops.push(blackhole_op(refused, Action::Replace));
        ops
    }

    /// The errno of each operation; none if it was done.
    fn errnos(socket: &mut RouteSocket, ops: &[RouteOp]) -> Vec<Option<i32>> {
        let results = apply(socket, &mut Vec::new(), ops);
        let ids = results.iter().map(|(id, _)| *id);
        assert!(ids.eq(ops.iter().map(|op| op.id)));
        let errno = |result: Result<(), RouteError>| result.err().map(|error| error.errno);
        results
            .into_iter()
            .map(|(_, result)| errno(result))
            .collect()
    }

    #[test]
    fn what_was_refused_is_never_taken_for_done() {
        in_namespace(|| {
            let ops = batch(99);
            let refused = Some(Errno::ESRCH as i32);
            let mut socket = RouteSocket::open(1 << 20).unwrap();
            let told = errnos(&mut socket, &ops);
            assert_eq!(told[..99], [refused; 99]);
            assert_eq!(told[99], None);
            // Room for an answer or two: the others are lost, and so is the word about the last.
            setsockopt(&socket, sockopt::RcvBuf, &1).unwrap();
            let told = errnos(&mut socket, &ops);
            let lost = Some(Errno::ENOBUFS as i32);
            assert!(told.iter().all(|told| *told == lost || *told == refused));
            assert!(told.iter().filter(|told| **told == lost).count() > 90);
            // It is over with that batch.
            assert_eq!(errnos(&mut socket, &batch(0)), [None]);
        });
    }
}
