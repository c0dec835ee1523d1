//! `spiketail test-alert`: sends a marked alert to each output that answers, and says what it answered.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::EXIT_USAGE;
use crate::config;
use crate::delivery::{Delivery, settings::DeliverySpec};

/// What `spiketail test-alert` takes.
#[derive(Debug, clap::Args)]
pub struct TestAlertArgs {
    /// Only this output
    #[arg(value_name = "OUTPUT")]
    output: Option<String>,
    /// Configuration with the outputs
    #[arg(short, long, value_name = "FILE", default_value = "/etc/spiketail/spiketail.toml")]
    config: PathBuf,
}

/// Runs the command. Gives the exit status of the process: 0 if every receiver took the alert, 1 if one did not, 2 if there is
/// none.
#[must_use]
pub fn run(args: &TestAlertArgs) -> ExitCode {
    match try_run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("spiketail: {error:#}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn try_run(args: &TestAlertArgs) -> anyhow::Result<bool> {
    let deliveries = config::load(&args.config)?.deliveries;
    let is_meant = |spec: &&DeliverySpec| {
        let name = args.output.as_deref();
        // Several Alertmanagers of one output have its name before their own.
        name.is_none_or(|name| spec.name == name || spec.name.starts_with(&format!("{name} ")))
    };
    let specs: Vec<DeliverySpec> = deliveries.iter().filter(is_meant).cloned().collect();
    if specs.is_empty() {
        let names: Vec<_> = deliveries.iter().map(|spec| spec.name.as_str()).collect();
        match &args.output {
            Some(name) if !names.is_empty() => {
                anyhow::bail!("there is no output {name} that answers; there are {}", names.join(", "))
            }
            _ => anyhow::bail!(
                "the configuration has no output that answers; add one with `type = \"webhook\"`, \"alertmanager\" or \"command\""
            ),
        }
    }
    let mut all_took_it = true;
    for answer in Delivery::new()?.try_out(&specs) {
        let (verdict, text) = match &answer.result {
            Ok(said) => ("took it", said),
            Err(why) => ("did not take it", why),
        };
        all_took_it &= answer.result.is_ok();
        println!("{}: {} {verdict}: {text}", answer.output, answer.state);
    }
    Ok(all_took_it)
}
