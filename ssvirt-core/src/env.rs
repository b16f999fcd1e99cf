//! Time, ids and randomness are passed in: replays and tests decide them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;
use uuid::Uuid;

use crate::id::Id;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now, to the millisecond.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.as_millisecond()))
    }

    /// Moves it forward.
    pub fn advance(&self, by: std::time::Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// Makes ids.
pub trait IdSource: Send + Sync + 'static {
    /// A UUID that was never given out before.
    fn uuid(&self) -> Uuid;
}

/// Random (version 4) ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes random ids")]
    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// Ids 1, 2, 3 ...: for tests that compare whole answers.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl IdSource for SequentialIds {
    fn uuid(&self) -> Uuid {
        Uuid::from_u64_pair(
            0x5500_0000_0000_4000,
            0x8000_0000_0000_0000 | (self.0.fetch_add(1, Ordering::SeqCst) + 1),
        )
    }
}

/// A typed id from a source.
pub fn new_id<K>(ids: &dyn IdSource) -> Id<K> {
    Id::new(ids.uuid())
}

/// Reads a MAC address, six bytes in hexadecimal with colons between them. In lower case.
pub fn parse_mac(text: &str) -> Option<String> {
    let byte = |part: &str| part.len() == 2 && part.bytes().all(|c| c.is_ascii_hexdigit());
    let valid = text.split(':').count() == 6 && text.split(':').all(byte);
    valid.then(|| text.to_ascii_lowercase())
}

/// A MAC address of VMware's manual range, made from an id so that it is as unique as that.
pub fn new_mac(ids: &dyn IdSource) -> String {
    let bytes = ids.uuid().into_bytes();
    // The last bytes of a version 4 UUID are random, those of a sequential one count up.
    format!("00:50:56:{:02x}:{:02x}:{:02x}", bytes[13] & 0x3f, bytes[14], bytes[15])
}
