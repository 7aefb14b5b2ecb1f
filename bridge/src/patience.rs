//! Streams that somebody must take something of: who does not read holds memory and a place of others.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long a peer may take nothing.
pub trait Patience: Send + Sync {
    /// From the moment at which nothing more could be written.
    fn time(&self) -> Duration;

    /// It is over: the connection is closed.
    fn lost(&self);
}

/// A time that does not change, and nobody who counts.
impl Patience for Duration {
    fn time(&self) -> Duration {
        *self
    }

    fn lost(&self) {}
}

/// A stream whose writes fail once the peer has taken nothing for too long. Its reads may wait for ever.
pub struct Patient<S> {
    stream: S,
    patience: Arc<dyn Patience>,
    /// While a write waits.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// A stream with no write that waits.
    pub fn new(stream: S, patience: Arc<dyn Patience>) -> Self {
        Patient { stream, patience, timer: None }
    }

    /// The stream itself; whoever has it next has a patience of their own.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Passes on what is ready, and looks at the clock if nothing is.
    fn wait<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.timer = None;
            return written;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience.time())));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.patience.lost();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "it took nothing of what waits for it")))
    }
}

impl<S> fmt::Debug for Patient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("waits", &self.timer.is_some()).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wait(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wait(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.wait(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.wait(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    #[derive(Default)]
    struct Minute(AtomicUsize);

    impl Patience for Minute {
        fn time(&self) -> Duration {
            Duration::from_secs(60)
        }

        fn lost(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_after_a_minute() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let minute = Arc::new(Minute::default());
        let mut stream = Patient::new(ours, Arc::clone(&minute) as _);
        let start = Instant::now();
        let error = stream.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!((start.elapsed().as_secs(), minute.0.load(Ordering::Relaxed)), (60, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_slowly_may_take_for_ever_and_idling_is_no_reading() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let minute = Arc::new(Minute::default());
        let mut stream = Patient::new(ours, Arc::clone(&minute) as _);
        let start = Instant::now();
        let reader = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(50)).await;
                theirs.read_exact(&mut [0; 10]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(stream.write_all(&[0; 100]), reader);
        written.unwrap();
        // With nothing to write nobody is waited for.
        tokio::time::sleep(Duration::from_secs(1000)).await;
        stream.write_all(&[0; 16]).await.unwrap();
        assert_eq!((start.elapsed().as_secs(), minute.0.load(Ordering::Relaxed)), (1500, 0));
    }
}
