//! Every client to every other, at every QoS, on every listener.

use anyhow::{Context, Result, ensure};
use harness::command::{self, Client};
use harness::{Broker, Device, DeviceOptions, Message, Program, Version, unique};

/// A client that sends and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// A command-line client with `-V` and this.
    Command(Client, &'static str),
    /// The same over WebSocket, by `-L`.
    WebSocket(&'static str),
    Library(Version),
}

const PEERS: &[Peer] = &[
    Peer::Command(Client::Mosquitto, "mqttv31"),
    Peer::Command(Client::Mosquitto, "mqttv311"),
    Peer::Command(Client::Mosquitto, "mqttv5"),
    Peer::Command(Client::Tabmq, "mqttv31"),
    Peer::Command(Client::Tabmq, "mqttv311"),
    Peer::Command(Client::Tabmq, "mqttv5"),
    Peer::WebSocket("mqttv311"),
    Peer::WebSocket("mqttv5"),
    Peer::Library(Version::V311),
    Peer::Library(Version::V5),
];

/// A peer that has subscribed.
enum Receiver {
    Program(Box<Program>),
    Device(Box<Device>),
}

impl Peer {
    async fn subscribe(self, broker: &Broker, filter: &str, qos: u8) -> Result<Receiver> {
        let qos_flag = qos.to_string();
        let args = |version: &'static str| ["-V", version, "-q", &qos_flag, "-t", filter].map(str::to_owned);
        let program = match self {
            Peer::Command(client, version) => {
                let args = args(version);
                client.subscribe(broker, &args.each_ref().map(String::as_str)).await?
            }
            Peer::WebSocket(version) => {
                let args = args(version);
                let place = ["-L", &broker.websocket_url()];
                Client::Tabmq.subscribe_at(broker, &place, &args.each_ref().map(String::as_str)).await?
            }
            Peer::Library(version) => {
                let mut device = Device::connect(broker, &unique("receiver"), version).await?;
                device.subscribe(filter, qos).await?;
                return Ok(Receiver::Device(Box::new(device)));
            }
        };
        Ok(Receiver::Program(Box::new(program)))
    }

    async fn publish(self, broker: &Broker, message: &Message) -> Result<()> {
        let qos = message.qos.to_string();
        let payload = std::str::from_utf8(&message.payload)?;
        let common = ["-q", &qos, "-t", &message.topic, "-m", payload];
        match self {
            Peer::Command(client, version) => {
                client.publish(broker, &[&["-V", version], &common[..]].concat()).await
            }
            Peer::WebSocket(version) => {
                let url = broker.websocket_url();
                let args = [&["pub", "-L", &url, "-V", version], &common[..]].concat();
                Program::spawn(&mut Broker::command(args)?)?.success().await
            }
            Peer::Library(version) => {
                let mut device = Device::connect(broker, &unique("sender"), version).await?;
                device.publish(message).await?;
                device.disconnect().await
            }
        }
    }
}

impl Receiver {
    async fn expect(&mut self, message: &Message) -> Result<()> {
        match self {
            Receiver::Program(program) => {
                let line = program.stdout.next().await?;
                ensure!(line == command::line(message), "got {line:?}");
            }
            Receiver::Device(device) => {
                let got = device.message().await?;
                ensure!(got == *message, "got {got:?}");
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn every_client_to_every_client_at_every_qos() -> Result<()> {
    let broker = Broker::start().await?;
    for qos in 0..=2 {
        let mut receivers = Vec::new();
        for peer in PEERS {
            let receiver = peer.subscribe(&broker, &format!("to/all/{qos}/#"), qos).await;
            receivers.push((peer, receiver.with_context(|| format!("{peer:?} subscribes at QoS {qos}"))?));
        }
        for sender in PEERS {
            let message = Message::new(&format!("to/all/{qos}/x"), format!("{sender:?}"), qos);
            sender.publish(&broker, &message).await.with_context(|| format!("{sender:?} at QoS {qos}"))?;
            for (peer, receiver) in &mut receivers {
                receiver
                    .expect(&message)
                    .await
                    .with_context(|| format!("{sender:?} to {peer:?} at QoS {qos}"))?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn qos_is_the_smaller_of_the_two() -> Result<()> {
    let broker = Broker::start().await?;
    for version in [Version::V311, Version::V5] {
        let mut sender = Device::connect(&broker, "sender", version).await?;
        for subscribed in 0..=2 {
            for published in 0..=2 {
                let mut receiver = Device::connect(&broker, "receiver", version).await?;
                receiver.subscribe("a", subscribed).await?;
                sender.publish(&Message::new("a", "x", published)).await?;
                let got = receiver.message().await?;
                ensure!(
                    got.qos == published.min(subscribed),
                    "{version:?}: {published} to {subscribed}: {got:?}"
                );
                receiver.disconnect().await?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn unusual_topics_and_payloads_arrive_as_they_are() -> Result<()> {
    let broker = Broker::start().await?;
    let topics = ["温度/厨房", "é", "/", "//", "a b", " ", "$private/x", "😀/x", "a/\u{FEFF}/b"];
    let payloads: [Vec<u8>; 4] =
        [Vec::new(), vec![0, 0xFF, 0xC0, 10, 13], "21,5 °C".into(), vec![b'x'; 1_000_000]];
    for version in [Version::V311, Version::V5] {
        let mut sender = Device::connect(&broker, "sender", version).await?;
        let mut receiver = Device::connect(&broker, "receiver", version).await?;
        receiver.subscribe("#", 2).await?;
        receiver.subscribe("$private/#", 2).await?;
        for topic in topics {
            for (i, payload) in payloads.iter().enumerate() {
                let message = Message::new(topic, payload.clone(), 1);
                sender.publish(&message).await?;
                let got = receiver.message().await?;
                ensure!(got == message, "{version:?}: {topic:?} with payload {i}: got {:?}", got.topic);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn wildcards_and_overlapping_subscriptions() -> Result<()> {
    let broker = Broker::start().await?;
    // Filters, topic, and how many copies the specifications allow here: ours sends one, at the highest QoS.
    let cases: &[(&[&str], &str, bool)] = &[
        (&["a/+"], "a/b", true),
        (&["a/+"], "a", false),
        (&["a/+"], "a/b/c", false),
        (&["a/#"], "a", true),
        (&["a/#"], "a/b/c", true),
        (&["+/b"], "/b", true),
        (&["+/+"], "/b", true),
        (&["+"], "/b", false),
        (&["#"], "$private/x", false),
        (&["+/x"], "$private/x", false),
        (&["$private/+"], "$private/x", true),
        (&["a/#", "a/+", "a/b", "#"], "a/b", true),
    ];
    let mut sender = Device::connect(&broker, "sender", Version::V5).await?;
    for (filters, topic, arrives) in cases {
        let mut receiver = Device::connect(&broker, "receiver", Version::V311).await?;
        for filter in *filters {
            receiver.subscribe(filter, 1).await?;
        }
        receiver.subscribe("end", 1).await?;
        sender.publish(&Message::new(topic, "x", 1)).await?;
        sender.publish(&Message::new("end", "x", 1)).await?;
        if *arrives {
            let got = receiver.message().await?;
            ensure!(got.topic == *topic, "{filters:?} and {topic}: {got:?}");
        }
        let got = receiver.message().await?; // "#" is also subscribed to "end", but one copy is sent
        ensure!(got.topic == "end", "{filters:?} and {topic}: {got:?}");
        receiver.disconnect().await?;
    }
    Ok(())
}

#[tokio::test]
async fn thousands_of_messages_arrive_in_order() -> Result<()> {
    const MESSAGES: usize = 5_000;
    let broker = Broker::start().await?;
    for (version, qos) in [(Version::V311, 0), (Version::V311, 1), (Version::V5, 1), (Version::V5, 2)] {
        let options = DeviceOptions::new("receiver", version);
        let (mut receiver, _) = Device::connect_with(&broker, options).await?;
        receiver.subscribe("count", qos).await?;
        let lines: String = (0..MESSAGES).map(|i| format!("{i}\n")).collect();
        let qos_flag = qos.to_string();
        let mut sender = Client::Tabmq.publisher(&broker, &["-t", "count", "-q", &qos_flag, "-l"])?;
        sender.type_line(lines.trim_end()).await?;
        sender.close_stdin();
        for expected in 0..MESSAGES {
            let got = receiver
                .message()
                .await
                .with_context(|| format!("{version:?} QoS {qos}, message {expected}"))?;
            ensure!(
                got.payload == expected.to_string().as_bytes(),
                "{version:?} QoS {qos}: {expected} and {got:?}"
            );
        }
        sender.success().await?;
        receiver.disconnect().await?;
    }
    Ok(())
}
