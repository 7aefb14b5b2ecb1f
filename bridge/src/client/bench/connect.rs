//! From an address to a client that is connected and has subscribed.

use super::super::Failure;
use super::super::target::Target;
use super::super::transport::Route;
use super::args::CommonArgs;
use super::link::Link;
use super::sources::Sources;
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::packet::{
    Connect, ConnectProperties, Packet, PacketId, QoS, Subscribe, SubscribeFilter, SubscribeProperties,
    SubscriptionOptions, Version,
};
use tabmq_shared::topic::TopicFilter;
use tabmq_shared::{ByteString, Bytes};
use tokio::time::timeout;

/// How many clients connect at a time.
const CONCURRENCY: usize = 64;

/// How long one step may take: to connect, or to subscribe.
const STEP_TIME: Duration = Duration::from_secs(15);

/// The most that one SUBSCRIBE holds, in bytes of filters and in filters: brokers have limits.
const SUBSCRIBE_BYTES: usize = 16 * 1024;
const SUBSCRIBE_FILTERS: usize = 200;

/// How clients connect.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) route: Route,
    pub(super) version: Version,
    pub(super) keep_alive_s: u16,
    username: Option<ByteString>,
    password: Option<Bytes>,
    id_prefix: String,
    sources: Arc<Sources>,
}

/// A client that has been let in.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) link: Link,
    /// How many messages at QoS 1 and 2 the server takes at a time.
    pub(super) receive_maximum: u16,
    /// How often the server wants to hear something.
    pub(super) ping_every: Option<Duration>,
}

impl Connector {
    pub(super) fn new(args: &CommonArgs, target: Target) -> Result<Self, Failure> {
        let username = args.username.as_deref().or(target.username.as_deref()).map(ByteString::from);
        let password = args.password.as_deref().or(target.password.as_deref());
        Ok(Connector {
            version: args.protocol_version,
            keep_alive_s: args.keepalive,
            username,
            password: password.map(|password| Bytes::copy_from_slice(password.as_bytes())),
            // 3.1 allows no more than 23 bytes.
            id_prefix: args
                .id_prefix
                .clone()
                .unwrap_or_else(|| format!("bench{:05x}-", fastrand::u32(..1 << 20))),
            sources: Arc::new(Sources::new(&args.source, &target)),
            route: args.route(target)?,
        })
    }

    /// Connects the client with this name.
    pub(super) async fn connect(&self, name: &str) -> Result<Client, String> {
        timeout(STEP_TIME, self.connect_unlimited(name))
            .await
            .unwrap_or_else(|_| Err(format!("no CONNACK within {} s", STEP_TIME.as_secs())))
    }

    async fn connect_unlimited(&self, name: &str) -> Result<Client, String> {
        let route = Route { source: self.sources.next(), ..self.route.clone() };
        let mut link = Link::open(route, self.version).await?;
        link.output.put_packet(&self.packet(name))?;
        link.flush().await.map_err(|error| format!("the connection was lost: {error}"))?;
        let connack = match link.next_other().await? {
            Packet::ConnAck(connack) => connack,
            other => return Err(format!("the server answered CONNECT with {}", other.packet_type().name())),
        };
        if connack.reason.is_error() {
            return Err(format!("the server refused the connection: {}", connack.reason));
        }
        let keep_alive_s = connack.properties.server_keep_alive_s.unwrap_or(self.keep_alive_s);
        Ok(Client {
            link,
            receive_maximum: connack.properties.receive_maximum.map_or(u16::MAX, |maximum| maximum.get()),
            ping_every: (keep_alive_s > 0).then(|| Duration::from_secs(u64::from(keep_alive_s)) * 2 / 3),
        })
    }

    fn packet(&self, name: &str) -> Packet {
        Packet::Connect(Box::new(Connect {
            version: self.version,
            is_bridge: false,
            clean_start: true,
            keep_alive_s: self.keep_alive_s,
            client_id: format!("{}{name}", self.id_prefix).into(),
            will: None,
            username: self.username.clone(),
            password: self.password.clone(),
            properties: ConnectProperties::default(),
        }))
    }

    /// Connects `count` clients, several at a time, and subscribes each to what `filters` says for its number. They are
    /// named by `kind` and their numbers. `done` is called after each.
    pub(super) async fn connect_all(
        &self,
        kind: &str,
        count: usize,
        filters: impl Fn(usize) -> Result<Vec<TopicFilter>, String>,
        qos: QoS,
        done: impl Fn(),
    ) -> Result<Vec<Client>, String> {
        let one = async |i: usize| {
            let filters = filters(i)?;
            let mut client = self.connect(&format!("{kind}{i}")).await?;
            client.subscribe(&filters, qos).await?;
            done();
            Ok::<_, String>(client)
        };
        let mut clients = Vec::with_capacity(count);
        let mut stream = stream::iter((0..count).map(one)).buffered(CONCURRENCY);
        while let Some(client) = stream.next().await {
            clients.push(client.map_err(|error| match clients.len() {
                0 => error,
                n => format!("{error} (after {n} of {count} clients)"),
            })?);
        }
        Ok(clients)
    }
}

impl Client {
    /// Subscribes, in as many packets as it takes, and waits for the answers.
    pub(super) async fn subscribe(&mut self, filters: &[TopicFilter], qos: QoS) -> Result<(), String> {
        let mut rest = filters;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take(SUBSCRIBE_FILTERS).take_while(|filter| {
                bytes += filter.as_str().len() + 3;
                bytes <= SUBSCRIBE_BYTES
            });
            let (now, later) = rest.split_at(fitting.count().max(1));
            timeout(STEP_TIME, self.subscribe_once(now, qos))
                .await
                .unwrap_or_else(|_| Err(format!("no SUBACK within {} s", STEP_TIME.as_secs())))?;
            rest = later;
        }
        Ok(())
    }

    async fn subscribe_once(&mut self, filters: &[TopicFilter], qos: QoS) -> Result<(), String> {
        self.send_subscribe(filters, qos).await?;
        let suback = match self.link.next_other().await? {
            Packet::SubAck(suback) => suback,
            other => {
                return Err(format!("the server answered SUBSCRIBE with {}", other.packet_type().name()));
            }
        };
        match filters.iter().zip(&suback.reasons).find(|(_, reason)| reason.is_error()) {
            None => Ok(()),
            Some((filter, reason)) => {
                Err(format!("the server refused to subscribe to '{}': {reason}", filter.as_str()))
            }
        }
    }

    /// Sends a SUBSCRIBE, without waiting for the answer.
    pub(super) async fn send_subscribe(&mut self, filters: &[TopicFilter], qos: QoS) -> Result<(), String> {
        let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
        let filters =
            filters.iter().map(|filter| SubscribeFilter { filter: filter.as_byte_string().clone(), options });
        self.link.output.put_packet(&Packet::Subscribe(Box::new(Subscribe {
            packet_id: PacketId::MIN,
            properties: SubscribeProperties::default(),
            filters: filters.collect(),
        })))?;
        self.link.flush().await.map_err(|error| format!("the connection was lost: {error}"))
    }
}
