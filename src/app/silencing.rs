//! Silences, as they are asked for at the control socket.

use std::time::Duration;

use globset::Glob;
use jiff::Timestamp;

use crate::alert::Scope;
use crate::config::Settings;
use crate::engine::Engine;
use crate::event::{HealthEvent, HealthKind};
use crate::fmt::printable;
use crate::notify::queue::NotificationQueue;
use crate::serve::control::SilenceRequest;
use crate::store::SilenceRecord;

/// How long a silence may last: a year, in milliseconds.
const LONGEST_MS: i64 = 366 * 86_400_000;
/// How long the answer waits until a silence is saved.
const SAVE_LIMIT: Duration = Duration::from_secs(5);

/// Silences alerts. The error says what cannot be meant.
pub(super) fn silence(
    asked: SilenceRequest,
    settings: &Settings,
    queue: &NotificationQueue,
    engine: &Engine,
) -> Result<String, String> {
    let SilenceRequest { alert, path, pattern, for_ms, reason } = asked;
    let glob = Glob::new(&alert).map_err(|error| format!("{alert} is no name or glob: {error}"))?;
    let glob = glob.compile_matcher();
    let names = || settings.plan.alerts.iter().map(|alert| alert.name.as_str());
    if !names().any(|name| glob.is_match(name)) {
        let known: Vec<_> = names().collect();
        return Err(format!(
            "no alert is called {}; the alerts are: {}",
            printable(&alert),
            known.join(", ")
        ));
    }
    let is_by = |scope: Scope| {
        settings.plan.alerts.iter().any(|alert| glob.is_match(&alert.name) && alert.scope == scope)
    };
    for (given, scope, kind) in
        [(path.is_some(), Scope::Path, "path"), (pattern.is_some(), Scope::Pattern, "pattern")]
    {
        if given && !is_by(scope) {
            return Err(format!(
                "{} has no `by = \"{kind}\"`, so it has no {kind} to be silenced by; silence it as a whole",
                printable(&alert)
            ));
        }
    }
    if !(1_000..=LONGEST_MS).contains(&for_ms) {
        return Err("a silence lasts from \"1s\" to \"366d\"".to_owned());
    }
    if reason.trim().is_empty() {
        return Err("a silence needs a reason, for those who wonder".to_owned());
    }
    let since_ms = Timestamp::now().as_millisecond();
    let until_ms = since_ms + for_ms;
    let reason = printable(reason.trim()).into_owned();
    let added = queue.silence(SilenceRecord { id: 0, alert, path, pattern, since_ms, until_ms, reason })?;
    engine.commit(SAVE_LIMIT);
    let text = line(&added);
    HealthEvent::info(HealthKind::Silenced, text.clone()).emit();
    Ok(text)
}

/// Ends a silence.
pub(super) fn unsilence(id: u64, queue: &NotificationQueue, engine: &Engine) -> Result<String, String> {
    let Some(ended) = queue.unsilence(id) else {
        return Err(format!("no silence {id} is in force; `spiketail silences` lists them"));
    };
    engine.commit(SAVE_LIMIT);
    let text = format!("silence {id} of {} is over; what still fires is sent", printable(&ended.alert));
    HealthEvent::info(HealthKind::Unsilenced, text.clone()).emit();
    Ok(text)
}

/// Those in force, a line each.
pub(super) fn list(queue: &NotificationQueue) -> String {
    let silences = queue.silences_in_force();
    let mutes = queue.mutes_in_force();
    let mutes = mutes.iter().map(|name| format!("[mute.{name}] of the configuration"));
    let lines: Vec<_> = silences.iter().map(line).chain(mutes).collect();
    if lines.is_empty() { "no alert is silenced".to_owned() } else { lines.join("\n") }
}

fn line(silence: &SilenceRecord) -> String {
    let SilenceRecord { id, alert, path, pattern, until_ms, reason, .. } = silence;
    let path = path.as_ref().map(|path| format!(" of {}", printable(path))).unwrap_or_default();
    let pattern =
        pattern.as_ref().map(|id| format!(" with the pattern {}", printable(id))).unwrap_or_default();
    let until = Timestamp::from_millisecond(*until_ms).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("silence {id}: {}{path}{pattern} until {until}: {reason}", printable(alert))
}
