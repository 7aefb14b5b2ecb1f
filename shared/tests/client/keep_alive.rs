//! Keep-alive and probes.

use crate::harness::*;
use std::time::Duration;
use tabmq_shared::client::{Command, ConnectOptions};
use tabmq_shared::packet::{ConnAckProperties, Packet, Version};

fn pair(keep_alive_s: u16, server_keep_alive_s: Option<u16>) -> Pair {
    let options = ConnectOptions { keep_alive_s, ..options(Version::V5) };
    Pair::connected(options, ConnAckProperties { server_keep_alive_s, ..ConnAckProperties::default() })
}

// [MQTT-3.1.2-21] [MQTT-3.2.2-21]
#[test]
fn a_silent_client_pings_in_time() {
    // keep-alive, the server's, the moment of the ping
    let cases = [
        (60, None, Some(54)),
        (60, Some(10), Some(9)),
        (0, Some(20), Some(18)),
        (0, None, None),
        (60, Some(0), None),
    ];
    for (ours, servers, expected) in cases {
        let mut pair = pair(ours, servers);
        let case = (ours, servers);
        let Some(expected) = expected else {
            assert_eq!(pair.client.poll_timeout(), None, "{case:?}");
            continue;
        };
        for _ in 0..3 {
            pair.advance(secs(expected) - Duration::from_millis(1));
            assert_eq!(pair.sent(), [""; 0], "{case:?}");
            pair.advance(Duration::from_millis(1));
            assert_eq!(pair.sent(), ["PINGREQ"], "{case:?}"); // [MQTT-3.1.2-20]
            pair.server(Packet::PingResp);
        }
    }
}

#[test]
fn the_answer_gives_the_round_trip() {
    let mut pair = pair(60, None);
    pair.advance(secs(54));
    pair.advance(Duration::from_millis(7));
    pair.server(Packet::PingResp);
    assert_eq!(pair.client.round_trip(), Some(Duration::from_millis(7)));
    pair.server(Packet::PingResp); // unasked: nothing comes of it
    assert_eq!(pair.client.round_trip(), Some(Duration::from_millis(7)));
    assert!(pair.client.state().is_connected());
}

/// Sending is enough for the server; but whoever only sends would not notice that nobody is there.
#[test]
fn traffic_takes_the_place_of_pings() {
    let mut pair = pair(10, None);
    for _ in 0..20 {
        pair.advance(secs(2));
        pair.server(from_server("a", Q1, 1)); // answered by PUBACK: traffic both ways
    }
    assert!(pair.sent().iter().all(|packet| packet == "PUBACK 1"));
    pair.publish("a", Q0);
    pair.clear();
    for _ in 0..5 {
        pair.advance(secs(2));
        pair.publish("a", Q0);
    }
    assert_eq!(pair.sent().iter().filter(|packet| *packet == "PINGREQ").count(), 1, "nothing was received");
    pair.server(Packet::PingResp);
    pair.clear();
    for _ in 0..5 {
        pair.advance(secs(2));
        pair.server(from_server("a", Q0, 0));
    }
    assert_eq!(pair.sent(), ["PINGREQ"], "nothing was sent");
}

#[test]
fn no_answer_is_the_end() {
    // keep-alive, how long the answer is waited for
    for (keep_alive_s, patience) in [(1, 2), (10, 10), (60, 30), (1_000, 30)] {
        let mut pair = pair(keep_alive_s, None);
        pair.advance(secs(u64::from(keep_alive_s)) * 9 / 10);
        assert_eq!(pair.sent(), ["PINGREQ"]);
        pair.advance(secs(patience) - Duration::from_millis(1));
        assert!(pair.client.state().is_connected(), "{keep_alive_s}");
        pair.advance(Duration::from_millis(1));
        pair.assert_waiting("connection lost: the server stopped answering");
        assert_eq!((pair.commands.clone(), pair.sent()), (vec![Command::Close], vec![]));
    }
}

#[test]
fn anything_received_is_a_sign_of_life() {
    let mut pair = pair(10, None);
    pair.advance(secs(9));
    for _ in 0..5 {
        pair.advance(secs(9));
        pair.server_bytes(&[0x30]); // the first byte of a PUBLISH that takes its time
    }
    assert!(pair.client.state().is_connected());
    pair.advance(secs(10));
    pair.assert_waiting("connection lost: the server stopped answering");
}

#[test]
fn probes() {
    let mut pair = pair(0, None);
    pair.client.probe(pair.now, secs(3));
    pair.pump();
    assert_eq!(pair.sent(), ["PINGREQ"]);
    pair.advance(secs(2));
    pair.server(Packet::PingResp);
    pair.advance(secs(100));
    assert!(pair.client.state().is_connected());

    pair.client.probe(pair.now, secs(3));
    pair.advance(secs(3));
    pair.assert_waiting("connection lost: the server stopped answering");
    pair.client.probe(pair.now, secs(3)); // nothing to probe

    // A ping that is under way already has less patience now.
    let mut pair = self::pair(60, None);
    pair.advance(secs(54 + 20));
    pair.client.probe(pair.now, secs(3));
    pair.pump();
    assert_eq!(pair.sent(), ["PINGREQ"], "one is enough");
    pair.advance(secs(2));
    assert!(pair.client.state().is_connected());
    pair.advance(secs(1));
    pair.assert_waiting("connection lost: the server stopped answering");
}
