//! A package that is upgraded, downgraded, removed and installed again, while a program writes its log.

use std::fs;

use crate::machine::Machine;
use crate::packages::{OLDER, Packages};
use crate::{LOG, Writer, wait_total};

const STATE: &str = "/var/lib/private/spiketail/state.db";
const APT: &str = "DEBIAN_FRONTEND=noninteractive apt-get -y";

#[test]
#[ignore = "needs root, systemd-nspawn, debootstrap and the package"]
fn a_package_that_is_replaced() {
    let packages = Packages::make();
    let mut machine = Machine::boot(packages.folder());
    machine.run(&format!("{APT} install /pkg/older.deb"));
    assert_eq!(version(&machine), OLDER);
    let log = machine.logs().join("app/app.log");
    fs::create_dir(log.parent().unwrap()).unwrap();
    let writer = Writer::start(log.clone());
    machine.until("it counts", &format!("spiketail status --json | grep -F {LOG}"));
    machine.run("echo '# of this machine' >> /etc/spiketail/spiketail.toml");

    machine.run(&format!("{APT} install /pkg/current.deb"));
    let current = version(&machine);
    assert_ne!(current, OLDER);
    machine.run("systemctl is-active spiketail && grep -q '# of this machine' /etc/spiketail/spiketail.toml");
    machine.step(&format!("upgraded from {OLDER} to {current} under load; the configuration was kept"));
    machine.run(&format!("{APT} --allow-downgrades install /pkg/older.deb"));
    assert_eq!(version(&machine), OLDER);
    machine.run(&format!("{APT} install /pkg/current.deb && systemctl is-active spiketail"));
    machine.step("downgraded to one that reads the state, and upgraded again, under load");
    let written = writer.stop();
    wait_total(&machine, written);
    machine.step(&format!("{written} lines written, as many counted, no byte missed"));

    refuse_to_go_back(&mut machine, &current);
    wait_total(&machine, written);

    machine.run(&format!("{APT} remove spiketail"));
    machine.run(&format!("! command -v spiketail && test -s {STATE} && grep -q '# of this machine' /etc/spiketail/spiketail.toml"));
    machine.run("! pgrep -x spiketail");
    machine.step("removed: it runs no longer; state and configuration are there");
    let writer = Writer::start(log);
    while writer.written() < 200 {
        crate::pause(std::time::Duration::from_millis(10));
    }
    machine.run(&format!("{APT} install /pkg/current.deb"));
    let more = writer.stop();
    wait_total(&machine, written + more);
    machine.step(&format!("installed again: the {more} lines that were written since were counted, too"));
    machine.run(&format!("{APT} purge spiketail"));
    let left =
        machine.attempt("ls -d /etc/spiketail /var/lib/private/spiketail /var/lib/spiketail 2>/dev/null").1;
    assert_eq!(left, "");
    machine.step("purged: configuration and state are gone");
    machine.keep_steps("container-steps-replaced.log");
}

/// The version that is installed, in full.
fn version(machine: &Machine) -> String {
    let said = machine.run("dpkg-query -W -f '${db:Status-Abbrev}${Version}' spiketail");
    said.strip_prefix("ii ").unwrap_or_else(|| panic!("not installed: {said}")).to_owned()
}

/// An older version does not take over a state whose form it does not know.
fn refuse_to_go_back(machine: &mut Machine, current: &str) {
    machine.run("systemctl stop spiketail");
    // Nothing is started meanwhile: this program does not know the form either.
    machine.run("printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d");
    let form = machine.run(&format!("od -An -tu1 -j63 -N1 {STATE}"));
    machine.run(&format!("printf '\\143' | dd of={STATE} bs=1 seek=63 conv=notrunc status=none"));
    let before = machine.run(&format!("sha256sum {STATE}; ls /var/lib/private/spiketail"));
    let (is_done, said) = machine.attempt(&format!("{APT} --allow-downgrades install /pkg/older.deb"));
    let refused = format!(
        "a newer version wrote {STATE} (form 99), and this one reads forms up to {} only",
        form.trim()
    );
    assert!(!is_done && said.contains(&refused), "{said}");
    assert_eq!(machine.run(&format!("sha256sum {STATE}; ls /var/lib/private/spiketail")), before);
    assert_eq!(version(machine), current, "{said}");
    machine.step(&format!("refused to go back: {refused}"));
    let octal = format!("{:03o}", form.trim().parse::<u8>().unwrap());
    machine.run(&format!("printf '\\{octal}' | dd of={STATE} bs=1 seek=63 conv=notrunc status=none"));
    machine.run("rm /usr/sbin/policy-rc.d && systemctl start spiketail");
}
