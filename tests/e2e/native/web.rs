//! What the broker serves over HTTP: the page's files, the API, health.

use anyhow::{Context, Result, ensure};
use harness::http::{self, Response};
use harness::{Broker, Device, Message, Version};
use serde_json::{Value, json};

#[tokio::test]
async fn the_page_and_its_files() -> Result<()> {
    let broker = Broker::start().await?;
    let page = http::get(broker.http(), "/", &[]).await?;
    ensure!(page.status == 200, "{page:?}");
    header(&page, "content-type", "text/html")?;
    let policy = page.header("content-security-policy").context("no content security policy")?;
    ensure!(policy.contains("script-src 'self' 'wasm-unsafe-eval'"), "{policy}");
    ensure!(!page.text().contains("data-trunk"), "a tag that is not resolved");

    let names = assets(&page.text());
    ensure!(names.len() >= 4, "script, module, style and icon, but only {names:?}");
    for name in names {
        let types = [
            (".js", "javascript"),
            (".wasm", "application/wasm"),
            (".css", "text/css"),
            (".svg", "image/svg"),
            (".png", "image/png"),
            (".webmanifest", "application/manifest+json"),
        ];
        let (_, mime) =
            types.iter().find(|(end, _)| name.ends_with(end)).context("an unknown kind of file")?;
        let path = format!("/{name}");

        let plain = http::get(broker.http(), &path, &[("Accept-Encoding", "identity")]).await?;
        ensure!(
            plain.status == 200 && plain.header("content-encoding").is_none(),
            "{name}: {:?}",
            plain.headers
        );
        for (accepted, expected) in [("br, gzip", "br"), ("gzip", "gzip"), ("gzip;q=1, br;q=0", "gzip")] {
            let packed = http::get(broker.http(), &path, &[("Accept-Encoding", accepted)]).await?;
            header(&packed, "content-type", mime)?;
            header(&packed, "cache-control", "immutable")?;
            if plain.body.len() > 1_000 {
                header(&packed, "content-encoding", expected)?;
                header(&packed, "vary", "ccept-encoding")?;
                ensure!(packed.body.len() < plain.body.len(), "{name}: {expected} is not smaller");
            }
        }
        let tag = plain.header("etag").with_context(|| format!("{name} has no ETag"))?;
        let again =
            http::get(broker.http(), &path, &[("If-None-Match", tag), ("Accept-Encoding", "identity")])
                .await?;
        ensure!(again.status == 304 && again.body.is_empty(), "{name}: {} with the right ETag", again.status);
    }
    Ok(())
}

#[tokio::test]
async fn http_publish_reaches_everybody_and_says_how_many() -> Result<()> {
    let broker = Broker::start().await?;
    let mut old = Device::connect(&broker, "old", Version::V311).await?;
    let mut new = Device::connect(&broker, "new", Version::V5).await?;
    // Bodies, and what arrives.
    let cases = [
        (json!({ "topic": "a", "payload": "text" }), Message::new("a", "text", 0)),
        (json!({ "topic": "a", "payload": "t", "qos": 1, "retain": false }), Message::new("a", "t", 1)),
        (json!({ "topic": "a", "payload_base64": "AP8=", "qos": 2 }), Message::new("a", [0, 255], 2)),
        (json!({ "topic": "温度", "payload": "é" }), Message::new("温度", "é", 0)),
        (json!({ "topic": "a" }), Message::new("a", "", 0)),
    ];
    for (expected_receivers, device) in [(1, &mut old), (1, &mut new)] {
        device.subscribe("#", 2).await?;
        for (body, message) in &cases {
            let answer = http::post_json(broker.http(), "/api/v1/publish", body).await?;
            ensure!(answer.status == 200, "{body}: {answer:?}");
            let got = device.message().await?;
            ensure!(got == *message, "{body}: {got:?}");
            let receivers = find_number(&answer.json()?);
            ensure!(receivers >= Some(expected_receivers), "{body}: {}", answer.text());
        }
    }
    Ok(())
}

#[tokio::test]
async fn wrong_requests_are_explained() -> Result<()> {
    let broker = Broker::start().await?;
    let long = "x".repeat(70_000);
    // Method, path, body, status, and a word that the answer has.
    let cases: &[(&str, &str, &str, u16, &str)] = &[
        ("POST", "/api/v1/publish", "{", 400, "JSON"),
        ("POST", "/api/v1/publish", "{}", 422, "topic"),
        ("POST", "/api/v1/publish", r#"{"topic":"a/#"}"#, 422, "#"),
        ("POST", "/api/v1/publish", r#"{"topic":""}"#, 422, "topic"),
        ("POST", "/api/v1/publish", &format!(r#"{{"topic":"{long}"}}"#), 422, "65,535"),
        ("POST", "/api/v1/publish", r#"{"topic":"a","qos":3}"#, 422, "qos"),
        ("POST", "/api/v1/publish", r#"{"topic":"a","payload_base64":"?"}"#, 422, "base64"),
        ("POST", "/api/v1/publish", r#"{"topic":"a","payload":"x","payload_base64":"eA=="}"#, 422, "payload"),
        ("GET", "/api/v1/publish", "", 405, "GET"),
        ("GET", "/api/v1/no-such-thing", "", 404, "/api/v1/info"),
    ];
    for (method, path, body, status, word) in cases {
        let headers = [("Content-Type", "application/json")];
        let answer = http::request(broker.http(), method, path, &headers, body.as_bytes()).await?;
        let short = body.get(..60).unwrap_or(body);
        ensure!(answer.status == *status, "{method} {path} {short}: {} {}", answer.status, answer.text());
        header(&answer, "content-type", "application/problem+json")?;
        let problem = answer.json()?;
        ensure!(problem["status"] == *status && problem["title"].is_string(), "{method} {path}: {problem}");
        ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{word}: {problem}");
    }
    Ok(())
}

#[tokio::test]
async fn information_and_health() -> Result<()> {
    let broker = Broker::start().await?;
    let health = http::get(broker.http(), "/healthz", &[]).await?;
    ensure!(health.status == 200, "{health:?}");
    let info = http::get(broker.http(), "/api/v1/info", &[]).await?;
    ensure!(info.status == 200 && info.json()?["version"].is_string(), "{}", info.text());
    let missing = http::get(broker.http(), "/no-such-page", &[]).await?;
    ensure!(missing.status == 404, "{missing:?}");
    Ok(())
}

fn header(response: &Response, name: &str, part: &str) -> Result<()> {
    let value = response.header(name).with_context(|| format!("no {name} in {:?}", response.headers))?;
    ensure!(value.contains(part), "{name}: {value}, without {part}");
    Ok(())
}

/// The files that the page names: `"./NAME"`.
fn assets(html: &str) -> Vec<String> {
    html.split("\"./").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// The only number in the answer.
fn find_number(answer: &Value) -> Option<u64> {
    answer.as_object()?.values().find_map(Value::as_u64)
}
