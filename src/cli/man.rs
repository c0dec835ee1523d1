//! Man pages: what the definition of the command line says, and what it cannot say: examples, files, signals, the exit status.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Terms with their meaning, below a heading.
type Section = (&'static str, &'static [(&'static str, &'static str)]);

const EXIT_OF_COMMANDS: Section = (
    "EXIT STATUS",
    &[
        ("0", "The command did what it was asked for."),
        ("1", "It found what it looks for, or could not do all of it: see the page of the command."),
        ("2", "The arguments or the configuration cannot be used."),
    ],
);

/// What the page of each command says beyond its arguments; the empty name is the program itself.
const SECTIONS: &[(&str, &[Section])] = &[
    (
        "",
        &[
            EXIT_OF_COMMANDS,
            (
                "FILES",
                &[
                    ("/etc/spiketail/spiketail.toml", "The configuration of the service."),
                    (
                        "/var/lib/spiketail",
                        "Its state: offsets, totals, alerts, history, in state.db (SQLite).",
                    ),
                    ("/run/spiketail/status.sock", "Where spiketail status asks it."),
                ],
            ),
            (
                "ENVIRONMENT",
                &[
                    ("SPIKETAIL_LOG", "The filter of the daemon's own log, as --log."),
                    (
                        "SPIKETAIL_INSTANCE",
                        "What the machine is called in alerts, unless the configuration says it.",
                    ),
                    ("STATE_DIRECTORY", "Where the state is, as systemd sets it."),
                    ("NO_COLOR", "If set, nothing is coloured."),
                    ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "Proxies on the way to receivers."),
                ],
            ),
            (
                "EXAMPLES",
                &[
                    ("spiketail run /var/log", "Follows logs, and says when errors spike."),
                    (
                        "spiketail check -c spiketail.toml",
                        "Says whether a configuration is right, and what it finds.",
                    ),
                    ("spiketail status", "Asks the running daemon."),
                ],
            ),
        ],
    ),
    (
        "run",
        &[
            (
                "SIGNALS",
                &[
                    (
                        "SIGTERM, SIGINT",
                        "Read what is there, report and save it, and end. Sent again after a second, end at once.",
                    ),
                    (
                        "SIGHUP",
                        "Read the configuration and files of certificates again, open output files anew, and try again what waits to be delivered.",
                    ),
                    ("SIGUSR1", "Report how every file stands."),
                ],
            ),
            (
                "EXIT STATUS",
                &[
                    ("0", "It was ended by a signal, in good order."),
                    ("1", "It could not start."),
                    (
                        "2",
                        "The arguments or the configuration cannot be used; starting it again is of no use.",
                    ),
                    ("130", "It was ended at once."),
                ],
            ),
            (
                "FILES",
                &[
                    (
                        "/etc/spiketail/spiketail.toml",
                        "The configuration of the service, which starts it with -c.",
                    ),
                    (
                        "state.db",
                        "In the folder of --state: offsets, totals, alerts and history. Read it with sqlite3.",
                    ),
                    ("status.sock", "Beside it, or in /run/spiketail: where spiketail status asks."),
                ],
            ),
            (
                "EXAMPLES",
                &[
                    (
                        "spiketail run /var/log/app.log",
                        "Follows a log; alerts above 50 lines with ERROR a minute.",
                    ),
                    (
                        "spiketail run -e 'timed? ?out' -i --alert-over 10/30s 'logs/*.log'",
                        "Another rule, another threshold.",
                    ),
                    ("spiketail run -c /etc/spiketail/spiketail.toml", "By a configuration."),
                ],
            ),
        ],
    ),
    (
        "scan",
        &[(
            "EXAMPLES",
            &[
                ("spiketail scan 'app.log*'", "Counts lines with ERROR, in compressed files too."),
                ("zcat app.log.1.gz | spiketail scan -e 'panic' -", "Counts in standard input."),
            ],
        )],
    ),
    (
        "patterns",
        &[(
            "EXAMPLES",
            &[("spiketail patterns /var/log/syslog", "Says which errors there are, and how often each.")],
        )],
    ),
    (
        "replay",
        &[(
            "EXAMPLES",
            &[
                (
                    "spiketail replay -c spiketail.toml",
                    "Says which alerts would have fired on what is there.",
                ),
                ("spiketail replay --alert-over 20/1m app.log", "The same for one threshold."),
            ],
        )],
    ),
    (
        "status",
        &[
            (
                "EXIT STATUS",
                &[
                    ("0", "The daemon answers, and no alert fires."),
                    ("1", "An alert fires."),
                    ("2", "No daemon answers."),
                ],
            ),
            ("FILES", &[("/run/spiketail/status.sock", "Where the service is asked.")]),
            ("EXAMPLES", &[("spiketail status --watch", "Shows it again every two seconds.")]),
        ],
    ),
    (
        "explain",
        &[
            (
                "EXIT STATUS",
                &[
                    ("0", "The path is watched."),
                    ("1", "It is not."),
                    ("2", "The configuration cannot be used."),
                ],
            ),
            (
                "FILES",
                &[("/etc/spiketail/spiketail.toml", "The configuration, unless -c or --socket is given.")],
            ),
            ("EXAMPLES", &[("spiketail explain /var/log/app.log", "Says why a log is watched, or why not.")]),
        ],
    ),
    (
        "test-alert",
        &[
            (
                "EXIT STATUS",
                &[
                    ("0", "Every output took the alert."),
                    ("1", "One did not."),
                    ("2", "There is no such output, or the configuration cannot be used."),
                ],
            ),
            ("FILES", &[("/etc/spiketail/spiketail.toml", "The configuration, unless -c is given.")]),
            ("EXAMPLES", &[("spiketail test-alert pager", "Tries the output [output.pager].")]),
        ],
    ),
    (
        "init",
        &[
            (
                "EXIT STATUS",
                &[("0", "It is written."), ("1", "It cannot be written, or the file is there already.")],
            ),
            (
                "EXAMPLES",
                &[
                    ("spiketail init", "See what is found on this machine."),
                    ("spiketail init spiketail.toml", "Begin a configuration."),
                ],
            ),
        ],
    ),
    (
        "check",
        &[
            (
                "EXIT STATUS",
                &[
                    ("0", "The configuration is right."),
                    ("2", "It is not: each mistake is named with its line."),
                ],
            ),
            ("EXAMPLES", &[("spiketail check -c spiketail.toml", "Before a reload.")]),
        ],
    ),
    (
        "completions",
        &[(
            "EXAMPLES",
            &[(
                "source <(spiketail completions bash)",
                "Completes commands, and names from the configuration.",
            )],
        )],
    ),
];

/// Writes the pages of `command` and of each of its subcommands into `folder`.
pub(super) fn write(command: Command, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        write_page(subcommand.clone(), subcommand.get_name(), folder)?;
    }
    write_page(command, "", folder)
}

fn write_page(command: Command, name: &str, folder: &Path) -> io::Result<()> {
    let man = Man::new(command);
    let mut file = File::create(folder.join(man.get_filename()))?;
    man.render(&mut file)?;
    let sections = SECTIONS.iter().find(|(command, _)| *command == name).map_or(&[][..], |(_, all)| all);
    let mut roff = Roff::new();
    for (heading, terms) in sections {
        roff.control("SH", [*heading]);
        for (term, meaning) in *terms {
            roff.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
        }
    }
    roff.to_writer(&mut file)?;
    file.flush()
}
