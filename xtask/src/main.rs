//! Developer commands: `cargo xtask layers`.

mod layers;
mod metadata;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "\
Developer commands.

Usage: cargo xtask COMMAND

Commands:
  layers  Check which crate may depend on which
  kube    A real Kubernetes API server on loopback: kube build, up, node, status, down
  ci      Run everything that continuous integration runs (.ci/run)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["layers"] => layers(),
        ["kube", ref rest @ ..] => kube(rest),
        ["ci"] => ci(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(true)
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Prints each layer rule with its outcome; whether all of them hold.
fn layers() -> Result<bool, String> {
    let json = cargo_metadata()?;
    let workspace = metadata::Workspace::parse(&json)?;
    let mut all_hold = true;
    for rule in layers::RULES {
        let violations = rule.violations(&workspace);
        println!("{} {rule}", if violations.is_empty() { "ok      " } else { "violated" });
        for violation in &violations {
            println!("         {violation}");
        }
        all_hold &= violations.is_empty();
    }
    Ok(all_hold)
}

/// With all features: a rule must hold however the crates are built.
fn cargo_metadata() -> Result<Vec<u8>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--all-features"])
        .current_dir(repository())
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|problem| format!("cargo metadata could not be started: {problem}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("cargo metadata failed ({})", output.status))
    }
}

/// A program of its own, so that the other commands need not wait for what it is built of.
fn kube(arguments: &[&str]) -> Result<bool, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--package", "ssvirt-kube-bed", "--"])
        .args(arguments)
        .current_dir(repository())
        .status()
        .map_err(|problem| format!("cargo could not be started: {problem}"))?;
    Ok(status.success())
}

fn ci() -> Result<bool, String> {
    let status = Command::new("bash")
        .arg(".ci/run")
        .current_dir(repository())
        .status()
        .map_err(|problem| format!(".ci/run could not be started: {problem}"))?;
    Ok(status.success())
}

/// The folder of the workspace this was compiled in.
fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
