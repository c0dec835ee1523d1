//! The package of the release, and one like it that says that it is older.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The version of the package that says that it is older.
pub(crate) const OLDER: &str = "0.0.9-1";

/// A folder with `current.deb` and `older.deb`.
pub(crate) struct Packages(TempDir);

impl Packages {
    pub(crate) fn make() -> Packages {
        let folder = tempfile::tempdir().unwrap();
        let current = folder.path().join("current.deb");
        fs::copy(of_release(), &current).unwrap();
        let unpacked = folder.path().join("unpacked");
        dpkg_deb(&["--raw-extract".as_ref(), &current, &unpacked]);
        let control = unpacked.join("DEBIAN/control");
        let fields = String::from_utf8(fs::read(&control).unwrap()).unwrap();
        let older: Vec<_> =
            fields
                .lines()
                .map(|line| {
                    if line.starts_with("Version: ") { format!("Version: {OLDER}") } else { line.to_owned() }
                })
                .collect();
        assert_ne!(older.join("\n"), fields.trim_end(), "there was no version");
        fs::write(&control, older.join("\n") + "\n").unwrap();
        dpkg_deb(&["--build".as_ref(), &unpacked, &folder.path().join("older.deb")]);
        fs::remove_dir_all(unpacked).unwrap();
        Packages(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// The package for this machine that `.ci/release` made.
fn of_release() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/dist");
    let architecture = Command::new("dpkg").arg("--print-architecture").output().unwrap();
    let end = format!("_{}.deb", String::from_utf8(architecture.stdout).unwrap().trim());
    let mut files = fs::read_dir(&folder).into_iter().flatten().map(|file| file.unwrap().path());
    files.find(|path| path.to_str().unwrap().ends_with(&end)).unwrap_or_else(|| {
        panic!(
            "no package *{end} in {}; make it with .ci/release x86_64-unknown-linux-musl",
            folder.display()
        )
    })
}

fn dpkg_deb(args: &[&Path]) {
    let output = Command::new("dpkg-deb").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
