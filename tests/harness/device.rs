//! A device: a client of rumqttc, which shares no code with ours.

use crate::{Broker, ForeignBroker, QUIET, in_time};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
pub use packets5::PublishProperties as Properties;
use rumqttc::{mqttbytes::v4, v5, v5::mqttbytes::v5 as packets5};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A larger one than any test sends, in bytes.
const MAX_PACKET_BYTES: u32 = 16 * 1024 * 1024;

/// What a device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V311,
    V5,
}

/// Where devices connect to, whoever made it.
pub trait Listens {
    /// Where this version is spoken over TCP.
    fn listens(&self, version: Version) -> SocketAddr;
}

impl Listens for Broker {
    fn listens(&self, _: Version) -> SocketAddr {
        self.mqtt()
    }
}

impl Listens for ForeignBroker {
    fn listens(&self, version: Version) -> SocketAddr {
        let port = match version {
            Version::V311 => self.tcp,
            Version::V5 => self.tcp_v5,
        };
        ([127, 0, 0, 1], port).into()
    }
}

/// An application message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
}

impl Message {
    pub fn new(topic: &str, payload: impl Into<Vec<u8>>, qos: u8) -> Message {
        Message { topic: topic.to_owned(), payload: payload.into(), qos, retain: false }
    }

    pub fn retained(topic: &str, payload: impl Into<Vec<u8>>, qos: u8) -> Message {
        Message { retain: true, ..Message::new(topic, payload, qos) }
    }
}

/// How a device connects.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    pub id: String,
    pub version: Version,
    pub will: Option<Message>,
    /// A session that survives the connection.
    pub keep_session: bool,
}

impl DeviceOptions {
    pub fn new(id: &str, version: Version) -> DeviceOptions {
        DeviceOptions { id: id.to_owned(), version, will: None, keep_session: false }
    }
}

/// A connected device. Dropped, it vanishes without a DISCONNECT.
pub struct Device {
    client: Client,
    messages: mpsc::UnboundedReceiver<(Message, Properties)>,
    answers: mpsc::UnboundedReceiver<Answer>,
    poller: JoinHandle<()>,
}

enum Client {
    V4(rumqttc::AsyncClient),
    V5(v5::AsyncClient),
}

/// What a test waits for, apart from messages.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Connected {
        session_present: bool,
    },
    Subscribed,
    /// PUBACK or PUBCOMP: a message has arrived at the broker.
    Delivered,
}

impl Device {
    /// Connects and waits until it is accepted.
    pub async fn connect(broker: &impl Listens, id: &str, version: Version) -> Result<Device> {
        Ok(Device::connect_with(broker, DeviceOptions::new(id, version)).await?.0)
    }

    /// The same with options; also says whether the broker had a session.
    pub async fn connect_with(broker: &impl Listens, options: DeviceOptions) -> Result<(Device, bool)> {
        let address = broker.listens(options.version);
        let (message_sender, messages) = mpsc::unbounded_channel();
        let (answer_sender, answers) = mpsc::unbounded_channel();
        let sinks = Sinks { messages: message_sender, answers: answer_sender };
        let (client, poller) = match options.version {
            Version::V311 => start_v4(address, &options, sinks),
            Version::V5 => start_v5(address, &options, sinks),
        };
        let mut device = Device { client, messages, answers, poller };
        match device.answer().await.with_context(|| format!("device {} is not accepted", options.id))? {
            Answer::Connected { session_present } => Ok((device, session_present)),
            other => bail!("the first answer is {other:?}"),
        }
    }

    /// Subscribes and waits for SUBACK.
    pub async fn subscribe(&mut self, filter: &str, qos: u8) -> Result<()> {
        match &self.client {
            Client::V4(client) => client.subscribe(filter, qos_v4(qos)).await?,
            Client::V5(client) => client.subscribe(filter, qos_v5(qos)).await?,
        }
        let answer = self.answer().await?;
        ensure!(answer == Answer::Subscribed, "instead of SUBACK: {answer:?}");
        Ok(())
    }

    /// Publishes; at QoS 1 and 2 waits until the broker has acknowledged all of it.
    pub async fn publish(&mut self, message: &Message) -> Result<()> {
        let Message { topic, payload, qos, retain } = message.clone();
        match &self.client {
            Client::V4(client) => client.publish(topic, qos_v4(qos), retain, payload).await?,
            Client::V5(client) => client.publish(topic, qos_v5(qos), retain, payload).await?,
        }
        if qos > 0 {
            let answer = self.answer().await?;
            ensure!(answer == Answer::Delivered, "instead of PUBACK or PUBCOMP: {answer:?}");
        }
        Ok(())
    }

    /// The next message for it.
    pub async fn message(&mut self) -> Result<Message> {
        let received = in_time("message for the device", self.messages.recv()).await?;
        Ok(received.context("the connection ended")?.0)
    }

    /// The next message for it, by its properties (5.0).
    pub async fn properties(&mut self) -> Result<Properties> {
        let received = in_time("message for the device", self.messages.recv()).await?;
        Ok(received.context("the connection ended")?.1)
    }

    /// Publishes an answer to a request (5.0).
    pub async fn reply(&mut self, topic: &str, correlation_data: Option<Bytes>, payload: &str) -> Result<()> {
        let Client::V5(client) = &self.client else { bail!("only 5.0 has correlation data") };
        let properties = Properties { correlation_data, ..Properties::default() };
        let payload = payload.to_owned();
        client.publish_with_properties(topic, qos_v5(1), false, payload, properties).await?;
        let answer = self.answer().await?;
        ensure!(answer == Answer::Delivered, "instead of PUBACK: {answer:?}");
        Ok(())
    }

    /// Wants that nothing (more) arrives.
    pub async fn nothing(&mut self) -> Result<()> {
        match tokio::time::timeout(QUIET, self.messages.recv()).await {
            Err(_) => Ok(()),
            Ok(message) => bail!("one message too many: {message:?}"),
        }
    }

    /// Ends with DISCONNECT, and waits until the broker has closed the connection.
    pub async fn disconnect(mut self) -> Result<()> {
        match &self.client {
            Client::V4(client) => client.disconnect().await?,
            Client::V5(client) => client.disconnect().await?,
        }
        in_time("end of the device's connection", &mut self.poller).await??;
        Ok(())
    }

    /// Waits until the connection has ended from the other side.
    pub async fn ended(&mut self) -> Result<()> {
        in_time("end of the device's connection", &mut self.poller).await??;
        Ok(())
    }

    /// Vanishes, as by a power cut: the broker sees the end of the connection, and no DISCONNECT.
    pub fn kill(self) {}

    async fn answer(&mut self) -> Result<Answer> {
        in_time("answer for the device", self.answers.recv()).await?.context("the connection ended")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.poller.abort(); // drops the event loop, and with it the socket
    }
}

struct Sinks {
    messages: mpsc::UnboundedSender<(Message, Properties)>,
    answers: mpsc::UnboundedSender<Answer>,
}

fn start_v4(address: SocketAddr, options: &DeviceOptions, sinks: Sinks) -> (Client, JoinHandle<()>) {
    let mut settings = rumqttc::MqttOptions::new(&options.id, address.ip().to_string(), address.port());
    settings.set_clean_session(!options.keep_session);
    settings.set_max_packet_size(MAX_PACKET_BYTES as usize, MAX_PACKET_BYTES as usize);
    settings.set_keep_alive(Duration::from_secs(60));
    if let Some(will) = &options.will {
        settings.set_last_will(rumqttc::LastWill::new(
            &will.topic,
            will.payload.clone(),
            qos_v4(will.qos),
            will.retain,
        ));
    }
    let (client, mut events) = rumqttc::AsyncClient::new(settings, 100);
    let poller = tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            let rumqttc::Event::Incoming(packet) = event else { continue };
            sinks.take_v4(packet);
        }
    });
    (Client::V4(client), poller)
}

fn start_v5(address: SocketAddr, options: &DeviceOptions, sinks: Sinks) -> (Client, JoinHandle<()>) {
    let mut settings = v5::MqttOptions::new(&options.id, address.ip().to_string(), address.port());
    settings.set_clean_start(!options.keep_session);
    if options.keep_session {
        settings.set_session_expiry_interval(Some(3600));
    }
    settings.set_max_packet_size(Some(MAX_PACKET_BYTES));
    settings.set_keep_alive(Duration::from_secs(60));
    if let Some(will) = &options.will {
        settings.set_last_will(packets5::LastWill::new(
            &will.topic,
            will.payload.clone(),
            qos_v5(will.qos),
            will.retain,
            None,
        ));
    }
    let (client, mut events) = v5::AsyncClient::new(settings, 100);
    let poller = tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            let v5::Event::Incoming(packet) = event else { continue };
            sinks.take_v5(packet);
        }
    });
    (Client::V5(client), poller)
}

impl Sinks {
    fn take_v4(&self, packet: v4::Packet) {
        use v4::Packet;
        match packet {
            Packet::ConnAck(ack) => self.answer(Answer::Connected { session_present: ack.session_present }),
            Packet::SubAck(_) => self.answer(Answer::Subscribed),
            Packet::PubAck(_) | Packet::PubComp(_) => self.answer(Answer::Delivered),
            Packet::Publish(publish) => {
                let message = Message {
                    topic: publish.topic,
                    payload: publish.payload.to_vec(),
                    qos: publish.qos as u8,
                    retain: publish.retain,
                };
                self.message(message, Properties::default());
            }
            _ => {}
        }
    }

    fn take_v5(&self, packet: packets5::Packet) {
        use packets5::Packet;
        match packet {
            Packet::ConnAck(ack) => self.answer(Answer::Connected { session_present: ack.session_present }),
            Packet::SubAck(_) => self.answer(Answer::Subscribed),
            Packet::PubAck(_) | Packet::PubComp(_) => self.answer(Answer::Delivered),
            Packet::Publish(publish) => {
                let message = Message {
                    topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                    payload: publish.payload.to_vec(),
                    qos: publish.qos as u8,
                    retain: publish.retain,
                };
                self.message(message, publish.properties.unwrap_or_default());
            }
            _ => {}
        }
    }

    fn answer(&self, answer: Answer) {
        let _ = self.answers.send(answer); // nobody listens any more when the test is over
    }

    fn message(&self, message: Message, properties: Properties) {
        let _ = self.messages.send((message, properties));
    }
}

fn qos_v4(qos: u8) -> rumqttc::QoS {
    rumqttc::qos(qos).expect("QoS is 0, 1 or 2")
}

fn qos_v5(qos: u8) -> v5::mqttbytes::QoS {
    v5::mqttbytes::qos(qos).expect("QoS is 0, 1 or 2")
}
