//! One client that publishes.

use super::clock::{Alarm, Clock, nanos};
use super::connect::Client;
use super::packets::{Received, refuse_disconnect};
use super::stamp::Stamp;
use super::tally::{Flow, Latencies, PublisherTally};
use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;
use tabmq_shared::BytesMut;
use tabmq_shared::codec::{PublishHeader, encode_publish_header};
use tabmq_shared::packet::{PacketId, QoS, Version};
use tabmq_shared::topic::TopicName;

/// How long a publisher that is ahead of the subscribers waits before it looks again.
const LEAD_POLL: Duration = Duration::from_micros(200);

/// What all publishers of a run have in common.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) clock: Clock,
    pub(super) qos: QoS,
    /// QoS 1 and 2: how many messages are in flight at a time.
    pub(super) in_flight: NonZeroU16,
    /// Nanoseconds between two messages of one publisher; `None`: as fast as it goes.
    pub(super) interval_ns: Option<f64>,
    pub(super) count: Option<u64>,
    /// Nothing is published from then on.
    pub(super) end_ns: u64,
    /// What was due before does not count for latency.
    pub(super) measure_from_ns: u64,
    pub(super) flow: Arc<Flow>,
    /// How many messages may be on their way to subscribers.
    pub(super) lead: Option<u64>,
}

/// A message, encoded once: what changes from one to the next is overwritten.
#[derive(Clone, Debug)]
pub(super) struct Template {
    packet: Vec<u8>,
    id_at: usize,
    payload_at: usize,
    /// How many subscribers it is for.
    copies: u32,
}

/// The templates of one publisher, which are used in turn.
pub(super) fn templates(
    topics: &[TopicName],
    copies: &[u32],
    sizes: &[usize],
    qos: QoS,
    retain: bool,
    version: Version,
) -> Result<Vec<Template>, String> {
    // All pairs of a topic and a size, so that neither changes less often than it could.
    let count = topics.len() * sizes.len();
    let pairs = (0..count)
        .map(|turn| (turn % topics.len(), (turn / topics.len() + turn % topics.len()) % sizes.len()));
    let pairs =
        pairs.filter_map(|(topic, size)| Some((topics.get(topic)?, *sizes.get(size)?, *copies.get(topic)?)));
    pairs.map(|(topic, size, copies)| Template::new(topic, size, qos, retain, version, copies)).collect()
}

impl Template {
    fn new(
        topic: &TopicName,
        size: usize,
        qos: QoS,
        retain: bool,
        version: Version,
        copies: u32,
    ) -> Result<Self, String> {
        let header = PublishHeader {
            dup: false,
            qos,
            retain,
            topic: topic.as_str(),
            packet_id: (qos != QoS::AtMostOnce).then_some(PacketId::MIN),
            topic_alias: None,
            properties: None,
            payload_len: size,
        };
        let mut packet = BytesMut::new();
        let id_at = encode_publish_header(&header, version, &mut packet)
            .map_err(|error| format!("the messages cannot be encoded: {error}"))?;
        let payload_at = packet.len();
        let mut packet = packet.to_vec();
        // Letters: a payload that people can look at, and that is no less work than any other.
        packet.extend((0..size).map(|i| b'a' + (i % 26) as u8));
        Ok(Template { packet, id_at, payload_at, copies })
    }
}

/// A client that publishes until it is through, and waits for the acknowledgements.
pub(super) struct Publisher {
    client: Client,
    number: u32,
    plan: Arc<Plan>,
    templates: Arc<[Template]>,
    tally: Arc<PublisherTally>,
    latencies: Arc<Latencies>,
    alarm: Option<Alarm>,
    /// When its first message is due.
    start_ns: u64,
    /// When it has put something into the output for the last time.
    heard_ns: u64,
    sent: u64,
    free_ids: VecDeque<u16>,
    in_flight: Vec<InFlight>,
    waiting: usize,
}

/// A packet id that is in use.
#[derive(Clone, Copy, Debug, Default)]
struct InFlight {
    /// 0: it is not in use.
    due_ns: u64,
    received: bool,
}

impl Publisher {
    /// A client with this number. Its first message is due at `start_ns`.
    pub(super) fn new(
        client: Client,
        number: u32,
        plan: Arc<Plan>,
        templates: Arc<[Template]>,
        start_ns: u64,
        tally: Arc<PublisherTally>,
        latencies: Arc<Latencies>,
    ) -> Result<Self, String> {
        let window = match plan.qos {
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce | QoS::ExactlyOnce => plan.in_flight.get().min(client.receive_maximum),
        };
        let needs_alarm = plan.interval_ns.is_some() || plan.lead.is_some() || start_ns > plan.clock.now();
        let alarm = needs_alarm.then(|| Alarm::new(plan.clock)).transpose();
        Ok(Publisher {
            client,
            number,
            templates,
            tally,
            latencies,
            alarm: alarm.map_err(|error| format!("there is no timer: {error}"))?,
            start_ns,
            heard_ns: plan.clock.now(),
            sent: 0,
            free_ids: (1..=window).collect(),
            in_flight: vec![InFlight::default(); usize::from(window) + 1],
            waiting: 0,
            plan,
        })
    }

    /// Publishes all, and gives the client back.
    pub(super) async fn run(mut self) -> Result<Client, String> {
        std::future::poll_fn(|cx| self.poll(cx)).await?;
        Ok(self.client)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        loop {
            let mut is_blocked = self.poll_read(cx)?.is_pending();
            let flushed = self.client.link.poll_flush(cx).map_err(lost)?.is_ready();
            let next = if flushed { self.fill() } else { Next::Blocked };
            match next {
                Next::Filled => continue,
                Next::Through if self.waiting == 0 => return Poll::Ready(Ok(())),
                Next::Through | Next::Blocked => {}
                Next::At(at_ns) => {
                    if let Some(alarm) = &mut self.alarm {
                        is_blocked &= alarm.poll_at(at_ns, cx).map_err(lost)?.is_pending();
                    }
                }
            }
            if is_blocked {
                return Poll::Pending;
            }
        }
    }

    /// Reads once and handles all that came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        match self.client.link.poll_read(cx).map_err(lost)? {
            Poll::Ready(true) => {}
            Poll::Ready(false) => return Poll::Ready(Err("the server closed the connection".to_owned())),
            Poll::Pending => return Poll::Pending,
        }
        let now = self.plan.clock.now();
        let mut acknowledged = 0;
        let mut latencies = None;
        while let Some(received) = self.client.link.input.next()? {
            let ack = match received {
                Received::Ack(ack) => ack,
                Received::Other(packet) => {
                    refuse_disconnect(&packet)?;
                    continue;
                }
                Received::Publish(_) => continue, // it has not subscribed to anything
            };
            let Some(slot) =
                self.in_flight.get_mut(usize::from(ack.packet_id)).filter(|slot| slot.due_ns > 0)
            else {
                return Poll::Ready(Err(format!(
                    "the server acknowledged {}, which is not in flight",
                    ack.packet_id
                )));
            };
            let is_end = ack.failed || self.plan.qos == QoS::AtLeastOnce || slot.received;
            slot.received = true;
            if ack.failed {
                self.tally.refused.fetch_add(1, Relaxed);
            } else {
                self.client.link.output.answer(ack);
            }
            if is_end {
                if slot.due_ns >= self.plan.measure_from_ns {
                    latencies.get_or_insert_with(|| self.latencies.lock(self.number)).add(now, slot.due_ns);
                }
                *slot = InFlight::default();
                self.free_ids.push_back(ack.packet_id);
                self.waiting -= 1;
                acknowledged += 1;
            }
        }
        drop(latencies);
        self.tally.acknowledged.fetch_add(acknowledged, Relaxed);
        Poll::Ready(Ok(()))
    }

    /// Puts as many messages into the output as are due and fit.
    fn fill(&mut self) -> Next {
        let now = self.plan.clock.now();
        let (first, mut copies, mut bytes) = (self.sent, 0, 0);
        let end = loop {
            if self.plan.count.is_some_and(|count| self.sent >= count) || now >= self.plan.end_ns {
                break Next::Through;
            }
            let due_ns = self.due_ns(now);
            if due_ns > now {
                break Next::At(due_ns.min(self.plan.end_ns));
            }
            if self.plan.lead.is_some_and(|lead| self.plan.flow.on_their_way() + copies > lead) {
                break Next::At(now + nanos(LEAD_POLL));
            }
            if self.client.link.output.is_full() {
                break Next::Filled;
            }
            if self.plan.qos != QoS::AtMostOnce && self.free_ids.is_empty() {
                break Next::Blocked;
            }
            let Some(template) = self.put(due_ns) else { break Next::Through };
            copies += u64::from(template.0);
            bytes += template.1 as u64;
        };
        if self.sent == first {
            return self.ping_instead(end, now);
        }
        self.heard_ns = now;
        self.plan.flow.sent(copies);
        self.tally.sent.store(self.sent, Relaxed);
        self.tally.bytes.fetch_add(bytes, Relaxed);
        self.tally.expected.fetch_add(copies, Relaxed);
        self.tally.last_ns.store(now, Relaxed);
        Next::Filled
    }

    /// A slow publisher must be heard of between its messages.
    fn ping_instead(&mut self, next: Next, now: u64) -> Next {
        let (Next::At(at_ns), Some(every)) = (&next, self.client.ping_every) else { return next };
        let ping_at = self.heard_ns + nanos(every);
        if now < ping_at {
            return Next::At(ping_at.min(*at_ns));
        }
        self.heard_ns = now;
        self.client.link.output.put(&[0xC0, 0]); // PINGREQ
        Next::Filled
    }

    /// When the next message is due.
    fn due_ns(&self, now: u64) -> u64 {
        match self.plan.interval_ns {
            Some(interval) => self.start_ns.saturating_add((self.sent as f64 * interval) as u64),
            None => now.max(self.start_ns),
        }
    }

    /// Puts one message into the output. Returns how many copies of it must arrive, and its payload's size.
    fn put(&mut self, due_ns: u64) -> Option<(u32, usize)> {
        let index = usize::try_from(self.sent % (self.templates.len() as u64).max(1)).unwrap_or_default();
        let template = self.templates.get(index)?;
        let packet = self.client.link.output.put(&template.packet);
        if let Some(id) = self.free_ids.pop_front() {
            if let Some(place) = packet.get_mut(template.id_at..template.id_at + 2) {
                place.copy_from_slice(&id.to_be_bytes());
            }
            if let Some(slot) = self.in_flight.get_mut(usize::from(id)) {
                *slot = InFlight { due_ns, received: false };
            }
            self.waiting += 1;
        }
        Stamp::write(
            self.number,
            self.sent,
            due_ns,
            packet.get_mut(template.payload_at..).unwrap_or_default(),
        );
        self.sent += 1;
        Some((template.copies, template.packet.len() - template.payload_at))
    }
}

/// How a publisher goes on.
enum Next {
    /// There is something to write.
    Filled,
    /// The next message is due then.
    At(u64),
    /// Something must be read, or written, first.
    Blocked,
    /// All is published.
    Through,
}

fn lost(error: std::io::Error) -> String {
    format!("the connection was lost: {error}")
}
