//! `spiketail silence`, `silences` and `unsilence`: notify nobody of some alerts for a while.

use std::process::ExitCode;

use crate::cli::exit::EXIT_USAGE;
use crate::cli::socket::SocketArgs;
use crate::cli::terminal::print_error;
use crate::cli::{complete, control};
use crate::config::duration_ms;
use crate::serve::control::{ControlRequest, SilenceRequest};

/// What `spiketail silence` takes.
#[derive(Debug, clap::Args)]
pub struct SilenceArgs {
    /// Name of the alert, or a glob such as `disk-*`
    #[arg(add = complete::alerts())]
    alert: String,
    /// Of an alert by path, only the paths that match
    #[arg(long, value_name = "GLOB")]
    path: Option<String>,
    /// Of an alert by pattern, only this one
    #[arg(long, value_name = "ID", add = complete::patterns())]
    pattern: Option<String>,
    /// How long, such as `30m`, `2h` or `3d`
    #[arg(long = "for", value_name = "TIME")]
    lasts: String,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    socket: SocketArgs,
}

/// What `spiketail silences` takes.
#[derive(Debug, clap::Args)]
pub struct SilencesArgs {
    #[command(flatten)]
    socket: SocketArgs,
}

/// What `spiketail unsilence` takes.
#[derive(Debug, clap::Args)]
pub struct UnsilenceArgs {
    /// Number of the silence, as `spiketail silences` shows it
    id: u64,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Silences alerts. Returns the exit status of the process: 0 if it is done, 2 if it was refused, 1 if no daemon answers.
pub fn silence(args: &SilenceArgs) -> ExitCode {
    let for_ms = match duration_ms(&args.lasts) {
        Ok(for_ms) => for_ms,
        Err(why) => {
            print_error(format!("--for {}: {why}", args.lasts));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let request = SilenceRequest {
        alert: args.alert.clone(),
        path: args.path.clone(),
        pattern: args.pattern.clone(),
        for_ms,
        reason: args.reason.clone(),
    };
    control::run(&args.socket, &ControlRequest::Silence(request))
}

/// Lists the silences that are in force.
pub fn silences(args: &SilencesArgs) -> ExitCode {
    control::run(&args.socket, &ControlRequest::Silences)
}

/// Ends a silence.
pub fn unsilence(args: &UnsilenceArgs) -> ExitCode {
    control::run(&args.socket, &ControlRequest::Unsilence { id: args.id })
}
