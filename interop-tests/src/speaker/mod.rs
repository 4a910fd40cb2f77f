//! A scripted BGP speaker: it says exactly the octets that it is told, right or wrong.
//!
//! Owns: a blocking TCP connection and the few messages that tests need, written by hand from
//! RFC 4271. Never does: keep a session alive by itself, or use the product's own codec, whose
//! faults it would then share.

mod message;

pub use message::{
    AttributeSet, Message, Notification, Update, frame, keepalive, open, read_update, update_v4,
    withdraw_v4, withdrawal,
};
pub use message::{KEEPALIVE, NOTIFICATION, OPEN, UPDATE};

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::lab::Namespace;
use crate::{LabError, Result};

/// One TCP connection to a daemon under test.
#[derive(Debug)]
pub struct Speaker {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came from the daemon.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// It closed the connection; the text says how.
    Closed(String),
    /// Nothing within the time given.
    Silence,
}

impl Speaker {
    /// Connects from `source` to port 179 of `target`, inside `namespace`.
    ///
    /// # Errors
    /// When the connection is refused or does not come up within 5 s.
    pub fn connect(namespace: &Namespace, source: IpAddr, target: IpAddr) -> Result<Speaker> {
        let stream = namespace.within(move || open_stream(source, SocketAddr::new(target, 179)))?;
        Ok(Speaker::over(stream))
    }

    /// A speaker over a connection that is there already.
    pub fn over(stream: TcpStream) -> Speaker {
        Speaker {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Connects and goes through OPEN and KEEPALIVE until the session is Established.
    ///
    /// # Errors
    /// When the daemon does not play along within 5 s a step.
    pub fn establish(
        namespace: &Namespace,
        source: Ipv4Addr,
        target: IpAddr,
        asn: u32,
    ) -> Result<Speaker> {
        let mut speaker = Speaker::connect(namespace, source.into(), target)?;
        speaker.handshake(source, asn)?;
        Ok(speaker)
    }

    /// OPEN and KEEPALIVE in both directions.
    ///
    /// # Errors
    /// As [`Speaker::establish`].
    pub fn handshake(&mut self, router_id: Ipv4Addr, asn: u32) -> Result<()> {
        self.send(&open(asn, 90, router_id))?;
        self.expect(|message| message.kind == message::OPEN)?;
        self.send(&keepalive())?;
        self.expect(|message| message.kind == message::KEEPALIVE)
    }

    /// Writes octets as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, octets: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(octets)?)
    }

    /// The next message, the end of the connection, or silence for `limit`.
    ///
    /// # Errors
    /// When what came is not framed as RFC 4271 section 4.1 says.
    pub fn next(&mut self, limit: Duration) -> Result<Event> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some((message, used)) = frame(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(Event::Message(message));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Event::Silence);
            }
            self.stream.set_read_timeout(Some(left))?;
            let mut chunk = [0; 8192];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(Event::Closed("FIN".into())),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Ok(Event::Closed(error.to_string())),
            }
        }
    }

    /// Reads until the daemon sends a NOTIFICATION, and returns it.
    ///
    /// # Errors
    /// When the connection ends without one, or none comes within `limit`.
    pub fn notification(&mut self, limit: Duration) -> Result<Notification> {
        let deadline = Instant::now() + limit;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now()))? {
                Event::Message(message) => {
                    if let Some(notification) = message.notification() {
                        return Ok(notification);
                    }
                }
                Event::Closed(how) => {
                    return Err(LabError::new(format!(
                        "closed ({how}) without a NOTIFICATION"
                    )));
                }
                Event::Silence => {
                    return Err(LabError::new(format!("no NOTIFICATION within {limit:?}")));
                }
            }
        }
    }

    fn expect(&mut self, wanted: impl Fn(&Message) -> bool) -> Result<()> {
        match self.next(Duration::from_secs(5))? {
            Event::Message(message) if wanted(&message) => Ok(()),
            other => Err(LabError::new(format!("the handshake met {other:?}"))),
        }
    }
}

/// Opens a connection from a given own address, in the namespace of the calling thread.
///
/// # Errors
/// When it does not come up within 5 s.
pub fn open_stream(source: IpAddr, target: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
    socket.connect_timeout(&SockAddr::from(target), Duration::from_secs(5))?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}
