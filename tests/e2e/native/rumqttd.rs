//! `tabmq gateway --upstream rumqttd`, and the README's table of what rumqttd 0.20 cannot do: each row is a test here, which
//! fails when it can.

use anyhow::{Context, Result, ensure};
use harness::{Broker, Gateway, Program, Raw, http, unique};
use serde_json::json;

#[tokio::test]
async fn tabs_and_devices_in_both_versions() -> Result<()> {
    let mut gateway = Gateway::with_rumqttd(&[]).await?;
    let url = gateway.websocket_url();
    for (version, is_v5) in [("311", false), ("5", true)] {
        let port = gateway.inside(is_v5)?.port().to_string();
        let topic = unique("inside");
        let marker = format!("{topic}/marker");
        let publish = async |place: &[&str], topic: &str, payload: &str, more: &[&str]| -> Result<()> {
            let mut command = Broker::command(["pub", "-V", version, "-t", topic, "-m", payload])?;
            Program::spawn(command.args(place).args(more))?.success().await
        };
        publish(&["-h", "127.0.0.1", "-p", &port], &marker, "1", &["-q", "1", "-r"]).await?;
        let filter = format!("{topic}/#");
        let mut command =
            Broker::command(["sub", "-V", version, "-L", &url, "-t", &filter, "-q", "2", "-v"])?;
        let mut subscriber = Program::spawn(&mut command)?;
        ensure!(subscriber.stdout.next().await? == format!("{marker} 1"), "the retained message");
        for qos in ["0", "1", "2"] {
            let (up, down) = (format!("{topic}/up"), format!("{topic}/down"));
            publish(&["-L", &url], &up, qos, &["-q", qos]).await?;
            ensure!(subscriber.stdout.next().await? == format!("{up} {qos}"), "{version} {qos}");
            publish(&["-h", "127.0.0.1", "-p", &port], &down, qos, &["-q", qos]).await?;
            ensure!(subscriber.stdout.next().await? == format!("{down} {qos}"), "{version} {qos}");
        }
        let body = json!({ "topic": filter.replace('#', "http"), "payload": "http", "qos": 1 });
        let answer = http::post_json(gateway.http(), "/api/v1/publish", &body).await?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(subscriber.stdout.next().await? == format!("{topic}/http http"), "{version} http");
    }
    let info = http::get(gateway.http(), "/api/v1/info", &[]).await?.json()?;
    ensure!(info["upstream"]["address"] == "rumqttd" && info["upstream"]["state"] == "connected", "{info}");
    let status = gateway.stop().await?;
    ensure!(status.success(), "{status}: {}", gateway.log());
    Ok(())
}

#[tokio::test]
async fn everybody_shows_the_password_if_there_is_one() -> Result<()> {
    let directory = harness::target_directory()?.join("interop");
    std::fs::create_dir_all(&directory)?;
    let password = directory.join(unique("password"));
    std::fs::write(&password, "secret\n")?;
    let file = password.to_string_lossy().into_owned();
    let gateway = Gateway::with_rumqttd(&["--username", "gate", "--password-file", &file]).await?;
    for (more, gets_in) in [(&["-u", "gate", "-P", "secret"][..], true), (&[], false)] {
        let url = gateway.websocket_url();
        let port = gateway.inside(true)?.port().to_string();
        for place in [&["-L", &url][..], &["-h", "127.0.0.1", "-p", &port]] {
            let mut command = Broker::command(["pub", "-t", "a", "-m", "1", "-q", "1"])?;
            let status = Program::spawn(command.args(place).args(more))?.wait().await?;
            ensure!(status.success() == gets_in, "{place:?} {more:?}: {status}");
        }
    }
    std::fs::remove_file(password)?;
    Ok(())
}

/// The console says what happened, and the gateway ends: there is no other way to get rid of it.
#[tokio::test]
async fn a_topic_that_does_not_begin_in_ascii_is_its_end() -> Result<()> {
    for is_v5 in [false, true] {
        let mut gateway = Gateway::with_rumqttd(&[]).await?;
        let mut client = Client::connect(&gateway, is_v5, "c").await?;
        client.subscribe("t", 0).await?; // without any subscription it would bear it
        client.raw.send(&client.publish("ä", "1", 0)).await?;
        ends(&mut gateway, "char boundary").await?;
    }
    Ok(())
}

/// Once such a client has come twice, nobody is let in any more; so the gateway ends, too. Tabs with such ids do not get there.
#[tokio::test]
async fn a_client_id_with_a_slash_is_its_end() -> Result<()> {
    for is_v5 in [false, true] {
        let mut gateway = Gateway::with_rumqttd(&[]).await?;
        for id in ["a/b", "a+", "#", "$x"] {
            let mut tab = Raw::websocket(&gateway.websocket_url(), "mqtt").await?;
            tab.send(&connect(is_v5, id, 2, 60, &[])).await?;
            let refused = tab.packet().await?;
            ensure!(refused[3] == if is_v5 { 0x85 } else { 2 }, "{refused:02x?}");
        }
        for _ in 0..2 {
            let mut device = Raw::tcp(gateway.inside(is_v5)?).await?;
            device.send(&connect(is_v5, "a/b", 2, 60, &[])).await?;
            ensure!(device.closed().await?.is_empty(), "an answer");
        }
        // What ends it is what the next one finds.
        let mut device = Raw::tcp(gateway.inside(is_v5)?).await?;
        let _ = device.send(&connect(is_v5, "c", 2, 60, &[])).await;
        ends(&mut gateway, "PoisonError").await?;
    }
    Ok(())
}

async fn ends(gateway: &mut Gateway, why: &str) -> Result<()> {
    let status = gateway.ended().await?;
    let log = gateway.log();
    ensure!(status.code() == Some(1), "{status}: {log}");
    let sentence = log.lines().find(|line| line.starts_with("tabmq: rumqttd, the broker inside, has failed"));
    ensure!(sentence.is_some_and(|line| line.contains(why)), "{log}");
    Ok(())
}

/// 5.0. It has one alias for each filter, not for each topic: with wildcards everything seems to be the first topic.
#[tokio::test]
async fn topic_aliases_mean_the_wrong_topic() -> Result<()> {
    let gateway = Gateway::with_rumqttd(&[]).await?;
    const ALIASES: [u8; 3] = [0x22, 0, 10];
    let mut device = Raw::tcp(gateway.inside(true)?).await?;
    device.send(&connect(true, "device", 2, 60, &ALIASES)).await?;
    let mut tab = Raw::websocket(&gateway.websocket_url(), "mqtt").await?;
    tab.send(&connect(true, "tab", 2, 60, &ALIASES)).await?;
    let acks = [device.packet().await?, tab.packet().await?];
    ensure!(acks[0].contains(&0x22) && !acks[1].contains(&0x22), "the tab may use aliases: {acks:02x?}");
    let mut other = Client::connect(&gateway, true, "other").await?;
    let mut clients = [Client { raw: device, is_v5: true }, Client { raw: tab, is_v5: true }];
    for client in &mut clients {
        client.subscribe("t/#", 0).await?;
    }
    for topic in ["t/a", "t/b"] {
        other.raw.send(&other.publish(topic, topic, 1)).await?;
        other.acknowledged().await?;
        let [device, tab] = &mut clients;
        let (device, tab) = (device.message().await?, tab.message().await?);
        ensure!(tab.topic == topic && tab.properties.is_empty(), "a tab got {tab:?}");
        let expected = if topic == "t/a" { topic } else { "" };
        ensure!(device.topic == expected && device.properties == [0x23, 0, 1], "a device got {device:?}");
    }
    Ok(())
}

/// 5.0. An alias of a message at QoS 2 is not known before PUBREL; whoever uses it is disconnected.
#[tokio::test]
async fn topic_aliases_of_qos_2_are_learnt_too_late() -> Result<()> {
    let gateway = Gateway::with_rumqttd(&[]).await?;
    let mut client = Client::connect(&gateway, true, "c").await?;
    let first = [&[0x34, 11, 0, 3][..], b"t/a", &[0, 1, 3, 0x23, 0, 1]].concat();
    client.raw.send(&first).await?;
    client.raw.send(&[0x30, 6, 0, 0, 3, 0x23, 0, 1]).await?;
    let end = client.raw.closed().await?;
    // Perhaps the PUBREC of the first message; "protocol error", and one byte more than the packet says that it has.
    let end = end.strip_prefix(&[0x50, 2, 0, 1]).unwrap_or(&end);
    ensure!(end == [0xE0, 1, 0x82, 0], "{end:02x?}");
    Ok(())
}

/// Both at once: the connection of everybody who speaks 3.1.1 and is to get it ends; and when one of them comes back, the port
/// for 3.1.1 is dead. So HTTP publishes in 3.1.1.
#[tokio::test]
async fn a_property_is_the_end_of_those_who_speak_3_1_1() -> Result<()> {
    let mut gateway = Gateway::with_rumqttd(&[]).await?;
    let mut old = Client::connect(&gateway, false, "old").await?;
    old.subscribe("t", 0).await?;
    let mut new = Client::connect(&gateway, true, "new").await?;
    // The payload format indicator: text.
    new.raw.send(&[0x30, 7, 0, 1, b't', 2, 1, 1, b'x']).await?;
    ensure!(old.raw.closed().await?.is_empty(), "an answer");
    let body = json!({ "topic": "t", "properties": { "content_type": "text/plain" } });
    let answer = http::post_json(gateway.http(), "/api/v1/publish", &body).await?;
    ensure!(answer.status == 422 && answer.text().contains("3.1.1"), "{answer:?}");
    let mut again = Raw::tcp(gateway.inside(false)?).await?;
    again.send(&connect(false, "old", 2, 60, &[])).await?;
    ensure!(again.closed().await?.is_empty(), "an answer");
    let mut another = Raw::tcp(gateway.inside(false)?).await?;
    let _ = another.send(&connect(false, "another", 2, 60, &[])).await;
    ends(&mut gateway, "PoisonError").await
}

/// Both. Not the lower one of the two.
#[tokio::test]
async fn messages_come_at_the_qos_of_the_subscription() -> Result<()> {
    in_both(async |gateway, is_v5| {
        let mut client = Client::connect(&gateway, is_v5, "c").await?;
        client.subscribe("t", 2).await?;
        client.raw.send(&client.publish("t", "at most once", 0)).await?;
        let message = client.message().await?;
        ensure!(message.first == 0x34, "{message:?}");
        Ok(())
    })
    .await
}

/// 5.0: no-local, retain as published, retain handling.
#[tokio::test]
async fn subscription_options_are_ignored() -> Result<()> {
    let gateway = Gateway::with_rumqttd(&[]).await?;
    let mut client = Client::connect(&gateway, true, "c").await?;
    client.raw.send(&client.publish_with("t", "kept", 1, true)).await?;
    client.acknowledged().await?;
    client.subscribe("t", 0b0010_1100).await?; // no-local, as published, nothing retained
    let message = client.message().await?;
    ensure!(message.payload == "kept" && message.first == 0x31, "{message:?}");
    client.raw.send(&client.publish_with("t", "mine", 0, true)).await?;
    let message = client.message().await?;
    ensure!(message.payload == "mine" && message.first == 0x30, "{message:?}");
    Ok(())
}

/// 5.0: session expiry, receive maximum, maximum packet size.
#[tokio::test]
async fn what_connect_asks_for_is_ignored() -> Result<()> {
    let gateway = Gateway::with_rumqttd(&[]).await?;
    let address = gateway.inside(true)?;
    // A clean start and an hour: there is no session afterwards. No clean start and no time: there is.
    for (flags, expiry, remains) in [(2, [0x11, 0, 0, 14, 16], false), (0, [0x11, 0, 0, 0, 0], true)] {
        let id = unique("c");
        let mut client = Raw::tcp(address).await?;
        client.send(&connect(true, &id, flags, 60, &expiry)).await?;
        client.packet().await?;
        client.send(&[0xE0, 0]).await?;
        client.closed().await?;
        let mut client = Raw::tcp(address).await?;
        client.send(&connect(true, &id, 0, 60, &[0x11, 0, 0, 0, 0])).await?;
        let ack = client.packet().await?;
        ensure!(ack[2] == u8::from(remains), "{ack:02x?}");
    }
    let mut small = Raw::tcp(address).await?;
    small.send(&connect(true, "small", 2, 60, &[0x21, 0, 1, 0x27, 0, 0, 0, 20])).await?;
    small.packet().await?;
    let mut small = Client { raw: small, is_v5: true };
    small.subscribe("t", 1).await?;
    let mut other = Client::connect(&gateway, true, "other").await?;
    for _ in 0..2 {
        other.raw.send(&other.publish("t", &"x".repeat(100), 1)).await?;
        other.acknowledged().await?;
        // Neither is acknowledged: at a time there may be one, of 20 bytes.
        ensure!(small.message().await?.payload.len() == 100, "not all of it");
    }
    Ok(())
}

/// Both. `$SYS/#` as well.
#[tokio::test]
async fn a_subscription_to_the_brokers_own_topics_ends_the_connection() -> Result<()> {
    in_both(async |gateway, is_v5| {
        let mut client = Client::connect(&gateway, is_v5, "c").await?;
        client.raw.send(&client.subscription("$SYS/#", 0)).await?;
        ensure!(client.raw.closed().await?.is_empty(), "an answer");
        Ok(())
    })
    .await
}

/// Both.
#[tokio::test]
async fn without_keep_alive_nobody_gets_in() -> Result<()> {
    in_both(async |gateway, is_v5| {
        let mut client = Raw::tcp(gateway.inside(is_v5)?).await?;
        client.send(&connect(is_v5, "c", 2, 0, &[])).await?;
        ensure!(client.closed().await?.is_empty(), "an answer");
        Ok(())
    })
    .await
}

/// MQTT 3.1: the connection is closed without a word.
#[tokio::test]
async fn the_version_3_1_is_not_spoken() -> Result<()> {
    let gateway = Gateway::with_rumqttd(&[]).await?;
    let mut client = Raw::tcp(gateway.inside(false)?).await?;
    client.send(b"\x10\x0F\0\x06MQIsdp\x03\x02\0\x3C\0\x01c").await?;
    ensure!(client.closed().await?.is_empty(), "an answer");
    Ok(())
}

/// Both. 200 at QoS 0, 100 at QoS 1 and 2; which ones is chance.
#[tokio::test]
async fn of_many_retained_messages_only_some_come() -> Result<()> {
    in_both(async |gateway, is_v5| {
        let mut client = Client::connect(&gateway, is_v5, "c").await?;
        for n in 0..250 {
            client.raw.send(&client.publish_with(&format!("t/{n}"), "kept", 1, true)).await?;
            client.acknowledged().await?;
        }
        for (filter, qos, expected) in [("t/#", 0, 200), ("t/+", 1, 100)] {
            client.subscribe(filter, qos).await?;
            let messages = client.raw.ping().await?;
            let retained = messages.iter().filter(|bytes| bytes[0] & 0xF1 == 0x31).count();
            ensure!(retained == expected, "{retained} at QoS {qos}");
        }
        Ok(())
    })
    .await
}

/// Both: neither are retained messages sent again, nor does the QoS change.
#[tokio::test]
async fn a_second_subscription_to_a_filter_changes_nothing() -> Result<()> {
    in_both(async |gateway, is_v5| {
        let mut client = Client::connect(&gateway, is_v5, "c").await?;
        client.raw.send(&client.publish_with("t", "kept", 1, true)).await?;
        client.acknowledged().await?;
        client.subscribe("t", 0).await?;
        ensure!(client.message().await?.payload == "kept", "the retained message");
        client.subscribe("t", 2).await?;
        client.raw.send(&client.publish("t", "new", 0)).await?;
        let message = client.message().await?;
        ensure!((message.first, message.payload.as_str()) == (0x30, "new"), "{message:?}");
        Ok(())
    })
    .await
}

/// Both: an empty message that is not retained.
#[tokio::test]
async fn any_empty_message_deletes_the_retained_one() -> Result<()> {
    in_both(async |gateway, is_v5| {
        let mut client = Client::connect(&gateway, is_v5, "c").await?;
        for (payload, retain) in [("kept", true), ("", false)] {
            client.raw.send(&client.publish_with("t", payload, 1, retain)).await?;
            client.acknowledged().await?;
        }
        client.subscribe("t", 0).await?;
        let messages = client.raw.ping().await?;
        ensure!(messages.is_empty(), "{messages:02x?}");
        Ok(())
    })
    .await
}

/// Both: one UNSUBACK for each filter that was there, and none for one that was not.
#[tokio::test]
async fn unsubscribe_is_not_answered_once() -> Result<()> {
    in_both(async |gateway, is_v5| {
        let mut client = Client::connect(&gateway, is_v5, "c").await?;
        for filter in ["a", "b"] {
            client.subscribe(filter, 0).await?;
        }
        client.raw.send(&client.unsubscription(&["a", "b"])).await?;
        let answers = client.raw.ping().await?;
        ensure!(answers.len() == 2 && answers.iter().all(|answer| answer[0] == 0xB0), "{answers:02x?}");
        client.raw.send(&client.unsubscription(&["never"])).await?;
        let answers = client.raw.ping().await?;
        ensure!(answers.is_empty(), "{answers:02x?}");
        Ok(())
    })
    .await
}

async fn in_both(test: impl AsyncFn(Gateway, bool) -> Result<()>) -> Result<()> {
    for is_v5 in [false, true] {
        let gateway = Gateway::with_rumqttd(&[]).await?;
        test(gateway, is_v5).await.with_context(|| format!("in {}", if is_v5 { "5.0" } else { "3.1.1" }))?;
    }
    Ok(())
}

/// A device, byte by byte.
struct Client {
    raw: Raw,
    is_v5: bool,
}

/// A PUBLISH that came.
#[derive(Debug)]
struct Message {
    first: u8,
    topic: String,
    properties: Vec<u8>,
    payload: String,
}

impl Client {
    async fn connect(gateway: &Gateway, is_v5: bool, id: &str) -> Result<Client> {
        let mut raw = Raw::tcp(gateway.inside(is_v5)?).await?;
        raw.send(&connect(is_v5, id, 2, 60, &[])).await?;
        let ack = raw.packet().await?;
        ensure!(ack[0] == 0x20 && ack[3] == 0, "{ack:02x?}");
        Ok(Client { raw, is_v5 })
    }

    fn publish(&self, topic: &str, payload: &str, qos: u8) -> Vec<u8> {
        self.publish_with(topic, payload, qos, false)
    }

    fn publish_with(&self, topic: &str, payload: &str, qos: u8, retain: bool) -> Vec<u8> {
        let mut rest = string(topic);
        if qos > 0 {
            rest.extend_from_slice(&[0, 1]);
        }
        self.no_properties(&mut rest);
        rest.extend_from_slice(payload.as_bytes());
        packet(0x30 | qos << 1 | u8::from(retain), rest)
    }

    fn subscription(&self, filter: &str, options: u8) -> Vec<u8> {
        let mut rest = vec![0, 2];
        self.no_properties(&mut rest);
        rest.extend_from_slice(&string(filter));
        rest.push(options);
        packet(0x82, rest)
    }

    fn unsubscription(&self, filters: &[&str]) -> Vec<u8> {
        let mut rest = vec![0, 3];
        self.no_properties(&mut rest);
        filters.iter().for_each(|filter| rest.extend_from_slice(&string(filter)));
        packet(0xA2, rest)
    }

    async fn subscribe(&mut self, filter: &str, options: u8) -> Result<()> {
        self.raw.send(&self.subscription(filter, options)).await?;
        let ack = self.raw.packet().await?;
        ensure!(ack[0] == 0x90 && ack.last().is_some_and(|reason| *reason <= 2), "{ack:02x?}");
        Ok(())
    }

    async fn acknowledged(&mut self) -> Result<()> {
        let ack = self.raw.packet().await?;
        ensure!(ack[0] == 0x40, "{ack:02x?} in place of PUBACK");
        Ok(())
    }

    async fn message(&mut self) -> Result<Message> {
        let bytes = self.raw.packet().await?;
        let first = bytes[0];
        ensure!(first & 0xF0 == 0x30, "{bytes:02x?} in place of PUBLISH");
        // What is tested here is shorter than 128 bytes, or has no more than two bytes of length.
        let mut rest = &bytes[if bytes[1] < 128 { 2 } else { 3 }..];
        let mut take = |length: usize| {
            let (taken, left) = rest.split_at(length);
            rest = left;
            taken.to_vec()
        };
        let length = usize::from(take(2)[1]);
        let topic = String::from_utf8(take(length))?;
        if first & 0x06 != 0 {
            take(2);
        }
        let mut properties = Vec::new();
        if self.is_v5 {
            let length = usize::from(take(1)[0]);
            properties = take(length);
        }
        Ok(Message { first, topic, properties, payload: String::from_utf8(rest.to_vec())? })
    }

    fn no_properties(&self, rest: &mut Vec<u8>) {
        if self.is_v5 {
            rest.push(0);
        }
    }
}

fn connect(is_v5: bool, id: &str, flags: u8, keep_alive: u8, properties: &[u8]) -> Vec<u8> {
    let mut rest = string("MQTT");
    rest.extend_from_slice(&[if is_v5 { 5 } else { 4 }, flags, 0, keep_alive]);
    if is_v5 {
        rest.push(properties.len() as u8);
        rest.extend_from_slice(properties);
    }
    rest.extend_from_slice(&string(id));
    packet(0x10, rest)
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

/// With a remaining length of one or two bytes.
fn packet(first: u8, rest: Vec<u8>) -> Vec<u8> {
    let length = match rest.len() {
        short @ 0..128 => vec![short as u8],
        long => vec![long as u8 | 0x80, (long >> 7) as u8],
    };
    [vec![first], length, rest].concat()
}
