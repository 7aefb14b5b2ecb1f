//! What JavaScript is told, in calls with plain values: one call for each message, without an object in between.

use js_sys::{Array, JsString, Object, Reflect, Uint8Array};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use tabmq_shared::ByteString;
use tabmq_shared::client::{Event, Outcome, State, Why};
use tabmq_shared::packet::{Publish, PublishProperties, ReasonCode};
use tabmq_web_client::client::Report;
use wasm_bindgen::prelude::*;

/// Topics whose JavaScript strings are kept: a device says much on few of them, and making a string costs more than all
/// else about a small message.
const KEPT_TOPICS: usize = 4096;

#[wasm_bindgen]
extern "C" {
    /// What `index.js` hands in.
    pub type Listener;

    /// A message for a subscription.
    #[wasm_bindgen(method)]
    fn message(
        this: &Listener,
        topic: &JsString,
        payload: Uint8Array,
        qos: u8,
        retain: bool,
        dup: bool,
        properties: &JsValue,
    );

    /// What became of the message with this number: a reason code, -1 for "handed to the transport", -2 for "given up".
    #[wasm_bindgen(method)]
    fn published(this: &Listener, id: f64, code: i16, words: &str);

    /// The broker's answer for a filter.
    #[wasm_bindgen(method)]
    fn subscribed(this: &Listener, filter: &str, code: u8, words: &str);

    /// The broker's answer for a filter.
    #[wasm_bindgen(method)]
    fn unsubscribed(this: &Listener, filter: &str, code: u8, words: &str);

    /// So many messages were given up.
    #[wasm_bindgen(method)]
    fn dropped(this: &Listener, count: f64, words: &str);

    /// Where the connection is: its name, a sentence, the broker's reason code or -1, the number of the attempt or 0, the
    /// client id in use, whether the broker still had the session.
    #[wasm_bindgen(method)]
    fn state(
        this: &Listener,
        name: &str,
        words: &str,
        code: i16,
        attempt: u32,
        client_id: &str,
        session_present: bool,
    );
}

/// Tells a [`Listener`] what the client reports.
pub(crate) struct Reporter {
    listener: Listener,
    topics: RefCell<FxHashMap<ByteString, JsString>>,
}

impl Reporter {
    pub(crate) fn new(listener: Listener) -> Self {
        Reporter { listener, topics: RefCell::default() }
    }

    pub(crate) fn report(&self, report: Report<'_>) {
        if let Some(state) = &report.state {
            self.state(state);
        }
        for event in report.events.drain(..) {
            self.event(event);
        }
    }

    fn event(&self, event: Event) {
        let listener = &self.listener;
        match event {
            Event::Message(publish) => self.message(&publish),
            #[expect(clippy::cast_precision_loss, reason = "numbers of messages stay below 2^53")]
            Event::Published { id, outcome } => {
                let (code, words) = outcome_words(&outcome);
                listener.published(id.0 as f64, code, &words);
            }
            Event::Subscribed { filter, result } => {
                listener.subscribed(filter.as_str(), result.as_u8(), result.text());
            }
            Event::Unsubscribed { filter, result } => {
                listener.unsubscribed(filter.as_str(), result.as_u8(), result.text());
            }
            #[expect(clippy::cast_precision_loss, reason = "counts of messages stay below 2^53")]
            Event::Dropped { count, why } => listener.dropped(count as f64, &why.to_string()),
            // The rest is in the state that comes with it.
            Event::StateChanged
            | Event::Connected { .. }
            | Event::ServerDisconnect { .. }
            | Event::ProtocolError { .. } => {}
        }
    }

    fn message(&self, publish: &Publish) {
        let topic = self.topic(&publish.topic);
        let payload = Uint8Array::from(&publish.payload[..]);
        let properties = publish.properties.as_deref().map_or(JsValue::UNDEFINED, properties);
        let qos = publish.qos.as_u8();
        self.listener.message(&topic, payload, qos, publish.retain, publish.dup, &properties);
    }

    fn topic(&self, topic: &ByteString) -> JsString {
        let mut topics = self.topics.borrow_mut();
        if let Some(known) = topics.get(topic) {
            return known.clone();
        }
        if topics.len() >= KEPT_TOPICS {
            topics.clear();
        }
        let string = JsString::from(&**topic);
        // A copy of its own: the topic is a slice of the read buffer, which would be kept with it.
        topics.insert(ByteString::from(&**topic), string.clone());
        string
    }

    fn state(&self, state: &State) {
        // Whether there is another attempt, the name says.
        let words = match state {
            State::Waiting { why, .. } => why.to_string(),
            state => state.to_string(),
        };
        let (name, code, attempt, client_id, session_present) = match state {
            State::Idle => ("idle", -1, 0, "", false),
            State::Opening { attempt } | State::Connecting { attempt } => {
                ("connecting", -1, *attempt, "", false)
            }
            State::Connected { session_present, limits } => {
                ("connected", 0, 0, &*limits.client_id, *session_present)
            }
            State::Waiting { attempt, why, .. } => ("waiting", reason(why), *attempt, "", false),
            State::Stopped { why } => ("stopped", reason(why), 0, "", false),
        };
        self.listener.state(name, &words, code, attempt, client_id, session_present);
    }
}

fn outcome_words(outcome: &Outcome) -> (i16, String) {
    match outcome {
        Outcome::Sent => (-1, String::new()),
        Outcome::Acknowledged(reason) => (reason.as_u8().into(), reason.text().to_owned()),
        Outcome::Failed(error) => (-2, error.to_string()),
    }
}

/// The broker's reason code, or -1 if it gave none.
fn reason(why: &Why) -> i16 {
    match why {
        Why::Refused { reason, .. } | Why::ServerDisconnect { reason, .. } => {
            ReasonCode::as_u8(*reason).into()
        }
        _ => -1,
    }
}

/// As an object that has what was sent and nothing else.
fn properties(properties: &PublishProperties) -> JsValue {
    let object = Object::new();
    let set = |name: &str, value: JsValue| {
        // An object of our own takes every property.
        let _ = Reflect::set(&object, &JsValue::from_str(name), &value);
    };
    if let Some(utf8) = properties.payload_format_utf8 {
        set("payloadIsUtf8", utf8.into());
    }
    if let Some(seconds) = properties.message_expiry_s {
        set("messageExpiryS", seconds.into());
    }
    if let Some(text) = &properties.content_type {
        set("contentType", JsValue::from_str(text));
    }
    if let Some(text) = &properties.response_topic {
        set("responseTopic", JsValue::from_str(text));
    }
    if let Some(data) = &properties.correlation_data {
        set("correlationData", Uint8Array::from(&data[..]).into());
    }
    if !properties.subscription_ids.is_empty() {
        set(
            "subscriptionIds",
            properties.subscription_ids.iter().map(|id| JsValue::from(*id)).collect::<Array>().into(),
        );
    }
    if !properties.user.is_empty() {
        let pair = |(name, value): &(ByteString, ByteString)| {
            JsValue::from(Array::of2(&JsValue::from_str(name), &JsValue::from_str(value)))
        };
        set("userProperties", properties.user.iter().map(pair).collect::<Array>().into());
    }
    object.into()
}
