//! Measures what a server costs: requests per second, latencies, CPU per request, memory, time to ready.
//!
//! `benches/README.md` says how to use it and what the figures mean. The steps are:
//!
//! ```text
//!   seed -> server (start, time to ready) -> target (login, ids) -> rows, each: http x N -> report
//! ```
//!
//! What others cost, PostgreSQL and a bare "hello" in the same framework, is measured in the same run: on
//! another machine, or beside other work, all figures differ, but hardly the ratios.

mod cli;
mod drive;
mod hello;
mod http;
mod process;
mod report;
mod rows;
mod run;
mod seed;
mod server;
mod target;

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;

/// The server's, so that the bare one has it too.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What ends the run, for a person to read.
type Anything<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let result = match cli.command {
        Some(cli::Command::Hello(tls)) => hello::run(&tls).map(|()| true),
        None => run::run(&cli.load),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ssvirt-load: {error}");
            ExitCode::FAILURE
        }
    }
}
