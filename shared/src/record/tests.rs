//! Both forms, there and back; the JSON held against serde_json.

use super::*;
use proptest::prelude::*;

fn rich() -> Record {
    let properties = PublishProperties {
        payload_format_utf8: Some(true),
        message_expiry_s: Some(60),
        content_type: Some("text/plain, really".into()),
        response_topic: Some("answer/é".into()),
        correlation_data: Some(Bytes::from_static(b"\x00\xff")),
        subscription_ids: vec![],
        user: vec![("k".into(), "v,\"w\"".into()), ("k".into(), "".into())],
    };
    Record {
        qos: QoS::ExactlyOnce,
        retain: true,
        dup: true,
        sent: true,
        properties: Some(Box::new(properties)),
        ..Record::new(1_700_000_000_114, "home/küche", "two\nlines, \"quoted\" ")
    }
}

fn json(record: &Record) -> String {
    let mut out = String::new();
    write_json(record, &mut out);
    out
}

/// Every message of a file that is pushed in pieces of `size` bytes.
fn read(file: &[u8], size: usize) -> Vec<Result<Record, BadLine>> {
    let mut reader = Reader::default();
    let mut out = Vec::new();
    for piece in file.chunks(size) {
        reader.push(piece);
        out.extend(std::iter::from_fn(|| reader.next()));
    }
    reader.end();
    out.extend(std::iter::from_fn(|| reader.next()));
    out
}

#[test]
fn a_line_as_documented() {
    let line = json(&Record { qos: QoS::AtLeastOnce, ..Record::new(1_700_000_000_114, "a/b", "21.5") });
    assert_eq!(
        line,
        "{\"time\":\"2023-11-14T22:13:20.114Z\",\"topic\":\"a/b\",\"payload\":\"21.5\",\"qos\":1,\"retain\":false}\n"
    );
    let line = json(&Record::new(0, "a", vec![0xff]));
    assert!(line.contains("\"payload_base64\":\"/w==\"") && !line.contains("\"payload\""), "{line}");
}

#[test]
fn there_and_back_in_both_forms_whatever_the_pieces() {
    let records = [Record::new(5, "a", "1"), rich(), Record::new(6, "b", vec![0xff, 0x0a])];
    let jsonl: String = records.iter().map(json).collect();
    let mut csv = CSV_HEADER.to_owned();
    records.iter().for_each(|record| write_csv(record, &mut csv));
    for file in [&jsonl, &csv] {
        for size in [1, 2, 7, 4096] {
            let back: Vec<_> = read(file.as_bytes(), size).into_iter().map(Result::unwrap).collect();
            assert_eq!(back, records, "{file} by {size}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let cases: [(&str, &[(u64, Invalid)]); 9] = [
        ("{\"topic\":\"a\"}\n\n{\"payload\":\"1\"}\n", &[(3, Invalid::NoTopic)]),
        ("{\"topic\":\"a\"}\n{\"topic\":1}", &[(2, Invalid::Field("topic"))]),
        ("{\"topic\":\"a\",\"qos\":3}", &[(1, Invalid::Field("qos"))]),
        ("{\"topic\":\"a\",\"time\":\"soon\"}", &[(1, Invalid::Field("time"))]),
        ("{\"topic\":\"a\",\"payload_base64\":\"*\"}", &[(1, Invalid::Field("payload_base64"))]),
        ("{\"topic\":\"a\"} x", &[(1, Invalid::Json(14))]),
        ("PNG\nnothing", &[(1, Invalid::Header), (2, Invalid::Json(0))]),
        ("time,payload\n1,2", &[(1, Invalid::Header), (2, Invalid::Json(0))]),
        ("topic,qos\na,9\nb,1", &[(2, Invalid::Field("qos"))]),
    ];
    for (file, expected) in cases {
        let bad: Vec<_> = read(file.as_bytes(), 3)
            .into_iter()
            .filter_map(|r| r.err().map(|bad| (bad.line, bad.why)))
            .collect();
        assert_eq!(bad, expected, "{file}");
    }
    let mut broken = b"{\"topic\":\"".to_vec();
    broken.extend_from_slice(b"\xff\"}\n{\"topic\":\"b\"}");
    let all = read(&broken, 5);
    assert_eq!(all[0], Err(BadLine { line: 1, why: Invalid::Utf8 }));
    assert_eq!(all[1].as_ref().unwrap().topic, "b");
}

#[test]
fn what_others_write_is_read() {
    let record = parse_json(
        r#" { "tst": "x", "nested": {"a":[1,-2.5e3,null,true]}, "topic" : "a\/b\u00e9\ud83d\ude00", "qos":0, "time":1700000000114 , "properties":null} "#,
    )
    .unwrap();
    assert_eq!(record, Record::new(1_700_000_000_114, "a/bé😀", ""));
    let all = read(b"Topic,Time,other,payload\na,5,x,\"1\n2\"\nb,,,\n", 4);
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    assert_eq!(all, [Record::new(5, "a", "1\n2"), Record::new(0, "b", "")]);
}

#[test]
fn depth_is_bounded() {
    let line = format!("{{\"topic\":\"a\",\"x\":{}", "[".repeat(100_000));
    assert!(matches!(parse_json(&line), Err(Invalid::Json(_))));
}

proptest! {
    #[test]
    fn any_message_comes_back(
        at_ms in 0..4_000_000_000_000u64,
        topic in ".{1,20}",
        payload in proptest::collection::vec(any::<u8>(), 0..40),
        text in ".*",
        user in proptest::collection::vec((".*", ".*"), 0..3),
    ) {
        for payload in [Bytes::from(payload), Bytes::from(text)] {
            let user = user.iter().map(|(n, v)| (n.as_str().into(), v.as_str().into())).collect();
            let properties = PublishProperties { user, ..PublishProperties::default() };
            let properties = (!properties.is_empty()).then(|| Box::new(properties));
            let record = Record { properties, ..Record::new(at_ms, topic.as_str(), payload) };
            let line = json(&record);
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert_eq!(parse_json(line.trim_end_matches('\n')), Ok(record.clone()));
            // Independent of our reader.
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["topic"].as_str(), Some(&*record.topic));
            let mut csv = CSV_HEADER.to_owned();
            write_csv(&record, &mut csv);
            let back: Vec<_> = read(csv.as_bytes(), 16).into_iter().collect();
            prop_assert_eq!(back, vec![Ok(record)]);
        }
    }

    #[test]
    fn reads_what_serde_json_writes_and_takes_no_more(text in ".*", garbage in "[\\[\\]{}\",:0-9a-f\\\\ .-]{0,24}") {
        let line = serde_json::json!({ "topic": text }).to_string();
        prop_assert_eq!(parse_json(&line).map(|r| r.topic.to_string()), Ok(text));
        let ours = json::JsonReader::new(&garbage).skip();
        let theirs = serde_json::from_str::<serde_json::Value>(&garbage);
        // Whatever is JSON as a whole is read; numbers with leading zeros and the like may pass as well.
        prop_assert!(theirs.is_err() || ours.is_ok(), "{garbage}");
    }
}
