//! The processes that are measured.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use ssvirt_conformance::{
    replay::{Request, Transport as _, live::Live},
    tls::Trust,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{Anything, hello::DATABASE_URL, process::Process};

/// A server that takes longer to start or to stop is broken.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether a server is ready: cheap, and short beside what is measured.
const POLL: Duration = Duration::from_micros(500);

/// What a server is started with.
pub struct Setup {
    /// The program.
    pub bin: PathBuf,
    /// The folder for its data, its log and its ready file.
    pub folder: PathBuf,
    /// The URL of its database.
    pub database: String,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// More variables of its environment.
    pub env: Vec<(String, String)>,
}

/// A server that was started here. It ends with this.
pub struct Server {
    child: Child,
    /// Where it is.
    pub url: String,
    /// What the kernel knows of it.
    pub process: Process,
    /// From its start to the first answer of `/readyz` that says so.
    pub time_to_ready: Duration,
}

impl Setup {
    /// The certificate that the server makes for itself, and its key.
    pub fn certificate(&self) -> (PathBuf, PathBuf) {
        (self.data_dir().join("tls-cert.pem"), self.data_dir().join("tls-key.pem"))
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(&self) -> Anything<Server> {
        let ready_file = self.folder.join("ready");
        let log = self.folder.join("server.log");
        // Nothing of this process's environment: it must not change what is measured.
        let mut command = Command::new(&self.bin);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--backend", "memory"])
            .args((!self.tls).then_some("--http"))
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg("--ready-file")
            .arg(&ready_file)
            .env_clear()
            .env(DATABASE_URL, &self.database)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .kill_on_drop(true);
        let start = Instant::now();
        let mut child = command.spawn()?;
        let url = loop {
            // Written whole or not at all.
            if let Ok(url) = fs::read_to_string(&ready_file) {
                break url.trim().to_owned();
            }
            if child.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                let log = fs::read_to_string(&log)?;
                return Err(format!("the server did not start:\n{}", tail(&log)).into());
            }
            tokio::time::sleep(POLL).await;
        };
        let live = Live::new(&url, &Trust::Anyone)?;
        let readyz =
            Request { method: "GET".to_owned(), path: "/readyz".to_owned(), ..Request::default() };
        while live.send(&readyz).await?.status != 200 {
            if start.elapsed() > PATIENCE {
                return Err("the server does not become ready".into());
            }
            tokio::time::sleep(POLL).await;
        }
        let time_to_ready = start.elapsed();
        let pid = child.id().ok_or("the server has ended")?;
        Ok(Server { child, url, process: Process(pid), time_to_ready })
    }
}

impl Server {
    /// Stops it as an operator would.
    pub async fn stop(mut self) -> Anything<()> {
        Command::new("/bin/sh")
            .args(["-c", "kill -TERM \"$0\"", &self.process.0.to_string()])
            .status()
            .await?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        if ended.success() { Ok(()) } else { Err(format!("the server ended with {ended}").into()) }
    }
}

/// The bare server. It ends with this.
pub struct Hello {
    _child: Child,
    /// Where it is.
    pub url: String,
    /// What the kernel knows of it.
    pub process: Process,
}

impl Hello {
    /// Starts it, with the certificate and key where it is to speak TLS, and with the database's URL where it
    /// is to run statements.
    pub async fn start(tls: Option<(PathBuf, PathBuf)>, database: Option<&str>) -> Anything<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("hello");
        if let Some((certificate, key)) = &tls {
            command.arg("--certificate").arg(certificate).arg("--key").arg(key);
        }
        command.env_clear().envs(database.map(|url| (DATABASE_URL, url)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let pid = child.id().ok_or("the bare server has ended")?;
        let stdout = child.stdout.take().ok_or("the bare server has no output")?;
        let port = BufReader::new(stdout).lines().next_line().await?;
        let port = port.ok_or("the bare server did not start")?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://127.0.0.1:{port}");
        Ok(Self { _child: child, url, process: Process(pid) })
    }
}

/// Builds the server as it is released.
pub async fn build() -> Anything<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--package", "ssvirt-server", "--message-format=json"])
        .current_dir(repository)
        .stderr(Stdio::inherit())
        .output()
        .await?;
    if !output.status.success() {
        return Err("the server cannot be built".into());
    }
    let messages = String::from_utf8(output.stdout)?;
    let mut built = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let ours = message["target"]["name"] == "ssvirt";
        message["executable"].as_str().filter(|_| ours).map(PathBuf::from)
    });
    built.next_back().ok_or_else(|| "cargo does not say where the server is".into())
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
