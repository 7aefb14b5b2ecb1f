//! `tabmq token`: tokens for the API in a configuration file.

use crate::auth::tokens::{TokenHash, new_token};
use crate::auth::users::{Role, check_name};
use crate::config::command::check_text;
use clap::{Args, Subcommand};
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The longest token that is read, in bytes.
const MAX_TOKEN_BYTES: u64 = 4096;

/// `tabmq token`
#[derive(Args, Debug)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token, write its hash into the configuration file, and print the token, this once
    Add(AddArgs),
    /// Read a token from standard input and print what to write as hash into the configuration file
    Hash,
}

#[derive(Args, Debug)]
struct AddArgs {
    /// The configuration file; it is made if there is none
    file: PathBuf,
    /// What the log and access rules call it: token:NAME
    name: String,
    /// What it may do: viewer, publisher or admin
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// A group whose access rules hold for it; may be repeated
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    group: Vec<String>,
}

fn role(name: &str) -> Result<Role, String> {
    Role::from_name(name).ok_or_else(|| "the roles are viewer, publisher and admin".to_owned())
}

/// Runs `tabmq token`.
///
/// # Errors
/// The file cannot be read or written, or would not be right any more.
pub fn token(args: TokenArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    match args.command {
        TokenCommand::Add(args) => add(&args, &mut out)?,
        TokenCommand::Hash => {
            if io::stdin().is_terminal() {
                writeln!(io::stderr(), "the token, and Enter:")?;
            }
            let mut token = String::new();
            io::Read::take(io::stdin().lock(), MAX_TOKEN_BYTES).read_line(&mut token)?;
            anyhow::ensure!(!token.trim().is_empty(), "there is no token on standard input");
            writeln!(out, "{}", TokenHash::of(token.trim()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn add(args: &AddArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let AddArgs { file, name, role, group } = args;
    check_name(name).map_err(anyhow::Error::msg)?;
    let before = read_or_new(file)?;
    let token = new_token().map_err(anyhow::Error::msg)?;
    let table = table(name, *role, group, &TokenHash::of(&token));
    let line_end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let addition = format!("{line_end}\n{table}");
    // The whole as it will be: a name that is there already, or a file that was wrong before, is said now.
    check_text(file, &format!("{before}{addition}"))?;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(addition.as_bytes())?;
    writeln!(io::stderr(), "token {name:?} is added to {}; it is shown this once:", file.display())?;
    writeln!(out, "{token}")?;
    Ok(())
}

fn table(name: &str, role: Role, groups: &[String], hash: &TokenHash) -> String {
    let text = |text: &str| toml::Value::from(text).to_string();
    let mut table = format!(
        "[[token]]\nname = {}\nrole = {}\nhash = {}\n",
        text(name),
        text(role.name()),
        text(&hash.to_string())
    );
    if !groups.is_empty() {
        let groups: Vec<_> = groups.iter().map(|group| text(group)).collect();
        table.push_str(&format!("groups = [{}]\n", groups.join(", ")));
    }
    table
}

/// The text of the file, or none where there is no file.
fn read_or_new(path: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => anyhow::bail!("cannot read {}: {error}", path.display()),
    }
}
