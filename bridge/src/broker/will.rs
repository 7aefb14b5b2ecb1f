//! Wills (5.0 section 3.1.2.5): what is published when a client is gone without saying so.

use super::Broker;
use super::access::{Action, Client, Identity, Rights};
use super::connect::ConnectError;
use super::message::Message;
use super::router::SessionKey;
use super::session::PendingWill;
use super::stats::DropReason;
use super::timers::Timer;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::Time;
use tabmq_shared::packet::{PublishProperties, ReasonCode, Will};
use tabmq_shared::topic::TopicName;

impl Broker {
    /// What the client may do.
    ///
    /// # Errors
    /// Its will is not among that.
    pub(super) fn rights_of(
        &self,
        identity: &Identity,
        client_id: &str,
        address: IpAddr,
        will: Option<&PendingWill>,
    ) -> Result<Rights, ConnectError> {
        let permits = self.permits(Client { identity, client_id, address });
        if let (Some(permits), Some(will)) = (&permits, will) {
            let topic = will.message.topic.as_str();
            let asked = [Action::Publish, Action::Retain];
            let asked = asked.iter().filter(|action| **action == Action::Publish || will.message.retain);
            for action in asked {
                if !permits.allows(*action, topic) {
                    let why = permits.because(*action, topic);
                    let why = format!("the will's topic {topic:?} may not be used: {action}: {why}");
                    return Err(ConnectError::new(ReasonCode::NotAuthorized, why));
                }
            }
        }
        Ok(Rights::new(permits))
    }

    pub(super) fn cancel_will(&mut self, key: SessionKey) {
        if let Some(session) = self.clients.session_mut(key)
            && let Some(will) = session.will.take()
            && let Some(at) = will.due_at
        {
            self.timers.cancel(at, Timer::Will(key));
        }
    }

    /// Publishes the will of a session, if there is one, and forgets it [MQTT-3.1.2-10].
    pub(super) fn publish_will(&mut self, key: SessionKey, now: Time) {
        let Some(session) = self.clients.session_mut(key) else { return };
        let Some(will) = session.will.take() else { return };
        if let Some(at) = will.due_at {
            self.timers.cancel(at, Timer::Will(key));
        }
        let mut message = will.message;
        if self.clients.limited && !self.may_publish(key, &message, now) {
            self.clients.stats.count_drop(DropReason::NotAuthorized);
            return;
        }
        message.expires_at = will.expiry_s.map(|s| now + Duration::from_secs(u64::from(s)));
        self.accept(message, Some(key), now);
    }
}

/// Checks the will of a CONNECT.
pub(super) fn pending_will(will: Will) -> Result<PendingWill, ConnectError> {
    let topic = TopicName::new(will.topic).map_err(|error| {
        ConnectError::new(ReasonCode::TopicNameInvalid, format!("the will's topic {error}"))
    })?;
    if will.properties.payload_format_utf8 == Some(true) && std::str::from_utf8(&will.payload).is_err() {
        let why = "the will's payload is said to be UTF-8 text and is not";
        return Err(ConnectError::new(ReasonCode::PayloadFormatInvalid, why));
    }
    let properties = PublishProperties {
        payload_format_utf8: will.properties.payload_format_utf8,
        message_expiry_s: will.properties.message_expiry_s,
        content_type: will.properties.content_type,
        response_topic: will.properties.response_topic,
        correlation_data: will.properties.correlation_data,
        subscription_ids: Vec::new(),
        user: will.properties.user,
    };
    let message = Message {
        topic,
        payload: will.payload,
        qos: will.qos,
        retain: will.retain,
        properties: (!properties.is_empty()).then(|| Box::new(properties)),
        expires_at: None,
    };
    Ok(PendingWill {
        message: Arc::unwrap_or_clone(message.keep()),
        delay_s: will.properties.delay_interval_s.unwrap_or(0),
        expiry_s: will.properties.message_expiry_s,
        due_at: None,
    })
}
