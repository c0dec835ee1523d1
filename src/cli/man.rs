//! Man pages: what the definition of the command line says, and what it cannot say: examples, files, signals, the exit status.

mod configuration;
mod sections;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::man::sections::SECTIONS;

/// Writes the pages of `command`, of each of its subcommands, and of the configuration into `folder`.
pub(super) fn write(command: Command, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        write_page(subcommand.clone(), subcommand.get_name(), folder)?;
    }
    write_page(command, "", folder)?;
    configuration::write(&mut File::create(folder.join(configuration::FILE_NAME))?)
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
