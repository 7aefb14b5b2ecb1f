//! Two brokers in this process and a bridge between them: both ways, every version, across outages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::time::Duration;
use tabmq::Server;
use tabmq::bridges::{BridgeConfig, BridgeTable};
use tabmq::config::Config;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{
    Ack, Connect, ConnectProperties, Packet, PacketId, Publish, QoS, Subscribe, SubscribeFilter,
    SubscribeProperties, SubscriptionOptions, Version,
};
use tabmq_shared::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What normally comes at once may take this long.
const PATIENCE: Duration = Duration::from_secs(20);

fn broker(mqtt: SocketAddr, bridges: Vec<BridgeConfig>) -> Server {
    Server::start(&Config { mqtt: vec![mqtt], http: Some(anywhere()), bridges, ..Config::default() }).unwrap()
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn bridge(to: SocketAddr, more: &str) -> BridgeConfig {
    let table = format!("name = 'hub'\naddress = 'mqtt://{to}'\nmax-retry-time = 1\n{more}");
    toml::from_str::<BridgeTable>(&table).unwrap().load().unwrap()
}

/// A client of one of the brokers.
struct Client {
    stream: TcpStream,
    input: BytesMut,
    next_id: u16,
}

impl Client {
    async fn new(broker: &Server, client_id: &str) -> Client {
        let stream = TcpStream::connect(broker.mqtt_addresses()[0]).await.unwrap();
        let mut client = Client { stream, input: BytesMut::new(), next_id: 1 };
        let connect = Connect {
            version: Version::V5,
            is_bridge: false,
            clean_start: true,
            keep_alive_s: 0,
            client_id: client_id.into(),
            will: None,
            username: None,
            password: None,
            properties: ConnectProperties::default(),
        };
        client.send(Packet::Connect(Box::new(connect))).await;
        assert!(matches!(client.packet().await, Packet::ConnAck(ack) if !ack.reason.is_error()));
        client
    }

    async fn subscribed(broker: &Server, client_id: &str, filter: &str) -> Client {
        let mut client = Client::new(broker, client_id).await;
        let options =
            SubscriptionOptions { qos: QoS::ExactlyOnce, retain_as_published: true, ..Default::default() };
        client
            .send(Packet::Subscribe(Box::new(Subscribe {
                packet_id: PacketId::MIN,
                properties: SubscribeProperties::default(),
                filters: vec![SubscribeFilter { filter: filter.into(), options }],
            })))
            .await;
        assert!(matches!(client.packet().await, Packet::SubAck(_)));
        client
    }

    async fn send(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        codec::encode(&packet, Version::V5, &mut bytes).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn packet(&mut self) -> Packet {
        let next = async {
            loop {
                let decoded = codec::decode(&mut self.input, Version::V5, &Limits::of_client()).unwrap();
                if let Some(packet) = decoded {
                    return packet;
                }
                assert!(self.stream.read_buf(&mut self.input).await.unwrap() > 0, "the connection ended");
            }
        };
        timeout(PATIENCE, next).await.expect("a packet")
    }

    /// Publishes and waits until the broker has it.
    async fn publish(&mut self, topic: &str, payload: &str, qos: QoS, retain: bool) {
        self.next_id = self.next_id % 60_000 + 1;
        let packet_id = PacketId::new(self.next_id).filter(|_| qos != QoS::AtMostOnce);
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        let (dup, topic_alias, properties) = (false, None, None);
        let topic = topic.into();
        self.send(Packet::Publish(Publish {
            dup,
            qos,
            retain,
            topic,
            packet_id,
            topic_alias,
            properties,
            payload,
        }))
        .await;
        match (qos, packet_id) {
            (QoS::AtLeastOnce, _) => assert!(matches!(self.packet().await, Packet::PubAck(_))),
            (QoS::ExactlyOnce, Some(id)) => {
                assert!(matches!(self.packet().await, Packet::PubRec(_)));
                self.send(Packet::PubRel(Ack::success(id))).await;
                assert!(matches!(self.packet().await, Packet::PubComp(_)));
            }
            _ => {}
        }
    }

    /// The next message as text, acknowledged: topic, payload, QoS and whether it is marked as retained.
    async fn message(&mut self) -> (String, String, u8, bool) {
        loop {
            match self.packet().await {
                Packet::Publish(publish) => {
                    match (publish.qos, publish.packet_id) {
                        (QoS::AtLeastOnce, Some(id)) => self.send(Packet::PubAck(Ack::success(id))).await,
                        (QoS::ExactlyOnce, Some(id)) => self.send(Packet::PubRec(Ack::success(id))).await,
                        _ => {}
                    }
                    let payload = String::from_utf8(publish.payload.to_vec()).unwrap();
                    return (publish.topic.to_string(), payload, publish.qos.as_u8(), publish.retain);
                }
                Packet::PubRel(ack) => self.send(Packet::PubComp(Ack::success(ack.packet_id))).await,
                _ => {}
            }
        }
    }
}

fn message(topic: &str, payload: &str, qos: u8, retain: bool) -> (String, String, u8, bool) {
    (topic.to_owned(), payload.to_owned(), qos, retain)
}

/// Waits until the bridge is there, as `$SYS` tells.
async fn until_connected(broker: &Server, wanted: &str) {
    let mut client = Client::subscribed(broker, "watcher", "$SYS/broker/connection/hub/state").await;
    while client.message().await.1 != wanted {}
}

const VERSIONS: [&str; 3] = ["version = '5'", "version = '3.1.1'", "version = '3.1.1'\ntry-private = false"];

#[tokio::test]
async fn messages_pass_both_ways_once_each_and_nothing_comes_back() {
    for version in VERSIONS {
        let far = broker(anywhere(), Vec::new());
        let topics = "topics = [
            { pattern = 'both/#', direction = 'both', qos = 2 },
            { pattern = 'up/#', qos = 1, local-prefix = 'l/', remote-prefix = 'site/' },
            { pattern = 'down/#', direction = 'in', qos = 2, remote-prefix = 'site/', local-prefix = 'l/' },
        ]";
        let near = broker(anywhere(), vec![bridge(far.mqtt_addresses()[0], &format!("{version}\n{topics}"))]);
        until_connected(&near, "1").await;
        let mut here = Client::subscribed(&near, "here", "#").await;
        let mut there = Client::subscribed(&far, "there", "#").await;
        for (qos, number) in [(QoS::AtMostOnce, 0), (QoS::AtLeastOnce, 1), (QoS::ExactlyOnce, 2)] {
            let mut publisher = Client::new(&near, "publisher").await;
            publisher.publish("l/up/a", "1", qos, false).await;
            assert_eq!(here.message().await, message("l/up/a", "1", number, false), "{version}");
            assert_eq!(there.message().await, message("site/up/a", "1", number.min(1), false), "{version}");
            publisher.publish("both/b", "2", qos, true).await;
            assert_eq!(here.message().await, message("both/b", "2", number, true), "{version}");
            assert_eq!(there.message().await, message("both/b", "2", number, true), "{version}");

            let mut publisher = Client::new(&far, "publisher").await;
            publisher.publish("site/down/a", "3", qos, false).await;
            assert_eq!(there.message().await, message("site/down/a", "3", number, false), "{version}");
            assert_eq!(here.message().await, message("l/down/a", "3", number, false), "{version}");
            // Retained here, too, where the other side says that it is: not before 5.0 without the mark of a bridge.
            let marked = !version.contains("false");
            publisher.publish("both/c", "4", qos, true).await;
            assert_eq!(there.message().await, message("both/c", "4", number, true), "{version}");
            assert_eq!(here.message().await, message("both/c", "4", number, marked), "{version}");
            // And an end: what is not mentioned does not pass, and nothing else has.
            publisher.publish("other", "5", qos, false).await;
            assert_eq!(there.message().await.0, "other", "{version}");
        }
        // `down` does not go up, and `up` does not come down.
        let mut publisher = Client::new(&near, "publisher").await;
        publisher.publish("l/down/a", "x", QoS::AtLeastOnce, false).await;
        publisher.publish("l/up/end", "x", QoS::AtLeastOnce, false).await;
        assert_eq!(there.message().await.0, "site/up/end", "{version}");
        near.stop().await;
        far.stop().await;
    }
}

#[tokio::test]
async fn an_outage_of_the_other_side_loses_nothing_at_qos_1_and_2() {
    const MESSAGES: usize = 3000; // more than the bridge has in hand
    for (version, qos) in
        [(VERSIONS[0], QoS::AtLeastOnce), (VERSIONS[1], QoS::ExactlyOnce), (VERSIONS[2], QoS::AtLeastOnce)]
    {
        let far = broker(anywhere(), Vec::new());
        let address = far.mqtt_addresses()[0];
        let topics = "topics = [{ pattern = '#', direction = 'both', qos = 2 }]";
        let near = broker(anywhere(), vec![bridge(address, &format!("{version}\n{topics}"))]);
        until_connected(&near, "1").await;
        let mut publisher = Client::new(&near, "publisher").await;
        for n in 0..MESSAGES / 3 {
            publisher.publish(&format!("t/{n}"), &n.to_string(), qos, true).await;
        }
        far.stop().await;
        until_connected(&near, "0").await;
        for n in MESSAGES / 3..MESSAGES {
            publisher.publish(&format!("t/{n}"), &n.to_string(), qos, true).await;
        }
        // It has forgotten everything, as a broker without a disk does: what it had before is gone, what waited comes.
        let far = broker(address, Vec::new());
        let mut there = Client::subscribed(&far, "there", "t/#").await;
        let mut seen = vec![false; MESSAGES];
        while !seen[MESSAGES / 3..].iter().all(|seen| *seen) {
            let (topic, payload, ..) = there.message().await;
            assert_eq!(topic, format!("t/{payload}"), "{version}");
            seen[payload.parse::<usize>().unwrap()] = true;
        }
        until_connected(&near, "1").await;
        near.stop().await;
        far.stop().await;
    }
}

#[tokio::test]
async fn what_comes_while_the_bridge_is_away_waits_there() {
    let far = broker(anywhere(), Vec::new());
    let config =
        bridge(far.mqtt_addresses()[0], "topics = [{ pattern = 'in/#', direction = 'in', qos = 1 }]");
    let near = broker(anywhere(), vec![config.clone()]);
    until_connected(&near, "1").await;
    near.stop().await;
    let mut publisher = Client::new(&far, "publisher").await;
    for n in 0..100 {
        publisher.publish(&format!("in/{n}"), "x", QoS::AtLeastOnce, true).await;
    }
    let near = broker(anywhere(), vec![config]);
    let mut here = Client::subscribed(&near, "here", "in/#").await;
    let mut seen = std::collections::HashSet::new();
    while seen.len() < 100 {
        seen.insert(here.message().await.0);
    }
}

#[tokio::test]
async fn the_api_tells_of_bridges_and_the_other_side_of_their_coming_and_going() {
    let far = broker(anywhere(), Vec::new());
    let mut there = Client::subscribed(&far, "there", "state/hub").await;
    let more = "notification-topic = 'state/hub'\ntopics = [{ pattern = '#' }]";
    let near = broker(anywhere(), vec![bridge(far.mqtt_addresses()[0], more)]);
    assert_eq!(there.message().await.1, "1");
    let mut stream = TcpStream::connect(near.http_address().unwrap()).await.unwrap();
    stream
        .write_all(b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let info: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        (&info["mode"], &info["bridges"][0]["state"]),
        (&"broker".into(), &"connected".into()),
        "{info}"
    );
    assert_eq!(info["bridges"][0]["name"], "hub");
    near.stop().await;
    assert_eq!(there.message().await.1, "0");
}
