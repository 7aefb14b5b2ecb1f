//! Programs that are run, and errors that say what to do.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// A sentence for the person at the keyboard. Nobody handles these errors in any other way than by showing them.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What everything here returns.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Failure {
    fn from(sentence: String) -> Self {
        Failure(sentence)
    }
}

impl From<&str> for Failure {
    fn from(sentence: &str) -> Self {
        Failure(sentence.to_owned())
    }
}

/// Says what could not be done when a file operation fails.
pub(crate) trait Context<T> {
    /// `what` completes "cannot …".
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T> Context<T> for std::io::Result<T> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Failure(format!("cannot {what}: {error}")))
    }
}

/// The directory that holds the workspace's Cargo.toml.
pub(crate) fn workspace_root() -> PathBuf {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR");
    let xtask = manifest_dir.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map(Path::to_path_buf).unwrap_or(xtask)
}

/// The cargo that runs this program, in the workspace's root.
pub(crate) fn cargo<I>(args: I) -> Command
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace_root()).args(args);
    command
}

/// Runs `command` with our own terminal and wants it to succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", show(command)).into()) }
}

/// Runs `command` and returns what it printed, without the last line break; its errors go to our terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        return Err(format!("{} failed ({})", show(command), output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Runs `command`, shows its lines as they come and hands each to `see`. Returns whether it succeeded.
pub(crate) fn run_and_watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        // By bytes: a test may print what is not UTF-8.
        while reader.read_until(b'\n', &mut line).context("read the test's output")? > 0 {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            see(text.trim_end());
            line.clear();
        }
    }
    Ok(child.wait().map_err(|error| not_started(command, &error))?.success())
}

/// Whether `name` is a file in one of the directories of PATH.
pub(crate) fn on_path(name: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|dir| {
        dir.join(name).is_file() || dir.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)).is_file()
    })
}

/// Becomes `program`: same process, so that Ctrl-C and the exit code need no forwarding.
#[cfg(unix)]
pub(crate) fn replace_self(program: &Path, args: &[String]) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    let error = command.args(args).exec(); // returns only when it failed
    Err(not_started(&command, &error))
}

/// Runs `program` to its end. On Windows Ctrl-C reaches both processes.
#[cfg(not(unix))]
pub(crate) fn replace_self(program: &Path, args: &[String]) -> Result<ExitCode> {
    let mut command = Command::new(program);
    let status = command.args(args).status().map_err(|error| not_started(&command, &error))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure(format!("cannot run {}: {error}", show(command)))
}

/// The command as one would type it.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    format!("`{}`", words.join(" "))
}
