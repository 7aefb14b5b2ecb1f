//! `/api/v1/retained`.

use super::*;

fn topics(page: &Value) -> Vec<&str> {
    page["messages"].as_array().unwrap().iter().map(|message| message["topic"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn messages_are_shown_by_filter_and_page() {
    let mut site = Site::new();
    let conn = site.join(connect("sensor"));
    for topic in ["b", "a/1", "a/2", "a/3", "c"] {
        site.send(conn, topic, "0123456789", true);
    }
    site.publish(
        json!({"topic": "d", "payload_base64": "AP8=", "qos": 1, "retain": true,
                        "properties": {"content_type": "x", "message_expiry_s": 60}})
        .to_string(),
    )
    .await;
    let page = site.get("/api/v1/retained?limit=2&preview=4").await;
    assert_eq!(topics(&page), ["a/1", "a/2"]);
    let mut first = page["messages"][0].clone();
    // The broker's clock is the real one here, and this test may wait for its processor.
    assert!(first["age_s"].take().as_u64().unwrap() < 60);
    assert_eq!(
        first,
        json!({"topic": "a/1", "qos": 0, "payload_bytes": 10, "payload_base64": "MDEyMw==", "age_s": null, "publisher": "sensor"})
    );
    let next = page["next"].as_str().unwrap().replace('/', "%2F");
    let page = site.get(&format!("/api/v1/retained?after={next}")).await;
    assert_eq!((topics(&page), &page["next"]), (vec!["a/3", "b", "c", "d"], &json!(null)));
    let last = &page["messages"][3];
    assert_eq!((&last["payload_base64"], &last["publisher"]), (&json!("AP8="), &json!(null)));
    assert!((1..=60).contains(&last["expires_in_s"].as_u64().unwrap()));
    assert_eq!(last["properties"]["content_type"], "x");
    let page = site.get("/api/v1/retained?filter=a/%2B").await;
    assert_eq!(topics(&page), ["a/1", "a/2", "a/3"]);
    let page = site.get("/api/v1/retained?filter=$SYS/broker/version").await;
    assert_eq!(topics(&page), ["$SYS/broker/version"]);
}

#[tokio::test]
async fn one_answer_has_so_many_bytes_and_no_more() {
    let mut site = Site::new();
    let config = BrokerConfig { max_packet_size: 1 << 20, ..BrokerConfig::default() };
    site.hub.reconfigure(config);
    let payload: &'static str = "x".repeat(65_536).leak();
    let conn = site.join(connect("a"));
    for n in 0..70 {
        site.send(conn, &format!("t/{n:02}"), payload, true);
    }
    let page = site.get("/api/v1/retained?limit=1000&preview=65536").await;
    assert_eq!((topics(&page).len(), page["next"].as_str()), (64, Some("t/63")));
    let page = site.get("/api/v1/retained?limit=1000&preview=65536&after=t/63").await;
    assert_eq!((topics(&page).len(), &page["next"]), (6, &json!(null)));
}

#[tokio::test]
async fn rules_hold_for_payloads_and_for_removing() {
    let mut site = Site::with(&guarded());
    let body = |topic: &str| json!({"topic": topic, "payload": "1", "retain": true}).to_string();
    let (authorization, json) = (basic("anna", "pw"), ("content-type", "application/json"));
    for topic in ["paul/a", "paul/b", "anna/a", "vera/a"] {
        let headers = [("authorization", authorization.as_str()), json];
        assert_eq!(site.ask("POST", PUBLISH_PATH, &headers, body(topic)).await.status, 200);
    }
    // What may not be read is listed without what it says.
    let page = site.ask_as("vera", "GET", "/api/v1/retained").await.json();
    let shown: Vec<bool> =
        page["messages"].as_array().unwrap().iter().map(|one| one["payload_base64"].is_string()).collect();
    assert_eq!(
        (topics(&page), shown),
        (vec!["anna/a", "paul/a", "paul/b", "vera/a"], vec![false, false, false, true])
    );
    let cases = [
        ("vera", "topic=vera/a", 403, json!(null)), // only a viewer
        ("paul", "topic=anna/a", 403, json!(null)),
        ("paul", "topic=paul/none", 404, json!(null)),
        ("paul", "topic=paul/a", 200, json!({"removed": 1, "denied": 0})),
        ("paul", "filter=%23", 200, json!({"removed": 1, "denied": 2})),
        ("anna", "filter=%23", 200, json!({"removed": 2, "denied": 0})),
        ("anna", "filter=$SYS/broker/version", 200, json!({"removed": 0, "denied": 1})),
        ("anna", "", 422, json!(null)),
        ("anna", "filter=a&topic=a", 422, json!(null)),
    ];
    for (user, query, status, expected) in cases {
        let answer = site.ask_as(user, "DELETE", &format!("/api/v1/retained?{query}")).await;
        assert_eq!(answer.status, status, "{user} {query}: {:?}", answer.body);
        if status == 200 {
            assert_eq!(answer.json(), expected, "{user} {query}");
        }
    }
}

#[tokio::test]
async fn subscribers_see_what_is_removed() {
    let mut site = Site::new();
    let conn = site.join(connect("a"));
    site.send(conn, "t", "1", true);
    site.subscribe(conn, "t", SubscriptionOptions::default());
    let sent = site.hub.stats().publish_sent;
    let answer = site.ask("DELETE", "/api/v1/retained?topic=t", &[], "").await;
    assert_eq!(answer.json(), json!({"removed": 1, "denied": 0}));
    assert_eq!(site.hub.stats().publish_sent, sent + 1);
}
