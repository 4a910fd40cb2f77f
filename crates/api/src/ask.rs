//! Asking the speaker: a closure goes to its thread, and the answer comes back.

use std::time::Instant;

use speaker::{Ask, Speaker};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

/// The way to the speaker's thread. When its channel is full, callers wait: nothing queues up.
#[derive(Clone, Debug)]
pub(crate) struct Asker(mpsc::Sender<Ask>);

impl Asker {
    pub(crate) fn new(asks: mpsc::Sender<Ask>) -> Asker {
        Asker(asks)
    }

    /// Runs `question` on the speaker's thread. It must be short: sessions wait for it.
    ///
    /// # Errors
    /// UNAVAILABLE when the speaker is gone.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Speaker, Instant) -> T + Send + 'static,
    ) -> Result<T, Status> {
        let (tell, told) = oneshot::channel();
        let ask: Ask = Box::new(move |speaker, now| {
            // The client may have gone meanwhile; the answer is then for nobody.
            let _ = tell.send(question(speaker, now));
        });
        let stopping = || Status::unavailable("the daemon is stopping; try again when it runs");
        self.0.send(ask).await.map_err(|_| stopping())?;
        told.await.map_err(|_| stopping())
    }
}
