//! Secrets, read each time they are needed, so that they can be changed under a running daemon. No message contains them.

use std::path::{Path, PathBuf};

use reqwest::Url;

use crate::fmt::display_path;
use crate::notify::settings::Secret;

/// A secret is no longer than this, in bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;

impl Secret {
    /// Why it is of no use now, if it is not; `is_url`: it is where something is sent.
    #[must_use]
    pub fn problem(&self, is_url: bool) -> Option<String> {
        match self.get() {
            Err(why) => Some(why),
            Ok(text) if is_url => {
                Url::parse(&text).err().map(|error| format!("its URL cannot be understood: {error}"))
            }
            Ok(_) => None,
        }
    }

    /// The secret itself. The error says which file cannot be read, and how to fix it.
    pub(super) fn get(&self) -> Result<String, String> {
        match self {
            Secret::Plain(text) => Ok(text.clone()),
            Secret::File(path) => read(&credential(path)),
        }
    }
}

/// A name alone is one of systemd's credentials.
fn credential(path: &Path) -> PathBuf {
    let is_name = path.components().count() == 1 && path.is_relative();
    match std::env::var_os("CREDENTIALS_DIRECTORY").filter(|_| is_name) {
        Some(folder) => Path::new(&folder).join(path),
        None => path.to_owned(),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the file is named by the configuration, and its size is looked at first"
)]
fn read(path: &Path) -> Result<String, String> {
    let shown = display_path(path);
    let size = std::fs::metadata(path).map(|meta| meta.len());
    let text = match size {
        Ok(size) if size > SECRET_BYTES_MAX => return Err(format!("{shown} is too large for a secret")),
        _ => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| {
        format!("cannot read the secret in {shown}: {error}; let the user that runs spiketail read it")
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    match text {
        "" => Err(format!("the secret in {shown} is empty; write it there")),
        text if text.contains(['\r', '\n']) => {
            Err(format!("the secret in {shown} has more than one line; leave one"))
        }
        text => Ok(text.to_owned()),
    }
}
