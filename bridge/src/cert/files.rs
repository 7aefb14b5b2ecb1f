//! How the files are written: keys for their owner only, and nothing is lost.

use super::CertError;
use super::authority::Pair;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Its owner.
    Secret,
    Public,
}

/// The directory that files are written to.
#[derive(Debug)]
pub(super) struct Output {
    directory: PathBuf,
    may_replace: bool,
    /// The names of the files that were written.
    pub(super) written: Vec<String>,
}

impl Output {
    /// Makes the directory if it is not there.
    pub(super) fn at(directory: &Path, may_replace: bool) -> Result<Self, CertError> {
        fs::create_dir_all(directory).map_err(|error| {
            CertError(format!("the directory {} cannot be made: {error}", directory.display()))
        })?;
        Ok(Output { directory: directory.to_owned(), may_replace, written: Vec::new() })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The authority's certificate and key, if they are there. One without the other is an error: what comes of it could
    /// be used nowhere.
    pub(super) fn existing_authority(&self) -> Result<Option<(String, String)>, CertError> {
        let missing = |name: &str, other: &str| {
            CertError(format!(
                "{} is there and {} is not: bring it back, or move the first one away to begin with a new authority",
                self.path(other).display(),
                self.path(name).display()
            ))
        };
        match (self.read_if_there("ca.pem")?, self.read_if_there("ca-key.pem")?) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (Some(_), None) => Err(missing("ca-key.pem", "ca.pem")),
            (None, Some(_)) => Err(missing("ca.pem", "ca-key.pem")),
        }
    }

    pub(super) fn read_if_there(&self, name: &str) -> Result<Option<String>, CertError> {
        match fs::read_to_string(self.path(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CertError(format!("{} cannot be read: {error}", self.path(name).display()))),
        }
    }

    /// Writes `NAME.pem` and `NAME-key.pem`.
    pub(super) fn write_pair(&mut self, name: &str, pair: &Pair) -> Result<(), CertError> {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}-key.pem"));
        if !self.may_replace
            && let Some(there) = [&certificate, &key].into_iter().find(|file| self.has(file))
        {
            return Err(CertError(format!(
                "{} is there already: --force replaces it, --out DIR writes elsewhere",
                self.path(there).display()
            )));
        }
        self.write(&key, &pair.key, Secrecy::Secret)?;
        self.write(&certificate, &pair.certificate, Secrecy::Public)
    }

    /// Writes a file that is not there, or may be replaced.
    pub(super) fn write(
        &mut self,
        name: &str,
        text: impl AsRef<str>,
        secrecy: Secrecy,
    ) -> Result<(), CertError> {
        let path = self.path(name);
        let written = match self.may_replace && path.exists() {
            true => replace(&path, text.as_ref(), secrecy),
            false => create(&path, text.as_ref(), secrecy),
        };
        written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                CertError(format!("{} is there already: --force replaces it", path.display()))
            }
            _ => CertError(format!("{} cannot be written: {error}", path.display())),
        })?;
        self.written.push(name.to_owned());
        Ok(())
    }

    /// Writes a file that may be there, and of which the new content keeps what was in it.
    pub(super) fn replace(&mut self, name: &str, text: &str) -> Result<(), CertError> {
        let path = self.path(name);
        replace(&path, text, Secrecy::Public)
            .map_err(|error| CertError(format!("{} cannot be written: {error}", path.display())))?;
        self.written.push(name.to_owned());
        Ok(())
    }
}

fn create(path: &Path, text: &str, secrecy: Secrecy) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if secrecy == Secrecy::Secret { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = secrecy; // the directory's rights are what there is
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// In one step: a broker that reads the file meanwhile sees the old or the new one as a whole.
fn replace(path: &Path, text: &str, secrecy: Secrecy) -> io::Result<()> {
    let beside = path.with_extension(format!("{:08x}.new", fastrand::u32(..)));
    create(&beside, text, secrecy)?;
    fs::rename(&beside, path).inspect_err(|_| drop(fs::remove_file(&beside)))
}
