//! `spiketail test-alert`: sends a marked alert through each output, and says what the other side answered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::alert::fingerprint::fingerprint;
use crate::cli::complete;
use crate::cli::exit::EXIT_USAGE;
use crate::cli::terminal::{print, print_error};
use crate::config::{self, Settings};
use crate::event::{AlertEvent, AlertState, EventKind, EventOrigin, Severity};
use crate::notify::{Delivery, MessageOrigin, TestDelivery, settings::DeliverySpec};
use crate::output::{OutputSpec, subscriber};

/// How long an output that is written to may take.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// What `spiketail test-alert` takes.
#[derive(Debug, clap::Args)]
pub struct TestAlertArgs {
    /// Only this output
    #[arg(value_name = "OUTPUT", add = complete::outputs())]
    output: Option<String>,
    /// Configuration with the outputs
    #[arg(short, long, value_name = "FILE", default_values = config::DEFAULT_PATHS)]
    config: Vec<PathBuf>,
}

/// Runs the command. Returns the exit status of the process: 0 if every output took the alert, 1 if one did not, 2 if there is
/// none.
#[must_use]
pub fn run(args: &TestAlertArgs) -> ExitCode {
    match try_run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            print_error(format_args!("{error:#}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn try_run(args: &TestAlertArgs) -> anyhow::Result<bool> {
    let settings = config::load(&args.config)?;
    let (written, delivered) = chosen(&settings, args.output.as_deref())?;
    let events = [AlertState::Firing, AlertState::Resolved].map(|state| test_event(state, &settings.origin));
    let mut answers = Vec::new();
    for spec in written {
        answers.extend(events.iter().map(|event| write(spec, event)));
    }
    let EventOrigin { host, labels, .. } = (*settings.origin).clone();
    let origin = MessageOrigin { host, labels, url: settings.external_url.clone() };
    answers.extend(Delivery::new()?.try_out(&delivered, &events, &origin));
    for TestDelivery { output, state, result } in &answers {
        match result {
            Ok(said) => print(&format!("{output}: {state} taken: {said}\n")),
            Err(why) => print(&format!("{output}: {state} NOT taken: {why}\n")),
        }
    }
    Ok(answers.iter().all(|answer| answer.result.is_ok()))
}

/// The outputs that carry alerts, or those called `name`: that are written to, and that answer.
fn chosen<'a>(
    settings: &'a Settings,
    name: Option<&str>,
) -> anyhow::Result<(Vec<&'a OutputSpec>, Vec<DeliverySpec>)> {
    // Several Alertmanagers of one output have its name before their own.
    let is_meant = |spec: &str| name.is_none_or(|name| spec.split(' ').next() == Some(name) || spec == name);
    let carries = |spec: &&OutputSpec| spec.kinds.contains(&EventKind::Alert) && is_meant(&spec.name);
    let written: Vec<_> = settings.outputs.iter().filter(carries).collect();
    let delivered: Vec<_> = settings.deliveries.iter().filter(|spec| is_meant(&spec.name)).cloned().collect();
    if written.is_empty() && delivered.is_empty() {
        let outputs = settings.outputs.iter().map(|spec| &spec.name);
        let all: Vec<_> = outputs.chain(settings.deliveries.iter().map(|spec| &spec.name)).cloned().collect();
        let asked = name.map(|name| format!(" {name}")).unwrap_or_default();
        anyhow::bail!("no output{asked} carries alerts; the outputs are: {}", all.join(", "));
    }
    Ok((written, delivered))
}

/// Writes the alert as the daemon would.
fn write(spec: &OutputSpec, event: &AlertEvent) -> TestDelivery {
    let result = subscriber::subscriber(std::slice::from_ref(spec), "warn", Arc::new(|| {}))
        .map_err(|error| error.to_string())
        .and_then(|(subscriber, telemetry)| {
            tracing::subscriber::with_default(subscriber, || event.emit());
            let is_written = telemetry.flush(WRITE_LIMIT) && telemetry.dropped() == 0;
            let place = subscriber::destination_name(&spec.destination);
            if is_written {
                Ok(format!("written to {place}"))
            } else {
                Err(format!("cannot write to {place}"))
            }
        });
    TestDelivery { output: spec.name.clone(), state: event.state.as_str().to_owned(), result }
}

fn test_event(state: AlertState, origin: &EventOrigin) -> AlertEvent {
    let now = Timestamp::now().to_string();
    AlertEvent {
        alert: "spiketail-test".to_owned(),
        host: origin.host.clone(),
        labels: origin.labels_with(BTreeMap::new()),
        state,
        severity: Severity::Info,
        watch: "test".to_owned(),
        rule: "test".to_owned(),
        condition: "count".to_owned(),
        count: 1,
        window_s: 60.0,
        why: "this is a test".to_owned(),
        since: now.clone(),
        at: now,
        fingerprint: fingerprint("spiketail-test", "test", "test", None),
        samples: vec!["this is a test of spiketail; nothing is wrong".to_owned()],
        ..AlertEvent::default()
    }
}
