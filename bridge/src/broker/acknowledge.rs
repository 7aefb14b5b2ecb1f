//! PUBACK, PUBREC, PUBREL and PUBCOMP from clients. What an acknowledgement makes room for is sent when the connection
//! next takes its output.

use super::message::Delivery;
use super::router::SessionKey;
use super::session::ConnId;
use super::{Broker, Violation};
use tabmq_shared::packet::{Ack, Packet, PacketId, ReasonCode};
use tabmq_shared::session::{Outgoing, PubRecOutcome};

impl Broker {
    pub(super) fn handle_puback(&mut self, key: SessionKey, ack: &Ack) -> Result<(), Violation> {
        let Some(session) = self.clients.session_mut(key) else { return Ok(()) };
        // An error ends the message as well [MQTT-4.4.0-2]; for a shared subscription nobody else gets it
        // [MQTT-4.8.2-6].
        let Some(flow) = session.some_flow() else { return Ok(()) };
        match flow.outgoing.puback(ack.packet_id) {
            Some(delivery) => {
                self.clients.landed(key, &delivery);
                Ok(())
            }
            None => lost_its_way(&flow.outgoing, ack.packet_id, "PUBACK"),
        }
    }

    pub(super) fn handle_pubrec(
        &mut self,
        conn: ConnId,
        key: SessionKey,
        ack: &Ack,
    ) -> Result<(), Violation> {
        let Some(session) = self.clients.session_mut(key) else { return Ok(()) };
        let flow = session.flow_mut();
        let reason = match flow.outgoing.pubrec(ack.packet_id, ack.reason) {
            PubRecOutcome::Release(delivery) => {
                if let Some(delivery) = delivery {
                    self.clients.landed(key, &delivery);
                }
                ReasonCode::Success // [MQTT-4.3.3-4]
            }
            PubRecOutcome::Ended(delivery) => {
                self.clients.landed(key, &delivery);
                return Ok(());
            }
            PubRecOutcome::Unknown => {
                lost_its_way(&flow.outgoing, ack.packet_id, "PUBREC")?;
                if ack.reason.is_error() {
                    return Ok(()); // it ends what we do not know either
                }
                ReasonCode::PacketIdentifierNotFound
            }
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
        let reason = match session.some_flow().is_some_and(|flow| flow.incoming.release(ack.packet_id)) {
            true => ReasonCode::Success,
            false => ReasonCode::PacketIdentifierNotFound,
        };
        self.answer(conn, Packet::PubComp, ack, reason); // [MQTT-4.3.3-11]
        Ok(())
    }

    pub(super) fn handle_pubcomp(&mut self, key: SessionKey, ack: &Ack) -> Result<(), Violation> {
        let Some(session) = self.clients.session_mut(key) else { return Ok(()) };
        let Some(flow) = session.some_flow() else { return Ok(()) };
        match flow.outgoing.pubcomp(ack.packet_id) {
            true => Ok(()),
            false => lost_its_way(&flow.outgoing, ack.packet_id, "PUBCOMP"),
        }
    }

    fn answer(&mut self, conn: ConnId, packet: fn(Ack) -> Packet, ack: &Ack, reason: ReasonCode) {
        let is_v5 = self.clients.link(conn).is_some_and(|link| link.version.is_v5());
        let reason = if is_v5 { reason } else { ReasonCode::Success };
        self.clients.send_control(conn.link, &packet(Ack::with_reason(ack.packet_id, reason)));
    }
}

/// An acknowledgement that answers nothing is ignored, it may be from before a reconnect; but one that answers a
/// message of another QoS, or another step of one, is a protocol error (section 4.3).
fn lost_its_way(outgoing: &Outgoing<Delivery>, id: PacketId, name: &str) -> Result<(), Violation> {
    if !outgoing.contains(id) {
        return Ok(());
    }
    let what = format!("{name} for packet identifier {id}, where another acknowledgement is due");
    Err(Violation::new(ReasonCode::ProtocolError, what))
}
