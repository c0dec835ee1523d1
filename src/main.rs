//! Arguments in, exit status out.

use std::process::ExitCode;

use clap::Parser;
use spiketail::cli::{Cli, complete, run};

fn main() -> ExitCode {
    complete();
    run(Cli::parse())
}
