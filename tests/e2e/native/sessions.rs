//! Retained messages, wills, sessions and take-over, with clients of 3.1.1 and 5.

use anyhow::{Result, ensure};
use harness::{Broker, Device, DeviceOptions, Message, Raw, Version};

const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

#[tokio::test]
async fn retained_messages_are_kept_replaced_and_cleared() -> Result<()> {
    let broker = Broker::start().await?;
    for version in VERSIONS {
        let mut sender = Device::connect(&broker, "sender", version).await?;
        // What is published (retained unless it says so), and what a new subscriber gets.
        let cases: &[(Message, Option<&str>)] = &[
            (Message::new("kept", "not retained", 1), None),
            (Message::retained("kept", "one", 1), Some("one")),
            (Message::retained("kept", "two", 0), Some("two")),
            (Message::new("kept", "in between", 1), Some("two")),
            (Message::retained("kept", "", 1), None),
        ];
        for (message, expected) in cases {
            sender.publish(message).await?;
            sender.publish(&Message::new("barrier", "", 1)).await?; // QoS 0 before it has been handled too
            let mut receiver = Device::connect(&broker, "receiver", version).await?;
            receiver.subscribe("kept", 1).await?;
            match expected {
                Some(payload) => {
                    let got = receiver.message().await?;
                    ensure!(
                        got.payload == payload.as_bytes() && got.retain,
                        "{version:?} {message:?}: {got:?}"
                    );
                }
                None => receiver.nothing().await?,
            }
            receiver.disconnect().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_will_is_published_after_a_death_but_not_after_a_goodbye() -> Result<()> {
    let broker = Broker::start().await?;
    let mut witness = Device::connect(&broker, "witness", Version::V5).await?;
    witness.subscribe("will/#", 2).await?;
    for version in VERSIONS {
        for qos in 0..=2 {
            let will = Message::new("will/x", format!("{version:?} {qos}"), qos);
            let options = DeviceOptions { will: Some(will.clone()), ..DeviceOptions::new("mortal", version) };
            let (device, _) = Device::connect_with(&broker, options.clone()).await?;
            device.disconnect().await?;
            let (device, _) = Device::connect_with(&broker, options).await?;
            device.kill();
            let got = witness.message().await?; // had the goodbye published it, this would be followed by a second
            ensure!(got == will, "{got:?}");
        }
    }
    witness.nothing().await
}

#[tokio::test]
async fn a_session_keeps_what_came_while_its_client_was_away() -> Result<()> {
    let broker = Broker::start().await?;
    for version in VERSIONS {
        let mut sender = Device::connect(&broker, "sender", version).await?;
        let options =
            DeviceOptions { keep_session: true, ..DeviceOptions::new(&format!("{version:?}"), version) };
        let (mut device, present) = Device::connect_with(&broker, options.clone()).await?;
        ensure!(!present, "{version:?}: a session before the first connection");
        device.subscribe("post", 2).await?;
        device.kill();

        let messages: Vec<Message> =
            (0..50).map(|i| Message::new("post", format!("{i}"), 1 + i % 2)).collect();
        for message in &messages {
            sender.publish(message).await?;
        }
        let (mut device, present) = Device::connect_with(&broker, options).await?;
        ensure!(present, "{version:?}: the session is gone");
        for message in &messages {
            let got = device.message().await?;
            ensure!(got == *message, "{version:?}: {got:?} instead of {message:?}");
        }
        device.nothing().await?;

        let mut clean = Device::connect(&broker, &format!("{version:?}"), version).await?;
        sender.publish(&messages[0]).await?;
        clean.nothing().await?; // a clean start removed the subscription
    }
    Ok(())
}

#[tokio::test]
async fn the_second_client_with_an_id_takes_over() -> Result<()> {
    let broker = Broker::start().await?;
    let mut first = Raw::tcp(broker.mqtt()).await?;
    first.connect_v5("same").await?;
    let mut second = Raw::websocket(&broker.websocket_url(), "mqtt").await?;
    second.connect_v4("same").await?;
    let goodbye = first.closed().await?;
    ensure!(goodbye.first() == Some(&0xE0) && goodbye.get(2) == Some(&0x8E), "no 0x8E but {goodbye:02x?}");

    let mut third = Raw::tcp(broker.mqtt()).await?;
    third.connect_v4("same").await?;
    ensure!(second.closed().await?.is_empty(), "before 5.0 the server has no DISCONNECT");
    third.ping().await.map(drop)
}
