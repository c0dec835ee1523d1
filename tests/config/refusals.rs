//! What is reported about a configuration that is not right.

use std::path::Path;

use spiketail::config;
use spiketail::scan::rules::check_pattern;

use super::{MINIMAL, after_minimal, refusals};

#[test]
fn a_refusal_shows_the_place_the_line_and_what_would_be_right() {
    let error = config::parse("[watch.app]\npathz = [\"/var/log\"]\n", Path::new("conf.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\
conf.toml:1:8: [watch.app] lacks `paths`; write where the logs are, such as `paths = [\"/var/log/app/*.log\"]`
  |
1 | [watch.app]
  |        ^^^

conf.toml:2:1: unknown key `pathz` in [watch.app]; did you mean `paths`? (known: `paths`, `exclude`, `journal`, `rules`, \
`start`, `reader`, `window_bytes`, `line_bytes_max`, `format`, `record_start`, `multiline`, `rotated_grace`, `time`)
  |
2 | pathz = [\"/var/log\"]
  | ^^^^^"
    );
}

#[test]
fn a_bad_pattern_is_shown_with_a_mark_in_it() {
    let text = format!("{MINIMAL}[rule.x]\nregex = ['ok', 'a(b']\n");
    let error = config::parse(&text, Path::new("conf.toml")).unwrap_err().to_string();
    let within = check_pattern("a(b", false).unwrap_err();
    assert_eq!(
        error,
        format!(
            "conf.toml:4:16: `regex` in [rule.x] holds `a(b`: it does not compile\n{within}\n  \
             |\n4 | regex = ['ok', 'a(b']\n  |                ^^^^^"
        )
    );
}

#[test]
fn text_that_is_not_toml_is_refused() {
    for (text, message) in [
        ("[watch.app\n", "1:11: not TOML: unclosed table, expected `]`"),
        ("[watch.app]\npaths = [\"a\"\n", "2:13: not TOML: unclosed array, expected `]`"),
        ("x = \n", "1:5: not TOML: string values must be quoted, expected literal string"),
    ] {
        assert_eq!(refusals(text)[0], message, "{text}");
    }
}

#[test]
fn unknown_tables_and_keys_are_refused() {
    let tables = "(known: `engine`, `http`, `log`, `pattern`, `watch`, `rule`, `alert`, `output`, `mute`, `heartbeat`)";
    for (rest, message) in [
        ("[wacth.b]\n", format!("3:2: unknown table [wacth]; did you mean `watch`? {tables}")),
        ("[rules.b]\n", format!("3:2: unknown table [rules]; did you mean `rule`? {tables}")),
        ("[zzz]\n", format!("3:2: unknown table [zzz] {tables}")),
        ("[engine]\nworkes = 1\n", "4:1: unknown key `workes` in [engine]; did you mean `workers`? (known: `host`, `instance`, `labels`, `workers`, `report_interval`, `turn_bytes_max`, `windows_max`, `sweep_interval`, `poll_interval`)".to_owned()),
        ("[log]\nlevel = 1\n", "4:1: unknown key `level` in [log] (known: `filter`)".to_owned()),
        ("[rule]\nany = \"x\"\n", "4:1: [rule] needs a name; write [rule.NAME], and its keys below that".to_owned()),
        ("[[rule]]\nany = \"x\"\n", "3:3: [rule] needs a name; write [rule.NAME], and its keys below that".to_owned()),
        ("[rule.\"a b\"]\nany = \"x\"\n", "3:7: bad name `a b`; a name has 1 to 64 letters, digits, `_`, `.` or `-`".to_owned()),
    ] {
        assert_eq!(after_minimal(rest), [message], "{rest}");
    }
    assert_eq!(
        refusals("engine = 1\n[watch.a]\npaths = ['x']\n"),
        ["1:1: `engine` is a table; write [engine], and its keys below that"]
    );
    assert_eq!(
        refusals("path = 1\n[watch.a]\npaths = ['x']\n"),
        [format!("1:1: unknown key `path` outside of any table {tables}")]
    );
}

#[test]
fn duplicates_are_refused() {
    for (rest, message) in [
        (
            "[rule.x]\nany = 'x'\n[rule.x]\nany = 'y'\n",
            "5:7: duplicate table `[rule.x]`, the first is in line 3; rename one or merge them",
        ),
        ("[log]\nfilter = 'warn'\nfilter = 'info'\n", "5:1: duplicate key `filter`; keep one of the two"),
        ("[rule.x]\nany = ['a', 'b', 'a']\n", "4:18: `any` in [rule.x] lists `a` twice; keep one"),
        (
            "[output.a]\n[output.b]\npath = '-'\n",
            "5:8: [output.b] writes to standard output, as `a` does; give it another `path`, or merge the two",
        ),
        (
            "[output.a]\npath = '/x/./y'\n[output.b]\npath = '/x//y'\n",
            "6:8: [output.b] writes to the same file, as `a` does; give it another `path`, or merge the two",
        ),
    ] {
        assert_eq!(after_minimal(rest)[0], message, "{rest}");
    }
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    for (rest, message) in [
        (
            "[engine]\nworkers = \"2\"\n",
            "4:11: `workers` in [engine] is a string; write a whole number without quotes",
        ),
        (
            "[engine]\nsweep_interval = 10\n",
            "4:18: `sweep_interval` in [engine] is an integer; write a duration such as \"250ms\", \"10s\", \"1m\" or \"1h30m\"",
        ),
        (
            "[engine]\nturn_bytes_max = 1.5\n",
            "4:18: `turn_bytes_max` in [engine] is a float; write a size such as \"64KiB\", \"1MiB\", \"1MB\" or 65536 (bytes)",
        ),
        ("[log]\nfilter = true\n", "4:10: `filter` in [log] is a boolean; write a text in quotes"),
        (
            "[rule.x]\nany = 1\n",
            "4:7: `any` in [rule.x] is an integer; write a list of texts, such as [\"one\", \"two\"]",
        ),
        (
            "[rule.x]\nany = ['a', 1]\n",
            "4:13: `any` in [rule.x] holds an integer; write a list of texts, such as [\"one\", \"two\"]",
        ),
        (
            "[rule.x]\nany = 'x'\nignore_case = 'yes'\n",
            "5:15: `ignore_case` in [rule.x] is a string; write true or false",
        ),
        (
            "[watch.b]\npaths = '/x'\n",
            "4:9: `paths` in [watch.b] is a string; write a list of texts, such as [\"one\", \"two\"]",
        ),
    ] {
        assert_eq!(after_minimal(rest), [message], "{rest}");
    }
}

#[test]
fn values_out_of_bounds_are_refused() {
    for (table, key, value, message) in [
        ("engine", "workers", "0", "is 0; it must be from 1 to 64"),
        ("engine", "workers", "65", "is 65; it must be from 1 to 64"),
        ("engine", "workers", "-1", "is -1; it must be from 1 to 64"),
        ("engine", "windows_max", "1025", "is 1025; it must be from 1 to 1024"),
        ("engine", "report_interval", "'2h'", "is `2h`; it must be from \"0s\" to \"1h\""),
        ("engine", "sweep_interval", "'999ms'", "is `999ms`; it must be from \"1s\" to \"1h\""),
        ("engine", "poll_interval", "'2m'", "is `2m`; it must be from \"100ms\" to \"1m\""),
        ("engine", "turn_bytes_max", "1", "is 1; it must be from 64KiB to 1GiB"),
        ("log", "filter", "'wran'", "is `wran`; `wran` is no level; did you mean `warn`?"),
        (
            "log",
            "filter",
            "'a=b=c'",
            "is `a=b=c`; write a level (`off`, `error`, `warn`, `info`, `debug`, `trace`), or a list such as \"warn,spiketail=debug\"",
        ),
        ("watch.w", "window_bytes", "4095", "is 4095; it must be from 4KiB to 256MiB"),
        ("watch.w", "window_bytes", "'257MiB'", "is `257MiB`; it must be from 4KiB to 256MiB"),
        ("watch.w", "line_bytes_max", "63", "is 63; it must be from 64 to 64MiB"),
        (
            "watch.w",
            "line_bytes_max",
            "'64k'",
            "is `64k`; its unit is ambiguous; write \"64KiB\" (or \"64KB\")",
        ),
        ("watch.w", "rotated_grace", "'2d'", "is `2d`; it must be from \"0s\" to \"24h\""),
        ("watch.w", "rules", "[]", "is empty; leave the key out to use all rules"),
        ("alert.a", "window", "'999ms'", "is `999ms`; it must be from \"1s\" to \"24h\""),
        ("alert.a", "window", "'25h'", "is `25h`; it must be from \"1s\" to \"24h\""),
        (
            "alert.a",
            "window",
            "'60'",
            "is `60`; it has no unit; write \"60s\" for seconds or \"60m\" for minutes",
        ),
        ("alert.a", "for", "'-1s'", "is `-1s`; it must be from \"0s\" to \"24h\""),
        (
            "alert.a",
            "keep_firing_for",
            "'x'",
            "is `x`; write a duration such as \"250ms\", \"10s\", \"1m\" or \"1h30m\"",
        ),
        ("alert.a", "cooldown", "'1us'", "is `1us`; the smallest step is one millisecond, \"1ms\""),
        ("alert.a", "samples", "51", "is 51; it must be from 0 to 50"),
        ("alert.a", "watches", "[]", "is empty; leave the key out for all watches that use the rule"),
        ("output.o", "path", "''", "is ``: it is empty; write a path"),
        ("output.o", "events", "[]", "is empty; leave the key out for all events, or remove the output"),
    ] {
        let required = match table {
            "watch.w" => "paths = ['/x']\n",
            "alert.a" => "over = 5\n",
            _ => "",
        };
        let told = after_minimal(&format!("[{table}]\n{required}{key} = {value}\n"));
        let line = if required.is_empty() { 4 } else { 5 };
        assert_eq!(told, [format!("{line}:{}: `{key}` in [{table}] {message}", key.len() + 4)]);
    }
    assert_eq!(
        after_minimal("[alert.a]\nover = -1\n"),
        ["4:8: `over` in [alert.a] is -1; it must be at least 0"]
    );
    assert_eq!(
        refusals("[watch.w]\npaths = []\n"),
        [
            "2:9: `paths` in [watch.w] is empty; write where the logs are, such as `paths = [\"/var/log/app/*.log\"]`"
        ]
    );
}

#[test]
fn choices_are_listed() {
    for (rest, message) in [
        (
            "[watch.b]\npaths = ['/x']\nstart = 'begining'\n",
            "5:9: `start` in [watch.b] cannot be `begining`; did you mean `beginning`? (known: `end`, `beginning`)",
        ),
        (
            "[watch.b]\npaths = ['/x']\nreader = 'read'\n",
            "5:10: `reader` in [watch.b] cannot be `read`; did you mean `pread`? (known: `auto`, `mmap`, `pread`)",
        ),
        (
            "[alert.a]\nover = 1\nby = 'file'\n",
            "5:6: `by` in [alert.a] cannot be `file` (known: `watch`, `path`, `unit`, `pattern`)",
        ),
        (
            "[alert.a]\nover = 1\nwhen = 'rate'\nby = 'pattern'\n",
            "6:6: `by` in [alert.a] can be \"pattern\" only with `when` \"count\", \"spike\" or \"new\" without `window`",
        ),
        (
            "[alert.a]\nover = 1\nwhen = 'rates'\n",
            "5:8: `when` in [alert.a] cannot be `rates`; did you mean `rate`? (known: `count`, `rate`, `share`, `burn_rate`, `spike`, `silence`, `new`)",
        ),
        (
            "[alert.a]\nover = 1\nseverity = 'warn'\n",
            "5:12: `severity` in [alert.a] cannot be `warn` (known: `info`, `warning`, `critical`)",
        ),
        (
            "[output.o]\ntype = 'jsno'\n",
            "4:8: `type` in [output.o] cannot be `jsno`; did you mean `json`? (known: `auto`, `console`, `json`, `journald`, `webhook`, `alertmanager`, `command`, `remote-write`, `otlp`, `email`, `pagerduty`, `opsgenie`, `telegram`)",
        ),
        (
            "[output.o]\ncolor = 'Never'\n",
            "4:9: `color` in [output.o] cannot be `Never`; did you mean `never`? (known: `auto`, `always`, `never`)",
        ),
        (
            "[output.o]\nevents = ['count', 'alerts']\n",
            "4:20: `events` in [output.o] cannot be `alerts`; did you mean `alert`? (known: `count`, `alert`, `file`, `health`)",
        ),
    ] {
        assert_eq!(after_minimal(rest), [message], "{rest}");
    }
}

#[test]
fn rules_and_paths_that_could_not_work_are_refused() {
    for (rest, message) in [
        (
            "[rule.x]\nnot = 'x'\n",
            "3:7: [rule.x] says nothing to look for; add `any = [\"ERROR\"]` (literal texts), `regex`, or `level = \"error\"`",
        ),
        (
            "[rule.x]\nany = ['a', '']\n",
            "4:13: `any` in [rule.x] holds ``: an empty text is in every line; write what to look for",
        ),
        (
            "[rule.x]\nany = \"a\\nb\"\n",
            "4:7: `any` in [rule.x] holds `a\\x0ab`: no line holds a line break; split it into texts of one line",
        ),
        ("[rule.x]\nany = []\n", "4:7: `any` in [rule.x] is empty; name a text, or leave the key out"),
        (
            "[rule.x]\nregex = ''\n",
            "4:9: `regex` in [rule.x] holds ``: an empty pattern matches every line; write `^` if that is meant",
        ),
        ("[watch.b]\npaths = ['']\n", "4:10: `paths` in [watch.b] holds ``: it is empty; write a path"),
        (
            "[watch.b]\npaths = ['~/x']\n",
            "4:10: `paths` in [watch.b] holds `~/x`: `~` is a matter of the shell; write the absolute path",
        ),
        (
            "[watch.b]\npaths = ['/x/[']\n",
            "4:10: `paths` in [watch.b] holds `/x/[`: bad glob, unclosed character class; missing ']'; a literal `[` is written `[[]`",
        ),
        (
            "[watch.b]\npaths = ['/x']\nexclude = ['{']\n",
            "5:12: `exclude` in [watch.b] holds `{`: bad glob, unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?); a literal `[` is written `[[]`",
        ),
    ] {
        assert_eq!(after_minimal(rest), [message], "{rest}");
    }
}

#[test]
fn names_that_lead_nowhere_are_refused() {
    let rules = "[rule.errors]\nany = 'E'\n[rule.oom]\nany = 'O'\n";
    let watches =
        "[watch.app]\npaths = ['/a']\nrules = ['errors']\n[watch.db]\npaths = ['/d']\nrules = ['oom']\n";
    let both = format!("{rules}{watches}");
    for (text, message) in [
        (
            String::new(),
            "1:1: no watch, so there is nothing to do; add [watch.app] with, say, `paths = [\"/var/log/app/*.log\"]`",
        ),
        (
            format!("{rules}[watch.a]\npaths = ['/a']\nrules = ['panic']\n"),
            "7:10: [watch.a] names a rule that does not exist: `panic` (known: `errors`, `oom`)",
        ),
        (
            format!("{rules}[watch.a]\npaths = ['/a']\nrules = ['error']\n"),
            "7:10: [watch.a] names a rule that does not exist: `error`; did you mean `errors`? (known: `errors`, `oom`)",
        ),
        (
            format!("{rules}[watch.a]\npaths = ['/a']\nrules = ['errors']\n"),
            "3:7: no watch uses the rule `oom`; add it to `rules` of a watch, or remove it",
        ),
        (
            format!("{both}[alert.x]\nrule = 'ooms'\nover = 1\n"),
            "12:8: [alert.x] names a rule that does not exist: `ooms`; did you mean `oom`? (known: `errors`, `oom`)",
        ),
        (
            format!("{both}[alert.x]\nover = 1\n"),
            "11:8: [alert.x] lacks `rule`; say which one it counts (known: `errors`, `oom`)",
        ),
        (
            format!("{both}[alert.x]\nrule = 'oom'\n"),
            "11:8: [alert.x] lacks `over`; write how many lines within `window` are still fine: `over = 50`",
        ),
        (
            format!("{both}[alert.x]\nrule = 'oom'\nover = 1\nwatches = ['dbs']\n"),
            "14:12: [alert.x] names a watch that does not exist: `dbs`; did you mean `db`? (known: `app`, `db`)",
        ),
        (
            format!("{both}[alert.x]\nrule = 'oom'\nover = 1\nwatches = ['app']\n"),
            "14:12: [alert.x] could never fire for the watch `app`, which does not use its rule `oom`; add the rule to the watch, or take the watch out here",
        ),
    ] {
        assert_eq!(refusals(&text), [message], "{text}");
    }
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_lines() {
    let text = "[watch.a]\npaths = ['/x']\nstart = 'x'\nreader = 1\n[alert.a]\nrule = 'x'\n[rule.y]\nregex = '('\n[rule.y]\n";
    let places: Vec<String> =
        refusals(text).iter().map(|told| told.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")).collect();
    assert_eq!(places, ["3:9", "4:10", "5:8", "6:8", "8:9", "9:7"]);
}

#[test]
fn who_is_told_must_exist_and_labels_must_have_names_that_are_taken() {
    let text = "[alert.a]
over = 1
outputs = [\"pagr\", \"file\"]
labels = { team-a = \"x\", severity = \"x\", __x = \"y\", empty = \"\" }
annotations = { summary = \"x\" }
runbook = \" \"
[output.pager]
type = \"webhook\"
url = \"http://h\"
severity = [\"critical\", \"wanring\"]
alerts = [\"b\"]
watches = []
[output.file]
path = \"x\"
alerts = [\"a\"]
[output.am]
type = \"alertmanager\"
url = \"http://h\"
labels = { 1a = \"x\" }
";
    let name = "is no name of a label; write letters, digits and `_`, no digit first";
    assert_eq!(
        after_minimal(text),
        [
            "5:12: [alert.a] names an output that does not exist: `pagr`; did you mean `pager`? (known: `pager`, `am`)".to_owned(),
            "5:20: `outputs` in [alert.a] names `file`, which is written to and has every alert anyway; \
             name outputs that answer, or write `outputs = []` for none of them".to_owned(),
            "6:10: `labels` in [alert.a] holds `__x`, but names with `__` in front are Prometheus's own; write another one".to_owned(),
            "6:10: `labels` in [alert.a] has an empty text for `empty`, which counts as none; write one, or take it out".to_owned(),
            "6:10: `labels` in [alert.a] holds `severity`, which every alert has by itself; write another name".to_owned(),
            format!("6:10: `labels` in [alert.a] holds `team-a`, which {name}"),
            "7:15: `annotations` in [alert.a] holds `summary`, which every alert has by itself; write another name".to_owned(),
            "8:11: `runbook` in [alert.a] is empty; write where it says what to do, or leave the key out".to_owned(),
            "12:25: `severity` in [output.pager] cannot be `wanring`; did you mean `warning`? (known: `info`, `warning`, `critical`)".to_owned(),
            "13:11: [output.pager] names an alert that does not exist: `b`; did you mean `a`? (known: `a`)".to_owned(),
            "14:11: `watches` in [output.pager] is empty; leave the key out for all".to_owned(),
            "17:10: `alerts` in [output.file] means nothing to an output of this type; take it out".to_owned(),
            format!("21:10: `labels` in [output.am] holds `1a`, which {name}"),
        ]
    );
}
