//! `spiketail check`: says whether a configuration is right.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::EXIT_USAGE;
use crate::config;
use crate::engine::plan::Compiled;

/// What `spiketail check` takes.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Configuration to check
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

/// Checks a configuration. Gives the exit status of the process: 0 if it is right, else 2.
pub fn run(args: &CheckArgs) -> ExitCode {
    let checked = config::load(&args.config).map_err(|e| e.to_string()).and_then(|settings| {
        Compiled::new(&settings.plan)
            .map_err(|e| format!("the rules of a watch are too much together: {e}"))?;
        Ok(settings)
    });
    match checked {
        Ok(settings) => {
            let plan = &settings.plan;
            println!(
                "{}: right: {} watches, {} alerts, {} outputs",
                args.config.display(),
                plan.watches.len(),
                plan.alerts.len(),
                settings.outputs.len()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("spiketail: {error}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}
