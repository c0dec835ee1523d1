//! `spiketail reload`: has the running daemon read its configuration again, and says what came of it.

use std::process::ExitCode;

use crate::cli::control;
use crate::cli::socket::SocketArgs;
use crate::serve::control::ControlRequest;

/// What `spiketail reload` takes.
#[derive(Debug, clap::Args)]
pub struct ReloadArgs {
    #[command(flatten)]
    socket: SocketArgs,
}

/// Reloads. Returns the exit status of the process: 0 if the configuration is in use, 2 if it was refused, 1 if no daemon answers.
pub fn run(args: &ReloadArgs) -> ExitCode {
    control::run(&args.socket, &ControlRequest::Reload)
}
