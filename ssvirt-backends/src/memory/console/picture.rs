//! What is on a simulated screen, in the pixels that a client wants.

use std::ops::Range;

/// Pixels from left to right.
pub const WIDTH: u16 = 640;
/// Pixels from top to bottom.
pub const HEIGHT: u16 = 480;

/// Pixels between the lines of the pattern.
const GRID: u16 = 40;
/// Pixels of the border.
const BORDER: u16 = 4;

/// Red, green and blue.
type Colour = [u8; 3];

const FIELD: Colour = [0x10, 0x18, 0x20];
const LINE: Colour = [0x20, 0x38, 0x48];
const EDGE: Colour = [0x30, 0x98, 0xc0];

/// How a colour is written: RFC 6143, 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    bits: u8,
    big_endian: bool,
    /// The highest value of red, green and blue.
    max: [u16; 3],
    /// How far each is to the left.
    shift: [u8; 3],
}

impl Format {
    /// What is written where a client wants nothing else.
    pub const USUAL: Self = Self { bits: 32, big_endian: false, max: [255; 3], shift: [16, 8, 0] };

    /// As a server names it.
    pub fn write(self) -> [u8; 16] {
        let [red, green, blue] = self.max.map(u16::to_be_bytes);
        let [a, b, c] = self.shift;
        let depth = 24;
        [
            self.bits,
            depth,
            u8::from(self.big_endian),
            1,
            red[0],
            red[1],
            green[0],
            green[1],
            blue[0],
            blue[1],
            a,
            b,
            c,
            0,
            0,
            0,
        ]
    }

    /// As a client names it; none where it is none, or one by a table of colours.
    pub fn read(bytes: [u8; 16]) -> Option<Self> {
        let [bits, _, big_endian, true_colour, r, red, g, green, b, blue, shift @ .., _, _, _] =
            bytes;
        let max = [[r, red], [g, green], [b, blue]].map(u16::from_be_bytes);
        let is_one = matches!(bits, 8 | 16 | 32)
            && true_colour != 0
            && shift.iter().all(|shift| *shift < bits);
        is_one.then_some(Self { bits, big_endian: big_endian != 0, max, shift })
    }

    fn pixel(self, colour: Colour) -> ([u8; 4], Range<usize>) {
        let mut pixel = 0_u64;
        for ((value, max), shift) in colour.into_iter().zip(self.max).zip(self.shift) {
            pixel |= (u64::from(value) * u64::from(max) / 255) << shift;
        }
        let bytes = usize::from(self.bits / 8);
        // What a client's own maximum makes too large is cut off.
        let pixel = (pixel & u64::from(u32::MAX)) as u32;
        if self.big_endian {
            (pixel.to_be_bytes(), 4 - bytes..4)
        } else {
            (pixel.to_le_bytes(), 0..bytes)
        }
    }
}

/// A part of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub height: u16,
}

impl Part {
    /// What of it is on the screen; none where nothing is.
    pub fn on_screen(self) -> Option<Self> {
        let width = self.width.min(WIDTH.checked_sub(self.x)?);
        let height = self.height.min(HEIGHT.checked_sub(self.y)?);
        (width > 0 && height > 0).then_some(Self { width, height, ..self })
    }

    /// Its pixels, row by row. It is on the screen.
    pub fn pixels(self, format: Format) -> Vec<u8> {
        let [field, line, edge] = [FIELD, LINE, EDGE].map(|colour| format.pixel(colour));
        let mut pixels = Vec::new();
        for y in self.y..self.y + self.height {
            for x in self.x..self.x + self.width {
                let (bytes, used) = match () {
                    () if is_edge(x, WIDTH) || is_edge(y, HEIGHT) => &edge,
                    () if x % GRID == 0 || y % GRID == 0 => &line,
                    () => &field,
                };
                pixels.extend_from_slice(&bytes[used.clone()]);
            }
        }
        pixels
    }
}

fn is_edge(at: u16, of: u16) -> bool {
    at < BORDER || at >= of - BORDER
}
