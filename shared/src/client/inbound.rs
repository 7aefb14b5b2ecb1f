//! What the server sends.

use super::subscriptions::Request;
use super::{Client, Event, Outcome, State, Why};
use crate::Time;
use crate::codec::{self, Limits};
use crate::packet::{Ack, Auth, Disconnect, Packet, PacketId, Publish, QoS, ReasonCode, SubAck};
use crate::session::{PubRecOutcome, Received};
use bytes::{Bytes, BytesMut};
use std::mem;

impl Client {
    /// Takes the whole packets off the front of `data` and leaves the rest for the next call.
    pub fn handle_data(&mut self, data: &mut BytesMut, now: Time) {
        self.handle_some(data, usize::MAX, now);
    }

    /// The same, but no more than so many packets: for a caller that has other things to do in between. Whether there may
    /// be more.
    pub fn handle_some(&mut self, data: &mut BytesMut, packets: usize, now: Time) -> bool {
        self.now = now;
        self.link.last_received = now;
        let limits = Limits { max_packet_size: self.options.packet_limit(), ..Limits::of_client() };
        for _ in 0..packets {
            if !matches!(self.state, State::Connecting { .. } | State::Connected { .. }) {
                data.clear(); // the transport was given up
                return false;
            }
            match codec::decode(data, self.options.version, &limits) {
                Ok(Some(packet)) => self.handle_packet(packet),
                Ok(None) => return false,
                Err(error) => self.protocol_error(error.reason, error.message),
            }
        }
        true
    }

    fn handle_packet(&mut self, packet: Packet) {
        match (&self.state, packet) {
            (State::Connecting { .. }, Packet::ConnAck(ack)) => self.on_connack(*ack),
            (_, Packet::Auth(auth)) => self.on_auth(*auth),
            // [MQTT-3.2.0-1]; AUTH may come before
            (State::Connecting { .. }, packet) => self.unexpected(&packet, "before CONNACK"),
            (_, Packet::Publish(publish)) => self.on_publish(publish),
            (_, Packet::PubAck(ack)) => self.on_puback(&ack),
            (_, Packet::PubRec(ack)) => self.on_pubrec(&ack),
            (_, Packet::PubRel(ack)) => self.on_pubrel(&ack),
            (_, Packet::PubComp(ack)) => self.on_pubcomp(ack.packet_id),
            (_, Packet::SubAck(ack)) => self.on_suback(*ack),
            (_, Packet::UnsubAck(ack)) => self.on_unsuback(*ack),
            (_, Packet::PingResp) => self.on_pingresp(),
            (_, Packet::Disconnect(disconnect)) if self.options.version.is_v5() => {
                self.on_disconnect(*disconnect)
            }
            (_, packet @ Packet::ConnAck(_)) => self.unexpected(&packet, "a second time"), // [MQTT-3.2.0-2]
            (_, packet) => self.unexpected(&packet, "which only a client may send"),
        }
    }

    fn unexpected(&mut self, packet: &Packet, words: &str) {
        let name = packet.packet_type().name();
        self.protocol_error(ReasonCode::ProtocolError, format!("the server sent {name} {words}"));
    }

    fn on_publish(&mut self, mut publish: Publish) {
        let topic = mem::take(&mut publish.topic);
        match self.link.inbound_aliases.resolve(publish.topic_alias.take(), topic) {
            Ok(topic) => publish.topic = topic,
            Err(error) => return self.protocol_error(error.reason(), error.to_string()),
        }
        match (publish.qos, publish.packet_id) {
            (QoS::AtMostOnce, _) => self.events.push_back(Event::Message(publish)),
            (QoS::AtLeastOnce, Some(id)) => {
                self.events.push_back(Event::Message(publish));
                self.send(&Packet::PubAck(Ack::success(id))); // [MQTT-4.3.2-4]
            }
            (QoS::ExactlyOnce, Some(id)) => self.on_publish_exactly_once(publish, id),
            (_, None) => {
                // [MQTT-2.2.1-3]
                self.protocol_error(ReasonCode::MalformedPacket, "PUBLISH has no packet identifier");
            }
        }
    }

    fn on_publish_exactly_once(&mut self, publish: Publish, id: PacketId) {
        match self.incoming.publish(id) {
            Received::New => self.events.push_back(Event::Message(publish)),
            Received::Duplicate => {} // [MQTT-4.3.3-10]
            Received::TooMany => {
                let words = "the server sent more unacknowledged messages than the receive maximum allows";
                return self.protocol_error(ReasonCode::ReceiveMaximumExceeded, words);
            }
        }
        self.send(&Packet::PubRec(Ack::success(id))); // [MQTT-4.3.3-8]
    }

    /// QoS 2: the server will not send that message again.
    fn on_pubrel(&mut self, ack: &Ack) {
        let known = self.incoming.release(ack.packet_id);
        self.send(&Packet::PubComp(self.ack(ack.packet_id, known))); // [MQTT-4.3.3-11]
    }

    fn on_puback(&mut self, ack: &Ack) {
        // A stray one is left alone: it may answer what an earlier connection sent.
        if let Some(sent) = self.outgoing.puback(ack.packet_id) {
            self.published(sent.id, Outcome::Acknowledged(ack.reason));
        }
    }

    fn on_pubrec(&mut self, ack: &Ack) {
        let id = ack.packet_id;
        let known = match self.outgoing.pubrec(id, ack.reason) {
            PubRecOutcome::Release(Some(sent)) => {
                self.releasing.push_back((id, sent.id, ack.reason));
                true
            }
            PubRecOutcome::Release(None) => true,
            PubRecOutcome::Ended(sent) => {
                return self.published(sent.id, Outcome::Acknowledged(ack.reason));
            }
            PubRecOutcome::Unknown => false,
        };
        self.send(&Packet::PubRel(self.ack(id, known))); // [MQTT-4.3.3-4]
    }

    fn on_pubcomp(&mut self, id: PacketId) {
        if !self.outgoing.pubcomp(id) {
            return;
        }
        // Answers come in order, so it is the first one.
        if let Some(index) = self.releasing.iter().position(|(releasing, ..)| *releasing == id)
            && let Some((_, sent, reason)) = self.releasing.remove(index)
        {
            self.published(sent, Outcome::Acknowledged(reason));
        }
    }

    fn on_suback(&mut self, ack: SubAck) {
        let Some(Request::Subscribe(subscriptions)) = self.subscriptions.answered(ack.packet_id, true) else {
            return;
        };
        self.outgoing.unreserve(ack.packet_id);
        if ack.reasons.len() != subscriptions.len() {
            // [MQTT-3.8.4-6]
            return self
                .protocol_error(ReasonCode::ProtocolError, "SUBACK has not one reason for each filter");
        }
        for (subscription, result) in subscriptions.into_iter().zip(ack.reasons) {
            self.events.push_back(Event::Subscribed { filter: subscription.filter, result });
        }
    }

    fn on_unsuback(&mut self, ack: SubAck) {
        let Some(Request::Unsubscribe(filters)) = self.subscriptions.answered(ack.packet_id, false) else {
            return;
        };
        self.outgoing.unreserve(ack.packet_id);
        let is_v5 = self.options.version.is_v5();
        if is_v5 && ack.reasons.len() != filters.len() {
            // [MQTT-3.11.3-1]
            return self
                .protocol_error(ReasonCode::ProtocolError, "UNSUBACK has not one reason for each filter");
        }
        let reasons = ack.reasons.into_iter().chain(std::iter::repeat(ReasonCode::Success));
        for (filter, result) in filters.into_iter().zip(reasons) {
            self.events.push_back(Event::Unsubscribed { filter, result });
        }
    }

    fn on_disconnect(&mut self, disconnect: Disconnect) {
        let Disconnect { reason, properties } = disconnect;
        let (reason_string, server_reference) = (properties.reason_string, properties.server_reference);
        self.events.push_back(Event::ServerDisconnect {
            reason,
            reason_string: reason_string.clone(),
            server_reference: server_reference.clone(),
        });
        self.give_up(Why::ServerDisconnect { reason, reason_string, server_reference });
    }

    fn on_auth(&mut self, auth: Auth) {
        let Some(method) = self.authentication_method() else {
            // [MQTT-4.12.0-6]
            let words = "the server sent AUTH, and CONNECT named no authentication method";
            return self.protocol_error(ReasonCode::ProtocolError, words);
        };
        // [MQTT-4.12.0-5]
        if auth.method.as_deref() != Some(method) {
            let words = "the server sent AUTH with another method than that of CONNECT";
            return self.protocol_error(ReasonCode::ProtocolError, words);
        }
        let is_due = matches!(self.state, State::Connecting { .. })
            && auth.reason == ReasonCode::ContinueAuthentication; // [MQTT-4.12.0-2]
        let Some(authentication) = &mut self.authentication else {
            // A method that is done with one step in CONNECT and one in CONNACK works; this one wants more.
            self.say_good_bye(ReasonCode::ImplementationSpecificError);
            return self.leave(Why::AuthenticationUnsupported { challenge: auth.data.unwrap_or_default() });
        };
        if !is_due {
            // Only a client begins to authenticate again, and this one does not.
            return self.protocol_error(ReasonCode::ProtocolError, "the server sent AUTH out of turn");
        }
        match authentication.answer(auth.data.as_deref().unwrap_or_default()) {
            Ok(data) => {
                let reason = ReasonCode::ContinueAuthentication; // [MQTT-4.12.0-3]
                let (method, data) = (auth.method, Some(data));
                let answer = Auth { reason, method, data, reason_string: None, user: Vec::new() };
                self.send(&Packet::Auth(Box::new(answer)));
            }
            Err(words) => self.authentication_failed(words),
        }
    }

    fn authentication_method(&self) -> Option<&str> {
        let configured = self.options.properties.authentication_method.as_deref();
        self.authentication.as_ref().map(|authentication| authentication.method()).or(configured)
    }

    /// CONNACK says yes; whether the server has shown what the method asks of it. If not, it is left.
    pub(super) fn check_authentication(&mut self, last: Option<&Bytes>) -> bool {
        let Some(authentication) = &mut self.authentication else { return true };
        let checked = authentication.finish(last);
        checked.map_err(|words| self.authentication_failed(words)).is_ok()
    }

    fn authentication_failed(&mut self, words: String) {
        self.say_good_bye(ReasonCode::ImplementationSpecificError);
        self.leave(Why::AuthenticationFailed(words));
    }

    /// An acknowledgement, which before 5.0 cannot say that an identifier is unknown.
    fn ack(&self, id: PacketId, known: bool) -> Ack {
        if known || !self.options.version.is_v5() {
            Ack::success(id)
        } else {
            Ack::with_reason(id, ReasonCode::PacketIdentifierNotFound)
        }
    }
}
