//! Command-line clients: mosquitto's and our own, called with the same flags.

use crate::{Broker, Message, Program, Raw, unique};
use anyhow::Result;
use mqttbytes::{QoS, v4};
use tokio::process::Command;

/// Whose client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// `mosquitto_pub`, `mosquitto_sub`.
    Mosquitto,
    /// `tabmq pub`, `tabmq sub`.
    Tabmq,
}

impl Client {
    fn command(self, verb: &str) -> Result<Command> {
        match self {
            Client::Mosquitto => Ok(Command::new(format!("mosquitto_{verb}"))),
            Client::Tabmq => Broker::command([verb]),
        }
    }

    /// The publishing client, told where the broker is.
    pub fn publisher(self, broker: &Broker, args: &[&str]) -> Result<Program> {
        let address = broker.mqtt();
        let mut command = self.command("pub")?;
        command.args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()]).args(args);
        Program::spawn(&mut command)
    }

    /// Publishes and waits for a good end.
    pub async fn publish(self, broker: &Broker, args: &[&str]) -> Result<()> {
        self.publisher(broker, args)?.success().await
    }

    /// The subscribing client over TCP; returns when it is subscribed. Each message is a line `TOPIC PAYLOAD`.
    pub async fn subscribe(self, broker: &Broker, args: &[&str]) -> Result<Program> {
        let address = broker.mqtt();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let place = ["-h", &host, "-p", &port];
        self.subscribe_at(broker, &place, args).await
    }

    /// The subscribing client, told by `place` where the broker is.
    pub async fn subscribe_at(self, broker: &Broker, place: &[&str], args: &[&str]) -> Result<Program> {
        // How to know that a foreign client is subscribed: its last filter brings a retained message.
        let marker = unique("subscribed");
        retain(broker, &marker).await?;
        let mut command = self.command("sub")?;
        let mut program = Program::spawn(command.args(place).args(["-v"]).args(args).args(["-t", &marker]))?;
        let line = program.stdout.next().await;
        match line {
            Ok(line) if line == format!("{marker} 1") => Ok(program),
            Ok(line) => anyhow::bail!("the first line is not the marker but {line:?}"),
            Err(error) => Err(error.context(program.stderr.text())),
        }
    }
}

/// The line that `sub -v` prints for this message.
pub fn line(message: &Message) -> String {
    format!("{} {}", message.topic, String::from_utf8_lossy(&message.payload))
}

async fn retain(broker: &Broker, topic: &str) -> Result<()> {
    let mut raw = Raw::tcp(broker.mqtt()).await?;
    raw.connect_v4(&unique("marker")).await?;
    let mut publish = v4::Publish::new(topic, QoS::AtLeastOnce, "1");
    publish.retain = true;
    publish.pkid = 1;
    raw.write(|buffer| publish.write(buffer)).await?;
    raw.packet().await?; // PUBACK
    raw.send(&[0xE0, 0]).await
}
