//! Arguments in, exit status out.

use std::process::ExitCode;

use clap::Parser;
use spiketail::cli::{Cli, run};

fn main() -> ExitCode {
    run(Cli::parse())
}
