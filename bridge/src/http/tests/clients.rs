//! `/api/v1/clients`.

use super::*;
use std::collections::BTreeSet;
use tabmq_shared::packet::{Disconnect, ReasonCode, Will, WillProperties};

#[tokio::test]
async fn a_client_is_shown_with_all_that_it_has() {
    let mut site = Site::new();
    let will = Will {
        topic: "w/a".into(),
        payload: "gone".into(),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: WillProperties { delay_interval_s: Some(7), ..WillProperties::default() },
    };
    let conn =
        site.join(Connect { will: Some(will), username: Some("ann".into()), ..lasting("Device/1 ü") });
    site.subscribe(conn, "b/#", SubscriptionOptions { qos: QoS::ExactlyOnce, ..Default::default() });
    site.subscribe(conn, "$share/g/a", SubscriptionOptions::default());
    site.send(conn, "b/1", "x", false);
    let list = site.get("/api/v1/clients").await;
    assert_eq!((list["total"].as_u64(), list["clients"].as_array().unwrap().len()), (Some(1), 1));
    let client = &list["clients"][0];
    let connection = &client["connection"];
    for (value, expected) in [
        (&client["id"], json!("Device/1 ü")),
        (&client["user"], json!("ann")),
        (&client["session_expiry_s"], json!(3600)),
        (&client["subscriptions"], json!(2)),
        (&client["will_topic"], json!("w/a")),
        (&client["last_disconnect"], json!(null)),
        (&connection["address"], json!("10.1.2.3:4567")),
        (&connection["transport"], json!("tcp")),
        (&connection["protocol_version"], json!("5.0")),
        (&connection["keep_alive_s"], json!(60)),
        (&connection["clean_start"], json!(true)),
        (&connection["messages_received"], json!(1)),
        (&connection["messages_sent"], json!(1)),
        (&connection["bytes_received"], json!(30)),
    ] {
        assert_eq!(*value, expected, "{client}");
    }
    assert!(connection["bytes_sent"].as_u64() > Some(10), "{connection}");
    // The id is any text, so it is encoded in the path.
    let detail = site.get("/api/v1/clients/Device%2F1%20%C3%BC").await;
    assert_eq!(detail["id"], "Device/1 ü");
    let filters: Vec<_> = detail["subscription_list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["filter"], &one["qos"]))
        .collect();
    assert_eq!(filters, [(&json!("$share/g/a"), &json!(0)), (&json!("b/#"), &json!(2))]);
    let will = json!({"topic": "w/a", "qos": 1, "retain": true, "payload_bytes": 4, "delay_s": 7});
    assert_eq!(detail["will"], will);
}

#[tokio::test]
async fn who_is_absent_says_why() {
    let mut site = Site::new();
    let conn = site.join(lasting("a"));
    site.subscribe(conn, "t", SubscriptionOptions { qos: QoS::AtLeastOnce, ..Default::default() });
    site.hub.end(conn, Some("reset".to_owned()));
    let publisher = site.join(connect("b"));
    let at_qos_1 =
        Publish { qos: QoS::AtLeastOnce, packet_id: Some(PacketId::MIN), ..message("t", "12345", false) };
    site.exchange(publisher, vec![Packet::Publish(at_qos_1)]);
    let absent = site.get("/api/v1/clients?connected=false").await;
    let client = &absent["clients"][0];
    assert_eq!((&client["id"], &client["connection"]), (&json!("a"), &json!(null)));
    assert_eq!(client["last_disconnect"]["reason"], "the connection was lost: reset");
    assert_eq!((&client["queued_messages"], client["queued_bytes"].as_u64() > Some(5)), (&json!(1), true));
    let present = site.get("/api/v1/clients?connected=true").await;
    assert_eq!(
        (&present["clients"][0]["id"], present["clients"].as_array().unwrap().len()),
        (&json!("b"), 1)
    );
}

#[tokio::test]
async fn pages_have_everybody_once() {
    let mut site = Site::new();
    let conns: Vec<_> = (0..700).map(|n| site.join(connect(&format!("client-{n}")))).collect();
    // Holes, as life makes them.
    for conn in conns.iter().step_by(7) {
        site.hub.end(*conn, None);
    }
    for (search, limit, expected) in
        [("", 1, 600), ("", 100, 600), ("&search=CLIENT-6", 7, 96), ("&search=zzz", 5, 0)]
    {
        let (mut seen, mut pages, mut next) = (BTreeSet::new(), 0, String::new());
        loop {
            let page = site.get(&format!("/api/v1/clients?limit={limit}{search}{next}")).await;
            let clients = page["clients"].as_array().unwrap();
            assert!(clients.len() <= limit, "{}", clients.len());
            for client in clients {
                assert!(seen.insert(client["id"].to_string()), "{client} is there twice");
            }
            pages += 1;
            match page["next"].as_str() {
                Some(after) => next = format!("&after={after}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), expected, "{search}");
        assert!(pages >= expected.div_ceil(limit), "{pages}");
    }
    // An address counts as well.
    let found = site.get("/api/v1/clients?limit=1000&search=10.1.2.3:4567").await;
    assert_eq!(found["clients"].as_array().unwrap().len(), 600);
}

#[tokio::test]
async fn an_administrator_sends_clients_away() {
    let mut site = Site::with(&guarded());
    let conn = site.join(lasting("a"));
    site.subscribe(conn, "t", SubscriptionOptions::default());
    let path = "/api/v1/clients/a";
    for (user, status) in [("none", 403), ("vera", 403), ("paul", 403)] {
        assert_eq!(site.ask_as(user, "DELETE", path).await.status, status, "{user}");
    }
    assert_eq!(site.ask_as("vera", "GET", path).await.status, 200);
    let answer = site.ask_as("anna", "DELETE", path).await;
    assert_eq!(answer.json(), json!({"disconnected": true, "session_removed": false}));
    assert!(site.exchange(conn, vec![]), "the connection goes on");
    let client = site.ask_as("vera", "GET", path).await.json();
    let why = client["last_disconnect"]["reason"].as_str().unwrap();
    assert!(why.contains("an administrator") && why.contains("0x98"), "{why}");
    let answer = site.ask_as("anna", "DELETE", "/api/v1/clients/a?session=true").await;
    assert_eq!(answer.json(), json!({"disconnected": false, "session_removed": true}));
    let answer = site.ask_as("anna", "DELETE", path).await;
    assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"));
    assert_eq!(site.hub.stats().subscriptions, 0);
    // Without a session of its own: both at once.
    site.join(connect("b"));
    let answer = site.ask_as("anna", "DELETE", "/api/v1/clients/b").await;
    assert_eq!(answer.json(), json!({"disconnected": true, "session_removed": true}));
}

#[tokio::test]
async fn a_goodbye_is_a_reason_too() {
    let mut site = Site::new();
    let conn = site.join(lasting("a"));
    site.exchange(conn, vec![Packet::Disconnect(Box::new(Disconnect::new(ReasonCode::Success)))]);
    let client = site.get("/api/v1/clients/a").await;
    assert_eq!(client["last_disconnect"]["reason"], "the client disconnected");
}

#[tokio::test]
async fn mistakes_are_explained() {
    let mut site = Site::new();
    for (path, status, part) in [
        ("/api/v1/clients?limit=0", 422, "limit is 0: it may be 1 to 1000"),
        ("/api/v1/clients?limit=1001", 422, "1 to 1000"),
        ("/api/v1/clients?limit=x", 422, "limit"),
        ("/api/v1/clients?after=x", 422, "after"),
        ("/api/v1/clients?serach=x", 422, "serach"),
        ("/api/v1/clients/nobody", 404, "\"nobody\""),
        ("/api/v1/subscriptions", 422, "topic"),
        ("/api/v1/subscriptions?topic=a/%23", 422, "topic contains"),
        ("/api/v1/retained?filter=a%23", 422, "filter"),
        ("/api/v1/retained?preview=65537", 422, "0 to 65536"),
    ] {
        let answer = site.ask("GET", path, &[], "").await;
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "application/problem+json"),
            "{detail}"
        );
        assert!(detail.contains(part), "{path}: {detail}");
    }
}
