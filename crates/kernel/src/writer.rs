//! The thread that writes routes.
//!
//! At most [`BATCH`] requests in one send, every one with an acknowledgement: more would overflow a
//! default receive buffer, and the lost answers would never come.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use fib::{KernelEvent, RouteError, RouteOp};
use netlink_packet_core::NetlinkPayload;

use crate::ack;
use crate::event::OnEvent;
use crate::message;
use crate::socket::{Received, RouteSocket, encode};

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
    let mut sequences = Vec::with_capacity(ops.len());
    for op in ops {
        let sequence = socket.next_sequence();
        sequences.push(sequence);
        let (message, flags) = message::of_op(op);
        encode(octets, message, flags, sequence);
    }
    let mut answers: Vec<Option<Result<(), RouteError>>> = vec![None; ops.len()];
    if let Err(error) = socket
        .send(octets)
        .and_then(|()| collect(socket, &sequences, &mut answers))
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

fn collect(
    socket: &mut RouteSocket,
    sequences: &[u32],
    answers: &mut [Option<Result<(), RouteError>>],
) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut missing = answers.len();
    while missing > 0 && socket.wait(deadline)? {
        let received = socket.receive(|message| {
            // Answers of an earlier, given up batch have other numbers.
            if let NetlinkPayload::Error(error) = message.payload
                && let Some(at) = sequences
                    .iter()
                    .position(|s| *s == message.header.sequence_number)
                && answers[at].is_none()
            {
                answers[at] = Some(ack::result_of(&error));
                missing -= 1;
            }
        })?;
        if matches!(received, Received::Lost) {
            return Err(nix::errno::Errno::ENOBUFS.into());
        }
    }
    Ok(())
}
