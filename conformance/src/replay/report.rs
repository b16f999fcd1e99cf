//! How a replay went.

use std::fmt;

/// Differences beyond these are only counted.
const SHOWN: usize = 40;

/// How a replay went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The flow.
    pub flow: String,
    /// How many requests were answered.
    pub exchanges: usize,
    /// What was not as expected, with the number of the exchange (from 1) and its request.
    pub differences: Vec<(usize, String, String)>,
}

impl Report {
    /// A flow that could not be replayed at all.
    pub fn broken(flow: &str, why: impl Into<String>) -> Self {
        let differences = vec![(0, "before the first request".to_owned(), why.into())];
        Self { flow: flow.to_owned(), exchanges: 0, differences }
    }

    /// The same of the flow called so.
    #[must_use]
    pub fn named(mut self, flow: &str) -> Self {
        flow.clone_into(&mut self.flow);
        self
    }

    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }

    /// Stops the test where something was not as expected.
    ///
    /// # Panics
    /// With the differences.
    #[expect(clippy::panic, reason = "it is called by tests")]
    pub fn assert_passed(&self) {
        if !self.passed() {
            panic!("{self}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} exchanges, {} differences",
            self.flow,
            self.exchanges,
            self.differences.len()
        )?;
        let mut last = usize::MAX;
        for (n, request, what) in self.differences.iter().take(SHOWN) {
            if *n != last {
                writeln!(f, "  {n}. {request}")?;
                last = *n;
            }
            writeln!(f, "     {what}")?;
        }
        match self.differences.len().checked_sub(SHOWN) {
            Some(more @ 1..) => writeln!(f, "  and {more} more"),
            _ => Ok(()),
        }
    }
}
