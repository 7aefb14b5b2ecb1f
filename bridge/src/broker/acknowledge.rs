//! PUBACK, PUBREC, PUBREL and PUBCOMP from clients. What an acknowledgement makes room for is sent when the connection
//! next takes its output.

use super::router::SessionKey;
use super::session::ConnId;
use super::{Broker, Violation};
use tabmq_shared::Time;
use tabmq_shared::packet::{Ack, Packet, ReasonCode};
use tabmq_shared::session::PubRecOutcome;

impl Broker {
    pub(super) fn handle_puback(&mut self, key: SessionKey, ack: &Ack, _now: Time) -> Result<(), Violation> {
        if let Some(session) = self.clients.session_mut(key) {
            // A stray one is ignored: it may answer a message of before a reconnect. An error ends the message as
            // well [MQTT-4.4.0-2]; for a shared subscription nobody else gets it [MQTT-4.8.2-6].
            session.outgoing.puback(ack.packet_id);
        }
        Ok(())
    }

    pub(super) fn handle_pubrec(
        &mut self,
        conn: ConnId,
        key: SessionKey,
        ack: &Ack,
        _now: Time,
    ) -> Result<(), Violation> {
        let Some(session) = self.clients.session_mut(key) else { return Ok(()) };
        let reason = match session.outgoing.pubrec(ack.packet_id, ack.reason) {
            PubRecOutcome::Release(_) => ReasonCode::Success, // [MQTT-4.3.3-4]
            PubRecOutcome::Ended(_) => return Ok(()),
            PubRecOutcome::Unknown => ReasonCode::PacketIdentifierNotFound,
        };
        self.answer(conn, Packet::PubRel, ack, reason);
        Ok(())
    }

    pub(super) fn handle_pubrel(
        &mut self,
        conn: ConnId,
        key: SessionKey,
        ack: &Ack,
    ) -> Result<(), Violation> {
        let Some(session) = self.clients.session_mut(key) else { return Ok(()) };
        let reason = match session.incoming.release(ack.packet_id) {
            true => ReasonCode::Success,
            false => ReasonCode::PacketIdentifierNotFound,
        };
        self.answer(conn, Packet::PubComp, ack, reason); // [MQTT-4.3.3-11]
        Ok(())
    }

    pub(super) fn handle_pubcomp(&mut self, key: SessionKey, ack: &Ack, _now: Time) -> Result<(), Violation> {
        if let Some(session) = self.clients.session_mut(key) {
            session.outgoing.pubcomp(ack.packet_id);
        }
        Ok(())
    }

    fn answer(&mut self, conn: ConnId, packet: fn(Ack) -> Packet, ack: &Ack, reason: ReasonCode) {
        let is_v5 = self.clients.link(conn).is_some_and(|link| link.version.is_v5());
        let reason = if is_v5 { reason } else { ReasonCode::Success };
        self.clients.send_control(conn.link, &packet(Ack::with_reason(ack.packet_id, reason)));
    }
}
