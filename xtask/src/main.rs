//! What the README's commands call: `cargo xtask run`, `cargo xtask build` and `cargo xtask test`.
//!
//! In reading order:
//!
//! - [`command`]: a program that is run, with an error that says what to do.
//! - [`setup`]: what must be installed (the wasm32 target, Chromium) and how it gets there.
//! - [`build`]: the page, then the broker with the page inside.
//! - [`tidy`]: the rules about the sources that neither compiler nor clippy knows.
//! - [`bench`]: this broker beside others.
//! - [`conformance`]: the page of the protocol's statements and their tests.
//! - [`npm`]: the client as a package for JavaScript.
//! - [`screenshots`]: the README's pictures of the page.
//! - [`fuzz`]: a short run of each fuzz target.
//! - [`test`](mod@test): every check, in an order that fails fast, and the count at the end.

#![allow(clippy::print_stdout, reason = "a command-line tool: its output is its purpose")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod bench;
mod build;
mod command;
mod conformance;
mod fuzz;
mod npm;
mod screenshots;
mod setup;
mod test;
mod tidy;

use build::Profile;
use command::Result;
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  run [-- ARGS]          build the page and the broker, then start the broker: `tabmq ARGS`
  build [--quick]        the same without starting; prints where the binary is. Quick: as the tests have it, without
                         optimisation across crates, rebuilt in seconds
  build --rumqttd [--quick]  the same with another broker, rumqttd, inside: for `tabmq gateway --upstream rumqttd`
  test [--skip-browser]  every check and every test; the last line counts them
  test --fuzz            only the fuzz targets, half a minute each (needs nightly and cargo-fuzz)
  bench [--help]         this broker beside mosquitto and rumqttd; `bench growth`: how cost grows; `bench gateway`: what
                         the gateway costs; `bench page`: the page beside MQTT.js
  size                   what the page's files weigh; fails when the first paint needs more than its limit
  profile                look in Chromium at what the first paint runs, and write web/later.txt: what it does without
  hot                    look with valgrind at what a message runs, and write bridge/hot.ld: what lies side by side
  npm                    the page's client as a package for JavaScript; prints where it is
  tidy                   only the checks of the sources' rules
  screenshots            take the README's pictures of the page anew
  conformance            write docs/conformance.md: the protocol's statements and their tests
  help                   this text";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<ExitCode> {
    let (command, rest) = args.split_first().map_or(("help", args), |(c, rest)| (c.as_str(), rest));
    match command {
        "run" => run(rest),
        "build" => {
            let (quick, rumqttd) = (flag(rest, "--quick"), flag(rest, "--rumqttd"));
            let others: Vec<String> = rest
                .iter()
                .filter(|word| !["--quick", "--rumqttd"].contains(&word.as_str()))
                .cloned()
                .collect();
            no_arguments("build", &others)?;
            let profile = if quick { Profile::E2e } else { Profile::Release };
            let binary = match rumqttd {
                true => build::gateway_with_rumqttd(!quick)?,
                false => build::broker_with_page(profile)?,
            };
            println!("{}", binary.display());
            Ok(ExitCode::SUCCESS)
        }
        "test" if rest == ["--fuzz"] => fuzz::all(),
        "test" => {
            let skip_browser = flag(rest, "--skip-browser");
            let others: Vec<String> = rest.iter().filter(|a| *a != "--skip-browser").cloned().collect();
            no_arguments("test", &others)?;
            test::all(test::Options { skip_browser })
        }
        "bench" => bench::run(rest),
        "tidy" => {
            no_arguments("tidy", rest)?;
            tidy::check_workspace(&command::workspace_root())?;
            Ok(ExitCode::SUCCESS)
        }
        "size" => {
            no_arguments("size", rest)?;
            build::size()?;
            Ok(ExitCode::SUCCESS)
        }
        "profile" => {
            no_arguments("profile", rest)?;
            build::profile()?;
            Ok(ExitCode::SUCCESS)
        }
        "hot" => {
            no_arguments("hot", rest)?;
            bench::hot::write()?;
            Ok(ExitCode::SUCCESS)
        }
        "npm" => {
            no_arguments("npm", rest)?;
            println!("{}", npm::package()?.display());
            Ok(ExitCode::SUCCESS)
        }
        "screenshots" => {
            no_arguments("screenshots", rest)?;
            screenshots::take()?;
            Ok(ExitCode::SUCCESS)
        }
        "conformance" => {
            no_arguments("conformance", rest)?;
            conformance::write(&command::workspace_root())?;
            Ok(ExitCode::SUCCESS)
        }
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => Err(format!("there is no command '{other}'\n\n{HELP}").into()),
    }
}

/// Builds everything, then becomes `tabmq`: signals and the exit code are the broker's own.
fn run(args: &[String]) -> Result<ExitCode> {
    let args = match args.split_first() {
        None => args,
        Some((first, rest)) if first == "--" => rest,
        Some((first, _)) => {
            return Err(
                format!("'{first}': what is for tabmq goes behind `--`, as in `run -- {first}`").into()
            );
        }
    };
    let broker = build::broker_with_page(Profile::Release)?;
    command::replace_self(&broker, args)
}

fn flag(args: &[String], name: &str) -> bool {
    args.iter().any(|arg| arg == name)
}

fn no_arguments(command: &str, args: &[String]) -> Result<()> {
    match args.first() {
        None => Ok(()),
        Some(first) => Err(format!("`{command}` knows no argument '{first}'\n\n{HELP}").into()),
    }
}
