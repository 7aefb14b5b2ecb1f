//! The table of [`crate::support::cases`] against decoder and encoder.

use crate::support::cases::{self, Expect};
use crate::support::wire;
use tabmq_shared::BytesMut;
use tabmq_shared::codec::{Limits, decode, encode};
use tabmq_shared::packet::{ReasonCode, Version};

#[test]
fn every_case_means_what_it_should() {
    let cases = cases::all();
    for case in &cases {
        for &version in case.versions {
            let name = format!("{version}: {} [{}]", case.wire, case.rule);
            let limits = Limits { sender: Some(case.sender), ..Limits::default() };
            let bytes = wire::bytes(&case.wire);
            let mut buffer = BytesMut::from(&bytes[..]);
            let decoded = decode(&mut buffer, version, &limits);
            match &case.expect {
                Expect::Fails(reason) => assert_eq!(decoded.map_err(|e| e.reason), Err(*reason), "{name}"),
                Expect::Same(packet) | Expect::Reads(packet) => {
                    assert_eq!(decoded.as_ref(), Ok(&Some(packet.clone())), "{name}");
                    assert!(buffer.is_empty(), "{name}");
                }
            }
            if let Expect::Same(packet) = &case.expect {
                let mut written = BytesMut::new();
                encode(packet, version, &mut written).unwrap();
                assert_eq!(written, bytes, "{name}");
            }
        }
    }
    println!("{} cases", cases.len());
}

/// A refused CONNECT says in which form, if any, to answer.
#[test]
fn refusals_say_in_which_version_to_answer() {
    let bad_version = ReasonCode::UnsupportedProtocolVersion;
    let cases = [
        ("10 r* \"MQIsdp\" 02 00 k10 \"p\"", bad_version, Some(Version::V5)),
        ("10 r* \"MQIsdp\" 04 00 k10 \"p\"", bad_version, Some(Version::V311)),
        ("10 r* \"MQTT\" 03 02 k10 \"p\"", bad_version, Some(Version::V31)),
        ("10 r* \"MQTT\" 06 02 k10 \"p\"", bad_version, Some(Version::V5)),
        ("10 r* \"MQTT\" 83 02 k10 \"p\"", bad_version, Some(Version::V31)),
        ("10 r* \"MQTX\" 04 02 k10 \"p\"", bad_version, None),
        ("10 r* \"MQTT\" 04 03 k10 \"p\"", ReasonCode::MalformedPacket, None),
        ("10 r* \"MQTT\" 05 03 k10 {} \"p\"", ReasonCode::MalformedPacket, Some(Version::V5)),
        ("10 r* \"MQTT\" 05 02 k10 {} \"p\" 00", ReasonCode::MalformedPacket, Some(Version::V5)),
        ("10 r* \"MQTT\" 05 02 k10 { 21 H0 } \"p\"", ReasonCode::ProtocolError, Some(Version::V5)),
        ("C0 01 00", ReasonCode::MalformedPacket, None),
    ];
    for (wire, reason, version) in cases {
        let mut buffer = BytesMut::from(&wire::bytes(wire)[..]);
        let error = decode(&mut buffer, Version::V311, &Limits::of_server()).unwrap_err();
        assert_eq!((error.reason, error.version), (reason, version), "{wire}: {error}");
    }
}

/// The limits of size and number count exactly; the size is judged before the packet is there.
#[test]
fn limits() {
    let limits = |max_packet_size, max_user_properties| Limits {
        max_packet_size,
        max_user_properties,
        ..Limits::of_server()
    };
    let two_users = "40 r* m7 00 { 26 \"k\" \"v\" 26 \"k\" \"v\" }";
    let cases = [
        ("30 r* \"abc\" {} 'xx'", limits(10, 9), Ok(())),
        ("30 r* \"abc\" {} 'xxx'", limits(10, 9), Err(ReasonCode::PacketTooLarge)),
        ("30 r200", limits(100, 9), Err(ReasonCode::PacketTooLarge)),
        (two_users, limits(100, 2), Ok(())),
        (two_users, limits(100, 1), Err(ReasonCode::PacketTooLarge)),
    ];
    for (wire, limits, expected) in cases {
        let mut buffer = BytesMut::from(&wire::bytes(wire)[..]);
        let result = decode(&mut buffer, Version::V5, &limits).map(|_| ()).map_err(|e| e.reason);
        assert_eq!(result, expected, "{wire}");
    }
}

/// What a server refuses in names, a client takes from its server.
#[test]
fn control_characters_are_the_receivers_choice() {
    let wire = "30 r* s2 'a' 01 {} 'x'";
    for (limits, accepted) in [(Limits::of_server(), false), (Limits::of_client(), true)] {
        let mut buffer = BytesMut::from(&wire::bytes(wire)[..]);
        assert_eq!(decode(&mut buffer, Version::V5, &limits).is_ok(), accepted);
    }
}

#[test]
fn filters_in_one_packet_are_limited() {
    let limits = Limits { max_filters: 3, ..Limits::default() };
    let check = |first: u8, body: &[u8]| {
        let mut bytes = BytesMut::from(&[first, u8::try_from(body.len()).unwrap()][..]);
        bytes.extend_from_slice(body);
        decode(&mut bytes, Version::V311, &limits).map(drop).map_err(|error| error.reason)
    };
    let filter = [0, 1, b'a', 0];
    let subscribe = |filters: usize| [&[0, 1][..], &filter.repeat(filters)].concat();
    assert_eq!(check(0x82, &subscribe(3)), Ok(()));
    assert_eq!(check(0x82, &subscribe(4)), Err(ReasonCode::QuotaExceeded));
    let unsubscribe = |filters: usize| [&[0, 1][..], &filter[..3].repeat(filters)].concat();
    assert_eq!(check(0xA2, &unsubscribe(3)), Ok(()));
    assert_eq!(check(0xA2, &unsubscribe(4)), Err(ReasonCode::QuotaExceeded));
}
