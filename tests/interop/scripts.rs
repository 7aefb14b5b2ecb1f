//! Clients in other languages, each driven by its own script. A script prints a line for each of its checks: `ok NAME`
//! or `FAILED NAME: why`.

use crate::Report;
use anyhow::{Context, Result, bail};
use harness::{Broker, target_directory};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// What is installed, in these versions.
const PAHO: &str = "paho-mqtt==2.2.0";
const MQTT_JS: &str = "mqtt@5.16.0";

/// A script that takes longer hangs.
const SCRIPT_TIME: Duration = Duration::from_secs(300);

/// An installation that takes longer has no network.
const INSTALL_TIME: Duration = Duration::from_secs(180);

pub(crate) async fn run(report: &mut Report) {
    if report.wants("paho-mqtt") {
        match paho().await {
            Ok(python) => drive(report, "paho-mqtt", &mut python_script(&python)).await,
            Err(why) => report.skip("paho-mqtt", &format!("{why:#}")),
        }
    }
    if report.wants("MQTT.js") {
        match mqtt_js().await {
            Ok(directory) => drive(report, "MQTT.js", &mut node_script(&directory)).await,
            Err(why) => report.skip("MQTT.js", &format!("{why:#}")),
        }
    }
}

/// The Python that has paho-mqtt, in a virtual environment of ours.
async fn paho() -> Result<PathBuf> {
    let directory = target_directory()?.join("interop").join(PAHO.replace("==", "-"));
    let python = directory.join("bin/python");
    let has_paho = async || {
        let import = install(Command::new(&python).args(["-c", "import paho.mqtt.client"])).await;
        import.is_ok()
    };
    if !has_paho().await {
        install(Command::new("python3").args(["-m", "venv"]).arg(&directory))
            .await
            .context("no virtual environment for Python (Debian: python3-venv)")?;
        install(Command::new(&python).args(["-m", "pip", "install", "--quiet", PAHO])).await?;
    }
    Ok(python)
}

fn python_script(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script("paho_client.py"));
    command
}

/// The directory in which MQTT.js is installed.
async fn mqtt_js() -> Result<PathBuf> {
    install(Command::new("node").arg("--version")).await?;
    let installed = harness::npm::package(MQTT_JS).await?;
    let directory = installed.ancestors().nth(2).context("npm installs into node_modules")?;
    Ok(directory.to_path_buf())
}

fn node_script(directory: &Path) -> Command {
    let mut command = Command::new("node");
    command.env("INTEROP_NODE", directory).arg(script("mqtt_js_client.mjs"));
    command
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(name)
}

async fn install(command: &mut Command) -> Result<()> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = output(command, INSTALL_TIME).await.with_context(|| format!("{name} does not run"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}", stderr.lines().last().unwrap_or("it failed without a word"));
    }
    Ok(())
}

/// Runs a script against a broker of its own, and notes what it says.
async fn drive(report: &mut Report, name: &str, script: &mut Command) {
    let result = async {
        let broker = Broker::start().await?;
        let (host, port, http) = (broker.mqtt().ip(), broker.mqtt().port(), broker.http().port());
        match name {
            "MQTT.js" => script.args([broker.websocket_url(), format!("mqtt://{host}:{port}")]),
            _ => script.args([host.to_string(), port.to_string(), http.to_string()]),
        };
        output(script, SCRIPT_TIME).await
    };
    let output = match result.await {
        Ok(output) => output,
        Err(error) => return report.note(name, Err(format!("{error:#}"))),
    };
    let (mut checks, mut failed) = (0, 0);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (check, result) = match line.split_once(' ') {
            Some(("ok", check)) => (check, Ok(())),
            Some(("FAILED", words)) => match words.split_once(": ") {
                Some((check, why)) => (check, Err(why.to_owned())),
                None => (words, Err(String::new())),
            },
            _ => continue,
        };
        checks += 1;
        failed += u32::from(result.is_err());
        report.note(&format!("{name}::{check}"), result);
    }
    // A script that ended early says so by its exit code alone.
    if checks == 0 || (failed == 0 && !output.status.success()) {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        report.note(name, Err(format!("{}: {stderr}", output.status)));
    }
}

async fn output(command: &mut Command, time: Duration) -> Result<Output> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(tokio::time::timeout(time, command.output()).await.context("it takes too long")??)
}
