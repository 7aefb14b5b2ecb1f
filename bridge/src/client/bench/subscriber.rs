//! One client that has subscribed, and looks at what comes.

use super::clock::Clock;
use super::connect::Client;
use super::order::{Seen, Sequence};
use super::packets::refuse_disconnect;
use super::packets::{Publication, Received};
use super::stamp::{MAX_PUBLISHERS, Stamp};
use super::tally::{Batch, Flow, Latencies, Recorder, SubscriberTally};
use rustc_hash::FxHashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep};

/// Publishers with numbers below this are looked up in a list, those above in a map.
const LISTED_PUBLISHERS: u32 = 1024;

/// What all subscribers of a run have in common.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) clock: Clock,
    /// What was due before is from another run.
    pub(super) start_ns: u64,
    /// What was due before does not count for latency.
    pub(super) measure_from_ns: u64,
    /// The publishers of this run; `None`: they are elsewhere, and anybody's messages count.
    pub(super) publishers: Option<u32>,
    pub(super) flow: Arc<Flow>,
}

/// A client that has subscribed.
pub(super) struct Subscriber {
    client: Client,
    number: u32,
    watch: Arc<Watch>,
    tally: Arc<SubscriberTally>,
    latencies: Arc<Latencies>,
    order: Order,
    /// Until the next PINGREQ.
    ping: Option<Pin<Box<Sleep>>>,
}

impl Subscriber {
    pub(super) fn new(
        client: Client,
        number: u32,
        watch: Arc<Watch>,
        tally: Arc<SubscriberTally>,
        latencies: Arc<Latencies>,
    ) -> Self {
        let ping = client.ping_every.map(|every| Box::pin(sleep(every)));
        Subscriber { client, number, watch, tally, latencies, order: Order::default(), ping }
    }

    /// Reads until the task is ended from outside; returns only if the connection ends first.
    pub(super) async fn run(&mut self) -> String {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// The client, after the last message.
    pub(super) fn into_client(self) -> Client {
        self.client
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        match self.poll_inner(cx) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        }
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Result<(), String> {
        let lost = |error| format!("the connection was lost: {error}");
        loop {
            let flushed = self.client.link.poll_flush(cx).map_err(lost)?;
            // Who does not get rid of acknowledgements should not collect more of them.
            if flushed.is_pending() && self.client.link.output.is_full() {
                return Ok(());
            }
            match self.client.link.poll_read(cx).map_err(lost)? {
                Poll::Ready(true) => self.take_all()?,
                Poll::Ready(false) => return Err("the server closed the connection".to_owned()),
                Poll::Pending if self.poll_ping(cx).is_pending() => return Ok(()),
                Poll::Pending => {}
            }
        }
    }

    /// Ready when there is a PINGREQ to be written.
    fn poll_ping(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(ping), Some(every)) = (&mut self.ping, self.client.ping_every) else {
            return Poll::Pending;
        };
        ready!(ping.as_mut().poll(cx));
        ping.as_mut().reset(Instant::now() + every);
        self.client.link.output.put(&[0xC0, 0]);
        Poll::Ready(())
    }

    /// Looks at all that one read brought.
    fn take_all(&mut self) -> Result<(), String> {
        let now = self.watch.clock.now();
        let mut latencies = self.latencies.lock(self.number);
        let mut batch = Batch::default();
        let link = &mut self.client.link;
        while let Some(received) = link.input.next()? {
            match received {
                Received::Publish(publication) => {
                    self.order.take(&publication, &self.watch, now, &mut batch, &mut latencies);
                    link.output.acknowledge(&publication);
                }
                Received::Ack(ack) => link.output.answer(ack),
                Received::Other(packet) => refuse_disconnect(&packet)?,
            }
        }
        drop(latencies);
        if batch.received > 0 {
            self.watch.flow.received(batch.received - batch.duplicates - batch.foreign);
            self.tally.add(&batch, now);
        }
        Ok(())
    }
}

/// The order of the messages of all publishers.
#[derive(Debug, Default)]
struct Order {
    listed: Vec<Sequence>,
    others: FxHashMap<u32, Sequence>,
}

impl Order {
    fn take(
        &mut self,
        publication: &Publication<'_>,
        watch: &Watch,
        now: u64,
        batch: &mut Batch,
        latencies: &mut Recorder<'_>,
    ) {
        batch.received += 1;
        batch.bytes += publication.payload.len() as u64;
        let Some(stamp) = Stamp::read(publication.payload) else { return };
        let is_ours = stamp.publisher < watch.publishers.unwrap_or(MAX_PUBLISHERS)
            && stamp.due_ns.is_none_or(|due| due >= watch.start_ns)
            && !publication.retain;
        if !is_ours {
            batch.foreign += 1;
            return;
        }
        match self.sequence(stamp.publisher).note(stamp.sequence) {
            Seen::InOrder => {}
            Seen::Late => batch.late += 1,
            Seen::Duplicate => {
                batch.duplicates += 1;
                return;
            }
        }
        if let Some(due_ns) = stamp.due_ns.filter(|due| *due >= watch.measure_from_ns) {
            latencies.add(now, due_ns);
        }
    }

    fn sequence(&mut self, publisher: u32) -> &mut Sequence {
        if publisher >= LISTED_PUBLISHERS {
            return self.others.entry(publisher).or_default();
        }
        let index = publisher as usize;
        if index >= self.listed.len() {
            self.listed.resize_with(index + 1, Sequence::default);
        }
        match self.listed.get_mut(index) {
            Some(sequence) => sequence,
            None => self.others.entry(publisher).or_default(), // cannot be: the list is long enough
        }
    }
}
