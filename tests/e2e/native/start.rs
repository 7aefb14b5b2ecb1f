//! Starting, stopping, and what is refused with a sentence that says what to do.

use anyhow::{Result, ensure};
use harness::{Broker, Device, Program, Raw, Version};

#[tokio::test]
async fn stops_cleanly_on_either_signal() -> Result<()> {
    for signal in ["TERM", "INT"] {
        let mut broker = Broker::start().await?;
        let mut old = Raw::tcp(broker.mqtt()).await?;
        old.connect_v4("old").await?;
        let mut new = Raw::tcp(broker.mqtt()).await?;
        new.connect_v5("new").await?;
        let mut over_websocket = Raw::websocket(&broker.websocket_url(), "mqtt").await?;
        over_websocket.connect_v5("tab").await?;

        let status = broker.stop_by(signal).await?;
        ensure!(status.code() == Some(0), "SIG{signal}: {status}\n{}", broker.log());
        // 0x8B: server shutting down. Before 5.0 the server has no DISCONNECT.
        for client in [&mut new, &mut over_websocket] {
            let goodbye = client.closed().await?;
            ensure!(
                goodbye.first() == Some(&0xE0) && goodbye.get(2) == Some(&0x8B),
                "SIG{signal}: {goodbye:02x?}"
            );
        }
        ensure!(old.closed().await?.is_empty(), "a 3.1.1 client got bytes at the end");
    }
    Ok(())
}

#[tokio::test]
async fn starts_again_on_the_same_ports_at_once() -> Result<()> {
    let mut broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "witness", Version::V5).await?;
    broker.stop().await?;
    device.ended().await?;
    broker.start_again().await?;
    Device::connect(&broker, "witness", Version::V5).await?.disconnect().await
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_a_sentence() -> Result<()> {
    let running = Broker::start().await?;
    let taken = running.mqtt().to_string();
    let free = ["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", "none"];
    let with = |more: &[&str]| -> Vec<String> { free.iter().chain(more).map(|s| (*s).to_owned()).collect() };

    // Arguments, and words that the sentence must have.
    let in_use = [taken.as_str(), "in use"];
    let cases: Vec<(Vec<String>, &[&str])> = vec![
        (vec!["--mqtt".into(), taken.clone(), "--http".into(), "none".into()], &in_use),
        (vec!["--http".into(), taken.clone(), "--mqtt".into(), "none".into()], &in_use),
        (with(&["--mqtt", "0.0.0.0:0"]), &["--allow-anonymous"]),
        (with(&["--mqtt", "nowhere"]), &["nowhere", "PORT"]),
        (with(&["--config", "no-such-file.toml"]), &["no-such-file.toml"]),
        (with(&["--no-such-flag"]), &["--no-such-flag"]),
        (with(&["--log", "loud"]), &["loud", "debug"]),
        (vec!["no-such-command".into()], &["no-such-command"]),
        (vec!["pub".into(), "-m".into(), "x".into()], &["-t"]),
        (vec!["sub".into()], &["-t"]),
        (vec!["pub".into(), "-t".into(), "a/+".into(), "-m".into(), "x".into()], &["a/+"]),
    ];
    for (args, words) in cases {
        let mut program = Program::spawn(&mut Broker::command(&args)?)?;
        let status = program.wait().await?;
        let said = format!("{}{}", program.stdout.text(), program.stderr.text());
        ensure!(!status.success(), "tabmq {args:?} succeeded: {said}");
        ensure!(status.code().is_some(), "tabmq {args:?} was killed: {said}");
        ensure!(!said.contains("panicked"), "tabmq {args:?}: {said}");
        for word in words {
            ensure!(said.contains(word), "tabmq {args:?} does not say {word:?}: {said}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn absent_broker_is_named_by_the_clients() -> Result<()> {
    let mut broker = Broker::start().await?;
    let port = broker.mqtt().port().to_string();
    broker.stop().await?;
    let mut program =
        Program::spawn(&mut Broker::command(["pub", "-h", "127.0.0.1", "-p", &port, "-t", "a", "-m", "1"])?)?;
    let status = program.wait().await?;
    let said = program.stderr.text();
    ensure!(!status.success() && said.contains(&port) && said.contains("refused"), "{status}: {said}");
    Ok(())
}
