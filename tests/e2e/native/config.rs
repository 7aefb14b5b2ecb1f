//! The configuration file: the example, the check, and what SIGHUP does with it.

use anyhow::{Result, ensure};
use harness::{Broker, Program, Raw};
use std::path::PathBuf;

/// A file that is gone after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(text: &str) -> Result<Scratch> {
        let name = format!("tabmq-{}-{}.toml", std::process::id(), harness::unique("config"));
        let scratch = Scratch(std::env::temp_dir().join(name));
        scratch.write(text)?;
        Ok(scratch)
    }

    fn write(&self, text: &str) -> Result<()> {
        Ok(std::fs::write(&self.0, text)?)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn config(args: &[&str]) -> Result<(bool, Program)> {
    let mut program = Program::spawn(&mut Broker::command([&["config"], args].concat())?)?;
    let status = program.wait().await?;
    Ok((status.success(), program))
}

#[tokio::test]
async fn the_example_is_right_and_starts_a_broker() -> Result<()> {
    let (ok, program) = config(&["example"]).await?;
    ensure!(ok, "{}", program.stderr.text());
    let file = Scratch::new(&program.stdout.text())?;
    let (ok, program) = config(&["check", file.path()]).await?;
    ensure!(ok && program.stdout.text().contains("is right"), "{}", program.stderr.text());
    Broker::start_with(&["--config", file.path()]).await?;
    Ok(())
}

#[tokio::test]
async fn a_mistake_is_pointed_at() -> Result<()> {
    let file = Scratch::new("log = \"info\"\n  max-in-fligth = 3\n")?;
    let (ok, program) = config(&["check", file.path()]).await?;
    let said = program.stderr.text();
    let expected = format!(
        "{}:2:3: there is no setting 'max-in-fligth'; did you mean 'max-in-flight'?\n  max-in-fligth = 3\n  ^",
        file.path()
    );
    ensure!(!ok && said == expected, "{said}");
    Ok(())
}

#[tokio::test]
async fn a_mosquitto_conf_becomes_a_file_that_starts_a_broker() -> Result<()> {
    let theirs = Scratch::new(
        "listener 1883 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 7\npersistence true\n",
    )?;
    let (ok, program) = config(&["import", theirs.path()]).await?;
    ensure!(
        ok && program.stderr.text() == "not carried over: line 4: persistence: see --data",
        "{}",
        program.stderr.text()
    );
    let ours = Scratch::new(&program.stdout.text())?;
    let (ok, program) = config(&["check", ours.path()]).await?;
    ensure!(ok, "{}", program.stderr.text());
    Broker::start_with(&["--config", ours.path()]).await?;
    Ok(())
}

#[tokio::test]
async fn sighup_changes_what_can_change_and_keeps_the_rest() -> Result<()> {
    let file = Scratch::new("max-packet-size = '1MiB'\nlog = 'info'")?;
    let mut broker = Broker::start_with(&["--config", file.path()]).await?;
    let mut old = Raw::tcp(broker.mqtt()).await?;
    ensure!(max_packet_size(&old.connect_v5("old").await?) == 1 << 20);

    file.write("max-packet-size = '2KiB'\nlog = 'warn'\nlog-format = 'json'")?;
    broker.signal("HUP").await?;
    let restart = |line: &str| line.contains("needs a restart") && line.contains("log-format");
    broker.log_line("change that needs a restart", restart).await?;
    broker.log_line("report", |line| line.contains("configuration read again")).await?;
    let mut new = Raw::tcp(broker.mqtt()).await?;
    ensure!(max_packet_size(&new.connect_v5("new").await?) == 2048);
    ensure!(broker.count_log_lines(|line| line.contains("client=\"new\"")) == 0, "{}", broker.log());
    old.ping().await?;

    file.write("max-packet-size = 'huge'")?;
    broker.signal("HUP").await?;
    broker.log_line("refusal", |line| line.contains("stays as it was") && line.contains(":1:19: ")).await?;
    let mut after = Raw::tcp(broker.mqtt()).await?;
    ensure!(max_packet_size(&after.connect_v5("after").await?) == 2048);
    new.ping().await?;
    old.ping().await?;
    Ok(())
}

/// Of a CONNACK: property 0x27.
fn max_packet_size(connack: &[u8]) -> u32 {
    let at = connack.iter().position(|byte| *byte == 0x27).unwrap();
    u32::from_be_bytes(connack[at + 1..at + 5].try_into().unwrap())
}
