//! The form as typed, and the message that it makes.

use super::*;

fn message(draft: &Draft) -> Result<Message, DraftError> {
    let mut rng = fastrand::Rng::with_seed(1);
    draft.plan()?.message(&mut Values { n: 2, now_ms: 5, client_id: "tab-1", rng: &mut rng })
}

fn with(form: Form, payload: &str) -> Draft {
    Draft { form, ..Draft::text_message("a", payload) }
}

#[test]
fn payloads_in_every_form() {
    let cases: [(Form, &str, &[u8]); 8] = [
        (Form::Text, "", b""),
        (Form::Text, "n={{n}}", b"n=2"),
        (Form::Json, "{\"n\":{{n}}}", b"{\"n\":2}"),
        (Form::Hex, "", b""),
        (Form::Hex, "de AD,0xbe:ef 0x00", b"\xde\xad\xbe\xef\x00"),
        (Form::Hex, "0f", b"\x0f"),
        (Form::Base64, "AP8\n=", b"\x00\xff"),
        (Form::Base64, "", b""),
    ];
    for (form, text, expected) in cases {
        assert_eq!(message(&with(form, text)).unwrap().payload, expected, "{text}");
    }
    let mut draft = with(Form::File, "");
    assert_eq!(message(&draft), Err(DraftError::NoFile));
    draft.edit(DraftEdit::File(File { name: "f".into(), bytes: Bytes::from_static(b"\x01") }));
    assert_eq!(message(&draft).unwrap().payload, b"\x01".as_slice());
}

#[test]
fn errors_say_where() {
    let cases = [
        (with(Form::Hex, "00 1g"), DraftError::Hex { at: 4 }),
        (with(Form::Hex, "0011f"), DraftError::Hex { at: 5 }),
        (with(Form::Base64, "AP8\n*"), DraftError::Base64 { at: 4 }),
        (with(Form::Base64, "AP8*"), DraftError::Base64 { at: 3 }),
        (with(Form::Json, "{\"a\":{{n}},}"), DraftError::Json { at: 11 }),
        (Draft::text_message("a/#", ""), DraftError::Topic(Field::Topic, TopicError::WildcardInName)),
        (Draft::text_message("", ""), DraftError::Topic(Field::Topic, TopicError::Empty)),
    ];
    for (draft, expected) in cases {
        assert_eq!(message(&draft), Err(expected), "{draft:?}");
    }
    for (field, text) in [
        (Field::Expiry, "0"),
        (Field::Expiry, "4294967296"),
        (Field::Every, "-1"),
        (Field::Every, "0"),
        (Field::Every, "1.2345"),
        (Field::Times, "many"),
        (Field::Timeout, "1 s"),
    ] {
        let mut draft = Draft::text_message("a", "");
        draft.edit(DraftEdit::Flag(Flag::Repeat, true));
        draft.edit(DraftEdit::Flag(Flag::Request, true));
        draft.edit(DraftEdit::Text(field, text.into()));
        assert_eq!(draft.plan().unwrap_err(), DraftError::Number(field), "{text}");
        assert_eq!(draft.plan().unwrap_err().field(), field);
    }
}

#[test]
fn json_is_checked_while_it_is_typed() {
    for (form, text, expected) in [
        (Form::Text, "21.5", None),
        (Form::Text, " {\"a\":1}", Some(Ok(()))),
        (Form::Text, "{\"a\":{{random}}}", Some(Ok(()))),
        (Form::Text, "{\"a\"", Some(Err(4))),
        (Form::Json, "21.5", Some(Ok(()))),
        (Form::Json, "", Some(Err(0))),
        (Form::Hex, "{", None),
    ] {
        assert_eq!(with(form, text).json(), expected, "{text}");
    }
    assert_eq!(line_and_column("{\n  é\u{1F600}x", 10), (2, 5));
    assert_eq!(line_and_column("", 9), (1, 1));
}

#[test]
fn all_properties() {
    let mut draft = Draft::text_message("a", "{{literally}}");
    assert!(!draft.has_properties());
    for (flag, on) in [(Flag::Utf8, true), (Flag::Retain, true), (Flag::Variables, false)] {
        draft.edit(DraftEdit::Flag(flag, on));
    }
    for (field, text) in [
        (Field::Expiry, "60"),
        (Field::ContentType, "text/plain"),
        (Field::ResponseTopic, "b"),
        (Field::Correlation, "0x00ff"),
    ] {
        draft.edit(DraftEdit::Text(field, text.into()));
    }
    for (index, half, text) in [
        (0, Half::Name, "k"),
        (0, Half::Value, "v"),
        (7, Half::Name, ""),
        (2, Half::Value, "w"),
        (2, Half::Name, "k"),
    ] {
        draft.edit(DraftEdit::User(index, half, text.into()));
    }
    draft.edit(DraftEdit::RemoveUser(9));
    assert!(draft.has_properties());
    let message = message(&draft).unwrap();
    let expected = PublishProperties {
        payload_format_utf8: Some(true),
        message_expiry_s: Some(60),
        content_type: Some("text/plain".into()),
        response_topic: Some("b".into()),
        correlation_data: Some(Bytes::from_static(b"\x00\xff")),
        subscription_ids: vec![],
        user: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
    };
    assert_eq!(message.properties.as_deref(), Some(&expected));
    assert!(message.retain && message.payload == "{{literally}}");
    draft.edit(DraftEdit::Text(Field::ResponseTopic, "b/+".into()));
    assert_eq!(draft.plan().unwrap_err().field(), Field::ResponseTopic);
}

#[test]
fn repetitions_and_patience() {
    let mut draft = Draft::text_message("a", "");
    draft.edit(DraftEdit::Flag(Flag::Repeat, true));
    draft.edit(DraftEdit::Flag(Flag::Request, true));
    let plan = draft.plan().unwrap();
    assert_eq!(plan.repeat, Some(Repeat { every_ms: 1000, times: None }));
    assert_eq!(plan.answer_within_ms, Some(TIMEOUT_MS));
    for (field, text) in [(Field::Every, "0,001"), (Field::Times, "3"), (Field::Timeout, ".5")] {
        draft.edit(DraftEdit::Text(field, text.into()));
    }
    let plan = draft.plan().unwrap();
    assert_eq!(plan.repeat, Some(Repeat { every_ms: MIN_EVERY_MS, times: Some(3) }));
    assert_eq!(plan.answer_within_ms, Some(500));
}

#[test]
fn base64_of_either_alphabet_with_and_without_its_end() {
    for (text, bytes) in [
        ("aGVsbG8=", &b"hello"[..]),
        ("aGVsbG8", b"hello"),
        ("aGVs\nbG8", b"hello"),
        ("+/8=", b"\xfb\xff"),
        ("-_8", b"\xfb\xff"),
        ("", b""),
    ] {
        assert_eq!(Form::Base64.bytes(text).as_deref(), Ok(bytes), "{text}");
    }
    for (text, at) in [("a", 1), ("aGVs*", 4), ("=", 0)] {
        assert_eq!(Form::Base64.bytes(text), Err(DraftError::Base64 { at }), "{text}");
    }
}

#[test]
fn text_is_no_json_for_its_variables() {
    let mut draft = Draft::text_message("a", "{{n}} {{random}}");
    assert_eq!(draft.json(), None);
    draft.edit(DraftEdit::Text(Field::Payload, "{\"n\": {{n}}}".into()));
    assert_eq!(draft.json(), Some(Ok(())));
    draft.edit(DraftEdit::Flag(Flag::Variables, false));
    assert_eq!(draft.json(), Some(Err(7)));
}
