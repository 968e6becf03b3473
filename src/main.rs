//! The `greenroom` binary: reads the command line and does what it says. All else is in the library.

use std::process::ExitCode;

use clap::Parser;
use greenroom::cli::Arguments;

#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match greenroom::cli::run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            // The chain says what was tried, then why it failed.
            eprintln!("greenroom: {error:#}");
            ExitCode::FAILURE
        }
    }
}
