//! The `ssvirt-conformance` command.

use std::{env, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use ssvirt_conformance::{
    recorder::{self, Options, Recorder},
    replay::import::{self, Imported},
    tls::Trust,
};
use ssvirt_core::env::{Clock as _, SystemClock};
use tokio::signal::unix::{SignalKind, signal};

/// Records what clients and a VMware Cloud Director API server say to each other, and makes conformance cases
/// of it.
#[derive(Parser)]
#[command(name = "ssvirt-conformance", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Stand between clients and a server, and write down every exchange.
    ///
    /// Clients are told the recorder's URL (which is printed) instead of the server's. Passwords, tokens,
    /// credentials and cookies are left out of what is written. SIGTERM and Ctrl+C stop it, once the requests
    /// that are under way are answered.
    Record(Box<RecordArgs>),
    /// Make a case of lines of a recording.
    Import(ImportArgs),
}

#[derive(Args)]
struct RecordArgs {
    /// Root URL of the server, such as https://127.0.0.1:8443.
    #[arg(long, value_name = "URL")]
    target: String,
    /// Address and port to listen on, with TLS; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    listen: String,
    /// The recording: every exchange is added to this file, as a line of JSON.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also write a case to this file, when the recorder stops.
    #[arg(long, value_name = "FILE", requires = "about")]
    case: Option<PathBuf>,
    /// What the case shows.
    #[arg(long, value_name = "TEXT", requires = "case")]
    about: Option<String>,
    /// Lines of the recording that the case is made of, such as 1-20,25. [default: all that this run writes]
    #[arg(long, value_name = "LINES", requires = "case")]
    lines: Option<String>,
    /// File that gets the recorder's root URL once it listens.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Do not check the server's certificate.
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
    /// Authorities that the server's certificate is checked against, PEM. [default: SSL_CERT_FILE, else the
    /// system's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate chain that clients see, PEM. [default: one that is made at the start]
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// File that gets the certificate that is made at the start, for clients that check it.
    #[arg(long, value_name = "FILE", conflicts_with = "cert")]
    cert_out: Option<PathBuf>,
    /// Variable whose value, of at least 8 characters, must not appear in the recording; may be repeated.
    #[arg(long, value_name = "NAME")]
    secret_env: Vec<String>,
    /// Seconds that requests under way have at the end.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    grace: u64,
}

#[derive(Args)]
struct ImportArgs {
    /// The recording.
    recording: PathBuf,
    /// Lines of it, such as 1-20,25. [default: all]
    #[arg(long, value_name = "LINES")]
    lines: Option<String>,
    /// The case file.
    #[arg(long, value_name = "FILE")]
    case: PathBuf,
    /// What the case shows.
    #[arg(long, value_name = "TEXT")]
    about: String,
}

/// 0 is success, 1 a failure, 2 a wrong command line.
fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Record(args) => record(*args),
        Command::Import(args) => {
            let lines = args.lines.as_deref();
            import::import(&args.recording, lines, &args.about)
                .and_then(|imported| write_case(imported, &args.case))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("ssvirt-conformance: {why}");
            ExitCode::FAILURE
        }
    }
}

fn record(args: RecordArgs) -> Result<(), String> {
    let secret = |name: &String| {
        env::var(name).map_err(|_| format!("--secret-env {name}: there is no such variable"))
    };
    let options = Options {
        listen: args.listen,
        target: args.target,
        trust: match args.ca {
            Some(file) => Trust::File(file),
            None if args.insecure => Trust::Anyone,
            None => Trust::System,
        },
        identity: args.cert.zip(args.key),
        out: args.out,
        secrets: args.secret_env.iter().map(secret).collect::<Result<_, _>>()?,
        grace: Duration::from_secs(args.grace),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no threads can be started: {error}"))?;
    let written = runtime.block_on(async {
        let failed = |error: std::io::Error| format!("signals cannot be heard: {error}");
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let recorder = Recorder::bind(&options, SystemClock.now()).await?;
        if let (Some(path), Some(pem)) = (&args.cert_out, recorder.certificate()) {
            recorder::announce(path, pem)?;
        }
        let root = recorder.root();
        println!("{root}");
        if let Some(path) = &args.ready_file {
            recorder::announce(path, &format!("{root}\n"))?;
        }
        recorder
            .run(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            })
            .await
    })?;
    eprintln!("{} exchanges in {}", written.len(), options.out.display());
    let (Some(case), Some(about)) = (args.case, args.about) else { return Ok(()) };
    if written.is_empty() && args.lines.is_none() {
        return Err(format!("{}: there is nothing to make it of", case.display()));
    }
    let lines = args.lines.unwrap_or_else(|| format!("{}-{}", written.start, written.end - 1));
    write_case(import::import(&options.out, Some(&lines), &about)?, &case)
}

fn write_case(imported: Imported, path: &std::path::Path) -> Result<(), String> {
    imported.flow.write(path)?;
    for note in &imported.notes {
        eprintln!("note: {note}");
    }
    eprintln!("{} exchanges in {}", imported.flow.exchanges.len(), path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
