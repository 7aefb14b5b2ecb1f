//! Chromium, driven through chromedriver.

use crate::{Broker, Program, Tab, eventually, http, target_directory, unique};
use anyhow::{Context, Result, bail, ensure};
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use futures_util::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// What every Chromium of the tests is told: nothing of its own on the network, nothing on a screen.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--window-size=1280,800",
];

/// Runs a test with a fresh broker and a fresh Chromium, and ends both whatever comes. The test fails too when a page
/// threw an error that nobody caught (a panic is one) or wrote to `console.error`.
pub async fn browser_test(
    name: &str,
    test: impl AsyncFnOnce(&mut Broker, &Browser) -> Result<()>,
) -> Result<()> {
    browser_test_with(name, Broker::start().await?, None, test).await
}

/// The same with this broker, and a browser into which this authority (PEM) was imported as a trusted one.
pub async fn browser_test_with(
    name: &str,
    mut broker: Broker,
    authority: Option<&Path>,
    test: impl AsyncFnOnce(&mut Broker, &Browser) -> Result<()>,
) -> Result<()> {
    let browser = Browser::start(authority).await?;
    let outcome = AssertUnwindSafe(test(&mut broker, &browser)).catch_unwind().await;
    let failed = !matches!(outcome, Ok(Ok(())));
    if failed {
        println!("--- the broker's console\n{}", broker.log());
        let _ = browser.screenshot(&format!("failed-{name}")).await;
    }
    let errors = browser.finish().await;
    match outcome {
        Err(panic) => std::panic::resume_unwind(panic),
        Ok(Err(error)) => {
            println!("--- the page's console\n{errors:?}");
            return Err(error);
        }
        Ok(Ok(())) => {}
    }
    let errors = errors?;
    ensure!(errors.is_empty(), "errors on the page's console:\n{}", errors.join("\n"));
    let status = broker.stop().await?;
    ensure!(status.success(), "the broker ended with {status}:\n{}", broker.log());
    Ok(())
}

/// A Chromium with a profile of its own.
pub struct Browser {
    driver: Program,
    driver_address: SocketAddr,
    client: Client,
    profile: PathBuf,
}

impl Browser {
    async fn start(authority: Option<&Path>) -> Result<Browser> {
        let profile = target_directory()?.join("browser-profiles").join(format!(
            "{}-{}",
            std::process::id(),
            unique("p")
        ));
        std::fs::create_dir_all(&profile)?;
        if let Some(authority) = authority {
            import(authority, &profile).await?;
        }
        let (driver, driver_address) = start_driver(authority.map(|_| profile.as_path())).await?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&profile)?)
            .connect(&format!("http://{driver_address}"))
            .await
            .context("cannot start Chromium")?;
        Ok(Browser { driver, driver_address, client, profile })
    }

    /// Opens an address in a window of its own: a tab behind another one is not painted.
    pub async fn open(&self, url: &str) -> Result<Tab<'_>> {
        let window = self.client.new_window(false).await?.handle;
        let tab = Tab::new(self, window);
        tab.goto(url).await?;
        Ok(tab)
    }

    /// The tab that opens itself when `script` runs in another one.
    pub async fn opened_by(&self, tab: &Tab<'_>, script: &str) -> Result<Tab<'_>> {
        let before = self.client.windows().await?;
        tab.script(&format!("{script}; return null"), vec![]).await?;
        let window = eventually("new tab", async || {
            Ok(self.client.windows().await?.into_iter().find(|window| !before.contains(window)))
        })
        .await?;
        Ok(Tab::new(self, window))
    }

    /// Has the browser's developer tools do something with the window that was used last.
    pub(crate) async fn devtools(&self, command: &str, params: Value) -> Result<()> {
        let session = self.client.session_id().await?.context("no session")?;
        let path = format!("/session/{session}/goog/cdp/execute");
        let body = json!({ "cmd": command, "params": params });
        let answer = http::post_json(self.driver_address, &path, &body).await?;
        ensure!(answer.status == 200, "{command}: {}", answer.text());
        Ok(())
    }

    /// chromedriver's number among the system's processes; Chromium's are below it.
    pub fn driver_id(&self) -> Result<u32> {
        self.driver.pid()
    }

    /// The same, without waiting until all of the page is there.
    pub async fn open_early(&self, url: &str) -> Result<Tab<'_>> {
        let window = self.client.new_window(false).await?.handle;
        let tab = Tab::new(self, window);
        tab.goto_early(url).await?;
        Ok(tab)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// A picture of the window that was used last, as `<target>/screenshots/NAME.png`.
    pub(crate) async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let directory = target_directory()?.join("screenshots");
        std::fs::create_dir_all(&directory)?;
        let path = directory.join(format!("{name}.png"));
        std::fs::write(&path, self.client.screenshot().await?)?;
        Ok(path)
    }

    /// Ends Chromium and chromedriver; returns the errors that the pages' consoles had.
    async fn finish(mut self) -> Result<Vec<String>> {
        let errors = self.console_errors().await;
        self.client.close().await?;
        self.driver.kill().await?;
        // Chromium's last helpers may write for a moment after its end.
        eventually("removal of the browser's profile", async || {
            Ok(std::fs::remove_dir_all(&self.profile).is_ok().then_some(()))
        })
        .await?;
        errors
    }

    /// What is an error on the console, but not that a connection was refused or broke off, because tests stop brokers,
    /// nor that the API has let nobody in, or did not know a client that is gone.
    async fn console_errors(&self) -> Result<Vec<String>> {
        let session = self.client.session_id().await?.context("no session")?;
        let path = format!("/session/{session}/se/log");
        let answer = http::post_json(self.driver_address, &path, &json!({ "type": "browser" })).await?;
        let answer = answer.json()?;
        let Some(entries) = answer["value"].as_array() else { bail!("no log: {answer}") };
        let is_defect = |text: &str| {
            let any = |words: &[&str]| words.iter().any(|words| text.contains(words));
            let broke = any(&[
                "net::ERR_CONNECTION_REFUSED",
                "net::ERR_CONNECTION_RESET",
                "net::ERR_EMPTY_RESPONSE",
                "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
                // The service worker's script, when the server has just gone.
                "An unknown error occurred when fetching the script",
            ]);
            let closed = text.contains("WebSocket connection to") && text.contains("failed");
            let shut = text.contains("/api/v1/") && any(&["status of 401", "status of 403"]);
            let gone = text.contains("/api/v1/clients/") && text.contains("status of 404");
            !(broke || closed || shut || gone)
        };
        Ok(entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].to_string())
            .filter(|text| is_defect(text))
            .collect())
    }
}

/// chromedriver on a port that the system chooses, and its address.
///
/// It asks the system for a port of one family of addresses and then wants the same number of the other, which a
/// connection of another test may hold at that moment: then it ends with a word, and is started once more.
async fn start_driver(home: Option<&Path>) -> Result<(Program, SocketAddr)> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let mut command = Command::new("chromedriver");
        if let Some(home) = home {
            command.env("HOME", home); // where Chromium looks for what its user trusts
        }
        let mut driver = Program::spawn(command.arg("--port=0"))
            .context("the tests in Chromium need chromedriver on PATH")?;
        let line = driver
            .stdout
            .find("chromedriver's port", |line| {
                line.contains("started successfully on port") || line.contains("port not available")
            })
            .await?;
        if line.contains("port not available") && attempts < 10 {
            continue;
        }
        let port = line.rsplit(' ').next().unwrap_or_default().trim_end_matches('.');
        let port = port.parse().with_context(|| format!("chromedriver has no port: {line}"))?;
        return Ok((driver, SocketAddr::from(([127, 0, 0, 1], port))));
    }
}

/// Imports an authority as a user of this home directory does: into the database that Chromium on Linux reads.
async fn import(authority: &Path, home: &Path) -> Result<()> {
    let database = home.join(".pki/nssdb");
    std::fs::create_dir_all(&database)?;
    let database = format!("sql:{}", database.display());
    for arguments in [&["-N", "--empty-password"][..], &["-A", "-n", "made for a test", "-t", "C,,", "-i"]] {
        let mut certutil = Command::new("certutil");
        certutil.args(["-d", &database]).args(arguments);
        if arguments.contains(&"-i") {
            certutil.arg(authority);
        }
        Program::spawn(&mut certutil).context("certutil is in Debian's libnss3-tools")?.success().await?;
    }
    Ok(())
}

fn capabilities(profile: &Path) -> Result<Capabilities> {
    let mut args: Vec<String> = ARGUMENTS.iter().map(|arg| (*arg).to_owned()).collect();
    args.push(format!("--user-data-dir={}", profile.display()));
    if is_root()? {
        args.push("--no-sandbox".to_owned()); // Chromium's sandbox refuses to run as root
    }
    let mut capabilities = Capabilities::new();
    capabilities.insert("goog:chromeOptions".into(), json!({ "args": args }));
    capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
    Ok(capabilities)
}

#[cfg(unix)]
fn is_root() -> Result<bool> {
    use std::os::unix::fs::MetadataExt;
    // A file that was just made belongs to whoever runs the tests.
    let probe =
        target_directory()?.join("browser-profiles").join(unique(&format!("probe-{}", std::process::id())));
    std::fs::write(&probe, "")?;
    let owner = std::fs::metadata(&probe)?.uid();
    std::fs::remove_file(&probe)?;
    Ok(owner == 0)
}

#[cfg(not(unix))]
fn is_root() -> Result<bool> {
    Ok(false)
}
