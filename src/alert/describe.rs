//! What an alert does, in plain words.

use crate::alert::{AlertSpec, Scope};
use crate::detect::condition::{Condition, Percent, Short, Span};

impl AlertSpec {
    /// One sentence without its subject: `fires when errors in app exceed 4 × the usual rate and at least 20 in 1m`.
    #[must_use]
    pub fn describe(&self) -> String {
        let rule = &self.rule;
        let place = match self.scope {
            Scope::Watch => format!("in {}", self.watches.join(", or in ")),
            Scope::Path => format!("in one file of {}", self.watches.join(" or ")),
            Scope::Pattern => format!("of one pattern in {}", self.watches.join(" or ")),
        };
        let mut text = match &self.condition {
            Condition::Count { over, window_ms } => {
                format!("fires when more than {over} {rule} {place} come in {}", Span(*window_ms))
            }
            Condition::Rate { over, at_least, window_ms } => {
                let over = Short(*over);
                let least = least(*at_least, *window_ms);
                format!("fires when {rule} {place} exceed {over} a second over {}{least}", Span(*window_ms))
            }
            Condition::Share { over, at_least, window_ms } => {
                let (percent, least) = (Short(over * 100.0), least(*at_least, *window_ms));
                format!(
                    "fires when {rule} {place} exceed {percent}% of all lines in {}{least}",
                    Span(*window_ms)
                )
            }
            Condition::BurnRate(settings) => {
                let (percent, least) = (Percent(settings.objective), settings.at_least);
                let windows: Vec<String> = settings.windows.iter().map(ToString::to_string).collect();
                let windows = windows.join(", or by ");
                format!(
                    "fires when {rule} {place} exceed what {percent} allows by {windows}, and at least {least} come"
                )
            }
            Condition::Spike(settings) => {
                let [first, second, third] = settings.long_windows_ms().map(Span);
                format!(
                    "fires when {rule} {place} exceed {} × the usual rate{}, after {} of learning, or more than ever in {first}, {second} or {third}",
                    Short(settings.factor),
                    least(settings.at_least, settings.window_ms),
                    Span(settings.learn_ms),
                )
            }
            Condition::Silence { window_ms } => {
                format!("fires when no {rule} {place} come for {}", Span(*window_ms))
            }
            Condition::NewPattern { learn_ms, .. } => format!(
                "fires at the first {rule} of a new pattern in {}, after {} of learning",
                self.watches.join(", or in "),
                Span(*learn_ms)
            ),
            Condition::New { quiet_ms: None } => format!("fires at the first {rule} ever {place}"),
            Condition::New { quiet_ms: Some(quiet) } => {
                format!("fires at the first {rule} {place} in {}", Span(*quiet))
            }
        };
        if self.for_ms > 0 {
            text.push_str(&format!(", for {}", Span(self.for_ms)));
        }
        text.push_str(&match self.keep_firing_for_ms {
            0 => "; resolves as soon as that is over".to_owned(),
            keep => format!("; resolves {} after that is over", Span(keep)),
        });
        text
    }
}

fn least(at_least: u64, window_ms: i64) -> String {
    if at_least > 1 { format!(" and at least {at_least} in {}", Span(window_ms)) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertNotes;
    use crate::detect::burn_settings::{BURN_WINDOWS, BurnSettings};
    use crate::detect::spike::SpikeSettings;
    use crate::event::Severity;

    fn spec(condition: Condition) -> AlertSpec {
        AlertSpec {
            name: "a".into(),
            rule: "errors".into(),
            watches: vec!["app".into()],
            scope: Scope::Watch,
            condition,
            severity: Severity::Critical,
            for_ms: 0,
            keep_firing_for_ms: 60_000,
            cooldown_ms: 60_000,
            samples_max: 1,
            notes: AlertNotes::default(),
        }
    }

    #[test]
    fn every_condition_is_a_sentence() {
        let window_ms = 60_000;
        let end = "; resolves 1m after that is over";
        for (condition, text) in [
            (Condition::Count { over: 50, window_ms }, "fires when more than 50 errors in app come in 1m"),
            (
                Condition::Rate { over: 0.5, at_least: 1, window_ms },
                "fires when errors in app exceed 0.5 a second over 1m",
            ),
            (
                Condition::Share { over: 0.05, at_least: 20, window_ms },
                "fires when errors in app exceed 5% of all lines in 1m and at least 20 in 1m",
            ),
            (
                Condition::BurnRate(BurnSettings {
                    objective: 0.9995,
                    at_least: 20,
                    windows: BURN_WINDOWS.to_vec(),
                }),
                "fires when errors in app exceed what 99.95% allows by 14.4 times over 1h and 5m, or by 6 times over 6h and 30m, and at least 20 come",
            ),
            (
                Condition::Spike(SpikeSettings { factor: 4.0, ..SpikeSettings::default() }),
                "fires when errors in app exceed 4 × the usual rate and at least 20 in 1m, after 1h of learning, or more than ever in 5m, 1h or 6h",
            ),
            (Condition::Silence { window_ms: 600_000 }, "fires when no errors in app come for 10m"),
            (Condition::New { quiet_ms: None }, "fires at the first errors ever in app"),
            (
                Condition::NewPattern { learn_ms: 3_600_000, per_minute_max: 5 },
                "fires at the first errors of a new pattern in app, after 1h of learning",
            ),
            (Condition::New { quiet_ms: Some(5_400_000) }, "fires at the first errors in app in 1h 30m"),
        ] {
            assert_eq!(spec(condition).describe(), format!("{text}{end}"));
        }
        let by_path = AlertSpec {
            scope: Scope::Path,
            watches: vec!["app".into(), "db".into()],
            for_ms: 30_000,
            keep_firing_for_ms: 0,
            ..spec(Condition::Count { over: 5, window_ms })
        };
        assert_eq!(
            by_path.describe(),
            "fires when more than 5 errors in one file of app or db come in 1m, for 30s; resolves as soon as that is over"
        );
    }
}
