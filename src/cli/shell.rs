//! Man pages and completions, made from the definition of the command line.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

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
    clap_complete::generate(args.shell, &mut command, "spiketail", &mut io::stdout());
    ExitCode::SUCCESS
}

/// Writes the man pages: one for `command`, one for each of its subcommands.
pub fn man(command: Command, args: &ManArgs) -> ExitCode {
    let written =
        std::fs::create_dir_all(&args.folder).and_then(|()| clap_mangen::generate_to(command, &args.folder));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(format_args!("cannot write man pages to {}: {error}", args.folder.display()));
            ExitCode::FAILURE
        }
    }
}
