//! TLS handshakes: how many at a time, how long, and what becomes of those that fail.
//!
//! ```text
//! accepted -> first byte -> handshake -> Stream
//!                 |             |
//!                 '-- no TLS    '-- refused, out of time, or pushed out by newer ones
//! ```
//!
//! Half-open connections cost memory, so there is a limit. Whoever comes when it is reached gets in nevertheless, and the
//! oldest one that is not done yet goes: an honest client needs some milliseconds, so that is one that only pretends.

use super::{discard, tls::Stream};
use crate::tls::{Inside, ServerTls, refused_client};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// The type of a TLS record that begins a connection (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// How long a client may take to read why it was refused.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// What a browser is told that was asked for http:// in place of https://.
const NOT_HTTPS: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
                         \r\nThis address speaks TLS: write https:// in place of http://\n";

/// All handshakes of a broker.
#[derive(Debug)]
pub struct Handshakes {
    tls: Arc<ServerTls>,
    limit: usize,
    time: Duration,
    waiting: Mutex<Waiting>,
    counts: Counts,
}

/// Those that are not done yet, the oldest first.
#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    push_out: BTreeMap<u64, oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    refused: AtomicU64,
    out_of_time: AtomicU64,
    pushed_out: AtomicU64,
}

/// How handshakes have ended since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandshakeStats {
    /// Going on now.
    pub pending: u64,
    /// Well.
    pub done: u64,
    /// One side did not accept the other, or it was no TLS.
    pub refused: u64,
    /// Not within the time.
    pub out_of_time: u64,
    /// Newer ones needed the room.
    pub pushed_out: u64,
}

/// Why there is no connection: `None` if nothing was said at all, as port scans and health checks do.
pub type NoHandshake = Option<String>;

impl Handshakes {
    /// At most `limit` at a time, none of which may take longer than `time`.
    pub fn new(tls: Arc<ServerTls>, limit: usize, time: Duration) -> Self {
        Handshakes { tls, limit: limit.max(1), time, waiting: Mutex::default(), counts: Counts::default() }
    }

    /// The certificates.
    pub fn tls(&self) -> &Arc<ServerTls> {
        &self.tls
    }

    /// The counters as they are now.
    pub fn stats(&self) -> HandshakeStats {
        let Counts { done, refused, out_of_time, pushed_out } = &self.counts;
        let [done, refused, out_of_time, pushed_out] =
            [done, refused, out_of_time, pushed_out].map(|count| count.load(Ordering::Relaxed));
        let pending = self.waiting.lock().push_out.len() as u64;
        HandshakeStats { pending, done, refused, out_of_time, pushed_out }
    }

    /// Does the handshake with a client.
    pub async fn accept(&self, stream: TcpStream, inside: Inside) -> Result<Stream, NoHandshake> {
        let (_turn, pushed_out) = self.begin();
        let (count, result) = tokio::select! {
            biased;
            result = tokio::time::timeout(self.time, self.meet(stream, inside)) => match result {
                Ok(Ok(stream)) => (&self.counts.done, Ok(stream)),
                Ok(Err(why)) => (&self.counts.refused, Err(why)),
                Err(_elapsed) => {
                    let why = format!("no TLS handshake within {} s", self.time.as_secs());
                    (&self.counts.out_of_time, Err(Some(why)))
                }
            },
            _ = pushed_out => {
                let why = format!("the TLS handshake was not done when {} newer ones had begun", self.limit);
                (&self.counts.pushed_out, Err(Some(why)))
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        result
    }

    /// Makes room for one more.
    fn begin(&self) -> (Turn<'_>, oneshot::Receiver<()>) {
        let (push_out, pushed_out) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.push_out.len() >= self.limit
            && let Some((_, oldest)) = waiting.push_out.pop_first()
        {
            let _ = oldest.send(()); // it may be done at this very moment
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.push_out.insert(number, push_out);
        (Turn { handshakes: self, number }, pushed_out)
    }

    async fn meet(&self, stream: TcpStream, inside: Inside) -> Result<Stream, NoHandshake> {
        let mut first = [0; 1];
        let lost =
            |error: io::Error| Some(format!("the connection was lost within the TLS handshake: {error}"));
        match stream.peek(&mut first).await {
            Ok(0) => return Err(None),
            Ok(_) if first == [HANDSHAKE_RECORD] => {}
            Ok(_) => return Err(Some(plain_text(stream, first, inside).await)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(None),
            Err(error) => return Err(lost(error)),
        }
        let accept = TlsAcceptor::from(self.tls.config(inside)).accept(stream).into_fallible();
        match accept.await {
            Ok(stream) => Ok(Stream::new(stream)),
            Err((error, stream)) => {
                say_goodbye(stream, b"").await;
                Err(Some(refused_client(&error)))
            }
        }
    }
}

/// A handshake's place among those that are not done yet.
struct Turn<'a> {
    handshakes: &'a Handshakes,
    number: u64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Nothing, if it was pushed out.
        self.handshakes.waiting.lock().push_out.remove(&self.number);
    }
}

/// What does not begin with TLS: says what it probably is, and helps browsers.
async fn plain_text(stream: TcpStream, first: [u8; 1], inside: Inside) -> String {
    let is_http = first[0].is_ascii_uppercase();
    say_goodbye(stream, if is_http { NOT_HTTPS.as_bytes() } else { b"" }).await;
    let what = match (first[0], inside) {
        (0x10, _) => "plain MQTT",
        (_, _) if is_http => "plain HTTP",
        _ => "something else",
    };
    let remedy = match inside {
        Inside::Mqtt => "the client must use TLS (mqtts://, --cafile) or the port without it",
        Inside::Http => "the client must use https:// or wss://",
    };
    format!("{what} on a TLS port: {remedy}")
}

/// Lets what was written last arrive, as [`Transport::close`](super::Transport::close) does.
async fn say_goodbye(mut stream: TcpStream, words: &[u8]) {
    let goodbye = async {
        stream.write_all(words).await?;
        AsyncWriteExt::shutdown(&mut stream).await?;
        discard(&mut stream).await
    };
    let _ = tokio::time::timeout(FAREWELL_TIME, goodbye).await;
}
