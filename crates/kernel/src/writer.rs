//! The thread that writes routes.
//!
//! At most [`BATCH`] requests in one send. The kernel carries them out in order, within the send, and
//! says of each that it refuses why; only the last one asks for a word if all is well. That word is
//! behind every refusal, so what has none by then was done. A batch whose refusals would overflow
//! the receive buffer is no danger: the kernel tells of that before anything else.

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
    while answers.last().is_some_and(Option::is_none) {
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
            Received::Nothing => {
                if !socket.wait(deadline)? {
                    return Ok(());
                }
            }
            Received::Lost => return Err(nix::errno::Errno::ENOBUFS.into()),
        }
    }
    for answer in answers {
        answer.get_or_insert(Ok(()));
    }
    Ok(())
}
