//! `/api/v1/stats`, `/metrics`, `/api/v1/me` and the API's description.

use super::*;
use std::collections::BTreeSet;

#[tokio::test]
async fn counters_by_reason_and_transport() {
    let mut site = Site::new();
    let conn = site.join(connect("a"));
    site.subscribe(conn, "$share/g/t", SubscriptionOptions::default());
    site.send(conn, "t", "abc", true);
    site.hub.count_limit(crate::limit::Limit::Sessions);
    site.get(INFO_PATH).await;
    let stats = site.get("/api/v1/stats").await;
    for (pointer, expected) in [
        ("/clients/connected", json!({"bridge": 0, "tcp": 1, "tls": 0, "ws": 0, "wss": 0})),
        ("/clients/connections", json!(5)),
        ("/clients/subscriptions", json!(1)),
        ("/clients/shared_subscriptions", json!(1)),
        ("/traffic/messages_received", json!(1)),
        ("/traffic/payload_bytes_received", json!(3)),
        ("/limits/max-sessions", json!(1)),
        ("/limits/max-connections", json!(0)),
        ("/dropped/queue_full", json!(0)),
        ("/denied/publish", json!(0)),
        ("/tls/done", json!(7)),
        ("/http/answers/2xx", json!(1)),
        ("/events/readers", json!(0)),
    ] {
        assert_eq!(stats.pointer(pointer), Some(&expected), "{pointer} of {stats}");
    }
    if cfg!(target_os = "linux") {
        assert!(stats["memory_bytes"].as_u64() > Some(1 << 20), "{stats}");
    }
}

/// Reads the text format as a scraper does: every line is a comment or a sample of a family that was announced.
#[tokio::test]
async fn metrics_are_open_metrics() {
    let mut site = Site::new();
    site.join(connect("a"));
    let answer = site.ask("GET", "/metrics", &[], "").await;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((answer.status, answer.header("content-type")), (200, content_type));
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut families = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(families.insert(rest.split_once(' ').unwrap().0), "{rest} is announced twice");
        } else if !line.starts_with('#') {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let family = name.strip_suffix("_total").unwrap_or(name);
            assert!(families.contains(family), "{name} was not announced: {families:?}");
            value.parse::<f64>().unwrap();
        }
    }
    for line in [
        r#"tabmq_clients_connected{transport="tcp"} 1"#,
        r#"tabmq_messages_dropped_total{reason="queue_full"} 0"#,
        r#"tabmq_limits_met_total{limit="max-connections"} 0"#,
        r#"tabmq_denied_total{action="receive"} 0"#,
        r#"tabmq_traffic_bytes_total{direction="in"} "#,
        r#"tabmq_tls_handshakes_total{end="done"} 7"#,
        "tabmq_retained_bytes ",
        "process_cpu_seconds_total ",
        concat!(r#"tabmq_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn who_asks() {
    let mut site = Site::new();
    assert_eq!(site.get("/api/v1/me").await, json!({"role": "admin", "login": false}));
    let mut site = Site::with(&guarded());
    for (user, role) in [("vera", "viewer"), ("paul", "publisher"), ("anna", "admin")] {
        let me = site.ask_as(user, "GET", "/api/v1/me").await.json();
        assert_eq!(me, json!({"user": user, "role": role, "login": true}));
    }
    assert_eq!(site.ask_as("none", "GET", "/api/v1/me").await.status, 403);
}

/// Every address answers under the method that the description names, every reference is resolved, and every address that
/// the page uses is there.
#[tokio::test]
async fn the_description_is_true() {
    let mut site = Site::new();
    let document = site.get("/api/v1/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let paths = document["paths"].as_object().unwrap();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let answer = site.call(&method.to_uppercase(), &path.replace("{id}", "nobody"), &[], "").await;
            let known = !matches!(answer.status().as_u16(), 404 | 405) || path.contains("{id}");
            assert!(known, "{method} {path}: {}", answer.status());
            assert!(
                operation["summary"].is_string() && operation["responses"]["default"].is_object(),
                "{operation}"
            );
        }
    }
    use tabmq_shared::api as types;
    for path in [
        types::PUBLISH_PATH,
        types::INFO_PATH,
        types::clients::CLIENTS_PATH,
        types::retained::RETAINED_PATH,
        types::receivers::SUBSCRIPTIONS_PATH,
        types::events::EVENTS_PATH,
        types::stats::STATS_PATH,
        types::stats::METRICS_PATH,
        types::me::ME_PATH,
    ] {
        assert!(paths.contains_key(path), "{path} is not described");
    }
    let text = document.to_string();
    for reference in text.split(r##""$ref":"#"##).skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference} is nowhere");
    }
    let limit = &document["paths"]["/api/v1/clients"]["get"]["parameters"];
    assert!(
        limit.as_array().unwrap().iter().any(|one| one["name"] == "limit" && one["in"] == "query"),
        "{limit}"
    );
    assert!(!text.contains("](super"), "a link into the sources");
}

#[tokio::test]
async fn tokens_open_what_their_role_does() {
    let token = |n: char| format!("tabmq_{}", n.to_string().repeat(43));
    let table = |name: &str, role: &str, token: &str| {
        let hash = crate::auth::token_hash(token);
        format!("name = '{name}'\nrole = '{role}'\nhash = '{hash}'")
    };
    let tokens = vec![
        toml::from_str(&table("eyes", "viewer", &token('a'))).unwrap(),
        toml::from_str(&table("hands", "publisher", &token('b'))).unwrap(),
    ];
    let mut site = Site::with(&SecuritySettings { tokens, ..SecuritySettings::default() });
    let body = json!({"topic": "t"}).to_string();
    for (authorization, info, publish) in [
        (format!("Bearer {}", token('a')), 200, 403),
        (format!("Bearer {}", token('b')), 200, 200),
        (format!("Bearer {}", token('c')), 401, 401),
        (basic("eyes", &token('a')), 401, 401),
        (String::new(), 401, 401),
    ] {
        let auth = ("authorization", authorization.as_str());
        assert_eq!(site.ask("GET", INFO_PATH, &[auth], "").await.status, info, "{authorization}");
        let json = ("content-type", "application/json");
        let answer = site.ask("POST", PUBLISH_PATH, &[auth, json], body.clone()).await;
        assert_eq!(answer.status, publish, "{authorization}");
    }
    let authorization = format!("Bearer {}", token('a'));
    let me = site.ask("GET", "/api/v1/me", &[("authorization", &authorization)], "").await.json();
    assert_eq!(me, json!({"user": "token:eyes", "role": "viewer", "login": true}));
}
