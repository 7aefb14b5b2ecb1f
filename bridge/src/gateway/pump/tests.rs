use super::*;
use crate::listener::ws::ByteStream;
use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::cell::Cell;
use std::pin::pin;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

const PATIENT: Patience = Patience { first: Duration::from_secs(10), idle: None };

#[derive(Default)]
struct Count {
    up: Cell<usize>,
    down: Cell<usize>,
}

impl Traffic for Count {
    fn up(&self, bytes: usize) {
        self.up.set(self.up.get() + bytes);
    }

    fn down(&self, bytes: usize) {
        self.down.set(self.down.get() + bytes);
    }
}

/// The gateway's ends (tab's side, broker's side), and the tab and the broker beyond them, `room` bytes away.
struct Ends {
    near: (DuplexStream, DuplexStream),
    tab: DuplexStream,
    broker: DuplexStream,
}

fn ends(room: usize) -> Ends {
    let (near_tab, tab) = duplex(room);
    let (near_broker, broker) = duplex(room);
    Ends { near: (near_tab, near_broker), tab, broker }
}

#[tokio::test]
async fn bytes_pass_both_ways_and_the_end_follows_the_last_of_them() {
    let Ends { near: (mut near_tab, mut near_broker), mut tab, mut broker } = ends(100);
    let traffic = Count::default();
    let pump = run(
        &mut near_tab,
        &mut near_broker,
        Begun { up: b"first ".to_vec(), ..Begun::default() },
        PATIENT,
        &traffic,
    );
    let peers = async {
        tab.write_all(b"from the tab").await.unwrap();
        let mut seen = [0; 18];
        broker.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"first from the tab");
        let answer = async {
            broker.write_all(&[7; 1000]).await.unwrap();
            broker.shutdown().await.unwrap();
        };
        let mut seen = [0; 1000];
        let (read, ()) = tokio::join!(tab.read_exact(&mut seen), answer);
        read.unwrap();
        assert_eq!(seen, [7; 1000]);
    };
    let ((end, moved), ()) = tokio::join!(pump, peers);
    assert!(matches!(end, End::BrokerClosed), "{end:?}");
    assert_eq!(moved, Moved { up: 18, down: 1000 });
    assert_eq!(
        (traffic.up.get(), traffic.down.get()),
        (12, 1000),
        "who read the first bytes has counted them"
    );
}

#[tokio::test]
async fn a_tab_that_leaves_ends_it_after_its_last_byte() {
    let Ends { near: (mut near_tab, mut near_broker), mut tab, mut broker } = ends(10);
    let traffic = Count::default();
    let pump = run(&mut near_tab, &mut near_broker, Begun::default(), PATIENT, &traffic);
    let peers = async {
        let last_words = async {
            tab.write_all(&[1; 500]).await.unwrap();
            drop(tab);
        };
        let mut seen = [0; 500];
        tokio::join!(last_words, async { broker.read_exact(&mut seen).await.unwrap() });
    };
    let ((end, moved), ()) = tokio::join!(pump, peers);
    assert!(matches!(end, End::TabClosed) && moved.up == 500, "{end:?} {moved:?}");
}

/// How much of an endless stream is taken while nobody reads at the other end.
async fn taken_from(mut sender: DuplexStream, pump: impl Future) -> usize {
    let mut pump = pin!(pump);
    let mut taken = 0;
    loop {
        // Both are asked until neither moves any more.
        let moved = sender.write(&[0; 4096]).now_or_never();
        assert!(pump.as_mut().now_or_never().is_none(), "the pump has ended");
        match moved {
            Some(written) => taken += written.unwrap(),
            None if sender.write(&[0]).now_or_never().is_none() => return taken,
            None => taken += 1,
        }
    }
}

#[tokio::test]
async fn who_takes_nothing_costs_one_buffer() {
    const ROOM: usize = 1000;
    let traffic = Count::default();
    let Ends { near: (mut near_tab, mut near_broker), tab, broker } = ends(ROOM);
    let pump = run(
        &mut near_tab,
        &mut near_broker,
        Begun { up: b"x".to_vec(), ..Begun::default() },
        PATIENT,
        &traffic,
    );
    let taken = taken_from(broker, pump).await;
    assert!(taken <= BUFFER_BYTES + 2 * ROOM, "a slow tab: {taken}");
    drop(tab);

    let Ends { near: (mut near_tab, mut near_broker), tab, broker } = ends(ROOM);
    let pump = run(&mut near_tab, &mut near_broker, Begun::default(), PATIENT, &traffic);
    let taken = taken_from(tab, pump).await;
    assert!(taken <= BUFFER_BYTES + 2 * ROOM, "a slow broker: {taken}");
    drop(broker);
}

#[tokio::test]
async fn frames_are_joined_and_what_one_read_brings_is_one_frame() {
    let (server, client) = duplex(1 << 20);
    let mut tab = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let mut near_tab = ByteStream::new(server, Bytes::new());
    let (mut near_broker, mut broker) = duplex(1 << 20);
    for n in 0..100u8 {
        tab.send(Message::Binary(vec![n; 10].into())).await.unwrap();
    }
    broker.write_all(&[9; 50_000]).await.unwrap();
    let traffic = Count::default();
    let mut pump = pin!(run(&mut near_tab, &mut near_broker, Begun::default(), PATIENT, &traffic));
    assert!(pump.as_mut().now_or_never().is_none());
    let mut seen = vec![0; 2000];
    let joined = broker.read(&mut seen).await.unwrap();
    assert_eq!(joined, 1000, "all frames in one write");
    assert!(seen[..1000].chunks(10).zip(0..).all(|(ten, n)| ten == [n; 10]));
    let Some(Ok(Message::Binary(frame))) = tab.next().await else { panic!() };
    assert!(frame.len() == 50_000 && frame.iter().all(|byte| *byte == 9));
    tab.close(None).await.unwrap();
    let (end, _) = pump.await;
    assert!(matches!(end, End::TabClosed), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end() {
    let Ends { near: (mut near_tab, mut near_broker), tab: _tab, broker: _broker } = ends(10);
    let begun = Instant::now();
    let (end, _) = run(&mut near_tab, &mut near_broker, Begun::default(), PATIENT, &Count::default()).await;
    assert!(matches!(end, End::Silent) && begun.elapsed() >= PATIENT.first, "{end:?}");

    let patience = Patience { idle: Some(Duration::from_secs(60)), ..PATIENT };
    let Ends { near: (mut near_tab, mut near_broker), mut tab, mut broker } = ends(10);
    let begun = Instant::now();
    let traffic = Count::default();
    let pump = run(&mut near_tab, &mut near_broker, Begun::default(), patience, &traffic);
    let peers = async {
        for _ in 0..10 {
            tab.write_all(b"x").await.unwrap();
            broker.read_u8().await.unwrap();
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    };
    let ((end, moved), ()) = tokio::join!(pump, peers);
    assert!(matches!(end, End::Idle) && moved.up == 10, "{end:?} {moved:?}");
    let silent = begun.elapsed();
    assert!((Duration::from_secs(330)..Duration::from_secs(420)).contains(&silent), "{silent:?}");
}
