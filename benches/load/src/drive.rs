//! One request, sent over and over again on many connections.

use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;

use crate::{Anything, http::Connection, target::Address};

/// Longer than any answer takes: without an end a server that hangs would hang the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// When enough was sent.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub time: Duration,
    pub requests: Option<usize>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Driven {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Each answer's time, shortest first.
    pub latencies: Vec<Duration>,
    /// Bytes of the last body.
    pub body: u64,
    /// Answers that were not 2xx, and requests without an answer.
    pub failed: usize,
    /// What the first of them was.
    pub failure: Option<String>,
}

/// Connections to a server that all send the same request.
pub struct Driver {
    address: Address,
    request: Arc<[u8]>,
    connections: Vec<Option<Connection>>,
}

impl Driver {
    /// Without connections yet.
    pub fn new(address: &Address, request: Arc<[u8]>, connections: usize) -> Self {
        let connections = (0..connections).map(|_| None).collect();
        Self { address: address.clone(), request, connections }
    }

    /// Sends up to the limit, each connection its next request when it has its answer.
    pub async fn drive(&mut self, limit: Limit) -> Anything<Driven> {
        let start = Instant::now();
        let sent = Cell::new(0);
        let workers = self.connections.iter_mut().map(|connection| {
            work(
                &self.address,
                &self.request,
                connection,
                start + limit.time,
                limit.requests,
                &sent,
            )
        });
        let done = tokio::time::timeout(limit.time + PATIENCE, try_join_all(workers)).await;
        let done = done.map_err(|_| "the server does not answer any more")??;
        let mut driven = Driven { took: start.elapsed(), ..Driven::default() };
        for part in done {
            driven.latencies.extend(part.latencies);
            driven.body = driven.body.max(part.body);
            driven.failed += part.failed;
            driven.failure = driven.failure.or(part.failure);
        }
        driven.latencies.sort_unstable();
        Ok(driven)
    }
}

async fn work(
    address: &Address,
    request: &[u8],
    kept: &mut Option<Connection>,
    end: Instant,
    requests: Option<usize>,
    sent: &Cell<usize>,
) -> Anything<Driven> {
    let mut driven = Driven::default();
    let mut now = Instant::now();
    while now < end && requests.is_none_or(|most| sent.get() < most) {
        sent.set(sent.get() + 1);
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let connection = kept.insert(address.connect().await?);
                now = Instant::now();
                connection
            }
        };
        let answer = connection.exchange(request).await;
        let answered = Instant::now();
        driven.latencies.push(answered - now);
        now = answered;
        if answer.as_ref().map_or(true, |answer| answer.closes) {
            *kept = None;
        }
        let failure = match answer {
            Ok(answer) if (200..300).contains(&answer.status) => {
                driven.body = answer.body;
                continue;
            }
            Ok(answer) => answer.status.to_string(),
            Err(error) => error.to_string(),
        };
        driven.failed += 1;
        driven.failure.get_or_insert(failure);
    }
    Ok(driven)
}

/// The latency that so many of a hundred requests did not exceed.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let sorted: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50), Duration::from_millis(100));
        assert_eq!(percentile(&sorted, 99), Duration::from_millis(198));
        assert_eq!(percentile(&sorted[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
