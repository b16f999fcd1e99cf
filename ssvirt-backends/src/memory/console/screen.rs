//! A screen for VNC clients: the server's side of RFB (RFC 6143), without a password and with a picture that stays.

use super::{
    Guest, Heard,
    picture::{Format, HEIGHT, Part, WIDTH},
};

/// What a server says first: the newest version that it speaks.
const GREETING: &[u8; 12] = b"RFB 003.008\n";
/// The security type of those who ask for no password.
const NONE: u8 = 1;
/// The longest name that is told, in bytes.
const NAME: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is said yet.
    Silent,
    /// The client is to name its version.
    Version,
    /// The client is to choose a security type, which is confirmed to some.
    Security { confirm: bool },
    /// The client is to say whether it shares the screen.
    Init,
    /// Whatever comes.
    Messages,
}

/// A screen with nothing on it but a pattern.
pub struct Screen {
    name: String,
    phase: Phase,
    format: Format,
    /// Bytes still to come that say nothing here.
    skip: u64,
}

impl Screen {
    pub fn new(name: &str) -> Self {
        let mut name = name.to_owned();
        name.truncate(name.floor_char_boundary(NAME));
        Self { name, phase: Phase::Silent, format: Format::USUAL, skip: 0 }
    }

    fn version(&mut self, written: &[u8]) -> Option<Heard> {
        let version = written.first_chunk::<12>()?;
        // Who names another version than those of the specification is taken to speak the first one.
        let (phase, says) = match version {
            b"RFB 003.008\n" => (Phase::Security { confirm: true }, vec![1, NONE]),
            b"RFB 003.007\n" => (Phase::Security { confirm: false }, vec![1, NONE]),
            [b'R', b'F', b'B', b' ', .., b'\n'] => (Phase::Init, vec![0, 0, 0, NONE]),
            _ => return Some(hung_up()),
        };
        self.phase = phase;
        Some(Heard { used: version.len(), says, over: false })
    }

    fn security(&mut self, written: &[u8], confirm: bool) -> Option<Heard> {
        if *written.first()? != NONE {
            return Some(hung_up());
        }
        self.phase = Phase::Init;
        Some(Heard { used: 1, says: if confirm { vec![0; 4] } else { Vec::new() }, over: false })
    }

    fn init(&mut self, written: &[u8]) -> Option<Heard> {
        written.first()?;
        self.phase = Phase::Messages;
        let mut says = Vec::new();
        says.extend(WIDTH.to_be_bytes());
        says.extend(HEIGHT.to_be_bytes());
        says.extend(Format::USUAL.write());
        // It is no longer than `NAME`.
        says.extend(u32::try_from(self.name.len()).unwrap_or_default().to_be_bytes());
        says.extend(self.name.as_bytes());
        Some(Heard { used: 1, says, over: false })
    }

    fn message(&mut self, written: &[u8]) -> Option<Heard> {
        let used = |used| Heard { used, ..Heard::default() };
        let heard = match *written.first()? {
            // SetPixelFormat
            0 => {
                let (head, rest) = written.split_first_chunk::<4>()?;
                let (format, _) = rest.split_first_chunk::<16>()?;
                match Format::read(*format) {
                    Some(format) => self.format = format,
                    None => return Some(hung_up()),
                }
                used(head.len() + format.len())
            }
            // SetEncodings: everybody takes the raw one.
            2 => {
                let [_, _, high, low] = *written.first_chunk::<4>()?;
                self.skip = 4 * u64::from(u16::from_be_bytes([high, low]));
                used(4)
            }
            // FramebufferUpdateRequest
            3 => {
                let message = written.first_chunk::<10>()?;
                Heard { says: self.update(*message), ..used(10) }
            }
            // KeyEvent, PointerEvent: nobody is there.
            4 => used(written.first_chunk::<8>()?.len()),
            5 => used(written.first_chunk::<6>()?.len()),
            // ClientCutText
            6 => {
                let [.., a, b, c, d] = *written.first_chunk::<8>()?;
                self.skip = u64::from(u32::from_be_bytes([a, b, c, d]));
                used(8)
            }
            // How long it is only its inventor knows.
            _ => hung_up(),
        };
        Some(heard)
    }

    fn update(&self, [_, incremental, at @ ..]: [u8; 10]) -> Vec<u8> {
        if incremental != 0 {
            // Nothing has changed.
            return Vec::new();
        }
        let [a, b, c, d, e, f, g, h] = at;
        let [x, y, width, height] = [[a, b], [c, d], [e, f], [g, h]].map(u16::from_be_bytes);
        let Some(part) = (Part { x, y, width, height }).on_screen() else { return vec![0; 4] };
        // An update of one rectangle, as it is.
        let mut says = vec![0, 0, 0, 1];
        for number in [part.x, part.y, part.width, part.height] {
            says.extend(number.to_be_bytes());
        }
        says.extend([0; 4]);
        says.extend(part.pixels(self.format));
        says
    }
}

fn hung_up() -> Heard {
    Heard { over: true, ..Heard::default() }
}

impl Guest for Screen {
    fn see(&mut self, _has_booted: bool) -> Vec<u8> {
        if self.phase != Phase::Silent {
            return Vec::new();
        }
        self.phase = Phase::Version;
        GREETING.to_vec()
    }

    /// A message at most at a time, and of a message only what has a length that is known.
    fn hear(&mut self, written: &[u8]) -> Heard {
        if self.skip > 0 {
            let there = u64::try_from(written.len()).unwrap_or(u64::MAX);
            let skipped = self.skip.min(there);
            self.skip -= skipped;
            // No more than there is.
            let used = usize::try_from(skipped).unwrap_or(written.len());
            return Heard { used, ..Heard::default() };
        }
        let heard = match self.phase {
            Phase::Silent => None,
            Phase::Version => self.version(written),
            Phase::Security { confirm } => self.security(written, confirm),
            Phase::Init => self.init(written),
            Phase::Messages => self.message(written),
        };
        heard.unwrap_or_default()
    }
}
