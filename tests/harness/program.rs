//! A child process whose lines can be waited for. It ends with its test.

use crate::{PATIENCE, in_time};
use anyhow::{Context, Result, bail};
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// A running program.
pub struct Program {
    name: String,
    child: Child,
    pub stdout: Stream,
    pub stderr: Stream,
}

impl Program {
    pub fn spawn(command: &mut Command) -> Result<Program> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let stdout = Stream::read(child.stdout.take().context("no stdout")?);
        let stderr = Stream::read(child.stderr.take().context("no stderr")?);
        Ok(Program { name, child, stdout, stderr })
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Writes one line to its standard input.
    pub async fn type_line(&mut self, line: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("its standard input is closed")?;
        stdin.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(stdin.flush().await?)
    }

    /// Ends its standard input.
    pub fn close_stdin(&mut self) {
        self.child.stdin = None;
    }

    /// Its number among the system's processes.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("it has ended already")
    }

    /// Sends a signal by name (`TERM`, `INT`) to this process and no other.
    pub async fn signal(&self, name: &str) -> Result<()> {
        let pid = self.pid()?.to_string();
        // The shell's own `kill`: safe Rust has no call for it, and the program may not be installed.
        let status = Command::new("sh").args(["-c", "kill -\"$0\" \"$1\"", name, &pid]).status().await?;
        if status.success() { Ok(()) } else { bail!("cannot send {name} to {}", self.name) }
    }

    /// Ends it without a warning, as a power cut would.
    pub async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Waits for its end, and until all of its lines have been read.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let status = in_time(&format!("end of {}", self.name), self.child.wait()).await??;
        self.stdout.closed().await;
        self.stderr.closed().await;
        Ok(status)
    }

    /// Waits for an end without an error.
    pub async fn success(&mut self) -> Result<()> {
        let status = self.wait().await?;
        if status.success() {
            return Ok(());
        }
        bail!("{} ended with {status}: {}{}", self.name, self.stdout.text(), self.stderr.text());
    }
}

/// The lines of one output of a program.
pub struct Stream {
    lines: watch::Receiver<Vec<String>>,
    read: usize,
}

impl Stream {
    fn read(pipe: impl AsyncRead + Unpin + Send + 'static) -> Stream {
        let (sender, lines) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut reader = BufReader::new(pipe);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).await.is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
                sender.send_modify(|lines| lines.push(text));
                line.clear();
            }
        });
        Stream { lines, read: 0 }
    }

    /// The next line that nobody has taken yet.
    pub async fn next(&mut self) -> Result<String> {
        let wanted = self.read;
        let lines = self.when("further line", |lines| lines.len() > wanted).await?;
        self.read += 1;
        Ok(lines[wanted].clone())
    }

    /// The first line, earlier or later, that `is_it`.
    pub async fn find(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> Result<String> {
        let lines = self.when(what, |lines| lines.iter().any(|line| is_it(line))).await?;
        Ok(lines.into_iter().find(|line| is_it(line)).unwrap_or_default())
    }

    async fn when(&mut self, what: &str, enough: impl Fn(&[String]) -> bool) -> Result<Vec<String>> {
        let wait = tokio::time::timeout(PATIENCE, self.lines.wait_for(|lines| enough(lines)));
        let problem = match wait.await {
            Ok(Ok(lines)) => return Ok(lines.clone()),
            Ok(Err(_)) => "the output ended".to_owned(),
            Err(_) => format!("waited {PATIENCE:?}"),
        };
        bail!("no {what} ({problem}); all there is: {}", self.text())
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// All lines so far, as one text.
    pub fn text(&self) -> String {
        self.lines.borrow().join("\n")
    }

    /// Waits until the program has closed it and all is read.
    async fn closed(&mut self) {
        while self.lines.changed().await.is_ok() {}
    }
}
