//! The measurements against a broker in the same process: what they say about it is known in advance.

use super::args::{BenchArgs, Other};
use super::report::{ConnectReport, IdleReport, MessagesReport, RetainedReport};
use super::{connects, idle, messages, retained};
use crate::config::Config;
use crate::server::Server;
use clap::Parser;
use std::net::{Ipv4Addr, SocketAddr};

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: BenchArgs,
}

fn server() -> Server {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Server::start(&Config { mqtt: vec![anywhere], http: Some(anywhere), ..Config::default() }).unwrap()
}

/// The arguments in `line`, with `TCP` and `WS` replaced by the server's addresses.
fn args(server: &Server, line: &str) -> BenchArgs {
    let tcp = format!("mqtt://{}", server.mqtt_addresses()[0]);
    let websocket = format!("ws://{}/mqtt", server.http_address().unwrap());
    let line = line.replace("TCP", &tcp).replace("WS", &websocket);
    let words = std::iter::once("bench").chain(line.split_whitespace());
    Command::try_parse_from(words).unwrap().args
}

async fn run_messages(server: &Server, line: &str) -> MessagesReport {
    messages::run(&args(server, line).messages).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_is_accounted_for() {
    let server = server();
    // Line, messages sent, copies received.
    let cases = [
        ("-L TCP -n 1000", 1000, 1000),
        ("-L WS -n 1000", 1000, 1000),
        ("-L TCP --subscriber-url WS -n 1000 -V 31", 1000, 1000),
        ("-L TCP -n 1000 -q 1 -V 311", 1000, 1000),
        ("-L TCP -n 1000 -q 2 --in-flight 7", 1000, 1000),
        ("-L WS -n 1000 -q 2 -V 311", 1000, 1000),
        ("-L TCP -n 100 --publishers 3 --subscribers 4", 300, 1200),
        ("-L TCP -n 100 --publishers 5 --subscribers 5 -t pairs/{i} -q 1", 500, 500),
        ("-L TCP -n 100 --publishers 2 -t many/{i}/{t} --topics 10 -f many/0/+", 200, 100),
        ("-L TCP -n 90 --subscribers 3 -f $share/group/bench -t bench", 90, 90),
        ("-L WS -n 40 -s 8,70000,16", 40, 40),
        ("-L TCP -n 200 --rate 20000 --publishers 2 --lead 50 --warm-up 0.001", 400, 400),
        ("-L TCP -n 100 --subscribers 3 --stalled 1", 100, 200),
    ];
    for (line, sent, received) in cases {
        let report = run_messages(&server, line).await;
        assert_eq!(report.errors, Vec::<String>::new(), "{line}");
        assert_eq!((report.sent, report.received), (sent, received), "{line}");
        assert_eq!((report.expected, report.lost), (Some(received), Some(0)), "{line}");
        assert_eq!(
            (report.duplicates, report.out_of_order, report.foreign, report.refused),
            (0, 0, 0, 0),
            "{line}"
        );
        let acknowledged = if line.contains("-q") { sent } else { 0 };
        assert_eq!(
            (report.acknowledged, report.acknowledged_us.is_some()),
            (acknowledged, acknowledged > 0),
            "{line}"
        );
        assert!(report.latency_us.is_some(), "{line}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_measured_is_said() {
    let server = server();
    let tiny = run_messages(&server, "-L TCP -n 10 -s 7").await;
    assert_eq!((tiny.received, tiny.latency_us.is_none(), tiny.notes.len()), (10, true, 1));
    let untimed = run_messages(&server, "-L TCP -n 10 -s 8").await;
    assert_eq!((untimed.lost, untimed.latency_us.is_none(), untimed.notes.len()), (Some(0), true, 1));
    let alone = run_messages(&server, "-L TCP -n 10 --subscribers 0 -q 1").await;
    assert_eq!((alone.sent, alone.acknowledged, alone.expected), (10, 10, None));
    server.stop().await;
}

#[tokio::test]
async fn errors_are_sentences() {
    let server = server();
    let closed = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let cases = [
        (format!("-L mqtt://{closed} -n 1"), "connection refused"),
        ("-L TCP -n 1 -t a/#".to_owned(), "wildcards are for subscribing only"),
        ("-L TCP -n 1 -f a#".to_owned(), "the filter 'a#'"),
        ("-L TCP --publishers 0 --subscribers 0".to_owned(), "nothing to do"),
        ("-L TCP --lead 1 --subscribers 0".to_owned(), "--lead"),
        ("-L TCP --stalled 2".to_owned(), "--stalled"),
        // Of a block that is for documentation only (RFC 5737).
        ("-L TCP -n 1 --source 192.0.2.1".to_owned(), "from 192.0.2.1"),
        ("-L TCP -n 1 --source ::1".to_owned(), "from ::1"),
    ];
    for (line, part) in cases {
        let error = messages::run(&args(&server, &line).messages).await.unwrap_err().to_string();
        assert!(error.contains(part), "{line}: {error}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(target_os = "linux")]
async fn clients_come_from_the_addresses_that_are_named() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = listener.local_addr().unwrap();
    let seen = tokio::spawn(async move {
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(listener.accept().await.unwrap().1.ip().to_string());
        }
        seen
    });
    let line = "connect -n 3 --clients 1 --source 127.0.0.2 --source 127.0.0.3";
    let words = format!("bench {line} -L mqtt://{target}");
    let args = Command::try_parse_from(words.split_whitespace()).unwrap().args;
    let Some(Other::Connect(connect)) = args.other else { panic!() };
    // Nobody answers: it is only looked at who calls.
    assert_eq!(connects::run(&connect).await.unwrap().failed, 3);
    assert_eq!(seen.await.unwrap(), ["127.0.0.2", "127.0.0.3", "127.0.0.2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_measurements() {
    let server = server();
    let Some(Other::Connect(connect)) = args(&server, "connect -L TCP -n 50 --clients 5").other else {
        panic!()
    };
    let ConnectReport { connects, failed, errors, .. } = connects::run(&connect).await.unwrap();
    assert_eq!((connects, failed, errors), (50, 0, Vec::new()));

    let before = server.hub().stats().retained_messages;
    let line = "retained -L WS -n 500 -t kept/{t} -f kept/+ --rounds 2 -q 1";
    for line in [line.to_owned(), format!("{line} --keep")] {
        let Some(Other::Retained(retain)) = args(&server, &line).other else { panic!() };
        let RetainedReport { received, replay_ms, errors, .. } = retained::run(&retain).await.unwrap();
        assert_eq!((received, replay_ms.len(), errors), (500, 2, Vec::new()), "{line}");
        // The first run has left nothing behind.
        let left = if line.contains("--keep") { 500 } else { 0 };
        assert_eq!(server.hub().stats().retained_messages, before + left, "{line}");
    }

    let line = "idle -L TCP --clients 20 -f idle/{i}/{t} --filters 3 -d 0 --quiet --json";
    let Some(Other::Idle(hold)) = args(&server, line).other else { panic!() };
    let IdleReport { clients, errors, .. } = idle::run(&hold).await.unwrap();
    assert_eq!((clients, errors), (20, Vec::new()));
    server.stop().await;
}
