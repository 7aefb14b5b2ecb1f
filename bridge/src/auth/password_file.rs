//! The password file: one user in each line.
//!
//! ```text
//! # comment
//! NAME:STORED PASSWORD
//! NAME:STORED PASSWORD:groups=staff,night:role=viewer:scram=STORED KEYS
//! ```
//!
//! mosquitto's password files are the first of the two, so they are read as they are, and `tabmq passwd` changes them
//! without touching the other lines. A file is replaced as a whole: who reads it meanwhile sees the old one or the new
//! one, and a full disk leaves the old one.

use super::crypto;
use super::scram::Keys;
use super::secret::Secret;
use super::users::{Role, User, check_name};
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A larger file is no password file.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A file, line by line, so that it can be written again with its comments.
#[derive(Clone, Debug, Default)]
pub(crate) struct PasswordFile {
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
enum Line {
    Other(String),
    User(User),
}

/// Why a password file cannot be used. `Display` is a sentence.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFileError {
    /// It cannot be read.
    #[error("cannot read the password file {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the password file {}: {source}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not right.
    #[error("{}, line {line}: {message}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// A sentence.
        message: String,
    },
}

impl PasswordFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<PasswordFile, PasswordFileError> {
        let unreadable = |source| PasswordFileError::Unreadable { path: path.to_path_buf(), source };
        if fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
            return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, "it is too large")));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        PasswordFile::parse(&text).map_err(|(line, message)| PasswordFileError::Line {
            path: path.to_path_buf(),
            line,
            message,
        })
    }

    /// The error is a line number, counted from 1, and a sentence.
    fn parse(text: &str) -> Result<PasswordFile, (usize, String)> {
        let mut lines = Vec::new();
        let mut seen = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                lines.push(Line::Other(line.to_owned()));
                continue;
            }
            let user = parse_user(trimmed).map_err(|message| (index + 1, message))?;
            if let Some(first) = seen.insert(user.name.clone(), index + 1) {
                return Err((index + 1, format!("user {:?} was there in line {first} already", user.name)));
            }
            lines.push(Line::User(user));
        }
        Ok(PasswordFile { lines })
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = &User> {
        self.lines.iter().filter_map(|line| match line {
            Line::User(user) => Some(user),
            Line::Other(_) => None,
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&User> {
        self.users().find(|user| *user.name == *name)
    }

    /// Adds a user, or puts it in place of the one with this name.
    pub(crate) fn set(&mut self, user: User) {
        let known = self.lines.iter_mut().find_map(|line| match line {
            Line::User(known) if known.name == user.name => Some(known),
            _ => None,
        });
        match known {
            Some(known) => *known = user,
            None => self.lines.push(Line::User(user)),
        }
    }

    /// Removes a user; false: there was none.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let before = self.lines.len();
        self.lines.retain(|line| !matches!(line, Line::User(user) if *user.name == *name));
        self.lines.len() < before
    }

    /// Replaces the file at `path`. A new one can be read by its owner only; an old one keeps its permissions.
    pub(crate) fn write(&self, path: &Path) -> Result<(), PasswordFileError> {
        replace(path, self.to_string().as_bytes())
            .map_err(|source| PasswordFileError::Unwritable { path: path.to_path_buf(), source })
    }
}

impl fmt::Display for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            match line {
                Line::Other(text) => writeln!(f, "{text}")?,
                Line::User(user) => writeln!(f, "{}", line_of(user))?,
            }
        }
        Ok(())
    }
}

fn parse_user(line: &str) -> Result<User, String> {
    let mut fields = line.split(':');
    let name = fields.next().unwrap_or_default();
    check_name(name)?;
    let stored =
        fields.next().ok_or("it is not NAME:STORED PASSWORD; `tabmq passwd add` writes such lines")?;
    let secret = match stored {
        "" => None,
        stored => {
            let secret = Secret::parse(stored);
            Some(secret.map_err(|why| format!("the stored password of {name:?}: {why}"))?)
        }
    };
    let mut user = User { name: Arc::from(name), secret, scram: None, groups: Vec::new(), role: None };
    for field in fields {
        match field.split_once('=') {
            Some(("groups", groups)) => {
                user.groups = groups.split(',').filter(|name| !name.is_empty()).map(Arc::from).collect();
            }
            Some(("role", role)) => {
                let known = Role::from_name(role);
                user.role =
                    Some(known.ok_or_else(|| format!("{role:?} is no role: viewer, publisher, admin"))?);
            }
            Some(("scram", keys)) => {
                user.scram = Some(Keys::parse(keys).map_err(|why| format!("the keys for SCRAM: {why}"))?);
            }
            _ => return Err(format!("{field:?} is not groups=…, role=… or scram=…")),
        }
    }
    Ok(user)
}

fn line_of(user: &User) -> String {
    let stored = user.secret.as_ref().and_then(Secret::stored).unwrap_or_default();
    let mut line = format!("{}:{stored}", user.name);
    if !user.groups.is_empty() {
        line.push_str(&format!(":groups={}", user.groups.join(",")));
    }
    if let Some(role) = user.role {
        line.push_str(&format!(":role={role}"));
    }
    if let Some(keys) = &user.scram {
        line.push_str(&format!(":scram={}", keys.stored()));
    }
    line
}

/// Writes a new file beside `path` and puts it in its place.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Through a symbolic link: what it points to is replaced, not the link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let random = crypto::random::<8>().map_err(io::Error::other)?;
    let new = path.with_file_name(format!(".{name}.{:016x}", u64::from_le_bytes(random)));
    let written = write_new(&new, bytes, path).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is left of the attempt; that it failed is what is told.
        let _ = fs::remove_file(&new);
    }
    written?;
    sync_directory(path)
}

fn write_new(new: &Path, bytes: &[u8], old: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(new)?;
    if let Ok(metadata) = fs::metadata(old) {
        file.set_permissions(metadata.permissions())?;
        keep_owner(&file, &metadata);
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// An administrator who changes a service's file does not take it away from the service.
#[cfg(unix)]
fn keep_owner(file: &File, old: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    // It fails for everybody but an administrator, and then the owner was the caller or cannot be kept.
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _old: &fs::Metadata) {}

/// The new name is on disk when this is done.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether somebody but the owner can read the file.
#[cfg(unix)]
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    #[test]
    fn lines_stay_as_they_are() {
        let scram = Keys::of_password(b"x").unwrap().stored();
        let text = format!(
            "# users\n\nadmin:{STORED}:groups=staff,night:role=admin:scram={scram}\n  # more\nplain:{STORED}\nnone:\n"
        );
        let mut file = PasswordFile::parse(&text).unwrap();
        assert_eq!(file.to_string(), text);
        assert_eq!(file.users().count(), 3);
        let admin = file.get("admin").unwrap().clone();
        assert_eq!((admin.groups.len(), admin.role), (2, Some(Role::Admin)));
        assert!(admin.secret.is_some() && admin.scram.is_some());
        assert_eq!(file.get("none").unwrap().secret, None);
        file.set(User { groups: Vec::new(), ..admin });
        assert!(file.remove("plain") && !file.remove("plain"));
        assert_eq!(
            file.to_string(),
            format!("# users\n\nadmin:{STORED}:role=admin:scram={scram}\n  # more\nnone:\n")
        );
    }

    #[test]
    fn errors_name_the_line() {
        let cases = [
            ("\nadmin", 2, "NAME:STORED PASSWORD"),
            ("a:$9$x", 1, "$9$ are not known"),
            ("a:123456", 1, "plain words"),
            (":x", 1, "empty"),
            ("a:\na:", 2, "line 1 already"),
            ("a::role=king", 1, "viewer, publisher, admin"),
            ("a::scram=x", 1, "SCRAM"),
            ("a::color=red", 1, "groups="),
        ];
        for (text, line, part) in cases {
            let (at, why) = PasswordFile::parse(text).unwrap_err();
            assert_eq!(at, line, "{text}: {why}");
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_file_is_replaced_and_nobody_else_can_read_it() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let random = u64::from_le_bytes(crypto::random().unwrap());
        let directory = std::env::temp_dir().join(format!("tabmq-passwd-{random:x}"));
        fs::create_dir(&directory).unwrap();
        let (path, link) = (directory.join("users"), directory.join("link"));
        let mut file = PasswordFile::default();
        file.write(&path).unwrap();
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        assert!(!is_open_to_others(&path));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(is_open_to_others(&path));
        symlink(&path, &link).unwrap();
        file.set(parse_user("a:").unwrap());
        file.write(&link).unwrap();
        assert_eq!((mode(), fs::read_to_string(&path).unwrap().as_str()), (0o644, "a:\n"));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "nothing is left over");
        assert!(file.write(&directory.join("none").join("users")).is_err());
        fs::remove_dir_all(&directory).unwrap();
    }
}
