//! rumqttc: what the other end-to-end tests do not do with it.

use crate::Report;
use anyhow::{Context, Result, bail, ensure};
use harness::{Broker, Device, Message, Version, in_time};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, Publish, PublishProperties, SubscribeProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};

pub(crate) async fn run(report: &mut Report) {
    for (version, name) in [(Version::V311, "3.1.1"), (Version::V5, "5.0")] {
        report.check(&format!("rumqttc::shared-{name}"), shared(version)).await;
    }
    report.check("rumqttc::properties-5.0", properties()).await;
}

/// Two members of a group get each message once, together.
async fn shared(version: Version) -> Result<()> {
    let broker = Broker::start().await?;
    let mut members = Vec::new();
    for id in ["a", "b"] {
        let mut device = Device::connect(&broker, id, version).await?;
        device.subscribe("$share/group/work", 1).await?;
        members.push(device);
    }
    let mut publisher = Device::connect(&broker, "p", version).await?;
    for n in 0..20 {
        publisher.publish(&Message::new("work", n.to_string(), 1)).await?;
    }
    let mut got = Vec::new();
    for member in &mut members {
        for _ in 0..10 {
            got.push(String::from_utf8(member.message().await?.payload)?.parse::<u32>()?);
        }
        member.nothing().await?;
    }
    got.sort_unstable();
    ensure!(got == (0..20).collect::<Vec<_>>(), "{got:?}");
    Ok(())
}

/// What a message carries besides its payload comes through as it was.
async fn properties() -> Result<()> {
    let broker = Broker::start().await?;
    let options = MqttOptions::new("c", broker.mqtt().ip().to_string(), broker.mqtt().port());
    let (client, mut events) = AsyncClient::new(options, 10);
    let filter = Filter::new("t", QoS::ExactlyOnce);
    let id = SubscribeProperties { id: Some(268_435_455), user_properties: Vec::new() };
    client.subscribe_many_with_properties([filter], id).await?;
    wait_for(&mut events, |packet| matches!(packet, Packet::SubAck(_)).then_some(())).await?;
    let sent = PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(100),
        response_topic: Some("answer".to_owned()),
        correlation_data: Some(vec![0, 255].into()),
        user_properties: [("b", "1"), ("a", "2"), ("b", "3")].map(|(k, v)| (k.into(), v.into())).to_vec(),
        content_type: Some("text/plain".to_owned()),
        ..PublishProperties::default()
    };
    client.publish_with_properties("t", QoS::ExactlyOnce, false, "x", sent.clone()).await?;
    let publish: Publish = wait_for(&mut events, |packet| match packet {
        Packet::Publish(publish) => Some(publish),
        _ => None,
    })
    .await?;
    let got = publish.properties.context("no properties")?;
    let expected = PublishProperties { subscription_identifiers: vec![268_435_455], ..sent };
    ensure!(got == expected, "{got:?}");
    Ok(())
}

async fn wait_for<T>(events: &mut EventLoop, is_it: impl Fn(Packet) -> Option<T>) -> Result<T> {
    in_time("packet", async {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(packet)) => {
                    if let Some(found) = is_it(packet) {
                        return Ok(found);
                    }
                }
                Ok(Event::Outgoing(_)) => {}
                Err(error) => bail!("{error}"),
            }
        }
    })
    .await?
}
