//! Every check and every test, in an order that fails fast, and the count at the end.

use crate::build::{self, Profile};
use crate::command::{self, Result, cargo};
use crate::{npm, setup, tidy};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// What may be left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Leave out the tests in Chromium: for a quick local loop.
    pub(crate) skip_browser: bool,
}

/// How many checks and tests did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// With this feature the end-to-end tests exist; without it a plain `cargo test` needs neither broker nor browser.
const E2E: [&str; 3] = ["--workspace", "--features", "tabmq-tests/e2e"];

/// Runs everything up to the first step that fails. The last line says what was counted.
pub(crate) fn all(options: Options) -> Result<ExitCode> {
    let mut run = Run { count: Count::default(), stopped: false, start: Instant::now() };

    run.check("tools that the tests drive", || setup::test_tools(!options.skip_browser));
    run.check("format", || command::run(&mut cargo(["fmt", "--all", "--check"])));
    run.check("rules about the sources (tidy)", || tidy::check_workspace(&command::workspace_root()));
    run.check("clippy, warnings as errors", || {
        command::run(cargo(["clippy", "--all-targets"]).args(E2E).args(["--", "-D", "warnings"]))
    });
    run.advisories();
    run.tests("unit and integration tests", &mut cargo(["test", "--workspace", "--no-fail-fast"]));
    run.check("shared for wasm32", build::shared_for_wasm);

    let mut broker = None;
    run.check("page, and broker with the page inside", || {
        broker = Some(build::broker_with_page(Profile::E2e)?);
        Ok(())
    });
    run.check("size of the first paint", build::size);
    let mut rumqttd = None;
    run.check("gateway with rumqttd inside", || {
        let features = ["clippy", "--package", "tabmq", "--features", "rumqttd", "--", "-D", "warnings"];
        command::run(&mut cargo(features))?;
        rumqttd = Some(build::gateway_with_rumqttd(false)?);
        Ok(())
    });
    let e2e = |test: &str| {
        let mut command = cargo(["test", "--test", test, "--no-fail-fast"]);
        command.args(E2E);
        if let Some(broker) = &broker {
            command.env("TABMQ_BIN", broker);
        }
        if let Some(rumqttd) = &rumqttd {
            command.env("TABMQ_RUMQTTD", rumqttd);
        }
        command.env("RUST_LIB_BACKTRACE", "0"); // the sentence of a failing test, not fifty frames of the runtime
        command
    };
    run.tests("end to end, native peers", &mut e2e("native"));
    run.tests("foreign clients, foreign broker", &mut e2e("interop"));
    // --nocapture: these say `skipped: …` where their data is not there.
    run.tests("end to end, packet vectors", e2e("vectors").args(["--", "--nocapture"]));
    if options.skip_browser {
        run.skip_browser(&mut e2e("browser"));
    } else {
        let mut package = None;
        run.check("the client as a package for JavaScript", || {
            package = Some(npm::package()?);
            Ok(())
        });
        let mut browser = e2e("browser");
        browser.envs(package.map(|directory| ("TABMQ_NPM", directory)));
        run.tests("end to end, Chromium", &mut browser);
    }
    Ok(run.finish())
}

/// The steps so far.
struct Run {
    count: Count,
    /// A step failed: the others are not run.
    stopped: bool,
    start: Instant,
}

impl Run {
    /// A step that passes or fails as a whole, and counts as one.
    fn check(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        self.step(name, || {
            let outcome = step();
            if let Err(error) = &outcome {
                println!("{error}");
            }
            Count { passed: outcome.is_ok().into(), failed: outcome.is_err().into(), skipped: 0 }
        });
    }

    /// A step that counts its tests: a run of `cargo test`.
    fn tests(&mut self, name: &str, command: &mut Command) {
        self.step(name, || {
            let mut counter = Counter::default();
            let outcome = command::run_and_watch(command, |line| counter.see(line));
            let mut count = counter.count;
            match outcome {
                Ok(true) => {}
                // Did not compile, or ended without a result line: no test says so, but the step failed.
                Ok(false) => count.failed = count.failed.max(1),
                Err(error) => {
                    println!("{error}");
                    count.failed = count.failed.max(1);
                }
            }
            count
        });
    }

    fn step(&mut self, name: &str, step: impl FnOnce() -> Count) {
        if self.stopped {
            println!("==> {name}: not run");
            return;
        }
        println!("==> {name}");
        let start = Instant::now();
        let count = step();
        let word = if count.failed == 0 { "ok" } else { "FAILED" };
        println!("==> {name}: {word} ({:.1} s)\n", start.elapsed().as_secs_f32());
        self.stopped = count.failed > 0;
        self.count.add(count);
    }

    fn skip(&mut self, name: &str, why: &str, tests: u64) {
        println!("==> {name}: SKIPPED, {why}\n");
        self.count.skipped += tests;
    }

    /// What cargo-deny says, where it is installed and can get the list of advisories. Licences, sources and bans are looked
    /// at by a test of their own as well (tests/dependencies), because cargo-deny takes minutes to build.
    fn advisories(&mut self) {
        const STEP: &str = "advisories (cargo-deny)";
        if !command::on_path("cargo-deny") {
            return self.skip(STEP, "cargo-deny is not installed: `cargo install --locked cargo-deny`", 1);
        }
        self.check("licences, sources and bans (cargo-deny)", || {
            command::run(&mut cargo(["deny", "check", "bans", "licenses", "sources"]))
        });
        if command::run(&mut cargo(["deny", "fetch", "db"])).is_err() {
            return self.skip(STEP, "the list of advisories cannot be fetched from here", 1);
        }
        self.check(STEP, || command::run(&mut cargo(["deny", "check", "--disable-fetch", "advisories"])));
    }

    /// Counts the tests in Chromium without running them, and says loudly that they did not run.
    fn skip_browser(&mut self, command: &mut Command) {
        if self.stopped {
            return;
        }
        let listed = command::output(command.args(["--quiet", "--", "--list"])).unwrap_or_default();
        let tests = listed.lines().filter(|line| line.ends_with(": test")).count() as u64;
        println!("######################################################################");
        self.skip(
            "end to end, Chromium",
            &format!("--skip-browser: {tests} tests of the page did NOT run"),
            tests,
        );
        println!("######################################################################");
    }

    fn finish(self) -> ExitCode {
        let Count { passed, failed, skipped } = self.count;
        println!("all steps together: {:.0} s", self.start.elapsed().as_secs_f32());
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Counts while the lines of a test run come in.
#[derive(Default)]
struct Counter {
    count: Count,
    /// Tests of the program that runs which said `skipped: …`, because something is not there, and returned. libtest
    /// takes that for a pass; we do not.
    not_really_run: u64,
}

impl Counter {
    fn see(&mut self, line: &str) {
        if line.contains("skipped: ") {
            self.not_really_run += 1;
        }
        let mut program = Count::from_result_line(line);
        if program != Count::default() {
            let not_run = std::mem::take(&mut self.not_really_run).min(program.passed);
            program.passed -= not_run;
            program.skipped += not_run;
            self.count.add(program);
        }
    }
}

impl Count {
    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// What libtest says at the end of each test program; zero for every other line.
    fn from_result_line(line: &str) -> Count {
        let mut count = Count::default();
        let Some(numbers) = line.strip_prefix("test result: ") else { return count };
        for part in numbers.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => count.passed = number,
                "failed" => count.failed = number,
                "ignored" => count.skipped = number,
                _ => {} // measured, filtered out
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted() {
        let check = |line: &str, passed, failed, skipped| {
            assert_eq!(Count::from_result_line(line), Count { passed, failed, skipped }, "{line}");
        };
        check(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            12,
            0,
            1,
        );
        check("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out", 3, 2, 0);
        check("test result_lines ... ok", 0, 0, 0);
        check("running 4 tests", 0, 0, 0);
    }

    #[test]
    fn a_test_that_says_skipped_has_not_passed() {
        let mut counter = Counter::default();
        for line in [
            "test one ... skipped: no vectors here",
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
            "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            counter.see(line);
        }
        assert_eq!(counter.count, Count { passed: 6, failed: 0, skipped: 2 });
    }
}
