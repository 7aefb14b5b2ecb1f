//! `tabmq gateway` in front of a foreign broker.

use crate::foreign::free_ports;
use crate::{Broker, Program, target_directory};
use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;

/// A gateway that runs. It ends with its value.
pub struct Gateway {
    program: Program,
    http: SocketAddr,
    /// Where the broker inside listens, if there is one: for 3.1.1, and for 5.0.
    inside: Vec<SocketAddr>,
}

impl Gateway {
    /// Starts one on a port of the system's choice, in front of the broker at this port of loopback.
    pub async fn start(upstream: u16) -> Result<Gateway> {
        Gateway::start_with(&["--upstream", &format!("mqtt://127.0.0.1:{upstream}")]).await
    }

    /// Starts one with these arguments.
    pub async fn start_with(args: &[&str]) -> Result<Gateway> {
        let mut command = Broker::command(["gateway", "--http", "127.0.0.1:0"])?;
        Gateway::spawn(command.args(args)).await
    }

    /// Starts one with rumqttd inside, by the binary that `cargo xtask build --rumqttd --quick` makes.
    pub async fn with_rumqttd(args: &[&str]) -> Result<Gateway> {
        let [old, new] = free_ports()?.map(|port| format!("127.0.0.1:{port}"));
        let fixed = ["gateway", "--http", "127.0.0.1:0", "--upstream", "rumqttd"];
        let mut command = tokio::process::Command::new(Gateway::rumqttd_binary()?);
        command.args(fixed).args(["--mqtt", &old, "--mqtt-v5", &new]).args(args);
        Gateway::spawn(&mut command).await
    }

    /// TABMQ_RUMQTTD (`cargo xtask test` sets it), else what was built last.
    fn rumqttd_binary() -> Result<PathBuf> {
        let binary = match std::env::var_os("TABMQ_RUMQTTD") {
            Some(named) => PathBuf::from(named),
            None => target_directory()?.join("rumqttd").join("tabmq"),
        };
        let hint = "there is no tabmq with rumqttd: `cargo xtask build --rumqttd --quick` makes it";
        ensure!(binary.is_file(), hint);
        Ok(binary)
    }

    pub(crate) async fn spawn(command: &mut tokio::process::Command) -> Result<Gateway> {
        let mut program = Program::spawn(command)?;
        let (mut http, mut inside) = (None, Vec::new());
        loop {
            let line = match program.stdout.next().await {
                Ok(line) => line,
                Err(_) => bail!("no gateway: {}{}", program.stdout.text(), program.stderr.text()),
            };
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["http", "listening", "on", address, ..] => http = Some(address.parse()?),
                [kind, "listening", "on", address] if kind.starts_with("mqtt") => {
                    inside.push(address.parse()?);
                }
                ["ready"] => break,
                _ => {}
            }
        }
        Ok(Gateway { program, http: http.context("no line `http listening on ADDRESS`")?, inside })
    }

    /// Where the page and the API are.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where the broker inside listens for devices that speak 5.0, or 3.1.1.
    pub fn inside(&self, v5: bool) -> Result<SocketAddr> {
        self.inside.get(usize::from(v5)).copied().context("there is no broker inside")
    }

    /// Where MQTT over WebSocket is.
    pub fn websocket_url(&self) -> String {
        format!("ws://{}/mqtt", self.http)
    }

    /// Where the page is.
    pub fn page_url(&self) -> String {
        format!("http://{}/", self.http)
    }

    /// What it wrote on the console.
    pub fn log(&self) -> String {
        format!("{}\n{}", self.program.stdout.text(), self.program.stderr.text())
    }

    /// What it holds in memory, in bytes.
    pub fn memory_bytes(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most that it has held in memory, in bytes.
    pub fn peak_memory_bytes(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<u64> {
        let pid = self.program.id().context("it has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }

    /// Waits for its end, without asking for it.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        self.program.wait().await
    }

    /// Asks it to stop, by SIGTERM, and waits until it has.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.program.signal("TERM").await?;
        self.program.wait().await
    }
}
