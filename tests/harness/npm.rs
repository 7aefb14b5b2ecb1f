//! Packages from npm, installed below the target directory: for tests that judge us by what others have written.

use crate::target_directory;
use anyhow::{Context, Result, bail};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Mutex;

/// An installation that takes longer has no network.
const INSTALL_TIME: Duration = Duration::from_secs(180);

/// The directory in which `package` (as in `axe-core@4.10.3`) is installed; installed now if it is not there yet.
///
/// # Errors
/// There is no npm, or no registry.
pub async fn package(package: &str) -> Result<PathBuf> {
    let directory = target_directory()?.join("npm-packages").join(package.replace('@', "-"));
    whole(&directory, async |directory| install(package, directory).await).await?;
    let name = package.rsplit_once('@').map_or(package, |(name, _)| name);
    Ok(directory.join("node_modules").join(name))
}

async fn install(package: &str, directory: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
        .arg(directory)
        .arg(package);
    npm.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(INSTALL_TIME, npm.output()).await;
    let output = output.context("npm takes too long")?.context("npm does not run")?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("npm: {}", stderr.lines().last().unwrap_or("it failed without a word"));
    }
    Ok(())
}

/// Sees to it that there is `directory`, made by `fill`: where it is, it is whole. Tests that want the same one run side
/// by side, in this process and in others, so it is filled under a name of this process, and renamed at the end.
async fn whole(directory: &Path, fill: impl AsyncFnOnce(&Path) -> Result<()>) -> Result<()> {
    /// One at a time: four tests that want the same package do not fetch it four times.
    static FILLING: Mutex<()> = Mutex::const_new(());
    let _one_at_a_time = FILLING.lock().await;
    if directory.exists() {
        return Ok(());
    }
    let name = directory.file_name().context("a directory without a name")?.to_string_lossy();
    let unfinished = directory.with_file_name(format!("{name}.unfinished-{}", std::process::id()));
    remove(&unfinished)?;
    std::fs::create_dir_all(&unfinished)?;
    let filled = fill(&unfinished).await.and_then(|()| match std::fs::rename(&unfinished, directory) {
        // Another process was faster, and its directory is as good.
        Err(_) if directory.exists() => Ok(()),
        renamed => Ok(renamed?),
    });
    remove(&unfinished)?;
    filled
}

fn remove(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unique;

    /// A directory that is not there, even if the last run of this test was ended half-way.
    fn nowhere() -> Result<PathBuf> {
        let directory = target_directory()?.join("npm-packages").join(unique("of-a-test"));
        remove(&directory)?;
        Ok(directory)
    }

    /// An installation as npm does it: what was asked for is seen long before its files are all there.
    async fn slowly(directory: &Path) -> Result<()> {
        std::fs::write(directory.join("package.json"), "{}")?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(std::fs::write(directory.join("last"), "whole")?)
    }

    #[tokio::test]
    async fn whoever_asks_meanwhile_gets_it_whole() -> Result<()> {
        let directory = nowhere()?;
        let ask = async || {
            whole(&directory, slowly).await?;
            Ok::<_, anyhow::Error>(std::fs::read_to_string(directory.join("last"))?)
        };
        let late = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            ask().await
        };
        let (first, second, third) = tokio::join!(ask(), ask(), late);
        remove(&directory)?;
        assert_eq!((first?.as_str(), second?.as_str(), third?.as_str()), ("whole", "whole", "whole"));
        Ok(())
    }

    #[tokio::test]
    async fn what_failed_half_way_leaves_nothing_and_is_tried_again() -> Result<()> {
        let directory = nowhere()?;
        let breaks = async |directory: &Path| -> Result<()> {
            std::fs::write(directory.join("package.json"), "{}")?;
            bail!("no network")
        };
        let error = whole(&directory, breaks).await.unwrap_err();
        assert_eq!(error.to_string(), "no network");
        assert!(!directory.exists());
        whole(&directory, slowly).await?;
        assert!(directory.join("last").exists());
        Ok(remove(&directory)?)
    }

    #[tokio::test]
    async fn another_process_may_be_faster() -> Result<()> {
        let directory = nowhere()?;
        let overtaken = async |unfinished: &Path| -> Result<()> {
            std::fs::write(unfinished.join("last"), "ours")?;
            std::fs::create_dir_all(&directory)?;
            Ok(std::fs::write(directory.join("last"), "theirs")?)
        };
        whole(&directory, overtaken).await?;
        assert_eq!(std::fs::read_to_string(directory.join("last"))?, "theirs");
        Ok(remove(&directory)?)
    }
}
