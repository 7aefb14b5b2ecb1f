//! Brokers that are not ours, for our clients to talk to.

use crate::{Program, eventually, target_directory, unique};
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use tokio::net::TcpStream;
use tokio::process::Command;

/// A foreign broker on ports of loopback. It ends with its value.
pub struct ForeignBroker {
    program: Program,
    start: Start,
    /// Where 3.1.1 is spoken over TCP.
    pub tcp: u16,
    /// Where 5.0 is spoken over TCP.
    pub tcp_v5: u16,
    pub websocket: u16,
}

/// How to start it, once and again.
struct Start {
    binary: PathBuf,
    args: Vec<OsString>,
    /// Its configuration, which goes when it does.
    file: Option<PathBuf>,
}

impl Drop for Start {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
    }
}

impl ForeignBroker {
    /// mosquitto, which speaks every version on every listener.
    pub async fn mosquitto() -> Result<ForeignBroker> {
        ForeignBroker::mosquitto_with(&[], "").await
    }

    /// mosquitto with further lines of configuration: for the first listener, and at the end.
    pub async fn mosquitto_with(listener: &[&str], more: &str) -> Result<ForeignBroker> {
        let directory = target_directory()?.join("interop");
        std::fs::create_dir_all(&directory)?;
        let file = directory.join(unique("mosquitto.conf"));
        let [tcp, websocket] = free_ports()?;
        let listener = listener.join("\n");
        let settings = format!(
            "per_listener_settings false\nallow_anonymous true\nmax_keepalive 65535\nlistener {tcp} 127.0.0.1\n\
             {listener}\nlistener {websocket} 127.0.0.1\nprotocol websockets\n{more}\n"
        );
        std::fs::write(&file, settings)?;
        let args = vec!["-c".into(), file.clone().into_os_string()];
        let start = Start { binary: mosquitto()?, args, file: Some(file) };
        let program = start.mosquitto().await?;
        Ok(ForeignBroker { program, start, tcp, tcp_v5: tcp, websocket })
    }

    /// rumqttd, which has a port for each version; its WebSocket speaks 3.1.1 only. It is built here, from a workspace
    /// of its own.
    pub async fn rumqttd() -> Result<ForeignBroker> {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/rumqttd/Cargo.toml");
        let target = target_directory()?.join("peers");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--locked", "--manifest-path", manifest, "--target-dir"])
            .arg(&target)
            .output()
            .await?;
        ensure!(built.status.success(), "rumqttd does not build: {}", String::from_utf8_lossy(&built.stderr));
        let [tcp, tcp_v5, websocket] = free_ports()?;
        let ports = [tcp, tcp_v5, websocket];
        let args = ports.map(|port| port.to_string().into()).to_vec();
        let start = Start { binary: target.join("debug/peer-rumqttd"), args, file: None };
        let program = start.rumqttd(ports).await?;
        Ok(ForeignBroker { program, start, tcp, tcp_v5, websocket })
    }

    /// Ends it without a warning.
    pub async fn kill(&mut self) -> Result<()> {
        self.program.kill().await
    }

    /// Starts it again after [`kill`](Self::kill), on the same ports.
    pub async fn start_again(&mut self) -> Result<()> {
        self.program = match self.start.file {
            Some(_) => self.start.mosquitto().await?,
            None => self.start.rumqttd([self.tcp, self.tcp_v5, self.websocket]).await?,
        };
        Ok(())
    }

    /// What it wrote on the console.
    pub fn log(&self) -> String {
        format!("{}\n{}", self.program.stdout.text(), self.program.stderr.text())
    }

    /// The address of its WebSocket.
    pub fn websocket_url(&self) -> String {
        format!("ws://127.0.0.1:{}/mqtt", self.websocket)
    }
}

impl Start {
    async fn mosquitto(&self) -> Result<Program> {
        let mut program = Program::spawn(Command::new(&self.binary).args(&self.args))?;
        let running = program.stderr.find("line that says it runs", |line| line.contains("running")).await;
        running.with_context(|| program.stderr.text())?;
        Ok(program)
    }

    async fn rumqttd(&self, ports: [u16; 3]) -> Result<Program> {
        let program = Program::spawn(Command::new(&self.binary).args(&self.args))?;
        for port in ports {
            let open = async || Ok(TcpStream::connect(("127.0.0.1", port)).await.ok());
            eventually("open port of rumqttd", open).await.with_context(|| program.stderr.text())?;
        }
        Ok(program)
    }
}

/// Ports that are free a moment before they are taken; never the same ones again. None of those that systems give to outgoing
/// connections (Linux: from 32768, IANA: from 49152), of which another test may have one in that moment.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    const FIRST: u16 = 10_000;
    const COUNT: u32 = 20_000;
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // Not where another program's tests look at the same time.
    let start = std::process::id().wrapping_mul(97);
    let mut candidates = (0..COUNT).filter_map(|_| {
        let offset = start.wrapping_add(TRIED.fetch_add(1, Relaxed)) % COUNT;
        let port = FIRST + u16::try_from(offset).ok()?;
        TcpListener::bind(("0.0.0.0", port)).is_ok().then_some(port)
    });
    let mut ports = [0; N];
    for port in &mut ports {
        *port = candidates.next().context("there is no free port")?;
    }
    Ok(ports)
}

/// Debian puts it where users do not look.
fn mosquitto() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.push(PathBuf::from("/usr/sbin"));
    let found = places.into_iter().map(|place| place.join("mosquitto")).find(|file| file.is_file());
    found.context("mosquitto is not installed (Debian: mosquitto)")
}
