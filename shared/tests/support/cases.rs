//! The project's own packet vectors: bytes, what they mean, and the statement that says so.
//!
//! The bytes are in the language of [`super::wire`]. Properties that do or do not belong in a packet are tested from
//! a table of their own.

use tabmq_shared::codec::Sender;
use tabmq_shared::packet::{
    Ack, AckProperties, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, Publish, QoS, ReasonCode,
    RetainHandling, SubAck, Subscribe, SubscribeFilter, SubscriptionOptions, Unsubscribe, Version, Will,
};
use tabmq_shared::{ByteString, Bytes};

pub use Version::{V5, V31, V311};
use tabmq_shared::codec::Sender::{Client, Server};

/// One packet on the wire.
pub struct Case {
    /// The versions in which it means the same.
    pub versions: &'static [Version],
    /// Who sends it.
    pub sender: Sender,
    /// The packet, in the language of [`super::wire`].
    pub wire: String,
    /// What comes of it.
    pub expect: Expect,
    /// The statement.
    pub rule: &'static str,
}

/// What a decoder makes of a [`Case`].
pub enum Expect {
    /// This packet, and the encoder writes exactly these bytes.
    Same(Packet),
    /// This packet; the encoder would write it otherwise.
    Reads(Packet),
    /// An error.
    Fails(ReasonCode),
}

const ALL: &[Version] = &[V31, V311, V5];
const OLD: &[Version] = &[V31, V311];
const SINCE_311: &[Version] = &[V311, V5];
const ONLY_31: &[Version] = &[V31];
const ONLY_311: &[Version] = &[V311];
const ONLY_5: &[Version] = &[V5];

/// All cases.
pub fn all() -> Vec<Case> {
    let mut table = Table(Vec::new());
    table.fixed_header();
    table.connect();
    table.connect_errors();
    table.connack();
    table.publish();
    table.acks();
    table.subscribe();
    table.subscribe_errors();
    table.suback();
    table.unsubscribe();
    table.disconnect();
    table.auth();
    table.0
}

struct Table(Vec<Case>);

impl Table {
    fn same(
        &mut self,
        versions: &'static [Version],
        sender: Sender,
        wire: impl Into<String>,
        packet: Packet,
        rule: &'static str,
    ) {
        self.0.push(Case { versions, sender, wire: wire.into(), expect: Expect::Same(packet), rule });
    }

    fn reads(
        &mut self,
        versions: &'static [Version],
        sender: Sender,
        wire: impl Into<String>,
        packet: Packet,
        rule: &'static str,
    ) {
        self.0.push(Case { versions, sender, wire: wire.into(), expect: Expect::Reads(packet), rule });
    }

    fn fails(
        &mut self,
        versions: &'static [Version],
        sender: Sender,
        wire: impl Into<String>,
        code: u8,
        rule: &'static str,
    ) {
        let reason = ReasonCode::from_u8(code).expect("a reason code");
        self.0.push(Case { versions, sender, wire: wire.into(), expect: Expect::Fails(reason), rule });
    }

    fn fixed_header(&mut self) {
        self.same(ALL, Client, "C0 00", Packet::PingReq, "3.12");
        self.same(ALL, Server, "D0 00", Packet::PingResp, "3.13");
        self.fails(ALL, Client, "00 00", 0x82, "2.1.2: type 0 is reserved");
        self.fails(ALL, Client, "0A C0", 0x82, "2.1.2: the first byte is enough");
        self.fails(OLD, Client, "F0 00", 0x82, "2.2.1 of 3.1.1: type 15 is reserved");
        self.fails(SINCE_311, Client, "C1 00", 0x81, "MQTT-2.1.3-1");
        self.reads(ONLY_31, Client, "C1 00", Packet::PingReq, "2.1 of 3.1: flags not used");
        self.fails(ALL, Client, "C0 01 00", 0x81, "3.12: nothing follows");
        self.fails(ALL, Server, "D0 01 00", 0x81, "3.13: nothing follows");
        self.fails(ALL, Client, "C0 80 80 80 80 01", 0x81, "2.1.4: at most four bytes");
        self.fails(ALL, Client, "30 r268435456", 0x81, "2.1.4: at most four bytes");
        self.fails(ONLY_5, Client, "C0 80 00", 0x81, "MQTT-1.5.5-1");
        self.reads(
            OLD,
            Client,
            "C0 80 00",
            Packet::PingReq,
            "2.2.3 of 3.1.1 does not ask for the shortest form",
        );
        for wire in ["20 r* 00 00 00", "90 r* m1 00 00", "B0 r* m1 00 00", "D0 00", "20 00", "90 00", "21 00"]
        {
            self.fails(ALL, Client, wire, 0x82, "2.1.2: from servers only");
        }
        for wire in ["91 r* m1 00 00", "B1 r* m1 00 00", "D1 00"] {
            self.fails(SINCE_311, Client, wire, 0x81, "MQTT-2.1.3-1");
        }
        for wire in ["10 00", "82 00", "A2 00", "C0 00"] {
            self.fails(ALL, Server, wire, 0x82, "2.1.2: from clients only");
        }
        self.fails(OLD, Server, "E0 00", 0x82, "3.14 of 3.1.1: from clients only");
    }

    fn connect(&mut self) {
        let rule = "3.1";
        let c = |version| Packet::Connect(Box::new(connect(version)));
        self.same(ONLY_31, Client, "10 r* \"MQIsdp\" 03 02 k10 \"p\"", c(V31), rule);
        self.same(ONLY_311, Client, "10 r* \"MQTT\" 04 02 k10 \"p\"", c(V311), rule);
        self.same(ONLY_5, Client, "10 r* \"MQTT\" 05 02 k10 {} \"p\"", c(V5), rule);
        self.reads(
            ALL,
            Client,
            "10 r* \"MQTT\" 04 02 k10 \"p\"",
            c(V311),
            "the version of the connection is not asked",
        );
        self.reads(ONLY_31, Client, "14 r* \"MQIsdp\" 03 03 k10 \"p\"", c(V31), "3.1 of 3.1: flags not used");

        let keeps = Connect { clean_start: false, ..connect(V311) };
        let wire = "10 r* \"MQTT\" 04 00 k10 \"p\"";
        self.same(ONLY_311, Client, wire, Packet::Connect(Box::new(keeps)), "MQTT-3.1.2-4");
        let bridge = Connect { is_bridge: true, ..connect(V311) };
        let wire = "10 r* \"MQTT\" 84 02 k10 \"p\"";
        self.same(
            ONLY_311,
            Client,
            wire,
            Packet::Connect(Box::new(bridge)),
            "a bridge, as mosquitto's say it",
        );
        let bridge = Connect { is_bridge: true, ..connect(V31) };
        let wire = "10 r* \"MQIsdp\" 83 02 k10 \"p\"";
        self.same(
            ONLY_31,
            Client,
            wire,
            Packet::Connect(Box::new(bridge)),
            "a bridge, as mosquitto's say it",
        );
        let anonymous = Connect { client_id: ByteString::new(), ..connect(V5) };
        let wire = "10 r* \"MQTT\" 05 02 k10 {} s0";
        self.same(ONLY_5, Client, wire, Packet::Connect(Box::new(anonymous)), "MQTT-3.1.3-6");

        let full = |version| Connect {
            will: Some(Will {
                topic: "w".into(),
                payload: Bytes::from_static(b"gone\0"),
                qos: QoS::ExactlyOnce,
                retain: true,
                properties: Default::default(),
            }),
            username: Some("u".into()),
            password: Some(Bytes::from_static(b"\0\xFF")),
            ..connect(version)
        };
        let wire = "10 r* \"MQTT\" 04 F6 k10 \"p\" \"w\" s5 'gone' 00 \"u\" s2 00FF";
        self.same(ONLY_311, Client, wire, Packet::Connect(Box::new(full(V311))), "MQTT-3.1.3-1");
        let wire = "10 r* \"MQTT\" 05 F6 k10 {} \"p\" {} \"w\" s5 'gone' 00 \"u\" s2 00FF";
        self.same(ONLY_5, Client, wire, Packet::Connect(Box::new(full(V5))), "MQTT-3.1.3-1");

        let password = Connect { password: Some(Bytes::from_static(b"x")), ..connect(V5) };
        let wire = "10 r* \"MQTT\" 05 42 k10 {} \"p\" \"x\"";
        self.same(ONLY_5, Client, wire, Packet::Connect(Box::new(password)), "3.1.2.9: a password alone");
        let short = Connect { username: Some("u".into()), ..connect(V31) };
        let wire = "10 r* \"MQIsdp\" 03 C2 k10 \"p\" \"u\"";
        self.reads(
            ONLY_31,
            Client,
            wire,
            Packet::Connect(Box::new(short)),
            "3.1 of 3.1: the length takes precedence",
        );
    }

    fn connect_errors(&mut self) {
        for (wire, code, rule) in [
            ("10 r*", 0x81, "MQTT-3.1.2-1"),
            ("10 r* s4", 0x81, "MQTT-3.1.2-1"),
            ("10 r* \"MQTT\"", 0x81, "3.1.2.2"),
            ("10 r* \"MQT\" 04 02 k10 \"p\"", 0x84, "MQTT-3.1.2-1"),
            ("10 r* \"MQTU\" 04 02 k10 \"p\"", 0x84, "MQTT-3.1.2-1"),
            ("10 r* s0 04 02 k10 \"p\"", 0x84, "MQTT-3.1.2-1"),
            ("10 r* \"MQTT\" 03 02 k10 \"p\"", 0x84, "MQTT-3.1.2-2"),
            ("10 r* \"MQTT\" 06 02 k10 \"p\"", 0x84, "MQTT-3.1.2-2"),
            ("10 r* \"MQTT\" 83 02 k10 \"p\"", 0x84, "MQTT-3.1.2-2"),
            ("10 r* \"MQTT\" 85 02 k10 {} \"p\"", 0x84, "MQTT-3.1.2-2"),
            ("10 r* \"MQIsdp\" 04 02 k10 \"p\"", 0x84, "MQTT-3.1.2-2"),
            ("10 r* \"MQIsdp\" 05 02 k10 {} \"p\"", 0x84, "MQTT-3.1.2-2"),
            ("11 r* \"MQTT\" 04 02 k10 \"p\"", 0x81, "MQTT-2.1.3-1"),
            ("18 r* \"MQTT\" 05 02 k10 {} \"p\"", 0x81, "MQTT-2.1.3-1"),
            ("10 8E00 \"MQTT\" 05 02 k10 {} \"p\"", 0x81, "MQTT-1.5.5-1"),
            ("10 r* \"MQTT\" 04", 0x81, "3.1.2.3"),
            ("10 r* \"MQTT\" 04 03 k10 \"p\"", 0x81, "MQTT-3.1.2-3"),
            ("10 r* \"MQTT\" 05 03 k10 {} \"p\"", 0x81, "MQTT-3.1.2-3"),
            ("10 r* \"MQTT\" 04 02", 0x81, "3.1.2.10"),
            ("10 r* \"MQTT\" 04 02 k10", 0x81, "MQTT-3.1.3-3"),
            ("10 r* \"MQTT\" 05 02 k10", 0x81, "MQTT-2.2.2-1"),
            ("10 r* \"MQTT\" 05 02 k10 v36 \"p\"", 0x81, "2.2.2: longer than the packet"),
            ("10 r* \"MQTT\" 04 02 k10 \"p\" 00", 0x81, "bytes are left over"),
            ("10 r* \"MQTT\" 04 02 k10 \"p\" \"u\"", 0x81, "MQTT-3.1.2-16"),
            ("10 r* \"MQTT\" 04 82 k10 \"p\"", 0x81, "MQTT-3.1.2-17"),
            ("10 r* \"MQTT\" 04 82 k10 \"p\" \"u\" \"x\"", 0x81, "MQTT-3.1.2-18"),
            ("10 r* \"MQTT\" 04 C2 k10 \"p\" \"u\"", 0x81, "MQTT-3.1.2-19"),
            ("10 r* \"MQTT\" 04 42 k10 \"p\" \"x\"", 0x81, "MQTT-3.1.2-22 of 3.1.1"),
            ("10 r* \"MQIsdp\" 03 42 k10 \"p\" \"x\"", 0x81, "MQTT-3.1.2-22 of 3.1.1"),
            ("10 r* \"MQTT\" 04 0A k10 \"p\"", 0x81, "MQTT-3.1.2-11"),
            ("10 r* \"MQTT\" 04 22 k10 \"p\"", 0x81, "MQTT-3.1.2-13"),
            ("10 r* \"MQTT\" 04 02 k10 \"p\" \"w\" \"x\"", 0x81, "MQTT-3.1.2-11 of 3.1.1"),
            ("10 r* \"MQTT\" 04 06 k10 \"p\" s1 FF \"x\"", 0x81, "MQTT-3.1.3-11"),
            ("10 r* \"MQTT\" 05 06 k10 {} \"p\" {} s1 FF \"x\"", 0x81, "MQTT-3.1.3-11"),
            ("10 r* \"MQTT\" 04 1E k10 \"p\" \"w\" \"x\"", 0x81, "MQTT-3.1.2-12"),
            ("10 r* \"MQTT\" 04 06 k10 \"p\"", 0x81, "MQTT-3.1.2-9"),
            ("10 r* \"MQTT\" 04 06 k10 \"p\" \"w\"", 0x81, "MQTT-3.1.2-9"),
            ("10 r* \"MQTT\" 05 06 k10 {} \"p\" {} \"w\"", 0x81, "MQTT-3.1.2-9"),
            ("10 r* \"MQTT\" 04 06 k10 \"p\" \"w/#\" \"x\"", 0x81, "MQTT-3.3.2-2"),
            ("10 r* \"MQTT\" 04 06 k10 \"p\" s0 \"x\"", 0x81, "MQTT-4.7.3-1"),
            ("10 r* \"MQTT\" 04 06 k10 \"p\" s2 'w' 00 \"x\"", 0x81, "MQTT-4.7.3-2"),
            ("10 r* \"MQTT\" 05 06 k10 {} \"p\" {} s2 'w' 01 \"x\"", 0x81, "1.5.4: control characters"),
            ("10 r* \"MQTT\" 04 02 k10 s2 'p' 00", 0x81, "MQTT-1.5.3-2 of 3.1.1"),
            ("10 r* \"MQTT\" 04 02 k10 s3 EDA080", 0x81, "MQTT-1.5.3-1 of 3.1.1"),
            ("10 r* \"MQTT\" 05 02 k10 {} s2 'p' 00", 0x85, "MQTT-3.1.3-8"),
            ("10 r* \"MQTT\" 05 02 k10 {} s3 EDA080", 0x85, "MQTT-3.1.3-4"),
            ("10 r* \"MQTT\" 05 02 k10 {} s1 0A", 0x85, "1.5.4: control characters"),
            ("10 r* \"MQTT\" 05 82 k10 {} \"p\" s1 00", 0x81, "MQTT-1.5.4-2"),
            ("10 r* \"MQTT\" 05 82 k10 {} \"p\" s1 FF", 0x81, "MQTT-3.1.3-12"),
            ("10 r* \"MQTT\" 05 82 k10 {} \"p\" s2 C29F", 0x81, "1.5.4: control characters"),
            ("10 r* \"MQTT\" 05 02 k10 { 16 \"x\" } \"p\"", 0x82, "3.1.2.11.10: data without a method"),
        ] {
            self.fails(ALL, Client, wire, code, rule);
        }
    }

    fn connack(&mut self) {
        let ack = |session_present, reason| {
            Packet::ConnAck(Box::new(ConnAck { session_present, reason, properties: Default::default() }))
        };
        self.same(OLD, Server, "20 02 00 00", ack(false, ReasonCode::Success), "3.2");
        self.same(ONLY_311, Server, "20 02 01 00", ack(true, ReasonCode::Success), "MQTT-3.2.2-2");
        self.reads(ONLY_31, Server, "20 02 01 00", ack(false, ReasonCode::Success), "3.2 of 3.1: not used");
        self.same(ONLY_5, Server, "20 03 01 00 {}", ack(true, ReasonCode::Success), "MQTT-3.2.2-3");
        self.same(
            OLD,
            Server,
            "20 02 00 01",
            ack(false, ReasonCode::UnsupportedProtocolVersion),
            "3.2.2.3 of 3.1.1",
        );
        self.same(
            OLD,
            Server,
            "20 02 00 02",
            ack(false, ReasonCode::ClientIdentifierNotValid),
            "3.2.2.3 of 3.1.1",
        );
        self.same(OLD, Server, "20 02 00 03", ack(false, ReasonCode::ServerUnavailable), "3.2.2.3 of 3.1.1");
        self.same(
            OLD,
            Server,
            "20 02 00 04",
            ack(false, ReasonCode::BadUserNameOrPassword),
            "3.2.2.3 of 3.1.1",
        );
        self.same(OLD, Server, "20 02 00 05", ack(false, ReasonCode::NotAuthorized), "3.2.2.3 of 3.1.1");
        self.same(
            ONLY_5,
            Server,
            "20 03 00 84 {}",
            ack(false, ReasonCode::UnsupportedProtocolVersion),
            "MQTT-3.2.2-8",
        );
        self.fails(OLD, Server, "20 02 00 06", 0x82, "3.2.2.3 of 3.1.1");
        self.fails(ONLY_5, Server, "20 03 00 01 {}", 0x82, "MQTT-3.2.2-8");
        self.fails(ONLY_5, Server, "20 03 00 FF {}", 0x82, "MQTT-3.2.2-8");
        self.fails(SINCE_311, Server, "20 r* 02 00 {}", 0x81, "MQTT-3.2.2-1");
        self.fails(ONLY_311, Server, "20 02 01 05", 0x82, "MQTT-3.2.2-4 of 3.1.1");
        self.fails(ONLY_5, Server, "20 03 01 87 {}", 0x82, "MQTT-3.2.2-6");
        self.fails(ALL, Server, "20 r*", 0x81, "3.2");
        self.fails(ALL, Server, "20 r* 00", 0x81, "3.2");
        self.fails(ONLY_5, Server, "20 r* 00 00", 0x81, "MQTT-2.2.2-1");
        self.fails(ALL, Server, "20 r* 00 00 00 00", 0x81, "3.2: nothing follows");
    }

    fn publish(&mut self) {
        let p = |publish: Publish| Packet::Publish(publish);
        self.same(OLD, Client, "30 r* \"topic\" 'x'", p(publish(QoS::AtMostOnce)), "3.3");
        self.same(ONLY_5, Client, "30 r* \"topic\" {} 'x'", p(publish(QoS::AtMostOnce)), "3.3");
        self.same(OLD, Server, "32 r* \"topic\" m7 'x'", p(publish(QoS::AtLeastOnce)), "MQTT-2.2.1-2");
        self.same(ONLY_5, Client, "34 r* \"topic\" m7 {} 'x'", p(publish(QoS::ExactlyOnce)), "MQTT-2.2.1-2");
        let again = Publish { dup: true, retain: true, ..publish(QoS::AtLeastOnce) };
        self.same(OLD, Client, "3B r* \"topic\" m7 'x'", p(again), "MQTT-3.3.1-1");
        let empty = Publish { payload: Bytes::new(), ..publish(QoS::AtMostOnce) };
        self.same(OLD, Client, "30 r* \"topic\"", p(empty.clone()), "3.3.3: an empty payload");
        self.same(ONLY_5, Client, "30 r* \"topic\" {}", p(empty.clone()), "3.3.3: an empty payload");
        let wide = Publish { topic: "A\u{2A6D4}/\u{FEFF}".into(), ..empty.clone() };
        self.same(OLD, Client, "30 r* s9 41F0AA9B94 2F EFBBBF", p(wide), "MQTT-1.5.4-3");
        let alias = Publish { topic_alias: PacketId::new(3), ..publish(QoS::AtMostOnce) };
        self.same(ONLY_5, Client, "30 r* \"topic\" { 23 H3 } 'x'", p(alias.clone()), "3.3.2.3.4");
        let bare = Publish { topic: ByteString::new(), ..alias };
        self.same(ONLY_5, Client, "30 r* s0 { 23 H3 } 'x'", p(bare), "3.3.2.3.4");
        for (wire, code, rule) in [
            ("36 r* \"topic\" m7 00 'x'", 0x81, "MQTT-3.3.1-4"),
            ("38 r* \"topic\" 00 'x'", 0x81, "MQTT-3.3.1-2"),
            ("32 r* \"topic\" m0 00 'x'", 0x82, "MQTT-2.2.1-3"),
            ("34 r* \"topic\" m0 00 'x'", 0x82, "MQTT-2.2.1-3"),
            ("32 r* \"topic\" 07", 0x81, "MQTT-2.2.1-2"),
            ("30 r* s6 'topic'", 0x81, "MQTT-3.3.2-1"),
            ("30 r*", 0x81, "MQTT-3.3.2-1"),
            ("30 r* s0 00 'x'", 0x81, "MQTT-4.7.3-1"),
            ("30 r* \"+opic\" 00 'x'", 0x81, "MQTT-3.3.2-2"),
            ("30 r* \"a/#\" 00 'x'", 0x81, "MQTT-3.3.2-2"),
            ("30 r* s5 746F700000 00 'x'", 0x81, "MQTT-1.5.4-2"),
            ("30 r* s5 746FEDA080 00 'x'", 0x81, "MQTT-1.5.4-1"),
            ("30 r* s5 746FEDBFBF 00 'x'", 0x81, "MQTT-1.5.4-1"),
            ("30 r* s5 746F70C080 00 'x'", 0x81, "MQTT-1.5.4-1: overlong"),
            ("30 r* s5 746F700170 00 'x'", 0x81, "1.5.4: control characters"),
            ("30 r* s5 746F701F70 00 'x'", 0x81, "1.5.4: control characters"),
            ("30 r* s5 746F707F70 00 'x'", 0x81, "1.5.4: control characters"),
            ("30 r* s5 746FC29F70 00 'x'", 0x81, "1.5.4: control characters"),
            ("30 r* s3 EFBFBF 00 'x'", 0x81, "1.5.4: non-characters"),
            ("30 r* s3 EFB790 00 'x'", 0x81, "1.5.4: non-characters"),
            ("30 r* s4 F09FBFBE 00 'x'", 0x81, "1.5.4: non-characters"),
        ] {
            self.fails(ALL, Client, wire, code, rule);
        }
        self.fails(ONLY_5, Client, "30 r* \"topic\"", 0x81, "MQTT-2.2.2-1");
        self.fails(ONLY_5, Client, "30 r* \"topic\" v9 'x'", 0x81, "2.2.2: longer than the packet");
        self.fails(ONLY_5, Client, "30 r* \"topic\" 8000 'x'", 0x81, "MQTT-1.5.5-1");
        self.fails(ONLY_5, Client, "30 r* \"topic\" { 23 H0 } 'x'", 0x94, "MQTT-3.3.2-8");
        self.fails(ONLY_5, Client, "30 r* \"topic\" { 8100 01 } 'x'", 0x81, "MQTT-1.5.5-1");
        self.fails(ONLY_5, Client, "30 r* \"topic\" { 0B v1 } 'x'", 0x82, "MQTT-3.3.4-6");
    }

    // [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
    fn acks(&mut self) {
        type Make = fn(Ack) -> Packet;
        let refused = ReasonCode::UnspecifiedError;
        let unknown = ReasonCode::PacketIdentifierNotFound;
        // First byte, one with other flags, constructor, a refusal of this packet and one of another.
        let kinds: [(&str, &str, Make, ReasonCode, ReasonCode); 4] = [
            ("40", "44", Packet::PubAck, refused, unknown),
            ("50", "58", Packet::PubRec, refused, unknown),
            ("62", "60", Packet::PubRel, unknown, refused),
            ("70", "71", Packet::PubComp, unknown, refused),
        ];
        for (first, other_flags, make, reason, foreign) in kinds {
            let wire = |rest: &str| format!("{first} r* {rest}");
            let properties =
                AckProperties { reason_string: Some("n".into()), user: vec![("k".into(), "v".into())] };
            let explained = Ack { properties: Some(Box::new(properties)), ..Ack::success(id(7)) };
            let with_reason = wire(&format!("m7 i{}", reason.as_u8()));
            let with_foreign = wire(&format!("m7 i{}", foreign.as_u8()));
            let success = make(Ack::success(id(7)));
            self.same(ALL, Client, wire("m7"), success.clone(), "3.4.2.1: a remaining length of 2");
            self.same(ONLY_5, Server, with_reason, make(Ack::with_reason(id(7), reason)), "3.4.2.2.1: of 3");
            self.same(ONLY_5, Client, wire("m7 00 { 1F \"n\" 26 \"k\" \"v\" }"), make(explained), "3.4.2.2");
            self.reads(ONLY_5, Client, wire("m7 00"), success.clone(), "3.4.2.1: success may be said");
            self.reads(ONLY_5, Client, wire("m7 00 {}"), success, "3.4.2.2.1: no properties may be said");
            self.fails(OLD, Client, wire("m7 00"), 0x81, "3.4 of 3.1.1: nothing follows");
            self.fails(ALL, Client, wire("m0"), 0x82, "MQTT-2.2.1-3");
            self.fails(ALL, Client, wire("07"), 0x81, "3.4.2");
            self.fails(ONLY_5, Client, with_foreign, 0x82, "MQTT-3.4.2-1");
            self.fails(ONLY_5, Client, wire("m7 FF"), 0x82, "MQTT-3.4.2-1");
            self.fails(ONLY_5, Client, wire("m7 00 00 00"), 0x81, "3.4.3: nothing follows");
            self.fails(ONLY_5, Client, wire("m7 00 01"), 0x81, "2.2.2: longer than the packet");
            self.fails(SINCE_311, Client, format!("{other_flags} 02 m7"), 0x81, "MQTT-2.1.3-1");
        }
        self.fails(SINCE_311, Client, "6A 02 m7", 0x81, "MQTT-3.6.1-1");
        self.reads(ONLY_31, Client, "6A 02 m7", Packet::PubRel(Ack::success(id(7))), "3.6 of 3.1: DUP");
    }

    fn subscribe(&mut self) {
        let s = |filters: Vec<SubscribeFilter>| {
            Packet::Subscribe(Box::new(Subscribe {
                packet_id: id(7),
                properties: Default::default(),
                filters,
            }))
        };
        let one = |qos| vec![filter("a/+/#", SubscriptionOptions { qos, ..Default::default() })];
        self.same(OLD, Client, "82 r* m7 \"a/+/#\" 00", s(one(QoS::AtMostOnce)), "3.8");
        self.same(OLD, Client, "82 r* m7 \"a/+/#\" 01", s(one(QoS::AtLeastOnce)), "3.8");
        self.same(ONLY_5, Client, "82 r* m7 {} \"a/+/#\" 02", s(one(QoS::ExactlyOnce)), "3.8");
        self.reads(ONLY_31, Client, "8A r* m7 \"a/+/#\" FC", s(one(QoS::AtMostOnce)), "3.8 of 3.1: not used");
        let options = SubscriptionOptions {
            qos: QoS::AtLeastOnce,
            no_local: true,
            retain_as_published: true,
            retain_handling: RetainHandling::DoNotSend,
        };
        let two = s(vec![filter("a", options), filter("$share/g/b", SubscriptionOptions::default())]);
        self.same(ONLY_5, Client, "82 r* m7 {} \"a\" 2D \"$share/g/b\" 00", two, "3.8.3.1");
        let new = SubscriptionOptions { retain_handling: RetainHandling::SendIfNew, ..Default::default() };
        self.same(ONLY_5, Client, "82 r* m7 {} \"a\" 10", s(vec![filter("a", new)]), "3.8.3.1");
        // A 5.0 server answers a misplaced wildcard with 0x8F in the SUBACK.
        let odd = s(vec![filter("ab/+e", SubscriptionOptions::default())]);
        self.same(ONLY_5, Client, "82 r* m7 {} \"ab/+e\" 00", odd, "3.9.3: topic filter invalid");
    }

    fn subscribe_errors(&mut self) {
        for (wire, code, rule) in [
            ("80 r* m7 00 \"a\" 00", 0x81, "MQTT-3.8.1-1"),
            ("8A r* m7 00 \"a\" 00", 0x81, "MQTT-3.8.1-1"),
            ("A0 r* m7 00 \"a\"", 0x81, "MQTT-3.10.1-1"),
            ("82 r* m7 {} \"a\" 30", 0x81, "3.8.3.1: retain handling 3"),
            ("82 r* m7 {} \"a\" 40", 0x81, "MQTT-3.8.3-5"),
            ("82 r* m7 {} \"a\" 80", 0x81, "MQTT-3.8.3-5"),
            ("82 r* m7 {} \"a\" 03", 0x81, "3.8.3.1: QoS 3"),
            ("82 r* m7 {} \"$share/g/a\" 04", 0x82, "MQTT-3.8.3-4"),
            ("82 r* m0 {} \"a\" 00", 0x81, "MQTT-2.2.1-3"),
            ("82 r* m7 {}", 0x81, "MQTT-3.8.3-2"),
            ("82 r* m7", 0x81, "MQTT-2.2.2-1"),
            ("82 r* 07", 0x81, "3.8.2"),
            ("82 r*", 0x81, "3.8.2"),
            ("82 r* m7 {} \"a\"", 0x81, "3.8.3"),
            ("82 r* m7 {} \"a\" 00 00", 0x81, "3.8.3"),
            ("82 r* m7 {} s0 00", 0x81, "MQTT-4.7.3-1"),
            ("82 r* m7 {} \"a\" 00 s0 00", 0x81, "MQTT-4.7.3-1"),
            ("82 r* m7 {} s2 'a' 00 00", 0x81, "MQTT-4.7.3-2"),
            ("82 r* m7 {} s2 FF 'a' 00", 0x81, "MQTT-3.8.3-1"),
            ("82 r* m7 {} s2 01 'a' 00", 0x81, "1.5.4: control characters"),
            ("82 r* m7 { 0B 00 } \"a\" 00", 0x82, "3.8.2.1.2: 0"),
            ("82 r* m7 { 0B 8000 } \"a\" 00", 0x81, "MQTT-1.5.5-1"),
            ("82 r* m7 { 0B 8080808001 } \"a\" 00", 0x81, "1.5.5: at most four bytes"),
            ("A2 r* m7 {}", 0x81, "MQTT-3.10.3-2"),
            ("A2 r* m0 {} \"a\"", 0x81, "MQTT-2.2.1-3"),
            ("A2 r* m7 {} s0", 0x81, "MQTT-4.7.3-1"),
            ("A2 r* m7 {} 00", 0x81, "3.10.3"),
            ("A2 r* m7 {} s1 FF", 0x81, "MQTT-3.10.3-1"),
        ] {
            self.fails(ONLY_5, Client, wire, code, rule);
        }
        for (wire, rule) in [
            ("82 r* m7 \"a\" 03", "MQTT-3-8.3-4 of 3.1.1"),
            ("82 r* m7 \"ab/+e\" 00", "MQTT-4.7.1-2"),
            ("82 r* m7 \"a/#/b\" 00", "MQTT-4.7.1-1"),
            ("82 r* m0 \"a\" 00", "MQTT-2.3.1-1 of 3.1.1"),
            ("82 r* m7", "MQTT-3.8.3-3 of 3.1.1"),
            ("82 r* m7 \"a\"", "3.8.3"),
            ("82 r* m7 s0 00", "MQTT-4.7.3-1"),
            ("A2 r* m7", "MQTT-3.10.3-2"),
            ("A2 r* m7 \"ab/+e\"", "MQTT-4.7.1-2"),
            ("A2 r* m7 \"q\" s0", "MQTT-4.7.3-1"),
        ] {
            self.fails(OLD, Client, wire, 0x81, rule);
        }
        self.fails(ONLY_311, Client, "82 r* m7 \"a\" 04", 0x81, "MQTT-3-8.3-4 of 3.1.1");
        self.fails(ONLY_311, Client, "82 r* m7 \"a\" 80", 0x81, "MQTT-3-8.3-4 of 3.1.1");
        self.fails(ONLY_311, Client, "83 r* m7 \"a\" 00", 0x81, "MQTT-3.8.1-1");
    }

    fn suback(&mut self) {
        let all = [
            ReasonCode::Success,
            ReasonCode::GrantedQoS1,
            ReasonCode::GrantedQoS2,
            ReasonCode::UnspecifiedError,
        ];
        let ack = |reasons: &[ReasonCode]| {
            Box::new(SubAck { packet_id: id(7), properties: Default::default(), reasons: reasons.to_vec() })
        };
        self.same(OLD, Server, "90 r* m7 00 01 02 80", Packet::SubAck(ack(&all)), "MQTT-3.9.3-1");
        self.same(ONLY_5, Server, "90 r* m7 {} 00 01 02 80", Packet::SubAck(ack(&all)), "MQTT-3.9.3-1");
        self.fails(OLD, Server, "90 r* m7 03", 0x82, "MQTT-3.9.3-2 of 3.1.1");
        self.fails(ONLY_5, Server, "90 r* m7 {} 03", 0x82, "MQTT-3.9.3-2");
        self.fails(ONLY_5, Server, "90 r* m7 {} 11", 0x82, "MQTT-3.9.3-2");
        self.fails(ALL, Server, "90 r* m0 00", 0x82, "MQTT-2.2.1-3");
        self.fails(ALL, Server, "90 r* 07", 0x81, "3.9.2");
        let codes = ack(&[ReasonCode::Success, ReasonCode::NoSubscriptionExisted]);
        self.same(ONLY_5, Server, "B0 r* m7 {} 00 11", Packet::UnsubAck(codes), "MQTT-3.11.3-1");
        self.same(OLD, Server, "B0 02 m7", Packet::UnsubAck(ack(&[])), "3.11 of 3.1.1");
        self.fails(OLD, Server, "B0 03 m7 00", 0x81, "3.11 of 3.1.1: nothing follows");
        self.fails(ONLY_5, Server, "B0 r* m7 {} 01", 0x82, "MQTT-3.11.3-2");
    }

    fn unsubscribe(&mut self) {
        let u = Packet::Unsubscribe(Box::new(Unsubscribe {
            packet_id: id(7),
            user: Vec::new(),
            filters: vec!["a/+".into(), "#".into()],
        }));
        self.same(OLD, Client, "A2 r* m7 \"a/+\" \"#\"", u.clone(), "3.10");
        self.same(ONLY_5, Client, "A2 r* m7 {} \"a/+\" \"#\"", u, "3.10");
    }

    fn disconnect(&mut self) {
        let d = |reason| Packet::Disconnect(Box::new(Disconnect::new(reason)));
        self.same(ALL, Client, "E0 00", d(ReasonCode::Success), "3.14");
        self.same(ONLY_5, Server, "E0 01 8E", d(ReasonCode::SessionTakenOver), "3.14.2.2.1");
        self.same(ONLY_5, Client, "E0 01 04", d(ReasonCode::DisconnectWithWill), "3.14.2.1");
        self.reads(ONLY_5, Client, "E0 01 00", d(ReasonCode::Success), "3.14.2.1");
        self.reads(ONLY_5, Client, "E0 02 82 00", d(ReasonCode::ProtocolError), "3.14.2.2.1");
        self.fails(OLD, Client, "E0 01 00", 0x81, "3.14 of 3.1.1: nothing follows");
        self.fails(ONLY_5, Client, "E0 01 01", 0x82, "MQTT-3.14.2-1");
        self.fails(ONLY_5, Client, "E0 01 05", 0x82, "MQTT-3.14.2-1");
        self.fails(ONLY_5, Client, "E0 03 00 01 00", 0x81, "2.2.2.2");
        self.fails(ONLY_5, Client, "E0 03 00 00 00", 0x81, "3.14.3: nothing follows");
        self.fails(SINCE_311, Client, "E1 00", 0x81, "MQTT-3.14.1-1");
        self.fails(ONLY_5, Server, "E0 r* 00 { 11 L5 }", 0x82, "MQTT-3.14.2-2");
    }

    fn auth(&mut self) {
        let none = Auth {
            reason: ReasonCode::Success,
            method: None,
            data: None,
            reason_string: None,
            user: Vec::new(),
        };
        let a = |auth: Auth| Packet::Auth(Box::new(auth));
        self.same(ONLY_5, Server, "F0 00", a(none.clone()), "3.15.2.1");
        self.reads(ONLY_5, Server, "F0 01 00", a(none.clone()), "3.15.2.1");
        let step =
            Auth { reason: ReasonCode::ContinueAuthentication, method: Some("m".into()), ..none.clone() };
        self.same(ONLY_5, Client, "F0 r* 18 { 15 \"m\" }", a(step), "3.15.2.2.2");
        let again = Auth {
            reason: ReasonCode::ReAuthenticate,
            method: Some("m".into()),
            data: Some(Bytes::from_static(b"d")),
            ..none
        };
        self.same(ONLY_5, Client, "F0 r* 19 { 15 \"m\" 16 \"d\" }", a(again), "MQTT-4.12.1-1");
        self.fails(ONLY_5, Client, "F0 r* 18 {}", 0x82, "3.15.2.2.2: the method is missing");
        self.fails(ONLY_5, Client, "F0 r* 18", 0x81, "MQTT-2.2.2-1");
        self.fails(ONLY_5, Client, "F0 r* 01 { 15 \"m\" }", 0x82, "MQTT-3.15.2-1");
        self.fails(ONLY_5, Client, "F1 00", 0x81, "MQTT-3.15.1-1");
    }
}

fn connect(version: Version) -> Connect {
    Connect {
        version,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 10,
        client_id: "p".into(),
        will: None,
        username: None,
        password: None,
        properties: Default::default(),
    }
}

fn publish(qos: QoS) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: "topic".into(),
        packet_id: (qos != QoS::AtMostOnce).then(|| id(7)),
        topic_alias: None,
        properties: None,
        payload: Bytes::from_static(b"x"),
    }
}

fn filter(filter: &'static str, options: SubscriptionOptions) -> SubscribeFilter {
    SubscribeFilter { filter: filter.into(), options }
}

fn id(n: u16) -> PacketId {
    PacketId::new(n).expect("not 0")
}
