//! The figures, for people as they come and for programs at the end.

use std::time::Duration;

use serde::Serialize;

use crate::{
    process::Memory,
    rows::{Figures, LOGIN, Outcome, Row},
};

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// What was measured.
    pub title: String,
    /// Milliseconds from the start of the process to the first answer of `/readyz` that says so, shortest
    /// first.
    pub ready_ms: Vec<f64>,
    /// Memory before the first request.
    pub idle: Option<Memory>,
    /// Memory after the last.
    pub after: Option<Memory>,
    /// The bare server.
    pub hello: Option<Figures>,
    /// The bare server with a statement that reads nothing.
    pub hello_statement: Option<Figures>,
    /// The server.
    pub rows: Vec<Row>,
}

/// Says a line as soon as it is known.
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// The line above the rows.
pub fn heading() -> String {
    line([
        "", "req/s", "p50 ms", "p99 ms", "CPU us", "x hello", "PG us", "body B", "RSS MiB",
        "peak MiB",
    ])
}

impl Figures {
    /// As a line of the table.
    pub fn line(&self, name: &str) -> String {
        let mut text = line([
            name,
            &format!("{:.0}", self.per_second),
            &format!("{:.2}", self.p50 / 1000.0),
            &format!("{:.2}", self.p99 / 1000.0),
            &or_dash(self.cpu, 1),
            &or_dash(self.to_hello, 1),
            &or_dash(self.postgres_cpu, 0),
            &self.body.to_string(),
            &or_dash(self.memory.map(|memory| mib(memory.rss_kib)), 1),
            &or_dash(self.memory.map(|memory| mib(memory.peak_kib)), 1),
        ]);
        if let Some(failure) = &self.failure {
            text.push_str(&format!("   FAILED: {} of {}: {failure}", self.failed, self.requests));
        }
        text
    }
}

impl Row {
    /// As a line of the table.
    pub fn line(&self) -> String {
        match &self.outcome {
            Outcome::Measured(figures) => figures.line(self.name),
            Outcome::NotServed { status } => format!("{:NAME$}  not served ({status})", self.name),
            Outcome::NothingToAskFor => format!("{:NAME$}  nothing to ask for", self.name),
        }
    }
}

impl Report {
    /// The lines below the rows.
    pub fn summary(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let (Some(first), Some(last)) = (self.ready_ms.first(), self.ready_ms.last()) {
            let middle = self.ready_ms[self.ready_ms.len() / 2];
            let starts = self.ready_ms.len();
            lines.push(format!(
                "ready after {middle:.0} ms ({starts} starts: {first:.0} to {last:.0} ms)"
            ));
        }
        for (when, memory) in [("idle", self.idle), ("after", self.after)] {
            let Some(memory) = memory else { continue };
            lines.push(format!(
                "RSS {when} {:.1} MiB: {:.1} its own, {:.1} of files; {} threads",
                mib(memory.rss_kib),
                mib(memory.anonymous_kib),
                mib(memory.file_kib),
                memory.threads,
            ));
        }
        // The peaks of the rows, because each row lets the kernel's begin anew.
        let peak = |rows: &mut dyn Iterator<Item = &Row>| {
            let start = self.idle.map(|idle| idle.peak_kib);
            rows.filter_map(Row::peak_kib).chain(start).max()
        };
        let all = peak(&mut self.rows.iter());
        let but_logins = peak(&mut self.rows.iter().filter(|row| row.name != LOGIN));
        if let (Some(all), Some(but_logins)) = (all, but_logins) {
            lines.push(format!(
                "RSS peak {:.1} MiB; {:.1} MiB before logins",
                mib(all),
                mib(but_logins)
            ));
        }
        lines
    }

    /// Whether everything that was asked was answered with 2xx. Only `another` server may lack routes.
    pub fn passed(&self, another: bool) -> bool {
        let answered = |figures: &Figures| figures.failed == 0;
        self.hello.as_ref().is_some_and(answered)
            && self.hello_statement.as_ref().is_none_or(answered)
            && self.rows.iter().all(|row| row.figures().map_or(another, answered))
    }
}

impl Row {
    fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Measured(figures) => Some(figures),
            _ => None,
        }
    }

    /// The most memory that the server had while the row was measured.
    pub fn peak_kib(&self) -> Option<u64> {
        Some(self.figures()?.memory?.peak_kib)
    }
}

/// How wide the first column is.
const NAME: usize = 22;

fn line(columns: [&str; 10]) -> String {
    let [name, rest @ ..] = columns;
    let rest: Vec<String> = rest.iter().map(|column| format!("{column:>8}")).collect();
    format!("{name:NAME$}{}", rest.join(" "))
}

fn or_dash(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
