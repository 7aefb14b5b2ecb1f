//! `tabmq config`: an example, a check, and what another broker's file says in ours.

use super::settings::Layer;
use super::{ConfigError, Loaded, example, file, mosquitto};
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `tabmq config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What `tabmq config` can do.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print a configuration file that has everything in it, commented out and explained
    Example,
    /// Say what is wrong with a configuration file, and where
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print what a mosquitto.conf says as a configuration file of ours, and list what cannot be carried over
    Import {
        /// The mosquitto.conf
        file: PathBuf,
    },
}

/// Runs `tabmq config`. What is asked for goes to standard output, what is wrong to standard error.
pub fn run(args: &ConfigArgs) -> io::Result<ExitCode> {
    match &args.command {
        ConfigCommand::Example => io::stdout().lock().write_all(example::text().as_bytes())?,
        ConfigCommand::Check { file } => return check(file.clone()),
        ConfigCommand::Import { file } => return import(file),
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the file at `path` would be right with this text.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn check_text(path: &Path, text: &str) -> Result<(), ConfigError> {
    file::check(path, text).and_then(|file| Loaded::new(Layer::default(), file)).map(drop)
}

fn import(path: &Path) -> io::Result<ExitCode> {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            writeln!(io::stderr(), "cannot read {}: {error}", path.display())?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let imported = mosquitto::import(&text);
    io::stdout().lock().write_all(imported.text.as_bytes())?;
    for sentence in imported.left_out {
        writeln!(io::stderr(), "not carried over: {sentence}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(path: PathBuf) -> io::Result<ExitCode> {
    match file::read(&path).and_then(|file| Loaded::new(Layer::default(), file)) {
        Ok(_) => {
            writeln!(io::stdout(), "{} is right", path.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            writeln!(io::stderr(), "{error}")?;
            if let ConfigError::File { excerpt, .. } = &error {
                writeln!(io::stderr(), "{excerpt}")?;
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
