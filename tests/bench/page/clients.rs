//! Messages a second: the bare WebSocket, MQTT.js and our client for JavaScript, in one page, one after the other.

use crate::Options;
use crate::report::Rate;
use crate::server::{Kind, Load, Server};
use anyhow::{Context, Result, ensure};
use harness::{Browser, FileServer, npm, target_directory};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The rival, by name and version.
const MQTT_JS: &str = "mqtt@5.16.0";

/// In the order in which they take turns; the columns of the table.
const CLIENTS: [&str; 3] = ["transport", "mqttjs", "tabmq"];

/// On so many topics.
pub(crate) const TOPICS: usize = 100;

/// The page with the clients, put together below the target directory.
pub(crate) async fn files() -> Result<FileServer> {
    let ours = match std::env::var_os("TABMQ_NPM") {
        Some(directory) => PathBuf::from(directory),
        None => target_directory()?.join("npm/tabmq-client"),
    };
    let theirs = npm::package(MQTT_JS).await.context("the benchmark compares with MQTT.js")?;
    let site = target_directory()?.join("page-bench");
    let client = site.join("tabmq-client");
    std::fs::create_dir_all(&client)?;
    for file in ["index.js", "tabmq_client.js", "tabmq_client_bg.wasm"] {
        std::fs::copy(ours.join(file), client.join(file))
            .with_context(|| format!("{file} is missing: `cargo xtask npm` makes the package"))?;
    }
    std::fs::copy(theirs.join("dist/mqtt.esm.js"), site.join("mqtt.esm.js"))?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/page");
    for file in ["clients.html", "clients.js"] {
        std::fs::copy(sources.join(file), site.join(file))?;
    }
    FileServer::start(site).await
}

/// One measurement of each.
pub(crate) async fn measure(
    browser: &Browser,
    files: &FileServer,
    server: &Server,
    per_frame: usize,
    options: Options,
) -> Result<Vec<Rate>> {
    let load = Load { kind: Kind::Values { topics: TOPICS }, per_frame, rate: 0, count: 0 };
    let mut rates = Vec::new();
    for client in CLIENTS {
        // A page of its own for each: what one leaves behind is not the other's.
        let tab = browser.open(&files.url("clients.html")).await?;
        tab.script_when("return window.ready ?? null", |ready| *ready == json!(true)).await?;
        let arguments =
            vec![json!(client), json!(server.url(load)), json!(per_frame), json!(options.seconds * 1000.0)];
        tab.script("begin(...arguments); return null", arguments).await?;
        let outcome = tab.script_when("return window.outcome", |outcome| !outcome.is_null()).await?;
        ensure!(outcome["error"].is_null(), "{client}: {}", outcome["error"]);
        let figure = |name: &str| outcome[name].as_f64().with_context(|| format!("no {name}: {outcome}"));
        rates.push(Rate { messages_per_s: figure("rate")?, longest_ms: figure("longest")? });
        tab.close().await?;
    }
    Ok(rates)
}

/// A number of an answer.
pub(crate) fn number(value: &Value) -> Result<f64> {
    value.as_f64().with_context(|| format!("{value} is no number"))
}
