//! The broker under test: the real binary, as its users start it.

use crate::{Program, target_directory};
use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use tokio::process::Command;

/// A broker that runs.
pub struct Broker {
    program: Program,
    mqtt: SocketAddr,
    http: SocketAddr,
    mqtts: Option<SocketAddr>,
    https: Option<SocketAddr>,
    args: Vec<String>,
}

impl Broker {
    /// Starts it on two ports of the system's choice, with nothing stored on disk.
    pub async fn start() -> Result<Broker> {
        Broker::start_with(&[]).await
    }

    /// The same, with further arguments.
    pub async fn start_with(args: &[&str]) -> Result<Broker> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        Broker::start_at(any, any, args).await
    }

    /// The same, as a process that may have no more than so many files and sockets open.
    pub async fn start_with_descriptors(descriptors: u32, args: &[&str]) -> Result<Broker> {
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        // The shell's own `ulimit`: safe Rust has no call for it.
        let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(Broker::binary()?);
        Broker::start_command(command, [any, any], args.iter().map(|arg| (*arg).to_owned()).collect()).await
    }

    /// Starts it by a line as it is typed, in this directory; the ports that the line does not name are of the system's
    /// choice.
    pub async fn start_as(line: &str, directory: &Path) -> Result<Broker> {
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let mut command = Broker::shell(&format!("exec {line} \"$@\""), directory)?;
        command.arg("sh"); // $0
        Broker::start_command(command, [any, any], Vec::new()).await
    }

    /// The shell with a line as it is typed, in this directory; `tabmq` is what is tested.
    pub fn shell(line: &str, directory: &Path) -> Result<Command> {
        let binary = Broker::binary()?;
        let own = binary.parent().context("a binary without a directory")?.to_path_buf();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&others)))?;
        let mut command = Command::new("sh");
        without_settings(&mut command).current_dir(directory).env("PATH", path).args(["-c", line]);
        Ok(command)
    }

    /// What runs when a test says `tabmq`: TABMQ_BIN (`cargo xtask test` sets it), else what was built last, by
    /// `cargo xtask build` or for the tests.
    pub fn binary() -> Result<PathBuf> {
        if let Some(named) = std::env::var_os("TABMQ_BIN").map(PathBuf::from) {
            ensure!(named.is_file(), "TABMQ_BIN is {}, where there is nothing", named.display());
            return Ok(named);
        }
        let target = target_directory()?;
        let name = format!("tabmq{}", std::env::consts::EXE_SUFFIX);
        let built = ["release", "e2e"].map(|profile| target.join(profile).join(&name));
        let built_at = |binary: &PathBuf| std::fs::metadata(binary).and_then(|file| file.modified()).ok();
        let last = built.into_iter().filter(|binary| binary.is_file()).max_by_key(built_at);
        last.context("there is no tabmq to test: `cargo xtask build` makes it")
    }

    /// `tabmq` with these arguments, without the caller's TABMQ_… settings.
    pub fn command<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Result<Command> {
        let mut command = Command::new(Broker::binary()?);
        without_settings(&mut command).args(args);
        Ok(command)
    }

    async fn start_at(mqtt: SocketAddr, http: SocketAddr, args: Vec<String>) -> Result<Broker> {
        Broker::start_command(Broker::command::<&str>([])?, [mqtt, http], args).await
    }

    async fn start_command(
        mut command: Command,
        [mqtt, http]: [SocketAddr; 2],
        args: Vec<String>,
    ) -> Result<Broker> {
        let (mqtt, http) = (mqtt.to_string(), http.to_string());
        command.args(["--mqtt", &mqtt, "--http", &http, "--data", "none"]);
        let mut program = Program::spawn(command.args(&args))?;
        let (mut mqtt, mut http, mut mqtts, mut https) = (None, None, None, None);
        loop {
            let line = match program.stdout.next().await {
                Ok(line) => line,
                Err(_) => bail!("tabmq did not start: {}{}", program.stdout.text(), program.stderr.text()),
            };
            // `mqtt listening on 127.0.0.1:1883`, perhaps with more words behind.
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["mqtt", "listening", "on", address, ..] => mqtt = Some(address.parse()?),
                ["http", "listening", "on", address, ..] => http = Some(address.parse()?),
                ["mqtts", "listening", "on", address, ..] => mqtts = Some(address.parse()?),
                ["https", "listening", "on", address, ..] => https = Some(address.parse()?),
                ["ready"] => break,
                _ => {} // another listener, or a word of welcome
            }
        }
        let mqtt = mqtt.context("no line `mqtt listening on ADDRESS`")?;
        let http = http.context("no line `http listening on ADDRESS`")?;
        Ok(Broker { program, mqtt, http, mqtts, https, args })
    }

    /// Its number among the system's processes.
    pub fn pid(&self) -> Result<u32> {
        self.program.pid()
    }

    /// Where MQTT over TCP is.
    pub fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }

    /// Where the page and the API are.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where MQTT over TLS is, if it was started with `--mqtts`.
    pub fn mqtts(&self) -> Result<SocketAddr> {
        self.mqtts.context("the broker was started without --mqtts")
    }

    /// Where the page and the API are over TLS, if it was started with `--https`.
    pub fn https(&self) -> Result<SocketAddr> {
        self.https.context("the broker was started without --https")
    }

    /// Where MQTT over WebSocket is.
    pub fn websocket_url(&self) -> String {
        format!("ws://{}/mqtt", self.http)
    }

    /// Where the page is.
    pub fn page_url(&self) -> String {
        format!("http://{}/", self.http)
    }

    /// What it wrote on the console, both outputs.
    pub fn log(&self) -> String {
        format!("{}\n{}", self.program.stdout.text(), self.program.stderr.text())
    }

    /// How many lines of its console `are_meant`.
    pub fn count_log_lines(&self, are_meant: impl Fn(&str) -> bool) -> usize {
        self.log().lines().filter(|line| are_meant(line)).count()
    }

    /// Waits for a line on its console.
    pub async fn log_line(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> Result<String> {
        tokio::select! {
            Ok(line) = self.program.stdout.find(what, &is_it) => Ok(line),
            Ok(line) = self.program.stderr.find(what, &is_it) => Ok(line),
            else => bail!("the console has no line with {what}:\n{}", self.log()),
        }
    }

    /// Asks it to stop, by SIGTERM, and waits until it has.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.stop_by("TERM").await
    }

    /// Asks it to stop by this signal (`TERM`, `INT`), and waits until it has.
    pub async fn stop_by(&mut self, signal: &str) -> Result<ExitStatus> {
        self.program.signal(signal).await?;
        self.program.wait().await
    }

    /// Sends it a signal that does not end it (`HUP`).
    pub async fn signal(&self, signal: &str) -> Result<()> {
        self.program.signal(signal).await
    }

    /// Ends it without a warning.
    pub async fn kill(&mut self) -> Result<()> {
        self.program.kill().await
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), on the same ports.
    pub async fn start_again(&mut self) -> Result<()> {
        *self = Broker::start_at(self.mqtt, self.http, std::mem::take(&mut self.args)).await?;
        Ok(())
    }
}

/// Takes the caller's TABMQ_… settings away.
fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TABMQ_")) {
        command.env_remove(name);
    }
    command
}
