//! Reading links and addresses, through rtnetlink.
//!
//! rtnetlink is asynchronous: the calling thread runs it on a runtime that lives for the reading
//! only. There is one request at a time and few answers, so its inner queue stays short.

use std::io;
use std::time::Duration;

use fib::{Address, Link};
use tokio_stream::StreamExt;

use crate::message;

/// Links and addresses together take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every link and every address in this thread's network namespace.
pub(crate) fn read() -> io::Result<(Vec<Link>, Vec<Address>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match tokio::time::timeout(PATIENCE, ask()).await {
            Ok(answer) => answer,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "links and addresses are not told",
            )),
        }
    })
}

async fn ask() -> io::Result<(Vec<Link>, Vec<Address>)> {
    let (connection, handle, _notifications) = rtnetlink::new_connection()?;
    let connection = tokio::spawn(connection);
    let mut links = Vec::new();
    let mut answers = std::pin::pin!(handle.link().get().execute());
    while let Some(link) = answers.next().await {
        links.extend(message::to_link(&link.map_err(io::Error::other)?));
    }
    let mut addresses = Vec::new();
    let mut answers = std::pin::pin!(handle.address().get().execute());
    while let Some(address) = answers.next().await {
        addresses.extend(message::to_address(&address.map_err(io::Error::other)?));
    }
    connection.abort();
    Ok((links, addresses))
}
