//! The client of the page, for other people's JavaScript: what `package/index.js` calls.
//!
//! The same state machine ([`tabmq_shared::client`]) and the same WebSocket ([`tabmq_web_client::client`]) as in the page. What is
//! pleasant to use (promises, events, async iteration) is JavaScript, in `package/index.js`; here are the few calls that
//! cross the border, each once for what one frame brought or for one wish.
//!
//! - [`options`]: what JavaScript asks for, checked.
//!   `names`: what is not known is refused.
//! - [`report`]: what it is told.
//!
//! `cargo xtask npm` puts both together.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod names;
pub mod options;
pub mod report;

use bytes::Bytes;
use options::{ConnectOptions, PublishOptions, SubscribeOptions, WillOptions};
use report::{Listener, Reporter};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tabmq_shared::Time;
use tabmq_shared::client::{Message, Subscription};
use tabmq_shared::topic::{self, TopicFilter, TopicName};
use tabmq_web_client::client::Client;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The clock that windows, workers and Node.js have.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// One connection to one broker, kept up until [`Connection::stop`].
#[wasm_bindgen]
pub struct Connection {
    client: Client,
}

#[wasm_bindgen]
impl Connection {
    /// A connection that does nothing yet. `listener` is told of everything; its methods may call the connection.
    #[wasm_bindgen(constructor)]
    pub fn new(listener: Listener) -> Connection {
        let reporter = Reporter::new(listener);
        Connection { client: Client::new(now, move |report| reporter.report(report)) }
    }

    /// Connects, and comes back whenever the connection is lost.
    ///
    /// # Errors
    /// The options are not right: the sentence says which.
    pub fn start(&self, url: &str, options: JsValue) -> Result<(), JsError> {
        names::check::<WillOptions>(&names::get(&options, "will"))
            .map_err(|sentence| JsError::new(&sentence))?;
        let options: ConnectOptions = read(options)?;
        let options = options.checked().map_err(|sentence| JsError::new(&sentence))?;
        self.client.start(url.to_owned(), options, Vec::new(), seed());
        Ok(())
    }

    /// Accepts a message and returns its number, under which [`Listener`] hears what became of it. Nothing happens
    /// before [`Connection::drive`].
    ///
    /// # Errors
    /// The topic or the options are not right, or the queue is full.
    pub fn publish(&self, topic: &str, payload: Vec<u8>, options: JsValue) -> Result<f64, JsError> {
        let topic = TopicName::new(topic).map_err(|error| JsError::new(&format!("the topic {error}")))?;
        let options: PublishOptions = read(options)?;
        let (qos, retain) = (options.qos.into(), options.retain);
        let properties = options.properties().map_err(|sentence| JsError::new(&sentence))?;
        let message = Message { topic, payload: Bytes::from(payload), qos, retain, properties };
        #[expect(clippy::cast_precision_loss, reason = "nobody publishes 2^53 messages")]
        let id = self.client.publish(message).map(|id| id.0 as f64);
        id.map_err(|error| JsError::new(&error.to_string()))
    }

    /// Does what is due.
    pub fn drive(&self) {
        self.client.drive();
    }

    /// Subscribes; again whenever the broker has forgotten it.
    ///
    /// # Errors
    /// The filter or the options are not right.
    pub fn subscribe(&self, filter: &str, options: JsValue) -> Result<(), JsError> {
        let options: SubscribeOptions = read(options)?;
        let subscription = Subscription {
            filter: self::filter(filter)?,
            options: options.options(),
            id: options.id().map_err(|sentence| JsError::new(&sentence))?,
        };
        self.client.subscribe(vec![subscription]);
        Ok(())
    }

    /// Unsubscribes.
    ///
    /// # Errors
    /// The filter is not right.
    pub fn unsubscribe(&self, filter: &str) -> Result<(), JsError> {
        self.client.unsubscribe(self::filter(filter)?);
        Ok(())
    }

    /// Tries again at once if there is no connection; otherwise sees whether the broker answers within three seconds.
    pub fn probe(&self) {
        self.client.probe(Duration::from_secs(3));
    }

    /// Says good-bye and stays away.
    pub fn stop(&self) {
        self.client.stop();
    }
}

/// Whether a message with this topic is for a subscription with this filter (5.0 section 4.7; `$share/…` counts by the
/// filter in it).
///
/// # Errors
/// The filter is not right.
#[wasm_bindgen(js_name = topicMatches)]
pub fn topic_matches(filter: &str, topic: &str) -> Result<bool, JsError> {
    let filter = self::filter(filter)?;
    Ok(topic::matches(filter.filter(), topic))
}

fn filter(filter: &str) -> Result<TopicFilter, JsError> {
    TopicFilter::new(filter).map_err(|error| JsError::new(&format!("the filter {error}")))
}

/// `undefined` is all defaults; a name that is not known is an error.
fn read<T: DeserializeOwned + Default>(options: JsValue) -> Result<T, JsError> {
    match options.is_undefined() || options.is_null() {
        true => Ok(T::default()),
        false => {
            names::check::<T>(&options).map_err(|sentence| JsError::new(&sentence))?;
            serde_wasm_bindgen::from_value(options).map_err(|error| JsError::new(&error.to_string()))
        }
    }
}

fn now() -> Time {
    Time::from_millis(whole(performance_now()))
}

/// For the jitter of reconnecting.
fn seed() -> u64 {
    whole(js_sys::Math::random() * 9_007_199_254_740_992.0)
}

/// JavaScript's numbers as whole ones: what is no number is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is meant")]
fn whole(number: f64) -> u64 {
    number as u64
}
