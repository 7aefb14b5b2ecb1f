//! `/api/v1/events`.

use super::*;
use axum::body::BodyDataStream;
use futures_util::StreamExt;
use std::time::Duration;

/// A stream of server-sent events.
struct Events(BodyDataStream);

/// One of them: its id, its kind, and its data.
type Sent = (String, String, Value);

impl Events {
    async fn open(site: &mut Site, path: &str, headers: &[(&str, &str)]) -> Events {
        let response = site.call("GET", path, headers, "").await;
        let content_type = response.headers().get("content-type").cloned().unwrap();
        assert_eq!((response.status().as_u16(), content_type.to_str().unwrap()), (200, "text/event-stream"));
        assert_eq!(response.headers()["cache-control"], "no-store");
        Events(response.into_body().into_data_stream())
    }

    /// What comes next; `None`: the stream has ended.
    async fn text(&mut self) -> Option<String> {
        self.0.next().await.map(|data| String::from_utf8(data.unwrap().to_vec()).unwrap())
    }

    async fn next(&mut self) -> Sent {
        let text = self.text().await.unwrap();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("no {name} in {text:?}")).trim_start().to_owned()
        };
        assert!(text.ends_with("\n\n"), "{text:?}");
        (field("id"), field("event"), serde_json::from_str(&field("data")).unwrap())
    }
}

#[tokio::test]
async fn what_clients_do_is_told_as_it_happens() {
    let mut site = Site::new();
    let mut events = Events::open(&mut site, "/api/v1/events", &[]).await;
    let conn = site.join(connect("a"));
    site.subscribe(conn, "t/#", SubscriptionOptions::default());
    site.send(conn, "t/1", "x", false); // nobody has asked for messages
    site.hub.end(conn, None);
    let (first, kind, data) = events.next().await;
    assert_eq!(
        (kind.as_str(), &data["kind"], &data["id"]),
        ("connected", &json!("connected"), &json!(first))
    );
    assert_eq!(
        (&data["client_id"], &data["transport"], &data["protocol_version"]),
        (&json!("a"), &json!("tcp"), &json!("5.0"))
    );
    assert!(data["time_ms"].as_u64() > Some(1_700_000_000_000));
    let (second, kind, data) = events.next().await;
    assert_eq!((kind.as_str(), &data["filter"], &data["code"]), ("subscribed", &json!("t/#"), &json!(0)));
    assert_eq!(data["reason"], "granted QoS 0");
    let (_, kind, data) = events.next().await;
    assert_eq!((kind.as_str(), &data["clean"]), ("disconnected", &json!(false)));
    assert_eq!(data["reason"], "the connection was closed without DISCONNECT");
    // Whoever comes back says where it was.
    for (path, headers) in [
        ("/api/v1/events".to_owned(), vec![("last-event-id", second.as_str())]),
        (format!("/api/v1/events?after={second}"), vec![]),
        ("/api/v1/events?last=1".to_owned(), vec![]),
        (format!("/api/v1/events?after={first}&kinds=disconnected,refused"), vec![]),
    ] {
        let mut again = Events::open(&mut site, &path, &headers).await;
        assert_eq!(again.next().await.1, "disconnected", "{path}");
    }
    let mut again = Events::open(&mut site, "/api/v1/events?after=1.2.3", &[]).await;
    let (_, kind, data) = again.next().await;
    assert_eq!((kind.as_str(), &data["events"]), ("lost", &json!(null)));
    assert_eq!(again.next().await.1, "connected");
}

#[tokio::test]
async fn messages_are_told_to_those_who_ask() {
    let mut site = Site::new();
    let [sender, receiver] = ["s", "r"].map(|id| site.join(connect(id)));
    site.subscribe(receiver, "t/#", SubscriptionOptions::default());
    let path = "/api/v1/events?kinds=published,unconsumed";
    let mut all = Events::open(&mut site, path, &[]).await;
    let mut some = Events::open(&mut site, &format!("{path}&topic=t/%2B&client=s"), &[]).await;
    site.send(sender, "u", "xy", true);
    site.send(receiver, "t/1", "x", false);
    site.send(sender, "t/1", "xyz", false);
    site.publish(json!({"topic": "t/2"}).to_string()).await;
    let expected = [
        (
            "unconsumed",
            json!({"client_id": "s", "topic": "u", "qos": 0, "retain": true, "payload_bytes": 2, "receivers": 0}),
        ),
        (
            "published",
            json!({"client_id": "r", "topic": "t/1", "qos": 0, "retain": false, "payload_bytes": 1, "receivers": 1}),
        ),
        (
            "published",
            json!({"client_id": "s", "topic": "t/1", "qos": 0, "retain": false, "payload_bytes": 3, "receivers": 1}),
        ),
        ("published", json!({"topic": "t/2", "qos": 0, "retain": false, "payload_bytes": 0, "receivers": 1})),
    ];
    for (kind, fields) in &expected {
        let (_, event, mut data) = all.next().await;
        for extra in ["id", "time_ms", "kind"] {
            assert!(data.as_object_mut().unwrap().remove(extra).is_some(), "no {extra}");
        }
        assert_eq!((event.as_str(), &data), (*kind, fields));
    }
    assert_eq!(some.next().await.2["payload_bytes"], 3);
    // Nobody asks any more: nothing is made.
    drop((all, some));
    site.send(sender, "t/1", "xyz", false);
    let mut last = Events::open(&mut site, "/api/v1/events?kinds=published,subscribed&last=1", &[]).await;
    assert_eq!(last.next().await.1, "subscribed");
}

#[tokio::test]
async fn refusals_and_denials_are_told_with_their_reason() {
    let mut site = Site::with(&guarded());
    let authorization = basic("vera", "pw");
    let mut events = Events::open(&mut site, "/api/v1/events", &[("authorization", &authorization)]).await;
    let conn = site.join(connect("a"));
    site.subscribe(conn, "secret", SubscriptionOptions::default());
    assert_eq!(events.next().await.1, "connected");
    let (_, kind, data) = events.next().await;
    assert_eq!(
        (kind.as_str(), &data["action"], &data["topic"]),
        ("denied", &json!("subscribe"), &json!("secret"))
    );
    let (_, kind, data) = events.next().await;
    assert_eq!((kind.as_str(), &data["code"]), ("subscribed", &json!(135)));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_is_known_to_be_alive() {
    let mut site = Site::new();
    let mut events = Events::open(&mut site, "/api/v1/events", &[]).await;
    let began = tokio::time::Instant::now();
    let text = events.text().await.unwrap();
    assert!(text.starts_with(':') && text.ends_with("\n\n"), "{text:?}");
    assert_eq!(began.elapsed().as_secs(), 15, "by the clock of the test");
    assert!(tokio::time::timeout(Duration::from_secs(14), events.text()).await.is_err());
}

#[tokio::test]
async fn other_rules_and_the_broker_s_end_end_streams() {
    let mut site = Site::new();
    let mut events = Events::open(&mut site, "/api/v1/events", &[]).await;
    site.hub.set_access(Arc::new(crate::broker::NoRules));
    assert_eq!(events.text().await, None);
    let mut events = Events::open(&mut site, "/api/v1/events", &[]).await;
    site.hub.shut_down();
    assert_eq!(events.text().await, None);
}

#[tokio::test]
async fn wrong_wishes_are_explained_and_readers_are_counted() {
    let mut site = Site::new();
    for (query, part) in
        [("kinds=x", "the kinds are connected, refused"), ("topic=a%23", "filter"), ("last=x", "last")]
    {
        let answer = site.ask("GET", &format!("/api/v1/events?{query}"), &[], "").await;
        assert_eq!(answer.status, 422, "{query}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(part), "{query}: {}", answer.json());
    }
    let mut open = Vec::new();
    while open.len() < 64 {
        open.push(Events::open(&mut site, "/api/v1/events", &[]).await);
    }
    assert_eq!(site.ask("GET", "/api/v1/events", &[], "").await.status, 503);
    open.pop();
    Events::open(&mut site, "/api/v1/events", &[]).await;
}
