//! The client for JavaScript, as its users have it: the folder that `cargo xtask npm` makes, in a page of its own.

use anyhow::{Context, Result, ensure};
use harness::{
    Broker, FileServer, ForeignBroker, Hook, Tab, browser_test, eventually, target_directory, unique,
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Each is a function of the client's module and a place to talk about, and is true or throws.
const CHECKS: &str = include_str!("npm_checks.js");

/// TABMQ_NPM, else what was built last.
fn package() -> Result<PathBuf> {
    let directory = match std::env::var_os("TABMQ_NPM") {
        Some(directory) => PathBuf::from(directory),
        None => target_directory()?.join("npm/tabmq-client"),
    };
    ensure!(directory.join("index.js").is_file(), "there is no package to test: `cargo xtask npm` makes it");
    Ok(directory)
}

#[tokio::test]
async fn the_example_page() -> Result<()> {
    browser_test("npm_example", async |broker, browser| {
        let server = FileServer::start(package()?).await?;
        let url = format!("{}?broker={}", server.url("example.html"), broker.websocket_url());
        let tab = browser.open(&url).await?;
        tab.text_when(&Hook::css("#state"), |text| text.starts_with("connected")).await?;
        tab.script("document.querySelector('#publish').requestSubmit(); return null", vec![]).await?;
        tab.text_when(&Hook::css("#messages"), |text| text == "example/hello: hello").await?;
        Ok(())
    })
    .await
}

/// TypeScript for Node.js alone knows no types of browsers.
#[test]
fn types_need_no_browser() -> Result<()> {
    let types = std::fs::read_to_string(package()?.join("index.d.ts"))?;
    let code = types.lines().filter(|line| !line.trim_start().starts_with(['/', '*']));
    for line in code {
        let mut words = line.split(|c: char| !c.is_alphanumeric());
        let found = words.find(|word| {
            ["RequestInfo", "BufferSource", "Response", "WebAssembly", "Blob", "URL"].contains(word)
        });
        ensure!(found.is_none(), "{found:?} is not everywhere: {line}");
    }
    Ok(())
}

#[tokio::test]
async fn against_this_broker() -> Result<()> {
    browser_test("npm_checks", async |broker, browser| {
        let server = FileServer::start(package()?).await?;
        let tab = browser.open(&server.url("example.html?broker=ws://127.0.0.1:1/none")).await?;
        for version in ["5", "3.1.1", "3.1"] {
            let url = broker.websocket_url();
            check_all(&tab, &server, &url, version).await?;
            begin(&tab, &server, "taken_over", &url, version, "").await?;
            finish(&tab, "taken_over").await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn against_mosquitto() -> Result<()> {
    browser_test("npm_mosquitto", async |_, browser| {
        let foreign = ForeignBroker::mosquitto().await?;
        let server = FileServer::start(package()?).await?;
        let tab = browser.open(&server.url("example.html?broker=ws://127.0.0.1:1/none")).await?;
        for version in ["5", "3.1.1"] {
            check_all(&tab, &server, &foreign.websocket_url(), version).await?;
        }
        Ok(())
    })
    .await
}

/// What is published at QoS 1 while the broker is away is sent when it is back, and the subscription is there again.
#[tokio::test]
async fn the_broker_goes_and_comes_back() -> Result<()> {
    browser_test("npm_restart", async |broker, browser| {
        let server = FileServer::start(package()?).await?;
        let tab = browser.open(&server.url("example.html?broker=ws://127.0.0.1:1/none")).await?;
        let url = broker.websocket_url();
        begin(&tab, &server, "survives", &url, "5", &unique("npm")).await?;
        let at = async |step: &str| {
            eventually(&format!("step {step}"), async || {
                let now = tab.script("return window.step ?? null", vec![]).await?;
                let result = tab.script("return window.result ?? null", vec![]).await?;
                ensure!(result.is_null() || result == json!("ok"), "{result}");
                Ok((now == json!(step)).then_some(()))
            })
            .await
        };
        at("connected").await?;
        restart(broker, &at).await?;
        finish(&tab, "survives").await
    })
    .await
}

async fn restart(broker: &mut Broker, at: &impl AsyncFn(&str) -> Result<()>) -> Result<()> {
    broker.kill().await?;
    at("published while away").await?;
    broker.start_again().await
}

async fn check_all(tab: &Tab<'_>, server: &FileServer, broker: &str, version: &str) -> Result<()> {
    for name in ["talks", "iterates", "refuses", "keeps_bytes", "properties", "ends"] {
        begin(tab, server, name, broker, version, &unique("npm")).await?;
        finish(tab, name).await.with_context(|| format!("MQTT {version} at {broker}"))?;
    }
    Ok(())
}

async fn begin(
    tab: &Tab<'_>,
    server: &FileServer,
    name: &str,
    broker: &str,
    version: &str,
    topic: &str,
) -> Result<()> {
    let script = format!(
        "{CHECKS}
         const [name, module, broker, version, topic] = arguments;
         window.result = window.step = undefined;
         import(module)
             .then((mqtt) => checks[name](mqtt, {{ broker, version, topic }}))
             .then(() => (window.result = 'ok'), (error) => (window.result = String(error?.stack ?? error)));
         return null"
    );
    let arguments = [name, &server.url("index.js"), broker, version, topic];
    tab.script(&script, arguments.into_iter().map(Value::from).collect()).await?;
    Ok(())
}

async fn finish(tab: &Tab<'_>, name: &str) -> Result<()> {
    let result = eventually(&format!("end of '{name}'"), async || {
        let result = tab.script("return window.result ?? null", vec![]).await?;
        Ok((!result.is_null()).then_some(result))
    })
    .await?;
    ensure!(result == json!("ok"), "{name}: {result}");
    Ok(())
}
