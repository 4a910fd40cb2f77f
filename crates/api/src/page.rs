//! Lists as streams of pages. A page is asked for when the client has room for it, so that a slow
//! client holds one page and the speaker none.

use std::time::Instant;

use speaker::Speaker;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::ask::Asker;

/// Rows in a page: what one question may cost the speaker.
pub(crate) const ROWS: usize = 256;

/// A stream of answers.
pub(crate) type Pages<T> = ReceiverStream<Result<T, Status>>;

/// What asking for a page gave.
pub(crate) struct Page<T, C> {
    /// The answer; none: nothing in this step, go on.
    pub(crate) answer: Option<T>,
    /// Where the next page begins; none: this was the last.
    pub(crate) next: Option<C>,
}

/// Streams the pages that `step` gives, from `start` on.
pub(crate) fn pages<T, C, F>(asker: Asker, start: C, step: F) -> Pages<T>
where
    T: Send + 'static,
    C: Send + 'static,
    F: FnMut(&mut Speaker, Instant, C) -> Result<Page<T, C>, Status> + Send + 'static,
{
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(walk(asker, start, step, tell));
    ReceiverStream::new(told)
}

async fn walk<T, C, F>(asker: Asker, start: C, mut step: F, tell: mpsc::Sender<Result<T, Status>>)
where
    T: Send + 'static,
    C: Send + 'static,
    F: FnMut(&mut Speaker, Instant, C) -> Result<Page<T, C>, Status> + Send + 'static,
{
    let mut place = Some(start);
    while let Some(from) = place.take() {
        // The client has gone: so do we.
        let Ok(room) = tell.reserve().await else {
            return;
        };
        let asked = asker.ask(move |speaker, now| {
            let page = step(speaker, now, from);
            (page, step)
        });
        let (page, back) = match asked.await {
            Ok(answered) => answered,
            Err(status) => return room.send(Err(status)),
        };
        step = back;
        match page {
            Ok(page) => {
                place = page.next;
                if let Some(answer) = page.answer {
                    room.send(Ok(answer));
                }
            }
            Err(status) => return room.send(Err(status)),
        }
    }
}
