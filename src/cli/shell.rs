//! The commands that write man pages and completions, made from the definition of the command line.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_complete::env::Shells;

use crate::cli::man;
use crate::cli::terminal::print_error;

/// What the program is called.
const NAME: &str = "spiketail";

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

/// Names the shell that asks what it may offer.
pub(super) const COMPLETE_VAR: &str = "SPIKETAIL_COMPLETE";

/// Prints completions of `command`.
///
/// The script asks the program itself, so that names of alerts and outputs are completed, too.
pub fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let completer = shells.completer(&args.shell.to_string()).expect("every shell has a completer");
    if let Err(error) = completer.write_registration(COMPLETE_VAR, NAME, NAME, NAME, &mut script) {
        print_error(format_args!("cannot write completions for {}: {error}", args.shell));
        return ExitCode::FAILURE;
    }
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
