//! Foreign clients against our broker, and our clients against a foreign broker.
//!
//! - [`scripts`]: paho-mqtt (Python) and MQTT.js (Node), each with a script of its own beside this file. They are
//!   installed below the target directory.
//! - [`rumqttc`]: what the other end-to-end tests do not do with it: 5.0 properties, shared subscriptions.
//! - [`foreign`]: `tabmq pub` and `tabmq sub` against mosquitto and rumqttd, over TCP and WebSocket.
//!
//! A program of its own instead of `#[test]`s: a check that cannot be made (no Python, no Node, no registry, no
//! mosquitto) says why and is counted as ignored. An argument chooses the checks with it in their names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may fail, and this is where they say so"
)]

mod foreign;
mod rumqttc;
mod scripts;

use anyhow::Result;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let mut report = Report { filter, passed: 0, failed: 0, ignored: 0 };
    scripts::run(&mut report).await;
    rumqttc::run(&mut report).await;
    foreign::run(&mut report).await;
    report.finish()
}

/// What came of the checks. Written as libtest writes it, so that `cargo xtask test` counts it.
pub(crate) struct Report {
    filter: Option<String>,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Report {
    /// Whether a check with this name is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filter.as_deref().is_none_or(|filter| name.contains(filter) || filter.contains(name))
    }

    /// Makes a check, if it is wanted.
    pub(crate) async fn check(&mut self, name: &str, check: impl Future<Output = Result<()>>) {
        if self.wants(name) {
            let result = check.await;
            self.note(name, result.map_err(|error| format!("{error:#}")));
        }
    }

    /// A check was made.
    pub(crate) fn note(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("test {name} ... ok");
            }
            Err(words) => {
                self.failed += 1;
                println!("test {name} ... FAILED\n{words}");
            }
        }
    }

    /// A group of checks cannot be made.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        self.ignored += 1;
        println!("test {name} ... ignored, {why}");
    }

    fn finish(self) -> ExitCode {
        let Report { passed, failed, ignored, .. } = self;
        let word = if failed == 0 { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {word}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out"
        );
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
