//! One connection: bytes on their way, and the broker's end of it.

use super::super::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

/// A connection. The client's end belongs to its peer, the broker's end is here.
pub(super) struct Wire {
    /// On the way to the broker.
    pub(super) up: BytesMut,
    /// On the way to the client.
    pub(super) down: BytesMut,
    /// The client has closed: nothing follows what is on the way up.
    pub(super) up_ended: bool,
    /// The broker has closed: nothing follows what is on the way down.
    pub(super) down_ended: bool,
    conn: Option<(ConnId, Version)>,
    /// What has come to the broker's end and is not a whole packet.
    input: BytesMut,
    queue: WriteQueue,
    /// The broker may have more output, and does not tell: something was read, or the outbox was full.
    look: bool,
    woken: Arc<Woken>,
}

/// A waker that is asked. If the broker forgot to call it, the run never settles.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Wire {
    pub(super) fn new() -> Wire {
        let [up, down, input] = [(); 3].map(|()| BytesMut::new());
        Wire {
            up,
            down,
            up_ended: false,
            down_ended: false,
            conn: None,
            input,
            queue: WriteQueue::default(),
            look: false,
            woken: Arc::default(),
        }
    }

    /// Whether the broker has had a CONNECT on it.
    pub(super) fn is_known(&self) -> bool {
        self.conn.is_some()
    }

    /// Whether nothing is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        let woken = self.woken.0.load(Ordering::Relaxed);
        !self.look && !woken && self.up.is_empty() && self.down.is_empty() && !self.queue.has_remaining()
    }

    /// The broker's end reads some of what has come, and writes some of what waits, as `connection` does.
    pub(super) fn serve(&mut self, broker: &mut Broker, rng: &mut fastrand::Rng, now: Time) {
        if self.down_ended {
            return;
        }
        self.read(broker, rng, now);
        if self.up_ended && self.up.is_empty() {
            return self.cut(broker, None, now);
        }
        self.write(broker, rng, now);
    }

    /// The broker's end breaks.
    pub(super) fn cut(&mut self, broker: &mut Broker, error: Option<&str>, now: Time) {
        if let Some((conn, _)) = self.conn {
            broker.handle_transport_end(conn, error.map(str::to_owned), now);
            broker.release(conn);
        }
        self.down_ended = true;
    }

    fn read(&mut self, broker: &mut Broker, rng: &mut fastrand::Rng, now: Time) {
        let bytes = rng.usize(0..=self.up.len());
        self.input.unsplit(self.up.split_to(bytes));
        if bytes == 0 {
            return;
        }
        let limits = codec::Limits::of_server();
        if self.conn.is_none() {
            let Some(packet) = codec::decode(&mut self.input, Version::V5, &limits).unwrap() else { return };
            let Packet::Connect(connect) = packet else { panic!("{packet:?} in place of CONNECT") };
            let version = connect.version;
            let conn = broker.connect(&connect, Admitted::default(), Rig::peer(), now).unwrap();
            self.conn = Some((conn, version));
        }
        let Some((conn, version)) = self.conn else { return };
        let mut packets = Vec::new();
        while let Some(packet) = codec::decode(&mut self.input, version, &limits).unwrap() {
            packets.push(packet);
        }
        broker.handle_packets(conn, &mut packets, bytes, now);
        self.look = true;
    }

    fn write(&mut self, broker: &mut Broker, rng: &mut fastrand::Rng, now: Time) {
        let Some((conn, _)) = self.conn else { return };
        if !self.queue.has_remaining() {
            let woken = self.woken.0.swap(false, Ordering::Relaxed);
            if !std::mem::take(&mut self.look) && !woken {
                return;
            }
            match broker.take_output(
                conn,
                &mut self.queue,
                &crate::broker::Wake::anywhere(Waker::from(self.woken.clone())),
                now,
            ) {
                Output::Data { more } => self.look = more,
                Output::Idle => return,
                Output::Close => {
                    broker.release(conn);
                    self.down_ended = true;
                    return;
                }
            }
        }
        let mut left = rng.usize(0..=self.queue.remaining());
        while left > 0 {
            let some = left.min(self.queue.chunk().len());
            self.down.extend_from_slice(&self.queue.chunk()[..some]);
            self.queue.advance(some);
            left -= some;
        }
    }
}
