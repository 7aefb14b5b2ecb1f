//! `tabmq pub` and `tabmq sub` against mosquitto, in each version, over TCP and WebSocket.

use crate::Report;
use anyhow::{Context, Result, bail, ensure};
use harness::{Broker, Program, target_directory, unique};
use std::net::TcpListener;
use std::path::PathBuf;
use tokio::process::Command;

const VERSIONS: [&str; 3] = ["31", "311", "5"];

pub(crate) async fn run(report: &mut Report) {
    if !report.wants("mosquitto") {
        return;
    }
    let mosquitto = match Mosquitto::start().await {
        Ok(mosquitto) => mosquitto,
        Err(why) => return report.skip("mosquitto", &format!("{why:#}")),
    };
    for version in VERSIONS {
        for way in [Way::Tcp, Way::WebSocket] {
            let client = Client { mosquitto: &mosquitto, version, way };
            let name = |check: &str| format!("mosquitto::{check}-{version}-{way:?}");
            report.check(&name("each_qos"), client.each_qos()).await;
            report.check(&name("retained"), client.retained()).await;
            report.check(&name("will"), client.will()).await;
            report.check(&name("session"), client.session()).await;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Tcp,
    WebSocket,
}

/// mosquitto with a listener for each way. It ends with its value.
struct Mosquitto {
    _program: Program,
    tcp: u16,
    websocket: u16,
}

impl Mosquitto {
    async fn start() -> Result<Mosquitto> {
        let directory = target_directory()?.join("interop");
        std::fs::create_dir_all(&directory)?;
        let file = directory.join(unique("mosquitto.conf"));
        // They are free a moment before they are taken again.
        let [tcp, websocket] = {
            let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
            let ports: Vec<u16> =
                listeners.iter().map(|l| Ok(l.local_addr()?.port())).collect::<Result<_>>()?;
            [ports[0], ports[1]]
        };
        let settings = format!(
            "per_listener_settings false\nallow_anonymous true\nlistener {tcp} 127.0.0.1\n\
             listener {websocket} 127.0.0.1\nprotocol websockets\nmax_keepalive 65535\n"
        );
        std::fs::write(&file, settings)?;
        let mut program = Program::spawn(Command::new(binary()?).arg("-c").arg(&file))?;
        let running = program.stderr.find("line that says it runs", |line| line.contains("running")).await;
        std::fs::remove_file(file)?;
        running.with_context(|| program.stderr.text())?;
        Ok(Mosquitto { _program: program, tcp, websocket })
    }
}

/// Debian puts it where users do not look.
fn binary() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.push(PathBuf::from("/usr/sbin"));
    let found = places.into_iter().map(|place| place.join("mosquitto")).find(|file| file.is_file());
    found.context("mosquitto is not installed (Debian: mosquitto)")
}

/// Our clients, told where mosquitto is and what to speak.
struct Client<'a> {
    mosquitto: &'a Mosquitto,
    version: &'static str,
    way: Way,
}

impl Client<'_> {
    fn command(&self, verb: &str, args: &[&str]) -> Result<Command> {
        let mut command = Broker::command([verb, "-V", self.version])?;
        match self.way {
            Way::Tcp => command.args(["-h", "127.0.0.1", "-p", &self.mosquitto.tcp.to_string()]),
            Way::WebSocket => {
                command.args(["-L", &format!("ws://127.0.0.1:{}/mqtt", self.mosquitto.websocket)])
            }
        };
        command.args(args);
        Ok(command)
    }

    async fn publish(&self, args: &[&str]) -> Result<()> {
        Program::spawn(&mut self.command("pub", args)?)?.success().await
    }

    /// `tabmq sub -v`; returns when it is subscribed, which its last filter tells by a retained message.
    async fn subscribe(&self, args: &[&str]) -> Result<Program> {
        let marker = unique("subscribed");
        self.publish(&["-t", &marker, "-m", "1", "-r", "-q", "1"]).await?;
        let mut program = Program::spawn(self.command("sub", args)?.args(["-v", "-t", &marker]))?;
        match program.stdout.next().await {
            Ok(line) if line == format!("{marker} 1") => Ok(program),
            Ok(line) => bail!("the first line is not the marker but {line:?}"),
            Err(error) => Err(error.context(program.stderr.text())),
        }
    }

    async fn each_qos(&self) -> Result<()> {
        let topic = unique("qos");
        for qos in ["0", "1", "2"] {
            let mut subscriber = self.subscribe(&["-t", &topic, "-q", qos]).await?;
            for payload in ["one", "two words", "三"] {
                self.publish(&["-t", &topic, "-m", payload, "-q", qos]).await?;
                let line = subscriber.stdout.next().await?;
                ensure!(line == format!("{topic} {payload}"), "QoS {qos}: {line}");
            }
            subscriber.signal("TERM").await?;
            subscriber.wait().await?;
        }
        Ok(())
    }

    async fn retained(&self) -> Result<()> {
        let topic = unique("kept");
        self.publish(&["-t", &topic, "-m", "1", "-r", "-q", "1"]).await?;
        for _ in 0..2 {
            let mut late = Program::spawn(&mut self.command("sub", &["-t", &topic, "-C", "1"])?)?;
            late.success().await?;
            ensure!(late.stdout.text() == "1", "{}", late.stdout.text());
        }
        self.publish(&["-t", &topic, "-n", "-r", "-q", "1"]).await
    }

    async fn will(&self) -> Result<()> {
        let topic = unique("will");
        let mut watcher = self.subscribe(&["-t", &topic]).await?;
        let with_will = ["-t", "x", "--will-topic", &topic, "--will-payload", "gone", "--will-qos", "1"];
        let mut victim = self.subscribe(&with_will).await?;
        victim.kill().await?;
        let line = watcher.stdout.next().await?;
        ensure!(line == format!("{topic} gone"), "{line}");
        Ok(())
    }

    async fn session(&self) -> Result<()> {
        let (topic, id) = (unique("queue"), unique("session"));
        let mut args = vec!["-t", &topic, "-q", "1", "-c", "-i", &id];
        if self.version == "5" {
            args.extend(["-x", "3600"]);
        }
        let mut subscriber = self.subscribe(&args).await?;
        subscriber.signal("TERM").await?;
        subscriber.wait().await?;
        for n in ["1", "2", "3"] {
            self.publish(&["-t", &topic, "-m", n, "-q", "1"]).await?;
        }
        args.extend(["-C", "3"]);
        let mut again = Program::spawn(&mut self.command("sub", &args)?)?;
        again.success().await?;
        ensure!(again.stdout.lines() == ["1", "2", "3"], "{}", again.stdout.text());
        Ok(())
    }
}
