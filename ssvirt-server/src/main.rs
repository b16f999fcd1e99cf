//! The `ssvirt` command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// An answer is made of many small pieces: with the C library's allocator it costs a third more.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ssvirt_server::cli::main()
}
