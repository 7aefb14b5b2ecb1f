//! Brokers that are not ours, for our clients to talk to.

use crate::{Program, eventually, target_directory, unique};
use anyhow::{Context, Result, ensure};
use std::net::TcpListener;
use std::path::PathBuf;
use tokio::net::TcpStream;
use tokio::process::Command;

/// A foreign broker on ports of loopback. It ends with its value.
pub struct ForeignBroker {
    _program: Program,
    /// Where 3.1.1 is spoken over TCP.
    pub tcp: u16,
    /// Where 5.0 is spoken over TCP.
    pub tcp_v5: u16,
    pub websocket: u16,
}

impl ForeignBroker {
    /// mosquitto, which speaks every version on every listener.
    pub async fn mosquitto() -> Result<ForeignBroker> {
        let directory = target_directory()?.join("interop");
        std::fs::create_dir_all(&directory)?;
        let file = directory.join(unique("mosquitto.conf"));
        let [tcp, websocket] = free_ports()?;
        let settings = format!(
            "per_listener_settings false\nallow_anonymous true\nlistener {tcp} 127.0.0.1\n\
             listener {websocket} 127.0.0.1\nprotocol websockets\nmax_keepalive 65535\n"
        );
        std::fs::write(&file, settings)?;
        let mut program = Program::spawn(Command::new(mosquitto()?).arg("-c").arg(&file))?;
        let running = program.stderr.find("line that says it runs", |line| line.contains("running")).await;
        std::fs::remove_file(file)?;
        running.with_context(|| program.stderr.text())?;
        Ok(ForeignBroker { _program: program, tcp, tcp_v5: tcp, websocket })
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
        let program = Program::spawn(
            Command::new(target.join("debug/peer-rumqttd")).args(ports.map(|port| port.to_string())),
        )?;
        for port in ports {
            let open = async || Ok(TcpStream::connect(("127.0.0.1", port)).await.ok());
            eventually("open port of rumqttd", open).await.with_context(|| program.stderr.text())?;
        }
        Ok(ForeignBroker { _program: program, tcp, tcp_v5, websocket })
    }

    /// The address of its WebSocket.
    pub fn websocket_url(&self) -> String {
        format!("ws://127.0.0.1:{}/mqtt", self.websocket)
    }
}

/// Ports that are free a moment before they are taken again.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let listeners: Vec<TcpListener> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
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
