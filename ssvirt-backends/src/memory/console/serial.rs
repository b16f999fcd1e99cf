//! A serial port at which a guest asks for a login, and lets nobody in.

use ssvirt_core::backend::VmPlan;

use super::{Guest, Heard};
use crate::memory::guest::pretty_name;

/// The longest login that is taken; what is typed beyond it is not echoed.
const LOGIN: usize = 32;

/// A guest that asks who is there.
pub struct Serial {
    host: String,
    system: String,
    has_booted: Option<bool>,
    /// Characters of the line that is being typed.
    typed: usize,
}

impl Serial {
    pub fn new(plan: &VmPlan) -> Self {
        // A name is text for people: it must not do anything to their terminals.
        let plain = |text: &str| text.replace(char::is_control, "?");
        Self {
            host: plain(&plan.name),
            system: plain(&pretty_name(&plan.spec.os_type)),
            has_booted: None,
            typed: 0,
        }
    }

    fn prompt(&self) -> String {
        format!("\r\n{} login: ", self.host)
    }
}

impl Guest for Serial {
    fn see(&mut self, has_booted: bool) -> Vec<u8> {
        if self.has_booted.replace(has_booted) == Some(has_booted) {
            return Vec::new();
        }
        self.typed = 0;
        let says = if has_booted {
            format!("\r\n{} {} ttyS0\r\n{}", self.system, self.host, self.prompt())
        } else {
            format!("\r\n{} boots.\r\n", self.host)
        };
        says.into_bytes()
    }

    /// A line at most at a time.
    fn hear(&mut self, written: &[u8]) -> Heard {
        let end = written.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let used = end.map_or(written.len(), |end| end + 1);
        if self.has_booted != Some(true) {
            return Heard { used, ..Heard::default() };
        }
        let mut says = Vec::new();
        for byte in &written[..used] {
            match byte {
                b'\r' | b'\n' => {
                    if std::mem::take(&mut self.typed) > 0 {
                        says.extend_from_slice(b"\r\n\r\nLogin incorrect");
                    }
                    says.extend_from_slice(self.prompt().as_bytes());
                }
                // Backspace and Delete.
                0x08 | 0x7f if self.typed > 0 => {
                    self.typed -= 1;
                    says.extend_from_slice(b"\x08 \x08");
                }
                b' '..=b'~' if self.typed < LOGIN => {
                    self.typed += 1;
                    says.push(*byte);
                }
                _ => {}
            }
        }
        Heard { used, says, over: false }
    }
}
