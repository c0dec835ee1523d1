//! Asks for what a silence needs, shows what is about to happen, and waits for a `y`.

use ratatui::crossterm::event::KeyCode;
use ratatui::text::Line;

use super::text::{Look, Row, Tone, cut_path, rule};
use crate::config::duration_ms;
use crate::serve::control::{ControlAnswer, ControlRequest, SilenceRequest};

/// So many characters a reason has at most.
const REASON_CHARS_MAX: usize = 200;
/// How long a silence lasts if nobody says anything else.
const LASTS: &str = "2h";

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Prompt {
    /// A silence that is to begin.
    Silence(NewSilence),
    /// A silence that is to end, and what it silences.
    End { id: u64, what: String },
    /// The daemon has not answered yet.
    Waiting,
    /// What came of it.
    Said(Result<String, String>),
}

/// What is known of the silence so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewSilence {
    pub(super) alert: String,
    pub(super) path: Option<String>,
    pub(super) pattern: Option<String>,
    step: Step,
    lasts: String,
    reason: String,
    /// What is wrong with what was typed.
    wrong: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Lasts,
    Reason,
    Confirm,
}

/// What becomes of the prompt.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Stays,
    Closes,
    Asks(ControlRequest),
}

impl Prompt {
    /// Begins to ask for a silence of an alert, or of a path or pattern of it.
    pub(super) fn silence(alert: &str, path: Option<String>, pattern: Option<String>) -> Prompt {
        Prompt::Silence(NewSilence {
            alert: alert.to_owned(),
            path,
            pattern,
            step: Step::Lasts,
            lasts: LASTS.to_owned(),
            reason: String::new(),
            wrong: None,
        })
    }

    /// What the daemon answered.
    pub(super) fn answered(answer: Result<ControlAnswer, String>) -> Prompt {
        Prompt::Said(match answer {
            Ok(ControlAnswer::Done(what)) => Ok(what),
            Ok(ControlAnswer::Refused(why)) | Err(why) => Err(why),
        })
    }

    /// Does what a key says.
    pub(super) fn press(&mut self, key: KeyCode) -> Answer {
        match (self, key) {
            (_, KeyCode::Esc) | (Prompt::Said(_), _) => Answer::Closes,
            (Prompt::Silence(silence), key) => silence.press(key),
            (Prompt::End { id, .. }, KeyCode::Char('y')) => {
                Answer::Asks(ControlRequest::Unsilence { id: *id })
            }
            (Prompt::End { .. }, KeyCode::Char('n')) => Answer::Closes,
            _ => Answer::Stays,
        }
    }

    /// The lines of the prompt.
    pub(super) fn lines(&self, look: Look, width: usize) -> Vec<Line<'static>> {
        let said = |text: &str, tone| {
            let mut row = Row::new(look);
            row.add("  ", Tone::Plain).add(text, tone);
            row.line(width)
        };
        match self {
            Prompt::Silence(silence) => silence.lines(look, width),
            Prompt::End { id, what } => vec![
                rule(look, "End a silence", "y ends it, Esc does not", width),
                said(&format!("silence {id}: {what}"), Tone::Plain),
                said("what still fires is sent at once", Tone::Dim),
            ],
            Prompt::Waiting => {
                vec![rule(look, "Silence", "Esc hides this", width), said("asking the daemon", Tone::Dim)]
            }
            Prompt::Said(Ok(what)) => {
                vec![rule(look, "Done", "any key closes this", width), said(what, Tone::Accent)]
            }
            Prompt::Said(Err(why)) => {
                vec![rule(look, "Not done", "any key closes this", width), said(why, Tone::Critical)]
            }
        }
    }
}

impl NewSilence {
    fn press(&mut self, key: KeyCode) -> Answer {
        let text = match self.step {
            Step::Lasts => &mut self.lasts,
            Step::Reason => &mut self.reason,
            Step::Confirm => {
                return match key {
                    KeyCode::Char('y') => match self.request() {
                        Ok(request) => Answer::Asks(ControlRequest::Silence(request)),
                        Err(why) => {
                            (self.step, self.wrong) = (Step::Lasts, Some(why));
                            Answer::Stays
                        }
                    },
                    KeyCode::Char('n') => Answer::Closes,
                    _ => Answer::Stays,
                };
            }
        };
        match key {
            KeyCode::Char(c) if text.chars().count() < REASON_CHARS_MAX => text.push(c),
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Enter => self.next(),
            _ => {}
        }
        Answer::Stays
    }

    fn next(&mut self) {
        let (step, wrong) = match self.step {
            Step::Lasts => match duration_ms(&self.lasts) {
                Ok(_) => (Step::Reason, None),
                Err(why) => (Step::Lasts, Some(why)),
            },
            Step::Reason if self.reason.trim().is_empty() => {
                (Step::Reason, Some("a silence needs a reason, for those who wonder".to_owned()))
            }
            Step::Reason | Step::Confirm => (Step::Confirm, None),
        };
        (self.step, self.wrong) = (step, wrong);
    }

    fn request(&self) -> Result<SilenceRequest, String> {
        Ok(SilenceRequest {
            alert: self.alert.clone(),
            path: self.path.as_deref().map(globset::escape),
            pattern: self.pattern.clone(),
            for_ms: duration_ms(&self.lasts)?,
            reason: self.reason.trim().to_owned(),
        })
    }

    fn lines(&self, look: Look, width: usize) -> Vec<Line<'static>> {
        let says = match self.step {
            Step::Lasts | Step::Reason => "Enter goes on, Esc cancels",
            Step::Confirm => "y silences it, Esc cancels",
        };
        let fact = |name: &str, value: &str, is_typed: bool| {
            let mut row = Row::new(look);
            row.add("  ", Tone::Plain).left(name, 10, Tone::Dim).add(value, Tone::Bold);
            if is_typed {
                row.add("▏", Tone::Accent);
            }
            row.line(width)
        };
        let what = match (&self.path, &self.pattern) {
            (Some(path), _) => format!("{} of {}", self.alert, cut_path(path, width.saturating_sub(50))),
            (None, Some(pattern)) => format!("{} with the pattern {pattern}", self.alert),
            (None, None) => format!("{}, all of it", self.alert),
        };
        let mut lines = vec![
            rule(look, "Silence", says, width),
            fact("alert", &what, false),
            fact("for", &self.lasts, self.step == Step::Lasts),
            fact("reason", &self.reason, self.step == Step::Reason),
        ];
        if let Some(wrong) = &self.wrong {
            let mut row = Row::new(look);
            row.add(format!("  ! {wrong}"), Tone::Critical);
            lines.push(row.line(width));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_text(prompt: &mut Prompt, text: &str) {
        for c in text.chars() {
            assert_eq!(prompt.press(KeyCode::Char(c)), Answer::Stays, "{c}");
        }
    }

    #[test]
    fn a_silence_is_asked_for_only_after_its_length_its_reason_and_a_y() {
        let mut prompt = Prompt::silence("disk-*", Some("/a[1].log".to_owned()), None);
        prompt.press(KeyCode::Backspace);
        prompt.press(KeyCode::Backspace);
        type_text(&mut prompt, "soon");
        prompt.press(KeyCode::Enter);
        let look = Look { has_colours: false, has_unicode: true };
        let shown = |prompt: &Prompt| {
            prompt.lines(look, 80).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert!(shown(&prompt).contains("\n  ! "), "{}", shown(&prompt));
        for _ in 0..4 {
            prompt.press(KeyCode::Backspace);
        }
        type_text(&mut prompt, "30m");
        prompt.press(KeyCode::Enter);
        prompt.press(KeyCode::Enter);
        assert!(shown(&prompt).contains("needs a reason"));
        // `y` is a letter of the reason.
        type_text(&mut prompt, " by y ");
        prompt.press(KeyCode::Enter);
        assert!(shown(&prompt).contains("y silences it"));
        assert_eq!(prompt.press(KeyCode::Enter), Answer::Stays);
        let request = SilenceRequest {
            alert: "disk-*".to_owned(),
            path: Some("/a[[]1[]].log".to_owned()),
            pattern: None,
            for_ms: 1_800_000,
            reason: "by y".to_owned(),
        };
        assert_eq!(prompt.press(KeyCode::Char('y')), Answer::Asks(ControlRequest::Silence(request)));
        assert_eq!(prompt.press(KeyCode::Esc), Answer::Closes);
    }

    #[test]
    fn a_silence_is_ended_by_a_y_only() {
        let mut prompt = Prompt::End { id: 3, what: "noisy".to_owned() };
        assert_eq!(prompt.press(KeyCode::Enter), Answer::Stays);
        assert_eq!(prompt.press(KeyCode::Char('y')), Answer::Asks(ControlRequest::Unsilence { id: 3 }));
        assert_eq!(prompt.press(KeyCode::Char('n')), Answer::Closes);
    }
}
