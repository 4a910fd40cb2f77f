//! One task per TCP connection: octets in, slices of shared messages out.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use speaker::{CloseCause, ConnId, Dial};
use tokio::net::TcpStream;

use crate::core::{Core, Handle};
use crate::outlet::{Outlet, Pending};
use crate::sockets;

/// What a connection may do before others have their turn, in octets written; reading one takes as long as writing
/// several.
const TURN: usize = 256 * 1024;
/// Octets written in the time that it takes to read one.
const READING: usize = 4;
/// How long the last words of a session may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Connections that say their last words at the same time; each holds a descriptor meanwhile.
const LEAVING: usize = 4096;

/// Opens a connection and runs it.
pub(crate) async fn dial(core: Rc<Core>, dial: Dial, handle: Rc<Handle>) {
    let password = core.bindings.password_of(dial.remote.ip());
    let opened = tokio::select! {
        opened = sockets::connect(&dial, password.as_ref()) => opened,
        () = closed(&handle) => return,
    };
    match opened.and_then(|stream| Ok((stream.local_addr()?, stream.peer_addr()?, stream))) {
        Ok((local, remote, stream)) => {
            core.with(|speaker, now| speaker.on_connected(now, dial.conn, local, remote));
            run(core, dial.conn, stream, handle).await;
        }
        Err(error) => {
            if dial.guard.device.is_some() {
                // It may be for want of that.
                core.bindings.look();
            }
            core.forget(dial.conn);
            core.with(|speaker, now| speaker.on_connect_failed(now, dial.conn, error.kind()));
        }
    }
}

/// Waits until the speaker wants the connection closed.
async fn closed(handle: &Handle) {
    while handle.closing.borrow().is_none() {
        handle.notify.notified().await;
    }
}

/// Runs an open connection until either side ends it.
pub(crate) async fn run(core: Rc<Core>, conn: ConnId, stream: TcpStream, handle: Rc<Handle>) {
    core.open.set(core.open.get() + 1);
    let outlet = handle.outlet.get_or_init(|| Outlet::new(stream));
    let stream = &outlet.stream;
    // Tasks are polled one after the other, each as long as its socket is ready: it has to give way by itself.
    let mut done = 0;
    let ended = loop {
        if let Some(last) = handle.closing.take() {
            let pending = outlet.close(last);
            // On the heap, so that a connection that is open does not hold the room for its end.
            Box::pin(leave(&core, stream, pending)).await;
            break None;
        }
        let writes = outlet.refill(&core, conn);
        // What is not read waits at its sender.
        let full = core.is_full();
        let outcome = tokio::select! {
            ready = stream.readable(), if !full => match ready {
                // Others may have read since this one began to wait.
                Ok(()) if core.is_full() => Ok(0),
                Ok(()) => read(&core, conn, stream).await.map(|octets| READING * octets),
                Err(error) => Err(error),
            },
            ready = stream.writable(), if writes => match ready {
                Ok(()) => Ok(outlet.write(&core, conn)),
                // What the peer said before it went is still read.
                Err(_) => Ok(outlet.give_up()),
            },
            () = handle.notify.notified() => Ok(0),
            () = core.roomy.notified(), if full => Ok(0),
        };
        match outcome {
            Ok(octets) => done += octets,
            Err(error) => break Some(error),
        }
        if done >= TURN {
            done = 0;
            tokio::task::yield_now().await;
        }
    };
    core.open.set(core.open.get() - 1);
    core.stepped.notify_waiters();
    if let Some(error) = ended {
        core.forget(conn);
        let cause = match error.kind() {
            io::ErrorKind::UnexpectedEof => CloseCause::Eof,
            kind => CloseCause::Error(kind),
        };
        core.with(|speaker, now| speaker.on_closed(now, conn, cause));
    }
}

/// Says the last words. Where very many do so at once, as when somebody connects without end, a
/// further one writes what the socket takes and is closed.
async fn leave(core: &Core, stream: &TcpStream, mut pending: Pending) {
    if core.leaving.get() >= LEAVING {
        // Best effort, as all of this is.
        let _ = pending.write(stream);
        return;
    }
    core.leaving.set(core.leaving.get() + 1);
    farewell(stream, pending).await;
    core.leaving.set(core.leaving.get() - 1);
}

/// Reads once and gives the octets to the speaker, in slices between which others have their turn; how many there were.
/// The pump looks at the consequences of all together, so that they are told of in few messages.
async fn read(core: &Core, conn: ConnId, stream: &TcpStream) -> io::Result<usize> {
    let (length, rest) = match read_slice(core, conn, stream) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut taken = 0;
    while taken < rest.len() {
        tokio::task::yield_now().await;
        let mut speaker = core.speaker.borrow_mut();
        taken += speaker.take_bytes(Instant::now(), conn, &rest[taken..]);
    }
    core.wake();
    Ok(length)
}

/// Reads once, and gives the speaker a slice of it: how many octets there were, and those that are left.
fn read_slice(core: &Core, conn: ConnId, stream: &TcpStream) -> io::Result<(usize, Vec<u8>)> {
    let mut scratch = core.scratch.borrow_mut();
    let length = stream.try_read(&mut scratch)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let octets = &scratch[..length];
    let mut speaker = core.speaker.borrow_mut();
    let taken = speaker.take_bytes(Instant::now(), conn, octets);
    Ok((length, octets[taken..].to_vec()))
}

/// Sends what is left, then closes without destroying it: data the peer has sent meanwhile is
/// read away first, because closing over unread data resets the connection and the peer would
/// never see our NOTIFICATION. A peer that takes no more is reset, so that the system does not keep
/// for it what it never reads.
async fn farewell(stream: &TcpStream, mut pending: Pending) {
    // Best effort: a peer that no longer reads gets no more than this.
    let _ = tokio::time::timeout(FAREWELL, last_words(stream, &mut pending)).await;
    if !pending.is_empty() {
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
}

async fn last_words(stream: &TcpStream, pending: &mut Pending) -> io::Result<()> {
    while !pending.is_empty() {
        stream.writable().await?;
        pending.write(stream)?;
    }
    socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write)?;
    let mut sink = [0; 4096];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut sink) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}

/// Sends one message to a connection nobody wants, then closes it.
pub(crate) async fn refuse(stream: TcpStream, message: Option<Bytes>) {
    let mut pending = Pending::default();
    pending.extend(message);
    farewell(&stream, pending).await;
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::SocketAddr;
    use std::time::Instant;

    use speaker::{Identity, Speaker};

    use super::*;

    const PEER: &str = "as: 64512\npeers: [{address: 127.0.0.1, as: internal}]\n";

    fn core() -> Rc<Core> {
        let config = config::parse(PEER, "test.yaml", config::Role::Reflector, &|_| None)
            .expect("a valid configuration");
        let identity = Identity::of(&config, None);
        let now = Instant::now();
        let mut speaker = Speaker::new(now, config, identity, 1);
        speaker.start(now);
        Rc::new(Core::new(speaker))
    }

    /// The connection that a peer opens to us.
    async fn accepted(listener: &tokio::net::TcpListener, core: &Rc<Core>) -> (TcpStream, ConnId) {
        let (stream, remote) = listener.accept().await.expect("the peer connects");
        let local = stream.local_addr().expect("it has an address");
        match core.with(|speaker, now| speaker.on_accepted(now, local, remote)) {
            speaker::Admission::Accepted { conn, .. } => (stream, conn),
            speaker::Admission::Refused(_) => panic!("the peer is configured"),
        }
    }

    fn reason_of_a_peer_that_refused_and_closed() -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let core = core();
        runtime.block_on(async {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let listener = tokio::net::TcpListener::bind(any).await.unwrap();
            let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, conn) = accepted(&listener, &core).await;
            // 2/2, Bad Peer AS, and the peer is gone before our OPEN is written: it answers with a reset.
            let mut refusal = vec![0xff; 16];
            refusal.extend([0, 21, 3, 2, 2]);
            peer.write_all(&refusal).unwrap();
            drop(peer);
            stream.writable().await.unwrap();
            while stream.try_write(&[0xff]).is_ok() {
                tokio::task::yield_now().await;
            }
            let handle = core.register(conn);
            let ended = tokio::time::timeout(
                Duration::from_secs(5),
                run(Rc::clone(&core), conn, stream, handle),
            );
            assert!(ended.await.is_ok());
        });
        let speaker = core.speaker.borrow();
        let error = speaker
            .peers()
            .next()
            .and_then(|peer| peer.session().last_error());
        error
            .map(|error| error.reason.to_string())
            .unwrap_or_default()
    }

    /// OPEN of AS 64512 with a hold time of 90 s and no capability, then a KEEPALIVE.
    fn greeting() -> Vec<u8> {
        let mut octets = vec![0xff; 16];
        octets.extend([0, 29, 1, 4, 0xfc, 0, 0, 90, 10, 0, 0, 9, 0]);
        octets.extend(keepalive());
        octets
    }

    fn keepalive() -> Vec<u8> {
        let mut octets = vec![0xff; 16];
        octets.extend([0, 19, 4]);
        octets
    }

    #[test]
    fn a_busy_peer_lets_others_have_their_turn() {
        const FLOOD: u64 = 200_000;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let core = core();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let listener = tokio::net::TcpListener::bind(any).await.unwrap();
            let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, conn) = accepted(&listener, &core).await;
            peer.write_all(&greeting()).unwrap();
            let flood = std::thread::spawn(move || {
                let octets = keepalive().repeat(1000);
                for _ in 0..FLOOD / 1000 {
                    peer.write_all(&octets).unwrap();
                }
                peer
            });
            let handle = core.register(conn);
            core.spawn(run(Rc::clone(&core), conn, stream, handle));
            let heard = |core: &Core| {
                let speaker = core.speaker.borrow();
                let peer = speaker.peers().next().expect("it is configured");
                peer.session().counters().received.iter().sum::<u64>()
            };
            let (mut before, mut most) = (0, 0);
            let others = async {
                while before < FLOOD {
                    let now = heard(&core);
                    most = most.max(now - before);
                    before = now;
                    tokio::task::yield_now().await;
                }
            };
            let ended = tokio::time::timeout(Duration::from_secs(20), others).await;
            assert!(ended.is_ok(), "{before} of {FLOOD} messages");
            drop(flood.join());
            // A read that nearly used up the turn, and a whole one of 64 KiB.
            assert!(
                most <= 2 * 64 * 1024 / 19 + 1,
                "{most} messages in one turn"
            );
        });
    }

    #[test]
    fn the_last_words_of_a_peer_that_closed_are_heard() {
        // Whether reading or writing comes first is left to chance.
        for _ in 0..10 {
            let reason = reason_of_a_peer_that_refused_and_closed();
            assert!(reason.contains("Bad Peer AS"), "{reason}");
        }
    }
}
