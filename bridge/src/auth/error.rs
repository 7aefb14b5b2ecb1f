//! Why users and rules cannot be used.

use super::password_file::PasswordFileError;
use std::io;
use std::path::PathBuf;

/// Why users and rules cannot be used. `Display` is a sentence that says where.
#[derive(Debug, thiserror::Error)]
pub enum SecurityError {
    /// The password file.
    #[error(transparent)]
    PasswordFile(#[from] PasswordFileError),
    /// A file cannot be read.
    #[error("cannot read {what} {}: {source}", path.display())]
    Unreadable {
        /// What it was to be.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line of a file is not right.
    #[error("{}, line {line}: {message}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// A sentence.
        message: String,
    },
    /// Something else.
    #[error("{0}")]
    Other(String),
}
