//! Lives on a reactor, over real sockets.

use super::*;
use crate::workers::Workers;
use std::num::NonZeroUsize;
use std::thread;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Workers, and the client's end of one connection that they serve.
pub(super) async fn serve_one(
    begin: impl FnOnce(Socket) -> Life + Send + 'static,
) -> (Workers<Life>, TcpStream) {
    let workers: Workers<Life> = Workers::start(NonZeroUsize::MIN).unwrap();
    let (client, stream) = pair().await;
    workers.serve(stream, begin);
    (workers, client)
}

/// Both ends of a connection.
async fn pair() -> (TcpStream, Stream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = Listener::new(listener).unwrap();
    let (client, served) = tokio::join!(TcpStream::connect(address), listener.accept());
    (client.unwrap(), served.unwrap().0)
}

fn echo(mut socket: Socket) -> Life {
    Box::pin(async move {
        let mut buffer = [0; 1000];
        while let Ok(n @ 1..) = socket.read(&mut buffer).await {
            socket.write_all(&buffer[..n]).await.unwrap();
        }
        socket.shutdown().await.unwrap();
    })
}

/// What comes back of `bytes`, after which nothing more is sent.
async fn echoed(mut client: TcpStream, bytes: &[u8]) -> Vec<u8> {
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    all
}

#[tokio::test]
async fn data_and_the_end_that_come_together_are_both_seen() {
    for size in [0, 1, 999, 1000, 1001, 3000] {
        let (workers, client) = serve_one(echo).await;
        let bytes = vec![3; size];
        assert_eq!(echoed(client, &bytes).await, bytes);
        drop(workers);
    }
}

#[tokio::test]
async fn many_are_served_and_their_slots_used_again() {
    let workers: Workers<Life> = Workers::start(NonZeroUsize::new(2).unwrap()).unwrap();
    for _ in 0..3 {
        let mut clients = Vec::new();
        for n in 0..100_u8 {
            let (client, stream) = pair().await;
            workers.serve(stream, echo);
            clients.push((n, client));
        }
        for (n, client) in clients {
            assert_eq!(echoed(client, &[n]).await, [n]);
        }
    }
}

#[tokio::test]
async fn a_life_that_panics_ends_alone() {
    let workers: Workers<Life> = Workers::start(NonZeroUsize::MIN).unwrap();
    let (other, stream) = pair().await;
    workers.serve(stream, echo);
    let (mut client, stream) = pair().await;
    workers.serve(stream, |mut socket| {
        Box::pin(async move {
            socket.read_u8().await.unwrap();
            panic!("as expected: this is a test");
        })
    });
    client.write_u8(0).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "it is closed");
    assert_eq!(echoed(other, b"still there").await, b"still there");
}

#[tokio::test]
async fn timers_and_other_threads_wake() {
    let (_workers, mut client) = serve_one(|mut socket| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            socket.write_u8(1).await.unwrap();
            // The blocking pool wakes from a thread of its own.
            let two = tokio::task::spawn_blocking(|| 2).await.unwrap();
            socket.write_u8(two).await.unwrap();
            // As does one that knows of no runtime.
            let (sender, receiver) = tokio::sync::oneshot::channel();
            thread::spawn(|| sender.send(3));
            socket.write_u8(receiver.await.unwrap()).await.unwrap();
        })
    })
    .await;
    for expected in 1..=3 {
        assert_eq!(client.read_u8().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn who_wakes_itself_lets_others_have_their_turn() {
    let workers: Workers<Life> = Workers::start(NonZeroUsize::MIN).unwrap();
    let (mut client, stream) = pair().await;
    workers.serve(stream, |mut socket| {
        Box::pin(async move {
            socket.read_u8().await.unwrap();
            loop {
                tokio::task::yield_now().await; // for ever
            }
        })
    });
    client.write_u8(0).await.unwrap();
    let (other, stream) = pair().await;
    workers.serve(stream, echo);
    assert_eq!(echoed(other, b"served all the same").await, b"served all the same");
}
