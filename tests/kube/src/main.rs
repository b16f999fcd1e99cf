//! A control plane for people: `cargo xtask kube up`, `node`, `status`, `down`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use ssvirt_kube_bed::{
    Anything, ControlPlane, assets, control_plane, crds,
    node::{Node, Options},
    program::Life,
};
use tokio::signal::unix::{SignalKind, signal};

/// A real Kubernetes API server on loopback, without nodes.
#[derive(Parser)]
#[command(name = "cargo xtask kube", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Folder of its state. [default: ssvirt-kube in the temporary folder]
    #[arg(long, value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Build its programs, where there are none yet; prints their folder.
    Build,
    /// Start it, after building its programs where there are none yet.
    Up,
    /// Play KubeVirt for it, until Ctrl+C or SIGTERM.
    Node {
        /// As fast as in tests; by default a person sees the states in between.
        #[arg(long)]
        fast: bool,
        /// A file that is written once it plays.
        #[arg(long, value_name = "FILE")]
        ready_file: Option<PathBuf>,
    },
    /// Say what runs.
    Status,
    /// Stop it, and forget what was in it.
    Down,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kube: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command line program")]
fn run(cli: &Cli) -> Anything<ExitCode> {
    let folder = cli.folder.clone().unwrap_or_else(|| std::env::temp_dir().join("ssvirt-kube"));
    let runs = !control_plane::running(&folder).is_empty();
    match cli.command {
        Command::Build => println!("{}", assets::build()?.display()),
        Command::Up if runs => {
            return Err(format!("there is one in {} already", folder.display()).into());
        }
        Command::Up => {
            assets::build()?;
            let start = Instant::now();
            let installed = tokio::runtime::Runtime::new()?.block_on(up(&folder))?;
            say_running(&folder);
            println!(
                "ready after {:.1} s, with {installed} custom resources\n\nexport KUBECONFIG={}",
                start.elapsed().max(Duration::from_millis(1)).as_secs_f64(),
                control_plane::admin_file(&folder).display()
            );
        }
        Command::Node { fast, ref ready_file } if runs => {
            let kubeconfig = control_plane::admin_file(&folder);
            let playing = play(&kubeconfig, fast, ready_file.as_deref());
            tokio::runtime::Runtime::new()?.block_on(playing)?;
        }
        Command::Status if runs => say_running(&folder),
        Command::Node { .. } | Command::Status => {
            println!("nothing runs in {}", folder.display());
            return Ok(ExitCode::FAILURE);
        }
        Command::Down => control_plane::stop(&folder)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn up(folder: &Path) -> Anything<usize> {
    let started = ControlPlane::start(folder, Life::OnItsOwn).await;
    let Ok(started) = started else {
        // What did come up.
        control_plane::stop(folder)?;
        return started.map(|_| 0);
    };
    crds::install(&started.client().await?).await
}

#[expect(clippy::print_stdout, reason = "a command line program")]
async fn play(kubeconfig: &Path, fast: bool, ready_file: Option<&Path>) -> Anything<()> {
    let slow = Options {
        step: Duration::from_secs(1),
        second: Duration::from_secs(1),
        ..Options::default()
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let node = Node::start(kubeconfig, if fast { Options::default() } else { slow }).await?;
    println!("machines run, until Ctrl+C");
    if let Some(file) = ready_file {
        std::fs::write(file, "ready\n")?;
    }
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    node.stop().await
}

#[expect(clippy::print_stdout, reason = "a command line program")]
fn say_running(folder: &Path) {
    for (name, pid, memory) in control_plane::running(folder) {
        println!("{name:24} process {pid:7}  {memory:5} MiB");
    }
}
