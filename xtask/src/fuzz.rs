//! A short run of each fuzz target in `tests/fuzz`, on one core. Longer ones are described there.

use crate::command::{self, Context, Result, workspace_root};
use std::fs;
use std::process::{Command, ExitCode};

/// The target, and what libFuzzer is told besides.
const TARGETS: [(&str, &[&str]); 2] = [("decode", &[]), ("broker", &["-max_len=2000", "-len_control=0"])];

const SECONDS: u32 = 30;

/// Runs all targets; the first finding ends it.
pub(crate) fn all() -> Result<ExitCode> {
    if let Some(missing) = missing() {
        println!("fuzzing: SKIPPED, {missing}");
        return Ok(ExitCode::SUCCESS);
    }
    let root = workspace_root();
    for (target, options) in TARGETS {
        println!("==> fuzzing {target} for {SECONDS} s");
        // What is new goes here; the committed corpus is only read.
        let found = format!("target/fuzz-corpus/{target}");
        fs::create_dir_all(root.join(&found)).context(format!("create {found}"))?;
        let committed = format!("tests/fuzz/corpus/{target}");
        let mut command =
            nightly(&["fuzz", "run", "--fuzz-dir", "tests/fuzz", target, &found, &committed, "--"]);
        command.arg(format!("-max_total_time={SECONDS}")).args(["-timeout=10", "-verbosity=0"]).args(options);
        command::run(&mut command)?;
    }
    println!("fuzzing: nothing found");
    Ok(ExitCode::SUCCESS)
}

/// What must be installed first, in words.
fn missing() -> Option<&'static str> {
    if command::output(&mut nightly(&["--version"])).is_err() {
        return Some("there is no nightly toolchain: `rustup toolchain install nightly`");
    }
    let has_fuzz = command::output(&mut nightly(&["fuzz", "--version"])).is_ok();
    (!has_fuzz).then_some("cargo-fuzz is not installed: `cargo install --locked cargo-fuzz`")
}

/// rustup's cargo of the nightly toolchain. The cargo that runs this program set variables that name its own.
fn nightly(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(workspace_root()).arg("+nightly").args(args);
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(variable);
    }
    command
}
