//! Filesystems that show other bytes or numbers than before.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::trial::{Outcome, Situation, append};

pub(crate) const ALL: &[Situation] = &[
    Situation {
        name: "in the lower layer of an overlay",
        run: |trial| {
            let top = trial.beside("top");
            fs::create_dir_all(&top).unwrap();
            let lower = trial.beside("lower");
            fs::create_dir(&lower).unwrap();
            append(&lower.join("app.log"), b"INFO before\n");
            if !run("mount", &["-t", "tmpfs", "none", text(&top)]) {
                return Outcome::Impossible;
            }
            fs::create_dir(top.join("upper")).unwrap();
            fs::create_dir(top.join("work")).unwrap();
            let layers = format!(
                "lowerdir={},upperdir={},workdir={}",
                text(&lower),
                text(&top.join("upper")),
                text(&top.join("work"))
            );
            let merged = trial.path("");
            let is_mounted = run("mount", &["-t", "overlay", "overlay", "-o", &layers, text(&merged)]);
            if is_mounted {
                trial.start();
                let log = trial.log();
                trial.write(&log, 300);
                trial.settle();
                trial.write(&log, 5);
                trial.stop();
                run("umount", &[text(&merged)]);
            }
            run("umount", &[text(&top)]);
            if is_mounted { Outcome::Ran } else { Outcome::Impossible }
        },
    },
    Situation {
        name: "another device number after a restart",
        run: |trial| {
            let (image, spare) = (trial.beside("image"), trial.beside("spare"));
            File::create(&image).unwrap().set_len(64 << 20).unwrap();
            File::create(&spare).unwrap().set_len(1 << 20).unwrap();
            let (merged, log) = (trial.path(""), trial.log());
            if !run("mkfs.ext4", &["-q", text(&image)]) {
                return Outcome::Impossible;
            }
            let Some(first) = loop_device(&image) else { return Outcome::Impossible };
            run("mount", &[&first, text(&merged)]);
            trial.begin();
            trial.write(&log, 1_010);
            trial.stop();
            run("umount", &[text(&merged)]);
            run("losetup", &["-d", &first]);
            let spare = loop_device(&spare).unwrap();
            let second = loop_device(&image).unwrap();
            run("mount", &[&second, text(&merged)]);
            trial.write(&log, 5);
            trial.start();
            trial.stop();
            run("umount", &[text(&merged)]);
            run("losetup", &["-d", &second, &spare]);
            Outcome::Ran
        },
    },
];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn loop_device(image: &Path) -> Option<String> {
    let output = Command::new("losetup").args(["-f", "--show", text(image)]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
