//! The rows of the table: what is asked for, and what it costs.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::{
    Anything, cli,
    drive::{Driver, Limit, percentile},
    process::{Memory, Process},
    target::{Address, Ids, Target, json_of},
};

/// How a row asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Without a token.
    Open,
    /// For JSON.
    Json,
    /// For XML.
    Xml,
    /// With a password.
    Login,
}

/// A row.
pub struct Endpoint {
    /// As it is printed.
    pub name: &'static str,
    kind: Kind,
    path: &'static str,
}

const fn row(name: &'static str, kind: Kind, path: &'static str) -> Endpoint {
    Endpoint { name, kind, path }
}

/// The row of logins.
pub const LOGIN: &str = "login";

/// What is asked of a server. Logins come last: of what they need, memory above all, nothing is left over for
/// the figures of others.
pub const ENDPOINTS: [Endpoint; 13] = [
    row("healthz", Kind::Open, "/healthz"),
    row("vdcs, 25", Kind::Json, "/cloudapi/1.0.0/vdcs?pageSize=25"),
    row("vdcs, 100", Kind::Json, "/cloudapi/1.0.0/vdcs?pageSize=100"),
    row("orgs, 25", Kind::Json, "/cloudapi/1.0.0/orgs?pageSize=25"),
    row("users, 25", Kind::Json, "/cloudapi/1.0.0/users?pageSize=25"),
    row("catalogs, 25", Kind::Json, "/cloudapi/1.0.0/catalogs?pageSize=25"),
    row("vapps of a vdc", Kind::Json, "/cloudapi/1.0.0/vdcs/{vdc}/vapps?pageSize=25"),
    row("vapp", Kind::Json, "/cloudapi/1.0.0/vapps/{vapp}"),
    row("vm", Kind::Json, "/cloudapi/1.0.0/vms/{vm}"),
    row("vm, XML", Kind::Xml, "/api/vApp/vm-{vm uuid}"),
    row("vapp, XML", Kind::Xml, "/api/vApp/vapp-{vapp uuid}"),
    row("query of vms, 25, XML", Kind::Xml, "/api/query?type=vm&format=records&pageSize=25"),
    row(LOGIN, Kind::Login, ""),
];

/// What a row says.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The row.
    pub name: &'static str,
    /// What was measured.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Figures.
    Measured(Box<Figures>),
    /// The server does not have this.
    NotServed {
        /// What it answers.
        status: u16,
    },
    /// The server has nothing to ask for in that path, or nobody who may.
    NothingToAskFor,
}

/// The figures of a row. Times are in microseconds.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Requests answered.
    pub requests: usize,
    /// Those that were not answered with 2xx.
    pub failed: usize,
    /// The first of them.
    pub failure: Option<String>,
    /// Answers a second.
    pub per_second: f64,
    /// The latency that half of all requests did not exceed.
    pub p50: f64,
    /// The latency that 99 of a hundred did not exceed.
    pub p99: f64,
    /// Bytes of a body.
    pub body: u64,
    /// CPU time of the server, for a request.
    pub cpu: Option<f64>,
    /// The same, beside that of the bare server.
    pub to_hello: Option<f64>,
    /// CPU time of PostgreSQL, for a request.
    pub postgres_cpu: Option<f64>,
    /// The server's memory; its peak is that of this row alone.
    pub memory: Option<Memory>,
}

/// The processes that are looked at.
#[derive(Clone, Copy, Default)]
pub struct Watched {
    pub server: Option<Process>,
    pub postgres: Option<Process>,
}

impl Endpoint {
    /// Measures the row. `hello` is the bare server's CPU for a request.
    pub async fn measure(
        &self,
        target: &Target,
        watched: Watched,
        options: &cli::Driver,
        hello: Option<f64>,
    ) -> Anything<Row> {
        let row = |outcome| Ok(Row { name: self.name, outcome });
        let Some(request) = self.request(target) else { return row(Outcome::NothingToAskFor) };
        let status = target.address.connect().await?.exchange(&request).await?.status;
        if matches!(status, 404 | 405 | 501) {
            return row(Outcome::NotServed { status });
        }
        let connections = match self.kind {
            Kind::Login => options.login_connections,
            _ => options.connections,
        };
        let driver = Driver::new(&target.address, request, connections);
        row(Outcome::Measured(Box::new(measure(driver, options, watched, hello).await?)))
    }

    /// What is sent; none where there is nothing to ask for, or no password.
    fn request(&self, target: &Target) -> Option<Arc<[u8]>> {
        let json = json_of(&target.version);
        let xml = format!("application/*+xml;version={}", target.version);
        let token = target.authorization.as_str();
        let path = filled_in(self.path, &target.ids);
        let (method, path, headers) = match self.kind {
            Kind::Open => ("GET", path?, vec![]),
            Kind::Json => ("GET", path?, vec![("Accept", json.as_str()), ("Authorization", token)]),
            Kind::Xml => ("GET", path?, vec![("Accept", xml.as_str()), ("Authorization", token)]),
            Kind::Login => {
                let (path, basic) = target.login.as_ref()?;
                (
                    "POST",
                    (*path).to_owned(),
                    vec![("Accept", json.as_str()), ("Authorization", basic)],
                )
            }
        };
        Some(target.address.request(method, &path, &headers))
    }
}

/// A path with ids in place of their names: URNs, or bare UUIDs where it says so.
fn filled_in(path: &str, ids: &Ids) -> Option<String> {
    let mut path = path.to_owned();
    for (name, id) in [("vdc", &ids.vdc), ("vapp", &ids.vapp), ("vm", &ids.vm)] {
        let (urn, uuid) = (format!("{{{name}}}"), format!("{{{name} uuid}}"));
        if path.contains(&urn) {
            path = path.replace(&urn, id.as_deref()?);
        }
        if path.contains(&uuid) {
            path = path.replace(&uuid, id.as_deref()?.rsplit(':').next()?);
        }
    }
    Some(path)
}

/// A row of the bare server. `hello` is its CPU for a request without anything.
pub async fn measure_hello(
    address: &Address,
    path: &str,
    process: Process,
    options: &cli::Driver,
    hello: Option<f64>,
) -> Anything<Figures> {
    let driver = Driver::new(address, address.request("GET", path, &[]), options.connections);
    let watched = Watched { server: Some(process), postgres: None };
    measure(driver, options, watched, hello).await
}

async fn measure(
    mut driver: Driver,
    options: &cli::Driver,
    watched: Watched,
    hello: Option<f64>,
) -> Anything<Figures> {
    let limit =
        |seconds| Limit { time: Duration::from_secs_f64(seconds), requests: options.requests };
    driver.drive(limit(options.warm_up)).await?;
    if let Some(server) = watched.server {
        // Of a process of somebody else that is not allowed: then peaks are those since its start.
        let _ = server.forget_peak();
    }
    let before = watched.cpu()?;
    let driven = driver.drive(limit(options.seconds)).await?;
    let after = watched.cpu()?;

    let requests = driven.latencies.len();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let each = |before: Option<Duration>, after: Option<Duration>| {
        Some(micros(after?.saturating_sub(before?)) / requests.max(1) as f64)
    };
    let cpu = each(before.0, after.0);
    Ok(Figures {
        requests,
        failed: driven.failed,
        failure: driven.failure,
        per_second: requests as f64 / driven.took.as_secs_f64(),
        p50: micros(percentile(&driven.latencies, 50)),
        p99: micros(percentile(&driven.latencies, 99)),
        body: driven.body,
        cpu,
        to_hello: cpu.zip(hello).map(|(cpu, hello)| cpu / hello),
        postgres_cpu: each(before.1, after.1),
        memory: watched.server.map(Process::memory).transpose()?,
    })
}

impl Watched {
    /// CPU time of the server, and of PostgreSQL.
    fn cpu(self) -> std::io::Result<(Option<Duration>, Option<Duration>)> {
        let server = self.server.map(Process::cpu).transpose()?;
        let postgres = self.postgres.map(Process::cpu_with_children).transpose()?;
        Ok((server, postgres))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_get_urns_or_bare_ids_and_nothing_where_there_is_none() {
        let ids = Ids { vm: Some("urn:vcloud:vm:1-2".to_owned()), ..Ids::default() };
        assert_eq!(filled_in("/x/{vm}/y", &ids).unwrap(), "/x/urn:vcloud:vm:1-2/y");
        assert_eq!(filled_in("/api/vApp/vm-{vm uuid}", &ids).unwrap(), "/api/vApp/vm-1-2");
        assert_eq!(filled_in("/healthz", &ids).unwrap(), "/healthz");
        assert_eq!(filled_in("/x/{vdc}", &ids), None);
    }
}
