//! Hostile WebSockets and HTTP.

use super::*;

const UPGRADE: &str = "GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// A frame whose mask is 0, so that its payload stays readable.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let ping = frame(0x89, &[b'p'; 125]);
    vec![
        ("a frame without a mask", vec![0x82, 2, 0xC0, 0]),
        ("a frame of 2^63 bytes", [&[0x82, 0xFF, 0x80][..], &[0; 64]].concat()),
        ("a frame of 2^62 bytes", [&[0x82, 0xFF, 0x40][..], &[0; 64]].concat()),
        ("reserved bits", frame(0xF2, &[0xC0, 0])),
        ("an unknown opcode", frame(0x83, b"x")),
        ("a continuation of nothing", frame(0x80, b"x")),
        ("text", frame(0x81, b"x")),
        ("a ping in fragments", frame(0x09, b"x")),
        ("a ping of 126 bytes", frame(0x89, &[0; 126])),
        ("a close frame of one byte", frame(0x88, b"x")),
        ("a close frame that is not UTF-8", frame(0x88, &[0x03, 0xE8, 0xFF, 0xFE])),
        ("10,000 empty fragments", [frame(0x02, b""), frame(0x00, b"").repeat(10_000)].concat()),
        (
            "a message in fragments without an end",
            [frame(0x02, b"\x10"), frame(0x00, b"\xFF").repeat(10_000)].concat(),
        ),
        ("10,000 pings", ping.repeat(10_000)),
        ("a new message within another", [frame(0x02, b"\x10"), frame(0x02, b"x")].concat()),
        ("half a frame", frame(0x82, &[0x10; 1000])[..500].to_vec()),
        (
            "CVE-2026-25627: a PUBLISH that announces more than its frame has",
            [frame(0x82, &connect(4, &[])), frame(0x82, &[0x30, 0x80, 0x20, 0, 1, b'a'])].concat(),
        ),
    ]
}

#[tokio::test]
async fn frames_that_are_none() -> Result<()> {
    let mut siege = Siege::new(&[]).await?;
    for (name, bytes) in frames() {
        let mut raw = Raw::tcp_from(ELSEWHERE, siege.broker.http()).await?;
        raw.send(UPGRADE.as_bytes()).await?;
        let _ = raw.send(&bytes).await;
        siege.holds(name).await?;
    }
    Ok(())
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let get =
        |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes();
    let post = |headers: &str, body: &str| {
        let head = "POST /api/v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        format!("{head}{headers}\r\n{body}").into_bytes()
    };
    vec![
        ("a path out of the page", get("/../../../../etc/passwd", "")),
        ("the same, encoded", get("/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "")),
        ("the same, encoded twice", get("/%252e%252e%252fetc%252fpasswd", "")),
        ("a path with U+0000", get("/%00", "")),
        ("a path of 1 MB", get(&"/x".repeat(500_000), "")),
        ("a header of 1 MB", get("/", &format!("X: {}\r\n", "x".repeat(1 << 20)))),
        ("10,000 headers", get("/", &"A: b\r\n".repeat(10_000))),
        ("a header with a line of its own", get("/", "A: b\r\n c\r\nB\r\n: d\r\n")),
        ("two lengths", post("Content-Length: 1\r\nContent-Length: 5\r\n", "{}")),
        ("a length and chunks", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        ("a length that is too much", post("Content-Length: 99999999999999999999\r\n", "{}")),
        ("a length of a terabyte", post("Content-Length: 1099511627776\r\n", "{}")),
        ("a chunk of 2^64 bytes", post("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\n{}")),
        ("JSON in 100,000 brackets", {
            let body = "[".repeat(100_000);
            post(&format!("Content-Length: {}\r\n", body.len()), &body)
        }),
        ("an upgrade without a key", get("/mqtt", "Connection: Upgrade\r\nUpgrade: websocket\r\n")),
        ("an upgrade to something else", get("/mqtt", "Connection: Upgrade\r\nUpgrade: h2c\r\n")),
        ("an upgrade of the page", UPGRADE.replace("/mqtt", "/").into_bytes()),
        ("HTTP/2's first words", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("HTTP/0.9", b"GET /\r\n\r\n".to_vec()),
        ("an unknown method", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("a target that is an address", b"GET http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("CONNECT", b"CONNECT example.org:25 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("TLS", [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3][..], &[0; 512]].concat()),
        ("zeros", vec![0; 100_000]),
        ("MQTT", connect(4, &[])),
        ("5,000 requests at once", get("/healthz", "").repeat(5000)),
    ]
}

#[tokio::test]
async fn requests_that_are_none() -> Result<()> {
    let mut siege = Siege::new(&[]).await?;
    for (name, bytes) in requests() {
        let mut raw = Raw::tcp_from(ELSEWHERE, siege.broker.http()).await?;
        let _ = tokio::time::timeout(harness::QUIET, raw.send(&bytes)).await;
        drop(raw);
        siege.holds(name).await?;
        let health = harness::http::get(siege.broker.http(), "/healthz", &[]).await?;
        ensure!(health.status == 200, "{name}: {}", health.status);
    }
    let passwd = harness::http::get(siege.broker.http(), "/../../../../etc/passwd", &[]).await?;
    ensure!(!passwd.text().contains("root:"), "the page serves the system's files");
    Ok(())
}

/// Requests that come one byte at a time, and answers that nobody reads.
#[tokio::test]
async fn slow_requests() -> Result<()> {
    let mut siege = Siege::new(&["--max-pending", "100"]).await?;
    let mut slow = Vec::new();
    for number in 0..200 {
        let mut raw = Raw::tcp_from(ELSEWHERE, siege.broker.http()).await?;
        let part: &[u8] = match number % 3 {
            0 => b"GET / HT",
            1 => b"POST /api/v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
            _ => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        };
        let _ = raw.send(part).await;
        slow.push(raw);
    }
    siege.holds("200 slow requests").await?;
    let page = harness::http::get(siege.broker.http(), "/healthz", &[]).await?;
    ensure!(page.status == 200);
    Ok(())
}

#[tokio::test]
async fn who_asks_for_much_and_reads_nothing() -> Result<()> {
    let mut siege = Siege::new(&["--write-timeout", "2s", "--sys-interval", "1"]).await?;
    let request = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut greedy = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::tcp_from(ELSEWHERE, siege.broker.http()).await?;
        raw.send(request.repeat(3000).as_bytes()).await?;
        greedy.push(raw);
    }
    siege.holds("9000 answers for three who do not read").await?;
    siege.counted("limits/write-timeout").await?;
    // What reads has its answer, however long the other side thinks between two requests.
    let mut reader = Raw::tcp_from(ELSEWHERE, siege.broker.http()).await?;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    reader.send(b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let answer = reader.closed().await?;
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    siege.holds("their end").await
}
