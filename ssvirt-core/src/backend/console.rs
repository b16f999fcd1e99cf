//! What a VM's console is: bytes both ways, for a proxy that need not understand them.

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};

/// Which console of a VM is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConsoleKind {
    /// The first serial port: what the guest writes to it, and what is typed into it.
    Serial,
    /// Screen, keyboard and mouse: RFB, as VNC clients speak it, from the server's first word on.
    Screen,
}

impl fmt::Display for ConsoleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serial => "serial console",
            Self::Screen => "screen",
        })
    }
}

/// A stream of bytes both ways.
pub trait Console: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Console for T {}

/// A session at a console. It lasts until it is dropped or shut down here, or the other side ends it: then reading
/// finds the end.
pub type ConsoleStream = Box<dyn Console>;
