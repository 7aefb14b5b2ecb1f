//! What a packet costs to read and to write, and a filter to compare: `cargo bench -p tabmq-shared`.
//!
//! Packets are read as a connection reads them: a hundred in one buffer. The time is that of one packet.

#![allow(clippy::unwrap_used, reason = "a benchmark of packets that it made itself")]

use bytes::{Bytes, BytesMut};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use std::fmt;
use tabmq_shared::ByteString;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{
    Ack, AckProperties, Connect, ConnectProperties, Packet, PacketId, Publish, PublishProperties, QoS,
    ReasonCode, RetainHandling, Subscribe, SubscribeFilter, SubscribeProperties, SubscriptionOptions,
    Version,
};
use tabmq_shared::topic;

/// Packets in one buffer.
const BATCH: usize = 100;

fn main() {
    divan::main();
}

/// A packet to measure.
struct Case {
    name: &'static str,
    version: Version,
    packet: Packet,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn publish(qos: QoS, payload: usize, properties: Option<Box<PublishProperties>>) -> Packet {
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: ByteString::from_static("home/kitchen/temperature"),
        packet_id: (qos != QoS::AtMostOnce).then(|| PacketId::new(1000).unwrap()),
        topic_alias: None,
        properties,
        payload: Bytes::from(vec![b'x'; payload]),
    })
}

fn cases() -> Vec<Case> {
    let properties = PublishProperties {
        content_type: Some(ByteString::from_static("application/json")),
        response_topic: Some(ByteString::from_static("answers/1")),
        correlation_data: Some(Bytes::from_static(b"12345678")),
        user: vec![(ByteString::from_static("unit"), ByteString::from_static("celsius"))],
        ..PublishProperties::default()
    };
    let ack = Ack {
        packet_id: PacketId::new(1000).unwrap(),
        reason: ReasonCode::Success,
        properties: None::<Box<AckProperties>>,
    };
    let filter = |filter: &'static str| SubscribeFilter {
        filter: ByteString::from(filter),
        options: SubscriptionOptions {
            qos: QoS::AtLeastOnce,
            retain_handling: RetainHandling::Send,
            ..SubscriptionOptions::default()
        },
    };
    let subscribe = Subscribe {
        packet_id: PacketId::new(7).unwrap(),
        properties: SubscribeProperties::default(),
        filters: ["home/+/temperature", "home/#", "$share/workers/jobs/+"].map(filter).into(),
    };
    let connect = Connect {
        version: Version::V5,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 60,
        client_id: ByteString::from_static("sensor-kitchen-01"),
        will: None,
        username: Some(ByteString::from_static("sensor")),
        password: Some(Bytes::from_static(b"secret")),
        properties: ConnectProperties::default(),
    };
    let case = |name, version, packet| Case { name, version, packet };
    vec![
        case("publish 3.1.1 QoS 0, 64 B", Version::V311, publish(QoS::AtMostOnce, 64, None)),
        case("publish 5.0 QoS 1, 64 B", Version::V5, publish(QoS::AtLeastOnce, 64, None)),
        case(
            "publish 5.0 QoS 1, 64 B, properties",
            Version::V5,
            publish(QoS::AtLeastOnce, 64, Some(Box::new(properties))),
        ),
        case("publish 3.1.1 QoS 0, 16 kB", Version::V311, publish(QoS::AtMostOnce, 16_000, None)),
        case("puback 5.0", Version::V5, Packet::PubAck(ack)),
        case("subscribe 5.0, 3 filters", Version::V5, Packet::Subscribe(Box::new(subscribe))),
        case("connect 5.0", Version::V5, Packet::Connect(Box::new(connect))),
    ]
}

fn encoded(case: &Case, count: usize) -> BytesMut {
    let mut bytes = BytesMut::new();
    for _ in 0..count {
        codec::encode(&case.packet, case.version, &mut bytes).unwrap();
    }
    bytes
}

#[divan::bench(args = cases())]
fn decode(bencher: Bencher<'_, '_>, case: &Case) {
    let bytes = encoded(case, BATCH);
    bencher
        .counter(ItemsCount::new(BATCH))
        .counter(BytesCount::new(bytes.len()))
        .with_inputs(|| bytes.clone())
        .bench_local_values(|mut input| {
            let mut count = 0;
            while let Some(packet) = codec::decode(&mut input, case.version, &Limits::of_server()).unwrap() {
                black_box(packet);
                count += 1;
            }
            assert_eq!(count, BATCH);
        });
}

#[divan::bench(args = cases())]
fn encode(bencher: Bencher<'_, '_>, case: &Case) {
    let size = encoded(case, 1).len() * BATCH;
    bencher
        .counter(ItemsCount::new(BATCH))
        .counter(BytesCount::new(size))
        .with_inputs(|| BytesMut::with_capacity(size))
        .bench_local_values(|mut buffer| {
            for _ in 0..BATCH {
                codec::encode(black_box(&case.packet), case.version, &mut buffer).unwrap();
            }
            buffer
        });
}

/// One filter against one topic, without the broker's tables.
#[divan::bench(args = ["home/kitchen/temperature", "home/+/temperature", "home/#", "garden/+/moisture"])]
fn filter_matches(filter: &str) -> bool {
    topic::matches(black_box(filter), black_box("home/kitchen/temperature"))
}
