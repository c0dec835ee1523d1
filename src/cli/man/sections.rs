//! What a man page says beyond the definition of the command line.

/// Terms with their meaning, below a heading.
pub(super) type Section = (&'static str, &'static [(&'static str, &'static str)]);

const EXIT_OF_COMMANDS: Section = (
    "EXIT STATUS",
    &[
        ("0", "The command did what it was asked for."),
        ("1", "It found what it looks for, or could not do all of it: see the page of the command."),
        ("2", "The arguments or the configuration cannot be used."),
    ],
);

const EXIT_OF_SEARCHES: Section = (
    "EXIT STATUS",
    &[
        ("0", "A line matched."),
        ("1", "None did."),
        ("2", "Something cannot be read, or the arguments or the configuration cannot be used."),
    ],
);

/// Of the commands that ask the daemon to do something.
const EXIT_OF_REQUESTS: Section = (
    "EXIT STATUS",
    &[("0", "It is done."), ("1", "No daemon answers."), ("2", "The daemon refused: the reason is printed.")],
);

const FILES_OF_REQUESTS: Section =
    ("FILES", &[("/run/spiketail/control.sock", "Where the service is asked; root may, and its own user.")]);

/// What the page of each command says beyond its arguments; the empty name is the program itself.
pub(super) const SECTIONS: &[(&str, &[Section])] = &[
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
                "SIGNALS",
                &[("SIGTERM, SIGINT, SIGHUP, SIGUSR1", "Those that the daemon takes: see spiketail-run(1).")],
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
                        "Reload the configuration and the certificate files, reopen the output files, and retry pending deliveries.",
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
        &[
            EXIT_OF_SEARCHES,
            (
                "EXAMPLES",
                &[
                    ("spiketail scan 'app.log*'", "Counts errors, in compressed files too."),
                    ("zcat app.log.1.gz | spiketail scan -e 'panic' -", "Counts in standard input."),
                ],
            ),
        ],
    ),
    (
        "patterns",
        &[
            EXIT_OF_SEARCHES,
            (
                "EXAMPLES",
                &[("spiketail patterns /var/log/syslog", "Says which errors there are, and how often each.")],
            ),
        ],
    ),
    (
        "replay",
        &[
            (
                "EXIT STATUS",
                &[
                    ("0", "Everything was read, whether an alert would have fired or not."),
                    ("2", "Something cannot be read, or the arguments or the configuration cannot be used."),
                ],
            ),
            (
                "EXAMPLES",
                &[
                    (
                        "spiketail replay -c spiketail.toml",
                        "Says which alerts would have fired on what is there.",
                    ),
                    ("spiketail replay --alert-over 20/1m app.log", "The same for one threshold."),
                ],
            ),
        ],
    ),
    (
        "top",
        &[
            (
                "EXIT STATUS",
                &[("0", "It was left with q."), ("2", "No daemon answers, or there is no terminal.")],
            ),
            ("FILES", &[("/run/spiketail/status.sock", "Where the service is asked.")]),
            (
                "EXAMPLES",
                &[
                    ("spiketail top", "Shows the daemon of this machine."),
                    ("spiketail top web1:9469 web2:9469", "Shows two others, by their [http] listen."),
                ],
            ),
        ],
    ),
    (
        "silence",
        &[
            EXIT_OF_REQUESTS,
            FILES_OF_REQUESTS,
            (
                "EXAMPLES",
                &[(
                    "spiketail silence 'disk-*' --for 2h --reason 'disks are replaced'",
                    "Sends no notification of these alerts for two hours.",
                )],
            ),
        ],
    ),
    (
        "silences",
        &[
            EXIT_OF_REQUESTS,
            FILES_OF_REQUESTS,
            ("EXAMPLES", &[("spiketail silences", "Lists what is in force, each with its number.")]),
        ],
    ),
    (
        "unsilence",
        &[
            EXIT_OF_REQUESTS,
            FILES_OF_REQUESTS,
            ("EXAMPLES", &[("spiketail unsilence 3", "Ends the silence with the number 3.")]),
        ],
    ),
    (
        "reload",
        &[
            (
                "EXIT STATUS",
                &[
                    ("0", "The configuration is in use."),
                    ("1", "No daemon answers."),
                    ("2", "It was refused, and the old one stays: the reason is printed."),
                ],
            ),
            FILES_OF_REQUESTS,
            ("EXAMPLES", &[("spiketail reload", "After a change of /etc/spiketail/spiketail.toml.")]),
        ],
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
        &[
            ("EXIT STATUS", &[("0", "They are printed."), ("1", "They cannot be made.")]),
            (
                "EXAMPLES",
                &[(
                    "source <(spiketail completions bash)",
                    "Completes commands, and names from the configuration.",
                )],
            ),
        ],
    ),
];
