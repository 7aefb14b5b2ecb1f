//! Packages from npm, installed below the target directory: for tests that judge us by what others have written.

use crate::target_directory;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// An installation that takes longer has no network.
const INSTALL_TIME: Duration = Duration::from_secs(180);

/// The directory in which `package` (as in `axe-core@4.10.3`) is installed; installed now if it is not there yet.
///
/// # Errors
/// There is no npm, or no registry.
pub async fn package(package: &str) -> Result<PathBuf> {
    let directory = target_directory()?.join("npm").join(package.replace('@', "-"));
    let name = package.rsplit_once('@').map_or(package, |(name, _)| name);
    let installed = directory.join("node_modules").join(name);
    if installed.join("package.json").exists() {
        return Ok(installed);
    }
    std::fs::create_dir_all(&directory)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
        .arg(&directory)
        .arg(package);
    npm.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(INSTALL_TIME, npm.output()).await;
    let output = output.context("npm takes too long")?.context("npm does not run")?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("npm: {}", stderr.lines().last().unwrap_or("it failed without a word"));
    }
    Ok(installed)
}
