//! `tabmq passwd`: users in a password file.

use crate::auth::password_file::PasswordFile;
use crate::auth::scram::Keys;
use crate::auth::secret::Secret;
use crate::auth::users::{Role, User, Users, check_name};
use clap::{Args, Subcommand, ValueEnum};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The longest password that is read, in bytes: what a CONNECT can carry.
const MAX_PASSWORD_BYTES: usize = 65_535;

/// `tabmq passwd`
#[derive(Args, Debug)]
pub struct PasswdArgs {
    #[command(subcommand)]
    command: PasswdCommand,
}

#[derive(Debug, Subcommand)]
enum PasswdCommand {
    /// Add a user, or give one another password; the file is made if there is none
    Add(AddArgs),
    /// Remove a user
    #[command(alias = "remove")]
    Delete {
        /// The password file
        file: PathBuf,
        /// The user
        name: String,
    },
    /// Ask for a password and say whether it is the user's: exit status 0 if so, 1 if not
    Verify {
        /// The password file
        file: PathBuf,
        /// The user
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Show users with their groups and roles
    List {
        /// The password file
        file: PathBuf,
    },
    /// Ask for a password and print what to write as password-hash into the configuration file
    Hash {
        #[command(flatten)]
        password: PasswordArgs,
    },
}

#[derive(Args, Debug)]
struct AddArgs {
    /// The password file
    file: PathBuf,
    /// The user
    name: String,
    /// A group that the user belongs to; may be repeated. Those of a known user stay if none is given
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    group: Option<Vec<String>>,
    /// What the user may do with the HTTP API. That of a known user stays if none is given
    #[arg(long, value_name = "ROLE")]
    role: Option<RoleArg>,
    /// Keep no keys for SCRAM-SHA-256
    #[arg(long)]
    no_scram: bool,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Args, Debug)]
struct PasswordArgs {
    /// The password. Others can read it in the list of processes, and the shell remembers it: without this flag it is
    /// asked for, or read from standard input
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    /// May look
    Viewer,
    /// May look, and publish messages
    Publisher,
    /// May do everything
    Admin,
    /// Has no role any more
    None,
}

impl RoleArg {
    fn role(self) -> Option<Role> {
        match self {
            RoleArg::Viewer => Some(Role::Viewer),
            RoleArg::Publisher => Some(Role::Publisher),
            RoleArg::Admin => Some(Role::Admin),
            RoleArg::None => None,
        }
    }
}

/// Runs `tabmq passwd`.
///
/// # Errors
/// The file cannot be read or written, or no password was given.
pub fn passwd(args: PasswdArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    match args.command {
        PasswdCommand::Add(args) => add(args, &mut out)?,
        PasswdCommand::Delete { file, name } => {
            let mut users = PasswordFile::read(&file)?;
            anyhow::ensure!(users.remove(&name), "there is no user {name:?} in {}", file.display());
            users.write(&file)?;
            writeln!(out, "user {name} is deleted from {}", file.display())?;
        }
        PasswdCommand::Verify { file, name, password } => {
            let users = PasswordFile::read(&file)?.users().cloned().collect::<Vec<_>>();
            let users = Users::new(users).map_err(anyhow::Error::msg)?;
            let password = password.get(false)?;
            let is_right = users.verify(&name, password.as_bytes()).is_some();
            writeln!(
                out,
                "{}",
                if is_right { "the password is right" } else { "no such user, or another password" }
            )?;
            return Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        PasswdCommand::List { file } => list(&PasswordFile::read(&file)?, &mut out)?,
        PasswdCommand::Hash { password } => {
            let secret = Secret::hash(password.get(true)?.as_bytes()).map_err(anyhow::Error::msg)?;
            writeln!(out, "{}", secret.stored().unwrap_or_default())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn add(args: AddArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let AddArgs { file, name, group, role, no_scram, password } = args;
    check_name(&name).map_err(anyhow::Error::msg)?;
    let bad = group.iter().flatten().find(|group| group.is_empty() || group.contains([':', ',']));
    anyhow::ensure!(bad.is_none(), "a group has a name without ':' and ','");
    let mut users = read_or_new(&file)?;
    let known = users.get(&name).cloned();
    let password = password.get(true)?;
    let secret = Secret::hash(password.as_bytes()).map_err(anyhow::Error::msg)?;
    let scram = (!no_scram).then(|| Keys::of_password(password.as_bytes())).transpose();
    let groups = group.map(|groups| groups.iter().map(|group| Arc::from(group.as_str())).collect());
    users.set(User {
        name: Arc::from(name.as_str()),
        secret: Some(secret),
        scram: scram.map_err(anyhow::Error::msg)?,
        groups: groups.or_else(|| known.as_ref().map(|user| user.groups.clone())).unwrap_or_default(),
        role: role.map_or_else(|| known.as_ref().and_then(|user| user.role), RoleArg::role),
    });
    users.write(&file)?;
    let what = if known.is_some() { "has a new password in" } else { "is added to" };
    writeln!(out, "user {name} {what} {}", file.display())?;
    Ok(())
}

fn list(users: &PasswordFile, out: &mut impl Write) -> io::Result<()> {
    for user in users.users() {
        let form = user.secret.as_ref().map_or("no password", Secret::form);
        let scram = if user.scram.is_some() { " scram" } else { "" };
        let groups =
            if user.groups.is_empty() { String::new() } else { format!(" groups={}", user.groups.join(",")) };
        let role = user.role.map(|role| format!(" role={role}")).unwrap_or_default();
        writeln!(out, "{} {form}{scram}{groups}{role}", user.name)?;
    }
    Ok(())
}

/// The file, or an empty one where there is none.
fn read_or_new(path: &Path) -> anyhow::Result<PasswordFile> {
    match path.try_exists() {
        Ok(false) => Ok(PasswordFile::default()),
        _ => Ok(PasswordFile::read(path)?),
    }
}

impl PasswordArgs {
    /// The password: from the flag, the keyboard (twice, for a new one), or a line of standard input.
    fn get(self, is_new: bool) -> anyhow::Result<String> {
        let password = match self.password {
            Some(password) => {
                writeln!(io::stderr(), "warning: others can read a password on the command line")?;
                password
            }
            None if io::stdin().is_terminal() => ask(is_new)?,
            None => read_line(&mut io::stdin().lock())?,
        };
        anyhow::ensure!(!password.is_empty(), "the password is empty");
        anyhow::ensure!(
            password.len() <= MAX_PASSWORD_BYTES,
            "the password has more than {MAX_PASSWORD_BYTES} bytes"
        );
        Ok(password)
    }
}

fn ask(is_new: bool) -> anyhow::Result<String> {
    let password = rpassword::prompt_password("Password: ")?;
    if is_new {
        anyhow::ensure!(rpassword::prompt_password("Once more: ")? == password, "the two passwords differ");
    }
    Ok(password)
}

fn read_line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    io::Read::take(input, MAX_PASSWORD_BYTES as u64 + 2).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}
