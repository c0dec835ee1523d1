//! The commands that write man pages and completions, made from the definition of the command line.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use crate::cli::man;
use crate::cli::terminal::print_error;

/// What `spiketail completions` takes.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell to complete for
    shell: Shell,
}

/// What `spiketail man` takes.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Folder for the pages
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints completions of `command`.
pub fn completions(mut command: Command, args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "spiketail", &mut script);
    // Whoever reads it may have read enough.
    let _ = io::stdout().write_all(&script);
    ExitCode::SUCCESS
}

/// Writes the man pages: one for `command`, one for each of its subcommands.
pub fn man(command: Command, args: &ManArgs) -> ExitCode {
    match man::write(command, &args.folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(format_args!("cannot write man pages to {}: {error}", args.folder.display()));
            ExitCode::FAILURE
        }
    }
}
