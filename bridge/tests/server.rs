//! The broker as a whole, in this process: sockets, HTTP, WebSocket and the stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tabmq::config::Config;
use tabmq::{Server, StartError};
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{Connect, ConnectProperties, Packet, ReasonCode, Version};
use tabmq_shared::{ByteString, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

fn anywhere() -> Config {
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Config { mqtt: vec![address, address], http: Some(address), ..Config::default() }
}

fn packet(packet: &Packet) -> BytesMut {
    let mut bytes = BytesMut::new();
    codec::encode(packet, Version::V5, &mut bytes).unwrap();
    bytes
}

fn connect(client_id: &str) -> BytesMut {
    packet(&Packet::Connect(Box::new(Connect {
        version: Version::V5,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        client_id: ByteString::from(client_id),
        will: None,
        username: None,
        password: None,
        properties: ConnectProperties::default(),
    })))
}

/// The first packet in `bytes`, which must hold one.
fn decoded(bytes: &[u8]) -> Packet {
    codec::decode(&mut BytesMut::from(bytes), Version::V5, &Limits::default()).unwrap().unwrap()
}

/// Reads until there is a packet.
async fn next_packet(stream: &mut TcpStream) -> Packet {
    let mut input = BytesMut::new();
    loop {
        if let Some(packet) = codec::decode(&mut input, Version::V5, &Limits::default()).unwrap() {
            return packet;
        }
        assert!(stream.read_buf(&mut input).await.unwrap() > 0, "the connection ended");
    }
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn every_listener_accepts_and_a_stop_says_goodbye() {
    let server = Server::start(&anywhere()).unwrap();
    let http = server.http_address().unwrap();
    let mut clients = Vec::new();
    for address in server.mqtt_addresses() {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(&connect(&format!("tcp-{}", address.port()))).await.unwrap();
        assert!(
            matches!(next_packet(&mut client).await, Packet::ConnAck(ack) if ack.reason == ReasonCode::Success)
        );
        clients.push(client);
    }
    let mut request = format!("ws://{http}/mqtt").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "mqttv3.1, mqtt".parse().unwrap());
    let stream = TcpStream::connect(http).await.unwrap();
    let (mut websocket, answer) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "mqtt"); // [MQTT-6.0.0-4]
    // A frame is not a packet.
    let connect = connect("ws").freeze();
    websocket.send(Message::Binary(connect.slice(..5))).await.unwrap();
    websocket.send(Message::Binary(connect.slice(5..))).await.unwrap();
    let Some(Ok(Message::Binary(frame))) = websocket.next().await else { panic!() };
    assert!(matches!(decoded(&frame), Packet::ConnAck(ack) if ack.reason == ReasonCode::Success));

    assert!(get(http, "/healthz").await.ends_with("ok\n"));
    assert!(get(http, "/api/v1/info").await.contains(r#""connected":3"#));

    server.stop().await;
    for client in &mut clients {
        let packet = next_packet(client).await;
        assert!(matches!(packet, Packet::Disconnect(d) if d.reason == ReasonCode::ServerShuttingDown));
        assert_eq!(client.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    }
    let Some(Ok(Message::Binary(frame))) = websocket.next().await else { panic!() };
    assert!(matches!(decoded(&frame), Packet::Disconnect(d) if d.reason == ReasonCode::ServerShuttingDown));
    assert!(matches!(websocket.next().await, Some(Ok(Message::Close(_)))));
    assert!(TcpStream::connect(http).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_port_in_use_is_said_before_anything_is_served() {
    let server = Server::start(&anywhere()).unwrap();
    let taken = server.mqtt_addresses()[0];
    let config = Config { http: Some(taken), ..anywhere() };
    let Err(error) = Server::start(&config) else { panic!() };
    assert!(matches!(error, StartError::InUse { address, flag: "--http" } if address == taken));
    let expected = format!(
        "{taken} is already in use: stop the other program (often another broker), or choose another \
         address with --http ADDR"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_websocket_that_is_not_mqtt_is_refused() {
    let server = Server::start(&anywhere()).unwrap();
    let http = server.http_address().unwrap();
    let cases = [("chat", "", 400), ("mqtt", "https://evil.example", 403)];
    for (subprotocol, origin, status) in cases {
        let mut request = format!("ws://{http}/mqtt").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse().unwrap());
        if !origin.is_empty() {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let stream = TcpStream::connect(http).await.unwrap();
        let error = tokio_tungstenite::client_async(request, stream).await.unwrap_err();
        assert!(matches!(error, Error::Http(answer) if answer.status() == status), "{subprotocol} {origin}");
    }
}
