//! Why a connection ends: the close codes and what each means for the client.

use std::fmt;

/// A WebSocket close code (RFC 6455 section 7.4, and 4xxx of our own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// 1000: the client asked for it.
    Normal,
    /// 1001: the hub is going away; reconnect after `retry_ms`.
    GoingAway,
    /// 1002: the client broke the protocol.
    ProtocolError,
    /// 1003: binary messages are not understood.
    Unsupported,
    /// 1007: text that is not UTF-8.
    NotUtf8,
    /// 1009: the message is larger than `limits.message_bytes`.
    TooBig,
    /// 1011: the hub itself failed; reconnect later.
    InternalError,
    /// 4400: too many frames that could not be understood.
    BadFrames,
    /// 4401: nobody said in time who they are, or what they said holds no more; come back with a token.
    NotAuthenticated,
    /// 4403: who they are may not be here; do not come back as you are.
    Forbidden,
    /// 4408: nothing was heard for `session.silence_ms`, or nothing taken for `session.stall_ms`.
    HeartbeatMissed,
    /// 4429: too many messages; reconnect later.
    RateLimit,
}

impl CloseCode {
    /// Every code that the hub sends.
    pub const ALL: [CloseCode; 12] = [
        CloseCode::Normal,
        CloseCode::GoingAway,
        CloseCode::ProtocolError,
        CloseCode::Unsupported,
        CloseCode::NotUtf8,
        CloseCode::TooBig,
        CloseCode::InternalError,
        CloseCode::BadFrames,
        CloseCode::NotAuthenticated,
        CloseCode::Forbidden,
        CloseCode::HeartbeatMissed,
        CloseCode::RateLimit,
    ];

    /// The number on the wire.
    pub fn code(self) -> u16 {
        match self {
            CloseCode::Normal => 1000,
            CloseCode::GoingAway => 1001,
            CloseCode::ProtocolError => 1002,
            CloseCode::Unsupported => 1003,
            CloseCode::NotUtf8 => 1007,
            CloseCode::TooBig => 1009,
            CloseCode::InternalError => 1011,
            CloseCode::BadFrames => 4400,
            CloseCode::NotAuthenticated => 4401,
            CloseCode::Forbidden => 4403,
            CloseCode::HeartbeatMissed => 4408,
            CloseCode::RateLimit => 4429,
        }
    }

    /// What a client should make of it, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            CloseCode::Normal => "closed as the client asked",
            CloseCode::GoingAway => "the hub is going away, reconnect after retry_ms",
            CloseCode::ProtocolError => "a frame broke RFC 6455",
            CloseCode::Unsupported => "binary messages are not understood",
            CloseCode::NotUtf8 => "a text message was not UTF-8",
            CloseCode::TooBig => "a message was larger than the limit",
            CloseCode::InternalError => "the hub failed on this connection, reconnect later",
            CloseCode::BadFrames => "too many frames could not be understood",
            CloseCode::NotAuthenticated => "say who you are, with a token that holds",
            CloseCode::Forbidden => "this connection may not go on, do not reconnect as you are",
            CloseCode::HeartbeatMissed => "the connection was silent or took nothing for too long, reconnect",
            CloseCode::RateLimit => "too many messages, reconnect later",
        }
    }
}

/// The end of a connection: its code and the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// What the client is told in its close frame.
    pub code: CloseCode,
    /// At most 123 bytes reach the client (RFC 6455 section 5.5).
    pub reason: String,
}

impl Close {
    /// A close with the words of its code.
    pub fn new(code: CloseCode) -> Self {
        Close { code, reason: code.meaning().to_owned() }
    }

    /// A close with words of its own.
    pub fn because(code: CloseCode, reason: impl Into<String>) -> Self {
        Close { code, reason: reason.into() }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code.code(), self.reason)
    }
}
