//! What a suite found.

use std::fmt;

/// What became of a behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed(String),
    /// It depends on this capability, which is not claimed.
    NotClaimed(&'static str),
}

/// What a suite found about one subject.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was checked.
    pub subject: String,
    /// Every behaviour and what became of it.
    pub results: Vec<(&'static str, Outcome)>,
}

impl Report {
    /// The behaviours that failed, and why.
    pub fn failures(&self) -> Vec<(&'static str, &str)> {
        self.results
            .iter()
            .filter_map(|(name, outcome)| match outcome {
                Outcome::Failed(why) => Some((*name, why.as_str())),
                _ => None,
            })
            .collect()
    }

    /// How many behaviours passed.
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|(_, outcome)| *outcome == Outcome::Passed).count()
    }

    /// Prints the report.
    ///
    /// # Panics
    /// When a behaviour failed.
    #[track_caller]
    pub fn assert_passed(&self) {
        println!("{self}");
        assert!(self.failures().is_empty(), "{} does not pass the suite:\n{self}", self.subject);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.results {
            match outcome {
                Outcome::Passed => writeln!(f, "ok           {name}")?,
                Outcome::Failed(why) => writeln!(f, "FAILED       {name}: {why}")?,
                Outcome::NotClaimed(what) => writeln!(f, "not claimed  {name}: {what}")?,
            }
        }
        let failed = self.failures().len();
        let unclaimed = self.results.len() - self.passed() - failed;
        write!(
            f,
            "{}: {} passed, {failed} failed, {unclaimed} not claimed",
            self.subject,
            self.passed()
        )
    }
}
