//! `/api/v1/subscriptions`.

use super::*;

#[tokio::test]
async fn who_would_get_a_message() {
    let mut site = Site::new();
    let conn = site.join(lasting("a"));
    site.subscribe(conn, "x/+", SubscriptionOptions { qos: QoS::AtLeastOnce, ..Default::default() });
    site.subscribe(conn, "x/1", SubscriptionOptions { no_local: true, ..Default::default() });
    site.subscribe(conn, "y", SubscriptionOptions::default());
    for member in ["m1", "m2"] {
        site.subscribe(site.join(connect(member)), "$share/g/x/#", SubscriptionOptions::default());
    }
    let away = site.join(lasting("away"));
    site.subscribe(away, "+/1", SubscriptionOptions::default());
    site.hub.end(away, None);
    let page = site.get("/api/v1/subscriptions?topic=x/1").await;
    assert_eq!((page["total"].as_u64(), &page["next"]), (Some(5), &json!(null)));
    let mut found = page["receivers"].as_array().unwrap().clone();
    found.sort_by_key(Value::to_string);
    let expected = [
        json!({"client_id": "a", "filter": "x/+", "qos": 1, "no_local": false, "connected": true}),
        json!({"client_id": "a", "filter": "x/1", "qos": 0, "no_local": true, "connected": true}),
        json!({"client_id": "away", "filter": "+/1", "qos": 0, "no_local": false, "connected": false}),
        json!({"client_id": "m1", "filter": "x/#", "qos": 0, "group": "g", "no_local": false, "connected": true}),
        json!({"client_id": "m2", "filter": "x/#", "qos": 0, "group": "g", "no_local": false, "connected": true}),
    ];
    assert_eq!(found, expected);
    assert_eq!(site.get("/api/v1/subscriptions?topic=z").await, json!({"receivers": [], "total": 0}));
}

#[tokio::test]
async fn pages_of_receivers() {
    let mut site = Site::new();
    for n in 0..620 {
        let conn = site.join(connect(&format!("c{n}")));
        site.subscribe(conn, if n % 2 == 0 { "t" } else { "#" }, SubscriptionOptions::default());
    }
    let (mut seen, mut next) = (std::collections::BTreeSet::new(), String::new());
    loop {
        let page = site.get(&format!("/api/v1/subscriptions?topic=t&limit=300{next}")).await;
        assert_eq!(page["total"], 620);
        for receiver in page["receivers"].as_array().unwrap() {
            assert!(seen.insert(receiver["client_id"].to_string()));
        }
        match page["next"].as_str() {
            Some(after) => next = format!("&after={after}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 620);
}
