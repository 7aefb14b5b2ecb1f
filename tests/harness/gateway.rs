//! `tabmq gateway` in front of a foreign broker.

use crate::{Broker, Program};
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::process::ExitStatus;

/// A gateway that runs. It ends with its value.
pub struct Gateway {
    program: Program,
    http: SocketAddr,
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

    pub(crate) async fn spawn(command: &mut tokio::process::Command) -> Result<Gateway> {
        let mut program = Program::spawn(command)?;
        let mut http = None;
        loop {
            let line = match program.stdout.next().await {
                Ok(line) => line,
                Err(_) => bail!("no gateway: {}{}", program.stdout.text(), program.stderr.text()),
            };
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["http", "listening", "on", address, ..] => http = Some(address.parse()?),
                ["ready"] => break,
                _ => {}
            }
        }
        Ok(Gateway { program, http: http.context("no line `http listening on ADDRESS`")? })
    }

    /// Where the page and the API are.
    pub fn http(&self) -> SocketAddr {
        self.http
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
        let pid = self.program.id().context("it has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }

    /// Asks it to stop, by SIGTERM, and waits until it has.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.program.signal("TERM").await?;
        self.program.wait().await
    }
}
