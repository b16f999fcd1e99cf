//! The `ssvirt` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ssvirt_server::cli::main()
}
