//! `spiketail init`: writes a configuration for what is found on this machine, and says why.

mod found;

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::terminal::{print, print_error};
use found::{Found, Logs};

/// What `spiketail init` takes.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// File to write, which must not be there yet [default: standard output]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Look below this directory, such as the root of a host that is mounted in a container
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Writes the configuration. Returns the exit status of the process: 0 if it is written, else 1.
pub fn run(args: &InitArgs) -> ExitCode {
    let text = configuration(&found::all(&args.root));
    let Some(file) = &args.file else {
        print(&text);
        return ExitCode::SUCCESS;
    };
    match write_new(file, &text) {
        Ok(()) => {
            let shown = file.display();
            print(&format!("{shown} is written; see what it finds with: spiketail check -c {shown}\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mend = match error.kind() {
                io::ErrorKind::AlreadyExists => "name another file, or move that one away",
                io::ErrorKind::NotFound => "create its directory first",
                io::ErrorKind::PermissionDenied => "write it as root, or name a file of your own",
                _ => "name another file",
            };
            print_error(format_args!("cannot write {}: {error}; {mend}", file.display()));
            ExitCode::FAILURE
        }
    }
}

fn write_new(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(file)?.write_all(text.as_bytes())
}

/// The text of the configuration.
fn configuration(found: &[Found]) -> String {
    let mut text = String::from(
        "# Written by `spiketail init` for what it found on this machine. All keys: docs/configuration.md.\n\
         #     spiketail check -c FILE    says what is watched, and what is wrong\n",
    );
    if found.is_empty() {
        text.push_str(
            "\n# No log of a program that is known was found, and no journal. Name your logs here:\n\
             [watch.logs]\npaths = [\"/var/log/**/*.log\"]\n",
        );
    }
    for Found { service, why } in found {
        let _ = write!(text, "\n# {}: {why}.\n[watch.{}]\n", service.title, service.name);
        let _ = match service.logs {
            Logs::Journal => writeln!(text, "journal = true"),
            Logs::Files(globs) => writeln!(text, "paths = {globs:?}"),
        };
        if let Some(multiline) = service.multiline {
            let _ = writeln!(
                text,
                "# The lines of a stack trace belong to the line before them.\nmultiline = \"{multiline}\""
            );
        }
    }
    text.push_str(
        "\n# Lines of level error and above, and errors without a level, such as the first line of a stack trace.\n[rule.errors]\n\
         \n# More errors than anybody should overlook.\n[alert.many-errors]\nrule = \"errors\"\nover = 50\nwindow = \"1m\"\n\
         \n# Far more errors than are usual here, once an hour was learnt from.\n[alert.error-spike]\nrule = \"errors\"\nwhen = \"spike\"\n\
         \n# An error that was never seen before.\n[alert.new-error]\nrule = \"errors\"\nwhen = \"new\"\nseverity = \"warning\"\n\
         \n# Alerts are printed. A chat instead:\n# [output.chat]\n# type = \"slack\"\n# url = \"https://hooks.slack.com/services/…\"\n\
         [output.screen]\ntype = \"auto\"\n",
    );
    text
}
