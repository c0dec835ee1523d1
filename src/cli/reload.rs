//! `spiketail reload`: has the running daemon read its configuration again, and says what came of it.

use std::process::ExitCode;

use crate::cli::control;
use crate::cli::exit::EXIT_USAGE;
use crate::cli::socket::SocketArgs;
use crate::cli::terminal::{print, print_error};
use crate::serve::control::{ControlAnswer, ControlRequest};

/// What `spiketail reload` takes.
#[derive(Debug, clap::Args)]
pub struct ReloadArgs {
    #[command(flatten)]
    socket: SocketArgs,
}

/// Reloads. Returns the exit status of the process: 0 if the configuration is in use, 2 if it was refused, 1 if no daemon answers.
pub fn run(args: &ReloadArgs) -> ExitCode {
    match control::ask(&args.socket, &ControlRequest::Reload) {
        Ok(ControlAnswer::Done(what)) => {
            print(&format!("{what}\n"));
            ExitCode::SUCCESS
        }
        Ok(ControlAnswer::Refused(why)) => {
            print_error(why);
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => {
            print_error(error);
            ExitCode::FAILURE
        }
    }
}
