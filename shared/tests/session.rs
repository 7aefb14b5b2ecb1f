//! The books of QoS 1 and 2, and topic aliases: tables, and random histories against naive models.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroU16;
use tabmq_shared::ByteString;
use tabmq_shared::packet::{PacketId, QoS, ReasonCode};
use tabmq_shared::session::{
    AliasError, Assigned, InboundAliases, Incoming, OutboundAliases, Outgoing, PubRecOutcome, Received,
    Resend,
};

use QoS::{AtLeastOnce as Q1, ExactlyOnce as Q2};

const OK: ReasonCode = ReasonCode::Success;
const REFUSED: ReasonCode = ReasonCode::QuotaExceeded;

fn nz(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

// ---- Outgoing ----

/// One step of a table: what is called and what it must answer.
#[derive(Debug)]
enum Step {
    Push(&'static str, QoS, Option<u16>),
    Ack(u16, Option<&'static str>),
    Rec(u16, ReasonCode, PubRecOutcome<&'static str>),
    Comp(u16, bool),
    Reserve(u16),
    Unreserve(u16, bool),
    Resume(u16),
    Again(Option<(u16, Resend<'static, &'static str>)>),
    CanSend(bool),
    Len(usize),
    Drain(&'static [(&'static str, QoS)]),
}

#[track_caller]
fn check(name: &str, receive_maximum: u16, steps: &[Step]) {
    let mut out = Outgoing::new(nz(receive_maximum));
    for (n, step) in steps.iter().enumerate() {
        let at = format!("{name}, step {n}: {step:?}");
        match *step {
            Step::Push(message, qos, id) => {
                let next = out.next_id();
                assert_eq!(out.push(message, qos), id.map(nz).ok_or(message), "{at}");
                assert_eq!(next, id.map(nz), "next_id, {at}");
            }
            Step::Ack(id, ref expected) => assert_eq!(out.puback(nz(id)), *expected, "{at}"),
            Step::Rec(id, reason, ref expected) => assert_eq!(out.pubrec(nz(id), reason), *expected, "{at}"),
            Step::Comp(id, expected) => assert_eq!(out.pubcomp(nz(id)), expected, "{at}"),
            Step::Reserve(id) => assert_eq!(out.reserve(), Some(nz(id)), "{at}"),
            Step::Unreserve(id, expected) => assert_eq!(out.unreserve(nz(id)), expected, "{at}"),
            Step::Resume(max) => out.resume(nz(max)),
            Step::Again(expected) => {
                let got = out.next_resend().map(|(id, resend)| (id.get(), owned(resend)));
                assert_eq!(got, expected.map(|(id, resend)| (id, owned(resend))), "{at}");
            }
            Step::CanSend(expected) => assert_eq!(out.can_send(), expected, "{at}"),
            Step::Len(expected) => assert_eq!((out.len(), out.is_empty()), (expected, expected == 0), "{at}"),
            Step::Drain(expected) => assert_eq!(out.drain().collect::<Vec<_>>(), expected, "{at}"),
        }
    }
}

/// `None`: PUBREL.
fn owned<M: Clone>(resend: Resend<'_, M>) -> Option<(M, QoS)> {
    match resend {
        Resend::Publish(message, qos) => Some((message.clone(), qos)),
        Resend::Release => None,
    }
}

#[test]
fn outgoing() {
    use PubRecOutcome::{Ended, Release, Unknown};
    use Step::*;
    check(
        "QoS 1",
        2,
        &[
            Push("a", Q1, Some(1)),
            Push("b", Q1, Some(2)),
            CanSend(false), // [MQTT-3.3.4-7]
            Push("c", Q1, None),
            Ack(3, None),
            Rec(1, OK, Unknown),
            Comp(1, false),
            Ack(2, Some("b")), // out of order
            Ack(2, None),
            Len(1),
            Push("c", Q1, Some(3)),
            Ack(1, Some("a")),
            Ack(3, Some("c")),
            Len(0),
            Push("d", Q1, Some(4)), // identifiers go on, so that a late answer meets nothing
        ],
    );
    check(
        "QoS 2",
        1,
        &[
            Push("a", Q2, Some(1)),
            Ack(1, None),
            Comp(1, false), // not before PUBREC
            Rec(1, OK, Release(Some("a"))),
            CanSend(false), // the quota comes back with PUBCOMP
            Rec(1, OK, Release(None)),
            Rec(1, REFUSED, Release(None)), // too late to refuse
            Comp(1, true),
            Comp(1, false),
            Rec(1, OK, Unknown),
            CanSend(true),
            Push("b", Q2, Some(2)),
            Rec(2, REFUSED, Ended("b")),
            CanSend(true),
            Rec(2, OK, Unknown),
        ],
    );
    check(
        "resume: in order, PUBREL included, before anything new [MQTT-4.4.0-1] [MQTT-4.6.0-1]",
        10,
        &[
            Push("a", Q2, Some(1)),
            Push("b", Q1, Some(2)),
            Push("c", Q2, Some(3)),
            Push("d", Q1, Some(4)),
            Rec(1, OK, Release(Some("a"))),
            Ack(2, Some("b")),
            Again(None), // nothing on the same connection [MQTT-4.4.0-1]
            Resume(10),
            CanSend(false),
            Again(Some((1, Resend::Release))),
            CanSend(false),
            Again(Some((3, Resend::Publish(&"c", Q2)))),
            Again(Some((4, Resend::Publish(&"d", Q1)))),
            Again(None),
            CanSend(true),
            Push("e", Q1, Some(5)),
            Len(4),
        ],
    );
    check(
        "resume: the new quota holds for what is sent again",
        3,
        &[
            Push("a", Q1, Some(1)),
            Push("b", Q2, Some(2)),
            Push("c", Q1, Some(3)),
            Rec(2, OK, Release(Some("b"))),
            Resume(1),
            Again(Some((1, Resend::Publish(&"a", Q1)))),
            Again(Some((2, Resend::Release))), // needs no quota
            Again(None),
            CanSend(false),
            Comp(2, true), // took no quota on this connection: gives none
            Again(None),
            Ack(1, Some("a")),
            Again(Some((3, Resend::Publish(&"c", Q1)))),
            Push("d", Q1, None),
            Ack(3, Some("c")),
            Push("d", Q1, Some(4)),
        ],
    );
    check(
        "resume: what is acknowledged before it was sent again is skipped",
        3,
        &[
            Push("a", Q1, Some(1)),
            Push("b", Q1, Some(2)),
            Push("c", Q1, Some(3)),
            Resume(3),
            Ack(2, Some("b")),
            Ack(1, Some("a")),
            Again(Some((3, Resend::Publish(&"c", Q1)))),
            Again(None),
            Push("d", Q1, Some(4)),
            Push("e", Q1, Some(5)),
            CanSend(false),
        ],
    );
    check(
        "reserved identifiers take no quota and end with the connection",
        1,
        &[
            Reserve(1),
            Push("a", Q1, Some(2)),
            Reserve(3),
            Len(1),
            Ack(1, None),
            Comp(1, false),
            Unreserve(2, false),
            Unreserve(1, true),
            Unreserve(1, false),
            Resume(1),
            Unreserve(3, false),
            Again(Some((2, Resend::Publish(&"a", Q1)))),
            Again(None),
            Ack(2, Some("a")),
            Push("b", Q1, Some(4)),
        ],
    );
    check(
        "drain: what the peer has not said to have",
        4,
        &[
            Push("a", Q2, Some(1)),
            Push("b", Q1, Some(2)),
            Reserve(3),
            Push("c", Q2, Some(4)),
            Rec(1, OK, Release(Some("a"))),
            Drain(&[("b", Q1), ("c", Q2)]),
            Len(0),
            Comp(1, false),
            Push("d", Q1, Some(5)),
        ],
    );
}

#[test]
fn outgoing_span_is_bounded() {
    for (receive_maximum, span) in [(1, 1_024), (10, 1_024), (300, 1_200), (u16::MAX, 65_535)] {
        let mut out = Outgoing::new(nz(receive_maximum));
        if receive_maximum > 1 {
            out.push(0, Q1).unwrap(); // never acknowledged
        } else {
            out.reserve().unwrap();
        }
        let mut sent = 1;
        while let Ok(id) = out.push(sent, Q1) {
            assert_eq!(out.puback(id), Some(sent));
            sent += 1;
        }
        assert_eq!(sent, span, "receive maximum {receive_maximum}");
        assert!(out.puback(nz(1)).is_some() || out.unreserve(nz(1)));
        assert!(out.can_send(), "the oldest was acknowledged: it goes on");
    }
}

#[test]
fn outgoing_identifiers_wrap_around() {
    let mut out = Outgoing::new(nz(3));
    let mut last = 0;
    for n in 0..200_000_u32 {
        let id = out.push(n, Q1).unwrap();
        assert_eq!(u32::from(id.get()), n % 65_535 + 1); // never 0 [MQTT-2.2.1-3]
        if n >= 2 {
            assert_eq!(out.puback(nz((last % 65_535 + 1) as u16)), Some(last));
            last += 1;
        }
    }
    // Around the end of the range, out of order.
    let ids: Vec<u16> = out.iter().map(|(id, _)| id.get()).collect();
    assert_eq!(ids.len(), 2);
}

#[test]
fn outgoing_identifiers_are_used_up() {
    let mut out: Outgoing<u32> = Outgoing::new(NonZeroU16::MAX);
    for _ in 0..65_535 {
        out.reserve().unwrap();
    }
    assert_eq!((out.reserve(), out.can_send(), out.push(1, Q1)), (None, false, Err(1)));
    assert!(out.unreserve(nz(1)));
    assert_eq!(out.reserve(), Some(nz(1)));
}

#[derive(Clone, Debug)]
enum Op {
    Push(QoS),
    Puback(u16),
    Pubrec(u16, bool),
    Pubcomp(u16),
    Reserve,
    Unreserve(u16),
    Resume(u16),
    Again,
    Drain,
}

fn op() -> impl Strategy<Value = Op> {
    // Identifiers are counted from the oldest in use, so that most of them hit.
    let near = 0..12_u16;
    prop_oneof![
        8 => prop_oneof![Just(Q1), Just(Q2)].prop_map(Op::Push),
        4 => near.clone().prop_map(Op::Puback),
        4 => (near.clone(), proptest::bool::weighted(0.2)).prop_map(|(n, failed)| Op::Pubrec(n, failed)),
        4 => near.clone().prop_map(Op::Pubcomp),
        1 => Just(Op::Reserve),
        1 => near.prop_map(Op::Unreserve),
        1 => (1..8_u16).prop_map(Op::Resume),
        6 => Just(Op::Again),
        1 => Just(Op::Drain),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Publish(QoS),
    Release,
    Reserved,
}

/// The same rules, told with a list.
struct Model {
    entries: Vec<Entry>,
    receive_maximum: usize,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    seq: u64,
    kind: Kind,
    counted: bool,
    again: bool,
}

impl Model {
    fn quota(&self) -> usize {
        self.receive_maximum - self.entries.iter().filter(|e| e.counted).count()
    }

    fn can_send(&self) -> bool {
        self.quota() > 0 && !self.entries.iter().any(|e| e.again)
    }

    fn remove(&mut self, seq: u64, is: impl Fn(Kind) -> bool) -> bool {
        let before = self.entries.len();
        self.entries.retain(|e| e.seq != seq || !is(e.kind));
        self.entries.len() < before
    }
}

fn id(seq: u64) -> PacketId {
    nz((seq % 65_535 + 1) as u16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn outgoing_is_as_its_model(receive_maximum in 1..6_u16, ops in proptest::collection::vec(op(), 1..200)) {
        let mut out = Outgoing::new(nz(receive_maximum));
        let mut model = Model { entries: Vec::new(), receive_maximum: receive_maximum.into(), next: 0 };
        for op in ops {
            let oldest = model.entries.first().map_or(model.next, |e| e.seq);
            match op {
                Op::Push(qos) => {
                    let expected = model.can_send().then(|| id(model.next));
                    prop_assert_eq!(out.push(model.next, qos).ok(), expected);
                    if expected.is_some() {
                        model.entries.push(Entry { seq: model.next, kind: Kind::Publish(qos), counted: true, again: false });
                        model.next += 1;
                    }
                }
                Op::Puback(n) => {
                    let seq = oldest + u64::from(n);
                    let expected = model.remove(seq, |kind| kind == Kind::Publish(Q1));
                    prop_assert_eq!(out.puback(id(seq)), expected.then_some(seq));
                }
                Op::Pubrec(n, failed) => {
                    let seq = oldest + u64::from(n);
                    let kind = model.entries.iter().find(|e| e.seq == seq).map(|e| e.kind);
                    let expected = match kind {
                        Some(Kind::Publish(Q2)) if failed => PubRecOutcome::Ended(seq),
                        Some(Kind::Publish(Q2)) => PubRecOutcome::Release(Some(seq)),
                        Some(Kind::Release) => PubRecOutcome::Release(None),
                        _ => PubRecOutcome::Unknown,
                    };
                    match expected {
                        PubRecOutcome::Ended(_) => {
                            model.remove(seq, |_| true);
                        }
                        PubRecOutcome::Release(Some(_)) => {
                            model.entries.iter_mut().find(|e| e.seq == seq).unwrap().kind = Kind::Release;
                        }
                        _ => {}
                    }
                    prop_assert_eq!(out.pubrec(id(seq), if failed { REFUSED } else { OK }), expected);
                }
                Op::Pubcomp(n) => {
                    let seq = oldest + u64::from(n);
                    let expected = model.remove(seq, |kind| kind == Kind::Release);
                    prop_assert_eq!(out.pubcomp(id(seq)), expected);
                }
                Op::Reserve => {
                    prop_assert_eq!(out.reserve(), Some(id(model.next)));
                    model.entries.push(Entry { seq: model.next, kind: Kind::Reserved, counted: false, again: false });
                    model.next += 1;
                }
                Op::Unreserve(n) => {
                    let seq = oldest + u64::from(n);
                    let expected = model.remove(seq, |kind| kind == Kind::Reserved);
                    prop_assert_eq!(out.unreserve(id(seq)), expected);
                }
                Op::Resume(max) => {
                    out.resume(nz(max));
                    model.receive_maximum = max.into();
                    model.entries.retain(|e| e.kind != Kind::Reserved);
                    for e in &mut model.entries {
                        (e.counted, e.again) = (false, true);
                    }
                }
                Op::Again => {
                    let quota = model.quota();
                    let first = model.entries.iter_mut().find(|e| e.again);
                    let expected = match first {
                        Some(e) if e.kind == Kind::Release => {
                            e.again = false;
                            Some((id(e.seq), None))
                        }
                        Some(e) if quota > 0 => {
                            let Kind::Publish(qos) = e.kind else { unreachable!() };
                            (e.again, e.counted) = (false, true);
                            Some((id(e.seq), Some((e.seq, qos))))
                        }
                        _ => None,
                    };
                    prop_assert_eq!(out.next_resend().map(|(id, r)| (id, owned(r))), expected);
                }
                Op::Drain => {
                    let expected: Vec<_> = model.entries.drain(..).filter_map(|e| match e.kind {
                        Kind::Publish(qos) => Some((e.seq, qos)),
                        _ => None,
                    }).collect();
                    prop_assert_eq!(out.drain().collect::<Vec<_>>(), expected);
                }
            }
            prop_assert_eq!(out.can_send(), model.can_send());
            let inside: Vec<_> = out.iter().map(|(id, r)| (id, owned(r))).collect();
            let expected: Vec<_> = model.entries.iter().filter_map(|e| match e.kind {
                Kind::Publish(qos) => Some((id(e.seq), Some((e.seq, qos)))),
                Kind::Release => Some((id(e.seq), None)),
                Kind::Reserved => None,
            }).collect();
            prop_assert_eq!(out.len(), expected.len());
            prop_assert_eq!(inside, expected);
        }
    }
}

// ---- Incoming ----

#[test]
fn incoming() {
    let mut incoming = Incoming::new(2);
    assert_eq!(incoming.publish(nz(7)), Received::New);
    assert_eq!(incoming.publish(nz(7)), Received::Duplicate); // [MQTT-4.3.3-10]
    assert_eq!(incoming.publish(nz(9)), Received::New);
    assert_eq!(incoming.publish(nz(8)), Received::TooMany); // [MQTT-3.3.4-9]
    assert_eq!(incoming.publish(nz(9)), Received::Duplicate, "sent again is not one more");
    assert!(incoming.release(nz(9)));
    assert!(!incoming.release(nz(9)));
    assert_eq!(incoming.publish(nz(9)), Received::New, "the identifier is free again [MQTT-4.3.3-12]");

    incoming.resume(2);
    assert_eq!(incoming.publish(nz(1)), Received::New, "7 and 9 are not in the sender's new quota");
    assert_eq!(incoming.publish(nz(7)), Received::Duplicate);
    assert_eq!(incoming.publish(nz(9)), Received::TooMany);
    assert_eq!(incoming.iter().map(PacketId::get).collect::<Vec<_>>(), [1, 7, 9]);
    incoming.forget(nz(1));
    assert_eq!(incoming.publish(nz(1)), Received::New, "refused: not kept");

    incoming.clear();
    assert_eq!((incoming.len(), incoming.is_empty()), (0, true));
    assert_eq!(incoming.publish(nz(7)), Received::New);
}

proptest! {
    #[test]
    fn incoming_is_as_its_model(
        max in 1..5_usize,
        ops in proptest::collection::vec((0..4_u8, prop_oneof![1..6_u16, 65_530..=65_535_u16]), 1..100),
    ) {
        let mut incoming = Incoming::new(max as u16);
        let mut model: BTreeMap<u16, bool> = BTreeMap::new(); // whether it counts
        let mut used = 0;
        for (op, id) in ops {
            match op {
                0 | 1 => {
                    let expected = match model.get(&id) {
                        Some(true) => Received::Duplicate,
                        _ if used == max => Received::TooMany,
                        known => {
                            let answer = if known.is_some() { Received::Duplicate } else { Received::New };
                            model.insert(id, true);
                            used += 1;
                            answer
                        }
                    };
                    prop_assert_eq!(incoming.publish(nz(id)), expected);
                }
                2 => {
                    used = used.saturating_sub(1);
                    prop_assert_eq!(incoming.release(nz(id)), model.remove(&id).is_some());
                }
                _ => {
                    incoming.resume(max as u16);
                    used = 0;
                    model.values_mut().for_each(|counted| *counted = false);
                }
            }
            prop_assert_eq!(incoming.iter().map(PacketId::get).collect::<Vec<_>>(), model.keys().copied().collect::<Vec<_>>());
        }
    }
}

// ---- Aliases ----

#[test]
fn inbound_aliases() {
    let mut aliases = InboundAliases::new(3);
    type Case = (u16, &'static str, Result<&'static str, (AliasError, ReasonCode)>);
    let cases: &[Case] = &[
        (0, "plain", Ok("plain")),
        (0, "", Err((AliasError::NoTopic, ReasonCode::ProtocolError))),
        (1, "", Err((AliasError::Unknown { alias: 1 }, ReasonCode::ProtocolError))),
        (3, "c", Ok("c")),
        (3, "", Ok("c")),
        (2, "", Err((AliasError::Unknown { alias: 2 }, ReasonCode::ProtocolError))),
        (3, "d", Ok("d")), // replaced
        (3, "", Ok("d")),
        (4, "x", Err((AliasError::AboveMaximum { alias: 4, max: 3 }, ReasonCode::TopicAliasInvalid))), // [MQTT-3.3.2-9]
    ];
    for (alias, topic, expected) in cases {
        let result = aliases.resolve(NonZeroU16::new(*alias), ByteString::from(*topic));
        let result = result.map_err(|error| (error, error.reason()));
        assert_eq!(result, expected.map(ByteString::from), "{alias} {topic:?}");
    }
    let none = InboundAliases::new(0).resolve(Some(nz(1)), "a".into());
    assert_eq!(none.unwrap_err().reason(), ReasonCode::TopicAliasInvalid);
}

#[test]
fn outbound_aliases() {
    let long = "x".repeat(30_000);
    let cases: &[(u16, &[(&str, Assigned)])] = &[
        (0, &[("a/long/topic", Assigned::None), ("a/long/topic", Assigned::None)]),
        (1, &[("abc", Assigned::None), ("abcd", Assigned::New(nz(1))), ("abcd", Assigned::Known(nz(1)))]),
    ];
    for (max, steps) in cases {
        let mut aliases = OutboundAliases::new(*max);
        for (topic, expected) in *steps {
            assert_eq!(aliases.assign(&ByteString::from(*topic)), *expected, "max {max}, {topic}");
        }
    }
    let mut aliases = OutboundAliases::new(100);
    let news = (0..100).filter(|n| matches!(aliases.assign(&format!("{n}{long}").into()), Assigned::New(_)));
    assert_eq!(news.count(), 2, "64 KiB of topics are enough");
}

/// Topics that come once do not drive out those that come often; and an alias changes hands seldom.
#[test]
fn outbound_aliases_stay_with_what_is_sent_often() {
    let mut aliases = OutboundAliases::new(8);
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut known, mut new, mut often) = (0, 0, 0);
    for n in 0..10_000 {
        let topic = if n % 3 > 0 { format!("often/{}", rng.u32(0..4)) } else { format!("once/{n}") };
        often += u32::from(topic.starts_with("often"));
        match aliases.assign(&topic.into()) {
            Assigned::Known(_) => known += 1,
            Assigned::New(_) => new += 1,
            Assigned::None => {}
        }
    }
    assert!(known * 100 > often * 95, "{known} of {often} by alias alone");
    assert!(new < 2_000, "{new} new aliases");
}

proptest! {
    /// Whatever is assigned, the peer understands: it is never above its maximum.
    // [MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-9] [MQTT-3.3.2-11]
    #[test]
    fn outbound_aliases_resolve(max in 0..12_u16, topics in proptest::collection::vec(0..40_u32, 0..400)) {
        let mut ours = OutboundAliases::new(max);
        let mut theirs = InboundAliases::new(max);
        for topic in topics {
            let topic = ByteString::from(format!("topic/{topic}"));
            let (alias, sent) = match ours.assign(&topic) {
                Assigned::None => (None, topic.clone()),
                Assigned::New(alias) => (Some(alias), topic.clone()),
                Assigned::Known(alias) => (Some(alias), ByteString::new()),
            };
            prop_assert_eq!(theirs.resolve(alias, sent), Ok(topic));
        }
    }
}
