//! Error codes of NOTIFICATION messages, and the subcodes of Cease. The subcodes of the other codes are numbers that
//! `fault` maps to and `notification` names.
//!
//! RFC 4271 4.5 and 6, RFC 4486, RFC 7313 5, RFC 8538 3, RFC 9384, RFC 9687.

/// Error codes of a NOTIFICATION message (RFC 4271 4.5 and the registry that followed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ErrorCode {
    /// Message Header Error (RFC 4271 6.1).
    MessageHeader = 1,
    /// OPEN Message Error (RFC 4271 6.2).
    Open = 2,
    /// UPDATE Message Error (RFC 4271 6.3).
    Update = 3,
    /// Hold Timer Expired (RFC 4271 6.5).
    HoldTimerExpired = 4,
    /// Finite State Machine Error (RFC 4271 6.6).
    FiniteStateMachine = 5,
    /// Cease (RFC 4271 6.7).
    Cease = 6,
    /// ROUTE-REFRESH Message Error (RFC 7313 5).
    RouteRefresh = 7,
    /// Send Hold Timer Expired (RFC 9687 4).
    SendHoldTimerExpired = 8,
}

impl ErrorCode {
    /// The error code with this number, if we know it.
    pub fn from_u8(code: u8) -> Option<ErrorCode> {
        Some(match code {
            1 => ErrorCode::MessageHeader,
            2 => ErrorCode::Open,
            3 => ErrorCode::Update,
            4 => ErrorCode::HoldTimerExpired,
            5 => ErrorCode::FiniteStateMachine,
            6 => ErrorCode::Cease,
            7 => ErrorCode::RouteRefresh,
            8 => ErrorCode::SendHoldTimerExpired,
            _ => return None,
        })
    }

    /// The name that the RFC gives to the code.
    pub fn name(self) -> &'static str {
        match self {
            ErrorCode::MessageHeader => "Message Header Error",
            ErrorCode::Open => "OPEN Message Error",
            ErrorCode::Update => "UPDATE Message Error",
            ErrorCode::HoldTimerExpired => "Hold Timer Expired",
            ErrorCode::FiniteStateMachine => "Finite State Machine Error",
            ErrorCode::Cease => "Cease",
            ErrorCode::RouteRefresh => "ROUTE-REFRESH Message Error",
            ErrorCode::SendHoldTimerExpired => "Send Hold Timer Expired",
        }
    }
}

/// Subcodes of a Cease NOTIFICATION (RFC 4486 4, RFC 8538 3, RFC 9384).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CeaseSubcode {
    /// Maximum Number of Prefixes Reached.
    MaxPrefixes = 1,
    /// Administrative Shutdown; carries a shutdown communication (RFC 9003).
    AdminShutdown = 2,
    /// Peer De-configured.
    PeerDeconfigured = 3,
    /// Administrative Reset; carries a shutdown communication (RFC 9003).
    AdminReset = 4,
    /// Connection Rejected.
    ConnectionRejected = 5,
    /// Other Configuration Change.
    OtherConfigChange = 6,
    /// Connection Collision Resolution (RFC 4271 6.8).
    CollisionResolution = 7,
    /// Out of Resources.
    OutOfResources = 8,
    /// Hard Reset: its data is a whole NOTIFICATION code, subcode and data (RFC 8538 3).
    HardReset = 9,
    /// BFD Down (RFC 9384).
    BfdDown = 10,
}

impl CeaseSubcode {
    /// The subcode with this number, if we know it.
    pub fn from_u8(subcode: u8) -> Option<CeaseSubcode> {
        Some(match subcode {
            1 => CeaseSubcode::MaxPrefixes,
            2 => CeaseSubcode::AdminShutdown,
            3 => CeaseSubcode::PeerDeconfigured,
            4 => CeaseSubcode::AdminReset,
            5 => CeaseSubcode::ConnectionRejected,
            6 => CeaseSubcode::OtherConfigChange,
            7 => CeaseSubcode::CollisionResolution,
            8 => CeaseSubcode::OutOfResources,
            9 => CeaseSubcode::HardReset,
            10 => CeaseSubcode::BfdDown,
            _ => return None,
        })
    }

    /// The name that the RFC gives to the subcode.
    pub fn name(self) -> &'static str {
        match self {
            CeaseSubcode::MaxPrefixes => "Maximum Number of Prefixes Reached",
            CeaseSubcode::AdminShutdown => "Administrative Shutdown",
            CeaseSubcode::PeerDeconfigured => "Peer De-configured",
            CeaseSubcode::AdminReset => "Administrative Reset",
            CeaseSubcode::ConnectionRejected => "Connection Rejected",
            CeaseSubcode::OtherConfigChange => "Other Configuration Change",
            CeaseSubcode::CollisionResolution => "Connection Collision Resolution",
            CeaseSubcode::OutOfResources => "Out of Resources",
            CeaseSubcode::HardReset => "Hard Reset",
            CeaseSubcode::BfdDown => "BFD Down",
        }
    }
}
