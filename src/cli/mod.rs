//! The command line: one file per command.

mod cells;
pub mod check;
mod complete;
mod control;
mod exit;
pub mod explain;
pub mod init;
mod journal;
mod man;
pub mod patterns;
mod progress;
pub mod reload;
pub mod replay;
pub mod run;
pub mod scan;
mod selection;
mod service_user;
pub mod shell;
pub mod silence;
mod socket;
mod state;
pub mod status;
mod summary;
mod table;
mod terminal;
pub mod test_alert;
pub mod top;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Watches growing log files, counts the lines that matter, and alerts when errors spike.
#[derive(Debug, Parser)]
#[command(name = "spiketail", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch files; count matching lines and alert when they spike, until stopped
    Run(run::RunArgs),
    /// Count matching lines in existing files, like `grep -c`
    Scan(scan::ScanArgs),
    /// Group matching lines in existing files into patterns: which errors there are
    Patterns(patterns::PatternsArgs),
    /// Say which alerts would have fired on existing logs, by the times in their lines
    Replay(Box<replay::ReplayArgs>),
    /// Send a test alert to each output that answers, and say what it answered
    TestAlert(test_alert::TestAlertArgs),
    /// Ask the running daemon how files, alerts and outputs stand
    Status(status::StatusArgs),
    /// Show what fires, which errors there are and how files stand, as it changes
    Top(top::TopArgs),
    /// Say whether a path is watched, by what, or why not, and what happened to it recently
    Explain(explain::ExplainArgs),
    /// Notify nobody of an alert for a while; counting goes on, and what still fires at the end is sent then
    Silence(silence::SilenceArgs),
    /// List what is silenced
    Silences(silence::SilencesArgs),
    /// End a silence
    Unsilence(silence::UnsilenceArgs),
    /// Have the running daemon read its configuration again, and say what came of it
    Reload(reload::ReloadArgs),
    /// Write a configuration for what is found on this machine
    Init(init::InitArgs),
    /// Say whether a configuration is right, what it finds, and when it would alert
    Check(check::CheckArgs),
    /// Print completions for a shell
    Completions(shell::CompletionsArgs),
    /// Write man pages to a folder
    #[command(hide = true)]
    Man(shell::ManArgs),
}

/// Answers a shell that asks what it may offer, and ends the process then; does nothing if no shell asks.
pub fn complete() {
    clap_complete::CompleteEnv::with_factory(Cli::command).var(shell::COMPLETE_VAR).complete();
}

/// Runs the command that `cli` names. Returns the exit status of the process.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Run(args) => run::run(args),
        Command::Scan(args) => scan::run(&args),
        Command::Patterns(args) => patterns::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::TestAlert(args) => test_alert::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Silence(args) => silence::silence(&args),
        Command::Silences(args) => silence::silences(&args),
        Command::Unsilence(args) => silence::unsilence(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(Cli::command(), &args),
    }
}
