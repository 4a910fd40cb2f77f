//! What goes into a session and what comes out of it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use wire::{AfiSafi, Family, Fault, Frame, Notification};

use crate::negotiate::Negotiated;
use crate::reason::{CloseCause, Down, LastError, Unfit};
use crate::side::Side;

/// What happens to a session.
///
/// After [`Output::Close`] or [`Output::Abort`] the driver gives nothing of that connection any more, also not what it
/// had already read.
#[derive(Debug)]
pub enum Input<'a> {
    /// Start (ManualStart, or AutomaticStart for a peer of the configuration). Nothing if already started.
    Enable,
    /// Stop and stay Idle until [`Input::Enable`] (ManualStop). The NOTIFICATION goes to each open connection.
    Disable {
        /// A Cease: Administrative Shutdown, or Peer De-configured if the session is about to be dropped.
        notification: Notification,
    },
    /// Stop as for [`Input::Disable`], but to be back soon: a peer that keeps our routes meanwhile is not told to drop them
    /// (RFC 4724). The NOTIFICATION goes to the others.
    Restart {
        /// A Cease: Administrative Shutdown.
        notification: Notification,
    },
    /// End the session and start over, at once if it was waiting.
    Reset {
        /// A Cease that says why.
        notification: Notification,
    },
    /// End the session, because it takes more than there is or than it may, and let nobody in for a while.
    Shed {
        /// A Cease that says why.
        notification: Notification,
        /// For how long.
        hold: Hold,
    },
    /// The connection that [`Output::Connect`] asked for is there.
    Connected {
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// The connection that [`Output::Connect`] asked for did not come to be.
    ConnectFailed(io::ErrorKind),
    /// The peer connected to us. Answered by [`Output::Adopt`] or [`Output::Refuse`].
    Accepted {
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// The peer connected to us in a way that it must not. That connection is closed already.
    Unfit(Unfit),
    /// A message came.
    Frame {
        /// On which connection.
        side: Side,
        /// The message.
        frame: Frame<'a>,
    },
    /// What came cannot be a message, or an UPDATE has a fault that resets the session.
    Fault {
        /// On which connection.
        side: Side,
        /// What is wrong.
        fault: Fault,
    },
    /// A connection is gone.
    Closed {
        /// Which.
        side: Side,
        /// Why.
        cause: CloseCause,
    },
    /// Time has passed: [`crate::Session::next_deadline`] is reached. Give what can be read before this, so that a
    /// driver that was held up does not end a session whose peer was on time.
    Timer,
}

/// How long nobody is let in after [`Input::Shed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// For the longest idle hold time, or up to a quarter less.
    Longest,
    /// For so long.
    For(Duration),
    /// Until [`Input::Reset`], or [`Input::Disable`] and [`Input::Enable`].
    UntilReset,
}

/// What a session wants done. In this order, each before the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a connection to the peer.
    Connect,
    /// Give up the connection that is being opened.
    Abort,
    /// The connection of the last [`Input::Accepted`] is the session's incoming one from here on.
    Adopt,
    /// Close the connection of the last [`Input::Accepted`], after this message if there is one.
    Refuse {
        /// What to send before.
        notification: Option<Notification>,
    },
    /// Write these octets, a whole message.
    Send {
        /// To which connection.
        side: Side,
        /// The message.
        bytes: Bytes,
    },
    /// Close a connection once what was sent is written. A lost connection ([`Input::Closed`]) needs no Close.
    Close {
        /// Which.
        side: Side,
    },
    /// The session is Established. UPDATEs may be sent from here on.
    Up(Box<Negotiated>),
    /// The session is no longer Established. Between two of these there is one Up.
    Down(Down),
    /// A connection ended before it was Established, or could not be opened. The session itself goes on trying.
    Failed(LastError),
    /// The peer wants all routes of this family again. It is one of the negotiated families.
    Refresh {
        /// The family.
        family: AfiSafi,
    },
    /// The peer begins to send all its routes of this family again (BoRR, RFC 7313 section 4).
    RefreshBegins {
        /// The family.
        family: Family,
    },
    /// The peer has sent all its routes of this family again (EoRR, RFC 7313 section 4).
    RefreshEnds {
        /// The family.
        family: Family,
    },
}

/// What TCP took of what waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// All: nothing waits any more.
    All,
    /// Some; the rest waits.
    Some,
    /// Nothing.
    Nothing,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum FrameUse {
    /// The session has dealt with it.
    Handled,
    /// It is an UPDATE and the session is Established: the caller decodes it. The hold timer is already restarted.
    Update,
}
