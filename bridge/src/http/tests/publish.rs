//! `POST /api/v1/publish`.

use super::*;

#[tokio::test]
async fn publications_are_accepted() {
    let mut site = Site::new();
    for body in [
        json!({"topic": "a/b", "payload": "x", "qos": 2, "retain": true}),
        json!({"topic": "a", "payload_base64": "AP8="}),
        json!({"topic": "a"}),
        json!({"topic": "a", "payload": "é", "properties": {"payload_format_utf8": true, "user": [["k", "v"]],
               "response_topic": "r", "correlation_data_base64": "AA==", "message_expiry_s": 5}}),
    ] {
        let answer = site.publish(body.to_string()).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"receivers": 0})), "{body}");
    }
}

#[tokio::test]
async fn errors_are_problems_with_a_sentence() {
    let mut site = Site::new();
    let cases = [
        (json!({"topic": "a/#"}), 422, "topic contains '+' or '#'"),
        (json!({"topic": ""}), 422, "topic is empty"),
        (json!({"payload": "x"}), 422, "missing field `topic`"),
        (json!({"topic": "a", "colour": 1}), 422, "unknown field `colour`"),
        (json!({"topic": "a", "payload": 5}), 422, "payload: invalid type"),
        (json!({"topic": "a", "payload": "x", "payload_base64": "eA=="}), 422, "not both"),
        (json!({"topic": "a", "payload_base64": "?"}), 422, "not standard base64"),
        (json!({"topic": "a", "qos": 3}), 422, "only 0, 1 and 2"),
        (json!({"topic": "a", "properties": {"response_topic": "+"}}), 422, "response_topic contains"),
        (json!({"topic": "a", "properties": {"content_type": "\u{0}"}}), 422, "U+0000"),
        (
            json!({"topic": "a", "payload_base64": "/w==", "properties": {"payload_format_utf8": true}}),
            422,
            "not UTF-8",
        ),
        (json!({"topic": "a", "payload": "x".repeat(1024)}), 413, "largest packet has 1024"),
        (
            json!({"topic": "a", "payload": "x".repeat(100_000)}),
            413,
            "larger than this broker's largest packet",
        ),
    ];
    for (body, status, part) in cases {
        let answer = site.publish(body.to_string()).await;
        let problem = answer.json();
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(answer.status, status, "{detail}");
        assert_eq!(
            (answer.header("content-type"), &problem["status"]),
            ("application/problem+json", &json!(status))
        );
        assert!(detail.contains(part), "{detail}");
    }
    let answer = site.publish("{").await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["detail"].as_str().unwrap().contains("line 1"), "{}", answer.json());
}

#[tokio::test]
async fn foreign_pages_and_forms_are_refused() {
    let mut site = Site::new();
    let json_type = ("content-type", "application/json");
    let form = ("content-type", "text/plain");
    let cases = [
        (&[json_type, ("origin", "http://127.0.0.1:8083")][..], 200),
        (&[json_type, ("origin", "http://localhost:8080")], 200),
        (&[json_type, ("origin", "https://evil.example")], 403),
        (&[json_type, ("origin", "null")], 403),
        (&[json_type, ("origin", "http://evil.example:8083"), ("host", "evil.example:8083")], 403),
        (&[form], 415),
        (&[], 415),
    ];
    for (headers, status) in cases {
        let answer = site.ask("POST", PUBLISH_PATH, headers, r#"{"topic":"a"}"#).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade"), ("origin", "https://evil.example")];
    let answer = site.ask("GET", WEBSOCKET_PATH, &upgrade, "").await;
    assert_eq!(answer.status, 403);
    assert!(answer.json()["detail"].as_str().unwrap().contains("--allow-origin"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let mut site = Site::new();
    let endless = Body::from_stream(futures_util::stream::unfold((), async |()| {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Some((Ok::<_, std::io::Error>(" "), ()))
    }));
    let answer = site.publish(endless).await;
    assert_eq!((answer.status, answer.header("connection")), (408, "close"));
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn what_the_broker_writes_nobody_else_does() {
    let mut site = Site::new();
    for topic in ["$SYS", "$SYS/broker/version"] {
        let answer = site.publish(json!({ "topic": topic }).to_string()).await;
        assert_eq!(answer.status, 403, "{topic}: {:?}", answer.body);
    }
    assert_eq!(site.publish(json!({ "topic": "$SYSTEM" }).to_string()).await.status, 200);
}
