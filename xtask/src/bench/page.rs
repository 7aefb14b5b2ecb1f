//! `cargo xtask bench page`: the page in Chromium, beside MQTT.js.
//!
//! What measures is a program of its own (`tests/bench/page`), because driving a browser needs what xtask must not: this
//! builds what it needs, runs it, and puts its tables into the README.

use super::{Markers, write_between_markers};
use crate::build::{self, Profile};
use crate::command::{self, Result, cargo};
use crate::{npm, setup};
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask bench page [OPTIONS]

  --rounds N         so many measurements of rates and charts; the tables have the medians [default: 3]
  --seconds N        how long one of messages a second takes [default: 2]
  --frame-seconds N  how long frames are watched [default: 30]
  --quick            one round, frames for 5 s
  --only PART        rates, frames, charts, tree or memory
  --write            put the tables into README.md

MQTT.js is installed from npm, below the target directory. Leave the machine alone meanwhile.";

const MARKERS: Markers = Markers { begin: "<!-- bench-page:begin -->", end: "<!-- bench-page:end -->" };

/// Runs `cargo xtask bench page` with these arguments.
pub(super) fn run(args: &[String]) -> Result<ExitCode> {
    let mut write = false;
    let mut passed_on = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" => {
                println!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            "--write" => write = true,
            "--quick" => passed_on.extend(["--rounds", "1", "--frame-seconds", "5"]),
            "--rounds" | "--seconds" | "--frame-seconds" | "--only" => {
                let value = args.next().ok_or_else(|| format!("{arg} needs a value\n\n{HELP}"))?;
                passed_on.extend([arg.as_str(), value.as_str()]);
            }
            other => return Err(format!("`bench page` knows no argument '{other}'\n\n{HELP}").into()),
        }
    }
    setup::test_tools(true)?;
    let broker = build::broker_with_page(Profile::E2e)?;
    let package = npm::package()?;
    // In the tests' own profile: it sends bytes that it has prepared, and has nothing to be fast at.
    let mut bench = cargo(["bench", "--package", "tabmq-tests", "--features", "e2e", "--profile", "dev"]);
    bench.args(["--bench", "page", "--"]).args(passed_on);
    bench.env("TABMQ_BIN", broker).env("TABMQ_NPM", package);
    let tables = command::output(&mut bench)?;
    println!("{tables}");
    if write {
        write_between_markers("README.md", &tables, MARKERS)?;
    }
    Ok(ExitCode::SUCCESS)
}
