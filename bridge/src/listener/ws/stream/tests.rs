use super::*;
use futures_util::{SinkExt, StreamExt};
use std::future::poll_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

type Client = WebSocketStream<DuplexStream>;

/// Our end, and tungstenite's as the client; `room` is how much fits between them.
async fn pair(room: usize) -> (ByteStream<DuplexStream>, Client) {
    let (server, client) = duplex(room);
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    (ByteStream::new(server, Bytes::new()), client)
}

/// The next binary message, in which fragments are joined.
async fn received(client: &mut Client) -> Message {
    client.next().await.unwrap().unwrap()
}

fn binary(bytes: impl Into<Bytes>) -> Message {
    Message::Binary(bytes.into())
}

#[tokio::test]
async fn frames_are_a_stream_of_bytes() {
    let (mut server, mut client) = pair(1 << 20).await;
    let long: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
    for part in [&b"on"[..], b"", b"e", b"two", &long] {
        client.send(binary(part.to_vec())).await.unwrap();
    }
    let expected = [b"onetwo", &long[..]].concat();
    let mut seen = vec![0; expected.len()];
    // A reader that takes little at a time, and then one that takes much.
    for byte in &mut seen[..20] {
        *byte = server.read_u8().await.unwrap();
    }
    server.read_exact(&mut seen[20..]).await.unwrap();
    assert!(seen == expected);
}

#[tokio::test]
async fn fragments_are_a_stream_of_bytes() {
    let (mut server, mut client) = pair(1 << 20).await;
    let fragment = |payload: &'static [u8], opcode, last| {
        let frame = tokio_tungstenite::tungstenite::protocol::frame::Frame::message(payload, opcode, last);
        Message::Frame(frame)
    };
    client.send(fragment(b"ab", OpCode::Data(Data::Binary), false)).await.unwrap();
    client.send(Message::Ping(Bytes::from_static(b"between"))).await.unwrap();
    client.send(fragment(b"cd", OpCode::Data(Data::Continue), true)).await.unwrap();
    let mut seen = [0; 4];
    server.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"abcd");
    assert_eq!(received(&mut client).await, Message::Pong(Bytes::from_static(b"between")));
}

#[tokio::test]
async fn what_was_read_ahead_comes_first() {
    let (mut near, mut far) = duplex(1 << 16);
    let mut client = WebSocketStream::from_raw_socket(&mut near, Role::Client, None).await;
    client.send(binary(&b"hello"[..])).await.unwrap();
    let mut ahead = [0; 8];
    far.read_exact(&mut ahead).await.unwrap();
    let mut server = ByteStream::new(far, Bytes::copy_from_slice(&ahead));
    let mut seen = [0; 5];
    server.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"hello");
}

#[tokio::test]
async fn one_write_is_one_frame() {
    let (mut server, mut client) = pair(1 << 20).await;
    let parts = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two")];
    assert_eq!(server.write_vectored(&parts).await.unwrap(), 6);
    server.write_all(&[7; 200]).await.unwrap();
    server.flush().await.unwrap();
    assert_eq!(received(&mut client).await, binary(&b"onetwo"[..]));
    assert_eq!(received(&mut client).await, binary(vec![7; 200]));

    let many: Vec<IoSlice<'_>> = (0..MAX_SLICES * 2).map(|_| IoSlice::new(b"x")).collect();
    assert_eq!(
        server.write_vectored(&many).await.unwrap(),
        MAX_SLICES - 1,
        "as many as fit beside the header"
    );
    let large = vec![1; MAX_PAYLOAD + 1];
    assert_eq!(server.write(&large).await.unwrap(), MAX_PAYLOAD);
}

#[tokio::test]
async fn a_frame_that_has_begun_is_completed() {
    // 10 bytes of room: the frame is accepted while most of it has not left.
    let (mut server, mut client) = pair(10).await;
    assert_eq!(server.write(&[1; 1000]).await.unwrap(), 1000);
    let blocked = poll_fn(|cx| Poll::Ready(Pin::new(&mut server).poll_write(cx, b"more"))).await;
    assert!(blocked.is_pending(), "nothing more is accepted before");
    let (flushed, message) = tokio::join!(server.flush(), received(&mut client));
    flushed.unwrap();
    assert_eq!(message, binary(vec![1; 1000]));
    assert_eq!(server.output.owed.capacity(), 0, "and then there is no buffer any more");
}

#[tokio::test]
async fn reading_alone_sends_what_is_owed() {
    let (mut server, mut client) = pair(10).await;
    assert_eq!(server.write(&[1; 100]).await.unwrap(), 100);
    let mut byte = [0];
    let exchange = async {
        let message = received(&mut client).await;
        client.send(binary(&b"!"[..])).await.unwrap();
        message
    };
    let (read, message) = tokio::join!(server.read_exact(&mut byte), exchange);
    read.unwrap();
    assert_eq!((message, &byte), (binary(vec![1; 100]), b"!"));
}

/// What the client sees after sending `message`, and what the reader of the stream gets.
async fn ends_with(message: Message) -> (io::Result<usize>, Option<CloseFrame>) {
    let (mut server, mut client) = pair(1 << 16).await;
    client.send(message).await.unwrap();
    let read = server.read(&mut [0; 100]).await;
    server.shutdown().await.unwrap();
    assert_eq!(server.write(b"too late").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    match received(&mut client).await {
        Message::Close(frame) => (read, frame),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn ends() {
    let (read, close) = ends_with(Message::Text("text".into())).await; // [MQTT-6.0.0-1]
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData);
    let close = close.unwrap();
    assert_eq!(
        (close.code, close.reason.as_str()),
        (CloseCode::Unsupported, "MQTT over WebSocket uses binary frames")
    );

    let going = CloseFrame { code: CloseCode::Away, reason: "".into() };
    let (read, close) = ends_with(Message::Close(Some(going))).await;
    assert_eq!((read.unwrap(), close.unwrap().code), (0, CloseCode::Away));

    let (read, close) = ends_with(Message::Close(None)).await;
    assert_eq!((read.unwrap(), close), (0, None));
}

#[tokio::test]
async fn shutdown_sends_a_close_frame() {
    let (mut server, mut client) = pair(1 << 16).await;
    server.write_all(b"bye").await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(received(&mut client).await, binary(&b"bye"[..]));
    let Message::Close(Some(close)) = received(&mut client).await else { panic!() };
    assert_eq!(close.code, CloseCode::Normal);
}

#[tokio::test]
async fn a_reason_is_carried_and_cut_where_a_character_ends() {
    for (reason, expected) in [("why", "why".to_owned()), (&"三".repeat(50), "三".repeat(41))] {
        let (mut server, mut client) = pair(1 << 16).await;
        server.write_all(b"last").await.unwrap();
        server.close_with(1013, reason.to_owned());
        assert_eq!(server.write(b"too late").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        server.shutdown().await.unwrap();
        assert_eq!(received(&mut client).await, binary(&b"last"[..]));
        let Message::Close(Some(close)) = received(&mut client).await else { panic!() };
        assert_eq!((close.code, close.reason.as_str()), (CloseCode::Again, expected.as_str()));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_ends_the_stream() {
    let (mut server, client) = pair(1 << 16).await;
    drop(client);
    assert_eq!(server.read(&mut [0; 10]).await.unwrap(), 0);
}
