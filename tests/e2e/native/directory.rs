//! A directory for files of users and rules, and the commands that write them.

use anyhow::{Result, ensure};
use harness::{Broker, Program, unique};
use std::fs;
use std::path::{Path, PathBuf};

/// A directory that goes with its test.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Result<Self> {
        let name = format!("tabmq-{}-{}", std::process::id(), unique("security"));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(Directory(path))
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<String> {
        fs::write(self.0.join(name), text)?;
        Ok(self.file(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs `tabmq` with these arguments and this line of input; whether it ended well, and what it printed.
pub(crate) async fn tabmq(args: &[&str], input: &str) -> Result<(bool, String)> {
    let mut program = Program::spawn(&mut Broker::command(args)?)?;
    // It may end without reading it.
    let _ = program.type_line(input).await;
    program.close_stdin();
    let status = program.wait().await?;
    Ok((status.success(), format!("{}{}", program.stdout.text(), program.stderr.text())))
}

/// `tabmq passwd add`.
pub(crate) async fn add_user(file: &str, name: &str, password: &str, more: &[&str]) -> Result<()> {
    let (ok, said) = tabmq(&[&["passwd", "add", file, name], more].concat(), password).await?;
    ensure!(ok, "{said}");
    Ok(())
}
