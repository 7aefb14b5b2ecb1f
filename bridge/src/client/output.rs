//! Standard output that does not hold up the connection: a thread writes, and says when it is behind.

use std::io::{self, Write};
use std::thread::JoinHandle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// From this many bytes on, they are handed to the thread even while more messages are coming in.
const FLUSH_BYTES: usize = 64 * 1024;

/// With this many bytes the connection should not be read from until the thread has caught up.
const FULL_BYTES: usize = 1 << 20;

/// A buffer before a thread that writes.
pub(super) struct Output {
    buffer: Vec<u8>,
    sender: Sender<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

/// Nobody reads any more what is written.
#[derive(Debug)]
pub(super) struct Closed;

impl Output {
    /// Writes to `target`, each portion followed by a flush.
    pub(super) fn to(target: impl Write + Send + 'static) -> Self {
        let (sender, receiver) = channel(2);
        let thread = std::thread::spawn(move || write_all(receiver, target));
        Output { buffer: Vec::new(), sender, thread }
    }

    /// Where to append. [`Output::flush_if_large`] is to follow.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Hands over what there is if that is much and the thread is not behind.
    pub(super) fn flush_if_large(&mut self) -> Result<(), Closed> {
        if self.buffer.len() < FLUSH_BYTES {
            return Ok(());
        }
        match self.sender.try_send(std::mem::take(&mut self.buffer)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(buffer)) => {
                self.buffer = buffer;
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(Closed),
        }
    }

    /// Whether the thread is so far behind that nothing more should be appended.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= FULL_BYTES
    }

    /// Hands over what there is as soon as the thread takes it. With nothing to hand over it waits until nobody reads
    /// any more. May be given up: nothing is lost.
    pub(super) async fn flush(&mut self) -> Result<(), Closed> {
        if self.buffer.is_empty() {
            self.sender.closed().await;
            return Err(Closed);
        }
        let permit = self.sender.reserve().await.map_err(|_| Closed)?;
        permit.send(std::mem::take(&mut self.buffer));
        Ok(())
    }

    /// Writes what is left. A reader that has gone away is no error; a full disk is.
    pub(super) async fn finish(mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            let _ = self.flush().await; // the thread's own result says why not
        }
        drop(self.sender);
        let thread = self.thread;
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        match joined {
            Ok(Ok(Err(error))) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

fn write_all(mut receiver: Receiver<Vec<u8>>, mut target: impl Write) -> io::Result<()> {
    while let Some(bytes) = receiver.blocking_recv() {
        target.write_all(&bytes)?;
        target.flush()?;
    }
    Ok(())
}
