//! A message on its way through the broker, and the forms in which it leaves.

use super::router::GroupId;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::codec::{PublishHeader, encode_publish_header};
use tabmq_shared::packet::{PacketId, PublishProperties, QoS, Version};
use tabmq_shared::topic::TopicName;
use tabmq_shared::{ByteString, Time};

use crate::outbox::SHARED_PAYLOAD_BYTES;

/// Messages up to this size are copied when they are kept, so that none of them keeps a whole read buffer alive.
/// A larger one fills a quarter of its read buffer, or more, by itself.
const COPIED_WHEN_KEPT_BYTES: usize = 64 * 1024;

/// A message of which the server itself is the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMessage {
    /// Where to.
    pub topic: TopicName,
    /// The application's bytes.
    pub payload: Bytes,
    /// The highest QoS with which it is delivered.
    pub qos: QoS,
    /// Whether to keep it as the topic's retained message.
    pub retain: bool,
    /// What 5.0 subscribers see; subscription identifiers in it are ignored.
    pub properties: Option<Box<PublishProperties>>,
}

impl ServerMessage {
    /// As it goes through the broker, from now on.
    pub(super) fn into_message(self, now: Time) -> Message {
        let ServerMessage { topic, payload, qos, retain, mut properties } = self;
        if let Some(properties) = &mut properties {
            properties.subscription_ids.clear();
        }
        let expires_at = expires_at(properties.as_deref(), now);
        Message { topic, payload, qos, retain, properties, expires_at }
    }
}

/// An application message, its topic alias resolved.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) topic: TopicName,
    pub(super) payload: Bytes,
    /// As it was published.
    pub(super) qos: QoS,
    /// As it was published.
    pub(super) retain: bool,
    /// 5.0; without subscription identifiers.
    pub(super) properties: Option<Box<PublishProperties>>,
    /// From the message expiry interval and the time of arrival.
    pub(super) expires_at: Option<Time>,
}

/// When a message that comes now expires, by its expiry interval (5.0 section 3.3.2.3.3).
pub(super) fn expires_at(properties: Option<&PublishProperties>, now: Time) -> Option<Time> {
    Some(now + Duration::from_secs(u64::from(properties?.message_expiry_s?)))
}

impl Message {
    /// The same message in memory of its own, to be queued or retained.
    pub(super) fn keep(&self) -> Arc<Message> {
        let mut message = self.clone();
        if self.payload.len() <= COPIED_WHEN_KEPT_BYTES {
            let topic_bytes = self.topic.as_str().len();
            let mut both = BytesMut::with_capacity(topic_bytes + self.payload.len());
            both.extend_from_slice(self.topic.as_str().as_bytes());
            both.extend_from_slice(&self.payload);
            let mut both = both.freeze();
            let topic = both.split_to(topic_bytes);
            if let Some(topic) = ByteString::try_from(topic).ok().and_then(|t| TopicName::new(t).ok()) {
                message.topic = topic;
                message.payload = both;
            }
        }
        if let Some(properties) = &mut message.properties {
            keep_properties(properties);
        }
        Arc::new(message)
    }

    pub(super) fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// What the message weighs in a queue, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.topic.as_str().len() + self.payload.len() + size_of::<Message>()
    }
}

fn keep_properties(properties: &mut PublishProperties) {
    let copy = |text: &mut ByteString| *text = ByteString::from(text.to_string());
    properties.content_type.as_mut().map(copy);
    properties.response_topic.as_mut().map(copy);
    if let Some(data) = &mut properties.correlation_data {
        *data = Bytes::copy_from_slice(data);
    }
    for (name, value) in &mut properties.user {
        copy(name);
        copy(value);
    }
}

/// A message for one session: what is queued, and kept in flight until it is acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) message: Arc<Message>,
    /// The lower of the publisher's and the subscription's [MQTT-3.8.4-8].
    pub(super) qos: QoS,
    /// The RETAIN flag to send.
    pub(super) retain: bool,
    /// It was sent because of a SUBSCRIBE, not because it was published: not counted against the queue's limit.
    pub(super) replayed: bool,
    pub(super) subscription_ids: Option<Arc<[u32]>>,
    /// The shared subscription for which this session was chosen.
    pub(super) group: Option<GroupId>,
}

/// One message on its way to its receivers: encoded at most once for each wire form, copied into memory of its own
/// only if somebody has to keep it.
pub(super) struct Outbound<'a> {
    pub(super) message: &'a Message,
    pub(super) now: Time,
    kept: Option<Arc<Message>>,
    scratch: &'a mut BytesMut,
    forms: [Option<WireForm>; 12],
    /// Where the last special packet begins in the scratch buffer: the next one takes its place.
    special_at: Option<usize>,
}

/// A packet encoded in the scratch buffer, with room for a packet id.
#[derive(Clone, Copy)]
struct WireForm {
    start: usize,
    end: usize,
    id_at: usize,
}

/// A packet ready to be copied into an outbox.
pub(super) struct Encoded<'a> {
    /// The whole packet, or all but the payload if that is large enough to be shared.
    pub(super) head: &'a [u8],
    pub(super) id_at: usize,
    pub(super) shared_payload: Option<Bytes>,
    pub(super) payload_bytes: usize,
}

impl Encoded<'_> {
    pub(super) fn packet_bytes(&self) -> usize {
        self.head.len() + self.shared_payload.as_ref().map_or(0, Bytes::len)
    }
}

impl<'a> Outbound<'a> {
    pub(super) fn new(message: &'a Message, scratch: &'a mut BytesMut, now: Time) -> Self {
        scratch.clear();
        Outbound { message, now, kept: None, scratch, forms: [None; 12], special_at: None }
    }

    /// Goes on with a message that is kept already.
    pub(super) fn from_kept(message: &'a Arc<Message>, scratch: &'a mut BytesMut, now: Time) -> Self {
        Outbound { kept: Some(message.clone()), ..Outbound::new(message, scratch, now) }
    }

    /// The message in memory of its own, made at the first call.
    pub(super) fn keep(&mut self) -> Arc<Message> {
        self.kept.get_or_insert_with(|| self.message.keep()).clone()
    }

    /// The next receiver is slow: it gets the payload in memory of its own, which all slow ones share.
    pub(super) fn leave_read_buffer(&mut self) {
        if (SHARED_PAYLOAD_BYTES..=COPIED_WHEN_KEPT_BYTES).contains(&self.message.payload.len()) {
            self.keep();
        }
    }

    /// The packet for receivers with this version, QoS and RETAIN flag, and without anything of their own in it.
    #[inline(always)] // measured: the returned struct otherwise goes through memory, once for each receiver
    pub(super) fn common(&mut self, version: Version, qos: QoS, retain: bool) -> Option<Encoded<'_>> {
        let index = usize::from(version.is_v5()) * 6 + usize::from(qos.as_u8()) * 2 + usize::from(retain);
        let form = match self.forms.get(index).copied().flatten() {
            Some(form) => form,
            None => {
                let form = self.encode(version, qos, retain, &Own::default())?;
                *self.forms.get_mut(index)? = Some(form);
                form
            }
        };
        self.encoded(form)
    }

    /// The packet for one receiver that has something of its own in it.
    pub(super) fn special(
        &mut self,
        version: Version,
        qos: QoS,
        retain: bool,
        own: &Own<'_>,
    ) -> Option<Encoded<'_>> {
        let form = self.encode(version, qos, retain, own)?;
        self.special_at = Some(form.start);
        self.encoded(form)
    }

    #[inline(always)] // measured: the returned struct otherwise goes through memory, once for each receiver
    fn encoded(&self, form: WireForm) -> Option<Encoded<'_>> {
        let payload = self.kept.as_ref().map_or(&self.message.payload, |kept| &kept.payload);
        Some(Encoded {
            head: self.scratch.get(form.start..form.end)?,
            id_at: form.id_at,
            payload_bytes: payload.len(),
            shared_payload: (payload.len() >= SHARED_PAYLOAD_BYTES).then(|| payload.clone()),
        })
    }

    fn encode(&mut self, version: Version, qos: QoS, retain: bool, own: &Own<'_>) -> Option<WireForm> {
        let message = self.message;
        let changed = own.properties(message, self.now);
        let header = PublishHeader {
            dup: own.dup,
            qos,
            retain,
            topic: if own.omit_topic { "" } else { message.topic.as_str() },
            packet_id: (qos != QoS::AtMostOnce).then_some(PacketId::MIN),
            topic_alias: own.topic_alias,
            properties: changed.as_ref().or(message.properties.as_deref()),
            payload_len: message.payload.len(),
        };
        if let Some(at) = self.special_at.take() {
            self.scratch.truncate(at);
        }
        let start = self.scratch.len();
        // It cannot be too long: it came in as a packet, and what we add is small. If it is, it is dropped.
        let id_at = encode_publish_header(&header, version, self.scratch).ok()?;
        if message.payload.len() < SHARED_PAYLOAD_BYTES {
            self.scratch.extend_from_slice(&message.payload);
        }
        Some(WireForm { start, end: self.scratch.len(), id_at })
    }
}

/// What a packet has that other receivers' packets of the same message do not have.
#[derive(Default)]
pub(super) struct Own<'a> {
    pub(super) dup: bool,
    pub(super) topic_alias: Option<std::num::NonZeroU16>,
    /// The receiver knows the topic by its alias.
    pub(super) omit_topic: bool,
    pub(super) subscription_ids: &'a [u32],
    /// The message has waited: its expiry interval is shorter by now [MQTT-3.3.2-6].
    pub(super) waited: bool,
}

impl Own<'_> {
    /// The properties to send, where they are not the message's own.
    fn properties(&self, message: &Message, now: Time) -> Option<PublishProperties> {
        let expiry_changes = self.waited && message.expires_at.is_some();
        if self.subscription_ids.is_empty() && !expiry_changes {
            return None;
        }
        let mut properties = message.properties.as_deref().cloned().unwrap_or_default();
        properties.subscription_ids = self.subscription_ids.to_vec();
        if let (true, Some(at)) = (self.waited, message.expires_at) {
            let seconds = at.since(now).as_millis().div_ceil(1000);
            properties.message_expiry_s = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        Some(properties)
    }
}
