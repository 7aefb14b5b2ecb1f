//! What a message costs from the bytes of a frame to the page's state: `cargo bench -p tabmq-web`.
//!
//! In the page the rest is the browser's: the frame as such, and the picture. For a comparison of two versions that no other
//! work disturbs, count instructions, compiled as the page is: `cargo bench -p tabmq-web --profile page --no-run`, and then
//! `valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*workload*' PROGRAM --bench`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark of bytes that it made itself")]

use bytes::BytesMut;
use divan::Bencher;
use divan::counter::ItemsCount;
use std::collections::VecDeque;
use tabmq_shared::Time;
use tabmq_shared::client::{Client, ConnectOptions, Event};
use tabmq_shared::codec;
use tabmq_shared::packet::{ConnAck, Packet, Publish, QoS, ReasonCode, Version};
use tabmq_web::state::settings::Settings;
use tabmq_web::state::subscriptions::Subscriptions;
use tabmq_web::state::{Action, AppState, Clock, ConnectionId, Look, Workspace};

/// Messages of one measurement: more than the history keeps, so that old ones go.
const MESSAGES: usize = 150_000;

fn main() {
    divan::main();
}

/// Packets in a frame, and topics in turn.
#[divan::bench(args = [(500, 100), (500, 20_000), (10, 100), (1, 100)], sample_count = 3, sample_size = 1)]
fn messages(bencher: Bencher<'_, '_>, (per_frame, topics): (usize, usize)) {
    let frames: Vec<BytesMut> =
        (0..MESSAGES / per_frame).map(|n| frame(n * per_frame, per_frame, topics)).collect();
    bencher
        .counter(ItemsCount::new(MESSAGES))
        .with_inputs(|| (connected(), workspace(), frames.clone()))
        .bench_local_values(|(client, workspace, frames)| workload(client, workspace, frames));
}

#[inline(never)]
fn workload(mut client: Client, mut workspace: Workspace, frames: Vec<BytesMut>) -> (Client, Workspace) {
    let id = workspace.active_id();
    let mut events = VecDeque::new();
    for (n, mut frame) in (0..).zip(frames) {
        client.handle_data(&mut frame, Time::from_millis(n));
        workspace.apply(id, Action::Tick(Clock { unix_ms: n, offset_min: 0 }, Time::from_millis(n)));
        client.swap_events(&mut events);
        workspace.hear(id, &mut events);
    }
    assert_eq!(workspace.active().counters.received, MESSAGES as u64);
    (client, workspace)
}

fn workspace() -> Workspace {
    let subscriptions = Subscriptions::first_visit(true);
    Workspace::new(
        ConnectionId(0),
        AppState::new(Settings::new("tab-1".into()), subscriptions, Look::default()),
    )
}

fn connected() -> Client {
    let mut client = Client::new(ConnectOptions::default(), 0);
    client.start(Time::ZERO);
    client.handle_opened(Time::ZERO);
    let ack = ConnAck { session_present: false, reason: ReasonCode::Success, properties: Default::default() };
    client.handle_data(&mut bytes(&[Packet::ConnAck(Box::new(ack))]), Time::ZERO);
    let events: VecDeque<Event> = std::iter::from_fn(|| client.poll_event()).collect();
    assert!(client.state().is_connected(), "{events:?}");
    client
}

fn frame(first: usize, count: usize, topics: usize) -> BytesMut {
    let message = |n: usize| {
        Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: format!("plant/line-{}/temperature", n % topics).into(),
            packet_id: None,
            topic_alias: None,
            properties: None,
            payload: format!("{}.{:02}", 20 + n % 7, n % 100).into(),
        })
    };
    bytes(&(first..first + count).map(message).collect::<Vec<_>>())
}

fn bytes(packets: &[Packet]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for packet in packets {
        codec::encode(packet, Version::V5, &mut bytes).unwrap();
    }
    bytes
}
