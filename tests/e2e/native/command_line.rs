//! The flags of `tabmq pub` and `tabmq sub`, which mean what mosquitto's mean: each case runs with both.

use anyhow::{Context, Result, ensure};
use harness::command::Client;
use harness::{Broker, Device, Message, Program, Version, eventually, target_directory, unique};

const BOTH: [Client; 2] = [Client::Mosquitto, Client::Tabmq];

#[tokio::test]
async fn sources_of_the_payload() -> Result<()> {
    let broker = Broker::start().await?;
    let file = target_directory()?.join(unique("payload"));
    std::fs::write(&file, "from a file\n")?;
    let file_name = file.to_string_lossy().into_owned();
    for client in BOTH {
        let mut device = Device::connect(&broker, "receiver", Version::V5).await?;
        device.subscribe("#", 1).await?;
        // Arguments, and the message that arrives.
        let cases: &[(&[&str], Message)] = &[
            (&["-t", "m", "-m", "text", "-q", "1"], Message::new("m", "text", 1)),
            (&["-t", "n", "-n"], Message::new("n", "", 0)),
            (&["-t", "f", "-f", &file_name], Message::new("f", "from a file\n", 0)),
            (&["-t", "empty", "-m", ""], Message::new("empty", "", 0)),
        ];
        for (args, expected) in cases {
            client.publish(&broker, args).await?;
            let got = device.message().await.with_context(|| format!("{client:?} {args:?}"))?;
            ensure!(got == *expected, "{client:?} {args:?}: {got:?}");
        }
        device.disconnect().await?;
    }
    std::fs::remove_file(file)?;
    Ok(())
}

#[tokio::test]
async fn each_line_is_published_when_enter_is_pressed() -> Result<()> {
    let broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "receiver", Version::V5).await?;
    device.subscribe("chat", 1).await?;
    for client in BOTH {
        let mut publisher = client.publisher(&broker, &["-t", "chat", "-l", "-q", "1"])?;
        for line in ["one", "two words", "三"] {
            // The next line is typed only when the last one has arrived: nothing waits for the end of the input.
            publisher.type_line(line).await?;
            let got = device.message().await.with_context(|| format!("{client:?}: {line}"))?;
            ensure!(got == Message::new("chat", line, 1), "{client:?}: {got:?}");
        }
        publisher.close_stdin();
        publisher.success().await?;
    }
    Ok(())
}

#[tokio::test]
async fn retained_messages_and_the_number_of_messages() -> Result<()> {
    let broker = Broker::start().await?;
    for client in BOTH {
        let topic = unique("kept");
        client.publish(&broker, &["-t", &topic, "-m", "1", "-r", "-q", "1"]).await?;
        // -C 1 ends after one message (the marker, whose line `subscribe` has taken, is not subscribed to here).
        let place = [broker.mqtt().ip().to_string(), broker.mqtt().port().to_string()];
        for receiver in BOTH {
            let args = ["-h", &place[0], "-p", &place[1], "-t", &topic, "-v", "-C", "1"];
            let mut command = match receiver {
                Client::Mosquitto => {
                    let mut command = tokio::process::Command::new("mosquitto_sub");
                    command.args(args);
                    command
                }
                Client::Tabmq => Broker::command([&["sub"], &args[..]].concat())?,
            };
            let mut program = Program::spawn(&mut command)?;
            program.success().await?;
            ensure!(program.stdout.text() == format!("{topic} 1"), "{receiver:?}: {}", program.stdout.text());
        }
    }
    Ok(())
}

#[tokio::test]
async fn urls_name_broker_and_topic() -> Result<()> {
    let broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "receiver", Version::V5).await?;
    device.subscribe("#", 1).await?;
    let mqtt = format!("mqtt://{}/home/door", broker.mqtt());
    let websocket = broker.websocket_url();
    let cases: &[&[&str]] =
        &[&["-L", &mqtt, "-m", "open"], &["-L", &websocket, "-t", "home/door", "-m", "open"]];
    for args in cases {
        let mut program = Program::spawn(&mut Broker::command([&["pub"], *args].concat())?)?;
        program.success().await.with_context(|| format!("{args:?}"))?;
        let got = device.message().await?;
        ensure!(got == Message::new("home/door", "open", 0), "{args:?}: {got:?}");
    }
    Ok(())
}

#[tokio::test]
async fn will_of_a_killed_client() -> Result<()> {
    let broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "receiver", Version::V5).await?;
    device.subscribe("will/#", 1).await?;
    for client in BOTH {
        let will = ["--will-topic", "will/x", "--will-payload", "gone", "--will-qos", "1", "--will-retain"];
        let mut program = client.subscribe(&broker, &[&["-t", "something"], &will[..]].concat()).await?;
        program.kill().await?;
        let got = device.message().await.with_context(|| format!("{client:?}"))?;
        ensure!(got == Message::new("will/x", "gone", 1), "{client:?}: {got:?}");
    }
    Ok(())
}

#[tokio::test]
async fn subscriber_survives_a_restart_of_the_broker() -> Result<()> {
    let mut broker = Broker::start().await?;
    for client in BOTH {
        let mut subscriber = client.subscribe(&broker, &["-t", "news", "-q", "1"]).await?;
        broker.stop().await?;
        broker.start_again().await?;
        // It comes back when its own timer says so. Until then nobody is there to receive.
        let line = eventually("message after the restart", async || {
            Client::Mosquitto.publish(&broker, &["-t", "news", "-m", "back", "-q", "1"]).await?;
            Ok(subscriber.stdout.lines().into_iter().find(|line| line == "news back"))
        })
        .await;
        line.with_context(|| format!("{client:?}"))?;
        subscriber.kill().await?;
    }
    Ok(())
}
