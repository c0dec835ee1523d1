//! Reads scenarios: a name with what it is about, and below it, indented, its steps.
//!
//! ```text
//! f_vs_rename: one followed file is renamed over another
//!   touch a; touch b; watch a b
//!   append a 1; expect 1
//! ```
//!
//! Steps are separated by semicolons and line ends. Those between `repeat N` and `again` are done N times, with `#` for the number
//! of the round. A scenario that is known to fail has a step `fails` with the reason.

/// One scenario.
pub struct Scenario {
    pub name: String,
    pub about: String,
    /// Why the daemon does not pass it.
    pub known_failure: Option<String>,
    pub steps: Vec<Step>,
}

/// A verb and what follows it.
#[derive(Clone)]
pub struct Step {
    pub verb: String,
    pub rest: String,
}

impl Step {
    fn read(step: &str) -> Step {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        Step { verb: verb.to_owned(), rest: rest.to_owned() }
    }

    /// The `n`-th word behind the verb.
    #[track_caller]
    pub fn word(&self, n: usize) -> &str {
        self.words().nth(n).unwrap_or_else(|| panic!("{self}: a word is missing"))
    }

    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.rest.split_whitespace()
    }

    /// The same as a number.
    #[track_caller]
    pub fn number(&self, n: usize) -> u64 {
        self.word(n).parse().unwrap_or_else(|_| panic!("{self}: {} is no number", self.word(n)))
    }

    /// What follows the first word, with `\n`, `\t`, `\0`, `\r` and `\s` (a space) and `\\` for what they mean.
    pub fn text(&self) -> String {
        let text = self.rest.split_once(' ').map_or("", |(_, text)| text);
        let mut plain = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            plain.push(match letter {
                '\\' => match letters.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('s') => ' ',
                    Some('0') => '\0',
                    Some('\\') => '\\',
                    other => panic!("{self}: no escape: {other:?}"),
                },
                letter => letter,
            });
        }
        plain
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.rest)
    }
}

/// All scenarios of a text.
pub fn read(text: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if !line.starts_with(' ') {
            let (name, about) = line.split_once(": ").unwrap_or_else(|| panic!("{line}: no name"));
            let (name, about) = (name.to_owned(), about.to_owned());
            assert!(scenarios.iter().all(|other| other.name != name), "{name} is there twice");
            scenarios.push(Scenario { name, about, known_failure: None, steps: Vec::new() });
            continue;
        }
        let scenario = scenarios.last_mut().expect("steps follow a name");
        for step in line.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            match step.strip_prefix("fails ") {
                Some(reason) => scenario.known_failure = Some(reason.to_owned()),
                None => scenario.steps.push(Step::read(step)),
            }
        }
    }
    for scenario in &mut scenarios {
        scenario.steps = unrolled(&scenario.steps.iter().flat_map(written_out).collect::<Vec<_>>());
    }
    scenarios
}

/// What `rounds` and its like stand for: the log is rotated, as the rest of the step says, while everything was read; while lines are
/// unread; and while nothing runs.
fn written_out(step: &Step) -> Vec<Step> {
    const READ: &str =
        "append LOG 3; watch LOG start=\"beginning\"; expect 3; logrotate ALL; append LOG 2; expect +2";
    const UNREAD: &str = "freeze; append LOG 4; logrotate ALL; append LOG 1; thaw; expect +5";
    const DOWN: &str = "stop; append LOG 3; logrotate ALL; append LOG 2; start; expect +5";
    const TWICE_DOWN: &str =
        "kill; append LOG 1; logrotate ALL; append LOG 2; logrotate ALL; append LOG 1; start; expect +4";
    const GONE: &str = "stop; append LOG 3; logrotate ALL; append LOG 2; start; missed; expect +2";
    let rounds = match step.verb.as_str() {
        // One generation is kept. The one before may be removed before it was quiet for the grace time.
        "rounds" => vec![READ, UNREAD, "may_miss", DOWN],
        // At least two are.
        "rounds_kept" => vec![READ, UNREAD, "may_miss", DOWN, TWICE_DOWN],
        // So many are that none of these is removed.
        "rounds_all" => vec![READ, UNREAD, DOWN, TWICE_DOWN],
        // None is: what was unread while nothing ran is lost.
        "rounds_none" => vec![READ, UNREAD, GONE],
        _ => return vec![step.clone()],
    };
    let steps = rounds.join("; ").replace("LOG", step.word(0)).replace("ALL", &step.rest);
    steps.split("; ").map(Step::read).collect()
}

/// The steps with those that are repeated written out.
fn unrolled(steps: &[Step]) -> Vec<Step> {
    let Some(begin) = steps.iter().position(|step| step.verb == "repeat") else { return steps.to_vec() };
    let length = steps[begin..].iter().position(|step| step.verb == "again").expect("repeat ends with again");
    let (body, after) = (&steps[begin + 1..begin + length], &steps[begin + length + 1..]);
    let rounds = (1..=steps[begin].number(0)).flat_map(|round| {
        let numbered = move |step: &Step| Step {
            verb: step.verb.clone(),
            rest: step.rest.replace('#', &round.to_string()),
        };
        body.iter().map(numbered)
    });
    steps[..begin].iter().cloned().chain(rounds).chain(unrolled(after)).collect()
}
