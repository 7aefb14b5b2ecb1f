//! `tabmq pub` and `tabmq sub` against foreign brokers: mosquitto in each version, over TCP and WebSocket; rumqttd in
//! 3.1.1 on both, and in 5.0 on its other port.

use crate::Report;
use anyhow::{Result, bail, ensure};
use harness::{Broker, ForeignBroker, Program, unique};
use tokio::process::Command;

pub(crate) async fn run(report: &mut Report) {
    if report.wants("mosquitto") {
        match ForeignBroker::mosquitto().await {
            Ok(broker) => mosquitto(report, &broker).await,
            Err(why) => report.skip("mosquitto", &format!("{why:#}")),
        }
    }
    if report.wants("rumqttd") {
        match ForeignBroker::rumqttd().await {
            Ok(broker) => rumqttd(report, &broker).await,
            Err(why) => report.skip("rumqttd", &format!("{why:#}")),
        }
    }
}

async fn mosquitto(report: &mut Report, broker: &ForeignBroker) {
    for version in ["31", "311", "5"] {
        for way in [Way::Tcp, Way::WebSocket] {
            let client = Client { broker, version, way };
            let name = |check: &str| format!("mosquitto::{check}-{version}-{way:?}");
            report.check(&name("each_qos"), client.each_qos()).await;
            report.check(&name("retained"), client.retained()).await;
            report.check(&name("will"), client.will()).await;
            report.check(&name("session"), client.session()).await;
        }
    }
}

async fn rumqttd(report: &mut Report, broker: &ForeignBroker) {
    for (version, way) in [("311", Way::Tcp), ("311", Way::WebSocket), ("5", Way::Tcp)] {
        let client = Client { broker, version, way };
        let name = |check: &str| format!("rumqttd::{check}-{version}-{way:?}");
        report.check(&name("each_qos"), client.each_qos()).await;
        report.check(&name("retained"), client.retained()).await;
        report.check(&name("will"), client.will()).await;
        report.check(&name("session"), client.session()).await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Tcp,
    WebSocket,
}

/// Our clients, told where the broker is and what to speak.
struct Client<'a> {
    broker: &'a ForeignBroker,
    version: &'static str,
    way: Way,
}

impl Client<'_> {
    fn tcp_port(&self) -> u16 {
        if self.version == "5" { self.broker.tcp_v5 } else { self.broker.tcp }
    }

    fn command(&self, verb: &str, args: &[&str]) -> Result<Command> {
        let mut command = Broker::command([verb, "-V", self.version])?;
        match self.way {
            Way::Tcp => command.args(["-h", "127.0.0.1", "-p", &self.tcp_port().to_string()]),
            Way::WebSocket => command.args(["-L", &self.broker.websocket_url()]),
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
